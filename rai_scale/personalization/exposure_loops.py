"""Loops that fulfil themselves: groups that stop seeing a category, found by tests of trends."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
import pandas as pd

from rai_scale.statistics.multiple_tests import holm

LEAST_ROWS = 20
LEAST_PEOPLE = 10
COLUMNS = (
    *("by", "group", "category", "first_share", "last_share", "slope", "other_slope", "z"),
    *("p_value", "p_adjusted", "loses", "since"),
)


def slopes(trends: pd.DataFrame, whole: pd.DataFrame) -> pd.DataFrame:
    """Return the slope of each share over periods, with its variance over people.

    The slope is that of a least-squares line of 1{category} over periods, and its variance that of
    sums over people (the score of a person is sum (y - mean y)(t - mean t) over the person's rows).

    Parameters
    ----------
    trends : pandas.DataFrame
        Per b, g and c the totals of :meth:`ExposureSql.trends`.
    whole : pandas.DataFrame
        Per b and g: ``n`` rows, ``m`` sum of periods, ``mm`` sum of their squares, ``people``.
    """
    parts = trends.groupby(["b", "g"])[["an", "am", "yn"]].sum()
    parts.columns = ["mn", "mm_people", "nn"]  # sums over all categories of a person
    table = trends.merge(whole.set_index(["b", "g"]), on=["b", "g"])
    table = table.merge(parts, on=["b", "g"])
    y, t = table["y"] / table["n"], table["m"] / table["n"]
    centred: dict[str, Any] = {"a": 1.0, "y": -t, "m": -y, "n": y * t}
    products = {
        **{pair: table[pair] for pair in ("aa", "ay", "am", "an", "yy", "ym", "yn")},
        **{"mm": table["mm_people"], "mn": table["mn"], "nn": table["nn"]},
    }
    names = "aymn"
    score: Any = sum(
        centred[one] * centred[two] * products[one + two if one + two in products else two + one]
        for one in names
        for two in names
    )
    spread = table["mm"] - table["n"] * t**2
    clusters = table["people"] / (table["people"] - 1).clip(lower=1)
    top = table["a"] - t * table["y"] - y * table["m"] + y * t * table["n"]
    with np.errstate(divide="ignore", invalid="ignore"):
        table["slope"] = top / spread
        table["variance"] = np.maximum(score, 0) * clusters / spread**2
    return table


def find_loops(
    table: pd.DataFrame, names: list[str], periods: pd.DataFrame, alpha: float
) -> pd.DataFrame:
    """Test for each group and category whether its share moves otherwise than that of the others.

    The z-value is the difference of the slope from that of all other groups of the same column,
    whose people are others; p-values are corrected by Holm over all tests. Without a second group
    nothing is tested. What a group loses in one category, it gains in others, so that the others
    seem to lose these: the group that loses most is left out, and the others are compared with each
    other, until no more is found.
    """
    rows: dict[tuple[int, str, str], dict[str, Any]] = {}
    out: list[tuple[int, str]] = []
    while True:
        known = _tests(table, names, periods, out)
        # without a group to compare with, nothing is known about the remaining one
        kept = {key: row for key, row in rows.items() if key[:2] in out}
        alone = {
            key: {**row, "other_slope": math.nan, "z": math.nan}
            for key, row in rows.items()
            if key not in known and key not in kept
        }
        rows = {**alone, **known, **kept}
        loops = _judged(rows, alpha)
        lost = [key for key in loops.index[loops["loses"]] if key[:2] not in out]
        if not lost:
            order = ["p_adjusted", "by", "group", "category"]
            return loops[[*COLUMNS]].sort_values(order).reset_index(drop=True)
        out.append(lost[0][:2])


def _tests(
    table: pd.DataFrame, names: list[str], periods: pd.DataFrame, out: list[tuple[int, str]]
) -> dict[tuple[int, str, str], dict[str, Any]]:
    """Return the tests of all groups but those that are left out, by column, group and category."""
    rows = {}
    gone = np.array([key in out for key in zip(table["b"], table["g"], strict=True)], dtype=bool)
    for key, found in table[(table["b"] > 0) & ~gone].groupby(["b", "c"], sort=True):
        b, c = cast("tuple[int, str]", key)
        for at in found.index:
            one, rest = found.loc[at], found.drop(at)
            enough = one["people"] >= LEAST_PEOPLE and found["y"].sum() >= LEAST_ROWS
            if not len(rest) or not enough:
                continue
            weight = rest["n"] / rest["n"].sum()
            other = float((weight * rest["slope"]).sum())
            error = math.sqrt(one["variance"] + (weight**2 * rest["variance"]).sum())
            z = (one["slope"] - other) / error if error > 0 else math.nan
            own = periods[(periods["b"] == b) & (periods["g"] == one["g"]) & (periods["c"] == c)]
            own = own.sort_values("t")
            rows[b, one["g"], c] = {
                "by": names[b - 1],
                "group": one["g"],
                "category": c,
                "first_share": _end(own, 0),
                "last_share": _end(own, -1),
                "slope": one["slope"],
                "other_slope": other,
                "z": z,
                "since": change_point(own),
            }
    return rows


def _judged(rows: dict[tuple[int, str, str], dict[str, Any]], alpha: float) -> pd.DataFrame:
    """Return the tests with their p-values, by their keys, the most unlikely loss first."""
    from scipy.special import ndtr

    names = [c for c in COLUMNS if c[:2] != "p_" and c != "loses"]
    keys = sorted(rows)
    loops = pd.DataFrame([rows[key] for key in keys], columns=names)
    loops.index = pd.Index(keys, tupleize_cols=False)
    loops["p_value"] = 2 * ndtr(-abs(loops["z"].to_numpy(float)))
    # of two groups, one loses what the other gains: this is one test
    pairs = loops[loops["z"].notna()].groupby(["by", "category"])["p_value"]
    both = (pairs.transform("size") == 2).reindex(loops.index, fill_value=False)  # noqa: PLR2004
    second = (pairs.cumcount() == 1).reindex(loops.index, fill_value=False)
    loops["p_adjusted"] = holm(loops["p_value"].where(~(both & second)).to_numpy(float))
    first = loops.groupby(["by", "category"])["p_adjusted"].transform("first")
    loops["p_adjusted"] = loops["p_adjusted"].where(~(both & second), first)
    loops["loses"] = (loops["p_adjusted"] < alpha) & (loops["z"] < 0)
    return loops.sort_values("p_value", kind="stable")


def _end(own: pd.DataFrame, at: int) -> float:
    return float(own["share"].iloc[at]) if len(own) else math.nan


def change_point(own: pd.DataFrame) -> int | None:
    """Return the first period of the later part, for the split that separates the shares best."""
    y, n, t = (own[name].to_numpy(float) for name in ("y", "rows", "t"))
    best, since = -1.0, None
    for at in range(1, len(own)):
        left, right = y[:at].sum() / n[:at].sum(), y[at:].sum() / n[at:].sum()
        between = n[:at].sum() * n[at:].sum() / n.sum() * (left - right) ** 2
        if between > best:
            best, since = between, int(t[at])
    return since
