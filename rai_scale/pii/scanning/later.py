"""Items that are made when they are first used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, TypeVar

Item = TypeVar("Item")


class Later(Sequence[Item]):
    """A sequence whose items are made when they are first used.

    Parameters
    ----------
    make : callable
        Returns the items.
    """

    def __init__(self, make: Callable[[], Iterable[Item]]) -> None:
        self._make = make

    @cached_property
    def _items(self) -> tuple[Item, ...]:
        return tuple(self._make())

    def __getitem__(self, at: Any) -> Any:
        """Return an item, or a tuple of items for a slice."""
        return self._items[at]

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        """Iterate over the items."""
        return iter(self._items)

    def __eq__(self, other: object) -> bool:
        """Return whether the items are those of another sequence."""
        return isinstance(other, Sequence) and self._items == tuple(other)

    def __hash__(self) -> int:
        """Return the hash of the items."""
        return hash(self._items)

    def __repr__(self) -> str:
        """Show the items as a tuple."""
        return repr(self._items)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the items as a tuple."""
        return tuple, (self._items,)
