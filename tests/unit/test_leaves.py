"""Cells as text, and the text leaves of documents and nested values."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rai_scale.engines.plain_texts import whole_text
from rai_scale.errors import ConfigError
from rai_scale.pii.values.documents import INNER_DOCUMENTS, InvalidDocument, parse_document
from rai_scale.pii.values.nested import Fitted, all_leaves, map_nested, nested_leaves
from rai_scale.pii.values.text_leaves import LONG_PATH, root, valid_text, value_text

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
ODD_NUMBERS = ["1e400", "-0.0", "1.50", "1E+5", "9" * 5000, "NaN", "-Infinity", "Infinity"]


def opened(text, *rules):
    found = parse_document(text, root("d", rules))
    assert found is not None
    return found


def leaves(text, *rules):
    return [(leaf.name, leaf.text) for leaf in opened(text, *rules).leaves()]


def changed(text, change, *rules):
    document = opened(text, *rules)
    return document.write(iter([change(leaf) for leaf in document.leaves()]))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        (float("nan"), None),
        (True, None),
        (b"x", None),
        ("", ""),
        (" x", " x"),
        (7, "7"),
        (1.50, "1.5"),
        (2125551234.0, "2125551234"),
        (-0.0, "-0.0"),
        (1e16, "1e+16"),
        (float("inf"), "inf"),
        (Decimal("1.50"), "1.50"),
        (dt.date(2024, 1, 2), "2024-01-02"),
    ],
)
def test_cell_text(value, text):
    assert value_text(value) == text


@pytest.mark.parametrize(
    "values",
    [
        (2125551234, 2125551234.0, Decimal("2125551234.00"), "2125551234"),
        (1.5, Decimal("1.50"), "1.5"),
        (1e-7, Decimal("1E-7"), "0.0000001"),
        (10**20, 1e20, Decimal("1E+20"), "1" + "0" * 20),
        (0, -0.0, Decimal("-0.0"), "0"),
        (dt.datetime(1976, 1, 16), dt.date(1976, 1, 16), "1976-01-16"),
        (
            dt.datetime(1976, 1, 16, tzinfo=dt.UTC),
            dt.datetime(1976, 1, 16, 2, tzinfo=dt.timezone(dt.timedelta(hours=2))),
            "1976-01-16 00:00:00+00:00",
        ),
        (
            dt.timedelta(1, 1, 5),
            pd.Timedelta(days=1, seconds=1, microseconds=5),
            pa.MonthDayNano([0, 1, 1_000_005_000]),
            pa.MonthDayNano([0, 0, 86_401_000_005_000]),
            "1 day, 0:00:01.000005",
        ),
        (pa.MonthDayNano([14, 3, 0]), "14 months, 3 days, 0:00:00"),
    ],
)
def test_equal_values_have_equal_texts_as_a_whole(values):
    assert {whole_text(value) for value in values} == {values[-1]}


@pytest.mark.parametrize(
    "value", ["01976", "nan", float("inf"), Decimal("NaN"), Decimal("1e999999"), True]
)
def test_other_values_are_their_own_text(value):
    assert whole_text(value) == str(value)


@pytest.mark.parametrize(
    "text",
    [
        *(None, "", "x", "42", '"a"', "null", "{", "[1", "{'a': 1}", "[1,]", "[,1]", '{"a":1,}'),
        *('{"a"}', '{"a":}', "{1:2}", "[1 2]", "[1]]", '["a', "[01]", "[+1]", "[1.]", "[.5]"),
        *(
            "[nul]",
            "[TRUE]",
            "[--1]",
            '{"a":1]',
            "[1}",
            '["\\x"]',
            "[1] x",
            "[\xa01]",
            "[" * 99_999,
        ),
    ],
)
def test_not_a_document(text):
    assert parse_document(text, root("d")) is None


def test_rules_that_cannot_be_kept_are_told():
    with pytest.raises(InvalidDocument):
        parse_document('{"name": "Anna", ', root("d", ["d.name"]))
    assert parse_document("Anna", root("d", ["d.name"])) is None
    assert parse_document('"{Anna} and more', root("d", ["d.name"])) is None


@pytest.mark.parametrize(
    "before", ["\x00", "\xa0", "\u2028", "\ufffd\ufffd", "\ufeff\ufeff", "\u200b "]
)
def test_a_document_after_odd_characters_is_not_passed_over(before):
    with pytest.raises(InvalidDocument):
        parse_document(before + '{"name": "Anna"}', root("d", ["d.name"]))
    assert parse_document(before + '{"name": "Anna"}', root("d")) is None


def test_a_document_that_was_encoded_twice_has_its_leaves():
    text = json.dumps(json.dumps({"name": 'Anna "B"', "n": 1}))
    assert leaves(f" {text}", "d.name") == [("d.name", 'Anna "B"'), ("d.n", "1")]
    new = changed(text, lambda leaf: leaf.text.replace("Anna", 'y"'), "d.name")
    assert json.loads(json.loads(new)) == {"name": 'y" "B"', "n": 1}
    assert changed(text, lambda leaf: leaf.text) == text
    with pytest.raises(InvalidDocument):
        parse_document(json.dumps('{"name": '), root("d", ["d.name"]))


def test_a_rule_is_not_lost_below_too_many_documents():
    text = json.dumps({"name": "Anna"})
    for _ in range(INNER_DOCUMENTS + 1):
        text = json.dumps(text)
    with pytest.raises(InvalidDocument):
        parse_document(text, root("d", ["d.name"]))


def test_paths():
    document = '{"user": {"email": "a"}, "items": [{"note": "b"}, "c"], "n": 1, "x": null}'
    assert leaves(document) == [
        ("d.user.email", "a"),
        ("d.items[].note", "b"),
        ("d.items[]", "c"),
        ("d.n", "1"),
    ]


@given(st.dictionaries(st.text(), JSON) | st.lists(JSON), st.sampled_from([None, 1]))
def test_documents_are_read_as_json_reads_them(document, indent):
    text = json.dumps(document, indent=indent)
    assert changed(text, lambda leaf: leaf.text) == text
    marked = changed(text, lambda leaf: f"{leaf.text}!")
    assert json.dumps(json.loads(marked)).count("!") >= len(leaves(text))


@given(st.text(alphabet='[]{}:," \\truefalsn0123.eE+-"a', max_size=12).map("[{}".format))
def test_what_is_a_document_is_what_json_takes(text):
    def taken():
        try:
            return isinstance(json.loads(text, strict=False), list | dict)
        except ValueError:
            return False

    assert (parse_document(text, root("d")) is not None) == taken()


def test_repeated_keys_and_numbers_stay_as_they_are_written():
    numbers = ",".join(ODD_NUMBERS)
    text = f'{{ "a":"x" ,"n":[{numbers}],\n"a":"x","a" : {{"a":1,"a":2}}}}'
    assert changed(text, lambda leaf: leaf.text) == text
    assert changed(text, lambda leaf: "<X>" if leaf.text == "x" else leaf.text) == text.replace(
        '"x"', '"<X>"'
    )
    assert [name for name, _ in leaves(text)].count("d.a.a") == 2
    assert changed('\ufeff{"a": "x"} ', lambda _: "y") == '\ufeff{"a": "y"} '


def test_a_document_in_a_text_of_a_document_stays_one():
    inner = json.dumps({"note": "x", "note2": json.dumps(["x", 1])})
    text = json.dumps({"payload": inner, "plain": "{x"})
    assert leaves(text) == [
        ("d.payload.note", "x"),
        ("d.payload.note2[]", "x"),
        ("d.payload.note2[]", "1"),
        ("d.plain", "{x"),
    ]
    new = json.loads(changed(text, lambda leaf: leaf.text.replace("x", '"y"')))
    assert json.loads(new["payload"])["note"] == '"y"'
    assert json.loads(json.loads(new["payload"])["note2"]) == ['"y"', 1]
    for _ in range(INNER_DOCUMENTS + 4):
        text = json.dumps([text.replace("\\", "")[:40]])
    assert len(leaves(text)) == 1


@pytest.mark.parametrize("depth", [450, 900, 100_000])
def test_depth_is_no_limit(depth):
    text = '{"a":' * depth + '["x"]' + "}" * depth
    ((name, found),) = leaves(text)
    assert (found, len(name) <= LONG_PATH + 3) == ("x", True)
    assert changed(text, lambda _: "y") == text.replace("x", "y")


def test_a_key_that_is_no_field_name_is_a_leaf_and_never_part_of_a_path():
    document = '{"user": {"a@b.com": 1, "Anna Smith": {"x": "y"}, "first_name": "z"}}'
    assert leaves(document) == [
        ("d.user.*", "a@b.com"),
        ("d.user.*", "1"),
        ("d.user.*", "Anna Smith"),
        ("d.user.*.x", "y"),
        ("d.user.first_name", "z"),
    ]


def test_keys_that_become_the_same_keep_their_values():
    text = '{"a@b.com":"1","c@d.com":"2","a@b.com":"3","X":"4"}'
    new = changed(text, lambda leaf: "X" if "@" in leaf.text else leaf.text)
    assert new == '{"X_":"1","X__":"2","X_":"3","X":"4"}'


def test_lone_surrogates_are_no_error_and_stay():
    text = '{"a": "\\ud83d x", "\\udc00": 1}'
    assert [found for _, found in leaves(text)] == ["\ufffd x", "\ufffd", "1"]
    assert changed(text, lambda leaf: leaf.text) == text
    assert valid_text("a😀é") == "a😀é"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ('{"Full Name": "x"}', "d.Full Name"),
        ('{"a.b": "x"}', "d.a.b"),
        ('{"a": {"b": "x"}}', "d.a.b"),
        ('{"prénom": ["x"]}', "d.prénom"),
        ('{"items": [{"a b": 1}]}', "d.items[].a b"),
        ('[{"": true}]', "d[]."),
        ('{"a": {"b": {"c": 1.0}}}', "d.a"),
        ('{"a": "{\\"b\\": \\"x\\"}"}', "d.a.b"),
        ('{"a": "{\\"b\\": \\"x\\"}"}', "d.a"),
        ('{"x@y.z": 5}', "d.*"),
    ],
)
def test_a_rule_finds_its_leaf(text, rule):
    assert {leaf.rule for leaf in opened(text, rule).leaves()} == {rule}


@pytest.mark.parametrize("rule", ["d.a", "d.ab.c", "d.*", "d.ab[]", "e.ab"])
def test_a_rule_does_not_find_what_it_does_not_name(rule):
    assert [leaf.rule for leaf in opened('{"ab": "x"}', rule).leaves()] == [None]


def test_numbers_and_literals_under_a_rule_are_their_plain_text():
    text = '{"a":[2125551234.0,1e3,true,null,NaN,"x"]}'
    found = [leaf.text for leaf in opened(text, "d.a").leaves()]
    assert found == ["2125551234", "1000", "True", "nan", "x"]
    assert changed(text, lambda _: "y", "d.a") == '{"a":["y","y","y",null,"y","y"]}'


KIND = pa.struct(
    [
        ("who", pa.string()),
        ("ssn", pa.int64()),
        ("raw", pa.binary()),
        ("a b", pa.list_(pa.struct([("note", pa.string()), ("n", pa.float64())]))),
        ("m", pa.map_(pa.string(), pa.int64())),
    ]
)
VALUE = {
    "who": "x",
    "ssn": 219099999,
    "raw": b"r",
    "a b": [{"note": '{"k":"x"}', "n": 2.0}, None],
    "m": [("x", 5)],
}


def test_leaves_of_a_typed_value():
    assert [tuple(leaf)[:2] for leaf in nested_leaves(VALUE, KIND, root("d"))] == [
        ("d.who", "x"),
        ("d.a b[].note.k", "x"),
        ("d.m.*", "x"),
    ]
    seen = [tuple(leaf)[:2] for leaf in all_leaves(VALUE, KIND, root("d"))]
    assert ("d.ssn", "219099999") in seen
    assert ("d.a b[].n", "2") in seen
    assert ("d.m.*", "5") in seen
    same = map_nested(VALUE, KIND, root("d"), lambda leaf: leaf.text)
    assert pa.array([same], KIND).to_pylist() == [VALUE]


def test_typed_values_under_a_rule_become_text():
    rules = ["d.ssn", "d.a b[].n", "d.a b[].note.k", "d.m.*"]
    fitted = Fitted(KIND, root("d", rules))
    assert fitted.met | fitted.open == set(rules)
    assert fitted.unread == [("d.raw", "binary")]
    new = map_nested(VALUE, KIND, root("d", rules), lambda leaf: f"<{leaf.text}>")
    assert pa.array([new], fitted.type).to_pylist() == [
        {
            **{"who": "<x>", "ssn": "<219099999>", "raw": b"r"},
            "a b": [{"note": '{"k":"<x>"}', "n": "<2>"}, None],
            "m": [("<x>", "<5>")],
        }
    ]


@pytest.mark.parametrize(
    ("rule", "message"),
    [("d.raw", "'d.raw' is binary"), ("d.m.x", "names values of a map that change their type")],
)
def test_typed_values_that_cannot_become_text(rule, message):
    with pytest.raises(ConfigError, match=message):
        Fitted(KIND, root("d", [rule]))


def test_what_cannot_be_rebuilt_is_refused():
    twice = pa.struct([pa.field("a", pa.string()), pa.field("a", pa.string())])
    with pytest.raises(ConfigError, match="fields of the same name"):
        Fitted(twice, root("d"))
    either = pa.dense_union([pa.field("a", pa.string())])
    with pytest.raises(ConfigError, match="cannot be rebuilt"):
        Fitted(either, root("d"))
