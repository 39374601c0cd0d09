from __future__ import annotations

import base64
import copy
import hashlib
import itertools
import re
from html.parser import HTMLParser

import pytest

from rai_scale.errors import ConfigError
from rai_scale.reports import words
from rai_scale.reports.html import render_demo, render_redaction, render_scan, save_html
from rai_scale.reports.view import heat_level
from tests.unit import report_samples as samples

RENDER = {"scan": render_scan, "redaction": render_redaction, "demo": render_demo}
HOSTILE = """<script>alert(1)</script>"'><img src=x onerror=alert(2)>{{ 7 * 7 }}"""


def sample(kind: str) -> dict:
    return getattr(samples, kind)()


def page(kind: str) -> str:
    return RENDER[kind](sample(kind))


class Outline(HTMLParser):
    """The tags, ids, links and visible text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.pieces: list[str] = []
        self.feed(html)
        self.close()
        self.text = " ".join("".join(self.pieces).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "rect", "circle", "path", "col", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in self.open:
            assert self.open.pop() == tag, f"unbalanced {tag}"

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("style", "script"):
            self.pieces.append(data)

    def values(self, attribute: str) -> list[str]:
        return [attrs[attribute] for _, attrs in self.tags if attribute in attrs]

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


def poisoned(value: object, poison: str = HOSTILE) -> object:
    """Append to every free text of a report, and leave the fixed words and times."""
    fixed = {"status", "verdict", "decided_by", "started"}
    if isinstance(value, dict):
        return {k: v if k in fixed else poisoned(v, poison) for k, v in value.items()}
    if isinstance(value, list):
        return [poisoned(v, poison) for v in value]
    return value + poison if isinstance(value, str) else value


@pytest.mark.parametrize("kind", RENDER)
def test_pages_are_well_formed_and_can_be_navigated(kind):
    outline = Outline(page(kind))
    assert outline.open == []
    ids = outline.values("id")
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in outline.values("href")} <= set(ids)
    levels = [int(tag[1]) for tag, _ in outline.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
    assert outline.count("caption") == outline.count("table")
    assert all("scope" in attrs for tag, attrs in outline.tags if tag == "th")


@pytest.mark.parametrize("kind", RENDER)
def test_hostile_names_are_shown_and_not_run(kind):
    clean = Outline(page(kind))
    hostile = Outline(RENDER[kind](poisoned(sample(kind))))
    active = [tag for tag, _ in hostile.tags if tag in ("script", "img")]
    assert active == [tag for tag, _ in clean.tags if tag == "script"]
    assert not any(name.startswith("on") for _, attrs in hostile.tags for name in attrs)
    assert HOSTILE in hostile.text
    assert hostile.count("table") >= clean.count("table")


@pytest.mark.parametrize("kind", RENDER)
def test_pages_load_nothing(kind):
    html = page(kind)
    outline = Outline(html)
    assert all(link.startswith("#") for link in outline.values("href"))
    assert outline.values("src") == []
    assert not re.search(r"url\(|@import|<link|<script |<iframe|fetch\(|XMLHttp|import\(", html)
    assert "default-src 'none'" in html
    for script in re.findall("<script>(.*?)</script>", html, re.DOTALL):
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"script-src 'sha256-{digest}'" in html


def required_paths(shape: object, path: tuple = ()) -> list[tuple]:
    if isinstance(shape, list):
        return required_paths(shape[0], (*path, 0))
    if not isinstance(shape, dict):
        return []
    return [p for k, v in shape.items() for p in ((*path, k), *required_paths(v, (*path, k)))]


def all_required() -> list[tuple[str, tuple]]:
    from rai_scale.reports import checks

    shapes = {"scan": checks.SCAN, "redaction": checks.REDACTION}
    proof = required_paths(checks.DEMO["proof"], ("proof",))
    top = [(key,) for key in checks.DEMO]
    found = [(kind, path) for kind, shape in shapes.items() for path in required_paths(shape)]
    return found + [("demo", path) for path in (*top, *proof)]


@pytest.mark.parametrize(("kind", "path"), all_required())
def test_a_missing_required_key_is_named(kind, path):
    report = copy.deepcopy(sample(kind))
    place = report
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    with pytest.raises(ConfigError, match=re.escape(f"{path[-1]}'")):
        RENDER[kind](report)


def without_optional(value: object, shape: object) -> object:
    if isinstance(shape, list):
        return [without_optional(item, shape[0]) for item in value]
    if isinstance(shape, dict):
        return {key: without_optional(value[key], inner) for key, inner in shape.items()}
    return value


@pytest.mark.parametrize("kind", RENDER)
def test_everything_optional_can_be_left_out(kind):
    from rai_scale.reports import checks

    shape = getattr(checks, kind.upper())
    text = Outline(RENDER[kind](without_optional(sample(kind), shape))).text
    assert sample(kind)["title"] in text
    assert "None" not in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r["tables"][0].update(status="finding"), "Did you mean 'findings'"),
        (lambda r: r["run"].update(status="done"), "Allowed values: ok, warnings, failed"),
        (lambda r: r["run"].update(started="yesterday"), "ISO 8601"),
        (lambda r: finding(r).update(share=38.2), "from 0 to 1"),
        (lambda r: finding(r).update(share=float("nan")), "from 0 to 1"),
        (lambda r: finding(r).update(share=True), "from 0 to 1"),
        (lambda r: finding(r).update(verdict="sure"), "Allowed values: personal, secret, indirect, possible, unlikely"),
        (lambda r: r["gates"][1].pop("passed"), r"no 'gates\[1\].passed'"),
        (lambda r: r["not_looked_at"][0].pop("reason"), r"no 'not_looked_at\[0\].reason'"),
        (lambda r: r.update(tables={}), "must be a list; found dict"),
        (lambda r: r.update(run=None), "must be a dict; found NoneType"),
        (lambda r: r["summary"].update(rowz=r["summary"].pop("rows")), "Did you mean 'rowz'"),
    ],
)  # fmt: skip
def test_malformed_parts_are_refused(change, message):
    report = samples.scan()
    change(report)
    with pytest.raises(ConfigError, match=message):
        render_scan(report)


def finding(report: dict) -> dict:
    return report["tables"][0]["columns"][0]["findings"][0]


def test_a_report_that_is_no_dict_is_refused():
    with pytest.raises(ConfigError, match="a scan report must be a dict; found list"):
        render_scan([])


def test_the_scan_answers_first():
    text = Outline(render_scan(samples.scan())).text
    lead = "18 of 37 columns hold personal data, in 6 of 10 tables."
    assert text.index("Failed: 2 checks failed") < text.index(lead)
    assert text.index(lead) < text.index("What to do") < text.index("Overview Share")
    assert "5 files, 1 table, 19 values (57.1 MB, 1.2 % of the bytes)" in text
    assert "office document: not a supported format" in text
    assert "1 file, 20 bytes" in text
    assert "was found, divided by the scanned rows that have a value." in text
    assert (
        "is expected (exact bounds, 95 % confidence for all claims of this run together)." in text
    )
    for table in samples.scan()["tables"]:
        assert table["table"] in text


def test_a_clean_lake_is_not_called_free_of_personal_data():
    report = samples.scan()
    report["tables"] = [t for t in report["tables"] if t["status"] == "clean"]
    report["gates"] = []
    report["run"]["status"] = "ok"
    report["summary"] = {"tables": 2, "columns": 4, "rows": 27_104}
    report["not_looked_at"] = []
    text = Outline(render_scan(report)).text
    assert "No personal data was found in 4 columns of 2 tables." in text
    assert "Nothing that was searched for needs to be redacted" in text
    assert "Not known" not in text


def test_hundreds_of_clean_tables_fold_into_one_line():
    report = samples.scan()
    clean = report["tables"][7]
    report["tables"] += [{**clean, "table": f"clean_{i:03}"} for i in range(300)]
    html = render_scan(report)
    assert "302 tables in which none" in html
    inside = "".join(re.findall(r"<details>.*?</details>", html, flags=re.S))
    assert inside.count("clean_") == html.count("clean_") == 300


def test_rows_that_do_not_add_up_are_said():
    report = samples.redaction()
    assert "The numbers add up." in render_redaction(report)
    report["totals"]["rows_out"] -= 3
    text = Outline(render_redaction(report)).text
    assert "The numbers do not add up: 3 rows missing." in text
    assert "Do not use the output" in text


def test_totals_are_summed_where_they_are_not_given():
    report = samples.redaction()
    with_totals = render_redaction(report)
    del report["totals"]
    assert render_redaction(report) == with_totals


def test_the_demo_says_what_was_missed():
    report = samples.demo()
    text = Outline(render_demo(report)).text
    assert "29,967 of 30,538 personal items were removed: recall 98.1 %." in text
    assert (
        "571 items are still in the output, most of them in support_tickets.body (311 PERSON)"
        in text
    )
    assert "95.3 % were personal data (precision)" in text
    report["proof"] |= {"precision": None, "removed": 30_538, "recall": 1.0, "missed": []}
    text = Outline(render_demo(report)).text
    assert "Precision was not measured." in text
    assert "None of the planted items is left." in text


@pytest.mark.parametrize(
    ("ratio", "shown"),
    [
        (0, "0"), (1, "100"), (0.382, "38.2"), (0.9996, "99.96"), (0.0004, "0.04"),
        (0.999999, "> 99.99"), (1e-7, "< 0.01"), (0.5, "50.0"),
    ],
)  # fmt: skip
def test_a_share_is_never_rounded_to_all_or_nothing(ratio, shown):
    assert words.percent(ratio) == shown


def test_intervals_are_rounded_outward():
    assert words.interval(0.35149, 0.41401) == "35.1 to 41.5\u00a0%"
    assert words.interval(0.99921, 1) == "99.92 to 100\u00a0%"
    assert words.interval(0.00004, 0.001) == "0 to 0.10\u00a0%"
    assert words.interval(0.382, 0.382) == words.interval(None, 0.4) == ""


def test_numbers_and_times():
    assert words.number(1234567) == "1,234,567"
    assert words.plural(1, "column") == "1 column"
    assert words.duration(3.42) == "3.4 s"
    assert words.duration(252) == "4 min 12 s"
    assert words.duration(3720) == "1 h 02 min"
    assert words.moment("2026-01-31T03:00:00+01:00") == "2026-01-31 02:00 UTC"
    assert words.moment("2026-01-31T03:00:00") == "2026-01-31 03:00"
    assert words.score("high") == "high"
    assert [heat_level(x) for x in (None, 0.005, 0.01, 0.1, 0.5, 0.9, 1)] == [0, 1, 2, 3, 4, 5, 5]


def test_save_html_replaces_the_page_whole(tmp_path, monkeypatch):
    path = tmp_path / "deep" / "report.html"
    assert save_html("old", path) == path
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        save_html("new", path)
    assert path.read_text() == "old"
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]


def test_save_html_refuses_a_folder_and_survives_broken_text(tmp_path):
    with pytest.raises(ConfigError, match="is a folder"):
        save_html("x", tmp_path)
    assert save_html("a\ud800b", tmp_path / "x.html").read_text() == "a?b"
