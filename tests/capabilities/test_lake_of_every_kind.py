"""A lake of every kind of file, good and broken: one state per file, no value in any output."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import rai_scale
from rai_scale.tables import DocumentLimits, find_tables
from tests import document_files as made
from tests.capabilities.presidio_alone import MODEL
from tests.engines.test_documents import BOMBS, broken

SECRETS = (*made.PLANTED, "Smith", "secret.member")


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    files = made.every_kind(tmp_path_factory.mktemp("made"))
    table = pa.Table.from_pylist(made.ROWS[:5])
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    lines = "".join(json.dumps(row) + "\n" for row in table.to_pylist())
    csv = table.to_pandas().to_csv(index=False)
    more = {"a.parquet": sink.getvalue().to_pybytes(), "a.jsonl": lines.encode()}
    more |= {"a.csv": csv.encode(), "a.txt": made.TEXT.encode(), "b.csv": csv.encode("utf-16")}
    more |= {"a.csv.gz": gzip.compress(csv.encode()), "a.jsonl.gz": gzip.compress(lines.encode())}
    return files | more


def make_lake(folder: Path, good: dict[str, bytes], only: set[str] | None) -> int:
    """Write the good files and broken copies of each; returns the number of files."""
    total = 0
    for name, content in good.items():
        stem, _, ending = name.partition(".")
        place = folder / f"{stem}-{ending.replace('.', '-')}"
        place.mkdir(parents=True)
        copies = {"good": content, **broken(content, name, folder)}
        copies["claims"] = content[:8] + b"\xff" * 8 + content[16:]
        other = good["a.zip" if ending != "zip" else "a.pdf"]
        copies["extension"] = other
        for how, damaged in copies.items():
            if only is None or how in only:
                (place / f"{how}.{ending}").write_bytes(damaged)
                total += 1
    (folder / "bombs").mkdir()
    for name, (content, _) in BOMBS.items():
        (folder / "bombs" / name).write_bytes(content)
    paths = {"../../secret.member": made.TEXT.encode(), "/secret.member": made.TEXT.encode()}
    (folder / "bombs" / "paths.zip").write_bytes(made.zipped(**paths))
    (folder / "bombs" / "paths.tar").write_bytes(made.tarred("w", **paths))
    return total + len(BOMBS) + 2


@pytest.mark.parametrize("only", [{"good", "half"}, pytest.param(None, marks=[pytest.mark.full])])
def test_every_file_has_one_state_and_no_value_is_shown(good, only, tmp_path, caplog, monkeypatch):
    lake, temporary = tmp_path / "lake", tmp_path / "temporary"
    temporary.mkdir()
    files = make_lake(lake, good, only)
    before = sorted((p, p.stat().st_mtime_ns) for p in tmp_path.rglob("*"))
    monkeypatch.setenv("TMPDIR", str(temporary))
    limits = DocumentLimits(max_ratio=50, max_files=500, max_rows=2_000)
    with caplog.at_level("DEBUG"):
        result = rai_scale.scan(lake, model=MODEL, entities=["EMAIL_ADDRESS"], documents=limits)
    totals = result.totals()
    states = ("files_read", "files_partly_read", "files_unread")
    empty = [entry for entry in result.skipped if entry.harmless]
    assert {entry.reason for entry in empty} <= {"empty"}
    assert sum(totals[state] for state in states) + len(empty) == files
    assert totals["files_read"] >= len(good)
    found = {c.folder.rsplit("/", 1)[-1] for c in result.tables for k in c.columns if k.findings}
    assert {f"{n.partition('.')[0]}-{n.partition('.')[2].replace('.', '-')}" for n in good} <= found
    assert sorted((p, p.stat().st_mtime_ns) for p in tmp_path.rglob("*")) == before
    everything = caplog.text + json.dumps(result.to_dict()) + result.to_html()
    assert [secret for secret in SECRETS if secret in everything] == []


def test_random_bytes_in_text_files_are_never_an_error(tmp_path):
    rng = random.Random(3)
    for number in range(60):
        kind = ("csv", "jsonl", "txt", "csv.gz")[number % 4]
        content = bytes(rng.choices(b'a1,;"\n\r\t {}[]:\\\x00\xff\xc3\xbc', k=rng.randrange(80)))
        name = f"{''.join(rng.choices('abcdefgh', k=9))}.{kind}"
        (tmp_path / name).write_bytes(gzip.compress(content) if kind == "csv.gz" else content)
    lake = find_tables(str(tmp_path))
    known = {f.path for t in lake for f in t.files} | {n for t in lake for n, _ in t.unreadable}
    skipped = {s.path for s in lake.skipped}
    assert known | skipped == {path.name for path in tmp_path.iterdir()}
    assert not known & skipped
