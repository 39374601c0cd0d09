"""The result of :func:`~rai_scale.risk.linkage_attack`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.results import Result, Tables
from rai_scale.statistics.json_values import plain


@dataclass(frozen=True, repr=False)
class Linkage(Result):
    """How many known rows can be linked with a published row, next to what chance gives.

    Attributes
    ----------
    sizes : pandas.DataFrame
        Known rows by what they find, sorted: ``candidates`` (published rows that match), ``true``
        (the row's own published rows among them; 0 without ``truth``), ``rows``; int64.
    baseline : pandas.DataFrame
        One row per kind of random table, ``shuffled`` and ``uniform``: the ``mean`` and ``sd`` of
        the known rows with a candidate, the ``lowest`` and ``highest`` of the draws, ``unique``
        (mean of the known rows with exactly one candidate); float64.
    on : tuple of str
        The conditions.
    published, known : int
        The rows of both tables.
    has_truth : bool
        Whether the rows' own ids were given.
    notes : tuple of str
        What a reader must know, such as lost zeros.
    """

    sizes: pd.DataFrame
    baseline: pd.DataFrame
    on: tuple[str, ...]
    published: int
    known: int
    has_truth: bool
    notes: tuple[str, ...] = ()

    @property
    def with_candidate(self) -> int:
        """The known rows that match at least one published row."""
        return int(self.sizes.loc[self.sizes["candidates"] > 0, "rows"].sum())

    @property
    def true_among(self) -> int | None:
        """The known rows whose own published row is among those that match."""
        return int(self.sizes.loc[self.sizes["true"] > 0, "rows"].sum()) if self.has_truth else None

    @property
    def expected_right(self) -> float | None:
        """The expected number of right links if each known row takes one of its candidates."""
        return float((self._chances() * self.sizes["rows"]).sum()) if self.has_truth else None

    @property
    def sd(self) -> float | None:
        """The standard deviation of the number of right links."""
        chance = self._chances()
        variance = (chance * (1 - chance) * self.sizes["rows"]).sum()
        return float(np.sqrt(variance)) if self.has_truth else None

    @property
    def unique(self) -> int:
        """The known rows that match exactly one published row."""
        return int(self.sizes.loc[self.sizes["candidates"] == 1, "rows"].sum())

    @property
    def precision(self) -> float | None:
        """The expected share of right links: ``expected_right / with_candidate``."""
        right, found = self.expected_right, self.with_candidate
        return None if right is None or not found else right / found

    @property
    def over_baseline(self) -> float:
        """``with_candidate`` divided by the larger mean of the random tables; NaN for 0 / 0."""
        chance = float(self.baseline["mean"].max())
        return float(np.divide(self.with_candidate, chance)) if chance else self._without_chance()

    def totals(self) -> Mapping[str, Any]:
        """Return all counts and shares; None for those that need ``truth``."""
        names = ["with_candidate", "true_among", "expected_right", "sd", "unique", "precision"]
        found = {name: getattr(self, name) for name in names}
        sizes = {"published": self.published, "known": self.known}
        return {**found, **sizes, "over_baseline": self.over_baseline}

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers as plain values; undefined numbers are None."""
        texts = {"on": list(self.on), "notes": list(self.notes)}
        return plain({**self.totals(), "baseline": self.baseline, "sizes": self.sizes, **texts})

    def __repr__(self) -> str:
        chance = ", ".join(
            f"{row['kind']} {row['mean']:,.1f}" for row in self.baseline.to_dict("records")
        )
        right = (
            "" if self.expected_right is None else f", expected_right={self.expected_right:,.1f}"
        )
        found = f"with_candidate={self.with_candidate:,} of {self.known:,}"
        return f"Linkage({found}{right}, by chance: {chance})"

    def _without_chance(self) -> float:
        return float("inf") if self.with_candidate else float("nan")

    def _chances(self) -> pd.Series:
        return self.sizes["true"] / self.sizes["candidates"].clip(lower=1)

    def _numbers(self) -> Mapping[str, float]:
        found = {n: float("nan") if v is None else float(v) for n, v in self.totals().items()}
        means = {f"by_chance.{r['kind']}": r["mean"] for r in self.baseline.to_dict("records")}
        return {**found, **means}

    def _remarks(self) -> Sequence[str]:
        return self.notes

    def _tables(self) -> Tables:
        return {"baseline": lambda: self.baseline, "sizes": lambda: self.sizes}
