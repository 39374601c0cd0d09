from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest

from rai_scale.error_analysis import cohort, error_tree
from rai_scale.errors import ConfigError
from rai_scale.reports.error_analysis import render_error_analysis
from rai_scale.reports.html import save_html
from tests.unit.test_reports import HOSTILE, Outline
from tests.unit.test_reports_layout import CHROMIUM, MEASURE, measured

RNG = np.random.default_rng(0)
N = 400
ROWS = pd.DataFrame({"age": RNG.integers(18, 80, N), "city": RNG.choice(["a", HOSTILE], N)})
ROWS["y"] = 0
ROWS["p"] = np.where((ROWS["age"] < 30) & (ROWS["city"] == "a"), 1, RNG.random(N) < 0.05)
TREE = error_tree(ROWS, y_true="y", y_pred="p", categorical="city")


def test_every_node_is_on_the_page_with_its_numbers_and_a_cohort_that_can_be_read_back():
    html = TREE.to_html()
    page = Outline(html)
    assert "script" not in {tag for tag, _ in page.tags}
    assert not page.open
    ids = [attrs["id"] for tag, attrs in page.tags if tag == "details"]
    assert sorted(ids) == sorted(f"node-{node}" for node in TREE.nodes["node"])
    for row in TREE.nodes.itertuples():
        assert f"{row.errors:,} of {row.rows:,} row" in page.text
        text = " ".join((row.condition or "all rows").split())
        assert f"Node {row.node}, cohort: {text}" in page.text
    worst = TREE.leaves.iloc[0]
    assert cohort(worst["condition"]).count(ROWS) == worst["rows"]


def test_a_regression_shows_losses_and_a_metric_of_its_own():
    rows = ROWS.assign(y=ROWS["age"] * 1.0, p=ROWS["age"] + np.where(ROWS["age"] > 60, 9.0, 1.0))
    tree = error_tree(rows, y_true="y", y_pred="p", features="age", metric="median_absolute_error")
    page = Outline(tree.to_html()).text
    assert "The mean absolute error is" in page
    assert "Median absolute error: 9.00" in page
    gates = tree.gates({"metric": "worst_node", "above": 8})
    assert gates[0]["value"] == 9
    assert not gates[0]["passed"]


def test_a_gate_with_a_bound_holds_in_every_leaf_not_only_in_the_one_with_the_highest_rate():
    lows = TREE.leaves["low"]
    (gate,) = TREE.gates(
        {"metric": "worst_node", "above": lows.max() - 1e-9, "judged_by": "lower_bound"}
    )
    assert not gate["passed"]
    assert gate["low"] == lows.max()


def test_a_model_without_errors_has_a_page():
    tree = error_tree(ROWS.assign(p=0), y_true="y", y_pred="p", features="age")
    assert "No split of the rows" in Outline(tree.to_html()).text


def test_a_report_without_nodes_is_refused():
    with pytest.raises(ConfigError, match="nodes"):
        render_error_analysis({"title": "t", "rows": 1, "errors": 0, "settings": {}, "notes": []})


@pytest.mark.full
@pytest.mark.skipif(not shutil.which("chromium"), reason="chromium is not installed")
def test_the_tree_has_no_sideways_scroll(tmp_path):
    assert CHROMIUM
    rows = ROWS.rename(columns={"age": "a_very_long_name_" * 9})
    tree = error_tree(rows, y_true="y", y_pred="p", max_depth=6, min_child_samples=5)
    opened = tree.to_html().replace("<details id", "<details open id")
    save_html(opened, tmp_path / "tree.html")
    frame = "<iframe src=tree.html style='border: 0; width: {}px; height: 800px'></iframe>"
    widths = (390, 1280)
    save_html("<body>" + "".join(map(frame.format, widths)) + MEASURE, tmp_path / "frames.html")
    found = measured(tmp_path / "frames.html", tmp_path / "profile")
    assert all(width <= most for width, most in zip(found, widths, strict=True))
