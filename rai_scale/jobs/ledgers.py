"""Open the ledger that a configuration or a command line names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from rai_scale.errors import ConfigError
from rai_scale.jobs.secrets import FORMS, is_reference, resolve_secret

if TYPE_CHECKING:
    from rai_scale.privacy.ledger.ledger import Ledger
    from rai_scale.privacy.ledger.no_ledger import NoLedger

_WITH_PASSWORD = re.compile(r"://[^/@]*:[^/@]+@")
_SQLITE_FILE = re.compile(r"^sqlite(\+\w+)?:///(?P<path>[^?]+)")
WRITTEN_OUT = f"a ledger's address with a password must be a reference ({FORMS}), not written out"


def ledger_file(address: str) -> str | None:
    """Return the file of a SQLite ledger; None for other ledgers and unresolved references."""
    try:
        found = resolve_secret(address).strip() if is_reference(address) else address
    except ConfigError:  # said when it is opened
        return None
    file = _SQLITE_FILE.match(found)
    return file["path"] if file and file["path"] != ":memory:" else None


def holds_password(address: str) -> bool:
    """Return whether an address contains a password."""
    return not is_reference(address) and bool(_WITH_PASSWORD.search(address))


def open_named(
    address: str, *, force_ephemeral: bool = False, may_be_new: bool = False
) -> Ledger | NoLedger:
    """Open the ledger at an address, or at the one that a reference points to.

    Parameters
    ----------
    address
        SQLAlchemy URL, ``none``, or a reference to it (:mod:`rai_scale.jobs.secrets`).
    force_ephemeral
        Accept a SQLite file that is lost with the machine.
    may_be_new
        Create the folder and the file if they do not exist. Only the command that creates scopes
        sets this: a wrong path must not look like a ledger on which nothing was spent.

    Raises
    ------
    ConfigError
        If a reference cannot be resolved, or there is no ledger; the message has no password.
    """
    from rai_scale.privacy.ledger.no_ledger import ledger_of

    found = resolve_secret(address).strip() if is_reference(address) else address
    file = _SQLITE_FILE.match(found)
    if file and file["path"] != ":memory:":
        path = Path(file["path"])
        if may_be_new:
            path.parent.mkdir(parents=True, exist_ok=True)
        elif not path.exists():
            raise ConfigError(
                f"there is no ledger at {path}. Is the path right? A new one is created with its "
                f"first scope: rai-scale budget create-scope NAME --epsilon 1 --ledger {found}"
            )
    return ledger_of(found, force_ephemeral=force_ephemeral)
