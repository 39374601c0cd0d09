"""Inputs and outputs that all local explainers have in common."""

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
    """Everything that an explainer is built from: a model's output, the background and options.

    ``perturbation`` is ``interventional`` or ``tree_path_dependent``.
    """

    output: ModelOutput
    background: pd.DataFrame
    sampling: ValueSampling = field(default_factory=ValueSampling)
    random_state: int = 0
    perturbation: str = "interventional"

    @property
    def features(self) -> int:
        """Number of explained features."""
        return self.background.shape[1]

    @cached_property
    def mixer(self) -> Mixer:
        """Builds rows from explained rows and background rows."""
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
        Half-width of a 95 % interval around each value; ``None`` if values are exact.
    replicates : ndarray, shape (rows, replicates, features, outputs), or None
        Independent estimates whose mean is ``values``. The spread of their averages over rows gives
        the error of an average; errors of rows are not independent.
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
    """An explainer, which is built once per process and called for each batch."""

    prefix: ClassVar[str]
    """Start of the names of the value columns: ``shap`` or ``lime``."""
    sampled: ClassVar[bool]
    """Whether the values have errors."""

    @property
    def task(self) -> Task:
        """The task from which the explainer was built."""

    def explain(self, rows: pd.DataFrame, hashes: np.ndarray) -> LocalValues:
        """Explain rows; ``hashes`` (uint64) are the hashes of the rows' keys.

        The result of a row must not depend on the other rows.
        """
