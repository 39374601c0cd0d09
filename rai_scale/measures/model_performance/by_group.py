"""ROC, precision-recall and regression performance per model and group, from counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.engines.choose import engine_of
from rai_scale.errors import ConfigError, TooManyGroupsError, check_columns, did_you_mean
from rai_scale.measures.model_performance.curves import doane_histogram, pr_points, roc_points
from rai_scale.measures.model_performance.regression import Residuals, regression_residuals
from rai_scale.names import names_of
from rai_scale.results import Result, Tables
from rai_scale.statistics.cells import MAX_CELLS
from rai_scale.statistics.histogram import ScoreCells, score_cells
from rai_scale.statistics.score_metrics import auc_with_bound, average_precision_with_bound
from rai_scale.upstream.interpret import explanation_class

KINDS = {"classification": ("roc", "pr"), "regression": ("regression",)}


@dataclass(frozen=True, repr=False)
class Performance(Result):
    """Performance of one or more models, per group and over all rows.

    Attributes
    ----------
    task : {"classification", "regression"}
    by_group, overall : DataFrame
        ``model``, the group columns (by_group), ``rows`` and, for a classification, ``positives``,
        ``auc``, ``auc_bound``, ``average_precision``, ``average_precision_bound``: the metric of
        the rows is always within the bound, which is 0 unless scores were binned. For a regression
        ``mse``, ``rmse``, ``mae`` and ``r2``.
    groups : DataFrame
        One row per group, sorted.
    counted : dict of str to ScoreCells or Residuals
        Per model, what everything is computed from.
    """

    task: str
    by_group: pd.DataFrame
    overall: pd.DataFrame
    groups: pd.DataFrame
    counted: Mapping[str, Any]

    def _tables(self) -> Tables:
        return {"by_group": self.by_group.copy, "overall": self.overall.copy}

    def _numbers(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for row in self.overall.to_dict("records"):
            model = row.pop("model")
            before = f"{model}." if len(self.counted) > 1 else ""
            found |= {f"{before}{name}": value for name, value in row.items()}
        return found

    def totals(self) -> dict[str, Any]:
        """Return what was measured."""
        rows = int(self.overall["rows"].iloc[0])
        return {
            "task": self.task,
            "models": len(self.counted),
            "rows": rows,
            "groups": len(self.groups),
        }

    def roc(self, model: str | None = None, group: Any = None) -> pd.DataFrame:
        """Return ``fpr``, ``tpr`` and ``threshold`` of the ROC curve.

        Parameters
        ----------
        model : str, optional
            A score column; optional if there is only one.
        group : value or tuple of values, optional
            One of ``groups``; by default all rows.
        """
        return roc_points(*self._cells(model, group, "roc"))

    def precision_recall(self, model: str | None = None, group: Any = None) -> pd.DataFrame:
        """Return ``precision``, ``recall`` and ``threshold``; parameters as for :meth:`roc`."""
        return pr_points(*self._cells(model, group, "pr"))

    def explanation(
        self, kind: str | None = None, model: str | None = None, group: Any = None
    ) -> Any:
        """Return interpret's explanation object of one curve, for ``interpret.show``.

        Parameters
        ----------
        kind : {"roc", "pr", "regression"}
            By default the first that fits the task. ``scores`` and ``residuals`` of single rows are
            omitted: no row is brought to the driver.
        model, group
            As for :meth:`roc`.
        """
        kind = kind or KINDS[self.task][0]
        self._check_kind(kind)
        name = self._model(model)
        number = None if group is None else self._group(group)
        label = name if number is None else f"{name}: {self._label(number)}"
        if kind == "regression":
            return self._regression_explanation(name, number, label)
        label_codes, score, weight, count = self._cells(name, group, kind, counts=True)
        if kind == "roc":
            points = roc_points(label_codes, score, weight)
            x, y, area = points["fpr"], points["tpr"], "auc"
        else:
            points = pr_points(label_codes, score, weight)
            x, y, area = points["recall"], points["precision"], "average_precision"
        threshold = points["threshold"].to_numpy()
        inner = {
            "type": "perf_curve",
            "density": doane_histogram(np.abs(label_codes - score), count),
            "x_values": x.to_numpy(),
            "y_values": y.to_numpy(),
            "threshold": threshold if kind == "roc" else threshold[:-1],
            "auc": self._value(name, number, area),
        }
        name_of_class = "ROCExplanation" if kind == "roc" else "PRExplanation"
        made = explanation_class(name_of_class)
        return made("perf", {"overall": inner, "specific": None}, name=label)

    def _regression_explanation(self, name: str, number: int | None, label: str) -> Any:
        residual, count = self.counted[name].density(number)
        inner = {
            "type": "perf_curve",
            "density": doane_histogram(residual, count),
            **{m: self._value(name, number, m) for m in ("mse", "rmse", "mae", "r2")},
        }
        made = explanation_class("RegressionExplanation")
        return made("perf", {"overall": inner, "specific": None}, name=label)

    def _cells(
        self, model: str | None, group: Any, kind: str, counts: bool = False
    ) -> tuple[Any, ...]:
        self._check_kind(kind)
        cells: ScoreCells = self.counted[self._model(model)]
        part = slice(None) if group is None else cells.code == self._group(group)
        found = cells.label[part], cells.score[part], cells.weight[part]
        return (*found, cells.count[part]) if counts else found

    def _check_kind(self, kind: str) -> None:
        if kind not in KINDS[self.task]:
            raise ConfigError(
                f"a {self.task} has no curve {kind!r}; choose one of {', '.join(KINDS[self.task])}."
            )

    def _model(self, model: str | None) -> str:
        names = list(self.counted)
        if model is None and len(names) == 1:
            return names[0]
        if model not in names:
            raise ConfigError(
                f"name one of the models {', '.join(names)}.{did_you_mean(str(model), names)}"
            )
        return str(model)

    def _group(self, group: Any) -> int:
        asked = group if isinstance(group, tuple) else (group,)
        for number, row in enumerate(self.groups.itertuples(index=False, name=None)):
            if row == asked:
                return number
        raise ConfigError(
            f"there is no such group; `.groups` has the columns {list(self.groups)} and one row "
            f"per group."
        )

    def _label(self, number: int) -> str:
        return ", ".join(map(str, self.groups.iloc[number]))

    def _value(self, name: str, number: int | None, column: str) -> float:
        if number is None:
            rows = self.overall[self.overall["model"] == name]
            return float(rows[column].iloc[0])
        rows = self.by_group[self.by_group["model"] == name]
        return float(rows[column].iloc[number])


def performance(
    frame: Any,
    *,
    y_true: str,
    score: str | Sequence[str],
    sensitive_features: str | Sequence[str] = (),
    task: str | None = None,
    sample_weight: str | None = None,
    pos_label: Any = None,
    max_cells: int = MAX_CELLS,
    bins: int | None = None,
) -> Performance:
    """Measure how well scores predict, per model and group; runs the frame.

    Parameters
    ----------
    frame : pandas, pyspark or dask DataFrame, pyarrow Table or DuckDB relation
    y_true : str
        Labels, or values in a regression.
    score : str or list of str
        One column of scores or predictions per model.
    sensitive_features : str or list of str
        Columns that make the groups.
    task : {"classification", "regression"}, optional
        By default, data with two labels are a classification.
    sample_weight : str, optional
    pos_label : optional
        The positive label, if labels are not 0 and 1.
    max_cells, bins : int
        As for :func:`~rai_scale.statistics.histogram.score_cells`: scores are exact up to
        ``max_cells`` cells, and beyond that in ``bins`` bins, with a bound.

    Returns
    -------
    Performance
        Areas, curves and errors equal scikit-learn's and interpret's on the rows.

    Raises
    ------
    ConfigError, MissingColumnError
        If a label, score or group is missing in some rows, or an argument is invalid.
    """
    engine = engine_of(frame)
    scores, groups = names_of(score), names_of(sensitive_features)
    weights = [] if sample_weight is None else [sample_weight]
    if task is not None and task not in KINDS:
        raise ConfigError(f"unknown task {task!r}; choose one of {', '.join(KINDS)}.")
    if not scores:
        raise ConfigError("give at least one score column.")
    check_columns([y_true, *scores, *groups, *weights], engine.columns(frame))
    if task is None:
        task = _task_of(engine, frame, y_true, pos_label)
    counted: dict[str, ScoreCells | Residuals] = {}
    for name in scores:
        if task == "classification":
            counted[name] = score_cells(
                engine, frame, groups=groups, label=y_true, score=name,
                sample_weight=sample_weight, max_cells=max_cells, bins=bins, pos_label=pos_label,
            )  # fmt: skip
        else:
            counted[name] = regression_residuals(
                engine, frame, groups, y_true, name, sample_weight, max_cells
            )
    tables = [_table(name, found) for name, found in counted.items()]
    by_group = pd.concat([table[0] for table in tables], ignore_index=True)
    overall = pd.concat([table[1] for table in tables], ignore_index=True)
    first = next(iter(counted.values()))
    return Performance(task, by_group, overall, first.groups, counted)


def _task_of(engine: Any, frame: Any, y_true: str, pos_label: Any) -> str:
    if pos_label is not None:
        return "classification"
    try:
        engine.group_counts(frame, [y_true], limit=2)
    except TooManyGroupsError:
        return "regression"
    return "classification"


def _table(name: str, found: ScoreCells | Residuals) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows by group and overall of one model."""
    if isinstance(found, Residuals):
        by_group, overall = found.tables()
    else:
        by_group, overall = _areas(found)
    by_group.insert(0, "model", name)
    overall.insert(0, "model", name)
    return by_group, overall


def _areas(cells: ScoreCells) -> tuple[pd.DataFrame, pd.DataFrame]:
    numbers = np.arange(len(cells.groups))
    rows = np.array([cells.count[cells.code == g].sum() for g in numbers])
    positive = np.array(
        [cells.count[(cells.code == g) & (cells.label == 1)].sum() for g in numbers]
    )
    by_group = cells.groups.assign(rows=rows, positives=positive)
    overall: dict[str, Any] = {"rows": [int(rows.sum())], "positives": [int(positive.sum())]}
    for area, metric in (
        ("auc", auc_with_bound),
        ("average_precision", average_precision_with_bound),
    ):
        found = metric(cells)
        by_group[area] = found.by_group["value"].to_numpy()
        by_group[f"{area}_bound"] = found.by_group["bound"].to_numpy()
        overall[area], overall[f"{area}_bound"] = ([value] for value in found.overall)
    return by_group, pd.DataFrame(overall)
