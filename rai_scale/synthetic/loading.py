"""The parts of a saved model, checked: a file may have been changed since it was written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from rai_scale.synthetic.counting import Clique
from rai_scale.synthetic.domain import Domain
from rai_scale.synthetic.fitting import Zeros
from rai_scale.synthetic.measuring import Measured
from rai_scale.synthetic.options import refuse_impossible


def loaded_measured(domain: Domain, stored: Sequence[Any]) -> tuple[Measured, ...]:
    """Return the measurements of a saved model.

    Raises
    ------
    ValueError, TypeError
        If one does not fit the domain, or a column was not measured.
    """
    found = []
    for given, sigma, listed in stored:
        clique, values = _clique(domain, given), _integers(listed)
        fits = values.shape == (domain.cells(clique),)
        if not fits or isinstance(sigma, bool) or not (sigma > 0 and math.isfinite(sigma)):
            raise ValueError("a measurement does not fit the domain")
        found.append(Measured(clique, values, float(sigma)))
    if {i for one in found for i in one.clique} != set(range(len(domain.names))):
        raise ValueError("a column was not measured")
    return tuple(found)


def loaded_zeros(domain: Domain, stored: Sequence[Any]) -> tuple[Zeros, ...]:
    """Return the combinations of a saved model that cannot occur.

    Raises
    ------
    ValueError, TypeError
        If one does not fit the domain.
    ConfigError
        If no combination is left.
    """
    found = []
    for given, listed in stored:
        clique, rows = _clique(domain, given), _integers(listed)
        fits = rows.ndim == 2 and rows.shape[1] == len(clique)  # noqa: PLR2004
        if not fits or (rows < 0).any() or (rows >= domain.shape(clique)).any():
            raise ValueError("a combination does not fit the domain")
        found.append((clique, rows))
    refuse_impossible(domain, found)
    return tuple(found)


def _clique(domain: Domain, given: Sequence[Any]) -> Clique:
    numbers = _integers(given)
    ascending = numbers.ndim == 1 and numbers.size and (np.diff(numbers) > 0).all()
    if not ascending or numbers[0] < 0 or numbers[-1] >= len(domain.names):
        raise ValueError("not columns of the domain, in ascending order")
    return tuple(numbers.tolist())


def _integers(given: Any) -> np.ndarray:
    numbers = np.array(given)  # mixes of numbers and others, or wider integers, are no int64
    if numbers.dtype != np.int64:
        raise ValueError("64-bit integers were expected")
    return numbers
