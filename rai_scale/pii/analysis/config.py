"""What to search for, as plain values that can be sent to the workers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from inspect import signature
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_serializer,
    field_validator,
    model_validator,
)

from rai_scale.errors import ConfigError, not_read
from rai_scale.option_errors import UNKNOWN, closest, in_words, unknown_key
from rai_scale.pii.analysis.import_path import Pickled, is_import_path

Model = TypeVar("Model", bound=BaseModel)
_CODE = re.compile(r"[a-z]{2,3}(_[A-Za-z]{2,4})?")


class Frozen(BaseModel):
    """An immutable model that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PatternConfig(Frozen):
    """A recognizer for a regular expression: Presidio's ``PatternRecognizer`` with one pattern.

    Parameters
    ----------
    entity : str
        Type of personal data that a match is reported as.
    regex : str
        Regular expression in the syntax of the ``regex`` package.
    score : float
        Score of a match, from 0 to 1.
    context : sequence of str
        Words near a match that raise its score.
    """

    entity: str = Field(min_length=1)
    regex: str = Field(min_length=1)
    score: float = Field(0.5, ge=0, le=1)
    context: tuple[str, ...] = ()


class ContextConfig(Frozen):
    """Arguments of Presidio's ``LemmaContextAwareEnhancer``: how words near a finding raise it.

    Attributes
    ----------
    context_similarity_factor : float
        What a context word adds to the score.
    min_score_with_context_similarity : float
        Lowest score of a finding with a context word.
    context_prefix_count, context_suffix_count : int
        Number of words before and after a finding that are compared.
    context_matching_mode : {"substring", "whole_word"}
        Whether a context word may be part of a word of the text (``lic`` in ``duplicate``).
    """

    context_similarity_factor: float = Field(0.35, ge=0, le=1)
    min_score_with_context_similarity: float = Field(0.4, ge=0, le=1)
    context_prefix_count: int = Field(5, ge=0)
    context_suffix_count: int = Field(0, ge=0)
    context_matching_mode: Literal["substring", "whole_word"] = "substring"


class AnalyzerConfig(Frozen):
    """Arguments of Presidio's ``AnalyzerEngine``, its ``analyze`` method and its anonymizer.

    Attributes
    ----------
    language : str
        Language code of the texts, where nothing else gives it.
    language_column : str, optional
        Column with the language code of each row; ``language`` where it is null. A code without a
        model fails with ``UnknownLanguage``.
    model : str
        Installed spaCy package, or a folder with a model; it is never downloaded.
    models : mapping of str to str or mapping
        The model of each language, instead of ``model``: ``{"en": "en_core_web_lg", "fr":
        "fr_core_news_md"}``. With ``nlp_engine="transformers"`` a model is ``{"spacy": ...,
        "transformers": ...}``.
    nlp_engine : str
        ``spacy``, ``stanza``, ``transformers``, ``slim``, ``no_op``, or the import path of a
        subclass of Presidio's ``NlpEngine``: ``mypackage.nlp:MyEngine``.
    ner_model_configuration : mapping
        Entries that replace those of Presidio's own configuration of the NLP engine, such as
        ``labels_to_ignore`` and ``model_to_presidio_entity_mapping``.
    entities : sequence of str, optional
        Types of personal data to search for; all that Presidio supports by default.
    countries : sequence of str, optional
        Codes of countries: all of Presidio's recognizers for these, and for no other country.
    registry : mapping or str, optional
        Presidio's configuration of recognizers, or the path of a YAML file with it, instead of its
        default one.
    recognizers : sequence of EntityRecognizer, str or mapping
        Additional recognizers: objects that can be pickled, import paths, or mappings
        ``{"type": "mypackage.recognizers:MyRecognizer", ...}`` with the arguments of the class.
    score_threshold : float, optional
        Results with a lower score (0 to 1) are dropped; Presidio's own threshold by default.
    score_thresholds : mapping of str to float
        Thresholds by entity; ``score_threshold`` applies to the other entities.
    allow_list : sequence of str
        Texts that are not personal data.
    allow_list_match : {"exact", "regex"}
        How a finding is compared with ``allow_list``.
    deny_lists : mapping of str to sequence of str
        Words per entity that are always reported.
    patterns : sequence of PatternConfig
        Additional recognizers.
    context : sequence of str
        Context words for all texts, in addition to the words of a text.
    preset : {"business_en"}, optional
        A set of further recognizers: addresses, postcodes, ages, names, companies. It also drops
        results below a score of 0.35, unless ``score_threshold`` is given.
    column_context : bool
        Whether the name of a column is a context word for its values.
    context_enhancer : ContextConfig
        How context words raise scores.
    decision_process : bool
        Whether findings say how the recognizer decided: the name of the pattern, the score before
        context, the context word of the recognizer, and the result of a checksum.
    conflict_resolution : {"merge_similar_or_contained", "remove_intersections"}
        Presidio's strategy for overlapping findings.
    merge_entities_with_spaces : bool
        Whether neighbours of the same entity with only spaces between them become one.
    max_chars : int
        Longest text that is analysed, in characters; a longer one fails. The default is spaCy's
        own limit.
    """

    language: str = Field("en", min_length=1)
    language_column: str | None = Field(None, min_length=1)
    model: str = "en_core_web_lg"
    models: dict[str, str | dict[str, str]] = Field(default_factory=dict)
    nlp_engine: str = "spacy"
    ner_model_configuration: dict[str, Any] = Field(default_factory=dict)
    entities: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    countries: tuple[str, ...] | None = None
    registry: dict[str, Any] | None = None
    recognizers: tuple[Any, ...] = ()
    score_threshold: float | None = Field(None, ge=0, le=1)
    score_thresholds: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(default_factory=dict)
    allow_list: tuple[str, ...] = ()
    allow_list_match: Literal["exact", "regex"] = "exact"
    deny_lists: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    patterns: tuple[PatternConfig, ...] = ()
    context: tuple[str, ...] = ()
    preset: Literal["business_en"] | None = None
    column_context: bool = False
    context_enhancer: ContextConfig = ContextConfig()
    decision_process: bool = False
    conflict_resolution: Literal["merge_similar_or_contained", "remove_intersections"] = (
        "merge_similar_or_contained"
    )
    merge_entities_with_spaces: bool = True
    max_chars: int = Field(1_000_000, ge=1, le=1_000_000)

    @property
    def languages(self) -> dict[str, str | dict[str, str]]:
        """The model of each language."""
        return self.models or {self.language: self.model}

    @property
    def model_names(self) -> list[str]:
        """The names of all models."""
        models = (m.values() if isinstance(m, dict) else [m] for m in self.languages.values())
        return list(dict.fromkeys(name for names in models for name in names))

    @model_validator(mode="after")
    def _language_has_model(self) -> AnalyzerConfig:
        for code in (self.language, *self.models):
            if not _CODE.fullmatch(code):
                raise ValueError(
                    f"language {code!r} must be a code of ISO 639 in lower case, such as 'en'"
                )
        if self.language not in self.languages:
            raise ValueError(
                f"language {self.language!r} is not one of models ({', '.join(self.models)}); set "
                "language to the one that applies where nothing else gives it"
            )
        if self.registry is not None and self.countries is not None:
            raise ValueError("give either registry or countries: a registry names its recognizers")
        return self

    @field_validator("registry", mode="before")
    @classmethod
    def _read_registry(cls, value: Any) -> Any:
        found = read_yaml(value) if isinstance(value, str) else value
        if found is not None and not (isinstance(found, Mapping) and "recognizers" in found):
            raise ValueError("a registry is a mapping with 'recognizers', in Presidio's own form")
        for entry in () if found is None else found["recognizers"] or ():
            if isinstance(entry, str):
                raise ValueError(
                    f"Presidio ignores {entry!r}; write {{name: {entry}, type: predefined}}"
                )
        return found

    @field_validator("recognizers", mode="after")
    @classmethod
    def _pickled(cls, recognizers: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(_recognizer(number, value) for number, value in enumerate(recognizers))

    @field_serializer("recognizers")
    def _named(self, recognizers: tuple[Any, ...]) -> list[Any]:
        return [value.name if isinstance(value, Pickled) else value for value in recognizers]


def _recognizer(number: int, value: Any) -> Any:
    """Return an import path or mapping as it is, and an object pickled."""
    path = value.get("type") if isinstance(value, Mapping) else value
    if isinstance(path, str | None):
        if not is_import_path(path):
            raise ValueError(
                f"entry {number} must be an object, an import path 'package.module:Class', or a "
                "mapping with such a path as its 'type'"
            )
        return dict(value) if isinstance(value, Mapping) else value
    return value if isinstance(value, Pickled) else Pickled.of(value)


def read_yaml(path: str) -> Any:
    """Return the plain values of a YAML file.

    Raises
    ------
    ValueError
        If it cannot be read or is not valid YAML.
    """
    try:
        return yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(not_read(path, error)) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise ValueError(f"{path} is not valid YAML{where}") from None


def analyzer_config(
    config: AnalyzerConfig | None, options: Mapping[str, Any], function: Any = None
) -> AnalyzerConfig:
    """Return the given configuration, or one made of a mapping or of keyword arguments.

    The parameters of ``function``, to which the keyword arguments were given, are suggested for a
    misspelled one.

    Raises
    ------
    ConfigError
        For an unknown option or an invalid value, or if both are given.
    """
    if config is not None and options:
        raise ConfigError("give either analyzer= or its options, not both.")
    if isinstance(config, Mapping):
        return checked(AnalyzerConfig, config, "analyzer: ")
    if config is not None and not isinstance(config, AnalyzerConfig):
        raise ConfigError(f"analyzer must be an AnalyzerConfig; found {type(config).__name__}.")
    more = () if function is None else signature(function).parameters
    return checked(AnalyzerConfig, options, more=more) if config is None else config


def checked(
    model: type[Model], values: Mapping[str, Any], where: str = "", more: Iterable[str] = ()
) -> Model:
    """Return a model made of plain values.

    Raises
    ------
    ConfigError
        For an unknown option or an invalid value; ``where`` is the beginning of the message, and
        ``more`` are options of the caller that may have been meant.
    """
    try:
        return model(**values)
    except ValidationError as error:
        lines = []
        for item in error.errors(include_url=False):
            path = ".".join(map(str, item["loc"]))
            if item["type"] in UNKNOWN:
                said = f"unknown option.{unknown_key(model, item, more)}"
            else:
                said = in_words(item)
            said += "" if said.endswith("?") else "."
            lines.append(f"{path}: {said}{closest(item)}".removeprefix(": "))
        raise ConfigError(where + " ".join(lines)) from None
