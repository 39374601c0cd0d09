"""The values of policies by their formulas, row by row, and the intervals of people."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import t

from tests.peers.bandit_table import ACTIONS, CONTEXTS, bandit_rows, predicted, shares

REWARDS = {"click": "click", "minutes": "minutes"}
ASKED = {"action": "a", "propensity": "p", "rewards": REWARDS, "context": "x"}


def log_rows(smooth: bool = False) -> pd.DataFrame:
    """Return the log, with propensities that differ in every row if ``smooth``."""
    log = pd.DataFrame(bandit_rows())
    return log.assign(p=log["p"] * (1 - np.arange(len(log)) / 1e6)) if smooth else log


def policy_table(number: int = 1) -> pd.DataFrame:
    """Return a policy as a table."""
    rows = [(x, a, shares(x, number)[a]) for x in range(CONTEXTS) for a in range(ACTIONS)]
    return pd.DataFrame(rows, columns=["x", "a", "probability"])


def model_table() -> pd.DataFrame:
    """Return a model of rewards as a table."""
    rows = [
        (x, a, predicted(x, a, 0), predicted(x, a, 1))
        for x in range(CONTEXTS)
        for a in range(ACTIONS)
    ]
    return pd.DataFrame(rows, columns=["x", "a", "click", "minutes"])


def plain_scores(
    log: pd.DataFrame, reward: str, number: int = 1, fitted: bool = False
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return numerator and denominator of each estimator, row by row."""
    policy = np.array([shares(x, number) for x in range(CONTEXTS)])
    x, a, r = log["x"].to_numpy(), log["a"].to_numpy(), log[reward].to_numpy(float)
    model = model_table().pivot(index="x", columns="a", values=reward).to_numpy()
    if fitted:
        model = log.pivot_table(index="x", columns="a", values=reward).to_numpy()
    w = policy[x, a] / log["p"].to_numpy()
    m = (policy * model).sum(axis=1)[x]
    one = np.ones(len(log))
    return {
        "ips": (w * r, one),
        "snips": (w * r, w),
        "dm": (m, one),
        "dr": (m + w * (r - model[x, a]), one),
    }


def plain_interval(top, bottom, clusters, confidence=0.95) -> tuple[float, float, float]:
    """Return a ratio of means, with an interval clustered by people."""
    value = top.sum() / bottom.sum()
    rests = pd.Series(top - value * bottom).groupby(np.asarray(clusters)).sum()
    variance = (rests**2).sum() * len(rests) / (len(rests) - 1) / bottom.sum() ** 2
    half = t.ppf(0.5 + confidence / 2, len(rests) - 1) * np.sqrt(variance)
    return value, value - half, value + half
