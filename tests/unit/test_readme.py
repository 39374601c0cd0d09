"""The snippets of the README run as they stand, on paths and names of this machine."""

from __future__ import annotations

import contextlib
import re
import shlex
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from rai_scale._version import __version__

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
# a scan takes one or two hits for accidents
TEXTS = [*["Please call Maria Garcia on 212-555-0147."] * 8, "Nothing here.", None]
REDACTED = [*["Please call <PERSON> on <PHONE_NUMBER>."] * 8, "Nothing here.", None]


def snippet(about: str, *changes: tuple[str, str]) -> str:
    """Return the only Python block that holds ``about``, with paths and names changed."""
    found = [b for b in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if about in b]
    assert len(found) == 1
    code = found[0]
    for old, new in changes:
        assert old in code
        code = code.replace(old, new)
    return code


def tickets() -> pd.DataFrame:
    return pd.DataFrame({"ticket_id": list("abcdefghij"), "body": TEXTS})


def bodies(frame: pd.DataFrame) -> list[str | None]:
    ordered = frame.sort_values("ticket_id")["body"]
    return [None if pd.isna(text) else text for text in ordered]


@pytest.fixture(scope="module")
def one_machine(tmp_path_factory):
    """An empty folder in which the first snippet ran; the later ones need its sample lake."""
    folder = tmp_path_factory.mktemp("one_machine")
    with contextlib.chdir(folder):
        exec(snippet("duckdb.read_parquet"), {})
    return folder


def test_one_machine(one_machine):
    notes = "SELECT notes FROM read_parquet('{}', union_by_name=true) ORDER BY customer_id"
    written = duckdb.sql(notes.format(one_machine / "customers_redacted.parquet")).fetchall()
    lake = duckdb.sql(notes.format(one_machine / "sample_lake/customers/*/*.parquet")).fetchall()
    assert len(written) == len(lake)
    assert any("<PERSON>" in (text or "") for (text,) in written)
    assert written != lake


def test_dask(tmp_path):
    from distributed import Client, LocalCluster

    tickets().to_parquet(tmp_path / "part-0.parquet")
    with LocalCluster(n_workers=1, processes=False, dashboard_address=None) as cluster:
        code = snippet(
            "dd.read_parquet",
            ("tcp://scheduler:8786", cluster.scheduler_address),
            ("s3://lake/tickets/", f"{tmp_path}/part-0.parquet"),
            ("s3://lake/clean/", f"{tmp_path}/clean"),
        )
        names: dict = {"Client": Client}
        exec(code, names)
        names["client"].close()
    assert bodies(pd.read_parquet(tmp_path / "clean")) == REDACTED


@pytest.fixture(scope="module")
def support(spark_session, tmp_path_factory):
    """A schema with one table, in a warehouse folder of its own."""
    folder = tmp_path_factory.mktemp("support")
    spark_session.sql(f"CREATE DATABASE support LOCATION '{folder}'")
    rows = spark_session.createDataFrame(tickets())
    rows.write.saveAsTable("support.tickets")
    yield "spark_catalog.support"
    spark_session.sql("DROP DATABASE support CASCADE")


@pytest.mark.spark
def test_databricks_notebook(spark_session, support):
    names = {"spark": spark_session}
    exec(snippet("spark.table", ("main.support", support)), names)
    written = spark_session.table("support.tickets_redacted").toPandas()
    assert bodies(written) == REDACTED
    found = names["personal"]
    assert set(found["table"]) == {"spark_catalog.support.tickets"}
    assert "PERSON" in set(found["entity"])


@pytest.mark.spark
def test_sql(spark_session, support):
    code = snippet("udf.register", ("main.support", support), ("spark.sql(", "rows = spark.sql("))
    names = {"spark": spark_session}
    exec(code, names)
    assert bodies(names["rows"].toPandas()) == REDACTED


def test_the_spark_submit_line_is_the_one_that_is_tested():
    block = next(b for b in re.findall(r"```bash\n(.*?)```", README, re.DOTALL) if "submit" in b)
    words = shlex.split(block[block.index("spark-submit") :].replace("\\\n", " "))
    options = dict(zip(words[1::2], words[2::2], strict=False))
    assert options["--py-files"] == f"dist/rai_scale-{__version__}.zip"
    assert options["--archives"].endswith("rai_scale-environment.tar.gz#environment")
    assert options["--conf"] == "spark.executorEnv.PYTHONPATH=environment"
    for word in words:
        if word.startswith(("jobs/", "conf/")):
            assert (ROOT / word).is_file()


def test_private_sql(one_machine, monkeypatch):
    monkeypatch.chdir(one_machine)
    names: dict = {}
    exec(snippet("rai_scale.private_sql("), names)
    found = names["release"].to_pandas()
    assert list(found.columns) == ["channel", "tickets"]
    assert "email" in set(found["channel"])
    assert float(names["ledger"].remaining("customers")["epsilon"]) == 9.5


def test_fairness(one_machine, monkeypatch):
    monkeypatch.chdir(one_machine)
    names: dict = {}
    exec(snippet("assess_fairness(decisions"), names)
    assert len(names["frame"].by_group) == 8
    assert "Fairness of approved" in Path("fairness.html").read_text()


def test_explanations(one_machine, monkeypatch):
    monkeypatch.chdir(one_machine)
    last = ("rai_scale.importance(explained", "found = rai_scale.importance(explained")
    names: dict = {}
    exec(snippet("rai_scale.train_ebm(", last), names)
    assert set(names["found"]["feature"]) == {"age_group", "income", "score"}
    assert {"Female", "Male"} <= set(names["found"]["sex"])
