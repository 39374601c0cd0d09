"""Redact personal data in columns of a frame, with Presidio's result for each value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from rai_scale.engines.choose import engine_of
from rai_scale.errors import ConfigError, MissingModelError, check_columns, did_you_mean
from rai_scale.names import names_of
from rai_scale.pii.analysis.analyzer import get_analyzer
from rai_scale.pii.analysis.config import AnalyzerConfig, analyzer_config
from rai_scale.pii.pseudonyms.person import check_per
from rai_scale.pii.redaction.findings import DETAILS
from rai_scale.pii.redaction.operators import Operators
from rai_scale.pii.redaction.redact_values import RedactValues, Targets


def redact(
    frame: Any,
    columns: Sequence[str] | str = (),
    *,
    json_columns: Sequence[str] | str = (),
    whole_columns: Mapping[str, str] | None = None,
    operators: Mapping[str, Any] | Operators | None = None,
    details: bool = False,
    on_error: str | None = None,
    analyzer: AnalyzerConfig | None = None,
    **analyzer_options: Any,
) -> Any:
    """Replace the personal data in columns of a frame; returns the same kind of frame.

    Lazy for pyspark and dask DataFrames and DuckDB relations; a pandas DataFrame or pyarrow Table
    is computed at once. For each value the result is that of Presidio's
    ``AnonymizerEngine.anonymize(text, AnalyzerEngine.analyze(text, ...), operators)`` for that
    value alone, whatever the engine and the partitioning.

    Parameters
    ----------
    frame : DataFrame
        pyspark (classic or Connect), dask or pandas DataFrame, DuckDB relation, pyarrow Table.
    columns : sequence of str
        Text columns. Numbers, dates and decimals are read as ``str(value)``, and the redacted
        column has the type text. Null stays null and NaN becomes the text ``nan``; neither is
        analysed.
    json_columns : sequence of str
        Columns of JSON text or nested values. Each text leaf is redacted by itself, and findings
        name it by its path, such as ``user.email``. A text that is not valid JSON is redacted as
        one text.
    whole_columns : mapping of str to str
        Columns whose values are personal data as a whole, with their entity:
        ``{"full_name": "PERSON"}``; or leaves of ``json_columns``:
        ``{"user.email": "EMAIL_ADDRESS", "items[].name": "PERSON"}``.
    operators : mapping of str to mapping or OperatorConfig
        Presidio's operators per entity; ``{"DEFAULT": {"type": "replace"}}`` by default.
    details : bool
        Append ``_rai_status`` (text, ``ok`` or ``error``), ``_rai_error`` (text,
        ``column: ErrorType``) and ``_rai_findings`` (list of structs: column, entity, start, end,
        score, recognizer, operator; offsets in characters of the original value or leaf). They
        never contain a value.
    on_error : {"raise", "null"}
        What to do if a value cannot be redacted, for example because it has more than 1,000,000
        characters: raise an error, or return null. Default: ``null`` with ``details``, where the
        error is recorded, else ``raise``.
    analyzer : AnalyzerConfig, optional
        Language, spaCy model, entities, thresholds, deny lists and patterns.
    **analyzer_options
        The fields of :class:`AnalyzerConfig` instead of ``analyzer``:
        ``language="en", model="en_core_web_lg", entities=["PERSON"]``.

    Returns
    -------
    DataFrame
        The frame with the redacted columns in place of the original ones; other columns are
        unchanged.

    Raises
    ------
    MissingColumnError, ConfigError, MissingExtraError, MissingModelError
        Before any row is read.
    WorkerError
        When the frame is executed and a value fails under ``on_error="raise"``.
    """
    engine = engine_of(frame)
    config = analyzer_config(analyzer, analyzer_options)
    columns = tuple(names_of(columns))
    schema = engine.schema(frame)
    targets = make_targets(
        columns, tuple(names_of(json_columns)), whole_columns or {}, schema.names
    )
    check_targets(targets, schema)
    operators = operators if isinstance(operators, Operators) else Operators(operators)
    check_per(operators.per, schema)
    function = RedactValues(
        config=config,
        operators=operators,
        targets=targets,
        details=details,
        raises=does_raise(on_error or ("null" if details else "raise")),
    )
    check_on_driver(engine.name, function)
    outputs = output_schema(targets, schema, details)
    inputs = list(dict.fromkeys([*targets.names, *operators.per]))
    return engine.with_columns(frame, function, outputs, inputs=inputs, label="redact")


def does_raise(on_error: str) -> bool:
    """Return whether a value that cannot be redacted raises an error."""
    if on_error not in ("raise", "null"):
        raise ConfigError(f"on_error must be 'raise' or 'null'; found {on_error!r}.")
    return on_error == "raise"


def make_targets(
    texts: tuple[str, ...],
    documents: tuple[str, ...],
    wholes: Mapping[str, str],
    names: Sequence[str],
) -> Targets:
    """Return the targets; a name in ``wholes`` may be a column, a leaf of a document, or both."""
    starts = tuple(start for name in documents for start in (f"{name}.", f"{name}["))
    leaves = tuple(item for item in wholes.items() if item[0].startswith(starts))
    columns = tuple(item for item in wholes.items() if item[0] in names or item not in leaves)
    return Targets(texts, documents, columns, leaves)


def check_targets(targets: Targets, schema: pa.Schema) -> None:
    """Check that every rule can apply to something, as far as the schema shows."""
    if not targets.names:
        raise ConfigError("no columns to redact; name at least one column.")
    check_columns(targets.names, schema.names)
    double = sorted({n for n in targets.names if targets.names.count(n) > 1})
    if double:
        raise ConfigError(f"a column can be redacted in one way only; named twice: {double}.")
    for name in (*targets.texts, *(n for n, _ in targets.wholes)):
        if pa.types.is_nested(schema.field(name).type):
            raise ConfigError(
                f"column {name!r} is nested ({schema.field(name).type}); move it to json_columns."
            )
    for name in targets.names:
        if pa.types.is_binary(schema.field(name).type):
            raise ConfigError(f"column {name!r} is binary; decode it to text first.")
    check_leaves(targets, schema)


def check_leaves(targets: Targets, schema: pa.Schema) -> None:
    """Raise :class:`ConfigError` for a rule whose leaf cannot exist under the schema."""
    fitted = [targets.fitted(name, schema) for name in targets.documents]
    known = {rule for found in fitted for rule in (*found.met, *found.open)}
    paths = [path for found in fitted for path in found.paths]
    for rule, _ in targets.leaves:
        if rule not in known:
            raise ConfigError(
                f"whole_columns: there is no leaf {rule!r}.{did_you_mean(rule, paths)} The leaves "
                f"are: {', '.join(paths)}."
            )


def output_schema(targets: Targets, schema: pa.Schema, details: bool) -> pa.Schema:
    """Return the schema of the redacted columns: text, or the rebuilt type of nested values."""
    fields = [pa.field(name, pa.string()) for name in (*targets.texts, *dict(targets.wholes))]
    for name in targets.documents:
        nested = pa.types.is_nested(schema.field(name).type)
        kind = targets.fitted(name, schema).type if nested else pa.string()
        fields.append(pa.field(name, kind))
    return pa.schema([*fields, *(DETAILS if details else ())])


def check_on_driver(engine: str, function: RedactValues) -> None:
    """Check analyzer and operators before the run; a Spark client may lack Presidio."""
    try:
        analyzer = get_analyzer(function.config)
        function.operators.check()
        function.operators.check_entities(
            analyzer.found,
            [*function.targets.wholes, *function.targets.leaves],
            analyzer.entities,
        )
    except (ImportError, MissingModelError):
        if engine != "spark":
            raise
