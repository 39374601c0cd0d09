"""The table function of redaction: a pure function of a batch, the same on every engine."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pyarrow as pa

from rai_scale.errors import RaiScaleError
from rai_scale.pii.analysis.analyzer import Analysis, ValueAnalyzer, get_analyzer
from rai_scale.pii.analysis.config import AnalyzerConfig
from rai_scale.pii.pseudonyms.person import People, people_of
from rai_scale.pii.redaction.findings import DETAILS, FAILED, FINDING, OK
from rai_scale.pii.redaction.operators import Anonymizer, Item, Operators
from rai_scale.pii.values.nested import Fitted
from rai_scale.pii.values.opened import OpenedValue, open_value, untouched
from rai_scale.pii.values.text_leaves import TextLeaf, root, value_text, whole_text

Asked = tuple[str, People]
"""A text and the persons of its row."""


class RedactionError(RaiScaleError):
    """A value could not be redacted. The message has the column and the error type, no value."""


@dataclass(frozen=True)
class Targets:
    """Which columns are redacted, and how.

    Attributes
    ----------
    texts : tuple of str
        Columns in which each value is analysed as one text.
    documents : tuple of str
        Columns of JSON text or nested values: each text leaf is analysed by itself, and the
        document keeps its structure.
    wholes : tuple of (str, str)
        Columns in which each value is replaced as a whole, as one item of the given entity.
    leaves : tuple of (str, str)
        The same for leaves of documents, by path.
    """

    texts: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    wholes: tuple[tuple[str, str], ...] = ()
    leaves: tuple[tuple[str, str], ...] = ()

    @property
    def names(self) -> list[str]:
        """All columns that are redacted."""
        return [*self.texts, *self.documents, *(name for name, _ in self.wholes)]

    def fitted(self, name: str, schema: pa.Schema) -> Fitted:
        """Return the rules for the leaves of a column, matched against its type."""
        return Fitted(schema.field(name).type, root(name, dict(self.leaves)))


class Redacted(NamedTuple):
    """The result for one text: the new text (None on failure), its findings, the error type."""

    text: str | None
    findings: list[dict[str, Any]]
    error: str | None


@dataclass
class RowLog:
    """The findings and the first error of each row of a batch."""

    rows: int
    findings: dict[int, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    errors: dict[int, str] = field(default_factory=dict)

    def add(self, row: int, column: str, done: Redacted) -> None:
        """Record the result for one text of a row."""
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
    """Redact one batch; :func:`rai_scale.redact` documents the fields."""

    config: AnalyzerConfig
    operators: Operators
    targets: Targets
    details: bool = False
    raises: bool = True

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the redacted columns, plus status, error and findings if ``details`` is set."""
        people = people_of(table, self.operators.per)
        batch = _Batch(self, RowLog(table.num_rows), people)
        done: dict[str, pa.Array] = {}
        for name in self.targets.texts:
            done[name] = batch.texts(name, table[name])
        for name in self.targets.documents:
            done[name] = batch.documents(name, table[name])
        for name, entity in self.targets.wholes:
            done[name] = batch.wholes(name, entity, table[name])
        if self.raises and batch.log.errors:
            kinds = sorted(set(batch.log.errors.values()))
            raise RedactionError(
                f"{len(batch.log.errors)} rows of a batch could not be redacted "
                f"({'; '.join(kinds)}). Use details=True to get them with their error, or "
                "on_error='null' to get null."
            )
        names = [*done, *(DETAILS.names if self.details else ())]
        return pa.table([*done.values(), *(batch.log.columns() if self.details else ())], names)


class _Batch:
    """The state of one batch: the analyzer, the anonymizer, and log and persons of its rows."""

    def __init__(self, job: RedactValues, log: RowLog, people: list[People]) -> None:
        self.job = job
        self.log = log
        self.people = people
        self.entities = dict(job.targets.leaves)
        self.anonymizer = Anonymizer(job.operators)
        self.draws = job.operators.draws()

    @property
    def analyzer(self) -> ValueAnalyzer:
        return get_analyzer(self.job.config)

    def texts(self, name: str, column: pa.ChunkedArray) -> pa.Array:
        values = self.read(name, column)
        texts = [value_text(value) for value in values]
        pairs = zip(texts, self.people, strict=True)
        asked = [(text, people) for text, people in pairs if text is not None]
        found = iter(self.redact(asked, name))
        out = [
            untouched(value) if text is None else self.log_text(row, name, next(found))
            for row, (value, text) in enumerate(zip(values, texts, strict=True))
        ]
        return pa.array(out, pa.string())

    def wholes(self, name: str, entity: str, column: pa.ChunkedArray) -> pa.Array:
        out: list[str | None] = []
        memo: dict[Asked, Redacted] = {}
        for row, value in enumerate(self.read(name, column)):
            # a bool or NaN is replaced like any other
            text = None if value is None else whole_text(value)
            if not text:
                out.append(text)
                continue
            asked = (text, self.people[row])
            if asked not in memo or self.draws:
                memo[asked] = self.replace(*asked, entity)
            out.append(self.log_text(row, name, memo[asked]))
        return pa.array(out, pa.string())

    def documents(self, name: str, column: pa.ChunkedArray) -> pa.Array:
        node = root(name, self.entities)
        kind, nested = column.type, pa.types.is_nested(column.type)
        opened: list[OpenedValue | None] = []
        for row, value in enumerate(self.read(name, column)):
            try:
                opened.append(None if value is None else open_value(value, kind, node))
            except Exception as error:  # the message may quote the value
                self.log.add(row, name, Redacted(None, [], type(error).__name__))
                opened.append(None)
        out = self.rebuild(opened)
        return pa.array(out, Fitted(kind, node).type if nested else pa.string())

    def read(self, name: str, column: pa.ChunkedArray) -> list[Any]:
        """Return the values; one that Python cannot represent is null, and its row fails."""
        try:
            return list(column.to_pylist())
        except Exception:
            return [self.read_one(row, name, value) for row, value in enumerate(column)]

    def read_one(self, row: int, name: str, value: pa.Scalar) -> Any:
        try:
            return value.as_py()
        except Exception as error:
            self.log.add(row, name, Redacted(None, [], type(error).__name__))
            return None

    def rebuild(self, opened: Sequence[OpenedValue | None]) -> list[Any]:
        """Return the values with their leaves redacted; null if a leaf failed."""
        pairs = zip(opened, self.people, strict=True)
        leaves = [(leaf, who) for value, who in pairs if value for leaf in value.leaves]
        done = iter(self.leaf_texts(leaves))
        out: list[Any] = []
        for row, value in enumerate(opened):
            new = [self.log_text(row, x.name, next(done)) for x in (value.leaves if value else ())]
            whole = [text for text in new if text is not None]
            out.append(value.write(whole) if value and len(whole) == len(new) else None)
        return out

    def leaf_texts(self, leaves: list[tuple[TextLeaf, People]]) -> list[Redacted]:
        """Redact leaves: replace those that a rule covers as a whole, analyse the others."""
        groups: dict[str, list[Asked]] = defaultdict(list)
        for leaf, people in leaves:
            if leaf.rule is None:
                groups[self.context(leaf)].append((leaf.text, people))
        found = {context: iter(self.redact(texts, context)) for context, texts in groups.items()}
        return [
            next(found[self.context(leaf)])
            if leaf.rule is None
            else self.replace(leaf.text, people, self.entities[leaf.rule])
            for leaf, people in leaves
        ]

    def context(self, leaf: TextLeaf) -> str:
        """Return the analyzer's context for a leaf; leaves with the same context are batched."""
        return leaf.path if self.job.config.column_context else ""

    def replace(self, text: str, people: People, entity: str) -> Redacted:
        """Replace the whole text as one item; an empty text stays empty."""
        if not text:
            return Redacted(text, [], None)
        return self.replaced(self.anonymizer.replace, text, entity, people)

    def redact(self, asked: list[Asked], context: str) -> list[Redacted]:
        """Analyse and anonymize; equal texts of equal persons once, unless an operator draws."""
        if not asked:
            return []
        found = self.analyzer.analyze_values([text for text, _ in asked], context)
        if self.draws:
            return [self.value(one, *read) for one, read in zip(asked, found, strict=True)]
        distinct = dict(zip(asked, found, strict=True))
        memo = {one: self.value(one, *read) for one, read in distinct.items()}
        return [memo[one] for one in asked]

    def value(self, asked: Asked, analysed: str, analysis: Analysis) -> Redacted:
        """Anonymize the analysed form of a text; if nothing changes, the text stays as written."""
        text, people = asked
        done = self.anonymize(analysed, people, analysis)
        return done._replace(text=text) if done.text == analysed else done

    def anonymize(self, text: str, people: People, analysis: Analysis) -> Redacted:
        if analysis.error:
            return Redacted(None, [], analysis.error)
        if not analysis.results:
            return Redacted(text, [], None)
        return self.replaced(self.anonymizer.apply, text, list(analysis.results), people)

    def replaced(self, replace: Callable[..., tuple[str, list[Item]]], *arguments: Any) -> Redacted:
        """Call a method of the anonymizer; an error becomes that of the value."""
        try:
            new, items = replace(*arguments)
        except Exception as error:  # the message may quote the text
            return Redacted(None, [], type(error).__name__)
        return Redacted(new, [self.finding(item) for item in items], None)

    def finding(self, item: Item) -> dict[str, Any]:
        return {**item._asdict(), "operator": self.job.operators.name(item.entity)}

    def log_text(self, row: int, name: str, done: Redacted) -> str | None:
        self.log.add(row, name, done)
        return done.text
