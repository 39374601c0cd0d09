"""Make the sample lake: its tables, their ground truth, and unreadable files."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from random import Random

from rai_scale.errors import ConfigError
from rai_scale.samples import recommendations as offers
from rai_scale.samples import scans, truth
from rai_scale.samples.documents import FOLDER, write_documents
from rai_scale.samples.marked import unmark_row
from rai_scale.samples.people import People, make_pools
from rai_scale.samples.rows import World
from rai_scale.samples.tables import TABLES, SampleTable

MARKER = "lake.json"
README = "A sample lake made by rai-scale sample-lake. Every person in it is invented.\n"
OURS = (
    *("customers", "support_tickets", "card_payments.csv", "clinic", "loan_decisions.parquet"),
    *("web_events.jsonl", "letters", "products.csv", "README", "archive.bin", FOLDER, truth.FOLDER),
    *(scans.FOLDER, offers.FOLDER),
)


@dataclass(frozen=True)
class SampleLake:
    """The result of :func:`make_sample_lake`.

    Attributes
    ----------
    directory : Path
    tables : dict of str to int
        Number of rows per table.
    truth : Path
        ``items.parquet``, the list of all personal items.
    items : int
        Number of personal items.
    """

    directory: Path
    tables: dict[str, int]
    truth: Path
    items: int


def make_sample_lake(
    directory: str | Path,
    rows: int = 1000,
    random_state: int = 7,
    documents: bool = False,
    images: bool = False,
    *,
    recommendations: bool = False,
) -> SampleLake:
    """Make a lake of synthetic tables with personal data, and its ground truth.

    The same ``rows`` and ``random_state`` give the same values. The memory that is needed does not
    depend on ``rows``.

    Parameters
    ----------
    directory : str or Path
        A local folder: new, empty, or an earlier sample lake, which is replaced.
    rows : int
        Number of rows in each of the six large tables (letters and products are small).
    random_state : int
    documents : bool
        Whether to add the folder ``documents``: letters as PDF, Word, PowerPoint, e-mail (.eml,
        .msg), XML, HTML, text, Excel, SQLite, ORC, Avro (if fastavro is installed) and archives.
    images : bool
        Whether to add the folder ``scans``: letters as PNG, JPEG, TIFF and scanned PDF.
    recommendations : bool
        Whether to add the folder ``personalization``: ``recommendations`` (a log of ``rows``
        offers with propensities and rewards) and ``consents``. Their truth is
        ``_truth/recommendations.json``: the true values of two policies, the planted loop, the
        planted proxy, and the offer that wins clicks and loses satisfaction.

    Returns
    -------
    SampleLake
        ``truth`` is the path of ``_truth/items.parquet`` with the columns table, key, column,
        entity, value (string), start and end (int64, offsets in characters of the value; a date
        is represented by its ISO form). A leaf of nested JSON has a path such as ``user.email`` or
        ``payload.messages[0].text``. In the same folder, ``columns.json`` lists the key and the
        personal columns of each table, with their entities; ``texts.parquet`` has the texts with
        their labels, for :func:`rai_scale.pii.evaluate_pii`; ``documents.parquet`` lists the items
        of documents (file, entity, value); ``scans.parquet`` the words of items on scanned pages
        (file, page, entity, item: the number of the item on its page, word, and its box in pixels:
        left, top, width, height).

    Raises
    ------
    ConfigError
        If ``directory`` has other files, is a file or a remote address, or ``rows`` is below 1.
    MissingExtraError
        If Faker, or for ``images`` Pillow, is not installed.
    """
    lake = _check(directory, rows, random_state)
    pools = make_pools(random_state)
    _clear(lake)
    folder = lake / truth.FOLDER
    folder.mkdir(parents=True)
    # the marker is written first, so that an interrupted run can be repeated in the same folder
    _mark(folder, {"rows": rows, "seed": random_state, "complete": False})
    world = World(rows, People(random_state, pools), pools)
    writer = truth.TruthWriter(folder)
    counts = {
        table.name: _write_table(table, lake, world, random_state, writer) for table in TABLES
    }
    writer.close()
    if documents:
        write_documents(lake, folder, world, random_state)
    if images:
        scans.write_scans(lake, folder, world, random_state)
    if recommendations:
        offers.write_recommendations(lake, folder, rows, random_state)
    (lake / "README").write_text(README, encoding="utf-8")
    (lake / "archive.bin").write_bytes(Random(random_state).randbytes(4096))  # noqa: S311
    facts = {"rows": rows, "seed": random_state, "complete": True, "tables": counts}
    _mark(folder, {**facts, "files": _files(lake)})
    return SampleLake(lake, counts, folder / "items.parquet", writer.count)


def _write_table(
    table: SampleTable, lake: Path, world: World, seed: int, writer: truth.TruthWriter
) -> int:
    count = table.count(world.rows)
    rng = Random(f"{table.name}/{seed}")  # noqa: S311
    sink = table.open(lake, count)
    writer.table(table.name, table.key)
    step = table.chunk(count)
    for start in range(0, count, step):
        numbers = range(start, min(start + step, count))
        pairs = [unmark_row(table.row(i, world, rng)) for i in numbers]
        sink.write([row for row, _ in pairs])
        keys = [row[table.key] for row, _ in pairs]
        writer.add(table.name, keys, [found for _, found in pairs])
    sink.close()
    return count


def _check(directory: str | Path, rows: int, seed: int) -> Path:
    if "://" in str(directory):
        raise ConfigError(
            f"the sample lake needs a local folder; found {str(directory)!r}. Make it locally and "
            "copy it there."
        )
    for name, number in (("rows", rows), ("random_state", seed)):
        if isinstance(number, bool) or not isinstance(number, int):
            raise ConfigError(f"{name} must be an integer; found {type(number).__name__}.")
    if rows < 1:
        raise ConfigError(f"rows must be at least 1; found {rows}.")
    lake = Path(directory)
    if lake.exists() and not lake.is_dir():
        raise ConfigError(f"{str(lake)!r} is a file; the sample lake needs a folder.")
    _check_ours(lake)
    return lake


def _check_ours(lake: Path) -> None:
    present = [path.name for path in lake.iterdir()] if lake.is_dir() else []
    if not present:
        return
    if not (lake / truth.FOLDER / MARKER).is_file():
        raise ConfigError(
            f"{str(lake)!r} is not empty and is not a sample lake (no {truth.FOLDER}/{MARKER}). "
            "Name a new or an empty folder."
        )
    foreign = [name for name in present if name not in OURS and name[0] not in "._"]
    made = json.loads((lake / truth.FOLDER / MARKER).read_text(encoding="utf-8")).get("files")
    if made is not None:  # an interrupted run has no list
        ours = {file for file in _files(lake) if file.split("/")[0] in OURS}
        foreign += sorted(ours - set(made))
    if foreign:
        raise ConfigError(
            f"{str(lake)!r} is a sample lake that also has {len(foreign)} other entries, such as "
            f"{sorted(foreign)[0]!r}. Move them to another folder, or name a new folder."
        )


def _files(lake: Path) -> list[str]:
    return sorted(p.relative_to(lake).as_posix() for p in lake.rglob("*") if not p.is_dir())


def _clear(lake: Path) -> None:
    # the truth folder is removed last: its marker shows that the rest may be replaced
    for name in OURS:
        path = lake / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.exists() or path.is_symlink():
            path.unlink()


def _mark(folder: Path, facts: dict[str, object]) -> None:
    text = json.dumps({"made_by": "rai-scale sample-lake", **facts}, indent=2)
    (folder / MARKER).write_text(text + "\n", encoding="utf-8")
