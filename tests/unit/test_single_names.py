"""One column name stands alone wherever a list of them is taken."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import rai_scale
from rai_scale.error_analysis import error_heatmap, error_tree, find_slices
from rai_scale.explanations import ice, morris, partial_dependence, permutation_importance
from rai_scale.fairness import (
    ReductionSolver,
    calibration,
    disparities,
    exponentiated_gradient,
    fit_threshold_optimizer,
    reweighing,
    threshold_curves,
)
from rai_scale.measures import performance

RANDOM = np.random.default_rng(0)
ROWS = pd.DataFrame({"a": RANDOM.normal(size=120), "id": range(120)})
ROWS["y"] = (ROWS["a"] + RANDOM.normal(size=120) > 0).astype(int)
ROWS["p"] = (ROWS["a"] > 0).astype(int)
ROWS["s"] = 1 / (1 + np.exp(-ROWS["a"]))
ROWS["g"] = np.where(RANDOM.random(120) > 0.5, "x", "y")
MODEL = LogisticRegression().fit(ROWS[["a"]], ROWS["y"])
SCORED = {"score": "s", "y_true": "y", "sensitive_features": "g"}
LABELLED = {"y_true": "y", "y_pred": "p", "sensitive_features": "g"}


@pytest.mark.parametrize(
    "call",
    [
        lambda: rai_scale.metric_frame(ROWS, metrics="selection_rate", **LABELLED),
        lambda: rai_scale.assess_fairness(
            ROWS, metrics="selection_rate", bootstrap=None, **LABELLED
        ),
        lambda: disparities(ROWS, metrics="demographic_parity_difference", **LABELLED),
        lambda: rai_scale.balance(ROWS, control_features="p", sensitive_features="g", y_true="y"),
        lambda: calibration(ROWS, **SCORED),
        lambda: threshold_curves(ROWS, **SCORED),
        lambda: fit_threshold_optimizer(ROWS, **SCORED),
        lambda: performance(ROWS, **SCORED),
        lambda: reweighing(ROWS, y_true="y", sensitive_features="g"),
        lambda: exponentiated_gradient(
            ROWS,
            MODEL,
            features="a",
            y_true="y",
            sensitive_features="g",
            solver=ReductionSolver(max_iter=1),
        ),
        lambda: rai_scale.explain(ROWS, MODEL, features="a", key_columns="id"),
        lambda: partial_dependence(ROWS, MODEL, features="a", of="a"),
        lambda: ice(ROWS, MODEL, features="a", of="a", rows=3, key_columns="id"),
        lambda: morris(ROWS, MODEL, features="a", trajectories=4),
        lambda: permutation_importance(ROWS, MODEL, features="a", y_true="y"),
        lambda: rai_scale.train_glassbox(ROWS, features="a", y_true="y"),
        lambda: error_heatmap(ROWS, features="a", y_true="y", y_pred="p", categorical="a"),
        lambda: find_slices(ROWS, features="a", y_true="y", y_pred="p", confirm_by="id"),
        lambda: error_tree(ROWS, features="a", y_true="y", y_pred="p", categorical="a"),
        lambda: rai_scale.importance(
            rai_scale.explain(ROWS, MODEL, features="a"), features="a", sensitive_features="g"
        ),
    ],
)
def test_one_name_stands_alone(call):
    assert call() is not None
