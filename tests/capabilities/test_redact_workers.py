"""What happens in worker processes: one analyzer each, no network, no model from elsewhere."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass

import pyarrow as pa
import pytest

import rai_scale
from rai_scale.errors import MissingModelError
from rai_scale.pii import AnalyzerConfig
from rai_scale.pii.analysis import analyzer
from tests.capabilities.presidio_alone import MODEL

CONFIG = AnalyzerConfig(model=MODEL)
SEEN = pa.schema([("pid", pa.int64()), ("analyzer", pa.int64()), ("kept", pa.int64())])


@dataclass(frozen=True)
class WhichAnalyzer:
    """Says which process served a batch, with which analyzer, and how many it has."""

    config: AnalyzerConfig

    def __call__(self, table: pa.Table) -> pa.Table:
        used = analyzer.get_analyzer(self.config)
        used.analyze(table["v"].to_pylist())
        kept = list(analyzer._ENGINES).count(self.config.model_dump_json())
        return pa.table([[os.getpid()], [id(used)], [kept]], schema=SEEN)


def test_each_process_builds_its_analyzer_once(cluster_case):
    frame = cluster_case.make(pa.table({"v": ["x"] * 8}), 8)
    engine = cluster_case.engine
    out = engine.map_partitions(frame, WhichAnalyzer(CONFIG), SEEN, label="which")
    rows = cluster_case.rows(out) + cluster_case.rows(out)  # workers are used again
    assert len(rows) > 2 or cluster_case.name == "local"  # DuckDB may merge small batches
    assert {row["kept"] for row in rows} == {1}
    analyzers = {(row["pid"], row["analyzer"]) for row in rows}
    assert len(analyzers) == len({row["pid"] for row in rows})


def test_local_workers_build_it_once_each():
    from rai_scale.engines.local import LocalEngine

    done = LocalEngine(workers=2).map_tasks(_analyzer_of_worker, range(8))
    assert len(set(done)) == len({pid for pid, _ in done})
    assert os.getpid() not in {pid for pid, _ in done}


def _analyzer_of_worker(_: int) -> tuple[int, int]:
    return os.getpid(), id(analyzer.get_analyzer(CONFIG))


def test_equal_configurations_share_an_analyzer():
    assert analyzer.get_analyzer(CONFIG) is analyzer.get_analyzer(AnalyzerConfig(model=MODEL))
    other = AnalyzerConfig(model=MODEL, score_threshold=0.5)
    assert analyzer.get_analyzer(other) is not analyzer.get_analyzer(CONFIG)


@pytest.fixture
def no_network(monkeypatch):
    asked = []

    def refuse(*arguments, **_):
        asked.append(arguments)
        raise OSError("no network in this test")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    return asked


def test_emails_need_no_network(no_network):
    fresh = AnalyzerConfig(model=MODEL, entities=("EMAIL_ADDRESS", "URL"), score_threshold=0.01)
    table = pa.table({"v": ["write to a.b@example.co.uk or a@b.notatld", "www.example.com"]})
    out = rai_scale.redact(table, "v", analyzer=fresh)["v"].to_pylist()
    assert out[0].startswith("write to <EMAIL_ADDRESS> or ")
    assert out[1] == "<URL>"
    assert no_network == []


def test_a_missing_model_is_never_downloaded(no_network, monkeypatch):
    import spacy.cli

    monkeypatch.setattr(spacy.cli, "download", lambda *_: no_network.append("download"))
    with pytest.raises(MissingModelError, match="is not installed and is never downloaded") as e:
        rai_scale.redact(pa.table({"v": ["x"]}), "v", model="en_core_web_sm_vbspac")
    assert f"Did you mean '{MODEL}'?" in str(e.value)
    assert no_network == []
