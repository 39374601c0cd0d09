"""The project's addresses in the metadata of a build.

There is no public home yet, so whoever publishes a build names the home that it has there:
``RAI_SCALE_URL=https://git.example.org/team/rai-scale pip wheel --no-deps .``; otherwise none.
"""

from __future__ import annotations

import os
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class ProjectUrls(MetadataHookInterface):
    """Fill ``project.urls`` from the environment."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the pages below the address that is given."""
        home = os.environ.get("RAI_SCALE_URL", "").rstrip("/")
        pages = {"Homepage": "", "Documentation": "/tree/main/docs", "Issues": "/issues"}
        pages["Changelog"] = "/blob/main/CHANGELOG.md"
        metadata["urls"] = {name: home + page for name, page in pages.items()} if home else {}
