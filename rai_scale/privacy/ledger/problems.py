"""Errors of a ledger, apart from an exhausted budget."""

from __future__ import annotations

from rai_scale.records.problems import RecordBusyError, RecordError


class LedgerError(RecordError):
    """A ledger failed: a step out of order, a changed row, a server that cannot be reached."""


class LedgerBusyError(LedgerError, RecordBusyError):
    """Another run holds the reservation; try again later."""


class PrivacyWarning(UserWarning):
    """An option is allowed, but weakens the guarantee."""
