"""The OpenID provider of the tests, and a browser without a screen that goes to it."""

from __future__ import annotations

import http.cookiejar
import json
import os
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
#: As `.ci/federation.d/clients.mjs` has them.
CLIENT_ID, CLIENT_SECRET = "exam-simulator", "a secret with: reserved/characters+%"


class ProviderServer:
    """`oidc-provider` from npm, as `.ci/federation` uses it, on a port of its own."""

    def __init__(self, *redirect_uris: str) -> None:
        target = Path(os.environ.get("CARGO_TARGET_DIR") or REPOSITORY / "target")
        modules = os.environ.get("PROVIDER_MODULES") or str(target / "provider")
        self._process = subprocess.Popen(
            ["node", REPOSITORY / ".ci/federation.d/provider.mjs"],
            env={
                **os.environ,
                "PROVIDER_MODULES": modules,
                "REDIRECT_URIS": ",".join(redirect_uris),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdout is not None
        at = json.loads(self._process.stdout.readline())
        self.issuer, self._admin = str(at["issuer"]), str(at["admin"])
        self._people = 0

    def settings(self, *redirect_uris: str) -> dict[str, str]:
        """The environment of an example that signs people in with this provider."""
        return {
            "OIDC_ISSUER": self.issuer,
            "OIDC_CLIENT_ID": CLIENT_ID,
            "OIDC_CLIENT_SECRET": CLIENT_SECRET,
            "OIDC_NAME": "School",
            "OIDC_REDIRECT_URIS": ",".join(redirect_uris),
        }

    def person(self, email: str = "", name: str = "Ann Lee") -> tuple[str, str]:
        """A person with an account there, by its id and address."""
        self._people += 1
        sub = f"person-{self._people}"
        email = email or f"{sub}-{os.urandom(3).hex()}@school.example"
        self._ask("PUT", f"/accounts/{sub}", {"name": name, "email": email, "email_verified": True})
        return sub, email

    def down(self) -> None:
        """Drops every connection from now on."""
        self._ask("POST", "/down")

    def up(self) -> None:
        """Answers again."""
        self._ask("POST", "/up")

    def stop(self) -> None:
        """Ends it."""
        self._process.kill()
        self._process.wait(30)

    def _ask(self, method: str, path: str, body: object = None) -> None:
        data = None if body is None else json.dumps(body).encode()
        urllib.request.urlopen(
            urllib.request.Request(self._admin + path, data=data, method=method), timeout=60
        ).close()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def visit(authorization_url: str, account: str, redirect_uri: str) -> dict[str, str]:
    """What the provider sends back after `account` was chosen there, or `""` to cancel."""
    opener = urllib.request.build_opener(
        _NoRedirect, urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
    )
    url, data = authorization_url, None
    for _ in range(10):
        try:
            with opener.open(urllib.request.Request(url, data=data), timeout=60):
                # The page with the question: the answer goes to the same address.
                data = urllib.parse.urlencode({"account": account}).encode()
        except urllib.error.HTTPError as redirect:
            with redirect:
                assert redirect.code in (302, 303), redirect.read()
                url, data = urllib.parse.urljoin(url, redirect.headers["Location"]), None
            if url.startswith(f"{redirect_uri}?"):
                return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
    raise AssertionError("the provider redirects without an end")
