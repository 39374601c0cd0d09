"""Draw a sample of texts and write the page on which a person reviews it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from rai_scale.engines.choose import engine_of
from rai_scale.errors import ConfigError, check_columns
from rai_scale.names import names_of
from rai_scale.pii.analysis.config import AnalyzerConfig, analyzer_config
from rai_scale.pii.quality.review_sample import FLAGGED, UNFLAGGED, ReviewSample, draw_texts

PAGE, MARK = "review.html", "CONTAINS_PERSONAL_DATA.txt"
_MARK = (
    "review.html in this folder shows texts with personal data, in full. Open it only on a machine "
    "where these data may be read, do not send it, and delete the folder after the review. The "
    "decisions that the page saves contain no texts.\n"
)


def review_pii(
    data: Any,
    columns: Sequence[str] | str,
    *,
    folder: str | Path,
    analyzer: AnalyzerConfig | None = None,
    texts: int = 200,
    flagged_share: float = 0.5,
    sample_rows: int | None = 10_000,
    random_state: int = 0,
    title: str = "Review of a detector of personal data",
    **analyzer_options: Any,
) -> Path:
    """Write a page on which a person marks what a detector missed. Runs at once.

    The page works without a network and forbids connections; decisions are saved as a file, from
    which :func:`missed_pii` estimates what the detector misses in all texts. The page shows the
    texts of the sample **in full, with their personal data**.

    Parameters
    ----------
    data : frame
        pyspark (classic or Connect), dask or pandas DataFrame, DuckDB relation or pyarrow Table.
    columns : sequence of str
        Columns to review. JSON documents and nested values are reviewed leaf by leaf.
    folder : str or Path
        A local folder, new or empty; only its owner can read it, and a file in it marks it.
    analyzer : AnalyzerConfig, optional
        The detector.
    texts : int
        Number of texts to draw.
    flagged_share : float
        Share of them that have findings, from 0 to 1 exclusive; the others have none. Both kinds
        are needed: what is missed is mostly in texts without findings.
    sample_rows : int or None
        Approximate number of rows to analyse, chosen by a keyed hash; None for all.
    random_state : int
        Key of the hashes. An int gives the same sample on every engine and partitioning. Rows
        that are equal in all columns are drawn together, so keep a key column in the frame.
    title : str
        Title of the page.
    **analyzer_options
        The fields of :class:`AnalyzerConfig` instead of ``analyzer``.

    Returns
    -------
    Path
        The page, ``review.html``. Its mode is 0600.

    Raises
    ------
    ConfigError
        If an option is invalid, the folder is not empty, or there is no text to review.
    MissingColumnError, MissingExtraError, MissingModelError
        Before any text is analysed.
    """
    config = analyzer_config(analyzer, analyzer_options)
    names = names_of(columns)
    if texts < 2 or not 0 < flagged_share < 1:  # noqa: PLR2004
        raise ConfigError("texts must be at least 2, and flagged_share between 0 and 1.")
    target = check_folder(folder)
    engine = engine_of(data)
    schema = engine.schema(data)
    check_columns(names, schema.names)
    for name in names:
        if pa.types.is_boolean(schema.field(name).type) or pa.types.is_temporal(
            schema.field(name).type
        ):
            raise ConfigError(
                f"column {name!r} has type {schema.field(name).type}, which holds no text."
            )
    flagged = min(texts - 1, max(1, round(texts * flagged_share)))
    sizes = {FLAGGED: flagged, UNFLAGGED: texts - flagged}
    sample = draw_texts(data, engine, config, names, sizes, sample_rows, random_state)
    return write_page(sample, target, title)


def check_folder(folder: str | Path) -> Path:
    """Return a folder that a review can be written to.

    Raises
    ------
    ConfigError
        If it is remote, a file, or has other files.
    """
    if "://" in str(folder):
        raise ConfigError("a review needs a local folder: its page shows personal data.")
    path = Path(folder)
    if path.exists() and (
        not path.is_dir() or {p.name for p in path.iterdir()} - {PAGE, MARK, ".gitignore"}
    ):
        raise ConfigError(f"{str(folder)!r} has other files; name a new or an empty folder.")
    return path


def write_page(sample: ReviewSample, folder: Path, title: str) -> Path:
    """Write the page, readable by its owner alone, into a marked folder."""
    from rai_scale.reports.review import render_review

    page = render_review(
        {
            "title": title,
            "id": sample.id,
            "sample": sample.facts(),
            "texts": [text._asdict() for text in sample.texts],
        }
    )
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    _write(folder / MARK, _MARK)
    _write(folder / ".gitignore", "*\n")  # never committed by accident
    _write(folder / PAGE, page)
    return folder / PAGE


def _write(path: Path, content: str) -> None:
    path.unlink(missing_ok=True)  # the mode applies to a new file only
    with open(
        os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as file:
        file.write(content)
