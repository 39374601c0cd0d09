"""Presidio's analyzer engine, from its default settings and what a configuration adds."""

from __future__ import annotations

import importlib.util
import inspect
import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml
from pydantic import ValidationError

from rai_scale.errors import ConfigError, MissingExtraError, MissingModelError, did_you_mean
from rai_scale.option_errors import in_words
from rai_scale.pii.analysis.config import AnalyzerConfig
from rai_scale.pii.analysis.import_path import is_import_path, load_class
from rai_scale.pii.analysis.presets import apply_preset
from rai_scale.pii.analysis.recognizers import add_recognizers, ignored_labels, set_thresholds

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import NlpEngine

_SETTINGS = {"stanza": "stanza.yaml", "transformers": "transformers.yaml"}
"""Presidio's settings of an NLP engine, where they are not ``default.yaml``."""

_SHARED: dict[str, SharedEngine] = {}
"""The loaded engines by their settings; the models take most of a process's memory."""


def build_analyzer(config: AnalyzerConfig) -> AnalyzerEngine:
    """Build Presidio's engine from its default settings and the additions of a configuration.

    Parameters
    ----------
    config : AnalyzerConfig

    Returns
    -------
    AnalyzerEngine

    Raises
    ------
    MissingExtraError
        If Presidio is not installed.
    MissingModelError
        If a spaCy model is not installed; nothing is downloaded.
    ConfigError
        If the NLP engine or the registry is refused.
    """
    return engine_over(build_nlp_engine(config), config)


def engine_over(nlp_engine: NlpEngine, config: AnalyzerConfig) -> AnalyzerEngine:
    """Return Presidio's engine for a loaded NLP engine."""
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.context_aware_enhancers import LemmaContextAwareEnhancer

    use_bundled_suffix_list()
    by_entity = bool(config.score_thresholds)
    registry: Any = build_registry(config, nlp_engine)  # None is Presidio's default
    engine = AnalyzerEngine(
        registry=registry,
        nlp_engine=nlp_engine,
        supported_languages=list(config.languages),
        # a threshold that is given to analyze would switch off those of the recognizers
        default_score_threshold=(config.score_threshold or 0) if by_entity else 0,
        context_aware_enhancer=LemmaContextAwareEnhancer(**config.context_enhancer.model_dump()),
    )
    for language in config.languages:
        add_recognizers(engine, config, language)
    apply_preset(engine, config)
    set_thresholds(engine, config)
    return engine


class SharedEngine(NamedTuple):
    """An NLP engine that several analyzers use, one at a time: each takes the lock first."""

    engine: NlpEngine
    lock: threading.Lock


def shared_nlp_engine(config: AnalyzerConfig) -> SharedEngine:
    """Return the NLP engine of a configuration; a model is loaded once per process."""
    key = json.dumps(nlp_settings(config), sort_keys=True)
    if key not in _SHARED:
        _SHARED[key] = SharedEngine(build_nlp_engine(config), threading.Lock())
    return _SHARED[key]


def build_nlp_engine(config: AnalyzerConfig) -> NlpEngine:
    """Return Presidio's NLP engine with the model of each language loaded."""
    settings = nlp_settings(config)
    from presidio_analyzer.nlp_engine import NlpEngine, NlpEngineProvider

    name, known = config.nlp_engine, None
    if is_import_path(name):
        own = load_class(name, NlpEngine, "nlp_engine")
        name, known = own.engine_name, (own,)
    else:
        _check_engine(name, list(NlpEngineProvider().nlp_engines))
        known = (_offline_stanza(),) if name == "stanza" else None
        for model in config.languages.values():
            check_model(model, name)
    try:
        provider = NlpEngineProvider(known, nlp_configuration=settings | {"nlp_engine_name": name})
        return provider.create_engine()
    except ValueError as error:
        raise ConfigError(
            f"Presidio refuses the NLP engine {config.nlp_engine!r}: {error}"
        ) from None


def nlp_settings(config: AnalyzerConfig) -> dict[str, Any]:
    """Return Presidio's default settings of an NLP engine, with the models of a configuration."""
    if importlib.util.find_spec("presidio_analyzer") is None:
        raise MissingExtraError("presidio-analyzer", "pii")
    import presidio_analyzer
    from presidio_analyzer.nlp_engine import NerModelConfiguration

    name = config.nlp_engine
    folder = Path(presidio_analyzer.__file__).parent / "conf"
    settings: dict[str, Any] = yaml.safe_load(
        (folder / _SETTINGS.get(name, "default.yaml")).read_text(encoding="utf-8")
    )
    models = config.languages.items()
    settings["nlp_engine_name"] = name
    settings["models"] = [{"lang_code": code, "model_name": model} for code, model in models]
    ner = settings["ner_model_configuration"] | config.ner_model_configuration
    known_entries = [*inspect.signature(NerModelConfiguration).parameters]
    for key in config.ner_model_configuration:
        if key not in known_entries:
            hint = did_you_mean(key, known_entries)
            raise ConfigError(
                f"ner_model_configuration: Presidio has no entry {key!r}.{hint} "
                f"Its entries are: {', '.join(known_entries)}."
            )
    ner["labels_to_ignore"] = ignored_labels(ner.get("labels_to_ignore") or (), config)
    settings["ner_model_configuration"] = ner
    return settings


def _offline_stanza() -> type[NlpEngine]:
    from presidio_analyzer.nlp_engine import StanzaNlpEngine

    class OfflineStanza(StanzaNlpEngine):
        """Presidio's engine, which downloads nothing."""

        def __init__(self, **options: Any) -> None:
            super().__init__(**options, download_if_missing=False)

    return OfflineStanza


def _check_engine(name: str, available: list[str]) -> None:
    if name not in available:
        raise ConfigError(
            f"nlp_engine: {name!r} is not available here.{did_you_mean(name, available)} Available "
            f"are: {', '.join(available)}; others need their packages. A class of your own is "
            "written as 'package.module:Class'."
        )


def build_registry(config: AnalyzerConfig, nlp_engine: NlpEngine) -> RecognizerRegistry | None:
    """Return the configured recognizers, or those of some countries; None for the default ones."""
    from presidio_analyzer import RecognizerRegistry
    from presidio_analyzer.recognizer_registry import RecognizerRegistryProvider

    languages = list(config.languages)
    if config.countries is not None:
        registry = RecognizerRegistry(supported_languages=languages)
        registry.load_predefined_recognizers(languages, nlp_engine, list(config.countries))
        return registry
    if config.registry is None:
        return None
    settings = {**config.registry, "supported_languages": languages}
    try:
        provider = RecognizerRegistryProvider(
            registry_configuration=settings, nlp_engine=nlp_engine
        )
        return provider.create_recognizer_registry()
    except Exception as error:
        cause = error.__cause__
        items = cause.errors(include_url=False) if isinstance(cause, ValidationError) else []
        wrong = [f"{'.'.join(map(str, item['loc']))}: {in_words(item)}" for item in items]
        raise ConfigError(f"Presidio refuses the registry: {'; '.join(wrong) or error}") from None


def check_model(model: str | dict[str, str], engine: str) -> None:
    """Raise :class:`MissingModelError` unless the model is installed on this machine."""
    if engine == "no_op":
        return
    if engine == "transformers":
        _check_transformers(model)
        return
    if isinstance(model, dict):
        raise ConfigError(f"models: {engine!r} needs the name of one model per language.")
    (_check_stanza if engine == "stanza" else check_spacy_model)(model)


def _check_stanza(model: str) -> None:
    from presidio_analyzer.nlp_engine import stanza_nlp_engine

    home = Path(stanza_nlp_engine.DEFAULT_MODEL_DIR)
    if not (home / "resources.json").is_file() or not (home / model).is_dir():
        raise MissingModelError(
            f"stanza models {model!r} are not in {str(home)!r}, and models are never downloaded. "
            "Set STANZA_RESOURCES_DIR to the folder that stanza.download has filled, here and on "
            "every worker."
        )


def _check_transformers(model: str | dict[str, str]) -> None:
    if not isinstance(model, dict) or set(model) != {"spacy", "transformers"}:
        raise ConfigError(
            "models: with nlp_engine 'transformers', a model is {'spacy': NAME, 'transformers': "
            "FOLDER}."
        )
    check_spacy_model(model["spacy"])
    if not Path(model["transformers"]).is_dir():
        raise MissingModelError(
            f"transformers model {model['transformers']!r} is not a folder on this machine, and "
            "models are never downloaded. Give the path of a saved model."
        )


def check_spacy_model(model: str) -> None:
    """Raise :class:`MissingModelError` unless the spaCy model is installed on this machine."""
    import spacy.util

    if spacy.util.is_package(model) or Path(model).exists():
        return
    installed = spacy.util.get_installed_models()
    raise MissingModelError(
        f"spaCy model {model!r} is not installed and is never downloaded. Installed models: "
        f"{', '.join(installed) or 'none'}.{did_you_mean(model, installed)} Install the model's "
        "package on every worker, or set model to an installed one."
    )


def use_bundled_suffix_list() -> None:
    """Make Presidio's e-mail recognizer use the suffix list that is bundled with tldextract.

    Otherwise it downloads a new list at the first e-mail address, and results depend on the day.
    """
    import tldextract.tldextract as module

    module.TLD_EXTRACTOR = module.TLDExtract(suffix_list_urls=(), cache_dir=None)
