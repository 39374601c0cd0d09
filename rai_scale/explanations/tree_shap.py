"""TreeSHAP by shap or, where it was seen to give the same, by woodelf-explainer.

The whole background is used: shap's own default masker keeps 100 rows and says nothing.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from rai_scale.errors import MissingExtraError
from rai_scale.explanations.additivity import not_additive, probe_rows
from rai_scale.explanations.local_values import LocalValues, MethodUnfit, Task
from rai_scale.explanations.output import averages_trees
from rai_scale.explanations.unwrap import Unwrapped, as_columns, unwrap

HOMES = ("sklearn.ensemble", "sklearn.tree", "lightgbm", "xgboost")
WOODELF_BACKGROUND = 100
"""From this many background rows on, woodelf's cost per batch is worth it."""
WOODELF_NODES = 20_000
"""Up to this many nodes: woodelf's cost per batch grows with them."""
_SAME = 1e-6
_CHUNK = 64  # shap prints a progress bar where one call takes long


@dataclass(frozen=True)
class TreeShap:
    """Exact values of a tree ensemble's raw score, or of its averaged probabilities.

    A row whose values do not add up to its prediction (missing values or categories that shap reads
    differently from the model) has NaN, and is marked as unexplained.

    Parameters
    ----------
    task : Task
    backend : {"shap", "woodelf"}
    """

    task: Task
    backend: str = "shap"
    prefix: ClassVar[str] = "shap"
    sampled: ClassVar[bool] = False

    @property
    def interventional(self) -> bool:
        """Whether features are replaced by those of background rows."""
        return self.task.options.perturbation == "interventional"

    @cached_property
    def _inner(self) -> Unwrapped:
        return unwrap(self.task.output.model)

    @cached_property
    def shap_explainer(self) -> Any:
        """The explainer of shap, over every row of the background."""
        try:
            import shap
        except ImportError:
            raise MissingExtraError("shap", "explain") from None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # more than 1,000 rows are slow, as it says
            if not self.interventional:
                return shap.TreeExplainer(
                    self._inner.estimator, feature_perturbation="tree_path_dependent"
                )
            rows = self._inner.numbers(self.task.background)
            masker = shap.maskers.Independent(rows, max_samples=len(rows))
            return shap.TreeExplainer(
                self._inner.estimator, masker, feature_perturbation="interventional"
            )

    @cached_property
    def _woodelf(self) -> Any:
        from woodelf import WoodelfExplainer

        rows = as_columns(self._inner.numbers(self.task.background))
        return WoodelfExplainer(self._inner.estimator, rows)

    @cached_property
    def _base(self) -> np.ndarray:
        if self.interventional:
            return self.task.base
        expected = np.atleast_1d(np.asarray(self.shap_explainer.expected_value, dtype=np.float64))
        return self.task.output.pick(expected)

    def values(self, rows: pd.DataFrame) -> np.ndarray:
        """Return values, shape (rows, features, outputs)."""
        return self._values(rows)[:, self._inner.positions(rows.columns)]

    def _values(self, rows: pd.DataFrame) -> np.ndarray:
        if self.backend == "woodelf":
            found = self._woodelf.shap_values(as_columns(self._inner.numbers(rows)), verbose=False)
            return np.asarray(found, dtype=np.float64).reshape(len(rows), -1, 1)
        return self._values_of_shap(rows)

    def _values_of_shap(self, rows: pd.DataFrame) -> np.ndarray:
        given = self._inner.numbers(rows) if self.interventional else self._inner.transform(rows)
        parts = [given[start : start + _CHUNK] for start in range(0, len(given), _CHUNK)]
        found = [self._by_shap(part) for part in parts]
        return self.task.output.pick(np.concatenate(found))

    def _by_shap(self, part: Any) -> np.ndarray:
        found = self.shap_explainer.shap_values(part, check_additivity=False)
        found = np.stack(found, axis=-1) if isinstance(found, list) else np.asarray(found)
        return found[:, :, None] if found.ndim == 2 else found  # noqa: PLR2004

    def explain(self, rows: pd.DataFrame, hashes: np.ndarray) -> LocalValues:
        """Explain rows; see :class:`~rai_scale.explanations.local_values.LocalExplainer`."""
        found = self._explain(rows)
        wrong = not_additive(found)
        if wrong.any() and self.backend == "woodelf":
            order = self._inner.positions(rows.columns)
            found.values[wrong] = self._values_of_shap(rows[wrong])[:, order]
            wrong = not_additive(found)
        found.values[wrong] = np.nan
        return replace(found, unexplained=wrong)

    def _explain(self, rows: pd.DataFrame) -> LocalValues:
        prediction = self.task.output.in_blocks(rows)
        base = np.broadcast_to(self._base, prediction.shape)
        return LocalValues(prediction, base, self.values(rows))


def check_tree(task: Task) -> tuple[str, str]:
    """Return the backend that fits the model, and why.

    Raises
    ------
    MethodUnfit
        If the model is no tree ensemble, a link bends what is explained, or values do not add up.
    """
    inner = unwrap(task.output.model)
    name = type(inner.estimator).__name__
    if not type(inner.estimator).__module__.startswith(HOMES):
        raise MethodUnfit(f"{name} is not made of trees")
    classifies = task.output.model.classes is not None
    if classifies and task.output.kind == "probability" and not averages_trees(inner.estimator):
        raise MethodUnfit(
            f"probabilities of {name} are bent by a link after the trees, and TreeSHAP of "
            "probabilities would not be Shapley values (output='raw' has exact ones)"
        )
    explainer = TreeShap(task)
    rows = probe_rows(task.background)
    try:
        found = explainer._explain(rows)
    except (MethodUnfit, MissingExtraError):
        raise
    except Exception as error:  # shap refuses what it cannot read in many ways
        raise MethodUnfit(f"shap cannot read this {name} ({type(error).__name__})") from None
    if found.values.shape[1] != task.features or not_additive(found).any():
        raise MethodUnfit(f"shap's values for this {name} do not add up to its predictions")
    over = f"interventional over {len(task.background):,} background rows"
    over = over if explainer.interventional else "path-dependent, from the trees' own counts"
    backend = _backend(task, explainer, rows, found)
    return backend, f"{name} is made of trees: exact, {over}, by {backend}"


def _backend(task: Task, explainer: TreeShap, rows: pd.DataFrame, found: LocalValues) -> str:
    """Return ``woodelf`` where it is installed, likely faster, and gives shap's values.

    Values that are all 0 would show nothing. It misreads the probabilities of scikit-learn's trees.
    """
    nodes = int(np.sum(getattr(explainer.shap_explainer.model, "num_nodes", WOODELF_NODES + 1)))
    small = len(task.background) < WOODELF_BACKGROUND or nodes > WOODELF_NODES
    model = task.output.model
    misread = model.classes is not None and averages_trees(explainer._inner.estimator)
    size = float(np.abs(found.values).max())
    if small or misread or size == 0 or not explainer.interventional or found.values.shape[2] != 1:
        return "shap"
    try:
        other = TreeShap(task, "woodelf").values(rows)
    except Exception:  # not installed, or a model that it cannot read
        return "shap"
    same = other.shape == found.values.shape and np.abs(other - found.values).max() <= _SAME * size
    return "woodelf" if same else "shap"
