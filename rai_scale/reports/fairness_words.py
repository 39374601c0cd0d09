"""Explanations of metrics, disparities, gaps and checks in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, floor
from typing import Any

from rai_scale.reports.words import NOT_MEASURED, interval, share

METRIC_MEANINGS = {
    "selection_rate": "the share of all rows that are predicted positive",
    "true_positive_rate": "the share of rows with a positive label that are predicted positive",
    "recall_score": "the share of rows with a positive label that are predicted positive",
    "false_negative_rate": "the share of rows with a positive label that are predicted negative",
    "false_positive_rate": "the share of rows with a negative label that are predicted positive",
    "true_negative_rate": "the share of rows with a negative label that are predicted negative",
    "precision_score": "the share of rows predicted positive that have a positive label",
    "accuracy_score": "the share of all rows that are predicted correctly",
    "zero_one_loss": "the share of all rows that are predicted incorrectly",
    "balanced_accuracy_score": "the mean of the recall of both labels",
    "f1_score": "the harmonic mean of precision and recall",
    "roc_auc_score": "how often a positive row has a higher score than a negative row",
    "average_precision_score": "the area under the curve of precision over recall",
    "log_loss": "the mean logarithmic error of the scores; lower is better",
    "brier_score_loss": "the mean squared difference between scores and labels; lower is better",
    "mean_prediction": "the mean of the predictions",
}
DISPARITY_MEANINGS = {
    "demographic_parity_difference": "largest difference in selection rate between two groups",
    "demographic_parity_ratio": "lowest selection rate divided by the highest",
    "equal_opportunity_difference": "largest difference in true positive rate between two groups",
    "equal_opportunity_ratio": "lowest true positive rate divided by the highest",
    "equalized_odds_difference": "the larger of the differences in true and false positive rate",
    "equalized_odds_ratio": "the smaller of the ratios of true and false positive rates",
}


class _Share:
    """Rates are written in per cent, and differences between them in percentage points."""

    def value(self, number: float | None) -> str:
        return share(number)

    def range(self, low: float | None, high: float | None) -> str:
        return interval(low, high)

    def gap(self, number: float | None) -> str:
        return "" if number is None else f"{number * 100:.1f} points"

    def signed(self, number: float | None) -> str:
        return "" if number is None else f"{number * 100:+.1f} points".replace("-", "−")

    def gap_range(self, low: float, high: float) -> str:
        low, high = floor(round(low * 1000, 6)) / 10, ceil(round(high * 1000, 6)) / 10
        return f"{low:.1f} and {high:.1f} points"


class _Number:
    """Other metrics are written as numbers."""

    def value(self, number: float | None) -> str:
        return NOT_MEASURED if number is None else f"{number:.3f}"

    def range(self, low: float | None, high: float | None) -> str:
        return "" if low is None or high is None else f"{low:.3f} to {high:.3f}"

    def gap(self, number: float | None) -> str:
        return "" if number is None else f"{number:.3f}"

    def signed(self, number: float | None) -> str:
        return "" if number is None else f"{number:+.3f}".replace("-", "−")

    def gap_range(self, low: float, high: float) -> str:
        return f"{low:.3f} and {high:.3f}"


FIGURES: dict[bool, Any] = {True: _Share(), False: _Number()}
"""How numbers are written, by whether the metric is a share of rows."""


def gap_reading(
    difference: Mapping[str, Any],
    ratio: Mapping[str, Any],
    groups: Sequence[Mapping[str, Any]],
    figure: Any,
    confidence: float,
) -> str:
    """Return sentences on how far the groups differ, and whether the difference may be chance.

    Parameters
    ----------
    difference, ratio : mapping
        ``value``, ``low`` and ``high`` of the disparities; empty if they were not computed.
    groups : sequence of mapping
        ``group``, ``value`` and ``text``, sorted by value.
    figure : object
        One of :data:`FIGURES`.
    confidence : float
        Confidence level of the bounds, from 0 to 1.
    """
    known = [group for group in groups if group["value"] is not None]
    if len(known) < 2 or difference.get("value") is None:  # noqa: PLR2004
        return "Fewer than two groups have a value, so groups cannot be compared."
    low, high = known[0], known[-1]
    text = (
        f"From {low['text']} ({low['group']}) to {high['text']} ({high['group']}): a gap of "
        f"{figure.gap(difference['value'])}"
    )
    if ratio.get("value") is not None:
        text += f", a ratio of {ratio['value']:.2f}"
    return f"{text}. {_chance(difference, figure, confidence)}"


def _chance(difference: Mapping[str, Any], figure: Any, confidence: float) -> str:
    lower, upper = difference.get("low"), difference.get("high")
    if lower is None:
        return "No bounds were computed, so some or all of this gap may be due to chance."
    if upper is None:
        return (
            "The groups are too small, or vary too little, to compute bounds, so this gap may be "
            "due to chance."
        )
    bounds = (
        f"The widest gap between any two groups is between {figure.gap_range(lower, upper)} "
        f"({confidence * 100:g} % confidence for all pairs at once)"
    )
    if lower > 0:
        return f"{bounds}: chance alone does not explain it."
    return f"{bounds}: it may be due to chance. This does not show that the groups are equal."


def gate_reading(gate: Mapping[str, Any]) -> str:
    """Return a sentence on what the outcome of a check means.

    A cautious check fails only if the data show that the limit is violated; other checks pass only
    if the data show that the limit is met.
    """
    by, passed = gate.get("judged_by"), gate["passed"]
    above, below = (gate.get(limit) is not None for limit in ("above", "below"))
    cautious = (by == "lower_bound" and above) or (by == "upper_bound" and below)
    if by == "point":
        return "The check uses the value itself and does not take chance into account."
    if cautious and passed:
        return "The data do not show that the limit is violated; more rows might show it."
    if cautious:
        return "The data show that the limit is violated."
    if passed:
        return "The data show that the limit is met."
    return "The data do not show that the limit is met; more rows might show it."
