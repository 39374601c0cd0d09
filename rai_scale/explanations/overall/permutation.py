"""Permutation importance (Breiman 2001): by how much a score falls when a feature is shuffled.

Equal to ``sklearn.inspection.permutation_importance`` on the same rows in the same order and for
the same ``random_state``; each feature and repeat is a separate task.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.errors import ConfigError, check_columns, did_you_mean
from rai_scale.explanations.overall.interpret_objects import bars
from rai_scale.models.background import Background, sample_rows
from rai_scale.models.columns import model_frame
from rai_scale.models.model import CheckedModel, model_input
from rai_scale.models.ready_model import SharedObject, ready_model
from rai_scale.models.scored_model import as_estimator
from rai_scale.results import Result, Tables
from rai_scale.statistics.json_values import plain

MAX_ROWS = 50_000


@dataclass(frozen=True, repr=False)
class PermutationImportance(Result):
    """By how much a score falls when a feature is shuffled.

    Attributes
    ----------
    features : tuple of str
        Features of the model.
    scoring : str
        Name of the score.
    baseline : float
        The score of the rows as they are.
    importances : ndarray, shape (features, repeats)
        Decrease of the score for each feature and repeat.
    rows : int
        Number of rows that were scored.
    total : int
        Number of rows of the frame; greater than ``rows`` if a sample was scored.
    """

    features: tuple[str, ...]
    scoring: str
    baseline: float
    importances: np.ndarray
    rows: int
    total: int

    @property
    def importances_mean(self) -> np.ndarray:
        """Mean over repeats, shape (features,)."""
        return np.asarray(self.importances.mean(axis=1))

    @property
    def importances_std(self) -> np.ndarray:
        """Standard deviation over repeats, shape (features,)."""
        return np.asarray(self.importances.std(axis=1))

    def totals(self) -> dict[str, Any]:
        """Return the score's name and the numbers of features, repeats and rows."""
        repeats = self.importances.shape[1]
        sizes = {"features": len(self.features), "repeats": repeats, "rows": self.rows}
        return {"scoring": self.scoring, **sizes, "of": self.total}

    def _tables(self) -> Tables:
        return {"importances": self._importances}

    def _numbers(self) -> dict[str, float]:
        lost = dict(zip(self.features, self.importances_mean.tolist(), strict=True))
        return {"baseline": self.baseline, **lost}

    def _importances(self) -> pd.DataFrame:
        """Return feature, importance and std, the most important feature first."""
        found = pd.DataFrame(
            {
                "feature": self.features,
                "importance": self.importances_mean,
                "std": self.importances_std,
            }
        )
        return found.sort_values("importance", ascending=False, kind="stable", ignore_index=True)

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers as plain values."""
        return {
            "scoring": self.scoring,
            "baseline": self.baseline,
            "rows": self.rows,
            "total": self.total,
            "sampled": self.rows < self.total,
            "features": list(self.features),
            "importances": plain(self.importances),
        }

    def to_interpret(self) -> Any:
        """Return interpret's ``FeatureValueExplanation`` of the means."""
        return bars(self.features, self.importances_mean, "Permutation importance")


def permutation_importance(
    frame: Any,
    model: Any,
    *,
    features: str | Sequence[str],
    y_true: str,
    scoring: str | Callable[[Any, Any, Any], float] | None = None,
    repeats: int = 5,
    sample_weight: str | None = None,
    max_rows: int = MAX_ROWS,
    background: Background | Any = None,
    random_state: int = 0,
) -> PermutationImportance:
    """Score a model on rows in which one feature at a time is shuffled; executes.

    Parameters
    ----------
    frame, model, features, background
        As in :func:`rai_scale.explanations.partial_dependence`.
    y_true : str
        Column of the true classes or values.
    scoring : str or callable, optional
        Name of a score of scikit-learn, or a scorer ``scorer(model, rows, y_true)``, such as
        ``sklearn.metrics.make_scorer`` returns. By default the model's own ``score``, or accuracy
        for classifiers and R2 for regressions.
    repeats : int
        Number of times that each feature is shuffled.
    sample_weight : str, optional
        Column of weights for the score.
    max_rows : int
        Maximum number of rows that are collected and scored; a larger frame is sampled uniformly.
        The result states both numbers of rows.
    random_state : int
        Seed of the shuffling, as in scikit-learn, and of the drawn rows.

    Returns
    -------
    PermutationImportance

    Raises
    ------
    ConfigError
        If the score is unknown, true values are missing, or there are fewer than two rows.
    """
    if repeats < 1 or max_rows < 2:  # noqa: PLR2004
        raise ConfigError("repeats must be at least 1, and max_rows at least 2.")
    ready = ready_model(frame, model, features, background, None, random_state)
    features = ready.features
    engine, names = ready.engine, [y_true, *([sample_weight] if sample_weight else [])]
    check_columns(names, engine.columns(frame))
    columns = list(dict.fromkeys([*features, *names]))
    total = int(engine.group_counts(frame, [])["count"][0].as_py())
    table = sample_rows(engine, frame, columns, max_rows, random_state)
    if table.num_rows < 2:  # noqa: PLR2004
        raise ConfigError("permutation importance needs at least two rows.")
    truth, weight = _truth(table, y_true), None
    if sample_weight:
        weight = table[sample_weight].to_pandas().to_numpy(np.float64)
    name, scorer = make_scorer(ready.output.model, scoring)
    shared_model = ready.share(ready.output.model, "model.pkl")
    rows = model_frame(table, ready.background)
    plan = ready.share(
        ShufflingPlan(rows, truth, weight, scorer, repeats, random_state), "permutation.pkl"
    )
    tasks = [None, *product(range(len(features)), range(repeats))]
    run = ScorePermuted(plan, shared_model)
    scores = engine.map_tasks(run, tasks, [plan.file, shared_model.file])
    lost = scores[0] - np.array(scores[1:]).reshape(len(features), repeats)
    return PermutationImportance(features, name, float(scores[0]), lost, table.num_rows, total)


def make_scorer(model: CheckedModel, scoring: Any) -> tuple[str, Callable[..., float]]:
    """Return the name of a score and its scorer.

    Raises
    ------
    ConfigError
        If scikit-learn has no score of this name.
    """
    from sklearn.metrics import check_scoring, get_scorer_names

    if isinstance(scoring, str) and scoring not in get_scorer_names():
        raise ConfigError(
            f"scikit-learn has no score {scoring!r}.{did_you_mean(scoring, get_scorer_names())}"
        )
    if scoring is not None and not isinstance(scoring, str) and not callable(scoring):
        raise ConfigError("scoring must be a name, or a function of model, rows and true values.")
    default = "accuracy" if model.classes is not None else "r2"
    own = hasattr(model.estimator, "score")
    if isinstance(scoring, str) or scoring is None:
        name = scoring or default
        chosen = scoring or (None if own else default)
        return name, check_scoring(as_estimator(model), scoring=chosen)
    return getattr(scoring, "__name__", type(scoring).__name__), scoring


def _truth(table: Any, label: str) -> np.ndarray:
    if table[label].null_count:
        raise ConfigError(
            f"y_true: {label!r} is missing in {table[label].null_count:,} rows; remove them."
        )
    return np.asarray(table[label].to_pandas())


@dataclass(frozen=True)
class ShufflingPlan:
    """The rows and how they are scored."""

    rows: pd.DataFrame
    truth: np.ndarray
    weight: np.ndarray | None
    scorer: Callable[..., float]
    repeats: int
    random_state: int

    @cached_property
    def orders(self) -> np.ndarray:
        """The order of the shuffled column in each repeat, for all features, as in scikit-learn.

        Each repeat shuffles the column that the previous repeat left, so the orders are composed.
        """
        seeds = np.random.RandomState(self.random_state)
        state = np.random.RandomState(seeds.randint(np.iinfo(np.int32).max + 1))
        order, whole = np.arange(len(self.rows)), np.arange(len(self.rows))
        found = []
        for _ in range(self.repeats):
            state.shuffle(order)
            whole = whole[order]
            found.append(whole)
        return np.stack(found)

    def score(self, model: CheckedModel, rows: pd.DataFrame) -> float:
        """Score rows."""
        more = {} if self.weight is None else {"sample_weight": self.weight}
        given = model_input(model.estimator, rows[list(model.features)])
        return float(self.scorer(as_estimator(model), given, self.truth, **more))


@dataclass(frozen=True)
class ScorePermuted:
    """A task: the score of the rows, or of the rows with one feature shuffled."""

    plan: SharedObject
    model: SharedObject

    def __call__(self, task: tuple[int, int] | None) -> float:
        """Return the score for (feature, repeat), or for the rows as they are."""
        plan: ShufflingPlan = self.plan.load()
        model: CheckedModel = self.model.load()
        if task is None:
            return plan.score(model, plan.rows)
        name = plan.rows.columns[task[0]]
        shuffled = plan.rows[name].take(plan.orders[task[1]]).set_axis(plan.rows.index)
        return plan.score(model, plan.rows.assign(**{name: shuffled}))
