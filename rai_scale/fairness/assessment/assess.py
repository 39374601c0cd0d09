"""One assessment of a model by group, with everything that its report and its gates need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

import pandas as pd

from rai_scale._version import __version__
from rai_scale.engines.choose import engine_of
from rai_scale.errors import ConfigError
from rai_scale.fairness.assessment.gate_checks import figures_of, gates_asked
from rai_scale.fairness.assessment.group_comparisons import four_fifths, reference_table
from rai_scale.fairness.assessment.interval_table import group_table, overall_table, scalar_metrics
from rai_scale.fairness.assessment.options import Comparison
from rai_scale.fairness.assessment.positive_label import one_against_rest
from rai_scale.fairness.assessment.result import FairnessResult
from rai_scale.fairness.assessment.sample_size import smallest_gaps
from rai_scale.fairness.assessment.suppressing import hidden_of, shown_groups, without_hidden
from rai_scale.fairness.assessment.worst_combinations import worst_groups
from rai_scale.fairness.frame import metric_frame
from rai_scale.gates import Gate, check_gates
from rai_scale.measures.bootstrap_options import Bootstrap, symmetric
from rai_scale.measures.counted_frame import CountedMetricFrame
from rai_scale.measures.disparity_bands import BOUNDED, disparity_table, parts_of
from rai_scale.measures.long_table import control_names
from rai_scale.measures.metrics import METRICS, MetricError, function_named, is_safe
from rai_scale.names import names_of
from rai_scale.statistics.suppression import note_of

OF_SCORES = ("roc_auc_score", "average_precision_score", "log_loss", "brier_score_loss")
"""Metrics that are computed from scores; all others from predictions."""

DEFAULT_METRICS = (
    *("selection_rate", "true_positive_rate", "false_positive_rate"),
    *("precision_score", "accuracy_score"),
)
DEFAULT_DISPARITIES = (
    *("demographic_parity_difference", "demographic_parity_ratio"),
    *("equal_opportunity_difference", "equalized_odds_difference"),
)
NO_SEARCH = (
    "Combinations of features were not searched: together with the groups shown, they would allow "
    "a hidden group to be computed."
)


def assess_fairness(
    frame: Any,
    *,
    y_true: str,
    y_pred: str,
    sensitive_features: str | Sequence[str],
    control_features: str | Sequence[str] | None = None,
    pos_label: Any = None,
    score: str | None = None,
    sample_weight: str | None = None,
    metrics: str | Sequence[str] = DEFAULT_METRICS,
    disparities: str | Sequence[str] = DEFAULT_DISPARITIES,
    gates: Sequence[Gate | Mapping[str, Any]] = (),
    bootstrap: Bootstrap | None = Bootstrap(),
    comparison: Comparison = Comparison(),
) -> FairnessResult:
    """Measure a model by group, with intervals, comparisons, gates and a report.

    One pass of counting for predictions, one more where ``score`` is given. Executes at once.

    Parameters
    ----------
    frame : pyspark, dask or pandas DataFrame, DuckDB relation, pyarrow Table
        One row per prediction.
    y_true, y_pred, sensitive_features, control_features, sample_weight
        Columns, as for :func:`rai_scale.metric_frame`.
    pos_label : str, number or bool, optional
        The label that counts as positive; all other labels count as negative. All results are those
        of ``y_true`` and ``y_pred`` with these labels replaced by 1 and 0. Costs one more pass over
        these two columns. None: labels are used as they are.
    score : str, optional
        Column of scores, for ``roc_auc_score``, ``average_precision_score``, ``log_loss`` and
        ``brier_score_loss``.
    metrics, disparities : (list of) str
        Names of metrics, and of disparities between groups, such as
        ``equalized_odds_difference``. The metrics of a disparity are measured as well.
    gates : list of :class:`~rai_scale.gates.Gate`, or of their values
        ``metric`` (a disparity), ``above`` or ``below``, ``judged_by``.
    bootstrap : Bootstrap, optional
        Replicates, and the confidence of all intervals. None, or ``n_boot=None``: disparities
        have no bounds.
    comparison : Comparison
        The reference group, small and hidden groups, and the search over combinations.

    Returns
    -------
    FairnessResult
        Its ``compare_with`` adds the changes since an earlier run.

    Raises
    ------
    MissingColumnError, ConfigError
        If columns do not exist, values are missing, a name is unknown, or ``pos_label`` is not
        among the labels of the data.
    """
    started, clock = datetime.now(UTC), perf_counter()
    bootstrap = symmetric(bootstrap)
    checks = gates_asked(gates, bootstrap.n_boot)
    named = list(dict.fromkeys([*names_of(disparities), *(gate.metric for gate in checks)]))
    wanted = _metrics(names_of(metrics), named, score)
    shared: dict[str, Any] = {"y_true": y_true, "sensitive_features": sensitive_features}
    shared |= {"control_features": control_features, "sample_weight": sample_weight}
    shared |= {"small_group": comparison.small_group, "bootstrap": bootstrap}
    rows = frame
    if pos_label is not None:
        labels = [y_true, *([y_pred] if wanted[0] else [])]
        rows = _with_labels(frame, labels, pos_label, shared=shared, score=score)
    frames = []
    for column, names in ((y_pred, wanted[0]), (score, wanted[1])):
        if names and column is not None:
            frames.append(_measured(rows, metrics=names, y_pred=column, **shared))
    tables, notes = _tables(frames, named, bootstrap, comparison, by_label=bool(wanted[0]))
    mf = frames[0]
    settings = {
        **{"y_true": y_true, "y_pred": y_pred, "score": score, "sample_weight": sample_weight},
        "pos_label": pos_label,
        "sensitive_features": list(mf.measured.roles.sensitive),
        "control_features": list(mf.measured.roles.control),
        "control_columns": control_names(mf),
        **{"metrics": [*wanted[0], *wanted[1]], "disparities": named, "n_boot": bootstrap.n_boot},
        **{"confidence": bootstrap.level, "random_state": bootstrap.random_state},
        **{"depth": comparison.depth, "person": bootstrap.person},
        **{"small_group": comparison.small_group, "suppress_below": comparison.suppress_below},
        "reference": comparison.reference,
    }
    figures = figures_of(tables["disparities"], "disparity", control_names(mf))
    checked = check_gates(checks, figures)
    run = {
        **{"run_id": started.strftime("%Y%m%dT%H%M%SZ"), "engine": engine_of(frame).name},
        **{"started": started.isoformat(timespec="seconds"), "package_version": __version__},
        "status": "failed" if any(not gate["passed"] for gate in checked) else "ok",
        "seconds": round(perf_counter() - clock, 3),
    }
    title = f"Fairness of {y_pred} by {', '.join(settings['sensitive_features'])}"
    counted = mf.measured.cells.rows
    return FairnessResult(title, run, settings, counted, tables, checked, notes)


def _with_labels(
    frame: Any, labels: list[str], pos_label: Any, *, shared: Mapping[str, Any], score: str | None
) -> Any:
    features = (shared["sensitive_features"], shared["control_features"] or ())
    groups = [name for names in features for name in names_of(names)]
    others = [score, shared["sample_weight"], shared["bootstrap"].person]
    kept = [name for name in others if name is not None]
    return one_against_rest(frame, labels, pos_label, groups=groups, others=kept)


def _measured(frame: Any, **asked: Any) -> CountedMetricFrame:
    """Measure; if a library refuses the labels, name the columns and what to do."""
    try:
        return metric_frame(frame, **asked)
    except ValueError as error:
        if isinstance(error, ConfigError) or not is_safe(error):
            raise
        raise MetricError(
            f"{asked['y_true']!r} and {asked['y_pred']!r} cannot be measured: {error}. Map both to "
            "the labels 0 and 1, or set pos_label to the positive label; pass a column of scores "
            "as score, not y_pred."
        ) from None


def _metrics(
    metrics: Sequence[str], disparities: Sequence[str], score: str | None
) -> tuple[list[str], list[str]]:
    """Return the metrics of predictions and of scores, with those that disparities need."""
    for name in metrics:
        function_named(name, METRICS)
    names = list(dict.fromkeys([*metrics, *(m for d in disparities for m in parts_of(d)[0])]))
    if not names:
        raise ConfigError("metrics and disparities are both empty; name at least one metric.")
    scores = [name for name in names if name in OF_SCORES]
    if scores and score is None:
        raise ConfigError(
            f"{scores[0]!r} is a metric of scores: pass the column of scores as score=."
        )
    return [name for name in names if name not in OF_SCORES], scores


def _tables(
    frames: list[CountedMetricFrame],
    named: list[str],
    bootstrap: Bootstrap,
    comparison: Comparison,
    *,
    by_label: bool,
) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Return the tables without hidden values, and notes on them; the first frame is of labels."""
    mf, most, confidence = frames[0], comparison.suppress_below, bootstrap.level
    tables = _joined(frames, named, bootstrap, most)
    hidden = hidden_of(mf, most)
    notes = [note_of(hidden, most)] * bool((hidden != "").any())
    if by_label:
        shown = shown_groups(mf, hidden)
        tables["reference"] = reference_table(shown, comparison.reference, confidence=confidence)
        least = comparison.small_group
        tables["four_fifths"] = four_fifths(shown, confidence=confidence, min_rows=least)
        tables["smallest_gaps"] = smallest_gaps(shown)
        if comparison.depth and notes:
            notes.append(NO_SEARCH)
        elif comparison.depth:
            tables["worst_groups"] = _worst(mf, comparison, confidence)
    return without_hidden(tables, hidden), notes


def _joined(
    frames: list[CountedMetricFrame], named: list[str], bootstrap: Bootstrap, suppress_below: int
) -> dict[str, pd.DataFrame]:
    groups, overall, gaps = [], [], []
    confidence = bootstrap.level
    for mf in frames:
        measured = [metric.name for metric in mf.measured.metrics]
        own = [n for n in named if set(parts_of(n)[0]) <= set(measured)]
        names = [f"{m}_{kind}" for m in measured if m in scalar_metrics(mf) for kind in BOUNDED]
        groups.append(group_table(mf, confidence, bootstrap.person is not None))
        overall.append(overall_table(mf, confidence))
        hidden = hidden_of(mf, suppress_below)
        names = list(dict.fromkeys([*own, *names]))
        gaps.append(disparity_table(mf, names, confidence=confidence, hidden=hidden))
    flags = pd.concat([mf.flags for mf in frames], ignore_index=True).drop_duplicates()
    tables = {"by_group": groups, "overall": overall, "disparities": gaps}
    joined = {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()}
    return {**joined, "flags": flags}


def _searched(measured: list[str]) -> list[str]:
    wanted = ("true_positive_rate", "false_negative_rate", "recall_score", "accuracy_score")
    order = [name for name in wanted if name in measured] or measured
    return list(dict.fromkeys([*order[:1], *(n for n in ["selection_rate"] if n in measured)]))


def _worst(mf: CountedMetricFrame, comparison: Comparison, confidence: float) -> pd.DataFrame:
    measured = [metric.name for metric in mf.measured.metrics]
    names = _searched(measured) if comparison.searched is None else comparison.searched
    options: dict[str, Any] = {"min_rows": comparison.small_group, "confidence": confidence}
    found = [
        worst_groups(mf, name, depth=comparison.depth, **options).assign(metric=name)
        for name in names
    ]
    return pd.concat(found, ignore_index=True)
