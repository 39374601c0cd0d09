"""Run a job: open its engine, set up its log, and turn the outcome into an exit code."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from rai_scale.engines.choose import engine_named
from rai_scale.engines.protocol import Engine
from rai_scale.errors import GateFailed, RaiScaleError, one_line
from rai_scale.jobs.config import EngineConfig
from rai_scale.reports.words import plural

OK, FAILED_CHECK, WARNINGS, ERROR = 0, 1, 2, 3
CODES = {"ok": OK, "failed": FAILED_CHECK, "warnings": WARNINGS}
"""Exit codes by the status of a run."""
_LOG = logging.getLogger("rai_scale.jobs")

AnyConfig = TypeVar("AnyConfig", bound=EngineConfig)


@dataclass(frozen=True)
class Outcome:
    """The result of a job: its exit code and its message.

    ``unread`` is the number of files, tables, columns and values that were not looked at. If there
    are any, the exit code is at least 2, also with ``warnings_ok``.
    """

    exit_code: int
    message: str
    report: str | None = None
    notes: tuple[str, ...] = field(default=())
    unread: int = 0


def run_job(job: Callable[[AnyConfig, Engine], Outcome], config: AnyConfig) -> Outcome:
    """Run a job on the engine of its configuration; an error becomes an exit code.

    Exit codes: 0 finished; 1 a check or gate failed; 2 finished with warnings (0 where the
    configuration has ``warnings_ok`` and everything was looked at); 3 it could not run.
    """
    try:
        with open_engine(config) as engine:
            outcome = job(config, engine)
    except GateFailed as error:
        return Outcome(FAILED_CHECK, str(error))
    except RaiScaleError as error:
        return Outcome(ERROR, f"{type(error).__name__}: {error}")
    except Exception as error:
        # the message of another library may quote a value, its type cannot
        _LOG.error("the job stopped: %s at %s", type(error).__name__, _place(error))
        return Outcome(ERROR, f"the job stopped with an unexpected {type(error).__name__}.")
    if outcome.unread:
        items = plural(outcome.unread, "item")
        note = f"not looked at: {items}; see the report or the manifest"
        code = code_with_unread(outcome.exit_code, outcome.unread)
        return replace(outcome, exit_code=code, notes=(*outcome.notes, note))
    if outcome.exit_code == WARNINGS and config.warnings_ok:
        return replace(outcome, exit_code=OK)
    return outcome


def code_with_unread(exit_code: int, unread: int) -> int:
    """Return the exit code of a run that did not look at this number of items."""
    return WARNINGS if exit_code == OK and unread else exit_code


@contextmanager
def open_engine(config: EngineConfig) -> Iterator[Engine]:
    """Yield the engine that a configuration names; a Dask client lasts as long as the job."""
    engine = engine_named(config.engine, remote=config.spark_remote)
    if config.engine != "dask":
        yield engine
        return
    from rai_scale.engines.dask import job_client

    with job_client(config.dask_scheduler):
        yield engine


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "?" if trace is None else f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}"


class TextLines(logging.Formatter):
    """One line per record, even if values have line breaks; lines of a traceback are indented."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the first line."""
        return one_line(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:
        """Return the traceback, none of whose lines can look like a record."""
        return "\n".join(
            f"    {one_line(line)}" for line in super().formatException(ei).split("\n")
        )


class JsonLines(logging.Formatter):
    """One JSON object per record: time, level, logger, message."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON."""
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        return json.dumps(entry)  # in ASCII: no character of another can break a line


def set_up_logging(json_lines: bool = False, level: str = "INFO") -> None:
    """Send this package's log to stderr, as text or as JSON lines; other loggers are left alone."""
    handler = logging.StreamHandler(sys.stderr)
    text = TextLines("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handler.setFormatter(JsonLines() if json_lines else text)
    logger = logging.getLogger("rai_scale")
    logger.handlers = [handler]
    logger.setLevel(level.upper())
    logger.propagate = False


Item = TypeVar("Item")


def with_progress(items: list[Item], what: str) -> Iterator[Item]:
    """Yield items with a progress bar on a terminal; quiet in a batch job."""
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(items, description=what, console=Console(stderr=True), transient=True)
