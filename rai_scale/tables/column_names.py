"""Names of columns that no engine confuses, and schemas of text columns."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa


def text_schema(names: Iterable[str]) -> pa.Schema:
    """Return a schema of text columns."""
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
        tries = (base if n == 1 else f"{base}_{n}" for n in range(1, 100_000))
        unique = next(t for t in tries if t.casefold() not in used)
        used.add(unique.casefold())
        result.append(unique)
    return result
