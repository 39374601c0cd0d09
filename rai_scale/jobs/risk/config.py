"""Configuration of ``rai-scale risk``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from rai_scale.jobs.config import JobConfig
from rai_scale.jobs.private_options import PrivateOptions, need_unit
from rai_scale.pii.analysis.config import Frozen
from rai_scale.privacy.declared_bins import ColumnBins


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


class SizeOptions(Frozen):
    """Options of ``release_class_sizes``, the private mode."""

    largest: int = Field(10, ge=2)
    max_rows: int = Field(1, ge=1)


EXACT_ONLY = (
    *("sensitive", "ordered", "person", "by", "depth", "linkage", "generalise", "membership"),
    "mlflow",
)
"""Keys that the private mode does not have."""


class RiskJob(JobConfig):
    """Configuration of ``rai-scale risk``: the arguments of ``anonymity``.

    ``depth`` also measures which sets of columns single people out; ``linkage`` attacks the table
    with a table that somebody knows; ``generalise`` finds what hiding people costs;
    ``membership`` attacks a model that was fitted on the table. With ``private``, only the noisy
    sizes of classes are released, or with ``declared`` the noisy counts of declared classes.
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
    private: PrivateOptions | None = None
    declared: ColumnBins | None = None
    sizes: SizeOptions = SizeOptions()

    @model_validator(mode="after")
    def _sound(self) -> RiskJob:
        need_unit(self.private)
        if self.private is None:
            if self.declared is not None:
                raise ValueError("declared (the bins of the private mode) needs private")
            return self
        odd = [name for name in EXACT_ONLY if getattr(self, name)]
        odd += ["missing"] if self.missing != "value" else []
        if odd:
            raise ValueError(f"{', '.join(odd)} cannot be used with private; leave it out")
        if self.declared and set(self.declared.features) != set(self.quasi_identifiers):
            raise ValueError("declared must have bins of the quasi_identifiers, and of no others")
        return self
