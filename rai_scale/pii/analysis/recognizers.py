"""Recognizers in addition to Presidio's defaults: other predefined ones, and configured ones."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from rai_scale.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine, EntityRecognizer

    from rai_scale.pii.analysis.config import AnalyzerConfig

_SELF_CONTAINED = ("country_specific", "generic")
"""Packages of Presidio whose recognizers need neither a service nor another model."""


def own_recognizers(config: AnalyzerConfig) -> list[Any]:
    """Return Presidio recognizers for the configuration's deny lists and patterns."""
    from presidio_analyzer import Pattern, PatternRecognizer

    language = config.language
    denied = [
        PatternRecognizer(entity, deny_list=list(words), supported_language=language)
        for entity, words in config.deny_lists.items()
    ]
    matched = [
        PatternRecognizer(
            p.entity,
            patterns=[Pattern(f"{p.entity} {i}", p.regex, p.score)],
            context=list(p.context),
            supported_language=language,
        )
        for i, p in enumerate(config.patterns)
    ]
    return denied + matched


def add_recognizers(engine: AnalyzerEngine, config: AnalyzerConfig) -> None:
    """Add the configured recognizers to an engine, and the predefined ones that ``entities`` needs.

    In Presidio, most country-specific recognizers are off, or on for one language only. If
    ``entities`` names such an entity, its recognizer is added for the configured language. If
    ``entities`` is not given, the result is Presidio's default.
    """
    for recognizer in own_recognizers(config):
        engine.registry.add_recognizer(recognizer)
    missing = set(config.entities or ()) - set(engine.get_supported_entities(config.language))
    for recognizer in predefined(config.language) if missing else ():
        if missing & set(recognizer.supported_entities):
            engine.registry.add_recognizer(recognizer)


def ignored_labels(ignored: Iterable[str | None], config: AnalyzerConfig) -> list[str | None]:
    """Return the labels of the language model to ignore: Presidio's, minus requested entities."""
    own = {*config.deny_lists, *(pattern.entity for pattern in config.patterns)}
    return [label for label in ignored if label not in (config.entities or ()) or label in own]


def predefined(language: str) -> list[EntityRecognizer]:
    """Return one instance of each predefined, self-contained recognizer of Presidio."""
    import presidio_analyzer.predefined_recognizers as package

    starts = tuple(f"{package.__name__}.{part}." for part in _SELF_CONTAINED)
    kinds = (getattr(package, name) for name in package.__all__)
    return [
        kind(supported_language=language)
        for kind in kinds
        if isinstance(kind, type) and kind.__module__.startswith(starts)
    ]


@cache
def predefined_entities() -> frozenset[str]:
    """Return the entities of :func:`predefined` and of the language models."""
    from presidio_analyzer.predefined_recognizers import SpacyRecognizer

    found = {entity for r in predefined("en") for entity in r.supported_entities}
    return frozenset(found | set(SpacyRecognizer.ENTITIES))


def check_entities(config: AnalyzerConfig, engine: AnalyzerEngine) -> None:
    """Raise :class:`ConfigError` for an entity that no recognizer supports."""
    known = set(engine.get_supported_entities(config.language))
    for entity in config.entities or ():
        if entity not in known:
            names = sorted(known | predefined_entities())
            raise ConfigError(
                f"no recognizer finds the entity {entity!r} in language {config.language!r}."
                f"{did_you_mean(entity, names)} Known entities: {', '.join(names)}."
            )


def check_lists(config: AnalyzerConfig) -> None:
    """Raise :class:`ConfigError` for a list or pattern that cannot find anything."""
    _check_words("allow_list", config.allow_list, config.allow_list_match == "regex")
    for entity, words in config.deny_lists.items():
        if not words:
            raise ConfigError(
                f"deny_lists.{entity} has no words, so it finds nothing; add words or remove it."
            )
        _check_words(f"deny_lists.{entity}", words, False)
    for i, pattern in enumerate(config.patterns):
        _check_words(f"patterns.{i}.regex", [pattern.regex], True)
    own = {*config.deny_lists, *(pattern.entity for pattern in config.patterns)}
    unasked = sorted(own - set(config.entities)) if config.entities else []
    if unasked:
        raise ConfigError(
            f"entities: {unasked} have a deny list or a pattern but are not searched for; add them "
            "to entities, or remove their lists and patterns."
        )


def _check_words(where: str, words: Iterable[str], are_patterns: bool) -> None:
    import regex  # Presidio's own

    for number, word in enumerate(words):
        if not word.strip():
            raise ConfigError(f"{where}: entry {number} is empty.")
        if are_patterns:
            try:
                regex.compile(word)
            except regex.error as error:
                raise ConfigError(
                    f"{where}: entry {number} is not a valid regular expression ({error.msg})."
                ) from None
