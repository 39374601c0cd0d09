"""Private synthetic data: coding, bounded counts, models, samples, and what is charged."""

from __future__ import annotations

import datetime
import json
import warnings
from fractions import Fraction
from itertools import combinations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from rai_scale.engines import engine_named
from rai_scale.errors import BudgetExceededError, ConfigError
from rai_scale.privacy import Privacy, PrivacyWarning, PrivateComputationError, open_ledger
from rai_scale.synthetic import (
    Bins,
    Plan,
    Synthesizer,
    Values,
    attack_report,
    synthesis,
    synthesize,
    utility,
)
from rai_scale.synthetic.counting import MOST_JOINT, check_frame, covering, exact_marginals
from rai_scale.synthetic.domain import declare
from rai_scale.synthetic.drawing import DrawRows
from rai_scale.synthetic.fitting import fit, simplex
from rai_scale.synthetic.measuring import Measured, Session, merged, total_of
from rai_scale.synthetic.options import options_of
from rai_scale.synthetic.tree import Node, Tree, calibrated
from tests.capabilities.synthetic_audit import EPSILON, least_epsilon, scores
from tests.capabilities.synthetic_tables import (
    DAY,
    DOMAIN,
    SIZES,
    coded,
    declared,
    pairs,
    table,
    without_ledger,
)
from tests.conftest import engine_params, full, make_case

LOCAL = engine_named("local")


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrivacyWarning)
        yield


@pytest.fixture
def ledger(tmp_path):
    found = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}", force_ephemeral=True)
    found.create_scope("people", rho=1, accounting="zcdp")
    return found


def marginals(engine, frame, max_rows=10**9, seed=7):
    domain = declared()
    checked = check_frame(engine, frame, domain, "who")
    return exact_marginals(
        engine, checked, domain, pairs(), unit="who", max_rows=max_rows, seed=seed
    )


def test_values_that_are_listed_other_and_null_have_their_codes():
    domain = declared()
    assert list(domain.sizes) == SIZES
    values = Values([1, 2], other=9)
    odd = pa.chunked_array([pa.array([1.0, -0.0, 2.0, float("nan"), None, 7.5])])
    assert values.codes(odd).tolist() == [0, 2, 1, 3, 3, 2]
    assert Values([0, 1]).codes(odd).tolist() == [1, 0, -1, 2, 2, -1]
    ends = [-(2**63), 2**63 - 1]
    for least in (-3, -(10**6)):  # the code of a number is looked up in a short range alone
        wide = Values([5, least, 7], nullable=False)
        found = wide.codes(pa.chunked_array([pa.array([7, least, 6, least - 1, None, 5, *ends])]))
        assert found.tolist() == [2, 1, -1, -1, -1, 0, -1, -1]
    near = Values([5, -3], other=0).codes(pa.chunked_array([pa.array([5, 100, None], pa.int8())]))
    assert near.tolist() == [0, 2, 3]
    assert Values(["1", "2"]).codes(pa.chunked_array([pa.array([1, 2, 3])])).tolist() == [0, 1, -1]


def test_bins_hold_their_lower_edge_and_clamp():
    bins = Bins([0, 10, 20])
    found = bins.codes(pa.chunked_array([pa.array([-5, 0, 9, 10, 20, 2**60, None])]))
    assert found.tolist() == [0, 0, 0, 1, 1, 1, 2]
    large = pa.chunked_array([pa.array([2**64 - 1, 3], pa.uint64())])
    assert bins.codes(large).tolist() == [1, 0]
    past = Bins([2**53, 2**53 + 1, 2**53 + 2])
    assert past.codes(pa.chunked_array([pa.array([2**53 + 1])])).tolist() == [1]
    days = Bins([DAY, datetime.date(2020, 1, 3)], nullable=False)
    at = [datetime.datetime(2020, 1, 2, 23), datetime.datetime(1960, 1, 1)]
    assert days.codes(pa.chunked_array([pa.array(at)])).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("bins", "expected"),
    [
        (Bins([0, 3, 10], grid=2), [[0, 2], [4, 6, 8, 10], [None]]),
        (Bins([0.0, 0.2, 0.3], grid=0.1), [[0.0, 0.1], [0.2, 0.3], [None]]),
        (
            Bins([DAY, datetime.date(2020, 1, 2), datetime.date(2020, 1, 3)], nullable=False),
            [[DAY], [datetime.date(2020, 1, 2), datetime.date(2020, 1, 3)]],
        ),
        (
            Bins([datetime.datetime(2020, 1, 1), datetime.datetime(2020, 1, 1, 0, 0, 1)], grid=0.5),
            [[datetime.datetime(2020, 1, 1, 0, 0, 0, k * 500_000) for k in range(2)], [None]],
        ),
    ],
)
def test_bins_give_the_values_of_their_grid(bins, expected):
    uniforms = np.linspace(0, 1, 50, endpoint=False)
    for code, values in enumerate(expected):
        found = bins.decoded(np.full(50, code), uniforms).to_pylist()
        assert set(values) <= set(found)
        back = bins.codes(pa.chunked_array([pa.array(found, bins.output)]))
        assert (back == code).all()


@pytest.mark.parametrize(
    ("domain", "message"),
    [
        ({"sex": []}, "at least one value"),
        ({"sex": ["f", None]}, "Null is not listed"),
        ({"sex": ["f", "f"]}, "distinct"),
        ({"sex": ["f", 1]}, "one kind"),
        ({"sex": {"values": ["f"], "other": "f"}}, "distinct"),
        ({"sex": {"valeus": ["f"]}}, "Did you mean 'values'"),
        ({"sex": "f"}, "a list was expected"),
        ({"age": {"edges": [1]}}, "two or more"),
        ({"age": {"edges": [1, 1]}}, "ascending"),
        ({"age": {"edges": [0.5, 1.5]}}, "need a grid"),
        ({"age": {"edges": [0, 1, 2], "grid": 5}}, "no value of the grid"),
        ({"age": {"edges": [0, float("nan")]}}, "finite"),
        ({"age": {"edges": [0, 1], "nullable": "no"}}, "true or false"),
        ({"sex": {"values": ["f"], "nullable": None}}, "true or false"),
        (None, "must be a mapping"),
        ({5: [1]}, "must be texts"),
    ],
)
def test_a_domain_that_cannot_be_is_refused(domain, message):
    with pytest.raises(ConfigError, match=message):
        declare(None, domain)


@pytest.mark.parametrize("rows", [600, 50])  # more and fewer than the cells of all columns
def test_counts_equal_those_of_plain_python(rows):
    data = table(rows)
    known = coded(data).dropna(subset="who")
    names = list(DOMAIN)
    cliques = [*pairs(), (0, 1, 2, 3, 4)]
    found = exact_marginals(LOCAL, data, declared(), cliques, unit="who", max_rows=10**9, seed=7)
    for clique in cliques:
        expected = np.zeros([SIZES[i] for i in clique], np.int64)
        np.add.at(expected, tuple(known[names[i]] for i in clique), 1)
        assert (found[clique] == expected).all()


def test_a_few_joint_counts_contain_all_pairs():
    names = [f"x{i}" for i in range(14)]
    domain = declare(None, {name: Values(range(9), nullable=False) for name in names})
    cliques = [*combinations(range(14), 2), (0, 1, 2, 3, 4)]
    found = covering(domain, cliques)
    assert len(found) < 40
    assert all(any(set(c) <= set(joint) for joint in found) for c in cliques)
    assert all(domain.cells(joint) <= MOST_JOINT for joint in found if joint not in cliques)


def test_a_person_with_many_rows_is_bounded():
    data = table(rows=1000, people=1)
    for limit in (1, 7):
        assert all(int(c.sum()) == limit for c in marginals(LOCAL, data, limit).values())


def test_bounded_counts_are_the_same_on_every_engine_and_partitioning(engine_case):
    data = table()
    expected = marginals(LOCAL, data, max_rows=2)
    for partitions in (1, 3, 7):
        found = marginals(engine_case.engine, engine_case.make(data, partitions), max_rows=2)
        assert all((found[pair] == expected[pair]).all() for pair in pairs())


@pytest.mark.parametrize("limit", [1, 3])
def test_one_person_changes_no_marginal_by_more_than_the_limit(limit):
    data = table(rows=300, people=20)
    whole = marginals(LOCAL, data, limit)
    who = pc.fill_null(data["who"], -1)
    for person in range(0, 20, 3):
        rest = marginals(LOCAL, data.filter(pc.not_equal(who, person)), limit)
        assert max(np.abs(whole[pair] - rest[pair]).sum() for pair in pairs()) <= limit


@pytest.mark.parametrize(
    "name",
    ["mst", full("fixed"), *(pytest.param(n, marks=pytest.mark.proof) for n in ("mwem", "aim"))],
)
def test_an_audit_finds_no_more_than_epsilon_and_finds_a_fault(name):
    method = synthesis._METHODS[name]
    runs = 300
    absent = scores(method, False, runs, name)
    assert least_epsilon(scores(method, True, runs, name), absent) <= EPSILON
    loud = [scores(method, here, runs, name, budget=1_000) for here in (True, False)]
    assert least_epsilon(*loud) > EPSILON  # a budget of 1,000 times rho is found out


def test_codes_of_more_columns_than_one_integer_holds_are_counted():
    names = [f"x{i}" for i in range(70)]
    data = pa.table({"who": [1, 2, 3], **{name: [0, 1, 1] for name in names}})
    domain = declare(None, {name: Values([0, 1], nullable=False) for name in names})
    found = exact_marginals(LOCAL, data, domain, [(0, 69), (1, 2)], unit="who", max_rows=1, seed=1)
    assert all(counts.tolist() == [[1, 0], [0, 2]] for counts in found.values())


def test_a_marginal_of_a_tree_is_that_of_the_joint_distribution():
    rng = np.random.default_rng(0)
    sizes = (2, 3, 4, 2, 3, 2)
    cliques = [(0, 1), (1, 2), (1, 3), (3, 4), (5,)]
    logs = {c: rng.normal(size=[sizes[i] for i in c]) for c in cliques}
    edges = [((0, 1), (1, 2)), ((0, 1), (1, 3)), ((1, 3), (3, 4))]
    tree = calibrated(sizes, cliques, edges, logs, 10.0)
    joint = np.zeros(sizes)
    for clique, values in logs.items():
        joint = joint + values.reshape([sizes[i] if i in clique else 1 for i in range(6)])
    joint = np.exp(joint) / np.exp(joint).sum() * 10
    for clique in [(0, 4), (2, 4), (0, 2, 4), (4, 0), (5, 2), (1,), (0, 1, 2, 3), ()]:
        others = tuple(i for i in range(6) if i not in clique)
        expected = joint.sum(axis=others).transpose(np.argsort(np.argsort(clique)))
        assert np.allclose(tree.project(clique), expected)


def test_a_sample_has_the_probabilities_of_the_tree():
    first = np.array([[0.4, 0.0], [0.1, 0.5]])
    second = np.array([[0.5, 0.0], [0.0, 0.5]])
    tree = Tree((2, 2, 2), (Node((0, 1), -1, first), Node((1, 2), 0, second)), 1.0)
    domain = declare(None, {n: Values([0, 1], nullable=False) for n in "abc"})
    codes = DrawRows(tree, domain, 3).codes(np.arange(40_000, dtype=np.uint64))
    assert (codes[1] == codes[2]).all()
    counts = np.bincount(codes[0] * 2 + codes[1], minlength=4) / 40_000
    assert np.allclose(counts, first.reshape(-1), atol=0.01)
    assert counts[1] == 0


@pytest.mark.full
def test_a_model_of_exact_counts_has_these_counts():
    data = table()
    exact = marginals(LOCAL, data)
    chosen = [(0, 1), (1, 2), (0, 2), (3, 4)]  # one cycle
    measured = [Measured(pair, exact[pair].reshape(-1), 0.1) for pair in chosen]
    tree = fit(SIZES, measured)
    for pair in chosen:
        assert np.abs(tree.project(pair) - exact[pair]).max() < 2


def test_errors_are_bounded_by_what_was_released():
    data = table(rows=3000, people=10**9)
    exact = marginals(LOCAL, data)
    rho = Fraction(1, 20)
    held = []
    for _ in range(40):
        session = Session(declared(), rho, 1, exact)
        session.measure([(i,) for i in range(5)], rho)
        made = Synthesizer(declared(), tuple(session.measured))
        bounds = made.errors.set_index("columns")["bound"]
        assert np.isnan(bounds["sex x job"])
        for i, name in enumerate(DOMAIN):
            real = session._count((i,))
            error = np.abs(made.tree.project((i,)) - real).sum() / real.sum() / 2
            held.append(error <= bounds[name] * 1.01)  # the bound divides by the estimated rows
    assert np.mean(held) >= 0.95


def test_structural_zeros_are_zero():
    zeros = [((0, 1), np.array([[0, 1], [1, 0]]))]
    measured = [Measured((i,), np.array([50, 50]), 1.0) for i in range(3)]
    tree = fit((2, 2, 2), measured, zeros)
    assert np.allclose(tree.project((0, 1)), [[50, 0], [0, 50]], atol=1e-3)


def test_measurements_of_one_clique_are_weighted_by_their_precision():
    both = [Measured((0,), np.array([10, 20]), 1.0), Measured((0,), np.array([20, 40]), 2.0)]
    ((_, values, sigma),) = merged(both)
    assert np.allclose(values, [12, 24])
    assert sigma == pytest.approx((1 + 1 / 4) ** -0.5)
    assert total_of(both) == pytest.approx(30 + 30 / 5)
    assert simplex(np.array([3.0, -1.0, 1.0]), 2.0).tolist() == [2.0, 0.0, 0.0]


def test_no_pair_is_measured_whose_noise_exceeds_its_signal():
    counts = {(0, 1): np.array([[30, 10], [10, 30]])}
    domain = declare(None, {n: Values([0, 1], nullable=False) for n in "ab"})
    session = Session(domain, Fraction(100), 1, counts)
    model = {(0, 1): np.full((2, 2), 20.0)}  # a distance of 40
    assert session.choose(model, {(0, 1): 10.0}, Fraction(50)) == (0, 1)
    assert session.choose(model, {(0, 1): 60.0}, Fraction(50)) is None
    assert session.rho == 0
    assert session.choose(model, {(0, 1): 10.0}, Fraction(50)) is None


@pytest.mark.parametrize("method", [full("fixed"), "mst", full("mwem"), full("aim")])
def test_with_little_noise_a_sample_is_like_the_table(method):
    data = table(rows=3000, people=10**9)
    made = synthesize(
        data.to_pandas(), domain=DOMAIN, method=method, privacy=without_ledger(rho=500), rounds=20
    )
    assert made.total == pytest.approx(data.num_rows - data["who"].null_count, rel=0.01)
    sample = pa.Table.from_pandas(made.sample(3000, random_state=1), made.domain.schema())
    names = ["sex", "job"]
    shares = coded(sample.append_column("who", pa.array(range(3000)))).groupby(names).size() / 3000
    expected = coded(data).groupby(names).size() / 3000
    assert shares.sub(expected, fill_value=0).abs().max() < 0.04
    assert set(sample["age"].to_pylist()) <= {None, *range(101)}
    shown = made.project(["job", "sex"])
    assert shown["rows"].sum() == pytest.approx(made.total)
    assert list(shown.columns) == ["job", "sex", "rows"]


def test_the_budget_is_charged_once_before_reading(ledger):
    frame = table()
    asked = Privacy("who", rho=0.6, ledger=ledger, scope="people", dataset="staff", snapshot="1")
    options = {"domain": DOMAIN, "method": "fixed", "workload": 1}
    first = synthesize(frame, privacy=asked, **options)
    again = synthesize(frame, privacy=asked, **options)
    assert first.sample(50).equals(again.sample(50))
    assert first.facts["reservation"] == again.facts["reservation"]
    left = ledger.budget("people")
    assert float(left.loc[left["measure"] == "rho", "remaining"].iloc[0]) == pytest.approx(0.4)
    with pytest.raises(BudgetExceededError):
        synthesize(
            frame, domain=DOMAIN, privacy=Privacy("who", rho=0.6, ledger=ledger, scope="people")
        )


def test_a_failure_of_the_engine_shows_no_value(ledger):
    bad = (
        engine_named("dask")
        .from_arrow(table(), 2)
        .map_partitions(_failing, meta=table().to_pandas().head(0))
    )
    asked = Privacy("who", rho=0.1, ledger=ledger, scope="people")
    with pytest.raises(PrivateComputationError) as caught:
        synthesize(bad, domain=DOMAIN, privacy=asked)
    assert "secret" not in str(caught.value)


def _failing(frame):
    raise ValueError("secret")


def test_a_plan_reads_nothing_and_charges_nothing(ledger):
    plan = synthesize(
        table(),
        domain=DOMAIN,
        privacy=Privacy("who", rho=0.5, ledger=ledger, scope="people"),
        method="aim",
        plan_only=True,
    )
    assert isinstance(plan, Plan)
    assert plan.totals()["cells"] == sum(SIZES[i] * SIZES[j] for i, j in pairs())
    assert len(plan.marginals) == 15
    assert ledger.budget("people")["remaining"].max() == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "msd"}, "Did you mean 'mst'"),
        ({"columns": ["sexx"]}, "Did you mean 'sex'"),
        ({"max_rows": 0}, "max_rows"),
        ({"workload": [["sex", "sexx"]]}, "Did you mean 'sex'"),
        ({"workload": [["sex", "sex"]]}, "names one twice"),
        ({"workload": ["sex", "job"]}, "a list of combinations"),
        ({"workload": [[]]}, "a list of combinations"),
        ({"columns": "sexx"}, "'sexx'.*Did you mean 'sex'"),
        ({"max_cells": 4}, "max_cells=4"),
        ({"max_cells": 8, "method": "fixed"}, "max_cells=8"),
        ({"privacy": without_ledger(epsilon=1, delta=0)}, "needs a delta"),
        ({"domain": {**DOMAIN, "sex": [1.5, 2.5], "who": [1, 2]}}, "privacy unit"),
        ({"domain": {"age": ["x", "y"]}}, "does not fit"),
        ({"domain": {"job": {"edges": [1, 2]}}}, "does not fit"),
        ({"constraints": [{"columns": ["sex"], "invalid": [["q"]]}]}, "not in the domain"),
        ({"constraints": [{"columns": ["sex"]}]}, "invalid"),
        (
            {
                "constraints": [
                    {"columns": ["sex"], "invalid": [["f"]]},
                    {"columns": ["sex"], "invalid": [["m"], [None]]},
                ]
            },
            "exclude every combination",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_the_charge(ledger, options, message):
    asked = Privacy("who", rho=0.5, ledger=ledger, scope="people")
    with pytest.raises(ConfigError, match=message):
        synthesize(table(), **{"domain": DOMAIN, "privacy": asked, **options})
    assert ledger.budget("people")["remaining"].max() == 1


@pytest.mark.parametrize(
    "rows",
    [
        pa.table({"who": pa.array([], pa.int64()), "x": pa.array([], pa.string())}),
        pa.table({"who": [1, 2], "x": pa.array([None, None], pa.string())}),
        pa.table({"who": [1, 2], "x": ["unseen", "a"]}),
    ],
)
def test_awkward_tables_give_a_model(rows):
    domain = {"x": {"values": ["a"], "other": "other"}}
    made = synthesize(rows, domain=domain, privacy=without_ledger(), method="mst")
    assert set(made.sample(20)["x"].dropna()) <= {"a", "other"}
    assert made.total < 10


def test_ten_thousand_values_are_no_pair_but_a_column():
    data = pa.table({"who": range(2000), "zip": range(2000), "sex": ["f", "m"] * 1000})
    domain = {"zip": range(10_000), "sex": ["f", "m"]}
    made = synthesize(data, domain=domain, privacy=without_ledger(epsilon=1), max_cells=20_000)
    assert list(made.measurements["columns"]) == ["zip", "sex"] * 2


def test_a_saved_model_gives_the_same_rows(tmp_path):
    path = str(tmp_path / "model.json")
    made = synthesize(table(), domain=DOMAIN, privacy=without_ledger(), method="fixed", workload=1)
    made.save(path)
    assert Synthesizer.load(path).sample(99).equals(made.sample(99))
    (tmp_path / "model.json").write_text("{}")
    with pytest.raises(ConfigError, match="not a model"):
        Synthesizer.load(path)


def test_a_projection_keeps_a_column_that_is_named_rows():
    domain = declare(None, {"rows": ["x", "y"], "b": [1]})
    sizes = enumerate(domain.sizes)
    made = Synthesizer(domain, tuple(Measured((i,), np.arange(n), 1.0) for i, n in sizes))
    assert list(made.project(["b", "rows"])) == ["b", "rows", "expected_rows"]
    with pytest.raises(ConfigError, match="at least one column"):
        made.project([])


def test_durations_are_no_values():
    with pytest.raises(pa.ArrowInvalid):
        Values([1, 2]).codes(pa.chunked_array([], pa.duration("s")))


@pytest.mark.parametrize(
    "change",
    [
        {"measured": []},
        {"measured": [[[0], 1.0, [1, 2]], [[], 1.0, [1]]]},
        *(
            {"measured": [[clique, sigma, values], [[1], 1.0, [1, 2]]]}
            for clique, sigma, values in (
                ([0], 0, [1, 2]),
                ([0], float("nan"), [1, 2]),
                ([0], "1", [1, 2]),
                ([-2], 1.0, [1, 2]),
                ([2], 1.0, [1, 2]),
                (["a"], 1.0, [1, 2]),
                ([0, 0], 1.0, [1, 2, 3, 4]),
                ([1, 0], 1.0, [1, 2, 3, 4]),
                ([0], 1.0, [1]),
                ([0], 1.0, [1.5, 2]),
                ([0], 1.0, [2**63, 0]),
                ([0], 1.0, [None, 0]),
                ([1], 1.0, [1, 2]),
            )
        ),
        {"zeros": [[[9], [[0]]]]},
        {"zeros": [[[0], [[2]]]]},
        {"zeros": [[[0], [0]]]},
        {"zeros": [[[0], [[0], [1]]]]},
        {"facts": [1]},
        {"domain": [{"name": "a", "edges": [0, 1, 2], "nullable": False}] * 2},
        {"domain": [{"name": "a", "edges": [0, 1, 2], "nullable": False}]},
        {"domain": [{"name": name, "values": [1, 2], "nullable": False} for name in "abc"]},
    ],
)
def test_a_changed_model_is_refused(tmp_path, change):
    domain = declare(None, {name: {"values": [1, 2], "nullable": False} for name in "ab"})
    measured = tuple(Measured((i,), np.array([1, 2]), 1.0) for i in range(2))
    stored = json.loads(Synthesizer(domain, measured).to_stored())
    file = tmp_path / "model.json"
    file.write_text(json.dumps(stored))
    assert Synthesizer.load(str(file)).total == 3
    file.write_text(json.dumps(stored | change))
    with pytest.raises(ConfigError):
        Synthesizer.load(str(file))


@pytest.mark.smoke
@pytest.mark.parametrize("name", engine_params(["spark", "connect"]))
def test_spark_counts_and_draws_as_pandas(name, request):
    case = make_case(name, request)
    data = table(300, people=10**9)
    frame, asked = case.make(data, 3), {"domain": DOMAIN, "method": "fixed", "workload": 1}
    made = synthesize(frame, privacy=without_ledger(rho=10**6), **asked)
    known = synthesize(data.to_pandas(), privacy=without_ledger(rho=10**6), **asked)
    for column in ("sex", "age", "since"):
        shown = (one.project(column)["rows"].round() for one in (made, known))
        pd.testing.assert_series_equal(*shown)
    assert case.engine.collect(known.sample(20_001, like=frame)).num_rows == 20_001


def test_rows_of_a_sample_are_the_same_on_every_engine(engine_case):
    made = synthesize(table(), domain=DOMAIN, privacy=without_ledger(), method="fixed", workload=1)
    frame = made.sample(25_000, like=engine_case.make(table(10)))
    found = engine_case.engine.collect(frame).to_pandas().astype(object)
    plain = LOCAL.collect(made.sample(25_000)).to_pandas().astype(object)
    order = list(DOMAIN)
    assert len(found) == 25_000
    assert_same(found.sort_values(order), plain.sort_values(order))


def assert_same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(one.reset_index(drop=True), other.reset_index(drop=True))


def test_utility_compares_with_a_bootstrap_and_with_independence(ledger):
    data = table(rows=3000, people=10**9)
    exact = marginals(LOCAL, data)
    joint = tuple(Measured(pair, exact[pair].reshape(-1), 0.5) for pair in [(0, 1), (2, 3)])
    alone = tuple(Measured((i,), exact[(0, i)].sum(axis=0), 0.5) for i in range(1, 5))
    alone += (Measured((0,), exact[(0, 1)].sum(axis=1), 0.5),)
    facts = {"max_rows": 10**6, "reservation": "r"}
    near, far = (Synthesizer(declared(), found, facts=facts) for found in ((*joint, *alone), alone))
    first = utility(data, near, privacy_unit="who", triples=3)
    pair = first.pairs.set_index("columns").loc["sex x job"]
    assert pair["independent"] > 0.3
    assert pair["synthetic"] < 2.5 * pair["floor"] < 0.1
    assert pair["cramers_v"] == pytest.approx(pair["cramers_v_synthetic"], abs=0.05)
    assert list(first.by_width["columns"]) == [1, 2, 3]
    asked = Privacy("who", epsilon=1, ledger=ledger, scope="people")
    second = utility(data, far, privacy_unit="who", privacy=asked, triples=0)
    exactly = utility(data, far, privacy_unit="who", triples=0).metrics()
    assert not second.internal
    assert ledger.budget("people")["remaining"].min() < 1
    assert set(second.metrics()) < set(exactly)


@pytest.mark.full
@pytest.mark.reference
def test_a_typed_linkage_finds_no_more_than_in_independent_columns(reference_data):
    medical = pd.read_csv(reference_data / "reident" / "data_medical.csv", dtype=str)
    people = pd.read_csv(reference_data / "reident" / "data_demographic.csv", dtype=str)
    on = ["Gender", "Age", "Zip"]
    people = people.assign(Age=people["Age"].astype(int), Zip=people["Zip"].astype(int))
    real = people[["Gender", "Age", "Zip"]].assign(
        Diagnosis=medical["Diagnosis"], who=range(len(people))
    )
    domain = {
        "Gender": ["F", "M"],
        "Age": Bins(range(0, 101, 5), nullable=False),
        "Zip": Bins(range(0, 100_001, 1000), nullable=False),
        "Diagnosis": sorted(medical["Diagnosis"].unique()),
    }
    made = synthesize(real, domain=domain, privacy=without_ledger(epsilon=3))

    def linked(rows):
        return people[on].merge(rows[on].drop_duplicates(), on=on).shape[0]

    report = attack_report(made, linked, rows=len(real), real=real)
    found = report.metrics()
    assert found["linked.real"] == len(people)
    assert found["linked.synthetic"] < 0.02 * len(people)
    assert found["linked.excess"] <= 3


def test_options_know_what_to_count():
    options = options_of(
        declared(),
        method="aim",
        workload=[["sex", "job", "age"], ["sex", "pay"]],
        max_rows=1,
        max_model_mb=80,
        max_cells=10**6,
        rounds=None,
        constraints=(),
    )
    assert options.counted(declared()) == ((0, 1, 2), (0, 3), (4,))
