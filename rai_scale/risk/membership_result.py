"""The result of :func:`~rai_scale.risk.membership_inference`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from rai_scale.results import Result, Tables


@dataclass(frozen=True, repr=False)
class Membership(Result):
    """How well an attack recognises the rows that a model was fitted on.

    Attributes
    ----------
    rates : pandas.DataFrame
        One row per ``limit`` of the false positive rate (0.001 and 0.01): the ``threshold`` of the
        score, ``tpr`` and ``fpr`` above it, and their exact intervals ``tpr_low``, ``tpr_high``,
        ``fpr_low``, ``fpr_high``; float64.
    groups : pandas.DataFrame or None
        With ``sensitive_features``: their columns, ``limit``, ``members``, ``non_members``,
        ``auc`` (NaN without members or non-members), and rates at the same thresholds.
    auc : float
        The area under the curve of both rates; 0.5 is chance.
    epsilon_low : float
        A lower bound of epsilon, for training with differential privacy.
    attack : str
    members, non_members : int
        Rows, or people with ``person``.
    counted : {"rows", "people"}
    confidence : float
    notes : tuple of str
    """

    rates: pd.DataFrame
    groups: pd.DataFrame | None
    auc: float
    epsilon_low: float
    attack: str
    members: int
    non_members: int
    counted: str
    confidence: float
    notes: tuple[str, ...] = ()

    def totals(self) -> Mapping[str, Any]:
        """Return the attack, its area, and the numbers of members and others."""
        return {
            "attack": self.attack,
            "auc": self.auc,
            "members": self.members,
            "non_members": self.non_members,
        }

    def _numbers(self) -> Mapping[str, float]:
        rates = {
            f"tpr_at_{100 * row['limit']:g}pct": float(row["tpr"])
            for row in self.rates.to_dict("records")
        }
        return {"auc": self.auc, **rates, "epsilon_low": self.epsilon_low}

    def _remarks(self) -> Sequence[str]:
        return self.notes

    def _tables(self) -> Tables:
        groups = self.groups
        tables = {"rates": lambda: self.rates}
        return tables if groups is None else {**tables, "groups": lambda: groups}
