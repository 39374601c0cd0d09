"""JSON Lines parsed by an engine's verbs: every value is text, exactly as it was written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from rai_scale.tables.column_names import text_schema, unique_names
from rai_scale.tables.formats import CORRUPT

if TYPE_CHECKING:
    from rai_scale.engines.protocol import Engine

_KEYS = pa.schema([("key", pa.string())])
_LABEL = "read_jsonl"
_NONE = pa.schema([])


class _Verbatim(str):
    """A number or constant as it is written in the text."""

    __slots__ = ()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Reject an object with a repeated key: a dictionary would keep only one of the values."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found


_DECODER = json.JSONDecoder(
    parse_float=_Verbatim, parse_int=_Verbatim, parse_constant=_Verbatim, object_pairs_hook=_object
)
# numbers need no type of their own where no text is made of an object or array
_SCAN_PLAIN = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str).scan_once  # type: ignore[attr-defined]
_TEXT_TYPES = {str, type(None)}
_TOGETHER = 256
_PART = 10_000
"""Lines whose objects are in memory at the same time."""
_WORDS = {True: "true", False: "false"}
_FLAGS: dict[Any, str | None] = {True: "true", False: "false", None: None}
_FLAG_TYPES = {bool, type(None)}
_ENCODE = json.JSONEncoder(ensure_ascii=False).encode


def read_jsonl(
    lines: Any, engine: Engine, partition_columns: Sequence[str], numbers: pa.Schema = _NONE
) -> Any:
    """Parse lines of JSON; one pass over the lines finds the keys, and the result is lazy.

    Parameters
    ----------
    lines : frame of the engine
        With the text column ``text`` and the partition columns.
    engine : Engine
    partition_columns : sequence of str
    numbers : pyarrow.Schema
        Other columns of ``lines`` that are kept.

    Returns
    -------
    frame of the engine
        Text columns: the top-level keys of all lines, sorted; the partition columns; and
        ``_corrupt_record`` with the text of lines that are not a JSON object, or in which an object
        has a repeated key. Blank lines are skipped.
    """
    found = engine.map_partitions(lines, JsonKeys(), _KEYS, inputs=["text"], label=_LABEL)
    keys = sorted(set(engine.collect(found)["key"].to_pylist()))
    parse = _parser(keys, partition_columns, numbers)
    inputs = ["text", *partition_columns, *numbers.names]
    return engine.map_partitions(lines, parse, parse.schema(), inputs=inputs, label=_LABEL)


@dataclass(frozen=True)
class JsonKeys:
    """Table function: the distinct top-level keys of a batch."""

    cheap = True

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return one row per key."""
        keys: dict[str, None] = {}
        for found in _parse_all(table["text"].to_pylist()):
            keys.update(dict.fromkeys(found or ()))
        return pa.table([pa.array(list(keys), pa.string())], schema=_KEYS)


@dataclass(frozen=True)
class ParseJson:
    """Table function: parses lines into columns ``names`` with the values of ``keys``."""

    keys: tuple[str, ...]
    names: tuple[str, ...]
    partition_columns: tuple[str, ...]
    numbers: pa.Schema = _NONE
    cheap = True

    def schema(self) -> pa.Schema:
        """Return the schema of the result: text columns, and the numbers of the lines."""
        texts = text_schema([*self.names, *self.partition_columns, CORRUPT])
        return pa.schema([*texts, *self.numbers])

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return one row per line that is not blank."""
        return self.of(_parsed(table, self.keys))

    def of(self, found: _Parsed) -> pa.Table:
        """Return the table of lines that were parsed."""
        none = pa.nulls(len(found.bad), pa.string())
        columns = [found.columns.get(key, none) for key in self.keys]
        columns += [found.rows[name] for name in self.partition_columns]
        columns += [found.bad, *(found.rows[name] for name in self.numbers.names)]
        return pa.table(columns, schema=self.schema())


class _Parsed(NamedTuple):
    """Lines that are not blank, the values of their keys, and the lines that are not objects."""

    rows: pa.Table
    columns: dict[str, pa.Array]
    bad: pa.Array


def _parsed(table: pa.Table, keys: Sequence[str] | None = None) -> _Parsed:
    """Parse the lines of a table; without ``keys``, those that the lines have."""
    lines = table["text"].to_pylist()
    objects = _parse_all(lines)
    kept = [i for i, line in enumerate(lines) if line and not line.isspace()]
    if len(kept) < len(lines):
        lines, objects = [lines[i] for i in kept], [objects[i] for i in kept]
        table = table.take(pa.array(kept, pa.int64()))
    if keys is None:
        keys = list(set().union(*filter(None, objects)))
    bad = [None] * len(lines)
    if None in objects:
        bad = [line if o is None else None for line, o in zip(lines, objects, strict=True)]
    columns = {key: _texts(key, objects) for key in keys}
    return _Parsed(table, columns, pa.array(bad, pa.string()))


def parsed_lines(
    lines: pa.Table, partition_columns: Sequence[str], numbers: pa.Schema = _NONE
) -> pa.Table:
    """Parse lines in this process; the result is that of :func:`read_jsonl`."""
    starts = range(0, max(len(lines), 1), _PART)  # objects need much more memory than their texts
    parts = [_parsed(lines.slice(start, _PART)) for start in starts]
    keys = sorted({key for part in parts for key in part.columns})
    parser = _parser(keys, partition_columns, numbers)
    tables = [parser.of(part) for part in parts]
    return tables[0] if len(tables) == 1 else pa.concat_tables(tables).combine_chunks()


def _parser(keys: Sequence[str], partition_columns: Sequence[str], numbers: pa.Schema) -> ParseJson:
    names = unique_names(keys, [*partition_columns, CORRUPT])
    return ParseJson(tuple(keys), tuple(names), tuple(partition_columns), numbers)


def _parse_all(lines: Sequence[str | None]) -> list[dict[str, Any] | None]:
    """Return the objects of lines, as :func:`_parse` does for one."""
    found: list[dict[str, Any] | None] = []
    for start in range(0, len(lines), _TOGETHER):
        some = lines[start : start + _TOGETHER]
        found += _parse_together(some) or map(_parse, some)
    return found


def _parse_together(lines: Sequence[str | None]) -> list[dict[str, Any] | None] | None:
    """Parse lines as one list, which takes half of the time; None if a line is not that simple.

    If each line begins with its only opening brace, a list of as many objects has that of line i at
    i: an object within another, or a brace within a text, would leave fewer. As in :func:`_parse`,
    there are as many colons as keys.
    """
    if not all(line and line[0] == "{" for line in lines):
        return None
    text = ",".join(lines)  # type: ignore[arg-type]
    if text.count("{") != len(lines) or "[" in text:
        return None
    try:
        values, end = _SCAN_PLAIN(f"[{text}]", 0)
    except (ValueError, RecursionError, StopIteration):
        return None
    if set(map(type, values)) != {dict}:
        return None
    keys: set[str] = set().union(*values)
    simple = (
        len(values) == len(lines)
        and end == len(text) + 2
        and text.count(":") == sum(map(len, values))
        and "".join(keys).isprintable()
    )
    return values if simple else None


def _parse(line: str | None) -> dict[str, Any] | None:
    if not line:
        return None
    try:  # most lines: an object without objects or arrays in it
        value, end = _SCAN_PLAIN(line, 0)
    except (ValueError, RecursionError, StopIteration):
        return _parse_slowly(line)
    # with as many colons as keys, no key is there twice, and there is no object within the object
    if type(value) is not dict or line.count(":") != len(value) or "[" in line or end < len(line):
        return _parse_slowly(line)
    return value if "".join(value).isprintable() else _with_safe_keys(value)


def _parse_slowly(line: str) -> dict[str, Any] | None:
    try:
        value = _DECODER.decode(line.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return None
    return _with_safe_keys(value) if isinstance(value, dict) else None


def _with_safe_keys(value: dict[str, Any]) -> dict[str, Any] | None:
    if all(key.isprintable() or _safe(key) == key for key in value):
        return value
    safe = {_safe(key): item for key, item in value.items()}
    return safe if len(safe) == len(value) else None


def _texts(key: str, objects: Sequence[dict[str, Any] | None]) -> pa.Array:
    try:
        values = list(map(itemgetter(key), objects))  # type: ignore[arg-type]
    except (KeyError, TypeError):  # some have no such key, or are not objects
        values = [None if o is None else o.get(key) for o in objects]
    kinds = set(map(type, values))
    if kinds <= _FLAG_TYPES:
        values = [_FLAGS[value] for value in values]
    elif not kinds <= _TEXT_TYPES:
        values = [_text(value) for value in values]
    try:
        return pa.array(values, pa.string())
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can escape
        return pa.array([None if v is None else _safe(v) for v in values], pa.string())


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return None if value is None else str(value)
    return _WORDS[value] if isinstance(value, bool) else _compact(value)


def _compact(value: Any) -> str:
    if isinstance(value, _Verbatim):
        return str(value)
    if isinstance(value, dict):
        items = (f"{_ENCODE(key)}:{_compact(item)}" for key, item in value.items())
        return "{" + ",".join(items) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_compact, value)) + "]"
    return _ENCODE(value)


def _safe(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
