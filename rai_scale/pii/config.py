"""What is looked for, as plain values that travel to the workers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Frozen(BaseModel):
    """A model that cannot change and knows every key that it is given."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PatternConfig(Frozen):
    """A regex recognizer; Presidio's ``PatternRecognizer`` with one pattern."""

    entity: str = Field(min_length=1)
    regex: str = Field(min_length=1)
    score: float = Field(0.5, ge=0, le=1)
    context: tuple[str, ...] = ()


class AnalyzerConfig(Frozen):
    """Arguments of Presidio's ``AnalyzerEngine`` and of its ``analyze``.

    ``model`` is an installed spaCy package or folder; it is never downloaded. ``max_chars`` is
    spaCy's own limit: a longer cell is an error row, not a guess. ``max_work`` limits what
    grows with the square of a text: its characters times the findings that words around them can
    raise; the default is some minutes.
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
    max_work: int = Field(250_000_000, ge=1)
