"""What metrics and disparities mean, and what a gap says, in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, floor
from typing import Any

from rai_scale.reports.words import NOT_MEASURED, interval, share

METRIC_MEANINGS = {
    "selection_rate": "of all rows, the share that is predicted positive",
    "true_positive_rate": "of the rows whose label is positive, the share that is predicted so",
    "recall_score": "of the rows whose label is positive, the share that is predicted so",
    "false_negative_rate": "of the rows whose label is positive, the share that is missed",
    "false_positive_rate": "of the rows whose label is negative, the share predicted positive",
    "true_negative_rate": "of the rows whose label is negative, the share that is predicted so",
    "precision_score": "of the rows predicted positive, the share whose label is positive",
    "accuracy_score": "of all rows, the share that is predicted right",
    "zero_one_loss": "of all rows, the share that is predicted wrong",
    "balanced_accuracy_score": "the mean of the hit rates of both labels",
    "f1_score": "the harmonic mean of precision and hit rate",
    "roc_auc_score": "how often a positive row has a higher score than a negative one",
    "average_precision_score": "the area below the curve of precision over hit rate",
    "log_loss": "how far the scores are from the labels, on a logarithm; less is better",
    "brier_score_loss": "the mean squared distance of scores from labels; less is better",
    "mean_prediction": "the mean of the predictions",
}
DISPARITY_MEANINGS = {
    "demographic_parity_difference": "widest gap in selection rate between two groups",
    "demographic_parity_ratio": "lowest selection rate over the highest",
    "equal_opportunity_difference": "widest gap in true positive rate between two groups",
    "equal_opportunity_ratio": "lowest true positive rate over the highest",
    "equalized_odds_difference": "the wider of the gaps in true and in false positive rate",
    "equalized_odds_ratio": "the smaller of the ratios of true and of false positive rates",
}


class _Share:
    """Rates are written in per cent, and gaps between them in points."""

    def value(self, number: float | None) -> str:
        return share(number)

    def range(self, low: float | None, high: float | None) -> str:
        return interval(low, high)

    def gap(self, number: float | None) -> str:
        return "" if number is None else f"{number * 100:.1f} points"

    def signed(self, number: float | None) -> str:
        return "" if number is None else f"{number * 100:+.1f} points".replace("-", "−")

    def gap_range(self, low: float, high: float) -> str:
        ends = floor(round(low * 1000, 6)) / 10, ceil(round(high * 1000, 6)) / 10
        return f"{ends[0]:.1f} and {ends[1]:.1f} points"


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
    """Say how far apart the groups are, and whether that may be chance."""
    known = [group for group in groups if group["value"] is not None]
    if len(known) < 2 or difference.get("value") is None:  # noqa: PLR2004
        return "There are not two groups with a value, so nothing can be compared."
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
        return "No bounds were computed: part or all of it may be chance."
    if upper is None:
        return "The groups are too small, or vary too little, for bounds: it may be chance."
    said = f"lies between {figure.gap_range(lower, upper)} ({confidence * 100:g} % confidence"
    if lower > 0:
        return (
            f"The widest gap between the groups {said}, over all pairs at once): chance alone "
            "does not explain it."
        )
    return (
        f"It may be chance: the widest gap between the groups {said}, over all pairs at once). "
        "That does not show that there is none."
    )


def gate_reading(gate: Mapping[str, Any]) -> str:
    """Say what a gate's verdict rests on."""
    by, passed = gate.get("judged_by"), gate["passed"]
    if by == "lower_bound" or (by == "upper_bound" and gate.get("below") is not None):
        cautious = (by == "lower_bound") == (gate.get("above") is not None)
    else:
        cautious = False
    if by == "point":
        return "Judged by the value itself, whatever chance had a part in it."
    if cautious and passed:
        return "The data do not show that the limit is broken; with more rows they might."
    if cautious:
        return "The data show that the limit is broken."
    if passed:
        return "The data show that the limit is kept."
    return "The data do not show that the limit is kept; more rows might."
