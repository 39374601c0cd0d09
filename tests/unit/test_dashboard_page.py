from __future__ import annotations

import copy
import json
import re
from pathlib import Path

import pytest

from rai_scale.errors import ConfigError
from rai_scale.jobs.dashboard.small_groups import without_small_groups
from rai_scale.reports.dashboard import TABS, embedded, render_dashboard
from rai_scale.reports.html import save_html
from tests.unit.dashboard_sample import dashboard, errors, trained
from tests.unit.test_reports import HOSTILE, Outline
from tests.unit.test_reports_layout import CHROMIUM, dumped


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
    for name in ("errors", "pii", "importances"):
        assert "No result for this tab" not in text[name]


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


HARNESS = """<iframe id="page" src="page.html" style="border: 0; width: {width}px; height: 900px">
</iframe><script>
const found = {{ errors: [], tabs: [], contrast: [], unnamed: [], wide: [] }}
const parse = text => (text.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number)
const channel = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b)
onload = () => {{
  const frame = document.getElementById('page').contentWindow
  const page = frame.document
  frame.onerror = message => found.errors.push(message)
  const style = node => frame.getComputedStyle(node)
  const ground = node => {{
    for (let at = node; at; at = at.parentElement) {{
      const colour = parse(style(at).backgroundColor)
      if (colour.length < 4 || colour[3] > 0) return colour
    }}
    return [255, 255, 255]
  }}
  const seen = node => node.getClientRects().length > 0
  const check = tab => {{
    const texts = [...page.querySelectorAll('body *')].filter(node => seen(node) && !node.closest('svg')
      && [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim()))
    for (const node of texts) {{
      const [dark, bright] = [light(parse(style(node).color)), light(ground(node))].sort((a, b) => a - b)
      if ((bright + 0.05) / (dark + 0.05) < 4.5) found.contrast.push(tab + ': ' + node.textContent.slice(0, 40))
    }}
    for (const node of page.querySelectorAll('button, input, select, [role=tab], [role=img]')) {{
      if (!seen(node)) continue
      const name = node.getAttribute('aria-label') || (node.labels && node.labels.length) || node.textContent.trim()
      if (!name) found.unnamed.push(tab + ': ' + node.outerHTML.slice(0, 60))
    }}
    if (page.documentElement.scrollWidth > {width}) found.wide.push(tab)
  }}
  const press = (node, key) => node.dispatchEvent(new frame.KeyboardEvent('keydown', {{ key, bubbles: true }}))
  const tabs = [...page.querySelectorAll('[role=tab]')]
  tabs[0].focus()
  for (const tab of tabs) {{
    const open = [...page.querySelectorAll('[role=tabpanel]')].filter(seen)
    found.tabs.push([page.activeElement.id, open.map(panel => panel.id).join()])
    check(tab.id)
    press(page.activeElement, 'ArrowRight')
  }}
  found.back = page.activeElement.id
  press(page.activeElement, 'End'); found.end = page.activeElement.id
  page.getElementById('tab-errors').click()
  const lines = [...page.querySelectorAll('.board .pick')]
  lines[0].focus(); press(lines[0], 'ArrowDown'); page.activeElement.click()
  found.cohort = page.getElementById('cohort').textContent
  found.pressed = page.querySelectorAll('[aria-pressed=true]').length
  const set = (id, value) => {{
    page.getElementById(id).value = value
    page.getElementById(id).dispatchEvent(new frame.Event('input', {{ bubbles: true }}))
  }}
  page.getElementById('tab-what-if').click()
  found.predictions = [[0.5, 'a'], [0.5, 'b'], [1, 'a'], [7, 'b']].map(([x, g]) => {{
    set('value-0', x); set('value-1', g)
    return page.getElementById('prediction').textContent
  }})
  document.body.dataset.found = encodeURIComponent(JSON.stringify(found))
}}</script>"""


@pytest.mark.full
@pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed: apt-get install chromium")
@pytest.mark.parametrize("width", [1280, 360])
def test_the_page_in_a_browser(width: int, tmp_path: Path) -> None:
    from urllib.parse import unquote

    report = dashboard()
    save_html(render_dashboard(report), tmp_path / "page.html")
    save_html("<body>" + HARNESS.format(width=width), tmp_path / "harness.html")
    dom = dumped(tmp_path / "harness.html", tmp_path / "profile")
    found = json.loads(unquote(re.search(r'data-found="([^"]+)"', dom)[1]))
    assert found["tabs"] == [[f"tab-{name}", f"panel-{name}"] for name in ("overview", *TABS)]
    assert (found["back"], found["end"]) == ("tab-overview", "tab-private")
    assert found["errors"] == found["contrast"] == found["unnamed"] == found["wide"] == []
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
