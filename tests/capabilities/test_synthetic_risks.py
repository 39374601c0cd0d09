"""Singling out, linkability and inference: by plain loops, at both extremes, on every engine."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.stats import norm

from rai_scale.engines import engine_of
from rai_scale.errors import ConfigError, MissingColumnError
from rai_scale.risk import AttackRisk, inference, linkability, singling_out
from rai_scale.risk.attack_risk import counted
from rai_scale.risk.nearest_rows import Nearest, nearest_rows, widths
from rai_scale.risk.predicates import count_matches
from tests.capabilities.risk_engines import CASES
from tests.conftest import full, make_case

LINKED = {"known": (["a", "b"], ["c", "kind"])}
SECRET = {"known": ["a", "b"], "secret": "job"}
ATTACKS = {
    "singling_out": singling_out,
    "univariate": lambda *t, **o: singling_out(*t, mode="univariate", **o),
    "linkability": lambda *t, **o: linkability(*t, **LINKED, **o),
    "inference": lambda *t, **o: inference(*t, **SECRET, **o),
}


def people(seed: int, rows: int = 400, nulls: bool = False) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    data = pd.DataFrame(rng.normal(size=(rows, 3)), columns=["a", "b", "c"])
    data["kind"] = rng.choice([*"pqrs"], rows)
    data["job"] = rng.choice([f"job {i}" for i in range(10)], rows)
    data["day"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 9, rows), unit="D")
    if nulls:
        data = data.mask(pd.DataFrame(rng.random(data.shape) < 0.1, columns=data.columns))
        data["n"] = pd.array(rng.integers(0, 5, rows), "Int64")
    return data


@pytest.mark.parametrize("name", ATTACKS)
def test_a_leaked_copy_is_a_high_risk(name):
    data = people(0)
    found = ATTACKS[name](data, data, control=people(1), attacks=300)
    value, low, high = found.risk
    assert value > 0.9
    assert low <= value <= high
    assert found.beats_naive


@pytest.mark.parametrize("name", ATTACKS)
def test_an_independent_table_has_no_risk(name):
    lows = [
        ATTACKS[name](
            people(3 * seed), people(3 * seed + 1), control=people(3 * seed + 2), attacks=300
        ).risk[1]
        for seed in range(5)
    ]
    assert sum(low == 0 for low in lows) >= 4


def test_the_risk_follows_its_formula():
    found = AttackRisk(
        "inference", counted(main=(500, 150), control=(400, 80), naive=(500, 40)), 0.95
    )
    z = norm.ppf(0.975)

    def wilson(n, x):
        error = z / (n + z**2) * np.sqrt(x * (n - x) / n + z**2 / 4)
        return (x + z**2 / 2) / (n + z**2), error

    (main, e), (other, f) = wilson(500, 150), wilson(400, 80)
    value = (main - other) / (1 - other)
    error = np.hypot(e / (1 - other), f * (main - 1) / (1 - other) ** 2)
    assert found.risk == pytest.approx((value, value - error, value + error), rel=1e-9)
    alone = AttackRisk("inference", counted(main=(500, 150), naive=(500, 200)), 0.95)
    assert alone.risk[0] == pytest.approx(main, rel=1e-9)
    assert "not better than guessing" in alone.summary()


def plainly(data: pd.DataFrame, predicate) -> int:
    met = pd.Series(True, index=data.index)
    for name, operator, value in predicate:
        column = data[name]
        if operator == "null":
            met &= column.isna()
        elif operator == "!=":
            met &= column.notna() & (column != value).fillna(False).astype(bool)
        else:
            compare = {"==": "eq", "<=": "le", ">=": "ge", "<": "lt", ">": "gt"}[operator]
            met &= getattr(column, compare)(value).fillna(False).astype(bool)
    return int(met.sum())


PREDICATES = [
    *[(("a", op, 0.1), ("n", other, 2.0)) for op, other in product(("<=", ">"), ("==", "!="))],
    (("kind", "==", "p"), ("job", "!=", "job 3")),
    (("kind", "null", None), ("b", "<", 0.0)),
    (("n", ">=", 9.0),),
    (("kind", "==", "no such value"),),
]


@pytest.mark.parametrize("partitions", [full(1), 3])
@pytest.mark.parametrize("name", CASES)
def test_engines_and_partitions_agree(name, partitions, request):
    data = [people(seed, rows=150, nulls=True).drop(columns="day") for seed in range(3)]
    case = make_case(name, request)
    frames = [case.make(pa.Table.from_pandas(d, preserve_index=False), partitions) for d in data]
    counts = count_matches(frames[0], PREDICATES)
    assert counts.tolist() == [plainly(data[0], one) for one in PREDICATES]
    for attack in ("singling_out", "linkability", "inference"):
        options = {"attacks": 40}
        expected = ATTACKS[attack](*data[:2], control=data[2], **options)
        found = ATTACKS[attack](*frames[:2], control=frames[2], **options)
        pd.testing.assert_frame_equal(found.counts, expected.counts)


def test_the_nearest_rows_are_those_of_a_plain_search():
    data, targets = people(0, 90, nulls=True), people(1, 30, nulls=True)
    parts = (("a", "n", "day", "kind"), ("b", "job"))
    wanted = engine_of(targets).collect(targets)
    spans = widths(data, [wanted], ["a", "b", "n", "day"])
    both = pd.concat([data, targets])
    assert spans["a"] == pytest.approx(both["a"].max() - both["a"].min())
    found = nearest_rows(data, Nearest(wanted, parts, spans, 2)).to_pandas()

    def apart(row, other, names):
        total = 0.0
        for name in names:
            one, two = row[name], other[name]
            if pd.isna(one) or pd.isna(two):
                total += not (pd.isna(one) and pd.isna(two))
            elif name in spans and name != "day":
                total += abs(one - two) / spans[name]
            elif name == "day":
                total += abs((one - two).days) / (both["day"].max() - both["day"].min()).days
            else:
                total += one != two
        return total

    for part, names in enumerate(parts):
        for at, row in enumerate(targets.to_dict("records")):
            expected = sorted(apart(row, other, names) for other in data.to_dict("records"))[:2]
            mine = found[(found["part"] == part) & (found["target"] == at)]["distance"]
            assert mine.tolist() == pytest.approx(expected)


def test_numbers_are_guessed_within_a_tolerance():
    data = people(0, 200)
    near = data.assign(c=data["c"] * 1.04)
    options = {"known": ["a", "b"], "secret": "c"}
    assert inference(data, near, **options).risk[0] > 0.9
    assert inference(data, near, tolerance=0, **options).risk[0] < 0.1


def test_few_possible_attacks_are_noted():
    data = pd.DataFrame({"a": [1, 1, 1, 2, 2]})
    found = singling_out(data, data, control=data[:3], mode="univariate", attacks=50)
    assert found.totals()["attacks"] == 0  # no value occurs once
    assert "only 0 of 50 conditions" in found.notes[0]
    assert "3 rows and the original one 5" in found.notes[1]
    assert "risk" not in found.metrics()
    few = linkability(people(0, 20), people(0, 20), **LINKED)
    assert few.totals()["attacks"] == 20


def test_wrong_input_is_one_message():
    data = people(0, 30)
    wrong = [
        ("no rows", lambda: singling_out(data, data.iloc[:0])),
        ("unknown mode", lambda: singling_out(data, data, mode="both")),
        ("at least 1", lambda: singling_out(data, data, attacks=0)),
        ("int32|date", lambda: singling_out(data, data.assign(day=data["day"].dt.date))),
        ("a text never equals", lambda: inference(data, data.assign(a="x"), **SECRET)),
        ("two lists", lambda: linkability(data, data, known=["a"])),
        ("Name it once", lambda: linkability(data, data, known=(["a"], ["a", "b"]))),
        ("Name it once", lambda: inference(data, data, known=["a"], secret="a")),
        ("confidence", lambda: inference(data, data, confidence=1, **SECRET)),
    ]
    for message, call in wrong:
        with pytest.raises(ConfigError, match=message):
            call()
    with pytest.raises(MissingColumnError):
        inference(data, data.drop(columns="job"), **SECRET)
