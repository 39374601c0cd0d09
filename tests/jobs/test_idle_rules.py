"""Rules that match nothing, and a sample that is not everything."""

from __future__ import annotations

import json
import logging

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import rai_scale
from rai_scale.errors import ConfigError
from rai_scale.tables import find_tables
from tests.jobs.small_lake import EMAIL, MODEL, cli, write_config


@pytest.fixture
def lake(tmp_path):
    (tmp_path / "lake" / "exports").mkdir(parents=True)
    (tmp_path / "lake" / "exports" / "sent.csv").write_text("id;mail\n1;a,b\n2;c\n")
    pq.write_table(pa.table({"id": [1]}), tmp_path / "lake" / "ids.parquet")
    return str(tmp_path / "lake")


def test_no_entities_are_not_all_entities(people, tmp_path):
    with pytest.raises(ConfigError, match="entities: must not be empty"):
        rai_scale.scan(pa.table({"v": [EMAIL]}), model=MODEL, entities=[])
    with pytest.raises(ConfigError, match="entities: must not be empty"):
        rai_scale.redact(pa.table({"v": [EMAIL]}), "v", model=MODEL, entities=[])
    values = {"source": str(people), "output": str(tmp_path / "out"), "analyzer": {"entities": []}}
    ran = cli("scan", write_config(tmp_path / "scan.yaml", values))
    assert ran.code == 3
    assert "analyzer.entities" in ran.text


@pytest.mark.parametrize("pattern", ["exports/*.csv", "sent.csv", "*/sent.*"])
def test_a_pattern_of_csv_is_of_a_path_in_the_lake_or_a_name(lake, pattern):
    tables = find_tables(lake, csv={pattern: {"delimiter": ","}})
    (table,) = (table for table in tables if table.format == "csv")
    assert table.files[0].dialect.delimiter == ","


@pytest.mark.parametrize("pattern", ["export/*.csv", "ids.parquet", "*.tsv"])
def test_a_pattern_of_csv_that_fits_no_file_is_an_error(lake, pattern):
    with pytest.raises(ConfigError, match="no CSV file of the source matches"):
        find_tables(lake, csv={pattern: {"delimiter": ","}})
    with pytest.raises(ConfigError, match="Did you mean 'exports/sent.csv'"):
        find_tables(lake, csv={"exports/snet.csv": {"delimiter": ","}})
    with pytest.raises(ConfigError, match="no CSV file of the source matches"):
        find_tables(f"{lake}/exports/sent.csv", csv={pattern: {"delimiter": ","}})


def test_a_pattern_of_ignore_that_fits_nothing_is_named(lake, caplog):
    with caplog.at_level(logging.WARNING):
        found = find_tables(lake, ignore=["*.parquet", "*.pdf"])
    assert "nothing in the source matches '*.pdf'" in caplog.text
    assert {(s.path, s.files) for s in found.skipped} == {("ids.parquet", 1), ("*.pdf", 0)}
    result = rai_scale.scan(found, model=MODEL)
    idle = {
        "file": "*.pdf",
        "reason": "ignore: nothing matches this pattern",
        "files": 0,
        "bytes": 0,
    }
    assert idle in result.to_dict()["ignored"]
    assert result.unread() == ()
    assert "*.pdf" in result.to_html()


@pytest.mark.parametrize(("mode", "words"), [("sample", "a sample of "), ("full", "everything")])
def test_a_sample_is_called_a_sample(tmp_path, mode, words):
    (tmp_path / "lake").mkdir()
    rows = "".join(f"{i},a{i}@example.org\n" for i in range(2_000))
    (tmp_path / "lake" / "people.csv").write_text(f"id,email\n{rows}")
    values = {"source": str(tmp_path / "lake"), "output": str(tmp_path / "out"), "mode": mode}
    values |= {"error": 0.2, "absent_below": 0.02}
    analyzer = {"model": MODEL, "entities": ["EMAIL_ADDRESS"]}
    ran = cli("scan", write_config(tmp_path / "scan.yaml", values | {"analyzer": analyzer}))
    assert words in ran.text
    summary = json.loads((tmp_path / "out" / "findings.json").read_text())["summary"]
    page = (tmp_path / "out" / "report.html").read_text()
    if mode == "sample":
        assert 990 < summary["rows_scanned"] <= 1_000 < summary["rows"] == 2_000
        assert f"{words}{summary['rows_scanned']} of 2,000 rows" in ran.text
        assert "With 95" in page
        assert "everything was scanned" not in ran.text
        assert f"a sample of {summary['rows_scanned']} was scanned" in page
    else:
        assert "a sample" not in ran.text + page
