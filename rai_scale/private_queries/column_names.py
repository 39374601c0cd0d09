"""Names of columns: as the table has them, and in a form that SmartNoise's grammar accepts.

SmartNoise finds no quoted name with a dot, and no name with a quote or a bracket in it. A name that
is not a plain identifier is therefore encoded as one, with its characters as hexadecimal digits.
"""

from __future__ import annotations

import re

from rai_scale.names import quoted

_MARK = "rai_name_"
_CODED = re.compile(rf"{_MARK}((?:[0-9a-f][0-9a-f])+)")
_PLAIN = re.compile(r"[A-Za-z_\u00A1-\uFFFF][A-Za-z0-9_$\u00A1-\uFFFF]*")
_PAIRS = {'"': '"', "`": "`", "[": "]"}


def is_plain(name: str) -> bool:
    """Return whether SmartNoise's grammar accepts a name without quotes, keywords aside."""
    return _PLAIN.fullmatch(name) is not None


def is_quoted(name: str) -> bool:
    """Return whether a name is in double quotes, back quotes or brackets."""
    return len(name) > 1 and _PAIRS.get(name[0]) == name[-1]


def real_name(name: str) -> str:
    """Return a column's name as its table has it, from an encoded, a quoted or a plain name."""
    coded = _CODED.fullmatch(name)
    if coded is not None:
        return bytes.fromhex(coded[1]).decode("utf-8", "surrogatepass")
    if not is_quoted(name):
        return name
    return name[1:-1].replace('""', '"') if name[0] == '"' else name[1:-1]


def encoded_name(name: str) -> str:
    """Return a quoted or plain name as an identifier that needs no quotes."""
    return _MARK + real_name(name).encode("utf-8", "surrogatepass").hex()


def with_quotes(text: str) -> str:
    """Return a text with its encoded names in double quotes."""
    return _CODED.sub(lambda m: quoted(real_name(m[0])), text)
