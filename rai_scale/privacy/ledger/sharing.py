"""Who may see a release: the analyst who was charged, and those whom this analyst named."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, select

from rai_scale.privacy.ledger.problems import PrivacyWarning
from rai_scale.privacy.ledger.schema import events
from rai_scale.privacy.ledger.state import ANY

if TYPE_CHECKING:
    from rai_scale.privacy.ledger.request import Request, Step


def may_see(connection: Connection, charge: Any, analyst: str) -> bool:
    """Return whether an analyst may see the release of a charge.

    Parameters
    ----------
    charge
        Its row of ``reserved``.
    """
    return analyst == charge.analyst or bool({analyst, ANY} & _named(connection, charge))


def share(step: Step, charge: Any, request: Request) -> None:
    """Append analysts whom a later call names; only the analyst who was charged may do that."""
    named = _named(step.connection, charge)
    new = [who for who in dict.fromkeys(request.visible_to) if who not in named | {charge.analyst}]
    if not new or ANY in named:
        return
    if request.analyst != charge.analyst:
        warnings.warn(
            "visible_to= is ignored: another analyst was charged for this release, and only that "
            "analyst can let others see it.",
            PrivacyWarning,
            stacklevel=2,
        )
        return
    last = select(func.coalesce(func.max(events.c.attempt), 0)).where(
        events.c.reservation == charge.reservation, events.c.kind == "shared"
    )
    step.note(
        "shared",
        charge.scope,
        analyst=charge.analyst,
        dataset=charge.dataset,
        reservation=charge.reservation,
        attempt=int(step.connection.execute(last).scalar_one()) + 1,  # one number per event
        body={"visible_to": new},
    )


def _named(connection: Connection, charge: Any) -> set[str]:
    shared = select(events.c.body).where(
        events.c.reservation == charge.reservation, events.c.kind == "shared"
    )
    bodies = [charge.body, *connection.execute(shared).scalars()]
    return {who for body in bodies for who in json.loads(body)["visible_to"]}
