"""Names of columns that no engine confuses, and schemas of text columns."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import pyarrow as pa


def text_schema(names: Iterable[str]) -> pa.Schema:
    """Return a schema of text columns."""
    return _text_schema(tuple(names))


@lru_cache(256)
def _text_schema(names: tuple[str, ...]) -> pa.Schema:
    """Make the schema; many small tables of a lake have the same one."""
    return pa.schema([pa.field(name, pa.string()) for name in names])


def unique_names(names: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """Return column names that no engine confuses: not blank, and different in more than case.

    ``ID`` after ``id`` becomes ``ID_2``; a blank name becomes ``column_<position>``, and NUL,
    which ends a name in C, the character U+FFFD. Names in ``taken`` are not used.
    """
    used = {name.casefold() for name in taken}
    result = []
    for position, name in enumerate(names, 1):
        base = name.replace("\0", "\ufffd") if name.strip() else f"column_{position}"
        unique, number = base, 1
        while unique.casefold() in used:
            number += 1
            unique = f"{base}_{number}"
        used.add(unique.casefold())
        result.append(unique)
    return result
