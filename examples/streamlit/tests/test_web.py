"""What the app answers over HTTP: the cookie, links from mails, headers."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from app_server import AppServer
from example_server import free_port


@pytest.fixture(scope="module", params=["http://localhost", "https://exams.example.org"])
def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    data: Path = tmp_path_factory.mktemp("data")
    server = AppServer(f"http://127.0.0.1:{free_port()}", data, PUBLIC_URL=request.param)
    yield App(server, request.param.startswith("https"))
    server.stop()


class App:
    def __init__(self, server: AppServer, is_https: bool) -> None:
        self.server, self.is_https = server, is_https

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("localhost", self.server.port, timeout=60)
        connection.request(method, path, body, headers or {})
        return connection.getresponse()

    @property
    def own(self) -> dict[str, str]:
        return {"Origin": self.server.url, "Sec-Fetch-Site": "same-origin"}


TICKET = json.dumps({"ticket": "made-up"}).encode()


def test_only_the_apps_own_pages_may_touch_the_cookie(app: App) -> None:
    foreign: list[dict[str, str]] = [
        {},
        {"Origin": "null"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "http://[x"},
        {**app.own, "Sec-Fetch-Site": "cross-site"},
        {**app.own, "Sec-Fetch-Site": "same-site"},
        {**app.own, "Origin": "https://elsewhere.example"},
    ]
    for headers in foreign:
        assert app.ask("POST", "/session", TICKET, headers).status == 403
        assert app.ask("POST", "/sign-in", TICKET, headers).status == 403
        assert app.ask("DELETE", "/session", None, headers).status == 403


def test_what_is_no_ticket_gets_no_cookie(app: App) -> None:
    bodies = {b"": 400, b"[]": 400, b"{}": 400, b'{"ticket": 1}': 400, TICKET: 404}
    bodies |= {b'{"ticket":"\\ud800"}': 400, b"[" * 1000: 400, b"\xff": 400, b"x" * 1001: 413}
    for body, status in bodies.items():
        for path in ("/session", "/sign-in"):
            answer = app.ask("POST", path, body, app.own)
            assert (answer.status, answer.getheader("Set-Cookie")) == (status, None), body


def test_a_cookie_is_for_this_host_and_no_script(app: App) -> None:
    # The same attributes as when it is set, else browsers keep it.
    cookie = app.ask("DELETE", "/session", None, app.own).getheader("Set-Cookie") or ""
    name = "__Host-exam_session=" if app.is_https else "exam_session="
    assert cookie.startswith(name) and "Max-Age=0" in cookie
    attributes = {part.strip().lower() for part in cookie.split(";")}
    assert {"httponly", "samesite=strict", "path=/"} <= attributes
    assert ("secure" in attributes) == app.is_https
    assert not any(attribute.startswith("domain") for attribute in attributes)


def test_mailed_links_lead_to_their_pages_and_keep_the_fragment(app: App) -> None:
    pages = {
        "/email/verify": "/verify",
        "/email/disown": "/disown",
        "/email/change/confirm": "/confirm-email",
        "/password/reset": "/reset",
    }
    for path, page in pages.items():
        answer = app.ask("GET", path)
        # Without a fragment of its own, which would replace that of the link.
        assert (answer.status, answer.getheader("Location")) == (303, page)


def test_what_a_provider_sends_back_is_in_the_address_of_no_page(app: App) -> None:
    for query in ("?code=c0de&state=st4te", "?error=access_denied&state=st4te", "", "?" + "x" * 9000):
        answer = app.ask("GET", f"/callback/oidc{query}")
        assert (answer.status, answer.getheader("Location")) == (303, "/sign-in"), query
        assert answer.getheader("Cache-Control") == "no-store"


def test_no_foreign_page_may_frame_the_app(app: App) -> None:
    answer = app.ask("GET", "/")
    assert "frame-ancestors 'none'" in (answer.getheader("Content-Security-Policy") or "")
    assert answer.getheader("X-Content-Type-Options") == "nosniff"
