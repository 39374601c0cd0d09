"""Responsible-AI checks over tables of any size, with the reference library's own answer.

Every public name is imported only when it is used, so that ``import rai_scale`` needs no engine and
no extra.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from rai_scale._version import __version__
from rai_scale.errors import MissingExtraError

if TYPE_CHECKING:
    from rai_scale.explanations.local.explain import explain, plan_explanation
    from rai_scale.explanations.local.interpret_local import to_interpret_local
    from rai_scale.explanations.local.reasons import add_reasons
    from rai_scale.explanations.overall.ice import ice
    from rai_scale.explanations.overall.importance import importance
    from rai_scale.explanations.overall.partial_dependence import partial_dependence
    from rai_scale.explanations.overall.permutation import permutation_importance
    from rai_scale.explanations.overall.sensitivity import morris, sobol
    from rai_scale.fairness.assessment.assess import assess_fairness
    from rai_scale.fairness.assessment.drift import drift
    from rai_scale.fairness.balance import balance
    from rai_scale.fairness.frame import metric_frame
    from rai_scale.fairness.mitigation.exponentiated_gradient import exponentiated_gradient
    from rai_scale.fairness.mitigation.grid_search import grid_search
    from rai_scale.fairness.mitigation.pareto import pareto
    from rai_scale.fairness.mitigation.reweighing import reweighing
    from rai_scale.fairness.thresholds.calibration import calibration
    from rai_scale.fairness.thresholds.curves import threshold_curves
    from rai_scale.fairness.thresholds.optimizer import fit_threshold_optimizer
    from rai_scale.glassbox.ebm import train_ebm
    from rai_scale.glassbox.private_ebm import train_private_ebm
    from rai_scale.glassbox.score import score_ebm
    from rai_scale.glassbox.simple import train_glassbox
    from rai_scale.measures.disparities import disparities
    from rai_scale.measures.performance.performance import performance
    from rai_scale.pii.config import AnalyzerConfig
    from rai_scale.pii.redact import redact
    from rai_scale.pii.scan import scan
    from rai_scale.privacy.ledger.ledger import open_ledger
    from rai_scale.private_queries.api import private_sql
    from rai_scale.private_queries.histogram import private_histogram
    from rai_scale.tables.read import read_table

_HOMES = {
    "AnalyzerConfig": "rai_scale.pii.config",
    "add_reasons": "rai_scale.explanations.local.reasons",
    "assess_fairness": "rai_scale.fairness.assessment.assess",
    "balance": "rai_scale.fairness.balance",
    "calibration": "rai_scale.fairness.thresholds.calibration",
    "disparities": "rai_scale.measures.disparities",
    "drift": "rai_scale.fairness.assessment.drift",
    "explain": "rai_scale.explanations.local.explain",
    "exponentiated_gradient": "rai_scale.fairness.mitigation.exponentiated_gradient",
    "fit_threshold_optimizer": "rai_scale.fairness.thresholds.optimizer",
    "grid_search": "rai_scale.fairness.mitigation.grid_search",
    "ice": "rai_scale.explanations.overall.ice",
    "importance": "rai_scale.explanations.overall.importance",
    "metric_frame": "rai_scale.fairness.frame",
    "morris": "rai_scale.explanations.overall.sensitivity",
    "open_ledger": "rai_scale.privacy.ledger.ledger",
    "pareto": "rai_scale.fairness.mitigation.pareto",
    "partial_dependence": "rai_scale.explanations.overall.partial_dependence",
    "performance": "rai_scale.measures.performance.performance",
    "permutation_importance": "rai_scale.explanations.overall.permutation",
    "plan_explanation": "rai_scale.explanations.local.explain",
    "private_histogram": "rai_scale.private_queries.histogram",
    "private_sql": "rai_scale.private_queries.api",
    "read_table": "rai_scale.tables.read",
    "redact": "rai_scale.pii.redact",
    "reweighing": "rai_scale.fairness.mitigation.reweighing",
    "scan": "rai_scale.pii.scan",
    "score_ebm": "rai_scale.glassbox.score",
    "sobol": "rai_scale.explanations.overall.sensitivity",
    "threshold_curves": "rai_scale.fairness.thresholds.curves",
    "to_interpret_local": "rai_scale.explanations.local.interpret_local",
    "train_ebm": "rai_scale.glassbox.ebm",
    "train_glassbox": "rai_scale.glassbox.simple",
    "train_private_ebm": "rai_scale.glassbox.private_ebm",
}

_EXTRA_OF = {
    **dict.fromkeys(["fairlearn", "sklearn", "scipy"], "fairness"),
    **dict.fromkeys(["opendp", "snsql", "sqlalchemy", "dp_accounting"], "private"),
    **dict.fromkeys(["interpret", "shap", "SALib", "lime"], "explain"),
}

__all__ = [
    "AnalyzerConfig",
    "__version__",
    "add_reasons",
    "assess_fairness",
    "balance",
    "calibration",
    "disparities",
    "drift",
    "explain",
    "exponentiated_gradient",
    "fit_threshold_optimizer",
    "grid_search",
    "ice",
    "importance",
    "metric_frame",
    "morris",
    "open_ledger",
    "pareto",
    "partial_dependence",
    "performance",
    "permutation_importance",
    "plan_explanation",
    "private_histogram",
    "private_sql",
    "read_table",
    "redact",
    "reweighing",
    "scan",
    "score_ebm",
    "sobol",
    "threshold_curves",
    "to_interpret_local",
    "train_ebm",
    "train_glassbox",
    "train_private_ebm",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        try:
            return getattr(import_module(_HOMES[name]), name)
        except ModuleNotFoundError as error:
            missing = (error.name or "").split(".")[0]
            if missing not in _EXTRA_OF:
                raise
            raise MissingExtraError(missing, _EXTRA_OF[missing]) from None
    raise AttributeError(f"module 'rai_scale' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
