"""From the worst values per class size to the measures of a table."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

MEASURED = (
    *("distinct_l", "entropy_l", "recursive_c", "t", "delta", "beta", "enhanced_beta"),
    *("enhanced_holds", "alpha"),
)


BY_GROUP = ("rows", "k", "uniques", "under_5", "marketer")


def by_size(totals: pd.DataFrame) -> pd.DataFrame:
    """Add up the counts of each size; other columns are dropped."""
    kept = [
        name for name in totals if name in ("classes", "covered") or str(name).startswith("odd_")
    ]
    return totals.groupby("size", sort=True)[kept].sum().reset_index().astype("int64")


def measures_of(totals: pd.DataFrame) -> dict[str, Any]:
    """Return the measures of a sensitive column from the worst values per size."""
    distinct = int(totals["d"].min())
    alpha, gain, loss = totals["alpha"].max(), totals["gain"].max(), totals["loss"].min()
    beta = float(gain - 1)
    c = "cl" if "cl" in totals and distinct > 2 else "c2"  # noqa: PLR2004
    return {
        "distinct_l": distinct,
        "entropy_l": math.exp(totals["entropy"].min()),
        "recursive_c": float(alpha if distinct == 1 else totals[c].max()),
        "t": float(totals["t"].max()),
        "delta": max(math.log(gain), -math.log(loss)),
        "beta": beta,
        "enhanced_beta": min(beta, -math.log(totals["rarest"].min())),
        "enhanced_holds": not totals["beyond"].max(),
        "alpha": float(alpha),
    }


def risk_by_group(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Return the risk of each group (first columns) from its rows (``covered``) per class size."""
    groups = [*table.columns[: len(by)]]
    size, covered = table["size"], table["covered"]
    table = table.assign(
        rows=covered,
        uniques=covered.where(size < 2, 0),  # noqa: PLR2004
        under_5=covered.where(size < 5, 0),  # noqa: PLR2004
        picked=covered / size,
    )
    grouped = table.groupby(groups, dropna=False, sort=True)
    found = grouped[["rows", "uniques", "under_5", "picked"]].sum()
    found.insert(1, "k", grouped["size"].min())
    found["marketer"] = found.pop("picked") / found["rows"]
    return found.reset_index().rename(columns=dict(zip(groups, by, strict=True)))


def text_notes(sizes: pd.DataFrame, keys: list[str]) -> list[str]:
    """Return a note for each text column with values that may only look different."""
    return [
        f"column {name!r}: {int(sizes[f'odd_q{i}'].sum()):,} rows have spaces around the value or "
        "combining characters. Values that look alike were counted as different; clean them first."
        for i, name in enumerate(keys)
        if f"odd_q{i}" in sizes and sizes[f"odd_q{i}"].sum()
    ]
