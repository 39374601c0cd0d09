"""The options of a synthesis, checked: method, workload, limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np

from rai_scale.errors import ConfigError, did_you_mean
from rai_scale.names import names_of
from rai_scale.synthetic.counting import MOST_CELLS, Clique
from rai_scale.synthetic.domain import Domain
from rai_scale.synthetic.fitting import Zeros

Method = Literal["aim", "mst", "mwem", "fixed"]
METHODS = ("aim", "mst", "mwem", "fixed")
MAX_CELLS = 1_000_000
MAX_MODEL_MB = 80.0


@dataclass(frozen=True)
class Options:
    """What a method works with.

    Attributes
    ----------
    method : str
    workload : tuple of tuple of int
        The marginals that matter, two or more columns each; for ``fixed``, those that are measured.
    max_rows : int
    max_model_mb : float
    rounds : int, optional
    zeros : tuple of (clique, ndarray)
    left_out : tuple of tuple of int
        Marginals of the workload with more cells than are counted.
    """

    method: Method
    workload: tuple[Clique, ...]
    max_rows: int = 1
    max_model_mb: float = MAX_MODEL_MB
    rounds: int | None = None
    zeros: tuple[Zeros, ...] = ()
    left_out: tuple[Clique, ...] = ()

    def counted(self, domain: Domain) -> tuple[Clique, ...]:
        """Return the marginals to count: those that no other one contains."""
        asked = {*self.workload, *((i,) for i in range(len(domain.names)))}
        found: list[Clique] = []
        for clique in sorted(asked, key=lambda c: (-len(c), c)):
            if not any(set(clique) <= set(larger) for larger in found):
                found.append(clique)
        return tuple(found)


def options_of(
    domain: Domain,
    *,
    method: str,
    workload: int | Sequence[Sequence[str]],
    max_rows: int,
    max_model_mb: float,
    max_cells: int,
    rounds: int | None,
    constraints: Sequence[Mapping[str, Any]],
) -> Options:
    """Return checked options; parameters as for :func:`~rai_scale.synthetic.synthesize`.

    Raises
    ------
    ConfigError
        If an option is invalid.
    """
    if method not in METHODS:
        raise ConfigError(
            f"no method is named {method!r}.{did_you_mean(str(method), METHODS)} "
            f"Allowed: {', '.join(METHODS)}."
        )
    for name, value, least in (
        ("max_rows", max_rows, 1),
        ("max_cells", max_cells, 1),
        ("rounds", 1 if rounds is None else rounds, 1),
    ):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ConfigError(f"{name} must be an integer from {least}.")
    if not max_model_mb > 0:
        raise ConfigError("max_model_mb must be above 0.")
    for name, size in zip(domain.names, domain.sizes, strict=True):
        if size > max_cells:
            raise ConfigError(
                f"{name!r} has {size:,} values, more than max_cells={max_cells:,}. Use bins, or "
                "fewer values and other."
            )
    asked = _workload(domain, workload, method)
    small = tuple(clique for clique in asked if domain.cells(clique) <= max_cells)
    large = tuple(clique for clique in asked if domain.cells(clique) > max_cells)
    if large and method == "fixed":
        raise ConfigError(
            f"{domain.named(large[0])} has {domain.cells(large[0]):,} cells, more than "
            f"max_cells={max_cells:,}. Leave it out of workload, or declare fewer values."
        )
    zeros = tuple(_zeros(domain, one) for one in constraints)
    refuse_impossible(domain, zeros)
    options = Options(method, small, max_rows, max_model_mb, rounds, zeros, large)  # type: ignore[arg-type]
    cells = sum(domain.cells(clique) for clique in options.counted(domain))
    if cells > MOST_CELLS:
        raise ConfigError(
            f"the marginals to count have {cells:,} cells, more than {MOST_CELLS:,}. Use a "
            "smaller workload, fewer columns, or fewer values."
        )
    return options


def _workload(
    domain: Domain, workload: int | Sequence[Sequence[str]], method: str
) -> tuple[Clique, ...]:
    columns = range(len(domain.names))
    if isinstance(workload, int) and not isinstance(workload, bool):
        if workload < 1:
            raise ConfigError("workload must be at least 1: the number of columns per marginal.")
        width = 2 if method == "mst" and workload > 1 else min(workload, len(columns))
        return tuple(combinations(columns, width)) if width > 1 else ()
    listed = [] if isinstance(workload, str) or not isinstance(workload, Sequence) else workload
    # names alone would ask for single columns, which are measured anyway
    found = [domain.places(names_of(c)) for c in listed if _is_combination(c)]
    if listed is not workload or len(found) < len(workload) or () in found:
        raise ConfigError(
            "workload must be an integer, or a list of combinations of columns such as "
            "[['age', 'sex']]."
        )
    if method == "mst":
        found = [pair for clique in found for pair in combinations(clique, 2)]
    return tuple(dict.fromkeys(clique for clique in found if len(clique) > 1))


def _is_combination(given: Any) -> bool:
    return isinstance(given, Iterable) and not isinstance(given, str)


def refuse_impossible(domain: Domain, zeros: Sequence[Zeros]) -> None:
    """Raise :class:`ConfigError` if some columns are left without any combination of values.

    The constraints on some columns are taken together with those on a part of them.
    """
    for clique in dict.fromkeys(clique for clique, _ in zeros):
        if domain.cells(clique) > MOST_CELLS:  # more than constraints can list
            continue
        allowed = np.ones(domain.shape(clique), dtype=bool)
        for own, rows in zeros:
            if set(own) <= set(clique):
                codes = dict(zip(own, rows.T, strict=True))
                allowed[tuple(codes.get(i, slice(None)) for i in clique)] = False
        if not allowed.any():
            raise ConfigError(
                f"the constraints on {domain.named(clique)} exclude every combination of its "
                "values, so no row could exist. Leave at least one."
            )


def _zeros(domain: Domain, given: Mapping[str, Any]) -> Zeros:
    """Return a constraint as codes.

    Raises
    ------
    ConfigError
        If it is not ``{"columns": [...], "invalid": [[...], ...]}`` with declared values.
    """
    if set(given) != {"columns", "invalid"}:
        raise ConfigError(
            "a constraint is {'columns': [names], 'invalid': [[a value per column], ...]}."
        )
    names = names_of(given["columns"])
    clique = domain.places(names)
    rows = []
    for combination in given["invalid"]:
        if len(combination) != len(names):
            raise ConfigError("a combination of a constraint needs one value per column.")
        rows.append([_code(domain, n, v) for n, v in zip(names, combination, strict=True)])
    if not rows:
        raise ConfigError("a constraint needs at least one invalid combination.")
    order = np.argsort([domain.names.index(name) for name in names])
    return clique, np.array(rows, dtype=np.int64)[:, order]


def _code(domain: Domain, name: str, value: Any) -> int:
    declared = dict(domain.columns)[name]
    if name in domain.private:
        raise ConfigError(f"constraint: {name!r} has a private domain; declare its values.")
    labels = declared.names()
    text = "(null)" if value is None else str(value)
    if text not in labels:
        raise ConfigError(
            f"constraint: {text!r} is not in the domain of {name!r}.{did_you_mean(text, labels)}"
        )
    return labels.index(text)
