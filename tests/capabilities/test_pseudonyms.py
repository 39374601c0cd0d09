"""Redaction with keys, and the way back: tables, documents, persons and engines."""

from __future__ import annotations

import json
import pickle
from decimal import Decimal
from pathlib import Path

import dask
import dask.dataframe as dd
import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings

import rai_scale
from rai_scale.engines import engine_of
from rai_scale.errors import ConfigError, WorkerError
from rai_scale.pii import Operators, restore, rotate_keys
from rai_scale.pii.pseudonyms.keyed_hash import Pseudonymizer
from rai_scale.pii.pseudonyms.rewrite_values import CountTokens, TokenColumns
from rai_scale.pii.pseudonyms.tokens import Tokenizer
from rai_scale.spark import redact_udf
from tests.capabilities.presidio_alone import MODEL, stock_redact
from tests.properties.test_redact_laws import CELLS

KEY, OTHER = "key-0123456789abcdef", "another-0123456789abcdef"
KEYS = {"k1": KEY}
TOKENIZE = {"type": "tokenize", "key": KEY, "key_id": "k1"}
PSEUDONYM = {"type": "pseudonym", "key": KEY, "key_id": "k1"}
EMAIL = "maria.garcia@example.org"
ALL = {"DEFAULT": TOKENIZE}


def redact(data, columns=(), operators=ALL, **options):
    return rai_scale.redact(data, columns, operators=operators, model=MODEL, **options)


def test_one_value_has_one_token_in_every_table_engine_and_run(cluster_case):
    expected = Tokenizer(KEY, "k1").seal(EMAIL, "EMAIL_ADDRESS")
    tables = {
        "orders": pa.table({"id": range(30), "mail": [EMAIL] * 30}),
        "tickets": pa.table({"id": range(3), "body": [f"I am {EMAIL}, hello"] * 3}),
        "events": pa.table({"id": range(2), "user": [json.dumps({"mail": EMAIL})] * 2}),
    }
    ways = {
        "orders": {"whole_columns": {"mail": "EMAIL_ADDRESS"}},
        "tickets": {"columns": ["body"]},
        "events": {"json_columns": ["user"]},
    }
    for _run in range(2):
        for name, table in tables.items():
            out = cluster_case.rows(redact(cluster_case.make(table, 2), **ways[name]))
            assert all(expected in str(row) for row in out), name
    back = restore(redact(cluster_case.make(tables["events"], 2), **ways["events"]),
                   json_columns=["user"], keys=KEYS)  # fmt: skip
    assert cluster_case.rows(back, by="id") == tables["events"].to_pylist()


def test_one_value_has_one_token_whatever_type_an_engine_has_for_it():
    """Numbers and times as objects, and durations, which DuckDB calls intervals."""
    frame = pd.DataFrame({"id": range(3), "n": pd.Series([1.0, 2.5, 1e16], dtype=object)})
    frame["m"] = [1.0, Decimal("2.50"), pd.Timestamp("2020-01-01")]
    frame["d"] = pd.to_timedelta(["1 days", "26:03:04.5", "-1 s"])
    seal = Tokenizer(KEY, "k1").seal
    texts = {
        "n": ["1", "2.5", "10000000000000000"],
        "m": ["1", "2.5", "2020-01-01"],
        "d": ["1 day, 0:00:00", "1 day, 2:03:04.500000", "-1 day, 23:59:59"],
    }
    with dask.config.set({"dataframe.convert-string": False}):  # or Dask makes texts of objects
        frames = [frame, dd.from_pandas(frame, 2), duckdb.sql("SELECT id, d FROM frame")]
        for given in frames:
            named = [name for name in texts if name in given.columns]
            made = redact(given, whole_columns={name: name.upper() for name in named})
            found = engine_of(made).collect(made).sort_by("id")
            for name in named:
                assert found[name].to_pylist() == [seal(t, name.upper()) for t in texts[name]]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(CELLS)
def test_restore_gives_every_byte_back(cells):
    table = pa.table({"t": pa.array(cells, pa.string()), "w": pa.array(cells, pa.string())})
    done = redact(table, "t", whole_columns={"w": "PERSON"})
    assert restore(done, ["t", "w"], keys=KEYS).to_pylist() == table.to_pylist()
    documents = [None if c is None else json.dumps({"a": [c], "b": {c + "@": c}}) for c in cells]
    table = pa.table({"d": pa.array(documents, pa.string())})
    done = redact(table, json_columns="d")
    back = restore(done, json_columns="d", keys=KEYS)["d"].to_pylist()
    assert [d and json.loads(d) for d in back] == [d and json.loads(d) for d in documents]


def test_overlapping_items_are_restored_once():
    text = "Mail to Anna Smith at http://a.example.com/x?mail=anna.smith@example.com today"
    assert restore(redact(pa.table({"t": [text]}), "t"), "t", keys=KEYS)["t"].to_pylist() == [text]


def test_the_spans_are_those_of_presidio():
    """With a pseudonym of the length of a token in place of Presidio's own replacement."""
    texts = ["I am Anna Smith, call 212-555-5555", "Anna  Smith 4095-2609-9393-4932 and a@b.org"]
    done = redact(pa.table({"t": texts}), "t", {"DEFAULT": PSEUDONYM})["t"].to_pylist()
    plain = pd.Series(done).str.replace(r"#k1:[A-Z2-7]{24}>", ">", regex=True)
    assert list(plain) == [stock_redact(text) for text in texts]


@pytest.mark.parametrize(
    ("change", "keys", "error"),
    [
        (lambda t: t, {"k2": KEY}, "UnknownKeyError"),
        (lambda t: t, {"k1": OTHER}, "WrongKeyError"),
        (lambda t: t.replace("A", "B", 9), KEYS, None),
        (lambda t: t.replace("EMAIL_ADDRESS", "PERSON"), KEYS, "MovedTokenError"),
    ],
)
def test_what_cannot_be_restored_is_an_error_or_null(engine_case, change, keys, error):
    table = pa.table({"id": [0, 1], "mail": [EMAIL, None]})
    done = redact(table, whole_columns={"mail": "EMAIL_ADDRESS"})
    changed = [v and change(v) for v in done["mail"].to_pylist()]
    frame = engine_case.make(done.set_column(1, "mail", [changed]), 2)
    with pytest.raises(WorkerError) as caught:
        engine_case.engine.collect(restore(frame, "mail", keys=keys))
    if error:
        assert caught.value.error == error
    assert EMAIL not in str(caught.value)
    assert changed[0] not in str(caught.value)
    rows = engine_case.rows(restore(frame, "mail", keys=keys, on_error="null"), by="id")
    assert [row["mail"] for row in rows] == [None, None]


def test_a_key_is_rotated_without_the_values(engine_case):
    table = pa.table({"id": [0, 1], "t": [f"I am {EMAIL}", None], "n": [[{"m": EMAIL}], []]})
    done = redact(table, "t", json_columns="n")
    new = redact(
        table, "t", {"DEFAULT": {**TOKENIZE, "key": OTHER, "key_id": "k2"}}, json_columns="n"
    )
    frame = rotate_keys(engine_case.make(done, 2), "t", json_columns="n",
                        keys={**KEYS, "k2": OTHER}, to="k2")  # fmt: skip
    assert engine_case.engine.collect(frame).sort_by("id").to_pylist() == new.to_pylist()


def test_conversations_have_tokens_of_their_own(engine_case):
    """The answer of a model repeats a token of the question within its prose."""
    ask = [{"role": "user", "content": f"I am Maria Garcia ({EMAIL})."}]
    chats = {"id": [0, 1, 2], "chat": ["c1", "c1", "c2"], "messages": [json.dumps(ask)] * 3}
    frame = engine_case.make(pa.table(chats), 2)
    operators = {"DEFAULT": {**TOKENIZE, "per": "chat"}}
    rows = engine_case.rows(redact(frame, json_columns="messages", operators=operators), by="id")
    prompts = [json.loads(row["messages"])[0]["content"] for row in rows]
    assert prompts[0] == prompts[1] != prompts[2]
    names = [prompt.split()[2] for prompt in prompts]
    answers = [f'Dear {name}, your name is "{name}"\n' for name in names]
    talk = pa.table({"id": [0, 1, 2], "chat": ["c1", "c1", "c2"], "answer": answers})
    back = restore(engine_case.make(talk, 2), "answer", keys=KEYS, per="chat")
    told = [row["answer"] for row in engine_case.rows(back, by="id")]
    assert told == ['Dear Maria Garcia, your name is "Maria Garcia"\n'] * 3
    swapped = talk.set_column(1, "chat", [["c2", "c2", "c1"]])
    with pytest.raises(WorkerError, match="MovedTokenError"):
        engine_case.engine.collect(
            restore(engine_case.make(swapped), "answer", keys=KEYS, per="chat")
        )


def test_the_conversation_of_the_guide_runs():
    guide = (Path(__file__).resolve().parents[2] / "docs" / "redaction.md").read_text()
    snippet = guide.split("### Conversations")[1].split("```python")[1].split("```")[0]
    exec(compile(snippet, "redaction.md", "exec"), {})


def test_dates_of_a_person_keep_their_intervals_and_no_person_fails(engine_case):
    days = ["2020-01-05", "2020-03-01", "2020-01-05", "2020-01-05", "2020-01-05", "2020-01-05"]
    who = ["a", "a", "b", None, " ", None]
    table = pa.table({"id": range(6), "who": who, "born": days})
    operators = {"DATE_TIME": {**PSEUDONYM, "shape": "value", "per": "who"}}
    options = {"whole_columns": {"born": "DATE_TIME"}, "operators": operators, "details": True}
    rows = engine_case.rows(redact(engine_case.make(table, 3), **options), by="id")
    made = [row["born"] for row in rows]
    alone = Pseudonymizer(KEY, "k1", shape="value")
    assert (
        made
        == [alone.of(d, "DATE_TIME", w) for d, w in zip(days[:3], who[:3], strict=True)]
        + [None] * 3
    )
    assert pd.Timestamp(made[1]) - pd.Timestamp(made[0]) == pd.Timedelta(days=56)
    assert made[0] != made[2]
    assert [row["_rai_error"] for row in rows[3:]] == ["born: NoPersonError"] * 3


def test_equal_texts_of_two_persons_are_not_one():
    table = pa.table({"who": [1, 2.0, 1], "t": [f"I am {EMAIL}"] * 3})
    operators = {"DEFAULT": {**PSEUDONYM, "per": "who"}}
    one, other, again = redact(table, "t", operators)["t"].to_pylist()
    assert one == again != other


def test_a_person_has_one_form_whatever_the_type_of_the_column():
    operators = {"DEFAULT": {**PSEUDONYM, "per": "who"}}
    made = {
        redact(pa.table({"who": who, "t": [EMAIL]}), "t", operators)["t"][0].as_py()
        for who in (pa.array([7]), pa.array([7.0]), pa.array(["7"]), pa.array(["7.0"]))
    }
    assert len(made) == 1


@pytest.mark.parametrize(
    ("operator", "message"),
    [
        ({**TOKENIZE, "per": "whoo"}, "per: the table has no column 'whoo'. Did you mean 'who'"),
        ({**TOKENIZE, "per": "nested"}, "per: column 'nested' has type"),
        ({**TOKENIZE, "per": ["who"]}, "per must be the name of one column"),
        ({**TOKENIZE, "shape": "value"}, "'shape' is not a parameter"),
        ({**PSEUDONYM, "shpe": "value"}, "'shpe' is not a parameter. Did you mean 'shape'"),
        ({"type": "tokenize", "key": KEY}, "'tokenize' for 'DEFAULT': key_id is missing"),
        ({**TOKENIZE, "key": "short-secret"}, "at least 16 bytes"),
        ({**TOKENIZE, "key": "env:NAME_OF_THE_KEY"}, "give the secret itself"),
        ({"type": "hash", "salt": "file:/name/of/the/salt"}, "give the secret itself"),
        ({**TOKENIZE, "per": "t"}, "tokens depend on its own values"),
        ({"type": "tokenise"}, "Did you mean 'tokenize'"),
    ],
)
def test_operators_are_checked_before_a_row_is_read(operator, message):
    table = pa.table({"who": ["a"], "nested": [[1]], "t": [EMAIL]})
    with pytest.raises(ConfigError, match=message) as caught:
        redact(table, "t", {"DEFAULT": operator})
    assert "short-secret" not in str(caught.value)


def test_an_entity_that_no_token_can_name_is_refused():
    with pytest.raises(ConfigError, match="'STAFF ID' cannot be tokenized"):
        redact(pa.table({"t": ["1"]}), whole_columns={"t": "STAFF ID"})


def test_a_udf_has_no_person():
    with pytest.raises(ConfigError, match="a UDF reads one column only"):
        redact_udf({"DEFAULT": {**TOKENIZE, "per": "who"}}, model=MODEL)


def test_secrets_do_not_show():
    operators = Operators({"A": TOKENIZE, "B": {**PSEUDONYM, "per": "who"}})
    assert KEY not in repr(operators)
    assert operators.draws() is False
    again = pickle.loads(pickle.dumps(operators))
    assert again.per == ("who",)
    again.check()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": "t", "keys": {}}, "at least one key"),
        ({"columns": [], "keys": KEYS}, "no columns to read tokens from"),
        ({"columns": "n", "keys": KEYS}, "move it to json_columns"),
        ({"columns": "i", "keys": KEYS}, "holds no tokens"),
        ({"columns": ["t", "t"], "keys": KEYS}, "named twice"),
        ({"columns": "t", "keys": KEYS, "per": "x"}, "per: the table has no column 'x'"),
        ({"columns": "t", "keys": KEYS, "on_error": "skip"}, "on_error must be"),
        ({"columns": "t", "keys": {"k1": "env:NAME_OF_THE_KEY"}}, "give the secret itself"),
    ],
)
def test_arguments_of_restore(options, message):
    table = pa.table({"t": ["a"], "n": [["a"]], "i": [1]})
    with pytest.raises(ConfigError, match=message):
        restore(table, **options)


def test_tokens_are_counted_without_a_key():
    token = Tokenizer(KEY, "k1").seal(EMAIL, "EMAIL_ADDRESS")
    columns = TokenColumns(("t",), ("d",))
    table = pa.table({"t": [token * 2, None], "d": [json.dumps({"a": token}), "x"]})
    rows = sorted(map(tuple, (r.values() for r in CountTokens(columns)(table).to_pylist())))
    assert rows == [("d", "k1", 1), ("t", "k1", 2)]


@pytest.mark.parametrize("tokens", [10_000, pytest.param(1_000_000, marks=pytest.mark.proof)])
def test_many_tokens(tokens):
    values = [f"{number}-ü" * (number % 5) for number in range(tokens)]
    seal = Tokenizer(KEY, "k1").seal
    table = pa.table({"t": [seal(value, "PERSON") for value in values]})
    assert restore(table, "t", keys=KEYS)["t"].to_pylist() == values
