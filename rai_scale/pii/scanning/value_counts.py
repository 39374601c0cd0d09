"""The table function of the scan: turns a batch of rows into a few counts, which can be added."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from rai_scale.engines.arrow_types import canonical_table
from rai_scale.engines.partition import BATCH_ROWS, BatchFunction
from rai_scale.engines.protocol import Engine
from rai_scale.pii.analysis.analyzer import ValueAnalyzer, get_analyzer
from rai_scale.pii.analysis.config import AnalyzerConfig
from rai_scale.pii.analysis.recognizers import predefined_entities
from rai_scale.pii.data_classes.values import types_of_rows
from rai_scale.pii.data_classes.whole_values import confirmed, contradicted
from rai_scale.pii.redaction.findings import table_of_rows
from rai_scale.pii.scanning.column_name_rules import classes_of_name, entities_of_name
from rai_scale.pii.scanning.parts import COUNTS, SCORE_UNIT, Counted, counted
from rai_scale.pii.scanning.searched_types import searched_by
from rai_scale.pii.scanning.small_tables import side_by_side
from rai_scale.pii.scanning.unread import UNREAD_COLUMN, split_unread
from rai_scale.pii.scanning.value_shapes import counted_shapes
from rai_scale.pii.scanning.value_texts import (
    ERRORS,
    PLACEHOLDER,
    UNREAD,
    UnreadValue,
    is_fractional,
    row_leaves,
    size_of,
)
from rai_scale.tables.readers.row_numbers import NUMBERS

ROWS, VALUES, WORDS = "#rows", "#values", "#words"
ERROR_BYTES, UNREAD_BYTES = "#error_bytes", "#unread_bytes"
UNDECODED, PERSON_NAME = "#undecoded", "#person_name"
FILES = "#files"
"""Keys of counts other than entities: ``#`` and a field of :class:`Noted`, or the rows read."""
ALL = ("", "")
"""The key of the rows read."""

_FULL_NAME = re.compile(r"[^\W\d_a-z][^\W\d_]*([ '-][^\W\d_a-z][^\W\d_]*\.?){1,3}")

_LETTER = re.compile(r"[^\W\d_]")


class Key(NamedTuple):
    """What is counted."""

    column: str
    path: str
    entity: str


class Noted(NamedTuple):
    """Counts of a column or leaf other than entities.

    Attributes
    ----------
    values, words : int
        Rows with a value, and words in all values.
    errors, unread, error_bytes, unread_bytes : int
        Rows that failed, and rows whose value is not text, both with their size in bytes.
    undecoded : int
        Rows with a character that was not decoded.
    person_name : int
        Batches in which the name of the column was recognised as the name of a person.
    """

    values: int
    words: int
    errors: int
    unread: int
    error_bytes: int
    unread_bytes: int
    undecoded: int
    person_name: int


def split_counts(
    counts: Mapping[str, tuple[int, float]],
) -> tuple[Noted, dict[str, tuple[int, float]]]:
    """Return the counts other than entities, and those of entities with their sums of scores."""
    noted = Noted._make([counts[key][0] if key in counts else 0 for key in _NOTED])
    return noted, {key: found for key, found in counts.items() if key[0] != "#"}


_PLACE = frozenset(NUMBERS.names)
_NOTED = tuple(f"#{name}" for name in Noted._fields)


def count_values(frame: Any, engine: Engine, function: ScanValues) -> Counted:
    """Return (count, sum of scores) per column, path and key, in one pass over the rows."""
    return side_by_side([count_in_steps(frame, engine, function)])[0]


def count_in_steps(
    frame: Any, engine: Engine, function: ScanValues
) -> Generator[None, None, Counted]:
    """Count values in steps: the second one analyses the values of a small table, and no more."""
    if engine.name == "local" and isinstance(frame, pa.Table) and frame.num_rows <= BATCH_ROWS:
        guard = BatchFunction(function, (), COUNTS, False, "scan").guard
        opened = guard(lambda: function.opened(canonical_table(frame)), "0")
        yield
        guard(opened.analyse, "0")
        yield
        return opened.counted()
    small = engine.collect(engine.map_partitions(frame, function, COUNTS, label="scan"))
    counts = counted(small.to_pylist())
    counts.setdefault(ALL, {}).setdefault(ROWS, (0, 0.0))
    return counts


@dataclass(frozen=True)
class ScanValues:
    """Count the rows of a batch in which each entity occurs, per column and leaf.

    Attributes
    ----------
    config : AnalyzerConfig
    analysed : mapping of str to pyarrow.DataType
        Columns whose values are searched, with the types of the table; for the others only
        non-null values are counted.
    chosen : callable, optional
        Returns the rows of a batch to scan; all by default.
    shapes : bool
        Whether to count the shapes of values.
    """

    config: AnalyzerConfig
    analysed: Mapping[str, pa.DataType]
    chosen: Callable[[pa.Table], pa.Table] | None = None
    shapes: bool = False

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return rows of :data:`COUNTS`."""
        batch = self.opened(table)
        batch.analyse()
        return table_of_rows(batch.rows(), COUNTS)

    def opened(self, table: pa.Table) -> _Batch:
        """Return the rows of a batch that are scanned."""
        table, reports = split_unread(table)
        table = table if self.chosen is None else self.chosen(table)
        counts: Counter[Key] = Counter()
        counts[Key("", "", ROWS)] = table.num_rows
        for report in reports:
            counts[Key(UNREAD_COLUMN, report, FILES)] += 1
        names = [name for name in table.column_names if name not in _PLACE]
        columns = [(name, table[name]) for name in names] if table.num_rows else []
        return _Batch(self, columns, counts, Counter())

    def _column(
        self, name: str, column: pa.ChunkedArray, counts: Counter[Key], scores: Counter[Key]
    ) -> None:
        if name not in self.analysed:
            counts[Key(name, name, VALUES)] += len(column) - column.null_count
            return
        per_path: dict[str, list[tuple[int, str]]] = {}
        config, by_presidio, _ = searched_by(self.config)
        known = get_analyzer(config).entities if by_presidio else predefined_entities()
        unread: list[UnreadValue] = []
        kind = self.analysed[name]
        for row, leaf in row_leaves(name, column, kind, known, unread):
            per_path.setdefault(leaf.path, []).append((row, leaf.text))
        for kind, size_kind in ((ERRORS, ERROR_BYTES), (UNREAD, UNREAD_BYTES)):
            of_kind = [item for item in unread if item.kind == kind]
            counts[Key(name, name, kind)] += len({item.row for item in of_kind})
            counts[Key(name, name, size_kind)] += sum(item.bytes for item in of_kind)
        counts[Key(name, name, PERSON_NAME)] += self._is_person(name)
        fractional = is_fractional(column.type)
        if fractional:  # a number with a fraction does not identify anyone, but it is a value
            missing = pc.sum(pc.is_null(column, nan_is_null=True)).as_py() or 0
            counts[Key(name, name, VALUES)] += len(column) - missing
        for path, texts in per_path.items():
            if not fractional:
                counts[Key(name, path, VALUES)] += len({row for row, _ in texts})
            counts[Key(name, path, WORDS)] += sum(_words(text) for _, text in texts)
            if self.shapes:
                shapes = counted_shapes(text for _, text in texts)
                counts.update({Key(name, path, shape): n for shape, n in shapes.items()})
            self._texts(name, path, texts, counts, scores)

    def _is_person(self, name: str) -> bool:
        """Return whether the name of a column is a person's, as in a first row used as header."""
        config, by_presidio, _ = searched_by(self.config)
        if not by_presidio or not _FULL_NAME.fullmatch(name) or entities_of_name(name):
            return False
        (analysis,) = get_analyzer(config).analyze([name], "")
        return any(
            r.entity_type == "PERSON" and r.end - r.start >= 0.8 * len(name)
            for r in analysis.results
        )

    def _texts(
        self,
        name: str,
        path: str,
        texts: Sequence[tuple[int, str]],
        counts: Counter[Key],
        scores: Counter[Key],
    ) -> None:
        config, by_presidio, own = searched_by(self.config)
        best = types_of_rows(texts, classes_of_name(path)) if own else {}
        best = {at: score for at, score in best.items() if at[1] in own}
        failed: Counter[int] = Counter()
        if by_presidio:
            context = path.replace("[]", "").rsplit(".", 1)[-1]
            analyzer = get_analyzer(config)
            analyses = analyzer.analyze_values([text for _, text in texts], context)
            for (row, _), (text, analysis) in zip(texts, analyses, strict=True):
                if analysis.error:
                    failed[row] += size_of(text)
                for entity, score in _found(text, analysis.results, analyzer):
                    at = (row, entity)
                    best[at] = max(best.get(at, 0.0), score)
        counts[Key(name, path, ERRORS)] += len(failed)
        counts[Key(name, path, ERROR_BYTES)] += failed.total()
        undecoded = {row for row, text in texts if "\ufffd" in text}
        counts[Key(name, path, UNDECODED)] += len(undecoded)
        for (_, entity), score in best.items():
            counts[Key(name, path, entity)] += 1
            scores[Key(name, path, entity)] += round(score * SCORE_UNIT)


class _Batch(NamedTuple):
    """The columns of a batch, and what was counted in them."""

    function: ScanValues
    columns: list[tuple[str, pa.ChunkedArray]]
    counts: Counter[Key]
    scores: Counter[Key]

    def analyse(self) -> None:
        for name, column in self.columns:
            self.function._column(name, column, self.counts, self.scores)

    def rows(self) -> list[tuple[Any, ...]]:
        """Return rows of :data:`COUNTS` as tuples."""
        return [(*key, n, self.scores[key]) for key, n in sorted(self.counts.items()) if n]

    def counted(self) -> Counted:
        """Return what was counted without a table of it, which would take longer to make."""
        counts: Counted = {ALL: {ROWS: (0, 0.0)}}
        for column, path, key, count, score in self.rows():
            counts.setdefault((column, path), {})[key] = (count, score / SCORE_UNIT)
        return counts


def _found(
    text: str, results: Sequence[Any], analyzer: ValueAnalyzer
) -> Iterator[tuple[str, float]]:
    """Yield the types in a value and their scores, with what the form of the whole value says."""
    for result in outside_placeholders(text, results, analyzer.entities):
        if not contradicted(text, result.entity_type):
            yield result.entity_type, float(result.score)
    yield from ((e, score) for e, score in confirmed(text).items() if e in analyzer.found)


def _words(text: str) -> int:
    """Return the number of words; digits in groups, as in +33 1 42 53 66 00, are one."""
    return len(text.split()) if _LETTER.search(text) else 1


def outside_placeholders(text: str, results: Sequence[Any], entities: frozenset[str]) -> list[Any]:
    """Return the results that do not overlap a placeholder of an earlier redaction.

    Only the name of a known entity makes a placeholder; ``<SMITH>`` is not one.
    """
    if "<" not in text:
        return list(results)
    taken = [m.span() for m in PLACEHOLDER.finditer(text) if m.group(1) in entities]
    return [r for r in results if not any(r.start < end and start < r.end for start, end in taken)]
