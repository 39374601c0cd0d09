"""Plain sentences on options that pydantic refuses, in Python and in configurations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from pydantic import BaseModel

from rai_scale.errors import did_you_mean

UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")
"""The types of pydantic's error for a key that a model does not have."""
_WORDS = {
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "decimal_parsing": "must be a number",
    "dict_type": "must be a mapping",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "int_from_float": "must be an integer",
    "int_parsing": "must be an integer",
    "int_type": "must be an integer",
    "list_type": "must be a list",
    "mapping_type": "must be a mapping",
    "missing": "is required",
    "model_type": "must be a mapping",
    "string_type": "must be text",
    "tuple_type": "must be a list",
}


def in_words(item: Mapping[str, Any]) -> str:
    """Return what is wrong with a value, without the value and without a full stop."""
    if item["type"] in ("too_short", "string_too_short"):
        least = item["ctx"]["min_length"]
        if least == 1:
            return "must not be empty"
        what = "characters" if item["type"] == "string_too_short" else "entries"
        return f"must have at least {least} {what}"
    said = _WORDS.get(item["type"]) or item["msg"].removeprefix("Value error, ")
    return said.removesuffix(".").replace("Input should ", "must ")


def closest(item: Mapping[str, Any]) -> str:
    """Return ``" Did you mean 'x'?"`` for a misspelled choice, or an empty string."""
    if item["type"] != "literal_error" or not isinstance(item["input"], str):
        return ""
    return did_you_mean(item["input"], re.findall(r"'([^']*)'", item["ctx"]["expected"]))


def unknown_key(kind: Any, item: Mapping[str, Any], more: Iterable[str] = ()) -> str:
    """Return the suggestion and the list of keys for a key that a model at any depth lacks.

    ``more`` are names that are suggested at the top level in addition to the keys of the model.
    """
    known = list(fields_of(model_at(kind, item["loc"])))
    more = more if len(item["loc"]) == 1 else ()
    hint = did_you_mean(str(item["loc"][-1]), [*known, *more])
    return f"{hint} Options are: {', '.join(known)}"


def model_at(kind: Any, location: tuple[Any, ...]) -> Any:
    """Return the model that does not know the key at this place."""
    current: Any = kind
    for step in location[:-1]:
        current = _model_in(fields_of(current).get(step)) or current
    return current


def fields_of(kind: Any) -> dict[str, Any]:
    """Return the types of the keys of a model or dataclass."""
    if is_dataclass(kind):
        return {field.name: field.type for field in fields(kind)}
    return {name: field.annotation for name, field in getattr(kind, "model_fields", {}).items()}


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and (
        issubclass(annotation, BaseModel) or is_dataclass(annotation)
    ):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _model_in(inner)
        if found is not None:
            return found
    return None
