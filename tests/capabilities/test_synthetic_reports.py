"""What a synthetic table keeps and gives away: trained models, measures, attacks, densities."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from rai_scale.errors import ConfigError
from rai_scale.fairness import metric_frame
from rai_scale.risk import density_membership
from rai_scale.statistics.contingency import spearman
from rai_scale.synthetic import Synthesizer, attack_report, measure_report, train_report
from rai_scale.synthetic.domain import declare
from rai_scale.synthetic.measuring import Measured
from rai_scale.synthetic.shares import SHARES
from tests.conftest import full

ROWS = 4_000
DOMAIN = declare(
    None,
    {
        "sex": {"values": ["f", "m"], "nullable": False},
        "age": {"edges": [0, 40, 80], "nullable": False},
        "y": {"values": [0, 1], "nullable": False},
    },
)


def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    sex = rng.choice(["f", "m"], ROWS)
    age = rng.integers(0, 80, ROWS)
    y = (rng.random(ROWS) < np.where(sex == "f", 0.8, 0.2)).astype(int)
    return pd.DataFrame({"who": range(ROWS), "sex": sex, "age": age, "y": y})


def model(*, joint: bool) -> Synthesizer:
    """Return a model of (nearly) exact counts, with or without the relation of sex and y."""
    rows = table()
    codes = [rows["sex"].eq("m").astype(int), (rows["age"] >= 40).astype(int), rows["y"]]
    measured = [
        Measured((i,), np.bincount(codes[i], minlength=2).astype(np.int64), 0.5) for i in range(3)
    ]
    if joint:
        pair = np.bincount(codes[0] * 2 + codes[2], minlength=4).astype(np.int64)
        measured.append(Measured((0, 2), pair, 0.5))
    return Synthesizer(DOMAIN, tuple(measured), facts={"max_rows": 1, "reservation": "r"})


JOINT, ALONE = model(joint=True), model(joint=False)


def test_a_model_of_synthetic_rows_is_as_good_as_the_relations_that_they_keep():
    options = {"y_true": "y", "privacy_unit": "who"}
    near = train_report(table(), JOINT, **options).metrics()
    far = train_report(table(), ALONE, **options).metrics()
    assert near["accuracy.real"] == pytest.approx(0.8, abs=0.03)
    assert near["auc.synthetic"] == pytest.approx(near["auc.real"], abs=0.03)
    assert far["auc.synthetic"] == pytest.approx(0.5, abs=0.1)
    assert near["accuracy.independent"] < 0.65


def gaps(rows):
    found = metric_frame(
        rows, metrics="selection_rate", y_true="y", y_pred="y", sensitive_features=["sex"]
    )
    return {"selection_rate": found.difference()}


@pytest.mark.parametrize("kind", ["pandas", "arrow", full("dask")])
def test_gaps_between_groups_are_measured_on_real_and_synthetic_rows(kind):
    rows = table()
    if kind == "arrow":
        rows = pa.Table.from_pandas(rows)
    elif kind == "dask":
        import dask.dataframe as dd

        rows = dd.from_pandas(rows, npartitions=3)
    found = measure_report(rows, JOINT, gaps, privacy_unit="who", draws=2).metrics()
    assert found["selection_rate.real"] == pytest.approx(0.6, abs=0.05)
    assert found["selection_rate.synthetic"] == pytest.approx(0.6, abs=0.1)
    assert found["selection_rate.independent"] < 0.2


def test_bins_are_labels_and_other_values_are_other():
    domain = declare(None, {"sex": {"values": ["f"], "other": "x"}, "age": {"edges": [0, 40, 80]}})
    measured = tuple(Measured((i,), np.array([5, 5, 0]), 1.0) for i in range(2))
    made = Synthesizer(domain, measured)
    seen = []

    def measure(rows):
        seen.append(rows)
        return {}

    data = pd.DataFrame({"who": [1, None], "sex": ["m", "f"], "age": [70, 1]})
    measure_report(data, made, measure, privacy_unit="who", rows=5, draws=1)
    assert seen[0].to_dict("records") == [{"sex": "x", "age": "[40, 80]"}]
    assert set(seen[1]["age"]) <= {"[0, 40)", "[40, 80]"}


def test_attacks_are_reported_by_name_next_to_their_baseline():
    def ones(rows):
        return float(((rows["sex"] == "f") & (rows["y"] == 1)).sum())

    report = attack_report(JOINT, {"ones": ones, "rows": len}, draws=3, real=table())
    rows = report.attacks.set_index("attack")
    assert rows.loc["ones", "synthetic"] == pytest.approx(0.4 * ROWS, rel=0.1)
    assert rows.loc["ones", "baseline"] == pytest.approx(0.25 * ROWS, rel=0.1)
    assert rows.loc["ones", "excess"] > 3
    assert rows.loc["rows", "excess"] == 0
    assert report.totals() == {
        "attacks": 2,
        "synthetic_tables": 3,
        "independent_tables": 3,
        "real_tables": 1,
    }
    with pytest.raises(ConfigError, match="at least one function"):
        attack_report(JOINT, {})


def test_densities_recognise_copies_and_not_a_good_model():
    rng = np.random.default_rng(0)

    def people(rows):
        x = rng.normal(size=rows)
        group = rng.choice(["a", "b", None], rows)
        return pd.DataFrame({"x": x, "y": np.where(x > 2, np.nan, x**2), "group": group})

    members, others, reference, fresh = (people(400) for _ in range(4))
    options = {"reference": reference, "max_rows": 400, "bandwidth": 0.01}
    copied = density_membership(members, others, members, **options)
    honest = density_membership(members, others, fresh, **options)
    assert copied.auc > 0.7
    assert honest.auc == pytest.approx(0.5, abs=0.06)
    assert honest.epsilon_low == 0
    with pytest.raises(ConfigError, match="different types"):
        density_membership(members, others, fresh.assign(x="1"), **options)


def test_spearman_of_counts_is_that_of_the_rows():
    rng = np.random.default_rng(0)
    one = rng.integers(0, 4, 300)
    other = np.clip(one + rng.integers(-1, 2, 300), 0, 4)
    counts = np.zeros((4, 5), np.int64)
    np.add.at(counts, (one, other), 1)
    expected = pd.Series(one).corr(pd.Series(other), method="spearman")
    assert spearman(counts) == pytest.approx(expected)


def test_each_method_plans_with_its_own_shares():
    rho = Fraction(1)
    assert SHARES["fixed"](rho, 4, 6, None) == (Fraction(1, 10),) * 2
    assert SHARES["mst"](rho, 4, 6, None) == (Fraction(1, 20), Fraction(7, 30))
    assert SHARES["aim"](rho, 4, 6, None) == (
        Fraction(1, 40),
        Fraction(9, 10) / 6 * Fraction(9, 10),
    )
    assert SHARES["mwem"](rho, 4, 6, 4) == (Fraction(1, 20), Fraction(9, 50))
