"""``find_slices``: combinations of values with many errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.engines.choose import engine_of
from rai_scale.error_analysis.cohorts.conditions import AllOf, Condition, to_text
from rai_scale.error_analysis.cohorts.one_cohort import Cohort, kept_rows
from rai_scale.error_analysis.slices.items import item_frame
from rai_scale.error_analysis.slices.scores import Score, Scoring
from rai_scale.error_analysis.slices.searching import Found, is_redundant, search
from rai_scale.error_analysis.trees.counting import CountedFrame, Roles
from rai_scale.error_analysis.trees.features import chosen_features
from rai_scale.errors import ConfigError, check_integer, check_share, did_you_mean
from rai_scale.names import Names, names_of
from rai_scale.results import Result
from rai_scale.statistics.hypergeometric import upper_tail
from rai_scale.statistics.keyed_hash import key_hashes
from rai_scale.statistics.multiple_tests import holm
from rai_scale.statistics.wilson import wilson

HALF = "_rai_half"


@dataclass(frozen=True, repr=False)
class Slices(Result):
    """Slices of rows with many errors; made by :func:`find_slices`.

    Attributes
    ----------
    table : pandas.DataFrame
        The best first: ``slice`` (text that :func:`cohort` reads), ``depth``, ``rows``, ``errors``,
        ``error_rate``, ``score``, ``low``, ``high`` (Wilson's interval, by Bonferroni for all
        slices that were searched), ``p_adjusted`` (against all other rows, by Holm for all slices
        that were searched),
        ``significant``, ``redundant`` (fewer of its conditions have the same score or more); with
        confirmation also ``confirmed_rows``, ``confirmed_errors``, ``confirmed_p`` (Holm) and
        ``confirmed`` on the other half of the rows.
    conditions : list of Condition
        Of each slice.
    labels : tuple of str
    rows, errors, searched : int
        All rows, their errors, and the slices that were searched: every combination of up to
        ``depth`` values of different features, each of which has ``min_rows`` rows, whether the
        combination was counted, was excluded by a bound or has fewer rows. Their number does not
        depend on the errors.
    notes : tuple of str
        For the reader.
    """

    table: pd.DataFrame
    conditions: list[Condition]
    labels: tuple[str, str]
    rows: int
    errors: int
    searched: int
    notes: tuple[str, ...] = field(default=())

    def cohort(self, number: int) -> Cohort:
        """Return the rows of a slice.

        Parameters
        ----------
        number : int
            Its row in ``table``; 0 is the best.
        """
        if number not in range(len(self.conditions)):
            raise ConfigError(f"no slice {number}; there are {len(self.conditions)}, from 0.")
        return Cohort(self.conditions[number], labels=self.labels)

    def totals(self) -> Mapping[str, Any]:
        """Return the number of rows, of errors, of slices searched and found."""
        sizes = {"rows": self.rows, "errors": self.errors, "searched": self.searched}
        return {**sizes, "slices": len(self.conditions)}

    def _tables(self) -> Any:
        return {"slices": lambda: self.table}

    def _numbers(self) -> Mapping[str, float]:
        rates = self.table["error_rate"]
        overall = self.errors / self.rows
        return {
            "error_rate": overall,
            "worst_slice": float(rates.max()) if len(rates) else np.nan,
            "slice_gap": float(rates.max() - overall) if len(rates) else np.nan,
        }

    def _remarks(self) -> Sequence[str]:
        return self.notes


def find_slices(
    frame: Any,
    *,
    y_true: str,
    y_pred: str,
    features: Names | None = None,
    categorical: Names = (),
    bins: int = 10,
    depth: int = 3,
    k: int = 20,
    min_rows: int = 100,
    alpha: float = 0.95,
    score: Score = "sliceline",
    where: str | Mapping[str, Any] | Cohort | None = None,
    confirm_by: Names | None = None,
    confidence: float = 0.95,
    random_state: int = 0,
) -> Slices:
    """Find combinations of values with many errors, as SliceLine or DivExplorer do; executes.

    Parameters
    ----------
    frame : DataFrame, DuckDB relation or pyarrow.Table
    y_true, y_pred : str
        Labels and predictions; a row is an error where they differ.
    features : str or sequence of str, optional
        Numbers, text, or true and false; by default all other columns.
    categorical : str or sequence of str
        Features of numbers that are categories; text always is. Other numbers with more than
        ``bins`` values are divided at quantiles.
    bins : int
        Ranges of such a feature.
    depth : int
        The most conditions of a slice.
    k : int
        The number of slices; more if the last ones are equal.
    min_rows : int
        The least rows of a slice.
    alpha : float
        Weight of the error rate against the size in SliceLine's score, in (0, 1].
    score : {"sliceline", "divergence"}
        SliceLine's score, or the error rate minus that of all rows.
    where : cohort, str or mapping, optional
        Only these rows; see :func:`cohort`.
    confirm_by : str or sequence of str, optional
        Key columns: slices are then searched in one half of the keys, chosen by a keyed hash, and
        tested on the other half.
    confidence : float
        Of the intervals, of ``significant`` and of ``confirmed``.
    random_state : int
        Of the keyed hash.

    Returns
    -------
    Slices

    Raises
    ------
    MissingColumnError
        If a column does not exist.
    ConfigError
        If an option is invalid, labels are missing or of two types, or a feature cannot be used.
    """
    _check(depth, k, min_rows, bins, alpha, score, confidence)
    kept = kept_rows(frame, where, (y_true, y_pred))
    roles, keys = Roles(y_true, y_pred), names_of(confirm_by)
    schema = engine_of(kept).schema(kept)
    names = chosen_features(schema, features, [*roles.named, *keys])
    halves = [kept] if not keys else _halves(kept, keys, random_state)
    counted = CountedFrame.of(halves[0], roles, names)
    whole = counted.at_nodes().whole()
    scoring = Scoring(score, alpha, float(whole.rows), float(whole.error), min_rows)
    items = item_frame(counted, names, names_of(categorical), bins)
    found = search(items, scoring, depth, k) if scoring.errors else Found()
    conditions = [
        _joined([items.items[f].conditions[at] for f, at in zip(features_, places, strict=True)])
        for _, features_, places in found.best
    ]
    table = _table(found, conditions, scoring, confidence)
    if keys:
        _confirm(table, conditions, CountedFrame.of(halves[1], roles, names), confidence)
    labels = (y_true, y_pred)
    notes = ("slices were searched in one half of the keys and tested on the other.",)
    sizes = (int(whole.rows), int(whole.error), found.searched)
    return Slices(table, conditions, labels, *sizes, notes if keys else ())


def _check(  # noqa: PLR0917 - the options of a search
    depth: int, k: int, min_rows: int, bins: int, alpha: float, score: str, confidence: float
) -> None:
    for name, value, least in (
        ("depth", depth, 1),
        ("k", k, 1),
        ("min_rows", min_rows, 1),
        ("bins", bins, 2),
    ):
        check_integer(name, value, least)
    check_share("confidence", confidence)
    if not 0 < alpha <= 1:
        raise ConfigError(f"alpha must be above 0 and at most 1; found {alpha!r}.")
    if score not in ("sliceline", "divergence"):
        raise ConfigError(
            f"score must be 'sliceline' or 'divergence'; found {score!r}."
            f"{did_you_mean(str(score), ['sliceline', 'divergence'])}"
        )


def _joined(conditions: list[Condition]) -> Condition:
    parts: list[Condition] = []
    for one in conditions:
        parts += one.parts if isinstance(one, AllOf) else (one,)
    return parts[0] if len(parts) == 1 else AllOf(tuple(parts))


def _table(
    found: Found, conditions: list[Condition], scoring: Scoring, confidence: float
) -> pd.DataFrame:
    levels = [found.levels[features] for _, features, _ in found.best]
    places = [at for _, _, at in found.best]
    rows = np.array([lv.rows[at] for lv, at in zip(levels, places, strict=True)], float)
    errors = np.array([lv.errors[at] for lv, at in zip(levels, places, strict=True)], float)
    many = max(found.searched, 1)
    low, high = wilson(errors, rows, 1 - (1 - confidence) / many)
    tails = upper_tail(errors, rows, int(scoring.errors), int(scoring.rows))
    p_adjusted = holm(tails, many)
    return pd.DataFrame(
        {
            "slice": [to_text(one) for one in conditions],
            "depth": [len(features) for _, features, _ in found.best],
            "rows": rows.astype(np.int64),
            "errors": errors.astype(np.int64),
            "error_rate": errors / np.maximum(rows, 1),
            "score": [score for score, _, _ in found.best],
            "low": low,
            "high": high,
            "p_adjusted": p_adjusted,
            "significant": p_adjusted < 1 - confidence,
            "redundant": [is_redundant(found, one, scoring) for one in found.best],
        }
    )


@dataclass(frozen=True)
class KeyedHalf:
    """Table function: the half (0 or 1) of each key."""

    seed: int
    cheap = True

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the column of halves."""
        return pa.table({HALF: pa.array((key_hashes(table, self.seed) & np.uint64(1)).astype(int))})


def _halves(frame: Any, keys: list[str], seed: int) -> list[Any]:
    engine = engine_of(frame)
    outputs = pa.schema([(HALF, pa.int64())])
    made = engine.with_columns(frame, KeyedHalf(seed), outputs, inputs=keys, label="halves")
    return [engine.where(made, f"{HALF} = {half}") for half in (0, 1)]


def _confirm(
    table: pd.DataFrame, conditions: list[Condition], other: CountedFrame, confidence: float
) -> None:
    """Add the rows and errors of each slice on the other half, and a test."""
    whole = other.at_nodes().whole()
    counted = []
    for condition in conditions:
        sql = Cohort(condition).sql(other.schema, other.engine.dialect)
        nodes, sums = other.at_nodes(f"CAST(CASE WHEN {sql} THEN 1 ELSE 0 END AS BIGINT)").by_node()
        inside = sums.take(nodes == 1).total()
        counted.append((int(inside.rows), int(inside.error)))
    rows, errors = np.array(counted, float).reshape(-1, 2).T
    table["confirmed_rows"], table["confirmed_errors"] = rows.astype(int), errors.astype(int)
    table["confirmed_p"] = holm(upper_tail(errors, rows, int(whole.error), int(whole.rows)))
    table["confirmed"] = table["confirmed_p"] < 1 - confidence
