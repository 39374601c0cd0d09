"""Redact personal data in columns of a frame, with Presidio's result for each value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rai_scale.engines.choose import engine_of
from rai_scale.engines.frames import index_levels
from rai_scale.errors import ConfigError, MissingModelError, does_raise
from rai_scale.names import shown_names
from rai_scale.pii.analysis.analyzer import get_analyzer
from rai_scale.pii.analysis.config import AnalyzerConfig, analyzer_config
from rai_scale.pii.analysis.recognizers import predefined_entities
from rai_scale.pii.pseudonyms.person import check_per
from rai_scale.pii.redaction.operators import Operators
from rai_scale.pii.redaction.policy import policy_specs
from rai_scale.pii.redaction.policy_checks import check_languages, check_policy, output_schema
from rai_scale.pii.redaction.redact_values import RedactValues
from rai_scale.pii.redaction.rules import make_policy


def redact(
    frame: Any,
    columns: Sequence[str] | str = (),
    *,
    json_columns: Sequence[str] | str = (),
    whole_columns: Mapping[str, str] | None = None,
    policy: Mapping[str, Any] | None = None,
    strict: bool = False,
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
        Columns with the action ``redact``. Numbers, dates and decimals are read as
        ``str(value)``, and the redacted column has the type text. Null stays null and NaN becomes
        the text ``nan``; neither is analysed. Of nested values, each text leaf is redacted by
        itself, and findings name it by its path, such as ``user.email``.
    json_columns : sequence of str
        The same for JSON text. A text that is not valid JSON is redacted as one text.
    whole_columns : mapping of str to str
        Columns or leaves with the action ``whole``, with their entity:
        ``{"full_name": "PERSON", "user.email": "EMAIL_ADDRESS", "items[].name": "PERSON"}``.
    policy : mapping of str to mapping or ColumnPolicy
        An action per column or leaf, of which the three parameters above are short forms:
        ``{"dob": {"action": "generalise", "to": "year"}, "user.id": {"action": "drop"}}``. A rule
        also covers what is below its path, unless another rule names that.
    strict : bool
        Refuse a column or leaf that no rule names, as far as the schema shows, and numbers, dates
        and bytes within nested columns under ``redact``, which only reads text. An index of pandas
        or Dask with a name or values other than integers is refused too: no rule can name it.
    operators : mapping of str to mapping or OperatorConfig
        Presidio's operators per entity; ``{"DEFAULT": {"type": "replace"}}`` by default.
    details : bool
        Append ``_rai_status`` (text, ``ok`` or ``error``), ``_rai_error`` (text,
        ``column: ErrorType``) and ``_rai_findings`` (list of structs: column, entity, start, end,
        score, recognizer, operator, decision; offsets in characters of the original value or
        leaf). They never contain a value.
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
        The frame with the redacted columns in place of the original ones, and without dropped
        ones; other columns are unchanged.

    Raises
    ------
    MissingColumnError, ConfigError, MissingExtraError, MissingModelError
        Before any row is read.
    WorkerError
        When the frame is executed and a value fails under ``on_error="raise"``.
    """
    engine = engine_of(frame)
    config = analyzer_config(analyzer, analyzer_options, redact)
    schema = engine.schema(frame)
    given = operators if isinstance(operators, Operators) else Operators(operators)
    rules = make_policy(policy_specs(policy, columns, json_columns, whole_columns), given, schema)
    check_policy(rules, schema, strict)
    levels = index_levels(frame) if strict else ()
    if levels:
        raise ConfigError(
            f"strict: the index would be passed through (level {', '.join(shown_names(levels))}). "
            "Make it a column with reset_index(), and give that a rule."
        )
    check_languages(rules, schema, config)
    check_per(rules.per, schema)
    function = RedactValues(
        config=config,
        operators=given,
        policy=rules,
        details=details,
        raises=does_raise(on_error or ("null" if details else "raise")),
    )
    check_on_driver(engine.name, function)
    outputs = output_schema(rules, schema, details)
    if outputs.names:
        read = dict.fromkeys([*rules.worked, *rules.language_columns(config), *rules.per])
        inputs = [*read] or schema.names[:1]
        frame = engine.with_columns(frame, function, outputs, inputs=inputs, label="redact")
    return engine.without_columns(frame, rules.dropped)


def check_on_driver(engine: str, function: RedactValues) -> None:
    """Check analyzer and operators before the run; a Spark client may lack Presidio."""
    policy = function.policy
    try:
        config = function.config
        codes = config.languages if policy.analyses else ()
        analyzers = [get_analyzer(config, code) for code in codes]
        found = {entity for analyzer in analyzers for entity in analyzer.found}
        known = {entity for analyzer in analyzers for entity in analyzer.entities}
        known = known or set(predefined_entities())
        function.operators.check()
        function.operators.check_entities(found, policy.wholes, known)
        for rule in policy.rules.values():
            if rule.spec.specs:
                rule.operators.check()
                entity = rule.spec.entity
                own = Operators(rule.spec.specs)
                own.check_entities({entity} if entity else found, [], known)
    except (ImportError, MissingModelError):
        if engine != "spark":
            raise
