"""Configuration of ``rai-scale private-sql``."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from rai_scale.jobs.config import JobConfig
from rai_scale.jobs.private_options import PrivateOptions
from rai_scale.jobs.secrets import FORMS, is_reference
from rai_scale.pii.analysis.config import Frozen

_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,79}$")


class PrivateQuery(Frozen):
    """A query; ``share`` is its weight when the budget is split among the queries.

    ``groups`` declares the groups, from public knowledge.
    """

    old_keys: ClassVar[dict[str, tuple[str, ...]]] = {"keys": ("groups",)}

    name: str
    query: str
    share: float = Field(1.0, gt=0)
    groups: dict[str, list[Any]] | list[Any] | None = None
    groups_per_unit: int | None = Field(None, ge=1)
    rows_per_group: int | None = Field(None, ge=1)

    @field_validator("name")
    @classmethod
    def _a_file_name(cls, name: str) -> str:
        if not _NAME.match(name):
            raise ValueError("it is the name of a file: use at most 80 letters, digits, - and _")
        return name


class PrivateSqlJob(JobConfig):
    """Configuration of ``rai-scale private-sql``.

    ``source`` maps the names of tables in the queries to paths; the budget in ``private`` is split
    among the queries by their shares.
    """

    old_keys: ClassVar[dict[str, tuple[str, ...]]] = {
        "tables": ("source",),
        **{name: (f"private.{name}",) for name in PrivateOptions.model_fields},
    }

    source: dict[str, str] = Field(min_length=1)
    metadata: str | dict[str, Any]
    private: PrivateOptions
    mechanism: Literal["laplace", "gaussian"] = "laplace"
    queries: tuple[PrivateQuery, ...] = Field(min_length=1)
    hash_key: str | None = None
    time_zone: str = "UTC"

    @model_validator(mode="after")
    def _sound(self) -> PrivateSqlJob:
        # errors of the whole model show no value, because it may contain a secret
        if self.hash_key is not None and not is_reference(self.hash_key):
            raise ValueError(f"hash_key is a secret and must be a reference ({FORMS})")
        if self.private.rho is not None and self.mechanism != "gaussian":
            raise ValueError("rho needs Gaussian noise: set mechanism: gaussian")
        if self.mlflow:
            raise ValueError("mlflow: private releases are not logged; leave it out")
        names = [query.name.lower() for query in self.queries]
        if len(set(names)) < len(names):
            raise ValueError("names of queries must differ, and not only in case")
        return self
