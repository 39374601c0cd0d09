"""The database that counts of tables in memory share."""

import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rai_scale import read_table
from rai_scale.engines import database
from rai_scale.engines.local import LocalEngine
from rai_scale.engines.sql_verbs import Side

TABLE = pa.table({"g": ["a", "b", "a"]})
FORK = """
import os, sys
import pyarrow as pa
from rai_scale.engines.local import LocalEngine
count = lambda: LocalEngine().group_counts(pa.table({"g": ["a", "b", "a"]}), ["g"]).num_rows
count()
child = os.fork()
if not child:
    sys.exit(count())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def counts():
    """Count the rows of the table by group."""
    found = LocalEngine().group_counts(TABLE, ["g"]).to_pydict()
    return dict(zip(found["g"], found["count"], strict=True))


def test_a_closed_database_is_started_anew():
    """One error of DuckDB does not end all counting of the process."""
    counts()
    database._started[-1].close()
    assert counts() == {"a": 2, "b": 1}


def test_threads_count_side_by_side():
    """Connections are not shared between threads."""
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: counts(), range(80))) == [{"a": 2, "b": 1}] * 80


def test_a_forked_process_counts_and_ends():
    """It has none of the threads of its parent's database."""
    done = subprocess.run([sys.executable, "-c", FORK], timeout=60, check=False)
    assert done.returncode == 2


def test_local_files_are_not_kept_in_memory(tmp_path):
    """DuckDB's cache of files grows with them: 50 M rows took 20 % more memory than 5 M."""
    pq.write_table(pa.table({"a": [1]}), tmp_path / "t.parquet")
    setting = "SELECT current_setting('enable_external_file_cache')"
    assert read_table(str(tmp_path / "t.parquet")).query("t", setting).fetchall() == [(False,)]


def test_rows_beyond_the_memory_are_on_disk_and_removed(tmp_path, monkeypatch):
    """The database's own limit is 32 MB, and the window needs more."""
    monkeypatch.setattr(database, "_SPILL_MB", 32)
    monkeypatch.setattr(database, "_SPILL_THREADS", 1)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    rows = pa.table({"u": np.arange(1_500_000) % 400_000, "v": np.arange(1_500_000)})
    sql = "SELECT u, row_number() OVER (PARTITION BY u ORDER BY v DESC) AS place, v FROM p"
    side = Side(rows, "SELECT u, v FROM rai_scale_data")
    found = LocalEngine().join_sql({"p": side}, sql, together=["u"])
    written, kept = 0, 0
    for batch in database.scan(found):
        written = max(written, sum(f.stat().st_size for f in tmp_path.glob("*/*")))
        kept += pc.sum(pc.equal(batch["place"], 1)).as_py()
    assert (written > 0, kept) == (True, 400_000)
    assert not list(tmp_path.iterdir())
