"""Who is logged in with which browser.

The tokens of the account server stay in this process. A browser holds a handle of 256 random bits
in a cookie, and this process only its SHA-256. The cookie is set by an HTTP answer, so that it can
be HttpOnly; a Streamlit script has none to give, and hands its browser a ticket instead, which is
good once and for a minute, and which the browser exchanges for the cookie.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from admittance_client import AdmittanceError, Session

#: How long a ticket is good, in seconds.
TICKET_SECONDS = 60.0
#: How long a handle is good without being used, in seconds: as long as a session of the server's.
IDLE_SECONDS = 7 * 24 * 3600.0
#: How many browsers are known at once; beyond that the one unused for the longest is forgotten.
CAPACITY = 10_000
#: How many of them may be of one account, so that no account pushes the others' browsers out.
CAPACITY_OF_USER = 20


@dataclass(slots=True)
class _Entry:
    session: Session
    user_id: str
    remember: bool
    until: float


@dataclass(frozen=True, slots=True)
class Redeemed:
    """What the cookie gets: the handle, and whether it outlives the browser."""

    handle: str
    remember: bool

    def __repr__(self) -> str:
        return "<Redeemed>"


class Logins:
    """The sessions by ticket and by handle. Safe to share by threads."""

    def __init__(
        self,
        *,
        capacity: int = CAPACITY,
        of_user: int = CAPACITY_OF_USER,
        clock: Callable[[], float] = time.monotonic,
        log_out: Callable[[list[Session]], None] | None = None,
    ) -> None:
        self._capacity, self._of_user = capacity, of_user
        self._clock, self._lock = clock, threading.Lock()
        self._log_out = log_out or _log_out
        self._tickets: OrderedDict[str, _Entry] = OrderedDict()
        self._handles: OrderedDict[str, _Entry] = OrderedDict()

    def __repr__(self) -> str:
        return f"<Logins {len(self._handles)}>"

    def ticket(self, session: Session, *, user_id: str, remember: bool) -> str:
        """A ticket for the cookie of `session`, which is one of `user_id`'s."""
        ticket = secrets.token_urlsafe(32)
        with self._lock:
            entry = _Entry(session, user_id, remember, self._clock() + TICKET_SECONDS)
            dropped = self._put(self._tickets, _digest(ticket), entry)
            over = self._not_kept(dropped)
        self._end_on_server(over)
        return ticket

    def is_waiting(self, ticket: str) -> bool:
        """Whether `ticket` can still be exchanged."""
        with self._lock:
            return self._live(self._tickets, _digest(ticket)) is not None

    def redeem(self, ticket: str, *, replaces: str | None) -> Redeemed | None:
        """A new handle for `ticket`; the browser's old one, `replaces`, is forgotten.

        `None` when the ticket is unknown, used or too old.
        """
        with self._lock:
            entry = self._live(self._tickets, _digest(ticket))
            if entry is None:
                return None
            del self._tickets[_digest(ticket)]
            old = None if replaces is None else self._handles.pop(_digest(replaces), None)
            handle = secrets.token_urlsafe(32)
            until = self._clock() + IDLE_SECONDS
            fresh = _Entry(entry.session, entry.user_id, entry.remember, until)
            dropped = self._put(self._handles, _digest(handle), fresh)
            over = self._not_kept(dropped + ([] if old is None else [old]))
        self._end_on_server(over)
        return Redeemed(handle, entry.remember)

    def find(self, handle: str) -> Session | None:
        """The session of a browser."""
        with self._lock:
            entry = self._live(self._handles, _digest(handle))
            if entry is None:
                return None
            entry.until = self._clock() + IDLE_SECONDS
            self._handles.move_to_end(_digest(handle))
            return entry.session

    def end(self, session: Session) -> None:
        """Forgets `session` with every ticket and handle of it."""
        with self._lock:
            for kept in (self._tickets, self._handles):
                for digest in [d for d, entry in kept.items() if entry.session is session]:
                    del kept[digest]

    def _live(self, kept: OrderedDict[str, _Entry], digest: str) -> _Entry | None:
        entry = kept.get(digest)
        if entry is None or entry.session.ended or entry.until <= self._clock():
            kept.pop(digest, None)
            return None
        return entry

    def _put(self, kept: OrderedDict[str, _Entry], digest: str, entry: _Entry) -> list[_Entry]:
        """Keeps `entry`, and gives those that make room for it: those of the same user first."""
        # In the order in which they were used last.
        own = [d for d, other in kept.items() if other.user_id == entry.user_id]
        beyond = max(len(own) + 1 - self._of_user, len(kept) + 1 - self._capacity, 0)
        dropped = [kept.pop(oldest) for oldest in own[:beyond]]
        while len(kept) >= self._capacity:
            dropped.append(kept.popitem(last=False)[1])
        kept[digest] = entry
        return dropped

    def _not_kept(self, dropped: list[_Entry]) -> list[Session]:
        """The sessions of `dropped` that no other ticket or handle leads to."""
        entries = [*self._tickets.values(), *self._handles.values()]
        found: list[Session] = []
        for session in (entry.session for entry in dropped if not entry.session.ended):
            is_kept = any(entry.session is session for entry in entries)
            if not is_kept and not any(session is other for other in found):
                found.append(session)
        return found

    def _end_on_server(self, sessions: list[Session]) -> None:
        if sessions:
            self._log_out(sessions)


def _log_out(sessions: list[Session]) -> None:
    """Ends sessions that no browser can find any more, without a wait for the server."""

    def end() -> None:
        for session in sessions:
            try:
                session.logout()
            except AdmittanceError:
                # It ends by itself when it has been idle for long enough.
                pass

    threading.Thread(target=end, name="logout", daemon=True).start()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


#: The logins of this process, which all of Streamlit's threads and the web routes share. What is
#: in it is only found with a ticket or a handle.
LOGINS = Logins()
