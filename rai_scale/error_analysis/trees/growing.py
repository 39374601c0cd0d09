"""Grow a tree level by level from sums per node and bin, as LightGBM grows it leaf by leaf.

The best split of a leaf depends on its own rows only, so all leaves of a level are counted at once.
Which of them are split is decided at the end, by gain, if ``num_leaves`` does not allow all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from rai_scale.error_analysis.cohorts.condition_sql import Predicate
from rai_scale.error_analysis.trees.bins import Bins
from rai_scale.error_analysis.trees.counting import CountedFrame
from rai_scale.error_analysis.trees.gradients import Gradients, Sums
from rai_scale.error_analysis.trees.routes import Routes, routes_of
from rai_scale.error_analysis.trees.significance import split_p_value
from rai_scale.error_analysis.trees.splits import ROUNDING, Split, best_split


@dataclass(eq=False)
class Growing:
    """A node while the tree grows.

    Attributes
    ----------
    sums : Sums
        Of all its rows.
    allowed : tuple of str
        The features that are tried: those that could be split in the parent.
    routes : Routes, optional
        How its rows go to its children, if it can be split.
    gain, p_value : float
        Of its best split.
    children : list of Growing
        Left and right.
    """

    sums: Sums
    allowed: tuple[str, ...]
    depth: int = 0
    routes: Routes | None = None
    gain: float = 0.0
    p_value: float = np.nan
    children: list[Growing] = field(default_factory=list)


@dataclass(frozen=True)
class Limits:
    """LightGBM's limits of the size of a tree."""

    max_depth: int
    num_leaves: int
    min_child_samples: int


def grow(  # noqa: PLR0917 - a frame, its features and what limits the tree
    frame: CountedFrame,
    root: Growing,
    bins: Mapping[str, Bins],
    first: Mapping[str, Sums],
    gradients: Gradients,
    limits: Limits,
) -> None:
    """Add all splits that ``max_depth`` allows, then keep those that ``num_leaves`` allows.

    Parameters
    ----------
    frame : CountedFrame
    root : Growing
    bins : mapping of str to NumericBins or CategoryBins
    first : mapping of str to Sums
        The sums of the root per bin of each feature.
    gradients : Gradients
    limits : Limits
    """
    level, histograms = [root], {0: dict(first)}
    for depth in range(limits.max_depth):
        if depth:
            histograms = _count_level(frame, root, level, bins)
        for number, node in enumerate(level):
            _split(node, histograms[number], bins, gradients, limits, frame)
        level = [child for node in level for child in node.children]
        if not level:
            break
    _keep_best(root, limits.num_leaves)


def _split(  # noqa: PLR0917 - a node and what is known about it
    node: Growing,
    histograms: Mapping[str, Sums],
    bins: Mapping[str, Bins],
    gradients: Gradients,
    limits: Limits,
    frame: CountedFrame,
) -> None:
    least = limits.min_child_samples
    found: dict[str, Split] = {}
    for feature in node.allowed:
        split = best_split(bins[feature], histograms[feature], gradients, least)
        if split is not None:
            found[feature] = split
    best = None
    for feature, split in found.items():
        if best is None or split.gain > found[best].gain + ROUNDING * abs(found[best].gain):
            best = feature
    if best is None or found[best].gain <= 0:
        return
    chosen, sums = found[best], histograms[best]
    searched = [(bins[name], histograms[name]) for name in node.allowed]
    node.p_value = split_p_value(chosen.left, sums, searched, least)
    node.gain = chosen.gain
    node.routes = routes_of(frame, best, bins[best], chosen)
    allowed = tuple(found)
    node.children = [
        Growing(sums.take(side).total(), allowed, node.depth + 1)
        for side in (chosen.left, ~chosen.left)
    ]


def _count_level(
    frame: CountedFrame, root: Growing, level: list[Growing], bins: Mapping[str, Bins]
) -> dict[int, dict[str, Sums]]:
    """Return the sums per bin of each feature that is still tried, for each node of a level."""
    numbers = {id(node): number for number, node in enumerate(level)}
    predicate = Predicate(frame.dialect, frame.schema)
    counted = frame.at_nodes(_node_sql(root, numbers, predicate))
    tried = dict.fromkeys(feature for node in level for feature in node.allowed)
    found: dict[int, dict[str, Sums]] = {number: {} for number in range(len(level))}
    for feature in tried:
        nodes, values, sums = counted.by_value(feature)
        per_bin = per_node_and_bin(bins[feature], nodes, values, sums, len(level), frame, feature)
        for number, own in found.items():
            own[feature] = per_bin[number]
    return found


def per_node_and_bin(  # noqa: PLR0917 - the parts of one count
    bins: Bins,
    nodes: np.ndarray,
    values: pa.ChunkedArray,
    sums: Sums,
    count: int,
    frame: CountedFrame,
    feature: str,
) -> list[Sums]:
    """Add up the sums of values to sums per node and bin."""
    at = frame.bin_of(bins, feature, values)
    place = nodes * bins.count + at
    columns = [
        np.bincount(place, column, minlength=count * bins.count) for column in sums.columns()
    ]
    table = np.stack(columns).reshape(5, count, bins.count)
    return [Sums.stack(table[:, number]) for number in range(count)]


def _node_sql(node: Growing, numbers: Mapping[int, int], predicate: Predicate) -> str:
    """Return the number of each row's node in the level; null for rows of finished nodes."""
    if id(node) in numbers:
        return predicate.dialect.integer(numbers[id(node)])
    if node.routes is None:
        return "CAST(NULL AS BIGINT)"
    left, right = (_node_sql(child, numbers, predicate) for child in node.children)
    return node.routes.case(predicate, left, right)


def _keep_best(root: Growing, num_leaves: int) -> None:
    """Split the leaf with the largest gain until there are ``num_leaves``."""
    leaves, kept = [root], 1
    while kept < num_leaves:
        gains = [leaf.gain if leaf.children else -np.inf for leaf in leaves]
        at = int(np.argmax(gains))
        if gains[at] == -np.inf:
            break
        left, right = leaves[at].children
        leaves[at] = left
        leaves.append(right)
        kept += 1
    for leaf in leaves:
        leaf.children, leaf.routes, leaf.p_value = [], None, np.nan
