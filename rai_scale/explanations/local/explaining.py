"""Local explanations of a model over a frame of any size, added to the frame lazily."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from inspect import signature
from typing import TYPE_CHECKING, Any, ParamSpec

import pandas as pd
import pyarrow as pa

from rai_scale.engines.choose import engine_of
from rai_scale.engines.shared_object import load_object, publish_object
from rai_scale.errors import ConfigError, check_columns, did_you_mean
from rai_scale.explanations.local.added_columns import AddedColumns
from rai_scale.explanations.local.coalitions import FOLDS
from rai_scale.explanations.local.shap_values import SHAP_METHODS, Choice
from rai_scale.explanations.local.values import LocalExplainer, Options, Task
from rai_scale.models.background import Background, background_frame
from rai_scale.models.column_order import UNNAMED, is_unnamed
from rai_scale.models.columns import model_frame
from rai_scale.models.model import Model, as_model
from rai_scale.models.output import ModelOutput, make_output
from rai_scale.names import names_of
from rai_scale.results import Result, Tables
from rai_scale.statistics.keyed_hash import key_hashes

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine
    from rai_scale.engines.shared_file import SharedFile

_SHAP = (
    "rai_scale.explanations.local.shap_values:choose_shap",
    "rai_scale.explanations.local.shap_values:build_shap",
)
_LIME = (
    "rai_scale.explanations.local.lime:choose_lime",
    "rai_scale.explanations.local.lime:build_lime",
)
METHODS: dict[str, tuple[str, str]] = {**dict.fromkeys(SHAP_METHODS, _SHAP), "lime": _LIME}
"""Per method, where ``choose(task, method) -> Choice`` and ``build(task, choice)`` are."""

P = ParamSpec("P")
PERTURBATIONS = ("interventional", "tree_path_dependent")


@dataclass(frozen=True, repr=False)
class Explanation(Result):
    """Explanations that were planned; nothing of the frame is read before :attr:`frame` is.

    Attributes
    ----------
    frame : DataFrame of the caller's kind
        Lazy on engines that are.
    method, why : str
        What was picked and the reason.
    columns : tuple of str
        Names of the columns that were added.
    """

    frame: Any
    method: str
    why: str
    columns: tuple[str, ...]

    def totals(self) -> dict[str, Any]:
        """Return what was planned."""
        return {"method": self.method, "columns": len(self.columns)}

    def _tables(self) -> Tables:
        return {"columns": lambda: pd.DataFrame({"column": self.columns})}

    def _remarks(self) -> list[str]:
        return [self.why]


def plan_explanation(
    frame: Any,
    model: Any,
    *,
    features: str | Sequence[str],
    method: str = "shap",
    background: Background | Any = None,
    explain_class: Any = None,
    classes: Sequence[Any] | None = None,
    output: str = "probability",
    key_columns: str | Sequence[str] | None = None,
    long: bool = False,
    replicates: bool = False,
    max_evals: int | None = None,
    target_error: float | None = None,
    random_state: int = 0,
    perturbation: str = "interventional",
    trusted: bool = False,
) -> Explanation:
    """Choose a method for the model and lay its explanations over a frame.

    Parameters
    ----------
    frame : pandas, pyspark or dask DataFrame, pyarrow Table or DuckDB relation
    model : object with predict or predict_proba, function of a pandas frame, or path
        See :func:`~rai_scale.models.model.load_model` for paths.
    features : list of str
        Columns that the model reads. A model that says its columns is given them in its own order;
        one that does not, in this order, and ``why`` says so.
    method : str
        ``shap`` picks the cheapest way that is exact for the model, or sampling. ``tree_shap``,
        ``linear_shap``, ``exact_shap`` and ``kernel_shap`` ask for one; ``lime`` is LIME, with
        ``max_evals`` perturbed rows (5,000).
    background : Background, or a frame for ``Background(frame=...)``, optional
        What features are replaced by; by default 100 rows of ``frame``. Enumeration and sampling
        refuse one with which a row needs more than 10,000,000 predictions.
    explain_class : class, optional
        The class that is explained; by default the second of two, or all of more.
    classes : list, optional
        Names of the classes where the model does not say them.
    output : {"probability", "raw"}
        Probabilities, or scores before the link (log-odds, margins).
    key_columns : list of str, optional
        Keep these columns only.
    long : bool
        One row per row, class and feature: keys, ``class``, ``feature``, ``value`` (``error``).
    replicates : bool
        Where values are sampled, add the four independent estimates whose mean they are, as
        ``shap_replicate<k>_<feature>``: the error of an average over rows is the spread of its
        replicates, because rows share coalitions.
    max_evals : int, optional
        Coalitions per row; each is evaluated over the background.
    target_error : float, optional
        Half-width of the 95 % interval of a sampled value, reached by 95 % of values of a pilot.
    random_state : int
    perturbation : {"interventional", "tree_path_dependent"}
    trusted : bool
        Whether a model file may be loaded by a format that can run code.

    Returns
    -------
    Explanation

    Raises
    ------
    ConfigError
        If arguments do not fit each other or the model.
    MissingColumnError
        If features or keys are not columns of the frame.
    """
    features, keys = tuple(names_of(features)), tuple(names_of(key_columns))
    _check_arguments(method, perturbation, features)
    if long and not keys:
        raise ConfigError("the long form needs key_columns, which say whose values they are.")
    if long and replicates:
        raise ConfigError("replicates are columns of the wide form; leave long out.")
    engine = engine_of(frame)
    check_columns([*features, *keys], engine.columns(frame))
    rows = background_frame(background, frame, features, random_state)
    known = as_model(model, features, rows.iloc[:8], classes=classes, trusted=trusted)
    task = Task(
        make_output(known, output, explain_class),
        rows,
        Options(max_evals, target_error, random_state, perturbation),
    )
    task.output(rows.iloc[:1])  # what cannot be explained is said here, not by a worker
    choose, build = METHODS[method]
    choice = _named(choose)(task, method)
    made: LocalExplainer = _named(build)(task, choice)
    labels = task.output.labels
    copies = FOLDS if replicates and choice.method == "kernel_shap" else 0
    layout = AddedColumns(
        features, labels, made.prefix, made.sampled, choice.method, keys, long, copies
    )
    layout.check(engine.columns(frame))
    shared = publish_object(engine, known, "model.pkl")
    plan = ExplainerPlan(
        shared, output, task.output.picked, labels, rows, task.options, choice, build
    )
    run = ExplainRows(publish_object(engine, plan, "explain.pkl"), layout, random_state)
    if is_unnamed(known.model, features):
        choice = replace(choice, why=f"{choice.why}; {UNNAMED}")
    return _lay_over(engine, frame, run, choice)


def _taking_what(other: Callable[P, Any]) -> Callable[[Callable[..., Any]], Callable[P, Any]]:
    """Give a function the parameters of another, for editors and type checkers."""

    def mark(function: Callable[..., Any]) -> Callable[P, Any]:
        function.__dict__["__signature__"] = signature(other).replace(return_annotation=Any)
        return function

    return mark


@_taking_what(plan_explanation)
def explain(frame: Any, model: Any, **options: Any) -> Any:
    """Explain each row of a frame; see :func:`plan_explanation` for the parameters.

    Returns
    -------
    DataFrame of the caller's kind, lazy where the engine is
        The input's columns (or its ``key_columns``) and ``prediction``, ``base_value``, one
        ``shap_<feature>`` per feature, ``shap_error_<feature>`` where values are sampled, and
        ``explained_by`` with the method that was picked, or why the row has no values (NaN).
    """
    return plan_explanation(frame, model, **options).frame


@dataclass(frozen=True)
class ExplainerPlan:
    """All that a worker needs to build the explainer; the model is a file of its own."""

    model: SharedFile
    kind: str
    picked: tuple[int, ...]
    labels: tuple[str, ...]
    background: pd.DataFrame
    options: Options
    choice: Choice
    build: str

    def make(self) -> LocalExplainer:
        """Build the explainer in this process."""
        model: Model = self.model.load(load_object)
        output = ModelOutput(model, self.kind, self.picked, self.labels)
        return _named(self.build)(Task(output, self.background, self.options), self.choice)


def load_explainer(path: str) -> LocalExplainer:
    """Load a plan that was published and build its explainer."""
    return load_object(path).make()


@dataclass(frozen=True)
class ExplainRows:
    """A table function; the explainer is built once per process."""

    plan: SharedFile
    layout: AddedColumns
    seed: int

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the added columns, or with keys the rows of the new frame."""
        explainer = self.plan.load(load_explainer)
        layout = self.layout
        rows = model_frame(table, explainer.task.background)
        identity = table.select(list(layout.keys or layout.features))
        found = explainer.explain(rows, key_hashes(identity, self.seed))
        if layout.long:
            return layout.rows(table, found)
        wide = layout.wide(found)
        for number, name in enumerate(layout.keys):
            wide = wide.add_column(number, name, table[name])
        return wide


def _lay_over(engine: Engine, frame: Any, run: ExplainRows, choice: Choice) -> Explanation:
    layout = run.layout
    added = layout.long_schema() if layout.long else layout.schema()
    inputs = list(dict.fromkeys([*layout.keys, *layout.features]))
    if layout.keys:
        schema = engine.schema(frame)
        outputs = pa.schema([*(schema.field(name) for name in layout.keys), *added])
        made = engine.map_partitions(frame, run, outputs, inputs=inputs, label="explain")
    else:
        made = engine.with_columns(frame, run, added, inputs=inputs, label="explain")
    return Explanation(made, choice.method, choice.why, tuple(added.names))


def _named(place: str) -> Any:
    module, name = place.split(":")
    return getattr(import_module(module), name)


def _check_arguments(method: str, perturbation: str, features: Sequence[str]) -> None:
    if method not in METHODS:
        raise ConfigError(
            f"unknown method {method!r}; choose one of {', '.join(METHODS)}."
            f"{did_you_mean(method, METHODS)}"
        )
    if perturbation not in PERTURBATIONS:
        raise ConfigError(
            f"unknown perturbation {perturbation!r}; choose one of {', '.join(PERTURBATIONS)}."
        )
    if not features or len(set(features)) != len(features):
        raise ConfigError("features must name one or more different columns.")
