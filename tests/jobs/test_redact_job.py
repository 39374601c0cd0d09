"""The redaction job: what stands in output, findings and quarantine, and what stays as it was."""

from __future__ import annotations

import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import rai_scale
from rai_scale.jobs.manifest import MANIFEST
from rai_scale.tables import find_tables
from rai_scale.tables.pointer import POINTER, current_path
from tests.jobs.small_lake import (
    EMAIL,
    LOCAL,
    MODEL,
    PERSON,
    PHONE,
    cli,
    file_leaks,
    people_config,
    rows_of,
    state,
    write_config,
)

FINDING = ["column", "entity", "start", "end", "score", "recognizer", "operator", "decision"]


@pytest.fixture
def dirty(people):
    """The people, with a cell that is too long, and a CSV table with a corrupt line."""
    table = pq.read_table(people / "people.parquet")
    long = pa.table({"id": [77], "note": ["x" * 1_000_001], "email": [EMAIL]})
    pq.write_table(pa.concat_tables([table, long]), people / "people.parquet")
    (people / "calls.csv").write_text(
        f'call,phone\nc1,"{PHONE}"\nc2,too,many,fields,{EMAIL}\nc3,"{PHONE}"\n'
    )
    (people / "broken").mkdir()
    (people / "broken" / "part-0.parquet").write_bytes(b"no Parquet")
    pq.write_table(pa.table({"email": [EMAIL]}), people / "broken" / "part-1.parquet")
    return people


def dirty_config(source, output, **changes):
    values = people_config(source, output, max_error_ratio=0.5, **changes)
    values["tables"]["calls"] = {
        "key_columns": ["call"],
        "whole_columns": {"phone": "PHONE_NUMBER"},
    }
    values["tables"]["broken"] = {"columns": ["email"]}
    return values


def manifest_of(output):
    return json.loads((output / MANIFEST).read_text())


def read(output, table):
    return pd.read_parquet(f"{current_path(str(output))}/{table}")


def test_every_row_is_out_or_in_quarantine(dirty, tmp_path):
    out = tmp_path / "out"
    ran = cli("redact", write_config(tmp_path / "r.yaml", dirty_config(dirty, out)))
    assert ran.code == 2, ran.text
    assert "6 of 8 rows written" in ran.out
    manifest = manifest_of(out)
    rows = manifest["rows"]
    assert rows == {"in": 8, "out": 6, "quarantined": 2, "skipped": 0}
    assert manifest["status"] == "warnings"
    by_name = {entry["table"]: entry for entry in manifest["inputs"]}
    assert by_name["broken"]["unreadable"] == [{"file": "part-0.parquet", "error": "ArrowInvalid"}]

    people = read(out, "people").set_index("id")
    assert list(people.index) == [0, 1, 2]
    assert people.loc[0, "note"] == "Call <PERSON> at <PHONE_NUMBER>."
    assert people.loc[1, "note"] == "nothing"
    assert set(people["email"]) == {"<EMAIL_ADDRESS>"}
    assert list(people.columns) == ["note", "email"]
    assert read(out, "calls").to_dict("list") == {
        "call": ["c1", "c3"],
        "phone": ["<PHONE_NUMBER>"] * 2,
    }

    failed = read(out, "_quarantine/people")
    assert failed.to_dict("list") == {"id": [77], "_rai_error": ["note: TextTooLong"]}
    failed = read(out, "_quarantine/calls")
    assert list(failed.columns) == ["call", "_rai_error"]
    assert list(failed["_rai_error"]) == ["CorruptRecord"]
    assert failed["call"].isna().all()  # no field of such a line is known
    assert read(out, "_quarantine/broken").empty


def test_findings_have_keys_spans_and_no_values(dirty, tmp_path):
    out = tmp_path / "out"
    cli("redact", write_config(tmp_path / "r.yaml", dirty_config(dirty, out)))
    found = read(out, "_findings/people")
    assert list(found.columns) == ["id", *FINDING]
    note = found[(found["id"] == 2) & (found["column"] == "note")].set_index("entity")
    source = pq.read_table(dirty / "people.parquet").to_pylist()[2]["note"]
    person = note.loc["PERSON"]
    assert source[person["start"] : person["end"]] == "Maria Garcia"
    assert (person["recognizer"], person["operator"]) == ("SpacyRecognizer", "replace")
    whole = found[found["column"] == "email"].iloc[0]
    assert (whole["start"], whole["end"], whole["recognizer"]) == (0, len(EMAIL), "column")
    assert list(read(out, "_findings/broken").columns) == FINDING
    assert file_leaks(out, ["Maria", "garcia", "(415)", "555-2671", "xxxx"]) == {}


def test_output_is_that_of_the_function(lake, tmp_path):
    out = tmp_path / "out"
    values = people_config(lake, out, max_error_ratio=0.2)
    values["tables"] = {
        "support_tickets": {"key_columns": ["ticket_id"], "columns": ["subject", "body"]}
    }
    values["operators"] = {"PERSON": {"type": "mask", "masking_char": "#", "chars_to_mask": 3, "from_end": False}}  # fmt: skip
    ran = cli("redact", write_config(tmp_path / "r.yaml", values))
    assert ran.code == 2, ran.text  # one file cannot be read
    source = rai_scale.redact(
        rows_of(lake, "support_tickets"),
        ["subject", "body"],
        operators=values["operators"],
        details=True,
        model=MODEL,
    )
    assert set(source["_rai_status"]) == {"ok"}
    done = rows_of(current_path(str(out)), "support_tickets")
    expected = source.drop(columns=["_rai_status", "_rai_error", "_rai_findings"])
    pd.testing.assert_frame_equal(
        done[expected.columns].sort_values("ticket_id", ignore_index=True),
        expected.sort_values("ticket_id", ignore_index=True),
    )
    spans = {
        row["ticket_id"]: [{name: f[name] for name in FINDING} for f in row["_rai_findings"]]
        for row in source.to_dict("records")
    }
    found = read(out, "_findings/support_tickets")
    assert len(found) == sum(map(len, spans.values())) > 20
    for key, rows in found.groupby("ticket_id"):
        assert rows[FINDING].to_dict("records") == spans[key]


def test_what_was_not_looked_at_is_said(people, tmp_path):
    kind = pa.struct([("who", pa.string()), ("ssn", pa.int64())])
    table = pa.table(
        {
            "id": [1, 2],
            "plain": ["x", "y"],
            "doc": [f'{{"Full Name": "{PERSON}", "code": 1}}', '{"code": 2}'],
            "s": pa.array([{"who": PERSON, "ssn": 5}, None], kind),
        }
    )
    pq.write_table(table, people / "cases.parquet")
    out = tmp_path / "out"
    values = people_config(people, out)
    values["tables"]["cases"] = {
        "json_columns": ["doc", "s"],
        "whole_columns": {"doc.Full Name": "CLIENT", "doc.surname": "PERSON"},
    }
    values["operators"] = {"CLIENT": {"type": "replace", "new_value": "C"}}
    config = write_config(tmp_path / "r.yaml", values)
    ran = cli("redact", config)
    assert ran.code == 2, ran.text
    assert "the rule 'doc.surname' matched no value" in ran.text
    report = manifest_of(out)["details"]["report"]["tables"][1]
    assert report["carried_columns"] == ["id", "plain"]
    assert report["carried_leaves"] == [{"leaf": "s.ssn", "type": "int64"}]
    assert report["rules_without_effect"] == ["doc.surname"]
    assert read(out, "cases")["doc"][0] == '{"Full Name": "C", "code": 1}'
    page = (out / "report.html").read_text()
    assert "What was not redacted" in page
    assert PERSON not in page
    assert (
        cli("redact", config, "--warnings-ok").code == 0
    )  # a rule without effect is not an unread value


def test_a_column_name_that_is_personal_is_named_by_its_position(people, tmp_path):
    name = "anna.smith@example.com"
    table = pa.table({"id": [1, 2], name: ["x", "y"], "note": [PERSON, None]})
    pq.write_table(table, people / "cases.parquet")
    out = tmp_path / "out"
    values = people_config(people, out)
    values["tables"]["cases"] = {"columns": ["note"]}
    ran = cli("redact", write_config(tmp_path / "r.yaml", values))
    assert "keeps column names that look like personal data (column numbers: 2)" in ran.text
    manifest = manifest_of(out)
    assert manifest["details"]["report"]["tables"][1]["carried_columns"] == ["id", "column_2"]
    page = (out / "report.html").read_text()
    assert "look like personal data (column numbers: 2)." in page
    assert name not in page + ran.text + json.dumps(manifest)
    assert list(read(out, "cases").columns) == ["id", name, "note"]


def test_a_row_in_quarantine_never_ends_as_0(people, tmp_path):
    deep = "(" * 30_000
    table = pq.read_table(people / "people.parquet")
    more = pa.table({"id": [9], "note": [deep], "email": [EMAIL]})
    pq.write_table(pa.concat_tables([table, more]), people / "people.parquet")
    config = people_config(people, tmp_path / "out", max_error_ratio=0.5)
    config = write_config(tmp_path / "r.yaml", config)
    for _ in range(2):  # the second run finds the first one's manifest
        ran = cli("redact", config, "--warnings-ok")
        assert ran.code == 2, ran.text
    assert read(tmp_path / "out", "_quarantine/people")["_rai_error"].tolist() == [
        "note: UnbrokenText"
    ]


def test_a_key_that_is_redacted_is_refused(people, tmp_path):
    values = people_config(people, tmp_path / "out")
    for kind in (
        {"columns": ["id"]},
        {"whole_columns": {"id": "US_SSN"}},
        {"json_columns": ["id"]},
    ):
        values["tables"]["people"] = {"key_columns": ["id"], **kind}
        ran = cli("redact", write_config(tmp_path / "r.yaml", values))
        assert ran.code == 3
        assert "tables.people.key_columns: ['id']" in ran.err
        assert not (tmp_path / "out").exists()


def test_a_finished_run_is_not_repeated(dirty, tmp_path):
    out = tmp_path / "out"
    config = write_config(tmp_path / "r.yaml", dirty_config(dirty, out))
    first = cli("redact", config)
    before = state(out)
    again = cli("redact", config)
    assert (first.code, again.code) == (2, 2)
    assert "already done as run" in again.out
    assert state(out) == before
    assert cli("redact", config, "--set", "source=" + str(dirty) + "/").code == 2
    assert cli("redact", config, "--warnings-ok").code == 2  # a file and two rows were not read


@pytest.mark.parametrize("format", ["parquet", "delta"])
def test_a_changed_input_is_a_new_run_and_old_files_go(people, tmp_path, format):
    out = tmp_path / "out"
    config = write_config(tmp_path / "r.yaml", people_config(people, out, format=format))
    assert cli("redact", config).code == 0
    first = manifest_of(out)["run_id"]
    more = pa.table({"id": [9], "note": [f"mail {EMAIL}"], "email": [EMAIL]})
    pq.write_table(more, people / "people.parquet")
    assert cli("redact", config).code == 0
    assert manifest_of(out)["run_id"] != first
    assert list(rows_of(out, "people")["note"]) == ["mail <EMAIL_ADDRESS>"]
    runs = [path.name for path in out.glob("_run-*")]
    assert runs == [f"_run-{manifest_of(out)['run_id']}"]


def test_delta_output(dirty, tmp_path):
    deltalake = pytest.importorskip("deltalake")
    out = tmp_path / "out"
    config = write_config(tmp_path / "r.yaml", dirty_config(dirty, out, format="delta"))
    assert cli("redact", config).code == 2
    tables = {table.name: table.format for table in find_tables(str(out))}
    assert tables == {"people": "delta", "calls": "delta", "broken": "delta"}
    assert list(rows_of(out, "calls")["call"]) == ["c1", "c3"]
    for folder, rows in (("_findings", 7), ("_quarantine", 1)):  # of rows that are written
        table = deltalake.DeltaTable(str(out / folder / "people")).to_pandas()
        assert len(table) == rows
        assert "id" in table.columns
    assert {"people", "_findings/people", "_quarantine/people"} <= set(manifest_of(out)["outputs"])
    (run,) = out.glob("_run-*")
    assert not list(run.rglob("*.parquet"))
    before = state(out)
    assert cli("redact", config).code == 2
    assert state(out) == before
    assert file_leaks(out, ["Maria", "garcia", "(415)", "555-2671", "xxxx"]) == {}


@pytest.mark.parametrize("format", ["parquet", "delta"])
def test_too_many_errors_leave_the_old_output(dirty, tmp_path, format):
    out = tmp_path / "out"
    values = dirty_config(dirty, out, format=format)
    assert cli("redact", write_config(tmp_path / "r.yaml", values)).code == 2
    before = state(out)
    (dirty / "calls.csv").write_text(f"call,phone\nc1,{PHONE}\nc2,x,y,{EMAIL}\nc3,x,y,z\n")
    ran = cli("redact", write_config(tmp_path / "r.yaml", values))
    assert ran.code == 1
    assert "'calls': 66.67% of the rows failed; max_error_ratio allows 50.00%" in ran.out
    assert "CorruptRecord (2)" in ran.out
    assert EMAIL not in ran.text
    assert state(out) == before


@pytest.mark.parametrize("file", ["calls.csv", "calls.jsonl"])
def test_strict_asks_for_the_columns_of_a_file_only(tmp_path, file):
    lake, out = tmp_path / "lake", tmp_path / "out"
    lake.mkdir()
    lines = {
        "calls.csv": f"call,phone\nc1,{PHONE}\nc2,x,y,{EMAIL}\n",
        "calls.jsonl": f'{{"call": "c1", "phone": "{PHONE}"}}\n{{"call": "{EMAIL}"\n',
    }
    (lake / file).write_text(lines[file])
    policy = {"call": {"action": "keep"}, "phone": {"action": "whole", "entity": "PHONE_NUMBER"}}
    tables = {"calls": {"key_columns": ["call"], "strict": True, "policy": policy}}
    values = people_config(lake, out, tables=tables, max_error_ratio=0.5)
    ran = cli("redact", write_config(tmp_path / "r.yaml", values))
    assert ran.code == 2, ran.text
    assert read(out, "calls").to_dict("records") == [{"call": "c1", "phone": "<PHONE_NUMBER>"}]
    assert file_leaks(out, [EMAIL, PHONE]) == {}


def test_places_that_cannot_be_written(people, tmp_path):
    same = people_config(people, people)
    ran = cli("redact", write_config(tmp_path / "r.yaml", same))
    assert (ran.code, "is the same as source" in ran.err) == (3, True)
    out = tmp_path / "out"
    assert cli("redact", write_config(tmp_path / "r.yaml", people_config(people, out))).code == 0
    delta = people_config(people, out, format="delta")
    ran = cli("redact", write_config(tmp_path / "r.yaml", delta))
    assert (ran.code, "has Parquet tables" in ran.err) == (3, True)
    assert (out / POINTER).exists()
    (tmp_path / "file").write_text("x")
    ran = cli("redact", write_config(tmp_path / "r.yaml", people_config(people, tmp_path / "file")))
    assert ran.code == 3


def test_keyed_operators_use_the_secret_and_no_output_shows_it(people, tmp_path, monkeypatch):
    secret, salt = "0123456789abcdef", "salt of sixteen bytes"
    monkeypatch.setenv("RAI_TEST_KEY", secret)
    (tmp_path / "salt").write_text(salt)
    operators = {
        "DEFAULT": {"type": "encrypt", "key": "env:RAI_TEST_KEY"},
        "EMAIL_ADDRESS": {"type": "hash", "salt": f"file:{tmp_path / 'salt'}"},
    }
    out = tmp_path / "out"
    config = write_config(tmp_path / "r.yaml", people_config(people, out, operators=operators))
    ran = cli("redact", config, "--log-json")
    assert ran.code == 0, ran.text
    done = rows_of(out, "people")
    hashed = rai_scale.redact(
        pd.DataFrame({"e": [EMAIL]}),
        whole_columns={"e": "EMAIL_ADDRESS"},
        operators={"EMAIL_ADDRESS": {"type": "hash", "salt": salt}},
        model=MODEL,
    )
    assert set(done["email"]) == set(hashed["e"])
    assert "Maria" not in done["note"].str.cat()
    assert file_leaks(out, [secret, salt]) == {}
    assert secret not in ran.text
    assert "env:RAI_TEST_KEY" not in (out / MANIFEST).read_text()
    monkeypatch.setenv("RAI_TEST_KEY", "too short")
    more = write_config(
        tmp_path / "r2.yaml", people_config(people, tmp_path / "o2", operators=operators)
    )
    ran = cli("redact", more)
    assert (ran.code, "too short" in ran.text) == (3, False)
    monkeypatch.delenv("RAI_TEST_KEY")
    ran = cli("redact", more)
    assert (ran.code, "not set" in ran.err) == (3, True)


def test_the_engine_of_this_process_is_the_one_that_was_asked_for(people, tmp_path):
    out = tmp_path / "out"
    config = write_config(tmp_path / "r.yaml", people_config(people, out))
    assert cli("redact", config, "--engine", LOCAL.name).code == 0
    assert manifest_of(out)["engine"] == "local"


def test_a_policy_in_the_configuration(people, tmp_path, monkeypatch):
    monkeypatch.setenv("TOKEN_KEY", "key-0123456789abcdef")
    table = pq.read_table(people / "people.parquet")
    doc = json.dumps({"born": "1985-06-01", "ip": "10.0.0.1", "n": 3})
    table = table.append_column("doc", [[doc] * 3]).append_column("age", [[9, 41, None]])
    pq.write_table(table, people / "people.parquet")
    email = {
        "action": "tokenize",
        "entity": "EMAIL_ADDRESS",
        "key": "env:TOKEN_KEY",
        "key_id": "k1",
    }
    policy = {
        "id": {"action": "keep"},
        "note": {"action": "redact", "operators": {"PERSON": {"type": "redact"}}},
        "email": email,
        "age": {"action": "generalise", "to": "age_band"},
        "doc": {"action": "keep"},
        "doc.born": {"action": "generalise", "to": "year"},
        "doc.ip": {"action": "drop"},
        "doc.phone": {"action": "null"},
    }
    values = people_config(people, tmp_path / "out")
    rules = {"key_columns": ["id"], "policy": policy, "strict": True}
    config = write_config(tmp_path / "r.yaml", {**values, "tables": {"people": rules}})
    ran = cli("redact", config)
    assert ran.code == 2, ran.text
    assert "the rule 'doc.phone' matched no value" in ran.text
    out = read(tmp_path / "out", "people").to_dict("list")
    assert out["note"][0] == "Call  at <PHONE_NUMBER>."
    assert out["age"] == ["0-9", "40-49", None]
    assert [json.loads(text) for text in out["doc"]] == [{"born": "1985", "n": 3}] * 3
    assert out["email"][0].startswith("<EMAIL_ADDRESS:k1:")
    report = manifest_of(tmp_path / "out")["details"]["report"]["tables"][0]
    assert report["carried_columns"] == ["id"]
    how = {column["column"]: column["how"] for column in report["columns"]}
    assert (how["email"], how["doc.ip"], how["age"]) == ("token", "dropped", "generalised")
    assert file_leaks(tmp_path / "out", ["key-0123456789abcdef", "10.0.0.1", "Maria"]) == {}
    del policy["age"]
    ran = cli("redact", write_config(tmp_path / "r.yaml", {**values, "tables": {"people": rules}}))
    assert "table 'people': strict: no rule names: age." in ran.text
    policy["email"] = {**email, "key": "written out"}
    ran = cli("redact", write_config(tmp_path / "r.yaml", {**values, "tables": {"people": rules}}))
    assert "email.EMAIL_ADDRESS.key is a secret and must be a reference" in ran.text
    assert "written out" not in ran.text
