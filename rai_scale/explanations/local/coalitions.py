"""The coalitions that are evaluated, and the linear maps from their values to Shapley values.

A coalition's kernel weight is (d - 1) / (C(d, s) s (d - s)) for s of d features (Lundberg and Lee
2017, theorem 2). The design follows Covert and Lee 2021: coalitions come in pairs of complements,
and the estimate is unbiased because it uses the expected Gram matrix instead of the sampled one.
The proxy is an addition: an additive game is fitted to the other folds, and each fold estimates
only what that game does not explain. The variance is then as small as that of a regression.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations
from math import factorial

import numpy as np

FOLDS = 4


def all_coalitions(features: int) -> np.ndarray:
    """Return all coalitions, bool of shape (2**features, features), empty first, full last."""
    masks: np.ndarray = (np.arange(2**features)[:, None] >> np.arange(features)) % 2 == 1
    return masks


def exact_weights(features: int) -> np.ndarray:
    """Return the map from the values of all coalitions to Shapley values, (features, 2**features).

    Shapley 1953: s! (d - s - 1)! / d! for each coalition of s of the other features.
    """
    masks = all_coalitions(features)
    size = masks.sum(axis=1)
    total = factorial(features)
    share = np.array(
        [factorial(s) * factorial(features - s - 1) / total for s in range(features)] + [0.0]
    )
    weights: np.ndarray = np.where(masks, share[size - 1][:, None], -share[size][:, None]).T
    return weights


def layer_weights(features: int) -> np.ndarray:
    """Return the total kernel weight of the coalitions of each size; both ends have 0."""
    sizes = np.arange(1, features)
    return np.concatenate([[0.0], (features - 1) / (sizes * (features - sizes)), [0.0]])


@cache
def projection(features: int) -> np.ndarray:
    """Return the symmetric map that solves the full kernel regression; its rows sum to 0."""
    weight = layer_weights(features)
    sizes = np.arange(features + 1)
    alone = (weight * sizes).sum() / features
    both = (weight * sizes * (sizes - 1)).sum() / (features * (features - 1))
    inverse: np.ndarray = (np.eye(features) - 1 / features) / (alone - both)
    return inverse


@dataclass(frozen=True)
class Design:
    """The coalitions of a design and their linear maps.

    Attributes
    ----------
    masks : ndarray of bool, shape (coalitions, features)
        Complete layers first, then the folds; each coalition is followed by its complement.
    complete : int
        Number of coalitions in complete layers.
    fold : ndarray of int, shape (coalitions - complete,)
        Fold of each sampled coalition.
    weight : ndarray, shape (coalitions - complete,)
        Kernel weight of each sampled coalition within its fold.
    fold_map : ndarray, shape (FOLDS, features, coalitions)
    fold_total : ndarray, shape (FOLDS, features)
        Each fold's estimates are ``fold_map @ u + fold_total * (v(all) - v(none))`` with
        u = v - v(none). They are unbiased, and their mean is the design's estimate.
    proxy_map : ndarray, shape (FOLDS, features, coalitions)
    proxy_total : ndarray, shape (FOLDS, features)
        Maps to the additive game that is the proxy of each fold, fitted to the other folds.
    pair_map : ndarray, shape (pairs, features)
        Effect on the estimate of a difference of one within a pair, before weighting.
    """

    masks: np.ndarray
    complete: int
    fold: np.ndarray
    weight: np.ndarray
    fold_map: np.ndarray
    fold_total: np.ndarray
    proxy_map: np.ndarray
    proxy_total: np.ndarray
    pair_map: np.ndarray


def smallest_budget(features: int) -> int:
    """Return the smallest number of coalitions: one complete layer and two pairs per fold."""
    return 2 * features + 4 * FOLDS


def complete_layers(features: int, coalitions: int) -> int:
    """Return the number of layers that the budget covers completely.

    A layer is all coalitions of one size and their complements. It is complete if its share of the
    remaining budget is at least its number of coalitions.
    """
    weight, left, done = layer_weights(features), float(coalitions), 0
    for size in range(1, (features - 1) // 2 + 1):
        count = 2 * _choose(features, size)
        share = 2 * weight[size] / weight[size : features - size + 1].sum()
        if size > 1 and left * share < count:
            break
        left, done = left - count, size
    return done


def make_design(features: int, coalitions: int, rng: np.random.Generator) -> Design:
    """Draw a design of about ``coalitions`` coalitions, and compute its linear maps."""
    layers = complete_layers(features, coalitions)
    fixed, fixed_weight = _layers(features, layers)
    pairs = np.array_split(np.arange((coalitions - len(fixed)) // 2), FOLDS)
    drawn = [_draw(features, layers, len(part), rng) for part in pairs]
    rest = layer_weights(features)[layers + 1 : features - layers].sum()
    weights = [np.full(len(part), rest / len(part)) for part in drawn]
    masks = np.concatenate([fixed, *drawn])
    fold = np.repeat(np.arange(FOLDS), [len(part) for part in drawn])
    return _solve(masks, fixed_weight, fold, np.concatenate(weights))


def _solve(
    masks: np.ndarray, fixed_weight: np.ndarray, fold: np.ndarray, weight: np.ndarray
) -> Design:
    z, complete, features = masks.astype(np.float64), len(fixed_weight), masks.shape[1]
    unit, exact = np.eye(features), projection(features)
    maps, totals, proxies, proxy_totals = [], [], [], []
    for number in range(FOLDS):
        mine = np.concatenate([fixed_weight, np.where(fold == number, weight, 0)])
        others = np.where(fold == number, 0, weight / (FOLDS - 1))
        proxy, total = _least_squares(z, np.concatenate([fixed_weight, others]))
        rest = exact @ (z * mine[:, None]).T
        keep = unit - rest @ z
        maps.append(keep @ proxy + rest)
        totals.append(keep @ total)
        proxies.append(proxy)
        proxy_totals.append(total)
    return Design(
        masks=masks,
        complete=complete,
        fold=fold,
        weight=weight,
        fold_map=np.stack(maps),
        fold_total=np.stack(totals),
        proxy_map=np.stack(proxies),
        proxy_total=np.stack(proxy_totals),
        pair_map=z[complete::2] @ exact,
    )


def _least_squares(z: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Solve the weighted regression whose coefficients sum to the total."""
    weighted = z * weight[:, None]
    inverse = np.linalg.inv(weighted.T @ z)
    total = inverse.sum(axis=1) / inverse.sum()
    return (np.eye(len(total)) - np.outer(total, np.ones_like(total))) @ inverse @ weighted.T, total


def _layers(features: int, layers: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the coalitions of the complete layers and their weights."""
    weight, masks, weights = layer_weights(features), [], []
    for size in range(1, layers + 1):
        for members in combinations(range(features), size):
            mask = np.zeros(features, dtype=bool)
            mask[list(members)] = True
            masks += [mask, ~mask]
            weights += [weight[size] / _choose(features, size)] * 2
    return np.array(masks).reshape(-1, features), np.array(weights)


def _draw(features: int, layers: int, pairs: int, rng: np.random.Generator) -> np.ndarray:
    """Draw pairs of a coalition and its complement, with sizes in proportion to their weight.

    Coalitions of one size are taken from random permutations, so all features occur equally often.
    """
    sizes = np.arange(layers + 1, features // 2 + 1)
    weight = layer_weights(features)[sizes] * np.where(2 * sizes == features, 1, 2)
    at = (np.arange(pairs) + rng.random()) / pairs
    picked = np.searchsorted(np.cumsum(weight) / weight.sum(), at, side="right")
    wanted = np.bincount(np.minimum(picked, len(sizes) - 1), minlength=len(sizes))
    masks: list[np.ndarray] = []
    for size, count in zip(sizes, wanted, strict=True):
        pool: list[np.ndarray] = []
        while len(pool) < count:
            order = rng.permutation(features)
            last = 1 if 2 * size == features else features - size + 1  # the rest is the complement
            for start in range(0, last, size):
                mask = np.zeros(features, dtype=bool)
                mask[order[start : start + size]] = True
                pool.append(mask)
        masks += [m for mask in pool[:count] for m in (mask, ~mask)]
    return np.array(masks).reshape(-1, features)


def _choose(n: int, k: int) -> int:
    return factorial(n) // (factorial(k) * factorial(n - k))
