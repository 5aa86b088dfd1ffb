"""What the tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from example_server import ExampleServer
from person import Person

from simulator import browser, callback, gate


@pytest.fixture(scope="session")
def server() -> Iterator[ExampleServer]:
    """The account server, one for all tests that do not kill it."""
    server = ExampleServer()
    yield server
    server.stop()


@pytest.fixture
def own_server() -> Iterator[ExampleServer]:
    """An account server of the test's own."""
    server = ExampleServer()
    yield server
    server.stop()


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh folder for answers, which the app is told of."""
    folder = tmp_path / "data"
    monkeypatch.setenv("EXAM_DATA", str(folder))
    return folder


@pytest.fixture
def jar(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The cookies of the browser: the one thing that `AppTest` cannot be given."""
    jar: dict[str, str] = {}
    monkeypatch.setattr(browser, "cookies", lambda: jar)
    return jar


@pytest.fixture
def person(
    server: ExampleServer, data: Path, jar: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Person:
    """Somebody at a browser, whose app talks to the server of all tests."""
    monkeypatch.setenv("ADMITTANCE_URL", server.url)
    # The tests press faster than people do; `twice.mjs` has double clicks.
    monkeypatch.setattr(callback, "DOUBLE_CLICK_SECONDS", 0.0)
    monkeypatch.setattr(gate, "NOTICE_SECONDS", 0.0)
    # Every test calls from an address of its own, as every person does.
    caller = server.client_caller()
    monkeypatch.setattr(browser, "caller", lambda: caller)
    # What the browser takes out of the address bar, told in one run.
    links: list[tuple[str, str]] = []

    def told_link() -> tuple[str, str, str] | None:
        return (*links[-1], str(hash(links[-1]))) if links else None

    def listen_for_link(heard: str | None, on_told: Callable[[], None]) -> None:
        on_told()
        links.clear()

    monkeypatch.setattr(browser, "told_link", told_link)
    monkeypatch.setattr(browser, "listen_for_link", listen_for_link)
    return Person(jar, links)
