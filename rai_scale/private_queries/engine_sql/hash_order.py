"""The rows that are kept of each unit, as SQL: the canonical hash of ``privacy.bounding``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rai_scale.engines.dialect import Dialect
from rai_scale.privacy.bounding import PRIME, Bounding, HashKey
from rai_scale.private_queries.engine_sql.row_values import Field

_P = f"CAST({PRIME} AS BIGINT)"
_BIG = 2.0**62
NEW = "is_new"
"""1 in the first kept row of a unit in a group, else 0: their sum counts units."""
_MOST_LAGS = 7


@dataclass(frozen=True)
class HashOrder:
    """Bounds the rows of each unit.

    Finding the units over their limit first, to order only their rows, would not be faster: the
    hash is cheap integer arithmetic, and the join costs as much as it saves.
    """

    dialect: Dialect
    key: HashKey
    unit: Field
    groups: Sequence[Field]
    values: Sequence[Field]

    def marks(self, bounding: Bounding) -> bool:
        """Return whether ``NEW`` can mark kept rows, which is cheaper than counting distinct units.

        Each row is compared with all kept rows before it, so there must be few.
        """
        return not self.groups or bounding.rows_per_unit <= _MOST_LAGS + 1

    def kept(self, source: str, bounding: Bounding, *, marked: bool = False) -> str:
        """Return a FROM item with the kept rows of ``source``, with ``NEW`` where ``marked``."""
        most = bounding.rows_per_unit
        if not self.groups:
            return self._cut(source, "u", bounding.rows_here, marked=marked)
        if bounding.rows_here < most:
            part = ", ".join(["u", *(g.name for g in self.groups)])
            source = self._cut(source, part, bounding.rows_here)
        if bounding.groups_here < most:
            source = self._cut(source, "u", bounding.groups_here, purpose="group")
        return self._cut(source, "u", most, marked=marked)

    def _cut(
        self, source: str, part: str, most: int, *, purpose: str = "row", marked: bool = False
    ) -> str:
        """Keep the first ``most`` rows (or, by ``purpose``, groups) of each ``part``."""
        groups = purpose == "group"
        fields = [*self.groups] if groups else [*self.groups, *self.values]
        rank = "dense_rank" if groups else "row_number"
        order = ", ".join(["h", *(f"{f.name} NULLS FIRST" for f in fields)])
        names = ", ".join(["u", *(f.name for f in (*self.groups, *self.values))])
        square = f"(t * t + {self._factor(f'{purpose} c')} * t) % {_P}"
        hashed = f"SELECT *, {self._linear(purpose, fields)} AS t FROM {source}"  # noqa: S608
        ordered = f"SELECT *, {square} AS h FROM ({hashed}) AS hashed"  # noqa: S608
        over = f"OVER (PARTITION BY {part} ORDER BY {order})"
        new = f", {self._new(over, most)} AS {NEW}" if marked else ""
        ranked = f"SELECT *, {rank}() {over} AS place{new} FROM ({ordered}) AS ordered"  # noqa: S608
        names += f", {NEW}" if marked else ""
        # written as place <= most, Spark would sort once more before the shuffle, for few rows less
        return f"(SELECT {names} FROM ({ranked}) AS ranked WHERE place - 1 < {int(most)}) AS kept"  # noqa: S608

    def _new(self, over: str, most: int) -> str:
        if not self.groups:
            return f"CASE WHEN row_number() {over} = 1 THEN 1 ELSE 0 END"
        seen = ["FALSE"]
        for i in range(1, most):
            same = [f"{g.name} IS NOT DISTINCT FROM lag({g.name}, {i}) {over}" for g in self.groups]
            seen.append(f"(row_number() {over} > {i} AND {' AND '.join(same)})")
        return f"CASE WHEN {' OR '.join(seen)} THEN 0 ELSE 1 END"

    def _factor(self, name: str) -> str:
        return f"CAST({self.key.factor(name)} AS BIGINT)"

    def _linear(self, purpose: str, fields: Sequence[Field]) -> str:
        terms = [self._factor(f"{purpose} b")]
        for i, f in enumerate([self.unit, *fields]):
            terms.append(f"({self._factor(f'{purpose} a{i}')} * {self._number(f)}) % {_P}")
        return f"({' + '.join(terms)}) % {_P}"

    def _number(self, f: Field) -> str:
        """Return a field's number in [0, P)."""
        number = f"((({self._whole(f)}) % {_P} + {_P}) % {_P})"
        return f"(CASE WHEN {f.name} IS NULL THEN CAST(0 AS BIGINT) ELSE {number} END)"

    def _whole(self, f: Field) -> str:
        dialect, name = self.dialect, f.name
        if f.value.kind in ("text", "decimal"):
            text = name if f.value.kind == "text" else dialect.digits(name)
            keyed = f"{dialect.text(self.key.text)} || {text}"
            return dialect.hex_number(f"substring({dialect.sha256(keyed)}, 1, 15)")
        if f.value.kind == "float":
            big, scaled = dialect.double(_BIG), f"{name} * {dialect.double(1024.0)}"
            return (
                f"CASE WHEN {scaled} > {big} OR {scaled} < -{big} THEN CAST(1 AS BIGINT) "
                f"ELSE CAST(floor({scaled}) AS BIGINT) END"
            )
        if f.value.kind == "bool":
            return f"CASE WHEN {name} THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END"
        if f.value.kind == "date":
            return dialect.days(name)
        return dialect.micros(name) if f.value.kind == "time" else name
