"""Faults of a log: each is counted, on every engine, and nothing is changed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from rai_scale.errors import ConfigError
from rai_scale.personalization import LogContract, UseCase, check_log, evaluate_policy, register_of
from tests.capabilities.risk_engines import CASES
from tests.conftest import full, make_case

CONTRACT = LogContract(
    person="who",
    time="t",
    item="i",
    position="pos",
    action="a",
    propensity="p",
    propensities={"x": "px", "y": "py"},
    rewards={"click": "r", "buy": "b"},
    groups=["g"],
    event=["id"],
    sequence="n",
)
FAULTY = {
    **{"propensity_missing": 1, "propensity_not_positive": 2, "propensity_above_1": 1},
    **{"propensity_of_another_action": 4, "action_missing": 1, "reward_missing": 2},
    **{"no_reward": 1, "person_missing": 1, "item_missing": 1, "position_not_positive": 2},
    **{"time_missing": 1, "time_without_zone": 0, "time_out_of_order": 1, "doubled_event": 2},
    "person_in_two_groups": 1,
}


def good_log(rows: int = 60) -> pd.DataFrame:
    at = np.arange(rows)
    return pd.DataFrame(
        {
            "id": at,
            "n": at // 6,
            "who": [f"w{i % 6}" for i in at],
            "t": pd.date_range("2025-01-01", periods=rows, freq="h", tz="Europe/Berlin"),
            "i": [f"item {i % 7}" for i in at],
            "pos": pd.array(at % 3 + 1, dtype="Int64"),
            "a": np.where(at % 4 == 0, "x", "y"),
            "px": 0.25,
            "py": 0.75,
            "p": np.where(at % 4 == 0, 0.25, 0.75),
            "r": pd.array(at % 2, dtype="Int64"),
            "b": 1.0,
            "g": np.where(at % 6 < 3, "u", "v"),
        }
    )


def faulty_log() -> pd.DataFrame:
    log = good_log()
    log.loc[:3, "p"] = [np.nan, 0.0, -0.5, 1.5]
    log.loc[5, "p"] = 0.25  # that of the other action
    log.loc[6, "a"] = None
    log.loc[7:8, "r"] = pd.NA
    log["b"] = 0.0
    log.loc[9, "who"] = None
    log.loc[10, "i"] = None
    log.loc[11, "pos"] = pd.NA
    log.loc[12, "pos"] = 0
    log.loc[13, "t"] = pd.NaT
    log.loc[[20, 26], "t"] = log.loc[[26, 20], "t"].to_numpy()
    log.loc[50:51, "id"] = log.loc[52, "id"]
    log.loc[40, "g"] = "u" if log.loc[40, "g"] == "v" else "v"
    return log


def counts(found):
    known = found.faults.dropna(subset="count")
    return dict(zip(known["fault"], known["count"], strict=True))


@pytest.mark.parametrize("partitions", [full(1), 3])
@pytest.mark.parametrize("name", ["pandas", *CASES])
def test_every_fault_is_counted(name, partitions, request):
    case = make_case(name, request)
    found = check_log(case.make(pa.Table.from_pandas(faulty_log()), partitions), CONTRACT)
    assert counts(found) == FAULTY
    assert found.rows == 60
    assert found.metrics()["doubled_event"] == 2
    assert found.gates({"metric": "person_missing", "above": 0})[0]["passed"] is False


def test_a_good_log_has_no_faults():
    found = check_log(good_log(), CONTRACT)
    assert found.totals() == {"rows": 60, "faults": 0}
    assert found.propensities["inverse_mean"].tolist() == pytest.approx([1, 1])


def test_what_was_not_checked_names_the_missing_part():
    found = check_log(good_log()[["a", "p"]], {"action": "a", "propensity": "p"})
    needs = found.faults.set_index("fault")["needs"]
    assert needs["propensity_of_another_action"] == "propensities"
    assert needs["time_out_of_order"] == "person, time, sequence"
    assert counts(found)["propensity_missing"] == 0


@pytest.mark.parametrize("name", CASES)
def test_times_without_a_zone(name, request):
    texts = [
        "2025-01-01T10:00:00Z",
        "2025-01-01 11:00:00",
        "2025-01-01T09:00:00+02:00",
        "soon",
        None,
    ]
    log = pd.DataFrame({"t": texts, "who": 1, "n": range(5)})
    frame = make_case(name, request).make(pa.Table.from_pandas(log), 2)
    found = counts(check_log(frame, {"time": "t", "person": "who", "sequence": "n"}))
    assert (found["time_missing"], found["time_without_zone"]) == (2, 1)
    assert found["time_out_of_order"] == 1
    naive = log.assign(t=pd.Timestamp("2025-01-01"))
    frame = make_case(name, request).make(pa.Table.from_pandas(naive), 2)
    assert counts(check_log(frame, {"time": "t"}))["time_without_zone"] == 5


def test_propensities_that_do_not_fit_their_actions():
    log = good_log(6000).assign(p=lambda d: d["p"].iloc[::-1].to_numpy())
    found = check_log(log, {"action": "a", "propensity": "p"})
    assert found.metrics()["actions_with_wrong_propensities"] == 2


def test_a_contract_says_which_part_a_function_needs():
    with pytest.raises(ConfigError, match="evaluate_policy needs propensity, rewards"):
        LogContract(action="a").arguments("evaluate_policy")
    with pytest.raises(ConfigError, match="Did you mean 'propensity'"):
        check_log(good_log(), {"propensitty": "p"})
    with pytest.raises(ConfigError, match="Did you mean 'check_log'"):
        CONTRACT.arguments("check_logs")
    policy = pd.DataFrame({"a": ["x", "y"], "probability": [0.5, 0.5]})
    arguments = CONTRACT.arguments("evaluate_policy")
    assert evaluate_policy(good_log(), policy=policy, **arguments).rows == 60


def test_the_register_shows_sensitive_uses_first():
    register = register_of(
        [
            {
                "name": "news",
                "personalised": "order",
                "people": "all",
                "owner": "me",
                "can_dispute": "form",
            },
            UseCase("loans", "offers", "visitors", "me", area="credit", vulnerable=("children",)),
        ]
    )
    assert [row["name"] for row in register] == ["loans", "news"]
    assert register[0]["triggers"] == [
        "decides about credit",
        "people cannot dispute the decision",
        "affects vulnerable people (children)",
    ]
    assert register[1]["sensitive"] is False
    with pytest.raises(ConfigError, match="Did you mean 'credit'"):
        UseCase("a", "b", "c", "d", area="credits")
    with pytest.raises(ConfigError, match="needs personalised, people, owner"):
        register_of([{"name": "a"}])
    with pytest.raises(ConfigError, match="registered twice"):
        register_of([UseCase("a", "b", "c", "d")] * 2)
