"""The table functions of restoring: pure functions of a batch, the same on every engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pyarrow as pa

from rai_scale.errors import RaiScaleError
from rai_scale.pii.pseudonyms.person import people_of
from rai_scale.pii.pseudonyms.tokens import TOKEN, TokenRewriter
from rai_scale.pii.values.nested import Fitted
from rai_scale.pii.values.opened import open_value
from rai_scale.pii.values.text_leaves import root

Change = Callable[[str], str]


@dataclass(frozen=True)
class TokenColumns:
    """Where tokens are searched for.

    Attributes
    ----------
    texts : tuple of str
        Text columns.
    documents : tuple of str
        Columns of JSON text or nested values.
    per : str or None
        The column of the person that the tokens were made for.
    """

    texts: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    per: str | None = None

    @property
    def names(self) -> list[str]:
        """All columns that may hold tokens."""
        return [*self.texts, *self.documents]

    @property
    def inputs(self) -> list[str]:
        """All columns that are read."""
        return list(dict.fromkeys([*self.names, *((self.per,) if self.per else ())]))

    def outputs(self, schema: pa.Schema) -> pa.Schema:
        """Return the schema of the rewritten columns."""
        kinds = ((name, schema.field(name).type) for name in self.documents)
        return pa.schema(
            [(name, pa.string()) for name in self.texts]
            + [(n, Fitted(k, root(n)).type if pa.types.is_nested(k) else k) for n, k in kinds]
        )

    def value(self, name: str, value: Any, kind: pa.DataType, change: Change) -> Any:
        """Return a value with each of its texts changed."""
        if value is None:
            return None
        if name in self.texts:
            return change(value)
        opened = open_value(value, kind, root(name))
        return opened.write([change(leaf.text) for leaf in opened.leaves])


@dataclass(frozen=True)
class RewriteTokens:
    """Rewrite the tokens of a batch; :class:`TokenRewriter` documents the fields."""

    columns: TokenColumns
    keys: Mapping[str, str | bytes] = field(repr=False)
    domain: str = ""
    to: str | None = None
    raises: bool = True

    def rewriter(self) -> TokenRewriter:
        """Return what changes a text; raises an error if the keys are not valid."""
        return TokenRewriter(self.keys, self.domain, self.columns.per is not None, self.to)

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the rewritten columns."""
        rewrite = self.rewriter()
        per = (self.columns.per,) if self.columns.per else ()
        people = [(*who, None)[0] for who in people_of(table, per)]
        outputs = self.columns.outputs(table.schema)
        done = []
        for name, kind in zip(outputs.names, outputs.types, strict=True):
            values = zip(table[name].to_pylist(), people, strict=True)
            source = table.schema.field(name).type
            new = [self.one(name, v, source, partial(rewrite, person=who)) for v, who in values]
            done.append(pa.array(new, kind))
        return pa.table(done, outputs)

    def one(self, name: str, value: Any, kind: pa.DataType, change: Change) -> Any:
        """Return a value with its tokens rewritten; null if that fails and need not raise."""
        try:
            return self.columns.value(name, value, kind, change)
        except RaiScaleError:
            if self.raises:
                raise
            return None


@dataclass(frozen=True)
class CountTokens:
    """Count the tokens of a batch by column and key id; needs no key."""

    columns: TokenColumns
    schema = pa.schema([("column", pa.string()), ("key_id", pa.string()), ("tokens", pa.int64())])

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the counts of a batch."""
        found: Counter[tuple[str, str]] = Counter()
        for name in self.columns.names:
            kind = table.schema.field(name).type
            note = partial(self.note, found, name)
            for value in table[name].to_pylist():
                self.columns.value(name, value, kind, note)
        rows = [{"column": n, "key_id": key, "tokens": c} for (n, key), c in found.items()]
        return pa.Table.from_pylist(rows, self.schema)

    def note(self, found: Counter[tuple[str, str]], name: str, text: str) -> str:
        """Add the tokens of a text, which is returned unchanged."""
        found.update((name, token[2]) for token in _tokens(text))
        return text


def _tokens(text: str) -> Iterator[Any]:
    return (token for token in TOKEN.finditer(text) if token[3]) if "<" in text else iter(())


@dataclass(frozen=True)
class CountNulls:
    """Count the nulls of a batch in some columns."""

    columns: tuple[str, ...]
    schema = pa.schema([("nulls", pa.int64())])

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return one row."""
        nulls = sum(table[name].null_count for name in self.columns)
        return pa.table({"nulls": [nulls]}, self.schema)
