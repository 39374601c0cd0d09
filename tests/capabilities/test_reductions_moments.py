"""Moments over counts are Fairlearn's moments over rows."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pytest
from fairlearn.reductions import (
    AbsoluteLoss,
    BoundedGroupLoss,
    DemographicParity,
    EqualizedOdds,
    ErrorRate,
    ErrorRateParity,
    FalsePositiveRateParity,
    SquareLoss,
    TruePositiveRateParity,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from rai_scale.errors import ConfigError
from rai_scale.fairness.mitigation.cell_moments import counted

PARITIES = [
    DemographicParity,
    EqualizedOdds,
    ErrorRateParity,
    FalsePositiveRateParity,
    TruePositiveRateParity,
]
BOUNDS = [{}, {"difference_bound": 0.05}, {"ratio_bound": 0.8, "ratio_bound_slack": 0.02}]
CLOSE = {"rtol": 1e-12, "atol": 1e-12}


def people(seed: int, rows: int = 120) -> pd.DataFrame:
    """Random rows; the last group is small, so that some of its cells may be empty."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "sex": rng.choice(["f", "m", "x"], rows, p=[0.5, 0.46, 0.04]),
            "band": rng.choice([10, 20], rows),
            "site": rng.choice(["n", "s"], rows),
            "y": rng.integers(0, 2, rows),
            "said": rng.integers(0, 2, rows),
        }
    )
    table.loc[:1, "y"] = [0, 1]
    return table


def loaded(moment, table, sensitive, control=(), counts=None):
    extra = {"control_features": table[list(control)]} if control else {}
    extra |= {} if counts is None else {"counts": counts}
    moment.load_data(table[["said"]], table["y"], sensitive_features=table[sensitive], **extra)
    return moment


def assert_same(ours, theirs, ours_of_rows, predictor, seed) -> None:
    """Compare all that the algorithms read; ``ours_of_rows`` gives our weight of each row."""
    pd.testing.assert_index_equal(ours.index, theirs.index)
    pd.testing.assert_series_equal(ours.bound(), theirs.bound())
    pd.testing.assert_frame_equal(ours.pos_basis, theirs.pos_basis)
    pd.testing.assert_frame_equal(ours.neg_basis, theirs.neg_basis)
    assert ours.neg_basis_present.tolist() == theirs.neg_basis_present.tolist()
    assert ours.total_samples == theirs.total_samples
    lam = pd.Series(np.random.default_rng(seed).uniform(0, 2, len(theirs.index)), theirs.index)
    np.testing.assert_allclose(ours_of_rows(lam), theirs.signed_weights(lam), **CLOSE)
    np.testing.assert_allclose(ours.project_lambda(lam), theirs.project_lambda(lam), **CLOSE)
    np.testing.assert_allclose(ours.gamma(predictor), theirs.gamma(predictor), **CLOSE)


def said(X):
    return X["said"].to_numpy()


@pytest.mark.parametrize("bound", BOUNDS, ids=["plain", "difference", "ratio"])
@pytest.mark.parametrize("parity", PARITIES)
@pytest.mark.parametrize(
    ("sensitive", "control"), [(["sex"], []), (["sex", "band"], []), (["sex"], ["site"])]
)
def test_parity_on_rows_and_on_cells(parity, bound, sensitive, control):
    table = people(3)
    theirs = loaded(parity(**bound), table, sensitive, control)
    ours = loaded(counted(parity(**bound)), table, sensitive, control)
    assert_same(ours, theirs, ours.signed_weights, said, 1)

    cells = table.groupby(list(table.columns), sort=False).size().rename("n").reset_index()
    few = loaded(counted(parity(**bound)), cells, sensitive, control, cells["n"].to_numpy())
    place = table.merge(cells.reset_index(), how="left")["index"].to_numpy()

    def of_rows(lam):
        return (few.signed_weights(lam) / cells["n"])[place]

    assert_same(few, theirs, of_rows, said, 1)
    assert len(few.cells.U) < len(table)
    error = theirs.default_objective()
    error.load_data(table[["said"]], table["y"], sensitive_features=table[sensitive])
    mine = few.default_objective()
    mine.load_data(cells[["said"]], cells["y"], counts=cells["n"].to_numpy())
    np.testing.assert_allclose(mine.gamma(said), error.gamma(said), **CLOSE)
    np.testing.assert_array_equal(
        (mine.signed_weights() / cells["n"])[place], error.signed_weights()
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(PARITIES), st.integers(8, 60))
def test_any_rows_give_fairlearns_moment(seed, parity, rows):
    table = people(seed, rows)
    theirs, ours = loaded(parity(), table, ["sex"]), loaded(counted(parity()), table, ["sex"])
    assert_same(ours, theirs, ours.signed_weights, said, seed)


def test_shares_that_a_count_gives_are_bit_equal():
    table = people(5, 997)
    theirs = loaded(EqualizedOdds(), table, ["sex"])
    ours = loaded(counted(EqualizedOdds()), table, ["sex"])
    pd.testing.assert_series_equal(ours.cells.prob_event, theirs.prob_event, check_exact=True)
    pd.testing.assert_series_equal(
        ours.cells.prob_group_event, theirs.prob_group_event, check_exact=True
    )
    rows = ours.cells.U.iloc[ours.rows.codes].reset_index(drop=True)
    pd.testing.assert_frame_equal(rows, theirs.U, check_exact=True, check_dtype=False)


@pytest.mark.parametrize("loss", [SquareLoss(-1, 2), AbsoluteLoss(-1, 2)])
def test_bounded_group_loss_with_its_objective(loss):
    rng = np.random.default_rng(2)
    table = people(2).assign(y=rng.normal(size=120).round(1))
    double = pd.concat([table, table], ignore_index=True)
    theirs = loaded(BoundedGroupLoss(loss, upper_bound=0.1), double, ["sex", "band"])
    twice = np.full(len(table), 2)
    ours = loaded(
        counted(BoundedGroupLoss(loss, upper_bound=0.1)), table, ["sex", "band"], (), twice
    )

    def of_rows(lam):
        return pd.concat([ours.signed_weights(lam)] * 2) / 2

    assert_same(ours, theirs, of_rows, said, 4)
    pd.testing.assert_series_equal(
        ours.default_objective_lambda_vec, theirs.default_objective_lambda_vec
    )
    mean, theirs_mean = ours.default_objective(), theirs.default_objective()
    mean = loaded(mean, table, ["sex"], (), twice)
    theirs_mean = loaded(theirs_mean, double, ["sex"])
    np.testing.assert_allclose(mean.gamma(said), theirs_mean.gamma(said), **CLOSE)
    assert mean.gamma(said).index.tolist() == theirs_mean.gamma(said).index.tolist()


def test_error_rate_keeps_its_costs():
    table = people(8)
    costs = {"fp": 0.3, "fn": 2.0}
    theirs, ours = ErrorRate(costs=costs), counted(ErrorRate(costs=costs))
    theirs.load_data(table[["said"]], table["y"], sensitive_features=table["sex"])
    ours.load_data(table[["said"]], table["y"])
    for guess in (said, lambda X: X["said"].to_numpy() * 0.25 + 0.5):
        np.testing.assert_allclose(ours.gamma(guess), theirs.gamma(guess), **CLOSE)
    np.testing.assert_array_equal(ours.signed_weights(), theirs.signed_weights())


def test_what_cannot_be_counted_is_refused():
    used = loaded(EqualizedOdds(), people(1), ["sex"])
    with pytest.raises(ConfigError, match="already have data"):
        counted(used)
    with pytest.raises(ConfigError, match="no counted form of object"):
        counted(object())
    ours = loaded(counted(EqualizedOdds()), people(1), ["sex"])
    with pytest.raises(ConfigError, match="only once"):
        loaded(ours, people(1), ["sex"])
    loss = counted(BoundedGroupLoss(SquareLoss(0, 1)))
    with pytest.raises(ConfigError, match="control features"):
        loaded(copy.deepcopy(loss), people(1), ["sex"], ["site"])
