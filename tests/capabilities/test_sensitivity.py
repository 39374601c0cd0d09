"""Morris and Sobol: SALib's and interpret's own numbers for the same design."""

from __future__ import annotations

import json
from itertools import product

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from interpret.blackbox import MorrisSensitivity
from interpret.blackbox._sensitivity import MorrisSampler
from SALib.analyze import morris as analyze_morris
from SALib.analyze import sobol as analyze_sobol
from SALib.sample import morris as sample_morris
from SALib.sample import sobol as sample_sobol
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression

from rai_scale.errors import ConfigError
from rai_scale.explanations import morris, sobol
from tests.conftest import make_case

FEATURES = ["a", "b", "c"]
RNG = np.random.default_rng(9)
ROWS = pd.DataFrame(RNG.normal(size=(120, 3)) * [1, 5, 0.01], columns=FEATURES)
SCORE = ROWS["a"] + 0.2 * ROWS["a"] * ROWS["b"]
MODEL = RandomForestClassifier(6, max_depth=4, random_state=0).fit(
    ROWS, np.digitize(SCORE, [-0.3, 0.5])
)
BINARY = RandomForestClassifier(6, max_depth=4, random_state=0).fit(ROWS, SCORE > 0)
PROBLEM = {
    "num_vars": 3,
    "names": FEATURES,
    "bounds": [
        [ROWS["a"].min(), ROWS["a"].max()],
        [ROWS["b"].min(), ROWS["b"].max()],
        [ROWS["c"].min(), ROWS["c"].max() + 1],  # interpret widens a range below 1
    ],
}
NAMES = ("mu", "mu_star", "sigma", "mu_star_conf")


def cut(parts: int = 3):
    from rai_scale.engines import engine_named

    return engine_named("local").from_arrow(pa.Table.from_pandas(ROWS), parts)


def test_morris_is_that_of_interpret():
    theirs = MorrisSensitivity(BINARY, ROWS, sampler=MorrisSampler(N=40, seed=5), seed=5)
    found = morris(cut(), BINARY, features=FEATURES, trajectories=40, random_state=5)
    for name in NAMES:
        assert np.abs(found.table()[name] - getattr(theirs, f"{name}_")).max() < 1e-9
    ours, given = found.to_interpret(), theirs.explain_global()
    assert ours.data()["convergence_index"] == pytest.approx(given.data()["convergence_index"])
    assert [ours.data(1)[name] for name in NAMES] == pytest.approx(
        [given.data(1)[name] for name in NAMES], rel=1e-9
    )
    assert found.evaluations == 40 * 4


def test_morris_of_each_class_and_other_levels_is_that_of_salib():
    found = morris(cut(), MODEL, features=FEATURES, trajectories=20, levels=6, random_state=1)
    design = sample_morris.sample(dict(PROBLEM), 20, num_levels=6, seed=1)
    outputs = MODEL.predict_proba(pd.DataFrame(design, columns=FEATURES))
    for number, label in enumerate(found.labels):
        expected = analyze_morris.analyze(
            dict(PROBLEM), design, outputs[:, number], num_levels=6, seed=1
        )
        for name in NAMES:
            assert np.abs(found.table(label)[name] - np.asarray(expected[name])).max() < 1e-9
    json.dumps(found.to_dict(), allow_nan=False)
    assert len(found.to_pandas()) == 9


@pytest.mark.parametrize("second", [True, False])
def test_sobol_is_that_of_salib(second):
    found = sobol(
        cut(), MODEL, features=FEATURES, base_samples=64, second_order=second, random_state=3
    )
    design = sample_sobol.sample(dict(PROBLEM), 64, calc_second_order=second, seed=3)
    outputs = MODEL.predict_proba(pd.DataFrame(design, columns=FEATURES))
    for number, label in enumerate(found.labels):
        expected = analyze_sobol.analyze(
            dict(PROBLEM), outputs[:, number], calc_second_order=second, seed=3
        )
        for name, values in expected.items():
            assert np.allclose(found.table(label)[name], values, rtol=0, atol=1e-9, equal_nan=True)
    assert len(found.pairs("1")) == (3 if second else 0)
    if second:
        assert found.pairs("1")["S2"][1] == found.table("1")["S2"][0, 2]
    assert found.to_interpret("1").data()["scores"] is found.table("1")["ST"]


def test_the_seed_0_repeats_and_a_constant_output_has_no_index():
    flat = LinearRegression().fit(ROWS, np.ones(len(ROWS)))
    flat.coef_ = np.zeros(3)
    found = sobol(ROWS, flat, features=FEATURES, base_samples=8)
    assert np.isnan(found.table()["ST"]).all()
    assert found.to_dict()["outputs"][0]["S2"][0] == [None] * 3
    first, again = (sobol(ROWS, BINARY, features=FEATURES, base_samples=16) for _ in range(2))
    assert np.array_equal(first.table()["S1_conf"], again.table()["S1_conf"])


def test_tasks_give_the_same_on_each_engine(cluster_case, monkeypatch):
    monkeypatch.setattr("rai_scale.explanations.overall.sensitivity.TASK_ROWS", 32)
    whole = morris(ROWS, MODEL, features=FEATURES, trajectories=20)
    frame = cluster_case.make(pa.Table.from_pandas(ROWS), 3)
    found = morris(frame, MODEL, features=FEATURES, trajectories=20)
    assert found.bounds == whole.bounds
    for ours, theirs in zip(found.tables, whole.tables, strict=True):
        assert all(np.array_equal(ours[name], theirs[name]) for name in NAMES)


@pytest.mark.parametrize(
    ("name", "parts"),
    [*product(["local", "dask"], [1, 3, 7]), pytest.param("spark", 3, marks=pytest.mark.spark)],
)
def test_sobol_is_the_same_on_engines_and_partitions(name, parts, request, monkeypatch):
    monkeypatch.setattr("rai_scale.explanations.overall.sensitivity.TASK_ROWS", 64)
    case, asked = make_case(name, request), {"features": FEATURES, "base_samples": 16}
    whole = sobol(ROWS, MODEL, **asked)
    shuffled = ROWS.sample(frac=1, random_state=parts)
    found = sobol(case.make(pa.Table.from_pandas(shuffled), parts), MODEL, **asked)
    pd.testing.assert_frame_equal(found.to_pandas(), whole.to_pandas(), check_exact=True)


@pytest.mark.parametrize(
    ("run", "options", "message"),
    [
        (morris, {"levels": 3}, "even number"),
        (sobol, {"base_samples": 100}, "power of two"),
        (morris, {"features": ["a", "a"]}, "different columns"),
    ],
)
def test_what_makes_no_design_is_refused(run, options, message):
    with pytest.raises(ConfigError, match=message):
        run(ROWS, BINARY, **{"features": FEATURES, **options})


def test_text_has_no_range():
    rows = ROWS.assign(c="x")
    with pytest.raises(ConfigError, match="'c' are not numeric"):
        morris(rows, lambda frame: np.zeros(len(frame)), features=FEATURES)
