"""Sampled Shapley values are inside their stated errors, and their maps are Shapley's."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lightgbm import LGBMClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from rai_scale.errors import ConfigError
from rai_scale.explanations import Model, ValueSampling, explain, plan_explanation
from rai_scale.explanations.local.coalitions import (
    all_coalitions,
    exact_weights,
    make_design,
    smallest_budget,
)

FEATURES = 10
NAMES = [f"f{i}" for i in range(FEATURES)]
MODELS = {
    "forest": RandomForestClassifier(20, max_depth=6, random_state=0),
    "boosted": LGBMClassifier(n_estimators=20, num_leaves=15, verbose=-1, n_jobs=1),
    "network": make_pipeline(StandardScaler(), MLPClassifier((16,), max_iter=80, random_state=0)),
    "logistic": LogisticRegression(),
    "sparse": RandomForestClassifier(20, max_depth=6, random_state=0),
}

RATIO = {"sparse": 2.1}
"""Of stated standard error to actual error in the median, at most; 2 where nothing is said."""


def fitted(name):
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(rng.normal(size=(500, FEATURES)), columns=NAMES)
    if name == "sparse":
        frame = (frame > 1.3).astype(float)  # ones in 10 of 100 cells
    score = frame.f0 * frame.f1 + frame.f2 + frame.f3 * frame.f4 * (frame.f5 > 0) - frame.f6
    return frame, MODELS[name].fit(frame, score > 0)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_actual_errors_are_inside_stated_errors(name):
    frame, model = fitted(name)
    asked = {"features": NAMES, "background": frame[:40]}
    rows = frame[300:306].reset_index(drop=True)
    exact = explain(rows, model, method="exact_shap", **asked)
    wanted = exact[[f"shap_{n}" for n in NAMES]].to_numpy()
    actual, stated = [], []
    for seed in range(5):
        plan = plan_explanation(rows, model, method="kernel_shap", random_state=seed, **asked)
        assert plan.method == "kernel_shap"
        assert "100 of 1,024 coalitions" in plan.why
        found = plan.frame
        values = found[[f"shap_{n}" for n in NAMES]].to_numpy()
        stated.append(found[[f"shap_error_{n}" for n in NAMES]].to_numpy())
        actual.append(np.abs(values - wanted))
        total = found.base_value + values.sum(axis=1)
        np.testing.assert_allclose(total, found.prediction, atol=1e-12)
    actual, stated = np.array(actual), np.array(stated)
    assert (actual <= stated).mean() >= 0.95
    # a standard error is half of the stated half-width of a 95 % interval
    assert np.median(stated / 2 / actual) <= RATIO.get(name, 2)
    assert actual.max() < 0.1 * np.abs(wanted).max()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_errors_fall_with_the_budget_and_reach_a_target():
    frame, model = fitted("network")
    asked = {"features": NAMES, "background": frame[:40], "method": "kernel_shap"}
    rows = frame[300:310].reset_index(drop=True)

    def errors(**budget):
        found = explain(rows, model, sampling=ValueSampling(**budget), **asked)
        return found[[f"shap_error_{n}" for n in NAMES]].to_numpy()

    few, many = errors(max_evals=60), errors(max_evals=400)
    assert np.median(many) < 0.5 * np.median(few)
    target = float(np.quantile(errors(), 0.95)) / 1.5
    assert np.quantile(errors(target_error=target), 0.95) < 1.25 * target
    plan = plan_explanation(rows, model, sampling=ValueSampling(target_error=1e-9), **asked)
    assert plan.method == "exact_shap"


def test_averages_over_seeds_approach_the_exact_values():
    frame, model = fitted("forest")
    asked = {"features": NAMES, "background": frame[:20]}
    rows = frame[300:302].reset_index(drop=True)
    columns = [f"shap_{n}" for n in NAMES]
    exact = explain(rows, model, method="exact_shap", **asked)[columns].to_numpy()
    least = ValueSampling(max_evals=smallest_budget(FEATURES))
    sampled = {"method": "kernel_shap", "sampling": least, **asked}
    found = np.array(
        [explain(rows, model, random_state=seed, **sampled)[columns] for seed in range(30)]
    )
    spread = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    assert np.abs(found.mean(axis=0) - exact).max() < 4.5 * spread.max()


def test_replicates_tell_the_error_of_an_average():
    frame, model = fitted("logistic")
    asked = {"features": NAMES, "background": frame[:40]}
    rows = frame[300:320].reset_index(drop=True)
    columns = [f"shap_{n}" for n in NAMES]
    wanted = explain(rows, model, method="exact_shap", **asked)[columns].mean().to_numpy()
    ratios = []
    for seed in range(12):
        found = explain(
            rows,
            model,
            method="kernel_shap",
            sampling=ValueSampling(replicates=True),
            random_state=seed,
            **asked,
        )
        copies = np.array(
            [found[[f"shap_replicate{k}_{n}" for n in NAMES]].mean() for k in (1, 2, 3, 4)]
        )
        np.testing.assert_allclose(copies.mean(axis=0), found[columns].mean())
        ratios.append((copies.mean(axis=0) - wanted) / (copies.std(axis=0, ddof=1) / 2))
    # 3.18: Student's t with the 3 degrees of freedom of 4 replicates
    assert (np.abs(ratios) < 3.18).mean() >= 0.9


def test_several_classes_and_text():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 7)), columns=NAMES[:7])
    frame["city"] = rng.choice(["Ulm", "Bonn"], 200)

    def predict(given: pd.DataFrame) -> np.ndarray:
        score = np.column_stack([given.f0 * given.f1, given.f2, (given.city == "Ulm") * 2.0])
        odds = np.exp(score)
        return odds / odds.sum(axis=1, keepdims=True)

    names = [*NAMES[:7], "city"]
    asked = {"features": names, "background": frame[:30]}
    model = Model(predict, classes=["a", "b", "c"])
    rows = frame[100:104].reset_index(drop=True)
    exact = explain(rows, model, **asked)
    found = explain(rows, model, method="kernel_shap", **asked)
    for label in "abc":
        columns = [f"shap_{label}_{n}" for n in names]
        stated = found[[f"shap_error_{label}_{n}" for n in names]].to_numpy()
        gap = np.abs(found[columns].to_numpy() - exact[columns].to_numpy())
        assert (gap <= stated + 1e-12).mean() >= 0.9
        assert np.abs(exact[f"shap_{label}_city"]).min() > 0.01


def test_what_is_refused():
    frame, model = fitted("logistic")
    asked = {"features": NAMES, "background": frame[:5], "method": "kernel_shap"}
    with pytest.raises(ConfigError, match="at least 36"):
        explain(frame[:2], model, sampling=ValueSampling(max_evals=20), **asked)


def games(features: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=2**features)


def position(masks: np.ndarray) -> np.ndarray:
    return masks @ (1 << np.arange(masks.shape[1]))


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 8), st.integers(0, 1000))
def test_exact_weights_obey_shapleys_axioms(features, seed):
    game, masks = games(features, seed), all_coalitions(features)
    values = exact_weights(features) @ game
    assert np.isclose(values.sum(), game[-1] - game[0])
    additive = np.random.default_rng(seed).normal(size=features)
    np.testing.assert_allclose(exact_weights(features) @ (masks @ additive), additive, atol=1e-9)


@settings(max_examples=15, deadline=None)
@given(st.integers(6, 14), st.integers(0, 1000), st.integers(0, 60))
def test_a_design_is_exact_for_games_of_pairs_and_efficient_for_all(features, seed, more):
    rng = np.random.default_rng(seed)
    design = make_design(features, smallest_budget(features) + more, rng)
    z = design.masks.astype(float)
    alone, both = rng.normal(size=features), np.triu(rng.normal(size=(features, features)), 1)
    game = z @ alone + np.einsum("ni,ij,nj->n", z, both, z)
    total = alone.sum() + both.sum()
    found = design.fold_map @ game + design.fold_total * total
    # complements in a pair cancel what an even order adds: pairs of features are exact
    wanted = alone + (both + both.T).sum(axis=0) / 2
    np.testing.assert_allclose(found, np.tile(wanted, (4, 1)), atol=1e-7)
    wild = rng.normal(size=len(z))
    sums = (design.fold_map @ wild + design.fold_total * total).sum(axis=1)
    np.testing.assert_allclose(sums, total)


def test_a_design_has_pairs_without_repeats_side_by_side():
    design = make_design(8, 80, np.random.default_rng(0))
    drawn = design.masks[design.complete :]
    np.testing.assert_array_equal(drawn[::2], ~drawn[1::2])
    assert design.complete >= 16
    assert len(design.masks) <= 80
    assert len(set(position(design.masks[: design.complete]).tolist())) == design.complete
