"""Presidio's analyzer engine, from its default settings and what a configuration adds."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from rai_scale.errors import MissingExtraError, MissingModelError, did_you_mean
from rai_scale.pii.analysis.config import AnalyzerConfig
from rai_scale.pii.analysis.recognizers import add_recognizers, ignored_labels

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine


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
        If the spaCy model is not installed; nothing is downloaded.
    """
    if importlib.util.find_spec("presidio_analyzer") is None:
        raise MissingExtraError("presidio-analyzer", "pii")
    import presidio_analyzer
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    check_model(config.model)
    use_bundled_suffix_list()
    defaults = Path(presidio_analyzer.__file__).parent / "conf" / "default.yaml"
    settings = yaml.safe_load(defaults.read_text(encoding="utf-8"))
    settings["models"] = [{"lang_code": config.language, "model_name": config.model}]
    ner = settings["ner_model_configuration"]
    ner["labels_to_ignore"] = ignored_labels(ner["labels_to_ignore"], config)
    nlp_engine = NlpEngineProvider(nlp_configuration=settings).create_engine()
    engine = AnalyzerEngine(nlp_engine=nlp_engine, supported_languages=[config.language])
    add_recognizers(engine, config)
    return engine


def check_model(model: str) -> None:
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
