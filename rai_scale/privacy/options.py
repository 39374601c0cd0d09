"""``Privacy``: privacy unit, budget and ledger of a private function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rai_scale.errors import ConfigError
from rai_scale.names import names_of
from rai_scale.privacy.costs import Cost
from rai_scale.privacy.ledger.amounts import Number, one_of
from rai_scale.privacy.ledger.no_ledger import ledger_of
from rai_scale.privacy.ledger.release import Compute, release_once
from rai_scale.privacy.ledger.reservation import Release


@dataclass(frozen=True)
class Privacy:
    """The privacy unit, its budget, and the ledger that the budget is charged to.

    All private functions take it as ``privacy=``; the block ``private:`` of a job's configuration
    has the same keys.

    Parameters
    ----------
    privacy_unit : str, optional
        The column that identifies a person (or household). All rows of one unit are protected
        together. Private SQL takes it from the metadata, and checks that both agree.
    epsilon : number or its text, optional
        Budget of the release. Give ``epsilon`` or ``rho``.
    rho : number or its text, optional
        Budget of a release with Gaussian noise, which is then rho-zCDP. A scope that counts
        epsilon also needs ``delta``, at which rho is converted (Bun and Steinke 2016,
        Proposition 1.3).
    delta : number or its text
        Probability from 0 to below 1 that the guarantee of epsilon does not cover.
    ledger : SQLAlchemy URL or object, Ledger, or ``"none"``
        Where the budget is recorded. ``"none"`` makes a release without a ledger, with a warning.
    force_ephemeral : bool
        As in :func:`~rai_scale.privacy.ledger.ledger.open_ledger`.
    scope : str, optional
        The scope of the ledger: whose budget is charged. By default ``default``, and for private
        SQL ``table.unit``.
    analyst : str
        The person, or job, that is charged.
    dataset : str, optional
        The dataset that grants refer to. By default ``data``, and for private SQL the name of
        the table.
    snapshot : str, optional
        Id of the state of the data. A second call with the same question, options, dataset and
        snapshot returns the stored release and charges nothing. Without it each call is charged.
    idempotency_key : str, optional
        Id of the release, instead of one computed from the question, the options and the snapshot.
        Use a different id whenever one of them differs.
    visible_to : str or sequence of str
        Other analysts who may see the release. The analyst who was charged may add more of them
        in a second call for the same release.

    Raises
    ------
    ConfigError
        If not exactly one of epsilon and rho is given, or both a snapshot and an idempotency key.
    """

    privacy_unit: str | None = None
    epsilon: Number | None = None
    rho: Number | None = None
    delta: Number = 0
    ledger: Any = field(default=None, repr=False)  # an address may contain a password
    force_ephemeral: bool = False
    scope: str | None = None
    analyst: str = "unnamed"
    dataset: str | None = None
    snapshot: str | None = None
    idempotency_key: str | None = None
    visible_to: str | Sequence[str] = ()

    def __post_init__(self) -> None:
        one_of(self.epsilon, self.rho)
        if self.snapshot is not None and self.idempotency_key is not None:
            raise ConfigError("give a snapshot or an idempotency key, not both.")

    @property
    def unit(self) -> str:
        """The privacy unit, where it is required.

        Raises
        ------
        ConfigError
            If none was given.
        """
        if not self.privacy_unit:
            raise ConfigError("privacy_unit is missing: name the column that identifies a person.")
        return self.privacy_unit

    def release(
        self,
        compute: Compute,
        *,
        costs: Sequence[Cost],
        key: str | None,
        query: str | None = None,
        scope: str = "default",
        dataset: str | None = None,
    ) -> Release:
        """Charge the budget, compute once and store; or return the stored release of the same key.

        Parameters
        ----------
        compute, costs, query
            As for :func:`~rai_scale.privacy.ledger.release.release_once`.
        key : str, optional
            Id of the release, unless an idempotency key was given.
        scope, dataset : str
            Used if none were given.

        Raises
        ------
        ConfigError
            If a snapshot was given without a dataset; nothing is charged.
        BudgetExceededError
            Before ``compute`` is called.
        """
        named = self.dataset or dataset
        if self.snapshot is not None and not named:
            raise ConfigError(
                "a snapshot also needs dataset=, the name of the table. Otherwise another table "
                "with the same snapshot id would get the release of this one."
            )
        return release_once(
            ledger_of(self.ledger, force_ephemeral=self.force_ephemeral),
            compute,
            scope=self.scope or scope,
            analyst=self.analyst,
            dataset=named or "data",
            costs=costs,
            idempotency_key=self.idempotency_key or key,
            visible_to=names_of(self.visible_to),
            query=query,
        )
