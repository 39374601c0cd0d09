"""Other packages, asked about the same table (``scripts/peers.py``), gave the same answers."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Literal

import pandas as pd
import pytest

from rai_scale.error_analysis import find_slices
from rai_scale.fairness import balance, metric_frame, reweighing
from rai_scale.personalization import evaluate_policy
from rai_scale.risk import anonymity, inference, linkability, singling_out
from tests.capabilities.plain_policies import ASKED, log_rows, model_table, policy_table
from tests.conftest import full
from tests.peers import leaked_tables
from tests.peers.risk_tables import KEYS, SENSITIVE, risk_table
from tests.peers.slice_table import MIN_ROWS, slice_rows
from tests.peers.table import rows

RECORDED = json.loads((Path(__file__).parent / "answers.json").read_text(encoding="utf-8"))


def of_aif360() -> dict[str, float]:
    """Return the answers to AIF360's questions."""
    data = pd.DataFrame(rows())
    asked = {"y_true": "y", "y_pred": "p", "sensitive_features": "sex"}
    metrics = ["selection_rate", "true_positive_rate", "false_positive_rate", "precision_score"]
    frame = metric_frame(data, metrics=[*metrics, "accuracy_score"], **asked)
    rates = frame.by_group
    gap = (rates.loc[0] - rates.loc[1])[metrics]
    entropy = balance(data, **{**asked, "sensitive_features": ["sex"]}).to_pandas()
    weights = reweighing(data, y_true="y", sensitive_features=["sex"]).to_pandas()
    return {
        "statistical_parity_difference": gap["selection_rate"],
        "disparate_impact": rates.loc[0, "selection_rate"] / rates.loc[1, "selection_rate"],
        "equal_opportunity_difference": gap["true_positive_rate"],
        "false_positive_rate_difference": gap["false_positive_rate"],
        "false_discovery_rate_difference": -gap["precision_score"],
        "accuracy": frame.overall["accuracy_score"],
        "generalized_entropy_index": entropy.set_index("measure")["value"]["GE"],
        **{
            f"reweighing, sex {row.sex}, label {row.y}": row.weight
            for row in weights.itertuples(index=False)
        },
    }


def slices(score: str, k: int) -> pd.DataFrame:
    frame = pd.DataFrame(slice_rows()).assign(label=0)
    asked = {"y_true": "label", "y_pred": "error", "min_rows": MIN_ROWS, "k": k}
    return find_slices(frame, score=score, **asked).table


def of_sliceline() -> dict[str, float]:
    """Return the scores and errors of SliceLine's 20 best slices."""
    table = slices("sliceline", 20)
    scores = {f"score of {row.slice}": row.score for row in table.itertuples()}
    return scores | {f"errors of {row.slice}": row.errors for row in table.itertuples()}


def of_divexplorer() -> dict[str, float]:
    """Return the rows and divergences of DivExplorer's 30 most divergent patterns."""
    table = slices("divergence", 30)
    rows = {f"rows of {row.slice}": row.rows for row in table.itertuples()}
    return rows | {f"divergence of {row.slice}": row.score for row in table.itertuples()}


def of_obp() -> dict[str, float]:
    """Return the values of two policies and rewards, of all rows and by group."""
    answers = {}
    for number in (1, 2):
        found = evaluate_policy(
            log_rows(), **ASKED, policy=policy_table(number), model=model_table(), groups="g"
        ).values
        for row in found[found["policy"] == "policy"].itertuples():
            question = f"policy {number}, {row.reward}, {row.group or 'all'}, {row.estimator}"
            answers[question] = row.value
    return answers


def of_pycanon() -> dict[str, float]:
    """Return the answers to pyCANON's questions: the worst of the two sensitive columns."""
    answers: dict[str, float] = {}
    for question in RECORDED["pycanon"]["answers"]:
        seed, *others, _ = question.split()
        if question not in answers:
            answers |= anonymity_of(int(seed), "others" if others else None)
    return answers


def anonymity_of(seed: int, harmonise: Literal["others"] | None) -> dict[str, float]:
    """Return the measures of one table, with pyCANON's ordered distance for numbers."""
    found = anonymity(
        pd.DataFrame(risk_table(seed)),
        quasi_identifiers=KEYS,
        sensitive=SENSITIVE,
        ordered={"number": True},
        harmonise=harmonise,
    )
    worst = found.diversity.max(numeric_only=True)
    names = ["t", "delta", "beta", "enhanced_beta", "alpha"]
    start = f"{seed} others" if harmonise else f"{seed}"
    answers = {f"{start} {name}": float(worst[name]) for name in names}
    answers |= {} if harmonise else {f"{seed} k": found.k}
    return {**answers, f"{start} distinct_l": float(found.diversity["distinct_l"].min())}


OURS = {
    "aif360": of_aif360,
    "divexplorer": of_divexplorer,
    "obp": of_obp,
    "pycanon": of_pycanon,
    "sliceline": of_sliceline,
}
LONG = {"pycanon"}
"""Many tables: asked in ``make test-full`` alone."""


@pytest.mark.parametrize("name", [full(name) if name in LONG else name for name in OURS])
def test_the_answers_are_the_same(name):
    near = 1e-9 if name == "pycanon" else 1e-12
    assert OURS[name]() == pytest.approx(RECORDED[name]["answers"], rel=near)


ATTACKS = {
    "singling_out": singling_out,
    "linkability": partial(linkability, known=leaked_tables.KNOWN),
    "inference": partial(inference, **leaked_tables.SECRET),
}


@pytest.mark.full
def test_risks_are_within_the_intervals_of_anonymeter():
    """All 200 runs are in ``make proof`` (``tests/capabilities/risk_simulations.py``)."""
    from tests.capabilities.risk_simulations import against_anonymeter

    found = against_anonymeter(range(60))
    assert found["within"].mean() >= 0.95


def test_every_package_that_is_asked_is_compared():
    assert {*OURS, "anonymeter"} == set(RECORDED)
    assert {path.stem for path in Path(__file__).parent.glob("ask_*.py")} == {
        f"ask_{name}" for name in RECORDED
    }
