"""Operators and analyzer options: each as Presidio alone gives it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest
from presidio_analyzer import Pattern, PatternRecognizer
from presidio_anonymizer import AnonymizerEngine, DeanonymizeEngine
from presidio_anonymizer.entities import OperatorConfig, OperatorResult

import rai_scale
from rai_scale.errors import ConfigError
from tests.capabilities.presidio_alone import (
    MODEL,
    settled,
    spans_found,
    stock_analyze,
    stock_engine,
    stock_redact,
)

TEXTS = [
    "Call Anna Smith at 212-555-5555 or write to anna.smith@example.com.",
    "My card is 4095-2609-9393-4932, and my phone number is 415-555-0110.",
    "Nothing to see here.",
    "Visa 4095260993934932 of John Doe, born 1976-01-16, from 10.0.0.1",
    "Der Brief kam aus München, unterschrieben von Jürgen Müller. 日本語のテキスト",
]
GUIDE = "His name is Mr. Jones and his phone number is 212-555-5555"
DENIED = {"TITLE": ["Mr.", "Mrs.", "Miss"], "PRONOUN": ["he", "his", "she", "hers"]}
SALT = "0123456789abcdef"
FIXED = [
    {"DEFAULT": {"type": "replace"}},
    {"DEFAULT": {"type": "replace", "new_value": "<X>"}, "PERSON": {"type": "redact"}},
    {
        "DEFAULT": {"type": "keep"},
        "PHONE_NUMBER": {
            "type": "mask",
            "masking_char": "*",
            "chars_to_mask": 12,
            "from_end": True,
        },
    },
    {"DEFAULT": {"type": "hash", "hash_type": "sha256", "salt": SALT}},
    {"PERSON": {"type": "hash", "hash_type": "sha512", "salt": SALT}},
]


def table_of(texts: list[str | None]) -> pa.Table:
    return pa.table({"text": pa.array(texts, pa.string())})


def redacted(texts: list[str | None], **options) -> list[dict]:
    return rai_scale.redact(
        table_of(texts), "text", model=MODEL, details=True, **options
    ).to_pylist()


def stock_operators(specs: dict) -> dict[str, OperatorConfig]:
    return {
        e: OperatorConfig(s["type"], {k: v for k, v in s.items() if k != "type"})
        for e, s in specs.items()
    }


@pytest.mark.parametrize("specs", FIXED, ids=lambda s: "-".join(v["type"] for v in s.values()))
def test_operators_without_chance(specs):
    out = [row["text"] for row in redacted(TEXTS, operators=specs)]
    assert out == [stock_redact(text, stock_operators(specs)) for text in TEXTS]
    # Presidio's own OperatorConfig is taken as well
    again = redacted(TEXTS, operators=stock_operators(specs))
    assert [row["text"] for row in again] == out


def test_findings_name_the_operator():
    rows = redacted(TEXTS[:1], operators={"PERSON": {"type": "redact"}})
    named = {f["entity"]: f["operator"] for f in rows[0]["_rai_findings"]}
    assert named["PERSON"] == "redact"
    assert named["PHONE_NUMBER"] == "replace"


def pieces(text: str, operators: dict, new: str) -> list[tuple]:
    """Where Presidio puts its items, to compare operators that draw at random."""
    items = AnonymizerEngine().anonymize(text, stock_analyze(text), operators).items
    return [(i.entity_type, i.start, i.end, new[i.start : i.end]) for i in items]


def test_encrypt_gives_the_original_back():
    key = "WmZq4t7w!z%C&F)J"
    rows = redacted(TEXTS, operators={"DEFAULT": {"type": "encrypt", "key": key}})
    encrypt = {"DEFAULT": OperatorConfig("encrypt", {"key": key})}
    decrypt = {"DEFAULT": OperatorConfig("decrypt", {"key": key})}
    for text, row in zip(TEXTS, rows, strict=True):
        assert spans_found(row) == settled(text, stock_analyze(text))
        # cipher texts of equal length: the items lie where Presidio's own lie
        found = [OperatorResult(a, b, e) for e, a, b, _ in pieces(text, encrypt, row["text"])]
        back = DeanonymizeEngine().deanonymize(row["text"], found, decrypt)
        assert back.text == text
        assert (row["text"] == text) == (not found)


def test_an_unsalted_hash_differs_each_time_and_keeps_its_place():
    hashing = {"DEFAULT": {"type": "hash"}}
    text = TEXTS[0]
    rows = redacted([text, text], operators=hashing)
    assert rows[0]["text"] != rows[1]["text"]
    cut = [pieces(text, stock_operators(hashing), row["text"]) for row in rows]
    for row, items in zip(rows, cut, strict=True):
        assert spans_found(row) == settled(text, stock_analyze(text))
        kept = row["text"]
        for _, start, end, piece in items:
            assert len(piece) == 64
            int(piece, 16)
            kept = kept[:start] + kept[end:]
        assert kept == stock_redact(text, {"DEFAULT": OperatorConfig("redact")})


def test_the_guides_walkthrough():
    operators = {
        "DEFAULT": {"type": "replace", "new_value": "<ANONYMIZED>"},
        "PHONE_NUMBER": {
            "type": "mask",
            "masking_char": "*",
            "chars_to_mask": 12,
            "from_end": True,
        },
        "TITLE": {"type": "redact"},
    }
    row = redacted([GUIDE], deny_lists=DENIED, operators=operators)[0]
    found = {
        (f["entity"], f["start"], f["end"], round(f["score"], 6)) for f in row["_rai_findings"]
    }
    assert {
        ("PHONE_NUMBER", 46, 58, 0.75),
        ("TITLE", 12, 15, 1.0),
        ("PERSON", 16, 21, 0.85),
        ("PRONOUN", 26, 29, 1.0),
        ("PRONOUN", 0, 3, 1.0),
    } == found
    assert row["text"] == (
        "<ANONYMIZED> name is  <ANONYMIZED> and <ANONYMIZED> phone number is ************"
    )


def test_deny_lists_equal_presidios_ad_hoc_recognizers():
    lists = [PatternRecognizer(entity, deny_list=words) for entity, words in DENIED.items()]
    rows = redacted([GUIDE, *TEXTS], deny_lists=DENIED)
    for text, row in zip([GUIDE, *TEXTS], rows, strict=True):
        expected = stock_analyze(text, ad_hoc_recognizers=lists)
        assert spans_found(row) == settled(text, expected)
        assert row["text"] == AnonymizerEngine().anonymize(text, expected).text


def test_own_patterns_with_context():
    pattern = {"entity": "ORDER", "regex": r"\bAB-\d{4}\b", "score": 0.2, "context": ["order"]}
    texts = ["my order AB-1234 is late", "AB-1234", "nothing"]
    own = PatternRecognizer(
        "ORDER", patterns=[Pattern("o", pattern["regex"], 0.2)], context=["order"]
    )
    rows = redacted(texts, patterns=[pattern], entities=["ORDER"])
    for text, row in zip(texts, rows, strict=True):
        expected = stock_analyze(text, ad_hoc_recognizers=[own], entities=["ORDER"])
        assert spans_found(row) == settled(text, expected)
    assert rows[0]["_rai_findings"][0]["score"] > rows[1]["_rai_findings"][0]["score"]


@pytest.mark.parametrize(
    "options",
    [
        {"score_threshold": 0.5},
        {"score_threshold": 0.9},
        {"entities": ["PERSON"]},
        {"entities": ["EMAIL_ADDRESS", "PHONE_NUMBER"]},
        {"entities": ["PHONE_NUMBER", "PERSON"], "score_threshold": 0.6},
        {"allow_list": ["Anna Smith", "10.0.0.1"]},
        {"allow_list": [r"\d{3}-555-\d{4}"], "allow_list_match": "regex"},
    ],
    ids=str,
)
def test_analyzer_options(options):
    rows = redacted(TEXTS, **options)
    for text, row in zip(TEXTS, rows, strict=True):
        expected = stock_analyze(text, **options)
        assert spans_found(row) == settled(text, expected)
        assert row["text"] == stock_redact(text, **options)


def test_the_column_name_is_context_only_when_asked_for():
    table = pa.table({"phone": ["555-0110 ext", "212-555-5555"], "zip": ["10001", "10002"]})
    for on in (False, True):
        out = rai_scale.redact(
            table, ["phone", "zip"], model=MODEL, details=True, column_context=on
        ).to_pylist()
        for given, row in zip(table.to_pylist(), out, strict=True):
            for column in ("phone", "zip"):
                expected = stock_analyze(given[column], context=[column] if on else None)
                mine = {
                    **row,
                    "_rai_findings": [f for f in row["_rai_findings"] if f["column"] == column],
                }
                assert spans_found(mine) == settled(given[column], expected)
    alone = stock_analyze("212-555-5555")[0].score
    assert stock_analyze("212-555-5555", context=["phone"])[0].score > alone


def test_whole_columns_are_replaced_whole():
    frame = pd.DataFrame({"name": ["Anna Smith", None, "x y z", ""], "n": [1, 2, 3, 4]})
    out = rai_scale.redact(frame, whole_columns={"name": "PERSON"}, model=MODEL, details=True)
    assert out["name"].tolist() == ["<PERSON>", None, "<PERSON>", ""]
    first = out["_rai_findings"].iloc[0][0]
    assert (first["entity"], first["start"], first["end"]) == ("PERSON", 0, 10)
    assert first["recognizer"] == "column"
    hashed = {"PERSON": {"type": "hash", "salt": SALT}}
    out = rai_scale.redact(frame, whole_columns={"name": "PERSON"}, operators=hashed, model=MODEL)
    whole = AnonymizerEngine().anonymize(
        "Anna Smith", [stock_result("Anna Smith")], stock_operators(hashed)
    )
    assert out["name"].iloc[0] == whole.text


def stock_result(text: str):
    from presidio_analyzer import RecognizerResult

    return RecognizerResult("PERSON", 0, len(text), 1.0)


def test_wrong_options_say_what_is_allowed():
    table = table_of(["x"])
    with pytest.raises(ConfigError, match=r"'PERSN'.*Did you mean 'PERSON'"):
        rai_scale.redact(table, "text", model=MODEL, entities=["PERSN"])
    with pytest.raises(ConfigError, match=r"entitees.*Options are: language, .*entities"):
        rai_scale.redact(table, "text", model=MODEL, entitees=["PERSON"])
    with pytest.raises(ConfigError, match="detials: unknown option. Did you mean 'details'"):
        rai_scale.redact(table, "text", model=MODEL, detials=True)
    with pytest.raises(ConfigError, match=r"'context_prefix_count'\? Options are: context_sim"):
        rai_scale.redact(table, "text", context_enhancer={"context_prefix_cout": 3})
    with pytest.raises(
        ConfigError, match=r"refuses the registry: recognizers: .*'EmailRecogniser'"
    ):
        registry = {"recognizers": [{"name": "EmailRecogniser", "type": "predefined"}]}
        rai_scale.redact(table, "text", model=MODEL, registry=registry)
    with pytest.raises(ConfigError, match="write {name: EmailRecognizer, type: predefined}"):
        registry = {"recognizers": ["EmailRecognizer"]}  # Presidio would search for nothing
        rai_scale.redact(table, "text", model=MODEL, registry=registry)
    with pytest.raises(ConfigError, match="either analyzer= or its options"):
        config = rai_scale.pii.AnalyzerConfig(model=MODEL)
        rai_scale.redact(table, "text", analyzer=config, language="en")
    with pytest.raises(ConfigError, match="on_error must be 'raise' or 'null'; found 'skip'"):
        rai_scale.redact(table, "text", model=MODEL, on_error="skip")
    with pytest.raises(ConfigError, match="name at least one column"):
        rai_scale.redact(table, model=MODEL)
    with pytest.raises(ConfigError, match="named twice"):
        rai_scale.redact(table, "text", json_columns=["text"], model=MODEL)
    with pytest.raises(ConfigError, match="operator 'mask' for 'PERSON' is refused"):
        rai_scale.redact(table, "text", operators={"PERSON": {"type": "mask"}}, model=MODEL)
    with pytest.raises(ConfigError, match="must be a mapping with a 'type'"):
        rai_scale.redact(table, "text", operators={"PERSON": "mask"}, model=MODEL)


def test_the_reference_is_presidio_itself():
    assert type(stock_engine()).__module__ == "presidio_analyzer.analyzer_engine"


def test_what_is_replaced_is_what_is_found_after_conflicts():
    text = "mail bob@example.com or Anna  Smith today"
    row = redacted([text])[0]
    items = AnonymizerEngine().anonymize(text, stock_analyze(text)).items
    assert len(row["_rai_findings"]) == len(items) < len(stock_analyze(text))
    assert [(f["entity"], f["operator"]) for f in row["_rai_findings"]] == [
        (item.entity_type, item.operator) for item in sorted(items, key=lambda i: i.start)
    ]
    assert row["_rai_findings"][0]["recognizer"] == "EmailRecognizer"


OVERLAP = "Fake card number 4012 8888 8888 1881.com that"


@pytest.mark.parametrize(
    ("operators", "expected"),
    [
        ({"DEFAULT": {"type": "keep"}}, OVERLAP),
        ({"CREDIT_CARD": {"type": "keep"}}, "Fake card number 4012 8888 8888 <URL> that"),
        ({"URL": {"type": "keep"}}, "Fake card number <CREDIT_CARD>1881.com that"),
        ({}, "Fake card number <CREDIT_CARD><URL> that"),
    ],
    ids=["all", "the first", "the second", "none"],
)
def test_kept_spans_that_overlap_stand_once(operators, expected):
    row = redacted([OVERLAP], operators=operators)[0]
    assert row["text"] == expected
    assert [f["entity"] for f in row["_rai_findings"]] == ["CREDIT_CARD", "URL"]
    if "keep" not in str(operators) or list(operators) == ["URL"]:
        assert row["text"] == stock_redact(OVERLAP, stock_operators(operators))


NUMBERS = [
    pa.array([2125551234, None]),
    pa.array([2125551234.0, None]),
    pa.array([Decimal("2125551234.00"), None]),
    pa.array([Decimal("2125551234"), None], pa.decimal128(38, 0)),
    pa.array(["2125551234", None]),
]


@pytest.mark.parametrize("column", NUMBERS, ids=lambda c: str(c.type))
def test_a_number_has_one_pseudonym_whatever_its_type(engine_case, column):
    options = {"operators": {"DEFAULT": {"type": "hash", "salt": SALT}}, "model": MODEL}
    expected = rai_scale.redact(
        pa.table({"v": ["2125551234"]}), whole_columns={"v": "PHONE_NUMBER"}, **options
    )
    frame = engine_case.make(pa.table({"id": [0, 1], "v": column}))
    out = rai_scale.redact(frame, whole_columns={"v": "PHONE_NUMBER"}, **options)
    assert [r["v"] for r in engine_case.rows(out, "id")] == [expected["v"][0].as_py(), None]


def test_a_date_has_one_pseudonym_in_pandas_too():
    day = dt.date(1976, 1, 16)
    days = pa.array([day])
    columns = [days, pa.array(["1976-01-16"]), days.cast(pa.timestamp("ns"))]
    out = [
        rai_scale.redact(
            pa.table({"v": column}),
            whole_columns={"v": "DATE_TIME"},
            operators={"DEFAULT": {"type": "hash", "salt": SALT}},
            model=MODEL,
        )["v"][0].as_py()
        for column in columns
    ]
    assert len(set(out)) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"operators": {"EMAIL_ADRESS": {"type": "keep"}}}, "Did you mean 'EMAIL_ADDRESS'"),
        ({"operators": {"UK_NINO": {"type": "keep"}}}, "'UK_NINO' is not searched for; add it to"),
        (
            {"operators": {"EMAIL_ADDRESS": {"type": "keep"}}, "entities": ["PERSON"]},
            "'EMAIL_ADDRESS' is not searched for",
        ),
        (
            {"whole_columns": {"name": "PRSON"}},
            "'PRSON' is not an entity that Presidio knows. Did you mean 'PERSON'",
        ),
    ],
)
def test_a_rule_without_anything_to_act_on_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        rai_scale.redact(pa.table({"text": ["x"], "name": ["x"]}), "text", model=MODEL, **options)


def test_new_names_of_whole_columns_and_their_operators():
    out = rai_scale.redact(
        pa.table({"a": ["x"], "b": ["y"], "c": ["z"]}),
        whole_columns={"a": "CLIENT_NUMBER", "b": "PRSON", "c": "UK_NINO"},
        operators={
            "CLIENT_NUMBER": {"type": "redact"},
            "PRSON": {"type": "keep"},
            "UK_NINO": {"type": "replace", "new_value": "N"},
        },
        model=MODEL,
    )
    assert out.to_pylist() == [{"a": "", "b": "y", "c": "N"}]
