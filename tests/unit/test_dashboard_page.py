from __future__ import annotations

import copy
import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

from rai_scale.errors import ConfigError
from rai_scale.jobs.dashboard.small_groups import without_small_groups
from rai_scale.reports.dashboard import TABS, embedded, render_dashboard
from rai_scale.reports.dashboard_parts import without_rows
from tests.unit.dashboard_browser import FAULTS, looked_at
from tests.unit.dashboard_sample import dashboard, errors, risk, trained
from tests.unit.test_reports import HOSTILE, Outline
from tests.unit.test_reports_layout import CHROMIUM


def test_every_tab_is_there_and_one_without_a_result_is_not_run():
    html = render_dashboard(dashboard())
    page = Outline(html)
    assert not page.open
    tabs = [attrs for tag, attrs in page.tags if attrs.get("role") == "tab"]
    panels = {attrs["id"] for tag, attrs in page.tags if attrs.get("role") == "tabpanel"}
    assert {tab["aria-controls"] for tab in tabs} == panels
    assert panels == {f"panel-{name}" for name in ("overview", *TABS)}
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    parts = re.split(r'<section id="panel-([\w-]+)"', html)[1:]
    text = {name: Outline(body).text for name, body in zip(parts[::2], parts[1::2], strict=True)}
    for name in ("data", "fairness", "private"):
        assert "Not run. No result for this tab was given" in text[name]
    assert "Not run: rai-scale fairness" in text["models"]
    for name in ("errors", "pii", "importances", "risk", "synthesize"):
        assert "No result for this tab" not in text[name]
    assert {link.removeprefix("#") for link in page.values("href")} <= set(ids)
    for name, parts_of_page in {
        "errors": ("Cohorts compared", "F1 macro", "PSI", "Changes since the earlier run"),
        "risk": ("can be singled out", "Who is at risk"),
        "synthesize": ("About 600 rows", "a, b", "Do not publish them", "Models trained"),
        "overview": ("can be singled out", "About 600 rows"),
    }.items():
        assert all(part in text[name] for part in parts_of_page), name
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_texts_cannot_leave_the_data_or_the_page():
    report = dashboard()
    nodes = report["parts"]["error-analysis"]["nodes"]
    for node in nodes[1:]:
        node["condition"] = node["feature"] = HOSTILE + "\u2028</script><!--"
    html = render_dashboard(report)
    page = Outline(html)
    assert not page.open
    assert [tag for tag, _ in page.tags if tag in ("img", "script")] == ["script", "script"]
    assert "\u2028" not in re.search(r'id="data">(.*?)</script>', html, re.S)[1]
    assert json.loads(embedded({"a": HOSTILE + "\u2028</script>"}))["a"].endswith("</script>")
    policy = next(attrs["content"] for tag, attrs in page.tags if "http-equiv" in attrs)
    assert "default-src 'none'" in policy
    assert "script-src 'sha256-" in policy


def test_single_rows_do_not_come_onto_the_page():
    scan = copy.deepcopy(dashboard()["parts"]["scan"])
    scan["tables"][0]["columns"][0]["samples"] = ["Xxxxx-9999"]
    assert "Xxxxx-9999" not in render_dashboard(dashboard(scan=scan))
    explain = {
        **{"title": "t", "notes": [], "run": dashboard()["run"]},
        "settings": {"features": ["x"], "explained": "the score", "confidence": 0.95},
        "method": {"name": "shap", "why": "exact", "limits": []},
        "summary": {"rows": 9, "features": 1},
        "importance": [{"feature": "x", "value": 1.0, "low": 0.9, "high": 1.1}],
        "partial_dependence": [
            {"feature": "x", "kind": "numeric", "grid": [0, 1], "values": [0, 1], "lines": [[0, 7]]}
        ],
        "rows": [
            {"name": "row secret-key", "prediction": 1, "base_value": 0, "text": "", "parts": []}
        ],
    }
    html = render_dashboard(dashboard(explain=explain))
    assert "secret-key" not in html
    assert 'class="thin"' not in html
    assert "If every row had" not in html
    assert "Average prediction over x" in html


def test_a_page_of_200_cohorts_is_small():
    part = errors(rows=20_000, depth=10)
    html = render_dashboard(dashboard(**{"error-analysis": part}))
    assert len(part["nodes"]) >= 200
    assert len(html.encode()) < 3_000_000


def test_a_report_without_parts_is_refused():
    with pytest.raises(ConfigError, match="suppress_below"):
        render_dashboard({"title": "t"})


def test_small_nodes_and_cells_are_hidden_with_what_they_would_follow_from():
    part = errors(rows=1000)
    shown, hidden = without_small_groups("error-analysis", part, 60)
    assert hidden
    sizes = {node["node"]: node for node in shown["nodes"]}
    assert 1 < len(sizes) < len(part["nodes"])
    for node in sizes.values():
        children = [child["rows"] for child in sizes.values() if child["parent"] == node["node"]]
        assert node["rows"] >= 60
        assert not children or sum(children) == node["rows"]
    (cells,) = shown["heatmaps"]
    assert any(cell["hidden"] for cell in cells)
    for cell in cells:
        assert (cell["rows"] is None) == cell["hidden"]
        assert cell["hidden"] or cell["rows"] >= 60 or cell["rows"] == 0
    render_dashboard(dashboard(**{"error-analysis": shown}))


def test_small_cohorts_and_nodes_of_an_earlier_run_are_hidden():
    part = without_rows("error-analysis", errors())
    sizes = {row["cohort"]: row["rows"] for row in part["cohorts"]["values"]}
    least = min(sizes.values()) + 1
    assert min(sizes, key=sizes.get) == "young"  # the first one, from which others differ
    shown, hidden = without_small_groups("error-analysis", part, least)
    assert hidden and shown["cohorts_hidden"] == 1
    assert {row["cohort"] for row in shown["cohorts"]["values"]} == {"middle", "old"}
    assert {row["difference"] for row in shown["cohorts"]["values"]} == {None}
    assert shown["cohorts"]["distances"] == []
    for node in shown["drift"]["nodes"]:
        assert min(node["rows_before"], node["rows_after"]) >= least
    assert len(shown["drift"]["nodes"]) < len(part["drift"]["nodes"])
    render_dashboard(dashboard(**{"error-analysis": shown}))


def test_small_groups_at_risk_are_hidden_with_one_that_they_follow_from():
    given = risk()
    shown, hidden = without_small_groups("risk", given, 31)
    assert hidden
    assert {row["sex"] for row in shown["groups"]} == {"f"}  # 30 of x follow from 600 - f - m
    assert shown["uniques"] == given["uniques"]
    assert without_small_groups("risk", given, 30) == (given, False)


def test_combinations_whose_rest_is_small_are_hidden():
    keys = ("slice", "rows")
    given = [
        ("a = 1", 500),
        ("a = 1 and b = 2", 497),
        ("a = 2", 300),
        ("a = 3", 195),
        ("c = 1", 990),
    ]
    part = {**errors(), "nodes": errors()["nodes"][:1], "rows": 1000}
    part["slices"] = [dict(zip(keys, each, strict=True)) for each in given]
    shown, _ = without_small_groups("error-analysis", part, 10)
    # 500 - 497 = 3, and of the values of a, 1000 - 500 - 300 - 195 = 5 would be left
    assert [each["slice"] for each in shown["slices"]] == ["a = 1", "a = 2", "c = 1"]


@pytest.mark.full
@pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed: apt-get install chromium")
@pytest.mark.parametrize("width", [1280, 360])
def test_the_page_in_a_browser(width: int, tmp_path: Path) -> None:
    report = dashboard()
    values = ((0.5, "a"), (0.5, "b"), (1, "a"), (7, "b"))
    found = looked_at(render_dashboard(report), width, tmp_path, values)
    assert found["tabs"] == [[f"tab-{name}", f"panel-{name}"] for name in ("overview", *TABS)]
    assert (found["back"], found["end"]) == ("tab-overview", "tab-private")
    assert {name: found[name] for name in FAULTS} == {name: [] for name in FAULTS}
    node = next(n for n in report["parts"]["error-analysis"]["nodes"] if n["node"] == 1)
    assert "Node 1" in found["cohort"]
    assert f"{node['errors']:,} of {node['rows']:,} rows" in found["cohort"]
    assert f'cohort("{node["condition"]}")' in found["cohort"]
    assert found["pressed"] == 1
    # 1 / (1 + exp(-(0.1 + x + g + pair))); a value equal to the cut belongs to the bin above it
    sums = (0.1 - 1 + 0.25, 0.1 - 1 - 0.25 + 0.5, 0.1 + 1 + 0.25, 0.1 + 1 - 0.25 - 0.5)
    shares = [100 / (1 + 2.718281828459045**-total) for total in sums]
    assert found["predictions"] == [f"Probability of y = 1: {share:.1f} %" for share in shares]


def test_a_model_of_three_classes_is_not_evaluated():
    part = {**trained(), "intercept": [0.1, 0.2, 0.3]}
    html = render_dashboard(dashboard(**{"train-ebm": part}))
    assert "cannot be evaluated on this page" in html
    assert json.loads(re.search(r'id="data">(.*?)</script>', html, re.S)[1])["model"] is None
