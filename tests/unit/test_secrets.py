"""Secrets are referred to, found where they lie, and shown nowhere."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest

from rai_scale.errors import ConfigError
from rai_scale.jobs.secrets import (
    check_references,
    is_reference,
    resolve_operators,
    resolve_secret,
)
from rai_scale.pii import Operators

SECRET = "a secret of 24 character"


def test_environment_variable(monkeypatch):
    monkeypatch.setenv("RAI_TEST_KEY", SECRET)
    assert resolve_secret("env:RAI_TEST_KEY") == SECRET
    monkeypatch.delenv("RAI_TEST_KEY")
    with pytest.raises(ConfigError, match=r"'env:RAI_TEST_KEY'.*not set"):
        resolve_secret("env:RAI_TEST_KEY")


def test_file(tmp_path):
    path = tmp_path / "key"
    path.write_text(f"{SECRET}\n")
    assert resolve_secret(f"file:{path}") == SECRET
    with pytest.raises(ConfigError, match=r"file:.*does not exist"):
        resolve_secret(f"file:{tmp_path / 'none'}")


def test_databricks_outside_of_databricks():
    with pytest.raises(ConfigError, match="'databricks:vault/key': this is not a Databricks"):
        resolve_secret("databricks:vault/key")


def test_databricks_asks_for_scope_and_key(monkeypatch):
    asked = []

    def get(scope, key):
        asked.append((scope, key))
        return SECRET

    names = ("databricks", "databricks.sdk", "databricks.sdk.runtime")
    modules = {name: ModuleType(name) for name in names}
    modules[names[2]].dbutils = SimpleNamespace(secrets=SimpleNamespace(get=get))
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    assert resolve_secret("databricks:vault/path/key") == SECRET
    assert asked == [("vault", "path/key")]


@pytest.mark.parametrize("wrong", [SECRET, "vault:x", "", "ENV:X"])
def test_what_is_no_reference_is_refused_and_not_repeated(wrong):
    assert not is_reference(wrong)
    with pytest.raises(ConfigError) as caught:
        resolve_secret(wrong)
    assert SECRET not in str(caught.value)
    with pytest.raises(ValueError, match=r"PERSON\.salt is a secret") as refused:
        check_references({"PERSON": {"type": "hash", "salt": wrong}})
    assert SECRET not in str(refused.value)


def test_only_keys_and_salts_are_resolved(monkeypatch):
    monkeypatch.setenv("RAI_TEST_KEY", SECRET)
    specs = {
        "DEFAULT": {"type": "replace", "new_value": "env:RAI_TEST_KEY"},
        "PERSON": {"type": "hash", "salt": "env:RAI_TEST_KEY", "hash_type": "sha256"},
        "URL": {"type": "encrypt", "key": "env:RAI_TEST_KEY"},
    }
    check_references(specs)
    found = resolve_operators(specs)
    assert found["DEFAULT"]["new_value"] == "env:RAI_TEST_KEY"
    assert found["PERSON"] == {"type": "hash", "salt": SECRET, "hash_type": "sha256"}
    assert found["URL"]["key"] == SECRET
    assert specs["URL"]["key"] == "env:RAI_TEST_KEY"


def test_operators_do_not_show_their_secrets():
    operators = Operators({"URL": {"type": "encrypt", "key": SECRET}})
    assert "encrypt" in repr(operators)
    assert SECRET not in f"{operators!r} {operators}"
    refused = Operators({"URL": {"type": "encrypt", "key": SECRET + "!"}})
    with pytest.raises(ConfigError, match="refused by Presidio") as caught:
        refused.check()
    assert SECRET not in str(caught.value)
