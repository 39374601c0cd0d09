"""An error tree: its nodes, cohorts, and the same tree on other rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.engines.choose import engine_of
from rai_scale.engines.dialect import Dialect
from rai_scale.error_analysis.cohorts.condition_sql import Predicate
from rai_scale.error_analysis.cohorts.conditions import AllOf, columns_of
from rai_scale.error_analysis.cohorts.one_cohort import Cohort
from rai_scale.error_analysis.column_kinds import check_used
from rai_scale.error_analysis.trees.counting import CountedFrame, Roles
from rai_scale.error_analysis.trees.gradients import Sums
from rai_scale.error_analysis.trees.node_table import TreeNode, node_table
from rai_scale.errors import ConfigError
from rai_scale.gates import Figure
from rai_scale.results import Result


@dataclass(frozen=True, repr=False)
class ErrorTree(Result):
    """A tree of the rows on which a model errs; made by :func:`error_tree`.

    Attributes
    ----------
    tree : list of TreeNode
        The nodes, level by level; the root is node 0.
    sums : list of Sums
        Rows and errors per node.
    roles : Roles
        The columns of labels, predictions and weights.
    metric : str
    confidence : float
    values : pandas.Series
        The metric per node; empty if it is the mean error itself.
    notes : tuple of str
        For the reader.
    """

    tree: list[TreeNode]
    sums: list[Sums]
    roles: Roles
    metric: str
    confidence: float
    values: pd.Series
    notes: tuple[str, ...] = ()

    @property
    def y_true(self) -> str:
        """The column of labels."""
        return self.roles.y_true

    @property
    def y_pred(self) -> str:
        """The column of predictions."""
        return self.roles.y_pred

    @cached_property
    def nodes(self) -> pd.DataFrame:
        """One row per node, level by level.

        ``node``, ``parent``, ``depth``; ``condition`` (text that :func:`cohort` reads); how rows
        come from the parent: ``feature``, ``operator``, ``threshold``, ``values``, ``missing_to``
        (the node of rows without a value); ``rows``, ``errors``, ``error_rate`` (of a regression
        the sum and mean of losses), ``share_of_errors``; ``low``, ``high`` (interval of the error
        rate); ``p_adjusted`` (of the split that made the node, corrected for all splits that were
        tried, and by Holm for all splits of the tree) and ``significant`` (it is below 1 -
        confidence, here and for all nodes above); and the metric.
        """
        table = node_table(self.tree, self.sums, self.roles.loss, self.confidence)
        if len(self.values):
            table[self.metric] = table["node"].map(self.values)
        return table

    def cohort(self, node: int) -> Cohort:
        """Return the rows of a node.

        Parameters
        ----------
        node : int

        Raises
        ------
        ConfigError
            If there is no such node.
        """
        if node not in range(len(self.tree)):
            raise ConfigError(
                f"there is no node {node}; the tree has nodes 0 to {len(self.tree) - 1}."
            )
        path = self.tree[node].path
        return Cohort(AllOf() if path is None else path, f"node {node}", (self.y_true, self.y_pred))

    def assign(self, frame: Any, column: str = "error_node") -> Any:
        """Return a frame with the number of each row's leaf; lazy where ``frame`` is.

        Parameters
        ----------
        frame : DataFrame, DuckDB relation or pyarrow.Table
            It has the features of the tree.
        column : str
            The name of the new column (int64). It is null where a feature is missing that was never
            missing in the rows of the tree.
        """
        engine = engine_of(frame)
        schema = engine.schema(frame)
        sql = self.node_sql(schema, engine.dialect)
        return engine.with_expressions(frame, {column: sql}, pa.schema([(column, pa.int64())]))

    def node_sql(self, schema: pa.Schema, dialect: str) -> str:
        """Return the number of a row's leaf as SQL.

        Parameters
        ----------
        schema : pyarrow.Schema
            Of the frame.
        dialect : {"duckdb", "spark", "spark3"}
        """
        paths = [node.path for node in self.tree if node.path is not None]
        check_used(schema, dict.fromkeys(name for path in paths for name in columns_of(path)))
        return self._case(0, Predicate(Dialect(dialect), schema))

    def _case(self, number: int, predicate: Predicate) -> str:
        node = self.tree[number]
        if node.routes is None:
            return predicate.dialect.integer(number)
        left, right = (self._case(child, predicate) for child in node.children)
        return node.routes.case(predicate, left, right)

    def on(self, frame: Any) -> ErrorTree:
        """Return the same tree with the rows and errors of another frame; executes.

        A tree that was found on some rows and is judged on others has honest intervals: those of
        the rows on which it was found are too narrow, because the nodes were chosen for their
        errors.

        Parameters
        ----------
        frame : DataFrame, DuckDB relation or pyarrow.Table
            With the same columns.

        Returns
        -------
        ErrorTree
            Without p-values and without the metric per node.
        """
        counted = CountedFrame.of(frame, self.roles, self.features)
        counted.at_nodes().whole()
        sql = self.node_sql(counted.schema, counted.engine.dialect)
        leaves, sums = counted.at_nodes(sql).by_node()
        tree = [replace(node, p_value=float("nan")) for node in self.tree]
        lost = int(sums.rows[leaves < 0].sum())
        notes = (f"{lost:,} rows belong to no leaf: a feature is missing that was not before.",)
        inside = self.leaves_below()
        inside[0] |= {-1}  # rows without a leaf
        found = [sums.take(np.isin(leaves, [*inside[n.number]])).total() for n in tree]
        empty = pd.Series(dtype=float)
        return replace(self, tree=tree, sums=found, values=empty, notes=notes if lost else ())

    @property
    def features(self) -> list[str]:
        """The features that split a node."""
        found = (node.routes.feature for node in self.tree if node.routes is not None)
        return list(dict.fromkeys(found))

    def leaves_below(self) -> dict[int, set[int]]:
        """Return the leaves below each node; of a leaf, itself."""
        found: dict[int, set[int]] = {}
        for node in reversed(self.tree):
            below = [found[child] for child in node.children]
            found[node.number] = set().union(*below) if below else {node.number}
        return {number: found[number] for number in range(len(self.tree))}

    def totals(self) -> Mapping[str, Any]:
        """Return the number of rows, of errors and of nodes."""
        whole = self.sums[0]
        return {"rows": int(whole.rows), "errors": float(whole.error), "nodes": len(self.tree)}

    @property
    def leaves(self) -> pd.DataFrame:
        """The rows of ``nodes`` that are leaves, the highest error rate first."""
        leaves = self.nodes[[node.routes is None for node in self.tree]]
        return leaves.sort_values("error_rate", ascending=False, kind="stable")

    @property
    def error_metric(self) -> str:
        """Name of what ``error_rate`` is: ``"error_rate"``, or the mean of losses."""
        return self.roles.loss or "error_rate"

    def to_dict(self) -> dict[str, Any]:
        """Return sizes, settings, nodes, metrics and notes as plain values."""
        settings = {
            "y_true": self.y_true,
            "y_pred": self.y_pred,
            "sample_weight": self.roles.sample_weight,
            "metric": self.metric,
            "error_metric": self.error_metric,
            "confidence": self.confidence,
        }
        return {**super().to_dict(), "settings": settings, "notes": list(self.notes)}

    def to_html(self) -> str:
        """Return a self-contained HTML page; it shows values of the features that divide rows."""
        from rai_scale.reports.error_analysis import render_error_analysis

        return render_error_analysis({"title": "Where the model errs", **self.to_dict()})

    def _tables(self) -> Any:
        return {"nodes": lambda: self.nodes}

    def _numbers(self) -> Mapping[str, float]:
        return {
            self.error_metric: float(self.sums[0].mean()),
            "worst_node": float(self.leaves["error_rate"].max()),
            "significant_nodes": float(self.nodes["significant"].sum()),
        }

    def _figures(self) -> Mapping[str, Sequence[Figure]]:
        # a gate holds if it holds in each leaf: with bounds, the worst need not be the highest
        def of(row: Any, at: str = "") -> Figure:
            return Figure(row.error_rate, row.low, row.high, at=at)

        whole = next(self.nodes.itertuples())
        leaves = [of(row, f"node {row.node}") for row in self.leaves.itertuples()]
        return {**super()._figures(), self.error_metric: [of(whole)], "worst_node": leaves}

    def _remarks(self) -> Sequence[str]:
        return self.notes
