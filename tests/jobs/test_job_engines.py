"""One configuration, every engine: the same findings, tables and quarantine."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from distributed import Client, LocalCluster

from rai_scale.jobs.manifest import MANIFEST
from rai_scale.tables import find_tables
from rai_scale.tables.pointer import current_path
from tests.conftest import engine_params, full
from tests.jobs.small_lake import (
    EMAIL,
    MODEL,
    Ran,
    assert_same_tables,
    beside_the_output,
    cli,
    file_leaks,
    findings,
    leaks,
    make_people,
    people_config,
    redact_options,
    rows_of,
    shell,
    write_config,
)


def run(name: str, request: pytest.FixtureRequest, *arguments: object) -> Ran:
    """Run a job as a user of the engine would."""
    if name == "dask":
        return shell(*arguments, "--engine", "dask")
    if name == "connect":
        session = request.getfixturevalue("connect_session")
        remote = f"spark_remote=sc://{session.client._builder.endpoint}"
        return shell(*arguments, "--engine", "spark", "--set", remote)
    request.getfixturevalue("spark_session")  # the active session is the one that is used
    return cli(*arguments, "--engine", "spark")


@pytest.mark.parametrize("name", [full("dask"), *engine_params(["spark", "connect"])])
def test_the_same_answer(name, request, runs, planted, tmp_path):
    if name != "connect":  # its scans are compared frame by frame elsewhere
        sets = ["--set", f"output={tmp_path / 'scan'}", "--set", "write_redact_config=null"]
        sets += [
            "--set",
            f"state={tmp_path / 'night.parquet'}",
        ]  # that of the fixture has the answers
        ran = run(name, request, "scan", runs / "scan.yaml", *sets)
        assert ran.code == 2, ran.text
        pd.testing.assert_frame_equal(
            findings(tmp_path / "scan"), findings(runs / "scan"), check_exact=True
        )
        assert file_leaks(tmp_path / "scan", planted) == {}
        assert leaks(ran.text, planted) == 0
    ran = run(name, request, "redact", runs / "redact.yaml", *redact_options(tmp_path / "red"))
    assert ran.code == 2, ran.text
    assert leaks(ran.text, planted) == 0
    assert_same_tables(tmp_path / "red", runs / "redacted")
    said = [json.loads((f / MANIFEST).read_text()) for f in (tmp_path / "red", runs / "redacted")]
    assert said[0]["rows"] == said[1]["rows"]
    assert said[0]["details"]["report"]["totals"] == said[1]["details"]["report"]["totals"]
    assert said[0]["engine"] == {"connect": "spark"}.get(name, name)
    assert beside_the_output(tmp_path / "red", planted) == {}


@pytest.mark.full
def test_the_comparison_is_not_of_nothing(runs):
    assert len(findings(runs / "scan")) > 40
    folder = current_path(str(runs / "redacted"))
    assert len(find_tables(folder)) == 6
    total = sum(len(rows_of(Path(folder) / "_findings", t.name)) for t in find_tables(folder))
    assert total > 200
    failed = [len(rows_of(Path(folder) / "_quarantine", t.name)) for t in find_tables(folder)]
    assert sum(failed) >= 2


@pytest.mark.spark
def test_a_finished_run_is_finished_on_spark(spark_session, people, tmp_path):
    check_runs(people_config(people, tmp_path / "out", engine="spark"), people, tmp_path)


@pytest.mark.full
def test_dask_by_the_address_of_a_scheduler(people, tmp_path):
    values = people_config(people, tmp_path / "out", engine="dask")
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        values["dask_scheduler"] = cluster.scheduler_address
        check_runs(values, people, tmp_path)
        with Client(cluster) as client:  # it was used, and it is still there
            used = client.run(lambda: "spacy" in __import__("sys").modules)
    assert set(used.values()) == {True}


def check_runs(values, people, tmp_path):
    """A run, a second one that has nothing to do, and one with too many errors."""
    config = write_config(tmp_path / "r.yaml", values)
    for said in ("3 of 3 rows written", "already done"):
        ran = cli("redact", config)
        assert (ran.code, said in ran.out) == (0, True), ran.text
    table = pq.read_table(people / "people.parquet")
    long = pa.table({"id": [7], "note": ["x" * 1_000_001], "email": [EMAIL]})
    pq.write_table(pa.concat_tables([table, long]), people / "people.parquet")
    before = rows_of(tmp_path / "out", "people")
    assert set(before["email"]) == {"<EMAIL_ADDRESS>"}
    ran = cli("redact", config)
    assert (ran.code, "25.00% of the rows failed" in ran.out) == (1, True), ran.text
    pd.testing.assert_frame_equal(rows_of(tmp_path / "out", "people"), before)


@pytest.mark.spark
def test_tables_of_a_catalog(spark_session, tmp_path):
    make_people(tmp_path / "files", rows=4)
    spark_session.sql(f"CREATE DATABASE rai_jobs LOCATION '{tmp_path / 'warehouse'}'")
    try:
        frame = spark_session.read.parquet(str(tmp_path / "files"))
        frame.write.saveAsTable("rai_jobs.people")
        frame.select("id").write.saveAsTable("rai_jobs.numbers")
        name = "spark_catalog.rai_jobs"
        values = {"source": f"{name}.*", "output": str(tmp_path / "scan"), "engine": "spark"}
        config = write_config(tmp_path / "s.yaml", {**values, "analyzer": {"model": MODEL}})
        ran = cli("scan", config)
        assert ran.code == 0, ran.text
        found = findings(tmp_path / "scan")
        assert set(found["table"]) == {f"{name}.people", f"{name}.numbers"}
        personal = found[found["verdict"] == "personal"]
        assert list(personal["column"]) == ["email"]
        assert "already done" not in cli("scan", config).out  # its state is not known
        ran = cli("scan", config, "--set", f"source={name}.people")
        assert set(findings(tmp_path / "scan")["table"]) == {f"{name}.people"}

        table = people_config(tmp_path, tmp_path / "red")["tables"]["people"]
        red = people_config(tmp_path, tmp_path / "red", engine="spark")
        red |= {"source": f"{name}.*", "tables": {f"{name}.people": table}}
        ran = cli("redact", write_config(tmp_path / "r.yaml", red))
        assert ran.code == 0, ran.text
        done = rows_of(tmp_path / "red", f"{name}.people")
        assert set(done["email"]) == {"<EMAIL_ADDRESS>"}
        ran = cli("scan", config, "--set", f"source={name}.peopel")
        assert (ran.code, "Did you mean 'people'?" in ran.err) == (3, True)
        ran = cli("scan", config, "--set", "source=spark_catalog.nowhere.*")
        assert (ran.code, "spark_catalog.nowhere" in ran.err) == (3, True)
        assert "Traceback" not in ran.text
    finally:
        spark_session.sql("DROP DATABASE rai_jobs CASCADE")


def test_a_catalog_is_of_spark_alone(tmp_path):
    values = {"source": "spark_catalog.default.people", "output": str(tmp_path / "out")}
    ran = cli("scan", write_config(tmp_path / "s.yaml", values))
    assert (ran.code, "does not exist" in ran.err) == (3, True)
