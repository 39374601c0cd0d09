"""One-sided bounds of differences and ratios between groups, from intervals of noisy shares.

With a group's one-sided ends ``l`` and ``u`` at the stated tails, and ``G`` usable groups:

- the difference of the greatest and the least share is at most the largest
  ``d + hypot(u_i - p_i, p_j - l_j)`` and at least the largest ``d - hypot(p_i - l_i, u_j - p_j)``
  over ordered pairs, ``d = p_i - p_j`` (square-and-add: Newcombe 1998; Zou and Donner 2008). The
  upper bound must be valid only for the pair with the true extremes, the lower bound for all ``G (G
  - 1)`` pairs at once (Bonferroni): it stays at 0 if the groups are equal.
- the ratio of the least to the greatest share is between ``min l / max u`` and ``min u / max l``,
- the least and the greatest share likewise between the least or greatest ends.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np

from rai_scale.measures.uncertainty.noisy_shares import Shares

KINDS = ("difference", "ratio", "group_min", "group_max")
_MANY = 500


def part_of(shares: Shares, places: np.ndarray) -> Shares:
    """Return the shares of some groups."""
    arrays = {
        f.name: getattr(shares, f.name)[..., places]
        for f in fields(shares)
        if isinstance(getattr(shares, f.name), np.ndarray)
    }
    return replace(shares, **arrays)


def gap_end(shares: Shares, kind: str, tail: float, *, upper: bool) -> np.ndarray:
    """Return a bound that is wrong with probability ``tail`` at most; shape (...).

    It uses only usable groups; NaN if a difference or ratio has fewer than two, or a least or
    greatest value has none.

    Parameters
    ----------
    shares : Shares
        The shares of the groups that are compared.
    kind : str
        One of ``KINDS``.
    tail : float
    upper : bool
    """
    groups = shares.usable.sum(axis=-1, keepdims=True)
    number = np.maximum(groups, 1)
    known = groups[..., 0] >= (2 if kind in ("difference", "ratio") else 1)
    if kind == "difference":
        found = _difference(shares, number, tail, upper)
    elif kind == "ratio":
        found = _ratio(shares, number, tail, upper)
    else:
        least = kind == "group_min"
        each = tail / number if upper is least else np.broadcast_to(tail, number.shape)
        ends = shares.end(each, upper=upper)
        found = (_least if least else _greatest)(ends)
    return np.where(known, found, np.nan)


def _difference(shares: Shares, number: np.ndarray, tail: float, upper: bool) -> np.ndarray:
    if shares.usable.shape[-1] > _MANY:
        each: Any = tail / 2 if upper else tail / (2 * number)
        low, high = (shares.end(each, upper=end) for end in (False, True))
        apart = _greatest(high) - _least(low) if upper else _greatest(low) - _least(high)
        return _clamped(apart)
    each = tail if upper else tail / np.maximum(number * (number - 1), 1)
    low, high = (shares.end(each, upper=end) for end in (False, True))
    p = shares.estimate
    up, down = high - p, p - low
    larger, smaller = (up, down) if upper else (down, up)
    half = np.hypot(larger[..., :, None], smaller[..., None, :])
    pairs = p[..., :, None] - p[..., None, :] + (half if upper else -half)
    size = pairs.shape[-1]
    pairs[..., np.arange(size), np.arange(size)] = np.nan
    return _clamped(_greatest(pairs.reshape(*pairs.shape[:-2], -1)))


def _ratio(shares: Shares, number: np.ndarray, tail: float, upper: bool) -> np.ndarray:
    each: Any = tail / (2 * number) if upper else tail / 2
    low, high = (shares.end(each, upper=end) for end in (False, True))
    over, under = (_least(high), _greatest(low)) if upper else (_least(low), _greatest(high))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(under > 0, np.minimum(over / under, 1), 1.0 if upper else 0.0)


def _clamped(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(values, 0, 1))


def _greatest(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.fmax.reduce(values, axis=-1))


def _least(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.fmin.reduce(values, axis=-1))
