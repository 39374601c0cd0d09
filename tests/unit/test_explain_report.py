"""The pages of explanations and of EBMs: whole, escaped, narrow enough, true to their numbers."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from rai_scale.errors import ConfigError
from rai_scale.reports.ebm import ebm_view, render_ebm
from rai_scale.reports.explain import explain_view, render_explain
from rai_scale.reports.html import save_html
from rai_scale.reports.plots import (
    figure,
    line_plot,
    marks_of,
    short,
    signed,
    signed_bar,
    step_plot,
)
from rai_scale.reports.whiskers import axis_over
from tests.unit.test_reports import HOSTILE, Outline, poisoned
from tests.unit.test_reports_layout import CHROMIUM, MEASURE, measured

RUN = {"run_id": "abc", "started": "2026-01-31T02:00:00+00:00", "engine": "local", "status": "ok"}
RUN |= {"table": "people", "source": "lake"}
SIZES = {"age": 0.21, "job": 0.1, "hours": 0.004}
LIMITS = {"limits": ["A limit."]}


def explanation() -> dict:
    rows = [
        {"feature": n, "value": v, "low": v * 0.9, "high": v * 1.1, "mean": v / 2}
        for n, v in SIZES.items()
    ]
    groups = [
        {**row, "sensitive_feature": "sex", "group": group, "rows": 50, "value": row["value"] * times,
         "p_adjusted": 0.001 if row["feature"] == "job" else 0.6}
        for row in rows for group, times in (("F", 1.0), ("M", 1.5))
    ]  # fmt: skip
    grid = [18.0, 30.0, 45.0, 70.0]
    age = {"feature": "age", "kind": "numeric", "grid": grid, "values": [0.1, 0.2, 0.5, 0.4]}
    age["lines"] = [[0.0, 0.1, 0.4, 0.3], [0.3, 0.3, 0.6, 0.5]]
    job = {"feature": "job", "kind": "levels", "grid": ["clerk", "nurse"], "values": [0.3, 0.35]}
    parts = [
        {"feature": "age", "shown": "39", "value": 0.2, "error": 0.01},
        {"feature": "job", "shown": "clerk", "value": -0.05, "error": 0.01},
    ]
    page = {"name": "id P1", "prediction": 0.4, "base_value": 0.25, "parts": parts}
    return {
        "title": "Why",
        "run": RUN,
        "settings": {"features": list(SIZES), "explained": "the probability of class 1",
                     "confidence": 0.95, "scoring": "roc_auc"},
        "method": {"name": "tree_shap", "why": "the model is made of trees", **LIMITS},
        "summary": {"rows": 100, "features": 3},
        "importance": rows[::-1],
        "importance_by_group": groups,
        "partial_dependence": [job, age],
        "permutation": rows,
        "dependence_pairs": [{"features": ["age", "job"], "left": [f"{n}" for n in range(20)],
                              "right": ["clerk", "nurse"], "middle": 0.2,
                              "values": [[n / 50, 0.2] for n in range(20)]}],
        "variance": [{**row, "first": 0.1} for row in rows],
        "sensitivity": [{**row, "mu_star": row["value"], "sigma": 0.15} for row in rows],
        "rows": [{**page, "text": "age 39 raises the prediction by 0.2"}],
        "notes": ["A note."],
    }  # fmt: skip


def boosting() -> dict:
    edges = [10.0, 30.0, 50.0, 90.0]
    steps = {"term": "age", "class": "", "kind": "steps", "edges": edges}
    steps |= {"values": [-1.0, 0.2, 0.9], "low": [-1.1, 0.1, 0.8], "high": [-0.9, 0.3, 1.0]}
    levels = {"term": "job", "class": "", "kind": "levels", "levels": ["clerk", "nurse"]}
    levels |= {"values": [-0.2, 0.3], "low": [-0.3, 0.2], "high": [-0.1, 0.4]}
    heat = {"term": "age & job", "class": "", "kind": "heat", "left": [f"{n}" for n in range(30)]}
    heat |= {"right": ["clerk", "nurse"], "values": [[n / 10 - 1, 0.1] for n in range(30)]}
    curve = [[0.0, 0.0], [0.1, 0.7], [1.0, 1.0]]
    return {
        "title": "EBM",
        "run": RUN,
        "settings": {"features": ["age", "job"], "y_true": "y", "task": "classification",
                     "unit": "log-odds", "measured_on": "on rows held out"},
        "summary": {"rows": 1000, "terms": 3, "shards": 2},
        "importance": [{"term": "job", "value": 0.2}, {"term": "age", "value": 0.8},
                       {"term": "age & job", "value": 0.1}],
        "shapes": [levels, steps, heat],
        "performance": [{"group": g, "rows": 10, "metric": "auc", "value": v}
                        for g, v in (("", 0.91), ("F", 0.88))],
        "curves": [{"kind": k, "group": g, "points": curve}
                   for k in ("roc", "pr") for g in ("", "F")],
        "method": LIMITS,
        "notes": ["2 instead of 4 shards."],
    }  # fmt: skip


PAGES = {"explain": (render_explain, explanation), "ebm": (render_ebm, boosting)}


@pytest.mark.parametrize("kind", PAGES)
def test_the_page_is_well_formed_and_can_be_navigated(kind):
    render, made = PAGES[kind]
    html = render(made())
    outline = Outline(html)
    ids = outline.values("id")
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in outline.values("href")} <= set(ids)
    levels = [int(tag[1]) for tag, _ in outline.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
    assert not re.search(r"url\(|@import|<link|<script|<iframe|(src|href)=.?https?:", html)


@pytest.mark.parametrize("kind", PAGES)
def test_everything_is_escaped(kind):
    render, made = PAGES[kind]
    report = made()
    poison = poisoned(report)
    for old, new in zip(report.get("shapes") or report["partial_dependence"],
                        poison.get("shapes") or poison["partial_dependence"], strict=True):  # fmt: skip
        new["kind"] = old["kind"]
    for curve in poison.get("curves") or []:
        curve["kind"] = curve["kind"].removesuffix(HOSTILE)
    html = render(poison)
    assert "<script>alert(1)" not in html
    assert "<img" not in html
    assert "{{ 7 * 7 }}" in html
    assert HOSTILE not in html


def test_the_explanation_says_what_the_numbers_say():
    text = Outline(render_explain(explanation())).text
    assert "The prediction depends most on age, job and hours." in text
    assert "100 rows were explained with 3 features." in text
    assert "the importance of 1 feature differs significantly between groups, most for job" in text
    assert "largest for M, smallest for F" in text
    assert "This page shows values of 1 row" in text
    assert "and values of 1 row." in text
    assert "+0.200 ± 0.010" in text
    assert "−0.050" in text
    assert "age 39 raises the prediction by 0.2." in text
    assert "By how much roc_auc gets worse" in text


def test_without_single_rows_and_options_the_page_says_so():
    optional = ("importance_by_group", "partial_dependence", "permutation", "sensitivity", "rows")
    optional += ("dependence_pairs", "variance")
    bare = {key: value for key, value in explanation().items() if key not in optional}
    text = Outline(render_explain(bare)).text
    assert "but no rows of the data" in text
    assert "Single rows" not in text
    assert "39" not in text


def test_features_are_ordered_and_curves_share_one_scale():
    view = explain_view(explanation())
    assert [row["feature"] for row in view["importance"][0]["rows"]] == ["age", "job", "hours"]
    assert [curve["feature"] for curve in view["dependence"]] == ["age", "job"]
    scales = {curve["y"] for curve in view["dependence"]}
    assert len(scales) == 1
    y = next(iter(scales))
    assert y.low <= 0.0
    assert y.high >= 0.6
    assert [row["bent"] for row in view["sensitivity"]["rows"]] == [False, True, True]
    assert view["compared"][0]["features"][0]["feature"] == "job"  # the one beyond chance


def test_pairs_are_coloured_by_their_distance_from_the_middle():
    pair = explain_view(explanation())["pairs"][0]
    assert (len(pair["rows"]), pair["thinned"]) == (12, True)
    first, last = (pair["rows"][n]["cells"][0] for n in (0, -1))
    assert [(c["text"], c["heat"], c["down"]) for c in (first, last)] == [
        ("0.00", 5, True),
        ("0.38", 4, False),
    ]
    assert [cell["heat"] for cell in pair["rows"][3]["cells"]][1] == 0


def test_long_rows_keep_their_sum():
    report = explanation()
    parts = [
        {"feature": f"f{n}", "shown": "1", "value": 0.01 * n, "error": None} for n in range(30)
    ]
    report["rows"][0]["parts"] = parts
    shown = explain_view(report)["rows"][0]["parts"]
    assert len(shown) == 13
    assert shown[-1]["feature"] == "18 other features"
    assert sum(p["value"] for p in shown) == pytest.approx(sum(p["value"] for p in parts))


def test_the_ebm_says_what_the_numbers_say():
    text = Outline(render_ebm(boosting())).text
    assert "An Explainable Boosting Machine of 3 terms predicts y" in text
    assert "1,000 rows in 2 shards, one model each, merged." in text
    assert "auc 0.910, on rows held out." in text
    assert "2 instead of 4 shards." in text
    view = ebm_view(boosting())
    assert [row["term"] for row in view["importance"]] == ["age", "job", "age & job"]
    heat = view["pairs"][0]
    assert (len(heat["rows"]), heat["rows"][0]["level"], heat["rows"][-1]["level"]) == (
        12,
        "0",
        "29",
    )
    assert [c["heat"] for c in heat["rows"][-1]["cells"]] == [5, 0]
    assert [bool(plot["plot"].lines) for plot in view["roc"]] == [False, True]


@pytest.mark.parametrize("kind", PAGES)
def test_what_is_missing_is_named(kind):
    render, made = PAGES[kind]
    broken = {key: value for key, value in made().items() if key != "importance"}
    with pytest.raises(ConfigError, match="no 'importance'"):
        render(broken)


def test_lines_and_steps_lie_where_their_numbers_are():
    plot = line_plot([(0.0, 0.0), (10.0, 1.0)], low=[0.0, 0.8], high=[0.2, 1.0])
    corners = [tuple(map(int, pair.split(","))) for pair in plot.line.split()]
    assert corners == [(40, 960), (960, 40)]
    assert len(plot.band.split()) == 4
    steps = step_plot([0.0, 1.0, 2.0], [0.0, 1.0])
    places = [tuple(map(int, pair.split(","))) for pair in steps.line.split()]
    assert [y for _, y in places] == [960, 960, 40, 40]
    assert steps.zero is None
    assert step_plot([0.0, 1.0], [-1.0, ]).y.high >= 0  # fmt: skip
    many = step_plot(list(range(5001)), np.zeros(5000).tolist())
    assert len(many.line.split()) < 1000


@pytest.mark.parametrize(
    ("value", "step", "text"),
    [(0.25, 0.05, "0.25"), (1200, 200, "1,200"), (50_000, 10_000, "50k"), (1.5e6, 5e5, "1.5M"), (0, 1e4, "0")],
)  # fmt: skip
def test_labels_of_axes_are_short(value, step, text):
    assert short(value, step) == text


def test_figures_and_signs():
    assert (figure(0.01234, 0.5), figure(None, 1), figure(1234.5, 2000)) == ("0.012", "–", "1,234")
    assert [signed(v, 0.5) for v in (0.2, -0.2, 0.0, None)] == ["+0.200", "−0.200", "0.000", "–"]
    assert signed(-1e-9, 0.5) == "0.000"
    bar = signed_bar(axis_over([-1.0, 1.0]), -0.5, 0.1)
    assert (bar["sign"], bar["zero"]) == ("down", 50.0)
    assert bar["x"] == pytest.approx(27.0)
    assert bar["low"] < 27.0 < bar["high"]
    assert marks_of(axis_over([0.0, 1.0]))[0][0] == 4.0


@pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed: apt-get install chromium")
def test_no_sideways_scroll_on_a_phone_or_a_tablet(tmp_path):
    for kind, (render, made) in PAGES.items():
        save_html(render(made()), tmp_path / f"{kind}.html")
        report = made()
        for part in ("importance", "importance_by_group", "rows"):
            if part in report:
                report[part] = poisoned(report[part], "_and_so_on" * 20)
        save_html(render(report), tmp_path / f"{kind}_long.html")
    names = [*PAGES, *(f"{kind}_long" for kind in PAGES)]
    frames = list(itertools.product(names, (390, 800, 1280)))
    frame = "<iframe src={}.html style='border: 0; width: {}px; height: 800px'></iframe>"
    body = "<body>" + "".join(frame.format(*each) for each in frames) + MEASURE
    save_html(body, tmp_path / "frames.html")
    widths = measured(tmp_path / "frames.html", tmp_path / "profile")
    found = dict(zip(frames, widths, strict=True))
    assert {each: width for each, width in found.items() if width > each[1]} == {}
