"""LIME by the ``lime`` package, called as in interpret, with a separate seed for each row.

The ``lime`` package uses one generator for all rows, so its result for a row depends on the rows
before it. Here, the seed of a row is derived from its key. The result is that of
``interpret.blackbox.LimeTabular(predict, background, random_state=seed)`` for the row alone.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.errors import ConfigError, MissingExtraError
from rai_scale.explanations.local.lime_codes import Codes
from rai_scale.explanations.local.shap_values import Choice
from rai_scale.explanations.local.values import LocalValues, Task
from rai_scale.statistics.keyed_hash import key_hashes

SAMPLES = 5000
"""Number of perturbed rows per explained row, as in the ``lime`` package."""
SHOWN = 10
"""Maximum number of features in a local model, as in ``lime``; other features have value 0."""


def choose_lime(task: Task, method: str) -> Choice:
    """Return LIME with its number of samples (``max_evals``, by default 5,000).

    Raises
    ------
    ConfigError
        If numbers are missing in the background, or LIME does not support an option.
    """
    try:
        import lime  # noqa: F401
    except ImportError:
        raise MissingExtraError("lime", "explain") from None
    asked = task.sampling
    if asked.target_error is not None or task.perturbation != "interventional":
        raise ConfigError("lime accepts max_evals; target_error and perturbation are for SHAP.")
    samples = SAMPLES if asked.max_evals is None else asked.max_evals
    if samples <= task.features:
        raise ConfigError(
            f"max_evals is {samples}, but {task.features} features need more samples."
        )
    missing = Codes(task.background).missing_numbers()
    if missing:
        raise ConfigError(
            f"LIME cannot perturb missing numbers, and the background has some in "
            f"{', '.join(map(repr, missing))}. Fill them, or remove those rows."
        )
    return Choice(method, f"a local linear model on {samples:,} perturbed rows", samples)


def build_lime(task: Task, choice: Choice) -> Lime:
    """Build the explainer."""
    return Lime(task, choice.evals)


def row_seeds(hashes: np.ndarray) -> np.ndarray:
    """Return the seeds of rows, uint32, which are derived from the hashes of their keys."""
    return (hashes >> np.uint64(32)).astype(np.uint32)


def lime_seeds(rows: pd.DataFrame, random_state: int = 0) -> np.ndarray:
    """Return the seed with which each row is explained, to reproduce a row with interpret.

    Parameters
    ----------
    rows : pandas.DataFrame
        The key columns that were given to ``explain``, or otherwise the features.
    random_state : int
        The value that was given to ``explain``.

    Returns
    -------
    ndarray of uint32, shape (rows,)
        For ``LimeTabular(predict, background, random_state=seed_of_the_row)``.
    """
    return row_seeds(key_hashes(pa.Table.from_pandas(rows, preserve_index=False), random_state))


@dataclass(frozen=True)
class Lime:
    """Explains rows by weighted ridge regressions on perturbed rows (Ribeiro et al. 2016).

    Numbers are binned at their quartiles; text, booleans and categories are drawn with their
    frequencies in the background. Values are the coefficients, and the base value is the intercept.
    Rows with a missing number get NaN, because LIME is not defined for them.
    """

    task: Task
    samples: int = SAMPLES
    method = "lime"
    prefix = "lime"
    sampled = False

    @cached_property
    def codes(self) -> Codes:
        """Converts between the model's columns and the numbers that ``lime`` perturbs."""
        return Codes(self.task.background)

    @cached_property
    def _explainer(self) -> Any:
        from lime.lime_tabular import LimeTabularExplainer

        return LimeTabularExplainer(
            self.codes.encode(self.task.background),
            mode="regression" if self._single else "classification",
            feature_names=[str(name) for name in self.task.background.columns],
            categorical_features=self.codes.categorical,
            random_state=0,
        )

    @property
    def _single(self) -> bool:
        return len(self.task.output.picked) == 1

    def explain(self, rows: pd.DataFrame, hashes: np.ndarray) -> LocalValues:
        """Explain rows; see :class:`~rai_scale.explanations.local.values.LocalExplainer`."""
        prediction = self.task.output.in_blocks(rows)
        base = np.full(prediction.shape, np.nan)
        values = np.full((len(rows), self.task.features, prediction.shape[1]), np.nan)
        encoded = self.codes.encode(rows)
        for at in np.flatnonzero(np.isfinite(encoded).all(axis=1)):
            seed = int(row_seeds(hashes[at : at + 1])[0])
            base[at], values[at] = self._one(encoded[at], rows.iloc[at : at + 1], seed)
        return LocalValues(prediction, base, values)

    def _one(
        self, encoded: np.ndarray, row: pd.DataFrame, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return intercepts (outputs,) and coefficients (features, outputs) of one row."""
        labels = (1,) if self._single else range(len(self.task.output.picked))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # raw scores do not sum to 1
            found = seeded(self._explainer, seed).explain_instance(
                encoded, self._predict(row), labels=labels, num_features=SHOWN,
                num_samples=self.samples,
            )  # fmt: skip
        base = np.array([found.intercept[label] for label in labels])
        values = np.zeros((len(encoded), len(base)))
        for number, label in enumerate(labels):
            for feature, value in found.local_exp[label]:
                values[feature, number] = value
        return base, values

    def _predict(self, row: pd.DataFrame) -> Callable[[np.ndarray], np.ndarray]:
        def predict(perturbed: np.ndarray) -> np.ndarray:
            outputs = self.task.output(self.codes.decode(perturbed, row))
            return outputs[:, 0] if self._single else outputs

        return predict


def seeded(explainer: Any, seed: int) -> Any:
    """Return a copy of an explainer as if it had been created with ``random_state=seed``.

    Threads share the explainer, so each needs a copy; a new one would bin the background again.
    """
    state = np.random.RandomState(seed)
    made = copy.copy(explainer)
    made.random_state = state
    made.base, made.discretizer = copy.copy(explainer.base), copy.copy(explainer.discretizer)
    made.base.random_state = made.discretizer.random_state = state
    return made
