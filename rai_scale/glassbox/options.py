"""Options of an EBM: how its rows are divided into shards, and interpret's own parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

from rai_scale.errors import OptionError

_LEAST = {"max_bins": 2, "max_interaction_bins": 2, "max_rounds": 1, "outer_bags": 1}


@dataclass(frozen=True)
class Shards:
    """The number and size of shards; one EBM is trained on each shard.

    Attributes
    ----------
    count : int, optional
        Number of shards; by default one per 50,000 rows, at most 16. There are fewer, with a note,
        if a shard would have fewer than ``min_rows`` rows, or fewer than 10 rows of a class.
    min_rows : int
        Minimum number of rows of a shard.

    Raises
    ------
    OptionError
        If a number is below 1.
    """

    count: int | None = None
    min_rows: int = 5_000
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        for name, value in (("count", self.count), ("min_rows", self.min_rows)):
            if value is not None and value < 1:
                raise OptionError(f"{name} of shards must be at least 1; found {value}.")


@dataclass(frozen=True)
class EBMParams:
    """Parameters of interpret's EBM classes, by interpret's names; ``None`` is interpret's default.

    They are those of ``ExplainableBoostingClassifier`` and ``ExplainableBoostingRegressor``.

    Attributes
    ----------
    max_bins, max_interaction_bins : int, optional
        Maximum number of bins of a feature for its own term and for pairs; by default 1,024 and 32.
    max_rounds : int, optional
        Maximum number of boosting rounds.
    max_leaves : int, optional
        Maximum number of leaves of a tree.
    learning_rate : float, optional
        Learning rate of boosting, above 0.
    outer_bags : int, optional
        Number of bagged models per shard; by default, all shards together have 16, each at least 2.
    inner_bags : int, optional
        Number of bags within each outer bag.
    validation_size : int or float, optional
        Rows (int) or share of rows (float) that are held out for early stopping.
    early_stopping_rounds, early_stopping_tolerance : int and float, optional
        Rounds without an improvement above the tolerance after which boosting stops.
    smoothing_rounds, interaction_smoothing_rounds : int, optional
        Initial rounds that smooth the shapes; by default 600 for several shards of fewer than
        50,000 rows.
    greedy_ratio : float, optional
        Ratio of greedy to cyclic boosting steps.
    cyclic_progress : bool or float, optional
        Whether, or by what share, cyclic steps update the model.
    min_samples_leaf, min_hessian : int and float, optional
        Minimum number of rows, and minimum Hessian, of a leaf.
    reg_alpha, reg_lambda : float, optional
        L1 and L2 regularization.
    max_delta_step : float, optional
        Limit on the output of a leaf.
    gain_scale : float, optional
        Factor by which the gain of nominal features is scaled.
    min_cat_samples, cat_smooth : int and float, optional
        Minimum number of rows of a category, and smoothing of categories.
    missing : {"low", "high", "separate", "gain"}, optional
        How missing values are treated.
    monotone_constraints : list of int, optional
        1, 0 or -1 per feature: increasing, unconstrained or decreasing.
    objective : str, optional
        Objective function.
    n_jobs : int, optional
        Number of jobs per shard; by default 1.

    Raises
    ------
    OptionError
        If a number of bins, rounds or bags, or the learning rate is too small.
    """

    max_bins: int | None = None
    max_interaction_bins: int | None = None
    max_rounds: int | None = None
    max_leaves: int | None = None
    learning_rate: float | None = None
    outer_bags: int | None = None
    inner_bags: int | None = None
    validation_size: int | float | None = None
    early_stopping_rounds: int | None = None
    early_stopping_tolerance: float | None = None
    smoothing_rounds: int | None = None
    interaction_smoothing_rounds: int | None = None
    greedy_ratio: float | None = None
    cyclic_progress: bool | float | None = None
    min_samples_leaf: int | None = None
    min_hessian: float | None = None
    reg_alpha: float | None = None
    reg_lambda: float | None = None
    max_delta_step: float | None = None
    gain_scale: float | None = None
    min_cat_samples: int | None = None
    cat_smooth: float | None = None
    missing: Literal["low", "high", "separate", "gain"] | None = None
    monotone_constraints: Sequence[int] | None = None
    objective: str | None = None
    n_jobs: int | None = None
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise OptionError(f"{name} must be at least {least}; found {value}.")
        if self.learning_rate is not None and not self.learning_rate > 0:
            raise OptionError(f"learning_rate must be above 0; found {self.learning_rate}.")

    def given(self) -> dict[str, Any]:
        """Return the parameters that are not ``None``."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in found.items() if value is not None}
