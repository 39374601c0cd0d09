"""The dashboard job over results that other jobs wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from rai_scale.reports.dashboard import TABS
from tests.jobs.every_job import JOBS, set_up
from tests.jobs.small_lake import cli, write_config

TABBED = {
    name: [tab for tab, (_, jobs) in TABS.items() if name in jobs]
    for name in ("risk", "error-analysis", "synthesize")
}
"""The tabs of a job; every private run is also on the tab of private releases."""


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    """The results of six jobs, in one folder."""
    folder = tmp_path_factory.mktemp("results")
    set_up("balance", folder)
    exact = ("error-analysis", "fairness", "risk", "personalization")
    for name in (*exact, "private fairness", "private sql"):
        command, values = JOBS[name]
        out = folder / "out" / name.replace(" ", "_")
        base = {"source": str(folder / "lake"), "output": str(out)}
        config = write_config(folder / f"{name}.yaml", {**base, **values(folder)})
        assert cli(command, config).code == 0
    return folder / "out"


def made(results: Path, out: Path, *more: str) -> dict[str, Any]:
    ran = cli("dashboard", results, "--output", out, *more)
    assert ran.code == 0, ran.text
    return dict(json.loads((out / "dashboard.json").read_text()))


def test_all_results_are_on_one_page_and_nothing_is_computed_again(results, tmp_path):
    found = made(results, tmp_path / "out", "--suppress-below", "0")
    tree = json.loads((results / "error-analysis" / "error_analysis.json").read_text())
    assert found["parts"]["error-analysis"]["nodes"] == tree["nodes"]
    exact = ["error-analysis", "fairness", "personalization", "risk"]
    assert set(found["parts"]) == {*exact, "private-sql"}
    runs = [(each["job"], each["private"]) for each in found["results"]]
    private = [("fairness", True), ("private-sql", True)]
    assert sorted(runs) == sorted([*((name, False) for name in exact), *private])
    assert {run["job"]: run["epsilon"] for run in found["private"]}.keys() == {
        *("fairness", "private-sql")
    }
    # the exact result of fairness has the tab
    assert "privacy" not in found["parts"]["fairness"]["settings"]
    html = (tmp_path / "out" / "report.html").read_text()
    assert (
        html.count("No result for this tab was given") == 4
    )  # importances, what-if, PII, synthetic
    assert all(part in html for part in ("can be singled out", "Who sees what"))
    assert "by_sex" in html
    assert "hard cap" in html


@pytest.mark.full
@pytest.mark.parametrize("name", ["private risk", "private error-analysis", "synthesize"])
def test_a_private_result_has_the_tab_if_there_is_no_exact_one(name, tmp_path):
    command = set_up(name, tmp_path)
    assert cli(*command).code == 0
    found = made(tmp_path / "out", tmp_path / "page")
    assert set(found["parts"]) == {command[0]}
    html = (tmp_path / "page" / "report.html").read_text()
    assert html.count("No result for this tab was given") == len(TABS) - len(TABBED[command[0]]) - 1
    assert "1 private run: " in html


def test_the_same_results_are_not_shown_again_and_changed_ones_are_refused(results, tmp_path):
    made(results, tmp_path / "out")
    assert "already done" in cli("dashboard", results, "--output", tmp_path / "out").out
    file = results / "fairness" / "fairness.json"
    content = file.read_bytes()
    file.write_bytes(content.replace(b'"rows"', b'"sows"', 1))
    ran = cli("dashboard", results, "--output", tmp_path / "out")
    file.write_bytes(content)
    assert ran.code == 3
    assert "fairness.json" in ran.err
    assert "is not the one that its run wrote" in ran.err


def test_small_groups_do_not_follow_from_what_is_shown(results, tmp_path):
    found = made(results, tmp_path / "out", "--suppress-below", "31")
    fairness = found["parts"]["fairness"]  # 30 rows per group
    assert {row["hidden"] for row in fairness["by_group"]} == {"small"}
    assert all(row["rows"] is None and row["value"] is None for row in fairness["by_group"])
    assert fairness["disparities"] == fairness["flags"] == []
    assert len(found["parts"]["error-analysis"]["nodes"]) == 1
    assert found["parts"]["risk"]["groups"] == []
    seen = found["parts"]["personalization"]["exposure"]
    assert {row["by"] for name in ("groups", "categories", "loops") for row in seen[name]} == {""}
    html = (tmp_path / "out" / "report.html").read_text()
    assert "fewer than 31 rows" in html


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("lake", "is not the output of a job and holds none"),
        ("nothing", "is not the output of a job and holds none"),
        (["out/fairness", "again"], "are both results of fairness; name one of them"),
    ],
)
def test_wrong_sources_are_refused(source, message, results, tmp_path):
    names = [source] if isinstance(source, str) else source
    home = results.parent
    if "again" in names:
        (home / "again").exists() or cli(
            "fairness", home / "fairness.yaml", "--output", home / "again"
        )
    config = {"source": [str(home / name) for name in names], "output": str(tmp_path / "out")}
    ran = cli("dashboard", write_config(tmp_path / "d.yaml", config))
    assert ran.code == 3
    assert message in ran.err


def test_the_output_is_apart_from_the_results(results):
    ran = cli("dashboard", results, "--output", results / "fairness" / "page")
    assert ran.code == 3
    assert "is inside source[" in ran.err


def test_a_failed_check_of_a_result_fails_the_gate(results, tmp_path):
    gate = '[{"metric": "worst_node", "above": 0.0}]'
    home = results.parent
    errors = tmp_path / "results" / "errors"
    command = ("error-analysis", home / "error-analysis.yaml", "--output", errors)
    assert cli(*command, "--set", f"gates={gate}").code == 1
    limit = '[{"metric": "failed_checks", "above": 0}]'
    out = tmp_path / "out"
    ran = cli("dashboard", errors.parent, "--output", out, "--set", f"gates={limit}")
    assert ran.code == 1
    html = (out / "report.html").read_text()
    assert "1 of 1 check failed." in html
    assert '<span class="note bad">1 failed</span>' in html


def test_small_groups_of_a_table_with_two_features(tmp_path):
    """One small cell of two features: it must not follow from totals by either of them."""
    sizes = {("F", "x"): 3, ("F", "y"): 40, ("M", "x"): 40, ("M", "y"): 40}
    rows = [key for key, n in sizes.items() for _ in range(n)]
    frame = pd.DataFrame(rows, columns=["sex", "race"])
    frame["y"], frame["p"] = (
        [i % 2 for i in range(len(frame))],
        [i % 3 % 2 for i in range(len(frame))],
    )
    frame.to_parquet(tmp_path / "t.parquet")
    labels = ("--y-true", "y", "--y-pred", "p", "--sensitive-features", "sex,race")
    source = tmp_path / "results" / "fairness"
    ran = cli("fairness", tmp_path / "t.parquet", *labels, "--output", source)
    assert ran.code == 0, ran.text
    found = made(source, tmp_path / "out")["parts"]["fairness"]
    hidden = {row["group"] for row in found["by_group"] if row["hidden"]}
    assert hidden == {"F, x", "F, y", "M, x", "M, y"}  # in a 2 x 2 table each follows from three
    shown = made(source, tmp_path / "all", "--suppress-below", "3")["parts"]["fairness"]
    assert not any(row["hidden"] for row in shown["by_group"])
