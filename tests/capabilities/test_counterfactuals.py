"""Counterfactuals: those of dice-ml, the same on every engine, permitted, and with a reason."""

from __future__ import annotations

import random

import dask.dataframe as dd
import duckdb
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from rai_scale.error_analysis import counterfactual_rows, counterfactuals
from rai_scale.errors import ConfigError, MissingColumnError, MissingExtraError
from rai_scale.models import Background
from rai_scale.statistics.keyed_hash import key_hashes

dice_ml = pytest.importorskip("dice_ml", reason="dice-ml is not installed: make setup installs it")

RNG = np.random.default_rng(1)
N = 300
FEATURES = ["age", "income", "city"]
ROWS = pd.DataFrame(
    {
        "id": np.arange(N),
        "age": RNG.integers(18, 80, N),
        "income": RNG.integers(40, 160, N) / 2,  # exact in float32, as dice-ml holds it
        "city": RNG.choice(["Bonn", "Lyon", "Oslo"], N),
    }
)
LABELS = (ROWS["age"] / 20 + ROWS["income"] / 20 + (ROWS["city"] == "Lyon") > 5.5).astype(int)
ENCODER = make_column_transformer((OneHotEncoder(), ["city"]), remainder=StandardScaler())
MODEL = make_pipeline(ENCODER, LogisticRegression()).fit(ROWS[FEATURES], LABELS)


def plain(found: pd.DataFrame) -> pd.DataFrame:
    """Return the rows in one order, with one type of text and of missing values."""
    frame = found.astype(dict.fromkeys(("city", "changed", "note"), object))
    frame = frame.where(frame.notna(), None).sort_values(["id", "counterfactual"])
    return frame.reset_index(drop=True)


FULL = pytest.mark.full


@pytest.mark.parametrize(
    "method", ["random", pytest.param("genetic", marks=FULL), pytest.param("kdtree", marks=FULL)]
)
def test_they_are_those_that_dice_ml_finds(method):
    import pyarrow as pa

    asked = ROWS.head(5)
    own = ["age", "income", "city"]
    found = counterfactuals(
        MODEL,
        asked,
        ROWS,
        features=FEATURES,
        total=3,
        method=method,
        background=Background(frame=ROWS),
    )
    data = dice_ml.Data(
        dataframe=ROWS[own].assign(y=0),
        continuous_features=["age", "income"],
        outcome_name="y",
    )
    seeds = key_hashes(pa.Table.from_pandas(asked[FEATURES], preserve_index=False), 0)
    compared = 0
    for at in range(len(asked)):
        random.seed(int(seeds[at]))
        np.random.seed(int(seeds[at]) % 2**32)
        model = dice_ml.Model(model=MODEL, backend="sklearn")
        made = dice_ml.Dice(data, model, method=method).generate_counterfactuals(
            asked[own].iloc[[at]],
            total_CFs=3,
            permitted_range={"city": sorted(ROWS["city"].unique())},
            posthoc_sparsity_algorithm="binary",
        )
        sparse = made.cf_examples_list[0].final_cfs_df_sparse[own].reset_index(drop=True)
        mine = found[(found["id"] == at) & (found["counterfactual"] > 0)][own]
        wanted = 1 - MODEL.predict(asked[FEATURES].iloc[[at]])[0]
        valid = sparse[MODEL.predict(sparse[FEATURES]) == wanted].drop_duplicates()
        rows = set(mine.itertuples(index=False, name=None))
        assert set(valid.itertuples(index=False, name=None)) <= rows
        assert len(rows) <= 3
        compared += len(valid)
    assert compared >= 10


def test_engines_and_partitions_give_the_same():
    asked = ROWS.head(3)
    options = {"features": FEATURES, "total": 2, "permitted": {"age": (30, 60)}}
    expected = plain(counterfactuals(MODEL, asked, ROWS, **options))
    assert set(expected["counterfactual"]) == {0, 1, 2}
    changed = expected["changed"].fillna("").str.contains("age")
    assert expected.loc[changed, "age"].between(30, 60).all()
    after = MODEL.predict_proba(expected[FEATURES].infer_objects())[:, 1]
    assert np.allclose(after, expected["prediction"].astype(float))
    for rows in (
        dd.from_pandas(asked, npartitions=3),
        duckdb.from_df(asked),
    ):
        found = counterfactuals(MODEL, rows, dd.from_pandas(ROWS, npartitions=2), **options)
        table = found.compute() if hasattr(found, "compute") else found
        table = table.df() if isinstance(table, duckdb.DuckDBPyRelation) else table
        pd.testing.assert_frame_equal(plain(table), expected, check_dtype=False)


@pytest.mark.parametrize("method", ["random", "kdtree", pytest.param("genetic", marks=FULL)])
def test_a_row_without_a_counterfactual_says_so(method):
    asked = ROWS.head(3).astype({"age": "Int64"})
    asked.loc[1, "age"] = None
    asked.loc[2, "city"] = "Rome"
    found = counterfactuals(
        lambda rows: np.where(rows["age"] > 40, 0.9, 0.1),
        asked,
        ROWS,
        features=FEATURES,
        features_to_vary="income",
        desired_range=(0.95, 1),
        method=method,
    )
    assert found["counterfactual"].tolist() == [0, 0, 0]
    notes = found["note"].tolist()
    assert notes[0].startswith("no counterfactual found")
    assert notes[1:] == [
        "a feature is missing, infinite or too large",
        "a category does not occur in the frame",
    ]
    assert pd.isna(found["prediction"].tolist()[1])


def test_classes_ranges_and_categories_of_numbers():
    many = make_pipeline(ENCODER, LogisticRegression()).fit(ROWS[FEATURES], ROWS["age"] // 30)
    found = counterfactuals(many, ROWS.head(4), ROWS, features=FEATURES, desired_class=2, total=1)
    new = found[found["counterfactual"] == 1]
    assert (many.predict(new[FEATURES]) == 2).all()
    assert len(new) + found["note"].notna().sum() == 4
    numbers = ROWS[["age", "income"]].assign(kind=ROWS["age"] % 3)
    line = LinearRegression().fit(numbers, numbers["income"] + 100 * numbers["kind"])
    found = counterfactuals(
        line,
        numbers.head(3),
        numbers,
        features=list(numbers),
        categorical="kind",
        permitted={"kind": [2]},
        features_to_vary=["kind"],
        desired_range=(220, 320),
        total=1,
    )
    new = found[found["counterfactual"] == 1]
    assert len(new)
    assert set(new["kind"]) == {2}
    assert new["prediction"].between(220, 320).all()
    assert set(new["changed"]) == {"kind"}


def test_what_cannot_be_asked_is_refused(monkeypatch):
    line = LinearRegression().fit(ROWS[["age", "income"]], ROWS["age"])
    numbers = {"features": ["age", "income"]}
    for model, options, said in (
        (MODEL, {"method": "kdtre"}, "Did you mean 'kdtree'"),
        (MODEL, {"total": 0}, "total must be"),
        (MODEL, {"desired_range": (0, 1)}, "desired_class"),
        (MODEL, {"permitted": {"age": [1]}}, "lowest and the highest"),
        (MODEL, {"permitted": {"age": [30.2, 30.8]}}, "no integer"),
        (MODEL, {"permitted": {"city": ["Rome"]}}, "does not occur"),
        (line, numbers, "desired_range must be"),
    ):
        with pytest.raises(ConfigError, match=said):
            counterfactuals(model, ROWS.head(1), ROWS, **{"features": FEATURES, **options})
    with pytest.raises(MissingColumnError):
        counterfactuals(MODEL, ROWS.head(1), ROWS, features=FEATURES, permitted={"agee": (1, 2)})
    renamed = ROWS.head(1).rename(columns={"id": "note"})
    with pytest.raises(ConfigError, match="named 'note'"):
        counterfactuals(MODEL, renamed, ROWS, features=FEATURES)
    monkeypatch.setattr(counterfactual_rows, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"rai-scale\[counterfactuals\]"):
        counterfactuals(MODEL, ROWS.head(1), ROWS, features=FEATURES)
