"""The command line: one command per job, which ends with the exit code of the job."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from rai_scale._version import __version__
from rai_scale.errors import RaiScaleError, one_line
from rai_scale.jobs.budget.commands import app as budget_app
from rai_scale.jobs.config import JobConfig, load_config
from rai_scale.jobs.dry_run import dry_run
from rai_scale.jobs.exit_codes_and_logs import ERROR, OK, Outcome, run_job, set_up_logging
from rai_scale.jobs.keys.commands import app as keys_app
from rai_scale.jobs.registry import JOBS, Argument, Entry

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(budget_app, name="budget")
app.add_typer(keys_app, name="keys")
_OUT = Console(highlight=False, soft_wrap=True, emoji=False)
_ERR = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)

Output = Annotated[str | None, typer.Option("--output", help="Folder that the job writes to.")]
Engine = Annotated[str | None, typer.Option("--engine", help="local, dask or spark.")]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", help="Set any key of the configuration: --set analyzer.model=NAME."),
]
LogJson = Annotated[bool, typer.Option("--log-json", help="Log as JSON lines.")]
WarningsOk = Annotated[
    bool, typer.Option("--warnings-ok", help="Exit with 0 instead of 2 if there are only warnings.")
]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Show what would be read, written and charged, and do nothing."),
]
Advise = Annotated[
    str | None,
    typer.Option(
        metavar="ERROR",
        help="As --dry-run; also print the epsilon for which counts have this expected error "
        "(or COLUMN=ERROR).",
    ),
]
_YAML = (".yaml", ".yml")
_COMMON = {
    "engine": Engine,
    "sets": Sets,
    "log_json": LogJson,
    "warnings_ok": WarningsOk,
    "dry_run": DryRun,
}
_DEFAULTS: dict[str, Any] = dict.fromkeys(("log_json", "warnings_ok", "dry_run"), False)


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


@app.command(name="sample-lake")
def sample_lake(  # noqa: PLR0917 - options of a command
    directory: Path,
    rows: Annotated[int, typer.Option(min=1, help="Rows per large table.")] = 1000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same values.")] = 7,
    documents: Annotated[bool, typer.Option(help="Add PDF, Office, e-mail and others.")] = False,
    images: Annotated[bool, typer.Option(help="Add scanned letters.")] = False,
    recommendations: Annotated[
        bool, typer.Option(help="Add a log of recommendations, and consents.")
    ] = False,
) -> None:
    """Make a lake of invented people with realistic errors, and the ground truth."""
    from rai_scale.samples import make_sample_lake

    try:
        lake = make_sample_lake(
            directory,
            rows=rows,
            random_state=seed,
            documents=documents,
            images=images,
            recommendations=recommendations,
        )
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
    """Scan, redact and evaluate a sample lake, and write one report."""
    from rai_scale.jobs.demo.run import DemoJob, run

    set_up_logging(log_json)
    try:
        settings = DemoJob.model_validate(
            {"directory": str(directory), "rows": rows, "random_state": seed, "engine": engine}
        )
    except ValueError:
        _finish(Outcome(ERROR, f"unknown engine {engine!r}; choose local, dask or spark."))
    _finish(run_job(run, settings))


@app.command(name="missed-pii")
def missed(
    decisions: Annotated[Path, typer.Argument(help="File that the page of a review saved.")],
    output: Annotated[str | None, typer.Option(help="Folder for the estimates.")] = None,
    log_json: LogJson = False,
) -> None:
    """Estimate what a detector of personal data misses, from the decisions of a review."""
    from rai_scale.jobs.review_pii.estimate import estimate

    set_up_logging(log_json)
    try:
        _finish(estimate(decisions, output))
    except RaiScaleError as error:
        _finish(Outcome(ERROR, f"{type(error).__name__}: {error}"))


@app.command()
def replay(
    snapshot: Annotated[Path, typer.Argument(help="File that save_snapshot wrote.")],
    log: Annotated[str, typer.Argument(help="Table of logged decisions.")],
    engine: Annotated[str, typer.Option(help="local, dask or spark.")] = "local",
    trusted: Annotated[bool, typer.Option(help="Run the code of a policy in a .py file.")] = False,
) -> None:
    """Make logged decisions again; exit code 1 if they differ, or if a file has changed."""
    from rai_scale.jobs.personalization.replay import replay_table

    try:
        _finish(replay_table(snapshot, log, engine, trusted))
    except RaiScaleError as error:
        _finish(Outcome(ERROR, f"{type(error).__name__}: {error}"))


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
    """Run ``jobs/<job>.py`` with ``--config FILE`` and the options of the command."""
    arguments = [a.removeprefix("--config=") for a in sys.argv[1:] if a != "--config"]
    if not any(a.removeprefix("--set=").startswith(("--engine", "engine=")) for a in arguments):
        arguments += ["--engine", "spark"]
    return run_command([*job.split(), *arguments, "--warnings-ok"])


def run_command(arguments: list[str]) -> int:
    """Run a command line and return its exit code; 3 for a command line that is not valid."""
    try:
        # typer returns the code of ``typer.Exit``
        return int(app(arguments, standalone_mode=False) or OK)
    except typer.Abort:
        return ERROR
    except Exception as error:
        show = getattr(error, "show", None)  # a usage error, which names the command and its help
        if show is not None:
            show()
        else:
            known = isinstance(error, RaiScaleError | OSError)
            detail = f": {error}" if known else " (unexpected)."
            _ERR.print(one_line(f"{type(error).__name__}{detail}"), markup=False)
        return ERROR


def _command_of(entry: Entry) -> Callable[..., None]:
    """Return the command of a job, with a signature from which typer makes the options."""

    def command(**given: Any) -> None:
        set_up_logging(given["log_json"])
        try:
            config = load_config(*_asked(entry, given), options=entry.options)
        except RaiScaleError as error:
            _finish(Outcome(ERROR, f"{type(error).__name__}: {error}"))
        job, advise = entry.job, given.get("advise")
        if given["dry_run"] or advise is not None:
            _finish(run_job(lambda config, engine: dry_run(job, config, engine, advise), config))
        _finish(run_job(job.run, config))

    source = typer.Argument(help=f"YAML configuration of the job, or {entry.takes}.")
    options: dict[str, Any] = {"source": Annotated[str, source], "output": Output}
    options |= {a.key: _option(a) for a in entry.arguments}
    options |= _COMMON | ({"advise": Advise} if entry.advises else {})
    command.__annotations__ = {**options, "return": None}
    command.__doc__ = entry.help
    command.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=_DEFAULTS.get(name, inspect.Parameter.empty if name == "source" else None),
                annotation=annotation,
            )
            for name, annotation in options.items()
        ]
    )
    return command


def _option(argument: Argument) -> Any:
    flag = typer.Option(f"--{argument.key.replace('_', '-')}", help=argument.help)
    several = argument.many or argument.pairs
    return Annotated[list[str] | None if several else str | None, flag]


def _asked(entry: Entry, given: dict[str, Any]) -> tuple[type[JobConfig], Any, list[str]]:
    """Return the type of the configuration, its file or first values, and the overrides."""
    sets, start = list(given["sets"] or []), given["source"]
    if Path(start).suffix.lower() not in _YAML:
        start = entry.values(start)
    for argument in (Argument("output", ""), Argument("engine", ""), *entry.arguments):
        if given[argument.key]:
            sets.append(argument.setting(given[argument.key]))
    if given["warnings_ok"]:
        sets.append("warnings_ok=true")
    return entry.job.config, start, sets


_GROUPS = {"": app, "keys": keys_app}
for _entry in JOBS:
    _group, _, _name = _entry.name.rpartition(" ")
    _GROUPS[_group].command(name=_name)(_command_of(_entry))


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
