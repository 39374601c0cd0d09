"""How the house is cut: who may import whom, and what no file may use."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENGINES = {"pyspark", "py4j", "dask", "dask_expr", "distributed", "duckdb", "_duckdb"}
ENGINE_HOMES = ("rai_scale/engines/", "rai_scale/tables/")
ENGINE_FILES = {f"rai_scale/engines/{name}.py" for name in ("local", "dask", "spark")}
EXTRAS = {
    *("presidio_analyzer", "presidio_anonymizer", "spacy", "tldextract", "phonenumbers"),
    *("deltalake", "faker", "mlflow", "matplotlib", "lightgbm"),
    *("fairlearn", "sklearn", "scipy", "opendp", "snsql", "sqlalchemy", "dp_accounting"),
    *("shap", "interpret", "SALib"),
}
EXTRA_HOMES = {
    "rai_scale/fairness/": {"fairlearn", "sklearn", "scipy"},
    "rai_scale/privacy/": {"opendp", "sqlalchemy"},
    "rai_scale/private_queries/": {"opendp", "snsql"},
    "rai_scale/explanations/": {"sklearn"},
}
"""Packages that are themselves imported only when used, and may then import their extra."""
NOT_ON_CONNECT = {"rdd", "sparkContext", "_sc", "_jvm", "_jdf", "_jsc", "_jsparkSession"}
ON_CLASSIC_ONLY = "rai_scale/engines/hadoop_files.py"
"""Writes single files, which Connect cannot do at all; it says so before anything is read."""

LAYERS = {
    "errors": 0,
    "_version": 0,
    "engines": 1,
    "tables": 2,
    "reports": 3,
    "results": 4,
    "statistics": 5,
    "privacy": 6,
    "pii": 7,
    "fairness": 7,
    "private_queries": 7,
    "explanations": 7,
    "samples": 7,
    "spark": 8,
    "jobs": 9,
    "cli": 10,
    "": 11,
}
"""A part imports itself and what has a lower number; ``""`` is the package's own face."""


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


PACKAGE = python_files("rai_scale")
SHIPPED = python_files("rai_scale", "jobs")


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module_of(path: Path) -> str:
    return relative(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")


MODULES = {module_of(path) for path in PACKAGE}


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), relative(path))


def imported(node: ast.AST) -> Iterator[str]:
    """Yield the modules that a statement imports; names inside of a module are not modules."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        for alias in node.names:
            inner = f"{node.module}.{alias.name}"
            yield inner if inner in MODULES else str(node.module)


def all_imports(path: Path) -> set[str]:
    return {name for node in ast.walk(tree_of(path)) for name in imported(node)}


def imports_at_load(path: Path) -> set[str]:
    """Return what is imported when the module is, so not in functions nor for type checkers."""
    found: set[str] = set()
    waiting: list[ast.AST] = list(tree_of(path).body)
    while waiting:
        node = waiting.pop()
        found.update(imported(node))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
            continue
        waiting += ast.iter_child_nodes(node)
    return found


def tops(names: set[str]) -> set[str]:
    return {name.split(".")[0] for name in names}


def part_of(module: str) -> str:
    return [*module.split("."), ""][1]


def test_the_parser_sees_what_there_is():
    engine = ROOT / "rai_scale" / "engines" / "spark.py"
    assert "pyspark" in tops(imports_at_load(engine))
    init = ROOT / "rai_scale" / "__init__.py"
    assert "rai_scale.pii.scan" in all_imports(init) - imports_at_load(init)
    assert len(PACKAGE) > 40


@pytest.mark.parametrize("path", SHIPPED, ids=relative)
def test_only_engines_and_tables_import_an_engine(path):
    found = tops(all_imports(path)) & ENGINES
    name = relative(path)
    if name in ENGINE_FILES or name.startswith("rai_scale/tables/"):
        return
    allowed = {"pyspark"} if name == "rai_scale/spark.py" else set()
    assert found <= allowed, f"{name} imports {sorted(found - allowed)}"


@pytest.mark.parametrize("path", SHIPPED, ids=relative)
def test_engines_and_extras_are_imported_when_used(path):
    if relative(path).startswith(ENGINE_HOMES):
        return
    own = [extras for home, extras in EXTRA_HOMES.items() if relative(path).startswith(home)]
    assert not tops(imports_at_load(path)) & (ENGINES | EXTRAS).difference(*own)


@pytest.mark.parametrize("path", PACKAGE, ids=relative)
def test_imports_point_one_way(path):
    here = part_of(module_of(path))
    assert here in LAYERS, f"give {here!r} a place in LAYERS"
    for name in all_imports(path):
        if tops({name}) == {"rai_scale"}:
            there = part_of(name)
            lower = LAYERS[there] < LAYERS[here]
            assert there == here or lower, f"{module_of(path)} must not import {name}"


@pytest.mark.parametrize("path", SHIPPED, ids=relative)
def test_nothing_imports_the_package_root(path):
    assert "rai_scale" not in all_imports(path), "name the module, not the package"


def test_modules_do_not_import_each_other_in_a_circle():
    graph = {module_of(path): imports_at_load(path) & MODULES for path in PACKAGE}
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("path", [*SHIPPED, *python_files("scripts")], ids=relative)
def test_files_are_short(path):
    limit = 30 if relative(path).startswith("jobs/") else 300
    assert len(path.read_text(encoding="utf-8").splitlines()) <= limit


@pytest.mark.parametrize("path", SHIPPED, ids=relative)
def test_nothing_that_spark_connect_lacks_and_no_cache(path):
    if relative(path) == ON_CLASSIC_ONLY:
        return
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Attribute):
            assert node.attr not in NOT_ON_CONNECT, f"line {node.lineno}: .{node.attr}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            assert node.func.attr not in ("cache", "persist"), f"line {node.lineno}"


@pytest.mark.parametrize(
    "statement",
    ["import rai_scale; dir(rai_scale)", "from rai_scale import AnalyzerConfig, redact, scan"],
)
def test_the_package_is_imported_without_an_engine_or_an_extra(statement):
    code = f"{statement}\nimport sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    loaded = set(run.stdout.split())
    assert "rai_scale" in loaded
    assert not loaded & (ENGINES | EXTRAS)


def test_every_public_name_is_there():
    import rai_scale

    assert rai_scale.__all__ == dir(rai_scale)
    assert all(getattr(rai_scale, name) is not None for name in rai_scale.__all__)
    with pytest.raises(AttributeError, match="no attribute 'scann'"):
        _ = rai_scale.scann
