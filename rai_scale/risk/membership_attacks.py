"""Membership attacks on the predictions of a model: one score per row, higher for members.

All take probabilities of the target model, shape (rows, classes), and of shadow models, shape
(shadows, rows, classes), whose training rows are known.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

TINY = 1e-12
"""Added to probabilities before logarithms: float64 probabilities are not more exact."""
GAMMA = 2.0
"""The likelihood ratio that counts as dominated in RMIA."""
FEW_SHADOWS = 64
"""Below, LiRA takes one variance for all rows, as its paper advises."""


def confidences(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return ln(p / (1 - p)) of the true class, with 1 - p summed over the other classes.

    Parameters
    ----------
    probabilities : ndarray of float64, shape (..., rows, classes)
    labels : ndarray of int64, shape (rows,)
    """
    own = labels[:, None] == np.arange(probabilities.shape[-1])
    right = np.where(own, probabilities, 0).sum(axis=-1)
    wrong = np.where(own, 0, probabilities).sum(axis=-1)
    found: np.ndarray = np.log(right + TINY) - np.log(wrong + TINY)
    return found


def loss_scores(target: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return minus the log loss of each row (Yeom et al., 2018)."""
    found: np.ndarray = np.log(target[np.arange(len(labels)), labels] + TINY)
    return found


def lira_scores(
    target: np.ndarray, labels: np.ndarray, shadows: np.ndarray, inside: np.ndarray
) -> np.ndarray:
    """Return log likelihood ratios of the confidence of each row (Carlini et al., 2022; online).

    The confidences of a row under shadow models that were fitted with it, and without it, are
    taken as normal. With fewer than 64 shadow models both variances are pooled over rows.

    Parameters
    ----------
    target : ndarray of float64, shape (rows, classes)
    labels : ndarray of int64, shape (rows,)
    shadows : ndarray of float64, shape (shadows, rows, classes)
    inside : ndarray of bool, shape (shadows, rows)
        Which rows each shadow model was fitted on.
    """
    seen, known = confidences(target, labels), confidences(shadows, labels)
    found = np.zeros(len(labels))
    for which, sign in ((inside, 1.0), (~inside, -1.0)):
        number = which.sum(axis=0)
        mean = np.where(which, known, 0).sum(axis=0) / number
        squares = np.where(which, (known - mean) ** 2, 0).sum(axis=0)
        if len(known) < FEW_SHADOWS:
            variance = np.full(len(labels), squares.sum() / (number - 1).sum())
        else:
            variance = squares / (number - 1)
        variance = variance + TINY
        found -= sign * (np.log(variance) + (seen - mean) ** 2 / variance) / 2
    return found


def rmia_scores(
    target: np.ndarray,
    labels: np.ndarray,
    shadows: np.ndarray,
    members: np.ndarray,
) -> np.ndarray:
    """Return how many other rows each row dominates (Zarifzadeh et al., 2024; online).

    The ratio of a row is its probability under the model, divided by its mean under the shadow
    models. A row dominates a row that is not a member if its ratio is at least twice as large. Rows
    that dominate equally many are ordered by their ratio.
    """
    rows = np.arange(len(labels))
    usual = shadows[:, rows, labels].mean(axis=0)
    ratio = (target[rows, labels] + TINY) / (usual + TINY)
    others = np.sort(ratio[~members])
    dominated = np.searchsorted(others, ratio / GAMMA, side="right")
    rank = np.searchsorted(np.sort(ratio), ratio)
    found: np.ndarray = (dominated + rank / (len(ratio) + 1)) / len(others)
    return found


def shadow_scores(
    target: np.ndarray, labels: np.ndarray, shadows: np.ndarray, inside: np.ndarray
) -> np.ndarray:
    """Return the probability of membership by attack models (Shokri et al., 2017).

    Per class, a logistic regression separates the predictions of shadow models for rows that they
    were fitted on from those for other rows, by the logarithms of all probabilities.
    """
    from sklearn.linear_model import LogisticRegression

    found = np.full(len(labels), 0.5)
    for label in np.unique(labels):
        at = labels == label
        known = np.log(shadows[:, at] + TINY).reshape(-1, shadows.shape[-1])
        attack = LogisticRegression(max_iter=1000).fit(known, inside[:, at].ravel())
        found[at] = attack.decision_function(np.log(target[at] + TINY))
    return found


Scores = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]
WITH_SHADOWS = ("shadow", "lira", "rmia")
ATTACKS = ("loss", *WITH_SHADOWS)


def attack_scores(
    attack: str,
    target: np.ndarray,
    labels: np.ndarray,
    members: np.ndarray,
    *,
    shadows: np.ndarray | None,
    fitted_on: np.ndarray | None,
) -> np.ndarray:
    """Return the scores of an attack by name; all but ``loss`` need shadow models."""
    if shadows is None or fitted_on is None:
        return loss_scores(target, labels)
    if attack == "rmia":
        return rmia_scores(target, labels, shadows, members)
    made: Scores = lira_scores if attack == "lira" else shadow_scores
    return made(target, labels, shadows, fitted_on)
