"""Self-contained HTML reports: one file, no network, no script, readable on a phone and in print.

Each function takes a plain dict (JSON types only) that holds names and counts, never a cell value,
and returns one HTML page. Everything is escaped. Parts that are missing are left out; a missing
required part is a :class:`~rai_scale.errors.ConfigError` that names it.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from rai_scale._version import __version__
from rai_scale.errors import ConfigError
from rai_scale.reports.checks import DEMO, REDACTION, SCAN, check_report
from rai_scale.reports.view import proof_view, redaction_view, scan_view
from rai_scale.reports.words import FILTERS


def render_scan(report: Mapping[str, Any]) -> str:
    """Return the page of a scan: what personal data was found, where, how sure, what to do.

    ``report`` has ``title``, ``run`` (``run_id``, ``started`` in ISO 8601, ``engine``, ``status``
    of ok | warnings | failed), ``summary`` (``tables``, ``columns``, ``rows``) and ``tables``
    (``table``, ``status``, ``columns`` with ``findings`` of ``entity``, ``share`` in 0..1 or
    None, ``verdict``). Optional: ``gates``, ``not_looked_at``, ``ignored``, the other counts and
    ``method`` (``entities``, ``score_threshold``, ``sample_rows``, ``seed``, ``limits``, and in
    words ``share_of`` what a share is taken and which ``interval`` it has).

    Raises :class:`~rai_scale.errors.ConfigError` if a required key is missing or malformed.
    """
    check_report(report, SCAN, "scan")
    return _render("scan.html.j2", report, scan=scan_view(report))


def render_redaction(report: Mapping[str, Any]) -> str:
    """Return the page of a redaction: what was changed, with which operator, what was not.

    ``report`` has ``title``, ``run`` and ``tables`` (``table``, ``rows_in``, ``rows_out``,
    ``rows_quarantined``, ``rows_skipped``, ``cells_changed``, ``columns`` with ``how`` and
    ``findings`` of ``entity``, ``operator``, ``count``). Optional: ``totals`` (else summed from
    the tables), ``errors``, ``files_unreadable``, ``output``, ``method``.

    Raises :class:`~rai_scale.errors.ConfigError` if a required key is missing or malformed.
    """
    check_report(report, REDACTION, "redaction")
    return _render("redaction.html.j2", report, redaction=redaction_view(report))


def render_demo(report: Mapping[str, Any]) -> str:
    """Return one page over scan, redaction, second scan and the proof against a ground truth.

    ``report`` has ``title``, ``run``, ``before`` and ``after`` (as :func:`render_scan`),
    ``redaction`` (as :func:`render_redaction`) and ``proof`` (``items``, ``removed``, ``recall``
    and ``precision`` in 0..1 or None, ``by_entity``, ``by_table``, ``missed``).

    Raises :class:`~rai_scale.errors.ConfigError` if a required key is missing or malformed.
    """
    check_report(report, DEMO, "demo")
    before = scan_view(report["before"], "before-")
    after = scan_view(report["after"], "after-")
    return _render(
        "demo.html.j2",
        report,
        before=before,
        after=after,
        redaction=redaction_view(report["redaction"]),
        proof=proof_view(report, before, after),
    )


def save_html(html: str, path: str | Path) -> Path:
    """Write a page so that ``path`` holds either the old page or the whole new one.

    Makes missing parent folders; returns the path. Raises
    :class:`~rai_scale.errors.ConfigError` if ``path`` is a folder.
    """
    path = Path(path)
    if path.is_dir():
        raise ConfigError(f"cannot write a report to {path}: it is a folder. Name a file in it.")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        # exclusive, and with the mode that the user's umask leaves
        with open(temporary, "x", encoding="utf-8", errors="replace", newline="\n") as file:
            file.write(html)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return path


def _render(template: str, report: Mapping[str, Any], **views: Any) -> str:
    return _environment().get_template(template).render(report=report, views=views, **views)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("rai_scale", "reports/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    environment.globals["version"] = __version__
    return environment
