"""Tables of an audit of exposure, from the counts of its statements."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from rai_scale.errors import ConfigError, TooManyGroupsError
from rai_scale.personalization.exposure_loops import find_loops, slopes
from rai_scale.personalization.exposure_measures import entropy, gini, hhi, parity, ratio_interval
from rai_scale.personalization.exposure_result import Exposure
from rai_scale.personalization.exposure_sql import ExposureSql, period_name
from rai_scale.statistics.cells import MAX_CELLS

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

_KEYS = ["b", "g", "t"]
ALL = -(2**62)
"""The period of totals over all periods."""


@dataclass(frozen=True)
class Counted:
    """The statements, run on the frame."""

    engine: Engine
    data: Any
    sql: ExposureSql

    def run(self, totals: str, keys: list[str]) -> pd.DataFrame:
        """Run a statement; executes. Integers stay exact, and the period of totals is ALL."""
        together = ["part"] if self.sql.part else []
        table = self.engine.aggregate_sql(
            self.data, self.sql.rows(), totals, keys=keys, together=together
        )
        if table.num_rows > MAX_CELLS:
            raise TooManyGroupsError(["group", "period", "item"], MAX_CELLS)
        found = table.to_pandas(integer_object_nulls=True)
        if "t" in found:
            found["t"] = [ALL if t is None or t != t else int(t) for t in found["t"]]  # noqa: PLR0124
        return found


@dataclass(frozen=True)
class ExposureTables:
    """From counts to tables."""

    by: tuple[str, ...]
    timed: bool
    kind: str
    every: str
    catalogue: int | None
    alpha: float
    confidence: float

    def result(self, one: Counted) -> Exposure:
        """Run the statements and return the tables."""
        counts = one.run(one.sql.counts(), ["b", "g", "t", "i", "c", "zt", "zi", "zc"])
        if not len(counts):
            raise ConfigError("the log has no rows.")
        gone = int((counts["t"] == ALL)[(counts["zt"] == 0)].any())
        if gone:
            raise ConfigError("period: a time is missing. Leave those rows out and report it.")
        whole = counts[(counts["zi"] == 1) & (counts["zc"] == 1)]
        pairs = counts[(counts["zi"] == 0) & (counts["zc"] == 0)]
        sizes = pairs.groupby("c")["i"].nunique()
        items = counts[(counts["zi"] == 0) & (counts["zc"] == 1)]
        categories = counts[(counts["zc"] == 0) & (counts["zi"] == 1)]
        shares = one.run(one.sql.shares(), ["z", "b", "g", "t", "c"])
        cats = self._categories(categories, whole, shares)
        groups = self._groups(whole, items, cats, sizes)
        groups = self._with_people(groups, one)
        loops = self._loops(one, cats, whole)
        everywhere = items[items["t"] == ALL]
        return Exposure(
            self._named(groups),
            self._named(cats.drop(columns=["y"])),
            self._named(self._items(everywhere, whole)),
            loops,
            self._notes(whole),
        )

    def _notes(self, whole: pd.DataFrame) -> tuple[str, ...]:
        first = whole[(whole["b"] == 0) & (whole["t"] == ALL)].iloc[0]
        small = whole[(whole["t"] == ALL) & (whole["people"] < 2)]  # noqa: PLR2004
        notes = () if first["people"] > 1 else ("only one person: no interval is known.",)
        if len(small) and not notes:
            notes = (f"{len(small):,} groups have a single person and no intervals.",)
        return notes

    def _items(self, items: pd.DataFrame, whole: pd.DataFrame) -> pd.DataFrame:
        people = whole[[*_KEYS, "people"]].rename(columns={"people": "of"})
        found = items.merge(people, on=_KEYS).rename(columns={"i": "item", "n": "rows"})
        found["never_shown"] = 1 - found["people"] / found["of"]
        found = found.rename(columns={"e": "exposure"}).sort_values(
            [*_KEYS, "rows"], ascending=[True, True, True, False]
        )
        return found[[*_KEYS, "item", "rows", "people", "never_shown", "exposure"]]

    def _categories(
        self, found: pd.DataFrame, whole: pd.DataFrame, shares: pd.DataFrame
    ) -> pd.DataFrame:
        totals = whole[[*_KEYS, "n", "people", "e"]]
        totals = totals.rename(columns={"n": "of", "people": "among", "e": "exposed"})
        shares = shares.assign(nn=shares.groupby(_KEYS)["yn"].transform("sum"))
        # a category without a row in a group was never shown there
        axis = found[["b", "c"]].drop_duplicates()
        full = totals.merge(axis, on="b", how="left")
        table = full.merge(found[[*_KEYS, "c", *self._sums(found)]], how="left", on=[*_KEYS, "c"])
        table = table.merge(shares.drop(columns="z"), how="left", on=[*_KEYS, "c"])
        filled = ["n", "people", "e", "yy", "yn"]
        table[filled] = table[filled].fillna(0)
        rows = []
        for row in table.to_dict("records"):
            products = (row["yy"], row["yn"], row["nn"] if row["n"] else 0.0)
            value, low, high = (0.0, math.nan, math.nan)
            if row["n"]:
                value, low, high = ratio_interval(
                    row["n"], row["of"], products, int(row["among"]), self.confidence
                )
            rows.append((value, low, high))
        table[["share", "low", "high"]] = rows
        table["never_shown"] = 1 - table["people"] / table["among"]
        table["exposure_share"] = table["e"] / table["exposed"]
        relevance = table["r"] if "r" in table else pd.Series(math.nan, table.index)
        table["relevance"] = relevance
        table["exposure_per_relevance"] = table["e"] / relevance.where(relevance > 0)
        table["y"] = table["n"]
        table = table.rename(columns={"c": "category", "n": "rows", "e": "exposure"})
        table[["rows", "people"]] = table[["rows", "people"]].astype("int64")
        names = [*_KEYS, "category", "rows", "share", "low", "high", "people", "never_shown"]
        names += ["exposure", "exposure_share", "relevance", "exposure_per_relevance", "y"]
        return table[names].sort_values([*_KEYS, "category"], ignore_index=True)

    def _sums(self, found: pd.DataFrame) -> list[str]:
        return [name for name in ("n", "people", "e", "r") if name in found]

    def _groups(
        self, whole: pd.DataFrame, items: pd.DataFrame, cats: pd.DataFrame, sizes: pd.Series
    ) -> pd.DataFrame:
        catalogue = self.catalogue or int(items["i"].nunique())
        spread = {
            key: (len(part), part["e"].to_numpy(float))
            for key, part in items.groupby(_KEYS, sort=False)
        }
        by_cat = dict(iter(cats.groupby(_KEYS, sort=False)))
        rows = []
        for row in whole.sort_values(_KEYS).to_dict("records"):
            key = (row["b"], row["g"], row["t"])
            number, exposure = spread[key]
            cat = by_cat[key]
            rows.append(
                {
                    **{name: row[name] for name in _KEYS},
                    "rows": int(row["n"]),
                    "people": int(row["people"]),
                    "exposure": row["e"],
                    "items": number,
                    "gini": gini(exposure, catalogue),
                    "hhi": hhi(exposure),
                    "entropy": entropy(exposure),
                    "coverage": number / catalogue,
                    "exposure_parity": parity(
                        (cat["exposure"] / cat["category"].map(sizes)).to_numpy(float)
                    ),
                    "relevance_parity": parity(cat["exposure_per_relevance"].to_numpy(float)),
                    "exploration_share": row["x"] / row["n"] if "x" in row else math.nan,
                    "exploration_reach": row["reached"] / row["people"] if "x" in row else math.nan,
                }
            )
        return pd.DataFrame(rows)

    def _with_people(self, groups: pd.DataFrame, one: Counted) -> pd.DataFrame:
        """Add what is measured person by person: diversity, entropy, drift and quality."""
        new = ["diversity", "person_entropy", "drift", "quality", "low", "high"]
        groups[new] = math.nan
        at = groups.set_index(_KEYS)
        if one.sql.list_columns:
            found = one.run(one.sql.diversity(), _KEYS).set_index(_KEYS)
            at["diversity"] = (found["diversity"] / found["lists"]).reindex(at.index)
            total = found.groupby(["b", "g"])[["diversity", "lists"]].sum()
            for row in total.reset_index().to_dict("records"):
                at.loc[(row["b"], row["g"], ALL), "diversity"] = row["diversity"] / row["lists"]
        if self.timed:
            found = one.run(one.sql.drift(), _KEYS).set_index(_KEYS)
            at["person_entropy"] = (found["h"] / found["people"]).reindex(at.index)
            at["drift"] = (found["j"] / found["pairs"].where(found["pairs"] > 0)).reindex(at.index)
        if "q" in one.sql.columns:
            found = one.run(one.sql.quality(), ["z", *_KEYS])
            for row in found.to_dict("records"):
                products = (row["qq"], row["qn"], row["nn"])
                ends = ratio_interval(row["q"], row["n"], products, row["people"], self.confidence)
                at.loc[(row["b"], row["g"], row["t"]), ["quality", "low", "high"]] = ends
        return at.reset_index()

    def _loops(self, one: Counted, cats: pd.DataFrame, whole: pd.DataFrame) -> pd.DataFrame:
        timed = whole[whole["t"] != ALL]
        if not self.by or timed["t"].nunique() < 3:  # noqa: PLR2004
            return find_loops(_no_slopes(), [], cats, self.alpha)
        start = int(timed["t"].min())
        since = timed["t"] - start
        sums = timed.assign(m=timed["n"] * since, mm=timed["n"] * since**2)
        sums = sums.groupby(["b", "g"])[["n", "m", "mm"]].sum().reset_index()
        people = whole[whole["t"] == ALL][["b", "g", "people"]]
        trends = one.run(one.sql.trends(start), ["b", "g", "c"])
        table = slopes(trends, sums.merge(people, on=["b", "g"]))
        periods = cats[cats["t"] != ALL].rename(columns={"category": "c"})
        totals = timed[[*_KEYS, "n"]]
        periods = periods.drop(columns="rows").merge(totals, on=_KEYS).rename(columns={"n": "rows"})
        loops = find_loops(table, [*self.by], periods, self.alpha)
        loops["since"] = [self._period(value) for value in loops["since"]]
        return loops

    def _period(self, value: Any) -> str:
        if value is None or value != value or value == ALL:  # noqa: PLR0124
            return ""
        return period_name(int(value), self.kind, self.every)

    def _named(self, table: pd.DataFrame) -> pd.DataFrame:
        kept = table if self.timed else table[table["t"] == ALL]
        kept = kept.sort_values(_KEYS, kind="stable")
        names = {
            "period": [self._period(t) for t in kept["t"]],
            "by": ["" if not b else self.by[int(b) - 1] for b in kept["b"]],
            "group": kept["g"],
        }
        rest = kept.drop(columns=_KEYS)
        return pd.concat([pd.DataFrame(names, index=kept.index), rest], axis=1).reset_index(
            drop=True
        )


def _no_slopes() -> pd.DataFrame:
    return pd.DataFrame(columns=["b", "g", "c", "n", "y", "slope", "variance", "people"])
