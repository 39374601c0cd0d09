"""Reviewers' decisions: in Python, in YAML, in gates, in the proposal and in the report."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from rai_scale.errors import ConfigError
from rai_scale.pii import Override
from tests.capabilities.scan_lake import email, scan, verdicts
from tests.jobs.small_lake import MODEL, cli, write_config

ROWS = 30
TABLE = pa.table(
    {
        "email": [email(i) for i in range(ROWS)],
        "ref": [f"C-{i:04d}" for i in range(ROWS)],
        "note": ["open"] * ROWS,
    }
)
LATER, EARLIER = dt.date(2999, 1, 1), dt.date(2020, 1, 1)


def decision(column, decided, **more):
    about = {"reviewer": "data office", "reason": "test data", "expires": LATER}
    return {"column": column, "decision": decided, **about, **more}


def test_a_decision_replaces_the_verdict():
    result = scan(
        {"t": TABLE},
        overrides=[
            decision("email", "not personal"),
            decision("ref", "personal", entity="CUSTOMER_NUMBER"),
            Override(**decision("note", "health", table="t*")),
        ],
    )
    found = verdicts(result, "t")
    assert found["email", "EMAIL_ADDRESS"] == ("unlikely", "reviewer")
    assert found["ref", "CUSTOMER_NUMBER"] == ("personal", "reviewer")
    assert found["note", "HEALTH"] == ("indirect", "reviewer")
    assert [(o.outcome, o.columns) for o in result.overrides] == [("applied", 1)] * 3
    assert result.run["status"] == "ok"
    rows = result.to_pandas().set_index("column")
    assert set(rows.loc[["ref"], "reviewer"]) == {"data office"}
    for text in (result.to_html(), result.to_json()):
        assert "data office" in text
        assert "2999-01-01" in text


@pytest.mark.parametrize(
    ("changed", "status"),
    [({"expires": EARLIER}, "expired"), ({"table": "other"}, "no match")],
)
def test_a_decision_that_does_not_count_changes_nothing_and_is_reported(changed, status):
    result = scan({"t": TABLE}, overrides=[decision("email", "not personal", **changed)])
    assert verdicts(result, "t")["email", "EMAIL_ADDRESS"][0] == "personal"
    assert [o.outcome for o in result.overrides] == [status]
    assert result.run["status"] == "warnings"
    assert {"expired": "no longer counts", "no match": "no column matches"}[
        status
    ] in result.to_html()


def test_a_decision_that_changes_nothing_is_a_warning_and_an_unknown_type_an_error():
    result = scan(
        {"t": TABLE},
        overrides=[
            decision("email", "not personal", entity="EMAIL_ADDRESS"),
            decision("e*", "personal"),
            decision("note", "not personal", entity="IBAN_CODE"),
        ],
    )
    told = [(o.outcome, o.columns) for o in result.overrides]
    assert told == [("applied", 1), ("no effect", 0), ("no effect", 0)]
    assert (result.run["status"], "changes nothing" in result.to_html()) == ("warnings", True)
    with pytest.raises(ConfigError, match=r"overrides\[0\].*'EMAILS'.*mean 'EMAIL_ADDRESS'"):
        scan({"t": TABLE}, overrides=[decision("email", "not personal", entity="EMAILS")])


def test_the_last_day_counts():
    today = dt.datetime.now(dt.UTC).date()
    result = scan({"t": TABLE}, overrides=[decision("email", "not personal", expires=today)])
    assert result.overrides[0].outcome == "applied"
    assert result.tables[0].status == "clean"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([{"column": "a"}], r"overrides\[0\].*decision.*reviewer"),
        ([decision("a", "personal", reviewer="")], "reviewer"),
        ([decision("a", "perhaps")], "not personal"),
        ([decision("a", "personal", until="2030")], "until"),
        (["email"], "found str"),
        ("no_such_file.yaml", "no_such_file.yaml"),
    ],
)
def test_an_incomplete_decision_is_an_error(given, message):
    with pytest.raises(ConfigError, match=message):
        scan({"t": TABLE}, overrides=given)


def test_gates_and_the_proposal_follow_and_a_changed_decision_is_a_new_run(tmp_path):
    (tmp_path / "lake").mkdir()
    pq.write_table(TABLE, tmp_path / "lake" / "t.parquet")
    decisions = tmp_path / "decisions.yaml"
    values = {"source": str(tmp_path / "lake"), "output": str(tmp_path / "scan")}
    values |= {"analyzer": {"model": MODEL}, "write_redact_config": str(tmp_path / "plan.yaml")}
    values |= {"overrides": str(decisions), "gates": [{"entities": ["EMAIL_ADDRESS"]}]}
    config = write_config(tmp_path / "scan.yaml", values)

    def run(*given):
        decisions.write_text(yaml.safe_dump({"overrides": list(given)}))
        ran = cli("scan", config)
        assert ran.code in (0, 1), ran.text
        return ran.code, yaml.safe_load((tmp_path / "plan.yaml").read_text())

    code, plan = run(decision("email", "not personal"), decision("ref", "personal"))
    assert code == 0
    assert plan["tables"]["t"]["whole_columns"] == {"ref": "PERSONAL_DATA"}
    out = f"output={tmp_path / 'redacted'}"
    assert cli("redact", tmp_path / "plan.yaml", "--set", out).code == 0
    code, plan = run(decision("ref", "not personal"))
    assert code == 1
    assert plan["tables"]["t"]["whole_columns"] == {"email": "EMAIL_ADDRESS"}
