"""The values and rows that a private measure counts, declared before any data are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rai_scale.errors import OptionError
from rai_scale.privacy.bounding import check_max_rows


@dataclass(frozen=True)
class Declared:
    """Values from public knowledge, and how many rows of a privacy unit are counted.

    Which values occur in the data would disclose something about people. Rows with other values
    are not counted.

    Parameters
    ----------
    groups : dict of str to list
        All values of each sensitive and control feature.
    labels : list
        All labels that can occur in ``y_true`` and ``y_pred``.
    max_rows : int
        At most this many rows of a unit are counted. More rows mean more noise.

    Raises
    ------
    OptionError
        If ``max_rows`` is not an integer of at least 1, or values are not given as lists.
    """

    groups: Mapping[str, Sequence[Any]]
    labels: Sequence[Any] = (0, 1)
    max_rows: int = 1

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        check_max_rows(self.max_rows)
        for name, values in {**self.groups, "labels": self.labels}.items():
            if isinstance(values, str):
                raise OptionError(f"the values of {name!r} must be a list; found a single text.")
