"""One text for one content: keys of requests, hashes of rows, queries without their literals."""

from __future__ import annotations

import datetime
import hashlib
import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from rai_scale.errors import ConfigError

_TOKEN = re.compile(
    r"""(?P<comment>--[^\n]*|/\*.*?\*/)
    |(?P<literal>'(?:[^'\\]|'')*'|"(?:[^"\\]|"")*"|(?<![\w.`])(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
    |(?P<name>[^\W\d]\w*|`[^`]*`)
    |(?P<mark>[-+*/%(),.;<>=!|\[\]:]|\s+)""",
    re.VERBOSE | re.DOTALL,
)


def canonical_json(value: Any) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces, ASCII.

    Raises
    ------
    ConfigError
        For a key that is no text, NaN, infinity, or a type that has no one text.
    """
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    if isinstance(value, Decimal | Fraction):
        return {"$number": str(Fraction(value))}
    if isinstance(value, datetime.date | datetime.time):
        return {"$time": value.isoformat()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: _plain(item) for key, item in value.items()}
    raise ConfigError(
        f"a {type(value).__name__} has no canonical form. Allowed: texts, finite numbers, dates, "
        "lists, and mappings whose keys are texts."
    )


def idempotency_key(
    query: str, metadata: Any, parameters: Mapping[str, Any], snapshot_id: str | None
) -> str | None:
    """Return the key under which a re-run of the same release on the same data is known.

    Parameters
    ----------
    query
        The canonical query; the caller brings it into one form.
    metadata, parameters
        Plain values (texts, numbers, dates, lists, mappings with text keys).
    snapshot_id
        Identifies the data, such as a Delta version. Two states of the data must never share it.

    Returns
    -------
    str or None
        64 hexadecimal digits (SHA-256 of canonical JSON); None without a snapshot id, because
        nothing then says that the data are the same: such a run is charged anew.
    """
    if snapshot_id is None:
        return None
    if not snapshot_id:
        raise ConfigError("snapshot_id is empty. Give the data's version, or None.")
    content = {
        "query": query.strip(),
        "metadata": metadata,
        "parameters": dict(parameters),
        "snapshot": snapshot_id,
    }
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


def mask_literals(query: str) -> str | None:
    """Return a SQL text with ``?`` for every quoted text and number, without comments.

    Text in double quotes is masked too: some dialects read it as a value. Returns None where the
    text cannot be taken apart with certainty.
    """
    parts = []
    end = 0
    for token in _TOKEN.finditer(query):
        if token.start() != end:
            return None
        end = token.end()
        if token["comment"]:
            parts.append(" ")
        else:
            parts.append("?" if token["literal"] else token[0])
    return " ".join("".join(parts).split()) if end == len(query) else None
