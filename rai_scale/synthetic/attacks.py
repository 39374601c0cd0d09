"""An attack on synthetic rows, next to the same attack on rows of independent columns.

The attack is a function of the caller's: this package knows no attack. A number of hits means
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

from rai_scale.engines.frames import arrow_to_frame
from rai_scale.errors import ConfigError
from rai_scale.results import Result, Tables
from rai_scale.synthetic.drawing import DrawRows, ranges
from rai_scale.synthetic.fitting import simplex
from rai_scale.synthetic.measuring import merged
from rai_scale.synthetic.synthesizer import Synthesizer
from rai_scale.synthetic.tree import Tree, independent

Attack = Callable[[pd.DataFrame], float]
DRAWS = 10
INTERNAL = (
    "Internal: an attack compares synthetic rows with real people, so its numbers are not covered "
    "by the budget. Do not publish them."
)


@dataclass(frozen=True, repr=False)
class AttackReport(Result):
    """How many hits an attack has on synthetic rows and on its baseline.

    Attributes
    ----------
    hits : pandas.DataFrame
        One row per attacked table: ``rows_of`` (``synthetic``, ``independent`` or ``real``) and
        ``hits``, what the attack returned.
    """

    hits: pd.DataFrame

    @property
    def synthetic(self) -> float:
        """The mean number of hits on samples of the model."""
        return float(self._of("synthetic").mean())

    @property
    def baseline(self) -> tuple[float, float]:
        """The mean and the standard deviation of the hits on independent columns."""
        found = self._of("independent")
        return float(found.mean()), float(found.std(ddof=1))

    @property
    def excess(self) -> float:
        """By how many standard deviations of the baseline the synthetic hits exceed its mean."""
        mean, deviation = self.baseline
        above = self.synthetic - mean
        return above / deviation if deviation else math.copysign(math.inf, above) if above else 0.0

    def totals(self) -> Mapping[str, int]:
        """The number of attacked tables of each kind."""
        counts = self.hits["rows_of"].value_counts(sort=False)
        return {f"{name}_tables": int(n) for name, n in counts.items()}

    def _of(self, name: str) -> pd.Series:
        return self.hits.loc[self.hits["rows_of"] == name, "hits"]

    def _numbers(self) -> Mapping[str, float]:
        mean, deviation = self.baseline
        found = {"hits": self.synthetic, "baseline": mean, "baseline_sd": deviation}
        real = self._of("real")
        return {
            **found,
            "excess": self.excess,
            **({"real": float(real.mean())} if len(real) else {}),
        }

    def _tables(self) -> Tables:
        return {"hits": lambda: self.hits}

    def _remarks(self) -> Sequence[str]:
        return [INTERNAL]


def attack_report(
    made: Synthesizer,
    attack: Attack,
    *,
    rows: int | None = None,
    draws: int = DRAWS,
    real: pd.DataFrame | None = None,
    random_state: int = 0,
) -> AttackReport:
    """Run an attack on samples of a model and on rows of independent columns.

    Parameters
    ----------
    made : Synthesizer
    attack : callable
        Takes a pandas frame with the columns of a sample; returns its number of hits, such as how
        many people link to a row. It should compare values of equal types: a text never equals a
        number, and such an attack finds nothing in any table.
    rows : int, optional
        Rows of each table; by default the estimated number of rows.
    draws : int
        How many samples of the model are attacked, and how many tables of independent columns,
        with the measured distribution of each column; at least 2.
    real : pandas.DataFrame, optional
        The unprotected rows, attacked as well, to see that the attack works.
    random_state : int

    Returns
    -------
    AttackReport

    Raises
    ------
    ConfigError
        If draws is below 2.
    """
    if draws < 2:  # noqa: PLR2004
        raise ConfigError("draws must be at least 2: the baseline needs a standard deviation.")
    number = max(1, round(made.total)) if rows is None else rows
    columns = {c[0]: values for c, values, _ in merged(made.measured) if len(c) == 1}
    tables = [simplex(columns[i], made.total) for i in sorted(columns)]
    alone = independent(tables, made.total)
    found: list[tuple[str, float]] = []
    for name, tree in (("synthetic", made.tree), ("independent", alone)):
        for seed in np.random.SeedSequence(random_state).generate_state(draws):
            found.append((name, float(attack(_drawn(made, tree, number, int(seed))))))
    if real is not None:
        found.append(("real", float(attack(real))))
    return AttackReport(pd.DataFrame(found, columns=["rows_of", "hits"]))


def _drawn(made: Synthesizer, tree: Tree, rows: int, seed: int) -> Any:
    return arrow_to_frame(DrawRows(tree, made.domain, seed)(ranges(rows)))
