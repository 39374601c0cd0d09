"""Parts of a scanned table: stored and read back without loss, and added in any order."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rai_scale.errors import TableError
from rai_scale.pii.scanning.parts import BY_POSITION, ScannedPart, added

COUNTS = {
    ("", ""): {"#rows": (4000, 0.0)},
    ("mail", "mail"): {"#values": (3990, 0.0), "EMAIL_ADDRESS": (17, 16.123456)},
    ("doc", "doc.a.b"): {"PERSON": (1, 0.85)},
}


def test_a_part_survives_storage():
    part = ScannedPart(("a/x.parquet",), 10**9, 4000, BY_POSITION, 0.025, 77, False, COUNTS)
    file = io.BytesIO()
    pq.write_table(part.to_arrow(), file)
    assert ScannedPart.from_arrow(pq.read_table(file)) == part
    assert not part.complete


def test_another_table_is_refused():
    with pytest.raises(TableError, match="does not hold a part"):
        ScannedPart.from_arrow(pa.table({"a": [1]}))


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
