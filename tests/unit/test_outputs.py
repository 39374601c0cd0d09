"""Outputs lie apart from what is read and private, and are found again whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os

import pytest

from rai_scale.errors import ConfigError
from rai_scale.jobs.manifest import MANIFEST, finished, output_facts, read_manifest
from rai_scale.jobs.outputs import check_apart, check_table_names
from rai_scale.jobs.scan.reviewed_files import save_reviewed
from rai_scale.tables.paths import place_of


def apart(tmp_path, output, *, source="lake", **private):
    full = {name: str(tmp_path / path) for name, path in private.items()}
    check_apart(place_of(str(tmp_path / output)), {"source": str(tmp_path / source)}, full)


@pytest.fixture
def lake(tmp_path):
    (tmp_path / "lake" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "lake")
    (tmp_path / "lake" / "out_link").symlink_to(tmp_path / "away")
    return tmp_path


@pytest.mark.parametrize(
    ("output", "more", "said"),
    [
        ("lake", {}, "is the same as source"),
        ("link", {}, "is the same as source"),
        ("lake/../lake", {}, "is the same as source"),
        ("lake/out", {}, "is inside source"),
        ("link/out", {}, "is inside source"),
        ("", {}, "contains source"),
        ("out", {"source": "out/_run-a/t"}, "contains source"),
        ("out", {"ledger": "out/ledger.db"}, "ledger: .* is inside output"),
        ("out", {"restricted_log": "link/deep/x.log"}, "restricted_log: .* is inside source"),
    ],
)
def test_paths_that_must_be_apart(lake, output, more, said):
    with pytest.raises(ConfigError, match=said):
        apart(lake, output, **more)


@pytest.mark.parametrize("output", ["lake2", "lake/out_link", "lak", "lake/../out"])
def test_paths_that_are_apart(lake, output):
    apart(lake, output, ledger="ledger.db", restricted_log="lake.log")


def test_addresses_of_a_store():
    for output, source in (("memory://a/b/c", "memory://a/b"), ("memory://a", "memory://a/b")):
        with pytest.raises(ConfigError):
            check_apart(place_of(output), {"source": source}, {})
    check_apart(place_of("memory://a/bc"), {"source": "memory://a/b"}, {})


@pytest.mark.parametrize("names", [["a", "a/b"], ["x/y/z", "x/y"], ["../a"], ["a/_b"], [".a"]])
def test_tables_that_cannot_have_folders_of_their_own(names):
    with pytest.raises(ConfigError, match="table"):
        check_table_names(names)


def test_tables_that_can():
    check_table_names(["a", "ab", "c/a", "c/a.b", "a.csv"])


def test_what_was_written_is_told_by_its_hash(tmp_path):
    place = place_of(str(tmp_path))
    (tmp_path / "t").mkdir()
    for name in ("t/part-0.parquet", "t/part-1.parquet", "report.html"):
        (tmp_path / name).write_text("x")

    def facts():
        return {name: output_facts(place.child(name)) for name in ("t", "report.html")}

    recorded = facts()
    assert recorded["report.html"]["sha256"] == hashlib.sha256(b"x").hexdigest()
    assert (recorded["t"]["files"], recorded["t"]["bytes"]) == (2, 2)
    assert facts() == recorded
    (tmp_path / "report.html").write_text("y")
    assert facts()["report.html"] != recorded["report.html"]
    os.rename(tmp_path / "t" / "part-1.parquet", tmp_path / "t" / "part-2.parquet")
    assert facts()["t"] != recorded["t"]
    assert output_facts(place.child("none")) is None


def test_a_manifest_of_an_earlier_schema_is_read_and_its_run_not_taken_to_be_done(tmp_path):
    old = {"run_id": "a", "job": "scan", "status": "ok", "details": {"unread": 3}}
    old |= {"outputs": {"report.html": "/out/report.html"}, "files": {}}
    (tmp_path / MANIFEST).write_text(json.dumps(old))
    found = read_manifest(place_of(str(tmp_path)))
    assert (found["schema_version"], found["unread"], found["metrics"]) == (1, 3, [])
    assert list(found["outputs"]) == ["report.html"]
    assert finished(place_of(str(tmp_path)), "a") is None


def test_a_manifest_of_a_later_schema_is_refused(tmp_path):
    (tmp_path / MANIFEST).write_text(json.dumps({"schema_version": 3, "run_id": "a"}))
    with pytest.raises(ConfigError, match="has schema version 3"):
        read_manifest(place_of(str(tmp_path)))
    assert finished(place_of(str(tmp_path)), "a") is None


@pytest.mark.parametrize(("ending", "comment"), [("yaml", "#"), ("sql", "--")])
def test_a_plan_that_a_person_has_changed_is_kept(tmp_path, ending, comment):
    path = tmp_path / f"plan.{ending}"

    def save(text):
        return save_reviewed(text, str(path), "write_plan", comment)

    for text in ("a: 1\n", "a: 2\n"):
        assert save(text) is None
        assert path.read_text().startswith(text)
        assert path.read_text().splitlines()[-1].startswith(f"{comment} Made by")
    path.write_text(path.read_text().replace("a: 2", "a: 3"))
    for text in ("a: 4\n", "a: 5\n"):
        assert f"plan.new.{ending}" in str(save(text))
    assert path.read_text().startswith("a: 3")
    (tmp_path / f"plan.new.{ending}").write_text("mine")
    with pytest.raises(ConfigError, match="Move one of them to another folder"):
        save("a: 6\n")
