"""What can go wrong with a ledger, apart from a budget that is used up."""

from __future__ import annotations

from rai_scale.records.problems import RecordBusyError, RecordError


class LedgerError(RecordError):
    """The ledger cannot do this: a step out of order, a changed row, a server that is away."""


class LedgerBusyError(LedgerError, RecordBusyError):
    """Another run holds what was asked for; try again later."""


class PrivacyWarning(UserWarning):
    """A choice that is allowed and weakens the guarantee."""
