"""Attacks on synthetic rows, next to the same attacks on rows of independent columns.

The attacks are functions of the caller's: this package knows no attack. A number of hits means
nothing alone, because some rows match by chance; so it is compared with tables that cannot hold
anything about combinations of columns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.errors import ConfigError
from rai_scale.results import Result, Tables
from rai_scale.synthetic.drawing import drawn_frame
from rai_scale.synthetic.fitting import columns_alone
from rai_scale.synthetic.synthesizer import Synthesizer

Attack = Callable[[pd.DataFrame], float]
DRAWS = 10
SYNTHETIC, ALONE, REAL = "synthetic", "independent", "real"
INTERNAL = (
    "Internal: an attack compares synthetic rows with real people, so its numbers are not covered "
    "by the budget. Do not publish them."
)
_MEASURES = ("synthetic", "baseline", "baseline_sd", "excess", "real")


@dataclass(frozen=True, repr=False)
class AttackReport(Result):
    """How many hits attacks have on synthetic rows and on their baselines.

    Attributes
    ----------
    hits : pandas.DataFrame
        One row per attack and attacked table: ``attack``, ``rows_of`` (``synthetic``,
        ``independent`` or ``real``) and ``hits``, what the attack returned.
    """

    hits: pd.DataFrame

    @property
    def attacks(self) -> pd.DataFrame:
        """One row per ``attack``; all other columns are float64.

        ``synthetic`` is the mean of the hits on samples of the model, ``baseline`` and
        ``baseline_sd`` the mean and the standard deviation on independent columns, ``excess`` by
        how many of these standard deviations the first exceeds the second, and ``real`` the hits on
        the real rows (NaN if they were not attacked).
        """
        rows = []
        for name, own in self.hits.groupby("attack", sort=False):
            parts = {kind: part["hits"] for kind, part in own.groupby("rows_of")}
            mean, deviation = parts[ALONE].mean(), parts[ALONE].std(ddof=1)
            above = parts[SYNTHETIC].mean() - mean
            far = above / deviation if deviation else math.copysign(math.inf, above)
            row = (parts[SYNTHETIC].mean(), mean, deviation, far if above else 0.0)
            real = parts[REAL].mean() if REAL in parts else math.nan
            rows.append({"attack": name, **dict(zip(_MEASURES, (*row, real), strict=True))})
        return pd.DataFrame(rows)

    def totals(self) -> Mapping[str, int]:
        """The number of attacks, and of attacked tables of each kind."""
        first = self.hits[self.hits["attack"] == self.hits["attack"].iloc[0]]
        counts = first["rows_of"].value_counts(sort=False)
        return {
            "attacks": self.hits["attack"].nunique(),
            **{f"{name}_tables": int(n) for name, n in counts.items()},
        }

    def _numbers(self) -> Mapping[str, float]:
        return {
            f"{row['attack']}.{name}": float(row[name])
            for row in self.attacks.to_dict("records")
            for name in _MEASURES
        }

    def _tables(self) -> Tables:
        return {"attacks": lambda: self.attacks, "hits": lambda: self.hits}

    def _remarks(self) -> Sequence[str]:
        return [INTERNAL]


def attack_report(
    made: Synthesizer,
    attacks: Attack | Mapping[str, Attack],
    *,
    rows: int | None = None,
    draws: int = DRAWS,
    real: pd.DataFrame | None = None,
    random_state: int = 0,
) -> AttackReport:
    """Run attacks on samples of a model and on rows of independent columns.

    Parameters
    ----------
    made : Synthesizer
    attacks : callable or mapping of str to callable
        Each takes a pandas frame with the columns of a sample, and returns a number that is larger
        the more the attack succeeds, such as how many people link to a row. It should compare
        values of equal types: a text never equals a number, and such an attack finds nothing in any
        table. A single function is named by its own name.
    rows : int, optional
        Rows of each table; by default the estimated number of rows.
    draws : int
        How many samples of the model are attacked, and how many tables of independent columns,
        with the measured distribution of each column; at least 2.
    real : pandas.DataFrame, optional
        The unprotected rows, attacked as well, to see that the attacks work.
    random_state : int

    Returns
    -------
    AttackReport

    Raises
    ------
    ConfigError
        If draws is below 2, or there is no attack.
    """
    if draws < 2:  # noqa: PLR2004
        raise ConfigError("draws must be at least 2: the baseline needs a standard deviation.")
    named = {getattr(attacks, "__name__", "attack"): attacks} if callable(attacks) else attacks
    if not named:
        raise ConfigError("attacks is empty: give at least one function of a table.")
    number = max(1, round(made.total)) if rows is None else rows
    alone = columns_alone(made.measured, made.total)
    found: list[tuple[str, str, Any]] = []

    def attacked(kind: str, table: pd.DataFrame) -> None:
        found.extend((name, kind, float(attack(table))) for name, attack in named.items())

    for kind, tree in ((SYNTHETIC, made.tree), (ALONE, alone)):
        for seed in np.random.SeedSequence(random_state).generate_state(draws):
            attacked(kind, drawn_frame(tree, made.domain, number, int(seed)))
    if real is not None:
        attacked(REAL, real)
    return AttackReport(pd.DataFrame(found, columns=["attack", "rows_of", "hits"]))
