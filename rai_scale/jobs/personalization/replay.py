"""The command ``rai-scale replay``: decisions of a log, made again from a snapshot."""

from __future__ import annotations

from pathlib import Path

from rai_scale.jobs.exit_codes_and_logs import FAILED_CHECK, OK, Outcome
from rai_scale.personalization.snapshots import replay
from rai_scale.tables.read import read_table


def replay_table(snapshot: Path, log: str, engine: str = "local", trusted: bool = False) -> Outcome:
    """Replay a table; return what is printed and the exit code."""
    found = replay(snapshot, read_table(log, engine), trusted=trusted)
    sizes = found.totals()
    changed = [
        f"{row['name']}: {row['file']} is {row['state']}"
        for row in found.files.to_dict("records")
        if row["state"] != "unchanged"
    ]
    if changed:
        return Outcome(
            FAILED_CHECK, "nothing was replayed: files of the snapshot differ", notes=tuple(changed)
        )
    message = f"{sizes['differences']:,} differences in {sizes['rows']:,} decisions"
    return Outcome(FAILED_CHECK if sizes["differences"] else OK, message)
