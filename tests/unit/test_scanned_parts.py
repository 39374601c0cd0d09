"""Parts of a scanned table: stored and read back without loss, and added in any order."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rai_scale.errors import ConfigError
from rai_scale.pii.scanning.parts import BY_POSITION, ScannedPart, added, counted, rows_of
from rai_scale.pii.scanning.state import StoredPart, StoredTable
from rai_scale.pii.scanning.state_file import ScanState, read_state, save_state
from rai_scale.tables.discovery.known_files import PRINT
from rai_scale.tables.paths import place_of

COUNTS = {
    ("", ""): {"#rows": (4000, 0.0)},
    ("mail", "mail"): {"#values": (3990, 0.0), "EMAIL_ADDRESS": (17, 16.123456)},
    ("doc", "doc.a.b"): {"PERSON": (1, 0.85)},
}


def test_a_part_survives_storage(tmp_path):
    part = ScannedPart((), 10**9, 4000, BY_POSITION, 0.025, 77, False, COUNTS)
    stored = StoredPart(pa.array([b"1" * 16], PRINT), part)
    schema = pa.schema({"mail": pa.string(), "doc": pa.string()})
    table = StoredTable("t", "parquet", "t", None, False, schema, (stored,))
    place = place_of(str(tmp_path / "state"))
    save_state(place, ScanState("r", "now", "lake", {}, tables={"t": table}))
    found = read_state(place, "lake").tables["t"].parts[0].part
    assert found == part
    assert not part.complete


def test_another_table_is_refused(tmp_path):
    pq.write_table(pa.table({"a": [1]}), tmp_path / "state")
    with pytest.raises(ConfigError, match="not the state of a scan"):
        read_state(place_of(str(tmp_path / "state")), "lake")


def test_rows_of_several_batches_are_added():
    rows = rows_of(COUNTS)
    assert counted(rows) == COUNTS
    assert counted([*rows, *rows]) == added([COUNTS, COUNTS])


def test_counts_are_added_in_any_order():
    other = {("mail", "mail"): {"EMAIL_ADDRESS": (3, 0.5), "URL": (1, 0.5)}}
    both = added([COUNTS, other])
    assert both == added([other, COUNTS])
    assert both["mail", "mail"] == {
        "#values": (3990, 0.0),
        "EMAIL_ADDRESS": (20, 16.623456),
        "URL": (1, 0.5),
    }
    assert both["", ""] == COUNTS["", ""]
