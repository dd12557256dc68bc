"""Pages from templates: one HTML file that loads nothing, with the look that all pages share.

Conventions: a slot is written `<!--slot:name-->`. Every page may use the slots `look` (the style sheet) and `theme`
(the script that offers `startTheme`; a button with the id "theme" has to be there). Slots get HTML: text that a user
can choose is escaped by the caller.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources

PACKAGE = "intraday_rl.core.webpage"


def fill_template(package: str, slots: Mapping[str, str]) -> str:
    """Return the text of the package's `template.html` with its slots filled; slots inside of slots stay as they are.

    Args:
        package: dotted name of the package that holds the template.
        slots: name -> HTML.
    """
    shared = {"look": _read(PACKAGE, "look.css"), "theme": _read(PACKAGE, "theme.js")}
    return re.sub(
        r"<!--slot:(\w+)-->", lambda match: {**shared, **slots}[match.group(1)], _read(package, "template.html")
    )


def _read(package: str, name: str) -> str:
    return resources.files(package).joinpath(name).read_text(encoding="utf-8")
