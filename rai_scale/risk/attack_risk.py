"""The result of attacks that guess: success rates, and the risk beyond that of a control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.results import Result, Tables
from rai_scale.statistics.wilson import wilson

MAIN, CONTROL, NAIVE = "main", "control", "naive"


@dataclass(frozen=True, repr=False)
class AttackRisk(Result):
    """How often guesses about people are right, and how much of this is due to their own rows.

    With the rates r and their half-widths e (Wilson), the risk is (r_main - r_control) /
    (1 - r_control), with first-order propagation of both errors, bounded by 0 and 1; without a
    control table it is r_main (Giomi et al., 2023, A Unified Framework for Quantifying Privacy
    Risk in Synthetic Data, sections 4 and 5).

    Attributes
    ----------
    kind : {"singling_out", "linkability", "inference", "attribute_inference"}
    counts : pandas.DataFrame
        One row per attack, ``main`` (on people whose rows were used), ``control`` (on others) and
        ``naive`` (guesses without what is attacked): ``attacks`` and ``successes``; int64.
    confidence : float
    notes : tuple of str
    """

    kind: str
    counts: pd.DataFrame
    confidence: float
    notes: tuple[str, ...] = ()

    @property
    def rates(self) -> pd.DataFrame:
        """``counts`` with ``rate``, the middle of Wilson's interval, and ``low`` and ``high``."""
        sizes = self.counts["successes"], self.counts["attacks"]
        low, high = wilson(*sizes, self.confidence)
        return self.counts.assign(rate=(low + high) / 2, low=low, high=high)

    @property
    def risk(self) -> tuple[float, float, float]:
        """The risk with the ends of its interval; NaN if no attack was possible."""
        rates = self.rates.set_index("attack")
        main = rates.loc[MAIN]
        value, error = main["rate"], (main["high"] - main["low"]) / 2
        if CONTROL in rates.index:
            other = rates.loc[CONTROL]
            left = 1 - other["rate"]
            value = (value - other["rate"]) / left
            second = (main["rate"] - 1) / left**2 * (other["high"] - other["low"]) / 2
            error = np.hypot(error / left, second)
        found = np.clip([value, value - error, value + error], 0, 1)
        return float(found[0]), float(found[1]), float(found[2])

    @property
    def beats_naive(self) -> bool:
        """Whether the attack is better than guessing; if not, the risk says nothing."""
        rates = self.rates.set_index("attack")["rate"]
        return bool(rates[MAIN] > rates[NAIVE])

    def totals(self) -> Mapping[str, Any]:
        """Return the kind, the number of attacks, and the risk."""
        attacks = int(self.counts.set_index("attack")["attacks"][MAIN])
        return {"kind": self.kind, "attacks": attacks, "risk": self.risk[0]}

    def _numbers(self) -> Mapping[str, float]:
        value, low, high = self.risk
        rates = self.rates.set_index("attack")["rate"]
        named = {f"rate.{name}": float(rate) for name, rate in rates.items()}
        return {"risk": value, "risk_low": low, "risk_high": high, **named}

    def _remarks(self) -> Sequence[str]:
        if self.beats_naive:
            return self.notes
        weak = (
            "The attack is not better than guessing without what is attacked, so it does not "
            "show that the risk is low."
        )
        return [*self.notes, weak]

    def _tables(self) -> Tables:
        return {"rates": lambda: self.rates}


def counted(**attacks: tuple[int, int]) -> pd.DataFrame:
    """Return the table of counts from (attacks, successes) by name."""
    rows = [(name, *map(int, sizes)) for name, sizes in attacks.items()]
    return pd.DataFrame(rows, columns=["attack", "attacks", "successes"])
