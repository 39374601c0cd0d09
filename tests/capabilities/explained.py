"""Data and references that tests of local explanations share."""

from __future__ import annotations

import itertools
from functools import cache
from math import factorial

import numpy as np
import pandas as pd
import shap

NAMES = [f"f{i}" for i in range(6)]
BACKGROUND = 150  # more than the 100 rows that shap keeps by default


def make(classes: int = 2, rows: int = 400):
    rng = np.random.default_rng(classes)
    frame = pd.DataFrame(rng.normal(size=(rows, 6)), columns=NAMES)
    score = frame.f0 * frame.f1 + frame.f2 - 0.5 * frame.f3**2
    return frame, pd.qcut(score, classes, labels=False)


def split(frame: pd.DataFrame):
    return frame[:BACKGROUND], frame[300:308].reset_index(drop=True)


def values(found: pd.DataFrame, labels: tuple = ("",), names=NAMES) -> np.ndarray:
    def column(label, name):
        return "_".join(filter(None, ("shap", str(label), name)))

    parts = [found[[column(label, n) for n in names]].to_numpy() for label in labels]
    return parts[0] if labels == ("",) else np.stack(parts, axis=-1)


def by_shap(model, background, rows):
    masker = shap.maskers.Independent(background, max_samples=len(background))
    return np.asarray(shap.TreeExplainer(model, masker).shap_values(rows, check_additivity=False))


def brute_force(predict, background: pd.DataFrame, rows: pd.DataFrame) -> np.ndarray:
    """Shapley values of the second class, by the definition."""
    names, count = list(background.columns), background.shape[1]

    @cache
    def game(at, members):
        row = rows.iloc[at]
        mixed = background.copy()
        for name in members:
            mixed[name] = pd.Series([row[name]] * len(mixed), index=mixed.index).astype(
                background[name].dtype
            )
        return predict(mixed)[:, 1].mean()

    found = np.zeros((len(rows), count))
    for at in range(len(rows)):
        for number, name in enumerate(names):
            others = [n for n in names if n != name]
            for size in range(count):
                share = factorial(size) * factorial(count - size - 1) / factorial(count)
                for members in itertools.combinations(others, size):
                    gain = game(at, frozenset({*members, name})) - game(at, frozenset(members))
                    found[at, number] += share * gain
    return found
