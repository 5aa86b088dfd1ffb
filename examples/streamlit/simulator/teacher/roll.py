"""Lists of people: an address a line, with or without a name."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: How many lines one list may have.
MAX_LINES = 500

# `Ann Lee <ann@example.org>`, or an address with a name before or after it.
_ADDRESS = re.compile(r"[^\s<>,;\"]+@[^\s<>,;\"@]+")


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a list. `email` is empty when the line holds no address."""

    line: str
    email: str
    name: str

    @property
    def key(self) -> str:
        """What is the same for two spellings of one address."""
        return self.email.casefold()


def read_roll(text: str) -> list[Entry]:
    """The lines of a list that hold anything."""
    return [_entry(line.strip()) for line in text.splitlines() if line.strip()]


def decode(raw: bytes) -> str:
    """The text of a file, as editors and spreadsheets write it. Raises `ValueError`."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252")


def _entry(line: str) -> Entry:
    found = _ADDRESS.findall(line)
    if len(found) != 1:
        return Entry(line, "", "")
    email = found[0].removeprefix("mailto:")
    rest = " ".join(re.sub(r"[<>,;\"\t]+", " ", line.replace(found[0], " ", 1)).split())
    return Entry(line, email, rest or _name_of(email))


def _name_of(email: str) -> str:
    """A name for who has told none: `ann.lee@example.org` is Ann Lee."""
    words = re.split(r"[._\-]+", email.split("@")[0].split("+")[0])
    return " ".join(word.capitalize() for word in words if word) or email
