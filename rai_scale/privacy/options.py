"""What a private function is told of persons, budget and ledger; the same in Python and YAML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rai_scale.errors import ConfigError
from rai_scale.privacy.ledger.amounts import Number, one_of


@dataclass(frozen=True)
class Privacy:
    """What a private release of counts may tell, and where it is charged.

    Attributes
    ----------
    privacy_unit : str
        The column that names the person.
    groups : dict of str to list
        All values of each sensitive and control feature, from public knowledge.
    labels : list
        All labels that ``y_true`` and ``y_pred`` can hold.
    epsilon, delta : number or its text
        ``delta = 0``: discrete Laplace noise, pure epsilon-DP; otherwise discrete Gaussian.
    rho : number or its text, optional
        In place of epsilon: discrete Gaussian noise, rho-zCDP. A scope that counts epsilon needs
        ``delta`` besides, at which rho is converted (Bun and Steinke 2016, Proposition 1.3).
    ledger : str, Ledger or "none"
        Where the budget is kept.
    max_rows : int
        Rows of one unit that are counted.
    scope, analyst, dataset : str
        Under which the ledger charges.
    snapshot : str, optional
        Id of the data's version: the same measure on the same snapshot of the same ``dataset`` is
        released once.

    Raises
    ------
    ConfigError
        If these cannot go together; no budget is charged and no data are read before.
    """

    privacy_unit: str
    groups: Mapping[str, Sequence[Any]]
    epsilon: Number | None = None
    ledger: Any = None
    labels: Sequence[Any] = (0, 1)
    delta: Number = 0
    max_rows: int = 1
    scope: str = "default"
    analyst: str = "analyst"
    dataset: str | None = None
    snapshot: str | None = None
    visible_to: Sequence[str] = field(default_factory=tuple)
    rho: Number | None = None

    def __post_init__(self) -> None:
        if self.snapshot is not None and not self.dataset:
            raise ConfigError(
                "a snapshot needs dataset= as well, the name of the table that it is a state of: "
                "another table with this snapshot would be shown the release of this one."
            )
        one_of(self.epsilon, self.rho)
        if isinstance(self.max_rows, bool) or not isinstance(self.max_rows, int):
            found = type(self.max_rows).__name__
            raise ConfigError(f"max_rows must be a whole number from 1, found a {found}.")
