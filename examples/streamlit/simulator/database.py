"""The database file that is shared by all that this app keeps itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def opened(data: Path, schema: str) -> Iterator[sqlite3.Connection]:
    """The database in the folder `data`, which nobody else on the machine can read, with the tables
    of `schema`. What is done with it is done as one transaction."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = data / "answers.sqlite3"
    if not path.exists():
        path.touch(mode=0o600)
    # One for each act: Streamlit runs every script in a thread of its own.
    database = sqlite3.connect(path, timeout=10)
    try:
        database.row_factory = sqlite3.Row
        database.executescript(schema)
        with database:
            yield database
    finally:
        database.close()
