"""Private names of other packages are as the adapters of ``rai_scale/upstream`` know them."""

from __future__ import annotations

import ast
import importlib
import inspect
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import rai_scale.upstream

HOME = Path(rai_scale.upstream.__file__).parent
PACKAGES = {
    "fairlearn": "fairlearn",
    "interpret": "interpret-core",
    "presidio": "presidio-anonymizer",
    "smartnoise": "smartnoise-sql",
    "sklearn": "scikit-learn",
    "lightgbm": "lightgbm",
}
EXPLANATION = "(explanation_type, internal_obj, feature_names, feature_types, name, selector)"
PERF = "interpret.perf._"
METRICS, POST, REDUCTIONS = (
    f"fairlearn.{name}" for name in ("metrics", "postprocessing", "reductions")
)
CURVES = f"{POST}._tradeoff_curve_utilities"

EXPECTED: dict[str, dict[str, str]] = {
    "fairlearn": {
        f"{METRICS}._annotated_metric_function._DEFAULT_NAME": "str",
        f"{METRICS}._annotated_metric_function._METRIC_FUNCTION_NONE": "str",
        f"{METRICS}._base_metrics._RESTRICTED_VALS_IF_POS_LABEL_NONE": "str",
        f"{METRICS}._annotated_metric_function._METRIC_FUNCTION_NOT_CALLABLE": "str",
        f"{METRICS}._bootstrap.BOOTSTRAP_QUANTILE_ERROR": "str",
        f"{METRICS}._disaggregated_result.DisaggregatedResult": "(overall, by_group)",
        f"{METRICS}._disaggregated_result.DisaggregatedResult.create": "(*, data, annotated_functions, sensitive_feature_names, control_feature_names)",
        f"{METRICS}._metric_frame._BOOTSTRAP_CI_INVALID": "str",
        f"{METRICS}._metric_frame._BOOTSTRAP_N_BOOT_INT_GT_ZERO": "str",
        f"{METRICS}._metric_frame._BOOTSTRAP_NEED_N_AND_CI": "str",
        f"{METRICS}._metric_frame._DUPLICATE_FEATURE_NAME": "str",
        f"{METRICS}._metric_frame._SAMPLE_PARAM_KEYS_NOT_IN_FUNC_DICT": "str",
        f"{METRICS}._metric_frame._SAMPLE_PARAMS_NOT_DICT": "str",
        f"{METRICS}._metric_frame.MetricFrame._extract_result": "(self, underlying_result, no_control_levels)",
        f"{METRICS}._metric_frame.MetricFrame._populate_results": "(self, raw_result)",
        f"{POST}._interpolated_thresholder.InterpolatedThresholder": "(estimator, interpolation_dict, prefit, predict_method)",
        f"{POST}._relaxed_constraints.maximize_objective_with_tolerance": "(dataframes, weights, tol, x_col, y_col)",
        f"{POST}._threshold_operation.ThresholdOperation": "(operator, threshold)",
        f"{POST}._threshold_optimizer.ALL_CONSTRAINTS": "list",
        f"{POST}._threshold_optimizer.OBJECTIVES_FOR_EQUALIZED_ODDS": "set",
        f"{POST}._threshold_optimizer.OBJECTIVES_FOR_SIMPLE_CONSTRAINTS": "set",
        f"{POST}._threshold_optimizer.SIMPLE_CONSTRAINTS": "dict",
        f"{CURVES}.METRIC_DICT": "dict",
        f"{CURVES}._extend_confusion_matrix": "(*, true_positives, false_positives, true_negatives, false_negatives)",
        f"{CURVES}._interpolate_curve": "(data, x_col, y_col, content_col, x_grid)",
        f"{REDUCTIONS}._exponentiated_gradient._constants._ACCURACY_MUL": "float",
        f"{REDUCTIONS}._exponentiated_gradient._lagrangian._Lagrangian": "(*, X, y, estimator, constraints, B, objective, opt_lambda, sample_weight_name, **kwargs)",
        f"{REDUCTIONS}.ExponentiatedGradient._pmf_predict": "(self, X)",
        f"{REDUCTIONS}._grid_search._grid_generator._GridGenerator": "(grid_size, grid_limit, pos_basis, neg_basis, neg_allowed, force_L1_norm, grid_offset)",
        f"{REDUCTIONS}._moments.bounded_group_loss.ConditionalLossMoment": "(loss, *, upper_bound, no_groups)",
        f"{REDUCTIONS}._moments.bounded_group_loss.MeanLoss": "(loss)",
        f"{REDUCTIONS}._moments.moment._ALL": "str",
        f"{REDUCTIONS}._moments.moment._EVENT": "str",
        f"{REDUCTIONS}._moments.moment._GROUP_ID": "str",
        f"{REDUCTIONS}._moments.moment._LABEL": "str",
        "fairlearn.utils._input_validation._merge_columns": "(feature_columns)",
    },
    "smartnoise": {
        "snsql._ast.ast": "module",
        "snsql._ast.ast.Query": "(select, source, where, agg, having, order, limit, metadata, privacy)",
        "snsql._ast.expressions.date.parse_datetime": "(val)",
        "snsql._ast.expressions.logical.ops": "dict",
        "snsql._ast.expressions.logical.parse_bool": "(v)",
        "snsql._ast.expressions.string.LowerFunction": "(expression)",
        "snsql._ast.expressions.string.UpperFunction": "(expression)",
        "snsql._ast.tokens.Seq": "(seq)",
        "snsql.sql.private_reader.PrivateReader._rewrite_ast": "(self, query)",
    },
    "interpret": {
        "interpret.api.templates.FeatureValueExplanation": EXPLANATION,
        "interpret.blackbox._sensitivity.MorrisExplanation": EXPLANATION,
        "interpret.blackbox._partialdependence.PDPExplanation": EXPLANATION,
        f"{PERF}curve.PRExplanation": EXPLANATION,
        f"{PERF}curve.ROCExplanation": EXPLANATION,
        f"{PERF}regression.RegressionExplanation": EXPLANATION,
        "interpret.utils._native.Native": "()",
        "interpret.utils._native.Native.cut_quantile": "(self, X_col, min_samples_bin, is_rounded, max_cuts)",
        "interpret.utils._privacy.calc_gdp_noise_multi": "(total_queries, target_epsilon, delta)",
    },
    "presidio": {
        "presidio_anonymizer.AnonymizerEngine._operate": "(self, text, pii_entities, operators_metadata, operator_type, **operator_kwargs)",
    },
}


def found(name: str) -> Any:
    parts = name.split(".")
    for at in range(len(parts), 0, -1):
        try:
            thing: Any = importlib.import_module(".".join(parts[:at]))
        except ModuleNotFoundError:
            continue
        for part in parts[at:]:
            thing = getattr(thing, part)
        return thing
    raise AttributeError(name)


def shape(thing: Any) -> str:
    """Return the names and kinds of a callable's parameters, else the type."""
    if not callable(thing):
        return type(thing).__name__
    signature = inspect.signature(thing)
    plain = [
        p.replace(annotation=p.empty, default=p.empty if p.default is p.empty else None)
        for p in signature.parameters.values()
    ]
    shown = signature.replace(parameters=plain, return_annotation=signature.empty)
    return str(shown).replace("=None", "")


def message(adapter: str, name: str, now: str) -> str:
    package = PACKAGES[adapter]
    return (
        f"{package} {version(package)} has changed: {name} {now}. "
        f"Mend rai_scale/upstream/{adapter}.py or hold {package} back in pyproject.toml."
    )


@pytest.mark.parametrize(
    ("adapter", "name", "wanted"),
    [
        (adapter, name, wanted)
        for adapter, names in EXPECTED.items()
        for name, wanted in names.items()
    ],
)
def test_a_private_name_is_as_its_adapter_knows_it(adapter, name, wanted):
    try:
        now = shape(found(name))
    except AttributeError:
        pytest.fail(message(adapter, name, "is gone"))
    assert now == wanted, message(adapter, name, f"is {now}, was {wanted}")


def test_every_private_import_of_an_adapter_is_among_them():
    for path in HOME.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and "._" in str(node.module):
                for alias in node.names:
                    assert f"{node.module}.{alias.name}" in EXPECTED[path.stem], path.name


def test_what_has_no_name_to_import_is_there_too():
    """Attributes that instances have, and the modules in which estimators are at home."""
    from fairlearn.metrics import MetricFrame, make_derived_metric, mean_prediction, selection_rate
    from fairlearn.reductions import DemographicParity, ExponentiatedGradient
    from sklearn import ensemble, tree
    from sklearn.linear_model import LogisticRegression

    from rai_scale.upstream.fairlearn import COMPARED, derived_from
    from rai_scale.upstream.sklearn import BOOSTED, FORESTS, HISTOGRAM_BOOSTED, TREES

    y = np.tile([0, 1], 20)
    X, group = pd.DataFrame({"x": np.arange(40.0)}), np.repeat(["a", "b"], 20)
    frame = MetricFrame(metrics=mean_prediction, y_true=y, y_pred=y, sensitive_features=group)
    fitted = ExponentiatedGradient(LogisticRegression(), DemographicParity(), max_iter=2)
    fitted.fit(X, y, sensitive_features=group)
    boosted = ensemble.HistGradientBoostingClassifier(max_iter=2).fit(X, y)
    has = {
        "fairlearn": [
            (
                frame,
                "_sf_names _cf_names _user_supplied_callable _result_cache _ci_quantiles _n_boot",
            ),
            (fitted, "_hs weights_"),
        ],
        "sklearn": [(boosted, "_predictors")],
    }
    for adapter, things in has.items():
        for thing, names in things:
            for name in names.split():
                there = hasattr(thing, name)
                assert there, message(adapter, f"{type(thing).__name__}.{name}", "is gone")
    assert set(COMPARED) < set(frame._result_cache), message(
        "fairlearn", "_result_cache", "differs"
    )
    made = make_derived_metric(metric=selection_rate, transform="difference")
    assert derived_from(made) is selection_rate, message("fairlearn", "_metric_fn", "is gone")
    homes = {
        FORESTS: ensemble.RandomForestClassifier,
        BOOSTED: ensemble.GradientBoostingClassifier,
        HISTOGRAM_BOOSTED: ensemble.HistGradientBoostingClassifier,
        TREES: tree.DecisionTreeClassifier,
    }
    for home, kind in homes.items():
        now = message("sklearn", kind.__name__, f"is at home in {kind.__module__}, not {home}")
        assert kind.__module__.startswith(home), now
