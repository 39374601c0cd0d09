"""The preset for business English: what it finds, how well, and that batches change nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rai_scale.errors import ConfigError
from rai_scale.pii import AnalyzerConfig, build_analyzer, evaluate_pii, get_analyzer
from rai_scale.pii.analysis.analyzer import analyze_arguments
from tests.capabilities.presidio_alone import MODEL

STOCK, PRESET = AnalyzerConfig(model=MODEL), AnalyzerConfig(model=MODEL, preset="business_en")
LETTERS = Path(__file__).parents[2] / "benchmarks" / "business_letters.json"
NAMES = {"GPE": "LOCATION", "DOMAIN_NAME": "URL", "TITLE": "TITLE"}


def found(text: str, **options) -> set[tuple[str, str]]:
    (analysis,) = get_analyzer(PRESET.model_copy(update=options)).analyze([text])
    assert analysis.error is None
    return {(r.entity_type, text[r.start : r.end]) for r in analysis.results}


@pytest.mark.parametrize(
    ("text", "entity", "value"),
    [
        ("It went to 14 Tannery Lane, Hebden Bridge, HX7 8QF.", "STREET_ADDRESS", "HX7 8QF"),
        ("Send it to 480 Granby Street, Suite 900, Norfolk, VA 23510", "STREET_ADDRESS", "23510"),
        ("We are at Lindenallee 44, 70565 Stuttgart now", "STREET_ADDRESS", "Lindenallee 44"),
        ("She is a 33-year-old teacher", "AGE", "33"),
        ("I asked Dr. Achterberg about it", "PERSON", "Dr. Achterberg"),
        ("It is from J. R. Vandermeulen", "PERSON", "J. R. Vandermeulen"),
        ("The holder is MONTGOMERY, Lisa today", "PERSON", "MONTGOMERY, Lisa"),
        ("hi, lisa brady here", "PERSON", "lisa brady"),
        ("write to ann@files.intranet", "EMAIL_ADDRESS", "ann@files.intranet"),
        ("my card is 1234 5678 9012 3456 here", "CREDIT_CARD", "1234 5678 9012 3456"),
        ("He joined Prairie Mutual Insurance Company", "ORGANIZATION", "Prairie Mutual"),
    ],
)
def test_finds(text, entity, value):
    assert any(kind == entity and value in shown for kind, shown in found(text)), found(text)


@pytest.mark.parametrize(
    "text",
    [
        "Family history of Crohn's disease.",
        "Order 30477 has 12 items and 3 pallets.",
        "May I return it in an hour?",
        "During 1971 nothing happened in spring.",
        "The number is 1234 5678 9012 3456.",
    ],
)
def test_leaves_alone(text):
    assert {kind for kind, _ in found(text)} <= {"DATE_TIME"}


def test_batches_give_what_presidio_gives_alone():
    texts = [record["full_text"] for record in json.loads(LETTERS.read_text("utf-8"))][:12]
    alone, arguments = build_analyzer(PRESET), analyze_arguments(PRESET)

    def plain(results):
        return sorted((r.entity_type, r.start, r.end, r.score) for r in results)

    for text, analysis in zip(texts, get_analyzer(PRESET).analyze(texts), strict=True):
        assert plain(analysis.results) == plain(alone.analyze(text, language="en", **arguments))


def test_options_still_apply():
    assert found("Dr. Achterberg, aged 50", entities=("AGE",)) == {("AGE", "50")}
    card = "my card is 1234 5678 9012 3456"
    assert not any(kind == "CREDIT_CARD" for kind, _ in found(card, score_threshold=0.6))
    with pytest.raises(ConfigError, match="for language 'en', which has no model"):
        get_analyzer(AnalyzerConfig(model=MODEL, preset="business_en", language="fr"))


def test_letters_of_another_origin():
    measured = evaluate_pii(str(LETTERS), PRESET, baseline=STOCK).metrics()
    assert measured["f2"] >= 0.85
    assert measured["precision"] >= 0.84


@pytest.mark.full
def test_generated_texts(reference_data):
    file = reference_data / "pii" / "synth_templates_a.json"
    result = evaluate_pii(str(file), PRESET, baseline=STOCK, entity_map=NAMES)
    assert result.metrics()["f2"] >= 0.85
    assert result.metrics()["precision"] >= 0.84
    (gate,) = result.gates({"metric": "f2_change", "below": 0.2, "judged_by": "lower_bound"})
    assert gate["passed"]


@pytest.mark.full
def test_a_long_cell_takes_time_in_proportion(reference_data):
    file = reference_data / "pii" / "synth_templates_a.json"
    texts = [r["full_text"] for r in json.loads(file.read_text("utf-8"))][:200]
    from time import process_time

    from rai_scale.pii.analysis.presets import text_recognizers

    def seconds(cells):
        start = process_time()
        for recognizer in text_recognizers("en"):
            for cell in cells:
                recognizer.analyze(cell, recognizer.supported_entities)
        return process_time() - start

    seconds(texts[:5])
    assert seconds([" ".join(texts)]) < 2 * seconds(texts)
    for part in ("A", "1 ", "Ab ", " ", "1 Ab ", "A.", "to: ", "1, Ab ", "Ab\n", "Ab, "):
        assert seconds([part * 8_000]) < 20, part
