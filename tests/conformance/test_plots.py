"""Fairlearn's plotting takes our frame as its own."""

from __future__ import annotations

from typing import Any

import fairlearn.metrics as fm
import numpy as np
import pytest
import sklearn.metrics as skm

from tests.conformance.answers import Question
from tests.conformance.tables import cut, people

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

METRICS = {"rate": fm.selection_rate, "acc": skm.accuracy_score, "n": fm.count}


@pytest.fixture(autouse=True)
def closed_figures():
    """Close what a test drew."""
    yield
    from matplotlib import pyplot

    pyplot.close("all")


def drawn(axes) -> list[list[Any]]:
    """Return the sizes of the bars and the heights of the lines of each chart."""
    charts = np.ravel(axes)
    bars = [
        [(patch.get_width(), patch.get_height()) for patch in chart.patches] for chart in charts
    ]
    lines = [list(line.get_ydata()) for chart in charts for line in chart.lines]
    return [*bars, *lines]


@pytest.mark.parametrize("kind", ["bar", "line", "barh"])
@pytest.mark.parametrize("metrics", [None, ["rate"], ["rate", "n"]])
@pytest.mark.parametrize("sensitive", [("h",), ("h", "d")])
def test_plot_metric_frame(sensitive, metrics, kind):
    """The same heights are drawn from both frames."""
    from fairlearn.experimental.enable_metric_frame_plotting import plot_metric_frame

    question = Question(METRICS, sensitive=sensitive)
    options = {"kind": kind, "metrics": metrics}
    mine = drawn(plot_metric_frame(question.ours(cut(people(), kind)), **options))
    assert mine == drawn(plot_metric_frame(question.theirs(people()), **options))
    assert any(mine)


def test_plots_of_the_frame_itself():
    """``by_group`` is pandas', with its plots."""
    frame = Question(METRICS).ours(cut(people(), "own"))
    heights = drawn(frame.by_group.plot.bar(subplots=True))
    assert [height for _, height in heights[0]] == frame.by_group["rate"].tolist()
