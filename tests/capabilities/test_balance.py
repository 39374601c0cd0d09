"""Data balance: the numbers that SynapseML, LiFT and the Clarify guide publish, and behaviour."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from rai_scale.errors import ConfigError, MissingColumnError
from rai_scale.fairness.data_balance.cells import Columns
from rai_scale.fairness.data_balance.compute import Settings
from rai_scale.fairness.data_balance.counting import count_cells
from rai_scale.fairness.data_balance.inequality import Benefits
from rai_scale.fairness.data_balance.measure_balance import balance, balance_of_cells
from rai_scale.fairness.data_balance.registry import REGISTRY
from tests.conftest import make_case

DOCS = Path(__file__).resolve().parents[2] / "docs" / "balance.md"

SYNAPSE = pd.DataFrame(
    [
        (0, "Male", "Asian"),
        (0, "Male", "White"),
        (1, "Male", "Other"),
        (1, "Male", "Black"),
        (0, "Female", "White"),
        (0, "Female", "Black"),
        (1, "Female", "Black"),
        (0, "Other", "Asian"),
        (0, "Other", "White"),
    ],
    columns=["label", "gender", "ethnicity"],
)


def of_counts(counts: dict[tuple, int], names: str) -> pd.DataFrame:
    """Return the frame that has each row as often as counted."""
    rows = [row for row, count in counts.items() for _ in range(count)]
    return pd.DataFrame(rows, columns=names.split())


def value(result, measure, feature, group=None, versus=None):
    """Return the one value that fits; what is not given is any."""
    found = result.measures
    found = found[(found["measure"] == measure) & (found["feature"] == feature)]
    for name, wanted in {"group": group, "versus": versus}.items():
        if wanted is not None:
            found = found[found[name] == wanted]
    assert len(found) == 1, found
    return found["value"].iloc[0]


@pytest.fixture(scope="module")
def synapse():
    return balance(SYNAPSE, sensitive_features=["gender", "ethnicity"], y_true="label")


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        ("dp", 0.16666666666666669),
        ("sdc", 0.1190476190476191),
        ("ji", 0.20000000000000004),
        ("llr", 0.6931471805599454),
        ("pmi", 0.4054651081081645),
        ("n_pmi_y", -0.3690702464285426),
        ("n_pmi_xy", -0.03915457938162986),
        ("s_pmi", 1.0986122886681098),
        ("krc", 0.18801108758923135),
        ("t_test", 0.19245008972987523),
    ],
)
def test_feature_balance_is_what_synapseml_publishes(synapse, measure, expected):
    assert value(synapse, measure, "gender", "Male", "Female") == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("measure", "gender", "ethnicity"),
    [
        ("kl_divergence", 0.03775534151008829, 0.07551068302017659),
        ("js_dist", 0.09785224086736323, 0.14172745151398888),
        ("inf_norm_dist", 0.1111111111111111, 0.1388888888888889),
        ("total_variation_dist", 0.1111111111111111, 0.16666666666666666),
        ("wasserstein_dist", 0.07407407407407407, 0.08333333333333333),
        ("chi_sq_stat", 0.6666666666666666, 1.222222222222222),
        ("chi_sq_p_value", 0.7165313105737893, 0.7476795872877147),
    ],
)
def test_distribution_balance_is_what_synapseml_publishes(synapse, measure, gender, ethnicity):
    assert value(synapse, measure, "gender") == pytest.approx(gender, abs=1e-12)
    assert value(synapse, measure, "ethnicity") == pytest.approx(ethnicity, abs=1e-12)


def test_aggregate_balance_is_what_synapseml_publishes(synapse):
    table = synapse.to_pandas("aggregate_balance").set_index("feature")
    expected = {
        "gender": [0.03850028646172776, 0.039261011885461196, 0.03775534151008828],
        "gender x ethnicity": [0.030659793186437745, 0.03113963808639034, 0.03624967113471546],
    }
    for feature, numbers in expected.items():
        found = table.loc[feature, ["atkinson_index", "theil_l_index", "theil_t_index"]]
        assert list(found) == pytest.approx(numbers, abs=1e-12)
    other = balance(SYNAPSE, sensitive_features=["gender", "ethnicity"], epsilon=0.9)
    assert value(other, "atkinson_index", "gender") == pytest.approx(0.03461369487253463, abs=1e-12)
    both = value(other, "atkinson_index", "gender x ethnicity")
    assert both == pytest.approx(0.02806492487875245, abs=1e-12)


@pytest.mark.parametrize(
    ("measure", "parameters", "expected"),
    [
        ("generalized_entropy_index", {"alpha": 2.0}, 0.04 / 3),
        ("generalized_entropy_index", {"alpha": 0.5}, 0.013503591986335994),
        ("theil_t_index", {}, 0.013423675700459214),
        ("theil_l_index", {}, 0.013607331506751752),
        ("atkinson_index", {"epsilon": 1.0}, 1 - np.exp(-0.013607331506751752)),
        ("atkinson_index", {"epsilon": 0.0}, 0.0),
        ("atkinson_index", {"epsilon": 0.5}, 1 - (1.2**0.5 + 0.8**0.5 + 1) ** 2 / 9),
        ("coefficient_of_variation", {}, 0.015**0.5 / 0.75),
    ],
)
def test_inequality_is_what_lift_publishes(measure, parameters, expected):
    given = Benefits(np.array([0.9, 0.75, 0.6]), **parameters)
    assert REGISTRY["inequality"][measure].function(given) == pytest.approx(expected, abs=1e-12)


def test_demographic_parity_and_equalized_odds_are_what_lift_publishes():
    names = "gender label"
    labels = {("MALE", 1): 345, ("MALE", 0): 123, ("FEMALE", 1): 567, ("FEMALE", 0): 89}
    labels |= {("UNKNOWN", 1): 25, ("UNKNOWN", 0): 70}
    found = balance(of_counts(labels, names), sensitive_features=["gender"], y_true="label")
    for a, b, expected in [
        ("UNKNOWN", "FEMALE", 0.60117),
        ("MALE", "FEMALE", 0.12715),
        ("UNKNOWN", "MALE", 0.47402),
    ]:
        distance = value(found, "demographic_parity", "gender", a, b)
        assert distance == pytest.approx(expected, abs=2e-5)  # LiFT rounds the rates first

    cells = {("MALE", 1, 0): 345, ("MALE", 1, 1): 145, ("MALE", 0, 0): 123, ("MALE", 0, 1): 23}
    cells |= {("FEMALE", 1, 0): 567, ("FEMALE", 1, 1): 367, ("FEMALE", 0, 0): 89}
    cells |= {("FEMALE", 0, 1): 49, ("UNKNOWN", 1, 0): 25, ("UNKNOWN", 1, 1): 35}
    cells |= {("UNKNOWN", 0, 0): 70, ("UNKNOWN", 0, 1): 20}
    frame = of_counts(cells, "gender label predicted")
    found = balance(frame, sensitive_features=["gender"], y_true="label", y_pred="predicted")
    for a, b, positive, negative in [
        ("UNKNOWN", "FEMALE", 0.1904, 0.13285),
        ("MALE", "FEMALE", 0.09701, 0.19754),
        ("UNKNOWN", "MALE", 0.28741, 0.06469),
    ]:
        at = {"feature": "gender", "group": a, "versus": b}
        assert value(found, "equalized_odds_positive", **at) == pytest.approx(positive, abs=2e-5)
        assert value(found, "equalized_odds_negative", **at) == pytest.approx(negative, abs=2e-5)


def two_facets(a: dict[tuple[int, int], int], d: dict[tuple[int, int], int]):
    """Return the balance of facets a and d, given their (label, prediction) counts."""
    counts = {("a", *cell): n for cell, n in a.items()} | {("d", *cell): n for cell, n in d.items()}
    frame = of_counts(counts, "facet y p")
    return balance(frame, sensitive_features=["facet"], y_true="y", y_pred="p")


RECALL = two_facets(
    {(0, 0): 20, (1, 0): 5, (0, 1): 10, (1, 1): 65}, {(0, 0): 18, (1, 0): 7, (0, 1): 5, (1, 1): 20}
)
CONDITIONAL = two_facets({(1, 1): 60, (1, 0): 10, (0, 0): 30}, {(1, 1): 20, (0, 1): 10, (0, 0): 20})
ACCEPTED = two_facets({(1, 1): 35, (0, 1): 35}, {(1, 1): 40, (0, 1): 60})
REJECTED = two_facets({(0, 0): 80, (1, 0): 20}, {(0, 0): 40, (1, 0): 10})
ACCURATE = two_facets(
    {(1, 1): 60, (0, 1): 10, (1, 0): 20, (0, 0): 10},
    {(1, 1): 40, (0, 1): 10, (1, 0): 40, (0, 0): 10},
)
TREATED = two_facets(
    {(1, 0): 8, (0, 1): 6, (1, 1): 50, (0, 0): 36}, {(1, 0): 5, (0, 1): 2, (1, 1): 43}
)
LOANS = two_facets({(1, 1): 80, (0, 0): 20}, {(1, 1): 30, (0, 0): 70})
GRANTED = two_facets({(1, 1): 60, (0, 0): 40}, {(1, 1): 25, (0, 0): 25})


@pytest.mark.parametrize(
    ("found", "measure", "expected"),
    [
        (RECALL, "RD", 65 / 70 - 20 / 27),
        (RECALL, "SD", 0.1159),
        (CONDITIONAL, "DCAcc", 0.5),
        (ACCEPTED, "DAR", 0.10),
        (REJECTED, "DRR", 0.0),
        (ACCURATE, "AD", 0.2),
        (TREATED, "TE", 1.167),
        (TREATED, "AD", 0.0),
        (LOANS, "KL", 0.53),
        (GRANTED, "DPPL", 0.10),
        (GRANTED, "DI", 0.5 / 0.6),
        (GRANTED, "CI", 1 / 3),
    ],
)
def test_the_examples_of_the_clarify_guide(found, measure, expected):
    digits = 5e-3 if measure == "KL" else 5e-4
    assert value(found, measure, "facet", "d") == pytest.approx(expected, abs=digits)


def test_conditional_rejection_and_labels_of_three_values_of_the_clarify_guide():
    a, d = {(0, 0): 50, (1, 0): 10, (1, 1): 40}, {(0, 0): 30, (0, 1): 10, (1, 1): 10}
    assert value(two_facets(a, d), "DCRej", "facet", "d") == pytest.approx(0.5)
    counts = {("a", "r"): 40, ("a", "w"): 40, ("a", "y"): 20}
    counts |= {("d", "r"): 20, ("d", "w"): 10, ("d", "y"): 70}
    frame = of_counts(counts, "facet label")
    found = balance(frame, sensitive_features=["facet"], y_true="label", pos_label="y")
    assert value(found, "KS", "facet", "d") == pytest.approx(0.5)
    assert value(found, "DPL", "facet", "d") == pytest.approx(-0.5)


def test_demographic_disparity_of_the_clarify_guide_and_simpsons_paradox():
    whole = {("w", "x", 0): 46, ("m", "x", 0): 54, ("w", "x", 1): 32, ("m", "x", 1): 68}
    given = {"sensitive_features": ["sex"], "y_true": "y", "control_features": ["department"]}
    found = balance(of_counts(whole, "sex department y"), **given)
    assert value(found, "CDD", "sex", "w") == pytest.approx(0.14)
    assert value(found, "CDD", "sex", "m") == pytest.approx(-0.14)
    # women are accepted more in both departments, and less overall
    counts = {("w", "hard", 1): 30, ("w", "hard", 0): 70, ("m", "hard", 1): 2, ("m", "hard", 0): 8}
    counts |= {("w", "easy", 1): 9, ("w", "easy", 0): 1, ("m", "easy", 1): 80, ("m", "easy", 0): 20}
    found = balance(of_counts(counts, "sex department y"), **given)
    assert value(found, "DPL", "sex", "w") > 0.3
    assert value(found, "CDD", "sex", "w") < 0


def sample(rows: int = 300) -> pa.Table:
    random = np.random.default_rng(7)
    return pa.table(
        {
            "sex": random.choice(["female", "male"], rows),
            "age": random.integers(1, 4, rows),
            "job": random.choice(["x", "y"], rows),
            "y": random.integers(0, 2, rows),
            "p": random.integers(0, 2, rows),
            "score": random.integers(0, 5, rows) / 4,
            "weight": random.integers(0, 4, rows).astype(float),
        }
    )


EVERYTHING = {
    "sensitive_features": ["sex", "age"],
    "y_true": "y",
    "y_pred": "p",
    "score": "score",
    "control_features": ["job"],
    "sample_weight": "weight",
}


def test_every_engine_gives_the_same_measures(engine_case):
    table = sample()
    found = balance(engine_case.make(table, 3), **EVERYTHING)
    whole = balance(table, **EVERYTHING)
    pd.testing.assert_frame_equal(found.measures, whole.measures, rtol=1e-12)
    pd.testing.assert_frame_equal(found.groups, whole.groups)
    assert found.notes == whole.notes


def test_a_weight_is_a_number_of_rows():
    frame = sample().to_pandas()
    weights = frame["weight"].astype(int)
    again = frame.loc[frame.index.repeat(weights)]
    weighted = balance(frame, **EVERYTHING)
    repeated = balance(again, **{**EVERYTHING, "sample_weight": None})
    pd.testing.assert_frame_equal(weighted.measures, repeated.measures)


def test_counts_that_were_changed_in_between_are_what_is_measured():
    engine = make_case("local", None).engine
    cells = count_cells(engine, SYNAPSE, Columns(("gender",), "label"))
    cells.weight[:] = 1.0
    found = balance_of_cells(cells, Settings({}))
    assert value(found, "dp", "gender", "Male", "Female") == 0
    assert value(found, "DPL", "gender", "Male") == pytest.approx(1 / 3 - 1 / 2)


def test_what_is_given_decides_what_is_computed():
    def families(**given):
        found = balance(sample(), sensitive_features=["sex"], **given)
        return set(found.measures["family"]), set(found.measures["measure"])

    shares = {"distribution_balance", "aggregate_balance", "divergence", "skew", "pre_training"}
    alone, names = families()
    assert alone == shares
    assert "CI" in names and "DPL" not in names
    assert families(y_true="y")[0] == shares | {"feature_balance", "parity", "inequality"}
    predicted, names = families(y_pred="p")
    assert predicted == shares | {"parity", "inequality", "post_training"}
    assert {"DPPL", "DI"} <= names and not {"RD", "CDDPL", "equalized_odds_positive"} & names
    assert families(y_true="y", y_pred="p", control_features=["job"])[0] == set(REGISTRY)


def test_a_reference_takes_counts_and_knows_groups_that_the_data_lack():
    reference = {"sex": {"female": 45, "male": 45, "other": 10}}
    found = balance(sample(), sensitive_features=["sex"], reference=reference)
    assert value(found, "skew", "sex", "other") < 0
    assert value(found, "inf_norm_dist", "sex") >= 0.1
    lacking = balance(sample(), sensitive_features=["sex"], reference={"sex": {"male": 1}})
    assert value(lacking, "kl_divergence", "sex") == np.inf
    assert value(lacking, "chi_sq_stat", "sex") == np.inf
    assert value(lacking, "chi_sq_p_value", "sex") == 0
    assert '"inf"' in lacking.to_json()


def test_what_is_undefined_is_nan_with_a_reason_and_never_a_crash():
    frame = pd.DataFrame({"g": ["a", "a", "b"], "c": [1, 2, 2], "y": [0, 0, 0], "p": [0, 0, 0]})
    found = balance(frame, sensitive_features=["g"], y_true="y", y_pred="p", control_features=["c"])
    for name in ("RD", "DAR", "TE", "DI", "CDD", "CDDPL", "DCAcc"):
        assert np.isnan(value(found, name, "g", "a"))
        assert any(f"{name} of 'g': undefined in 2 of 2, where" in note for note in found.notes)
    assert value(found, "n_pmi_y", "g", "b", "a") == 0
    assert any("'g': 2 of 2 groups have fewer than 30 rows" in note for note in found.notes)
    assert any("no row of 'y' has the positive value 1" in note for note in found.notes)
    assert not any("'RD" in key for key in found.metrics())
    assert "undefined" in found.to_html()
    json.loads(found.to_json())
    one = balance(frame.assign(g="a"), sensitive_features=["g"], y_true="y")
    assert any("'g' has only one value" in note for note in one.notes)


@pytest.mark.parametrize(
    ("missing", "given", "message"),
    [
        ("sex", {"y_true": None}, "'sex' is missing in 1 of 300 rows.*fillna"),
        ("y", {}, "'y' is missing in 1 of 300 rows"),
        ("score", {}, "'score' must be between 0 and 1 in every row: 1 rows are missing"),
        ("weight", {}, "'weight' must be finite and 0 or above.*1 rows are missing"),
        ("", {"score": "weight", "sample_weight": None}, "are outside.*sigmoid"),
        ("", {"pos_label": "1"}, "pos_label='1' cannot be a value of 'y'.*a number or True"),
        ("", {"control_features": ["sex"]}, "'sex' has more than one role"),
        ("", {"sensitive_features": []}, "sensitive_features is empty"),
        ("", {"score": "sex", "sensitive_features": ["age"]}, "must be a number; it is string"),
        ("", {"reference": {"sex": {"f": 1}}}, "has none of its 2 values"),
        ("", {"reference": {"sex": {"male": -1}}}, "must be 0 or above"),
        ("", {"reference": "equal"}, "must be 'uniform' or"),
        ("", {"epsilon": -1}, "epsilon must be 0 or above"),
    ],
)
def test_errors_say_what_was_found_and_what_to_do(missing, given, message):
    frame = sample().to_pandas()
    if missing:
        frame[missing] = frame[missing].where(frame.index > 0)
    with pytest.raises(ConfigError, match=message) as raised:
        balance(frame, **{**EVERYTHING, **given})
    assert "female" not in str(raised.value)


def test_too_many_values_no_rows_and_wrong_names_are_refused():
    frame = pd.DataFrame({"g": range(300)})
    with pytest.raises(ConfigError, match="'g' has 300 values; at most 200.*Bin them"):
        balance(frame, sensitive_features=["g"])
    with pytest.raises(ConfigError, match="no rows"):
        balance(frame[:0], sensitive_features=["g"])
    with pytest.raises(MissingColumnError, match="Did you mean 'sex'"):
        balance(sample(), sensitive_features=["sexx"])
    with pytest.raises(ConfigError, match="Did you mean 'parity'"):
        balance(sample(), sensitive_features=["sex"]).to_pandas("parrity")


def test_metrics_are_the_worst_group_and_the_page_escapes_names():
    frame = pd.DataFrame({"g": ["<b>a"] * 60 + ["b"] * 40, "y": [1] * 30 + [0] * 30 + [1, 0] * 20})
    found = balance(frame, sensitive_features=["g"], y_true="y")
    assert found.metrics()["g.max_abs_CI"] == pytest.approx(0.2)
    both = balance(
        pd.concat([frame, frame.assign(g="c", y=0)]).assign(p=lambda f: f["y"]),
        sensitive_features=["g"],
        y_pred="p",
    )
    assert both.metrics()["g.min_DI"] == 0
    page = found.to_html()
    assert "&lt;b&gt;a" in page and "<b>a" not in page
    assert "100 rows" in page and "50.0 %" in page.replace("\u00a0", " ")
    assert found.to_dict()["rows"] == 100
    assert "rows=100" in repr(found)


def test_the_guide_has_every_measure_as_the_code_defines_it():
    text = DOCS.read_text(encoding="utf-8")
    for family, entries in REGISTRY.items():
        for entry in entries.values():
            formula = entry.formula.replace("|", "\\|")
            row = (
                f"| `{entry.name}` | `{formula}` | {entry.log} | {entry.range} | {entry.ideal:g} |"
            )
            assert row in text, (family, row)
            assert entry.formula in entry.function.__doc__
