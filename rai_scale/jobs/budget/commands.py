"""``rai-scale budget``: create scopes, grant budgets, show balances and events, verify."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from rai_scale.errors import ConfigError, one_line
from rai_scale.jobs.exit_codes_and_logs import FAILED_CHECK
from rai_scale.jobs.ledgers import open_named
from rai_scale.jobs.secrets import FORMS
from rai_scale.statistics.json_values import json_text

if TYPE_CHECKING:
    import pandas as pd

    from rai_scale.privacy.ledger.ledger import Ledger
    from rai_scale.records.chain import Verification

app = typer.Typer(
    no_args_is_help=True,
    help="Privacy budgets in a ledger; see docs/budget.md. Exit code 1: verify found a problem.",
)
_OUT = Console(highlight=False, soft_wrap=True, emoji=False)
_WIDE = 1000
"""Width of tables in characters, so that a log shows them whole."""

LedgerAddress = Annotated[
    str,
    typer.Option(
        "--ledger",
        envvar="RAI_SCALE_LEDGER",
        show_envvar=True,
        help=f"SQLAlchemy URL, or a reference to it: {FORMS}.",
    ),
]
Force = Annotated[
    bool,
    typer.Option(
        "--force-ephemeral", help="Accept a SQLite file that is lost with the machine (for tests)."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Analyst = Annotated[str | None, typer.Option(help="Name of the analyst.")]
Dataset = Annotated[str | None, typer.Option(help="Name of the dataset.")]
# amounts are texts, so that 0.1 is 0.1
Epsilon = Annotated[str | None, typer.Option(help="Amount of epsilon.")]
Delta = Annotated[str, typer.Option(help="Amount of delta.")]
Rho = Annotated[str | None, typer.Option(help="Amount of rho, for a scope that counts in zCDP.")]


@app.command(name="create-scope")
def create_scope(
    name: Annotated[
        str, typer.Argument(help="Name of the population whose members are protected.")
    ],
    *,
    ledger: LedgerAddress,
    epsilon: Epsilon = None,
    delta: Delta = "0",
    rho: Rho = None,
    neighbours: Annotated[
        str,
        typer.Option(help="add-remove (private SQL and counts) or replace (private EBMs)."),
    ] = "add-remove",
    force_ephemeral: Force = False,
) -> None:
    """Create a scope with a limit that is never renewed; use `--rho` for zCDP."""
    book = _open(ledger, force_ephemeral, may_be_new=True)
    accounting: Any = "zcdp" if rho is not None else "epsilon-delta"
    relation: Any = neighbours
    book.create_scope(
        name, epsilon=epsilon, delta=delta, rho=rho, accounting=accounting, neighbours=relation
    )
    _print_table(book.budget(name))


@app.command()
def grant(
    scope: str,
    *,
    ledger: LedgerAddress,
    analyst: Analyst = None,
    dataset: Dataset = None,
    epsilon: Epsilon = None,
    delta: Delta = "0",
    rho: Rho = None,
    window_days: Annotated[
        float | None, typer.Option(min=1e-4, help="Count only the charges of the last N days.")
    ] = None,
    force_ephemeral: Force = False,
) -> None:
    """Allow one analyst, or all, to spend within a scope; an amount of 0 revokes a grant."""
    book = _open(ledger, force_ephemeral)
    window = None if window_days is None else timedelta(days=window_days)
    book.grant(
        scope,
        analyst=analyst,
        dataset=dataset,
        epsilon=epsilon,
        delta=delta,
        rho=rho,
        window=window,
    )
    _print_table(book.budget(scope))


@app.command()
def show(
    scope: Annotated[str | None, typer.Argument(help="Show this scope only.")] = None,
    *,
    ledger: LedgerAddress,
    pld_delta: Annotated[
        float | None,
        typer.Option(help="Delta of the tighter epsilon; by default that of the scope's cap."),
    ] = None,
    as_json: AsJson = False,
    force_ephemeral: Force = False,
) -> None:
    """Show caps and grants: what was spent and what remains.

    The sums are enforced. The tighter epsilon from privacy loss distributions is for information.
    """
    book = _open(ledger, force_ephemeral)
    frame = book.budget(scope)
    names = list(dict.fromkeys(frame["scope"]))
    tighter = {name: found for name in names if (found := _tighter(book, name, pld_delta))}
    if as_json:
        _print_json({"limits": frame, "pld": tighter})
        return
    _print_table(frame)
    for name, found in tighter.items():
        value = "without a bound" if found["epsilon"] is None else f"{found['epsilon']:.6g}"
        _OUT.print(
            f"{name}: epsilon {value} at delta {found['delta']:g} from privacy loss distributions "
            "(reported, not enforced)",
            markup=False,
        )


@app.command()
def history(
    scope: Annotated[str | None, typer.Argument(help="Show this scope only.")] = None,
    *,
    ledger: LedgerAddress,
    analyst: Analyst = None,
    dataset: Dataset = None,
    as_json: AsJson = False,
    force_ephemeral: Force = False,
) -> None:
    """Show all events, the oldest first."""
    book = _open(ledger, force_ephemeral)
    if scope is not None:
        book.budget(scope)  # raises for an unknown scope
    frame = book.history(scope, analyst=analyst, dataset=dataset)
    if as_json:
        _print_json({"events": frame})
        return
    frame = frame.assign(at=frame["at"].dt.strftime("%Y-%m-%d %H:%M:%S"))
    _print_table(frame.drop(columns=["reservation", "attempt", "query_hash", "query"]))


@app.command()
def verify(
    ledger: LedgerAddress,
    anchor: Annotated[
        str | None, typer.Option(help="The anchor that an earlier verification printed.")
    ] = None,
    as_json: AsJson = False,
    force_ephemeral: Force = False,
) -> None:
    """Look for rows that were changed, removed or inserted; exit code 1 if there are any."""
    print_verification(_open(ledger, force_ephemeral).verify(anchor), as_json)


def print_verification(found: Verification, as_json: bool) -> None:
    """Print the result of a search for changed rows; exit code 1 if there are any."""
    if as_json:
        _print_json(
            {
                **{"ok": found.ok, "events": found.events, "keyed": found.keyed},
                **{"anchor": found.anchor, "problems": list(found.problems)},
            }
        )
    else:
        said = "no problem found" if found.ok else f"{len(found.problems)} problem(s) found"
        keyed = "with a key" if found.keyed else "without a key"
        _OUT.print(f"{found.events} events, {keyed}: {said}", markup=False)
        for problem in found.problems:
            _OUT.print(f"  {one_line(problem)}", markup=False)
        _OUT.print(f"anchor: {found.anchor}", markup=False)
    if not found.ok:
        raise typer.Exit(FAILED_CHECK)


def _open(address: str, force: bool, may_be_new: bool = False) -> Ledger:
    if address == "none":
        raise ConfigError("'none' means no ledger, so there is no budget. Give a SQLAlchemy URL.")
    found = open_named(address, force_ephemeral=force, may_be_new=may_be_new)
    from rai_scale.privacy.ledger.ledger import Ledger

    if not isinstance(found, Ledger):
        raise ConfigError("the reference resolves to 'none', which means no ledger.")
    return found


def _tighter(book: Ledger, scope: str, delta: float | None) -> dict[str, float | None] | None:
    """Return the tighter epsilon of a scope; None without a delta or before anything is spent."""
    caps = book.budget(scope)
    caps = caps[caps["limit"] == "hard cap"]
    if delta is None:
        delta = float(caps.loc[caps["measure"] == "delta", "cap"].iloc[0])
    if not delta or not caps["spent"].any():
        return None
    epsilon = book.pld_epsilon(scope, delta)
    return {"epsilon": epsilon if epsilon < float("inf") else None, "delta": delta}


def _print_json(value: Any) -> None:
    _OUT.print(json_text(value), markup=False)


def _print_table(frame: pd.DataFrame) -> None:
    if frame.empty:
        _OUT.print("nothing yet", markup=False)
        return
    numbers = set(frame.select_dtypes("number").columns)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in frame.columns:
        table.add_column(str(name), justify="right" if name in numbers else "left", no_wrap=True)
    for row in frame.itertuples(index=False):
        table.add_row(*_texts(row))
    Console(highlight=False, width=_WIDE, emoji=False).print(table, markup=False)


def _texts(row: Sequence[Any]) -> list[str]:
    return [_text(value) for value in row]


def _text(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return f"{value:.12g}" if isinstance(value, float) else one_line(str(value))
