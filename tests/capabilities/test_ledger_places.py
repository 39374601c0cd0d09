"""Where a ledger may be kept, and what a caller may give as one."""

from __future__ import annotations

import tempfile
import warnings

import pyarrow as pa
import pytest
from sqlalchemy import create_engine, make_url

from rai_scale.errors import ConfigError
from rai_scale.privacy import Cost, Ledger, LedgerError, PrivacyWarning, open_ledger
from rai_scale.privacy.ledger.no_ledger import NoLedger, ledger_of
from rai_scale.privacy.ledger.release import release_once
from rai_scale.privacy.ledger.reservation import to_ipc
from rai_scale.records.storage import storage_problem

DISK = "/dev/vda / ext4 rw 0 0\n"
MOUNTS = DISK + (
    "tmpfs /srv/memory tmpfs rw 0 0\n"
    "server:/home /srv/home nfs4 rw 0 0\n"
    "//server/share /srv/the\\040share cifs rw 0 0\n"
    "blobfuse2 /srv/blobs fuse.blobfuse2 rw 0 0\n"
    "/dev/sdb /srv/home/disk xfs rw 0 0\n"
)
DATABRICKS = {"DATABRICKS_RUNTIME_VERSION": "17.3"}


@pytest.mark.parametrize(
    "path", ["/srv/rai/l.db", "/srv/home/disk/l.db", "/home/ann/l.db", "/tmpx/l.db"]
)
def test_a_disk_that_stays_is_accepted(path):
    assert storage_problem(path, {}, MOUNTS) is None


@pytest.mark.parametrize(
    ("path", "environ", "mounts", "what"),
    [
        ("/tmp/l.db", {}, DISK, "temp folder"),
        (tempfile.gettempdir() + "/a/l.db", {}, DISK, "temp folder"),
        ("/scratch/job/l.db", {"TMPDIR": "/scratch/job"}, DISK, "temp folder"),
        ("/disk1/x/l.db", {"SPARK_LOCAL_DIRS": "/disk0,/disk1"}, DISK, "temp folder"),
        ("/local_disk0/l.db", {}, DISK, "Databricks"),
        ("/databricks/driver/l.db", {}, DISK, "Databricks"),
        ("/home/ubuntu/l.db", DATABRICKS, DISK, "DATABRICKS_RUNTIME_VERSION"),
        ("/mnt/batch/tasks/l.db", {}, DISK, "Azure"),
        ("/home/x/l.db", {"AZUREML_RUN_ID": "run"}, DISK, "AZUREML_RUN_ID"),
        ("/srv/memory/l.db", {}, MOUNTS, "memory"),
        ("/app/l.db", {}, "overlay / overlay rw 0 0\n", "container"),
        ("/srv/memory/../memory/l.db", {}, MOUNTS, "memory"),
    ],
)  # fmt: skip
def test_a_disk_that_does_not_outlive_the_job_is_known(path, environ, mounts, what):
    found = storage_problem(path, environ, mounts)
    assert found is not None
    assert found.lost
    assert what in found.what


@pytest.mark.parametrize(
    ("path", "environ"),
    [
        ("/srv/home/l.db", {}),
        ("/srv/the share/l.db", {}),
        ("/srv/blobs/l.db", {}),
        ("/dbfs/rai/l.db", DATABRICKS),
        ("/Volumes/main/rai/v/l.db", DATABRICKS),
    ],
)
def test_file_systems_whose_locks_do_not_hold_are_known(path, environ):
    found = storage_problem(path, environ, MOUNTS)
    assert found is not None
    assert not found.lost


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "sqlite:////tmp/rai_scale_ledger.db"]
)
def test_ephemeral_ledgers_are_refused_unless_forced(url, tmp_path):
    with pytest.raises(ConfigError, match="force_ephemeral"):
        open_ledger(url)
    with pytest.raises(ConfigError, match="force_ephemeral"):
        open_ledger(create_engine(url))
    forced = url if "tmp" not in url else f"sqlite:///{tmp_path / 'l.db'}"
    assert open_ledger(forced, force_ephemeral=True).scopes() == []


def test_a_volume_is_refused_even_if_forced():
    with pytest.raises(ConfigError, match="locks do not work"):
        open_ledger("sqlite:////dbfs/rai/ledger.db", force_ephemeral=True)


@pytest.mark.parametrize(
    "url", ["s3://bucket/l", "abfss://c@a.dfs.core.windows.net/l", "gs://b/l", "dbfs:/l"]
)
def test_object_stores_are_refused_with_the_reason(url):
    with pytest.raises(ConfigError, match="conditional writes.*PostgreSQL"):
        open_ledger(url)


@pytest.mark.parametrize(
    "url", ["ledger.db", "mysql://u:secret@h/d", "postgresql://u:secret@h:x/d", "u:secret@h"]
)
def test_other_addresses_are_refused_without_showing_a_password(url):
    with pytest.raises(ConfigError) as failed:
        open_ledger(url)
    assert "secret" not in str(failed.value)
    assert "postgresql://user@host/database" in str(failed.value)


def test_a_server_that_is_away_is_said_without_the_password():
    with pytest.raises(LedgerError) as failed:
        open_ledger("postgresql://ann:secret@127.0.0.1:1/d?connect_timeout=2")
    assert "secret" not in str(failed.value)
    assert "127.0.0.1" in str(failed.value)


def test_an_engine_in_memory_is_shared_and_one_of_a_file_is_opened_again(tmp_path):
    memory = create_engine("sqlite://")
    open_ledger(memory, force_ephemeral=True).create_scope("a", epsilon=1)
    assert open_ledger(memory, force_ephemeral=True).scopes() == ["a"]
    file = create_engine(make_url(f"sqlite:///{tmp_path / 'l.db'}"))
    open_ledger(file, force_ephemeral=True).create_scope("b", epsilon=1)
    assert open_ledger(file, force_ephemeral=True).scopes() == ["b"]


def test_what_a_caller_may_give_as_a_ledger(tmp_path):
    url = f"sqlite:///{tmp_path / 'l.db'}"
    ledger = ledger_of(url, force_ephemeral=True)
    assert isinstance(ledger, Ledger)
    assert ledger_of(ledger) is ledger
    assert isinstance(ledger_of(make_url(url), force_ephemeral=True), Ledger)
    with pytest.raises(ConfigError, match="found None"):
        ledger_of(None)
    with pytest.raises(ConfigError, match="found a int"):
        ledger_of(3)


def test_no_ledger_warns_and_lives_the_same_life():
    with pytest.warns(PrivacyWarning, match="not charged"):
        none = ledger_of("none")
    assert isinstance(none, NoLedger)
    arrow = to_ipc(pa.table({"n": [1]}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ledger_of(none) is none
        release = release_once(
            none,
            lambda: (arrow, {"a": 1}),
            scope="s",
            analyst="a",
            dataset="d",
            costs=[Cost("n", epsilon=1)],
        )
    assert (release.arrow, release.metadata) == (arrow, {"a": 1})
    assert not none.reserve("s", "a", "d", [Cost("n", epsilon=1)]).charged
