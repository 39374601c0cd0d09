"""Versions of this package and of others."""

import importlib.metadata

__version__ = "0.1.0"


def package_versions(*packages: str) -> dict[str, str]:
    """Return the versions of packages that the results depend on."""
    found = {"rai_scale": __version__}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not on the driver"
    return found
