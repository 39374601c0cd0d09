"""Select the method that computes the Shapley values of a model."""

from __future__ import annotations

from dataclasses import dataclass

from rai_scale.errors import ConfigError
from rai_scale.explanations.local.coalitions import smallest_budget
from rai_scale.explanations.local.exact_shap import MOST_FEATURES, ExactShap
from rai_scale.explanations.local.kernel import (
    MOST_EVALS,
    KernelShap,
    default_evals,
    evals_for_error,
)
from rai_scale.explanations.local.linear_shap import LinearShap, check_linear
from rai_scale.explanations.local.trees.shap import (
    PathDependentShap,
    TreeGame,
    TreeShap,
    check_tree,
)
from rai_scale.explanations.local.values import LocalExplainer, Task
from rai_scale.models.unwrap import MethodUnfit

SHAP_METHODS = ("shap", "tree_shap", "linear_shap", "exact_shap", "kernel_shap")
MOST_CELLS = 10_000_000
"""Limit of coalitions times background rows: the predictions made for one explained row."""
_MOST_ENUMERATED = 20


@dataclass(frozen=True)
class Choice:
    """The selected method.

    Attributes
    ----------
    method : str
        ``tree_shap``, ``linear_shap``, ``exact_shap``, ``kernel_shap`` or another local method.
    why : str
        The reason, as text.
    evals : int
        Number of coalitions per row, for sampling.
    game : TreeGame or None
        Data computed from the trees and the background, for interventional TreeSHAP.
    """

    method: str
    why: str
    evals: int = 0
    game: TreeGame | None = None


def choose_shap(task: Task, method: str) -> Choice:
    """Return the cheapest exact method for the model, or sampling.

    Raises
    ------
    ConfigError
        If the requested method is not suitable for the model.
    """
    if task.perturbation == "tree_path_dependent":
        return _asked(task, "tree_shap" if method == "shap" else method)
    if method != "shap":
        return _asked(task, method)
    reasons = []
    for name in ("tree_shap", "linear_shap"):
        try:
            return _fitting(task, name)
        except MethodUnfit as unfit:
            reasons.append(str(unfit))
    choice = _enumerate_or_sample(task, None)
    because = "; ".join(dict.fromkeys(reasons))
    return Choice(choice.method, f"{choice.why}; {because}", choice.evals)


def build_shap(task: Task, choice: Choice) -> LocalExplainer:
    """Build the explainer that was chosen."""
    if choice.method == "tree_shap":
        return PathDependentShap(task) if choice.game is None else TreeShap(task, choice.game)
    if choice.method == "linear_shap":
        return LinearShap(task)
    if choice.method == "exact_shap":
        return ExactShap(task)
    return KernelShap(task, choice.evals)


def _asked(task: Task, method: str) -> Choice:
    if task.perturbation == "tree_path_dependent" and method != "tree_shap":
        raise ConfigError(f"perturbation='tree_path_dependent' is for TreeSHAP, not for {method}.")
    if method in ("exact_shap", "kernel_shap"):
        return _enumerate_or_sample(task, method)
    try:
        return _fitting(task, method)
    except MethodUnfit as unfit:
        raise ConfigError(f"{method} is not suitable: {unfit}.") from None


def _fitting(task: Task, method: str) -> Choice:
    if method == "linear_shap":
        return Choice(method, check_linear(task))
    game, why = check_tree(task)
    return Choice(method, why, game=game)


def _enumerate_or_sample(task: Task, method: str | None) -> Choice:
    features, asked = task.features, task.sampling
    least, games = smallest_budget(features), 2**features
    if method == "exact_shap" and features > _MOST_ENUMERATED:
        raise ConfigError(
            f"{features} features have {games:,} coalitions, too many to enumerate; "
            "use kernel_shap."
        )
    if asked.max_evals is not None and asked.max_evals < min(least, games):
        raise ConfigError(
            f"max_evals is {asked.max_evals}, but {features} features need at least "
            f"{min(least, games)}."
        )
    budgeted = method == "kernel_shap" or asked.max_evals or asked.target_error
    if method == "exact_shap" or games <= least:
        evals = games
    elif asked.target_error is not None:
        _check_cells(default_evals(features), len(task.background))
        evals = evals_for_error(task)
    elif budgeted:
        evals = asked.max_evals or default_evals(features)
    else:
        evals = games if features <= MOST_FEATURES else default_evals(features)
    _check_cells(min(evals, games), len(task.background))
    if evals >= games:
        return Choice("exact_shap", f"all {games:,} coalitions of {features} features")
    if evals > MOST_EVALS:
        raise ConfigError(
            f"{evals:,} coalitions would be needed, but at most {MOST_EVALS:,} can be sampled; "
            "give a smaller max_evals or a larger target_error."
        )
    why = f"{evals:,} of {games:,} coalitions of {features} features, sampled"
    return Choice("kernel_shap", why, evals)


def _check_cells(evals: int, rows: int) -> None:
    if evals * rows > MOST_CELLS:
        raise ConfigError(
            f"{evals:,} coalitions over {rows:,} background rows are {evals * rows:,} predictions "
            f"for each explained row, but at most {MOST_CELLS:,} are allowed. Give a sample of the "
            f"background, such as background.sample({max(1, min(1000, MOST_CELLS // evals))}, "
            "random_state=0), or a smaller max_evals."
        )
