"""EBMs from partitioned tables: against interpret alone, and the same however rows are cut."""

from __future__ import annotations

import inspect
from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from interpret.glassbox import (
    ExplainableBoostingClassifier,
    ExplainableBoostingRegressor,
    merge_ebms,
)
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from rai_scale.engines import engine_named
from rai_scale.errors import ConfigError, MissingColumnError, OptionError, WorkerError
from rai_scale.glassbox import EBMParams, Shards, train_ebm
from rai_scale.glassbox import ebm as ebm_module
from rai_scale.glassbox.bins import _ranks_of_all

FEATURES = ["a", "b", "kind"]
PARAMS = EBMParams(max_rounds=40, outer_bags=1, max_bins=64, max_interaction_bins=16)
FAST = {"ebm_params": PARAMS}
FEW = 200
"""Rows that a shard needs at least."""
PAIRS = [("a", "b"), ("b", "kind")]


def made_rows(rows: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"id": np.arange(rows), "a": rng.normal(size=rows).round(2)})
    frame["b"] = np.where(rng.random(rows) < 0.05, np.nan, rng.normal(size=rows))
    frame["kind"] = rng.choice(["x", "y", "z"], rows)
    signal = frame.a + 0.8 * frame.b.fillna(0) * frame.a + (frame.kind == "x")
    frame["value"] = signal + rng.normal(size=rows)
    frame["y"] = (frame.value > 0.5).astype(int)
    frame["three"] = np.digitize(frame.value, [-0.5, 1.0])
    return frame


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return made_rows(1600)


def sorted_rows(frame: pd.DataFrame, target: str) -> pd.DataFrame:
    """Put rows in the order in which a shard is fitted."""
    code = frame.kind.map({"x": 0, "y": 1, "z": 2})
    order = np.lexsort([frame.a, frame.b, code, frame[target]])
    return frame.iloc[order].reset_index(drop=True)


def same_model(one, other, intercept: float = 0.0) -> None:
    assert one.term_features_ == other.term_features_
    for name in ("term_scores_", "bin_weights_", "bagged_scores_"):
        for ours, theirs in zip(getattr(one, name), getattr(other, name), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_allclose(one.intercept_, other.intercept_, rtol=0, atol=intercept)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_terms_of_one_shard_are_interprets_own_to_the_bit(rows, task):
    target = "y" if task == "classification" else "value"
    found = train_ebm(rows, features=FEATURES, y_true=target, shards=1, interactions=PAIRS, **FAST)
    made = {
        "classification": ExplainableBoostingClassifier,
        "regression": ExplainableBoostingRegressor,
    }[task]
    model = made(
        interactions=PAIRS,
        max_rounds=40,
        outer_bags=1,
        max_bins=64,
        max_interaction_bins=16,
        random_state=0,
        n_jobs=1,
    )
    ordered = sorted_rows(rows, target)
    with pytest.warns(UserWarning, match="Missing values"):
        model.fit(ordered[FEATURES], ordered[target])
    assert found.task == task
    assert type(found.model) is made
    # terms are added in another order before the last correction of the intercept
    same_model(found.model, model, intercept=1e-12)
    assert found.model.term_names_ == model.term_names_
    assert found.model.explain_global().data() is not None


def test_shards_merge_as_interpret_merges_models_with_shared_cuts(rows):
    found = train_ebm(
        rows, features=FEATURES, y_true="y", shards=Shards(3, FEW), interactions=PAIRS, **FAST
    )
    assert sum(found.shard_rows) == len(rows)
    assert max(found.shard_rows) - min(found.shard_rows) < 20
    for column, bins in zip(found.columns, found.model.bins_, strict=True):
        if column.kind == "continuous":
            assert tuple(bins[0]) == column.cuts  # no shard brought cuts of its own
            assert tuple(bins[1]) == column.pair_cuts
    total = [weights.sum() for weights in found.model.bin_weights_]
    np.testing.assert_allclose(total, len(rows))
    assert roc_auc_score(rows.y, found.model.predict_proba(rows[FEATURES])[:, 1]) > 0.8
    assert "ExplainableBoostingClassifier" in repr(found.model)
    assert clone(found.model).get_params()["max_rounds"] == 40
    assert merge_ebms([found.model, found.model]).term_names_ == found.model.term_names_


@pytest.fixture(scope="module")
def alone(rows):
    return train_ebm(
        rows, features=FEATURES, y_true="y", shards=Shards(2, FEW), interactions=1, **FAST
    )


def test_engines_partitions_and_row_order_agree_to_the_bit(cluster_case, rows, alone):
    shuffled = rows.sample(frac=1, random_state=3)
    table = pa.Table.from_pandas(shuffled, preserve_index=False)
    frame = cluster_case.make(table, 3)
    found = train_ebm(
        frame, features=FEATURES, y_true="y", shards=Shards(2, FEW), interactions=1, **FAST
    )
    assert (found.pairs, found.shard_rows) == (alone.pairs, alone.shard_rows)
    same_model(found.model, alone.model)


def test_sorted_data_do_no_harm():
    frame = made_rows(6000, seed=4)
    rest = made_rows(4000, seed=5)
    ordered = frame.sort_values("a", ignore_index=True)
    options = {"ebm_params": replace(PARAMS, max_rounds=150), "interactions": 0}
    guarded = train_ebm(ordered, features=FEATURES, y_true="y", shards=Shards(4, FEW), **options)
    single = train_ebm(ordered, features=FEATURES, y_true="y", shards=1, **options)
    naive = merge_ebms(
        [
            train_ebm(part, features=FEATURES, y_true="y", shards=1, **options).model
            for part in (ordered[start : start + 1500] for start in range(0, 6000, 1500))
        ]
    )
    auc = {
        name: roc_auc_score(rest.y, model.predict_proba(rest[FEATURES])[:, 1])
        for name, model in (
            ("guarded", guarded.model),
            ("single", single.model),
            ("naive", naive),
        )
    }
    assert abs(auc["guarded"] - auc["single"]) < 0.004, auc
    assert auc["naive"] < auc["single"] - 0.03, auc


def test_all_rows_are_counted_where_the_sample_is_not_all(monkeypatch, rows):
    whole = train_ebm(rows, features=FEATURES, y_true="y", shards=1, interactions=0, **FAST)
    monkeypatch.setattr(ebm_module, "SAMPLE_ROWS", 800)
    part = train_ebm(rows, features=FEATURES, y_true="y", shards=1, interactions=0, **FAST)
    for column, other in zip(whole.columns, part.columns, strict=True):
        assert column.categories == other.categories
        assert len(column.cuts) == len(other.cuts)


@pytest.mark.parametrize("name", ["a", "b"])
def test_quantiles_of_counted_rows_are_off_by_one_cell_at_most(rows, name):
    values, sampled = np.sort(rows[name].dropna()), rows[name][::2].dropna().to_numpy()
    found = _ranks_of_all(engine_named("local"), rows, {name: sampled})[name]
    assert len(found) == len(values)
    starts = np.searchsorted(values, np.unique(sampled)[1:])
    widest = np.diff([0, *starts, len(values)]).max()
    assert widest < 20
    assert np.abs(np.arange(len(values)) - np.searchsorted(values, found)).max() <= widest


def test_three_classes_and_weights(rows):
    found = train_ebm(
        rows.assign(w=1.0 + (rows.a > 0)), features=FEATURES, y_true="three",
        task="classification", shards=Shards(2, FEW), sample_weight="w", **FAST,
    )  # fmt: skip
    assert found.pairs == ()
    assert found.model.predict_proba(rows[FEATURES]).shape == (len(rows), 3)
    assert (found.model.predict(rows[FEATURES]) == rows.three).mean() > 0.5
    np.testing.assert_allclose(found.model.bin_weights_[0].sum(), (1.0 + (rows.a > 0)).sum())


def test_a_rare_class_is_in_every_shard_and_shards_are_fewer_where_rows_are(rows):
    rare = rows.sort_values("y").assign(y=lambda f: (np.arange(len(f)) < 25).astype(int))
    found = train_ebm(
        rare, features=FEATURES, y_true="y", shards=Shards(2, FEW), interactions=0, **FAST
    )
    assert len(found.shard_rows) == 2
    found = train_ebm(
        rare, features=FEATURES, y_true="y", shards=Shards(4, FEW), interactions=0, **FAST
    )
    assert len(found.shard_rows) == 2
    assert "10 rows of every class" in found.notes[0]
    found = train_ebm(
        rows, features=FEATURES, y_true="y", shards=Shards(4, 700), interactions=0, **FAST
    )  # fmt: skip
    assert len(found.shard_rows) == 2
    assert "at least 700 rows" in found.notes[0]


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"y_true": "constant"}, ConfigError, "1 class; at least two are needed"),
        ({"y_true": "holed"}, ConfigError, "1 rows have no usable value in the y_true"),
        ({"features": ["a", "bb"]}, MissingColumnError, "Did you mean"),
        ({"features": ["a", "y"]}, ConfigError, "cannot be features"),
        ({"feature_types": {"a": "nominl"}}, ConfigError, "Did you mean 'nominal'"),
        ({"feature_types": {"a": [2, 1]}}, ConfigError, "increasing"),
        ({"feature_types": {"a": [1, 1]}}, ConfigError, "increasing"),
        ({"feature_types": {"kind": "continuous"}}, ConfigError, "cannot be continuous"),
        ({"interactions": "three"}, ConfigError, "number of pairs"),
        ({"interactions": [("a", "a")]}, ConfigError, "two different features"),
        (
            {"key_columns": ["kind"], "shards": Shards(4, FEW)},
            ConfigError,
            "too few distinct values",
        ),
        ({"sample_weight": "zero"}, (ConfigError, WorkerError), "above 0"),
        ({"shards": 0}, OptionError, "at least 1"),
    ],
)
def test_what_cannot_be_trained_is_refused(rows, changed, error, words):
    frame = rows.assign(constant=1, zero=0.0, holed=rows.y.where(rows.id != 4))
    options = {"features": FEATURES, "y_true": "y", "interactions": 0, **FAST, **changed}
    with pytest.raises(error, match=words):
        train_ebm(frame, **options)


def test_own_cuts_are_used(rows):
    found = train_ebm(
        rows, features=FEATURES, y_true="y", shards=Shards(2, FEW), interactions=0,
        feature_types={"a": [-1, 0, 1]}, **FAST,
    )  # fmt: skip
    assert found.model.bins_[0][0].tolist() == [-1, 0, 1]


@pytest.mark.reference
@pytest.mark.full
def test_credit_data_from_four_shards_are_as_good_as_from_one_machine(reference_data):
    table = pd.read_csv(reference_data / "UCI_Credit_Card.csv")
    target = "default.payment.next.month"
    features = [name for name in table.columns if name not in ("ID", target)]
    train, test = train_test_split(table, test_size=0.3, random_state=0, stratify=table[target])
    train = train.reset_index(drop=True)
    alone = ExplainableBoostingClassifier(
        outer_bags=8, n_jobs=1, random_state=0, interactions=10, max_interaction_bins=32
    )
    alone.fit(train[features], train[target])
    found = train_ebm(
        train, features=features, y_true=target, shards=4, key_columns=["ID"], interactions=10
    )
    areas = [
        roc_auc_score(test[target], model.predict_proba(test[features])[:, 1])
        for model in (alone, found.model)
    ]
    assert len(found.shard_rows) == 4
    assert areas[1] > areas[0] - 0.002, areas


def test_rows_that_repeat_need_keys_and_categories_alone_merge():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.choice(list("ab"), 4_000), "b": rng.choice(list("cdef"), 4_000)})
    frame["y"] = (rng.random(4_000) < np.where(frame.a == "a", 0.2, 0.7)).astype(int)
    options = {
        "features": ["a", "b"],
        "y_true": "y",
        "shards": Shards(2, FEW),
        "interactions": 0,
        **FAST,
    }
    with pytest.raises(ConfigError, match="most rows are duplicates"):
        train_ebm(frame, **options)
    found = train_ebm(frame.assign(id=range(4_000)), key_columns=["id"], **options)
    assert len(found.shard_rows) == 2
    rate = found.model.predict_proba(frame[["a", "b"]])[:, 1]
    assert rate[frame.a == "a"].mean() + 0.1 < rate[frame.a == "b"].mean()
    assert np.isnan(found.model.feature_bounds_).all()


def test_the_parameters_are_those_of_interpret():
    """A new version of interpret may have others; then the options follow."""
    own = {"features", "feature_names", "feature_types", "interactions", "exclude", "callback"}
    own |= {"random_state", "self"}
    for made in (ExplainableBoostingClassifier, ExplainableBoostingRegressor):
        theirs = set(inspect.signature(made.__init__).parameters) - own
        assert {field.name for field in fields(EBMParams)} == theirs


@pytest.mark.parametrize(
    "options", [{"max_bins": 1}, {"outer_bags": 0}, {"max_rounds": 0}, {"learning_rate": 0.0}]
)
def test_parameters_are_checked_when_they_are_made(options):
    with pytest.raises(OptionError, match=next(iter(options))):
        EBMParams(**options)
