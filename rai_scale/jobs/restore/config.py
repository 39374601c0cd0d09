"""Configurations of ``rai-scale restore`` and ``rai-scale keys rotate``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from rai_scale.jobs.config import JobConfig
from rai_scale.jobs.ledgers import holds_password
from rai_scale.jobs.secrets import FORMS, is_reference
from rai_scale.pii.analysis.config import Frozen


class TableTokens(Frozen):
    """Where the tokens of a table are; see :func:`rai_scale.pii.restore`."""

    columns: tuple[str, ...] = ()
    json_columns: tuple[str, ...] = ()
    per: str | None = None


class RestoreJob(JobConfig):
    """Configuration of ``rai-scale restore``.

    ``tables`` has the columns of each table; if the source is one table, ``columns`` can be given
    instead. ``keys`` are references to secrets by key id. ``log`` is the SQLAlchemy URL of the
    restore log, to which each run adds ``analyst``, ``purpose``, tables, columns, key ids and the
    number of tokens before a value is restored. With ``on_error: null`` a value with a token that
    cannot be restored becomes null, which the run counts and warns of.
    """

    source: str
    tables: dict[str, TableTokens] = Field(default_factory=dict)
    columns: tuple[str, ...] = ()
    keys: dict[str, str] = Field(min_length=1)
    domain: str = ""
    on_error: Literal["raise", "null"] = "raise"
    log: str
    force_ephemeral: bool = False
    analyst: str = Field(min_length=1)
    purpose: str = Field(min_length=1)

    @model_validator(mode="after")
    def _sound(self) -> RestoreJob:
        # errors of the whole model show no value, because this one may contain a secret
        if bool(self.tables) == bool(self.columns):
            raise ValueError("give either tables, or columns of a single table")
        for name, key in self.keys.items():
            if not is_reference(key):
                raise ValueError(f"keys.{name} must be a reference ({FORMS}), not the secret")
        if holds_password(self.log):
            raise ValueError(f"log: an address with a password must be a reference ({FORMS})")
        if not self.purpose.strip():
            raise ValueError("purpose: say why the values are needed")
        return self


class RotateJob(RestoreJob):
    """Configuration of ``rai-scale keys rotate``: that of a restore, and the new key.

    ``to`` is the key id of the new tokens, one of ``keys``.
    """

    to: str

    @model_validator(mode="after")
    def _known(self) -> RotateJob:
        if self.to not in self.keys:
            raise ValueError(f"to must be one of the keys: {', '.join(self.keys)}")
        return self
