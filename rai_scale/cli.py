"""The command line: one command per job; every command ends with the exit code of its job."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from rai_scale._version import __version__
from rai_scale.errors import RaiScaleError, one_line
from rai_scale.jobs.budget.commands import app as budget_app
from rai_scale.jobs.config import load_config
from rai_scale.jobs.run import ERROR, OK, Outcome, run_job, set_up_logging

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(budget_app, name="budget")
_OUT = Console(highlight=False, soft_wrap=True, emoji=False)
_ERR = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)

ConfigFile = Annotated[Path, typer.Argument(help="YAML configuration of the job.")]
Engine = Annotated[
    str | None, typer.Option("--engine", help="local, dask or spark; overrides the file.")
]
Sets = Annotated[
    list[str] | None, typer.Option("--set", help="Override a key: --set analyzer.model=NAME.")
]
LogJson = Annotated[bool, typer.Option("--log-json", help="Log as JSON lines.")]
WarningsOk = Annotated[
    bool, typer.Option("--warnings-ok", help="Exit 0 where only warnings are left.")
]


def _print_version(asked: bool) -> None:
    if asked:
        _OUT.print(__version__)
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version."),
]


@app.callback()
def options(version: Version = False) -> None:
    """Run responsible-AI checks over tables of any size."""


@app.command()
def scan(
    config: ConfigFile,
    engine: Engine = None,
    sets: Sets = None,
    log_json: LogJson = False,
    warnings_ok: WarningsOk = False,
) -> None:
    """Find the personal data of a lake; exit code 1 if a gate fails."""
    from rai_scale.jobs.scan.config import ScanJob
    from rai_scale.jobs.scan.run import run

    _finish(_job(run, ScanJob, config, _overrides(engine, sets, warnings_ok), log_json))


@app.command()
def redact(
    config: ConfigFile,
    engine: Engine = None,
    sets: Sets = None,
    log_json: LogJson = False,
    warnings_ok: WarningsOk = False,
) -> None:
    """Redact the tables of a lake; exit code 2 if rows were quarantined."""
    from rai_scale.jobs.redact.config import RedactJob
    from rai_scale.jobs.redact.run import run

    _finish(_job(run, RedactJob, config, _overrides(engine, sets, warnings_ok), log_json))


@app.command()
def fairness(
    config: ConfigFile,
    engine: Engine = None,
    sets: Sets = None,
    log_json: LogJson = False,
    warnings_ok: WarningsOk = False,
) -> None:
    """Measure a model by group; exit code 1 if a gate fails."""
    from rai_scale.jobs.fairness.config import FairnessJob
    from rai_scale.jobs.fairness.run import run

    _finish(_job(run, FairnessJob, config, _overrides(engine, sets, warnings_ok), log_json))


@app.command(name="private-sql")
def private_sql(
    config: ConfigFile,
    *,
    engine: Engine = None,
    sets: Sets = None,
    log_json: LogJson = False,
    warnings_ok: WarningsOk = False,
    plan_only: Annotated[
        bool, typer.Option("--dry-run", help="Read no data; print cost, noise, what would remain.")
    ] = False,
    advise: Annotated[
        str | None,
        typer.Option(
            metavar="ERROR",
            help="As --dry-run, and the epsilon that it takes for this expected error of counts, "
            "or COLUMN=ERROR.",
        ),
    ] = None,
) -> None:
    """Release private tables; exit code 1 if the budget is too small."""
    from rai_scale.jobs.private_sql.config import PrivateSqlJob
    from rai_scale.jobs.private_sql.run import run

    overrides = _overrides(engine, sets, warnings_ok)
    if plan_only or advise is not None:
        _finish(_dry_run(config, overrides, advise))
    _finish(_job(run, PrivateSqlJob, config, overrides, log_json))


@app.command()
def explain(
    config: ConfigFile,
    engine: Engine = None,
    sets: Sets = None,
    log_json: LogJson = False,
    warnings_ok: WarningsOk = False,
) -> None:
    """Explain the predictions of a model for a table, and write a report."""
    from rai_scale.jobs.explain.config import ExplainJob
    from rai_scale.jobs.explain.run import run

    _finish(_job(run, ExplainJob, config, _overrides(engine, sets, warnings_ok), log_json))


@app.command(name="train-ebm")
def train_ebm(
    config: ConfigFile,
    engine: Engine = None,
    sets: Sets = None,
    log_json: LogJson = False,
    warnings_ok: WarningsOk = False,
) -> None:
    """Train an Explainable Boosting Machine on a table, and write a report."""
    from rai_scale.jobs.glassbox.run import EBMJob, run

    _finish(_job(run, EBMJob, config, _overrides(engine, sets, warnings_ok), log_json))


@app.command(name="sample-lake")
def sample_lake(
    directory: Path,
    rows: Annotated[int, typer.Option(min=1, help="Rows per large table.")] = 1000,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal values.")] = 7,
) -> None:
    """Make a lake of invented people, with the dirt of real ones and its ground truth."""
    from rai_scale.samples import make_sample_lake

    try:
        lake = make_sample_lake(directory, rows=rows, random_state=seed)
    except RaiScaleError as error:
        _finish(Outcome(ERROR, f"{type(error).__name__}: {error}"))
    _OUT.print(
        f"{len(lake.tables)} tables with {lake.items:,} personal items in {directory}", markup=False
    )


@app.command()
def demo(
    directory: Path,
    rows: Annotated[int, typer.Option(min=1, help="Rows per large table.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the sample lake.")] = 7,
    engine: Annotated[str, typer.Option(help="local, dask or spark.")] = "local",
    log_json: LogJson = False,
) -> None:
    """Find, decide, redact, prove: the main job on a sample lake, and one report over it."""
    from rai_scale.jobs.demo.run import DemoJob, run

    set_up_logging(log_json)
    try:
        settings = DemoJob.model_validate(
            {"directory": str(directory), "rows": rows, "seed": seed, "engine": engine}
        )
    except ValueError:
        _finish(Outcome(ERROR, f"unknown engine {engine!r}; choose local, dask or spark."))
    _finish(run_job(run, settings))


@app.command()
def schemas(
    directory: Annotated[Path, typer.Argument(help="Folder to write to.")] = Path("conf/schema"),
) -> None:
    """Export the JSON Schemas of the configurations."""
    from rai_scale.jobs.schemas import export_schemas

    for path in export_schemas(directory):
        _OUT.print(str(path))


@app.command()
def version() -> None:
    """Print the version."""
    _OUT.print(__version__)


def script(job: str) -> int:
    """Run ``jobs/<job>.py``: ``--config FILE`` and the options of the command; warnings are ok."""
    arguments = [a.removeprefix("--config=") for a in sys.argv[1:] if a != "--config"]
    if not any(a == "--engine" or a.startswith("--engine=") for a in arguments):
        arguments += ["--engine", "spark"]
    return run_command([job, *arguments, "--warnings-ok"])


def run_command(arguments: list[str]) -> int:
    """Run a command line and return its exit code; what cannot be understood is code 3."""
    try:
        # typer answers with the code of ``typer.Exit``
        return int(app(arguments, standalone_mode=False) or OK)
    except typer.Abort:
        return ERROR
    except Exception as error:
        show = getattr(error, "show", None)  # a usage error, which names the command and its help
        if show is not None:
            show()
        else:
            known = isinstance(error, RaiScaleError | OSError)
            detail = f": {error}" if known else " (unforeseen)."
            _ERR.print(one_line(f"{type(error).__name__}{detail}"), markup=False)
        return ERROR


def _overrides(engine: str | None, sets: list[str] | None, warnings_ok: bool) -> list[str]:
    found = list(sets or [])
    if engine:
        found.append(f"engine={engine}")
    if warnings_ok:
        found.append("warnings_ok=true")
    return found


def _job(run: Any, kind: Any, path: Path, sets: list[str], log_json: bool) -> Outcome:
    set_up_logging(log_json)
    try:
        config = load_config(kind, path, sets)
    except RaiScaleError as error:
        return Outcome(ERROR, f"{type(error).__name__}: {error}")
    return run_job(run, config)


def _dry_run(path: Path, sets: list[str], advise: str | None) -> Outcome:
    from rai_scale.jobs.private_sql.config import PrivateSqlJob
    from rai_scale.jobs.private_sql.dry_run import dry_run

    try:
        return dry_run(load_config(PrivateSqlJob, path, sets), advise)
    except RaiScaleError as error:
        return Outcome(ERROR, f"{type(error).__name__}: {error}")


def _finish(outcome: Outcome) -> None:
    console = _ERR if outcome.exit_code == ERROR else _OUT
    lines = outcome.message.split("\n") + [f"  {one_line(note)}" for note in outcome.notes]
    if outcome.report:
        lines.append(f"report: {outcome.report}")
    for line in lines:
        console.print(one_line(line), markup=False)
    raise typer.Exit(outcome.exit_code)


def main() -> None:
    """Entry point of the ``rai-scale`` command."""
    raise SystemExit(run_command(sys.argv[1:]))


if __name__ == "__main__":
    main()
