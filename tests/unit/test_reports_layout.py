from __future__ import annotations

import itertools
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from rai_scale.reports.html import save_html
from tests.unit.test_reports import RENDER, page, poisoned, sample

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_has_enough_contrast(theme):
    block = re.findall(r":root \{(.*?)\}", page("scan"), flags=re.S)[theme]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
    pairs = [(name, "bg") for name in ("ink", "muted", "link", "bad", "warn", "good")]
    pairs += [(f"heat-{i}-ink", f"heat-{i}") for i in range(1, 6)]
    for text, ground in pairs:
        dark, light = sorted(luminance(colours[name]) for name in (text, ground))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, ground)


MEASURE = """<script>onload = () => {
const frames = [...document.querySelectorAll('iframe')]
document.body.dataset.widths =
  frames.map(f => f.contentDocument.documentElement.scrollWidth).join(' ')
}</script>"""


@pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed: apt-get install chromium")
@pytest.mark.parametrize("kind", RENDER)
def test_no_sideways_scroll_on_a_phone_or_a_tablet(kind, tmp_path):
    # A window cannot be made 390 px wide without a screen, a frame in it can. The page forbids
    # scripts, so the frame's owner measures it. The last page shows that the measurement works.
    long_names = poisoned(sample(kind), "_and_so_on" * 20)
    save_html(page(kind), tmp_path / "plain.html")
    save_html(RENDER[kind](long_names), tmp_path / "long.html")
    save_html("<div style='width: 2000px'>wide</div>", tmp_path / "wide.html")
    frames = list(itertools.product(("plain", "long", "wide"), (390, 800, 1280)))
    frame = "<iframe src={}.html style='border: 0; width: {}px; height: 800px'></iframe>"
    save_html(
        "<body>" + "".join(frame.format(*each) for each in frames) + MEASURE,
        tmp_path / "frames.html",
    )
    widths = dict(
        zip(frames, measured(tmp_path / "frames.html", tmp_path / "profile"), strict=True)
    )
    too_wide = {each for each, width in widths.items() if width > each[1]}
    assert too_wide == {("wide", 390), ("wide", 800), ("wide", 1280)}


def measured(path: Path, profile: Path) -> list[int]:
    found = re.search(r'data-widths="([\d ]+)"', dumped(path, profile))
    assert found, "chromium did not measure the page"
    return [int(width) for width in found[1].split()]


def dumped(path: Path, profile: Path) -> str:
    """Return a page as it is after its scripts ran."""
    flags = [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--allow-file-access-from-files", f"--user-data-dir={profile}", "--dump-dom",
    ]  # fmt: skip
    return subprocess.run(
        [str(CHROMIUM), *flags, path.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    ).stdout
