"""Gates: does a measured disparity fail a check, judged by its estimate or by a bound of it."""

from __future__ import annotations

from typing import Literal

import numpy as np

from rai_scale.errors import ConfigError, did_you_mean

JudgedBy = Literal["point", "lower_bound", "upper_bound"]


def gate_fails(
    estimate: float,
    lower: float,
    upper: float,
    *,
    above: float | None = None,
    below: float | None = None,
    judged_by: JudgedBy = "point",
) -> bool:
    """Say whether a gate fails.

    With ``above=0.1`` and ``judged_by="lower_bound"`` it fails only if the data show that the
    disparity exceeds 0.1; by ``upper_bound`` it fails unless they show that it does not. For
    ``below=0.8`` (a ratio) the two change places. A value that is not known (NaN) fails every gate:
    what was not measured is not passed.

    Parameters
    ----------
    estimate, lower, upper : float
        A disparity with its bounds, from :mod:`rai_scale.measures.uncertainty.bands`.
    above, below : float, optional
        Exactly one limit; a value equal to the limit passes.
    judged_by : {'point', 'lower_bound', 'upper_bound'}
    """
    values = {"point": estimate, "lower_bound": lower, "upper_bound": upper}
    if judged_by not in values:
        raise ConfigError(
            f"judged_by is {judged_by!r}; choose from {', '.join(values)}."
            f"{did_you_mean(str(judged_by), values)}"
        )
    if (above is None) == (below is None):
        raise ConfigError("a gate needs exactly one of 'above' and 'below'.")
    limit = above if below is None else below
    number = isinstance(limit, int | float) and not isinstance(limit, bool)
    if not number or not np.isfinite(float(limit)):  # type: ignore[arg-type]
        raise ConfigError(f"the limit of a gate is a finite number; found {limit!r}.")
    value = float(values[judged_by])
    if np.isnan(value):
        return True
    return value > above if above is not None else value < below  # type: ignore[operator]
