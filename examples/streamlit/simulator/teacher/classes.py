"""Which addresses were invited into which class, kept beside the answers."""

from __future__ import annotations

import sqlite3
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from ..database import opened

#: The longest name of a class, in characters.
MAX_NAME = 60

_SCHEMA = """
CREATE TABLE IF NOT EXISTS members (
    class TEXT NOT NULL,
    address TEXT NOT NULL,
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    invited_at TEXT,
    PRIMARY KEY (class, address)
) STRICT;
"""


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody in a class. `invited_at` is when the account was made; `None` for one that was there
    before."""

    email: str
    name: str
    invited_at: datetime | None


class Classes:
    """The classes, in the folder `data`. For teachers only."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def _database(self) -> AbstractContextManager[sqlite3.Connection]:
        return opened(self._data, _SCHEMA)

    def add(self, name: str, email: str, person: str, *, invited: bool) -> Member:
        """Puts an address into a class, and gives what is kept of it: when somebody was invited
        stays."""
        now = datetime.now(timezone.utc).isoformat(timespec="seconds") if invited else None
        address = email.casefold()
        with self._database() as database:
            known = database.execute(
                "SELECT max(invited_at) AS at FROM members WHERE address = ?", (address,)
            ).fetchone()
            database.execute(
                "INSERT INTO members (class, address, email, name, invited_at)"
                " VALUES (?, ?, ?, ?, ?) ON CONFLICT (class, address) DO UPDATE"
                " SET invited_at = coalesce(excluded.invited_at, invited_at)",
                (name, address, email, person, now or known["at"]),
            )
            row = database.execute(
                "SELECT * FROM members WHERE class = ? AND address = ?", (name, address)
            ).fetchone()
            return _member(row)

    def names(self) -> list[str]:
        """The names of the classes."""
        with self._database() as database:
            found = database.execute("SELECT DISTINCT class FROM members ORDER BY class")
            return [str(row["class"]) for row in found]

    def members(self, name: str) -> list[Member]:
        """Who is in a class, in the order in which they were invited."""
        with self._database() as database:
            found = database.execute(
                "SELECT * FROM members WHERE class = ? ORDER BY rowid", (name,)
            )
            return [_member(row) for row in found]

    def forget(self, email: str) -> None:
        """Takes an address out of every class."""
        with self._database() as database:
            database.execute("DELETE FROM members WHERE address = ?", (email.casefold(),))


def _member(row: sqlite3.Row) -> Member:
    at = row["invited_at"]
    return Member(row["email"], row["name"], None if at is None else datetime.fromisoformat(at))
