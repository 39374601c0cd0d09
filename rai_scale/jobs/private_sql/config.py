"""Configuration of ``rai-scale private-sql``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator, model_validator

from rai_scale.jobs.config import EngineConfig
from rai_scale.jobs.ledgers import WRITTEN_OUT, holds_password
from rai_scale.jobs.secrets import is_reference
from rai_scale.pii.config import Frozen

if TYPE_CHECKING:
    pass


_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,79}$")


class PrivateQuery(Frozen):
    """A query; ``share`` is its part of the budget in proportion to those of the other queries."""

    name: str
    query: str
    share: float = Field(1.0, gt=0)
    keys: dict[str, list[Any]] | list[Any] | None = None
    groups_per_unit: int | None = Field(None, ge=1)
    rows_per_group: int | None = Field(None, ge=1)

    @field_validator("name")
    @classmethod
    def _a_file_name(cls, name: str) -> str:
        if not _NAME.match(name):
            raise ValueError("it names a file: letters, digits, - and _, at most 80 of them")
        return name


class PrivateSqlJob(EngineConfig):
    """Configuration of ``rai-scale private-sql``."""

    tables: dict[str, str] = Field(min_length=1)
    metadata: str | dict[str, Any]
    output: str
    ledger: str
    force_ephemeral: bool = False
    scope: str
    analyst: str
    dataset: str | None = None
    visible_to: tuple[str, ...] = ()
    epsilon: float | None = Field(None, gt=0)
    rho: float | None = Field(None, gt=0)
    delta: float = Field(0, ge=0, lt=1)
    mechanism: Literal["laplace", "gaussian"] = "laplace"
    queries: tuple[PrivateQuery, ...] = Field(min_length=1)
    snapshot: str | None = Field(None, min_length=1)
    hash_key: str | None = None
    restricted_log: str | None = None
    time_zone: str = "UTC"
    title: str | None = None

    @model_validator(mode="after")
    def _sound(self) -> PrivateSqlJob:
        # errors of the model as a whole show no value, and these two may hold a secret
        if holds_password(self.ledger):
            raise ValueError(WRITTEN_OUT)
        if self.hash_key is not None and not is_reference(self.hash_key):
            raise ValueError("hash_key is a secret and must be a reference (env:NAME, file:/path)")
        if (self.epsilon is None) == (self.rho is None):
            raise ValueError("give exactly one of epsilon and rho")
        if self.rho is not None and self.mechanism != "gaussian":
            raise ValueError("rho is a budget of Gaussian noise: set mechanism: gaussian")
        names = [query.name.lower() for query in self.queries]
        if len(set(names)) < len(names):
            raise ValueError("names of queries must differ, and in more than upper case")
        return self
