"""Draw a sample of texts and write the page on which a person reviews it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from rai_scale.engines.choose import engine_of
from rai_scale.errors import ConfigError, check_columns, check_integer, check_share
from rai_scale.names import names_of
from rai_scale.pii.analysis.config import AnalyzerConfig, analyzer_config
from rai_scale.pii.quality.review_sample import FLAGGED, UNFLAGGED, ReviewSample, draw_texts

PAGE, MARK = "review.html", "CONTAINS_PERSONAL_DATA.txt"
NOTE = (
    "review.html in this folder shows texts with personal data, in full. Open it only on a machine "
    "where these data may be read, do not send it, and delete the folder after the review. The "
    "decisions that the page saves contain no texts.\n"
)
IGNORED = {".gitignore": b"*\n"}
"""Never committed by accident."""
_PART = ".{}.part"
_OWN = {name for own in (PAGE, MARK, *IGNORED) for name in (own, _PART.format(own))}


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
    config = analyzer_config(analyzer, analyzer_options, review_pii)
    target = check_folder(folder)
    sample = draw_review(
        data,
        names_of(columns),
        config,
        texts=texts,
        flagged_share=flagged_share,
        sample_rows=sample_rows,
        random_state=random_state,
    )
    target.mkdir(parents=True, exist_ok=True)
    target.chmod(0o700)
    content = {MARK: NOTE.encode(), **IGNORED, PAGE: review_page(sample, title).encode()}
    for name, text in content.items():
        _write(target / name, text)
    return target / PAGE


def draw_review(
    data: Any,
    columns: Sequence[str],
    config: AnalyzerConfig,
    *,
    texts: int,
    flagged_share: float,
    sample_rows: int | None,
    random_state: int,
) -> ReviewSample:
    """Draw the sample of :func:`review_pii`, which documents the arguments and errors."""
    check_integer("texts", texts, 2)
    check_share("flagged_share", flagged_share)
    check_integer("random_state", random_state)
    if sample_rows is not None:
        check_integer("sample_rows", sample_rows, 1)
    engine = engine_of(data)
    check_reviewed(columns, engine.schema(data))
    flagged = min(texts - 1, max(1, round(texts * flagged_share)))
    sizes = {FLAGGED: flagged, UNFLAGGED: texts - flagged}
    return draw_texts(data, engine, config, columns, sizes, sample_rows, random_state)


def check_reviewed(columns: Sequence[str], schema: pa.Schema) -> None:
    """Raise :class:`ConfigError` if a column is missing, or holds no text.

    Raises
    ------
    MissingColumnError, ConfigError
    """
    check_columns(columns, schema.names)
    for name in columns:
        kind = schema.field(name).type
        if pa.types.is_boolean(kind) or pa.types.is_temporal(kind):
            raise ConfigError(f"column {name!r} has type {kind}, which holds no text.")


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
    if path.is_file():
        raise ConfigError(f"{str(folder)!r} is a file; name a new or an empty folder.")
    if path.exists() and {p.name for p in path.iterdir()} - _OWN:
        raise ConfigError(f"{str(folder)!r} has other files; name a new or an empty folder.")
    return path


def review_page(sample: ReviewSample, title: str) -> str:
    """Return the HTML page of a sample."""
    from rai_scale.reports.review import render_review

    return render_review(
        {
            "title": title,
            "id": sample.id,
            "sample": sample.facts(),
            "texts": [text._asdict() for text in sample.texts],
        }
    )


def _write(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, in one step."""
    part = path.with_name(_PART.format(path.name))
    part.unlink(missing_ok=True)  # the mode applies to a new file only
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    part.replace(path)
