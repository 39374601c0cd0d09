"""The versions that finding personal data depends on."""

from __future__ import annotations

from collections.abc import Iterable

from rai_scale._version import package_versions


def language_versions(models: Iterable[str]) -> dict[str, str]:
    """Return the versions that finding personal data depends on, language models included."""
    packages = ("presidio-analyzer", "presidio-anonymizer", "spacy", "tldextract")
    return package_versions(*packages) | {f"model {m}": _model_version(m) for m in models}


def _model_version(model: str) -> str:
    try:
        import spacy.util

        return str(spacy.util.get_model_meta(spacy.util.get_package_path(model)).get("version"))
    except Exception:
        return "not on the driver"
