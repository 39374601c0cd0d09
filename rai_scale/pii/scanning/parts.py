"""Parts of a table that were scanned at once: rows and counts, which can be stored and added.

A table is one part, or several if a scan continued it later with more files. Verdicts and claims
are computed from the parts of a table, whichever run scanned them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

SCORE_UNIT = 1_000_000
"""Scores are added as multiples of 1 / SCORE_UNIT, so that sums do not depend on the order."""

COUNTS = pa.schema(
    {
        **dict.fromkeys(("column", "path", "entity"), pa.string()),
        **dict.fromkeys(("count", "score"), pa.int64()),
    }
)
Counted = dict[tuple[str, str], dict[str, tuple[int, float]]]
"""(count, sum of scores) per (column, path) and key."""

BY_POSITION, BY_CONTENT, ALL_ROWS = "file and row number", "content and copy number", "all rows"
"""How rows were chosen: by a keyed hash of one of the first two, or all of them."""


@dataclass(frozen=True)
class ScannedPart:
    """Rows of a table that were scanned at once, and what was counted in them.

    Attributes
    ----------
    files : tuple of str
        Relative paths of the files; empty if the whole table is one part.
    rows, rows_scanned : int
        Rows of the part, and those that were analysed: a uniform sample of them, or all.
    rule : str
        How the rows were chosen: :data:`BY_POSITION`, :data:`BY_CONTENT` or :data:`ALL_ROWS`.
    alpha : float
        Probability with which any claim about this part may be wrong; 0 if all rows were analysed.
    bytes_read : int or None
        Size of the files that were read; None if unknown.
    stopped : bool
        Whether a budget stopped the scan before its claims held.
    counts : Counted
        Counts per column, path and key; see :class:`~rai_scale.pii.scanning.value_counts.Key`. The
        names of columns are those of the table, which may themselves be personal data.
    """

    files: tuple[str, ...]
    rows: int
    rows_scanned: int
    rule: str
    alpha: float
    bytes_read: int | None
    stopped: bool
    counts: Counted

    @property
    def complete(self) -> bool:
        """Whether all rows were analysed."""
        return self.rows_scanned >= self.rows


def rows_of(counts: Counted) -> list[dict[str, Any]]:
    """Return counts as rows of :data:`COUNTS`."""
    return [
        dict(zip(COUNTS.names, (*at, key, count, round(score * SCORE_UNIT)), strict=True))
        for at, found in counts.items()
        for key, (count, score) in found.items()
    ]


def counted(rows: Iterable[Mapping[str, Any]]) -> Counted:
    """Return rows of :data:`COUNTS`, equal keys added up, by column and path."""
    sums: dict[tuple[str, str], dict[str, tuple[int, int]]] = defaultdict(dict)
    for row in rows:
        column, path, key, count, score = (row[name] for name in COUNTS.names)
        keys = sums[column, path]
        before = keys.get(key, (0, 0))
        keys[key] = before[0] + count, before[1] + score
    return {
        at: {key: (count, score / SCORE_UNIT) for key, (count, score) in keys.items()}
        for at, keys in sums.items()
    }


def added(parts: Sequence[Counted]) -> Counted:
    """Add up counts; the order does not matter."""
    if len(parts) == 1:
        return dict(parts[0])
    total: Counted = defaultdict(dict)
    for counts in parts:
        for at, found in counts.items():
            for key, (count, score) in found.items():
                before = total[at].get(key, (0, 0.0))
                total[at][key] = (before[0] + count, before[1] + score)
    return dict(total)


def facts_of(parts: Sequence[ScannedPart]) -> dict[str, Any]:
    """Return what is known of parts together, as fields of ``TableScan``."""
    read = [part.bytes_read for part in parts]
    return {
        "rows": sum(part.rows for part in parts),
        "rows_scanned": sum(part.rows_scanned for part in parts),
        "rule": ", ".join(sorted({part.rule for part in parts})) or None,
        "bytes_read": None if None in read else sum(size or 0 for size in read),
        "stopped": any(part.stopped for part in parts),
    }
