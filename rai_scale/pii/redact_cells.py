"""The table function of redaction: pure, and the same whoever calls it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pyarrow as pa

from rai_scale.errors import RaiScaleError
from rai_scale.pii.analyzer import Analysis, CellAnalyzer, get_analyzer
from rai_scale.pii.config import AnalyzerConfig
from rai_scale.pii.findings import DETAILS, FAILED, FINDING, OK
from rai_scale.pii.leaves import cell_text, leaves_of, map_leaves, parse_document, to_json
from rai_scale.pii.operators import Anonymizer, Operators


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
class RedactCells:
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
            done[name] = batch.texts(name, table[name].to_pylist())
        for name in self.documents:
            done[name] = batch.documents(name, table[name])
        for name, entity in self.wholes:
            done[name] = batch.wholes(name, entity, table[name].to_pylist())
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

    def __init__(self, job: RedactCells, log: RowLog) -> None:
        self.job = job
        self.log = log
        self.anonymizer = Anonymizer(job.operators)

    @property
    def analyzer(self) -> CellAnalyzer:
        return get_analyzer(self.job.config)

    def texts(self, name: str, values: Sequence[Any]) -> pa.Array:
        texts = [cell_text(value) for value in values]
        asked = [text for text in texts if text is not None]
        found = iter(self.redact(asked, name))
        out = [
            _untouched(value) if text is None else self.log_text(row, name, next(found))
            for row, (value, text) in enumerate(zip(values, texts, strict=True))
        ]
        return pa.array(out, pa.string())

    def wholes(self, name: str, entity: str, values: Sequence[Any]) -> pa.Array:
        out = []
        for row, value in enumerate(values):
            text = None if value is None else str(value)  # a bool or NaN is replaced like any other
            done = self.log_text(row, name, self.replace(text, entity)) if text else text
            out.append(done)
        return pa.array(out, pa.string())

    def documents(self, name: str, column: pa.ChunkedArray) -> pa.Array:
        values = column.to_pylist()
        if pa.types.is_nested(column.type):
            # a number in a typed value cannot become text, so only strings are treated
            return pa.array(self.rebuild(name, values, strings_only=True), column.type)
        parsed = [parse_document(cell_text(value)) for value in values]
        plain = [v if p is None else None for p, v in zip(parsed, values, strict=True)]
        out = self.texts(name, plain).to_pylist()
        for row, new in enumerate(self.rebuild(name, parsed, strings_only=False)):
            if new is not None:
                out[row] = values[row] if new == parsed[row] else to_json(new)
        return pa.array(out, pa.string())

    def rebuild(self, name: str, values: Sequence[Any], strings_only: bool) -> list[Any]:
        """Return the nested values with their text leaves redacted; null where a leaf failed."""
        texts: dict[str, list[str]] = defaultdict(list)
        for value in values:
            for path, text in leaves_of(value, name, strings_only):
                texts[path].append(text)
        results = {path: iter(self.leaf_texts(asked, path)) for path, asked in texts.items()}
        return [
            self.rebuild_one(row, name, v, results, strings_only) for row, v in enumerate(values)
        ]

    def rebuild_one(
        self, row: int, name: str, value: Any, results: dict[str, Any], strings_only: bool
    ) -> Any:
        failed = []

        def change(path: str, text: str) -> str:
            done = next(results[path])
            failed.extend([path] if done.error else [])
            return self.log_text(row, path, done) or ""

        new = map_leaves(value, name, change, strings_only)
        return None if failed else new

    def leaf_texts(self, texts: list[str], path: str) -> list[Redacted]:
        """Redact the texts of one leaf: as a whole where that is wanted, else as analysed."""
        entity = dict(self.job.leaves).get(path)
        if entity is None:
            return self.redact(texts, path)
        return [self.replace(text, entity) if text else Redacted(text, [], None) for text in texts]

    def replace(self, text: str, entity: str) -> Redacted:
        """Treat the whole text as one item."""
        return self.anonymize(text, Analysis((self.anonymizer.whole(text, entity),), None))

    def redact(self, texts: list[str], context: str) -> list[Redacted]:
        """Analyse and anonymize; equal texts once, unless an operator draws at random."""
        if not texts:
            return []
        found = self.analyzer.analyze(texts, context)
        if self.job.operators.draws():
            return [self.anonymize(t, f) for t, f in zip(texts, found, strict=True)]
        memo: dict[str, Redacted] = {}
        for text, analysis in zip(texts, found, strict=True):
            if text not in memo:
                memo[text] = self.anonymize(text, analysis)
        return [memo[text] for text in texts]

    def anonymize(self, text: str, analysis: Analysis) -> Redacted:
        if analysis.error:
            return Redacted(None, [], analysis.error)
        if not analysis.results:
            return Redacted(text, [], None)
        try:
            new = self.anonymizer.apply(text, list(analysis.results))
        except Exception as error:  # the message may quote the text
            return Redacted(None, [], type(error).__name__)
        return Redacted(new, [self.finding(result) for result in analysis.results], None)

    def finding(self, result: Any) -> dict[str, Any]:
        recognizer = (result.recognition_metadata or {}).get("recognizer_name")
        return {
            "entity": result.entity_type,
            "start": result.start,
            "end": result.end,
            "score": float(result.score),
            "recognizer": recognizer,
            "operator": self.job.operators.name(result.entity_type),
        }

    def log_text(self, row: int, name: str, done: Redacted) -> str | None:
        self.log.add(row, name, done)
        return done.text


def _untouched(value: Any) -> str | None:
    return None if value is None else str(value)
