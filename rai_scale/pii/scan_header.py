"""Search the names of columns: a header may be a row of data, and a JSON key may be personal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import pyarrow as pa

from rai_scale.engines.protocol import Engine
from rai_scale.pii.config import AnalyzerConfig
from rai_scale.pii.names import looks_personal
from rai_scale.pii.scan_result import ColumnScan
from rai_scale.pii.scan_values import (
    COUNTS,
    ERROR_BYTES,
    ERRORS,
    NOTED,
    SCORE_UNIT,
    VALUES,
    WORDS,
    ScanValues,
)
from rai_scale.pii.text_leaves import FIELD_NAME
from rai_scale.pii.verdict import Seen, judge
from rai_scale.tables._arrow import own_names
from rai_scale.tables.source import TableSource

NAMES = "(names of columns)"
"""In a result, the column whose values are the names of the other columns."""


def doubtful_names(table: TableSource | None) -> frozenset[str]:
    """Return the names that were read from the first line of a file and may be values."""
    files = table.files if table is not None else ()
    return frozenset(
        name
        for dialect, path in ((file.dialect, file.path) for file in files)
        if dialect and dialect.header and not dialect.sure_header
        for name in (*dialect.names, *own_names(dialect.names, path))
    )


def search_names(
    names: Sequence[str], doubtful: frozenset[str], engine: Engine, config: AnalyzerConfig
) -> tuple[frozenset[str], ColumnScan | None]:
    """Search the names that may be values or do not look like field names.

    Parameters
    ----------
    names : sequence of str
        All names of columns.
    doubtful : frozenset of str
        The names that may be values of the first line of a file.
    engine : Engine
        Runs the search, so that only workers need the language model.
    config : AnalyzerConfig

    Returns
    -------
    tuple of (frozenset of str, ColumnScan or None)
        The names that must not be shown, and the findings in all names; None if none was searched.
    """
    hidden = doubtful | set(filter(looks_personal, names))
    asked = [name for name in names if name in doubtful or not FIELD_NAME.fullmatch(name)]
    if not asked:
        return hidden, None
    counted = _count(asked, engine, config)
    total: Counter[str] = Counter()
    scores: Counter[str] = Counter()
    for found in counted.values():
        total.update({entity: n for entity, (n, _) in found.items()})
        scores.update({entity: score for entity, (_, score) in found.items()})
    noted = {kind: total.pop(kind, 0) for kind in NOTED}
    seen = Seen(noted[VALUES], noted[WORDS])
    hits = {entity: (n, scores[entity] / SCORE_UNIT) for entity, n in total.items()}
    personal = {name for name, found in counted.items() if set(found) - set(NOTED)}
    column = ColumnScan(
        NAMES,
        NAMES,
        "string",
        len(asked),
        noted[ERRORS],
        seen.is_field,
        tuple(judge((), seen, hits)),
        error_bytes=noted[ERROR_BYTES],
    )
    return hidden | personal, column


def _count(
    names: list[str], engine: Engine, config: AnalyzerConfig
) -> Mapping[str, dict[str, tuple[int, int]]]:
    """Return (count, sum of scores) by name and entity; each name is a column of one row."""
    of = {f"c{i}": name for i, name in enumerate(names)}
    row = engine.from_arrow(pa.table({c: pa.array([name]) for c, name in of.items()}))
    search = ScanValues(config, frozenset(of), fraction=1.0, seed=0)
    rows = engine.collect(engine.map_partitions(row, search, COUNTS, label="scan names"))
    found: dict[str, dict[str, tuple[int, int]]] = {name: {} for name in names}
    for item in rows.to_pylist():
        if item["column"]:
            counts = found[of[item["column"]]]
            count, score = counts.get(item["entity"], (0, 0))
            counts[item["entity"]] = (count + item["count"], score + item["score"])
    return found
