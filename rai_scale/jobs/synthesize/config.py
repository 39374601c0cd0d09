"""Configuration of ``rai-scale synthesize``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from rai_scale.jobs.config import JobConfig
from rai_scale.jobs.private_options import PrivateOptions, need_unit
from rai_scale.pii.analysis.config import Frozen

SHARE = 0.1
"""As in ``rai_scale.synthetic.private_domain``, which needs the extra ``synthetic``."""


class GapOptions(Frozen):
    """Differences between groups that are compared: the arguments of ``metric_frame``."""

    y_true: str
    y_pred: str
    sensitive_features: tuple[str, ...] = Field(min_length=1)
    metrics: tuple[str, ...] = ("selection_rate", "true_positive_rate", "accuracy_score")


class AttackOptions(Frozen):
    """Attacks by somebody who knows the columns ``known`` of people, and wants ``secret``.

    ``control_source`` has people who are not in the table, without whom it is not known what is
    special about those who are; the attack on densities needs it. ``max_rows`` rows of each table
    are used at most, ``draws`` samples of the model and as many tables of independent columns.
    """

    known: tuple[str, ...] = Field(min_length=1)
    secret: str
    control_source: str | None = None
    control_table: str | None = None
    attacks: int = Field(300, ge=1)
    max_rows: int = Field(5_000, ge=10)
    draws: int = Field(5, ge=2)


class SynthesizeJob(JobConfig):
    """Configuration of ``rai-scale synthesize``; most keys are the arguments of ``synthesize``.

    ``domain`` declares each column: a list of values, or a block with ``values`` (and ``other``,
    ``nullable``) or with ``edges`` (and ``grid``, ``nullable``), or ``private``, which finds them
    with ``domain_share`` of the budget. ``domain: private`` does so for all of ``columns``.
    ``rows`` are drawn from the model with ``random_state``; by default as many as the table has, as
    estimated. ``utility`` compares the table with the sample: ``internal`` writes exact numbers,
    which are not to be published, and ``utility_epsilon`` pays for averages with noise instead.
    ``y_true`` trains a model on the sample and tests it on the table, ``gaps`` compares differences
    between groups, and ``attacks`` attacks the sample; all of these are internal.
    """

    source: str
    table: str | None = None
    columns: tuple[str, ...] | None = None
    domain: Literal["private"] | Annotated[dict[str, Any], Field(min_length=1)]
    domain_share: float = Field(SHARE, gt=0, lt=1)
    private: PrivateOptions
    method: Literal["mst", "aim", "mwem", "fixed"] = "mst"
    max_rows: int = Field(1, ge=1)
    workload: int | tuple[tuple[str, ...], ...] = 2
    max_model_mb: float = Field(80.0, gt=0)
    max_cells: int = Field(1_000_000, ge=1)
    rounds: int | None = Field(None, ge=1)
    constraints: tuple[dict[str, Any], ...] = ()
    rows: int | None = Field(None, ge=0)
    random_state: int = 0
    utility: Literal["internal", "none"] = "none"
    utility_epsilon: float | None = Field(None, gt=0)
    y_true: str | None = None
    gaps: GapOptions | None = None
    attacks: AttackOptions | None = None

    @model_validator(mode="after")
    def _sound(self) -> SynthesizeJob:
        need_unit(self.private)
        if self.utility == "internal" and self.utility_epsilon is not None:
            raise ValueError("give utility: internal or utility_epsilon, not both")
        asked = [name for name in ("y_true", "gaps", "attacks") if getattr(self, name) is not None]
        if asked and self.utility != "internal":
            raise ValueError(
                f"{' and '.join(asked)} compare with the real rows without noise: set utility: "
                "internal, and do not publish the results"
            )
        if self.domain == "private" and not self.columns:
            raise ValueError("domain: private needs columns")
        if self.mlflow:
            raise ValueError("mlflow: private releases are not logged; leave it out")
        return self
