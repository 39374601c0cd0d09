"""The review job and the estimate: private files, no value anywhere else, one page per run."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess

import pytest

from tests.jobs.every_job import set_up
from tests.jobs.small_lake import EMAIL, cli


def decisions_of(page: str) -> dict:
    """Return what the page saves if nothing was missed but in the first text."""
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])
    made = [
        {"text": n, "stratum": text["stratum"], "missed": int(n == 0), "wrong": 0}
        for n, text in enumerate(data["texts"])
    ]
    return {"review": data["id"], "sample": data["sample"], "decisions": made}


def test_a_review_is_private_and_the_estimate_has_no_text(tmp_path):
    command, out = set_up("review-pii", tmp_path), tmp_path / "out"
    ran = cli(*command)
    assert ran.code == 0, ran.text
    assert "6 texts to review, 3 of them without findings" in ran.out
    page = out / "review.html"
    assert f"{page} shows personal data in full" in ran.out
    assert EMAIL in page.read_text()
    assert stat.S_IMODE(page.resolve().parent.stat().st_mode) == 0o700
    names = {"report.html", "_manifest.json", "CONTAINS_PERSONAL_DATA.txt"}
    assert not any(EMAIL in (out / name).read_text() for name in names)
    assert EMAIL not in ran.text
    (tmp_path / "decisions.json").write_text(json.dumps(decisions_of(page.read_text())))
    ran = cli("missed-pii", tmp_path / "decisions.json", "--output", tmp_path / "estimate")
    assert (ran.code, "texts with a missed item" in ran.out) == (0, True), ran.text
    found = json.loads((tmp_path / "estimate" / "estimate.json").read_text())
    assert found["reviewed"] == 6
    assert "texts_missed" in (tmp_path / "estimate" / "estimate.html").read_text()


def test_git_takes_nothing_of_a_review(tmp_path):
    assert cli(*set_up("review-pii", tmp_path)).code == 0
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
    for step in (["init", "-q"], ["add", "-A", "out"]):
        subprocess.run(["git", *step], cwd=tmp_path, check=True, env=env)
    listed = subprocess.run(
        ["git", "grep", "--cached", "-l", EMAIL], cwd=tmp_path, capture_output=True, check=False
    )
    assert listed.stdout == b""


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (["output=s3://bucket/review"], "needs a local folder"),
        (["columns=[nte]"], "Did you mean 'note'"),
        (["texts=1"], "texts"),
    ],
)
def test_what_a_review_refuses(tmp_path, sets, said):
    command = set_up("review-pii", tmp_path)
    for more in ([], ["--dry-run"]):
        ran = cli(*command, *(part for item in sets for part in ("--set", item)), *more)
        assert (ran.code, said in ran.err) == (3, True), ran.text
    assert not list((tmp_path / "out").glob("_run*"))


def test_decisions_that_are_none(tmp_path):
    (tmp_path / "x.json").write_text("[]")
    ran = cli("missed-pii", tmp_path / "x.json", "--output", tmp_path / "estimate")
    assert (ran.code, "not in the format" in ran.err) == (3, True), ran.text
    assert not (tmp_path / "estimate").exists()
