"""The guide's credit-card data: who defaults, with a feature that tells less of one group."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

CATEGORICAL = ["EDUCATION", "MARRIAGE", *(f"PAY_{i}" for i in range(1, 7))]
TARGET = "default.payment.next.month"
PARAMETERS = {
    "objective": "binary",
    "metric": "auc",
    "learning_rate": 0.03,
    "num_leaves": 10,
    "max_depth": 3,
    "n_estimators": 100,
    "num_threads": 1,
    "verbose": -1,
}


@dataclass(frozen=True)
class CreditCard:
    """Training rows, the balanced sample of them, and test rows; ``default`` and ``sex`` within."""

    train: pd.DataFrame
    balanced: pd.DataFrame
    test: pd.DataFrame
    features: list[str]

    @property
    def categories(self) -> dict[str, list]:
        """The categories of the whole data."""
        return {name: self.train[name].cat.categories.tolist() for name in CATEGORICAL}


def read_credit_card(folder: Path) -> CreditCard:
    """Prepare the data as the guide does."""
    table = pd.read_csv(folder / "UCI_Credit_Card.csv").drop(columns=["ID"])
    table = table.rename(columns={"PAY_0": "PAY_1", TARGET: "default"})
    table = table.astype(dict.fromkeys(CATEGORICAL, "category"))
    table["sex"] = table["SEX"].map({2: "female", 1: "male"})
    np.random.seed(12345)
    table["LIMIT_BAL"] = table["default"] + np.random.normal(scale=0.5, size=len(table))
    male = table["SEX"] == 1
    table.loc[male, "LIMIT_BAL"] = np.random.normal(scale=0.5, size=male.sum())
    table = table.drop(columns=["SEX"])
    features = [name for name in table.columns if name not in ("default", "sex")]
    train, test = train_test_split(
        table, test_size=0.3, random_state=12345, stratify=table["default"]
    )
    positive = train.index[train["default"] == 1]
    negative = train[train["default"] == 0].sample(n=len(positive), random_state=1234).index
    return CreditCard(train, train.loc[positive.union(negative)], test, features)


def learner() -> lightgbm.LGBMClassifier:
    """The guide's learner, in one thread."""
    return lightgbm.LGBMClassifier(**PARAMETERS)
