"""Cells as text, and the text leaves of documents."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rai_scale.pii.leaves import cell_text, leaves_of, map_leaves, parse_document, to_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


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
        (Decimal("1.50"), "1.50"),
        (dt.date(2024, 1, 2), "2024-01-02"),
    ],
)
def test_cell_text(value, text):
    assert cell_text(value) == text


@pytest.mark.parametrize("text", [None, "", "x", "42", '"a"', "null", "{", "[1", "{'a': 1}"])
def test_not_a_document(text):
    assert parse_document(text) is None


def test_a_document_nested_too_deep_is_not_one():
    assert parse_document("[" * 200_000) is None


def test_paths():
    document = {"user": {"email": "a"}, "items": [{"note": "b"}, "c"], "n": 1, "x": None}
    leaves = leaves_of(document, "doc")
    assert [tuple(leaf) for leaf in leaves] == [
        ("doc.user.email", "a"),
        ("doc.items[].note", "b"),
        ("doc.items[]", "c"),
        ("doc.n", "1"),
    ]
    assert [leaf.text for leaf in leaves_of(document, "doc", strings_only=True)] == ["a", "b", "c"]


@given(JSON)
def test_no_change_rebuilds_the_same_value(document):
    assert map_leaves(document, "d", lambda _, text: text) == document


@given(st.dictionaries(st.text(), JSON) | st.lists(JSON))
def test_a_document_survives_its_text(document):
    parsed = parse_document(to_json(document))
    assert parsed == document
    changed = map_leaves(document, "d", lambda _, text: text + "!")
    assert json.loads(to_json(changed)) == changed


def test_a_key_that_is_no_field_name_is_a_leaf_and_never_part_of_a_path():
    document = {"user": {"a@b.com": 1, "Anna Smith": {"x": "y"}, "first_name": "z"}}
    assert leaves_of(document, "c") == [
        ("c.user.*", "a@b.com"),
        ("c.user.*", "1"),
        ("c.user.*", "Anna Smith"),
        ("c.user.*.x", "y"),
        ("c.user.first_name", "z"),
    ]


def test_keys_that_become_the_same_keep_their_values():
    changed = map_leaves({"a@b.com": "1", "c@d.com": "2"}, "c", lambda path, text: "<X>")
    assert list(changed) == ["<X>", "<X>_"]


def test_field_names_of_typed_values_stay():
    assert map_leaves({"a b": "x"}, "c", lambda path, text: "<X>", True) == {"a b": "<X>"}
