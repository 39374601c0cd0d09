"""Self-contained HTML reports: one file, no network, readable on a phone and in print.

Pages run no script, except that of a scan, which filters and sorts; the page allows it by its hash.

Each function takes a dict of JSON types with names and counts, and no values of the data, and
returns one HTML page. All texts are escaped. Missing optional parts are omitted.
"""

from __future__ import annotations

import base64
import hashlib
import os
import uuid
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rai_scale._version import __version__
from rai_scale.errors import ConfigError
from rai_scale.reports.checks import DEMO, REDACTION, SCAN, check_report
from rai_scale.reports.view import proof_view, redaction_view, scan_view
from rai_scale.reports.words import FILTERS


def render_scan(report: Mapping[str, Any]) -> str:
    """Return the HTML page of a scan: which personal data was found, where, and what to do.

    Parameters
    ----------
    report : mapping
        ``title``, ``run`` (``run_id``, ``started`` in ISO 8601, ``engine``, ``status`` of ok |
        warnings | failed), ``summary`` (``tables``, ``columns``, ``rows``) and ``tables``
        (``table``, ``status``, ``columns`` with ``findings`` of ``entity``, ``share`` (0 to 1 or
        None) and ``verdict``). Optional: ``gates``, ``not_looked_at``, ``ignored``, the other
        counts of ``ScanResult.to_dict()``, and ``method`` (``entities``, ``score_threshold``,
        ``mode``, ``random_state``, ``limits``, and as texts ``share_of``, the denominator of
        a share, and ``interval``, its kind of interval).

    Raises
    ------
    ConfigError
        If a required key is missing or a value is invalid.
    """
    check_report(report, SCAN, "scan")
    return render("scan.html.j2", report, scan=scan_view(report))


def render_redaction(report: Mapping[str, Any]) -> str:
    """Return the HTML page of a redaction: what was changed, with which operator, and what was not.

    Parameters
    ----------
    report : mapping
        ``title``, ``run`` and ``tables`` (``table``, ``rows_in``, ``rows_out``,
        ``rows_quarantined``, ``rows_skipped``, ``cells_changed``, the number of changed values,
        and ``columns`` with ``how`` and ``findings`` of ``entity``, ``operator``, ``count``).
        Optional: ``totals`` (by default the sums over the tables), ``errors``,
        ``files_unreadable``, ``output``, ``method``.

    Raises
    ------
    ConfigError
        If a required key is missing or a value is invalid.
    """
    check_report(report, REDACTION, "redaction")
    return render("redaction.html.j2", report, redaction=redaction_view(report))


def render_demo(report: Mapping[str, Any]) -> str:
    """Return one HTML page for a scan, a redaction, a second scan and the proof.

    Parameters
    ----------
    report : mapping
        ``title``, ``run``, ``before`` and ``after`` (as for :func:`render_scan`), ``redaction``
        (as for :func:`render_redaction`) and ``proof``, the comparison with a ground truth
        (``items``, ``removed``, ``recall`` and ``precision`` (0 to 1 or None), ``by_entity``,
        ``by_table``, ``missed``).

    Raises
    ------
    ConfigError
        If a required key is missing or a value is invalid.
    """
    check_report(report, DEMO, "demo")
    before = scan_view(report["before"], "before-")
    after = scan_view(report["after"], "after-")
    return render(
        "demo.html.j2",
        report,
        before=before,
        after=after,
        redaction=redaction_view(report["redaction"]),
        proof=proof_view(report, before, after),
    )


def save_html(html: str, path: str | Path) -> Path:
    """Write a page atomically: ``path`` holds either the old page or the complete new one.

    Parameters
    ----------
    html : str
    path : str or Path
        Missing parent folders are created.

    Returns
    -------
    Path

    Raises
    ------
    ConfigError
        If ``path`` is a folder.
    """
    path = Path(path)
    if path.is_dir():
        raise ConfigError(f"cannot write a report to {path}: it is a folder. Name a file in it.")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        # an exclusive file, with the permissions of the user's umask
        with open(temporary, "x", encoding="utf-8", errors="replace", newline="\n") as file:
            file.write(html)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return path


def render(template: str, report: Mapping[str, Any], **views: Any) -> str:
    """Return the HTML page of a template; templates read ``report`` and the named views."""
    return _environment().get_template(template).render(report=report, views=views, **views)


@cache
def _script(name: str) -> Markup:
    text = resources.files("rai_scale.reports").joinpath("templates", name).read_text("utf-8")
    return Markup(text)  # noqa: S704, a file of this package


def _hash_of(script: str) -> str:
    """Return the source that a content security policy allows a script by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


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
    environment.globals |= {"version": __version__, "script": _script, "hash_of": _hash_of}
    return environment
