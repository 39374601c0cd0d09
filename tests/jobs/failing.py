"""Commands whose work fails inside the workers, with personal data in the message of the error.

Run as a script of its own, so that all that it logs can be read, by ``spark-submit`` too. The
failing functions are local, so that they travel to the workers by value.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rai_scale.jobs.redact.run
import rai_scale.pii.redaction.frames
import rai_scale.pii.scanning.table_rounds
from rai_scale.cli import run_command
from rai_scale.pii import get_analyzer
from rai_scale.pii.redaction.redact_values import RedactValues
from rai_scale.pii.scanning.value_counts import ScanValues


def failing_operator() -> Callable[[Any], dict]:
    def fail(text: str) -> str:
        if text in ("Example", "PII"):  # what the driver tries operators on
            return text
        raise ValueError(f"cannot replace {text}")

    return lambda specs: {"DEFAULT": {"type": "custom", "lambda": fail}}


def work_of(kind: type) -> str:
    """Return the method of a table function that gets the rows, on every way to call it."""
    return "opened" if hasattr(kind, "opened") else "__call__"


def failing_batch(kind: type) -> type:
    def fail(self: Any, table: Any) -> Any:
        raise ValueError(f"cannot treat {table.to_pylist()}")

    return type("FailingBatch", (kind,), {work_of(kind): fail})


def failing_half(kind: type) -> type:
    work = work_of(kind)

    def fail(self: Any, table: Any) -> Any:
        done = getattr(kind, work)(self, table)
        if any("second half" in str(row) for row in table.to_pylist()):
            raise ValueError(f"cannot finish {table.to_pylist()} {done}")
        return done

    return type("FailingHalf", (kind,), {work: fail})


def failing_recognizer(kind: type) -> type:
    class FailingRecognizer(kind):  # type: ignore[misc]
        def opened(self, table: Any) -> Any:
            from presidio_analyzer import EntityRecognizer

            class Fails(EntityRecognizer):
                def load(self) -> None:
                    pass

                def analyze(self, text: str, entities: Any, nlp_artifacts: Any) -> Any:
                    raise ValueError(f"cannot read {text}")

            registry = get_analyzer(self.config).engine.registry
            if not any(r.name == "fails" for r in registry.recognizers):
                registry.add_recognizer(Fails(["PERSON"], name="fails"))
            return super().opened(table)

    return FailingRecognizer


def main(engine: str, folder: Path) -> None:
    """Run each failing command; write the exit codes to ``codes.json``."""
    patches: dict[str, tuple[Any, str, Any]] = {
        "redact operator": (rai_scale.jobs.redact.run, "resolve_operators", failing_operator()),
        "redact batch": (
            rai_scale.pii.redaction.frames,
            "RedactValues",
            failing_batch(RedactValues),
        ),
        "redact half": (rai_scale.pii.redaction.frames, "RedactValues", failing_half(RedactValues)),
        "scan batch": (
            rai_scale.pii.scanning.table_rounds,
            "ScanValues",
            failing_batch(ScanValues),
        ),
        "scan half": (rai_scale.pii.scanning.table_rounds, "ScanValues", failing_half(ScanValues)),
        "scan recognizer": (
            rai_scale.pii.scanning.table_rounds,
            "ScanValues",
            failing_recognizer(ScanValues),
        ),
    }
    codes = {}
    for name, (module, attribute, replacement) in patches.items():
        before = getattr(module, attribute)
        setattr(module, attribute, replacement)
        job = name.split()[0]
        out = folder / name.replace(" ", "_")
        arguments = [job, str(folder / f"{job}.yaml"), "--set", f"output={out}"]
        codes[name] = run_command([*arguments, "--engine", engine])
        setattr(module, attribute, before)
        (folder / "codes.json").write_text(json.dumps(codes))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
