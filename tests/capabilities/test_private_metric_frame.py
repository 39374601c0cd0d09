"""A private metric_frame: bounded, noised once, charged, and honest about its error."""

from __future__ import annotations

import fairlearn.metrics as fm
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import sklearn.metrics as skm
from hypothesis import given, settings
from hypothesis import strategies as st

from rai_scale.engines.choose import engine_named
from rai_scale.errors import BudgetExceededError, ConfigError
from rai_scale.fairness.from_cells import Roles
from rai_scale.fairness.metric_frame import metric_frame
from rai_scale.fairness.metrics import resolve_metrics
from rai_scale.fairness.private_cells import Private, declare, exact_counts, noise_for
from rai_scale.fairness.private_draws import noisy_draws, project, simulated
from rai_scale.fairness.private_frame import frame_of_noisy
from rai_scale.fairness.uncertainty.replicates import layout_of, replicate_metrics
from rai_scale.privacy.disclosure import PrivateComputationError
from rai_scale.privacy.ledger import open_ledger
from rai_scale.privacy.problems import PrivacyWarning

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


def asked(**options) -> Private:
    return Private("who", GROUPS, **{"epsilon": 1.0, **options})


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
        "privacy_unit": "who",
        "groups": GROUPS,
        "epsilon": 1.0,
        "ledger": ledger,
        "scope": "people",
        "random_state": 0,
    }
    return metric_frame(frame, **{**given, **options})


def test_exact_counts_are_the_same_on_every_engine_and_for_any_cut(cluster_case):
    table = pa.Table.from_pandas(people(), preserve_index=False)
    wanted = exact_counts(LOCAL, table, DECLARED, asked(max_rows=2), seed=7)
    for partitions in (1, 5):
        frame = cluster_case.make(table, partitions)
        found = exact_counts(cluster_case.engine, frame, DECLARED, asked(max_rows=2), seed=7)
        np.testing.assert_array_equal(found, wanted)


def test_all_rows_are_counted_where_nobody_has_more_than_the_limit():
    frame = people()
    found = exact_counts(LOCAL, frame, DECLARED, asked(max_rows=100), seed=1)
    plain = frame[frame.sex != "undeclared"].groupby(KEYS).size()
    wanted = plain.reindex(pd.MultiIndex.from_frame(DECLARED.frame), fill_value=0)
    np.testing.assert_array_equal(found, wanted)


@settings(max_examples=40, deadline=None)
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
    with_person = exact_counts(LOCAL, both, DECLARED, asked(max_rows=limit), seed)
    without = exact_counts(LOCAL, others.astype(types), DECLARED, asked(max_rows=limit), seed)
    assert np.abs(with_person - without).sum() <= limit


def test_noise_has_the_scale_that_the_limit_needs():
    laplace, cost = noise_for(asked(max_rows=3, epsilon=0.5))
    assert laplace.kind == "laplace"
    assert laplace.scale == pytest.approx(6)
    assert (float(cost.epsilon), float(cost.delta)) == (0.5, 0)
    gaussian, cost = noise_for(asked(max_rows=3, epsilon=0.5, delta=1e-6))
    assert gaussian.kind == "gaussian"
    assert gaussian.scale > 3 / np.sqrt(2 * float(cost.rho)) * (1 - 1e-9)


def test_a_rerun_on_the_same_snapshot_shows_the_same_release_and_charges_nothing(ledger):
    first = private(people(), ledger, snapshot="v1")
    again = private(LOCAL.from_arrow(pa.Table.from_pandas(people()), 3), ledger, snapshot="v1")
    pd.testing.assert_frame_equal(first.by_group, again.by_group)
    assert ledger.remaining("people")["epsilon"] == 2
    private(people(), ledger)
    assert ledger.remaining("people")["epsilon"] == 1
    with pytest.raises(BudgetExceededError):
        private(people(), ledger, epsilon=1.5)


def test_declared_groups_are_there_and_undeclared_are_not(ledger):
    found = private(people(), ledger, groups={"sex": ["f", "m", "x", "nobody"]}, epsilon=3.0)
    assert list(found.by_group.index) == ["f", "m", "nobody", "x"]
    assert not found.usable.loc["nobody"].any()
    assert found.usable.loc["f"].all()
    noise = found.flags[found.flags.flag.str.startswith("mostly noise")]
    assert set(noise[noise.sex == "nobody"].metric) == set(found.by_group)
    low, high = found.by_group_ci
    assert low.loc["nobody"].isna().all()
    assert (low.loc["f"] < found.by_group.loc["f"]).all()
    assert (high.loc["f"] > found.by_group.loc["f"]).all()
    assert 0 <= found.disparities("demographic_parity_difference") <= 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"groups": {}}, "groups must list all values of 'sex'"),
        ({"groups": {"sex": ["f", "f"]}}, "must be distinct"),
        ({"privacy_unit": "sex"}, "cannot be a group"),
        ({"epsilon": 0}, "epsilon must be above 0"),
        ({"epsilom": 1}, "Did you mean 'epsilon'"),
        ({"ledger": None}, "needs a ledger"),
        ({"per_group": True}, "have no private form"),
        ({"sample_weight": "w"}, "cannot be computed privately"),
    ],
)
def test_what_cannot_be_private_is_refused(options, message, ledger):
    frame = people().assign(w=1.0)
    metrics = ["selection_rate"]
    with pytest.raises(ConfigError, match=message):
        private(frame, **{"ledger": ledger, "metrics": metrics, **options})
    assert ledger.remaining("people")["epsilon"] == 3


def test_a_missing_option_is_named():
    frame = people()
    with pytest.raises(ConfigError, match="needs groups, ledger as well"):
        metric_frame(
            frame, metrics="count", y_true="y", y_pred="p", sensitive_features="sex",
            privacy_unit="who", epsilon=1.0,
        )  # fmt: skip


def test_an_error_of_the_engine_says_nothing_of_the_data():
    frame = people()
    frame["y"] = [{"name": "secret value"}] * len(frame)
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


ROLES = Roles("y", "p", ("sex",), ())
FUNCTIONS = {
    "selection_rate": fm.selection_rate,
    "tpr": fm.true_positive_rate,
    "fpr": fm.false_positive_rate,
    "accuracy": skm.accuracy_score,
}


@pytest.mark.parametrize(("rows", "epsilon"), [(3_000, 1.0), (20_000, 0.2)])
def test_intervals_cover(rows, epsilon):
    """150 releases x 12 values at 95 %: below 0.91 by chance less than once in a million."""
    rng = np.random.default_rng(3)
    shares = rng.dirichlet(np.full(12, 4.0))
    truth = truth_of(shares)
    metrics, _ = resolve_metrics(FUNCTIONS, None, None)
    layout = layout_of(DECLARED.frame, ROLES.sensitive, y_true="y", y_pred="p")
    noise, _ = noise_for(asked(epsilon=epsilon))
    hits = tries = 0
    for _ in range(150):
        exact = rng.multinomial(rows, shares)
        noisy = exact + simulated(noise, exact.shape, rng)
        found = frame_of_noisy(noisy, DECLARED, ROLES, metrics, noise, single=False)
        draws = noisy_draws(found.cells, DECLARED, ROLES, noise, n_boot=300, random_state=rng)
        found.add_intervals(replicate_metrics(draws, FUNCTIONS, layout), [0.025, 0.975])
        low, high = found.by_group_ci
        inside = ((low <= truth) & (truth <= high)).to_numpy()
        hits += int((inside & found.usable.to_numpy()).sum())
        tries += int(found.usable.to_numpy().sum())
    assert tries > 1_000
    assert hits / tries > 0.91


def truth_of(shares: np.ndarray) -> pd.DataFrame:
    cells = DECLARED.frame.assign(share=shares)
    frame = fm.MetricFrame(
        metrics=FUNCTIONS,
        y_true=cells.y,
        y_pred=cells.p,
        sensitive_features=cells.sex,
        sample_params={name: {"sample_weight": cells.share} for name in FUNCTIONS},
    )
    return frame.by_group
