"""The encoding of text that is not Unicode, by ``charset-normalizer`` if it is installed."""

from __future__ import annotations

from functools import cache
from typing import Any

DEFAULT = "cp1252"
_CANDIDATES = (
    *("cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257"),
    *("koi8_r", "koi8_u", "shift_jis", "euc_jp", "euc_kr", "gb18030", "big5", "iso8859_2"),
)
_LATIN = ("Latin", "Basic Latin", "General Punctuation", "Currency")
_LEAST = 16
"""Fewer bytes beyond ASCII say too little about an alphabet."""


def legacy_encoding(head: bytes) -> str:
    """Return the encoding of a text that is not Unicode: Windows-1252 unless its alphabet differs.

    Encodings of Latin letters differ in few characters, so a guess among them would often be wrong;
    an alphabet such as Cyrillic, Greek or Japanese is recognised reliably.

    Parameters
    ----------
    head : bytes
        The first bytes of the text.
    """
    find = _normalizer()
    if find is None or len(head) - len(head.decode("ascii", "ignore")) < _LEAST:
        return DEFAULT
    best = find(head, cp_isolation=list(_CANDIDATES), threshold=0.2).best()
    if best is None:
        return DEFAULT
    other = [name for name in best.alphabets if not any(latin in name for latin in _LATIN)]
    return str(best.encoding) if other else DEFAULT


@cache
def _normalizer() -> Any:
    try:
        from charset_normalizer import from_bytes
    except ImportError:
        return None
    return from_bytes
