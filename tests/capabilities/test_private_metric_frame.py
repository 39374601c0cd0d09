"""A private metric_frame: bounded, noised once, charged, and honest about its error."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rai_scale.engines import engine_named
from rai_scale.errors import BudgetExceededError, ConfigError
from rai_scale.fairness import Bootstrap, Declared, private_metric_frame
from rai_scale.privacy import Privacy, PrivacyWarning, PrivateComputationError, open_ledger
from rai_scale.privacy.declared_cells import declare, exact_counts, noise_for, project
from tests.capabilities.private_cases import with_privacy
from tests.conftest import examples

LABELS = [0, 1]
GROUPS = {"sex": ["f", "m", "x"]}
KEYS = ["sex", "y", "p"]
DECLARED = declare(KEYS, {**GROUPS, "y": LABELS, "p": LABELS})
LOCAL = engine_named("local")


def people(rows: int = 600, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "who": rng.integers(0, rows // 3, rows),
            "sex": rng.choice(["f", "m", "x", "undeclared"], rows, p=[0.5, 0.3, 0.1, 0.1]),
            "y": rng.integers(0, 2, rows),
            "p": rng.integers(0, 2, rows),
        }
    )


def asked(**options) -> Privacy:
    budget = {} if "rho" in options else {"epsilon": 1.0}
    return Privacy("who", **{**budget, **options})


def at_most(max_rows: int):
    return replace(DECLARED, max_rows=max_rows)


@pytest.fixture
def ledger(tmp_path):
    found = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}", force_ephemeral=True)
    found.create_scope("people", epsilon=3)
    return found


def private(frame, ledger, **options):
    given = {
        "metrics": ["selection_rate", "true_positive_rate", "count"],
        "y_true": "y",
        "y_pred": "p",
        "sensitive_features": "sex",
    }
    told = {"privacy_unit": "who", "epsilon": 1.0, "ledger": ledger, "scope": "people"}
    own = [name for name in options if name in Declared.__dataclass_fields__]
    declared = Declared(**{"groups": GROUPS, **{name: options.pop(name) for name in own}})
    return private_metric_frame(
        frame, declared=declared, **with_privacy(**{**told, **given, **options})
    )


def test_exact_counts_are_the_same_on_every_engine_and_for_any_cut(cluster_case):
    table = pa.Table.from_pandas(people(), preserve_index=False)
    wanted = exact_counts(LOCAL, table, at_most(2), "who", seed=7)
    for partitions in (1, 5):
        frame = cluster_case.make(table, partitions)
        found = exact_counts(cluster_case.engine, frame, at_most(2), "who", seed=7)
        np.testing.assert_array_equal(found, wanted)


def test_all_rows_are_counted_where_nobody_has_more_than_the_limit():
    frame = people()
    found = exact_counts(LOCAL, frame, at_most(100), "who", seed=1)
    plain = frame[frame.sex != "undeclared"].groupby(KEYS).size()
    wanted = plain.reindex(pd.MultiIndex.from_frame(DECLARED.frame), fill_value=0)
    np.testing.assert_array_equal(found, wanted)


@settings(max_examples=examples(40), deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.sampled_from([*"fmx", "zz", None]), st.sampled_from([0, 1, 7, -1, None]),
                  st.sampled_from([0, 1, 2**60])), max_size=60),
    limit=st.integers(1, 4),
    seed=st.integers(0, 2**63 - 1),
)  # fmt: skip
def test_one_person_changes_no_more_than_the_limit(rows, limit, seed):
    others = people(60)
    own = pd.DataFrame(rows, columns=KEYS).assign(who=10**6)
    types = {"who": "Int64", "sex": "string", "y": "Int64", "p": "Int64"}
    both = pd.concat([others, own]).astype(types)
    with_person = exact_counts(LOCAL, both, at_most(limit), "who", seed)
    without = exact_counts(LOCAL, others.astype(types), at_most(limit), "who", seed)
    assert np.abs(with_person - without).sum() <= limit


def test_noise_has_the_scale_that_the_limit_needs():
    laplace, cost = noise_for(asked(epsilon=0.5), 3)
    assert laplace.kind == "laplace"
    assert laplace.scale == pytest.approx(6)
    assert (float(cost.epsilon), float(cost.delta)) == (0.5, 0)
    gaussian, cost = noise_for(asked(epsilon=0.5, delta=1e-6), 3)
    assert gaussian.kind == "gaussian"
    assert gaussian.scale > 3 / np.sqrt(2 * float(cost.rho)) * (1 - 1e-9)


def test_a_rerun_on_the_same_snapshot_shows_the_same_release_and_charges_nothing(ledger):
    same = {"snapshot": "v1", "dataset": "visits"}
    first = private(people(), ledger, epsilon="1", **same)
    again = private(LOCAL.from_arrow(pa.Table.from_pandas(people()), 3), ledger, **same)
    pd.testing.assert_frame_equal(first.by_group, again.by_group)
    assert ledger.remaining("people")["epsilon"] == 2
    private(people(), ledger)
    assert ledger.remaining("people")["epsilon"] == 1
    with pytest.raises(BudgetExceededError):
        private(people(), ledger, epsilon=1.5)


def test_another_table_of_the_same_snapshot_is_another_release(ledger):
    with pytest.raises(ConfigError, match="a snapshot also needs dataset="):
        private(people(), ledger, snapshot="3")
    assert ledger.remaining("people")["epsilon"] == 3
    first = private(people(), ledger, snapshot="3", dataset="one")
    other = private(people(900, seed=1), ledger, snapshot="3", dataset="two")
    assert first.release["reservation"] != other.release["reservation"]
    assert other.counts.sum() > first.counts.sum() + 40
    assert ledger.remaining("people")["epsilon"] == 1


def test_what_is_mostly_noise_is_left_out_and_said_to_be_so(ledger):
    found = private(people(), ledger, groups={"sex": ["f", "m", "x", "nobody"]}, epsilon=3.0)
    assert list(found.by_group.index) == ["f", "m", "nobody", "x"]
    assert not found.usable.loc["nobody"].any()
    assert found.usable.loc["f"].all()
    noise = found.flags[found.flags.flag.str.startswith("mostly noise")]
    assert set(noise[noise.sex == "nobody"].metric) == set(found.by_group)
    low, high = found.by_group_ci
    for table in (found.by_group, low, high):
        assert table.loc["nobody"].isna().all()
    assert (low.loc["f"] < found.by_group.loc["f"]).all()
    assert (high.loc["f"] > found.by_group.loc["f"]).all()
    shown = found.by_group["selection_rate"].dropna()
    gap = found.difference()["selection_rate"]
    assert gap == pytest.approx(shown.max() - shown.min())
    assert gap == pytest.approx(found.disparities("demographic_parity_difference"), abs=1e-12)
    low, high = (end["selection_rate"] for end in found.difference_ci())
    assert 0 <= low <= gap <= high <= 1


def test_a_gap_needs_two_usable_groups(ledger):
    found = private(people(), ledger, groups={"sex": ["f", "none", "nobody"]}, epsilon=3.0)
    assert list(found.usable.sum()) == [1, 1, 1]
    assert np.isnan(found.disparities("demographic_parity_difference"))
    assert found.disparities(["equalized_odds_ratio"]).isna().all()
    for values in (found.difference(), found.ratio(), *found.difference_ci(), *found.ratio_ci()):
        assert values.isna().all()
    assert found.overall.notna().all()


def test_control_features_have_gaps_of_their_own(ledger):
    frame = people(3_000).assign(site=lambda d: np.where(d.who % 3 == 0, "a", "b"))
    groups = {"sex": ["f", "nobody", "m"], "site": ["a", "b", "none"]}
    options = {"groups": groups, "control_features": "site", "epsilon": 3.0, "max_rows": 3}
    found = private(frame, ledger, **options)
    assert list(found.overall.index) == ["a", "b", "none"]
    assert found.overall.loc[["a", "b"]].notna().all(axis=None)
    gaps, asked_for = found.difference(), found.disparities("demographic_parity_difference")
    low, high = found.difference_ci()
    for values in (found.overall, gaps, low, high):
        assert values.loc["none"].isna().all()
    assert np.isnan(asked_for.loc["none"])
    rates = found.by_group["selection_rate"]
    for site in ("a", "b"):
        apart = abs(rates.loc[site, "f"] - rates.loc[site, "m"])
        assert gaps.loc[site, "selection_rate"] == pytest.approx(apart)
        assert asked_for.loc[site] == pytest.approx(apart, abs=1e-12)
        assert low.loc[site, "selection_rate"] <= apart <= high.loc[site, "selection_rate"]


def test_a_single_metric_is_a_number_as_in_fairlearn(ledger):
    found = private(people(), ledger, metrics="selection_rate", epsilon=3.0)
    assert isinstance(found.difference(), float)
    assert isinstance(found.overall, float)
    low, high = found.overall_ci
    assert low < found.overall < high
    assert list(found.by_group_ci[0].index) == ["f", "m", "x"]


def test_where_noise_leaves_nothing_nothing_is_shown(ledger):
    found = private(people(60), ledger, epsilon="0.0001")
    assert found.by_group.isna().all(axis=None)
    assert found.overall.isna().all()
    assert not found.usable.any(axis=None)


def test_a_scope_of_zcdp_pays_rho_and_no_delta_of_a_conversion(tmp_path):
    book = open_ledger(f"sqlite:///{tmp_path / 'z.db'}", force_ephemeral=True)
    book.create_scope("people", accounting="zcdp", rho="0.5")
    found = private(people(), book, epsilon=None, rho="0.2")
    assert found.release["noise"] == "gaussian"
    assert found.release["scale"] == pytest.approx(1 / np.sqrt(0.4))
    assert float(book.remaining("people")["rho"]) == pytest.approx(0.3)
    private(people(), book, delta=1e-6)
    _, cost = noise_for(asked(delta=1e-6))
    assert float(book.remaining("people")["rho"]) == pytest.approx(0.3 - float(cost.rho))


def test_rho_is_charged_by_its_conversion_where_epsilon_counts():
    _, cost = noise_for(asked(rho=0.1, delta="1e-6"))
    assert float(cost.epsilon) == pytest.approx(0.1 + 2 * np.sqrt(0.1 * np.log(1e6)))
    assert (cost.delta, cost.rho) == (Fraction(1, 10**6), Fraction(1, 10))
    with pytest.raises(ConfigError, match="the scope counts epsilon"):
        noise_for(asked(rho=0.1))[1].charge("epsilon-delta")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"groups": {"sex": "f"}}, "must be a list"),
        ({"snapshot": "1", "idempotency_key": "k"}, "not both"),
        ({"groups": {}}, "groups must list all values of 'sex'"),
        ({"groups": {"sex": ["f", "f"]}}, "must be distinct"),
        ({"privacy_unit": "sex"}, "cannot be a group"),
        ({"epsilon": 0}, "epsilon must be above 0"),
        ({"epsilon": "much"}, "epsilon must be a finite number"),
        ({"rho": 1}, "exactly one of epsilon and rho"),
        ({"delta": 1}, "delta must be at least 0"),
        ({"max_rows": True}, "max_rows must be an integer"),
        ({"max_rows": 0}, "must be an integer of at least 1"),
        ({"metrics": ["confusion_matrix"]}, "cannot be computed privately"),
        ({"ledger": None}, "needs a ledger"),
        ({"bootstrap": Bootstrap(person="who")}, "the privacy unit already identifies"),
    ],
)
def test_what_cannot_be_private_is_refused(options, message, ledger):
    metrics = ["selection_rate"]
    with pytest.raises(ConfigError, match=message):
        private(people(), **{"ledger": ledger, "metrics": metrics, **options})
    assert ledger.remaining("people")["epsilon"] == 3


def test_what_a_library_refuses_is_refused_before_the_charge(ledger):
    with pytest.raises(ValueError, match="pos_label"):
        private(people(), ledger, metrics=["true_positive_rate"], labels=[0, 1, 2])
    assert ledger.remaining("people")["epsilon"] == 3


def test_a_missing_option_is_named():
    frame = people()
    roles = {"metrics": "count", "y_true": "y", "y_pred": "p", "sensitive_features": "sex"}
    roles["declared"] = Declared(GROUPS)
    with pytest.raises(ConfigError, match="needs a ledger, found None"):
        private_metric_frame(frame, privacy=Privacy("who", epsilon=1.0), **roles)
    with pytest.raises(ConfigError, match="epsilon"):
        Privacy("who", ledger="none")
    with pytest.raises(ConfigError, match="privacy_unit is missing"):
        private_metric_frame(frame, privacy=Privacy(epsilon=1.0, ledger="none"), **roles)


def test_an_error_of_the_engine_says_nothing_of_the_data():
    frame = people()
    nested = pa.array([{"name": "secret value"}] * len(frame))
    frame["y"] = pd.array(nested, dtype=pd.ArrowDtype(nested.type))
    with (
        pytest.warns(PrivacyWarning),
        pytest.raises(PrivateComputationError) as error,
    ):
        private(frame, "none")
    assert "secret" not in str(error.value)
    assert error.value.__cause__ is None


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-50, 200), min_size=4, max_size=4))
def test_projection_keeps_the_total_and_moves_all_that_stay_alike(values):
    given_values = np.array([values], float)
    found = project(given_values, np.zeros(4, int))[0]
    assert (found >= 0).all()
    total = max(sum(values), 0)
    assert found.sum() == pytest.approx(total)
    kept = found > 1e-9
    if kept.any():  # the conditions of the nearest point: one shift for all that stay above zero
        shift = (given_values[0] - found)[kept]
        assert np.ptp(shift) < 1e-9
        assert (given_values[0][~kept] <= shift[0] + 1e-9).all()
