"""What a scan claims, in the words of its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]


def table_claims(table: Record) -> dict[str, Any] | None:
    """Return what is claimed about types that were not found in a table.

    ``at_most`` is the largest share of rows, from 0 to 1, that one of them may have in a column
    with a claim (None if no column has one); ``without`` lists the other columns, with the reason.
    """
    if "rule" not in table or not table["columns"]:
        return None
    claimed = [c["absent"] for c in table["columns"] if c.get("absent")]
    shares = [absent["at_most"] for absent in claimed if not absent["no_claim"]]
    return {"at_most": max(shares, default=None), "without": list(_without(table["columns"]))}


def _without(columns: Sequence[Record]) -> Any:
    for column in columns:
        if "absent" not in column:
            continue
        why = (
            "its type is not searched" if column["absent"] is None else column["absent"]["no_claim"]
        )
        if why:
            yield {"column": column["column"], "why": why}


def claims_view(tables: Sequence[Record], method: Record) -> dict[str, Any] | None:
    """Return what the claims of a run cover; None for a report without claims."""
    known = [t for t in tables if t.get("claims")]
    if "confidence" not in method or not known:
        return None
    complete = sum(t.get("rows_scanned") == t.get("rows") for t in known)
    return {
        "complete": complete,
        "sampled": len(known) - complete,
        "stopped": sum(bool(t.get("stopped")) for t in known),
        "left_out": sum(t["status"] == "left out" for t in tables),
        "without": sum(len(t["claims"]["without"]) for t in known),
        "rules": sorted({t["rule"] for t in known if t.get("rows_scanned") != t.get("rows")}),
    }
