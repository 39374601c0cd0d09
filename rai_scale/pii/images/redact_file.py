"""The task of a worker: one image file in, its redacted copy and its findings out."""

from __future__ import annotations

from dataclasses import dataclass, field

from rai_scale.errors import NotReadError
from rai_scale.pii.analysis.analyzer import get_analyzer
from rai_scale.pii.analysis.config import AnalyzerConfig
from rai_scale.pii.images.boxes import AnalysisFailed, ImageFinding, find_on_page
from rai_scale.pii.images.image_process import ImageRequest, PageWords, redact_image
from rai_scale.tables.images.book import Box
from rai_scale.tables.images.options import ImageLimits, Ocr
from rai_scale.tables.path_names import join
from rai_scale.tables.paths import place_of, save_bytes

REDACTED, NOTHING_FOUND, NOT_READ = "redacted", "nothing found", "not read"


@dataclass(frozen=True)
class FileOutcome:
    """What became of a file.

    Attributes
    ----------
    file : str
        Its path relative to the source.
    status : {"redacted", "nothing found", "not read"}
    why : str
        Why it was not read; else empty.
    pages : int
    findings : list of (int, ImageFinding)
        Each with its page, from 1.
    """

    file: str
    status: str
    why: str = ""
    pages: int = 0
    findings: list[tuple[int, ImageFinding]] = field(default_factory=list)


@dataclass(frozen=True)
class RedactFile:
    """Redacts one file below ``source`` into the same relative path below ``output``."""

    source: str
    output: str
    analyzer: AnalyzerConfig
    ocr: Ocr
    limits: ImageLimits
    secret: bytes = field(repr=False)

    def __call__(self, file: str) -> FileOutcome:
        """Redact a file; one that is not read as a whole is not written.

        Raises
        ------
        ConfigError, MissingExtraError, MissingModelError
            If something is not installed on this worker, so that no file could be read.
        """
        analyzer = get_analyzer(self.analyzer)
        findings: list[tuple[int, ImageFinding]] = []
        pages = 0

        def find(page: PageWords) -> list[Box]:
            nonlocal pages
            pages = page.number
            found = find_on_page(page, analyzer)
            findings.extend((page.number, finding) for finding in found.findings)
            return found.boxes

        request = ImageRequest(join(self.source, file), self.ocr, self.limits, self.secret)
        try:
            content = redact_image(request, find)
        except NotReadError as error:
            return FileOutcome(file, NOT_READ, str(error))
        except AnalysisFailed as error:
            return FileOutcome(file, NOT_READ, f"its text could not be analysed ({error})")
        save_bytes(place_of(self.output).child(file), content)
        return FileOutcome(file, REDACTED if findings else NOTHING_FOUND, "", pages, findings)
