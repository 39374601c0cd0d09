"""TreeSHAP on integer codes: by leaf tables if they are small enough, otherwise by shap.

shap stores thresholds and inputs in 32 bits, and supports neither sets of categories nor LightGBM's
treatment of missing values. The codes (see ``nodes``) are small integers, which 32 bits represent
exactly. The whole background is used, whereas shap's default masker silently keeps 100 rows.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from rai_scale.errors import ConfigError, MissingExtraError
from rai_scale.explanations.local.additivity import marked, probe_rows
from rai_scale.explanations.local.trees.leaf_tables import (
    LeafTables,
    leaves_of,
    make_tables,
    may_fit,
    tables_fit,
)
from rai_scale.explanations.local.trees.nodes import MISSING, Trees
from rai_scale.explanations.local.trees.probes import check_probes
from rai_scale.explanations.local.trees.readers import READERS, parts_of
from rai_scale.explanations.local.values import LocalValues, Task
from rai_scale.models.output import averages_trees
from rai_scale.models.unwrap import MethodUnfit, Unwrapped

MOST_TREE_NODES = 32_767
"""shap numbers the nodes of a tree in 16 bits."""
_CHUNK = 64  # shap prints a progress bar if a call takes long


@dataclass(frozen=True)
class TreeGame:
    """Data that is computed once from a model and a background, and sent to every worker.

    Attributes
    ----------
    trees : Trees
        The trees of the model.
    background : ndarray of int, shape (rows, columns)
        Codes of the background.
    tables : LeafTables or None
        ``None`` if shap computes the values.
    """

    trees: Trees
    background: np.ndarray
    tables: LeafTables | None


@dataclass(frozen=True)
class TreeShap:
    """Exact values of a tree ensemble's raw score, or of its averaged probabilities.

    If the values of a row do not add up to its prediction, because the model treats a value
    differently from its trees, they are NaN and the row is marked as unexplained.

    Parameters
    ----------
    task : Task
        The model's output, the background and the options.
    game : TreeGame
        Data computed from the trees and the background.
    """

    task: Task
    game: TreeGame
    prefix: ClassVar[str] = "shap"
    sampled: ClassVar[bool] = False

    @cached_property
    def _by_codes(self) -> Any:
        """The explainer of shap over the codes of the background."""
        import shap

        rows = _as_floats(self.game.background)
        masker = shap.maskers.Independent(rows, max_samples=len(rows))
        return shap.TreeExplainer(
            {"trees": _for_shap(self.game.trees)}, masker, feature_perturbation="interventional"
        )

    def values(self, rows: pd.DataFrame) -> np.ndarray:
        """Return values, shape (rows, features, outputs)."""
        codes = self.game.trees.codes(self.task.unwrapped.numbers(rows))
        if self.game.tables is not None:
            found = self.game.tables.values(codes)
        else:
            found = in_chunks(self._by_codes, _as_floats(codes))
        return self.task.output.pick(found[:, self.task.unwrapped.positions(rows.columns)])

    def explain(self, rows: pd.DataFrame, hashes: np.ndarray) -> LocalValues:
        """Explain rows; see :class:`~rai_scale.explanations.local.values.LocalExplainer`."""
        prediction = self.task.output.in_blocks(rows)
        base = np.broadcast_to(self.task.base, prediction.shape)
        return marked(LocalValues(prediction, base, self.values(rows)))


@dataclass(frozen=True)
class PathDependentShap:
    """shap's values from the row counts stored in the trees, without a background."""

    task: Task
    prefix: ClassVar[str] = "shap"
    sampled: ClassVar[bool] = False

    @cached_property
    def _explainer(self) -> Any:
        import shap

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return shap.TreeExplainer(
                self.task.unwrapped.estimator, feature_perturbation="tree_path_dependent"
            )

    def explain(self, rows: pd.DataFrame, hashes: np.ndarray) -> LocalValues:
        """Explain rows; see :class:`~rai_scale.explanations.local.values.LocalExplainer`."""
        pick = self.task.output.pick
        prediction = self.task.output.in_blocks(rows)
        expected = np.atleast_1d(np.asarray(self._explainer.expected_value, dtype=np.float64))
        base = np.broadcast_to(pick(expected), prediction.shape)
        found = pick(in_chunks(self._explainer, self.task.unwrapped.transform(rows)))
        return marked(
            LocalValues(prediction, base, found[:, self.task.unwrapped.positions(rows.columns)])
        )


def in_chunks(explainer: Any, given: Any) -> np.ndarray:
    """Return the values of an explainer of shap, shape (rows, columns, outputs)."""
    done = []
    for start in range(0, len(given), _CHUNK):
        found = explainer.shap_values(given[start : start + _CHUNK], check_additivity=False)
        found = np.stack(found, axis=-1) if isinstance(found, list) else np.asarray(found)
        done.append(found[:, :, None] if found.ndim == 2 else found)  # noqa: PLR2004
    return np.concatenate(done)


def _as_floats(codes: np.ndarray) -> np.ndarray:
    return np.where(codes == MISSING, np.nan, codes.astype(np.float64))


def _for_shap(trees: Trees) -> list[dict[str, Any]]:
    """Return trees in shap's form, whose thresholds are ranks and whose leaves average to 0.

    shap stores leaves in 32 bits, and LightGBM adds the mean of the target to the leaves of a tree.
    """
    made = []
    for start, end in zip(trees.roots, [*trees.roots[1:], len(trees.left)], strict=True):
        part = slice(start, end)
        inner = trees.left[part] >= 0
        made.append(
            {
                "children_left": np.where(inner, trees.left[part] - start, -1),
                "children_right": np.where(inner, trees.right[part] - start, -1),
                "children_default": np.where(inner, trees.missing[part] - start, -1),
                "features": trees.feature[part],
                "thresholds": trees.goes_left[part].astype(np.float64),
                "values": trees.value[part] - trees.value[part][~inner].mean(axis=0),
                "node_sample_weight": np.ones(end - start),
            }
        )
    return made


def check_tree(task: Task) -> tuple[TreeGame | None, str]:
    """Return the model's tree game (``None`` if path-dependent) and why TreeSHAP is exact.

    Raises
    ------
    MethodUnfit
        If the model is not a tree ensemble, applies a link function to the sum of its trees, or
        does not predict what its trees predict.
    """
    inner = task.unwrapped
    name = type(inner.estimator).__name__
    if not type(inner.estimator).__module__.startswith(tuple(READERS)):
        raise MethodUnfit(f"{name} is not made of trees")
    classifies = task.output.model.classes is not None
    if classifies and task.output.kind == "probability" and not averages_trees(inner.estimator):
        raise MethodUnfit(
            f"{name} applies a link function to the sum of its trees, so TreeSHAP is not exact for "
            "its probabilities (it is with output='raw')"
        )
    if task.perturbation != "interventional":
        return None, _path_dependent(task, name)
    try:
        game = _made_game(task, inner, name)
        rows = probe_rows(task.background)
        found = TreeShap(task, game).explain(rows, np.zeros(len(rows), np.uint64))
    except (MethodUnfit, MissingExtraError):
        raise
    except Exception as error:  # an unknown form of the library's model
        raise MethodUnfit(f"the trees of {name} cannot be read ({type(error).__name__})") from None
    if found.unexplained is None or found.unexplained.any():
        raise MethodUnfit(f"values of the trees of {name} do not add up to its predictions")
    by = "shap" if game.tables is None else "tables of its leaves"
    over = f"interventional over {len(task.background):,} background rows"
    return game, f"{name} is made of trees: exact, {over}, by {by}"


def _made_game(task: Task, inner: Unwrapped, name: str) -> TreeGame:
    trees = parts_of(inner.estimator, task.features)
    background = trees.codes(inner.numbers(task.background))
    check_probes(task, inner, trees)
    leaves = leaves_of(trees) if may_fit(trees) else []
    if leaves and tables_fit(leaves):
        return TreeGame(trees, background, make_tables(trees, leaves, background))
    if trees.sets:
        raise MethodUnfit(f"the trees of {name} split by category and are too large for tables")
    if max(np.diff([*trees.roots, len(trees.left)])) > MOST_TREE_NODES:
        raise MethodUnfit(f"a tree of {name} has more nodes than shap supports")
    try:
        import shap  # noqa: F401
    except ImportError:
        raise MissingExtraError("shap", "explain") from None
    return TreeGame(trees, background, None)


def _path_dependent(task: Task, name: str) -> str:
    try:
        rows = probe_rows(task.background)
        found = PathDependentShap(task).explain(rows, np.zeros(len(rows), np.uint64))
    except ImportError:
        raise MissingExtraError("shap", "explain") from None
    except (MethodUnfit, ConfigError):
        raise
    except Exception as error:  # shap raises many kinds of errors
        raise MethodUnfit(f"shap cannot read this {name} ({type(error).__name__})") from None
    if found.unexplained is None or found.unexplained.any():
        raise MethodUnfit(f"shap's values for this {name} do not add up to its predictions")
    return f"{name} is made of trees: path-dependent, from the row counts in the trees, by shap"
