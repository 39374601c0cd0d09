"""Attribute inference: does a model give away a feature of the people it was fitted on?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from rai_scale.errors import ConfigError, check_integer, check_share
from rai_scale.models.model import check_model
from rai_scale.names import Names, names_of
from rai_scale.risk.attack_risk import AttackRisk, counted
from rai_scale.risk.membership_rows import class_codes, joined_rows, sampled_rows
from rai_scale.risk.shadow_models import class_probabilities

MOST_VALUES = 50


def attribute_inference(
    model: Any,
    members: Any,
    non_members: Any,
    *,
    y_true: str,
    features: Names,
    secret: str,
    attacks: int = 2_000,
    confidence: float = 0.95,
    random_state: int = 0,
) -> AttackRisk:
    """Measure how often a classifier gives away the value of one feature of a person; executes.

    The attacker knows the label and all other features of a person, and how frequent the values
    are. Each value v is tried in the model, and the one with the largest p(label | others, v) p(v)
    is guessed (Fredrikson et al., 2014, algorithm 1). The naive attacker guesses the most frequent
    value. What is guessed about people whom the model was not fitted on (the control) follows from
    what it learned about everybody; the risk is the excess for members (Yeom et al., 2018). For a
    synthetic table see :func:`~rai_scale.risk.inference`.

    Parameters
    ----------
    model : Model, estimator, function or path
        A fitted classifier with probabilities; see :class:`~rai_scale.models.Model`.
    members, non_members : DataFrame, DuckDB relation or pyarrow.Table
        The rows that the model was fitted on, and rows of the same distribution that it was not
        fitted on.
    y_true : str
        The column of labels.
    features : str or sequence of str
        The columns that the model reads, with ``secret``.
    secret : str
        The feature that is guessed, with at most 50 values; put numbers into bins.
    attacks : int
        The number of rows of each table that are attacked; all rows if it has fewer.
    confidence : float
        Of Wilson's intervals.
    random_state : int
        The seed of the rows that are drawn.

    Returns
    -------
    AttackRisk

    Raises
    ------
    ConfigError
        If a table has no rows, a label is null or not a class of the model, the secret is not
        a feature, has nulls, one value or more than 50, or an option is wrong.
    MissingColumnError
        If a column does not exist.
    """
    names = names_of(features)
    if secret not in names:
        raise ConfigError(f"secret: {secret!r} is not one of the features that the model reads.")
    check_integer("attacks", attacks, 1)
    check_share("confidence", confidence)
    columns = list(dict.fromkeys([*names, y_true]))
    sides = (("members", members), ("non_members", non_members))
    parts = [sampled_rows(side, frame, columns, attacks, random_state)[0] for side, frame in sides]
    frame = joined_rows(parts)
    inside = np.arange(len(frame)) < len(parts[0])
    rows, truth = frame[names], frame[secret]
    checked = check_model(model, names, rows.head(5))
    classes, codes = class_codes(checked, frame[y_true], y_true)
    values = _values(truth, secret)
    prior = np.array([(truth == value).mean() for value in values])
    likely = np.column_stack(
        [
            class_probabilities(checked, _with(rows, secret, value), classes)[
                np.arange(len(rows)), codes
            ]
            for value in values
        ]
    )
    right = np.array(values, dtype=object)[(likely * prior).argmax(axis=1)] == truth.to_numpy()
    usual = truth.to_numpy() == values[int(prior.argmax())]
    results = {
        "main": (inside.sum(), right[inside].sum()),
        "control": ((~inside).sum(), right[~inside].sum()),
        "naive": (inside.sum(), usual[inside].sum()),
    }
    return AttackRisk("attribute_inference", counted(**results), confidence)


def _values(truth: pd.Series, secret: str) -> list[Any]:
    if truth.isna().any():
        raise ConfigError(f"column {secret!r} has {int(truth.isna().sum()):,} nulls.")
    values = sorted(truth.unique().tolist())
    if not 2 <= len(values) <= MOST_VALUES:  # noqa: PLR2004
        raise ConfigError(
            f"column {secret!r} has {len(values):,} values; an attack needs 2 to {MOST_VALUES}. "
            "Put numbers into bins first."
        )
    return values


def _with(rows: pd.DataFrame, name: str, value: Any) -> pd.DataFrame:
    """Return the rows with one value in a column, of the same dtype."""
    column = pd.Series([value] * len(rows), index=rows.index).astype(rows[name].dtype)
    return rows.assign(**{name: column})
