"""``error_drift``: one tree on two runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.error_analysis.tree_of_errors import error_tree
from rai_scale.error_analysis.trees.gradients import Sums
from rai_scale.error_analysis.trees.result import ErrorTree
from rai_scale.errors import ConfigError
from rai_scale.measures.uncertainty.proportions import newcombe, z_test
from rai_scale.results import Result
from rai_scale.statistics.distances import population_stability
from rai_scale.statistics.multiple_tests import holm


@dataclass(frozen=True, repr=False)
class ErrorDrift(Result):
    """The nodes of one tree in two runs; made by :func:`error_drift`.

    Attributes
    ----------
    nodes : pandas.DataFrame
        ``node``, ``parent``, ``condition``; of each run ``rows``, ``share`` (of all rows) and
        ``error_rate``; ``share_change`` and ``change`` (of the error rate) with intervals
        (Newcombe), p-values of both (z-tests, adjusted by Holm over all nodes) and
        ``significant``: the error rate changed.
    tree : ErrorTree
        With the rows of the run before.
    psi : float
        The population stability index of the shares of the leaves; infinite if a leaf is empty in
        one run.
    """

    nodes: pd.DataFrame
    tree: ErrorTree
    psi: float

    def totals(self) -> Mapping[str, Any]:
        """Return the rows of both runs and the number of nodes."""
        first = self.nodes.iloc[0]
        runs = {f"rows_{run}": int(first[f"rows_{run}"]) for run in ("before", "after")}
        return {**runs, "nodes": len(self.nodes)}

    def _tables(self) -> Any:
        return {"nodes": lambda: self.nodes}

    def _numbers(self) -> Mapping[str, float]:
        return {
            "psi": self.psi,
            "change": float(self.nodes["change"].iloc[0]),
            "worst_change": float(self.nodes["change"].max()),
            "changed_nodes": float(self.nodes["significant"].sum()),
        }


def error_drift(
    before: Any,
    after: Any,
    *,
    y_true: str,
    y_pred: str,
    tree: ErrorTree | None = None,
    confidence: float = 0.95,
    **options: Any,
) -> ErrorDrift:
    """Compare the errors of two runs node by node, in one tree; executes.

    Parameters
    ----------
    before, after : DataFrame, DuckDB relation or pyarrow.Table
        With the same columns.
    y_true, y_pred : str
        Labels and predictions.
    tree : ErrorTree, optional
        The tree; by default it is grown on ``before``. Its nodes were then chosen for their errors
        in ``before``, so that in ``after`` their error rates tend to be less extreme; give a tree
        of other rows to avoid this.
    confidence : float
        Of the intervals and of ``significant``.
    **options
        Of :func:`error_tree`, to grow the tree.

    Returns
    -------
    ErrorDrift

    Raises
    ------
    ConfigError
        If the tree is one of losses or weights, or as in :func:`error_tree`.
    """
    asked = {"y_true": y_true, "y_pred": y_pred, "confidence": confidence, **options}
    grown = error_tree(before, **asked) if tree is None else tree
    if grown.roles.loss is not None or grown.roles.sample_weight is not None:
        raise ConfigError("error_drift compares counts of errors: leave out metric and weights.")
    if (grown.y_true, grown.y_pred) != (y_true, y_pred):
        raise ConfigError("the tree has other columns of labels and predictions.")
    first, second = grown.on(before), grown.on(after)
    table = _table(grown, first.sums, second.sums, confidence)
    leaves = [node.routes is None for node in grown.tree]
    shares = (table.loc[leaves, f"share_{run}"].to_numpy(float) for run in ("before", "after"))
    return ErrorDrift(table, first, population_stability(*shares))


def _table(
    tree: ErrorTree, before: list[Sums], after: list[Sums], confidence: float
) -> pd.DataFrame:
    rows = [np.array([float(s.rows) for s in run]) for run in (before, after)]
    errors = [np.array([float(s.error) for s in run]) for run in (before, after)]
    totals = [np.full(len(n), n[0]) for n in rows]
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = [e / n for e, n in zip(errors, rows, strict=True)]
    low, high = newcombe(errors[1], rows[1], errors[0], rows[0], confidence)
    shares = [n / total for n, total in zip(rows, totals, strict=True)]
    share_p = z_test(rows[1], totals[1], rows[0], totals[0])[1]
    p_values = holm(z_test(errors[1], rows[1], errors[0], rows[0])[1])
    share_p[0] = np.nan  # the root has all rows in both runs
    runs = {
        f"{name}_{run}": values[at]
        for name, values in (("rows", rows), ("share", shares), ("error_rate", rates))
        for at, run in enumerate(("before", "after"))
    }
    table = pd.DataFrame(
        {
            **tree.nodes[["node", "parent", "condition"]],
            **runs,
            "share_change": shares[1] - shares[0],
            "share_p": holm(share_p),
            "change": rates[1] - rates[0],
            "low": low,
            "high": high,
            "p_adjusted": p_values,
            "significant": p_values < 1 - confidence,
        }
    )
    return table.astype({"rows_before": "int64", "rows_after": "int64"})
