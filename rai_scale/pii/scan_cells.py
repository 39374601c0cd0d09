"""The table function of the scan: a batch of rows to a few counts, which add up."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pyarrow as pa

from rai_scale.pii.analyzer import get_analyzer
from rai_scale.pii.config import AnalyzerConfig
from rai_scale.pii.leaves import Leaf, root
from rai_scale.pii.nested import all_leaves
from rai_scale.pii.sampling import chosen

SCORE_UNIT = 1_000_000
"""Scores are summed as integers of this unit, so that sums are equal whatever the order."""

COUNTS = pa.schema(
    [
        ("column", pa.string()),
        ("path", pa.string()),
        ("entity", pa.string()),
        ("count", pa.int64()),
        ("score", pa.int64()),
    ]
)
ROWS, VALUES, ERRORS, WORDS = "#rows", "#values", "#errors", "#words"
"""What is counted beside entities: rows read, rows with a value, rows that failed, words."""


PLACEHOLDER = re.compile(r"<([A-Z][A-Z0-9_]+)>")
"""What Presidio writes in place of an item: the language model would take it for a name."""


class Key(NamedTuple):
    """What a count is of."""

    column: str
    path: str
    entity: str


@dataclass(frozen=True)
class ScanCells:
    """Count in how many rows of a batch each entity stands, per column and leaf.

    ``analysed`` are the columns whose values are looked at; of the others only the presence of a
    value is counted.
    """

    config: AnalyzerConfig
    analysed: frozenset[str]
    fraction: float
    seed: int

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return rows of :data:`COUNTS`."""
        table = chosen(table, self.fraction, self.seed)
        counts: Counter[Key] = Counter({Key("", "", ROWS): table.num_rows})
        scores: Counter[Key] = Counter()
        for name in table.column_names:
            self._column(name, table[name], counts, scores)
        rows = [(*key, n, scores[key]) for key, n in sorted(counts.items()) if n]
        columns = zip(*rows, strict=True) if rows else ([] for _ in COUNTS)
        return pa.table(
            [pa.array(list(c), f.type) for c, f in zip(columns, COUNTS, strict=True)], COUNTS
        )

    def _column(
        self, name: str, column: pa.ChunkedArray, counts: Counter[Key], scores: Counter[Key]
    ) -> None:
        if name not in self.analysed:
            counts[Key(name, name, VALUES)] += len(column) - column.null_count
            return
        per_path: dict[str, list[tuple[int, str]]] = {}
        known = get_analyzer(self.config).entities
        for row, leaf in row_leaves(name, column.type, column.to_pylist(), known):
            per_path.setdefault(leaf.path, []).append((row, leaf.text))
        for path, cells in per_path.items():
            counts[Key(name, path, VALUES)] += len({row for row, _ in cells})
            counts[Key(name, path, WORDS)] += sum(len(text.split()) for _, text in cells)
            self._cells(name, path, cells, counts, scores)

    def _cells(
        self,
        name: str,
        path: str,
        cells: Sequence[tuple[int, str]],
        counts: Counter[Key],
        scores: Counter[Key],
    ) -> None:
        context = path.replace("[]", "").rsplit(".", 1)[-1]
        analyzer = get_analyzer(self.config)
        analyses = analyzer.analyze([text for _, text in cells], context)
        best: dict[tuple[int, str], float] = {}
        failed = set()
        for (row, text), analysis in zip(cells, analyses, strict=True):
            if analysis.error:
                failed.add(row)
            for result in outside_placeholders(text, analysis.results, analyzer.entities):
                at = (row, result.entity_type)
                best[at] = max(best.get(at, 0.0), float(result.score))
        counts[Key(name, path, ERRORS)] += len(failed)
        for (_, entity), score in best.items():
            counts[Key(name, path, entity)] += 1
            scores[Key(name, path, entity)] += round(score * SCORE_UNIT)


def outside_placeholders(text: str, results: Sequence[Any], entities: frozenset[str]) -> list[Any]:
    """Return the results that do not overlap a placeholder of an earlier redaction.

    Only the name of a known entity makes a placeholder: ``<SMITH>`` is none.
    """
    if "<" not in text:
        return list(results)
    taken = [m.span() for m in PLACEHOLDER.finditer(text) if m.group(1) in entities]
    return [r for r in results if not any(r.start < end and start < r.end for start, end in taken)]


def row_leaves(
    name: str, kind: pa.DataType, values: Sequence[Any], entities: frozenset[str]
) -> Iterator[tuple[int, Leaf]]:
    """Yield (row, leaf) for each text of a column; JSON documents and nested values are opened.

    A text that is nothing but a placeholder of an earlier redaction is no value.
    """
    for row, value in enumerate(values):
        for leaf in all_leaves(value, kind, root(name)):
            whole = PLACEHOLDER.fullmatch(leaf.text)
            if leaf.text and not (whole and whole.group(1) in entities):
                yield row, leaf
