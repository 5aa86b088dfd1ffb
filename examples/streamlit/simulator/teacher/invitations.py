"""Inviting a list of people, in a thread of its own: it goes on when the page is left, waits when
the account server asks for it, and pressing twice starts it once."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from admittance_client import (
    AdmittanceError,
    EmailTaken,
    RateLimited,
    Session,
    Unavailable,
    ValidationFailed,
)

from ..text import reason, wait, when
from .classes import Classes
from .roll import Entry

#: How long to wait for one line in all, when the server asks for it or does not answer, in
#: seconds.
PATIENCE = 15 * 60.0
#: How long to wait when the server does not say, in seconds; doubled each time up to a minute.
FIRST_WAIT = 2.0
#: How many teachers' reports are kept.
CAPACITY = 100

WAITING, INVITED, THERE, WRONG, FAILED = "waiting", "invited", "there", "wrong", "failed"


@dataclass(slots=True)
class Outcome:
    """What became of a line, and the words for it."""

    entry: Entry
    state: str = WAITING
    words: str = ""


class Invitations:
    """The invitations of a list into the class `name`. Safe to read while they are sent."""

    def __init__(
        self,
        session: Session,
        classes: Classes,
        name: str,
        entries: Sequence[Entry],
        *,
        pause: Callable[[float], bool] | None = None,
    ) -> None:
        self.name = name
        self.outcomes = [Outcome(entry) for entry in entries]
        self._session, self._classes = session, classes
        self._stopped = threading.Event()
        self._pause = pause or self._stopped.wait
        self._until = 0.0
        self._why = ""
        self._done = threading.Event()

    def is_same(self, other: Invitations) -> bool:
        """Whether `other` is the same list for the same class, as when a button is pressed twice."""
        entries = [outcome.entry for outcome in self.outcomes]
        return self.name == other.name and entries == [outcome.entry for outcome in other.outcomes]

    @property
    def is_running(self) -> bool:
        """Whether lines are still waiting for their turn."""
        return not self._done.is_set()

    def waits(self) -> str:
        """Why nothing is being sent at this moment; empty when something is."""
        left = self._until - time.monotonic()
        return f"{self._why} It goes on in {wait(max(1, round(left)))}." if left > 0 else ""

    def counts(self) -> dict[str, int]:
        """How many lines there are in each state."""
        counts = dict.fromkeys((INVITED, THERE, WRONG, FAILED, WAITING), 0)
        for outcome in self.outcomes:
            counts[outcome.state] += 1
        return counts

    def stop(self) -> None:
        """Sends nothing more."""
        self._stopped.set()

    def run(self) -> None:
        """Sends them all, one after the other."""
        seen: set[str] = set()
        ended = ""
        try:
            for outcome in self.outcomes:
                if self._stopped.is_set():
                    ended = ended or "Not sent: it was stopped."
                if ended:
                    outcome.words, outcome.state = ended, FAILED
                elif not outcome.entry.email:
                    outcome.words, outcome.state = "This is not an email address.", WRONG
                elif outcome.entry.key in seen:
                    outcome.words, outcome.state = "This address is in the list twice.", WRONG
                else:
                    seen.add(outcome.entry.key)
                    ended = self._invite(outcome)
        finally:
            for outcome in self.outcomes:
                if outcome.state == WAITING:
                    outcome.words, outcome.state = "Not sent.", FAILED
            self._done.set()

    def _invite(self, outcome: Outcome) -> str:
        """Invites one. Returns why the rest cannot be invited either; empty if they can."""
        entry, was_lost = outcome.entry, False
        waited, next_wait = 0.0, FIRST_WAIT
        while True:
            try:
                self._session.create_user(entry.email, entry.name)
            except EmailTaken:
                outcome.words, outcome.state = self._already(entry, was_lost), THERE
                return ""
            except ValidationFailed as error:
                messages = " ".join(broken.message for broken in error.errors)
                is_address = all(broken.field != "email" for broken in error.errors)
                outcome.words = messages if is_address else "This is not an email address."
                outcome.state = WRONG
                return ""
            except (RateLimited, Unavailable) as error:
                # Who is told to wait has done nothing; after anything else nobody knows.
                was_lost |= isinstance(error, Unavailable) and error.code != "overloaded"
                seconds = float(error.retry_after or next_wait)
                next_wait = min(2 * next_wait, 60.0)
                waited += seconds
                if waited > PATIENCE or self._must_stop(error, seconds):
                    outcome.words, outcome.state = f"Not sent. {_why(error)}", FAILED
                    return "Not sent: the server did not take the invitations before this one."
            except AdmittanceError as error:
                words = {"invalid_token": "You were logged out."}
                outcome.words = f"Not sent. {reason(error, words)}"
                outcome.state = FAILED
                return outcome.words
            else:
                self._classes.add(self.name, entry.email, entry.name, invited=True)
                outcome.words, outcome.state = "Invited.", INVITED
                return ""

    def _already(self, entry: Entry, was_lost: bool) -> str:
        member = self._classes.add(self.name, entry.email, entry.name, invited=False)
        if member.invited_at is not None:
            return f"Was invited on {when(member.invited_at)}. No other mail was sent."
        if was_lost:
            return (
                "Has an account now. The server was interrupted while it may have been made, so the"
                " mail may be missing: “Forgotten password” sends a link."
            )
        return "Already has an account. No mail was sent."

    def _must_stop(self, error: AdmittanceError, seconds: float) -> bool:
        self._why = _why(error)
        self._until = time.monotonic() + seconds
        stopped = self._pause(seconds)
        self._until = 0.0
        return stopped


def _why(error: AdmittanceError) -> str:
    if isinstance(error, RateLimited):
        return "The server takes only so many invitations at once."
    if error.code == "overloaded":
        return "The server is busy."
    return "The server for accounts does not answer."


class Reports:
    """The last invitations of each teacher. Safe to share by threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: OrderedDict[str, Invitations] = OrderedDict()

    def of(self, user_id: str) -> Invitations | None:
        """The last invitations of a teacher, which may still be running."""
        with self._lock:
            return self._last.get(user_id)

    def start(self, user_id: str, invitations: Invitations) -> bool:
        """Starts them, unless the teacher's last ones are still running."""
        with self._lock:
            last = self._last.pop(user_id, None)
            if last is not None and last.is_running:
                self._last[user_id] = last
                return False
            self._last[user_id] = invitations
            for old in [u for u, kept in self._last.items() if not kept.is_running]:
                if len(self._last) > CAPACITY:
                    del self._last[old]
        threading.Thread(target=invitations.run, name="invitations", daemon=True).start()
        return True


#: The reports of this process: a page finds only those of who is logged in.
REPORTS = Reports()
