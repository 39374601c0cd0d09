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
    """Mean absolute values of explanations, overall and by group.

    Attributes
    ----------
    features : tuple of str
        Explained features.
    sensitive_features : tuple of str
        Columns of the groups.
    confidence : float
        Confidence of the intervals.
    overall : pandas.DataFrame
        One row per feature: ``mean_abs``, its ``std_error`` over rows, the ``sampling_error`` of
        sampled explanations, the interval from ``lower`` to ``upper`` that includes both errors,
        the signed ``mean``, its ``mean_std_error``, and ``rows``.
    groups : pandas.DataFrame or None
        The same for each group, with the columns of the groups first.
    differences : pandas.DataFrame or None
        For each feature, tests of whether the groups' means differ.
    """

    features: tuple[str, ...]
    sensitive_features: tuple[str, ...]
    confidence: float
    overall: pd.DataFrame
    groups: pd.DataFrame | None = None
    differences: pd.DataFrame | None = None

    @property
    def p_value(self) -> float:
        """Smallest adjusted p-value of the tests of differences between groups."""
        return float("nan") if self.differences is None else self.differences["p_adjusted"].min()

    def totals(self) -> dict[str, Any]:
        """Return the numbers of features and rows, and the columns of the groups."""
        groups = {} if self.groups is None else {"sensitive_features": self.sensitive_features}
        rows = int(self.overall["rows"].max()) if len(self.overall) else 0
        return {"features": len(self.features), "rows": rows, **groups}

    def _tables(self) -> Tables:
        """Return the table of groups, if there is one, before the others."""
        more = {"groups": self.groups, "differences": self.differences}
        given = {name: table.copy for name, table in more.items() if table is not None}
        first = {"groups": given.pop("groups")} if "groups" in given else {}
        return {**first, "overall": self._overall, **given}

    def _overall(self) -> pd.DataFrame:
        return self.overall.sort_values(
            "mean_abs", ascending=False, kind="stable", ignore_index=True
        )

    def to_dict(self) -> dict[str, Any]:
        """Return all tables as plain values; undefined numbers are ``None``."""
        return {
            "confidence": self.confidence,
            "sensitive_features": list(self.sensitive_features),
            "overall": records(self.overall),
            "groups": None if self.groups is None else records(self.groups),
            "differences": None if self.differences is None else records(self.differences),
            "p_value": plain(self.p_value),
        }

    def _numbers(self) -> dict[str, float]:
        """Return the mean absolute value per feature."""
        return dict(zip(self.features, self.overall["mean_abs"].astype(float), strict=True))

    def to_interpret(self) -> Any:
        """Return interpret's ``FeatureValueExplanation`` of the overall mean absolute values."""
        scores = self.overall["mean_abs"].to_numpy()
        return bars(self.features, scores, "Mean absolute value of explanations")
