"""Bootstrap from cells against Fairlearn's own bootstrap over rows."""

from __future__ import annotations

import time
from functools import partial

import fairlearn.metrics as flm
import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as skm
from fairlearn.metrics._bootstrap import generate_bootstrap_samples
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rai_scale.errors import ConfigError
from rai_scale.measures.uncertainty.formulas import vectorised
from rai_scale.measures.uncertainty.quantiles import interval_tables
from rai_scale.measures.uncertainty.replicates import Replicates, layout_of, replicate_metrics
from rai_scale.measures.uncertainty.resample import (
    Draw,
    generator_of,
    resample_cells,
    resample_counts,
)
from rai_scale.statistics.cells import Cells
from tests.conftest import full

METRICS = {
    "selection_rate": flm.selection_rate,
    "tpr": flm.true_positive_rate,
    "accuracy": skm.accuracy_score,
    "f1": skm.f1_score,
    "count": flm.count,
}


def people(rows: int, seed: int = 0, groups: str = "abc") -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    group = rng.choice(
        list(groups), rows, p=np.arange(1, len(groups) + 1) / sum(range(len(groups) + 1))
    )
    y_true = rng.random(rows) < 0.4
    y_pred = np.where(rng.random(rows) < 0.75, y_true, rng.random(rows) < 0.3)
    weight = rng.gamma(2.0, 0.5, rows)
    place = rng.choice(["north", "south"], rows)
    columns = {"place": place, "group": group, "y_true": y_true.astype(int)}
    return pd.DataFrame({**columns, "y_pred": y_pred.astype(int), "weight": weight})


def cells_of(frame: pd.DataFrame, names: list[str], weight: str | None = None) -> Cells:
    grouped = frame.groupby(names, sort=True)
    sums = {}
    if weight:
        sums[weight] = grouped[weight].sum().to_numpy()
        sums[f"{weight}*{weight}"] = (
            (frame[weight] ** 2).groupby([frame[n] for n in names]).sum().to_numpy()
        )
    counts = grouped.size()
    return Cells(counts.index.to_frame(index=False), counts.to_numpy(), sums, weight)


def replicates(
    frame, metrics, sensitive, control=(), *, n_boot=200, seed=1, weight=None
) -> Replicates:
    cells = cells_of(frame, [*control, *sensitive, "y_true", "y_pred"], weight)
    layout = layout_of(cells.keys, sensitive, control)
    weights = dict.fromkeys(metrics, weight)
    return replicate_metrics(resample_cells(cells, n_boot, seed), metrics, layout, weights=weights)


def fairlearn_frame(frame, metrics, sensitive, control=None, **more) -> flm.MetricFrame:
    return flm.MetricFrame(
        metrics=metrics,
        y_true=frame["y_true"],
        y_pred=frame["y_pred"],
        sensitive_features=frame[list(sensitive)],
        control_features=frame[list(control)] if control else None,
        **more,
    )


def fairlearn_samples(frame, metrics, sensitive, control, *, n_boot) -> list:
    plain = fairlearn_frame(frame, metrics, sensitive, control)
    functions = plain._get_annotated_metric_functions(
        metrics, None, frame[["y_true", "y_pred"]].copy()
    )
    return generate_bootstrap_samples(
        n_samples=n_boot,
        random_state=0,
        data=frame[[*(control or []), *sensitive, "y_true", "y_pred"]].copy(),
        annotated_functions=functions,
        sensitive_feature_names=list(sensitive),
        control_feature_names=list(control) if control else None,
    )


# ---------------------------------------------------------------- replicates


@pytest.mark.full
@pytest.mark.parametrize("control", [[], ["place"]])
def test_replicates_have_fairlearns_distribution(control):
    frame = people(2_000)
    metrics = {name: METRICS[name] for name in ("selection_rate", "tpr", "accuracy")}
    n_boot = 150 if control else 300
    theirs = fairlearn_samples(frame, metrics, ["group"], control, n_boot=n_boot)
    ours = replicates(frame, metrics, ["group"], control, n_boot=n_boot)
    by_group = np.array([sample.by_group.loc[ours.groups].to_numpy(float) for sample in theirs])
    overall = np.array([np.asarray(sample.overall, float) for sample in theirs])
    pairs = [
        *zip(ours.by_group.reshape(n_boot, -1).T, by_group.reshape(n_boot, -1).T, strict=True),
        *zip(ours.overall.reshape(n_boot, -1).T, overall.reshape(n_boot, -1).T, strict=True),
    ]
    p_values = [stats.ks_2samp(a, b).pvalue for a, b in pairs]
    assert len(p_values) == (24 if control else 12)
    assert min(p_values) > 1e-4


def exact_quantiles(rows: int, share: float, rate: float, quantiles: list[float]) -> np.ndarray:
    """Quantiles of the bootstrap of a group's rate: of X / N, N ~ Bin(rows, share), X ~ Bin(N, rate)."""
    sizes = np.arange(1, rows + 1)
    chance = stats.binom.pmf(sizes, rows, share)
    sizes, chance = sizes[chance > 1e-12], chance[chance > 1e-12]
    grid = np.linspace(rate - 0.15, rate + 0.15, 6_001)
    below = np.array(
        [(chance * stats.binom.cdf(np.floor(g * sizes + 1e-9), sizes, rate)).sum() for g in grid]
    )
    return np.array([grid[np.searchsorted(below, q)] for q in quantiles])


@pytest.mark.full
def test_widths_equal_the_exact_ones_at_ten_thousand_replicates():
    frame = people(2_000)
    quantiles = [0.025, 0.975]
    metrics = {"selection_rate": flm.selection_rate, "accuracy": skm.accuracy_score}
    ours = replicates(frame, metrics, ["group"], n_boot=10_000)
    low, high = np.quantile(ours.by_group, quantiles, axis=0)
    values = {"selection_rate": frame["y_pred"], "accuracy": frame["y_true"] == frame["y_pred"]}
    for m, name in enumerate(metrics):
        for g, group in enumerate(ours.groups):
            mine = frame["group"] == group
            exact = exact_quantiles(len(frame), mine.mean(), values[name][mine].mean(), quantiles)
            assert high[g, m] - low[g, m] == pytest.approx(np.ptp(exact), rel=0.05)
        low_all, high_all = np.quantile(ours.overall[:, m], quantiles)
        exact = stats.binom.ppf(quantiles, len(frame), values[name].mean()) / len(frame)
        assert high_all - low_all == pytest.approx(np.ptp(exact), rel=0.05)


@pytest.mark.parametrize("metric", [flm.selection_rate, flm.true_positive_rate, skm.f1_score])
def test_weighted_widths_equal_those_of_rows(metric):
    frame = people(1_500, seed=3, groups="ab")
    ours = replicates(frame, {"m": metric}, ["group"], n_boot=6_000, weight="weight")
    rng = np.random.default_rng(0)
    y_true, y_pred, weight = (frame[n].to_numpy() for n in ("y_true", "y_pred", "weight"))
    codes = (frame["group"] == "b").to_numpy()
    formula_cells = [(t, p) for t in (0, 1) for p in (0, 1)]
    of_cell = y_true * 2 + y_pred + 4 * codes
    times = rng.multinomial(len(frame), np.full(len(frame), 1 / len(frame)), 6_000) * weight
    sums = np.stack([times[:, of_cell == c].sum(axis=1) for c in range(8)], axis=1)
    labels = np.array(formula_cells).T
    for g in (0, 1):
        rows = vectorised(metric)(*labels, sums[:, 4 * g : 4 * g + 4])
        width, expected = (
            np.ptp(np.quantile(v, [0.025, 0.975])) for v in (ours.by_group[:, g, 0], rows)
        )
        assert width == pytest.approx(expected, rel=0.05)
        assert stats.ks_2samp(ours.by_group[:, g, 0], rows).pvalue > 1e-4


def test_equal_weights_add_no_noise():
    frame = people(500).assign(weight=2.5)
    metrics = {"accuracy": skm.accuracy_score, "count": flm.count}
    weighted = replicates(frame, metrics, ["group"], weight="weight")
    plain = replicates(frame, metrics, ["group"])
    np.testing.assert_allclose(weighted.by_group, plain.by_group, rtol=1e-12)
    assert (weighted.overall[:, 1] == 500).all()


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(0, 50), min_size=1, max_size=30), st.integers(1, 20), st.integers(0, 99)
)
def test_each_replicate_has_the_rows_of_the_table(count, n_boot, seed):
    if not sum(count):
        with pytest.raises(ConfigError, match="at least one row"):
            next(resample_counts(np.array(count), n_boot, seed))
        return
    draws = np.concatenate(list(resample_counts(np.array(count), n_boot, seed)))
    assert draws.dtype == np.int64
    assert draws.shape == (n_boot, len(count))
    assert (draws.sum(axis=1) == sum(count)).all()
    assert not draws[:, np.array(count) == 0].any()


def test_chunks_hold_few_numbers(monkeypatch):
    monkeypatch.setattr("rai_scale.measures.uncertainty.resample.CHUNK_NUMBERS", 40)
    chunks = list(resample_counts(np.full(10, 7), 11, 5))
    assert [len(chunk) for chunk in chunks] == [4, 4, 3]


def test_seeds():
    frame = people(300)
    first, again = (replicates(frame, METRICS, ["group"], seed=7).by_group for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert (replicates(frame, METRICS, ["group"], seed=8).by_group != first).any()
    states = [np.random.RandomState(3), np.random.RandomState(3)]
    one, two = (replicates(frame, METRICS, ["group"], seed=s).by_group for s in states)
    np.testing.assert_array_equal(one, two)
    assert isinstance(generator_of(None), np.random.Generator)
    for bad in ("7", 1.5, -1):
        with pytest.raises(ConfigError, match="random_state"):
            generator_of(bad)
    for bad in (0, 2.5, True):
        with pytest.raises(ConfigError, match="n_boot"):
            next(resample_counts(np.array([1]), bad))


def test_a_group_without_rows_is_nan_and_metrics_without_a_formula_are_called():
    keys = pd.DataFrame({"group": ["a", "a", "b"], "y_true": [0, 1, 1], "y_pred": [0, 1, 0]})
    draws = [Draw(np.array([[3, 1, 0], [0, 2, 5]]))]

    def wrong(y_true, y_pred, sample_weight):
        return float(np.sum((y_true != y_pred) * sample_weight))

    metrics = {"accuracy": skm.accuracy_score, "wrong": wrong}
    found = replicate_metrics(draws, metrics, layout_of(keys, ["group"]))
    np.testing.assert_array_equal(found.by_group[..., 0], [[1.0, np.nan], [1.0, 0.0]])
    np.testing.assert_array_equal(found.by_group[..., 1], [[0.0, np.nan], [0.0, 5.0]])
    np.testing.assert_allclose(found.overall, [[1.0, 0.0], [2 / 7, 5.0]])


def test_sample_parameters_of_a_metric():
    keys = pd.DataFrame({"group": ["a", "a"], "y_true": [1, 1], "y_pred": [0, 0]})

    def cost(y_true, y_pred, price, sample_weight):
        return float(np.sum(price * sample_weight))

    found = replicate_metrics(
        [Draw(np.array([[2, 3]]))],
        {"cost": cost},
        layout_of(keys, ["group"]),
        params={"cost": {"price": np.array([1.0, 10.0])}},
    )
    assert found.overall.item() == 32.0


def test_a_metric_that_takes_no_weight_is_refused():
    frame = people(50)
    with pytest.raises(ConfigError, match="has no parameter sample_weight"):
        replicates(frame, {"m": lambda y_true, y_pred: 0.0}, ["group"])
    assert replicates(frame, {"m": partial(flm.count)}, ["group"]).overall.sum() == 50 * 200


# ---------------------------------------------------------------- Fairlearn's tables


def assert_same_table(ours, theirs):
    assert type(ours) is type(theirs)
    if isinstance(ours, pd.Series):
        pd.testing.assert_series_equal(ours, theirs, rtol=1e-12, check_dtype=False)
    else:
        pd.testing.assert_frame_equal(ours, theirs, rtol=1e-12, check_dtype=False)


@pytest.mark.parametrize(
    ("sensitive", "control", "rows"),
    [
        (["group"], [], 300),
        full(["group", "place"], [], 300),
        full(["group"], ["place"], 300),
        (["group"], [], 25),
        (["group", "sex"], [], 30),
        (["group"], ["place"], 25),
        full(["group"], ["place", "sex"], 60),
    ],
)
def test_interval_tables_equal_fairlearns_of_the_same_replicates(sensitive, control, rows):
    frame = people(rows, seed=2, groups="abcd")
    frame["sex"] = np.random.default_rng(1).choice(["f", "m"], rows)
    quantiles = [0.05, 0.5, 0.95]
    samples = fairlearn_samples(frame, METRICS, sensitive, control, n_boot=40)
    reference = fairlearn_frame(frame, METRICS, sensitive, control)
    reference._populate_results_ci(samples, quantiles)
    layout = layout_of(frame, sensitive, control)
    assert layout.groups.equals(reference.by_group.index)
    overall = [
        s.overall.to_numpy(float)
        if layout.controls is None
        else s.overall.reindex(layout.controls).to_numpy(float)
        for s in samples
    ]
    ours = Replicates(
        tuple(METRICS),
        np.array(overall),
        np.array([s.by_group.reindex(layout.groups).to_numpy(float) for s in samples]),
        layout.groups,
        layout.controls,
        layout.control_of_group,
    )
    missing = np.isnan(ours.by_group).any()
    assert missing == (rows < 300)  # small tables have groups that some replicates miss
    tables = interval_tables(ours, quantiles)
    for name, theirs in reference._result_cache.items():
        if name in ("overall_ci", "by_group_ci", "group_min_ci", "group_max_ci"):
            for mine, other in zip(tables[name], theirs, strict=True):
                assert_same_table(mine, other)
        elif name in ("difference_ci", "ratio_ci"):
            for method in ("between_groups", "to_overall"):
                for mine, other in zip(tables[name][method], theirs[method], strict=True):
                    assert_same_table(mine, other)


def test_ten_thousand_replicates_take_seconds():
    frame = people(5_000, groups="abcdefghij")
    more = {
        **METRICS,
        "precision": skm.precision_score,
        "mcc": skm.matthews_corrcoef,
        "balanced": skm.balanced_accuracy_score,
    }
    start = time.perf_counter()
    found = replicates(frame, more, ["group"], n_boot=10_000)
    tables = interval_tables(found, [0.025, 0.975])
    assert found.by_group.shape == (10_000, 10, 8)
    assert len(tables["ratio_ci"]["to_overall"]) == 2
    assert time.perf_counter() - start < 10
