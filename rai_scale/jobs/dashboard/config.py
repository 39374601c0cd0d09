"""Configuration of ``rai-scale dashboard``."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from rai_scale.jobs.config import JobConfig

Folders = Annotated[
    tuple[str, ...], BeforeValidator(lambda given: (given,) if isinstance(given, str) else given)
]


class DashboardJob(JobConfig):
    """Configuration of ``rai-scale dashboard``.

    ``source`` names the output folders of other jobs, or folders that hold such folders.
    ``suppress_below`` hides groups with fewer rows, and further ones from which they would follow.
    """

    source: Folders = Field(min_length=1)
    suppress_below: int = Field(10, ge=0)
