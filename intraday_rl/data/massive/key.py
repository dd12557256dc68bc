"""The key of the Massive account: read from the environment, shown nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from intraday_rl.core.errors import DataError

KEY_VARIABLES = ("MASSIVE_API_KEY", "POLYGON_API_KEY")
HIDDEN = "(key)"


@dataclass(frozen=True)
class ApiKey:
    """A key that its own repr does not show.

    Attributes:
        value: the key.
        variable: the environment variable that it came from.
    """

    value: str = field(repr=False)
    variable: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> ApiKey:
        """Return the key of the first variable of `KEY_VARIABLES` that is set.

        Raises:
            DataError: none is set, or what is set cannot be a key; the message does not show it.
        """
        for variable in KEY_VARIABLES:
            value = environment.get(variable, "").strip()
            if not value:
                continue
            if not all("!" <= letter <= "~" for letter in value):
                raise DataError(f"{variable} must be a key of visible ASCII letters without spaces; copy it again")
            return cls(value, variable)
        raise DataError(
            f"downloading from Massive needs a key: export {KEY_VARIABLES[0]}=… with the key from your account's page"
        )

    def hide(self, text: str) -> str:
        """Return the text with the key replaced wherever it occurs, percent-encoded too."""
        return text.replace(self.value, HIDDEN).replace(quote(self.value, safe=""), HIDDEN)
