"""Calls without a session."""

from __future__ import annotations

import http.client
import ipaddress
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .answers import (
    Accepted,
    Opened,
    Provider,
    SignedIn,
    Started,
    Strength,
    Tokens,
    Waiting,
    read,
    read_error,
    read_list,
    read_opened,
    read_signed_in,
)
from .errors import NotFound, Unavailable
from .requests import callback, given, segment

if TYPE_CHECKING:
    from .session import Session

#: The largest answer that is read, in bytes.
MAX_ANSWER = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Caller:
    """For whom a front end calls: the person's address and browser, as the front end sees them.

    The server counts attempts by address and lists devices by browser. It believes `ip`, which is
    sent as `X-Forwarded-For`, only when the front end's address is among its trusted proxies.
    """

    ip: str | None = None
    user_agent: str | None = None

    def headers(self) -> dict[str, str]:
        """The headers that say so; what is not an address or not printable is left out."""
        headers = {}
        if self.ip is not None:
            try:
                headers["X-Forwarded-For"] = str(ipaddress.ip_address(self.ip))
            except ValueError:
                pass
        agent = "".join(c for c in self.user_agent or "" if c.isascii() and c.isprintable())
        headers["User-Agent"] = agent[:400] or "admittance-client"
        return headers


class Admittance:
    """A server that speaks the contract, for callers without a session. Safe to share by threads.

    `base_url` is `http://` or `https://` with a host and at most a path; `timeout` is how long a
    call may take in seconds.
    """

    def __init__(
        self, base_url: str, *, timeout: float = 10.0, caller: Caller | None = None
    ) -> None:
        parts = urllib.parse.urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("the address of the server is not http:// or https://")
        if parts.query or parts.fragment or parts.username or parts.password:
            raise ValueError("the address of the server has more than a host and a path")
        self._base, self._timeout = base_url.rstrip("/"), timeout
        self._headers = (caller or Caller()).headers()
        self._opener = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.HTTPHandler(),
            urllib.request.HTTPSHandler(),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.HTTPErrorProcessor(),
        ):
            self._opener.add_handler(handler)

    def session(self, tokens: Tokens) -> Session:
        """The session that `tokens` belong to."""
        from .session import Session

        return Session(self, tokens)

    def register(
        self, *, email: str, password: str, confirm_password: str, name: str
    ) -> Opened | Accepted:
        """Makes an account. `Accepted` when the server wants the address confirmed first.

        Raises `ValidationFailed`, `EmailTaken`, `RateLimited`, `Unavailable`.
        """
        body = {"email": email, "password": password, "name": name}
        answer = self.call("POST", "/register", {**body, "confirm_password": confirm_password})
        return read_opened(answer) if "token" in answer else read(Accepted, answer)

    def login(self, email: str, password: str, *, remember: bool = True) -> Opened:
        """Opens a session; a short one without `remember`, as for a shared computer.

        Raises `InvalidCredentials`, `RateLimited`, `Unavailable`.
        """
        body = {"email": email, "password": password, "remember": remember}
        return read_opened(self.call("POST", "/login", body))

    def forgot_password(self, email: str) -> Accepted:
        """Has a link mailed, if there is such an account; the answer is the same if not."""
        return read(Accepted, self.call("POST", "/password/forgot", {"email": email}))

    def reset_password(self, token: str, new_password: str, confirm_password: str) -> Accepted:
        """Sets a new password by a mailed link; every session ends.

        Raises `InvalidLink`, `ValidationFailed`.
        """
        body = {"new_password": new_password, "confirm_password": confirm_password}
        return read(Accepted, self.call("POST", "/password/reset", {"token": token, **body}))

    def verify_email(
        self, token: str, password: str | None = None, *, ticket: str | None = None
    ) -> Opened | Accepted:
        """Confirms an address by a mailed link and the account's password, or by the link and the
        ticket of a sign-in that waited for it.

        Raises `ProofRequired` without the right password or ticket, `InvalidLink`.
        """
        body = {"token": token, **given(password=password, ticket=ticket)}
        answer = self.call("POST", "/email/verify", body)
        return read_opened(answer) if "token" in answer else read(Accepted, answer)

    def resend_verification(self, email: str) -> Accepted:
        """Has the link to confirm an address mailed again; always the same answer."""
        return read(Accepted, self.call("POST", "/email/resend", {"email": email}))

    def disown_email(self, token: str) -> Accepted:
        """Says "this was not me" by a mailed link: the unconfirmed account is removed."""
        return read(Accepted, self.call("POST", "/email/disown", {"token": token}))

    def password_strength(self, password: str, *, email: str = "", name: str = "") -> Strength:
        """How good a password is for a person of that address and name."""
        body = {"password": password}
        body.update({k: v for k, v in (("email", email), ("name", name)) if v})
        return read(Strength, self.call("POST", "/password/strength", body))

    # Signing in with a provider.

    def providers(self) -> list[Provider]:
        """The providers to sign in with; none where the server has none."""
        try:
            return read_list(self.call("GET", "/providers"), "providers", Provider)
        except NotFound:
            return []

    def start_login(
        self, provider: str, *, redirect_uri: str | None = None, remember: bool | None = None
    ) -> Started:
        """Begins a login with the provider of that id. `redirect_uri` is one of those that the
        server allows. Raises `ProviderUnavailable`, `RateLimited`."""
        body = given(redirect_uri=redirect_uri, remember=remember)
        return read(Started, self.call("POST", f"/login/{segment(provider)}", body))

    def finish_login(
        self, provider: str, answer: Mapping[str, str], *, flow: str
    ) -> SignedIn | Waiting:
        """Completes a login with what the provider sent to the redirect URI: `state`, and `code` or
        `error`. `flow` is that of the browser that comes back.

        Raises `InvalidFlow`, `ProviderDenied`, `LinkRequired`, `ProviderUnavailable`,
        `ValidationFailed` if the provider gave no address.
        """
        path = f"/login/{segment(provider)}/callback"
        opened = self.call("POST", path, {**callback(answer), "flow": flow})
        return read_signed_in(opened) if "token" in opened else read(Waiting, opened)

    def link_identity(
        self, ticket: str, *, current_password: str | None = None, start_anew: bool = False
    ) -> SignedIn:
        """Connects the account after `LinkRequired`, by its password; or removes it, which nobody
        confirmed, and makes a new one. Raises `InvalidCredentials`, `InvalidFlow`."""
        body = given(current_password=current_password, start_anew=start_anew or None)
        return read_signed_in(self.call("POST", "/identities/link", {"ticket": ticket, **body}))

    def jwks(self) -> dict[str, Any]:
        """The public keys that access tokens are signed with (RFC 7517)."""
        return self.call("GET", "/.well-known/jwks.json")

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        token: str | None = None,
    ) -> dict[str, Any]:
        """Makes one request, also to a route of the application's own.

        `path` starts with `/`; `token` is an access token. The answer is a JSON object, or empty
        for 204. Raises `AdmittanceError`.
        """
        if not path.startswith("/"):
            raise ValueError("a path starts with a slash")
        headers = {**self._headers, "Accept": "application/json"}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(
            self._base + path, data=data, headers=headers, method=method
        )
        status, head, raw = self._exchange(request)
        if 200 <= status < 300 and not raw:
            return {}
        try:
            answer = json.loads(raw)
        except ValueError:
            answer = None
        if 200 <= status < 300 and isinstance(answer, dict):
            return answer
        raise read_error(status, head, answer if isinstance(answer, dict) else {})

    def _exchange(self, request: urllib.request.Request) -> tuple[int, Mapping[str, str], bytes]:
        deadline = time.monotonic() + self._timeout
        try:
            try:
                response = self._opener.open(request, timeout=self._timeout)
            except urllib.error.HTTPError as refused:
                response = refused
            with response:
                raw = bytearray()
                # In pieces, since the time-out of a socket starts again with every byte.
                while piece := response.read1(65536):
                    raw += piece
                    if len(raw) > MAX_ANSWER or time.monotonic() > deadline:
                        raise TimeoutError
                return int(response.status), response.headers, bytes(raw)
        except (OSError, http.client.HTTPException):
            # Without the cause, which could hold what was sent.
            raise Unavailable("The server cannot be reached.") from None
