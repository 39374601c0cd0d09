"""Replay: an unchanged snapshot decides the same, one changed by a byte is named."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from rai_scale.errors import ConfigError, MissingColumnError
from rai_scale.personalization import replay, save_snapshot
from tests.capabilities.plain_policies import log_rows, policy_table
from tests.capabilities.risk_engines import ON_SPARK
from tests.conftest import make_case
from tests.jobs.small_lake import cli
from tests.peers.bandit_table import shares


@pytest.fixture
def saved(tmp_path):
    policy_table(0).to_parquet(tmp_path / "policy.parquet")
    (tmp_path / "model.bin").write_bytes(b"a model")
    return save_snapshot(
        tmp_path / "snapshot.json",
        policy=tmp_path / "policy.parquet",
        context="x",
        action="a",
        propensity="p",
        files={"model": tmp_path / "model.bin"},
        data_versions={"ratings": "12"},
    )


@pytest.mark.parametrize("name", ["pandas", "local", "dask", *ON_SPARK])
def test_an_unchanged_snapshot_decides_the_same(name, saved, request):
    log = log_rows()
    frame = make_case(name, request).make(pa.Table.from_pandas(log), 3)
    found = replay(saved, frame)
    assert found.totals() == {"rows": 4000, "differences": 0, "changed_files": 0}


def test_differences_are_counted_where_they_are(saved):
    log = log_rows()
    log.loc[(log["x"] == 1) & (log["a"] == 2), "p"] += 1e-6
    log.loc[0, "p"] = np.nan
    found = replay(saved, log)
    cell = (log["x"] == 1) & (log["a"] == 2)
    first = found.differences.iloc[0]
    assert first[["x", "a", "rows"]].tolist() == [1, 2, int(cell[1:].sum())]
    assert first["replayed"] == pytest.approx(shares(1, 0)[2])
    assert found.totals()["differences"] == int(cell[1:].sum()) + 1


@pytest.mark.parametrize("changed", ["model.bin", "policy.parquet"])
def test_a_changed_byte_is_named(saved, tmp_path, changed):
    content = bytearray((tmp_path / changed).read_bytes())
    content[3] ^= 1
    (tmp_path / changed).write_bytes(bytes(content))
    found = replay(saved, log_rows())
    states = dict(zip(found.files["file"], found.files["state"], strict=True))
    assert states.pop(changed) == "changed"
    assert set(states.values()) == {"unchanged"}
    assert found.rows == 0
    (tmp_path / changed).unlink()
    assert "missing" in set(replay(saved, log_rows()).files["state"])


def test_the_command(saved, tmp_path):
    log_rows().to_parquet(tmp_path / "log.parquet")
    ran = cli("replay", saved, tmp_path / "log.parquet")
    assert (ran.code, "0 differences in 4,000 decisions" in ran.out) == (0, True), ran.text
    log_rows().assign(p=0.5).to_parquet(tmp_path / "log.parquet")
    assert cli("replay", saved, tmp_path / "log.parquet").code == 1
    (tmp_path / "model.bin").write_bytes(b"a modem")
    ran = cli("replay", saved, tmp_path / "log.parquet")
    assert (ran.code, "model: model.bin is changed" in ran.out) == (1, True), ran.text
    assert cli("replay", tmp_path / "no.json", tmp_path / "log.parquet").code == 3


def test_what_is_not_a_snapshot_is_refused(saved, tmp_path):
    (tmp_path / "odd.json").write_text("{}")
    with pytest.raises(ConfigError, match="is not a snapshot"):
        replay(tmp_path / "odd.json", log_rows())
    with pytest.raises(MissingColumnError):
        replay(saved, pd.DataFrame({"x": [1], "a": [1]}))
    with pytest.raises(ConfigError, match="does not exist"):
        save_snapshot(tmp_path / "s.json", policy=tmp_path / "no.csv", action="a", propensity="p")


CODE = """
import json

def make_policy(files):
    shares = json.loads(files["model"].read_text())
    def policy(features, actions):
        return [[shares[str(x)][a] for a in actions] for x in features["x"]]
    return policy
"""


@pytest.fixture
def as_function(tmp_path):
    known = {x: [shares(x, 0)[a] for a in range(4)] for x in range(5)}
    (tmp_path / "model.json").write_text(json.dumps(known))
    (tmp_path / "policy.py").write_text(CODE)
    return save_snapshot(
        tmp_path / "function.json",
        policy=tmp_path / "policy.py",
        features="x",
        actions=[0, 1, 2, 3],
        action="a",
        propensity="p",
        files={"model": tmp_path / "model.json"},
    )


@pytest.mark.parametrize("name", ["pandas", "dask", *ON_SPARK])
def test_a_function_decides_the_same(name, as_function, request):
    log = log_rows()
    log.loc[:2, "p"] += 0.001
    log["a"] = log["a"].astype("int64")
    frame = make_case(name, request).make(pa.Table.from_pandas(log), 3)
    found = replay(as_function, frame, trusted=True)
    assert found.totals() == {"rows": 4000, "differences": 3, "changed_files": 0}
    assert set(found.differences) == {"a", "rows", "logged", "replayed"}
    gaps = found.differences["logged"] - found.differences["replayed"]
    assert gaps.to_numpy() == pytest.approx(0.001)


def test_code_runs_only_if_it_is_trusted_and_unchanged(as_function, tmp_path):
    with pytest.raises(ConfigError, match="trusted=True"):
        replay(as_function, log_rows())
    log_rows().to_parquet(tmp_path / "log.parquet")
    ran = cli("replay", as_function, tmp_path / "log.parquet", "--trusted")
    assert (ran.code, "0 differences in 4,000 decisions" in ran.out) == (0, True), ran.text
    (tmp_path / "policy.py").write_text("raise SystemExit" + CODE)
    assert replay(as_function, log_rows(), trusted=True).rows == 0
    (tmp_path / "odd.py").write_text("make_policy = 1")
    named = {"action": "a", "propensity": "p", "context": ()}
    with pytest.raises(ConfigError, match="actions are needed"):
        save_snapshot(tmp_path / "s.json", policy=tmp_path / "odd.py", **named)
    odd = save_snapshot(tmp_path / "s.json", policy=tmp_path / "odd.py", actions=[0], **named)
    with pytest.raises(ConfigError, match="must have a function make_policy"):
        replay(odd, log_rows(), trusted=True)


def test_columns_with_names_of_the_result_are_refused(tmp_path):
    policy_table(0).to_csv(tmp_path / "policy.csv")
    with pytest.raises(ConfigError, match="has a column 'rows' of its own"):
        save_snapshot(
            tmp_path / "s.json", policy=tmp_path / "policy.csv", context="rows", action="a",
            propensity="p",
        )  # fmt: skip
