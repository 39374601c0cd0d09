"""The fairness page: whole, escaped, narrow enough for a phone, and true to its numbers."""

from __future__ import annotations

import copy
import itertools
import re

import numpy as np
import pandas as pd
import pytest

from rai_scale.errors import ConfigError
from rai_scale.fairness import Bootstrap, Comparison, assess_fairness
from rai_scale.reports.fairness import fairness_view, render_fairness
from rai_scale.reports.html import save_html
from rai_scale.reports.whiskers import PlotAxis, axis_over, whisker
from tests.unit.test_reports import HOSTILE, Outline, poisoned
from tests.unit.test_reports_layout import CHROMIUM, MEASURE, measured

ASKED = {"y_true": "y", "y_pred": "p", "score": "s", "sensitive_features": ["race"]}
ASKED |= {"bootstrap": Bootstrap(n_boot=60)}
GATES = [
    {"metric": "equalized_odds_difference", "above": 0.05},
    {"metric": "demographic_parity_ratio", "below": 0.2, "judged_by": "upper_bound"},
]


def people(seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    n = 500
    frame = pd.DataFrame({"race": rng.choice(list("ABC"), n, p=[0.6, 0.36, 0.04])})
    frame["sex"], frame["y"] = rng.choice(["F", "M"], n), rng.integers(0, 2, n)
    signal = frame["y"] + rng.normal(0, 0.8, n) - 0.6 * (frame["race"] == "B")
    return frame.assign(p=(signal > 0.5).astype(int), s=np.round(1 / (1 + np.exp(-signal)), 2))


@pytest.fixture(scope="module")
def result():
    before = assess_fairness(people(1), **ASKED)
    metrics = ["selection_rate", "true_positive_rate", "f1_score", "roc_auc_score"]
    asked = {**ASKED, "comparison": Comparison(small_group=40)}
    return assess_fairness(people(), **asked, metrics=metrics, gates=GATES).compare_with(before)


@pytest.fixture(scope="module")
def report(result):
    return result.to_dict()


@pytest.fixture(scope="module")
def by_level():
    asked = {**ASKED, "control_features": "sex", "bootstrap": None}
    asked |= {"comparison": Comparison(suppress_below=15)}
    return assess_fairness(people(), **asked).to_dict()


def test_the_page_is_well_formed_and_can_be_navigated(report, by_level):
    for each in (report, by_level):
        html = render_fairness(each)
        outline = Outline(html)
        ids = outline.values("id")
        assert len(ids) == len(set(ids))
        assert {link.removeprefix("#") for link in outline.values("href")} <= set(ids)
        levels = [int(tag[1]) for tag, _ in outline.tags if re.fullmatch(r"h[1-6]", tag)]
        assert levels[0] == 1
        assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
        assert "<script" not in html
        assert not re.search(r"(src|href)=.?https?:", html)


def test_it_says_what_the_numbers_say(result, report):
    text = Outline(render_fairness(report)).text
    assert "1 of 2 checks failed." in text
    assert "C; value" not in text
    table = result.tables["by_group"].query("metric == 'selection_rate'").set_index("group")
    for group in "AB":
        assert f"{table.loc[group, 'value'] * 100:.1f} %" in text
    gap = result.tables["disparities"].set_index("disparity").loc["selection_rate_difference"]
    assert f"a gap of {gap['value'] * 100:.1f} points" in text
    assert "small group: fewer than 40 rows" in text
    assert "What this report cannot say" in text
    assert "Changes since the earlier run" in text
    assert "Four-fifths rule" in text


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.1, 0.3, "chance alone does not explain it"),
        (0.0, 0.3, "it may be due to chance"),
        (0.0, None, "too small, or vary too little"),
        (None, None, "No bounds were computed"),
    ],
)
def test_a_gap_is_read_by_its_bounds(report, low, high, said):
    changed = copy.deepcopy(report)
    for row in changed["disparities"]:
        row["low"], row["high"] = low, high
    readings = [m["strata"][0]["reading"] for m in fairness_view(changed)["metrics"]]
    assert all(said in reading for reading in readings)


def test_levels_and_hidden_groups(by_level):
    text = Outline(render_fairness(by_level)).text
    assert "sex = F" in text
    assert "so that the hidden group cannot be computed from the total" in text
    assert "Disparities and checks use only the groups that are shown" in text
    hidden = [row for row in by_level["by_group"] if row["hidden"]]
    assert {row["value"] for row in hidden} == {None}
    assert len(hidden) == 4 * 5


def test_everything_is_escaped(report):
    html = render_fairness(poisoned(report))
    assert "<script>alert(1)" not in html
    assert "<img" not in html
    assert "{{ 7 * 7 }}" in html
    assert HOSTILE not in html


def test_what_is_missing_is_named(report):
    broken = {key: value for key, value in report.items() if key != "by_group"}
    with pytest.raises(ConfigError, match="no 'by_group'"):
        render_fairness(broken)
    optional = ("drift", "four_fifths", "worst_groups", "smallest_gaps", "reference", "gates")
    bare = {key: value for key, value in report.items() if key not in optional}
    assert "The widest gap is in" in render_fairness(bare)


def test_axes_are_round_and_hold_all_values():
    for values in ([0.31, 0.52], [0.0, 1.0], [0.9991, 0.9999], [12.0, 480.0], [0.5], [-0.2, 0.1]):
        axis = axis_over(values)
        assert axis.low <= min(values) <= max(values) <= axis.high
        assert 2 <= len(axis.ticks) <= 7
        labels = [label for _, label in axis.marks]
        assert len(set(labels)) == len(labels)
        places = [axis.at(tick) for tick in axis.ticks]
        assert places == sorted(places)
        assert (places[0], places[-1]) == (4, 96)
    assert axis_over([None]).ticks == (0.0, 0.5, 1.0)
    row = {"value": 0.5, "low": None, "high": 0.7}
    found = whisker(PlotAxis(0.0, 1.0, (0.0, 1.0)), row, None)
    assert found == {"dot": 50.0, "low": None, "high": None, "mark": None}


@pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed: apt-get install chromium")
def test_no_sideways_scroll_on_a_phone_or_a_tablet(report, by_level, tmp_path):
    pages = {"plain": report, "levels": by_level, "long": poisoned(report, "_and_so_on" * 20)}
    for name, each in pages.items():
        save_html(render_fairness(each), tmp_path / f"{name}.html")
    frames = list(itertools.product(pages, (390, 800, 1280)))
    frame = "<iframe src={}.html style='border: 0; width: {}px; height: 800px'></iframe>"
    body = "<body>" + "".join(frame.format(*each) for each in frames) + MEASURE
    save_html(body, tmp_path / "frames.html")
    widths = measured(tmp_path / "frames.html", tmp_path / "profile")
    found = dict(zip(frames, widths, strict=True))
    assert {each: width for each, width in found.items() if width > each[1]} == {}


def test_an_infinite_bound_is_kept_in_json_and_not_drawn():
    groups = ["a"] * 100 + ["b"] * 100 + ["inf"] * 200
    frame = pd.DataFrame({"y": [0, 1] * 200, "p": [0] * 200 + [0, 1] * 100, "g": groups})
    names = {"metrics": ["f1_score"], "disparities": ["f1_score_difference"]}
    found = assess_fairness(
        frame, y_true="y", y_pred="p", sensitive_features=["g"], bootstrap=Bootstrap(50), **names
    )
    plain = found.to_dict()
    assert plain["disparities"][0]["high"] == "inf"
    assert "inf" in {row["group"] for row in plain["by_group"]}
    assert "(inf)" in found.to_html()
