"""What a private run may disclose: errors, counts and timings can depend on a person's data.

Exact row counts, error ratios and timings are left out of manifests, logs and messages. An error
of the engine becomes one message, whatever its cause; the cause goes to the restricted log, which
writes nothing until someone who may see the data adds a handler to it.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from rai_scale.errors import BudgetExceededError, RaiScaleError
from rai_scale.privacy.ledger.problems import LedgerError

Result = TypeVar("Result")

RESTRICTED_LOG = "rai_scale.restricted"
_MESSAGE = (
    "the private query could not be computed. The reason may depend on the data and is written "
    "only to the restricted log (logger 'rai_scale.restricted')."
)
_PUBLIC_FACTS = frozenset(
    {
        *("run_id", "job", "config_hash", "versions", "models", "seeds", "status", "query_names"),
        *("epsilon", "delta", "rho", "scope", "analyst", "dataset", "snapshot", "reservations"),
        *("inputs", "outputs", "files", "engine", "metadata_hash", "ledger", "unread"),
        *("schema_version", "time_zone"),
    }
)


class PrivateComputationError(RaiScaleError):
    """The engine failed on the data; the message is always the same."""

    def __init__(self) -> None:
        super().__init__(_MESSAGE)


def restricted_log() -> logging.Logger:
    """Return the logger whose records may hold personal values; nothing reaches other handlers."""
    logger = logging.getLogger(RESTRICTED_LOG)
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    return logger


def one_message(compute: Callable[[], Result]) -> Result:
    """Return ``compute()``; any error of it becomes :class:`PrivateComputationError`.

    Warnings that the engine raises meanwhile are dropped, because they may quote a value. Errors
    of the ledger, which sees no data, pass.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return compute()
    except (BudgetExceededError, LedgerError):
        raise
    except Exception:
        restricted_log().exception("private computation failed")
    # raised outside of the handler, so that the cause is not chained to it
    raise PrivateComputationError


def private_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries of a manifest that do not depend on the rows.

    Row counts, error ratios and timings are removed, and so is every name that is not listed here.
    """
    return {name: value for name, value in facts.items() if name in _PUBLIC_FACTS}
