"""What the guides state in numbers is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rai_scale.jobs.manifest import MANIFEST
from rai_scale.pii import AnalyzerConfig
from rai_scale.pii.scanning import verdict
from rai_scale.pii.scanning.guarantee import FIRST_ROUND, Guarantee, rounds
from rai_scale.pii.scanning.tables import SCORE_THRESHOLD
from rai_scale.statistics.cells import MAX_CELLS

ROOT = Path(__file__).resolve().parents[2]
SCAN = (ROOT / "docs" / "scan.md").read_text()
FAIRNESS = (ROOT / "docs" / "fairness.md").read_text()
EXPLAIN = (ROOT / "docs" / "explain.md").read_text()
REDACTION = (ROOT / "docs" / "redaction.md").read_text()
GUIDES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "benchmarks/README.md"])


def test_the_formula_of_the_scan_guide_is_that_of_the_code():
    stated = dict(re.findall(r"`([A-Z_]+)` (0\.\d)", SCAN))
    assert {entity: float(weight) for entity, weight in stated.items()} == verdict.WEAK
    assert f"| personal | at least {verdict.PERSONAL} |" in SCAN
    assert f"| possible | at least {verdict.POSSIBLE} |" in SCAN
    assert f"m = {verdict.NAME_WEIGHT} if" in SCAN
    assert f"at most {verdict.FIELD_WORDS:.0f} words per value" in SCAN
    assert all(f"`{entity}`" in SCAN for entity in verdict.BY_MODEL)


def test_the_defaults_of_the_scan_guide_are_those_of_the_code():
    assert f"`score_threshold: {SCORE_THRESHOLD}`" in SCAN
    default = Guarantee()
    for name in ("error", "confidence", "absent_below"):
        assert f"| `{name}` | {getattr(default, name)} |" in SCAN
    assert f"rounds of {FIRST_ROUND:,}, {2 * FIRST_ROUND:,}, {4 * FIRST_ROUND:,}" in SCAN
    enough = rounds(10_000_000, 0.05, 20, 120, default)[-1].rows
    assert f"{enough:,} rows" in SCAN


def test_the_redaction_guide_names_every_option_and_the_manifest():
    assert all(f"`{name}`" in REDACTION for name in AnalyzerConfig.model_fields)
    assert f"  {MANIFEST} " in REDACTION
    limit = AnalyzerConfig.model_fields["max_chars"].default
    assert f"at most {limit:,} characters" in REDACTION


def test_the_snippets_of_the_fairness_guide_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for snippet in re.findall(r"```python\n(.*?)```", FAIRNESS, re.DOTALL):
        exec(snippet, names)
    assert (tmp_path / "fairness.html").read_text().startswith("<!doctype html>")
    assert names["rows_needed"](0.1, 0.5) == int(re.search(r"# (\d+) rows", FAIRNESS)[1])
    tables = re.findall(
        r"`(\w+)`", FAIRNESS.split("writes one Parquet")[1].split("`fairness.json`")[0]
    )
    assert set(tables) == {*names["found"].tables, "drift"}
    assert f"More than {MAX_CELLS:,} distinct cells" in FAIRNESS


@pytest.mark.full
def test_the_snippets_of_the_explanations_guide_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for snippet in re.findall(r"```python\n(.*?)```", EXPLAIN, re.DOTALL):
        exec(snippet, names)
    assert names["explained"]["explained_by"].eq(names["plan"].method).all()


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(guide):
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", guide.read_text())
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (guide.parent / link).exists()] == []
