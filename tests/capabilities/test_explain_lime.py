"""LIME: each row as interpret explains that row alone under the row's seed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from interpret.blackbox import LimeTabular
from lime.lime_tabular import LimeTabularExplainer
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from rai_scale.errors import ConfigError
from rai_scale.explanations import ValueSampling, explain, lime_seeds

FEATURES = ["age", "income", "debt", "years"]
RNG = np.random.default_rng(4)


def numbers(rows: int) -> pd.DataFrame:
    values = RNG.normal(size=(rows, 4)) * [10, 900, 50, 3] + [40, 3000, 0, 5]
    return pd.DataFrame(values, columns=FEATURES).round(2).assign(key=np.arange(rows))


BACKGROUND = numbers(120)
ROWS = numbers(7)
SIGN = BACKGROUND["income"] - 20 * BACKGROUND["debt"]
LABEL = np.digitize(SIGN, np.quantile(SIGN, [0.3, 0.7]))


def by_interpret(predict, seed: int, row: pd.DataFrame, samples: int) -> tuple[float, dict]:
    explainer = LimeTabular(predict, BACKGROUND[FEATURES], random_state=int(seed))
    data = explainer.explain_local(row[FEATURES], num_samples=samples).data(0)
    return data["extra"]["scores"][0], dict(zip(data["names"], data["scores"], strict=True))


def options(**more):
    return {
        "features": FEATURES, "background": BACKGROUND[FEATURES], "method": "lime", "random_state": 3,
        "key_columns": ["key"], "sampling": ValueSampling(max_evals=400), **more,
    }  # fmt: skip


def test_a_row_is_explained_as_interpret_explains_it_alone():
    forest = RandomForestClassifier(10, random_state=0).fit(BACKGROUND[FEATURES], LABEL > 0)
    found = explain(ROWS, forest, **options())
    seeds = lime_seeds(ROWS[["key"]], 3)
    assert len(set(seeds)) == len(ROWS)
    for at in range(3):
        base, values = by_interpret(forest, seeds[at], ROWS.iloc[[at]], 400)
        assert found["base_value"][at] == pytest.approx(base, abs=1e-12)
        for name in FEATURES:
            assert found[f"lime_{name}"][at] == pytest.approx(values[name], abs=1e-12)


def test_regression_and_the_default_number_of_samples():
    forest = RandomForestRegressor(5, random_state=0).fit(BACKGROUND[FEATURES], SIGN)
    found = explain(ROWS.head(1), forest, **options(sampling=None))
    base, values = by_interpret(forest, lime_seeds(ROWS[["key"]], 3)[0], ROWS.head(1), 5000)
    assert found["base_value"][0] == pytest.approx(base, rel=1e-12)
    assert found["lime_income"][0] == pytest.approx(values["income"], rel=1e-12)
    assert found["prediction"][0] == forest.predict(ROWS[FEATURES].head(1))[0]


def test_each_class_of_several_is_what_interpret_gives_for_that_class():
    model = LogisticRegression(max_iter=3000).fit(BACKGROUND[FEATURES], LABEL)
    found = explain(ROWS.head(2), model, **options())
    seed = lime_seeds(ROWS[["key"]], 3)[1]
    for label in range(3):

        def predict(x, label=label):
            return model.predict_proba(pd.DataFrame(x, columns=FEATURES))[:, label]

        base, values = by_interpret(predict, seed, ROWS.iloc[[1]], 400)
        assert found[f"base_value_{label}"][1] == pytest.approx(base, abs=1e-12)
        for name in FEATURES:
            assert found[f"lime_{label}_{name}"][1] == pytest.approx(values[name], abs=1e-12)


def test_the_same_rows_are_found_on_each_engine_and_however_they_are_cut(cluster_case):
    model = LogisticRegression(max_iter=3000).fit(BACKGROUND[FEATURES], LABEL > 0)
    whole = explain(ROWS, model, **options(sampling=ValueSampling(max_evals=100))).set_index("key")
    shuffled = ROWS.sample(frac=1, random_state=1)
    for parts in (1, 3):
        frame = cluster_case.make(pa.Table.from_pandas(shuffled, preserve_index=False), parts)
        rows = cluster_case.rows(
            explain(frame, model, **options(sampling=ValueSampling(max_evals=100))), "key"
        )
        found = pd.DataFrame(rows).set_index("key")
        pd.testing.assert_frame_equal(
            found[whole.columns],
            whole,
            check_dtype=False,
            check_index_type=False,
            rtol=0,
            atol=1e-12,
        )


def mixed(rows: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "size": RNG.normal(size=rows),
            "site": RNG.choice(["north", "south", "west"], rows),
            "open": RNG.random(rows) < 0.5,
        }
    )


def pipeline(data: pd.DataFrame):
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["site", "open"]), remainder="passthrough"
    )
    label = (data["size"] + (data["site"] == "west") > 0.3).astype(int)
    return make_pipeline(encode, LogisticRegression()).fit(data, label)


def test_categories_are_perturbed_as_the_lime_package_perturbs_codes():
    data = mixed(90)
    model, rows = pipeline(data), data.head(2)
    found = explain(
        rows,
        model,
        features=list(data),
        background=data,
        method="lime",
        sampling=ValueSampling(max_evals=300),
    )
    sites = ["north", "south", "west"]
    coded = np.column_stack([data["size"], data["site"].map(sites.index), data["open"]])

    def predict(x: np.ndarray) -> np.ndarray:
        named = {"size": x[:, 0], "site": np.take(sites, x[:, 1].astype(int)), "open": x[:, 2] > 0}
        return model.predict_proba(pd.DataFrame(named))[:, 1]

    for at in range(2):
        lime = LimeTabularExplainer(
            coded.astype(float), mode="regression", categorical_features=[1, 2],
            random_state=int(lime_seeds(rows)[at]),
        )  # fmt: skip
        values = dict(
            lime.explain_instance(coded[at].astype(float), predict, num_samples=300).as_map()[1]
        )
        for number, name in enumerate(data):
            assert found[f"lime_{name}"][at] == pytest.approx(values[number], abs=1e-12)


def test_an_unknown_category_is_explained_and_a_missing_number_is_not():
    data = mixed(60)
    rows = data.head(3).copy()
    rows.loc[0, "site"], rows.loc[1, "size"] = "east", np.nan
    model = pipeline(data)

    def predict(frame: pd.DataFrame) -> np.ndarray:
        return model.predict_proba(frame.fillna({"size": 0.0}))[:, 1]

    found = explain(
        rows,
        predict,
        features=list(data),
        background=data,
        method="lime",
        sampling=ValueSampling(max_evals=200),
    )
    values = found[["lime_size", "lime_site", "lime_open"]].to_numpy()
    assert np.isfinite(values[[0, 2]]).all()
    assert np.isnan(values[1]).all()
    assert found["prediction"].notna().all()


def test_what_lime_cannot_do_is_refused():
    model = LogisticRegression(max_iter=3000).fit(BACKGROUND[FEATURES], LABEL > 0)
    holes = BACKGROUND[FEATURES].assign(debt=np.nan)

    def predict(frame: pd.DataFrame) -> np.ndarray:
        return model.predict_proba(frame.fillna(0.0))

    with pytest.raises(ConfigError, match="'debt'"):
        explain(ROWS, predict, **options(background=holes))
    with pytest.raises(ConfigError, match="more samples"):
        explain(ROWS, model, **options(sampling=ValueSampling(max_evals=3)))
    with pytest.raises(ConfigError, match="for SHAP"):
        explain(ROWS, model, **options(sampling=ValueSampling(target_error=0.1)))
