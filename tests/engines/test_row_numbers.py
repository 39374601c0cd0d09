"""Where a row is: the same file and number on every engine, so the same priority of the row."""

from __future__ import annotations

import deltalake
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rai_scale.engines import engine_named
from rai_scale.pii.scanning.row_priority import LEVELS, Position, cut, levels
from rai_scale.tables.find import find_tables
from rai_scale.tables.read import read_table
from rai_scale.tables.readers.arrow import Piece
from rai_scale.tables.readers.row_numbers import FILE, ROW, NumberedReader

ROWS = pa.table({"id": range(900), "name": [f"v{i}" for i in range(900)]})


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """One table of each format, with odd names of files and folders, and invalid lines."""
    root = tmp_path_factory.mktemp("numbered")
    for name, rows in {"k=a b": ROWS.slice(0, 500), "k=c%25": ROWS.slice(500)}.items():
        (root / "parquet" / name).mkdir(parents=True)
        pq.write_table(rows, root / "parquet" / name / "p #1.parquet", row_group_size=90)
    # a column that must become text, which only pyarrow does
    mixed = root / "mixed"
    mixed.mkdir()
    pq.write_table(ROWS, mixed / "part-0.parquet", row_group_size=90)
    pq.write_table(pa.table({"id": [["list"]], "name": ["x"]}), mixed / "part-1.parquet")
    deltalake.write_deltalake(str(root / "delta"), ROWS)
    deltalake.write_deltalake(str(root / "delta"), ROWS, mode="append")
    for folder, text in {
        "csv": "id,name\n" + "".join(f"{i},v{i}\n" for i in range(50)) + "bad,1,2\n",
        "jsonl": "".join(f'{{"id": {i}}}\n' for i in range(50)) + "bad\n\n{}\n",
        "text": "a note",
    }.items():
        (root / folder).mkdir()
        (root / folder / f"a.{folder.replace('text', 'txt')}").write_text(text)
    return root


def priorities(source, engine):
    """Return the rows with their priorities, sorted."""
    found = engine.collect(read_table(source, engine, incomplete="warn", row_numbers=True))
    position = Position(7, source.folder or source.location)
    rows = found.drop_columns([FILE, ROW]).to_pylist()
    return sorted(zip(position.priorities(found).tolist(), map(str, rows), strict=True))


@pytest.mark.parametrize("name", ["parquet", "mixed", "delta", "csv", "jsonl", "text"])
def test_every_engine_gives_a_row_the_same_priority(cluster_case, lake, name):
    (source,) = find_tables(str(lake / name), engine=cluster_case.engine)
    found = priorities(source, cluster_case.engine)
    assert len(dict(found)) == len(found)  # no two rows have the same place
    assert found == priorities(source, engine_named("local"))


def test_the_columns_are_added_only_on_request(lake):
    engine = engine_named("local")
    (source,) = find_tables(str(lake / "parquet"))
    assert FILE not in engine.schema(read_table(source, engine)).names
    frame = engine.collect(read_table(source, engine, row_numbers=True)).to_pandas()
    places = frame.groupby(FILE)[ROW].agg(list)
    assert [sorted(rows) for rows in places] == [[*range(500)], [*range(400)]]
    assert {*places.index} == {"k=a b/p #1.parquet", "k=c%25/p #1.parquet"}


class Batches:
    """A reader of 10 rows in batches of 3, of which the file has 14."""

    schema = pa.schema([("a", pa.int64())])

    def __call__(self, piece, columns=None):
        for start in range(0, 10, 3):
            yield pa.table({"a": range(start, min(start + 3, 10))})


def test_rows_after_deleted_rows_keep_their_numbers():
    read = pa.concat_tables(NumberedReader(Batches())(Deleted("/x", "x")))
    assert read[ROW].to_pylist() == [1, 2, 4, 7, 8, 9, 10, 11, 12, 13]


class Deleted(Piece):
    """A file with deleted rows."""

    deleted = pa.array([0, 3, 5, 6])


def test_levels_keep_the_order_and_a_cut_loses_little():
    drawn = np.random.default_rng(1).integers(0, 2**64, 200_000, dtype=np.uint64)
    edge = np.array([0, 1, 2**64 - 1], dtype=np.uint64)
    found = levels(np.sort(np.concatenate([drawn, edge])))
    assert (np.diff(found) >= 0).all()
    assert 0 <= found[0] <= found[-1] < LEVELS
    counts = np.bincount(found, minlength=LEVELS)
    for rows in (1_000, 16_000):
        below = int((found < cut(counts, rows)).sum())
        assert 0.997 * rows <= below <= rows
