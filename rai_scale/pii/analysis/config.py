"""What to search for, as plain values that can be sent to the workers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rai_scale.errors import ConfigError


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


class AnalyzerConfig(Frozen):
    """Arguments of Presidio's ``AnalyzerEngine`` and of its ``analyze`` method.

    Attributes
    ----------
    language : str
        Language code of the texts.
    model : str
        Installed spaCy package, or a folder with a model; it is never downloaded.
    entities : sequence of str, optional
        Types of personal data to search for; all that Presidio supports by default.
    score_threshold : float, optional
        Results with a lower score (0 to 1) are dropped; Presidio's own threshold by default.
    allow_list : sequence of str
        Texts that are not personal data.
    allow_list_match : {"exact", "regex"}
        How a finding is compared with ``allow_list``.
    deny_lists : mapping of str to sequence of str
        Words per entity that are always reported.
    patterns : sequence of PatternConfig
        Additional recognizers.
    column_context : bool
        Whether the name of a column is a context word for its values.
    max_chars : int
        Longest text that is analysed, in characters; a longer one fails. The default is spaCy's
        own limit.
    """

    language: str = "en"
    model: str = "en_core_web_lg"
    entities: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    score_threshold: float | None = Field(None, ge=0, le=1)
    allow_list: tuple[str, ...] = ()
    allow_list_match: Literal["exact", "regex"] = "exact"
    deny_lists: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    patterns: tuple[PatternConfig, ...] = ()
    column_context: bool = False
    max_chars: int = Field(1_000_000, ge=1, le=1_000_000)


def analyzer_config(config: AnalyzerConfig | None, options: Mapping[str, Any]) -> AnalyzerConfig:
    """Return the given configuration, or one made of keyword arguments.

    Raises
    ------
    ConfigError
        For an unknown option or an invalid value, or if both are given.
    """
    if config is not None and options:
        raise ConfigError("give either analyzer= or its options, not both.")
    if config is not None:
        return config
    try:
        return AnalyzerConfig(**options)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        known = ", ".join(AnalyzerConfig.model_fields)
        raise ConfigError(f"{'; '.join(lines)}. Options are: {known}.") from None
