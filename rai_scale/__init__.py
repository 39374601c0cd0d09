"""Responsible-AI checks over tables of any size, with the reference library's own answer.

These are the verbs to start with; every package (``rai_scale.pii``, ``rai_scale.fairness``, ...)
has all of its own. A name is imported only when it is used, so that ``import rai_scale`` needs no
engine and no extra.
"""

from rai_scale import lazy
from rai_scale._version import __version__ as __version__

__getattr__, __dir__, __all__ = lazy.face(__name__)
lazy.name_missing_extras()
