"""``rai-scale budget``: make scopes, grant, show what is left and what happened, verify."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from rai_scale.errors import ConfigError, one_line
from rai_scale.jobs.ledgers import open_named
from rai_scale.jobs.run import FAILED_CHECK

if TYPE_CHECKING:
    import pandas as pd

    from rai_scale.privacy.ledger.ledger import Ledger

app = typer.Typer(
    no_args_is_help=True,
    help="Privacy budgets in a ledger; see docs/budget.md. Exit code 1: verify found a problem.",
)
_OUT = Console(highlight=False, soft_wrap=True, emoji=False)
_WIDE = 1000
"""Columns of text: a table that is cut to a terminal's width says nothing in a log."""

LedgerAddress = Annotated[
    str,
    typer.Option(
        "--ledger",
        envvar="RAI_SCALE_LEDGER",
        show_envvar=True,
        help="SQLAlchemy URL, or a reference to it: env:NAME, file:/path, databricks:scope/key.",
    ),
]
Force = Annotated[
    bool,
    typer.Option(
        "--force-ephemeral", help="Accept a SQLite file that does not outlive the job (for tests)."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Analyst = Annotated[str | None, typer.Option(help="Name of an analyst.")]
Dataset = Annotated[str | None, typer.Option(help="Name of a dataset.")]
# amounts are texts, so that 0.1 is 0.1
Epsilon = Annotated[str | None, typer.Option(help="Amount of epsilon.")]
Delta = Annotated[str, typer.Option(help="Amount of delta.")]
Rho = Annotated[str | None, typer.Option(help="Amount of rho, where a scope counts in zCDP.")]


@app.command(name="create-scope")
def create_scope(
    name: Annotated[str, typer.Argument(help="Population whose members are protected.")],
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
    """Make a scope with a cap that never refreshes; rho makes it count in zCDP."""
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
        float | None, typer.Option(min=1e-4, help="Count only charges of the last so many days.")
    ] = None,
    force_ephemeral: Force = False,
) -> None:
    """Allow an analyst, or all, to spend within a scope; an amount of 0 takes a grant back."""
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
    scope: Annotated[str | None, typer.Argument(help="One scope only.")] = None,
    *,
    ledger: LedgerAddress,
    pld_delta: Annotated[
        float | None,
        typer.Option(help="Delta of the tighter figure; by default that of the scope's cap."),
    ] = None,
    as_json: AsJson = False,
    force_ephemeral: Force = False,
) -> None:
    """Show caps and grants: what was spent and what remains.

    Beside the sums that are enforced stands the tighter epsilon by privacy loss distributions.
    """
    book = _open(ledger, force_ephemeral)
    frame = book.budget(scope)
    names = list(dict.fromkeys(frame["scope"]))
    tighter = {name: found for name in names if (found := _tighter(book, name, pld_delta))}
    if as_json:
        _print_json({"limits": _records(frame), "pld": tighter})
        return
    _print_table(frame)
    for name, found in tighter.items():
        value = "above every bound" if found["epsilon"] is None else f"{found['epsilon']:.6g}"
        _OUT.print(
            f"{name}: epsilon {value} at delta {found['delta']:g} by privacy loss distributions "
            "(reported, not enforced)",
            markup=False,
        )


@app.command()
def history(
    scope: Annotated[str | None, typer.Argument(help="One scope only.")] = None,
    *,
    ledger: LedgerAddress,
    analyst: Analyst = None,
    dataset: Dataset = None,
    as_json: AsJson = False,
    force_ephemeral: Force = False,
) -> None:
    """Show what happened, oldest first."""
    book = _open(ledger, force_ephemeral)
    if scope is not None:
        book.budget(scope)  # a scope that is not there is an error, with a hint
    frame = book.history(scope, analyst=analyst, dataset=dataset)
    if as_json:
        _print_json({"events": _records(frame)})
        return
    frame = frame.assign(at=frame["at"].dt.strftime("%Y-%m-%d %H:%M:%S"))
    _print_table(frame.drop(columns=["reservation", "attempt", "query_hash", "query"]))


@app.command()
def verify(
    ledger: LedgerAddress,
    anchor: Annotated[
        str | None, typer.Option(help="The anchor of an earlier verification, kept elsewhere.")
    ] = None,
    as_json: AsJson = False,
    force_ephemeral: Force = False,
) -> None:
    """Look for changed, removed and inserted rows; exit code 1 if there are any."""
    found = _open(ledger, force_ephemeral).verify(anchor)
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
        raise ConfigError("'none' is no ledger: nothing is kept there. Give a SQLAlchemy URL.")
    found = open_named(address, force_ephemeral=force, may_be_new=may_be_new)
    from rai_scale.privacy.ledger.ledger import Ledger

    if not isinstance(found, Ledger):
        raise ConfigError("the reference leads to 'none', which is no ledger.")
    return found


def _tighter(book: Ledger, scope: str, delta: float | None) -> dict[str, float | None] | None:
    """Return the tighter epsilon of a scope, None where no delta is known or nothing was spent."""
    caps = book.budget(scope)
    caps = caps[caps["limit"] == "hard cap"]
    if delta is None:
        delta = float(caps.loc[caps["measure"] == "delta", "cap"].iloc[0])
    if not delta or not caps["spent"].any():
        return None
    epsilon = book.pld_epsilon(scope, delta)
    return {"epsilon": epsilon if epsilon < float("inf") else None, "delta": delta}


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        frame.to_json(orient="records", date_format="iso", date_unit="us", double_precision=15)
    )
    return found


def _print_json(value: Any) -> None:
    _OUT.print(json.dumps(value, indent=1, ensure_ascii=False), markup=False)


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
