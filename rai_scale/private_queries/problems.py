"""Refusals: all before any data are read."""

from __future__ import annotations

import re

from rai_scale.errors import ConfigError
from rai_scale.private_queries.column_names import with_quotes

MARK = "\x01"
"""Marks an encoded literal; ``t`` (text), ``l`` (pattern) or ``n`` (number) follows, and the
hexadecimal digits of its UTF-8 bytes."""


class QueryRefusedError(ConfigError):
    """A query cannot be answered privately; the message names the construct."""

    def __init__(self, message: str) -> None:
        super().__init__(readable(message))


def readable(text: str) -> str:
    """Return a text with its encoded literals and names in ordinary SQL."""
    return with_quotes(re.sub(rf"'{MARK}([tln])([0-9a-f]*)'", _plain, text))


_DUMP = re.compile(
    r"(?:Bad token (?P<found>.*)|Lexer error) at line \d+ column \d+\.\s+Message: (?P<message>.*)",
    re.DOTALL,
)


def parser_error(error: Exception) -> QueryRefusedError:
    """Return the error of a query that SmartNoise does not parse, without its parser's output."""
    found = _DUMP.search(str(error))
    if found is None:
        return QueryRefusedError(f"the query cannot be used: {error}")
    near = found["found"] or found["message"].rpartition(" at: ")[2].strip("'")
    place = "at its end" if near == "<EOF>" else f"at {near!r}"
    return QueryRefusedError(
        f"the query cannot be parsed {place}. Put names that are SQL keywords or have spaces or "
        'special characters in double quotes, as in "order total".'
    )


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
