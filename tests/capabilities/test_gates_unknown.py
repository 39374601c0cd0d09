"""What was not measured is not passed: values without a denominator, and gates over them."""

import json

import numpy as np
import pandas as pd
import pytest

import rai_scale
from rai_scale.fairness import Bootstrap, Comparison, drift

KW = {"y_true": "y", "y_pred": "p", "sensitive_features": "s"}
ROWS = pd.DataFrame(
    {"s": ["a"] * 60 + ["b"] * 60, "y": [1] * 30 + [0] * 90, "p": [0, 1] * 60}
).assign(c=["u"] * 90 + ["v"] * 30, q=np.linspace(0, 1, 120), w=lambda d: 1.0 * (d["y"] == 0))
NO_PRECISION = ROWS.assign(p=0)
WITH_SMALL = pd.concat([ROWS, ROWS[:5].assign(s="z")])
HIDING = Comparison(suppress_below=10)

CASES = {
    "no positive label": (ROWS, "equal_opportunity_difference", {}),
    "one of two rates": (ROWS, "equalized_odds_difference", {}),
    "a ratio": (ROWS, "equalized_odds_ratio", {}),
    "nothing selected": (NO_PRECISION, "precision_score_difference", {}),
    "zero by zero": (NO_PRECISION, "demographic_parity_ratio", {}),
    "one margin is empty": (ROWS, "matthews_corrcoef_difference", {}),
    "the least value": (ROWS, "true_positive_rate_group_min", {}),
    "one class": (ROWS, "roc_auc_score_difference", {"score": "q"}),
    "weights of zero": (ROWS, "true_positive_rate_difference", {"sample_weight": "w"}),
    "one group": (ROWS[:60], "demographic_parity_difference", {}),
    "one group at a level": (ROWS, "demographic_parity_difference", {"control_features": "c"}),
    "others hidden": (WITH_SMALL, "demographic_parity_difference", {"comparison": HIDING}),
}


JUDGED = ("point", "lower_bound", "upper_bound")
LIMITS = ({"above": 1.0}, {"below": 0.0})


@pytest.mark.parametrize("case", CASES)
def test_a_gate_over_what_is_not_known_fails(case):
    """Whatever side it is judged by; value and bounds are not known together."""
    frame, metric, options = CASES[case]
    gates = [{"metric": metric, "judged_by": by, **limit} for by in JUDGED for limit in LIMITS]
    found = rai_scale.assess_fairness(
        frame, gates=gates, bootstrap=Bootstrap(20), **{**KW, **options}
    )
    checked = found.gates()
    assert len(checked) == len(gates)
    for gate in checked:
        assert not gate["passed"]
        assert "not known" in gate["detail"]
        assert np.isnan([gate["value"], gate["low"], gate["high"]]).all()
    assert metric not in found.metrics()
    assert found.run["status"] == "failed"
    assert "not known" in found.to_html()
    json.dumps(found.to_dict(), allow_nan=False)


def test_gates_over_what_is_known_hold():
    """A group without rows of a combination is not a group, and fails nothing."""
    frame = ROWS.assign(t=np.where(ROWS["s"] == "a", "x", ["x", "y"] * 60), y=[0, 1] * 60)
    gate = {"metric": "equal_opportunity_difference", "above": 1.0}
    found = rai_scale.assess_fairness(
        frame, **{**KW, "sensitive_features": ["s", "t"]}, gates=[gate], bootstrap=None
    )
    table = found.tables["by_group"]
    assert (table["rows"] == 0).any()
    known = frame[~((frame["s"] == "b") & (frame["t"] == "x"))]
    held = rai_scale.assess_fairness(
        known, **{**KW, "sensitive_features": ["s", "t"]}, gates=[gate], bootstrap=None
    )
    assert held.gates()[0]["passed"]


def test_fairlearns_numbers_stay_in_frames():
    """``metric_frame`` keeps Fairlearn's 0.0, and its flags state that it has no meaning."""
    found = rai_scale.metric_frame(ROWS, metrics="true_positive_rate", **KW)
    assert found.by_group["b"] == 0.0
    assert found.flags["flag"].tolist() == [
        "no row with a positive label: the value has no meaning"
    ]


def test_no_change_of_what_is_not_known():
    """Drift compares no rate with one that has no denominator."""
    before = rai_scale.metric_frame(ROWS.assign(y=[0, 1] * 60), metrics="recall_score", **KW)
    now = rai_scale.metric_frame(ROWS, metrics="recall_score", **KW)
    found = drift(before, now).set_index("group")
    assert found["status"].to_dict() == {"a": "compared", "b": "not known"}
    assert np.isnan(found.loc["b", "change"])
