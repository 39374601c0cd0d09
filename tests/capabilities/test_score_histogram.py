"""Score histograms: scikit-learn's AUC and average precision, within what bins can have hidden."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from rai_scale.engines import engine_named
from rai_scale.errors import ConfigError, MissingColumnError
from rai_scale.statistics.histogram import DEFAULT_BINS, ScoreCells, score_cells
from rai_scale.statistics.keyed_hash import key_hashes, key_uniforms
from rai_scale.statistics.score_bins import bin_edges, bin_of
from rai_scale.statistics.score_metrics import auc_with_bound, average_precision_with_bound
from tests.capabilities.threshold_data import random_rows

LOCAL = engine_named("local")
METRICS = {
    roc_auc_score: auc_with_bound,
    average_precision_score: average_precision_with_bound,
}


def cells_of(frame, engine=LOCAL, **options) -> ScoreCells:
    return score_cells(engine, frame, groups=["group"], label="y", score="score", **options)


@pytest.mark.parametrize("sk", METRICS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("weight", [None, "w"])
def test_distinct_scores_give_scikit_learns_value(sk, weight):
    rows = random_rows(400, 1)
    rows["w"] = np.random.default_rng(0).uniform(0.5, 3, len(rows))
    found = METRICS[sk](cells_of(rows, sample_weight=weight))
    assert list(found.by_group["group"]) == ["a", "b", "c"]
    assert (found.by_group["bound"] == 0).all()
    for value, (_, part) in zip(found.by_group["value"], rows.groupby("group"), strict=True):
        theirs = sk(part["y"], part["score"], sample_weight=part[weight] if weight else None)
        assert value == pytest.approx(theirs, rel=1e-12)
    whole = sk(rows["y"], rows["score"], sample_weight=rows[weight] if weight else None)
    assert found.overall == (pytest.approx(whole, rel=1e-12), 0)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    bins=st.integers(1, 40),
    ties=st.sampled_from([1, 3, None]),
    weight=st.sampled_from([None, "w"]),
)
def test_law_the_rows_value_is_within_the_bound(seed, bins, ties, weight):
    rows = random_rows(120, seed, ties)
    rows["w"] = np.random.default_rng(seed).integers(1, 5, len(rows))
    cells = cells_of(rows, bins=bins, sample_weight=weight)
    assert not cells.exact
    for sk, ours in METRICS.items():
        found = ours(cells).by_group
        for (_, part), value, bound in zip(
            rows.groupby("group"), found["value"], found["bound"], strict=True
        ):
            theirs = sk(part["y"], part["score"], sample_weight=part[weight] if weight else None)
            assert abs(theirs - value) <= bound + 1e-12


def test_the_bounds_are_reached():
    scores = [0.1, 0.2, 0.3, 0.4]
    for labels in ([0, 0, 1, 1], [1, 1, 0, 0]):
        rows = pd.DataFrame({"group": "a", "y": labels, "score": scores})
        found = auc_with_bound(cells_of(rows, bins=1)).by_group.iloc[0]
        assert abs(found["value"] - roc_auc_score(labels, scores)) == found["bound"] == 0.5
    tied = pd.DataFrame({"group": "a", "y": [1, 1, 0, 0], "score": [0.4, 0.4, 0.2, 0.1]})
    found = average_precision_with_bound(cells_of(tied, bins=1)).by_group.iloc[0]
    assert (found["value"], found["bound"]) == (0.5, 0.5)


def test_every_engine_counts_alike(engine_case):
    rows = random_rows(300, 2)
    frame = engine_case.make(pa.Table.from_pandas(rows), 3)
    expected = (
        rows.groupby(["group", "score", "y"]).size().reset_index(name="count")
    )  # sorted as cells are
    found = cells_of(frame, engine_case.engine).frame()
    assert found["count"].tolist() == expected["count"].tolist()
    assert found["label"].tolist() == expected["y"].tolist()
    assert found["score"].tolist() == expected["score"].tolist()
    binned = cells_of(frame, engine_case.engine, bins=16).frame()
    upper = np.maximum(np.ceil(rows["score"] * 16), 1) / 16
    by_bin = rows.assign(score=upper).groupby(["group", "score", "y"]).size()
    assert binned["count"].tolist() == by_bin.tolist()
    assert binned["score"].tolist() == by_bin.index.get_level_values("score").tolist()


def test_bins_take_over_beyond_max_cells():
    rows = random_rows(300, 3, ties=None)
    assert cells_of(rows, max_cells=300).exact
    cells = cells_of(rows, max_cells=299)
    assert not cells.exact
    assert len(cells.edges) == DEFAULT_BINS + 1
    assert cells.count.sum() == 300
    assert auc_with_bound(cells).overall[1] < 1e-4


def test_a_score_is_above_an_edge_exactly_if_its_bin_is():
    edges = bin_edges(0.1, 0.9, 10)
    scores = np.r_[edges, np.nextafter(edges, 2), np.nextafter(edges[1:], 0)]
    bins = bin_of(scores.clip(0, 1), edges)
    for i, edge in enumerate(edges[1:-1], start=1):
        assert ((scores > edge) == (bins >= i)).all()
    assert list(bin_edges(-3, 5, 4)) == [-3, -1, 1, 3, 5]
    assert len(bin_edges(7, 7, 100)) == 2
    with pytest.raises(ConfigError, match="bins must be"):
        bin_edges(0, 1, 0)


@pytest.mark.parametrize("values", [(False, True), (-1, 1), (0.0, 1.0)], ids=str)
def test_two_valued_labels(values):
    rows = random_rows(60, 4)
    labels = pd.Series([values[y] for y in rows["y"]])
    assert cells_of(rows.assign(y=labels)).label.tolist() == cells_of(rows).label.tolist()


def test_other_labels_need_a_positive_one():
    rows = random_rows(60, 5)
    named = rows.assign(y=rows["y"].map({0: "repaid", 1: "late"}))
    with pytest.raises(ConfigError, match="2 distinct values") as no:
        cells_of(named)
    assert "late" not in str(no.value)
    cells = cells_of(named, pos_label="late")
    assert cells.count[cells.label == 1].sum() == rows["y"].sum()
    with pytest.raises(ConfigError, match="3 distinct values"):
        cells_of(rows.assign(y=[0, 1, 2] * 20), pos_label=1)


@pytest.mark.parametrize("options", [{}, {"bins": 4}], ids=str)
def test_what_cannot_be_counted(options):
    rows = random_rows(60, 6)
    for bad in (np.nan, np.inf):
        with pytest.raises(ConfigError, match="2 rows have no usable value in the score column"):
            cells_of(rows.assign(score=rows["score"].where(rows["id"] > 1, bad)), **options)
    with pytest.raises(ConfigError, match="2 rows have no usable value in the group column"):
        cells_of(rows.assign(group=rows["group"].where(rows["id"] > 1)), **options)
    with pytest.raises(ConfigError, match="2 rows have no usable value in the label column"):
        cells_of(rows.assign(y=rows["y"].where(rows["id"] > 1)), **options)
    with pytest.raises(ConfigError, match="no rows"):
        cells_of(rows.head(0), **options)
    with pytest.raises(ConfigError, match="must hold numbers"):
        cells_of(rows.assign(score=rows["score"].astype(str)), **options)
    with pytest.raises(MissingColumnError, match="Did you mean 'group'"):
        score_cells(LOCAL, rows, groups=["groups"], label="y", score="score", **options)


def test_one_label_has_no_auc():
    rows = random_rows(60, 7).assign(y=1)
    assert auc_with_bound(cells_of(rows)).by_group["value"].isna().all()
    assert (average_precision_with_bound(cells_of(rows)).by_group["value"] == 1).all()


def test_keyed_hash_belongs_to_the_value_not_to_its_type():
    numbers = [3, 70_000, -1]
    kinds = [pa.int64(), pa.int32(), pa.float64(), pa.decimal128(19, 0), pa.string()]
    base = pa.array(numbers)
    hashes = [key_hashes(pa.table({"k": base.cast(kind)}), 1).tolist() for kind in kinds[:4]]
    hashes.append(key_hashes(pa.table({"k": list(map(str, numbers))}), 1).tolist())
    assert all(found == hashes[0] for found in hashes)
    assert key_hashes(pa.table({"k": base}), 2).tolist() != hashes[0]
    null = pa.table({"k": pa.array([None, ""], pa.string())})
    assert len(set(key_hashes(null, 1).tolist())) == 2
    two = pa.table({"a": ["x", "y"], "b": ["y", "x"]})
    assert len(set(key_hashes(two, 1).tolist())) == 2
    assert key_hashes(two.select(["b", "a"]), 1).tolist() == key_hashes(two, 1).tolist()
    with pytest.raises(ConfigError, match="key column"):
        key_hashes(pa.table({"k": [[1]]}), 1)


def test_keyed_uniforms_are_uniform():
    draws = key_uniforms(pa.table({"id": range(20_000)}), 5)
    counts = np.histogram(draws, bins=20, range=(0, 1))[0]
    assert ((counts - 1000) ** 2 / 1000).sum() < 45  # chi-squared of 19, beyond 0.999
    again = key_uniforms(pa.table({"id": range(20_000)}), 6)
    assert abs(np.corrcoef(draws, again)[0, 1]) < 0.03
