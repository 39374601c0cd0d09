"""What every result offers: plain values, JSON, a self-contained page, MLflow where it is."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from rai_scale.errors import MissingExtraError
from rai_scale.statistics.json_values import json_text


class Result:
    """Base of result objects; a subclass gives ``to_dict``, ``to_html`` and ``to_pandas``."""

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values."""
        raise TypeError(f"{type(self).__name__} has no plain form")

    def to_html(self) -> str:
        """Return a self-contained page."""
        raise TypeError(f"{type(self).__name__} has no page")

    def metrics(self) -> dict[str, float]:
        """Return the few numbers that a run is compared by."""
        return {}

    def to_json(self) -> str:
        """Return the plain values as JSON text."""
        return json_text(self.to_dict())

    def save_html(self, path: str | Path) -> Path:
        """Write the page to a file, whole or not at all."""
        from rai_scale.reports.html import save_html

        return save_html(self.to_html(), path)

    def _repr_html_(self) -> str:
        from html import escape

        page = escape(self.to_html(), quote=True)
        return f'<iframe srcdoc="{page}" style="width:100%;height:640px;border:0"></iframe>'

    def log_mlflow(self) -> None:
        """Log numbers and page to the active MLflow run.

        Raises
        ------
        MissingExtraError
            If MLflow is not installed.
        """
        try:
            import mlflow
        except ImportError:
            raise MissingExtraError("mlflow", "mlflow") from None
        mlflow.log_metrics(self.metrics())
        with tempfile.TemporaryDirectory() as folder:
            mlflow.log_artifact(str(self.save_html(Path(folder) / "report.html")))
