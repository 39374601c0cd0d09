"""From cells to the long table of all measures; a function of the counts alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.fairness.data_balance import (
    association,
    distribution,
    inequality,
    parity,
    post_training,
    pre_training,
)
from rai_scale.fairness.data_balance.cells import (
    SMALL,
    BalanceCells,
    Groups,
    group,
    reference_shares,
)
from rai_scale.fairness.data_balance.facets import facets
from rai_scale.fairness.data_balance.registry import REGISTRY, ratio

AGGREGATE = "aggregate_balance"
MEASURES = ["family", "feature", "outcome", "group", "versus", "measure", "value"]
NEEDS_PREDICTION_ONLY = {"DPPL", "DI", "CDDPL"}
CONDITIONAL = {"CDD", "CDDPL"}

REGISTRY[AGGREGATE] = inequality.of_aggregate(REGISTRY[inequality.FAMILY])

Row = tuple[str, str | None, str | None, Any, Any, str, float]


@dataclass(frozen=True)
class Settings:
    """The reference of each feature (shares, or uniform) and two parameters of inequality."""

    reference: Mapping[str, Mapping[Any, float]]
    epsilon: float = 1.0
    alpha: float = 2.0


def measure_cells(cells: BalanceCells, settings: Settings) -> pd.DataFrame:
    """Return one row per measure, feature and group (or pair of groups)."""
    sensitive = list(cells.columns.sensitive)
    rows: list[Row] = []
    for feature in sensitive:
        groups = group(cells, [feature])
        rows += _feature_balance(groups)
        rows += _distribution(groups, settings.reference.get(feature, "uniform"))
        rows += _joint(groups, feature in settings.reference)
        rows += _aggregate(groups, settings)
        rows += _parity(groups)
        rows += _inequality(groups, settings)
        rows += _facets(groups)
    if len(sensitive) > 1:
        rows += _aggregate(group(cells, sensitive), settings)
    rows += _overall(group(cells, sensitive[:1]))
    return pd.DataFrame(rows, columns=MEASURES, dtype=object).astype({"value": "float64"})


def group_table(cells: BalanceCells) -> pd.DataFrame:
    """Return rows, weight, share and rates per group of each feature."""
    parts = []
    for feature in cells.columns.sensitive:
        groups = group(cells, [feature])
        part: dict[str, Any] = {
            "feature": feature,
            "group": pd.Series(groups.values, dtype=object),
            "rows": groups.rows,
            "share": ratio(groups.weight, groups.weight.sum()),
            "small": groups.rows < SMALL,
        }
        for name, values in benefits(groups).items():
            part[name] = values
        parts.append(pd.DataFrame(part))
    return pd.concat(parts, ignore_index=True)


def notes(measures: pd.DataFrame, groups: pd.DataFrame, cells: BalanceCells) -> list[str]:
    """Return notes on small groups, undefined measures with reasons, and weights."""
    found = []
    for feature, part in groups.groupby("feature", sort=False):
        small = int(part["small"].sum())
        if small:
            found.append(
                f"{feature!r}: {small} of {len(part)} groups have fewer than {SMALL} rows (the "
                f"smallest {int(part['rows'].min())}); their measures may be chance."
            )
        if len(part) == 1:
            found.append(f"{feature!r} has only one value, so there are no groups to compare.")
    found += _undefined(measures)
    columns = cells.columns
    for name in (columns.label, columns.prediction):
        if name is not None and not cells.is_positive(name).any():
            found.append(f"no row of {name!r} has the positive value {columns.positive!r}.")
    if columns.sample_weight is not None:
        found.append(
            "chi_sq_stat and chi_sq_p_value are valid only if weights are numbers of equal rows."
        )
    return found


def _undefined(measures: pd.DataFrame) -> Iterator[str]:
    total: Counter[Any] = Counter()
    missing: Counter[Any] = Counter()
    for family, feature, name, value in measures[
        ["family", "feature", "measure", "value"]
    ].itertuples(index=False):
        total[family, feature, name] += 1
        missing[family, feature, name] += bool(np.isnan(value))
    for (family, feature, name), count in missing.items():
        if count:
            of = f" of {feature!r}" if feature else ""
            why = REGISTRY[family][name].undefined
            yield (
                f"{family}, {name}{of}: undefined in {count} of {total[family, feature, name]}"
                + (f", where {why}." if why else ".")
            )


def _rows(
    family: str,
    groups: Groups,
    outcome: str | None,
    given: Any,
    *,
    names: Sequence[str] | None = None,
    pairs: tuple[np.ndarray, np.ndarray] | None = None,
) -> Iterator[Row]:
    """Yield the measures of a family: one value, one per group, or one per pair of groups."""
    for name, entry in REGISTRY[family].items():
        if names is not None and name not in names:
            continue
        found = np.asarray(entry.function(given), float)
        if pairs is not None:
            for a, b, value in zip(*pairs, found, strict=True):
                yield family, groups.name, outcome, groups.values[a], groups.values[b], name, value
        elif found.ndim:
            for key, value in zip(groups.values, found, strict=True):
                yield family, groups.name, outcome, key, None, name, value
        else:
            yield family, groups.name, outcome, None, None, name, float(found)


def _pairs(groups: Groups) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.tril_indices(len(groups.values), -1)
    return a, b


def _feature_balance(groups: Groups) -> Iterator[Row]:
    label = groups.outcomes.get("label")
    if label is None:
        return
    given = association.Association(
        groups.weight, label.selected, groups.weight.sum(), label.selected.sum()
    )
    pairs = _pairs(groups)
    for name, entry in REGISTRY[association.FAMILY].items():
        values = entry.function(given)
        gaps = association.gap(values[pairs[0]], values[pairs[1]])
        for a, b, value in zip(*pairs, gaps, strict=True):
            yield (
                association.FAMILY,
                groups.name,
                "label",
                groups.values[a],
                groups.values[b],
                name,
                float(value),
            )


def _distribution(groups: Groups, reference: Any) -> Iterator[Row]:
    wider, shares = reference_shares(groups, reference)
    given = distribution.ObservedShares(wider.weight, shares)
    yield from _rows(distribution.BALANCE, wider, None, given)
    yield from _rows(distribution.DIVERGENCE, wider, None, given)
    yield from _rows(distribution.SKEW, wider, None, given)


def _joint(groups: Groups, has_reference: bool) -> Iterator[Row]:
    """Compare the shares of (group, outcome) with equal shares; a reference has no outcomes."""
    if has_reference:
        return
    for outcome, counts in groups.outcomes.items():
        shares = np.concatenate([counts.selected, counts.rest])
        given = distribution.ObservedShares(shares, np.full(len(shares), 1 / len(shares)))
        yield from _rows(distribution.DIVERGENCE, groups, outcome, given)


def _aggregate(groups: Groups, settings: Settings) -> Iterator[Row]:
    shares = ratio(groups.weight, groups.weight.sum())
    given = inequality.Benefits(shares, settings.epsilon, settings.alpha)
    yield from _rows(AGGREGATE, groups, None, given)


def benefits(groups: Groups) -> dict[str, np.ndarray]:
    """Return the rates per group that count as benefits."""
    found = {}
    for name, outcome in groups.outcomes.items():
        found[f"{name}_rate"] = ratio(outcome.selected, groups.weight)
    prediction = groups.outcomes.get("prediction")
    if prediction is not None and prediction.tp is not None:
        found["precision"] = ratio(prediction.tp, prediction.tp + prediction.fp)
        found["recall"] = ratio(prediction.tp, prediction.tp + prediction.fn)
        found["false_positive_rate"] = ratio(prediction.fp, prediction.fp + prediction.tn)
        found["accuracy"] = ratio(prediction.tp + prediction.tn, groups.weight)
    return found


def _inequality(groups: Groups, settings: Settings) -> Iterator[Row]:
    for name, values in benefits(groups).items():
        given = inequality.Benefits(values, settings.epsilon, settings.alpha)
        yield from _rows(inequality.FAMILY, groups, name, given)


def _parity(groups: Groups) -> Iterator[Row]:
    pairs = _pairs(groups)
    for name, outcome in groups.outcomes.items():
        given = parity.Rates(outcome, groups.weight, *pairs)
        names = None if outcome.tp is not None else ["demographic_parity"]
        yield from _rows(parity.FAMILY, groups, name, given, names=names, pairs=pairs)


def _facets(groups: Groups) -> Iterator[Row]:
    labelled, predicted = "label" in groups.outcomes, "prediction" in groups.outcomes
    parts: list[tuple[str, str | None, list[str]]] = [
        (
            pre_training.FAMILY,
            "label" if labelled else None,
            _answerable(pre_training.FAMILY, labelled, bool(groups.strata)),
        )
    ]
    if predicted:
        names = _answerable(post_training.FAMILY, labelled, bool(groups.strata))
        parts.append((post_training.FAMILY, "prediction", names))
    for family, outcome, names in parts:
        for index, value in enumerate(groups.values):
            given = facets(groups, index, outcome)
            for row in _rows(family, groups, outcome, given, names=names):
                yield *row[:3], value, None, *row[5:]


def _answerable(family: str, labelled: bool, conditional: bool) -> list[str]:
    names = list(REGISTRY[family])
    if not labelled:
        names = [n for n in names if n in NEEDS_PREDICTION_ONLY or n == "CI"]
    return [n for n in names if conditional or n not in CONDITIONAL]


def _overall(groups: Groups) -> Iterator[Row]:
    prediction = groups.outcomes.get("prediction")
    if prediction is None or prediction.tp is None:
        return
    given = post_training.Errors(
        float(groups.weight.sum()), float(prediction.fp.sum()), float(prediction.fn.sum())
    )
    for family, _, outcome, _, _, name, value in _rows(
        post_training.OVERALL, groups, "prediction", given
    ):
        yield family, None, outcome, None, None, name, value
