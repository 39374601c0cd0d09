"""The heatmap: cells add up on every engine, and hold scikit-learn's metrics."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import sklearn.metrics as skm

from rai_scale.error_analysis import error_heatmap
from rai_scale.errors import ConfigError

LABELS = {"y_true": "y", "y_pred": "p"}


def table(rows=2000) -> pd.DataFrame:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"count": random.normal(size=rows), "kind": "a"})
    frame["kind"] = random.choice(["a", "b'", None], rows)
    frame.loc[::20, "count"] = None
    frame["y"], frame["p"] = random.integers(0, 2, rows), random.integers(0, 2, rows)
    return frame


@pytest.mark.parametrize("binning", ["equal_width", "quantile", {"count": [-1, 0, 1]}])
def test_cells_have_their_rows_and_metrics(engine_case, binning):
    if engine_case.name in ("spark", "connect"):
        pytest.skip("the operations of the tree")
    frame = table()
    made = engine_case.make(pa.Table.from_pandas(frame), 3)
    asked = {"features": ["count", "kind"], "binning": binning, "bins": 4, "metric": "f1_macro"}
    found = error_heatmap(made, **LABELS, **asked)
    assert len(found.cells) == 5 * 3
    assert found.cells["rows"].sum() == len(frame)
    assert found.cells["errors"].sum() == (frame["y"] != frame["p"]).sum()
    for number, cell in enumerate(found.cells.itertuples()):
        rows = found.cohort(number).filter(frame)
        assert (len(rows), (rows["y"] != rows["p"]).sum()) == (cell.rows, cell.errors)
        if cell.rows:
            wanted = skm.f1_score(rows["y"], rows["p"], average="macro", zero_division=0)
            assert cell.f1_macro == pytest.approx(wanted, abs=1e-12)
    assert found.matrix("rows").shape == (5, 3)
    if binning == "quantile":
        bounds = np.percentile(frame["count"].dropna(), [25, 50, 75])
        assert found.cells["count"].unique()[0] == f"count <= {float(bounds[0])!r}"
        assert found.matrix("rows").sum(axis=1).tolist() == [475, 475, 475, 475, 100]


def test_a_regression_adds_up_losses():
    frame = table().assign(y=lambda t: t["y"] * 2.5)
    found = error_heatmap(frame, **LABELS, features="kind", metric="mean_absolute_error")
    means = (frame["y"] - frame["p"]).abs().groupby(frame["kind"], dropna=False).mean()
    assert found.cells["error_rate"].tolist() == pytest.approx(means.tolist(), rel=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"features": ["count", "kind", "id"]}, "one or two features; found 3"),
        ({"binning": "equal"}, "binning must be equal_width, quantile or a mapping"),
        ({"binning": {"cuont": [1]}}, "Did you mean 'count'"),
        ({"binning": {"count": [1, 0]}}, "must increase"),
        ({"bins": 1}, "bins must be an integer of at least 2"),
        ({"features": ["id"], "categorical": "id"}, "more than 1,000 values"),
    ],
)
def test_bad_options_are_one_message(options, message):
    frame = table().assign(id=range(2000))
    with pytest.raises(ConfigError, match=message):
        error_heatmap(frame, **LABELS, **{"features": "count", **options})
