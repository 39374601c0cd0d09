"""Slices: the same on every engine and with or without cells, tests after the search, odd input."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from rai_scale.error_analysis import find_slices
from rai_scale.error_analysis.slices import items
from rai_scale.errors import ConfigError

LABELS = {"y_true": "y", "y_pred": "p"}


def table(rows=3000, effect=0.3) -> pd.DataFrame:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"count": random.normal(size=rows), "x y.z": random.integers(0, 4, rows)})
    frame["kind"] = random.choice(["a", "b'", None], rows)
    frame.loc[::20, "count"] = None
    frame["flag"], frame["id"] = random.random(rows) < 0.5, np.arange(rows)
    wrong = random.random(rows) < 0.1 + effect * (frame["kind"].isna() & (frame["x y.z"] == 2))
    return frame.assign(y=0, p=wrong.astype(int))


def test_slices_are_the_same_on_every_engine(engine_case, monkeypatch):
    if engine_case.name in ("spark", "connect"):
        pytest.skip("the operations of the tree")
    frame = table().drop(columns="id")
    made = engine_case.make(pa.Table.from_pandas(frame), 3)
    found = find_slices(made, **LABELS, min_rows=50, bins=4)
    assert found.table.loc[0, "slice"] in (
        '"x y.z" = 2 and kind is null',
        'kind is null and "x y.z" = 2',
    )
    assert found.table.loc[0, ["significant", "redundant"]].tolist() == [True, False]
    for number, row in enumerate(found.table.itertuples()):
        rows = found.cohort(number).filter(frame)
        assert (len(rows), (rows["y"] != rows["p"]).sum()) == (row.rows, row.errors)
    monkeypatch.setattr(items, "MAX_CELLS", 10)
    counted = find_slices(made, **LABELS, min_rows=50, bins=4)
    pd.testing.assert_frame_equal(counted.table, found.table)


def test_no_slice_is_lost_by_the_bounds():
    frame = table()
    names = ["x y.z", "kind", "flag"]
    for score, alpha in (("sliceline", 0.95), ("sliceline", 0.6), ("divergence", 0.95)):
        asked = {"features": names, "score": score, "alpha": alpha, "k": 5, "min_rows": 40}
        found = find_slices(frame, **LABELS, **asked).table
        n, mean = len(frame), frame["p"].mean()
        scores = []
        for size in (1, 2, 3):
            for chosen in combinations(names, size):
                groups = frame.groupby(list(chosen), dropna=False)["p"].agg(["size", "mean"])
                groups = groups[groups["size"] >= 40]
                small = (1 - alpha) * (n / groups["size"] - 1)
                lift = alpha * (groups["mean"] / mean - 1)
                scores += list(lift - small if score == "sliceline" else groups["mean"] - mean)
        best = sorted((s for s in scores if s > 0), reverse=True)[:5]
        assert found["score"].tolist() == pytest.approx(best, abs=1e-12)


def test_the_other_half_confirms_what_is_there_and_not_what_is_chance():
    found = find_slices(table(), **LABELS, confirm_by="id", min_rows=50, features=["x y.z", "kind"])
    assert found.table.loc[0, "confirmed"]
    assert found.rows == pytest.approx(1500, abs=120)
    assert "other" in found.summary()
    chance = find_slices(table(effect=0), **LABELS, confirm_by="id", min_rows=50, bins=5)
    assert not chance.table["significant"].any()
    assert not chance.table["confirmed"].any()


def test_without_errors_there_is_no_slice():
    assert not len(find_slices(table().assign(p=0), **LABELS).table)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": 0}, "depth must be an integer of at least 1"),
        ({"score": "slice"}, "score must be 'sliceline' or 'divergence'.*Did you mean 'sliceline'"),
        ({"alpha": 0}, "alpha must be above 0"),
        ({"categorical": ["id"]}, "'id' has more than 1,000 values"),
        ({"features": ["p"]}, "is also the label"),
    ],
)
def test_bad_options_are_one_message(options, message):
    with pytest.raises(ConfigError, match=message):
        find_slices(table(), **LABELS, **options)
