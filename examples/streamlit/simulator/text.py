"""Words for people."""

from __future__ import annotations

import re
from datetime import datetime, timezone

from admittance_client import AdmittanceError, RateLimited, Unavailable


def plain(text: str) -> str:
    """`text` so that Markdown shows it as it is: what people typed is never markup.

    Addresses are made links whatever is escaped in them, unless an invisible character (U+2060)
    takes them apart.
    """
    one_line = " ".join(text.split())
    apart = re.sub(r"(?i)(@|://|www(?=\.))", "\\1\u2060", one_line)
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>$:~&])", r"\\\1", apart)


def when(time: datetime) -> str:
    """A time as people write it, in UTC."""
    return time.astimezone(timezone.utc).strftime("%d %b %Y, %H:%M UTC").lstrip("0")


def wait(seconds: int) -> str:
    """How long to wait, rounded up to what people count in."""
    for size, name in ((3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= 2 * size or (seconds >= size and size == 1):
            count = -(-seconds // size)
            return f"{count} {name}{'' if count == 1 else 's'}"
    return "a moment"


def reason(error: AdmittanceError) -> str:
    """What a person is told of an error."""
    if isinstance(error, RateLimited):
        return f"Too many attempts. Try again in {wait(error.retry_after)}."
    if isinstance(error, Unavailable):
        then = f" in {wait(error.retry_after)}" if error.retry_after else " in a moment"
        return f"The account server cannot be reached. Nothing is lost: try again{then}."
    return error.message
