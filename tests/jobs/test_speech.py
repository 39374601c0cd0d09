"""What a job says and who may read what it writes, where names come from others."""

from __future__ import annotations

import logging
import os
import pickle
import stat

import pytest

from rai_scale.errors import ConfigError, WorkerError, one_line
from rai_scale.jobs.exit_codes_and_logs import TextLines
from rai_scale.jobs.private_options import restricted_file
from rai_scale.privacy import open_ledger
from rai_scale.privacy.disclosure import restricted_log
from rai_scale.reports.html import save_html
from rai_scale.tables.paths import place_of, save_bytes
from tests.jobs.small_lake import MODEL, cli, write_config

FORGED = "x\n2026-01-01 INFO rai_scale.jobs.redact.run: redacted payroll\x1b[2J\u2028\u202egnp"


def test_a_name_cannot_forge_a_line():
    said = one_line(FORGED)
    assert said.isprintable()
    assert said.startswith("x\\n2026-01-01 INFO")
    assert "\\x1b[2J\\u2028\\u202egnp" in said
    assert one_line("Zoë – 名前 😀 a\\b") == "Zoë – 名前 😀 a\\b"
    assert one_line("\udce9") == "\\udce9"


def test_errors_keep_their_own_lines_only():
    error = ConfigError(f"no table {FORGED}", "second")
    assert len(str(error).splitlines()) == 2
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert str(WorkerError(FORGED, FORGED, FORGED)).isprintable()


def test_records_of_a_text_log_are_lines():
    def written(**more):
        record = logging.LogRecord("a", logging.INFO, "b", 1, "redacted %s", (FORGED,), **more)
        return TextLines("%(levelname)s %(message)s").format(record)

    assert written(exc_info=None).isprintable()
    try:
        raise ValueError(FORGED)
    except ValueError as error:
        said = written(exc_info=(type(error), error, None))
    assert all(line.isprintable() for line in said.split("\n"))
    assert all(line.startswith("    ") for line in said.split("\n")[1:])


@pytest.mark.parametrize("how", [[], ["--log-json"]])
def test_a_table_with_such_a_name(tmp_path, how):
    lake = tmp_path / "lake"
    lake.mkdir()
    (lake / f"{FORGED}.csv").write_text("id,note\n1,Alice Jones\n")
    values = {"source": str(lake), "output": str(tmp_path / "out"), "analyzer": {"model": MODEL}}
    for table, code in ((FORGED, 0), (FORGED + "x", 3)):
        tables = {table: {"key_columns": ["id"], "columns": ["note"]}}
        ran = cli("redact", write_config(tmp_path / "c.yaml", {**values, "tables": tables}), *how)
        assert ran.code == code, ran.text
        assert all(line.isprintable() for line in ran.text.replace("\u2028", "\x01").split("\n"))


@pytest.mark.parametrize(("umask", "mode"), [(0o077, 0o600), (0o022, 0o644), (0o027, 0o640)])
def test_reports_follow_the_umask(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        save_html("x", tmp_path / "page.html")
        save_bytes(place_of(str(tmp_path / "deep" / "f.json")), b"x")
    finally:
        os.umask(before)
    for path in (tmp_path / "page.html", tmp_path / "deep" / "f.json"):
        assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_small_file_is_not_written_through_a_link(tmp_path):
    (tmp_path / "theirs").write_text("kept")
    (tmp_path / "report.html").symlink_to(tmp_path / "theirs")
    save_bytes(place_of(str(tmp_path / "report.html")), b"new")
    assert (tmp_path / "theirs").read_text() == "kept"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["report.html", "theirs"]


def test_the_restricted_log_is_its_owners_alone(tmp_path):
    log = tmp_path / "restricted.log"
    log.write_text("before\n")
    log.chmod(0o644)
    with restricted_file(str(log)):
        restricted_log().error("said %s", FORGED)
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert len(log.read_text().splitlines()) == 2
    (tmp_path / "link").symlink_to(log)
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", "", "none/there"):
        with (
            pytest.raises(ConfigError, match="restricted_log"),
            restricted_file(f"{tmp_path}/{name}"),
        ):
            pass


def test_a_new_ledger_is_its_owners_alone(tmp_path):
    path = tmp_path / "ledger.db"
    before = os.umask(0o022)
    try:
        ledger = open_ledger(f"sqlite:///{path}", force_ephemeral=True)
        ledger.create_scope("c", epsilon=1, delta=1e-6)
    finally:
        os.umask(before)
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    path.chmod(0o664)
    open_ledger(f"sqlite:///{path}", force_ephemeral=True).budget("c")
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
