"""The attributes of a DICOM file: what the Basic Profile of PS3.15 Annex E removes or replaces.

Which attributes these are, and by what each is replaced, comes from dicom-anonymizer, which follows
the standard's table E.1-1. Added here are items of sequences at every level, identifiers that are
the same in all files of a run, and the removal of attributes that the standard does not know.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterator
from datetime import date
from functools import cache
from typing import Any

_EDITION = "dicomfields_2026c"
_SHORT = 3
_PARTS = re.compile(r"[\s^=,;/\\]+")
_NOT_ALNUM = re.compile(r"[\W_]+")
_NAMED = re.compile(r"Patient|Institution|Accession|Physician|Operator")
_TEXTS = ("PN", "LO", "SH", "LT", "ST", "UT", "UC", "AS")
_TAG = "DICOM_TAG"
_TYPES = {"PN": "PERSON", "DA": "DATE_TIME"}
_PALETTE = re.compile(r"(Red|Green|Blue|Alpha|Segmented).*Palette")
_METHOD = ["PS3.15 Annex E Basic Profile", "Text that OCR found in pixels is painted over"]

Action = Callable[[Any, Any], None]


class Tags:
    """Cleans data sets; ``secret`` is the key by which identifiers are replaced."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._single, self._masked = _rules()

    def clean(self, data: Any) -> None:
        """Remove and replace attributes of a data set and of the items of its sequences."""
        for element in list(data):
            if element.tag.is_private or not element.keyword or element.VR == "UN":
                del data[element.tag]
                continue
            action = self._action(element.tag)
            if action is not None:
                self._apply(action, data, element)
            if element.VR == "SQ" and element.tag in data:
                for item in element.value:
                    self.clean(item)

    def _action(self, tag: Any) -> Action | None:
        found = self._single.get((tag.group, tag.element))
        if found is None:
            for (group, number, groups, numbers), action in self._masked.items():
                if (
                    tag.group & groups == group & groups
                    and tag.element & numbers == number & numbers
                ):
                    return action
        return found

    def _apply(self, action: Action, data: Any, element: Any) -> None:
        if element.VR == "UI" and action.__name__ != "delete":
            several = (
                [element.value] if isinstance(element.value, str) else list(element.value or ())
            )
            fresh = [self.uid(str(old)) for old in several]
            element.value = fresh if len(fresh) != 1 else fresh[0]
            return
        try:
            action(data, element.tag)
        except NotImplementedError:  # no replacement for values of this kind
            data.pop(element.tag, None)

    def uid(self, old: str) -> str:
        """Return the identifier that replaces another one in all files of a run."""
        digest = hmac.digest(self._secret, old.encode(), hashlib.sha256)
        return f"2.25.{int.from_bytes(digest[:16], 'big')}"

    def state(self, data: Any) -> None:
        """Write a new header of the file, and what was done."""
        from pydicom.dataset import FileMetaDataset
        from pydicom.uid import ExplicitVRLittleEndian

        header = FileMetaDataset()
        header.MediaStorageSOPClassUID = data.file_meta.MediaStorageSOPClassUID
        header.MediaStorageSOPInstanceUID = data.SOPInstanceUID
        header.TransferSyntaxUID = ExplicitVRLittleEndian
        data.file_meta, data.preamble = header, bytes(128)
        data.PatientIdentityRemoved = "YES"
        data.DeidentificationMethod = _METHOD
        data.LongitudinalTemporalInformationModified = "REMOVED"

    def drop_palette(self, data: Any) -> None:
        """Remove the palette of a file whose pixels are now colours."""
        for element in list(data):
            if _PALETTE.match(element.keyword):
                del data[element.tag]


@cache
def _rules() -> tuple[dict[tuple[int, int], Action], dict[tuple[int, int, int, int], Action]]:
    """Return the actions by tag, and those by tag and mask."""
    from dicomanonymizer.simpledicomanonymizer import initialize_actions

    rules = initialize_actions(_EDITION)
    single = {tag: action for tag, action in rules.items() if len(tag) == 2}  # noqa: PLR2004
    return single, {tag: action for tag, action in rules.items() if tag not in single}


def known_words(data: Any) -> dict[str, str]:
    """Return words of names, numbers and dates in the attributes, in :func:`plain_word`'s form.

    Returns
    -------
    dict of str to str
        The type of personal data of each word.
    """
    found: dict[str, str] = {}
    for element in data.iterall():
        if element.VR in _TEXTS and (element.VR == "PN" or _NAMED.search(element.keyword)):
            words = (plain_word(w) for text in _values(element) for w in _PARTS.split(text))
        elif element.VR == "DA" and "Birth" in element.keyword:
            words = (form for text in _values(element) for form in _forms(text))
        else:
            continue
        found |= {w: _TYPES.get(element.VR, _TAG) for w in words if len(w) >= _SHORT}
    return found


def plain_word(text: str) -> str:
    """Return the letters and digits of a word, in lower case."""
    return _NOT_ALNUM.sub("", text).casefold()


def _values(element: Any) -> list[str]:
    value = element.value
    several = value if isinstance(value, list | tuple) or hasattr(value, "append") else [value]
    return [str(one) for one in several if one is not None]


def _forms(text: str) -> Iterator[str]:
    """Yield the usual ways to write a date."""
    try:
        day = date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        return
    forms = ("%Y%m%d", "%d%m%Y", "%m%d%Y", "%d%m%y", "%m%d%y", "%d%b%Y", "%b%d%Y")
    yield from (day.strftime(form).casefold() for form in forms)
