"""Presets: recognizers in addition to Presidio's own, which a configuration names with one word."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from rai_scale.errors import ConfigError
from rai_scale.pii.analysis.business_english import rules
from rai_scale.pii.analysis.personal_names import name_recognizer

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine

    from rai_scale.pii.analysis.config import AnalyzerConfig

THRESHOLD = 0.35
"""Score below which a preset drops results, unless the configuration has a threshold."""
NOT_IGNORED = ("ORGANIZATION",)
"""Labels of the language model that Presidio ignores by default and a preset does not."""

_DATE = re.compile(
    r"\d{4}|\d[/.:-]\d|\b(mon|tues|wednes|thurs|fri|satur|sun)day\b"
    r"|\b(january|february|march|april|june|july|august|september|october|november|december)\b",
    re.IGNORECASE,
)
_DISEASE = re.compile(r"['’]s?\s+(disease|syndrome|palsy|sarcoma|lymphoma)\b", re.IGNORECASE)
_AFTER = 20
_WORD_OF_NAME = re.compile(r"[^\W\d_]{2,}")
_ABBREVIATION = re.compile(r"[A-Z]{1,4}\d*|\W*|.*[_=<>{}#/\\@].*", re.DOTALL)


def apply_preset(engine: AnalyzerEngine, config: AnalyzerConfig) -> None:
    """Add the recognizers of the configuration's preset to an engine, if it has one.

    Raises
    ------
    ConfigError
        If the preset is for another language.
    """
    if config.preset is None:
        return
    language = config.preset.rpartition("_")[2]
    if language not in config.languages:
        raise ConfigError(
            f"preset {config.preset!r} is for language {language!r}, which has no model here; the "
            f"languages are: {', '.join(config.languages)}."
        )
    if config.score_threshold is None:
        engine.default_score_threshold = THRESHOLD
    for recognizer in text_recognizers(language):
        if config.entities is None or set(recognizer.supported_entities) & set(config.entities):
            engine.registry.add_recognizer(recognizer)
    if any(type(r).__name__ == "SpacyRecognizer" for r in engine.registry.recognizers):
        engine.registry.remove_recognizer("SpacyRecognizer", language)
        engine.registry.add_recognizer(_filtered_spacy()(supported_language=language))


def text_recognizers(language: str) -> list[Any]:
    """Return the recognizers of the preset that read only the text."""
    from presidio_analyzer import Pattern, PatternRecognizer

    patterns = [
        PatternRecognizer(
            rule.pattern.entity,
            name=rule.name,
            patterns=[Pattern(rule.name, rule.pattern.regex, rule.pattern.score)],
            context=list(rule.pattern.context),
            supported_language=language,
        )
        for rule in rules()
    ]
    return [*patterns, name_recognizer()(language)]


@cache
def _filtered_spacy() -> type[Any]:
    """Return Presidio's recognizer for spaCy's entities, without what is seldom personal."""
    from presidio_analyzer.predefined_recognizers import SpacyRecognizer

    class BusinessSpacyRecognizer(SpacyRecognizer):  # type: ignore[misc]
        """spaCy's entities, without durations, abbreviations and fragments of code."""

        def analyze(self, text: str, entities: Any, nlp_artifacts: Any = None) -> list[Any]:
            """Return the entities of a text that are kept."""
            found = super().analyze(text, entities, nlp_artifacts)
            return [
                r
                for r in found
                if is_kept(r.entity_type, text[r.start : r.end], text[r.end : r.end + _AFTER])
            ]

    return BusinessSpacyRecognizer


def is_kept(entity: str, value: str, after: str) -> bool:
    """Return whether a preset keeps an entity that the language model found, given what follows."""
    if entity == "DATE_TIME":
        return _DATE.search(value) is not None
    if _ABBREVIATION.fullmatch(value) or _DISEASE.match(after):
        return False
    words = _WORD_OF_NAME.findall(value)
    if entity in ("PERSON", "ORGANIZATION") and value.islower():
        return len(words) > 1 and entity == "PERSON"
    if entity == "PERSON":
        return bool(words) and not any(c.isdecimal() for c in value)
    return bool(words)
