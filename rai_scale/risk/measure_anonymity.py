"""k-anonymity and its relatives, from native counts of rows per (class, sensitive value)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.engines import engine_of
from rai_scale.errors import ConfigError, check_columns
from rai_scale.names import Names, names_of
from rai_scale.risk import wide_sql
from rai_scale.risk.anonymity_result import Anonymity
from rai_scale.risk.class_measures import (
    BY_GROUP,
    MEASURED,
    by_size,
    measures_of,
    risk_by_group,
    text_notes,
)
from rai_scale.risk.class_sql import EXTREMES, ClassSql
from rai_scale.risk.columns import (
    Columns,
    float_notes,
    mixed_notes,
    one_role_each,
    refuse_measured,
    short_columns,
)
from rai_scale.risk.orders import Order, checked_orders, order_sql
from rai_scale.risk.value_shares import known_shares
from rai_scale.statistics.cells import MAX_CELLS

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

Missing = Literal["value", "any"]


def anonymity(
    frame: Any,
    *,
    quasi_identifiers: Names,
    sensitive: Names = (),
    ordered: Mapping[str, Order] | None = None,
    person: str | None = None,
    missing: Missing = "value",
    by: Names | None = None,
    harmonise: Literal["others"] | None = None,
) -> Anonymity:
    """Measure how well a table hides people in classes of equal quasi-identifiers; executes.

    A class is all rows with the same quasi-identifiers. Of each measure, the worst class counts.
    With p(v) the share of a sensitive value in a class and q(v) that in the table:

    - ``k``: the rows of the smallest class (Samarati and Sweeney, 1998);
    - ``distinct_l``: distinct values; ``entropy_l``: exp of the entropy of p; ``recursive_c``: the
      largest r1 / (rl + ... + rm), with the counts r sorted from the largest and l =
      ``distinct_l``. Recursive (c, l)-diversity holds for every larger c (Machanavajjhala et al.,
      2007);
    - ``t``: the earth mover's distance of p and q, with equal or ordered distances (Li et al.,
      2007);
    - ``delta``: the largest abs(ln(p / q)) over the values of a class (Brickell and Shmatikov,
      2008; a value that a class lacks would make it infinite, and is left out as in pyCANON);
    - ``beta``: the largest (p - q) / q; ``enhanced_beta``: min(beta, -ln(smallest q)); and
      ``enhanced_holds``: whether every gain is at most -ln(q) (Cao and Karras, 2012);
    - ``alpha``: the largest p (Wong et al., 2006).

    Nothing is rounded. Only the histogram of class sizes comes to the driver.

    Parameters
    ----------
    frame : DataFrame, DuckDB relation or pyarrow.Table
        pandas, Dask or Spark (classic or Connect).
    quasi_identifiers : str or sequence of str
        The columns by which somebody may know a person, such as age, gender and zip code. Any
        type except structs, maps and lists of values that are not numbers.
    sensitive : str or sequence of str
        The columns that must not become known. Null is a value of its own.
    ordered : mapping of str to bool or sequence, optional
        Sensitive columns whose values have an order, which ``t`` then uses: True for numbers and
        times, or the list of all values from the lowest to the highest. Null comes last. All
        other columns, also numbers, have the distance 1 between different values.
    person : str, optional
        The column that identifies a person who may have several rows. Distinct people are then
        counted instead of rows; rows without an identifier count as one person.
    missing : {"value", "any"}
        A null quasi-identifier is a value of its own, or may be any value. With ``"any"`` the
        rows that may be a given row are those that are equal to it or null in every column; the
        true value of a null may be found nowhere else in the table, so that only nulls fit it.
    by : str or sequence of str, optional
        Also report the risk of each group of rows, for example per region.
    harmonise : {"others"}, optional
        For each sensitive column, the other sensitive columns become quasi-identifiers.

    Returns
    -------
    Anonymity

    Raises
    ------
    ConfigError
        If the table has no rows, a column has two roles or no order, or an option is unknown.
    MissingColumnError
        If a column does not exist.
    TooManyGroupsError
        On Dask: with ``missing="any"`` for more than 2,000,000 combinations of values, and for
        more than 100,000 distinct values of a sensitive column.
    """
    keys, others = names_of(quasi_identifiers), names_of(sensitive)
    groups, people = names_of(by), names_of(person)
    _check_options(keys, missing, harmonise, person)
    orders = checked_orders(ordered, others)
    one_role_each({"quasi-identifier": keys, "sensitive": others, "person": people})
    one_role_each({"by": groups, "person": people})
    refuse_measured(groups, BY_GROUP)
    one = _Measured(engine_of(frame), frame, keys, person, missing)
    check_columns([*keys, *others, *groups, *people], one.engine.columns(frame))
    notes = mixed_notes(frame, [*keys, *others])
    columns = short_columns(one.engine, frame, {n: f"q{i}" for i, n in enumerate(keys)})
    notes += float_notes(one.engine, columns)
    if missing == "any" and not one.engine.sql_sees_all:
        one = one.counted_here([*others, *groups])
    found = [
        one.column(name, [o for o in others if o != name and harmonise], orders.get(name))
        for name in others
    ]
    sizes = found[0].sizes if found and (not harmonise or len(others) == 1) else one.sizes()
    return Anonymity(
        sizes=sizes[["size", "classes", "covered"]],
        diversity=pd.DataFrame(
            [one_found.measures for one_found in found], columns=["column", "distance", *MEASURED]
        ),
        groups=one.groups(groups) if groups else None,
        quasi_identifiers=tuple(keys),
        counted="people" if person else "rows",
        notes=(*notes, *text_notes(sizes, keys)),
    )


def class_sizes(frame: Any, keys: Sequence[str], person: str | None, keep: int = 1) -> pd.DataFrame:
    """Return the histogram of class sizes, of one of ``keep`` classes; executes."""
    return _Measured(engine_of(frame), frame, [*keys], person, "value").sizes(keep)


@dataclass(frozen=True)
class _Column:
    measures: dict[str, Any]
    sizes: pd.DataFrame


@dataclass(frozen=True)
class _Measured:
    """A table, its quasi-identifiers, and how nulls and people are counted."""

    engine: Engine
    frame: Any
    keys: list[str]
    person: str | None
    missing: str
    weight: str | None = None

    def counted_here(self, others: Sequence[str]) -> _Measured:
        """Return the same table as counts of its distinct rows, on this machine."""
        names = list(dict.fromkeys([*self.keys, *others]))
        short = {name: f"x{i}" for i, name in enumerate(names)}
        data = self.engine.with_names(self.frame, short)
        table = self.engine.group_counts(data, [*short.values()], limit=MAX_CELLS)
        weight = "w" + "".join(names)  # no column has this name
        table = table.select([*short.values(), "count"]).rename_columns([*names, weight])
        return replace(self, engine=engine_of(table), frame=table, weight=weight)

    def sizes(self, keep: int = 1) -> pd.DataFrame:
        """Return the histogram of class sizes."""
        columns, sql = self._prepared({}, [])
        return by_size(self._totals(columns, replace(sql, keep=keep)))

    def column(self, name: str, others: list[str], order: Order | None) -> _Column:
        """Return the measures of one sensitive column."""
        columns, sql = self._prepared({name: "s"}, others)
        ordering = order_sql(name, order, columns.types["s"], self.engine.dialect)
        sql = replace(sql, order=ordering)
        if isinstance(order, Sequence):
            self._check_listed(name, columns, sql)
        if not self.engine.sql_sees_all:
            sql = replace(sql, known=known_shares(self.engine, columns, sql))
        one_pass = self.engine.sql_sees_all and not sql.spark
        number = self._few_values(columns, sql) if one_pass else None
        totals = self._totals(columns, replace(sql, one_pass=one_pass), number)
        measures = measures_of(totals)
        if measures["distinct_l"] > 2 and not one_pass:  # noqa: PLR2004
            measures["recursive_c"] = self._recursive(columns, sql, measures["distinct_l"])
        distance = "ordered" if ordering else "equal"
        return _Column({"column": name, "distance": distance, **measures}, by_size(totals))

    def groups(self, by: list[str]) -> pd.DataFrame:
        """Return the risk of each group of rows."""
        short = {name: f"b{i}" for i, name in enumerate(by) if name not in self.keys}
        columns, sql = self._prepared(short, [])
        names = [columns.short[name] for name in by]
        rows = sql.rows(columns.floats, part=not self.engine.sql_sees_all, more=[*short.values()])
        table = self._run(columns.data, rows, sql.group_totals(names), [*names, "size"])
        places = [f"g{i}" for i in range(len(by))]
        return risk_by_group(table.rename_columns([*places, "size", "covered"]).to_pandas(), by)

    def _prepared(self, more: Mapping[str, str], others: list[str]) -> tuple[Columns, ClassSql]:
        keys = [*self.keys, *others]
        short = {name: f"q{i}" for i, name in enumerate(keys)} | dict(more)
        if self.person:
            short[self.person] = "p"
        if self.weight:
            short[self.weight] = "w"
        columns = short_columns(self.engine, self.frame, short)
        names = tuple(f"q{i}" for i in range(len(keys)))
        sql = ClassSql(
            names,
            spark=self.engine.dialect != "duckdb",
            sensitive="s" in short.values(),
            person=self.person is not None,
            texts=tuple(name for name in names if name in columns.texts),
            weighted=self.weight is not None,
        )
        return columns, replace(sql, masks=self._masks(columns, sql))

    def _masks(self, columns: Columns, sql: ClassSql) -> tuple[int, ...]:
        if self.missing == "value":
            return ()
        rows = sql.rows()
        table = self.engine.aggregate_sql(columns.data, rows, sql.mask_totals(), keys=["mask"])
        masks = sorted(table["mask"].to_pylist())
        return tuple(masks) if any(masks) else ()

    def _run(self, data: Any, rows: str, totals: str, keys: Sequence[str]) -> pa.Table:
        together = [] if self.engine.sql_sees_all else ["part"]
        return self.engine.aggregate_sql(data, rows, totals, keys=keys, together=together)

    def _few_values(self, columns: Columns, sql: ClassSql) -> int | None:
        """Return the number of sensitive values, if it is small and there are many classes."""
        if sql.person or sql.masks or sql.weighted:
            return None
        rows = sql.rows(columns.floats)
        first = self._run(columns.data, rows, wide_sql.sampled(sql), ["one"]).to_pylist()[0]
        many = (
            first["n"] >= wide_sql.SAMPLE_ROWS and first["c"] >= wide_sql.LEAST_SHARE * first["n"]
        )
        if not many or first["v"] > wide_sql.MOST_VALUES:
            return None
        table = self._run(columns.data, rows, wide_sql.values(sql), ["one"])
        number = int(table["v"][0].as_py())
        return number if number <= wide_sql.MOST_VALUES else None

    def _totals(self, columns: Columns, sql: ClassSql, number: int | None = None) -> pd.DataFrame:
        rows = sql.rows(columns.floats, part=not self.engine.sql_sees_all)
        keys = ["size", *(EXTREMES if sql.sensitive else ())]
        totals = sql.totals() if number is None else wide_sql.wide_totals(sql, number)
        table = self._run(columns.data, rows, totals, keys)
        if not table.num_rows and sql.keep == 1:
            raise ConfigError("the table has no rows, so nothing can be measured.")
        return table.to_pandas()

    def _recursive(self, columns: Columns, sql: ClassSql, distinct: int) -> float:
        rows = sql.rows(columns.floats, part=not self.engine.sql_sees_all)
        table = self._run(columns.data, rows, sql.recursive_totals(distinct), ["c"])
        return float(np.nanmax(table["c"].to_numpy()))

    def _check_listed(self, name: str, columns: Columns, sql: ClassSql) -> None:
        rows = sql.rows(columns.floats, part=not self.engine.sql_sees_all)
        table = self._run(columns.data, rows, sql.unlisted_totals(), ["one"])
        missing = sum(table["n"].to_pylist())
        if missing:
            raise ConfigError(
                f"ordered: {missing:,} rows have a value of column {name!r} that is not listed. "
                "List all values."
            )


def _check_options(keys: list[str], missing: str, harmonise: object, person: str | None) -> None:
    if not keys:
        raise ConfigError("quasi_identifiers: name at least one column.")
    if missing not in ("value", "any"):
        raise ConfigError(f"missing: {missing!r} is not 'value' or 'any'.")
    if harmonise not in (None, "others"):
        raise ConfigError(f"harmonise: {harmonise!r} is not 'others' or None.")
    if missing == "any" and person is not None:
        raise ConfigError(
            "missing='any' counts rows, and cannot be combined with person. Use missing='value'."
        )
