"""The result of averaging explanations over a frame and its groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from rai_scale.explanations.overall.interpret_objects import bars
from rai_scale.results import Result, Tables
from rai_scale.statistics.json_values import plain, records


@dataclass(frozen=True, repr=False)
class Importance(Result):
    """Mean sizes of explanations.

    Attributes
    ----------
    features : tuple of str
    sensitive_features : tuple of str
        Columns of the groups.
    confidence : float
    overall : pandas.DataFrame
        One row per feature: ``mean_abs``, its standard error over rows, ``sampling_error``
        of sampled explanations, the interval ``lower`` to ``upper`` of both, the signed ``mean``
        with its standard error, and ``rows``.
    groups : pandas.DataFrame or None
        The same per group, after the columns of the groups.
    differences : pandas.DataFrame or None
        Per feature, whether the groups' means differ.
    """

    features: tuple[str, ...]
    sensitive_features: tuple[str, ...]
    confidence: float
    overall: pd.DataFrame
    groups: pd.DataFrame | None = None
    differences: pd.DataFrame | None = None

    @property
    def p_value(self) -> float:
        """Whether any reason differs between groups: the smallest adjusted p-value."""
        return float("nan") if self.differences is None else self.differences["p_adjusted"].min()

    def totals(self) -> dict[str, Any]:
        """Return what was averaged."""
        groups = {} if self.groups is None else {"sensitive_features": self.sensitive_features}
        rows = int(self.overall["rows"].max()) if len(self.overall) else 0
        return {"features": len(self.features), "rows": rows, **groups}

    def _tables(self) -> Tables:
        """Return the groups' table first, or that of all rows with the largest feature first."""
        more = {"groups": self.groups, "differences": self.differences}
        given = {name: table.copy for name, table in more.items() if table is not None}
        first = {"groups": given.pop("groups")} if "groups" in given else {}
        return {**first, "overall": self._overall, **given}

    def _overall(self) -> pd.DataFrame:
        return self.overall.sort_values(
            "mean_abs", ascending=False, kind="stable", ignore_index=True
        )

    def to_dict(self) -> dict[str, Any]:
        """Return all tables as plain values; what is undefined is ``None``."""
        return {
            "confidence": self.confidence,
            "sensitive_features": list(self.sensitive_features),
            "overall": records(self.overall),
            "groups": None if self.groups is None else records(self.groups),
            "differences": None if self.differences is None else records(self.differences),
            "p_value": plain(self.p_value),
        }

    def _numbers(self) -> dict[str, float]:
        """Return the mean size per feature."""
        return dict(zip(self.features, self.overall["mean_abs"].astype(float), strict=True))

    def to_interpret(self) -> Any:
        """Return interpret's ``FeatureValueExplanation`` of the mean sizes of all rows."""
        scores = self.overall["mean_abs"].to_numpy()
        return bars(self.features, scores, "Mean size of explanations")
