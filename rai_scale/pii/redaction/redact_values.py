"""The table function of redaction: a pure function of a batch, the same on every engine."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pyarrow as pa

from rai_scale.engines.plain_texts import whole_text
from rai_scale.errors import RaiScaleError
from rai_scale.pii.analysis.analyzer import Analysis, get_analyzer
from rai_scale.pii.analysis.config import AnalyzerConfig
from rai_scale.pii.pseudonyms.keyed_operators import TOKENIZE
from rai_scale.pii.pseudonyms.person import People, people_of
from rai_scale.pii.redaction.coarser_values import NotGeneralised
from rai_scale.pii.redaction.findings import DETAILS
from rai_scale.pii.redaction.items import Item
from rai_scale.pii.redaction.operators import Anonymizer, Operators
from rai_scale.pii.redaction.policy import ColumnPolicy
from rai_scale.pii.redaction.row_log import Redacted, RowLog
from rai_scale.pii.redaction.rules import Policy, Rule
from rai_scale.pii.values.nested import Fitted
from rai_scale.pii.values.opened import OpenedValue, open_value
from rai_scale.pii.values.text_leaves import TextLeaf, Treat, ValueNode, value_text
from rai_scale.reports.words import plural

Asked = tuple[str, People]
"""A text and the persons of its row."""


class RedactionError(RaiScaleError):
    """A value could not be redacted. The message has the column and the error type, no value."""


_EMPTY = Redacted("", [], None)


class Group(NamedTuple):
    """What the treatment of a text depends on: rule, context for the analyzer, language."""

    rule: str
    context: str
    language: str


@dataclass(frozen=True)
class RedactValues:
    """Redact one batch; :func:`rai_scale.redact` documents the fields."""

    config: AnalyzerConfig
    operators: Operators
    policy: Policy
    details: bool = False
    raises: bool = True

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the redacted columns, plus status, error and findings if ``details`` is set."""
        batch = _Batch(self, RowLog(table.num_rows), table)
        done = {name: batch.column(name, table[name]) for name in self.policy.worked}
        if self.raises and batch.log.errors:
            kinds = sorted(set(batch.log.errors.values()))
            raise RedactionError(
                f"{plural(len(batch.log.errors), 'row')} of a batch could not be redacted "
                f"({'; '.join(kinds)}). Use details=True to get them with their error, or "
                "on_error='null' to get null."
            )
        names = [*done, *(DETAILS.names if self.details else ())]
        return pa.table([*done.values(), *(batch.log.columns() if self.details else ())], names)


class _Batch:
    """The state of one batch: the analyzer, the anonymizers and the log of its rows."""

    def __init__(self, job: RedactValues, log: RowLog, table: pa.Table) -> None:
        self.job = job
        self.log = log
        self.anonymizers: dict[int, Anonymizer] = {}
        rules = job.policy.rules
        known = {per: people_of(table, per) for per in {r.operators.per for r in rules.values()}}
        self.people = {path: known[rule.operators.per] for path, rule in rules.items()}
        self.languages = {
            name: table[name].to_pylist() for name in job.policy.language_columns(job.config)
        }
        self.varies = job.config.column_context or bool(self.languages)
        self.groups = {
            p: Group(p, "", r.spec.language or job.config.language) for p, r in rules.items()
        }

    def anonymizer(self, rule: Rule) -> Anonymizer:
        """Return the anonymizer of a rule; one per batch for all rules with the same operators."""
        key = id(rule.operators)
        if key not in self.anonymizers:
            self.anonymizers[key] = Anonymizer(rule.operators, self.job.config)
        return self.anonymizers[key]

    def column(self, name: str, column: pa.ChunkedArray) -> pa.Array:
        """Return a column with its leaves treated; null where one failed."""
        node, kind = self.job.policy.nodes[name], column.type
        if node.treat is Treat.EMPTY:
            (made,) = self.replace_all(self.job.policy.rules[name], [("", ())])
            for row, valid in enumerate(column.is_valid().to_pylist()):
                if valid:
                    self.log_text(row, name, made)
            return pa.nulls(len(column), kind)
        if name not in self.job.policy.documents:
            return pa.array(self.plain(name, node, self.read(name, column)), pa.string())
        out = self.rebuild(self.opened(name, column))
        return pa.array(out, Fitted(kind, node).type if pa.types.is_nested(kind) else pa.string())

    def plain(self, name: str, node: ValueNode, values: list[Any]) -> list[str | None]:
        """Return the new texts of values, each of which is one leaf."""
        # a bool or NaN is replaced like any other value, but not analysed
        to_text = value_text if node.treat is Treat.ANALYSE else whole_text
        texts = [None if value is None else to_text(value) for value in values]
        rows: dict[Group, list[int]] = {self.groups[name]: []}
        for row, text in enumerate(texts):
            if text is not None:
                group = self.group(row, name, name) if self.varies else self.groups[name]
                rows.setdefault(group, []).append(row)
        pairs = zip(values, texts, strict=True)
        out = [text if text is not None or value is None else str(value) for value, text in pairs]
        people = self.people[name]
        for group, some in rows.items():
            done = self.texts(group, [(str(texts[row]), people[row]) for row in some])
            for row, one in zip(some, done, strict=True):
                out[row] = self.log_text(row, name, one)
        return out

    def opened(self, name: str, column: pa.ChunkedArray) -> list[OpenedValue | None]:
        """Split each value into its leaves."""
        node = self.job.policy.nodes[name]
        out: list[OpenedValue | None] = []
        for row, value in enumerate(self.read(name, column)):
            try:
                out.append(value if value is None else open_value(value, column.type, node))
            except Exception as error:  # the message may quote the value
                self.log.add(row, name, Redacted(None, [], type(error).__name__))
                out.append(None)
        return out

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
        leaves = [(row, leaf) for row, value in enumerate(opened) if value for leaf in value.leaves]
        done = iter(self.leaf_texts(leaves))
        out: list[Any] = []
        for row, value in enumerate(opened):
            new = [self.log_text(row, x.name, next(done)) for x in (value.leaves if value else ())]
            whole = [text for text in new if text is not None]
            out.append(value.write(whole) if value and len(whole) == len(new) else None)
        return out

    def leaf_texts(self, leaves: list[tuple[int, TextLeaf]]) -> list[Redacted]:
        """Treat leaves, each with its row; those of one group together."""
        groups: dict[Group, list[Asked]] = defaultdict(list)
        order = [
            self.group(row, str(leaf.rule), leaf.path)
            if self.varies
            else self.groups[str(leaf.rule)]
            for row, leaf in leaves
        ]
        for group, (row, leaf) in zip(order, leaves, strict=True):
            groups[group].append((leaf.text, self.people[group.rule][row]))
        done = {group: iter(self.texts(group, asked)) for group, asked in groups.items()}
        return [next(done[group]) for group in order]

    def group(self, row: int, rule: str, path: str) -> Group:
        """Return what the treatment of a leaf depends on, in addition to its text."""
        group = self.groups[rule]
        config = self.job.config
        if config.column_context:
            group = group._replace(context=path)
        if self.languages:
            column = self.job.policy.rules[rule].language_column(config)
            language = self.languages[column][row] if column else None
            group = group._replace(language=language) if language else group
        return group

    def texts(self, group: Group, asked: list[Asked]) -> list[Redacted]:
        """Treat the texts of a group; equal ones of a person once, unless an operator draws."""
        rule = self.job.policy.rules[group.rule]
        if rule.spec.treat is Treat.ANALYSE:
            return self.redact(rule, asked, group)
        if rule.operators.draws():
            return self.replace_all(rule, asked)
        distinct = list(dict.fromkeys(asked))
        memo = dict(zip(distinct, self.replace_all(rule, distinct), strict=True))
        return [memo[one] for one in asked]

    def replace_all(self, rule: Rule, asked: Iterable[Asked]) -> list[Redacted]:
        """Treat each text as one item; an empty text stays empty."""
        spec, coarser = rule.spec, rule.spec.generalise
        if spec.treat is not Treat.REPLACE:
            return [Redacted("", [self.changed(spec, text)], None) for text, _ in asked]
        if coarser is None and (sealer := rule.operators.sealer(spec.named)):
            texts = [text for text, _ in asked]
            found = [[self.changed(spec, text, TOKENIZE)] for text in texts]
            made = zip(texts, sealer.seal_all(texts, spec.named), found, strict=True)
            return [Redacted(new, one, None) if text else _EMPTY for text, new, one in made]
        if coarser is None:
            replace, entity = self.anonymizer(rule).replace, spec.named
            return [
                self.replaced(rule, replace, text, entity, people) if text else _EMPTY
                for text, people in asked
            ]
        done = []
        for text, _ in asked:
            try:
                new = coarser(text) if text else text
                done.append(Redacted(new, [self.changed(spec, text)] if text else [], None))
            except NotGeneralised as error:
                done.append(Redacted(None, [], type(error).__name__))
        return done

    def changed(self, spec: ColumnPolicy, text: str, operator: str = "") -> dict[str, Any]:
        """Return the finding of a value that was replaced as a whole; without Presidio's engine."""
        item = Item(spec.named, 0, len(text), 1.0, "column")
        return {**item._asdict(), "operator": operator or spec.action}

    def redact(self, rule: Rule, asked: list[Asked], group: Group) -> list[Redacted]:
        """Analyse texts, and replace what is found."""
        if group.language not in self.job.config.languages:
            return [Redacted(None, [], "UnknownLanguage")] * len(asked)
        analyzer = get_analyzer(self.job.config, group.language)
        found = analyzer.analyze_values([text for text, _ in asked], group.context)
        if rule.operators.draws():
            return [self.value(rule, one, *read) for one, read in zip(asked, found, strict=True)]
        distinct = dict(zip(asked, found, strict=True))
        memo = {one: self.value(rule, one, *read) for one, read in distinct.items()}
        return [memo[one] for one in asked]

    def value(self, rule: Rule, asked: Asked, analysed: str, analysis: Analysis) -> Redacted:
        """Anonymize the analysed form of a text; if nothing changes, the text stays as written."""
        text, people = asked
        if analysis.error:
            return Redacted(None, [], analysis.error)
        if not analysis.results:
            return Redacted(text, [], None)
        apply = self.anonymizer(rule).apply
        done = self.replaced(rule, apply, analysed, list(analysis.results), people)
        return done._replace(text=text) if done.text == analysed else done

    def replaced(
        self, rule: Rule, replace: Callable[..., tuple[str, list[Item]]], *arguments: Any
    ) -> Redacted:
        """Call a method of the anonymizer; an error becomes that of the value."""
        try:
            new, items = replace(*arguments)
        except Exception as error:  # the message may quote the text
            return Redacted(None, [], type(error).__name__)
        name = rule.operators.name
        found = [{**item._asdict(), "operator": name(item.entity)} for item in items]
        return Redacted(new, found, None)

    def log_text(self, row: int, name: str, done: Redacted) -> str | None:
        self.log.add(row, name, done)
        return done.text
