"""Writes compound files (the container of .msg) with a few small streams, as [MS-CFB] describes."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

_SECTOR, _MINI, _CUTOFF = 512, 64, 4096
_END, _FREE, _FAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
_NONE = _FREE
_ROOT, _STORAGE, _STREAM = 5, 1, 2


def compound_file(tree: Mapping[str, Any]) -> bytes:
    """Return a compound file with the streams (bytes) and storages (mappings) of ``tree``."""
    entries: list[dict[str, Any]] = []
    _add(entries, "Root Entry", _ROOT, tree)
    sectors: list[bytes] = []
    chain: list[int] = []
    mini = b""
    mini_chain: list[int] = []
    for entry in entries:
        content = entry["content"]
        if entry["kind"] != _STREAM:
            continue
        if len(content) < _CUTOFF:
            entry["start"] = len(mini_chain) if content else _END
            count = -(-len(content) // _MINI)
            mini_chain += _links(len(mini_chain), count)
            mini += content.ljust(count * _MINI, b"\0")
        else:
            entry["start"] = _append(sectors, chain, content)
    entries[0]["start"] = _append(sectors, chain, mini)
    entries[0]["size"] = len(mini)
    minifat = _append(sectors, chain, _integers(mini_chain, _FREE))
    directory = _append(sectors, chain, b"".join(map(_directory_entry, entries)))
    fats = 1
    while fats * (_SECTOR // 4) < len(sectors) + fats:
        fats += 1
    first_fat = len(sectors)
    fat = _integers([*chain, *[_FAT] * fats], _FREE)
    header = struct.pack(
        "<8s16sHHHHH6xIIIIIIIIII",
        *(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"", 0x3E, 3, 0xFFFE, 9, 6),
        *(0, fats, directory, 0, _CUTOFF, minifat, -(-len(mini_chain) * 4 // _SECTOR), _END, 0),
        first_fat,
    )
    rest = [first_fat + i for i in range(1, fats)]
    header += struct.pack("<108I", *[*rest, *[_FREE] * (108 - len(rest))])
    return header + b"".join(sectors) + fat


def _add(entries: list[dict[str, Any]], name: str, kind: int, content: Any) -> int:
    """Append an entry and those below it; a storage has its entries as a sorted tree."""
    own = len(entries)
    stream = content if kind == _STREAM else b""
    entry = {"name": name, "kind": kind, "content": stream, "size": len(stream), "start": 0}
    entry |= {"left": _NONE, "right": _NONE, "child": _NONE}
    entries.append(entry)
    if kind != _STREAM:
        names = sorted(content, key=lambda n: (len(n), n.upper()))
        numbers = [
            _add(entries, n, _STREAM if isinstance(content[n], bytes) else _STORAGE, content[n])
            for n in names
        ]
        entry["child"] = _tree(entries, numbers)
    return own


def _tree(entries: list[dict[str, Any]], numbers: Sequence[int]) -> int:
    if not numbers:
        return _NONE
    middle = len(numbers) // 2
    top = numbers[middle]
    entries[top]["left"] = _tree(entries, numbers[:middle])
    entries[top]["right"] = _tree(entries, numbers[middle + 1 :])
    return top


def _links(first: int, count: int) -> list[int]:
    return [*range(first + 1, first + count), _END] if count else []


def _append(sectors: list[bytes], chain: list[int], content: bytes) -> int:
    """Append the sectors of a stream; returns the first one."""
    if not content:
        return _END
    first = len(sectors)
    count = -(-len(content) // _SECTOR)
    padded = content.ljust(count * _SECTOR, b"\0")
    sectors += [padded[i * _SECTOR : (i + 1) * _SECTOR] for i in range(count)]
    chain += _links(first, count)
    return first


def _integers(values: Sequence[int], filler: int) -> bytes:
    missing = -len(values) % (_SECTOR // 4)
    return struct.pack(f"<{len(values) + missing}I", *values, *[filler] * missing)


def _directory_entry(entry: Mapping[str, Any]) -> bytes:
    name = entry["name"].encode("utf-16-le") + b"\0\0"
    return struct.pack(
        "<64sHBBIII16sIQQIQ",
        *(name, len(name), entry["kind"], 1, entry["left"], entry["right"], entry["child"]),
        *(b"", 0, 0, 0, entry["start"], entry["size"]),
    )
