"""The private EBM: what it is charged, what it may hold, and what it refuses."""

from __future__ import annotations

import json
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from interpret.utils._privacy import calc_gdp_noise_multi
from sklearn.metrics import roc_auc_score

from rai_scale.errors import BudgetExceededError, ConfigError, MissingColumnError
from rai_scale.glassbox import score_ebm, train_private_ebm
from rai_scale.glassbox.private_fit import half_epsilon, one_row_each
from rai_scale.privacy import PrivacyWarning, open_ledger
from tests.capabilities.private_cases import with_privacy

PEOPLE = 3000
BOUNDS = {"age": (18, 90), "kind": ["x", "y", "z"]}


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"person": np.arange(PEOPLE), "age": rng.uniform(15, 95, PEOPLE)})
    frame["kind"] = rng.choice(["x", "y", "secret"], PEOPLE)
    chance = 1 / (1 + np.exp(-(frame.age - 50) / 8 - 1.5 * (frame.kind == "x")))
    frame["y"] = np.where(rng.random(PEOPLE) < chance, "yes", "no")
    twice = frame.sample(500, random_state=0)
    twice["age"] += 1
    return pd.concat([frame, twice], ignore_index=True)


@pytest.fixture
def ledger(tmp_path):
    book = open_ledger(f"sqlite:///{tmp_path}/ledger.db", force_ephemeral=True)
    book.create_scope("people", epsilon=6, delta="1e-4", neighbours="replace")
    book.grant("people", analyst="ann", dataset="d", epsilon=6, delta="1e-4")
    return book


def charges(ledger) -> int:
    return int((ledger.history("people")["kind"] == "reserved").sum())


def train(frame, ledger, **changed):
    options = {
        "features": ["age", "kind"], "y_true": "y", "classes": ("no", "yes"),
        "privacy_unit": "person", "privacy_bounds": BOUNDS, "epsilon": 4.0, "delta": 1e-5,
        "scope": "people", "analyst": "ann", "dataset": "d", "max_rounds": 30, **changed,
    }  # fmt: skip
    return train_private_ebm(frame, **with_privacy(ledger=ledger, **options))


@pytest.mark.parametrize("named", [{"idempotency_key": "k"}, {"snapshot": "1"}])
def test_a_private_model_is_charged_once_and_scores(rows, ledger, named):
    found = train(rows, ledger, **named)
    again = train(rows, ledger, **named)
    assert again.release.arrow == found.release.arrow
    assert charges(ledger) == 1
    with pytest.raises(BudgetExceededError):
        train(rows, ledger)
    scored = score_ebm(rows, found.model)
    assert roc_auc_score(rows.y == "yes", scored["prediction"]) > 0.75
    terms = found.model.eval_terms(rows[["age", "kind"]])
    np.testing.assert_array_equal(scored[["ebm_age", "ebm_kind"]], terms)
    assert found.model.explain_global().data() is not None


def test_the_release_holds_no_category_and_no_count_of_the_data(rows, ledger):
    found = train(rows, ledger)
    state = json.loads(found.release.table()["state"][0].as_py())
    assert set(state) == {
        *("cuts", "weights", "scores", "intercept"),
        *("noise_scale_binning", "noise_scale_boosting"),
    }
    assert "secret" not in json.dumps(state)
    assert set(found.model.bins_[1][0]) == {"x", "y", "z"}
    assert found.model.bag_weights_[0] != PEOPLE
    cuts = np.array(state["cuts"][0])
    assert ((cuts > 18) & (cuts < 90)).all()


def test_noise_is_twice_what_interpret_adds_at_that_epsilon(rows, ledger):
    found = train(rows, ledger)
    state = json.loads(found.release.table()["state"][0].as_py())
    binning = 2 * calc_gdp_noise_multi(2, 4.0 * 0.1, 1e-5 / 2)
    boosting = 2 * 0.01 * calc_gdp_noise_multi(2 * 30, 4.0 * 0.9, 1e-5 / 2)
    assert state["noise_scale_binning"] == pytest.approx(binning, rel=1e-4)
    assert state["noise_scale_boosting"] == pytest.approx(boosting, rel=1e-4)
    for epsilon in (0.05, 1.0, 8.0):
        half = half_epsilon(epsilon, 1e-6)
        ratio = calc_gdp_noise_multi(1, half, 1e-6) / calc_gdp_noise_multi(1, epsilon, 1e-6)
        assert 2 <= ratio < 2.001


def test_one_row_per_person_by_that_persons_rows_alone(rows):
    table = pa.Table.from_pandas(rows, preserve_index=False)
    kept = one_row_each(table, "person")
    assert kept.num_rows == PEOPLE
    shuffled = one_row_each(table.take(np.random.default_rng(0).permutation(len(rows))), "person")
    assert kept.equals(shuffled)
    others = one_row_each(
        pa.Table.from_pandas(rows[rows.person != 7], preserve_index=False), "person"
    )
    rest = kept.filter(pa.array(kept["person"].to_numpy() != 7)).to_pylist()
    assert sorted(r["age"] for r in rest) == sorted(others["age"].to_pylist())
    assert one_row_each(table.set_column(0, "person", pa.nulls(len(rows))), "person").num_rows == 0


@pytest.mark.parametrize("held", ["nobody", "all", "missing", "one row", "no row", "no person"])
def test_a_model_comes_out_whatever_the_rows_hold(rows, ledger, held):
    """A failure would tell for certain what the rows hold: neighbours both get a model."""
    frame = rows.head(60).copy()
    frame["y"] = {"nobody": "no", "all": "yes"}.get(held, frame["y"])
    if held == "missing":
        frame["y"], frame["age"], frame["kind"] = pd.array([None] * 60, "string"), np.inf, "other"
    if held == "no person":
        frame["person"] = np.nan
    frame = frame.head({"one row": 1, "no row": 0}.get(held, 60))
    found = train(frame, ledger, epsilon=0.5, max_rounds=2)
    scored = score_ebm(rows.head(50), found.model)
    assert np.isfinite(scored["prediction"]).all()
    assert charges(ledger) == 1


@pytest.mark.parametrize("odd", [b"x", {"a": 1}, "eighty", Decimal("1.5"), 7, True])
@pytest.mark.parametrize("name", ["person", "age", "kind", "y"])
def test_no_value_in_objects_decides_whether_a_model_comes_out(rows, name, odd):
    frame = rows.head(40).astype(object)
    frame.loc[3, name] = [odd]
    with pytest.warns(PrivacyWarning):
        train(frame, "none", epsilon=0.5, max_rounds=2)


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"privacy_bounds": {**BOUNDS, "age": (18, float("inf"))}}, ConfigError, "finite"),
        ({"y_true": "age", "features": ["kind"]}, ConfigError, "Nothing was charged"),
        ({"max_bins": 2}, ConfigError, "Nothing was charged"),
        ({"learning_rate": -1.0}, ConfigError, "Nothing was charged"),
        ({"epsilon": 1e-9}, ConfigError, "Nothing was charged"),
        ({"privacy_bounds": {"kind": ["x"]}}, ConfigError, "lacks 'age'"),
        ({"privacy_bounds": {**BOUNDS, "age": (3, 2)}}, ConfigError, "low, high"),
        ({"epsilon": None, "rho": 0.5}, ConfigError, "takes epsilon and delta"),
        ({"classes": (1,)}, ConfigError, "two public values"),
        ({"privacy_unit": "age"}, ConfigError, "privacy unit"),
        ({"privacy_unit": "persn"}, MissingColumnError, "Did you mean 'person'"),
        ({"delta": 0}, ConfigError, "delta"),
    ],
)
def test_refused_before_any_charge(rows, ledger, changed, error, words):
    with pytest.raises(error, match=words):
        train(rows, ledger, **changed)
    assert charges(ledger) == 0
