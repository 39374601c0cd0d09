"""A domain that is paid for: which values are named, where edges are, and what is charged."""

from __future__ import annotations

import datetime
import warnings
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest

from rai_scale.engines import engine_named
from rai_scale.errors import ConfigError
from rai_scale.privacy import Privacy, PrivacyWarning, open_ledger
from rai_scale.synthetic import Bins, Synthesizer, Values, synthesize
from rai_scale.synthetic.counting import check_frame
from rai_scale.synthetic.domain import declare
from rai_scale.synthetic.private_domain import _counts, _named
from rai_scale.synthetic.public_grids import grid_of

LOCAL = engine_named("local")
ROWS = 20_000


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrivacyWarning)
        yield


def table(rows: int = ROWS) -> pa.Table:
    rng = np.random.default_rng(0)
    job = rng.choice(["nurse", "clerk", "pilot"], rows).astype(object)
    job[0] = "queen"
    days = datetime.date(2019, 1, 1) + np.array(
        [datetime.timedelta(int(d)) for d in rng.integers(0, 1500, rows)]
    )
    return pa.table(
        {
            "who": range(rows),
            "job": pa.array(job, pa.string()),
            "level": pa.array(rng.integers(1, 5, rows)),
            "pay": pa.array(rng.lognormal(8, 1, rows), mask=rng.random(rows) < 0.3),
            "debt": pa.array(np.where(rng.random(rows) < 0.5, 0.0, -rng.uniform(100, 900, rows))),
            "age": pa.array(rng.integers(18, 90, rows), pa.int32()),
            "since": pa.array(days, pa.date32()),
            "open": pa.array(rng.random(rows) < 0.5),
        }
    )


NAMES = [name for name in table(1).column_names if name != "who"]


def test_common_values_and_edges_at_quantiles_are_found():
    made = synthesize(
        table(),
        columns=NAMES,
        domain="private",
        privacy=Privacy("who", epsilon=20, delta=1e-6, ledger="none"),
        method="fixed",
        workload=1,
        domain_share=0.5,
    )
    found = dict(made.domain.columns)
    assert found["job"] == Values(("clerk", "nurse", "pilot"), "other", nullable=False)
    assert found["level"] == Values((1, 2, 3, 4), nullable=False)
    assert found["open"] == Values((False, True))
    assert found["pay"].nullable
    data = table().to_pandas()
    shares = np.histogram(data["pay"].dropna(), found["pay"].edges)[0] / data["pay"].count()
    assert len(found["pay"].edges) == 11
    assert np.abs(shares - 0.1).max() < 0.05
    assert found["debt"].edges[-2:] == (0.0, 1e-6)  # the bin of 0 contains nothing else
    assert 18 <= found["age"].edges[0] < found["age"].edges[-1] <= 96
    assert found["since"].edges[0].year == 2019
    assert all(isinstance(edge, datetime.date) for edge in found["since"].edges)
    assert made.facts["private"] == NAMES
    assert any("50%" in note for note in made.remarks)
    sample = made.sample(500)
    assert set(sample["job"]) <= {"clerk", "nurse", "pilot", "other"}
    assert sample["pay"].isna().mean() == pytest.approx(0.3, abs=0.1)


def test_keys_are_counted_per_unit_and_cells_per_row(engine_case):
    rng = np.random.default_rng(1)
    data = pa.table(
        {
            "who": rng.integers(0, 60, 300),
            "job": pa.array(rng.choice(["a", "b:c", "d"], 300), mask=rng.random(300) < 0.2),
            "pay": rng.integers(0, 40, 300),
        }
    )
    domain = declare(["job", "pay"], "private")
    frame = check_frame(engine_case.engine, engine_case.make(data, 3), domain, "who")
    grids = {"job": None, "pay": grid_of(pa.int64())}
    options = {"unit": "who", "max_rows": 10**6, "least": 20}
    found = _counts(engine_case.engine, frame, grids, **options)
    rows = data.to_pandas()
    units = rows.groupby("job")["who"].nunique()
    assert {k: n for k, n in found[0].items() if k is not None and n >= 20} == units[
        units >= 20
    ].to_dict()
    lower = grids["pay"].lower
    cells = {int(lower[int(cell)]): n for cell, n in found[1].items()}
    small = {k: n for k, n in cells.items() if k < 32}
    assert small == rows["pay"][rows["pay"] < 32].value_counts().to_dict()
    bounded = _counts(engine_case.engine, frame, grids, **{**options, "max_rows": 1})
    assert sum(bounded[1].values()) == rows["who"].nunique()


def test_a_rare_value_is_never_named():
    counts = {"common": 10_000, "rare": 19, None: 3}
    options = (1, Fraction(1, 10**4), Fraction(1, 10**7))
    least = 71  # sigma of this rho
    for _ in range(50):
        assert _named({**counts, "near": 150}, *options, least).values == ("common",)
    assert _named({"rare": 1}, *options, least).labels == ("other",)


def test_cells_hold_their_values_and_integers_near_zero_are_alone():
    for kind in (pa.int64(), pa.float64()):
        grid = grid_of(kind)
        values = [-(2.0**60), -70.0, -5.0, 0.0, 1.0, 31.0, 70.0, 2.0**60]
        cells = grid.cells(pa.chunked_array([pa.array(values, pa.float64()).cast(kind)]))
        assert (np.diff(cells) > 0).all()
        assert (grid.lower[cells[1:]] <= values[1:]).all()
        assert (np.diff(grid.wide) >= 0).all()
        assert len(grid.wide) == len(grid.lower)
    whole = grid_of(pa.int64()).lower
    assert np.isin(np.arange(-32, 33), whole).all()


def test_the_domain_is_in_the_single_charge_and_in_the_release(tmp_path):
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}", force_ephemeral=True)
    ledger.create_scope("people", epsilon=2, delta=1e-5)
    asked = {"ledger": ledger, "scope": "people", "epsilon": 1, "delta": 1e-6}
    privacy = Privacy("who", **asked, dataset="staff", snapshot="1")
    options = {"columns": ["job", "since"], "domain": {"job": "private", "since": "private"}}
    plan = synthesize(table(), **options, privacy=privacy, plan_only=True)
    assert plan.totals()["domain_share"] == pytest.approx(0.1)
    assert "find values and edges of job, since" in plan.summary()
    first = synthesize(table(), **options, privacy=privacy, method="fixed", workload=1)
    again = synthesize(table(), **options, privacy=privacy, method="fixed", workload=1)
    assert first.domain == again.domain
    assert isinstance(first.domain.columns[1][1], Bins)
    left = ledger.budget("people").set_index("measure")["remaining"]
    assert (left["epsilon"], left["delta"]) == (pytest.approx(1), pytest.approx(9e-6))
    path = str(tmp_path / "model.json")
    first.save(path)
    assert Synthesizer.load(path).domain == first.domain


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": None}, "needs columns"),
        ({"domain_share": 1.5}, "domain_share"),
        ({"privacy": Privacy("who", rho=0.1, ledger="none")}, "delta above 0"),
        ({"domain": "privat"}, "a mapping or 'private'"),
        ({"constraints": [{"columns": ["job"], "invalid": [["a"]]}]}, "private domain"),
    ],
)
def test_a_private_domain_that_cannot_be_is_refused_before_the_charge(options, message):
    privacy = Privacy("who", epsilon=1, delta=1e-6, ledger="none")
    asked = {"columns": ["job", "pay"], "domain": "private", "privacy": privacy, **options}
    with pytest.raises(ConfigError, match=message):
        synthesize(table(10), **asked)


def test_several_linked_tables_are_refused():
    privacy = Privacy("who", epsilon=1, delta=1e-6, ledger="none")
    with pytest.raises(ConfigError, match="linked tables are not supported"):
        synthesize({"a": table(5), "b": table(5)}, domain={"job": ["a"]}, privacy=privacy)


def test_a_column_that_cannot_be_counted_is_refused():
    data = table(10).append_column("lists", pa.array([[1]] * 10))
    privacy = Privacy("who", epsilon=1, delta=1e-6, ledger="none")
    with pytest.raises(ConfigError, match="cannot have a private domain"):
        synthesize(data, columns=["lists"], domain="private", privacy=privacy)
