"""The jobs that restore tokens and change their key: what they write, record and refuse."""

from __future__ import annotations

import json
import stat

import pandas as pd
import pytest
from sqlalchemy import create_engine, text

from rai_scale.jobs.restore import run as restore_run
from rai_scale.pii import open_restore_log
from rai_scale.pii.pseudonyms.tokens import Tokenizer
from rai_scale.tables.pointer import current_path
from tests.jobs.every_job import set_up
from tests.jobs.small_lake import EMAIL, ROOT, cli, file_leaks, people_config, rows_of, write_config

OLD, NEW = "k1-0123456789abcdef", "k2-0123456789abcdef"


def log_of(folder):
    return open_restore_log(f"sqlite:///{folder / 'restores.db'}", force_ephemeral=True)


def test_a_restore_is_recorded_and_its_output_is_private(tmp_path):
    command, out = set_up("restore", tmp_path), tmp_path / "out"
    ran = cli(*command)
    assert (ran.code, "60 tokens restored in 60 rows" in ran.out) == (0, True), ran.text
    assert set(rows_of(out, "people")["mail"]) == {EMAIL}
    folder = (tmp_path / "out" / current_path(str(out))) / "people"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    founded, event = log_of(tmp_path).events()
    assert (founded["kind"], event["kind"]) == ("founded", "restore")
    body = json.loads(event["body"])
    run = json.loads((out / "_manifest.json").read_text())["run_id"]
    assert body == {
        **{"analyst": "ann", "purpose": "a complaint", "run_id": run, "tokens": 60},
        **{"source": str(tmp_path / "lake"), "key_ids": ["k1"]},
        "tables": {"people": {"columns": ["mail"], "tokens": 60}},
    }
    assert "already done" in cli(*command).out
    assert len(log_of(tmp_path).events()) == 2
    told = cli("keys", "log", f"sqlite:///{tmp_path / 'restores.db'}", "--force-ephemeral")
    assert '"purpose":"a complaint"' in told.out
    assert "no problem found" in told.out
    beside = {n for n in file_leaks(out, [EMAIL]) if not n.endswith(".parquet")}
    assert beside == set()
    assert file_leaks(out, [OLD, NEW]) == {}


def test_the_record_comes_first(tmp_path, monkeypatch):
    """No value is decrypted if the log cannot be written, and a failed run is on record."""
    command = set_up("restore", tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(restore_run, "write_parquet", lambda *_, **__: 1 / 0)
        assert cli(*command).code == 3
    assert [event["kind"] for event in log_of(tmp_path).events()] == ["founded", "restore"]
    opened = []
    monkeypatch.setattr(Tokenizer, "open", lambda *_: opened.append(1))
    ran = cli(*command, "--set", f"log=sqlite:///{tmp_path}/none/here/log.db")
    assert (ran.code, opened) == (3, []), ran.text
    assert not (tmp_path / "out" / "people").exists()


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ("keys={k9: 'file:KEY'}", "UnknownKeyError: keys: there are tokens with the key ids k1"),
        ("domain=other", "MovedTokenError"),
        ("keys={k1: 'file:OTHER'}", "WrongKeyError"),
        ("keys={k1: k1-0123456789abcdef}", "keys.k1 must be a reference"),
        ("purpose=''", "purpose"),
        ("purpose=' '", "purpose: say why"),
        ("analyst=''", "analyst"),
        ("log='postgresql://me:hunter2@host/db'", "an address with a password must be a reference"),
        ("log='sqlite:///OUT/log.db'", "is inside output"),
        ("columns=[nothing]", "columns not found: 'nothing'"),
        ("tables={people: {columns: [mail], per: who}}", "either tables, or columns"),
    ],
)
def test_what_is_refused(tmp_path, sets, message):
    command = set_up("restore", tmp_path)
    for word, path in (("KEY", "k1"), ("OTHER", "k2"), ("OUT", "out")):
        sets = sets.replace(word, str(tmp_path / path))
    ran = cli(*command, "--set", sets)
    assert (ran.code, message in ran.text) == (3, True), ran.text
    assert OLD not in ran.text
    assert "hunter2" not in ran.text
    assert not (tmp_path / "out" / "report.html").exists()


def test_one_forged_token_need_not_stop_a_restore(tmp_path):
    command, table = set_up("restore", tmp_path), tmp_path / "lake" / "people.parquet"
    frame = pd.read_parquet(table)
    frame.loc[0, "mail"] = "<EMAIL_ADDRESS:k1:" + "A" * 48 + ">"
    frame.loc[1, "mail"] = frame["mail"][2].replace(":k1:", ":k9:")
    frame.loc[2, "mail"] = None
    frame.to_parquet(table)
    assert "UnknownKeyError" in cli(*command).err
    ran = cli(*command, "--set", "on_error='null'")
    assert (ran.code, "could not be restored and are null: 2" in ran.out) == (2, True), ran.text
    restored = rows_of(tmp_path / "out", "people")["mail"]
    assert restored.isna().sum() == 3
    assert set(restored.dropna()) == {EMAIL}
    gate = "gates=[{metric: values_not_restored, above: 1}]"
    assert cli(*command, "--set", "on_error='null'", "--set", gate).code == 1


def test_keys_are_rotated_without_the_values(tmp_path):
    command = set_up("keys rotate", tmp_path)
    ran = cli(*command)
    assert (ran.code, "60 tokens made with the new key" in ran.out) == (0, True), ran.text
    expected = Tokenizer(NEW, "k2").seal(EMAIL, "EMAIL_ADDRESS")
    assert set(rows_of(tmp_path / "out", "people")["mail"]) == {expected}
    event = log_of(tmp_path).events()[-1]
    assert (event["kind"], json.loads(event["body"])["to"]) == ("rotate", "k2")
    ran = cli(*command, "--set", "to=k3")
    assert (ran.code, "to must be one of the keys: k1, k2" in ran.err) == (3, True), ran.text


def test_a_changed_log_is_noticed(tmp_path):
    assert cli(*set_up("restore", tmp_path)).code == 0
    address = f"sqlite:///{tmp_path / 'restores.db'}"
    with create_engine(address).begin() as connection:
        connection.execute(text("DROP TRIGGER rai_scale_restores_events_no_UPDATE"))
        connection.execute(text("UPDATE rai_scale_restores_events SET body = '{}' WHERE seq = 1"))
    ran = cli("keys", "log", address, "--force-ephemeral")
    assert (ran.code, "does not match its hash" in ran.out) == (1, True), ran.text
    ran = cli("keys", "log", address + "x", "--force-ephemeral")
    assert (ran.code, "there is no restore log at" in ran.err) == (3, True), ran.text


def test_a_restore_without_yaml(tmp_path, monkeypatch):
    set_up("restore", tmp_path)
    monkeypatch.chdir(tmp_path)
    words = "lake --columns mail --keys k1=file:k1 --analyst ann --purpose complaint"
    words += " --log sqlite:///restores.db --set force_ephemeral=true"
    ran = cli("restore", *words.split())
    assert ran.code == 0, ran.text
    assert set(rows_of(tmp_path / "out" / "restore", "people")["mail"]) == {EMAIL}


def test_a_redaction_per_person_names_the_table_without_the_column(people, tmp_path, monkeypatch):
    monkeypatch.setenv("TOKEN_KEY", OLD)
    operator = {"type": "tokenize", "key": "env:TOKEN_KEY", "key_id": "k1", "per": "idd"}
    values = people_config(people, tmp_path / "out", operators={"DEFAULT": operator})
    config = write_config(tmp_path / "redact.yaml", values)
    for more in ([], ["--dry-run"]):
        ran = cli("redact", config, *more)
        said = "table 'people': per: the table has no column 'idd'. Did you mean 'id'?"
        assert (ran.code, said in ran.err) == (3, True), ran.text
    ran = cli("redact", config, "--set", "operators.DEFAULT.per=id")
    assert ran.code == 0, ran.text
    assert len(set(rows_of(tmp_path / "out", "people")["email"])) == 3


def test_a_new_key_is_new():
    one, other = (cli("keys", "new").out.strip() for _ in range(2))
    assert len(bytes.fromhex(one)) == 32
    assert one != other


def test_the_shipped_configurations_restore_a_redacted_lake(lake, tmp_path, monkeypatch):
    """As their comments say."""
    for name in ("TOKEN_KEY", "NEW_KEY"):
        monkeypatch.setenv(name, cli("keys", "new").out.strip())
    operator = 'operators.EMAIL_ADDRESS={type: tokenize, key: "env:TOKEN_KEY", key_id: k1}'
    redacted, rotated = tmp_path / "redacted", tmp_path / "rotated"
    sets = [f"source={lake}", f"output={redacted}", "max_error_ratio=0.05", operator]
    ran = cli("redact", ROOT / "conf" / "redact.yaml", *(w for s in sets for w in ("--set", s)))
    assert ran.code == 2, ran.text
    log = f"log=sqlite:///{tmp_path / 'restores.db'}"
    asked = ["--set", f"source={redacted}", "--set", f"output={rotated}", "--set", log]
    ran = cli("keys", "rotate", ROOT / "conf" / "rotate.yaml", *asked)
    assert ran.code == 0, ran.text
    asked = ["--set", f"source={rotated}", "--set", f"output={tmp_path / 'back'}", "--set", log]
    ran = cli(
        "restore", ROOT / "conf" / "restore.yaml", *asked, "--set", "keys={k2: 'env:NEW_KEY'}"
    )
    assert ran.code == 0, ran.text
    raw, back = (rows_of(home, "customers")["email"] for home in (lake, tmp_path / "back"))
    tokens = rows_of(redacted, "customers")["email"].dropna()
    assert tokens.str.startswith("<EMAIL_ADDRESS:k1:").sum() > 10
    assert set(back.dropna()) <= set(raw.dropna())
    assert pd.Series(back).str.contains("@").sum() > 10
