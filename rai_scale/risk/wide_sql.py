"""The SQL of many classes with few sensitive values: one count per value, side by side (DuckDB).

With about as many classes as rows, counting rows per (class, value) and then per class takes most
of the time. Here a class is one row with the counts ``n0`` ... of all values, by their rank. Its
measures depend on these counts alone, so that classes with equal counts are measured once.
"""

from __future__ import annotations

from rai_scale.engines.sql_verbs import SQL_ROWS
from rai_scale.risk.class_sql import WORST, ClassSql
from rai_scale.risk.sql_parts import count, double, odd_text

# all texts of SQL in this module are made of fixed names and numbers
# ruff: noqa: S608

SAMPLE_ROWS = 50_000
MOST_VALUES = 16
LEAST_SHARE = 0.2
"""Classes per row, in the first rows, from which on this way is faster."""


def sampled(sql: ClassSql) -> str:
    """Return the SELECT of the numbers of rows, classes and values in the first rows."""
    keys = ", ".join(sql.keys)
    first = f"SELECT {keys}, s FROM {SQL_ROWS} LIMIT {SAMPLE_ROWS}"
    return (
        f"SELECT 1 AS one, {count('count(*)')} AS n, {count(f'count(DISTINCT ({keys}))')} AS c, "
        f"{count('count(DISTINCT s)')} AS v FROM ({first}) AS f"
    )


def values(sql: ClassSql) -> str:
    """Return the SELECT of the number of sensitive values; null is one."""
    return (
        f"SELECT 1 AS one, {count('count(*)')} AS v FROM (SELECT DISTINCT s FROM {SQL_ROWS}) AS d"
    )


def wide_totals(sql: ClassSql, number: int) -> str:
    """Return :meth:`ClassSql.totals` for ``number`` sensitive values."""
    keys = ", ".join(sql.keys)
    places = range(number)
    order = sql.order or "s"
    rank = f"row_number() OVER (ORDER BY {order} NULLS LAST) - 1"
    shares = (
        f"SELECT s, n / sum(n) OVER () AS q, {rank} AS r FROM "
        f"(SELECT s, {double('count(*)')} AS n FROM {SQL_ROWS} GROUP BY s) AS v"
    )
    counts = ", ".join(f"count(*) FILTER (WHERE v.r = {i}) AS n{i}" for i in places)
    odd = [(f"odd_{name}", odd_text(name, spark=False)) for name in sql.texts]
    odds = "".join(f", {count(f'sum({text})')} AS {name}" for name, text in odd)
    wide = (
        f"SELECT {counts}{odds} FROM {SQL_ROWS} JOIN shares AS v "
        f"ON {SQL_ROWS}.s IS NOT DISTINCT FROM v.s GROUP BY {keys}"
    )
    names = ", ".join(f"n{i}" for i in places)
    summed = "".join(f", sum({name}) AS {name}" for name, _ in odd)
    equal = f"SELECT {names}, count(*) AS m{summed} FROM ({wide}) AS w GROUP BY {names}"
    q = ", ".join(f"max(CASE WHEN r = {i} THEN q END) AS p{i}" for i in places)
    total = " + ".join(f"n{i}" for i in places)
    sized = f"SELECT *, {double(total)} AS nc FROM ({equal}) AS e, (SELECT {q} FROM shares) AS p"
    shown = "".join(f", {count(f'sum({name})')} AS {name}" for name, _ in odd)
    tail = "list_sum(list_sort(l, 'DESC')[(SELECT min(d) FROM found):])"
    few = f"SELECT max(top / {tail}) FROM found WHERE (SELECT min(d) FROM found) > 2"
    return (
        f"SELECT * FROM (WITH shares AS MATERIALIZED ({shares}), "
        f"found AS MATERIALIZED (SELECT {_measured(sql, number)} FROM ({sized}) AS c) "
        f"SELECT {count('nc')} AS size, {WORST}{count('sum(m)')} AS classes, "
        f"{count('sum(m * nc)')} AS covered{shown}, ({few}) AS cl FROM found GROUP BY nc) AS w"
    )


def _measured(sql: ClassSql, number: int) -> str:
    """Return the measures of a class from its counts; see :meth:`ClassSql.totals`."""
    places = range(number)

    def all_of(form: str, between: str = ", ") -> str:
        return between.join(form.format(i=i) for i in places)

    if sql.order:
        gaps = []
        for last in range(number - 1):
            gaps.append(" + ".join(f"n{i} / nc - p{i}" for i in range(last + 1)))
        far = " + ".join(f"abs({gap})" for gap in gaps) or "0.0"
        t = f"({far}) / {max(number - 1, 1)}"
    else:
        t = f"({all_of('abs(n{i} / nc - p{i})', ' + ')}) / 2"
    there = "CASE WHEN n{i} > 0 THEN %s END"
    beyond = all_of("n{i} / nc / p{i} - 1 > -ln(p{i})", " OR ")
    odd = "".join(f", odd_{name}" for name in sql.texts)
    return (
        f"nc, m, [{all_of('n{i}')}] AS l, ({all_of('CAST(n{i} > 0 AS INT)', ' + ')}) AS d, "
        f"greatest({all_of('n{i}')}) AS top, {t} AS t, "
        f"({all_of('CASE WHEN n{i} > 1 THEN n{i} * ln(n{i}) ELSE 0 END', ' + ')}) AS nlogn, "
        f"greatest({all_of('n{i} / p{i}')}) AS up, least({all_of(there % 'n{i} / p{i}')}) AS down, "
        f"CASE WHEN {beyond} THEN 1 ELSE 0 END AS beyond, least({all_of('p{i}')}) AS rarest{odd}"
    )
