"""What redaction leaves out never changes Presidio's answer."""

from __future__ import annotations

import pytest
import regex
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rai_scale.pii.analysis.automaton import Automaton
from rai_scale.pii.analysis.context_words import ContextWords
from rai_scale.pii.analysis.least_spacy import LeastSpacy, entity_recognizer
from rai_scale.pii.analysis.needed_characters import NeededCharacters, Needs, needs_of
from rai_scale.pii.analysis.pattern_prefilter import Unmatched
from tests.capabilities.presidio_alone import MODEL, stock_engine

TEXTS = st.lists(
    st.sampled_from(
        [
            *("Anna Smith", "Mr. Jones", "Lake Thomasfort", "Zoë Müller-Lüdenscheidt", "李小龙"),
            *("212-555-5555", "+49 30 901820", "(415) 555-0110 ext 12", "１２３４５６７８９０"),
            *("a.smith@example.com", "http://example.org/a?b=c", "example.co.uk", "10.0.0.1"),
            *("::1", "2001:db8::1", "00:1B:44:11:3A:B7", "1976-01-16", "16.1.1976", "Jan 3, 2020"),
            *("4095-2609-9393-4932", "GB33BUKB20201555555555", "gb33 BUKB 2020 1555 5555 55"),
            *("078-05-1120", "A1234567", "943 476 5919", "BB1388568", "912345678", "H12234567"),
            *("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "550e8400-e29b-41d4-a716-446655440000"),
            *("\n", "\t", ".", ",", "ſ", "K", "\x1c", "\u2028", "²", "ı", "é", "€5"),
            *("my licenses", "was called", "IDs", "the driver's permit", "saving", "n't"),
        ]
    )
    | st.text(max_size=8),
    max_size=9,
).map(" ".join)
MANY = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def patterns() -> list[tuple[str, int]]:
    recognizers = stock_engine().registry.get_recognizers(language="en", all_fields=True)
    return [
        (pattern.regex, int(recognizer.global_regex_flags))
        for recognizer in recognizers
        for pattern in getattr(recognizer, "patterns", ())
    ]


@pytest.fixture(scope="module", params=[Automaton, NeededCharacters])
def prefilter(request):
    if request.param is Automaton:
        pytest.importorskip("hyperscan", reason="extra 'fast' is not installed")
    return request.param(patterns())


@MANY
@given(TEXTS)
def test_a_pattern_that_matches_is_never_left_out(prefilter, text):
    candidates = prefilter.candidates(text)
    for number, (pattern, flags) in enumerate(patterns()):
        if any(match.group() for match in regex.finditer(pattern, text, flags=flags)):
            assert number in candidates, pattern


def test_most_patterns_are_left_out(prefilter):
    candidates = prefilter.candidates("Please cancel the wool blanket and keep the rest")
    assert len(candidates) < len(patterns()) / 4


@pytest.mark.parametrize(
    ("expression", "needs"),
    [
        (r"\b\d{3}-\d{2}-\d{4}\b", Needs(9, frozenset("-"))),
        (r"[0-9]{8,17}", Needs(8)),
        (r"(\d{4}|\d{2}@)x?", Needs(2)),
        (r"(?:@a)?\d*", Needs()),
        (r"(?=\d{5})[\w.]+@x", Needs(0, frozenset("@"))),
        (r"[\da]\.", Needs(0, frozenset("."))),
        (r"(?<!\d)1{2}", Needs(2)),
        (r"\p{L}\d", Needs()),
    ],
)
def test_what_every_match_contains(expression, needs):
    assert needs_of(expression, int(regex.IGNORECASE)) == needs


def test_recognizers_of_unknown_kind_are_always_asked():
    from presidio_analyzer import Pattern, PatternRecognizer
    from presidio_analyzer.predefined_recognizers import EmailRecognizer, PhoneRecognizer

    own = PatternRecognizer("OWN", patterns=[Pattern("own", r"(?:abc){e<=1}", 0.5)])
    changed = EmailRecognizer(patterns=[Pattern("other", r"\p{L}+", 0.5)])
    unmatched = Unmatched([own, changed, EmailRecognizer(), PhoneRecognizer()])
    assert unmatched.of("abd") == [2, 3]
    assert unmatched.of("a@b.com or 212-555-1234") == []


@MANY
@given(TEXTS)
def test_telephone_numbers_need_a_stretch_of_digits(text):
    from presidio_analyzer.predefined_recognizers import PhoneRecognizer

    recognizer = PhoneRecognizer()
    if Unmatched([recognizer]).of(text) == [0]:
        assert recognizer.analyze(text, ["PHONE_NUMBER"]) == []


@MANY
@given(TEXTS)
def test_the_lemma_of_a_word_is_one_of_the_possible_ones(text):
    nlp = stock_engine().nlp_engine.get_nlp("en")
    words = ContextWords(nlp, 5)
    assert words.usable
    for word in nlp(text):
        assert not word.lemma_ or word.lemma_ in words.lemmas(word.text)


SENTENCES = st.lists(
    st.sampled_from(
        [
            *("Anna", "Smith", "New York", "Bank of America", "Mr.", "January 3", "the", "Dr. Lee"),
            *("said", "He", "The", "in", "of", ".", "\n", "\n\n", "?", "Inc.", "St.", "U.S.", ";"),
        ]
    ),
    min_size=2,
    max_size=14,
).map(" ".join)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(SENTENCES, min_size=1, max_size=6, unique=True))
def test_entities_are_those_of_the_whole_pipeline(texts):
    nlp = stock_engine().nlp_engine.get_nlp("en")
    least = LeastSpacy(nlp, 256, 5)
    assert entity_recognizer(nlp) == "ner"
    found = {doc.text: doc for doc, tagged in least.read({text: [] for text in texts}, False)}
    for text in texts:
        expected = [(e.start, e.end, e.label_) for e in nlp(text).ents]
        assert [(e.start, e.end, e.label_) for e in found[text].ents] == expected


def test_a_pipeline_whose_recognizer_reads_others_runs_whole():
    import spacy

    nlp = spacy.load(MODEL)
    nlp.config["components"]["ner"]["model"]["tok2vec"] = {
        "@architectures": "spacy.Tok2VecListener.v1"
    }
    assert entity_recognizer(nlp) is None
    assert entity_recognizer(spacy.load(MODEL, exclude=["parser"])) is None
