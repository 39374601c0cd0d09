"""Read the trees of scikit-learn, LightGBM, XGBoost and CatBoost."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from rai_scale.explanations.local.trees.nodes import KEPT, MISSING_IS_ZERO, ZERO_IS_MISSING, Trees
from rai_scale.models.unwrap import MethodUnfit
from rai_scale.upstream.sklearn import (
    BOOSTED,
    FORESTS,
    HISTOGRAM_BOOSTED,
    TREES,
    histogram_stages,
    moves_categories,
)


class _Nodes:
    """Collects the nodes of trees."""

    def __init__(self, outputs: int) -> None:
        self.outputs = outputs
        self.rows: list[list[Any]] = []
        self.leaves: list[tuple[int, Any, int | slice]] = []
        self.sets: dict[int, frozenset[int]] = {}
        self.roots: list[int] = []

    def leaf(self, value: Any, output: int | None = None) -> int:
        """Add a leaf; return its number."""
        made = self.split(-1, 0.0)
        self.leaves.append((made, value, slice(None) if output is None else output))
        return made

    def split(self, feature: int, threshold: float) -> int:
        """Add a node whose children are set later; return its number."""
        self.rows.append([-1, -1, -1, feature, threshold])
        return len(self.rows) - 1

    def join(self, node: int, left: int, right: int, missing_left: bool) -> int:
        """Set the children of a node; return it."""
        self.rows[node][:3] = [left, right, left if missing_left else right]
        return node

    def trees(self, columns: int, **options: Any) -> Trees:
        """Return the collected trees."""
        left, right, missing, feature, threshold = zip(*self.rows, strict=True)
        values = np.zeros((len(self.rows), self.outputs))
        for node, value, output in self.leaves:
            values[node, output] = value
        return Trees(
            left=np.array(left, np.int64),
            right=np.array(right, np.int64),
            missing=np.array(missing, np.int64),
            feature=np.array(feature, np.int64),
            threshold=np.array(threshold, np.float64),
            sets=self.sets,
            value=values,
            roots=np.array(self.roots),
            columns=columns,
            **options,
        )


def parts_of(estimator: Any, columns: int) -> Trees:
    """Return the trees of a fitted estimator whose raw score is their sum and a constant.

    Raises
    ------
    MethodUnfit
        If the estimator is not of a known kind, or its score is not such a sum.
    """
    home, name = type(estimator).__module__, type(estimator).__name__
    for prefix, read in READERS.items():
        if home.startswith(prefix):
            return read(estimator, columns)
    raise MethodUnfit(f"{name} is not made of trees")


def _sklearn(estimator: Any, columns: int) -> Trees:
    weighted = list(_sklearn_trees(estimator))
    if any(tree.n_outputs != 1 for tree, _, _, _ in weighted):
        raise MethodUnfit(f"{type(estimator).__name__} has several outputs")
    outputs = max(
        tree.value.shape[2] if output is None else output + 1 for tree, _, output, _ in weighted
    )
    start, made = 0, []
    for tree, scale, output, normal in weighted:
        value = tree.value[:, 0, :]
        value = value / value.sum(axis=1, keepdims=True) if normal else value
        whole = np.zeros((len(value), outputs))
        whole[:, slice(None) if output is None else [output]] = value * scale
        inner = tree.children_left >= 0
        left, right = (np.where(inner, part + start, -1) for part in _children(tree))
        gone = getattr(tree, "missing_go_to_left", np.ones(len(value), bool))
        made.append((left, right, np.where(gone, left, right), np.where(inner, tree.feature, -1),
                     tree.threshold, whole))  # fmt: skip
        start += len(value)
    left, right, missing, feature, threshold, value = (
        np.concatenate(part) for part in zip(*made, strict=True)
    )
    sizes = [len(part[0]) for part in made]
    roots = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    kept = (left, right, missing, feature.astype(np.int64), threshold)
    return Trees(*kept, {}, value, roots, columns, single=True)


def _children(tree: Any) -> tuple[np.ndarray, np.ndarray]:
    return tree.children_left.astype(np.int64), tree.children_right.astype(np.int64)


def _sklearn_trees(estimator: Any) -> Iterator[tuple[Any, float, int | None, bool]]:
    """Yield each tree, its weight, its output (``None``: all) and whether it needs normalizing."""
    classifies = hasattr(estimator, "classes_")
    if hasattr(estimator, "tree_"):
        yield estimator.tree_, 1.0, None, classifies
        return
    home = type(estimator).__module__
    if home.startswith(FORESTS):
        if not hasattr(estimator.estimators_[0], "tree_"):
            raise MethodUnfit(f"{type(estimator).__name__} is not made of trees")
        for one in estimator.estimators_:
            yield one.tree_, 1 / len(estimator.estimators_), None, classifies
        return
    if not home.startswith(BOOSTED):
        raise MethodUnfit(f"the score of {type(estimator).__name__} is not a sum of trees")
    for stage in estimator.estimators_:
        for output, one in enumerate(stage):
            yield one.tree_, estimator.learning_rate, output, False


def _histogram(estimator: Any, columns: int) -> Trees:
    if moves_categories(estimator):
        raise MethodUnfit(f"{type(estimator).__name__} reorders its categorical columns")
    stages = histogram_stages(estimator)
    nodes = _Nodes(len(stages[0]))
    for stage in stages:
        for output, tree in enumerate(stage):
            start = len(nodes.rows)
            nodes.roots.append(start)
            for node in tree.nodes:
                if node["is_leaf"]:
                    nodes.leaf(node["value"], output)
                else:
                    nodes.split(int(node["feature_idx"]), float(node["num_threshold"]))
            for at, node in enumerate(tree.nodes, start):
                if not node["is_leaf"]:
                    sides = int(node["left"]) + start, int(node["right"]) + start
                    nodes.join(at, *sides, bool(node["missing_go_to_left"]))
    return nodes.trees(columns)


def _lightgbm(estimator: Any, columns: int) -> Trees:
    booster = getattr(estimator, "booster_", estimator)
    dump = booster.dump_model()
    count = dump["num_tree_per_iteration"]
    trees = dump["tree_info"]
    scale = count / len(trees) if dump.get("average_output") else 1.0
    nodes, zeros = _Nodes(count), np.full(columns, KEPT)
    kinds = {"None": MISSING_IS_ZERO, "Zero": ZERO_IS_MISSING, "NaN": KEPT}

    def add(node: dict[str, Any], output: int) -> int:
        if "split_feature" not in node:
            if node.get("leaf_coeff"):
                raise MethodUnfit("the leaves of its linear trees are not constant")
            return nodes.leaf(node["leaf_value"] * scale, output)
        feature, by_set = node["split_feature"], node["decision_type"] == "=="
        made = nodes.split(feature, 0.0 if by_set else node["threshold"])
        if by_set:
            nodes.sets[made] = frozenset(map(int, node["threshold"].split("||")))
        else:
            zeros[feature] = kinds[node["missing_type"]]
        sides = add(node["left_child"], output), add(node["right_child"], output)
        return nodes.join(made, *sides, not by_set and node["default_left"])

    for number, tree in enumerate(trees):
        nodes.roots.append(add(tree["tree_structure"], number % count))
    return nodes.trees(columns, zeros=zeros)


def _xgboost(estimator: Any, columns: int) -> Trees:
    booster = estimator.get_booster() if hasattr(estimator, "get_booster") else estimator
    whole = json.loads(bytes(booster.save_raw("json")))["learner"]["gradient_booster"]
    drop = whole.get("weight_drop")
    model = (whole.get("gbtree") or whole).get("model")
    if model is None:
        raise MethodUnfit("an XGBoost model of booster gblinear is not made of trees")
    last = len(model["trees"])
    if estimator is not booster and getattr(estimator, "early_stopping_rounds", None):
        last = model["iteration_indptr"][estimator.best_iteration + 1]
    outputs = model["tree_info"][:last]
    nodes = _Nodes(max(outputs, default=0) + 1)
    for number, (tree, output) in enumerate(zip(model["trees"], outputs, strict=False)):
        if int(tree["tree_param"].get("size_leaf_vector", 1)) > 1:
            raise MethodUnfit("leaves of its trees are vectors")
        _xgboost_tree(nodes, tree, output, 1.0 if drop is None else drop[number])
    return nodes.trees(columns, single=True, strict=True, others_left=True)


def _xgboost_tree(nodes: _Nodes, tree: dict[str, Any], output: int, scale: float) -> None:
    """Add one tree, in which the categories that a node lists go right."""
    start, cuts = len(nodes.rows), tree["split_conditions"]
    nodes.roots.append(start)
    listed = {
        node: tree["categories"][first : first + size]
        for node, first, size in zip(
            tree["categories_nodes"], tree["categories_segments"], tree["categories_sizes"],
            strict=True,
        )
    }  # fmt: skip
    for at, left in enumerate(tree["left_children"]):
        if left < 0:
            nodes.leaf(float(np.float32(cuts[at])) * scale, output)
            continue
        made = nodes.split(tree["split_indices"][at], float(np.float32(cuts[at])))
        if at in listed:
            nodes.sets[made] = frozenset(listed[at])
    for at, left in enumerate(tree["left_children"]):
        if left >= 0:
            sides = left + start, tree["right_children"][at] + start
            nodes.join(at + start, *sides, bool(tree["default_left"][at]))


def _catboost(estimator: Any, columns: int) -> Trees:
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.json")
        estimator.save_model(path, format="json")
        whole = json.loads(Path(path).read_text())
    scale, bias = whole["scale_and_bias"]
    nodes = _Nodes(len(bias))
    known = whole["features_info"].get("float_features", [])

    def split(one: dict[str, Any]) -> tuple[int, bool]:
        if one["split_type"] != "FloatFeature":
            raise MethodUnfit("CatBoost reads categories by statistics, not by splits of a column")
        info = known[one["float_feature_index"]]
        node = nodes.split(info["flat_feature_index"], float(np.float32(one["border"])))
        return node, info["nan_value_treatment"] != "AsTrue"

    def grow(splits: list[dict[str, Any]], leaf: int, values: np.ndarray) -> int:
        """The last split is the highest bit of a leaf's number."""
        if not splits:
            return nodes.leaf(values[leaf])
        node, missing_left = split(splits[-1])
        bit = 1 << (len(splits) - 1)
        left, right = (grow(splits[:-1], leaf + side, values) for side in (0, bit))
        return nodes.join(node, left, right, missing_left)

    def follow(node: dict[str, Any]) -> int:
        if "split" not in node:
            return nodes.leaf(np.asarray(node["value"]) * scale)
        made, missing_left = split(node["split"])
        return nodes.join(made, follow(node["left"]), follow(node["right"]), missing_left)

    for tree in whole.get("oblivious_trees", []):
        values = np.asarray(tree["leaf_values"]).reshape(-1, len(bias)) * scale
        nodes.roots.append(grow(tree.get("splits") or [], 0, values))
    nodes.roots.extend(follow(tree) for tree in whole.get("trees", []))
    return nodes.trees(columns, single=True)


READERS: dict[str, Callable[[Any, int], Trees]] = {
    HISTOGRAM_BOOSTED: _histogram,
    "sklearn.ensemble": _sklearn,
    TREES: _sklearn,
    "lightgbm": _lightgbm,
    "xgboost": _xgboost,
    "catboost": _catboost,
}
"""Functions that read the trees, by the start of the module of the estimator."""
