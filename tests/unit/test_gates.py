"""One gate for every result: limits, bounds, what is not known, and what names nothing."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import BaseModel, ValidationError

from rai_scale.errors import ConfigError
from rai_scale.gates import Figure, Gate, check_gates, gates_of

NAN = float("nan")


@pytest.mark.parametrize(
    ("values", "limits", "judged_by", "fails"),
    [
        ((0.2, 0.05, 0.3), {"above": 0.1}, "point", True),
        ((0.2, 0.05, 0.3), {"above": 0.1}, "lower_bound", False),
        ((0.2, 0.11, 0.3), {"above": 0.1}, "lower_bound", True),
        ((0.05, 0.0, 0.3), {"above": 0.1}, "upper_bound", True),
        ((0.05, 0.0, 0.09), {"above": 0.1}, "upper_bound", False),
        ((0.1, 0.1, 0.1), {"above": 0.1}, "point", False),
        ((0.7, 0.6, 0.9), {"below": 0.8}, "point", True),
        ((0.7, 0.6, 0.9), {"below": 0.8}, "upper_bound", False),
        ((0.7, 0.6, 0.75), {"below": 0.8}, "upper_bound", True),
        ((0.9, 0.7, 1.0), {"below": 0.8}, "lower_bound", True),
        ((np.nan, np.nan, np.nan), {"below": 0.8}, "point", True),
    ],
)
def test_gates(values, limits, judged_by, fails):
    assert Gate("gap", **limits, judged_by=judged_by).fails(Figure(*values)) is fails


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"metric": "gap", "above": 0, "judged_by": "lower_bounds"}, "Did you mean 'lower_bound'"),
        ({"metric": "gap"}, "exactly one"),
        ({"metric": "gap", "above": 0.1, "below": 0.8}, "exactly one"),
        ({"metric": "gap", "above": NAN}, "finite"),
        ({"metric": "gap", "above": True}, "finite"),
        ({"metric": "gap", "abovee": 0.1}, "Did you mean 'above'"),
        ({"above": 0.1}, "needs a metric"),
        ("gap", "a mapping of its fields"),
    ],
)
def test_what_is_no_gate(given, said):
    with pytest.raises(ConfigError, match=said):
        gates_of([given], Gate)


def test_a_gate_that_names_nothing_is_an_error():
    with pytest.raises(ConfigError, match="Did you mean 'gap'.*There are: gap, size"):
        check_gates([Gate("gaps", above=1)], {"gap": [Figure(0)], "size": [Figure(0)]})


def test_every_level_must_pass_and_the_worst_is_told():
    levels = [Figure(0.1, at="c = u"), Figure(0.4, at="c = v"), Figure(0.3, at="c = w")]
    [found] = check_gates([Gate("gap", above=0.2, name="no gap")], {"gap": levels})
    assert found["name"] == "no gap"
    assert not found["passed"]
    assert found["value"] == 0.4
    assert found["detail"] == "value 0.4000, at most 0.2 allowed; at c = v, and 1 more"
    [found] = check_gates([Gate("gap", below=0.05)], {"gap": levels})
    assert found["passed"]
    assert found["value"] == 0.1
    levels.append(Figure(NAN, why="no positives", at="c = x"))
    [found] = check_gates([Gate("gap", above=1)], {"gap": levels})
    assert not found["passed"]
    assert "not known, at most 1 allowed (no positives); at c = x" in found["detail"]


def test_no_numbers_at_all_are_not_passed():
    [found] = check_gates([Gate("gap", above=1)], {"gap": []})
    assert not found["passed"]


def test_the_same_gate_in_a_configuration():
    class Job(BaseModel):
        gates: tuple[Gate, ...] = ()

    found = Job.model_validate({"gates": [{"metric": "gap", "above": 0.1}]})
    assert found.gates == (Gate("gap", above=0.1),)
    assert gates_of(found.gates, Gate) == [Gate("gap", above=0.1)]
    for wrong in ({"metric": "gap"}, {"metric": "gap", "above": 1, "limit": 2}):
        with pytest.raises(ValidationError):
            Job.model_validate({"gates": [wrong]})
