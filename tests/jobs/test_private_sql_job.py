"""The private SQL job: charged once, the same bytes again, and nothing exact in what it says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from rai_scale.jobs.manifest import MANIFEST
from rai_scale.jobs.private_options import PrivateOptions
from rai_scale.privacy import PrivateComputationError, open_ledger
from tests.conftest import engine_params, full
from tests.jobs.small_lake import cli, file_leaks, leaks, shell, shown, state, write_config, written

ROWS = 7_919
TABLE = {
    "max_ids": 4,
    "patient": {"type": "string", "private_id": True},
    "ward": {"type": "string"},
    "age": {"type": "int", "lower": 0, "upper": 100},
    "cost": {"type": "float", "lower": 0.0, "upper": 500.0},
}
QUERIES = [
    {
        "name": "by_ward",
        "share": 3,
        "query": "SELECT ward, COUNT(*) AS n, SUM(cost) AS cost FROM clinic.visits GROUP BY ward",
    },
    {
        "name": "declared",
        "query": "SELECT ward, COUNT(DISTINCT patient) AS people FROM clinic.visits GROUP BY ward",
        "groups": {"ward": ["east", "west", "none such"]},
    },
    {"name": "mean_age", "query": "SELECT AVG(age) AS age FROM clinic.visits WHERE cost > 100"},
]
NO_NOISE = 200_000.0  # noise other than 0 has a chance below 1e-300


@pytest.fixture(scope="module")
def visits() -> pd.DataFrame:
    """Patients with up to four visits, values beyond the bounds, a null patient, a tiny ward."""
    rng = np.random.default_rng(11)
    number = np.sort(rng.integers(0, ROWS // 3, ROWS * 2))
    frame = pd.DataFrame({"patient": [f"canary-patient-{i:05d}@example.org" for i in number]})
    frame = frame.groupby("patient").head(4).head(ROWS).reset_index(drop=True)
    frame["ward"] = rng.choice(["east", "west", "north"], ROWS)
    frame["age"] = rng.integers(0, 100, ROWS)
    frame["cost"] = np.round(rng.gamma(2, 80, ROWS), 2)
    frame.loc[0, ["ward", "cost"]] = ["canary-ward", 123_456.789]
    frame.loc[1, "patient"] = None
    return frame


@pytest.fixture(scope="module")
def canaries(visits) -> list[str]:
    return [*visits["patient"].dropna().unique(), "canary-ward", "123456.789"]


@pytest.fixture(scope="module")
def lake(visits, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("private") / "visits"
    folder.mkdir()
    for i in range(3):
        visits.iloc[i::3].to_parquet(folder / f"part-{i}.parquet", index=False)
    return folder


def new_ledger(folder: Path, epsilon: float = 10) -> str:
    address = f"sqlite:///{folder / 'ledger.db'}"
    opened = open_ledger(address, force_ephemeral=True)
    opened.create_scope("patients", epsilon=epsilon, delta=1e-5)
    return address


def config(lake: Path, folder: Path, **changes: object) -> str:
    asked = {"ledger": f"sqlite:///{folder / 'ledger.db'}", "force_ephemeral": True}
    asked |= {"scope": "patients", "analyst": "ann", "epsilon": 2.0, "delta": 1e-6}
    base = {"source": {"visits": str(lake)}, "output": str(folder / "out"), "queries": QUERIES}
    base |= {"metadata": {"": {"clinic": {"visits": TABLE}}}}
    private = {k: v for k, v in changes.items() if k in PrivateOptions.model_fields}
    others = {k: v for k, v in changes.items() if k not in private}
    given = {**base, "private": {**asked, **private}, **others}
    return write_config(folder / "private.yaml", given)


def tables(folder: Path) -> dict[str, pd.DataFrame]:
    return {path.stem: pd.read_parquet(path) for path in sorted(folder.glob("*.parquet"))}


def spent(folder: Path) -> float:
    ledger = open_ledger(f"sqlite:///{folder / 'ledger.db'}", force_ephemeral=True)
    rows = ledger.budget("patients").query("measure == 'epsilon' and limit == 'hard cap'")
    return float(rows["spent"].iloc[0])


@pytest.fixture(scope="module")
def done(lake, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    new_ledger(folder)
    return folder, cli("private-sql", config(lake, folder), "--log-json")


def test_what_it_writes_and_what_that_costs(done):
    folder, ran = done
    assert ran.code == 0, ran.text
    assert "3 releases: 3 charged now, 0 shown again" in ran.out
    assert 2 - 1e-9 < spent(folder) <= 2
    found = tables(folder / "out")
    assert set(found["by_ward"]["ward"]) == {"east", "north", "west"}  # the ward of one is hidden
    assert list(found["declared"]["ward"]) == ["east", "west", "none such"]
    manifest = json.loads((folder / "out" / MANIFEST).read_text())
    assert shown(manifest["outputs"]) == shown(path.name for path in (folder / "out").iterdir())
    assert manifest["query_names"] == ["by_ward", "declared", "mean_age"]
    stored = json.loads((folder / "out" / "releases.json").read_text())["releases"]
    assert [release["reservation"] for release in stored] == manifest["reservations"]
    columns = {column["column"]: column for column in stored[0]["columns"]}
    assert columns["n"]["epsilon"] == pytest.approx(2 * 3 / 5 / 3)
    assert columns["ward"]["delta"] == 1e-6
    assert columns["n"]["half_width_95"] > columns["n"]["noise_scale"] > 0
    assert columns["n"]["interval"] == "half_width_95"
    assert stored[2]["columns"][0]["interval"] == "per row, see intervals()"
    kept = pq.read_schema(folder / "out" / "by_ward.parquet").metadata[b"rai_scale.release"]
    assert json.loads(kept) == stored[0]


def test_intervals_stand_beside_each_table(done, visits):
    folder, _ = done
    found = tables(folder / "out")
    for name, low in (("by_ward", "n_low"), ("declared", "people_low"), ("mean_age", "age_low")):
        bounds, table = found[f"{name}.intervals"], found[name]
        assert len(bounds) == len(table)
        column = low.removesuffix("_low")
        inside = bounds[low].le(table[column]) & table[column].le(bounds[f"{column}_high"])
        assert inside[table[column] >= 0].all()
    ward = found["by_ward.intervals"]["ward"].tolist()
    assert ward == found["by_ward"]["ward"].tolist()
    age = found["mean_age.intervals"].loc[0]
    page = (folder / "out" / "report.html").read_text()
    assert f"{age['age_low']:.6g} to {age['age_high']:.6g}" in page


def test_the_report_says_what_was_released_and_what_is_left(done):
    folder, _ = done
    page = (folder / "out" / "report.html").read_text()
    release = json.loads((folder / "out" / "releases.json").read_text())["releases"][0]
    n = tables(folder / "out")["by_ward"]["n"].iloc[0]
    assert f">{n:,}<" in page
    assert f"±{release['columns'][1]['half_width_95']:.0f}" in page
    assert "none such" in page
    assert "epsilon 8 of 10 (hard cap of the scope)" in page


def test_no_row_and_nothing_exact_in_any_output(lake, visits, canaries, done):
    folder, ran = done
    assert len(file_leaks(lake, canaries)) == 3
    assert file_leaks(folder / "out", canaries) == {}
    assert leaks(ran.text, canaries) == 0
    raw = (folder / "ledger.db").read_bytes().decode("latin-1")
    assert leaks(raw, canaries) == 0
    # the number of all rows, of patients and of files' bytes is released nowhere
    exact = {ROWS, visits["patient"].nunique(), visits["patient"].nunique() + 1}
    for name in ("report.html", "releases.json", MANIFEST):
        text = (folder / "out" / name).read_text()
        assert not [n for n in exact if f"{n}" in text or f"{n:,}" in text], name
    assert not [n for n in exact if f"{n}" in ran.text or f"{n:,}" in ran.text]
    manifest = json.loads((folder / "out" / MANIFEST).read_text())
    assert not {"rows", "seconds", "started", "details"} & set(manifest)


def test_a_finished_run_changes_nothing(done):
    folder, _ = done
    before = state(folder / "out")
    again = cli("private-sql", folder / "private.yaml")
    assert (again.code, "already done" in again.out) == (0, True)
    assert state(folder / "out") == before


def test_a_nightly_run_into_an_empty_folder_gives_the_same_bytes_for_nothing(lake, done):
    folder, _ = done
    before, cost = written(folder / "out"), spent(folder)
    shutil.rmtree(folder / "out")
    ran = cli("private-sql", folder / "private.yaml")
    assert "0 charged now, 3 shown again from the ledger" in ran.out
    assert spent(folder) == cost
    assert written(folder / "out") == before


@pytest.mark.parametrize(
    ("changes", "new"),
    [
        ({"title": "Another page"}, 0),
        ({"visible_to": ["bob"]}, 0),
        ({"epsilon": 1.0}, 3),
        ({"analyst": "bob"}, 3),
        ({"queries": [QUERIES[1]], "epsilon": 0.4}, 0),
        ({"metadata": {"": {"clinic": {"visits": {**TABLE, "max_ids": 3}}}}}, 3),
        ({"snapshot": "another state"}, 3),
    ],
)
def test_what_is_another_release(lake, done, tmp_path, changes, new):
    folder, _ = done
    (tmp_path / "ledger.db").write_bytes((folder / "ledger.db").read_bytes())
    ran = cli("private-sql", config(lake, tmp_path, **changes))
    assert ran.code == 0, ran.text
    assert f" {new} charged now" in ran.out
    assert (spent(tmp_path) > spent(folder)) == bool(new)


def test_changed_data_are_another_release(visits, tmp_path):
    folder = tmp_path / "visits"
    folder.mkdir()
    new_ledger(tmp_path)
    visits.to_parquet(folder / "part-0.parquet")
    path = config(folder, tmp_path)
    assert "3 charged now" in cli("private-sql", path).out
    visits.head(100).to_parquet(folder / "part-1.parquet")
    assert "3 charged now" in cli("private-sql", path).out
    assert spent(tmp_path) > 3.9


@pytest.mark.parametrize("name", [full("dask"), *engine_params(["spark", "connect"])])
def test_every_engine_gives_the_same_tables(name, lake, tmp_path, monkeypatch, request):
    """With an epsilon at which the noise of counts is 0, they are equal; sums have a finer grid."""
    monkeypatch.setenv("BOUNDING_KEY", "one key for all engines")
    fewer = {"": {"clinic": {"visits": {**TABLE, "max_ids": 2}}}}
    for engine in ("local", name):
        folder = tmp_path / engine
        folder.mkdir()
        new_ledger(folder, 2 * NO_NOISE)
        changes = {"epsilon": NO_NOISE, "metadata": fewer, "hash_key": "env:BOUNDING_KEY"}
        path = config(lake, folder, **changes)
        run, options = cli, ["--engine", engine]
        if engine == "spark":
            request.getfixturevalue("spark_session")
        elif engine == "connect":
            session = request.getfixturevalue("connect_session")
            remote = f"spark_remote=sc://{session.client._builder.endpoint}"
            run, options = shell, ["--engine", "spark", "--set", remote]
        elif engine == "dask":
            run = shell
        ran = run("private-sql", path, *options)
        assert ran.code == 0, ran.text
        assert 0.99 * NO_NOISE < spent(folder) <= NO_NOISE
        if name != "connect":  # it is the same code as on classic Spark
            again = run("private-sql", path, *options, "--set", f"output={folder / 'two'}")
            assert "0 charged now" in again.out
    expected, found = tables(tmp_path / "local" / "out"), tables(tmp_path / name / "out")
    assert 3 <= len(expected["by_ward"]) <= 4
    assert expected["by_ward"]["n"].sum() < ROWS - 500  # many patients have more than two visits
    for key, table in expected.items():
        assert list(found[key].columns) == list(table.columns)
        for column in table:
            within = {"cost": 1.0, "age": 1e-3}.get(column.split("_")[0], 0)
            pd.testing.assert_series_equal(found[key][column], table[column], rtol=0, atol=within)
        if name != "connect":
            pd.testing.assert_frame_equal(tables(tmp_path / name / "two")[key], table)


def test_over_the_budget_before_data_are_read(lake, tmp_path):
    address = new_ledger(tmp_path, 1.7)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "kept.txt").write_text("of before")
    ran = cli("private-sql", config(lake, tmp_path))
    assert ran.code == 1, ran.text
    assert "query 'mean_age': over the budget of scope 'patients'" in ran.out
    assert "No data were read" in ran.out
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["kept.txt"]
    ledger = open_ledger(address, force_ephemeral=True)
    kinds = list(ledger.history("patients")["kind"])
    assert kinds.count("reading") == kinds.count("released") == kinds.count("reserved") == 2
    fewer = cli("private-sql", config(lake, tmp_path, queries=QUERIES[:2], epsilon=1.6))
    assert "0 charged now, 2 shown again" in fewer.out  # what was paid for is not lost


def test_a_dry_run_reads_and_charges_nothing(tmp_path):
    new_ledger(tmp_path, 3)
    path = config(tmp_path / "no such table", tmp_path)
    ran = cli("private-sql", path, "--dry-run")
    assert ran.code == 0, ran.text
    assert "groups are shown from a noisy count of" in ran.out
    assert "3 declared groups; at most 4 rows per person" in ran.out
    assert "epsilon, hard cap of the scope: 3 is left, this costs 2, 1 would remain." in ran.out
    assert spent(tmp_path) == 0
    assert not (tmp_path / "out").exists()
    over = cli("private-sql", path, "--dry-run", "--set", "private.epsilon=4")
    assert (over.code, "that does not fit" in over.out) == (1, True)
    open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}", force_ephemeral=True).grant(
        "patients", analyst="bob", epsilon=1
    )
    ran = cli("private-sql", path, "--dry-run")
    assert (ran.code, "ann has no grant on clinic.visits" in ran.out) == (1, True)


def test_advice_is_an_epsilon_that_keeps_its_word(tmp_path):
    new_ledger(tmp_path, 1e5)
    one = [QUERIES[1]]
    path = config(tmp_path / "visits", tmp_path, queries=one)
    ran = cli("private-sql", path, "--advise", "8")
    assert "for an expected error of units 8 it takes epsilon 0.5," in ran.out  # 4 persons' groups
    ran = cli("private-sql", path, "--dry-run", "--set", "private.epsilon=0.5")
    assert " 8 " in ran.out.splitlines()[5]
    ran = cli("private-sql", config(tmp_path / "visits", tmp_path), "--advise", "sum(cost)=1000")
    assert "for an expected error of sum(cost) 1000 it takes epsilon" in ran.out
    assert "does not match a column of this query" in ran.out
    assert cli("private-sql", path, "--advise", "-1").code == 3


def test_an_error_of_the_engine_is_one_message(visits, tmp_path, canaries):
    """Two files broken in different places say the same, and the run stays charged."""
    said = set()
    for part in (0.1, 0.4):
        folder = tmp_path / str(part) / "visits"
        folder.mkdir(parents=True)
        new_ledger(folder.parent)
        file = folder / "part-0.parquet"
        visits.to_parquet(file, compression=None, use_dictionary=False)
        raw = bytearray(file.read_bytes())
        at = int(len(raw) * part)
        raw[at : at + 40_000] = b"\xff" * 40_000
        file.write_bytes(raw)
        log = folder.parent / "restricted.log"
        ran = cli("private-sql", config(folder, folder.parent, restricted_log=str(log)))
        assert ran.code == 3, ran.text
        assert PrivateComputationError.__name__ in ran.err
        assert "Traceback" in log.read_text()
        assert log.stat().st_mode & 0o077 == 0
        assert leaks(ran.text, canaries) == 0
        assert spent(folder.parent) > 0
        assert not (folder.parent / "out").exists()
        said.add(ran.err)
    assert len(said) == 1


WRONG = {
    "a password written out": (
        {"ledger": "postgresql://ann:hunter2hunter2@host/db"},
        "must be a reference",
    ),
    "a key written out": ({"hash_key": "hunter2hunter2"}, "must be a reference"),
    "no such variable": ({"ledger": "env:NO_SUCH_LEDGER"}, "variable is not set"),
    "no ledger there": ({"ledger": "sqlite:////nowhere/l.db"}, "there is no ledger at /nowhere"),
    "a ledger that is lost": ({"force_ephemeral": False}, "is lost at the end of the job"),
    "no such scope": ({"scope": "patient"}, "Did you mean 'patients'?"),
    "no such table": ({"source": {"visitors": "visits"}}, "reads table 'clinic.visits'"),
    "an unknown key": ({"queriess": []}, "Did you mean 'queries'?"),
    "no epsilon": ({"epsilon": 0}, "greater than 0"),
    "two budgets": ({"rho": 1.0, "mechanism": "gaussian"}, "exactly one of epsilon and rho"),
    "no budget": ({"epsilon": None}, "exactly one of epsilon and rho"),
    "rho of Laplace noise": ({"epsilon": None, "rho": 1.0}, "set mechanism: gaussian"),
    "rho of a scope in epsilon": (
        {"epsilon": None, "rho": 1.0, "mechanism": "gaussian"},
        "accounting='zcdp'",
    ),
    "no delta": ({"delta": 0}, "query 'by_ward': "),
    "two queries of one name": ({"queries": [QUERIES[0], QUERIES[0]]}, "must differ"),
    "a path as a name": ({"queries": [{**QUERIES[0], "name": "../x"}]}, "it is the name of a file"),
    "a refused query": (
        {"queries": [{"name": "who", "query": "SELECT patient FROM clinic.visits"}]},
        "query 'who': ",
    ),
    "no metadata": ({"metadata": "none.yaml"}, "none.yaml does not exist."),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_run(lake, tmp_path, monkeypatch, case):
    monkeypatch.chdir(lake.parent)
    new_ledger(tmp_path)
    changes, said = WRONG[case]
    ran = cli("private-sql", config(lake, tmp_path, **changes))
    assert ran.code == 3, ran.text
    assert said in ran.text
    assert "hunter2" not in ran.text
    assert "Traceback" not in ran.text
    assert spent(tmp_path) == 0
    assert not (tmp_path / "out").exists()


def test_a_budget_in_rho(lake, tmp_path):
    book = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}", force_ephemeral=True)
    book.create_scope("patients", rho="3", delta="1e-5", accounting="zcdp")
    path = config(lake, tmp_path, epsilon=None, rho=2.0, mechanism="gaussian")
    planned = cli("private-sql", path, "--advise", "8")
    assert planned.code == 0, planned.text
    assert "by_ward: rho 1.2, delta 0.000001" in planned.out
    assert "declared: rho 0.4, delta 0\n" in planned.out  # delta is for naming groups
    assert "rho, hard cap of the scope: 3 is left, this costs 2, 1 would remain." in planned.out
    assert "delta, hard cap of the scope: 0.00001 is left, this costs 0.000001" in planned.out
    assert " it takes rho " in planned.out
    ran = cli("private-sql", path)
    assert ran.code == 0, ran.text
    left = book.remaining("patients")
    assert (str(left["rho"]), float(left["delta"])) == ("1", 9e-6)
    described = json.loads((tmp_path / "out" / "releases.json").read_text())["releases"]
    assert next((each["rho"], each["delta"]) for each in described) == ("1.2", "0.000001")
    manifest = json.loads((tmp_path / "out" / MANIFEST).read_text())
    assert manifest["rho"] == "2.0" and "epsilon" not in manifest
    page = (tmp_path / "out" / "report.html").read_text()
    assert "rho 2 and delta 1e-06" in page
    assert "0 charged now, 3 shown again" in cli("private-sql", path, "--set", "title=again").out


def test_without_a_ledger_it_says_so(lake, tmp_path):
    ran = cli("private-sql", config(lake, tmp_path, ledger="none"))
    assert ran.code == 0, ran.text
    assert "not charged to any budget" in ran.out
    assert "No ledger was used" in (tmp_path / "out" / "report.html").read_text()


def test_metadata_from_a_file_is_the_same_metadata(lake, done, tmp_path):
    folder, _ = done
    (tmp_path / "ledger.db").write_bytes((folder / "ledger.db").read_bytes())
    path = write_config(tmp_path / "metadata.yaml", {"": {"clinic": {"visits": TABLE}}})
    ran = cli("private-sql", config(lake, tmp_path, metadata=path))
    assert "0 charged now, 3 shown again" in ran.out, ran.text
