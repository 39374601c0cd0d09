"""Keys of maps, of JSON objects and of structs: what is personal in them, and that none is lost."""

from __future__ import annotations

import datetime as dt
import json

import pyarrow as pa
import pytest

import rai_scale
from rai_scale.errors import ConfigError, MissingColumnError
from tests.capabilities.presidio_alone import MODEL
from tests.capabilities.scan_lake import scan

PHONE = 2125550100
A, B = "anna@example.com", "ben@example.com"


def rows_of(case, column, **options):
    frame = case.make(pa.table({"id": range(len(column)), "m": column}))
    options = {"model": MODEL, "entities": ["EMAIL_ADDRESS"], **options}
    done = rai_scale.redact(frame, json_columns=["m"], details=True, **options)
    return case.rows(done, "id")


def entries(row):
    return [tuple(entry) for entry in row["m"].items()] if isinstance(row["m"], dict) else row["m"]


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        (pa.int64(), PHONE),
        (pa.float64(), float(PHONE)),
        (pa.date32(), dt.date(1976, 1, 16)),
        (pa.string(), "x"),
    ],
    ids=str,
)
def test_a_rule_for_the_keys_of_a_map_treats_keys_of_any_type(cluster_case, kind, key):
    column = pa.array([[(key, "x")], [], None], pa.map_(kind, pa.string()))
    first, empty, null = rows_of(cluster_case, column, whole_columns={"m.*": "PHONE_NUMBER"})
    assert entries(first) == [("<PHONE_NUMBER>", "<PHONE_NUMBER>")]
    assert [f["column"] for f in first["_rai_findings"]] == ["m.*", "m.*"]
    assert not empty["m"]
    assert null["m"] is None


def test_keys_and_numbers_under_a_rule_become_text_together(cluster_case):
    column = pa.array([[(PHONE, 7), (PHONE + 1, None)]], pa.map_(pa.int64(), pa.int64()))
    (row,) = rows_of(cluster_case, column, whole_columns={"m.*": "PHONE_NUMBER"})
    new = ["<PHONE_NUMBER>", "<PHONE_NUMBER>_"]
    assert entries(row) == [(new[0], "<PHONE_NUMBER>"), (new[1], None)]
    assert len(row["_rai_findings"]) == 3


def test_two_keys_that_would_become_one_are_kept_apart(cluster_case):
    pairs = [(A, "1"), (B, "2"), ("<EMAIL_ADDRESS>", "3"), ("<EMAIL_ADDRESS>_", "4")]
    column = pa.array([pairs, pairs[:1]], pa.map_(pa.string(), pa.string()))
    first, second = rows_of(cluster_case, column)
    keys = ["<EMAIL_ADDRESS>" + "_" * n for n in range(4)]
    assert entries(first) == list(zip(keys, "1234", strict=True))
    assert entries(second) == [(keys[0], "1")]


def test_a_key_that_a_rule_names_keeps_its_name(cluster_case):
    kind = pa.map_(pa.string(), pa.string())
    column = pa.array([[(A, "1"), ("<EMAIL_ADDRESS>", "2")]], kind)
    rules = {"m.<EMAIL_ADDRESS>": "PERSON"}
    (row,) = rows_of(cluster_case, column, whole_columns=rules)
    assert entries(row) == [("<EMAIL_ADDRESS>_", "1"), ("<EMAIL_ADDRESS>", "<PERSON>")]


def test_a_rule_names_an_accent_in_either_form(cluster_case):
    """One character, or a letter and a combining one."""
    whole = {"m.pr\u00e9nom": "PERSON", "m.u\u0308ber": "PERSON"}
    texts = pa.array([json.dumps({"pre\u0301nom": "x", "\u00fcber": "y"})])
    maps = pa.array(
        [[("pre\u0301nom", "x"), ("\u00fcber", "y")]], pa.map_(pa.string(), pa.string())
    )
    for column in (texts, maps):
        (row,) = rows_of(cluster_case, column, whole_columns=whole)
        found = json.loads(row["m"]) if column is texts else dict(entries(row))
        assert set(found.values()) == {"<PERSON>"}
    table = pa.table({"pre\u0301nom": ["x"]})
    with pytest.raises(MissingColumnError, match=r"Did you mean 'pre\\u0301nom', the same letters"):
        rai_scale.redact(table, whole_columns={"pr\u00e9nom": "PERSON"})


def test_keys_that_cannot_be_treated_are_refused(cluster_case):
    for kind in (pa.binary(), pa.struct([("a", pa.string())])):
        column = pa.array([], pa.map_(kind, pa.string()))
        with pytest.raises(ConfigError, match="binary|cast them to text"):
            rows_of(cluster_case, column, whole_columns={"m.*": "PERSON"})


def test_a_field_name_full_of_digits_is_searched_like_any_key(engine_case):
    cells = [json.dumps({key: 1}) for key in (f"_{PHONE}", "col_2024", f"_{PHONE}")]
    options = {"entities": ["PHONE_NUMBER"], "score_threshold": 0.3}
    done = [json.loads(row["m"]) for row in rows_of(engine_case, pa.array(cells), **options)]
    assert done == [{"_<PHONE_NUMBER>": 1}, {"col_2024": 1}, {"_<PHONE_NUMBER>": 1}]


@pytest.mark.parametrize("name", [A, str(PHONE)])
def test_field_names_that_are_personal_are_refused_and_never_shown(engine_case, name):
    inner = pa.struct([("note", pa.string()), (name, pa.string())])
    column = pa.array([{"note": "x", name: A}] * 3, inner)
    with pytest.raises(ConfigError, match="names look like personal data.*number 2") as caught:
        rows_of(engine_case, column)
    assert name not in str(caught.value)
    found = scan({"t": engine_case.make(pa.table({"m": column}))})
    assert name not in found.to_json()
    assert "m.*" in set(found.to_pandas()["column"])
