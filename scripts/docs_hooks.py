"""What mkdocs does besides rendering: roles of docstrings (``:func:`name```) become plain code."""

from __future__ import annotations

import re
from typing import Any

ROLE = re.compile(r":(?:class|func|meth|mod|attr|data|exc):<code>~?(?:[\w.]*\.(?=rai_scale))?")


def on_page_content(html: str, **_: Any) -> str:
    """Return the page without the roles."""
    return ROLE.sub("<code>", html)
