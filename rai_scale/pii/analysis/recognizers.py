"""Recognizers in addition to Presidio's defaults: other predefined ones, and configured ones."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from rai_scale.errors import ConfigError, did_you_mean
from rai_scale.pii.analysis.import_path import Pickled, load_class
from rai_scale.pii.analysis.presets import NOT_IGNORED

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine, EntityRecognizer

    from rai_scale.pii.analysis.config import AnalyzerConfig

_SELF_CONTAINED = ("country_specific", "generic")
"""Packages of Presidio whose recognizers need neither a service nor another model."""


def own_recognizers(config: AnalyzerConfig, language: str) -> list[Any]:
    """Return Presidio recognizers for the configuration's deny lists and patterns."""
    from presidio_analyzer import Pattern, PatternRecognizer

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


def add_recognizers(engine: AnalyzerEngine, config: AnalyzerConfig, language: str) -> None:
    """Add the configured recognizers to an engine, and the predefined ones that are asked for.

    In Presidio, most country-specific recognizers are off, or on for one language only. If
    ``entities`` names such an entity, or ``countries`` its country, its recognizer is added for
    the language. If neither is given, the result is Presidio's default.
    """
    for recognizer in [*own_recognizers(config, language), *given_recognizers(config, language)]:
        engine.registry.add_recognizer(recognizer)
    there = {type(r) for r in engine.registry.recognizers if r.supported_language == language}
    missing = set(config.entities or ()) - set(engine.get_supported_entities(language))
    countries = {code.lower() for code in config.countries or ()}
    if not missing and not countries:
        return
    for recognizer in predefined(language):
        of_country = recognizer.country_code() in countries and type(recognizer) not in there
        if of_country or missing & set(recognizer.supported_entities):
            engine.registry.add_recognizer(recognizer)


def given_recognizers(config: AnalyzerConfig, language: str) -> list[EntityRecognizer]:
    """Return the recognizers of ``config.recognizers`` for a language.

    A class that takes ``supported_language`` is made once per language, unless that is given.
    """
    from presidio_analyzer import EntityRecognizer

    made = []
    for number, value in enumerate(config.recognizers):
        where = f"recognizers.{number}"
        if isinstance(value, Pickled):
            recognizer = value.load()
            if not isinstance(recognizer, EntityRecognizer):
                raise ConfigError(f"{where}: {value.name} is not a Presidio EntityRecognizer.")
        else:
            options = dict(value) if isinstance(value, Mapping) else {"type": value}
            kind = load_class(options.pop("type"), EntityRecognizer, where)
            recognizer = _made(kind, options, language, where)
        if recognizer.supported_language not in config.languages:
            raise ConfigError(
                f"{where}: {type(recognizer).__name__} is for language "
                f"{recognizer.supported_language!r}, which has no model; the languages are: "
                f"{', '.join(config.languages)}."
            )
        if recognizer.supported_language == language:
            made.append(recognizer)
    return made


def _made(kind: type[Any], options: dict[str, Any], language: str, where: str) -> Any:
    if "supported_language" in inspect.signature(kind).parameters:
        options.setdefault("supported_language", language)
    try:
        return kind(**options)
    except Exception as error:
        raise ConfigError(
            f"{where}: {kind.__name__} cannot be made with the options "
            f"{sorted(options)} ({type(error).__name__})."
        ) from None


def set_thresholds(engine: AnalyzerEngine, config: AnalyzerConfig) -> None:
    """Give each recognizer the thresholds of its entities.

    Raises
    ------
    ConfigError
        For an entity that no recognizer finds.
    """
    known = {e for r in engine.registry.recognizers for e in r.supported_entities}
    for entity in config.score_thresholds:
        if entity not in known:
            raise ConfigError(
                f"score_thresholds: no recognizer finds {entity!r}.{did_you_mean(entity, known)}"
            )
    for recognizer in engine.registry.recognizers:
        own = {
            entity: least
            for entity, least in config.score_thresholds.items()
            if entity in recognizer.supported_entities
        }
        if own:
            recognizer.score_thresholds = {**recognizer.score_thresholds, **own}


def ignored_labels(ignored: Iterable[str | None], config: AnalyzerConfig) -> list[str | None]:
    """Return the labels of the language model to ignore: Presidio's, minus requested entities."""
    if config.preset is not None:
        ignored = [label for label in ignored if label not in NOT_IGNORED]
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


def check_entities(config: AnalyzerConfig, engine: AnalyzerEngine, language: str) -> None:
    """Raise :class:`ConfigError` for an entity that no recognizer supports in any language."""
    known = {e for code in config.languages for e in engine.get_supported_entities(code)}
    for entity in config.entities or ():
        if entity not in known:
            names = sorted(known | predefined_entities())
            raise ConfigError(
                f"no recognizer finds the entity {entity!r} in language {language!r}."
                f"{did_you_mean(entity, names)} Known entities: {', '.join(names)}."
            )


def check_countries(config: AnalyzerConfig) -> None:
    """Raise :class:`ConfigError` for a country without recognizers."""
    if config.countries is None:
        return
    known = sorted({code for r in predefined("en") if (code := r.country_code())})
    for code in config.countries:
        if code.lower() not in known:
            raise ConfigError(
                f"countries: Presidio has no recognizers for {code!r}.{did_you_mean(code, known)} "
                f"It has: {', '.join(known)}."
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
