"""Inputs and outputs of every local explainer, whatever its method."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Protocol

import numpy as np
import pandas as pd

from rai_scale.explanations.local.value_sampling import ValueSampling
from rai_scale.models.columns import Mixer
from rai_scale.models.output import ModelOutput
from rai_scale.models.unwrap import Unwrapped, unwrap


@dataclass(frozen=True)
class Task:
    """A model's output, the background and the options: all that an explainer is built from.

    ``perturbation`` is ``interventional`` or ``tree_path_dependent``.
    """

    output: ModelOutput
    background: pd.DataFrame
    sampling: ValueSampling = field(default_factory=ValueSampling)
    random_state: int = 0
    perturbation: str = "interventional"

    @property
    def features(self) -> int:
        """How many features are explained."""
        return self.background.shape[1]

    @cached_property
    def mixer(self) -> Mixer:
        """Makes mixtures of rows."""
        return Mixer(self.background)

    @cached_property
    def unwrapped(self) -> Unwrapped:
        """The estimator inside the model; see :func:`~rai_scale.models.unwrap.unwrap`."""
        return unwrap(self.output.model)

    @cached_property
    def background_output(self) -> np.ndarray:
        """The output of each background row, shape (background, outputs)."""
        return self.output.in_blocks(self.background)

    @cached_property
    def base(self) -> np.ndarray:
        """The mean output over the background, shape (outputs,)."""
        return np.asarray(self.background_output.mean(axis=0))


@dataclass(frozen=True)
class LocalValues:
    """Explanations of some rows.

    Attributes
    ----------
    prediction, base : ndarray, shape (rows, outputs)
    values : ndarray, shape (rows, features, outputs)
    error : ndarray of the same shape, or None
        Half-width of a 95 % interval around each value; ``None`` where values are exact.
    replicates : ndarray, shape (rows, replicates, features, outputs), or None
        Independent estimates whose mean are the values. The spread of their averages over rows is
        the error of the average, because errors of rows are not independent.
    unexplained : ndarray of bool, shape (rows,), or None
        Rows that the method could not explain, whose values are NaN.
    """

    prediction: np.ndarray
    base: np.ndarray
    values: np.ndarray
    error: np.ndarray | None = None
    replicates: np.ndarray | None = None
    unexplained: np.ndarray | None = None


class LocalExplainer(Protocol):
    """An explainer of rows; built once per process and called per batch."""

    prefix: ClassVar[str]
    """How the columns of its values begin: ``shap`` or ``lime``."""
    sampled: ClassVar[bool]
    """Whether its values have errors."""

    @property
    def task(self) -> Task:
        """The task from which it was built."""

    def explain(self, rows: pd.DataFrame, hashes: np.ndarray) -> LocalValues:
        """Explain rows; ``hashes`` (uint64) are those of the rows' keys.

        The result of a row must not depend on the other rows.
        """
