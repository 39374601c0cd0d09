"""An assessment from one private release, the only source of its tables, gates and report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from rai_scale._version import __version__
from rai_scale.engines.choose import engine_of
from rai_scale.errors import ConfigError
from rai_scale.fairness.assessment.assess import (
    DEFAULT_DISPARITIES,
    DEFAULT_METRICS,
    OF_SCORES,
)
from rai_scale.fairness.assessment.gate_checks import figures_of, gates_asked
from rai_scale.fairness.assessment.interval_table import overall_table
from rai_scale.fairness.assessment.positive_label import declared_against_rest
from rai_scale.fairness.assessment.result import FairnessResult
from rai_scale.fairness.private.declared import Declared
from rai_scale.fairness.private.frame import PrivateMetricFrame
from rai_scale.fairness.private.gaps import gap_end, part_of
from rai_scale.fairness.private.intervals import level_places
from rai_scale.fairness.private.noisy_frame import private_metric_frame
from rai_scale.fairness.private.shares import shares_of
from rai_scale.gates import Gate, check_gates
from rai_scale.measures.bootstrap_options import Bootstrap, symmetric
from rai_scale.measures.disparity_bands import BOUNDED, COLUMNS, parts_of
from rai_scale.measures.group_columns import group_label
from rai_scale.measures.long_table import control_names, group_names, long_table
from rai_scale.measures.metrics import METRICS, function_named
from rai_scale.measures.uncertainty.noisy_shares import LEAST_ROWS, NOISE_MULTIPLE
from rai_scale.measures.uncertainty.proportions import PROPORTIONS
from rai_scale.names import names_of
from rai_scale.privacy.options import Privacy

NOTE = (
    "Every number on this page, including numbers of rows, comes from one release of noisy counts: "
    "{spent}, at most {rows} per person. Numbers of rows are not exact. The groups are those that "
    "were declared; some may be empty."
)
LEFT_OUT = (
    "{values} omitted as mostly noise: each is based on fewer than {least} noisy rows, or on fewer "
    "than {multiple:g} standard deviations of their noise. Gaps and checks use the other values."
)


def assess_private(
    frame: Any,
    *,
    y_true: str,
    y_pred: str,
    sensitive_features: str | Sequence[str],
    privacy: Privacy,
    declared: Declared,
    control_features: str | Sequence[str] | None = None,
    pos_label: Any = None,
    metrics: Sequence[str] = DEFAULT_METRICS,
    disparities: Sequence[str] = DEFAULT_DISPARITIES,
    gates: Sequence[Gate | Mapping[str, Any]] = (),
    bootstrap: Bootstrap | None = Bootstrap(),
    small_group: int = LEAST_ROWS,
) -> FairnessResult:
    """Measure a model by group under a privacy budget, with intervals, gates and a report.

    Parameters
    ----------
    frame, y_true, y_pred, sensitive_features, control_features, bootstrap
        As for :func:`~rai_scale.fairness.private.noisy_frame.private_metric_frame`.
    privacy : Privacy
        The budget, and where it is charged.
    declared : Declared
        All values of the groups and labels, and how many rows of a unit are counted.
    pos_label : str, number or bool, optional
        The declared label that counts as positive; the others count as negative. Rows with labels
        that were not declared are ignored.
    metrics, disparities, gates
        As for :func:`rai_scale.fairness.assess_fairness`; metrics of scores have no private form.
    small_group : int
        Groups with fewer noisy rows are flagged as small.

    Returns
    -------
    FairnessResult
        With the tables ``by_group``, ``overall``, ``disparities`` and ``flags``; ``rows`` is a
        noisy count, and ``run`` contains neither the time nor the duration.

    Raises
    ------
    BudgetExceededError
        Before any data are read.
    ConfigError
        If a number cannot be computed; nothing is charged.
    """
    bootstrap = symmetric(bootstrap)
    checks = gates_asked(gates, bootstrap.n_boot)
    named = list(dict.fromkeys([*disparities, *(gate.metric for gate in checks)]))
    wanted = list(dict.fromkeys([*metrics, *(m for d in named for m in parts_of(d)[0])]))
    _refuse(wanted)
    counted, rows = {y_true: y_true, y_pred: y_pred}, frame
    values = declared
    if pos_label is not None:
        features = [*names_of(sensitive_features), *names_of(control_features or ())]
        others = [privacy.unit, *features]
        rows, counted = declared_against_rest(
            frame, list(counted), pos_label, declared.labels, others=others
        )
        values = replace(declared, labels=(0, 1))
    mf = private_metric_frame(
        rows,
        metrics=wanted,
        y_true=counted[y_true],
        y_pred=counted[y_pred],
        sensitive_features=sensitive_features,
        control_features=control_features,
        bootstrap=bootstrap,
        privacy=privacy,
        declared=values,
    )
    every = [*named, *(f"{m}_{kind}" for m in wanted if m in METRICS for kind in BOUNDED)]
    tables = {
        "by_group": _group_table(mf),
        "overall": overall_table(mf, bootstrap.level),
        "disparities": disparity_table(mf, list(dict.fromkeys(every)), bootstrap.level),
        "flags": mf.flags,
    }
    figures = figures_of(tables["disparities"], "disparity", control_names(mf))
    judged = check_gates(checks, figures)
    roles = mf.noisy.roles
    facts = _facts(mf, privacy)
    settings = {
        **{"y_true": y_true, "y_pred": y_pred, "score": None, "sample_weight": None},
        "pos_label": pos_label,
        **{"sensitive_features": list(roles.sensitive), "control_features": list(roles.control)},
        **{"control_columns": control_names(mf), "metrics": wanted, "disparities": named},
        **{"n_boot": bootstrap.n_boot, "confidence": bootstrap.level},
        "random_state": bootstrap.random_state,
        **{"small_group": small_group, "suppress_below": 0},
        "privacy": facts,
    }
    run = {
        **{"run_id": mf.release["reservation"][:16], "engine": engine_of(frame).name},
        "package_version": __version__,
        "status": "failed" if any(not gate["passed"] for gate in judged) else "ok",
    }
    title = f"Fairness of {y_pred} by {', '.join(roles.sensitive)}"
    notes = _notes(mf, facts)
    return FairnessResult(title, run, settings, int(mf.counts.sum()), tables, judged, notes)


def disparity_table(
    mf: PrivateMetricFrame, names: Sequence[str], confidence: float = 0.95
) -> pd.DataFrame:
    """Return disparities by name over the usable groups, with the bounds of ``private_gaps``.

    The columns are those of ``assessment.disparity_bands.disparity_table``. For equalized odds, the
    groups are those that are usable for both rates. Bounds are NaN if the metric is not a share of
    rows.
    """
    rows = []
    control = control_names(mf)
    levels = list(mf.usable_overall.index) if control else [()]
    for level, places in zip(levels, level_places(mf), strict=True):
        keys = level if isinstance(level, tuple) else (level,)
        at = dict(zip(control, keys, strict=True))
        rows += [{**at, "disparity": n, **_disparity(mf, n, places, confidence)} for n in names]
    return pd.DataFrame(rows, columns=[*control, *COLUMNS])


def _disparity(
    mf: PrivateMetricFrame, name: str, places: np.ndarray, confidence: float
) -> dict[str, Any]:
    metrics, kind = parts_of(name)
    usable = np.logical_and.reduce([mf.usable[m].to_numpy()[places] for m in metrics])
    least = kind in ("ratio", "group_min")
    tail = (1 - confidence) / 2
    # the end that depends on the worst metric needs both metrics' bounds, the other end only its
    # own
    low_tail, high_tail = (tail / len(metrics), tail)[:: -1 if least else 1]
    found = []
    for metric in metrics:
        shown = pd.DataFrame(mf.by_group)[metric].astype(float).iloc[places].where(usable)
        value = _value(shown, kind)
        low, high = (
            _bound(mf, metric, places, usable, kind=kind, tail=end, upper=upper)
            for end, upper in ((low_tail, False), (high_tail, True))
        )
        ends = np.array([value, min(low, value), max(high, value)])
        found.append((np.where(np.isnan(value), np.nan, ends), shown.dropna()))
    join = np.min if least else np.max
    value, low, high = (float(join([ends[i] for ends, _ in found])) for i in range(3))
    decides = next((shown for ends, shown in found if ends[0] == value), pd.Series(dtype=float))
    drop = len(mf.noisy.roles.control)
    ends_of = (
        [_name(k, drop) for k in (decides.idxmin(), decides.idxmax())] if len(decides) else ["", ""]
    )
    named = {"lowest_group": ends_of[0], "highest_group": ends_of[1]}
    left_out = int((~usable).sum())
    named["unknown"] = (
        f"{left_out:,} of {len(usable):,} groups are not compared" if left_out else ""
    )
    return {"metrics": ", ".join(metrics), "value": value, "low": low, "high": high, **named}


def _name(key: Any, drop: int) -> str:
    return group_label(tuple(key[drop:]) if isinstance(key, tuple) else key)


def _value(shown: pd.Series, kind: str) -> float:
    low, high = shown.min(), shown.max()
    if kind in BOUNDED and shown.notna().sum() < 2:  # noqa: PLR2004
        return float("nan")
    if kind == "ratio":
        return float(low / high) if high else float("nan")
    return float({"difference": high - low, "group_min": low, "group_max": high}[kind])


def _bound(
    mf: PrivateMetricFrame,
    metric: str,
    places: np.ndarray,
    usable: np.ndarray,
    *,
    kind: str,
    tail: float,
    upper: bool,
) -> float:
    asked = next(m for m in mf.measured.metrics if m.name == metric)
    shares = shares_of(mf.noisy, asked, mf.noisy.roles.groups)
    if shares is None:
        return float("nan")
    part = replace(part_of(shares, places), usable=usable)
    return float(gap_end(part, kind, tail, upper=upper))


def _group_table(mf: PrivateMetricFrame) -> pd.DataFrame:
    table = long_table(mf)
    names = group_names(mf)
    keys = pd.MultiIndex.from_frame(table[names]) if len(names) > 1 else pd.Index(table[names[0]])
    places = mf.usable.index.get_indexer(keys)
    columns = [list(mf.usable).index(name) for name in table["metric"]]
    for end, found in zip(("low", "high"), mf.by_group_ci, strict=True):
        table[end] = pd.DataFrame(found).to_numpy(float)[places, columns]
    left_out = ~mf.usable.to_numpy()[places, columns]
    table.loc[left_out, ["successes", "trials"]] = np.nan
    shares = table["metric"].map(lambda name: METRICS[name] in PROPORTIONS)
    table["interval"] = np.where(shares, "score, with noise", "replicates, with noise")
    return table.assign(bound=0.0, hidden="")


def _refuse(metrics: Sequence[str]) -> None:
    for name in metrics:
        function_named(name, METRICS)
    scores = [name for name in metrics if name in OF_SCORES]
    if scores:
        raise ConfigError(
            f"{scores[0]!r} is a metric of scores, which has no private form: every distinct score "
            f"would be a separate cell."
        )
    if not metrics:
        raise ConfigError("metrics and disparities are both empty; name at least one metric.")


def _facts(mf: PrivateMetricFrame, privacy: Privacy) -> dict[str, Any]:
    kept = ("epsilon", "delta", "rho", "max_rows", "noise", "scale", "dataset")
    facts = {name: mf.release.get(name) for name in kept}
    facts |= {"privacy_unit": privacy.unit, "analyst": privacy.analyst}
    return {**facts, "scope": privacy.scope or "default", "reservation": mf.release["reservation"]}


def _notes(mf: PrivateMetricFrame, facts: Mapping[str, Any]) -> list[str]:
    spent = [f"{name} {facts[name]:g}" for name in ("epsilon", "delta", "rho") if facts[name]]
    most = int(facts["max_rows"])
    notes = [NOTE.format(spent=", ".join(spent), rows="1 row" if most == 1 else f"{most} rows")]
    left_out = int((~mf.usable).to_numpy().sum())
    if left_out:
        values = "1 value is" if left_out == 1 else f"{left_out} values are"
        least = LEAST_ROWS * most
        notes.append(LEFT_OUT.format(values=values, least=least, multiple=NOISE_MULTIPLE))
    return notes
