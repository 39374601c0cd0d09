"""Search the names of columns: a header may be a row of data, and a JSON key may be personal."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import pyarrow as pa

from rai_scale.engines.protocol import Engine
from rai_scale.names import looks_personal
from rai_scale.pii.analysis.config import AnalyzerConfig
from rai_scale.pii.scanning.parts import SCORE_UNIT
from rai_scale.pii.scanning.table_scan import ColumnScan
from rai_scale.pii.scanning.value_counts import (
    ALL,
    ScanValues,
    count_values,
    split_counts,
)
from rai_scale.pii.scanning.verdict import Seen, judge
from rai_scale.pii.values.text_leaves import FIELD_NAME
from rai_scale.tables.readers.arrow import own_names
from rai_scale.tables.source import TableSource

NAMES = "(names of columns)"
"""In a result, the column whose values are the names of the other columns."""

_ADDRESS = re.compile(r"/|^www\.", re.IGNORECASE)
"""A web address has one of these; ``customer.id`` and ``net.amount`` only resemble a domain."""


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
    of = {f"c{i}": name for i, name in enumerate(asked)}  # each name is a column of one row
    row = engine.from_arrow(pa.table({c: pa.array([name]) for c, name in of.items()}))
    counted = count_values(row, engine, ScanValues(config, dict.fromkeys(of, pa.string())))
    counted.pop(ALL)
    for (column, _), found in counted.items():
        if not _ADDRESS.search(of[column]):
            found.pop("URL", None)
    total: Counter[str] = Counter()
    scores: Counter[str] = Counter()
    for found in counted.values():
        total.update({key: n for key, (n, _) in found.items()})
        scores.update({key: round(score * SCORE_UNIT) for key, (_, score) in found.items()})
    noted, hits = split_counts({key: (n, scores[key] / SCORE_UNIT) for key, n in total.items()})
    personal = {of[column] for (column, _), found in counted.items() if split_counts(found)[1]}
    seen = Seen(noted.values, noted.words)
    findings = tuple(judge((), seen, hits))
    about = (NAMES, NAMES, "string", len(asked), noted.errors, seen.is_field, findings)
    return hidden | personal, ColumnScan(*about, error_bytes=noted.error_bytes)
