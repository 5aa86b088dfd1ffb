"""Sign-ins with a provider that have begun, and the browsers that they belong to.

What the account server calls `flow` stays in this process. The browser that begins gets a handle in
a cookie of its own, which comes along when the provider sends the browser back: the cookie of the
session does not, since it is kept to the app's own pages (`SameSite=Strict`). As with a login, the
cookie is set by an HTTP answer, for which the browser exchanges a ticket.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from admittance_client import Session, Started

#: How long a sign-in may take, in seconds: as long as the account server waits.
SECONDS = 600.0
#: How many are under way at once; beyond that the oldest is forgotten.
CAPACITY = 10_000


@dataclass(slots=True)
class SignIn:
    """A sign-in with the provider `provider`, called `name`. `session` is the one that wants to
    connect the account there, or to prove again whose it is; `None` for a login, whose browser
    stays logged in if `remember` is true. `answer` is what the provider sent back."""

    provider: str
    name: str
    started: Started
    session: Session | None = None
    remember: bool = True
    answer: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(slots=True)
class _Entry:
    sign_in: SignIn
    until: float


class SignIns:
    """The sign-ins by ticket and by handle. Safe to share by threads."""

    def __init__(
        self, *, capacity: int = CAPACITY, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._capacity, self._clock, self._lock = capacity, clock, threading.Lock()
        self._tickets: OrderedDict[str, _Entry] = OrderedDict()
        self._handles: OrderedDict[str, _Entry] = OrderedDict()

    def begin(self, sign_in: SignIn) -> str:
        """A ticket for the cookie of `sign_in`, good once."""
        ticket = secrets.token_urlsafe(32)
        with self._lock:
            self._put(self._tickets, ticket, _Entry(sign_in, self._clock() + SECONDS))
        return ticket

    def redeem(self, ticket: str) -> tuple[str, str] | None:
        """The handle for `ticket` and where the browser goes; `None` if it is unknown or used."""
        with self._lock:
            entry = self._take(self._tickets, ticket)
            if entry is None:
                return None
            handle = secrets.token_urlsafe(32)
            self._put(self._handles, handle, entry)
            return handle, entry.sign_in.started.authorization_url

    def answered(self, handle: str, provider: str, answer: Mapping[str, str]) -> bool:
        """Keeps what `provider` sent back to the browser of `handle`. Returns `False` if that browser
        waits for nothing from it, or for another state: any page can lead a browser here."""
        with self._lock:
            entry = self._handles.get(_digest(handle))
            if entry is None or entry.until <= self._clock() or entry.sign_in.provider != provider:
                return False
            if answer.get("state") != _state(entry.sign_in.started.authorization_url):
                return False
            entry.sign_in.answer = dict(answer)
            return True

    def take(self, handle: str) -> SignIn | None:
        """The sign-in of a browser that is back, once."""
        with self._lock:
            entry = self._handles.get(_digest(handle))
            if entry is None or not entry.sign_in.answer:
                return None
            entry = self._take(self._handles, handle)
            return None if entry is None else entry.sign_in

    def _take(self, kept: OrderedDict[str, _Entry], secret: str) -> _Entry | None:
        entry = kept.pop(_digest(secret), None)
        return None if entry is None or entry.until <= self._clock() else entry

    def _put(self, kept: OrderedDict[str, _Entry], secret: str, entry: _Entry) -> None:
        while len(kept) >= self._capacity:
            kept.popitem(last=False)
        kept[_digest(secret)] = entry


def _state(authorization_url: str) -> str | None:
    return dict(parse_qsl(urlsplit(authorization_url).query)).get("state")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


#: Those of this process, which all of Streamlit's threads and the web routes share.
SIGN_INS = SignIns()
