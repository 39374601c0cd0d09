"""Configuration of ``rai-scale redact``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from rai_scale.jobs.config import JobConfig
from rai_scale.jobs.secrets import check_references, resolve_operators
from rai_scale.pii.analysis.config import AnalyzerConfig, Frozen
from rai_scale.pii.redaction.policy import ColumnPolicy, policy_specs


class TableRedaction(Frozen):
    """The rules for one table; see :func:`rai_scale.redact` for the kinds of columns.

    ``key_columns`` identify a row in findings and quarantine; they must not be personal data.
    """

    columns: tuple[str, ...] = ()
    json_columns: tuple[str, ...] = ()
    whole_columns: dict[str, str] = Field(default_factory=dict)
    policy: dict[str, ColumnPolicy] = Field(default_factory=dict)
    strict: bool = False
    key_columns: tuple[str, ...] = ()

    @field_validator("policy")
    @classmethod
    def _references(cls, policy: dict[str, ColumnPolicy]) -> dict[str, ColumnPolicy]:
        for path, spec in policy.items():
            check_references({f"{path}.{entity}": own for entity, own in spec.specs.items()})
        return policy

    @property
    def specs(self) -> dict[str, ColumnPolicy]:
        """The policy with its short forms."""
        return policy_specs(self.policy, self.columns, self.json_columns, self.whole_columns)


class RedactJob(JobConfig):
    """Configuration of ``rai-scale redact``.

    ``tables`` has the rules for each table; if the source is one table, ``columns`` and
    ``key_columns`` can be given instead. For ``csv`` and ``ignore`` see ``find_tables``.
    """

    source: str
    format: Literal["parquet", "delta"] = "parquet"
    tables: dict[str, TableRedaction] = Field(default_factory=dict)
    columns: tuple[str, ...] = ()
    key_columns: tuple[str, ...] = ()
    analyzer: AnalyzerConfig = Field(default_factory=AnalyzerConfig)
    operators: dict[str, dict[str, Any]] = Field(
        default_factory=lambda: {"DEFAULT": {"type": "replace"}}
    )
    max_error_ratio: float = Field(0.01, ge=0, le=1)
    csv: dict[str, dict[str, str | bool]] = Field(default_factory=dict)
    ignore: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _tables_or_columns(self) -> RedactJob:
        if bool(self.tables) == bool(self.columns) or (self.tables and self.key_columns):
            raise ValueError("give either tables, or columns and key_columns of a single table")
        return self

    @field_validator("operators")
    @classmethod
    def _references(cls, specs: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        check_references(specs)
        return specs


def with_secrets(specs: dict[str, ColumnPolicy]) -> dict[str, ColumnPolicy]:
    """Return a policy with the keys and salts of its operators filled in."""
    return {
        path: spec.with_operators(resolve_operators(spec.specs)) for path, spec in specs.items()
    }
