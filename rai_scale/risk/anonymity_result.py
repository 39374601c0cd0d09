"""The result of :func:`~rai_scale.risk.anonymity`: sizes of classes, and measures of diversity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from rai_scale.results import Result, Tables
from rai_scale.statistics.json_values import plain

UNDER = (2, 3, 5, 10)
MEASURES = (
    "distinct_l",
    "entropy_l",
    "recursive_c",
    "t",
    "delta",
    "beta",
    "enhanced_beta",
    "alpha",
)
_SMALLEST = ("distinct_l", "entropy_l")


@dataclass(frozen=True, repr=False)
class Anonymity(Result):
    """How well a table hides people in classes of equal quasi-identifiers.

    Attributes
    ----------
    sizes : pandas.DataFrame
        The histogram of class sizes, sorted: ``size`` (rows, or people with ``person``),
        ``classes`` of this size, and ``covered``, the rows (people) in them; int64.
    diversity : pandas.DataFrame
        One row per sensitive column: ``column``, ``distance`` (``equal`` or ``ordered``), the
        measures of :func:`~rai_scale.risk.anonymity`, and ``enhanced_holds`` (bool).
    groups : pandas.DataFrame or None
        With ``by``: the columns of ``by``, ``rows``, ``k``, ``uniques``, ``under_5``, ``marketer``.
    quasi_identifiers : tuple of str
    counted : {"rows", "people"}
    notes : tuple of str
        What a reader must know, such as values that differ only in their form.
    """

    sizes: pd.DataFrame
    diversity: pd.DataFrame
    groups: pd.DataFrame | None
    quasi_identifiers: tuple[str, ...]
    counted: str
    notes: tuple[str, ...] = ()

    @property
    def k(self) -> int:
        """The size of the smallest class."""
        return int(self.sizes["size"].min())

    @property
    def l(self) -> int | None:  # noqa: E743
        """The smallest number of distinct values in a class, over all sensitive columns."""
        found = self.diversity["distinct_l"]
        return int(found.min()) if len(found) else None

    @property
    def rows(self) -> int:
        """The number of rows; with ``person``, of people, once per class that they are in."""
        return int(self.sizes["covered"].sum())

    @property
    def classes(self) -> int:
        """The number of classes."""
        return int(self.sizes["classes"].sum())

    def rows_under(self, k: int) -> int:
        """Return how many rows (people) are in classes of fewer than ``k``."""
        return int(self.sizes.loc[self.sizes["size"] < k, "covered"].sum())

    @property
    def prosecutor(self) -> float:
        """The largest chance to pick the right row, if the attacker knows that a person is in it.

        It is 1 / k (El Emam, Guide to the De-Identification of Personal Health Information, 2013).
        """
        return 1 / self.k

    @property
    def journalist(self) -> float:
        """The largest chance if the attacker does not know who is in the table.

        It is 1 / (size of the smallest class of the population). Without a table of the
        population, the table stands for it, and the risk equals that of the prosecutor.
        """
        return 1 / self.k

    @property
    def marketer(self) -> float:
        """The expected share of rows that are picked rightly: the mean of 1 / size over rows."""
        return float((self.sizes["covered"] / self.sizes["size"]).sum() / self.rows)

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers as plain values; undefined numbers are None, infinite ones text."""
        columns = self.diversity.set_index("column").to_dict("index")
        return plain(
            {
                **self.totals(),
                "size_histogram": dict(zip(self.sizes["size"], self.sizes["classes"], strict=True)),
                "prosecutor": self.prosecutor,
                "journalist": self.journalist,
                "marketer": self.marketer,
                "sensitive": columns,
                "quasi_identifiers": list(self.quasi_identifiers),
                **({} if self.groups is None else {"groups": self.groups}),
                "notes": list(self.notes),
            }
        )

    def totals(self) -> Mapping[str, Any]:
        """Return k, always with l, and how many rows are in small classes."""
        return {
            "k": self.k,
            "l": self.l,
            "rows": self.rows,
            "classes": self.classes,
            "uniques": self.rows_under(2),
            "rows_under": {str(k): self.rows_under(k) for k in UNDER},
        }

    def __repr__(self) -> str:
        known = "not measured (no sensitive column)" if self.l is None else self.l
        sizes = f"{self.counted}={self.rows:,}, classes={self.classes:,}"
        return f"Anonymity(k={self.k}, l={known}, {sizes})"

    def _numbers(self) -> Mapping[str, float]:
        worst = {
            name: float(getattr(self.diversity[name], "min" if name in _SMALLEST else "max")())
            for name in MEASURES
            if len(self.diversity)
        }
        named = {
            f"{row['column']}.{name}": float(row[name])
            for row in self.diversity.to_dict("records")
            for name in MEASURES
        }
        risks = {"prosecutor": self.prosecutor, "marketer": self.marketer}
        share = self.rows_under(2) / self.rows
        return {"k": float(self.k), **worst, "uniques": share, **risks, **named}

    def _remarks(self) -> Sequence[str]:
        return self.notes

    def _tables(self) -> Tables:
        tables = {"sensitive": lambda: self.diversity, "sizes": lambda: self.sizes}
        groups = self.groups
        return tables if groups is None else {**tables, "groups": lambda: groups}
