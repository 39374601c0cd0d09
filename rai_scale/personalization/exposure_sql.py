"""The statements of an audit of exposure; every one adds up over people, who stay together.

Rows are long: one per event and kind of group. ``b`` is the number of the group column (0: all
rows), ``g`` the group as text, ``t`` the period, ``p`` the person, ``i`` the item, ``c`` the
category, ``e`` the exposure, and, if asked for, ``r`` the relevance, ``x`` 1 for exploration, ``q``
the quality, and ``l0`` ... the columns that identify a list of a person.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from rai_scale.engines.dialect import Dialect
from rai_scale.engines.sql_verbs import SQL_DATA, SQL_ROWS
from rai_scale.errors import ConfigError

# all texts of SQL in this module are made of fixed names and numbers
# ruff: noqa: S608

MISSING = "missing"
_MONTHS = 12


@dataclass(frozen=True)
class ExposureSql:
    """What is in the frame, whose columns are p, i, c, t, pos, r, q, prop, l0 ... and g1 ...

    Attributes
    ----------
    dialect : Dialect
    groups : int
        The number of group columns.
    list_columns : int
        The number of columns that identify a list.
    columns : tuple of str
        Which of ``c``, ``pos``, ``r``, ``q`` and ``prop`` there are.
    time : str
        The expression of the period, an integer.
    explore_below : float
    part : bool
        Whether rows need a hash of their person, to bring people together.
    """

    dialect: Dialect
    groups: int
    list_columns: int
    columns: tuple[str, ...]
    time: str
    explore_below: float
    part: bool

    def rows(self) -> str:
        """Return the SELECT of the long rows."""
        return " UNION ALL ".join(self._one(b) for b in range(self.groups + 1))

    def _one(self, b: int) -> str:
        group = self._text(f"g{b}") if b else "''"
        has = self.columns.__contains__
        made = [f"{b} AS b", f"{group} AS g", f"{self.time} AS t", "p", "i"]
        made += [f"{self._text('c') if has('c') else self._text('i')} AS c"]
        exposure = "1.0 / log2(1.0 + CAST(pos AS DOUBLE))" if has("pos") else "CAST(1 AS DOUBLE)"
        made += [f"{exposure} AS e"]
        made += ["CAST(r AS DOUBLE) AS r"] if has("r") else []
        made += ["CAST(q AS DOUBLE) AS q"] if has("q") else []
        if has("prop"):
            limit = self.dialect.double(self.explore_below)
            made += [f"CASE WHEN CAST(prop AS DOUBLE) < {limit} THEN 1 ELSE 0 END AS x"]
        made += [f"l{n}" for n in range(self.list_columns)]
        made += ["CAST(hash(p) >> 1 AS BIGINT) AS part"] if self.part else []
        return f"SELECT {', '.join(made)} FROM {SQL_DATA}"

    def _text(self, name: str) -> str:
        kind = "STRING" if self.dialect.spark else "VARCHAR"
        return f"coalesce(CAST({name} AS {kind}), '{MISSING}')"

    def counts(self) -> str:
        """Return rows, people and sums per item, category and group; with and without periods."""
        sets = ["b, g, t, i", "b, g, i", "b, g, t, c", "b, g, c", "b, g, t", "b, g", "b, i, c"]
        sums = ["sum(e) AS e"]
        has = self.columns.__contains__
        sums += ["sum(r) AS r"] if has("r") else []
        people = ["count(DISTINCT p) AS people"]
        if has("prop"):
            sums += ["CAST(sum(x) AS BIGINT) AS x"]
            people += ["count(DISTINCT CASE WHEN x = 1 THEN p END) AS reached"]
        grouping = ", ".join(f"CAST(grouping({k}) AS INT) AS z{k}" for k in "tic")
        return (
            f"SELECT b, g, t, i, c, {grouping}, CAST(count(*) AS BIGINT) AS n, "
            f"{', '.join([*people, *sums])} FROM {SQL_ROWS} "
            f"GROUP BY GROUPING SETS ({', '.join(f'({one})' for one in sets)})"
        )

    def shares(self) -> str:
        """Return, per category, totals over people of products of their rows; for intervals."""
        each = self._per_person("b, g, t, p")
        whole = self._per_person("b, g, p")
        totals = "sum(y * y) AS yy, sum(y * n) AS yn"
        return (
            f"SELECT 0 AS z, b, g, t, c, {totals} FROM ({each}) AS a GROUP BY b, g, t, c "
            f"UNION ALL SELECT 1 AS z, b, g, CAST(NULL AS BIGINT) AS t, c, {totals} "
            f"FROM ({whole}) AS a GROUP BY b, g, c"
        )

    def trends(self, start: int) -> str:
        """Return, per category, totals over people for the test of a trend; t counts from start."""
        each = self._per_person("b, g, p", start)
        products = ("aa", "ay", "am", "an", "yy", "ym", "yn")
        totals = ", ".join(f"sum({one[0]} * {one[1]}) AS {one}" for one in products)
        return (
            f"SELECT b, g, c, {totals}, sum(y) AS y, sum(a) AS a FROM ({each}) AS s "
            "GROUP BY b, g, c"
        )

    def _per_person(self, keys: str, start: int = 0) -> str:
        """Return rows (y), their periods (a), and those of all categories (n, m) of a person."""
        t = f"CAST(t - {self.dialect.integer(start)} AS DOUBLE)"
        inner = (
            f"SELECT {keys}, c, CAST(count(*) AS DOUBLE) AS y, sum({t}) AS a FROM {SQL_ROWS} "
            f"GROUP BY {keys}, c"
        )
        return (
            f"SELECT *, sum(y) OVER (PARTITION BY {keys}) AS n, "
            f"sum(a) OVER (PARTITION BY {keys}) AS m FROM ({inner}) AS own"
        )

    def quality(self) -> str:
        """Return totals over people of their quality and of its products."""
        parts = []
        for z, keys, t in ((0, "b, g, t", "t"), (1, "b, g", "CAST(NULL AS BIGINT) AS t")):
            inner = (
                f"SELECT {keys}, p, sum(q) AS q, CAST(count(q) AS DOUBLE) AS n FROM {SQL_ROWS} "
                f"WHERE q IS NOT NULL GROUP BY {keys}, p"
            )
            parts.append(
                f"SELECT {z} AS z, b, g, {t}, sum(q) AS q, sum(n) AS n, sum(q * q) AS qq, "
                f"sum(q * n) AS qn, sum(n * n) AS nn, CAST(count(*) AS BIGINT) AS people "
                f"FROM ({inner}) AS own GROUP BY {keys}"
            )
        return " UNION ALL ".join(parts)

    def diversity(self) -> str:
        """Return the number of lists and the sum of their diversities."""
        names = ", ".join(["b", "g", "t", "p", *(f"l{n}" for n in range(self.list_columns))])
        inner = (
            f"SELECT {names}, c, CAST(count(*) AS DOUBLE) AS n FROM {SQL_ROWS} GROUP BY {names}, c"
        )
        each = (
            f"SELECT {names}, sum(n) AS n, sum(n * (n - 1)) AS same FROM ({inner}) AS own "
            f"GROUP BY {names}"
        )
        return (
            "SELECT b, g, t, CAST(count(*) AS BIGINT) AS lists, "
            f"sum(1 - same / (n * (n - 1))) AS diversity FROM ({each}) AS lists "
            "WHERE n > 1 GROUP BY b, g, t"
        )

    def drift(self) -> str:
        """Return entropies of people's categories, and divergences from their period before."""
        keys = "b, g, t, p"
        inner = (
            f"SELECT {keys}, c, CAST(count(*) AS DOUBLE) AS y FROM {SQL_ROWS} GROUP BY {keys}, c"
        )
        share = (
            f"SELECT {keys}, c, y / sum(y) OVER (PARTITION BY {keys}) AS s FROM ({inner}) AS own"
        )
        entropy = (
            f"SELECT {keys}, sum(-s * ln(s)) AS h, 0.0 AS j, 1 AS people, 0 AS pairs "
            f"FROM ({share}) AS shares GROUP BY {keys}"
        )
        after = (
            f"SELECT {keys}, lead(t) OVER (PARTITION BY b, g, p ORDER BY t) AS after "
            f"FROM (SELECT DISTINCT {keys} FROM {SQL_ROWS}) AS periods"
        )
        same = "k.b = s.b AND k.g = s.g AND k.t = s.t AND k.p = s.p"
        before = (
            f"SELECT s.b, s.g, k.after AS t, s.p, s.c, 0.0 AS s, s.s AS o FROM ({share}) AS s "
            f"JOIN ({after}) AS k ON {same} WHERE k.after IS NOT NULL"
        )
        both = f"SELECT {keys}, c, s, 0.0 AS o FROM ({share}) AS now UNION ALL {before}"
        pair = (
            f"SELECT {keys}, c, sum(s) AS s, sum(o) AS o FROM ({both}) AS joined GROUP BY {keys}, c"
        )
        half = "CASE WHEN {0} > 0 THEN {0} * ln(2 * {0} / (s + o)) ELSE 0.0 END"
        divergence = (
            f"SELECT {keys}, sum({half.format('s')} + {half.format('o')}) / 2 AS j "
            f"FROM ({pair}) AS pairs GROUP BY {keys} HAVING sum(o) > 0"
        )
        full = (
            f"{entropy} UNION ALL SELECT {keys}, 0.0 AS h, j, 0 AS people, 1 AS pairs "
            f"FROM ({divergence}) AS d"
        )
        return (
            "SELECT b, g, t, CAST(sum(people) AS BIGINT) AS people, sum(h) AS h, "
            f"CAST(sum(pairs) AS BIGINT) AS pairs, sum(j) AS j FROM ({full}) AS each "
            "GROUP BY b, g, t"
        )


def period_sql(dialect: Dialect, kind: str, every: str | None, column: str = "t") -> str:
    """Return the period of a column as an integer.

    Parameters
    ----------
    dialect : Dialect
    kind : {"int", "date", "time", "zoned"}
    every : {"day", "week", "month"}, optional
        Days and weeks count from 1970-01-01 (a Thursday; weeks begin on Monday), months from 1970.
    column : str
        The column, as it is written in SQL.
    """
    if kind == "int":
        return f"CAST({column} AS BIGINT)"
    day = column
    if kind == "zoned":
        day = f"CAST({dialect.local_time(column)} AS DATE)"
    elif kind == "time":
        day = f"CAST({column} AS DATE)"
    if every == "month":
        return (
            f"CAST((extract(YEAR FROM {day}) - 1970) * {_MONTHS} + extract(MONTH FROM {day}) - 1 "
            "AS BIGINT)"
        )
    days = dialect.days(day)
    return days if every == "day" else f"CAST(floor(({days} + 3) / 7.0) AS BIGINT)"


def period_kind(found: pa.DataType, name: str) -> str:
    """Return the kind of a period's column: ``int``, ``date``, ``time`` or ``zoned``.

    Raises
    ------
    ConfigError
        If it is none of these.
    """
    if pa.types.is_integer(found):
        return "int"
    if pa.types.is_date(found):
        return "date"
    if pa.types.is_timestamp(found):
        return "zoned" if found.tz else "time"
    raise ConfigError(f"{name}: a column of type {found} is not a time, a date or an integer.")


def period_name(value: int, kind: str, every: str | None) -> str:
    """Return a period as text: the number, the first day, or the month."""
    import datetime

    if kind == "int":
        return str(value)
    if every == "month":
        return f"{1970 + value // _MONTHS}-{value % _MONTHS + 1:02d}"
    days = value if every == "day" else value * 7 - 3
    return (datetime.date(1970, 1, 1) + datetime.timedelta(days=days)).isoformat()
