"""Exponentiated gradient with a learner that trains on the engine: no row comes to the driver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import fairlearn.reductions as fr
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from rai_scale.errors import ConfigError, WorkerError
from rai_scale.fairness import ReductionSolver
from rai_scale.fairness.mitigation.cell_lookup import CellLookup
from rai_scale.fairness.mitigation.engine_learner import exponentiated_gradient_on_engine
from tests.conftest import full, make_case


def people(rows: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    table = pd.DataFrame(
        {
            "row": np.arange(rows),
            "age": rng.integers(0, 6, rows),
            "sex": rng.choice(["f", "m"], rows),
            "site": rng.choice(["n", "s"], rows),
        }
    )
    chance = 0.1 + 0.1 * table["age"] + 0.3 * (table["sex"] == "m")
    return table.assign(y=(rng.random(rows) < chance).astype(int))


PEOPLE = people()


def heavier(table: pd.DataFrame, label: str, weight: str) -> dict[int, int]:
    """Return for each age the label that weighs more; rounding hides the order of sums."""
    signed = table[weight] * (2 * table[label] - 1)
    total = signed.groupby(table["age"]).sum().round(9)
    return {int(age): int(value > 0) for age, value in total.items()}


@dataclass(frozen=True)
class AgeOnEngine:
    """Learns by the engine's own sums."""

    engine: Any

    def fit(self, frame: Any, label: str, weight: str) -> AgeModel:
        counted = self.engine.group_counts(frame, ["age", label], [weight]).to_pandas()
        return AgeModel(self.engine, heavier(counted, label, f"sum_{weight}"))


@dataclass(frozen=True)
class AgeModel:
    engine: Any
    answers: dict[int, int]

    def predict(self, frame: Any, output: str) -> Any:
        keys = pd.DataFrame({"age": list(self.answers)})
        values = {output: np.array(list(self.answers.values()))}
        schema = pa.schema([(output, pa.int64())])
        lookup = CellLookup(keys, values)
        return self.engine.with_columns(frame, lookup, schema, inputs=["age"], label="age")


class AgeOnRows:
    """The same learner as scikit-learn would have it."""

    def fit(self, X, y, sample_weight):
        table = pd.DataFrame({"age": X["age"], "y": np.asarray(y), "w": np.asarray(sample_weight)})
        self.answers = heavier(table, "y", "w")
        return self

    def predict(self, X):
        return X["age"].map(self.answers).to_numpy()


CASES = [full("local", []), full("local", ["site"]), ("dask", ["site"])]


@pytest.mark.parametrize(
    ("name", "control"), [*CASES, pytest.param("spark", [], marks=pytest.mark.spark)]
)
def test_it_is_fairlearns(request, name, control):
    case = make_case(name, request)
    frame = case.make(pa.Table.from_pandas(PEOPLE), 3)
    options = {"eps": 0.05, "max_iter": 2 if name == "spark" else 8}
    ours = exponentiated_gradient_on_engine(
        frame,
        AgeOnEngine(case.engine),
        y_true="y",
        sensitive_features=["sex"],
        control_features=control,
        engine=case.engine,
        solver=ReductionSolver(**options),
    )
    extra = {"control_features": PEOPLE["site"]} if control else {}
    theirs = fr.ExponentiatedGradient(AgeOnRows(), fr.EqualizedOdds(), **options)
    theirs.fit(PEOPLE[["age"]], PEOPLE["y"], sensitive_features=PEOPLE["sex"], **extra)
    assert ours.mitigator.nu == pytest.approx(theirs.nu, rel=1e-12)
    np.testing.assert_allclose(ours.weights_, theirs.weights_, atol=1e-9)
    assert ours.best_gap_ == pytest.approx(theirs.best_gap_, abs=1e-9)
    rows = case.rows(ours.apply(frame, engine=case.engine), by="row")
    expected = theirs._pmf_predict(PEOPLE[["age"]])[:, 1]
    np.testing.assert_allclose([row["probability"] for row in rows], expected, atol=1e-9)
    assert rows[0].keys() == {*PEOPLE.columns, "probability"}


def fit(frame, learner=None, **options):
    from rai_scale.engines import engine_of

    roles = {"y_true": "y", "sensitive_features": ["sex"], "solver": ReductionSolver(max_iter=2)}
    roles |= options
    learner = learner or AgeOnEngine(engine_of(frame))
    return exponentiated_gradient_on_engine(frame, learner, **roles)


def test_one_label_makes_a_constant_part():
    table = PEOPLE.assign(y=1).astype({"y": int})
    table.loc[0, "y"] = 0
    mixture = fit(table, constraints="TruePositiveRateParity")
    found = mixture.apply(table)["probability"]
    assert ((found >= 0) & (found <= 1)).all()


def test_what_cannot_be_used_is_refused():
    with pytest.raises(ConfigError, match="classification constraint"):
        fit(PEOPLE, constraints=fr.BoundedGroupLoss(fr.SquareLoss(0, 1)))
    with pytest.raises(ConfigError, match="other than 0 and 1"):
        fit(PEOPLE, y_true="age")
    with pytest.raises(ConfigError, match="no rows"):
        fit(PEOPLE.iloc[:0])
    with pytest.raises(ConfigError, match="predictions other than 0 and 1"):
        fit(PEOPLE, SaysTwo())


class SaysTwo:
    def fit(self, frame, label, weight):
        return self

    def predict(self, frame, output):
        return frame.assign(**{output: 2})


def test_a_cell_that_was_not_counted_is_an_error_without_its_value():
    lookup = CellLookup(pd.DataFrame({"a": ["x", "y"], "b": [1, 2]}), {"w": np.array([0.5, 2.0])})
    done = lookup(pa.table({"a": ["y", "x", "y"], "b": pa.array([2, 1, 2], pa.int32())}))
    assert done["w"].to_pylist() == [2.0, 0.5, 2.0]
    for rows in ({"a": ["x"], "b": [2]}, {"a": ["secret"], "b": [1]}, {"a": [None], "b": [1]}):
        table = pa.table(rows, pa.schema([("a", pa.string()), ("b", pa.int64())]))
        with pytest.raises(ConfigError, match="1 rows of a batch.*'a', 'b'") as caught:
            lookup(table)
        assert "secret" not in str(caught.value)
    with pytest.raises(WorkerError, match="not in the fitted data"):
        AgeModel(_local(), {0: 1}).predict(PEOPLE, "said")


def _local():
    from rai_scale.engines import engine_named

    return engine_named("local")
