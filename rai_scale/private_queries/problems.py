"""Refusals: all before any data are read."""

from __future__ import annotations

import re

from rai_scale.errors import ConfigError

MARK = "\x01"
"""Marks an encoded literal; ``t`` (text), ``l`` (pattern) or ``n`` (number) follows, and the
hexadecimal digits of its UTF-8 bytes."""


class QueryRefusedError(ConfigError):
    """A query cannot be answered privately; the message names the construct."""

    def __init__(self, message: str) -> None:
        super().__init__(readable(message))


def readable(text: str) -> str:
    """Return a text with its encoded literals in ordinary SQL."""
    return re.sub(rf"'{MARK}([tln])([0-9a-f]*)'", _plain, text)


def shown(text: str) -> str:
    """Return the text of a tree in ordinary SQL, with LIKE and plain texts."""
    like = rf"IN \( '{MARK}l([0-9a-f]*)' \)"
    text = re.sub(like, lambda m: f"LIKE '{MARK}t{m[1]}'", text)
    return readable(text)


def _plain(match: re.Match[str]) -> str:
    value = bytes.fromhex(match[2]).decode("utf-8", "replace")
    if match[1] == "n":
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
