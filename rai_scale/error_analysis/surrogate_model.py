"""``surrogate``: a simple model fitted to the predictions of another one, with its fidelity."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from rai_scale.engines.choose import engine_of
from rai_scale.error_analysis.cohorts.conditions import columns_of
from rai_scale.error_analysis.cohorts.one_cohort import Cohort, cohort
from rai_scale.error_analysis.column_kinds import NUMBERS, kind_of
from rai_scale.error_analysis.surrogate_fit import fit_surrogate
from rai_scale.errors import ConfigError, did_you_mean
from rai_scale.models.background import sample_rows
from rai_scale.models.columns import model_frame
from rai_scale.models.ready_model import ReadyModel, ready_model
from rai_scale.names import Names, names_of
from rai_scale.results import Result
from rai_scale.statistics.keyed_hash import key_uniforms

KINDS = ("lightgbm", "tree", "linear", "ebm")
TREES = ("lightgbm", "tree")
FIDELITY = "surrogate_fidelity"
TEST_SHARE = 0.25
BACKGROUND_ROWS = 100
SPLIT_SEED = 3_000_017
"""Added to the random state, so that the split does not depend on how the sample is drawn."""
_HALF = 0.5


@dataclass(frozen=True, repr=False)
class Surrogate(Result):
    """A surrogate model; made by :func:`surrogate`.

    Attributes
    ----------
    model : estimator
        It predicts the model's output.
    kind : str
    features : tuple of str
    fidelity : pandas.DataFrame
        Of rows that the surrogate was not fitted on, for all of them and per cohort: ``cohort``,
        ``rows``, ``r2`` (of the model's output, by the surrogate), ``mean_absolute_error``, and
        ``agreement``, the share of rows with both probabilities on the same side of 0.5 (NaN for
        other outputs).
    least_fidelity : float
    fitted_rows : int
    notes : tuple of str
    background : pandas.DataFrame, optional
        With categorical features: rows with the dtypes that the surrogate was fitted on.
    """

    model: Any
    kind: str
    features: tuple[str, ...]
    fidelity: pd.DataFrame
    least_fidelity: float
    fitted_rows: int
    notes: tuple[str, ...] = ()
    background: pd.DataFrame | None = None

    @property
    def r2(self) -> float:
        """The fidelity of all rows that the surrogate was not fitted on."""
        return float(self.fidelity["r2"].iloc[0])

    def explain(self, frame: Any, explain: Callable[..., Any], **options: Any) -> Any:
        """Return a frame with explanations of the surrogate's predictions; lazy like ``explain``.

        Parameters
        ----------
        frame : DataFrame, DuckDB relation or pyarrow.Table
        explain : callable
            ``rai_scale.explanations.explain``, which uses exact TreeSHAP for trees. The mean over
            the frame is ``rai_scale.explanations.importance`` of the result.
        **options
            Of ``explain``.

        Returns
        -------
        DataFrame of the caller's kind
            That of ``explain``, with a column ``surrogate_fidelity``.

        Raises
        ------
        ConfigError
            If the fidelity is below ``least_fidelity`` or not known.
        """
        if not self.r2 >= self.least_fidelity:
            raise ConfigError(
                f"the surrogate has a fidelity (R2 on rows that it was not fitted on) of "
                f"{self.r2:.3f}, and least_fidelity is {self.least_fidelity:g}: its explanations "
                "would not be those of the model. Use another kind, more rows, or explain the "
                "model itself."
            )
        method: dict[str, Any] = {"method": "tree_shap"} if self.kind in TREES else {}
        if self.background is not None:
            method["background"] = self.background
        made = explain(frame, self.model, features=list(self.features), **{**method, **options})
        number = f"CAST('{self.r2!r}' AS DOUBLE)"  # text is read exactly
        column = pa.schema([(FIDELITY, pa.float64())])
        return engine_of(made).with_expressions(made, {FIDELITY: number}, column)

    def totals(self) -> Mapping[str, Any]:
        """Return the kind, the fidelity, and the numbers of rows."""
        unseen = int(self.fidelity["rows"].iloc[0])
        sizes = {"fitted_rows": self.fitted_rows, "unseen_rows": unseen}
        return {"kind": self.kind, "r2": self.r2, **sizes}

    def _tables(self) -> Any:
        return {"fidelity": lambda: self.fidelity}

    def _numbers(self) -> Mapping[str, float]:
        names = ("r2", "mean_absolute_error", "agreement")
        return {
            **{name: float(self.fidelity[name].iloc[0]) for name in names},
            "worst_cohort_r2": float(self.fidelity["r2"].min()),
        }

    def _remarks(self) -> Sequence[str]:
        return self.notes


def surrogate(
    frame: Any,
    model: Any,
    *,
    features: Names,
    kind: str = "lightgbm",
    explain_class: Any = None,
    cohorts: Mapping[str, str | Cohort] | None = None,
    max_rows: int = 200_000,
    least_fidelity: float = 0.8,
    train: Callable[..., Any] | None = None,
    random_state: int = 0,
) -> Surrogate:
    """Fit a simple model to the predictions of a model, and measure how well it does; executes.

    A quarter of the distinct rows is kept from fitting, by a keyed hash of their features, so that
    no copy of a row is on both sides.

    Parameters
    ----------
    frame : DataFrame, DuckDB relation or pyarrow.Table
    model : Model, or an estimator, function or path for ``Model(...)``
    features : str or sequence of str
        Columns of numbers, text, or true and false, that the model reads. Text is a category.
    kind : {"lightgbm", "tree", "linear", "ebm"}
        Boosted trees, one tree with up to 64 leaves, least squares (with one column per category),
        or an EBM. With categories, the one tree is LightGBM's.
    explain_class : class, optional
        The class whose probability is predicted; needed for more than two classes. By default the
        second of two.
    cohorts : mapping of str to cohort or str, optional
        The fidelity is also measured in these cohorts.
    max_rows : int
        Rows that are drawn uniformly, and that the model predicts on the driver; a larger frame is
        sampled, which ``notes`` states.
    least_fidelity : float
        Below this R2, :meth:`Surrogate.explain` refuses.
    train : callable, optional
        ``rai_scale.glassbox.train_ebm``; needed for ``kind="ebm"``.
    random_state : int
        Of the sample, the split and the fit.

    Returns
    -------
    Surrogate

    Raises
    ------
    ConfigError
        If an argument is invalid, a feature has another type, or there are too few rows.
    MissingColumnError
        If a column does not exist.
    MissingExtraError
        If LightGBM is not installed.
    """
    if kind not in KINDS:
        raise ConfigError(
            f"unknown kind {kind!r}; choose one of {', '.join(KINDS)}."
            f"{did_you_mean(str(kind), KINDS)}"
        )
    if kind == "ebm" and train is None:
        raise ConfigError("kind='ebm' needs train=rai_scale.glassbox.train_ebm.")
    ready = ready_model(frame, model, names_of(features), None, explain_class, random_state)
    if len(ready.labels) > 1:
        raise ConfigError("the model has several classes; choose one with explain_class.")
    texts = _texts(ready, frame)
    asked = {name: cohort(one, name=name) for name, one in (cohorts or {}).items()}
    used = [name for one in asked.values() for name in columns_of(one.condition)]
    columns = list(dict.fromkeys([*ready.features, *used]))
    table = sample_rows(ready.engine, frame, columns, max_rows, random_state)
    unseen = key_uniforms(table.select(list(ready.features)), random_state + SPLIT_SEED)
    test = unseen < TEST_SHARE
    if test.all() or not test.any():
        raise ConfigError("a surrogate needs more distinct rows.")
    rows = model_frame(table, ready.background)
    truth = ready.output.in_blocks(rows)[:, 0]
    if kind in TREES:
        rows = rows.astype({name: _category(rows[name]) for name in texts})
    fitted = fit_surrogate(kind, rows[~test], truth[~test], train, random_state)
    guess = np.asarray(fitted.predict(rows[test]), dtype=np.float64)
    seen = table.filter(pa.array(test)).append_column("_rai_at", pa.array(range(int(test.sum()))))
    places = {"all rows": np.arange(len(guess))}
    for name, one in asked.items():
        kept = engine_of(seen).collect(one.filter(seen))
        places[name] = kept["_rai_at"].to_numpy().astype(np.int64)
    shares = ready.output.kind == "probability" and ready.output.model.classes is not None
    table_ = [_fidelity(name, truth[test][at], guess[at], shares) for name, at in places.items()]
    notes = (f"fitted to at most {max_rows:,} rows, drawn uniformly.",)
    return Surrogate(
        fitted,
        kind,
        ready.features,
        pd.DataFrame(table_),
        least_fidelity,
        int((~test).sum()),
        notes if table.num_rows == max_rows else (),
        rows[~test].head(BACKGROUND_ROWS) if texts else None,
    )


def _texts(ready: ReadyModel, frame: Any) -> list[str]:
    """Return the features that are categories; refuse types that no surrogate reads."""
    schema = ready.engine.schema(frame)
    kinds = {name: kind_of(schema, name) for name in ready.features}
    for name, kind in kinds.items():
        if kind not in (*NUMBERS, "bool", "text"):
            raise ConfigError(
                f"feature {name!r} has type {schema.field(name).type}; a surrogate needs numbers, "
                "text, or true and false. Encode it before the model, and give the encoded columns."
            )
    return [name for name, kind in kinds.items() if kind == "text"]


def _category(column: pd.Series) -> pd.CategoricalDtype:
    return pd.CategoricalDtype(sorted(column.dropna().unique()))


def _fidelity(name: str, truth: np.ndarray, guess: np.ndarray, shares: bool) -> dict[str, Any]:
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = ((truth - truth.mean()) ** 2).sum() if len(truth) else np.nan
        r2 = 1 - ((truth - guess) ** 2).sum() / spread if spread > 0 else np.nan
    known = len(truth) > 0
    return {
        "cohort": name,
        "rows": len(truth),
        "r2": float(r2),
        "mean_absolute_error": float(np.abs(truth - guess).mean()) if known else np.nan,
        "agreement": float(((truth > _HALF) == (guess > _HALF)).mean())
        if known and shares
        else np.nan,
    }
