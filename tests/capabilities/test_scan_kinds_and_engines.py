"""Files of every kind: the findings of plain text, on every engine, with a state, and no leak."""

from __future__ import annotations

import json
import shutil

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

import rai_scale
from tests import document_files as made
from tests.capabilities.presidio_alone import MODEL
from tests.conftest import make_case
from tests.jobs.small_lake import cli, file_leaks, write_config

ENTITIES = ("EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "PERSON")
COUNTED = ["table", "column", "entity", "verdict", "rows_with", "values", "rows", "table_status"]
CLUSTERS = [
    "dask",
    *(pytest.param(n, marks=[pytest.mark.spark, pytest.mark.full]) for n in ("spark", "connect")),
]


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """Every kind of file in a folder of its own, and a half of each next to it."""
    home = tmp_path_factory.mktemp("kinds")
    files = made.every_kind(home)
    plain = pa.Table.from_pylist(made.ROWS[:5])
    sink = pa.BufferOutputStream()
    pq.write_table(plain, sink)
    files |= {"a.parquet": sink.getvalue().to_pybytes(), "a.txt": made.TEXT.encode()}
    files |= {"a.csv": plain.to_pandas().to_csv(index=False).encode()}
    files |= {"a.jsonl": "".join(json.dumps(row) + "\n" for row in plain.to_pylist()).encode()}
    for name, content in files.items():
        folder = home / "lake" / name.removeprefix("a.").replace(".", "-")
        folder.mkdir(parents=True)
        (folder / f"good{name[1:]}").write_bytes(content)
        (folder / f"half{name[1:]}").write_bytes(content[: len(content) // 2])
    return home / "lake"


def scan(lake, **options):
    return rai_scale.scan(lake, **{"model": MODEL, "entities": ENTITIES, **options})


@pytest.fixture(scope="module")
def scanned(lake):
    return scan(lake)


def counted(result):
    found = result.to_pandas()[COUNTED]
    return found.sort_values(["table", "column", "entity"], ignore_index=True)


def states(result):
    return sorted((i.what, i.where, i.count) for i in result.unread())


@pytest.mark.full
def test_every_kind_has_the_findings_of_plain_text(lake, scanned):
    """Recall by kind of file is that of the same detector on a text file."""
    found = {}
    for table, _, finding in scanned.findings():
        if finding.rows_with:
            kind = table.table.partition("/")[0].partition(".")[0]
            found.setdefault(kind, set()).add(finding.entity)
    assert found["txt"] == set(ENTITIES)
    assert found == {folder.name: set(ENTITIES) for folder in lake.iterdir()}


@pytest.mark.parametrize("name", CLUSTERS)
@pytest.mark.full
def test_engines_have_the_same_findings_and_states_of_files(name, request, lake, scanned):
    result = scan(lake, engine=make_case(name, request).engine)
    assert states(result) == states(scanned)
    assert counted(result).to_csv() == counted(scanned).to_csv()


@pytest.mark.parametrize("name", CLUSTERS)
def test_a_state_works_on_every_engine(name, request, tmp_path):
    engine, lake = make_case(name, request).engine, tmp_path / "lake"
    (lake / "people").mkdir(parents=True)
    (lake / "letter").mkdir()
    (lake / "letter" / "a.html").write_bytes(made.html())
    mails = {"mail": ["ada@example.org"] * 5, "n": list(range(5))}
    pq.write_table(pa.table(mails), lake / "people" / "part-1.parquet")
    options = {"engine": engine, "state": tmp_path / "state.parquet", "entities": ENTITIES[:1]}
    first, again = scan(lake, **options), scan(lake, **options)
    assert (first.changes.files_read, first.changes.files_known) == (2, 0)
    assert (again.changes.files_read, again.changes.files_known) == (0, 2)
    pq.write_table(pa.table({**mails, "n": [9] * 5}), lake / "people" / "part-2.parquet")
    third = scan(lake, **options)
    assert (third.changes.files_read, third.changes.files_known) == (1, 2)
    assert counted(third).to_csv() == counted(scan(lake, entities=ENTITIES[:1])).to_csv()


def test_a_state_and_a_lake_in_a_store(tmp_path):
    fs = fsspec.filesystem("memory")
    home = f"memory://{tmp_path.name}"
    fs.pipe_file(f"{home}/lake/a.csv", b"id,mail\n1,ada@example.org\n2,bob@example.org\n")
    options = {"state": f"{home}/night/state.parquet", "entities": ENTITIES[:1]}
    first, again = scan(f"{home}/lake", **options), scan(f"{home}/lake", **options)
    assert (first.changes.files_read, again.changes.files_read) == (1, 0)
    assert counted(again).to_csv() == counted(first).to_csv()
    fs.pipe_file(f"{home}/lake/a.csv", b"id,mail\n1,none\n")
    assert scan(f"{home}/lake", **options).changes.files_read == 1


@pytest.mark.full
def test_no_value_is_in_a_report_state_plan_or_log(lake, tmp_path):
    """Also if a reviewer decided, samples are shown, and names of columns are personal."""
    odd = shutil.copytree(lake, tmp_path / "lake") / "odd"
    odd.mkdir()
    row = {"anna.smith@example.com": ["Anna Smith"], "note": [made.TEXT]}
    pq.write_table(pa.table(row), odd / "owner.parquet")
    decision = {"table": "csv*", "column": "amount", "decision": "not personal"}
    decision |= {"reviewer": "data office", "reason": "amounts of orders", "expires": "2099-01-01"}
    (tmp_path / "decisions.yaml").write_text(yaml.safe_dump({"overrides": [decision]}))
    night = tmp_path / "night"
    config = {
        "source": str(odd.parent),
        "output": str(tmp_path / "out"),
        "state": str(night / "state.parquet"),
        "overrides": str(tmp_path / "decisions.yaml"),
        "samples": 3,
        "write_unity_sql": str(night / "unity.sql"),
        "write_redact_config": str(night / "redact.yaml"),
        "analyzer": {"model": MODEL, "entities": [*ENTITIES]},
    }
    ran = cli("scan", write_config(tmp_path / "scan.yaml", config), "--log-json")
    assert ran.code == 2, ran.text  # halves of files are not read
    assert "not personal" in (tmp_path / "out" / "report.html").read_text()
    secrets = [*made.PLANTED, "Smith"]
    assert [secret for secret in secrets if secret in ran.text] == []
    assert file_leaks(tmp_path / "out", secrets) == {}
    assert file_leaks(night, secrets) == {}
    assert {path.name for path in night.iterdir()} >= {"state.parquet", "redact.yaml"}
