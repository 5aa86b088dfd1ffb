"""Calls of a session."""

from __future__ import annotations

import threading
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .answers import (
    Accepted,
    Event,
    Identity,
    Opened,
    Page,
    Profile,
    SessionInfo,
    Started,
    Tokens,
    User,
    read,
    read_list,
    read_opened,
    read_page,
)
from .errors import SessionEnded
from .requests import callback, given, segment

if TYPE_CHECKING:
    from .server import Admittance


class Session:
    """The session of a user who is logged in. Safe to share by threads.

    An access token that has run out is renewed once, by one thread while the others wait, and
    the call is made again. When the server says that the session is over, `SessionEnded` is
    raised then and ever after, and the tokens are forgotten.
    """

    def __init__(self, server: Admittance, tokens: Tokens) -> None:
        self._server = server
        self._tokens: Tokens | None = tokens
        # Held while the tokens are replaced, from before the request until the answer is kept.
        self._renewing = threading.RLock()

    def __repr__(self) -> str:
        return f"<Session {'ended' if self.ended else 'open'}>"

    @property
    def ended(self) -> bool:
        """Whether it is known that the session is over."""
        return self._tokens is None

    @property
    def tokens(self) -> Tokens:
        """The tokens as they are now. Raises `SessionEnded`."""
        tokens = self._tokens
        if tokens is None:
            raise SessionEnded("Log in to continue.", code="invalid_token", status=401)
        return tokens

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Makes one request with the session's token, also to a route of the application's own."""
        renewed: Tokens | None = None
        while True:
            used = self.tokens
            try:
                return self._server.call(method, path, body, token=used.access)
            except SessionEnded:
                # A token that is refused has done nothing: the request can be made again.
                if used is renewed:
                    self._forget(used)
                else:
                    renewed = self._renew(used)

    def refresh(self) -> None:
        """Renews the tokens now; calls do so by themselves."""
        self._renew(self.tokens)

    def _renew(self, used: Tokens) -> Tokens:
        """The tokens that follow `used`, which another thread may have got already."""
        with self._renewing:
            if self.tokens is not used:
                return self.tokens
            try:
                answer = self._server.call("POST", "/refresh", {"refresh_token": used.refresh})
            except SessionEnded:
                self._tokens = None
                return self.tokens
            # An answer that is lost raises `Unavailable` and leaves the old tokens: the server
            # gives the same successor again for a short while.
            self._tokens = read_opened(answer).tokens
            return self._tokens

    def _end(self) -> None:
        # Behind a renewal that is under way, which would bring tokens back.
        with self._renewing:
            self._tokens = None

    def _forget(self, used: Tokens) -> None:
        with self._renewing:
            if self._tokens is used:
                self._tokens = None

    def _replace(self, path: str, body: Mapping[str, Any]) -> Opened:
        """A call whose answer holds new tokens, with which every older one is dead."""
        with self._renewing:
            opened = read_opened(self.call("POST", path, body))
            self._tokens = opened.tokens
            return opened

    # The account.

    def logout(self) -> None:
        """Ends the session. It is over also when the server says that it was before."""
        with self._renewing:
            tokens = self._tokens
            if tokens is None:
                return
            try:
                # By the refresh token too: the access token may have run out.
                body = {"refresh_token": tokens.refresh}
                self._server.call("POST", "/logout", body, token=tokens.access)
            except SessionEnded:
                pass
            self._end()

    def profile(self) -> Profile:
        """The user's profile."""
        return read(Profile, self.call("GET", "/profile"))

    def update_profile(
        self, *, name: str | None = None, preferences: Mapping[str, Any] | None = None
    ) -> Profile:
        """Changes the name, or replaces all preferences. Raises `ValidationFailed`."""
        body: dict[str, Any] = {}
        if name is not None:
            body["name"] = name
        if preferences is not None:
            body["preferences"] = dict(preferences)
        return read(Profile, self.call("PUT", "/profile", body))

    def patch_profile(
        self, *, name: str | None = None, preferences: Mapping[str, Any] | None = None
    ) -> Profile:
        """Changes the name, or those of the preferences that are given: `None` as a value removes
        one, and all others stay, also those that are changed at the same time (RFC 7396).

        Raises `ValidationFailed`.
        """
        body: dict[str, Any] = {}
        if name is not None:
            body["name"] = name
        if preferences is not None:
            body["preferences"] = dict(preferences)
        return read(Profile, self.call("PATCH", "/profile", body))

    def change_password(
        self, current_password: str, new_password: str, confirm_password: str
    ) -> Opened:
        """Changes the password; this session goes on, every other one ends.

        Raises `InvalidCredentials`, `ValidationFailed`, `RateLimited`.
        """
        body = {"current_password": current_password, "new_password": new_password}
        return self._replace("/password/change", {**body, "confirm_password": confirm_password})

    def reauthenticate(self, current_password: str) -> Opened:
        """Proves again who the user is, by the password. Raises `InvalidCredentials`."""
        body = {"method": "pwd", "current_password": current_password}
        return self._replace("/reauthenticate", body)

    def verify_email(self, token: str) -> Accepted:
        """Confirms the user's address by a mailed link. Raises `InvalidLink`, `ProofRequired`."""
        return read(Accepted, self.call("POST", "/email/verify", {"token": token}))

    def change_email(self, new_email: str, current_password: str) -> Accepted:
        """Has a link mailed to the new address. Raises `InvalidCredentials`, `EmailTaken`."""
        body = {"new_email": new_email, "current_password": current_password}
        return read(Accepted, self.call("POST", "/email/change", body))

    def confirm_email_change(self, token: str) -> Accepted:
        """Takes the new address over by the mailed link. Raises `InvalidLink`."""
        return read(Accepted, self.call("POST", "/email/change/confirm", {"token": token}))

    # Ways in besides the password.

    def identities(self) -> list[Identity]:
        """The accounts at providers that log the user in."""
        return read_list(self.call("GET", "/identities"), "identities", Identity)

    def start_link(self, provider: str, *, redirect_uri: str | None = None) -> Started:
        """Begins to connect an account at a provider. Raises `RecentLoginRequired`."""
        body = given(redirect_uri=redirect_uri)
        return read(Started, self.call("POST", f"/identities/{segment(provider)}", body))

    def start_reauthentication(self, provider: str, *, redirect_uri: str | None = None) -> Started:
        """Begins to prove again who the user is, by a provider."""
        body = {"method": "fed", "provider": provider, **given(redirect_uri=redirect_uri)}
        return read(Started, self.call("POST", "/reauthenticate", body))

    def finish(self, provider: str, answer: Mapping[str, str], *, flow: str) -> Opened:
        """Completes either of them, as `Admittance.finish_login` does a login. Raises `InvalidFlow`,
        `ProviderDenied`, `ProviderUnavailable`, and `Conflict` with the code `identity_taken`."""
        path = f"/login/{segment(provider)}/callback"
        return self._replace(path, {**callback(answer), "flow": flow})

    def link_identity(self, ticket: str) -> Accepted:
        """Connects the user's account after `LinkRequired`. Raises `ProofRequired` if the ticket is
        of another account, `InvalidFlow`, `RecentLoginRequired`."""
        return read(Accepted, self.call("POST", "/identities/link", {"ticket": ticket}))

    def unlink_identity(self, identity_id: str) -> None:
        """Disconnects one of them. Raises `Conflict` with the code `last_credential`,
        `RecentLoginRequired`, `NotFound`."""
        self.call("DELETE", f"/identities/{segment(identity_id)}")

    def sessions(self) -> list[SessionInfo]:
        """The user's live sessions, the last opened first."""
        return self._sessions("/sessions")

    def end_session(self, session_id: str) -> None:
        """Ends one of the user's sessions. Raises `NotFound`."""
        self.call("DELETE", f"/sessions/{segment(session_id)}")

    def end_other_sessions(self) -> None:
        """Ends all of the user's sessions but this one."""
        self.call("DELETE", "/sessions")

    def events(self, *, before: str | None = None, limit: int = 50) -> Page[Event]:
        """What was done and tried with the account, the newest first."""
        answer = self.call("GET", _query("/account/events", before=before, limit=limit))
        return read_page(answer, "events", Event)

    def export_account(self) -> dict[str, Any]:
        """All that the server keeps of the user."""
        return self.call("GET", "/account/export")

    def delete_account(self, current_password: str) -> None:
        """Deletes the account, for good. Raises `InvalidCredentials`."""
        self.call("DELETE", "/account", {"current_password": current_password})
        self._end()

    # Administration, for users whose roles permit it: `Forbidden` for all others.

    def users(self, *, after: str | None = None, limit: int = 50) -> Page[User]:
        """A page of users, the oldest accounts first. Needs `users:read`."""
        answer = self.call("GET", _query("/admin/users", after=after, limit=limit))
        return read_page(answer, "users", User)

    def create_user(self, email: str, name: str, *, roles: Sequence[str] = ()) -> User:
        """Makes an account for somebody, who is mailed a link that sets the first password. Needs
        `users:create`, with roles also `users:roles`.

        Raises `ValidationFailed`, `EmailTaken`, `RateLimited`. After `Unavailable` nothing is known:
        if another try raises `EmailTaken`, the account was made, perhaps without a mail.
        """
        body: dict[str, Any] = {"email": email, "name": name}
        if roles:
            body["roles"] = list(roles)
        return read(User, self.call("POST", "/admin/users", body))

    def find_user(self, email: str) -> User:
        """The account of an address. Needs `users:read`. Raises `NotFound`."""
        return read(User, self.call("POST", "/admin/users/find", {"email": email}))

    def user(self, user_id: str) -> User:
        """The account of an id. Needs `users:read`. Raises `NotFound`."""
        return read(User, self.call("GET", f"/admin/users/{segment(user_id)}"))

    def change_roles(
        self, user_id: str, *, grant: Sequence[str] = (), revoke: Sequence[str] = ()
    ) -> User:
        """Grants and revokes roles, in effect at the user's next request. Needs `users:roles`."""
        body = {"grant": list(grant), "revoke": list(revoke)}
        return read(User, self.call("POST", f"/admin/users/{segment(user_id)}/roles", body))

    def set_user_status(self, user_id: str, status: str) -> User:
        """Makes an account `active` or `disabled`. Needs `users:status`."""
        path = f"/admin/users/{segment(user_id)}/status"
        return read(User, self.call("PUT", path, {"status": status}))

    def user_sessions(self, user_id: str) -> list[SessionInfo]:
        """A user's live sessions, the last opened first. Needs `users:read`."""
        return self._sessions(f"/admin/users/{segment(user_id)}/sessions")

    def end_user_sessions(self, user_id: str) -> None:
        """Ends all of a user's sessions. Needs `users:sessions`."""
        self.call("DELETE", f"/admin/users/{segment(user_id)}/sessions")

    def send_password_reset(self, user_id: str) -> Accepted:
        """Has a link to a new password mailed to the owner. Needs `users:reset`."""
        return read(Accepted, self.call("POST", f"/admin/users/{segment(user_id)}/password-reset"))

    def _sessions(self, path: str) -> list[SessionInfo]:
        found: list[SessionInfo] = []
        after: str | None = None
        while True:
            answer = self.call("GET", _query(path, after=after, limit=200))
            page = read_page(answer, "sessions", SessionInfo)
            found += page.items
            if page.next is None:
                return found
            after = page.next


def _query(path: str, **parameters: object) -> str:
    given = {name: value for name, value in parameters.items() if value is not None}
    return f"{path}?{urllib.parse.urlencode(given)}"
