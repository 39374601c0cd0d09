"""The table function of redaction: pure, and the same whoever calls it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import pyarrow as pa

from rai_scale.errors import RaiScaleError
from rai_scale.pii.analyzer import Analysis, ValueAnalyzer, get_analyzer
from rai_scale.pii.config import AnalyzerConfig
from rai_scale.pii.documents import parse_document
from rai_scale.pii.findings import DETAILS, FAILED, FINDING, OK
from rai_scale.pii.nested import Fitted, map_nested, nested_leaves
from rai_scale.pii.operators import Anonymizer, Item, Operators
from rai_scale.pii.text_leaves import Leaf, Place, cell_text, root, whole_text


class RedactionError(RaiScaleError):
    """A cell could not be redacted; says the column and the type of the error, not the value."""


class Redacted(NamedTuple):
    """What became of one text."""

    text: str | None
    findings: list[dict[str, Any]]
    error: str | None


@dataclass
class RowLog:
    """Findings and first error per row of a batch."""

    rows: int
    findings: dict[int, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    errors: dict[int, str] = field(default_factory=dict)

    def add(self, row: int, column: str, done: Redacted) -> None:
        """Note what happened to a text of a row."""
        self.findings[row] += [{"column": column, **finding} for finding in done.findings]
        if done.error:
            self.errors.setdefault(row, f"{column}: {done.error}")

    def columns(self) -> list[pa.Array]:
        """Return status, error and findings, one entry per row."""
        rows = range(self.rows)
        return [
            pa.array([FAILED if row in self.errors else OK for row in rows], pa.string()),
            pa.array([self.errors.get(row) for row in rows], pa.string()),
            pa.array([self.findings.get(row, []) for row in rows], pa.list_(FINDING)),
        ]


@dataclass(frozen=True)
class RedactValues:
    """Redact one batch; see :func:`rai_scale.redact` for what each field means."""

    config: AnalyzerConfig
    operators: Operators
    texts: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    wholes: tuple[tuple[str, str], ...] = ()
    leaves: tuple[tuple[str, str], ...] = ()
    details: bool = False
    raises: bool = True

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the treated columns, and the details if they are wanted."""
        batch = _Batch(self, RowLog(table.num_rows))
        done: dict[str, pa.Array] = {}
        for name in self.texts:
            done[name] = batch.texts(name, table[name])
        for name in self.documents:
            done[name] = batch.documents(name, table[name])
        for name, entity in self.wholes:
            done[name] = batch.wholes(name, entity, table[name])
        if self.raises and batch.log.errors:
            kinds = sorted(set(batch.log.errors.values()))
            raise RedactionError(
                f"{len(batch.log.errors)} rows of a batch failed ({'; '.join(kinds)}). Use "
                "details=True to keep them apart, or on_error='null'."
            )
        names = [*done, *(DETAILS.names if self.details else ())]
        return pa.table([*done.values(), *(batch.log.columns() if self.details else ())], names)


class _Batch:
    """One batch under way: the analyzer, the anonymizer and the log of the rows."""

    def __init__(self, job: RedactValues, log: RowLog) -> None:
        self.job = job
        self.log = log
        self.entities = dict(job.leaves)
        self.anonymizer = Anonymizer(job.operators)

    @property
    def analyzer(self) -> ValueAnalyzer:
        return get_analyzer(self.job.config)

    def texts(self, name: str, column: pa.ChunkedArray) -> pa.Array:
        values = self.read(name, column)
        texts = [cell_text(value) for value in values]
        asked = [text for text in texts if text is not None]
        found = iter(self.redact(asked, name))
        out = [
            _untouched(value) if text is None else self.log_text(row, name, next(found))
            for row, (value, text) in enumerate(zip(values, texts, strict=True))
        ]
        return pa.array(out, pa.string())

    def wholes(self, name: str, entity: str, column: pa.ChunkedArray) -> pa.Array:
        out = []
        for row, value in enumerate(self.read(name, column)):
            # a bool or NaN is replaced like any other
            text = None if value is None else whole_text(value)
            done = self.log_text(row, name, self.replace(text, entity)) if text else text
            out.append(done)
        return pa.array(out, pa.string())

    def documents(self, name: str, column: pa.ChunkedArray) -> pa.Array:
        place = root(name, self.entities)
        kind, opened = column.type, Text if not pa.types.is_nested(column.type) else Nested
        cells: list[Any] = []
        for row, value in enumerate(self.read(name, column)):
            try:
                cells.append(None if value is None else opened(value, kind, place))
            except Exception as error:  # the message may quote the value
                self.log.add(row, name, Redacted(None, [], type(error).__name__))
                cells.append(None)
        out = self.rebuild(cells)
        return pa.array(out, Fitted(kind, place).type if opened is Nested else pa.string())

    def read(self, name: str, column: pa.ChunkedArray) -> list[Any]:
        """Return the values; one that Python cannot hold fails its row, and is null."""
        try:
            return column.to_pylist()
        except Exception:
            return [self.read_one(row, name, value) for row, value in enumerate(column)]

    def read_one(self, row: int, name: str, value: pa.Scalar) -> Any:
        try:
            return value.as_py()
        except Exception as error:
            self.log.add(row, name, Redacted(None, [], type(error).__name__))
            return None

    def rebuild(self, cells: Sequence[CellText | None]) -> list[Any]:
        """Return the cells with their leaves redacted; null where a leaf failed."""
        leaves = [[] if cell is None else cell.leaves for cell in cells]
        done = iter(self.leaf_texts([leaf for found in leaves for leaf in found]))
        out: list[Any] = []
        for row, (cell, found) in enumerate(zip(cells, leaves, strict=True)):
            new = [self.log_text(row, leaf.name, next(done)) for leaf in found]
            whole = [text for text in new if text is not None]
            failed = len(whole) < len(new)
            out.append(None if cell is None or failed else cell.write(whole))
        return out

    def leaf_texts(self, leaves: list[Leaf]) -> list[Redacted]:
        """Redact leaves: as a whole where a rule says so, else as analysed."""
        groups: dict[str, list[str]] = defaultdict(list)
        for leaf in leaves:
            if leaf.rule is None:
                groups[self.context(leaf)].append(leaf.text)
        found = {context: iter(self.redact(texts, context)) for context, texts in groups.items()}
        return [
            next(found[self.context(leaf)])
            if leaf.rule is None
            else self.replace(leaf.text, self.entities[leaf.rule])
            for leaf in leaves
        ]

    def context(self, leaf: Leaf) -> str:
        """Return what the analyzer is told of a leaf: leaves of equal context go together."""
        return leaf.path if self.job.config.column_context else ""

    def replace(self, text: str, entity: str) -> Redacted:
        """Treat the whole text as one item; an empty one has nothing to replace."""
        if not text:
            return Redacted(text, [], None)
        return self.anonymize(text, Analysis((self.anonymizer.whole(text, entity),), None))

    def redact(self, texts: list[str], context: str) -> list[Redacted]:
        """Analyse and anonymize; equal texts once, unless an operator draws at random."""
        if not texts:
            return []
        found = self.analyzer.analyze_cells(texts, context)
        if self.job.operators.draws():
            return [self.cell(text, *cell) for text, cell in zip(texts, found, strict=True)]
        memo: dict[str, Redacted] = {}
        for text, cell in zip(texts, found, strict=True):
            if text not in memo:
                memo[text] = self.cell(text, *cell)
        return [memo[text] for text in texts]

    def cell(self, text: str, read: str, analysis: Analysis) -> Redacted:
        """Anonymize what was read of a cell; where nothing changes, it stays as it is written."""
        done = self.anonymize(read, analysis)
        return done._replace(text=text) if done.text == read else done

    def anonymize(self, text: str, analysis: Analysis) -> Redacted:
        if analysis.error:
            return Redacted(None, [], analysis.error)
        if not analysis.results:
            return Redacted(text, [], None)
        try:
            new, items = self.anonymizer.apply(text, list(analysis.results))
        except Exception as error:  # the message may quote the text
            return Redacted(None, [], type(error).__name__)
        return Redacted(new, [self.finding(item) for item in items], None)

    def finding(self, item: Item) -> dict[str, Any]:
        return {**item._asdict(), "operator": self.job.operators.name(item.entity)}

    def log_text(self, row: int, name: str, done: Redacted) -> str | None:
        self.log.add(row, name, done)
        return done.text


class CellText(Protocol):
    """A cell that was opened: its leaves in order, and the cell with new texts for them."""

    leaves: list[Leaf]

    def write(self, texts: list[str]) -> Any:
        """Return the cell with a text for each leaf."""


class Text:
    """A JSON text; what is no JSON object or array is one leaf."""

    def __init__(self, value: Any, kind: pa.DataType, place: Place) -> None:
        self.value = value
        text = cell_text(value)
        self.document = parse_document(text, place)
        if self.document is not None:
            self.leaves = list(self.document.leaves())
        else:
            self.leaves = [] if text is None else [Leaf(place.path, text)]

    def write(self, texts: list[str]) -> Any:
        """Return the text with new leaves."""
        if self.document is not None:
            return self.document.write(iter(texts))
        return texts[0] if texts else _untouched(self.value)


class Nested:
    """A value of a nested type."""

    def __init__(self, value: Any, kind: pa.DataType, place: Place) -> None:
        self.value, self.kind, self.place = value, kind, place
        self.leaves = nested_leaves(value, kind, place)

    def write(self, texts: list[str]) -> Any:
        """Return the value with new leaves."""
        new = iter(texts)
        return map_nested(self.value, self.kind, self.place, lambda _: next(new))


def _untouched(value: Any) -> str | None:
    return None if value is None else str(value)
