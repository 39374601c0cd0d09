"""Error analysis on classic Spark and on Connect: the answers are those of pandas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression

from rai_scale.error_analysis import (
    DeclaredBins,
    cohort_rows,
    compare_cohorts,
    counterfactuals,
    error_drift,
    error_heatmap,
    find_slices,
    release_errors,
    surrogate,
    what_if,
)
from rai_scale.privacy import Privacy
from tests.conftest import engine_params, make_case

RNG = np.random.default_rng(4)
N = 600
ROWS = pd.DataFrame(
    {
        "id": np.arange(N),
        "age": RNG.integers(18, 80, N),
        "income": RNG.integers(40, 160, N) / 2,
        "city": RNG.choice(["Bonn", "Lyon", "Oslo"], N),
    }
)
ROWS["y"] = (ROWS["age"] / 20 + ROWS["income"] / 20 > 4.5).astype(int)
ROWS["p"] = np.where((ROWS["city"] == "Lyon") & (ROWS["age"] > 50), 1 - ROWS["y"], ROWS["y"])
NUMBERS = ["age", "income"]
MODEL = LogisticRegression().fit(ROWS[NUMBERS], ROWS["y"])
LABELS = {"y_true": "y", "y_pred": "p"}
COHORTS = {"young": "age < 40", "old": "age >= 40"}
PRIVACY = Privacy(privacy_unit="id", epsilon=1e6, ledger="none")  # noise that rounds to 0
BINS = DeclaredBins(bounds={"age": [30, 50]}, categories={"city": ["Bonn", "Lyon"]})


def changed(frame: Any) -> pd.DataFrame:
    """Return counterfactuals of a few rows of a frame."""
    few = frame[frame["id"] < 4][["id", *NUMBERS]]
    made = counterfactuals(MODEL, few, frame, features=NUMBERS, total=2)
    table = made if isinstance(made, pd.DataFrame) else made.toPandas()
    shown = table.sort_values(["id", "counterfactual"], ignore_index=True)
    return shown.astype({"changed": object, "note": object}).fillna("")


CHECKS = {
    "counterfactuals": changed,
    "surrogate": lambda f: surrogate(f, MODEL, features=NUMBERS, kind="tree").fidelity,
    "what_if": lambda f: what_if(
        MODEL,
        cohort_rows(f, "age > 30", **LABELS, columns=NUMBERS, rows=3).drop(columns="wrong"),
        {"income": 30.0},
    ).predictions,
    "slices": lambda f: find_slices(
        f, **LABELS, features=["age", "city"], min_rows=20, confirm_by="id"
    ).table,
    "heatmap": lambda f: error_heatmap(f, **LABELS, features=["age", "city"]).cells,
    "cohorts": lambda f: compare_cohorts(f, COHORTS, **LABELS, features=["income"]).values,
    "drift": lambda f: error_drift(f, f, **LABELS, features=["age", "city"]).nodes,
    "private": lambda f: release_errors(
        f, **LABELS, privacy=PRIVACY, declared=BINS
    ).tree().nodes.drop(columns="values"),
}  # fmt: skip


CHEAP = ("counterfactuals", "surrogate", "private")


@pytest.mark.filterwarnings("ignore::rai_scale.privacy.PrivacyWarning")
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("spark", marks=[pytest.mark.spark, pytest.mark.proof]),
        *engine_params(["connect"]),
    ],
)
@pytest.mark.parametrize(
    "names",
    [
        pytest.param(CHEAP, marks=pytest.mark.full),
        pytest.param([name for name in CHECKS if name not in CHEAP], marks=pytest.mark.proof),
    ],
    ids=["workers and releases", "counts"],
)
def test_spark_gives_what_pandas_gives(kind, names, request):
    case = make_case(kind, request)
    frame = case.make(pa.Table.from_pandas(ROWS, preserve_index=False), 3)
    for name in names:
        found, expected = CHECKS[name](frame), CHECKS[name](ROWS)
        pd.testing.assert_frame_equal(found, expected, check_dtype=False, obj=name, rtol=1e-9)
