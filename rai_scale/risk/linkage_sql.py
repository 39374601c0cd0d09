"""The SQL of a linkage attack: counts of both tables, joined on blocks and never row by row.

Columns have short names: ``r0`` ... published values, ``x0`` ... known values, ``b0`` ... blocks,
one per condition; ``n`` published rows, ``m`` known rows, ``t`` true published rows of a known row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from rai_scale.engines.dialect import Dialect
from rai_scale.engines.sql_verbs import SQL_DATA
from rai_scale.risk.bands import Blocks
from rai_scale.risk.conditions import Condition, match_sql, value_sql

# all texts of SQL in this module are made of fixed names and numbers
# ruff: noqa: S608

_BAND = ("lo", "hi", "lo_open", "hi_open")
_LARGE = 1e15


@dataclass(frozen=True)
class LinkageSql:
    """The SELECT statements for some conditions.

    Attributes
    ----------
    conditions : tuple of Condition
    columns : tuple of (str, str)
        Per condition, the short name of the published and of the known column.
    types : tuple of (pyarrow.DataType, pyarrow.DataType)
        Their types.
    blocks : mapping of int to Blocks
        The bands of each condition ``within_band``, by its place.
    dialect : Dialect
    part : bool
        Whether rows that must meet need a common hash, as on Dask.
    """

    conditions: tuple[Condition, ...]
    columns: tuple[tuple[str, str], ...]
    types: tuple[tuple[pa.DataType, pa.DataType], ...]
    blocks: Mapping[int, Blocks]
    dialect: Dialect
    part: bool

    def only(self, at: int) -> LinkageSql:
        """Return the statements for one condition alone."""
        blocks = {0: self.blocks[at]} if at in self.blocks else {}
        one = slice(at, at + 1)
        columns, types = self.columns[one], self.types[one]
        return replace(
            self, conditions=self.conditions[one], columns=columns, types=types, blocks=blocks
        )

    def published_values(self, extra: str = "") -> str:
        """Return the SELECT of the published values ``r`` per row; ``extra`` is selected too."""
        return f"SELECT {extra}{', '.join(self._values(0, 'r'))} FROM {SQL_DATA}"

    def known_values(self, extra: str = "") -> str:
        """Return the SELECT of the known values ``x`` per row; ``extra`` is selected too."""
        return f"SELECT {extra}{', '.join(self._values(1, 'x'))} FROM {SQL_DATA}"

    def published_counts(self) -> str:
        """Return the SELECT of the rows ``n`` per combination of published values."""
        keys = self._all("r")
        counts = f"SELECT {keys}, CAST(count(*) AS BIGINT) AS n"
        return f"{counts} FROM ({self.published_values()}) AS v GROUP BY {keys}"

    def known_counts(self) -> str:
        """Return the SELECT of the rows ``m`` per combination of known values, without truth."""
        keys = self._all("x")
        counts = f"SELECT {keys}, CAST(0 AS BIGINT) AS t, CAST(count(*) AS BIGINT) AS m"
        return f"{counts} FROM ({self.known_values()}) AS v GROUP BY {keys}"

    def with_bands(self, *, blocks: bool) -> str:
        """Return the SELECT of table ``p`` with the ends of each band, and with its blocks."""
        names = [*_BAND, *(["b"] if blocks else [])]
        added = "".join(f", e{at}.{n} AS {n}{at}" for at in self.blocks for n in names)
        joins = "".join(f" JOIN e{at} ON p.r{at} = e{at}.r" for at in self.blocks)
        return f"SELECT p.*{added} FROM p{joins}"

    def band_tables(self, *, blocks: bool) -> dict[str, pa.Table]:
        """Return the tables that :meth:`with_bands` joins."""
        names = ["r", *_BAND]
        return {
            f"e{at}": b.table if blocks else b.table.select(names).group_by(names).aggregate([])
            for at, b in self.blocks.items()
        }

    def published_blocks(self, counts: str = SQL_DATA, extra: str = "") -> str:
        """Return the SELECT of published counts in each of their blocks."""
        source = f"SELECT *{self._equal_blocks('r')} FROM {counts}"
        for at, one in enumerate(self.conditions):
            if one.kind == "near":
                block = self._near_block(at, f"r{at}")
                several = "explode(array(-1, 0, 1))" if self.dialect.spark else "unnest([-1, 0, 1])"
                source = f"SELECT *, {block} AS d{at}, {several} AS o{at} FROM ({source}) AS s"
                source = f"SELECT *, d{at} + CAST(o{at} AS BIGINT) AS b{at} FROM ({source}) AS s"
        names = [*self._names("r"), *self._names("b"), *self._band_names(), "n"]
        return f"SELECT {extra}{', '.join(names)}{self._meet('b')} FROM ({source}) AS s"

    def known_blocks(self, counts: str = SQL_DATA) -> str:
        """Return the SELECT of known counts with their block."""
        keys = ", ".join([*self._names("x"), *self._names("b"), "t"])
        added = f"SELECT {keys}, CAST(sum(m) AS BIGINT) AS m"
        grouped = f"{added} FROM ({self._with_known_blocks(counts)}) AS s GROUP BY {keys}"
        return f"SELECT *{self._meet('b')} FROM ({grouped}) AS g"

    def known_row_blocks(self) -> str:
        """Return the SELECT of known values and row ids with their block."""
        names = ", ".join(["id", *self._names("x"), *self._names("b")])
        return f"SELECT {names}{self._meet('b')} FROM ({self._with_known_blocks(SQL_DATA)}) AS s"

    def candidates(self) -> str:
        """Return the SELECT of ``c``, the published rows that a combination of values may be.

        From the tables ``p`` (:meth:`published_blocks`) and ``k`` (:meth:`known_blocks`). ``v`` is
        the number of distinct published values among them.
        """
        keys = ", ".join([*self._names("r"), *self._names("b"), *self._band_names()])
        a = f"SELECT {keys}, CAST(sum(n) AS BIGINT) AS n FROM p GROUP BY {keys}"
        known = ", ".join([*self._names("x"), *self._names("b"), "t"])
        b = f"SELECT {known}, CAST(sum(m) AS BIGINT) AS m FROM k GROUP BY {known}"
        names = [*self._names("x"), "t", "m"]
        shown, kept = ", ".join(names), ", ".join(f"b.{name}" for name in names)
        # an outer join on more than equal columns would compare all rows with all
        found = f"SELECT {kept}, a.n, a.r0 FROM b JOIN a ON {self._same_blocks('a', 'b')}"
        nothing = f"SELECT {shown}, NULL AS n, NULL AS r0 FROM b"
        return (
            f"SELECT {shown}, CAST(coalesce(sum(n), 0) AS BIGINT) AS c, count(n) AS v, "
            f"min(r0) AS s FROM (WITH a AS ({a}), b AS ({b}) {found} UNION ALL {nothing}) AS f "
            f"GROUP BY {shown}"
        )

    def truth(self) -> str:
        """Return the SELECT of ``t`` per known row: its own published rows that match it.

        From ``p`` (values and ``id``), ``k`` (values and ``id``) and the bands.
        """
        keys = ", ".join(["id", *self._names("r"), *self._band_names()])
        banded = self.with_bands(blocks=False)
        a = f"SELECT {keys}, count(*) AS n FROM ({banded}) AS p GROUP BY {keys}"
        known = ", ".join(["id", *self._names("x")])
        b = f"SELECT {known}, CAST(count(*) AS BIGINT) AS m FROM k GROUP BY {known}"
        shown = ", ".join(f"b.{n}" for n in self._names("x"))
        match = " AND ".join(
            match_sql(at, one, "a", "b") or f"a.r{at} = b.x{at}"
            for at, one in enumerate(self.conditions)
        )
        return (
            f"SELECT {shown}, b.m, CAST(coalesce(sum(CASE WHEN {match} THEN a.n END), 0) AS BIGINT)"
            f" AS t FROM ({b}) AS b LEFT JOIN ({a}) AS a ON a.id = b.id GROUP BY b.id, {shown}, b.m"
        )

    def pairs(self) -> str:
        """Return the SELECT of the pairs of row ids that match."""
        return (
            f"SELECT a.id AS published_id, b.id AS known_id FROM p AS a JOIN k AS b "
            f"ON {self._same_blocks('a', 'b')}"
        )

    def hash_of(self, names: Sequence[str]) -> str:
        """Return the SQL of the hash by which rows meet, as a last column; or nothing."""
        return f", CAST(hash({', '.join(names)}) >> 1 AS BIGINT) AS part" if self.part else ""

    def _meet(self, letter: str) -> str:
        return self.hash_of(self._names(letter))

    def _values(self, side: int, letter: str) -> list[str]:
        return [f"{self._value(at, side)} AS {letter}{at}" for at in range(len(self.conditions))]

    def _value(self, at: int, side: int) -> str:
        column = self.columns[at][side]
        if side == 0 and at in self.blocks:
            return column  # the text of a band
        return value_sql(self.conditions[at], column, self.types[at], self.dialect)

    def _names(self, letter: str) -> list[str]:
        return [f"{letter}{at}" for at in range(len(self.conditions))]

    def _all(self, letter: str) -> str:
        return ", ".join(self._names(letter))

    def _band_names(self) -> list[str]:
        return [f"{name}{at}" for at in self.blocks for name in _BAND]

    def _equal_blocks(self, letter: str) -> str:
        return "".join(
            f", {letter}{at} AS b{at}"
            for at, one in enumerate(self.conditions)
            if one.kind in ("equal", "prefix")
        )

    def _with_known_blocks(self, counts: str) -> str:
        blocks = self._equal_blocks("x")
        for at, one in enumerate(self.conditions):
            if one.kind == "near":
                blocks += f", {self._near_block(at, f'x{at}')} AS b{at}"
            elif at in self.blocks:
                blocks += f", {self.blocks[at].of(f'x{at}')} AS b{at}"
        return f"SELECT *{blocks} FROM {counts}"

    def _near_block(self, at: int, value: str) -> str:
        # a little wider than the distance, so that rounding cannot skip a block
        width = (float(self.conditions[at].size) or 1.0) * (1 + 1e-9)
        scaled = f"floor({value} / CAST('{width!r}' AS DOUBLE))"
        small = f"abs({scaled}) < CAST('{_LARGE!r}' AS DOUBLE)"
        return f"CASE WHEN {small} THEN CAST({scaled} AS BIGINT) END"

    def _same_blocks(self, p: str, k: str) -> str:
        same = [f"{p}.b{at} = {k}.b{at}" for at in range(len(self.conditions))]
        more = [match_sql(at, one, p, k) for at, one in enumerate(self.conditions)]
        return " AND ".join([*same, *filter(None, more)])
