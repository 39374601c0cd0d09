"""The private mode of the error tree and the heatmap: one release, and nothing but that."""

from __future__ import annotations

import dask.dataframe as dd
import duckdb
import numpy as np
import pandas as pd
import pytest

from rai_scale.error_analysis import (
    DeclaredBins,
    error_heatmap,
    error_tree,
    release_errors,
)
from rai_scale.errors import BudgetExceededError, ConfigError, MissingColumnError, OptionError
from rai_scale.privacy import Privacy, open_ledger

RNG = np.random.default_rng(3)
N = 6000
EDGES = [-1.0, -0.5, 0.0, 0.5, 1.0]
ROWS = pd.DataFrame(
    {
        "person": np.arange(N),
        "a": np.round(RNG.normal(size=N), 3),
        "b": RNG.choice([1.0, 2.0, np.nan], N, p=[0.4, 0.5, 0.1]),
        "c": RNG.choice(["u", "v", "w", "rare"], N, p=[0.4, 0.3, 0.28, 0.02]),
        "y": 0,
    }
)
RATE = np.where((ROWS["a"] > 0.5) & (ROWS["c"] == "u"), 0.6, 0.1)
ROWS["p"] = (RNG.random(N) < RATE).astype(int)
BINS = DeclaredBins(bounds={"a": EDGES, "b": [1.5]}, categories={"c": ["u", "v", "w"]})
LABELS = {"y_true": "y", "y_pred": "p"}
EXACT = Privacy(privacy_unit="person", epsilon=1e6, ledger="none")  # noise that rounds to 0
pytestmark = pytest.mark.filterwarnings("ignore::rai_scale.privacy.PrivacyWarning")


def binned(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with one value per declared bin."""
    values = np.array([*EDGES, np.nextafter(1, 2)])
    places = np.searchsorted(EDGES, frame["a"])
    return frame.assign(a=values[places], c=frame["c"].where(frame["c"] != "rare"))


def test_without_noise_the_tree_is_that_of_the_declared_bins():
    tree = error_tree(ROWS, **LABELS, privacy=EXACT, declared=BINS)
    plain = error_tree(binned(ROWS), **LABELS, features=["a", "b", "c"], min_child_samples=30)
    shown = ["depth", "rows", "errors", "feature"]
    own, other = (made.nodes[shown].sort_values(shown, ignore_index=True) for made in (tree, plain))
    pd.testing.assert_frame_equal(own, other)
    assert tree.nodes["threshold"].dropna().isin([*EDGES, 1.5, np.inf]).all()
    worst = tree.cohort(int(tree.leaves["node"].iloc[0]))
    assert worst.count(ROWS) == tree.leaves["rows"].iloc[0]
    assert tree.nodes["p_adjusted"].isna().all()
    assert tree.to_dict()["settings"]["privacy"]["epsilon"] == 1e6
    with pytest.raises(ConfigError, match="not counted on other rows"):
        tree.on(ROWS)


def test_without_noise_the_heatmap_is_that_of_the_declared_bins():
    made = error_heatmap(ROWS, **LABELS, features=["c", "a"], privacy=EXACT, declared=BINS)
    plain = error_heatmap(
        ROWS[ROWS["c"] != "rare"], **LABELS, features=["c", "a"], binning={"a": EDGES}
    )
    known = made.cells[made.cells["rows"] > 0]
    both = known.merge(plain.cells, on=["c", "a"], suffixes=("", "_plain"))
    assert len(both) == len(plain.cells) == 18
    assert both["rows"].equals(both["rows_plain"])
    assert both["errors"].equals(both["errors_plain"])
    enough = both["rows"] >= 30
    assert np.allclose(both["low"][enough], both["low_plain"][enough], atol=1e-6)
    rest = made.cells[made.cells["c"].str.startswith("not")]
    assert rest["rows"].sum() == (ROWS["c"] == "rare").sum()
    numbers = range(len(made.cells))
    assert [made.cohort(n).count(ROWS) for n in numbers] == made.cells["rows"].tolist()


def test_engines_release_the_same_counts():
    expected = release_errors(ROWS, **LABELS, privacy=EXACT, declared=BINS).counts
    assert expected.shape == (7, 3, 4, 2)
    assert expected.sum() == N
    objects = ROWS.assign(p=ROWS["p"].astype(object), c=ROWS["c"].astype(object))
    for frame in (duckdb.from_df(ROWS), dd.from_pandas(objects, npartitions=3)):
        counts = release_errors(frame, **LABELS, privacy=EXACT, declared=BINS).counts
        assert np.array_equal(counts, expected)


def test_at_most_max_rows_of_a_person_are_counted_and_odd_rows_are_not():
    rows = ROWS.assign(person=ROWS["person"] // 10)
    odd = rows.assign(p=rows["p"].astype(float).where(rows.index % 2 == 0))
    for most in (1, 3):
        declared = DeclaredBins(bounds={"a": EDGES}, max_rows=most)
        counts = release_errors(rows, **LABELS, privacy=EXACT, declared=declared).counts
        assert counts.sum() == most * N / 10
    declared = DeclaredBins(bounds={"a": EDGES}, max_rows=10)
    assert release_errors(odd, **LABELS, privacy=EXACT, declared=declared).counts.sum() == N / 2


def test_tree_and_heatmap_of_one_release_are_charged_once_and_before_reading(tmp_path):
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db", force_ephemeral=True)
    ledger.create_scope("people", epsilon=1)
    privacy = Privacy(
        privacy_unit="person",
        epsilon=1,
        ledger=ledger,
        scope="people",
        dataset="rows",
        snapshot="1",
    )
    tree = error_tree(ROWS, **LABELS, privacy=privacy, declared=BINS)
    again = error_heatmap(ROWS, **LABELS, features="a", privacy=privacy, declared=BINS)
    assert tree.nodes["rows"].iloc[0] == again.cells["rows"].sum()
    unread = duckdb.sql("SELECT 1 AS person, error('read')::DOUBLE AS a, 0 AS y, 0 AS p")
    other = DeclaredBins(bounds={"a": [0]})
    with pytest.raises(BudgetExceededError):
        error_tree(unread, **LABELS, privacy=privacy, declared=other)


def test_with_noise_the_structure_is_found_and_intervals_hold_the_truth():
    privacy = Privacy(privacy_unit="person", epsilon=1, ledger="none")
    released = release_errors(ROWS, **LABELS, privacy=privacy, declared=BINS)
    assert released.noise.scale == pytest.approx(1)
    tree = released.tree(max_depth=2, features=["a", "c"])
    worst = tree.leaves.iloc[0]
    assert {"a", "c"} == set(tree.features)
    assert worst["low"] < 0.6 < worst["high"]
    assert worst["high"] - worst["low"] > 0.05
    small = DeclaredBins(bounds={"a": EDGES})
    few = release_errors(ROWS.head(40), **LABELS, privacy=privacy, declared=small)
    assert len(few.tree().nodes) == 1  # all else would be mostly noise
    assert few.heatmap("a").cells["error_rate"].isna().all()


@pytest.mark.proof
def test_intervals_of_noisy_cells_cover():
    privacy = Privacy(privacy_unit="person", epsilon=0.5, ledger="none")
    declared = DeclaredBins(bounds={"a": [-0.5, 0.5]}, categories={"c": ["u", "v", "w"]})
    hits = []
    for seed in range(300):
        random = np.random.default_rng(seed)
        rows = ROWS.assign(p=(random.random(N) < RATE).astype(int))
        cells = release_errors(rows, **LABELS, privacy=privacy, declared=declared)
        for name in ("a", "c"):
            made = cells.heatmap(name)
            for at, row in made.cells.iterrows():
                if not np.isnan(row["error_rate"]):
                    inside = made.cohort(at).filter(ROWS).index
                    truth = RATE[inside].mean()
                    hits.append(row["low"] <= truth <= row["high"])
    assert len(hits) > 1000
    assert 0.945 <= np.mean(hits) <= 0.985


def test_what_has_no_private_form_is_refused():
    for options, said in (
        ({"privacy": EXACT}, "need each other"),
        ({"privacy": EXACT, "declared": BINS, "metric": "f1"}, "metric cannot be used"),
        ({"privacy": EXACT, "declared": BINS, "where": "a > 0"}, "where cannot be used"),
    ):
        with pytest.raises(ConfigError, match=said):
            error_tree(ROWS, **LABELS, **options)
    with pytest.raises(MissingColumnError):
        error_tree(ROWS, **LABELS, features="y", privacy=EXACT, declared=BINS)
    role = DeclaredBins(bounds={"person": [3]})
    with pytest.raises(ConfigError, match="one role"):
        error_tree(ROWS, **LABELS, privacy=EXACT, declared=role)
    for options in ({}, {"bounds": {"a": [2, 1]}}, {"bounds": {"a": [1]}, "max_rows": 0}):
        with pytest.raises(OptionError):
            DeclaredBins(**options)
