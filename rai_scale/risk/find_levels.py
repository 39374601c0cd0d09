"""Generalisation: the least coarse table that hides people, found on counted cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from rai_scale.engines import engine_of
from rai_scale.engines.arrow_types import is_number
from rai_scale.errors import ConfigError, check_columns
from rai_scale.names import Names, names_of
from rai_scale.risk.columns import Columns, mixed_notes, one_role_each, short_columns
from rai_scale.risk.counted_cells import Texts, count_cells
from rai_scale.risk.generalise_result import Coarser, Generalisation
from rai_scale.risk.hierarchies import Hierarchy, hierarchies_of
from rai_scale.risk.lattice import Cells, Limits, best_node
from rai_scale.risk.orders import Order, checked_orders
from rai_scale.statistics.cells import MAX_CELLS

Utility = Literal["entropy", "discernibility", "loss"]
MOST_NODES = 200_000
_COUNTED = 2_000


def generalise(
    frame: Any,
    *,
    hierarchies: Mapping[str, Any],
    quasi_identifiers: Names,
    k: int,
    l: int | None = None,  # noqa: E741
    t: float | None = None,
    sensitive: Names = (),
    max_suppressed: float = 0.01,
    utility: Utility = "entropy",
    ordered: Mapping[str, Order] | None = None,
    max_nodes: int = _COUNTED,
    max_cells: int = MAX_CELLS,
) -> Generalisation:
    """Find the levels of all columns that hide people at the least cost; counts once.

    Rows are counted per combination of values by the engine, once; all levels are merged from
    these counts (if there are more than ``max_cells``, from counts of coarser values). The table is
    not changed: :meth:`Generalisation.apply` does so, lazily.

    Parameters
    ----------
    frame : DataFrame, DuckDB relation or pyarrow.Table
        pandas, Dask or Spark (classic or Connect).
    hierarchies : mapping of str to mapping
        Per quasi-identifier how it becomes coarser: ``{"intervals": [5, 10, 20]}`` (widths),
        ``{"prefixes": [4, 3]}`` (characters that stay; the others become ``*``), or ``{"tree":
        {value: [parent, grandparent]}}``. Every column can be removed (``*``).
    quasi_identifiers : str or sequence of str
    k : int
        The least rows of a class.
    l : int, optional
        The least distinct values of each sensitive column in a class.
    t : float, optional
        The largest distance of a class to the table. Different values have the distance 1, or
        with ``ordered`` that of their ranks.
    sensitive : str or sequence of str
        Needed for ``l`` and ``t``.
    max_suppressed : float
        The largest share of rows in classes that break a limit; these rows are removed.
    utility : {"entropy", "discernibility", "loss"}
        The cost of a row. ``entropy``: bits lost about its values, log2(rows with the coarse value
        / rows with the value), summed over columns (Gionis and Tassa, 2009). ``loss``: (values
        merged with it - 1) / (all values - 1), summed over columns (Iyengar, 2002).
        ``discernibility``: the size of its class (Bayardo and Agrawal, 2005). A suppressed row
        costs as much as one whose columns are all removed.
    max_nodes : int
        The number of combinations of levels that are counted at most. If they do not suffice, the
        result states how much better another combination may be.
    ordered : mapping of str to bool or sequence, optional
        Sensitive columns whose values have an order, as in :func:`anonymity`.
    max_cells : int
        The number of combinations of values that come to the driver at most. If there are more,
        the finest values are not tried, and ``gap`` takes into account what they might save.

    Returns
    -------
    Generalisation

    Raises
    ------
    ConfigError
        If no combination of levels satisfies the limits, or an option is unknown.
    MissingColumnError
        If a column does not exist.
    TooManyGroupsError
        If a column has more than ``max_cells`` distinct values, or all columns at their coarsest
        levels have more combinations.
    """
    keys, others = names_of(quasi_identifiers), names_of(sensitive)
    _check(keys, others, k=k, l=l, t=t, utility=utility, share=max_suppressed)
    orders = checked_orders(ordered, others)
    engine = engine_of(frame)
    check_columns([*keys, *others], engine.columns(frame))
    steps = hierarchies_of(hierarchies, keys)
    _check_lattice(steps)
    short = {name: f"q{at}" for at, name in enumerate([*keys, *others])}
    columns = short_columns(engine, frame, short)
    _check_numbers(steps, columns)
    counted = count_cells(
        engine, columns, steps, orders=orders, utility=utility, max_cells=max_cells
    )
    cells, losses = counted.cells, counted.losses
    rows, limits = int(cells.n.sum()), Limits(k, l, t)
    found = best_node(cells, limits, losses, max_suppressed * rows, max_nodes)
    if found is None:
        raise ConfigError(
            "no combination of levels satisfies the limits. Lower k or l, raise t or "
            "max_suppressed, or raise max_nodes."
        )
    classes = cells.classes(found.node)
    broken = limits.broken(cells, classes)
    return Generalisation(
        coarser=Coarser(
            tuple(steps), found.node, _classes(cells, counted.texts, found.node, broken)
        ),
        found=found,
        utility=utility,
        limits=limits,
        rows=rows,
        suppressed=int(cells.n[broken[classes]].sum()),
        sizes=_sizes(cells.n, classes, broken),
        removed_cost=_removed(cells, losses, rows),
        notes=(*mixed_notes(frame, keys), *_coarse_notes(cells, steps)),
    )


def _check(keys: list[str], others: list[str], **given: Any) -> None:
    one_role_each({"quasi-identifier": keys, "sensitive": others})
    if not keys:
        raise ConfigError("quasi_identifiers: name at least one column.")
    if given["k"] < 1 or not 0 <= given["share"] < 1:
        raise ConfigError("k must be at least 1, and max_suppressed at least 0 and below 1.")
    if (given["l"] or given["t"] is not None) and not others:
        raise ConfigError("l and t need sensitive columns. Name them in sensitive.")
    if given["utility"] not in ("entropy", "discernibility", "loss"):
        raise ConfigError(f"utility: {given['utility']!r} is not entropy, discernibility or loss.")


def _check_numbers(steps: Sequence[Hierarchy], columns: Columns) -> None:
    for at, one in enumerate(steps):
        kind = columns.types[f"q{at}"]
        if one.kind == "intervals" and not is_number(kind):
            raise ConfigError(
                f"hierarchies.{one.column}: intervals need numbers, and the column has type {kind}."
            )


def _check_lattice(steps: Sequence[Hierarchy]) -> None:
    number = int(np.prod([one.height + 1 for one in steps], dtype=float))
    if number > MOST_NODES:
        raise ConfigError(
            f"the hierarchies have {number:,} combinations of levels; at most {MOST_NODES:,} are "
            "searched. Give fewer levels or columns."
        )


def _coarse_notes(cells: Cells, steps: Sequence[Hierarchy]) -> list[str]:
    """Return a note if the finest values were too many to be tried."""
    pairs = zip(steps, cells.least, strict=True)
    fine = [f"{one.column!r} below {one.named(low)}" for one, low in pairs if low]
    return [f"too many combinations of values; not tried: {', '.join(fine)}."] if fine else []


def _removed(cells: Cells, losses: list[list[np.ndarray]] | None, rows: int) -> float:
    """Return the cost per row of removing all columns."""
    if losses is None:
        return float(rows)
    each = (column[-1][cells.codes[:, at]] for at, column in enumerate(losses))
    return float((sum(each) * cells.n).sum() / rows)


def _classes(
    cells: Cells, texts: Texts, node: Sequence[int], broken: np.ndarray
) -> frozenset[tuple[str | None, ...]]:
    """Return the coarse values of the classes that break a limit."""
    gone = broken[cells.classes(node)]
    return frozenset(
        tuple(
            texts[at][level][code] for at, (level, code) in enumerate(zip(node, row, strict=True))
        )
        for row in cells.codes[gone].tolist()
    )


def _sizes(n: np.ndarray, classes: np.ndarray, broken: np.ndarray) -> dict[int, int]:
    kept = np.bincount(classes, weights=n)[~broken].astype(np.int64)
    return {
        int(size): int(count)
        for size, count in zip(*np.unique(kept, return_counts=True), strict=True)
    }
