"""The result of :func:`~rai_scale.personalization.audit_features`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from rai_scale.gates import Figure
from rai_scale.results import Result, Tables


@dataclass(frozen=True, repr=False)
class FeatureAudit(Result):
    """Forbidden features that are used, and proxies of sensitive attributes.

    Attributes
    ----------
    forbidden : pandas.DataFrame
        ``feature``, ``in_data`` and ``in_model`` (bool) of each forbidden or sensitive feature that
        is used.
    associations : pandas.DataFrame
        The strongest proxies first: ``feature``, ``sensitive``, ``cramers_v`` (bias-corrected),
        ``mutual_information`` (nats), ``correlation_ratio`` (numbers only), ``p_value``,
        ``p_adjusted`` (Holm) and ``rows`` (that were counted; with a person, people per value).
    predictions : pandas.DataFrame
        With a learner: ``sensitive``, ``value``, ``rows``, and ``auc`` of all allowed features
        together, with ``low`` and ``high``.
    carriers : pandas.DataFrame
        With a learner, the most important first: ``sensitive``, ``feature``, ``auc_drop``.
    notes : tuple of str
    """

    forbidden: pd.DataFrame
    associations: pd.DataFrame
    predictions: pd.DataFrame
    carriers: pd.DataFrame
    notes: tuple[str, ...] = ()

    def totals(self) -> Mapping[str, Any]:
        """Return the numbers of forbidden features in use and of pairs that were compared."""
        return {"forbidden": len(self.forbidden), "pairs": len(self.associations)}

    def _numbers(self) -> Mapping[str, float]:
        return {
            name: max(
                (f.value for f in found if not math.isnan(f.value)), default=math.nan
            )
            for name, found in self._figures().items()
        }  # fmt: skip

    def _figures(self) -> Mapping[str, Sequence[Figure]]:
        found = {
            "forbidden_features": [Figure(float(len(self.forbidden)))],
            "association": [
                Figure(float(row["cramers_v"]), at=f"{row['feature']}, {row['sensitive']}")
                for row in self.associations.to_dict("records")
                if not math.isnan(row["cramers_v"])
            ],
            "auc": [
                Figure(row["auc"], row["low"], row["high"], at=f"{row['sensitive']}={row['value']}")
                for row in self.predictions.to_dict("records")
            ],
        }
        return {name: figures for name, figures in found.items() if figures}

    def _remarks(self) -> Sequence[str]:
        return self.notes

    def _tables(self) -> Tables:
        return {
            "associations": lambda: self.associations,
            "forbidden": lambda: self.forbidden,
            "predictions": lambda: self.predictions,
            "carriers": lambda: self.carriers,
        }
