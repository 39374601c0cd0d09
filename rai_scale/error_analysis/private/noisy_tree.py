"""The tree of errors from a release: LightGBM's search over noisy counts of declared bins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.error_analysis.private.noisy_counts import NoisyCounts
from rai_scale.error_analysis.trees.bins import Bins, CategoryBins, NumericBins, is_useless
from rai_scale.error_analysis.trees.counting import NODE, CountedFrame, Roles
from rai_scale.error_analysis.trees.gradients import Gradients, Sums
from rai_scale.error_analysis.trees.growing import Growing, Limits, grow, per_node_and_bin
from rai_scale.error_analysis.trees.node_table import numbered
from rai_scale.error_analysis.trees.result import ErrorTree
from rai_scale.errors import ConfigError
from rai_scale.measures.uncertainty.noisy_shares import LEAST_ROWS
from rai_scale.privacy.declared_cells import project

COUNT, RAW = "_rai_count", "_rai_raw"


@dataclass(frozen=True, repr=False)
class NoisyTree(ErrorTree):
    """An :class:`ErrorTree` of noisy counts.

    Its intervals include noise and the sampling of people. It has no p-values: ``p_adjusted`` is
    NaN, and no node is ``significant``.

    Attributes
    ----------
    ends : ndarray of float64, shape (2, nodes)
        The intervals.
    facts : dict
        The budget that was spent, and the id of its charge.
    """

    ends: np.ndarray = field(default_factory=lambda: np.empty((2, 0)))
    facts: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def nodes(self) -> pd.DataFrame:
        """One row per node, as in :class:`ErrorTree`; a rate that is mostly noise is NaN."""
        table = super().nodes.assign(low=self.ends[0], high=self.ends[1])
        return table.assign(error_rate=table["error_rate"].where(table["low"].notna()))

    def on(self, frame: Any) -> ErrorTree:
        """Raise: exact counts of other rows would not be private."""
        raise ConfigError(
            "a private tree is not counted on other rows. Use release_errors on them, or a cohort "
            "of a node where exact counts are allowed."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the plain values of a tree, and the privacy settings."""
        made = super().to_dict()
        return {**made, "settings": {**made["settings"], "privacy": dict(self.facts)}}

    def _numbers(self) -> Mapping[str, float]:
        worst = float(self.leaves["error_rate"].max())
        return {"error_rate": float(self.nodes["error_rate"].iloc[0]), "worst_node": worst}


def tree_of(
    released: NoisyCounts,
    features: Sequence[str],
    counts: np.ndarray,
    behind: int,
    *,
    limits: tuple[int, int, int],
    confidence: float,
) -> NoisyTree:
    """Grow the tree of a release.

    Parameters
    ----------
    released : NoisyCounts
    features : sequence of str
    counts : ndarray of int64
        One axis per feature, and a last one for right and wrong rows.
    behind : int
        The number of noisy counts in each.
    limits : tuple of (int, int, int)
        Depth, leaves and least rows of a node.
    confidence : float
    """
    depth, leaves, least = limits
    least = max(least, LEAST_ROWS * released.declared.max_rows)
    counted, bins = _frame(released, features, counts)
    root = Growing(counted.at_nodes().whole(), ())
    mean = float(root.sums.mean())
    if 0 < mean < 1:
        first = {name: _sums(counted, bins[name], name) for name in features}
        kept = {
            name: own for name, own in bins.items() if not is_useless(own, first[name].rows, least)
        }
        root.allowed = tuple(kept)
        sums = {name: first[name] for name in kept}
        grow(counted, root, kept, sums, Gradients.binary(mean), Limits(depth, leaves, least))
    raw = _raw_sums(released, counted, root)
    order = _in_order(root)
    for node, parent_kept in zip(order, [True] * len(order), strict=True):
        usable = [
            released.shares(*_one(raw[id(child)], behind)).usable[0] for child in node.children
        ]
        if parent_kept and not all(usable):
            node.children, node.routes = [], None
    for node in order:
        node.p_value = float("nan")
    nodes, _ = numbered(root)
    found = np.array([raw[id(node)] for node in _in_order(root)], float).T
    rows, errors, cells = found[0], found[1], found[2] * behind
    shares = released.shares(rows, errors, cells)
    tail = (1 - confidence) / 2
    ends = np.stack([shares.end(tail, upper=False), shares.end(tail, upper=True)])
    clipped = np.clip(errors, 0, np.maximum(rows, 0))
    shown = [_plain_sums(n, e) for n, e in zip(rows, clipped, strict=True)]
    roles = Roles(*released.labels)
    none = pd.Series(dtype=float)
    return NoisyTree(
        nodes, shown, roles, "error_rate", confidence, none, released.notes, ends, released.facts
    )  # fmt: skip


def _frame(
    released: NoisyCounts, features: Sequence[str], counts: np.ndarray
) -> tuple[CountedFrame, dict[str, Bins]]:
    """Return a table of all cells that stands for the rows, and the bins of its features."""
    declared = released.declared
    places = np.indices(counts.shape).reshape(counts.ndim, -1)
    columns: dict[str, Any] = {}
    bins: dict[str, Bins] = {}
    bounds: dict[str, tuple[float, ...]] = {}
    for at, name in enumerate(features):
        values = pa.array(declared.values(name))
        columns[name] = values.take(pa.array(places[at]))
        if name in declared.bounds:
            edges = (*map(float, declared.bounds[name]), float("inf"))
            bins[name], bounds[name] = NumericBins(np.array(edges), missing=True), edges
        else:
            known = values.slice(0, len(values) - 1)
            rows = counts.sum(axis=tuple(a for a in range(counts.ndim) if a != at))[: len(known)]
            bins[name] = CategoryBins(known, np.argsort(-rows, kind="stable"))
    wrong, raw = places[-1], counts.reshape(-1)
    y_true, y_pred = released.labels
    columns |= {y_true: pa.array(np.zeros_like(wrong)), y_pred: pa.array(wrong)}
    columns[COUNT] = pa.array(project(raw[None, :].astype(float), wrong)[0])
    columns[RAW] = pa.array(raw.astype(float))
    roles = Roles(y_true, y_pred, COUNT, counts=True)
    frame = CountedFrame.of(pa.table(columns), roles, [*features, RAW])
    return frame.with_bins(bounds), bins


def _sums(counted: CountedFrame, bins: Bins, feature: str) -> Sums:
    nodes, values, sums = counted.at_nodes().by_value(feature)
    return per_node_and_bin(bins, nodes, values, sums, 1, counted, feature)[0]


def _raw_sums(
    released: NoisyCounts, counted: CountedFrame, root: Growing
) -> dict[int, tuple[float, float, float]]:
    """Return noisy rows and errors of each node, and the number of counts of errors in it."""
    nodes, sums = numbered(root)
    tree = ErrorTree(nodes, sums, counted.roles, "error_rate", 0.95, pd.Series(dtype=float))
    sql = tree.node_sql(counted.schema, counted.engine.dialect)
    data = counted.at_nodes(sql).data
    pred = released.labels[1]
    table = counted.engine.group_counts(data, [NODE], [RAW, (RAW, pred)])
    leaves = table.column(0).to_numpy()
    found = [table[at].to_numpy().astype(float) for at in (2, 3, 1)]
    made = {}
    for node, below in zip(_in_order(root), tree.leaves_below().values(), strict=True):
        inside = np.isin(leaves, [*below])
        rows, errors, cells = (float(values[inside].sum()) for values in found)
        made[id(node)] = (rows, errors, cells / 2)
    return made


def _in_order(root: Growing) -> list[Growing]:
    """Return the nodes level by level, as they are numbered."""
    found = [root]
    for node in found:  # grows while it is walked
        found += node.children
    return found


def _one(raw: tuple[float, float, float], behind: int) -> tuple[np.ndarray, ...]:
    rows, errors, cells = raw
    return np.array([rows]), np.array([errors]), np.array([cells * behind])


def _plain_sums(rows: float, errors: float) -> Sums:
    row, error = np.array(rows), np.array(errors)
    return Sums(np.rint(row).astype(np.int64), row, error, error, row)
