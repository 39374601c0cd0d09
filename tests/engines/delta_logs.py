"""Delta tables written by hand: what deltalake reads and does not write."""

from __future__ import annotations

import base64
import json
import os
import string
import struct

import pyarrow as pa
import pyarrow.parquet as pq

MAPPED = {"delta.columnMapping.mode": "name", "delta.columnMapping.maxColumnId": "10"}
_B85 = string.digits + string.ascii_uppercase + string.ascii_lowercase + "!#$%&()*+-;<=>?@^_`{|}~"
_Z85 = string.digits + string.ascii_lowercase + string.ascii_uppercase + ".-:+=^!/*?&<>()[]{}@%$#"


def put_file(folder, path, **columns):
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), target)


def put_log(folder, *actions, version=0):
    log = folder / "_delta_log"
    log.mkdir(parents=True, exist_ok=True)
    (log / f"{version:020d}.json").write_text("\n".join(map(json.dumps, actions)))


def column(name, kind, physical=None, number=None):
    said = {"delta.columnMapping.id": number, "delta.columnMapping.physicalName": physical}
    return {"name": name, "type": kind, "nullable": True, "metadata": said if physical else {}}


def struct_of(*fields):
    return {"type": "struct", "fields": list(fields)}


def metadata(*fields, partitions=(), settings=None):
    said = {"id": "9", "format": {"provider": "parquet", "options": {}}, "createdTime": 1}
    said["schemaString"] = json.dumps(struct_of(*fields))
    return {
        "metaData": {
            **said,
            "partitionColumns": list(partitions),
            "configuration": settings or {},
        }
    }


def protocol(*features, reader=3, writer=7):
    said = {"minReaderVersion": reader, "minWriterVersion": writer}
    if reader == 3:
        said["readerFeatures"] = list(features)
    if writer == 7:
        said["writerFeatures"] = list(features)
    return {"protocol": said}


def add(folder, path, rows, values=None, **more):
    size = os.path.getsize(folder / path.replace("%20", " "))
    said = {"path": path, "partitionValues": values or {}, "size": size, "modificationTime": 1}
    stats = json.dumps({"numRecords": rows})
    return {"add": {**said, "dataChange": True, "stats": stats, **more}}


def deletion_vector(rows):
    """Return an inline vector of row numbers below 65,536: magic, 64-bit roaring bitmap, Z85."""
    values = struct.pack(f"<{len(rows)}H", *rows)
    bitmap = struct.pack("<IIHHI", 12346, 1, 0, len(rows) - 1, 16) + values
    raw = struct.pack("<iQI", 1681511377, 1, 0) + bitmap
    text = base64.b85encode(raw + b"\0" * (-len(raw) % 4)).decode()
    return {
        "storageType": "i",
        "pathOrInlineDv": text.translate(str.maketrans(_B85, _Z85)),
        "sizeInBytes": len(raw),
        "cardinality": len(rows),
    }


def mapped_table(folder, mode="name"):
    """A table with renamed, dropped and nested columns, and mapped partition columns."""
    named = {
        "c2": [{"c3": "Ada", "c4": "a@x", "gone": 1}, None, {"c3": None, "c4": "b", "gone": 2}]
    }
    many = pa.array([[{"c6": "p"}], [], None])
    kind = pa.map_(pa.string(), pa.struct([("c8", pa.int64())]))
    pairs = pa.array([[("k", {"c8": 5})], None, []], kind)
    dropped = {"id": ["old", "values", "here"]}  # a dropped column whose name is in use again
    put_file(folder, "p=a b/f.parquet", c1=[1, 2, 3], **named, c5=many, c7=pairs, **dropped)
    put_file(folder, "g.parquet", c2=[{"c4": "d@x", "c3": "Bo"}], c1=[4])
    inner = struct_of(column("name", "string", "c3", 3), column("mail", "string", "c4", 4))
    items = struct_of(column("x", "string", "c6", 6))
    values = struct_of(column("y", "long", "c8", 8))
    fields = [
        column("id", "long", "c1", 1),
        column("who", inner, "c2", 2),
        column("many", {"type": "array", "elementType": items, "containsNull": True}, "c5", 5),
        column(
            "pairs",
            {
                "type": "map",
                "keyType": "string",
                "valueType": values,
                "valueContainsNull": True,
            },
            "c7",
            7,
        ),
        column("land", "string", "c9", 9),
        column("day", "date", "c10", 10),
    ]
    put_log(
        folder,
        protocol("columnMapping"),
        metadata(*fields, partitions=["land", "day"], settings={**MAPPED, MAPPED_MODE: mode}),
        add(folder, "p=a%20b/f.parquet", 3, {"c9": "a b", "c10": "2024-01-02"}),
        add(folder, "g.parquet", 1, {"c9": None, "c10": None}),
    )


MAPPED_MODE = "delta.columnMapping.mode"
