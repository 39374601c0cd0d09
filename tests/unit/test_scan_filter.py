"""The page of a scan filters and sorts in a browser, and is complete without a script."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest

from rai_scale.reports.html import save_html
from tests.unit.test_reports import page
from tests.unit.test_reports_layout import CHROMIUM, dumped

DRIVE = """<iframe src=page.html></iframe><script>onload = () => {
const page = document.querySelector('iframe').contentDocument
const form = page.getElementById('filter')
const tables = () => [...page.querySelectorAll('section[data-table]')]
  .filter(s => !s.hidden).map(s => s.dataset.table)
const set = (name, value) => { form.elements[name].value = value
  form.dispatchEvent(new page.defaultView.Event('input')) }
const said = []
said.push(form.hidden, tables().length)
set('sort', 'table'); said.push(tables().join() === tables().sort().join())
set('text', 'iban'); said.push(tables().length, page.getElementById('filter-count').textContent)
set('text', 'no such column'); said.push(tables().length)
document.body.dataset.said = JSON.stringify(said)
}</script>"""


@pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed: apt-get install chromium")
def test_the_form_filters_and_sorts(tmp_path):
    html = page("scan")
    sections = len(re.findall("<section data-table", html))
    save_html(html, tmp_path / "page.html")
    save_html(f"<body>{DRIVE}", tmp_path / "drive.html")
    dom = dumped(tmp_path / "drive.html", tmp_path / "profile")
    found = re.search(r'data-said="([^"]*)"', dom)
    assert found, "the script did not run"
    said = json.loads(unescape(found[1]))
    hidden, shown, sorted_, few, count, none = said
    assert (hidden, shown, sorted_, none) == (False, sections, True, 0)
    assert 0 < few < sections
    assert re.fullmatch(rf"\d+ of \d+ columns with findings, in {few} of {sections} tables", count)


def test_without_a_script_the_form_is_hidden_and_everything_is_shown():
    html = page("scan")
    assert '<form id="filter" class="filter" hidden' in html
    assert not re.search(r"<(section|tbody)[^>]* hidden", html)
    form = html.split('id="filter"')[1].split("</form>")[0]
    controls = len(re.findall("<(?:input|select)", form))
    assert controls == len(re.findall(r"<label>\w[\w ]* <(?:input|select)", form)) == 5
