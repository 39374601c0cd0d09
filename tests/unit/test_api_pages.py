"""Every public name has a section in docs/api, an example that runs, and documented parameters."""

from __future__ import annotations

import ast
import inspect
import re
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "api").glob("*.md"))
SECTION = re.compile(r"^::: (rai_scale[\w.]*)$(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LISTED = re.compile(
    r"^(Other )?(Parameters|Attributes)\n-+\n(.*?)(?=^\S[^\n]*\n-{3,}$|\Z)", re.M | re.S
)
MADE_BY_FUNCTIONS = {
    "CountedMetricFrame",
    "PrivateMetricFrame",
    "Ledger",
    "PrivateRelease",
    "Engine",
}
"""Their constructors are not for users."""
OF_INTERPRET = {"EBMParams"}
"""Its fields are documented by interpret."""
WITHOUT_EXAMPLE = {"rai_scale.spark"}
"""Needs a session; the tests of the README run its function."""


def public() -> dict[str, Any]:
    """Return every public name but packages and the version, by its first home."""
    found: dict[int, tuple[str, Any]] = {}
    for stub in sorted((ROOT / "rai_scale").glob("*/**/__init__.pyi")):
        package = ".".join(stub.parent.relative_to(ROOT).parts)
        for name in import_module(package).__all__:
            value = getattr(import_module(package), name)
            if not isinstance(value, ModuleType):
                found.setdefault(id(value), (f"{package}.{name}", value))
    return dict(found.values())


def sections() -> dict[str, str]:
    return {name: text for page in PAGES for name, text in SECTION.findall(page.read_text())}


def named(path: str) -> Any:
    package, _, name = path.rpartition(".")
    return getattr(import_module(package), name)


def test_every_public_name_has_one_section_and_an_example_that_uses_it():
    names = [name for page in PAGES for name, _ in SECTION.findall(page.read_text())]
    shown = [named(name) for name in names if name not in WITHOUT_EXAMPLE]
    assert len(shown) == len({id(value) for value in shown})
    assert {id(value) for value in shown} == {id(value) for value in public().values()}
    for name, text in sections().items():
        if name not in WITHOUT_EXAMPLE:
            used = {
                getattr(node, "attr", getattr(node, "id", None))
                for block in BLOCK.findall(text)
                for node in ast.walk(ast.parse(block))
            }
            assert name.rpartition(".")[2] in used, f"{name} has no example"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_examples_run(page, tmp_path, monkeypatch):
    text = page.read_text()
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "example"}
    for block in BLOCK.finditer(text):
        line = text.count("\n", 0, block.start(1))
        exec(compile("\n" * line + block[1], str(page), "exec"), names)


def undocumented(value: Any) -> set[str]:
    """Return the parameters that the docstring of a function, class or base does not list."""
    homes = value.__mro__ if inspect.isclass(value) else [value]
    listed = {
        name.strip().lstrip("*")
        for home in homes
        for _, _, text in LISTED.findall(inspect.cleandoc(home.__doc__ or ""))
        for line in text.splitlines()
        if line and not line[0].isspace()
        for name in line.partition(":")[0].split(",")
    }
    return set(inspect.signature(value).parameters) - listed


def test_every_parameter_of_a_public_function_or_class_is_documented():
    found = {
        name: undocumented(value)
        for name, value in public().items()
        if inspect.isfunction(value) or (inspect.isclass(value) and not is_error(value))
        if name.rpartition(".")[2] not in MADE_BY_FUNCTIONS | OF_INTERPRET
    }
    assert {name: names for name, names in found.items() if names} == {}


def is_error(value: type) -> bool:
    return issubclass(value, BaseException)
