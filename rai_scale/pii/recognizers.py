"""Presidio's recognizers beside those that it has on by default, and a configuration's own."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from rai_scale.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine, EntityRecognizer

    from rai_scale.pii.config import AnalyzerConfig

_NO_MORE_TO_INSTALL = ("country_specific", "generic")
"""The packages of Presidio whose recognizers need no service and no other model."""


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
    """Give an engine the configuration's own recognizers, and those that its entities need.

    Most recognizers of countries are off in Presidio, or on for one language only. One that is
    asked for by the name of its entity is put in for the language of the configuration; without
    names nothing is added, and the answer is Presidio's default.
    """
    for recognizer in own_recognizers(config):
        engine.registry.add_recognizer(recognizer)
    missing = set(config.entities or ()) - set(engine.get_supported_entities(config.language))
    for recognizer in predefined(config.language) if missing else ():
        if missing & set(recognizer.supported_entities):
            engine.registry.add_recognizer(recognizer)


def ignored_labels(ignored: Iterable[str | None], config: AnalyzerConfig) -> list[str | None]:
    """Return what Presidio ignores of a language model, without what is asked for by name."""
    own = {*config.deny_lists, *(pattern.entity for pattern in config.patterns)}
    return [label for label in ignored if label not in (config.entities or ()) or label in own]


def predefined(language: str) -> list[EntityRecognizer]:
    """Return a new recognizer of each kind that Presidio brings and that works by itself."""
    import presidio_analyzer.predefined_recognizers as package

    starts = tuple(f"{package.__name__}.{part}." for part in _NO_MORE_TO_INSTALL)
    kinds = (getattr(package, name) for name in package.__all__)
    return [
        kind(supported_language=language)
        for kind in kinds
        if isinstance(kind, type) and kind.__module__.startswith(starts)
    ]


@cache
def predefined_entities() -> frozenset[str]:
    """Return the entities of :func:`predefined`, and those of the language models."""
    from presidio_analyzer.predefined_recognizers import SpacyRecognizer

    found = {entity for r in predefined("en") for entity in r.supported_entities}
    return frozenset(found | set(SpacyRecognizer.ENTITIES))


def check_entities(config: AnalyzerConfig, engine: AnalyzerEngine) -> None:
    """Raise :class:`ConfigError` for an entity that no recognizer finds."""
    known = set(engine.get_supported_entities(config.language))
    for entity in config.entities or ():
        if entity not in known:
            names = sorted(known | predefined_entities())
            raise ConfigError(
                f"no recognizer finds the entity {entity!r} in language {config.language!r}."
                f"{did_you_mean(entity, names)} Known: {', '.join(names)}."
            )


def check_lists(config: AnalyzerConfig) -> None:
    """Raise :class:`ConfigError` for a list or a pattern that can find nothing."""
    _check_words("allow_list", config.allow_list, config.allow_list_match == "regex")
    for entity, words in config.deny_lists.items():
        if not words:
            raise ConfigError(f"deny_lists.{entity}: has no words; it can find nothing.")
        _check_words(f"deny_lists.{entity}", words, False)
    for i, pattern in enumerate(config.patterns):
        _check_words(f"patterns.{i}.regex", [pattern.regex], True)
    own = {*config.deny_lists, *(pattern.entity for pattern in config.patterns)}
    unasked = sorted(own - set(config.entities)) if config.entities else []
    if unasked:
        raise ConfigError(
            f"entities: {unasked} have a deny list or a pattern and are not looked for; add them "
            "to entities, or leave their lists out."
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
                    f"{where}: entry {number} is no valid regular expression ({error.msg})."
                ) from None
