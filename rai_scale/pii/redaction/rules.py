"""The rules of a policy for the columns of one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from rai_scale.engines.frames import check_unique
from rai_scale.errors import check_columns
from rai_scale.pii.analysis.config import AnalyzerConfig
from rai_scale.pii.redaction.operators import Operators
from rai_scale.pii.redaction.policy import ColumnPolicy
from rai_scale.pii.values.nested import Fitted
from rai_scale.pii.values.text_leaves import Treat, ValueNode, is_inside, root


@dataclass(frozen=True)
class Rule:
    """The policy for one path, with the operators that apply there."""

    path: str
    spec: ColumnPolicy
    operators: Operators

    def language_column(self, config: AnalyzerConfig) -> str | None:
        """Return the column with the language of each row."""
        if self.spec.treat is not Treat.ANALYSE or self.spec.language:
            return None
        return self.spec.language_column or config.language_column


@dataclass(frozen=True)
class Policy:
    """The rules for a table.

    Attributes
    ----------
    rules : mapping of str to Rule
        By path.
    nodes : mapping of str to ValueNode
        For each column that a rule is about, the rules for it and for its leaves.
    documents : frozenset of str
        Columns whose leaves are treated one by one: nested values and JSON text.
    """

    rules: dict[str, Rule]
    nodes: dict[str, ValueNode]
    documents: frozenset[str]

    @property
    def worked(self) -> list[str]:
        """The columns that are computed: not dropped, and not kept as a whole."""
        return [
            name
            for name, node in self.nodes.items()
            if node.treat is not Treat.DROP and (node.treat is not Treat.KEEP or node.below)
        ]

    @property
    def dropped(self) -> list[str]:
        """The columns that are removed."""
        return [name for name, node in self.nodes.items() if node.treat is Treat.DROP]

    @property
    def analyses(self) -> bool:
        """Whether any text is analysed."""
        return any(rule.spec.treat is Treat.ANALYSE for rule in self.rules.values())

    @property
    def wholes(self) -> list[tuple[str, str]]:
        """The paths whose values are replaced by the operator of an entity, and the entity."""
        return [
            (path, rule.spec.entity)
            for path, rule in self.rules.items()
            if rule.spec.entity and rule.spec.to is None
        ]

    def language_columns(self, config: AnalyzerConfig) -> list[str]:
        """The columns that give the language of a row."""
        named = (rule.language_column(config) for rule in self.rules.values())
        return list(dict.fromkeys(name for name in named if name))

    @property
    def per(self) -> tuple[str, ...]:
        """The columns that identify the person of a row, for any rule."""
        return tuple(dict.fromkeys(n for rule in self.rules.values() for n in rule.operators.per))

    def fitted(self, name: str, schema: pa.Schema) -> Fitted:
        """Return the rules for a column, matched against its type."""
        return Fitted(schema.field(name).type, self.nodes[name])


def make_policy(
    specs: Mapping[str, ColumnPolicy], operators: Operators, schema: pa.Schema
) -> Policy:
    """Return the rules for a table.

    A path that is the name of a column is also a leaf of a nested or JSON column with which it
    begins.

    Raises
    ------
    ConfigError
        If two columns have the same name.
    MissingColumnError
        If a path is in no column.
    """
    names = schema.names
    check_unique(names)
    outer = [
        name
        for name in names
        if pa.types.is_nested(schema.field(name).type) or (name in specs and specs[name].json_text)
    ]
    owners = {path: _owners(path, names, outer) for path in specs}
    check_columns([path for path in specs if not owners[path]], names)
    nodes = {}
    for name in names:
        treats = {path: spec.treat for path, spec in specs.items() if name in owners[path]}
        if treats:
            node = root(name, treats)
            nodes[name] = node if name in specs else node._replace(treat=Treat.KEEP)
    rules = {
        path: Rule(path, spec, operators.overridden(spec.specs)) for path, spec in specs.items()
    }
    inside = {name for name, node in nodes.items() if name in outer or node.below}
    return Policy(rules, nodes, frozenset(inside))


def _owners(path: str, names: Sequence[str], outer: Sequence[str]) -> list[str]:
    """Return the columns that a path is about."""
    around = [name for name in names if is_inside(path, name)]
    known = [name for name in around if name in outer]
    if path in names:
        return [path, *known]
    return known or sorted(around, key=len)[-1:]
