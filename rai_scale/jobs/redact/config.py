"""Configuration of ``rai-scale redact``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from rai_scale.jobs.config import EngineConfig
from rai_scale.jobs.secrets import check_references
from rai_scale.pii.config import AnalyzerConfig, Frozen


class TableRedaction(Frozen):
    """What to do with one table; see :func:`rai_scale.redact` for the kinds of columns.

    ``key`` names the columns that stand for a row in findings and quarantine; they must not be
    personal.
    """

    columns: tuple[str, ...] = ()
    json_columns: tuple[str, ...] = ()
    whole_columns: dict[str, str] = Field(default_factory=dict)
    key: tuple[str, ...] = ()


class RedactJob(EngineConfig):
    """Configuration of ``rai-scale redact``."""

    source: str
    output: str
    format: Literal["parquet", "delta"] = "parquet"
    tables: dict[str, TableRedaction] = Field(min_length=1)
    analyzer: AnalyzerConfig = Field(default_factory=AnalyzerConfig)
    operators: dict[str, dict[str, Any]] = Field(
        default_factory=lambda: {"DEFAULT": {"type": "replace"}}
    )
    max_error_ratio: float = Field(0.01, ge=0, le=1)
    csv: dict[str, dict[str, str | bool]] = Field(default_factory=dict)

    @field_validator("operators")
    @classmethod
    def _references(cls, specs: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        check_references(specs)
        return specs
