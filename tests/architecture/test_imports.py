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
ENGINE_FILES = {f"rai_scale/engines/{name}.py" for name in ("local", "database", "dask", "spark")}
EXTRAS = {
    *("presidio_analyzer", "presidio_anonymizer", "spacy", "tldextract", "phonenumbers"),
    *("deltalake", "faker", "mlflow", "matplotlib", "lightgbm"),
    *("fairlearn", "sklearn", "scipy", "opendp", "snsql", "sqlalchemy", "dp_accounting"),
    *("shap", "interpret", "SALib", "dice_ml", "mbi", "jax"),
}
EXTRA_HOMES = {
    "rai_scale/upstream/": {"fairlearn", "snsql", "sklearn", "dice_ml"},
    "rai_scale/fairness/": {"fairlearn", "sklearn", "scipy"},
    "rai_scale/measures/": {"fairlearn", "sklearn", "scipy"},
    "rai_scale/records/": {"sqlalchemy"},
    "rai_scale/models/": {"sklearn"},
    "rai_scale/glassbox/": {"sklearn"},
    "rai_scale/privacy/": {"opendp", "sqlalchemy"},
    "rai_scale/private_queries/": {"opendp", "snsql"},
    "rai_scale/explanations/": {"sklearn"},
    "rai_scale/error_analysis/": {"fairlearn", "sklearn", "scipy"},
}
"""Packages that are themselves imported only when used, and may then import their extra."""
NOT_ON_CONNECT = {"rdd", "sparkContext", "_sc", "_jvm", "_jdf", "_jsc", "_jsparkSession"}
ON_CLASSIC_ONLY = "rai_scale/engines/hadoop_files.py"
"""Writes single files, which Connect cannot do at all; it says so before anything is read."""

UPSTREAM = "rai_scale/upstream/"
"""The one home of other packages' private names; engines have their engine's own."""
NOT_PRIVATE = {"_asdict", "_fields", "_replace", "_mapping", "_exit"}
"""Documented names that begin with an underscore: of named tuples, SQLAlchemy's rows and ``os``."""

ROOMS = [
    {"names", "_version"},
    {"errors"},
    {"lazy", "option_errors"},
    {"engines", "upstream"},
    {"tables", "reports"},
    {"statistics"},
    {"gates"},
    {"results"},
    {"records"},
    {"privacy"},
    {"measures", "models"},
    {
        *("pii", "fairness", "private_queries", "explanations", "glassbox", "error_analysis"),
        *("risk", "personalization", "samples", "synthetic"),
    },
    {"spark"},
    {"jobs"},
    {"cli"},
    {""},
]
"""A room imports itself and the rooms before its row; ``""`` is the package's own face.

Rooms of one row are strangers to each other. What is imported when used, or for types alone,
counts as well.
"""
LAYERS = {room: row for row, rooms in enumerate(ROOMS) for room in rooms}


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


FACES = sorted((ROOT / "rai_scale").rglob("__init__.pyi"))
"""What packages export; each stands for its ``__init__.py``."""
PACKAGE = [*python_files("rai_scale"), *FACES]
SHIPPED = python_files("rai_scale", "jobs")


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module_of(path: Path) -> str:
    return (
        relative(path)
        .removesuffix("i")
        .removesuffix(".py")
        .removesuffix("/__init__")
        .replace("/", ".")
    )


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


def private_imports(path: Path) -> set[str]:
    """Return names of other packages that are imported although they begin with an underscore."""
    found = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom) and node.module != "__future__":
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    outside = {name for name in found if tops({name}).isdisjoint({"rai_scale", "_version"})}
    return {name for name in outside if "._" in name.replace(".__", ".")}


def tops(names: set[str]) -> set[str]:
    return {name.split(".")[0] for name in names}


def part_of(module: str) -> str:
    return [*module.split("."), ""][1]


def test_the_parser_sees_what_there_is():
    engine = ROOT / "rai_scale" / "engines" / "spark.py"
    assert "pyspark" in tops(imports_at_load(engine))
    assert "rai_scale.pii.scanning.tables" in all_imports(ROOT / "rai_scale" / "__init__.pyi")
    assert len(PACKAGE) > 40


def test_only_engines_and_tables_import_an_engine():
    for path in SHIPPED:
        name = relative(path)
        if name in ENGINE_FILES or name.startswith("rai_scale/tables/"):
            continue
        allowed = {"pyspark"} if name == "rai_scale/spark.py" else set()
        found = (tops(all_imports(path)) & ENGINES) - allowed
        assert not found, f"{name} imports {sorted(found)}"


def test_engines_and_extras_are_imported_when_used():
    for path in SHIPPED:
        name = relative(path)
        if not name.startswith(ENGINE_HOMES):
            own = [extras for home, extras in EXTRA_HOMES.items() if name.startswith(home)]
            found = tops(imports_at_load(path)) & (ENGINES | EXTRAS).difference(*own)
            assert not found, f"{name} imports {sorted(found)}"


def test_private_names_of_other_packages_have_one_home():
    own = {
        name
        for path in PACKAGE
        for node in ast.walk(tree_of(path))
        for name in (
            getattr(node, "name", None),
            getattr(getattr(node, "target", None), "id", None),
            node.attr if isinstance(node, ast.Attribute) and of_self(node) else None,
        )
    }
    for path in SHIPPED:
        if relative(path).startswith(UPSTREAM):
            continue
        found = private_imports(path)
        assert not found, f"{relative(path)}: {sorted(found)} belongs in {UPSTREAM}"
        if relative(path).startswith("rai_scale/engines/"):
            continue
        for node in ast.walk(tree_of(path)):
            used = node.attr if isinstance(node, ast.Attribute) else named_by_getattr(node)
            if used.startswith("_") and not used.startswith("__"):
                known = used in own | NOT_PRIVATE
                assert known, f"{relative(path)}: .{used} belongs in {UPSTREAM}"


def named_by_getattr(node: ast.AST) -> str:
    if isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "hasattr"):
        return str(getattr(node.args[1], "value", ""))
    return ""


def of_self(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")


def test_imports_point_one_way():
    wrong = []
    for path in PACKAGE:
        here = part_of(module_of(path))
        assert here in LAYERS, f"give {here!r} a place in ROOMS"
        for name in all_imports(path):
            there = part_of(name)
            if tops({name}) == {"rai_scale"} and there != here and LAYERS[there] >= LAYERS[here]:
                wrong.append(f"{module_of(path)} must not import {name}")
    assert not wrong, "\n".join(wrong)


def test_nothing_imports_the_package_root():
    for path in SHIPPED:
        assert "rai_scale" not in all_imports(path), f"{relative(path)}: name the module"


def test_modules_do_not_import_each_other_in_a_circle():
    graph: dict[str, set[str]] = {}
    for path in PACKAGE:
        here = module_of(path)
        graph[here] = graph.get(here, set()) | (all_imports(path) & MODULES - {here})
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_folders_of_one_room_do_not_import_each_other_in_a_circle():
    """A room's own modules may stand above and below its folders; its folders have an order."""
    graph: dict[Path, set[Path]] = {}
    homes = {module_of(path): path.parent for path in PACKAGE}
    for path in PACKAGE:
        there = {homes[name] for name in all_imports(path) & MODULES} - {path.parent}
        beside = {home for home in there if home.parent == path.parent.parent}
        if path.parent.parent != ROOT / "rai_scale":
            graph[path.parent] = graph.get(path.parent, set()) | beside
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" -> ".join(map(str, error.args[1])))


def test_files_are_short_and_rooms_are_not_crowded():
    for path in [*SHIPPED, *python_files("scripts")]:
        limit = 30 if relative(path).startswith("jobs/") else 300
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= limit, f"{relative(path)} has {lines} lines"
    sizes: dict[str, int] = {}
    for path in PACKAGE:
        room = part_of(module_of(path))
        sizes[room] = sizes.get(room, 0) + path.read_text(encoding="utf-8").count("\n")
    largest = max(sizes, key=lambda room: sizes[room])
    assert sizes[largest] < sum(sizes.values()) / 5, f"{largest} is over a fifth of the whole"


def test_nothing_that_spark_connect_lacks_and_no_cache():
    for path in SHIPPED:
        if relative(path) == ON_CLASSIC_ONLY:
            continue
        for node in ast.walk(tree_of(path)):
            where = f"{relative(path)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Attribute):
                assert node.attr not in NOT_ON_CONNECT, f"{where}: .{node.attr}"
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                assert node.func.attr not in ("cache", "persist"), where


@pytest.mark.parametrize(
    "statement",
    ["import rai_scale; dir(rai_scale)", "from rai_scale.pii import AnalyzerConfig, redact, scan"],
)
def test_the_package_is_imported_without_an_engine_or_an_extra(statement):
    code = f"{statement}\nimport sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    loaded = set(run.stdout.split())
    assert "rai_scale" in loaded
    assert not loaded & (ENGINES | EXTRAS)
