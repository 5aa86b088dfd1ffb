"""How requests are put together."""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping
from typing import Any


def segment(text: str) -> str:
    """`text` as one part of a path."""
    return urllib.parse.quote(text, safe="")


def given(**members: object) -> dict[str, Any]:
    """Those members that are not `None`."""
    return {name: value for name, value in members.items() if value is not None}


def callback(answer: Mapping[str, str]) -> dict[str, Any]:
    """What of a provider's answer the server takes."""
    return given(**{name: answer.get(name) for name in ("state", "code", "iss", "error")})
