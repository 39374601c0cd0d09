"""The measures of exposure by their formulas, with pandas and NumPy."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import t as student


def exposure_log(seed: int = 0, rows: int = 1500, people: int = 60) -> pd.DataFrame:
    """Return a log of twelve weeks with lists, groups, positions, relevance and propensities."""
    rng = np.random.default_rng(seed)
    who = rng.integers(0, people, rows)
    hours = pd.to_timedelta(rng.integers(0, 12 * 7 * 24, rows), "h")
    item = rng.integers(0, 20, rows)
    return pd.DataFrame(
        {
            "who": who,
            "item": 2**60 + item,
            "t": pd.Timestamp("2025-01-06", tz="UTC") + hours,
            "pos": rng.integers(1, 6, rows),
            "rel": rng.random(rows),
            "g": np.where(who % 2 == 1, "u", "v"),
            "h": np.where(who % 3 > 0, "a", "b"),
            "p": rng.random(rows),
            "q": rng.random(rows),
            "l": rng.integers(0, 2, rows),
            "cat": np.array(list("abcd"))[item % 4],
        }
    )


def shares(values: pd.Series) -> np.ndarray:
    return (values / values.sum()).to_numpy()


def entropy(values: pd.Series) -> float:
    p = shares(values)
    return float(-(p * np.log(p)).sum())


def plain_group(log: pd.DataFrame, part: pd.DataFrame) -> dict[str, float]:
    """Return the measures of some rows of a log."""
    part = part.assign(e=1 / np.log2(1 + part["pos"]))
    by_item = part.groupby("item")["e"].sum()
    catalogue = log["item"].nunique()
    x = np.r_[np.zeros(catalogue - len(by_item)), by_item]
    by_cat = part.groupby("cat")["e"].sum()
    sizes = log.groupby("cat")["item"].nunique()
    per_item = by_cat.reindex(sizes.index).fillna(0) / sizes
    per_relevance = by_cat / part.groupby("cat")["rel"].sum()
    explored = part[part["p"] < 0.5]
    return {
        "rows": len(part),
        "people": part["who"].nunique(),
        "exposure": part["e"].sum(),
        "items": len(by_item),
        "gini": np.abs(x[:, None] - x[None, :]).sum() / (2 * len(x) * x.sum()),
        "hhi": (shares(by_item) ** 2).sum(),
        "entropy": entropy(by_item),
        "coverage": len(by_item) / catalogue,
        "exposure_parity": per_item.min() / per_item.max(),
        "relevance_parity": per_relevance.min() / per_relevance.max(),
        "exploration_share": len(explored) / len(part),
        "exploration_reach": explored["who"].nunique() / part["who"].nunique(),
        **dict(zip(("quality", "low", "high"), plain_ratio(part, "q"), strict=True)),
    }


def plain_ratio(part: pd.DataFrame, column: str) -> tuple[float, float, float]:
    """Return the mean of a column with its interval by person."""
    value = part[column].mean()
    rests = (part[column] - value).groupby(part["who"]).sum()
    people = len(rests)
    if people < 2:
        return value, np.nan, np.nan
    error = np.sqrt((rests**2).sum() * people / (people - 1)) / len(part)
    half = student.ppf(0.975, people - 1) * error
    return value, value - half, value + half


def plain_lists(part: pd.DataFrame, week: bool) -> float:
    """Return the mean diversity of lists, pair by pair."""
    keys = ["week", "who", "l"]
    found = []
    for _, one in part.groupby(keys):
        c = one["cat"].to_numpy()
        if len(c) > 1:
            pairs = [a != b for at, a in enumerate(c) for b in c[at + 1 :]]
            found.append(np.mean(pairs))
    return float(np.mean(found)) if found else np.nan


def plain_drift(part: pd.DataFrame) -> pd.DataFrame:
    """Return, per week, the mean entropy of people and their divergence from the week before."""
    table = part.pivot_table(index=["who", "week"], columns="cat", values="pos", aggfunc="size")
    table = table.reindex(columns=list("abcd")).fillna(0)
    p = table.div(table.sum(axis=1), axis=0)
    before = p.groupby("who").shift()
    middle = (p + before) / 2

    def half(x):
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = (x * np.log(x / middle)).to_numpy()
        return np.where(x > 0, terms, 0).sum(axis=1)

    known = before.notna().all(axis=1)
    js = pd.Series(np.where(known, (half(p) + half(before)) / 2, np.nan), p.index)
    with np.errstate(divide="ignore", invalid="ignore"):
        entropies = pd.Series(-np.where(p > 0, p * np.log(p), 0).sum(axis=1), p.index)
    grouped = pd.DataFrame({"drift": js, "person_entropy": entropies}).groupby("week")
    return grouped.mean()


def plain_slope(part: pd.DataFrame, category: str) -> tuple[float, float, float]:
    """Return the slope of a share over weeks, its variance over people, and the rows."""
    y, t = (part["cat"] == category).astype(float), part["week"].astype(float)
    score = (y - y.mean()) * (t - t.mean())
    people = score.groupby(part["who"]).sum()
    spread = ((t - t.mean()) ** 2).sum()
    many = part["who"].nunique()
    return score.sum() / spread, (people**2).sum() * many / (many - 1) / spread**2, len(part)
