"""``rai-scale keys``: make a key, and show and verify the log of restores."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from rai_scale.errors import ConfigError
from rai_scale.jobs.budget.commands import AsJson, Force, print_verification
from rai_scale.jobs.ledgers import ledger_file
from rai_scale.jobs.secrets import FORMS

app = typer.Typer(no_args_is_help=True, help="Keys of tokens; see docs/redaction.md.")


@app.command()
def new() -> None:
    """Print a new random key of 32 bytes; put it into your secret store."""
    typer.echo(secrets.token_hex(32))


@app.command()
def log(
    log: Annotated[
        str, typer.Argument(help=f"SQLAlchemy URL of the restore log, or a reference: {FORMS}.")
    ],
    anchor: Annotated[
        str | None, typer.Option(help="The anchor that an earlier call printed.")
    ] = None,
    as_json: AsJson = False,
    force_ephemeral: Force = False,
) -> None:
    """Show who restored what and why, and verify the log; exit code 1 if it was changed."""
    from rai_scale.jobs.restore.run import open_named_log

    file = ledger_file(log)
    if file is not None and not Path(file).exists():
        raise ConfigError(f"there is no restore log at {file}. Is the path right?")
    book = open_named_log(log, force_ephemeral)
    found = book.verify(anchor)
    for event in book.events() if found.ok else ():
        at = datetime.fromtimestamp(event["at"] / 1e6, UTC).isoformat(timespec="seconds")
        line = f'{{"at": "{at}", "kind": "{event["kind"]}", "body": {event["body"]}}}'
        typer.echo(line if as_json else f"{at} {event['kind']} {event['body']}")
    print_verification(found, as_json)
