"""A policy: one action per column and leaf, the same on every engine."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest
from dask.dataframe import from_pandas

import rai_scale
from rai_scale.errors import ConfigError, MissingColumnError, WorkerError
from rai_scale.pii import ColumnPolicy, restore
from tests.capabilities.presidio_alone import MODEL, stock_redact

EMAIL = "anna.smith@example.com"
DATES = ["1985-06-01"] * 3
NOTE = "Call Anna Smith at 212-555-5555"
USER = pa.struct(
    [
        ("id", pa.int64()),
        ("email", pa.string()),
        ("bio", pa.string()),
        ("born", pa.date32()),
        ("tags", pa.list_(pa.struct([("name", pa.string()), ("n", pa.int64())]))),
        ("more", pa.map_(pa.string(), pa.string())),
    ]
)
VALUE = {
    "id": 7,
    "email": EMAIL,
    "bio": NOTE,
    "born": dt.date(1985, 6, 1),
    "tags": [{"name": EMAIL, "n": 1}, None],
    "more": [("home", "a"), ("work", "b")],
}
DOCUMENT = {**VALUE, "born": "1985-06-01", "more": {"home": "a", "work": "b"}}
TABLE = pa.table(
    {
        "id": [1, 2],
        "dob": pa.array([dt.date(1985, 6, 1), None]),
        "zip": ["02139", "10001-1234"],
        "name": ["Anna Smith", None],
        "note": [NOTE, None],
        "secret": [1.5, None],
        "gone": ["x", "y"],
        "user": pa.array([VALUE, None], USER),
        "doc": [json.dumps(DOCUMENT), None],
    }
)
INSIDE = {
    ".id": {"action": "drop"},
    ".email": {"action": "whole", "entity": "EMAIL_ADDRESS"},
    ".bio": {"action": "redact"},
    ".born": {"action": "generalise", "to": "decade"},
    ".tags[].n": {"action": "null"},
    ".tags": {"action": "keep"},
    ".more.home": {"action": "drop"},
    ".more": {"action": "keep"},
}
POLICY = {
    "id": {"action": "keep"},
    "dob": {"action": "generalise", "to": "year"},
    "zip": {"action": "generalise", "to": "prefix"},
    "name": {"action": "whole", "entity": "PERSON"},
    "note": {"action": "redact", "operators": {"PHONE_NUMBER": {"type": "redact"}}},
    "secret": {"action": "null"},
    "gone": {"action": "drop"},
    **{f"user{path}": spec for path, spec in INSIDE.items()},
    **{f"doc{path}": spec for path, spec in INSIDE.items()},
    "doc": {"action": "keep"},
}


def redact(table, policy, **options):
    return rai_scale.redact(table, policy=policy, model=MODEL, **options)


def test_every_action_on_every_engine(cluster_case):
    done = redact(cluster_case.make(TABLE, 2), POLICY, strict=True, details=True)
    first, second = cluster_case.rows(done, by="id")
    inside = {
        "email": "<EMAIL_ADDRESS>",
        "bio": stock_redact(NOTE),
        "born": "1980s",
        "tags": [{"name": EMAIL, "n": None}, None],
    }
    assert first["doc"] == json.dumps({**inside, "more": {"work": "b"}})
    assert first["user"] == {**inside, "more": [("work", "b")]}
    assert "gone" not in first
    note = stock_redact(NOTE).replace("<PHONE_NUMBER>", "")
    shown = {name: first[name] for name in ("id", "dob", "zip", "name", "note", "secret")}
    made = {"id": 1, "dob": "1985", "zip": "021", "name": "<PERSON>", "note": note, "secret": None}
    assert shown == made
    assert {name: second[name] for name in shown} == dict.fromkeys(shown) | {"id": 2, "zip": "100"}
    found = {(f["column"], f["entity"], f["operator"]) for f in first["_rai_findings"]}
    assert found >= {
        ("dob", "DATE_TIME", "generalise"),
        ("secret", "VALUE", "null"),
        ("doc.id", "VALUE", "drop"),
        ("user.id", "VALUE", "drop"),
        ("user.tags[].n", "VALUE", "null"),
        ("note", "PERSON", "replace"),
        ("note", "PHONE_NUMBER", "redact"),
    }


def test_the_schema_follows_the_policy():
    schema = redact(TABLE, POLICY).schema
    assert schema.field("secret").type == pa.float64()
    assert [f.name for f in schema.field("user").type] == ["email", "bio", "born", "tags", "more"]
    assert schema.field("user").type.field("born").type == pa.string()
    assert "gone" not in schema.names


def test_short_forms_are_the_same_policy():
    short = rai_scale.redact(
        TABLE, "note", json_columns=["user", "doc"], whole_columns={"doc.id": "ID"}, model=MODEL
    )
    long = {
        "note": ColumnPolicy(action="redact"),
        "user": {"action": "redact"},
        "doc": {"action": "redact", "json_text": True},
        "doc.id": {"action": "whole", "entity": "ID"},
    }
    assert short.equals(redact(TABLE, long))
    with pytest.raises(ConfigError, match="named twice: 'note'"):
        rai_scale.redact(TABLE, "note", policy=long, model=MODEL)


@pytest.mark.parametrize(
    ("drop", "text", "left"),
    [
        ("a", '{"a":1,"b":2}', '{"b":2}'),
        ("b", '{ "a" : 1 , "b" : 2 }', '{ "a" : 1  }'),
        ("a", ' {"a": {"c": [1, "]"]}, "a": 2 , "b": 3}', ' {"b": 3}'),
        ("a", '{"a":1}', "{}"),
        ("*", '{"x@y.z": 1, "b": 2, "p@q.r": {"s": 1}}', '{"b": 2}'),
        ("b.c", r'{"b": "{\"c\": 1, \"d\": 2}"}', r'{"b": "{\"d\":' + r' 2}"}'),
    ],
)
def test_a_dropped_key_leaves_valid_json(drop, text, left):
    policy = {f"d.{drop}": {"action": "drop"}}
    assert redact(pa.table({"d": [text]}), policy)["d"].to_pylist() == [left]


GENERALISED = [
    ("year", ["1985-06-01", "1985-06-01T23:59:59Z", "1985", None, ""], {}, ["1985"] * 3),
    ("year", ["1984-12-31T23:30:00-02:00"], {}, ["1985"]),
    ("month", ["1985-06-01", "1985-06"], {}, ["1985-06", "1985-06"]),
    ("quarter", ["01.12.1985"], {"format": "%d.%m.%Y"}, ["1985-Q4"]),
    ("decade", [19851201], {"format": "%Y%m%d"}, ["1980s"]),
    ("month", [dt.datetime(1985, 6, 1, 3), dt.datetime(1985, 6, 1)], {}, ["1985-06"] * 2),
    ("age_band", [0, 9, 39, 89, 90, 104], {}, ["0-9", "0-9", "30-39", "80-89", "90+", "90+"]),
    ("age_band", [37.9, None, 4.0], {"width": 25, "top": 60}, ["25-49", "0-24"]),
    ("age_band", ["37", " 62 "], {"width": 25, "top": 60}, ["25-49", "60+"]),
    ("prefix", ["SW1A 1AA", "1234 AB"], {"characters": 2}, ["SW", "12"]),
    ("step", [1999, -1, 0], {"step": 1000}, ["1000", "-1000", "0"]),
    ("step", ["1.99", "2e3", "-0.1"], {"step": 0.5}, ["1.5", "2000", "-0.5"]),
    ("step", [Decimal("99999999999999999999.9")], {"step": 10}, ["99999999999999999990"]),
]


@pytest.mark.parametrize(("to", "values", "options", "new"), GENERALISED)
def test_generalised_values(to, values, options, new):
    policy = {"v": {"action": "generalise", "to": to, **options}}
    out = redact(pa.table({"v": values}), policy)["v"]
    assert out.type == pa.string()
    assert [value for value in out.to_pylist() if value] == new
    assert [value for value in values if value in (None, "")] == [
        value for value in out.to_pylist() if not value
    ]


@pytest.mark.parametrize(
    ("to", "values"),
    [
        ("year", ["born 1985", "1985-02-30", "01.12.1985", "0000", "20000-01-01", "1985-W01"]),
        ("quarter", ["1985"]),
        ("age_band", ["-1", "forty", "4x", "nan"]),
        ("prefix", ["021", "Anna Smith", "a" * 13]),
        ("step", ["1,5", "inf", "", "1e9999"]),
    ],
)
def test_what_cannot_be_parsed_fails_and_is_not_passed_on(to, values):
    options = {"step": 10} if to == "step" else {}
    policy = {"v": {"action": "generalise", "to": to, **options}}
    values = [value for value in values if value]
    rows = redact(pa.table({"v": values}), policy, details=True).to_pylist()
    assert {(row["v"], row["_rai_error"]) for row in rows} == {(None, "v: NotGeneralised")}
    with pytest.raises(WorkerError, match="NotGeneralised") as caught:
        redact(pa.table({"v": values}), policy)
    assert values[0] not in str(caught.value)


def test_typed_values_csv_and_pandas_agree():
    born = [dt.date(1985, 6, 1), dt.date(2004, 2, 29)]
    policy = {
        "born": {"action": "generalise", "to": "quarter"},
        "age": {"action": "generalise", "to": "age_band"},
        "pay": {"action": "generalise", "to": "step", "step": 500},
    }
    table = pa.table({"born": born, "age": [39, 20], "pay": [Decimal("1234.50"), Decimal("1e3")]})
    texts = pa.table({name: [str(v) for v in table[name].to_pylist()] for name in policy})
    frame = pd.DataFrame({"born": pd.to_datetime(born), "age": [39.0, 20.0], "pay": [1234.5, 1e3]})
    expected = redact(table, policy).to_pylist()
    assert expected[0] == {"born": "1985-Q2", "age": "30-39", "pay": "1000"}
    assert redact(texts, policy).to_pylist() == expected
    assert redact(frame, policy).to_dict("records") == expected


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ({"id": {"action": "generalise", "to": "year"}}, "'id' has type int64: dates, times"),
        ({"id": {"action": "generalise", "to": "prefix"}}, "leading zeros"),
        ({"dob": {"action": "generalise", "to": "step", "step": 1}}, "numbers are needed"),
        ({"dob": {"action": "generalise", "to": "year", "format": "%Y"}}, "remove format"),
        ({"user.id": {"action": "generalise", "to": "year"}}, "'user.id' has type int64"),
        ({"id": {"action": "generalise"}}, "'generalise' needs the option 'to'"),
        ({"id": {"action": "generalise", "to": "step"}}, "'step' needs the option 'step'"),
        ({"id": {"action": "whole"}}, "'whole' needs the option 'entity'"),
        ({"id": {"action": "tokenise"}}, "policy.id: action: .* Did you mean 'tokenize'"),
        ({"id": {"action": "drop", "entity": "X"}}, "'entity' is not an option of 'drop'"),
        ({"id": {"action": "whole", "entitty": "X"}}, "Did you mean 'entity'"),
        ({"id": "drop"}, "policy.id must be a mapping with an 'action'"),
        ({"user.emial": {"action": "drop"}}, "no leaf 'user.emial'. Did you mean 'user.email'"),
        ({"user": {"action": "drop"}, "user.id": {"action": "keep"}}, "so 'user.id' is not there"),
        ({"user.tags[]": {"action": "drop"}}, "items of a list cannot be dropped"),
        ({"user.more.*": {"action": "null"}}, "keys, which cannot be null"),
        ({"user.tags[].n": {"action": "drop"}, "user.tags[].name": {"action": "drop"}}, "no field"),
        ({"note": {"action": "redact", "operators": {"PERSOM": {"type": "redact"}}}}, "PERSON"),
        ({name: {"action": "drop"} for name in TABLE.column_names}, "drops every column"),
        ({1: {"action": "keep"}}, "named by text; found int"),
        (["note"], "policy must be a mapping, with columns or leaves as keys; found list"),
    ],
)
def test_a_policy_that_cannot_hold_is_refused_before_a_row_is_read(policy, message):
    with pytest.raises(ConfigError, match=message):
        redact(TABLE, policy)


@pytest.mark.parametrize(
    ("to", "format", "fits"),
    [
        *(("year", "%m-%d", False), ("year", "%Q", False), ("year", "%Y%Y", False)),
        *(("month", "%Y", False), ("quarter", "%Y-W%U", False), ("month", "%H:%M", False)),
        *(("year", "%y", True), ("month", "%Y-%j", True), ("decade", "born %d %B %Y", True)),
        *(("quarter", "%d/%m/%Y %H:%M %z", True), ("year", "%G-%V-%u", True)),
    ],
)
def test_a_format_gives_all_that_is_needed(to, format, fits):
    spec = {"action": "generalise", "to": to, "format": format}
    table = pa.table({"v": pa.array([None], pa.string())})
    if fits:
        assert redact(table, {"v": spec})["v"].to_pylist() == [None]
    else:
        with pytest.raises(ConfigError, match=f"policy.v: .*does not give the {to} of a date"):
            redact(table, {"v": spec})


def test_columns_of_one_name_are_refused():
    table = pa.table([["x"], ["y"]], names=["v", "v"])
    with pytest.raises(ConfigError, match="found more than once: v"):
        redact(table, {"v": {"action": "null"}})
    with pytest.raises(ConfigError, match="found more than once: v"):
        restore(table, ["v"], keys={"k1": "a key of 16 bytes"})


def test_a_missing_column_is_named():
    with pytest.raises(MissingColumnError, match="Did you mean 'note'"):
        redact(TABLE, {"note.": {"action": "keep"}, "notes": {"action": "drop"}})


def test_strict_lists_what_no_rule_names():
    some = {name: POLICY[name] for name in ("id", "dob", "user.email", "doc.id")}
    with pytest.raises(ConfigError) as caught:
        redact(TABLE, {**some, "user.more": {"action": "redact"}}, strict=True)
    text = str(caught.value)
    for path in ("zip", "gone", "user.id", "user.bio", "user.tags[].n", "doc"):
        assert f" {path}," in text.replace(".", ".", 1).replace(". ", ", ")
    assert "user.email" not in text
    with pytest.raises(ConfigError, match=r"redact reads text only, and would copy: user.id \(int"):
        redact(TABLE.select(["user"]), {"user": {"action": "redact"}}, strict=True)


@pytest.mark.parametrize("dask", [False, True])
def test_strict_refuses_an_index_that_is_passed_through(dask):
    frame = pd.DataFrame({"_meta": ["x", "y"], "name": ["Anna", "Bert"], "n": [1, 2]})
    policy = {name: {"action": "null"} for name in frame}

    def strict(data):
        data = from_pandas(data, npartitions=1) if dask else data
        return redact(data, {name: policy[name] for name in data.columns}, strict=True)

    for index, shown in (("name", "name"), ("n", "n"), (["n", "name"], "n, name")):
        if not (dask and shown == "n, name"):
            with pytest.raises(
                ConfigError, match=rf"strict: the index would be passed through \(level {shown}"
            ):
                strict(frame.set_index(index))
    with pytest.raises(
        ConfigError, match=r"passed through \(level 0\)\. Make it a column with reset_index"
    ):
        strict(frame.set_axis(["a", "b"]))
    assert list(strict(frame[frame["n"] > 1]).columns) == list(frame)


def test_secrets_of_a_policy_do_not_show():
    spec = ColumnPolicy(action="redact", operators={"PERSON": {"type": "hash", "salt": "s3cret"}})
    assert "s3cret" not in f"{spec} {spec!r}"


def test_a_policy_without_redact_needs_no_model():
    done = rai_scale.redact(TABLE, policy={"dob": POLICY["dob"]}, model="not_installed")
    assert done["dob"].to_pylist() == ["1985", None]


def test_operators_with_keys_are_actions(cluster_case):
    key = {"key": "key-0123456789abcdef", "key_id": "k1"}
    emails = pa.table({"id": [1, 2, 3], "who": ["a", "b", "a"], "mail": [EMAIL] * 3, "born": DATES})
    date = {**key, "type": "pseudonym", "shape": "value", "per": "who"}
    policy = {
        "mail": {"action": "tokenize", "entity": "EMAIL_ADDRESS", **key},
        "born": {**date, "action": "pseudonym", "entity": "DATE_TIME"},
    }
    del policy["born"]["type"]
    rows = cluster_case.rows(redact(cluster_case.make(emails, 2), policy), by="id")
    general = {"EMAIL_ADDRESS": {"type": "tokenize", **key}, "DATE_TIME": date}
    whole = {"mail": "EMAIL_ADDRESS", "born": "DATE_TIME"}
    assert rows == rai_scale.redact(emails, whole_columns=whole, operators=general).to_pylist()
    back = restore(pa.Table.from_pylist(rows), ["mail"], keys={"k1": key["key"]})
    assert back["mail"].to_pylist() == [EMAIL] * 3
    assert rows[0]["born"] == rows[2]["born"] != rows[1]["born"]
    with pytest.raises(ConfigError, match="per: the table has no column 'whom'"):
        redact(emails, {"born": {**policy["born"], "per": "whom"}})


def test_an_entry_of_the_ner_configuration_that_presidio_ignores_is_refused():
    with pytest.raises(ConfigError, match="no entry 'labels_to_ignor'. Did you mean 'labels_to_ig"):
        redact(
            TABLE, {"note": {"action": "redact"}}, ner_model_configuration={"labels_to_ignor": []}
        )
