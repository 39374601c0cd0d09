"""How well scores separate members from others: rates, area, and a lower bound of epsilon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rai_scale.statistics.exact_intervals import clopper_pearson

LIMITS = (0.001, 0.01)
"""False positive rates at which an attack is judged."""
MOST_EPSILON = 50.0
_STEPS = 60


def area(scores: np.ndarray, members: np.ndarray) -> float:
    """Return the chance that a member has a higher score than another; ties count half.

    NaN without members or without others.
    """
    from scipy.stats import rankdata

    inside, outside = int(members.sum()), int((~members).sum())
    if not inside or not outside:
        return float("nan")
    ranks = rankdata(scores)[members].sum()
    return float((ranks - inside * (inside + 1) / 2) / (inside * outside))


def threshold(scores: np.ndarray, members: np.ndarray, limit: float) -> float:
    """Return the score above which at most a share ``limit`` of the non-members are."""
    others = np.sort(scores[~members])[::-1]
    return float(others[int(np.floor(limit * len(others) + 1e-9))])


def rates(
    scores: np.ndarray, members: np.ndarray, above: float, confidence: float
) -> dict[str, Any]:
    """Return the true and false positive rates above a threshold, with exact intervals."""
    found: dict[str, Any] = {}
    for name, which in (("tpr", members), ("fpr", ~members)):
        hits, total = int((scores[which] > above).sum()), int(which.sum())
        low, high = clopper_pearson(hits, total, confidence)
        rate = hits / total if total else float("nan")
        found |= {name: rate, f"{name}_low": low, f"{name}_high": high}
    return found


def epsilon_bound(
    scores: np.ndarray,
    members: np.ndarray,
    *,
    delta: float,
    confidence: float,
    rng: np.random.Generator,
) -> float:
    """Return a lower bound of epsilon from the guesses about one model.

    Steinke, Nasr and Jagielski (2023), Privacy auditing with one (1) training run, theorem 5.2: if
    a fair coin decided about each unit, an (epsilon, delta)-private training lets at most
    Binomial(r, e^epsilon / (1 + e^epsilon)) of r guesses be right, with a term for delta. As many
    members as others are taken. A third of them chooses how many of the highest and of the lowest
    scores are guessed; the bound is from the others.
    """
    size = min(int(members.sum()), int((~members).sum()))
    chosen = [rng.permutation(np.flatnonzero(which))[:size] for which in (members, ~members)]
    at = rng.permutation(np.concatenate(chosen))
    third = len(at) // 3
    if not third:
        return 0.0
    first, rest = at[:third], at[third:]
    cuts = _cuts(scores[first], members[first])
    right, guesses = _guesses(scores[rest], members[rest], cuts)
    return least_epsilon(right, guesses, len(rest), delta=delta, confidence=confidence)


def _cuts(scores: np.ndarray, members: np.ndarray) -> tuple[float, float]:
    """Return the thresholds whose guesses give the largest simple bound on these units."""
    best, cuts = -1.0, (np.inf, -np.inf)
    levels = [0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5]
    for top in levels:
        for bottom in levels:
            tried = (
                float(np.quantile(scores, 1 - top)) if top else np.inf,
                float(np.quantile(scores, bottom)) if bottom else -np.inf,
            )
            right, guesses = _guesses(scores, members, tried)
            low, _ = clopper_pearson(right, guesses, 0.8)
            if low > best:
                best, cuts = low, tried
    return cuts


def _guesses(scores: np.ndarray, members: np.ndarray, cuts: tuple[float, float]) -> tuple[int, int]:
    inside = scores >= cuts[0]
    outside = (scores <= cuts[1]) & ~inside
    right = (inside & members).sum() + (outside & ~members).sum()
    return int(right), int(inside.sum() + outside.sum())


def least_epsilon(
    right: int, guesses: int, units: int, *, delta: float, confidence: float
) -> float:
    """Return the largest epsilon that this number of right guesses rules out, or 0."""
    if not right or _chance(right, guesses, units, 0.0, delta) > 1 - confidence:
        return 0.0
    low, high = 0.0, MOST_EPSILON
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if _chance(right, guesses, units, middle, delta) > 1 - confidence:
            high = middle
        else:
            low = middle
    return low


def _chance(right: int, guesses: int, units: int, epsilon: float, delta: float) -> float:
    """Return the largest chance of at least ``right`` right guesses with this privacy."""
    from scipy.stats import binom

    share = 1 / (1 + np.exp(-epsilon))
    usual = float(binom.sf(right - 1, guesses, share))
    if not delta:
        return usual
    back: Sequence[int] = range(1, right + 1)
    sums = np.cumsum(binom.pmf(right - np.array(back), guesses, share))
    return min(1.0, usual + 2 * units * delta * float((sums / np.array(back)).max()))
