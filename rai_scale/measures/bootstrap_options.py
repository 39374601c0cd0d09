"""The typed options of a bootstrap, the same in Python and in YAML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from rai_scale.errors import ConfigError, OptionError
from rai_scale.measures.refusals import ArgumentError
from rai_scale.measures.uncertainty.resample import generator_of
from rai_scale.upstream.fairlearn import (
    BOOTSTRAP_CI_INVALID,
    BOOTSTRAP_N_BOOT_INT_GT_ZERO,
    BOOTSTRAP_NEED_N_AND_CI,
)

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are computed: number of replicates, confidence, and seed.

    Parameters
    ----------
    n_boot : int, optional
        Number of replicates, 1 or more. None draws no replicates; then only ``confidence`` has an
        effect, on intervals that come from formulas.
    confidence : float, optional
        Probability with which each interval covers its value, between 0 and 1; 0.95 by default.
    ci_quantiles : sequence of float, optional
        Instead of ``confidence``: the quantiles of the replicates, as in
        ``fairlearn.metrics.MetricFrame``, each between 0 and 1.
    random_state : int, numpy.random.Generator, numpy.random.RandomState, optional
        Seed of the draws; None draws differently each time.
    person : str, optional
        Column of the person (or household) whose rows are resampled together.

    Raises
    ------
    OptionError
        If a value is out of range, or two of them exclude each other.
    """

    n_boot: int | None = 500
    confidence: float | None = None
    ci_quantiles: Sequence[float] | None = None
    random_state: Any = 0
    person: str | None = None

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        n_boot, quantiles = self.n_boot, self.ci_quantiles
        integer = isinstance(n_boot, int | np.integer) and not isinstance(n_boot, bool)
        if n_boot is not None and (not integer or n_boot < 1):
            raise ArgumentError(BOOTSTRAP_N_BOOT_INT_GT_ZERO, f"found n_boot={n_boot!r}.")
        if n_boot is None and self.person is not None:
            raise OptionError("person needs replicates: set n_boot too.")
        if quantiles is not None:
            self._check_quantiles(quantiles)
            object.__setattr__(self, "ci_quantiles", tuple(quantiles))
        elif not 0 < self.level < 1:
            raise OptionError(f"confidence must be between 0 and 1; found {self.confidence!r}.")
        generator_of(0 if self.random_state is None else self.random_state)

    def _check_quantiles(self, quantiles: Any) -> None:
        if self.confidence is not None:
            raise OptionError("give either confidence or ci_quantiles, not both.")
        floats = isinstance(quantiles, Iterable) and all(isinstance(q, float) for q in quantiles)
        if not floats or not all(0 < q < 1 for q in quantiles):
            raise ArgumentError(BOOTSTRAP_CI_INVALID, f"found ci_quantiles={quantiles!r}.")
        if len(quantiles) == 0 or self.n_boot is None:
            raise ArgumentError(
                BOOTSTRAP_NEED_N_AND_CI,
                f"found n_boot={self.n_boot!r} and ci_quantiles={quantiles!r}.",
            )

    @property
    def level(self) -> float:
        """The confidence of an interval."""
        return CONFIDENCE if self.confidence is None else self.confidence

    @property
    def quantiles(self) -> list[float]:
        """The quantiles of the replicates that are shown."""
        ends = [(1 - self.level) / 2, (1 + self.level) / 2]
        return ends if self.ci_quantiles is None else list(self.ci_quantiles)


def symmetric(bootstrap: Bootstrap | None) -> Bootstrap:
    """Return the options of intervals with two ends; None draws no replicates.

    Raises
    ------
    ConfigError
        If quantiles are given: their number may differ from two.
    """
    bootstrap = bootstrap or Bootstrap(n_boot=None)
    if bootstrap.ci_quantiles is not None:
        raise ConfigError("these intervals have two ends: give confidence, not ci_quantiles.")
    return bootstrap
