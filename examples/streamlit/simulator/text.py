"""Words for people."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone

from admittance_client import AdmittanceError, RateLimited, Unavailable

#: What a person is told of an error, by its code. A page that knows more has words of its own.
WORDS: Mapping[str, str] = {
    "validation_failed": "Look at the fields with a message in red.",
    "invalid_credentials": "The email address or the password is wrong.",
    "invalid_link": "This link does not work any more: it was used before, or it is too old.",
    "proof_required": "This link needs the password of the account that it was sent for.",
    "second_factor_required": "Your account asks for a code after the password. This site cannot"
    " take the code yet.",
    "recent_login_required": "Log out and log in again, then you can do this.",
    "forbidden": "Your account may not do this.",
    "not_found": "This is not there any more.",
    "invalid_flow": "This took too long, or it was finished already. Begin again.",
    "email_taken": "There is already an account with this email address.",
    "precondition_failed": "This was changed in another tab. Load the page again.",
    "payload_too_large": "This is too long.",
}

#: For everything else that was refused.
REFUSED = "This did not work. Load the page again and try once more."


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


def reason(error: AdmittanceError, words: Mapping[str, str] | None = None) -> str:
    """What a person is told of an error; `words` are those of the page, by code."""
    if isinstance(error, RateLimited):
        return f"Too many attempts. Try again in {wait(error.retry_after)}."
    if isinstance(error, Unavailable):
        then = f"in {wait(error.retry_after)}" if error.retry_after else "in a moment"
        return (
            "The server for accounts does not answer. What you typed is still here:"
            f" try again {then}."
        )
    return (words or {}).get(error.code) or WORDS.get(error.code) or REFUSED
