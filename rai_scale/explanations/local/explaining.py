"""Local explanations of a model over a frame of any size, added to the frame lazily."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from rai_scale.engines.shared_object import publish_object
from rai_scale.errors import ConfigError, check_columns, did_you_mean
from rai_scale.explanations.local.added_columns import AddedColumns
from rai_scale.explanations.local.coalitions import FOLDS
from rai_scale.explanations.local.explain_rows import ExplainerPlan, ExplainRows, named
from rai_scale.explanations.local.shap_values import SHAP_METHODS, Choice
from rai_scale.explanations.local.value_sampling import ValueSampling
from rai_scale.explanations.local.values import LocalExplainer, Task
from rai_scale.explanations.local.withheld import WITHHELD, Consents, Withholding
from rai_scale.models.background import Background
from rai_scale.models.column_order import UNNAMED, is_unnamed
from rai_scale.models.ready_model import ready_model
from rai_scale.names import Names, names_of
from rai_scale.results import Result, Tables

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

_SHAP = (
    "rai_scale.explanations.local.shap_values:choose_shap",
    "rai_scale.explanations.local.shap_values:build_shap",
)
_LIME = (
    "rai_scale.explanations.local.lime:choose_lime",
    "rai_scale.explanations.local.lime:build_lime",
)
METHODS: dict[str, tuple[str, str]] = {**dict.fromkeys(SHAP_METHODS, _SHAP), "lime": _LIME}
"""For each method, its functions ``choose(task, method) -> Choice`` and ``build(task, choice)``."""

PERTURBATIONS = ("interventional", "tree_path_dependent")


@dataclass(frozen=True, repr=False)
class Explanation(Result):
    """Planned explanations.

    If the engine is lazy, no row is explained before :attr:`frame` is computed.

    Attributes
    ----------
    frame : DataFrame of the caller's kind
        The frame with explanations; lazy if the engine is lazy.
    method, why : str
        The selected method and the reason.
    columns : tuple of str
        Names of the columns that were added.
    """

    frame: Any
    method: str
    why: str
    columns: tuple[str, ...]

    def totals(self) -> dict[str, Any]:
        """Return the method and the number of added columns."""
        return {"method": self.method, "columns": len(self.columns)}

    def _tables(self) -> Tables:
        return {"columns": lambda: pd.DataFrame({"column": self.columns})}

    def _remarks(self) -> list[str]:
        return [self.why]


def explain(
    frame: Any,
    model: Any,
    *,
    features: str | Sequence[str],
    method: str = "shap",
    background: Background | Any = None,
    explain_class: Any = None,
    key_columns: str | Sequence[str] | None = None,
    long: bool = False,
    sampling: ValueSampling | None = None,
    perturbation: str = "interventional",
    random_state: int = 0,
    consent: Consents | None = None,
    sensitive_features: Names = (),
) -> Any:
    """Explain each row of a frame.

    Parameters
    ----------
    frame : pandas, pyspark or dask DataFrame, pyarrow Table or DuckDB relation
        The rows to explain.
    model : Model, or an estimator, function or path for ``Model(...)``
        Use :class:`~rai_scale.models.model.Model` to name classes, to select the output that is
        explained, or to trust a file.
    features : list of str
        Columns that the model reads. A model that stores its column names receives them in its own
        order. Any other model receives them in this order, and ``why`` states this.
    method : str
        ``shap`` selects the cheapest method that is exact for the model or, if there is none,
        sampling. ``tree_shap``, ``linear_shap``, ``exact_shap`` and ``kernel_shap`` are specific
        methods of SHAP; ``lime`` is LIME.
    background : Background, or a frame for ``Background(frame=...)``, optional
        Rows whose values replace those of features; by default 100 rows of ``frame``.
        ``exact_shap`` and ``kernel_shap`` raise an error if a row would need more than 10,000,000
        predictions.
    explain_class : class, optional
        The class to explain. By default, the second of two classes, or each of more than two.
    key_columns : list of str, optional
        Columns of ``frame`` to keep; by default all.
    long : bool
        Whether the result has one row for each row, class and feature, with ``key_columns``,
        ``class``, ``feature``, ``value`` and, if values are sampled, ``error``.
    sampling : ValueSampling, optional
        Number of evaluations, or required precision, of methods that sample.
    perturbation : {"interventional", "tree_path_dependent"}
        How TreeSHAP removes a feature: by values of the background, or by the row counts that are
        stored in the trees.
    random_state : int
        Seed of the background's sample and of the sampling of values.
    consent : rai_scale.personalization.Consents, optional
        Decisions of people about features. The values of a feature are withheld (null) in the rows
        of people who did not allow it.
    sensitive_features : str or list of str
        Features whose values are withheld in all rows.

    Returns
    -------
    DataFrame of the caller's kind, lazy if the engine is lazy
        The input's columns (or its ``key_columns``) and ``prediction``, ``base_value``, one
        ``shap_<feature>`` per feature, ``shap_error_<feature>`` if values are sampled, and
        ``explained_by``: the method, or the reason why a row has no values (NaN). With ``consent``
        or ``sensitive_features`` also, in the wide form, ``reasons_withheld``: the number of
        withheld features that move the prediction. What they add up to is the prediction minus
        ``base_value`` and all shown values.

    Raises
    ------
    ConfigError
        If an argument is invalid, or does not suit the other arguments or the model.
    MissingColumnError
        If features or key columns are not in the frame.
    """
    plan = plan_explanation(
        frame, model, features=features, method=method, background=background,
        explain_class=explain_class, key_columns=key_columns, long=long, sampling=sampling,
        perturbation=perturbation, random_state=random_state, consent=consent,
        sensitive_features=sensitive_features,
    )  # fmt: skip
    return plan.frame


def plan_explanation(
    frame: Any,
    model: Any,
    *,
    features: str | Sequence[str],
    method: str = "shap",
    background: Background | Any = None,
    explain_class: Any = None,
    key_columns: str | Sequence[str] | None = None,
    long: bool = False,
    sampling: ValueSampling | None = None,
    perturbation: str = "interventional",
    random_state: int = 0,
    consent: Consents | None = None,
    sensitive_features: Names = (),
) -> Explanation:
    """Select a method for the model and plan the explanation of each row of a frame.

    Parameters
    ----------
    frame, model, features, method, background, explain_class, key_columns, long, sampling, \
perturbation, random_state, consent, sensitive_features
        As in :func:`explain`.

    Returns
    -------
    Explanation

    Raises
    ------
    ConfigError
        If an argument is invalid, or does not suit the other arguments or the model.
    MissingColumnError
        If features or key columns are not in the frame.
    """
    keys, sampling = tuple(names_of(key_columns)), sampling or ValueSampling()
    _check_arguments(method, perturbation)
    if long and not keys:
        raise ConfigError("the long form needs key_columns, which identify the explained rows.")
    if long and sampling.replicates:
        raise ConfigError("replicates are columns of the wide form; omit long.")
    ready = ready_model(frame, model, features, background, explain_class, random_state)
    engine = ready.engine
    check_columns(keys, engine.columns(frame))
    hidden = Withholding(consent, tuple(names_of(sensitive_features)))
    task = Task(ready.output, ready.background, sampling, random_state, perturbation)
    task.output(task.background.iloc[:1])  # fails here rather than in a worker
    choose, build = METHODS[method]
    choice = named(choose)(task, method)
    made: LocalExplainer = named(build)(task, choice)
    copies = FOLDS if sampling.replicates and choice.method == "kernel_shap" else 0
    layout = AddedColumns(
        ready.features, task.output.labels, made.prefix, made.sampled, choice.method, keys, long,
        copies,
    )  # fmt: skip
    layout.check(engine.columns(frame))
    if hidden:
        frame = hidden.marked(frame, engine.columns(frame), ready.features)
    plan = ExplainerPlan(
        ready.share_output(), task.background, sampling, random_state, perturbation, choice, build
    )
    run = ExplainRows(publish_object(engine, plan, "explain.pkl"), layout, random_state)
    if is_unnamed(task.output.model.estimator, ready.features):
        choice = replace(choice, why=f"{choice.why}; {UNNAMED}")
    return _lay_over(engine, frame, run, choice, hidden)


def _lay_over(
    engine: Engine, frame: Any, run: ExplainRows, choice: Choice, hidden: Withholding
) -> Explanation:
    layout = run.layout
    added = layout.long_schema() if layout.long else layout.schema()
    inputs = list(dict.fromkeys([*layout.keys, *layout.features]))
    if layout.keys:
        keys = [*layout.keys, *hidden.mark]
        run = replace(run, kept=tuple(keys))
        schema = engine.schema(frame)
        outputs = pa.schema([*(schema.field(name) for name in keys), *added])
        inputs = list(dict.fromkeys([*keys, *inputs]))
        made = engine.map_partitions(frame, run, outputs, inputs=inputs, label="explain")
    else:
        made = engine.with_columns(frame, run, added, inputs=inputs, label="explain")
    names = tuple(added.names)
    if hidden:
        made = hidden.applied(engine, made, layout)
        names += () if layout.long else (WITHHELD,)
    return Explanation(made, choice.method, choice.why, names)


def _check_arguments(method: str, perturbation: str) -> None:
    if method not in METHODS:
        raise ConfigError(
            f"unknown method {method!r}; choose one of {', '.join(METHODS)}."
            f"{did_you_mean(method, METHODS)}"
        )
    if perturbation not in PERTURBATIONS:
        raise ConfigError(
            f"unknown perturbation {perturbation!r}; choose one of {', '.join(PERTURBATIONS)}."
        )
