"""Configuration of ``rai-scale personalization``."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from rai_scale.jobs.config import JobConfig
from rai_scale.personalization.log_contract import LogContract
from rai_scale.personalization.use_cases import UseCase
from rai_scale.pii.analysis.config import Frozen


class ExposureOptions(Frozen):
    """Options of ``audit_exposure``; the columns are those of ``log``."""

    every: Literal["day", "week", "month"] = "week"
    lists: tuple[str, ...] = ()
    explore_below: float = Field(0.5, gt=0, le=1)
    quality: str | None = None
    catalogue: int | None = Field(None, ge=1)
    alpha: float = Field(0.05, gt=0, lt=1)


class PolicyConfig(Frozen):
    """A policy: one of a column, a file, and probabilities that are the same for everybody.

    ``column`` has the policy's probability of the logged action; ``file`` (CSV or Parquet) has the
    columns of the context, the action and ``probability``.
    """

    column: str | None = None
    file: str | None = None
    probabilities: dict[str, float] | None = None


class PolicyOptions(Frozen):
    """Options of ``evaluate_policy``; the columns are those of ``log``."""

    policies: dict[str, PolicyConfig] = Field(min_length=1)
    estimators: tuple[Literal["ips", "snips", "dm", "dr"], ...] = ("ips", "snips", "dm", "dr")
    unsupported: Literal["refuse", "bound"] = "refuse"
    reward_range: dict[str, tuple[float, float]] = Field(default_factory=dict)
    on_bad: Literal["refuse", "exclude"] = "refuse"


class FeatureOptions(Frozen):
    """Options of ``audit_features``; the allowed features and the person are those of ``log``.

    ``learner: ebm`` predicts each sensitive feature by Explainable Boosting Machines.
    """

    sensitive_features: tuple[str, ...] = Field(min_length=1)
    forbidden: tuple[str, ...] = ()
    model_features: tuple[str, ...] = ()
    learner: Literal["ebm"] | None = None
    bins: int = Field(20, ge=2)
    folds: int = Field(5, ge=2)
    max_rows: int = Field(50_000, ge=1)
    min_rows: int = Field(20, ge=1)
    random_state: int = Field(0, ge=0)


class ConflictOptions(Frozen):
    """Options of ``find_reward_conflicts``: names of rewards of ``log``.

    ``item`` is another column than the item of ``log``, such as an element of the page.
    """

    reward: str
    satisfaction: str
    item: str | None = None
    min_rows: int = Field(100, ge=1)
    alpha: float = Field(0.05, gt=0, lt=1)
    on_bad: Literal["refuse", "exclude"] = "refuse"


class BurstOptions(Frozen):
    """Options of ``find_bursts``; the columns are those of ``log``."""

    every: Literal["day", "week", "month"] = "day"
    history: int = Field(7, ge=2)
    alpha: float = Field(0.05, gt=0, lt=1)


class ReplayOptions(Frozen):
    """A snapshot of what decided; ``trusted`` allows it to run the code of a policy."""

    snapshot: str
    trusted: bool = False


class ConsentOptions(Frozen):
    """Options of ``apply_consent``: how many events would lose which features, and why."""

    source: str
    table: str | None = None
    feature_groups: dict[str, tuple[str, ...]] = Field(min_length=1)
    at: datetime
    default: Literal["deny", "allow"] = "deny"
    refresh_days: float | None = Field(None, gt=0)
    feature_group: str = "feature_group"
    decision: str = "decision"
    time: str = "time"
    expires: str | None = None
    person: str | None = None


class PersonalizationJob(JobConfig):
    """Configuration of ``rai-scale personalization``: the log, its use cases, and the audits.

    ``log`` is checked first; each of the audits ``features``, ``exposure``, ``rewards``,
    ``conflicts``, ``bursts``, ``consent`` and ``replay`` is optional.
    """

    source: str
    table: str | None = None
    log: LogContract
    use_cases: tuple[UseCase, ...] = ()
    features: FeatureOptions | None = None
    exposure: ExposureOptions | None = None
    rewards: PolicyOptions | None = None
    conflicts: tuple[ConflictOptions, ...] = ()
    bursts: BurstOptions | None = None
    consent: ConsentOptions | None = None
    replay: ReplayOptions | None = None
    confidence: float = Field(0.95, gt=0, lt=1)
