"""The result of :func:`~rai_scale.personalization.evaluate_policy`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from rai_scale.gates import Figure
from rai_scale.results import Result, Tables


@dataclass(frozen=True, repr=False)
class PolicyValues(Result):
    """What policies would have earned, estimated from a log of another policy.

    Attributes
    ----------
    values : pandas.DataFrame
        One row per group, policy, reward and estimator: ``by`` (a group column, or empty for all
        rows), ``group``, ``policy`` (``logged`` is the mean of the log itself), ``reward``,
        ``estimator``, ``value``, ``low`` and ``high``. For a policy with unsupported actions
        ``value`` is NaN, and ``low`` and ``high`` also cover all rewards that these could have.
    weights : pandas.DataFrame
        One row per group and policy: ``by``, ``group``, ``policy``, ``rows``, ``people`` (rows if
        no person is named), ``mean_weight`` with ``low`` and ``high`` (near 1 if the propensities
        are right), ``effective_rows`` (Kish 1965), ``largest_weight``, and ``unsupported``, the
        mean probability of actions that were never logged in their context.
    rows : int
        Rows that were weighted.
    confidence : float
    notes : tuple of str
        Excluded rows, and what the intervals leave out.
    """

    values: pd.DataFrame
    weights: pd.DataFrame
    rows: int
    confidence: float
    notes: tuple[str, ...] = ()

    def totals(self) -> Mapping[str, Any]:
        """Return the number of rows and of policies."""
        return {"rows": self.rows, "policies": int(self.weights["policy"].nunique())}

    def _numbers(self) -> Mapping[str, float]:
        return {name: figures[0].value for name, figures in self._figures().items()}

    def _figures(self) -> Mapping[str, Sequence[Figure]]:
        found = {}
        for row in self.values.to_dict("records"):
            name = f"{row['policy']}.{row['reward']}.{row['estimator']}"
            at = f"{row['by']}={row['group']}" if row["by"] else ""
            figure = Figure(row["value"], row["low"], row["high"], at=at)
            found[f"{name}.{at}" if at else name] = [figure]
        for row in self.weights.to_dict("records"):
            at = f".{row['by']}={row['group']}" if row["by"] else ""
            for name in ("mean_weight", "effective_rows", "largest_weight", "unsupported"):
                ends = (row["low"], row["high"]) if name == "mean_weight" else (math.nan,) * 2
                found[f"{row['policy']}.{name}{at}"] = [Figure(float(row[name]), *ends)]
        return found

    def _remarks(self) -> Sequence[str]:
        return self.notes

    def _tables(self) -> Tables:
        return {"values": lambda: self.values, "weights": lambda: self.weights}
