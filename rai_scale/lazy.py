"""The public names of packages, imported on first use, and the extra that a missing package needs.

The names are listed once, in the package's ``__init__.pyi``, as ``from module import name as
name``: type checkers and editors read that file, and so does :func:`face`.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.util import find_spec
from inspect import currentframe
from pkgutil import get_data
from types import ModuleType
from typing import Any

from rai_scale.errors import MissingExtraError

_EXTRA_OF = {
    **dict.fromkeys(["fairlearn", "sklearn", "scipy"], "fairness"),
    **dict.fromkeys(["opendp", "snsql", "sqlalchemy", "dp_accounting"], "private"),
    **dict.fromkeys(["interpret", "shap", "SALib", "lime", "aplr", "plotly"], "explain"),
    **dict.fromkeys(["presidio_analyzer", "presidio_anonymizer", "spacy", "tldextract"], "pii"),
    "cryptography": "pii",
    **dict.fromkeys(["dask", "distributed"], "dask"),
    **{"pyspark": "spark", "deltalake": "delta", "pyiceberg": "iceberg"},
    **dict.fromkeys(["pypdf", "python_calamine", "olefile", "fastavro"], "documents"),
    **dict.fromkeys(["PIL", "pypdfium2", "pydicom", "dicomanonymizer"], "images"),
    **dict.fromkeys(["mbi", "jax"], "synthetic"),
    **{"mlflow": "mlflow", "faker": "sample", "psycopg": "postgres"},
    **dict.fromkeys(["dice_ml", "raiutils"], "counterfactuals"),
}
_SHARED = {
    **dict.fromkeys(
        ["rai_scale.explanations", "rai_scale.glassbox", "rai_scale.jobs.explain"], "explain"
    ),
    **dict.fromkeys(
        ["rai_scale.statistics.exact_intervals", "rai_scale.statistics.clustered_ratios"], "pii"
    ),
    "rai_scale.error_analysis": "errors",
    "rai_scale.personalization": "personalization",
    "rai_scale.risk": "risk",
}
"""Modules that take scikit-learn, SciPy (and Fairlearn) from another extra than ``fairness``."""


def face(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return ``__getattr__``, ``__dir__`` and ``__all__`` of a package, from its stub file."""
    homes = _homes(package)
    names = sorted(homes)

    def get(name: str) -> Any:
        if name not in homes:
            where = _home_of(name, package, homes)
            raise AttributeError(f"module {package!r} has no attribute {name!r}.{where}")
        home = homes[name]
        inner = home == package
        found = import_module(f"{home}.{name}") if inner else getattr(import_module(home), name)
        setattr(sys.modules[package], name, found)
        return found

    return get, lambda: names, names


def _homes(package: str) -> dict[str, str]:
    stub = get_data(package, "__init__.pyi")  # a package may be in a zip file, as on Spark
    assert stub is not None, f"{package} has no __init__.pyi"
    return {
        alias.name: str(node.module)
        for node in ast.parse(stub).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def _home_of(name: str, package: str, homes: dict[str, str]) -> str:
    """Return a hint about which subpackage has a name."""
    rooms = [f"{package}.{inner}" for inner, home in homes.items() if home == package]
    packages = [r for r in rooms if (s := find_spec(r)) and s.submodule_search_locations]
    return next((f" It is {room}.{name}." for room in packages if name in _homes(room)), "")


class _NameTheExtra(MetaPathFinder):
    """The last finder: if an import of this package's own finds nothing, it names the extra."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> None:
        if fullname in _EXTRA_OF:
            asker = _asker()
            if asker.startswith("rai_scale."):
                shared = fullname in ("sklearn", "scipy", "fairlearn")
                other = (extra for start, extra in _SHARED.items() if asker.startswith(start))
                extra = next(other, None) if shared else None
                extra = extra if extra == "errors" or fullname != "fairlearn" else None
                raise MissingExtraError(fullname, extra or _EXTRA_OF[fullname])


def _asker() -> str:
    """Return the name of the module whose import statement is running."""
    frame = currentframe()
    while frame and (
        frame.f_globals["__name__"] == __name__
        or "importlib._bootstrap" in frame.f_code.co_filename
    ):
        frame = frame.f_back
    return str(frame.f_globals.get("__name__", "")) if frame else ""


def name_missing_extras() -> None:
    """From now on, a failed import within this package raises an error that names the extra."""
    if not any(isinstance(finder, _NameTheExtra) for finder in sys.meta_path):
        sys.meta_path.append(_NameTheExtra())
