"""The tighter figure is dp-accounting's own, and never above the sum."""

from __future__ import annotations

import math

import pytest
from dp_accounting import dp_event
from dp_accounting.pld.pld_privacy_accountant import PLDAccountant
from hypothesis import given, settings
from hypothesis import strategies as st

from rai_scale.errors import ConfigError
from rai_scale.privacy.costs import Cost, Mechanism
from rai_scale.privacy.ledger.accounting import pld_epsilon
from rai_scale.privacy.ledger.amounts import Amount

DELTA = 1e-6


def laplace(epsilon: float, count: int = 1, kind: str = "laplace") -> Cost:
    mechanism = Mechanism(kind, scale=count / epsilon, sensitivity=1, count=count)
    return Cost("n", epsilon=epsilon, mechanism=mechanism)


def test_many_laplace_releases_are_those_of_the_accountant():
    costs = [laplace(0.1)] * 100
    reference = PLDAccountant().compose(dp_event.LaplaceDpEvent(10), 100).get_epsilon(DELTA)
    assert pld_epsilon(costs, DELTA) == pytest.approx(reference, rel=1e-6)
    assert pld_epsilon(costs, DELTA) < 5


def test_gaussian_releases_are_those_of_the_accountant():
    costs = [Cost("n", rho=1 / 200, mechanism=Mechanism("gaussian", 10, 1))] * 20
    reference = PLDAccountant().compose(dp_event.GaussianDpEvent(10), 20).get_epsilon(DELTA)
    assert pld_epsilon(costs, DELTA) == pytest.approx(reference, rel=1e-6)


@pytest.mark.parametrize(("kind", "scale"), [("laplace", 40), ("gaussian", 50)])
def test_discrete_noise_is_nearly_the_continuous_kind(kind, scale):
    def of(name: str) -> float:
        return pld_epsilon([Cost("n", rho=1, mechanism=Mechanism(name, scale, 4))] * 9, DELTA)

    assert of(f"discrete_{kind}") == pytest.approx(of(kind), rel=0.02)


def test_a_unit_in_several_groups_counts_as_often():
    once = laplace(0.5, count=5, kind="discrete_laplace")
    five = [Cost("n", epsilon=0.1, mechanism=Mechanism("discrete_laplace", 10, 1))] * 5
    assert pld_epsilon([once], DELTA) == pytest.approx(pld_epsilon(five, DELTA), abs=2e-3)


def test_scales_too_large_to_list_are_bounded_all_the_same():
    wide = Mechanism("discrete_gaussian", 4e9, 1e8)
    narrow = Mechanism("discrete_gaussian", 4e2, 10)
    costs = [Cost("n", rho=1 / 3200, mechanism=mechanism) for mechanism in (wide, narrow)]
    assert pld_epsilon(costs[1:], DELTA) <= pld_epsilon(costs[:1], DELTA) < 0.2
    both = pld_epsilon([*costs, laplace(0.1)], DELTA)
    assert pld_epsilon(costs, DELTA) < both < 0.5
    laplaces = [Cost("n", epsilon=0.1, mechanism=Mechanism("discrete_laplace", 1e9, 1e8))] * 100
    assert pld_epsilon([laplace(0.1)] * 100, DELTA) <= pld_epsilon(laplaces, DELTA) < 10


def test_thresholds_are_taken_off_the_target():
    costs = [laplace(0.1)] * 100
    threshold = Cost("keys", delta=DELTA / 2)
    assert pld_epsilon([*costs, threshold], DELTA) == pytest.approx(pld_epsilon(costs, DELTA / 2))
    assert pld_epsilon([*costs, Cost("keys", delta=DELTA * 2)], DELTA) == math.inf


def test_nothing_costs_nothing_and_a_target_is_a_probability():
    assert pld_epsilon([], DELTA) == 0
    with pytest.raises(ConfigError, match="between 0 and 1"):
        pld_epsilon([], 1)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from([0.05, 0.3, 1.0, 60.0]), min_size=1, max_size=6), st.booleans())
def test_the_tighter_figure_is_never_above_the_sum(epsilons, known):
    costs = [laplace(e) if known else Cost("n", epsilon=e) for e in epsilons]
    for delta in (0.0, DELTA):
        assert pld_epsilon(costs, delta) <= sum(epsilons) * (1 + 1e-12)


def test_deltas_that_only_restate_gaussian_noise_are_not_taken_off_the_target():
    """20 releases at delta 5e-8 use up a cap of 1e-6; their noise is that of 20 Gaussians."""
    noise = Mechanism("discrete_gaussian", 30, 1)
    each = {"epsilon": 0.2, "delta": DELTA / 20}
    reference = PLDAccountant().compose(dp_event.GaussianDpEvent(30), 20).get_epsilon(DELTA)
    for rho in (1 / 1800, None):
        costs = [Cost("n", **each, rho=rho, mechanism=noise)] * 20
        assert pld_epsilon(costs, DELTA) == pytest.approx(reference, rel=0.02)
        assert pld_epsilon(costs, DELTA) < 1
    known_by_rho = [Cost("n", **each, rho=1 / 1800)] * 20
    assert reference < pld_epsilon(known_by_rho, DELTA) < 1.5 * reference
    threshold = Cost("keys", delta=DELTA / 2)
    halved = PLDAccountant().compose(dp_event.GaussianDpEvent(30), 20).get_epsilon(DELTA / 2)
    found = pld_epsilon([*costs, threshold], DELTA)
    assert found == pytest.approx(halved, rel=0.02)
    on_top = [Cost("n", rho=1 / 1800, delta=DELTA / 20, mechanism=noise)] * 20
    assert pld_epsilon(on_top, DELTA) == math.inf  # nothing of the target is left for the noise


@pytest.mark.parametrize(
    ("cost", "charged"),
    [
        (Cost("n", epsilon=1, delta=1e-6, rho=0.02), Amount(0, 0, 2 * 10**10)),
        (Cost("n", delta=1e-6, rho=0.02), Amount(0, 10**12, 2 * 10**10)),
        (Cost("n", epsilon=1, delta=1e-6), Amount(0, 10**12, 5 * 10**11)),
        (Cost("n", delta=1e-6), Amount(0, 10**12, 0)),
    ],
)
def test_what_a_scope_of_zcdp_is_charged(cost, charged):
    assert cost.charge("zcdp") == charged
