"""One text per content: for the keys of requests, the hashes of rows, and masked queries."""

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
    """Return the canonical JSON text of a value: sorted keys, no spaces, ASCII only.

    Raises
    ------
    ConfigError
        For NaN, infinity, mapping keys that are not text, and types without a canonical text.
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
        f"a {type(value).__name__} has no canonical form. Allowed are text, finite numbers, "
        "dates, lists, and mappings with text keys."
    )


def idempotency_key(
    query: str, metadata: Any, parameters: Mapping[str, Any], snapshot_id: str | None
) -> str | None:
    """Return a key that is the same for a re-run of the same release on the same data.

    Parameters
    ----------
    query : str
        The query, in a canonical form.
    metadata : object
    parameters : mapping of str to object
        Both made of text, numbers, dates, lists and mappings with text keys.
    snapshot_id : str or None
        Identifies the state of the data, such as a Delta version; different states must have
        different ids.

    Returns
    -------
    str or None
        64 hexadecimal digits (SHA-256 of canonical JSON). None without a snapshot id: the data
        may then have changed, and such a run is charged again.

    Raises
    ------
    ConfigError
        If ``snapshot_id`` is empty, or a value has no canonical text.
    """
    if snapshot_id is None:
        return None
    if not snapshot_id:
        raise ConfigError("snapshot_id is empty. Use the version of the data, or None.")
    content = {"query": query.strip(), "metadata": metadata}
    content |= {"parameters": dict(parameters), "snapshot": snapshot_id}
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


def mask_literals(query: str) -> str | None:
    """Return a SQL text without comments and with ``?`` for every quoted text and number.

    Text in double quotes is masked too: some dialects read it as a value. The result is None if
    the text cannot be split into tokens with certainty.
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
