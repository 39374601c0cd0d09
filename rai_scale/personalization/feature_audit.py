"""Are forbidden features used, and which allowed ones stand for a sensitive attribute?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from rai_scale.engines import engine_of
from rai_scale.engines.protocol import Engine
from rai_scale.errors import ConfigError, TooManyGroupsError, check_columns
from rai_scale.names import Names, names_of
from rai_scale.personalization.feature_counts import associations
from rai_scale.personalization.feature_prediction import cross_fitted
from rai_scale.personalization.feature_result import FeatureAudit
from rai_scale.statistics.cells import counts_of
from rai_scale.statistics.row_sample import draw_rows

MOST_VALUES = 50


def audit_features(
    frame: Any,
    *,
    features: Names,
    sensitive_features: Names,
    forbidden: Names = (),
    model_features: Names = (),
    learner: Callable[[], Any] | None = None,
    person: str | None = None,
    bins: int = 20,
    folds: int = 5,
    max_rows: int = 50_000,
    min_rows: int = 20,
    random_state: int = 0,
    confidence: float = 0.95,
) -> FeatureAudit:
    """Find forbidden features in use, and how well allowed ones predict a sensitive attribute.

    Associations are counted by the engine on all rows, or all people: bias-corrected Cramer's V
    (Bergsma 2013), mutual information, and for numbers the correlation ratio (of rows). Numbers
    with a range of 50 or more are put into ``bins`` bins of equal width for the first two. With a
    ``learner``, a sample of rows is predicted by models that were fitted on other rows (of other
    people); the area under the ROC curve has an interval (DeLong et al. 1988; by person, Obuchowski
    1997); ``auc_drop`` is its fall when a feature is permuted.

    Parameters
    ----------
    frame : DataFrame, DuckDB relation or pyarrow.Table
        pandas, Dask or Spark (classic or Connect).
    features : str or sequence of str
        The features that the recommender may read.
    sensitive_features : str or sequence of str
        Columns of the attributes, each with at most 50 values.
    forbidden : str or sequence of str
        Names of features that may not be used; sensitive features are among them.
    model_features : str or sequence of str
        Names of the features that the model reads, if it is known.
    learner : callable, optional
        Returns a new classifier with ``fit`` and ``predict_proba``, such as an EBM.
    person : str, optional
        The column of the person. A person is then counted once per value of a feature, because
        events of one person resemble each other; folds are made of people, and intervals hold for
        them.
    bins, folds : int
    max_rows : int
        Rows that are drawn for the learner, by the hash of their content.
    min_rows : int
        Values of a sensitive attribute with fewer rows are left out.
    random_state : int
    confidence : float
        In (0, 1).

    Returns
    -------
    FeatureAudit

    Raises
    ------
    ConfigError
        If a sensitive feature has too many values, or no two values of ``min_rows`` rows.
    MissingColumnError
        If a column does not exist.
    """
    named, sensitive = names_of(features), names_of(sensitive_features)
    if not sensitive or not named:
        raise ConfigError("audit_features needs at least one feature and one sensitive feature.")
    engine = engine_of(frame)
    who = [person] if person else []
    check_columns([*named, *sensitive, *who], engine.columns(frame))
    banned = _forbidden(named, names_of(model_features), [*names_of(forbidden), *sensitive])
    allowed = [name for name in named if name not in set(banned["feature"])]
    levels, notes = _levels(engine, frame, sensitive, min_rows)
    pairs, more = associations(engine, frame, allowed, levels, bins=bins, person=person)
    predictions, carriers = pd.DataFrame(), pd.DataFrame()
    if learner is not None and allowed:
        columns = list(dict.fromkeys([*allowed, *sensitive, *who]))
        rows = draw_rows(engine, frame, columns, max_rows, random_state).to_pandas()
        predictions, carriers = _predictions(
            rows,
            allowed,
            levels,
            people=pd.factorize(rows[person])[0] if person else None,
            folds=folds,
            learner=learner,
            confidence=confidence,
            random_state=random_state,
        )
    empty = pd.DataFrame(columns=["sensitive", "value", "rows", "auc", "low", "high"])
    return FeatureAudit(
        banned,
        pairs,
        predictions if len(predictions) else empty,
        carriers if len(carriers) else pd.DataFrame(columns=["sensitive", "feature", "auc_drop"]),
        (*notes, *more),
    )


def _forbidden(
    features: Sequence[str], model: Sequence[str], banned: Sequence[str]
) -> pd.DataFrame:
    plain = {name.casefold() for name in banned}
    used = [name for name in dict.fromkeys([*features, *model]) if name.casefold() in plain]
    return pd.DataFrame(
        {
            "feature": used,
            "in_data": [name in features for name in used],
            "in_model": [name in model for name in used],
        }
    )


def _levels(
    engine: Engine, frame: Any, sensitive: Sequence[str], min_rows: int
) -> tuple[dict[str, list[Any]], tuple[str, ...]]:
    """Return the values of each attribute that have enough rows."""
    found, notes = {}, []
    for name in sensitive:
        try:
            table = counts_of(engine, frame, [name], limit=MOST_VALUES)
        except TooManyGroupsError:
            raise ConfigError(
                f"sensitive_features: column {name!r} has more than {MOST_VALUES} values. Group "
                "them first."
            ) from None
        rows = dict(zip(table.column(0).to_pylist(), table.column(1).to_pylist(), strict=True))
        kept = [v for v, n in rows.items() if n >= min_rows and v is not None]
        hidden = len(rows) - len(kept)
        if len(kept) < 2:  # noqa: PLR2004
            raise ConfigError(
                f"sensitive_features: column {name!r} has no two values with {min_rows} rows."
            )
        if hidden:
            notes.append(
                f"{hidden} values of {name!r} with fewer than {min_rows} rows, or missing, are "
                "left out."
            )
        found[name] = sorted(kept, key=str)
    return found, tuple(notes)


def _predictions(
    rows: pd.DataFrame,
    features: list[str],
    levels: Mapping[str, list[Any]],
    *,
    people: np.ndarray | None,
    folds: int,
    learner: Callable[[], Any],
    confidence: float,
    random_state: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    predictions, carriers = [], []
    groups = np.arange(len(rows)) if people is None else people
    for name, values in levels.items():
        kept = rows[name].isin(values).to_numpy()
        found, drops = cross_fitted(
            rows[kept].reset_index(drop=True),
            features,
            rows.loc[kept, name].astype(str).reset_index(drop=True),
            folds=groups[kept] % folds,
            people=None if people is None else people[kept],
            learner=learner,
            confidence=confidence,
            rng=np.random.default_rng(random_state),
        )
        predictions += [{"sensitive": name, **one} for one in found]
        carriers += [{"sensitive": name, **one} for one in drops]
    table = pd.DataFrame(carriers).sort_values("auc_drop", ascending=False, kind="stable")
    return pd.DataFrame(predictions), table.reset_index(drop=True)
