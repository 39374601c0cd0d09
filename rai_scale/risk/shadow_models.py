"""Shadow models: fitted like the target model on known halves of all rows, as parallel tasks."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rai_scale.engines.shared_object import load_object, publish_object
from rai_scale.errors import ConfigError
from rai_scale.models.model import CheckedModel, check_model

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine
    from rai_scale.engines.shared_file import SharedFile

Fit = Callable[[pd.DataFrame, pd.Series], Any]


@dataclass(frozen=True)
class Training:
    """What shadow models are fitted on.

    Attributes
    ----------
    fit : callable
    rows : pandas.DataFrame
        The features of all rows.
    labels : pandas.Series
    inside : ndarray of bool, shape (shadows, rows)
    classes : tuple
        The classes of the target model, in the order of the result.
    """

    fit: Fit
    rows: pd.DataFrame
    labels: pd.Series
    inside: np.ndarray
    classes: tuple[Any, ...]


def halves(units: np.ndarray, shadows: int, rng: np.random.Generator) -> np.ndarray:
    """Put each unit into the training rows of exactly half of the shadow models.

    Parameters
    ----------
    units : ndarray of int64, shape (rows,)
        The number of the unit of each row, from 0.
    shadows : int
        An even number.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of bool, shape (shadows, rows)
    """
    order = rng.random((shadows, int(units.max()) + 1)).argsort(axis=0)
    inside: np.ndarray = (order < shadows // 2)[:, units]
    return inside


def shadow_predictions(engine: Engine, training: Training) -> np.ndarray:
    """Fit all shadow models in the workers; return their probabilities for all rows.

    Returns
    -------
    ndarray of float64, shape (shadows, rows, classes)
    """
    file = publish_object(engine, training)
    tasks = range(len(training.inside))
    return np.array(engine.map_tasks(FitShadow(file), tasks, shared=[file]))


@dataclass(frozen=True)
class FitShadow:
    """Fits the shadow model of a number, and predicts all rows."""

    file: SharedFile

    def __call__(self, number: int) -> np.ndarray:
        """Return probabilities (rows, classes)."""
        training: Training = self.file.load(load_object)
        inside = training.inside[number]
        rows, labels = training.rows[inside], training.labels[inside]
        model = fitted(training.fit, rows.reset_index(drop=True), labels.reset_index(drop=True))
        return class_probabilities(model, training.rows, training.classes)


def fitted(fit: Fit, rows: pd.DataFrame, labels: pd.Series) -> CheckedModel:
    """Fit a model; ``fit`` may belong to an estimator, of which a copy is fitted."""
    return check_model(copy.deepcopy(fit)(rows, labels), list(rows.columns), rows.head(5))


def class_probabilities(
    model: CheckedModel, rows: pd.DataFrame, classes: tuple[Any, ...]
) -> np.ndarray:
    """Return probabilities (rows, classes) in the order of ``classes``; 0 for unknown ones."""
    if model.classes is None:
        raise ConfigError("the attack needs a classifier with probabilities (predict_proba).")
    found = np.zeros((len(rows), len(classes)))
    known = pd.Index(classes).get_indexer(pd.Index(model.classes))
    found[:, known[known >= 0]] = model.predict(rows)[:, known >= 0]
    return found
