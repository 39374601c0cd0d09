"""Gates in the configuration of every job: held, not held, and refused before any work."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rai_scale.jobs import job
from rai_scale.jobs.metrics import direction_of
from tests.jobs.every_job import JOBS, set_up
from tests.jobs.small_lake import cli

METRICS = {
    "scan": "personal_columns",
    "redact": "cells_changed",
    "redact-images": "findings",
    "restore": "tokens",
    "keys rotate": "tokens",
    "evaluate-pii": "recall",
    "review-pii": "texts",
    "fairness": "demographic_parity_difference",
    "private fairness": "demographic_parity_difference",
    "balance": "sex.max_abs_DPL",
    "error-analysis": "worst_node",
    "risk": "linkage_over_baseline",
    "private risk": "classes",
    "personalization": "exposure.gini",
    "private error-analysis": "worst_node",
    "private sql": "by_sex.n",
    "dashboard": "results",
    "explain": "importance.age",
    "train-ebm": "auc",
    "private ebm": "importance.age",
    "synthesize": "mean_noise",
}
"""A metric of each job."""
NOISY = ("private fairness", "private error-analysis")
"""Jobs whose values are mostly noise here, so that they are not known and no gate holds."""


def asked(metric: str, **limit: float) -> list[str]:
    return ["--set", f"gates={json.dumps([{'metric': metric, **limit}])}"]


def test_every_job_is_here():
    assert set(METRICS) == set(JOBS)


@pytest.mark.parametrize("name", JOBS)
def test_a_gate_holds_or_makes_the_run_fail(name, tmp_path):
    command, out, metric = set_up(name, tmp_path), tmp_path / "out", METRICS[name]
    for limit, held in ((1e9, name not in NOISY), (-1e9, False)):
        ran = cli(*command, *asked(metric, above=limit))
        assert ran.code == (0 if held else 1), ran.text
        assert (f"{metric}: " in ran.out) != held
        manifest = json.loads((out / "_manifest.json").read_text())
        assert manifest["status"] == ("ok" if held else "failed")
        if "details" in manifest:
            (gate,) = manifest["details"]["gates"]
            assert (gate["name"], gate["passed"]) == (metric, held)
        page = (out / "report.html").read_text()
        assert f"<code>{metric}</code>" in page
        assert (">failed</td>" in page) != held
        assert "already done" in cli(*command, *asked(metric, above=limit)).out


@pytest.mark.parametrize("name", JOBS)
def test_a_gate_on_an_unknown_metric_is_refused_before_any_work(name, tmp_path, monkeypatch):
    command, metric = set_up(name, tmp_path), METRICS[name]

    def computing(*_: Any, **__: Any) -> Any:
        raise AssertionError("work began")

    monkeypatch.setattr(job, "staged", computing)
    for more in ([], ["--dry-run"]):
        ran = cli(*command, *asked(f"{metric}z", above=0), *more)
        assert (ran.code, f"Did you mean '{metric}'?" in ran.err) == (3, True), ran.text
    assert not list((tmp_path / "out").glob("_run-*"))


def test_a_gate_on_groups_must_hold_in_each(tmp_path):
    command = set_up("train-ebm", tmp_path)
    by_group = ["--set", "sensitive_features=[sex]"]
    ran = cli(*command, *by_group, *asked("auc_by_group", below=2))
    assert ran.code == 1, ran.text
    assert "at least 2 allowed; at group " in ran.out
    assert "and 1 more" in ran.out
    ran = cli(*command, *asked("auc_by_group", below=2))
    assert (ran.code, "'auc_by_group' is not measured" in ran.err) == (3, True), ran.text


def test_gates_of_a_private_release_judge_its_intervals(tmp_path):
    command, out = set_up("private sql", tmp_path), tmp_path / "out"
    ran = cli(*command, *asked("by_sex.n", above=-1e9, judged_by="lower_bound"))
    assert ran.code == 1, ran.text
    (gate,) = json.loads((out / "releases.json").read_text())["gates"]
    assert 0 <= gate["low"] <= gate["high"]  # clipped at 0: so much noise can make both bounds 0
    assert "sex = " in gate["detail"]


@pytest.mark.parametrize(
    ("metric", "better"),
    [
        ("accuracy_score_overall", "higher"),
        ("demographic_parity_ratio", "higher"),
        ("equalized_odds_difference", "lower"),
        ("false_positive_rate", "lower"),
        ("rmse", "lower"),
        ("sex.min_DI", "higher"),
        ("sex.max_abs_DPL", "lower"),
        ("rows_quarantined", "lower"),
        ("selection_rate_group_min", None),
        ("importance.age", None),
        ("rows", None),
    ],
)
def test_which_direction_of_a_metric_is_better(metric, better):
    assert direction_of(metric) == better
