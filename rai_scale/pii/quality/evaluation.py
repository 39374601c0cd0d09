"""Measure a detector on labelled texts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.engines.choose import engine_of
from rai_scale.engines.protocol import Engine
from rai_scale.errors import ConfigError, check_share, did_you_mean
from rai_scale.pii.analysis.config import AnalyzerConfig, analyzer_config
from rai_scale.pii.quality.count_matches import (
    BAD,
    TEXTS,
    CountMatches,
    counts_schema,
    findable,
)
from rai_scale.pii.quality.evaluation_result import PiiEvaluation, measured
from rai_scale.pii.quality.labels import Columns, columns_in, labelled_table
from rai_scale.pii.quality.matching import ANY
from rai_scale.reports.words import plural
from rai_scale.statistics.cells import MAX_CELLS

MATCHES = ("characters", "spans")
_NAME = re.compile(r"[A-Za-z][A-Za-z_0-9]{0,39}")


def evaluate_pii(
    texts: Any,
    analyzer: AnalyzerConfig | None = None,
    *,
    baseline: AnalyzerConfig | None = None,
    match: str = "characters",
    entity_map: Mapping[str, str | None] | None = None,
    text: str = Columns().text,
    spans: str = Columns().spans,
    template: str | None = Columns().template,
    column: str | None = None,
    confidence: float = 0.95,
    **analyzer_options: Any,
) -> PiiEvaluation:
    """Measure how much personal data a detector finds in labelled texts. Runs at once.

    Parameters
    ----------
    texts : frame, path, or list of mappings
        pyspark (classic or Connect), dask or pandas DataFrame, DuckDB relation or pyarrow Table
        with one labelled text per row; or a JSON file of presidio-evaluator, or its records
        (``full_text``, ``spans``, ``template_id``).
    analyzer : AnalyzerConfig, optional
        The detector.
    baseline : AnalyzerConfig, optional
        A second detector, run on the same texts; differences have paired intervals.
    match : {"characters", "spans"}
        What is counted. ``characters``: each labelled or found character. ``spans``: a finding
        matches a label if they share at least 90 % of the characters that either has.
    entity_map : mapping of str to str or None
        New names of entities, for labels and findings alike: ``{"GPE": "LOCATION"}``. None leaves
        an entity out: its labels, its findings, and what is found under its labels. A label that no
        detector finds must be in the map; mapped to itself, it counts as missed.
    text, spans : str
        Columns of the text and of its labels. The labels are JSON text or a list of structs with
        ``entity_type``, ``start_position`` and ``end_position`` (characters, end exclusive).
    template : str, optional
        Column of the template, form or author that a text comes from. Texts of one template
        resemble each other, and intervals take account of that. By default ``template_id`` if the
        frame has it; without a template, only equal texts are one cluster.
    column : str, optional
        Column with the name of the table column that a text comes from: results are per name, and
        the name is context where ``column_context`` is set.
    confidence : float
        Of the intervals, in (0, 1).
    **analyzer_options
        The fields of :class:`AnalyzerConfig` instead of ``analyzer``.

    Returns
    -------
    PiiEvaluation
        Precision, recall and F2 (van Rijsbergen's F with beta 2, which weighs recall higher) per
        entity and column. The entity ``*`` ignores types: personal data that is found under a wrong
        entity is found.

    Raises
    ------
    ConfigError
        If an option is invalid, labels do not fit their texts, or an entity is not known.
    MissingColumnError, MissingExtraError, MissingModelError
        Before any text is analysed.
    TooManyGroupsError
        If there are more than 2,000,000 combinations of column, entity and template.

    Notes
    -----
    A text whose analysis fails counts as one in which nothing was found; the result has the number
    of such texts. No value of a text is part of the result.
    """
    if match not in MATCHES:
        raise ConfigError(f"match must be 'characters' or 'spans'; found {match!r}.")
    check_share("confidence", confidence)
    config = analyzer_config(analyzer, analyzer_options, evaluate_pii)
    systems = (config,) if baseline is None else (config, analyzer_config(baseline, {}))
    if any(system.language_column for system in systems):
        raise ConfigError(
            "texts of one language are measured at a time; leave language_column out."
        )
    frame = labelled_table(texts) if isinstance(texts, list | tuple) or _is_path(texts) else texts
    engine = engine_of(frame)
    columns = columns_in(engine.columns(frame), Columns(text, spans, template, column))
    names = dict(entity_map or {})
    known = findable(systems, engine)
    check_map(names, known)
    function = CountMatches(systems, columns, match, tuple(sorted(names.items())))
    counts = count_matches(engine, frame, function)
    check_labels(counts, names, known)
    settings = {
        **{"match": match, "entity_map": names, "confidence": confidence},
        **{"model": ", ".join(config.model_names), "preset": config.preset},
    }
    return measured(counts, len(systems), settings, [engine.name])


def _is_path(texts: Any) -> bool:
    return isinstance(texts, str) or hasattr(texts, "__fspath__")


def count_matches(engine: Engine, frame: Any, function: CountMatches) -> pd.DataFrame:
    """Return the counts per column, entity and cluster; one pass over the texts."""
    schema = counts_schema(len(function.systems))
    mapped = engine.map_partitions(
        frame, function, schema, inputs=function.columns.names, label="evaluate_pii"
    )
    keys, sums = schema.names[:3], schema.names[3:]
    table = engine.group_counts(mapped, keys, sums, MAX_CELLS).to_pandas()
    table = table.rename(columns={f"sum_{name}": name for name in sums}).drop(columns="count")
    return table.astype(dict.fromkeys(sums, np.int64)).sort_values(keys, ignore_index=True)


def check_map(names: Mapping[str, str | None], known: Sequence[Sequence[str]]) -> None:
    """Raise :class:`ConfigError` for a new name that no detector finds, as if misspelled."""
    findable = _all(known)
    for old, new in names.items():
        if new is not None and new not in findable and new != old:
            raise ConfigError(
                f"entity_map: {old!r} becomes {new!r}, which no detector finds."
                f"{did_you_mean(new, findable)} They find: {', '.join(findable)}."
            )


def check_labels(
    counts: pd.DataFrame, names: Mapping[str, str | None], known: Sequence[Sequence[str]]
) -> None:
    """Raise :class:`ConfigError` for labels that cannot be compared with any finding."""
    bad = int(counts.loc[counts["entity"] == BAD, TEXTS].sum())
    if bad:
        raise ConfigError(
            f"the labels of {plural(bad, 'text')} do not fit. Each label needs entity_type, "
            "start_position and end_position, as offsets in characters within its text; "
            "entity_value, if given, must be the text between them."
        )
    if counts.empty:
        raise ConfigError("there is no text to evaluate.")
    labelled = counts.loc[(counts["labelled"] > 0) & (counts["entity"] != ANY), "entity"]
    unknown = sorted(set(labelled) - set(_all(known)) - set(names.values()))
    if unknown:
        # a wrong column may hold values in place of entities
        shown = [name if _NAME.fullmatch(name) else "(not a name)" for name in unknown]
        raise ConfigError(
            f"labels have entities that no detector finds: {', '.join(dict.fromkeys(shown))}. Name "
            "each in entity_map: with the entity that the detector uses, with its own name to "
            "count it as missed, or with null to leave it out. The detectors find: "
            f"{', '.join(_all(known))}."
        )


def _all(known: Iterable[Sequence[str]]) -> list[str]:
    return sorted({entity for entities in known for entity in entities})
