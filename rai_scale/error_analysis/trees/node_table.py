"""The nodes of a tree as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.error_analysis.cohorts.conditions import Condition, to_text
from rai_scale.error_analysis.trees.gradients import Sums
from rai_scale.error_analysis.trees.growing import Growing
from rai_scale.error_analysis.trees.routes import Routes, joined
from rai_scale.statistics.multiple_tests import holm
from rai_scale.statistics.wilson import wilson


@dataclass(frozen=True)
class TreeNode:
    """A node of a finished tree.

    Attributes
    ----------
    number : int
        0 is the root; the other nodes are numbered level by level.
    parent : int or None
    depth : int
    path : Condition or None
        Which rows it has; None for the root.
    routes : Routes, optional
        Where its rows go; None for a leaf.
    children : tuple of int
        Left and right.
    p_value : float
        Of its split.
    """

    number: int
    parent: int | None
    depth: int
    path: Condition | None
    routes: Routes | None
    children: tuple[int, ...]
    p_value: float


def numbered(root: Growing) -> tuple[list[TreeNode], list[Sums]]:
    """Return the nodes, level by level, and their sums."""
    queue: list[tuple[Growing, int | None, Condition | None]] = [(root, None, None)]
    nodes, sums, at = [], [], 0
    while at < len(queue):
        node, parent, path = queue[at]
        children = tuple(range(len(queue), len(queue) + len(node.children)))
        if node.routes is not None:
            for child, step in zip(
                node.children, (node.routes.left, node.routes.right), strict=True
            ):
                queue.append((child, at, joined(path, step)))
        nodes.append(TreeNode(at, parent, node.depth, path, node.routes, children, node.p_value))
        sums.append(node.sums)
        at += 1
    return nodes, sums


def node_table(
    nodes: Sequence[TreeNode], sums: Sequence[Sums], loss: str | None, confidence: float
) -> pd.DataFrame:
    """Return one row per node; see ``ErrorTree.nodes``."""
    p_values = holm(np.array([node.p_value for node in nodes]))
    sure: dict[int | None, bool] = {None: True}
    whole = float(sums[0].error)
    low, high = intervals(Sums.stack(np.stack([s.columns() for s in sums], 1)), loss, confidence)
    rows = []
    for node, own in zip(nodes, sums, strict=True):
        parent = None if node.parent is None else nodes[node.parent]
        adjusted = np.nan if parent is None else float(p_values[parent.number])
        sure[node.number] = parent is None or (sure[parent.number] and adjusted < 1 - confidence)
        rows.append(
            {
                "node": node.number,
                "parent": node.parent,
                "depth": node.depth,
                "condition": "" if node.path is None else to_text(node.path),
                **_edge(node, parent),
                "rows": int(own.rows),
                "errors": float(own.error) if loss else _whole(float(own.error)),
                "error_rate": float(own.mean()),
                "share_of_errors": float(own.error) / whole if whole else np.nan,
                "low": low[node.number],
                "high": high[node.number],
                "p_adjusted": adjusted,
                "significant": sure[node.number] and parent is not None,
            }
        )
    table = pd.DataFrame(rows)
    table["parent"] = table["parent"].astype("Int64")
    table["missing_to"] = table["missing_to"].astype("Int64")
    return table


def _whole(value: float) -> float | int:
    return int(value) if value.is_integer() else value


def _edge(node: TreeNode, parent: TreeNode | None) -> dict[str, Any]:
    """Return how the rows come to a node from its parent."""
    empty = dict.fromkeys(("feature", "operator", "threshold", "values", "missing_to"))
    if parent is None or parent.routes is None:
        return empty
    routes, left = parent.routes, node.number == parent.children[0]
    if routes.values is not None:
        operator = "in" if left else "not in"
    elif routes.threshold == np.inf:
        operator = "is not missing" if left else "is missing"
    else:
        operator = "<=" if left else ">"
    side = {"left": 0, "right": 1, None: None}[routes.missing]
    return {
        "feature": routes.feature,
        "operator": operator,
        "threshold": routes.threshold,
        "values": None if routes.values is None else list(routes.values),
        "missing_to": None if side is None else parent.children[side],
    }


def intervals(sums: Sums, loss: str | None, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Return intervals of mean errors: Wilson's for shares, the normal one for losses.

    With weights the number of rows is the effective one, (sum w)^2 / sum w^2 (Kish 1965).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        size, mean = sums.weight**2 / sums.weight_sq, sums.mean()
        if loss is None:
            return wilson(mean * size, size, confidence)
        z = NormalDist().inv_cdf(0.5 + confidence / 2)
        spread = np.maximum(sums.square / sums.weight - mean**2, 0)
        half = z * np.sqrt(spread / (size - 1))
    return np.maximum(mean - half, 0), mean + half
