"""A value split into its text leaves, from which it can be rebuilt with new texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import pyarrow as pa

from rai_scale.engines.plain_texts import whole_text
from rai_scale.pii.values.documents import parse_document
from rai_scale.pii.values.nested import map_nested, nested_leaves
from rai_scale.pii.values.text_leaves import TextLeaf, Treat, ValueNode, value_text


class OpenedValue(Protocol):
    """A value split into its leaves, from which it can be rebuilt with new texts."""

    leaves: list[TextLeaf]

    def write(self, texts: Sequence[str]) -> Any:
        """Return the value with one new text per leaf, in the order of ``leaves``."""


def open_value(value: Any, kind: pa.DataType, node: ValueNode) -> OpenedValue:
    """Return a JSON text or a nested value with its leaves.

    Raises
    ------
    InvalidDocument
        If a text starts like JSON but is invalid, and there are rules for its leaves.
    """
    return Nested(value, kind, node) if pa.types.is_nested(kind) else Text(value, node)


class Text:
    """A JSON text; a text that is not a JSON object or array is one leaf."""

    def __init__(self, value: Any, node: ValueNode) -> None:
        self.value = value
        text = value_text(value) if node.treat is Treat.ANALYSE else whole_text(value)
        self.document = parse_document(text, node)
        if self.document is not None:
            self.leaves = list(self.document.leaves())
        else:
            kept = text is None or node.treat is Treat.KEEP
            self.leaves = [] if kept else [node.leaf(str(text))]

    def write(self, texts: Sequence[str]) -> Any:
        """Return the text with new leaves."""
        if self.document is not None:
            return self.document.write(iter(texts))
        return texts[0] if texts else str(self.value)


class Nested:
    """A value of a nested type."""

    def __init__(self, value: Any, kind: pa.DataType, node: ValueNode) -> None:
        self.value, self.kind, self.node = value, kind, node
        self.leaves = nested_leaves(value, kind, node)

    def write(self, texts: Sequence[str]) -> Any:
        """Return the value with new leaves."""
        new = iter(texts)
        return map_nested(self.value, self.kind, self.node, lambda _: next(new))
