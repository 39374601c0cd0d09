"""The error tree is LightGBM's own: on credit data, with nulls and categories, on random tables."""

from __future__ import annotations

import lightgbm
import numpy as np
import pandas as pd
import pytest

from rai_scale.error_analysis import error_tree
from tests.capabilities.credit_card import TARGET
from tests.capabilities.lightgbm_tree import fitted, ours, unproven

CATEGORIES = ["SEX", "EDUCATION", "MARRIAGE", "PAY_0", "PAY_2", "PAY_3"]


def differing(x: pd.DataFrame, wrong: np.ndarray, categorical=(), **options):
    """Return our tree, and its unproven differences from LightGBM's."""
    frame = x.assign(y_true=0, y_pred=wrong)
    columns = {"y_true": "y_true", "y_pred": "y_pred", "categorical": categorical}
    tree = error_tree(frame, **columns, **options)
    return tree, unproven(fitted(x, wrong, categorical, **options), ours(tree), x, wrong)


@pytest.fixture(scope="module")
def credit(reference_data):
    table = pd.read_csv(reference_data / "UCI_Credit_Card.csv").drop(columns="ID")
    x, y = table.drop(columns=TARGET), table[TARGET]
    model = lightgbm.LGBMClassifier(n_estimators=20, verbose=-1, n_jobs=1).fit(x, y)
    return x, (model.predict(x) != y).astype(int).to_numpy()


@pytest.mark.reference
@pytest.mark.parametrize(
    ("categorical", "nulls", "options"),
    [
        ((), 0.0, {}),
        (CATEGORIES, 0.1, {}),
        *(
            pytest.param(*case, marks=pytest.mark.full)
            for case in [
                (CATEGORIES, 0.0, {}),
                *(((), share, {}) for share in (0.01, 0.05, 0.2)),
                *((CATEGORIES, share, {}) for share in (0.01, 0.05, 0.2)),
                ((), 0.0, {"num_leaves": 5}),
                (CATEGORIES, 0.0, {"max_depth": 6, "num_leaves": 20}),
            ]
        ),
    ],
)
def test_credit_data_give_the_same_tree(credit, categorical, nulls, options):
    x, wrong = credit
    lost = np.random.default_rng(0).random(x.shape) < nulls
    tree, differences = differing(x.mask(lost), wrong, categorical, **options)
    assert not differences
    nodes = tree.nodes
    assert len(nodes) > 8
    children = nodes.groupby("parent")[["rows", "errors"]].sum()
    parents = nodes.set_index("node").loc[children.index, ["rows", "errors"]]
    assert np.array_equal(children, parents)


def random_table(seed: int) -> tuple[pd.DataFrame, np.ndarray, list[str]]:
    """Return features of many kinds, errors that depend on them or not, and the categories."""
    random = np.random.default_rng(seed)
    rows = int(random.choice([60, 300, 1500, 5000]))
    kinds = {
        "integers": lambda: random.integers(-5, 6, rows) * 1.0,
        "normal": lambda: random.normal(size=rows),
        "positive": lambda: random.exponential(size=rows),
        "negative": lambda: -random.exponential(size=rows),
        "sparse": lambda: np.where(random.random(rows) < 0.8, 0, random.normal(size=rows)),
        "constant": lambda: np.full(rows, 3.0),
        "binary": lambda: random.integers(0, 2, rows) * 1.0,
        "large": lambda: np.round(random.lognormal(10, 3, rows)),
        "infinite": lambda: np.where(random.random(rows) < 0.05, np.inf, random.normal(size=rows)),
        "few": lambda: random.integers(0, random.integers(2, 6), rows) * 1.0,
        "many": lambda: np.floor(random.exponential(8, rows)),
    }
    columns, categorical = {}, []
    for number in range(random.integers(1, 7)):
        kind = str(random.choice(list(kinds)))
        values = kinds[kind]()
        if random.random() < 0.4:
            values = np.where(random.random(rows) < random.choice([0.01, 0.2, 0.6]), np.nan, values)
        columns[f"x{number}"] = values
        if kind in ("few", "many"):
            categorical.append(f"x{number}")
    x = pd.DataFrame(columns)
    signal = sum(np.nan_to_num(x[name].clip(-3, 3)) * random.normal() / 2 for name in x)
    level = signal * random.choice([0, 1]) + random.choice([-4, -2, -0.5, 0])
    return x, (random.random(rows) < 1 / (1 + np.exp(-level))).astype(int), categorical


@pytest.mark.parametrize(
    "seeds",
    [
        range(10),
        pytest.param(range(10, 60), marks=pytest.mark.full),
        pytest.param(range(60, 310), marks=pytest.mark.proof),
    ],
)
def test_random_tables_give_the_same_tree_or_one_of_equal_gain(seeds):
    for seed in seeds:
        x, wrong, categorical = random_table(seed)
        if len(set(wrong)) == 2:
            options = {"max_depth": 1 + seed % 4, "min_child_samples": (1, 5, 20)[seed % 3]}
            assert not differing(x, wrong, categorical, **options)[1], seed


@pytest.mark.proof
def test_a_million_rows_give_the_same_tree():
    random = np.random.default_rng(0)
    x = pd.DataFrame({f"x{i}": np.round(random.normal(size=1_000_000), 2) for i in range(6)})
    level = -2 + x["x0"] * (x["x1"] > 0.5) - x["x2"]
    wrong = (random.random(len(x)) < 1 / (1 + np.exp(-level))).astype(int)
    tree, differences = differing(x, wrong)
    assert not differences
    assert len(tree.nodes) == 15
