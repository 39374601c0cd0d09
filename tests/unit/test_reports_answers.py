"""What a reader sees first, and what is folded away."""

from __future__ import annotations

import re

from rai_scale.reports.html import render_demo, render_scan
from tests.unit import report_samples as samples
from tests.unit.test_reports import Outline


def test_unlikely_findings_are_folded_away():
    html = render_scan(samples.scan())
    folded = re.findall(r'<details class="minor">.*?</details>', html, flags=re.S)
    folded = [part for part in folded if "unlikely" in part]
    shown = re.sub(r"<details.*?</details>", "", html, flags=re.S)
    assert [Outline(part).text.split(" The share")[0] for part in folded] == [
        "1 unlikely finding in 1 column",
        "1 unlikely finding in 1 column",
    ]
    assert "URL" in Outline(folded[0]).text
    assert "unlikely</span>" not in shown


def test_a_table_of_unlikely_findings_only_is_listed_as_clean():
    report = samples.scan()
    clean = report["tables"][7]
    clean["columns"][1]["findings"] = [
        {"entity": "PERSON", "share": 0.01, "verdict": "unlikely", "confidence": 0.1}
    ]
    text = Outline(render_scan(report)).text
    listed = text[text.index("Tables without findings") :]
    assert f"{clean['table']} 1 unlikely finding in title." in listed


def test_a_scan_of_all_rows_is_not_called_an_estimate():
    report = samples.scan()
    text = Outline(render_scan(report)).text
    assert "a random sample of the rows was analysed. With 95 % probability" in text.replace(
        "\xa0", " "
    )
    for table in report["tables"]:
        table["rows_scanned"] = table["rows"]
    text = Outline(render_scan(report)).text
    assert "All readable rows were scanned." in text
    assert "Shares are estimated" not in text


def test_the_demo_answers_every_question_first():
    text = Outline(render_demo(samples.demo())).text
    first = text[: text.index("What to do")]
    for question in ("Result", "Found", "Evidence", "Done", "Missed", "Second scan"):
        assert f" {question} " in first
    assert "18 of 37 columns hold personal data, in 6 of 10 tables." in first
