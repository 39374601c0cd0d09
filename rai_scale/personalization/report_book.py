"""What people reported: feedback, concerns and bursts, who reviewed them, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from rai_scale.errors import ConfigError, did_you_mean
from rai_scale.gates import Figure
from rai_scale.personalization.bursts import Bursts
from rai_scale.records.book import Book
from rai_scale.records.journal import Journal
from rai_scale.results import Result, Tables

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine

KINDS = ("feedback", "concern", "burst")
REPORTERS = ("user", "team", "owner")
_ANSWER = "answer"
BOOK = Book(
    noun="report book",
    prefix="rai_scale_reports",
    columns=(),
    empty={},
    key_variable="RAI_SCALE_REPORT_BOOK_KEY",
)
_COLUMNS = ["number", "kind", "use_case", "reported", "reporter", "text", "state", "answered",
            "reviewer", "answer"]  # fmt: skip


@dataclass(frozen=True, repr=False)
class Reports(Result):
    """The reports of a book, and what became of them.

    Attributes
    ----------
    reports : pandas.DataFrame
        One row per report: ``number``, ``kind``, ``use_case``, ``reported`` (time), ``reporter``,
        ``text``, ``state`` (``open``, ``answered`` or ``resolved``), and ``answered``,
        ``reviewer`` and ``answer`` of the last answer.
    """

    reports: pd.DataFrame

    def totals(self) -> Mapping[str, Any]:
        """Return the numbers of reports, and of those that are not resolved, also by kind."""
        open_ = self.reports[self.reports["state"] != "resolved"]
        kinds = {f"open_{kind}": int((open_["kind"] == kind).sum()) for kind in KINDS}
        return {"reports": len(self.reports), "open": len(open_), **kinds}

    def _numbers(self) -> Mapping[str, float]:
        return {name: float(value) for name, value in self.totals().items()}

    def _figures(self) -> Mapping[str, Sequence[Figure]]:
        return {name: [Figure(value)] for name, value in self._numbers().items()}

    def _tables(self) -> Tables:
        return {"reports": lambda: self.reports}


class ReportBook:
    """A book of reports that can only be added to; it is created if it does not exist.

    Each event has a hash over its content and the event before it, so that changed and removed
    events are found. Because nothing can be removed, texts must not name people: write a reference
    to a case instead.

    Parameters
    ----------
    address : str, sqlalchemy.URL or sqlalchemy.Engine
        A SQLite file or a PostgreSQL database.
    force_ephemeral : bool
        Whether to accept a SQLite file that is lost at the end of the job.

    Raises
    ------
    ConfigError
        If a book cannot be stored at this address.
    RecordError
        If the database fails, or the book does not match the key in the environment variable
        ``RAI_SCALE_REPORT_BOOK_KEY``.
    """

    def __init__(self, address: str | URL | Engine, *, force_ephemeral: bool = False) -> None:
        self.journal = Journal(address, BOOK, force_ephemeral=force_ephemeral)

    def report(self, kind: str, text: str, *, reporter: str, use_case: str = "") -> int:
        """Add a report, and return its number.

        Parameters
        ----------
        kind : {"feedback", "concern", "burst"}
            What was surprising or disturbing; a concern about the use; or a possible manipulation.
        text : str
            What was reported, without names of people.
        reporter : {"user", "team", "owner"}
        use_case : str
            The name of a registered use case.

        Raises
        ------
        ConfigError
            If the kind or reporter is unknown, or the text empty.
        """
        for what, given, known in (("kind", kind, KINDS), ("reporter", reporter, REPORTERS)):
            if given not in known:
                raise ConfigError(
                    f"no {what} {given!r}.{did_you_mean(given, known)} There are: "
                    f"{', '.join(known)}."
                )
        if not text.strip():
            raise ConfigError("text: write what was reported.")
        body = {"text": text, "reporter": reporter, "use_case": use_case}
        return self.journal.append(kind, body=body)

    def report_bursts(self, found: Bursts, *, use_case: str = "", reporter: str = "team") -> int:
        """Add each burst and drift that is not in the book yet; return how many were added.

        Sources and values of features are left out, since they may be personal data.
        """
        texts = [
            f"{row['kind']} in {row['window']}: {row['rows']} events, {row['expected']:.1f} "
            "expected"
            for row in found.bursts.to_dict("records")
        ]
        texts += [
            f"drift of {row['feature']} in {row['window']}: from {row['share_before']:.1%} to "
            f"{row['share']:.1%} of {row['rows']} events"
            for row in found.drift.to_dict("records")
        ]
        known = self.reports().reports
        known = known[(known["kind"] == "burst") & (known["use_case"] == use_case)]
        new = [text for text in texts if text not in set(known["text"])]
        for text in new:
            self.report("burst", text, reporter=reporter, use_case=use_case)
        return len(new)

    def answer(self, number: int, text: str, *, reviewer: str, resolved: bool) -> None:
        """Add what a reviewer found or did about a report.

        Parameters
        ----------
        number : int
            The number of the report.
        text : str
            What was found or done, without names of people.
        reviewer : str
            The role of the reviewer, such as ``safety team``.
        resolved : bool
            Whether the report needs no more work.

        Raises
        ------
        ConfigError
            If there is no report of this number, or the text or reviewer is empty.
        """
        if number not in set(self.reports().reports["number"]):
            raise ConfigError(f"the book has no report {number}.")
        if not text.strip() or not reviewer.strip():
            raise ConfigError("text and reviewer: write what was found or done, and by whom.")
        body = {"number": number, "text": text, "reviewer": reviewer, "resolved": resolved}
        self.journal.append(_ANSWER, body=body)

    def reports(self) -> Reports:
        """Return all reports with their last answers.

        Raises
        ------
        RecordError
            If an event was changed, or the chain is broken.
        """
        found: dict[int, dict[str, Any]] = {}
        for event in self.journal.events():
            body = json.loads(event["body"])
            at = pd.Timestamp(event["at"], unit="us", tz="UTC")
            if event["kind"] in KINDS:
                found[event["seq"]] = {
                    "number": event["seq"],
                    "kind": event["kind"],
                    "reported": at,
                    "state": "open",
                    **body,
                }
            elif event["kind"] == _ANSWER:
                state = "resolved" if body["resolved"] else "answered"
                last = {"state": state, "answered": at, "answer": body["text"]}
                found[body["number"]] |= {**last, "reviewer": body["reviewer"]}
        return Reports(pd.DataFrame([*found.values()], columns=_COLUMNS))

    def verify(self) -> Any:
        """Search for changed, removed and inserted events."""
        return self.journal.verify()
