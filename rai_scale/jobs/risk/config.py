"""Configuration of ``rai-scale risk``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from rai_scale.jobs.config import JobConfig
from rai_scale.pii.analysis.config import Frozen


class LinkageOptions(Frozen):
    """What an attacker knows (``source``, ``table``), and the options of ``linkage_attack``.

    ``conditions`` are its argument ``on``, which YAML reads as a boolean.
    """

    source: str
    table: str | None = None
    conditions: tuple[tuple[Any, ...], ...] = Field(min_length=1)
    truth: str | tuple[str, str] | None = None
    baseline: int = Field(20, ge=1)
    random_state: int = 0


class GeneraliseOptions(Frozen):
    """Options of ``generalise``."""

    hierarchies: dict[str, dict[str, Any]] = Field(default_factory=dict)
    k: int = Field(ge=1)
    l: int | None = Field(None, ge=1)  # noqa: E741
    t: float | None = Field(None, ge=0, le=1)
    max_suppressed: float = Field(0.01, ge=0, lt=1)
    utility: Literal["entropy", "discernibility", "loss"] = "entropy"


class MembershipOptions(Frozen):
    """A model that was fitted on the table, and rows that it was not fitted on (``source``).

    The options of ``membership_inference`` with the attack ``loss``, which needs the model alone.
    """

    model: str
    trusted: bool = False
    source: str
    table: str | None = None
    y_true: str
    features: tuple[str, ...] = Field(min_length=1)
    max_rows: int = Field(20_000, ge=1)
    random_state: int = Field(0, ge=0)


class RiskJob(JobConfig):
    """Configuration of ``rai-scale risk``: the arguments of ``anonymity``.

    ``depth`` also measures which sets of columns single people out; ``linkage`` attacks the table
    with a table that somebody knows; ``generalise`` finds what hiding people costs;
    ``membership`` attacks a model that was fitted on the table.
    """

    source: str
    table: str | None = None
    quasi_identifiers: tuple[str, ...] = Field(min_length=1)
    sensitive: tuple[str, ...] = ()
    ordered: dict[str, bool | tuple[Any, ...]] = Field(default_factory=dict)
    person: str | None = None
    missing: Literal["value", "any"] = "value"
    by: tuple[str, ...] = ()
    depth: int | None = Field(None, ge=1)
    linkage: LinkageOptions | None = None
    generalise: GeneraliseOptions | None = None
    membership: MembershipOptions | None = None
