"""Many small tables: groups of them are scanned step by step together.

The analysis of values displaces the code and data of all other steps from the processor's caches.
So a group of small tables is read, prepared, analysed and then judged: each step runs many times in
a row, which takes about half as long.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import TypeVar

from rai_scale.engines.protocol import Engine
from rai_scale.pii.scanning.budget import Budget
from rai_scale.pii.scanning.sources import ScanInput
from rai_scale.tables.readers.small import is_small

_TABLES, _TABLE_BYTES = 64, 1 << 18
Result = TypeVar("Result")


def in_groups(
    places: Iterable[int], sources: Sequence[ScanInput], engine: Engine, budget: Budget
) -> Iterator[list[int]]:
    """Yield the places of tables in groups, in their order; a large table is a group of its own.

    A limit on the time of the run is checked before each table, so that there are no groups.

    Parameters
    ----------
    places : iterable of int
        Where the tables are in ``sources``.
    sources : sequence of ScanInput
    engine : Engine
    budget : Budget
    """
    group: list[int] = []
    grouped = engine.name == "local" and budget.max_seconds is None
    for at in places:
        found = sources[at].found
        if grouped and found is not None and is_small(found, _TABLE_BYTES):
            group.append(at)
            if len(group) < _TABLES:
                continue
        elif group:
            yield group
            group = [at]
        else:
            group = [at]
        yield group
        group = []
    if group:
        yield group


def side_by_side(steps: Sequence[Generator[None, None, Result]]) -> list[Result]:
    """Run each step of all generators before the next step; returns their results."""
    results: dict[int, Result] = {}
    while len(results) < len(steps):
        for at, one in enumerate(steps):
            if at not in results:
                try:
                    next(one)
                except StopIteration as end:
                    results[at] = end.value
    return [results[at] for at in range(len(steps))]
