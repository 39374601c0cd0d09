"""From counts to a verdict."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rai_scale.pii.scanning.verdict import (
    BY_MODEL,
    NAME_WEIGHT,
    WEAK,
    Seen,
    consistency,
    judge,
    verdict_of,
)
from rai_scale.statistics.wilson import wilson

FIELD, TEXT = 2, 20  # words per value


def one(entity, hits, values=100, *, score=0.85, names=(), words=FIELD, read=True, others=None):
    seen = Seen(values, words * values, read)
    found = {**({entity: (hits, score * hits)} if hits else {}), **(others or {})}
    return next(f for f in judge(names, seen, found) if f.entity == entity)


# Wilson 1927, worked out with 40 digits from (2nh + z^2 -+ z sqrt(z^2 + 4nh(1-h))) / (2 (n + z^2))
@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        (0, 10, 0.0, 0.2775327998628892),
        (10, 10, 0.7224672001371107, 1.0),
        (5, 10, 0.2365930905125640, 0.7634069094874360),
        (1, 20, 0.0088814488007954, 0.2361311934467420),
        (50, 100, 0.4038315303659956, 0.5961684696340044),
        (1, 1, 0.2065493143772375, 1.0),
    ],
)
def test_wilson_interval(hits, n, low, high):
    assert wilson(hits, n) == pytest.approx((low, high), abs=1e-12)


def test_wilson_of_nothing_says_nothing():
    assert np.isnan(wilson(0, 0)).all()


@given(st.integers(1, 10**7), st.data())
def test_wilson_laws(n, data):
    hits = data.draw(st.integers(0, n))
    low, high = wilson(hits, n)
    assert 0.0 <= low <= hits / n <= high <= 1.0
    assert low < high
    mirrored = wilson(n - hits, n)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-9)
    # each end solves |p - h| = z sqrt(p (1 - p) / n)
    for end in (low, high):
        if 0 < end < 1:
            z2 = (end - hits / n) ** 2 * n / (end * (1 - end))
            assert z2 == pytest.approx(1.959963984540054**2, rel=1e-4)


@given(st.integers(0, 50), st.integers(51, 100))
def test_wilson_narrows_with_more_rows(share, factor):
    low, high = wilson(share, 50)
    lower, higher = wilson(share * factor, 50 * factor)
    assert higher - lower < high - low
    assert Fraction(share, 50) == Fraction(share * factor, 50 * factor)


@given(
    st.sampled_from(["EMAIL_ADDRESS", "PERSON", "DATE_TIME"]),
    st.integers(0, 99),
    st.floats(0.35, 1),
    st.booleans(),
    st.sampled_from([FIELD, TEXT]),
)
def test_more_hits_and_a_name_make_surer(entity, hits, score, named, words):
    names = (entity,) if named else ()
    if hits:
        fewer = one(entity, hits, score=score, names=names, words=words)
        more = one(entity, hits + 1, score=score, names=names, words=words)
        assert fewer.confidence <= more.confidence
        unnamed = one(entity, hits, score=score, words=words)
        with_name = one(entity, hits, score=score, names=(entity,), words=words)
        assert unnamed.confidence < with_name.confidence
        assert 0 < fewer.confidence <= 1
        weaker = one(entity, hits, score=score * 0.9, names=names, words=words)
        assert weaker.confidence <= fewer.confidence


def test_evidence():
    both = one("EMAIL_ADDRESS", 90, names=("EMAIL_ADDRESS",))
    values = one("EMAIL_ADDRESS", 90)
    name = one("EMAIL_ADDRESS", 0, names=("EMAIL_ADDRESS",))
    assert [f.decided_by for f in (both, values, name)] == ["both", "values", "name"]
    assert both.confidence > values.confidence > name.confidence == NAME_WEIGHT
    assert [f.verdict for f in (both, values, name)] == ["personal", "personal", "possible"]
    assert (name.rows_with, name.share, name.mean_score) == (0, 0.0, None)
    assert (values.share, values.mean_score) == (0.9, pytest.approx(0.85))


def test_the_formula_of_confidence():
    assert one("EMAIL_ADDRESS", 9, score=1.0).confidence == 0.9  # 9 / (9 + 1)
    named = one("EMAIL_ADDRESS", 9, score=1.0, names=("EMAIL_ADDRESS",))
    assert named.confidence == pytest.approx(1 - 0.1 * 0.4)
    weak = one("DATE_TIME", 99, score=1.0, words=TEXT)
    assert weak.confidence == pytest.approx(0.99 * WEAK["DATE_TIME"])


def test_one_hit_alone_may_be_an_accident():
    assert one("EMAIL_ADDRESS", 1, 1000, score=1.0).verdict == "possible"
    assert one("EMAIL_ADDRESS", 1, 1000, score=0.5).verdict == "unlikely"


def test_types_that_are_often_not_personal_need_a_telling_name():
    for entity in WEAK:
        assert one(entity, 100, score=0.8, words=TEXT).verdict != "personal"
        assert one(entity, 100, score=0.8, words=TEXT, names=(entity,)).verdict == "personal"


def test_a_type_whose_values_are_not_read_goes_by_its_name():
    born = one("DATE_TIME", 0, names=("DATE_TIME",), read=False)
    assert (born.verdict, born.decided_by, born.confidence) == ("personal", "name", 0.8)
    assert (born.share, born.share_low, born.share_high, born.mean_score) == (None,) * 4


def test_a_column_without_values_holds_nothing():
    assert judge(("EMAIL_ADDRESS",), Seen(0, 0), {}) == []
    assert judge((), Seen(10, 10), {}) == []


def test_a_guess_of_the_model_in_a_field_is_doubted_and_in_sentences_not():
    field = one("PERSON", 5, words=FIELD)
    sentences = one("PERSON", 5, words=TEXT)
    assert (field.verdict, sentences.verdict) == ("unlikely", "personal")
    half = [
        consistency("PERSON", 50, 50, Seen(100, 200)),
        consistency("PERSON", 25, 25, Seen(100, 200)),
    ]
    assert half == [1.0, 0.5]
    for entity in BY_MODEL:
        assert consistency(entity, 1, 100, Seen(100, 100 * TEXT)) == 1.0


def test_a_pattern_in_few_cells_of_a_field_counts_unless_another_type_fills_it():
    assert consistency("EMAIL_ADDRESS", 5, 5, Seen(100, 200)) == 1.0
    assert consistency("UK_NHS", 5, 95, Seen(100, 200)) == 0.3
    assert consistency("UK_NHS", 5, 20, Seen(100, 200)) == 1.0
    beside = one("UK_NHS", 5, score=1.0, others={"PHONE_NUMBER": (95, 70.0)})
    assert beside.verdict == "unlikely"


def test_field_or_sentences():
    assert Seen(10, 50).is_field
    assert not Seen(10, 51).is_field
    assert Seen(0, 0).is_field


def test_the_surest_comes_first_and_ties_by_name():
    found = {"URL": (50, 25.0), "EMAIL_ADDRESS": (50, 50.0), "B": (9, 9.0), "A": (9, 9.0)}
    order = [f.entity for f in judge((), Seen(100, 2000), found)]
    assert order == ["EMAIL_ADDRESS", "A", "B", "URL"]


@pytest.mark.parametrize(
    ("confidence", "word"),
    [
        (0.0, "unlikely"),
        (0.2999, "unlikely"),
        (0.3, "possible"),
        (0.6999, "possible"),
        (0.7, "personal"),
        (1.0, "personal"),
    ],
)
def test_words_for_a_confidence(confidence, word):
    assert verdict_of(confidence) == word
