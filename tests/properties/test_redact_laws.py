"""Laws of redaction: rows do not know each other, and shortcuts change no answer."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rai_scale
from tests.capabilities.presidio_alone import (
    MODEL,
    settled,
    spans_found,
    stock_analyze,
    stock_redact,
)

FEW = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
MORE = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
PATTERN_ENTITIES = ["EMAIL_ADDRESS", "CREDIT_CARD", "PHONE_NUMBER", "IP_ADDRESS"]
PIECES = [
    *("Anna Smith", "Mr. Jones", "Jürgen Müller", "Lake Thomasfort", "李小龙", "Мария", "🙂"),
    *("212-555-5555", "+49 30 901820", "(415) 555-0110 ext 12", "0044 20 7946 0958"),
    *("a.smith@example.com", "x@y", "http://example.org/a?b=c", "10.0.0.1", "::1", "2001:db8::1"),
    *("4095-2609-9393-4932", "4095260993934932", "GB33BUKB20201555555555", "078-05-1120"),
    *("1976-01-16", "on Tuesday", "126/69", "SKU-86878", "$345.95", "phone", "card", "email"),
    *("my number is", "paid with", "\n", "\t", ".", ",", "nan", "x", "１２３４５６７８９０"),
]
WORDS = st.sampled_from(PIECES) | st.text(max_size=12)
TEXTS = st.lists(WORDS, max_size=7).map(" ".join)
CELLS = st.lists(TEXTS | st.none() | st.sampled_from(["", " "]), max_size=8)


def redacted(texts: list[str | None], **options) -> list[dict]:
    table = pa.table({"t": pa.array(texts, pa.string())})
    return rai_scale.redact(table, "t", model=MODEL, details=True, **options).to_pylist()


@FEW
@given(CELLS)
def test_every_row_is_presidios_own(cells):
    for text, row in zip(cells, redacted(cells), strict=True):
        if text is None:
            assert row["t"] is None
        else:
            assert row["t"] == stock_redact(text)
            assert spans_found(row) == settled(text, stock_analyze(text))


@FEW
@given(CELLS, st.data())
def test_any_split_and_any_order_give_the_same_rows(cells, data):
    whole = redacted(cells)
    at = data.draw(st.integers(0, len(cells)))
    assert redacted(cells[:at]) + redacted(cells[at:]) == whole
    order = data.draw(st.permutations(range(len(cells))))
    assert redacted([cells[i] for i in order]) == [whole[i] for i in order]


@FEW
@given(TEXTS, CELLS)
def test_equal_texts_have_equal_results(text, others):
    rows = redacted([text, *others, text])
    assert rows[0] == rows[-1]


@MORE
@given(CELLS)
def test_patterns_without_spacy_equal_the_full_analysis(cells):
    rows = redacted(cells, entities=PATTERN_ENTITIES)
    for text, row in zip(cells, rows, strict=True):
        if text is not None:
            expected = stock_analyze(text, entities=PATTERN_ENTITIES)
            assert spans_found(row) == settled(text, expected)
            assert row["t"] == stock_redact(text, entities=PATTERN_ENTITIES)
