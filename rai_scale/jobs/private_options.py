"""What private jobs share: the block ``private:``, the ledger, warnings and the restricted log."""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from pydantic import Field, model_validator

from rai_scale._version import __version__
from rai_scale.errors import BudgetExceededError, ConfigError, GateFailed
from rai_scale.jobs.exit_codes_and_logs import TextLines
from rai_scale.jobs.ledgers import WRITTEN_OUT, holds_password, open_named
from rai_scale.pii.analysis.config import Frozen
from rai_scale.reports.words import plural
from rai_scale.tables.source import TableSource

if TYPE_CHECKING:
    from rai_scale.jobs.job import Run
    from rai_scale.privacy.options import Privacy


class PrivateOptions(Frozen):
    """The privacy unit, the budget of a private run, and where it is charged.

    The keys are those of :class:`~rai_scale.privacy.options.Privacy`. Give ``epsilon`` or ``rho``.
    ``restricted_log`` is a file for the engine's own errors, which may hold personal values.
    """

    privacy_unit: str | None = Field(None, min_length=1)
    ledger: str
    force_ephemeral: bool = False
    scope: str
    analyst: str
    dataset: str | None = Field(None, min_length=1)
    snapshot: str | None = Field(None, min_length=1)
    visible_to: tuple[str, ...] = ()
    restricted_log: str | None = None
    epsilon: float | None = Field(None, gt=0)
    rho: float | None = Field(None, gt=0)
    delta: float = Field(0, ge=0, lt=1)

    @model_validator(mode="after")
    def _sound(self) -> PrivateOptions:
        # errors of the whole model show no value, because this one may contain a password
        if holds_password(self.ledger):
            raise ValueError(WRITTEN_OUT)
        if (self.epsilon is None) == (self.rho is None):
            raise ValueError("give exactly one of epsilon and rho")
        return self

    def privacy(self, **known: Any) -> Privacy:
        """Return the options as :class:`~rai_scale.privacy.options.Privacy`, some of them replaced.

        Parameters
        ----------
        **known
            What a run knows better than its configuration: the open ledger, the dataset, the
            snapshot, a part of the budget.
        """
        from rai_scale.privacy.options import Privacy

        own = self.model_dump(exclude={"restricted_log", "force_ephemeral"})
        return Privacy(**own | known)

    def privacy_on(self, source: TableSource, ledger: Any, **known: Any) -> Privacy:
        """Return the options for a release of one table, by the state of its files."""
        return self.privacy(
            ledger=ledger,
            dataset=self.dataset or source.name,
            snapshot=told_snapshot(source, self.snapshot),
            **known,
        )

    def facts(self) -> dict[str, Any]:
        """Return the entries of the manifest about the budget."""
        measure = "rho" if self.epsilon is None else "epsilon"
        return {
            **{"scope": self.scope, "analyst": self.analyst, "dataset": self.dataset},
            **{measure: str(getattr(self, measure)), "delta": str(self.delta)},
        }


def need_unit(options: PrivateOptions | None) -> None:
    """Raise ``ValueError`` where a block ``private:`` lacks the privacy unit."""
    if options is not None and options.privacy_unit is None:
        raise ValueError("private.privacy_unit is missing: the column that identifies a person")


@contextmanager
def charging(options: PrivateOptions) -> Iterator[tuple[Any, list[str]]]:
    """Yield the ledger, and a list that gets the texts of privacy warnings when the block ends.

    Raises
    ------
    GateFailed
        If a release in the block exceeds the budget.
    """
    with heard_warnings() as notes, restricted_file(options.restricted_log):
        ledger = open_named(options.ledger, force_ephemeral=options.force_ephemeral)
        try:
            yield ledger, notes
        except BudgetExceededError as error:
            raise GateFailed(str(error)) from None


def told_snapshot(source: TableSource, given: str | None) -> str | None:
    """Return a hash of the location and the state of the data; None if the state is not known."""
    state = given or source.snapshot
    if state is None:
        return None
    return hashlib.sha256(f"{source.location}\n{state}".encode()).hexdigest()


def unopened(source: TableSource) -> list[str]:
    """Return a note on files that could not be opened, if there are any."""
    files = len(source.unreadable)
    return [f"{plural(files, 'file')} could not be opened."] if files else []


def charged_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries of the manifest about one release."""
    known = ("scope", "analyst", "dataset", "epsilon", "delta", "rho")
    return {key: facts[key] for key in known} | {"reservations": [facts["reservation"]]}


def run_facts(run: Run, status: str, table: str) -> dict[str, Any]:
    """Return the facts about the run without its time and duration, which depend on the rows."""
    known = {"run_id": run.id, "engine": run.engine, "status": status, "table": table}
    known |= {"source": run.source, "config_hash": run.config_hash}
    return {**known, "package_version": __version__}


def charge_lines(options: PrivateOptions | None) -> tuple[list[str], bool] | None:
    """Describe the charge of one release and what is left of the limits; no data are read."""
    if options is None:
        return None
    measure, amount = (
        ("rho", options.rho) if options.epsilon is None else ("epsilon", options.epsilon)
    )
    with charging(options) as (ledger, _):
        lines = [f"charged at most: {measure} {amount:g}, delta {options.delta:g}"]
        budget = getattr(ledger, "budget", None)
        if budget is None:
            return ["charged: nothing, because there is no ledger"], True
        for row in budget(options.scope).to_dict("records"):
            if row["analyst"] in ("*", options.analyst):
                lines.append(f"{row['measure']} left in the {row['limit']}: {row['remaining']:g}")
    return lines, True


@contextmanager
def heard_warnings() -> Iterator[list[str]]:
    """Yield a list that gets the text of each :class:`PrivacyWarning` when the block ends."""
    from rai_scale.privacy.ledger.problems import PrivacyWarning

    notes: list[str] = []
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always", PrivacyWarning)
        try:
            yield notes
        finally:
            said = [str(w.message) for w in heard if issubclass(w.category, PrivacyWarning)]
            notes.extend(dict.fromkeys(said))


@contextmanager
def restricted_file(path: str | None) -> Iterator[None]:
    """Append the restricted log to a file that only its owner can read, during the block.

    Its records may hold personal values.

    Raises
    ------
    ConfigError
        If the path is a link, is not a regular file, or belongs to another user.
    """
    if path is None:
        yield
        return
    from rai_scale.privacy.disclosure import restricted_log

    logger = restricted_log()
    with _opened(path) as file:
        handler = logging.StreamHandler(file)
        handler.setFormatter(TextLines("%(asctime)s %(levelname)s %(message)s"))
        logger.addHandler(handler)
        try:
            yield
        finally:
            logger.removeHandler(handler)


def _opened(path: str) -> TextIO:
    """Open a regular file for appending that only its owner can read."""
    # a pipe without a reader would wait for one
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        number = os.open(path, flags, mode=0o600)
    except OSError as error:
        raise ConfigError(
            f"restricted_log: {path!r} cannot be written: {error.strerror}."
        ) from None
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise ConfigError(f"restricted_log: {path!r} is not a regular file.")
        os.fchmod(number, 0o600)  # an existing file may have been readable by others
        return os.fdopen(number, "a", encoding="utf-8", errors="backslashreplace")
    except PermissionError:
        os.close(number)
        raise ConfigError(f"restricted_log: {path!r} belongs to another user.") from None
    except BaseException:
        os.close(number)
        raise
