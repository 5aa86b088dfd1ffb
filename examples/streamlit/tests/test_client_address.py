"""The browser's address behind proxies, and what is believed of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import streamlit
from streamlit.runtime.context import StreamlitHeaders

from simulator import browser
from simulator.client_address import client_address, read_networks

APP = Path(__file__).resolve().parent.parent
PROXIES = "10.0.0.0/8, 2001:db8::7, 127.0.0.1"
CLIENT = "203.0.113.9"


@pytest.mark.parametrize(
    ("peer", "lines", "found"),
    [
        # A peer that is no proxy is the client, whatever it says.
        ("192.0.2.1", ["203.0.113.9"], "192.0.2.1"),
        ("10.0.0.1", ["203.0.113.9"], CLIENT),
        # What is left of the rightmost stranger may be made up.
        ("10.0.0.1", ["8.8.8.8, 203.0.113.9, 10.1.1.1"], CLIENT),
        ("10.0.0.1", ["8.8.8.8", "203.0.113.9", "10.1.1.1"], CLIENT),
        ("10.0.0.1", ["oops, 203.0.113.9"], CLIENT),
        ("10.0.0.1", ["203.0.113.9:4711"], CLIENT),
        ("10.0.0.1", ["::ffff:203.0.113.9"], CLIENT),
        ("::ffff:10.0.0.1", ["203.0.113.9"], CLIENT),
        ("2001:db8::7", ["[2001:db8::9]:443"], "2001:db8::9"),
        ("2001:db8::7", ["2001:DB8:0::9"], "2001:db8::9"),
        ("127.0.0.1", ["203.0.113.9"], CLIENT),
        # What cannot be read, or names proxies only, leaves the proxy.
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["unknown"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9, unknown"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9,"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9, 10.1.1.1:x"], "10.0.0.1"),
        ("10.0.0.1", ["[2001:db8::9]x"], "10.0.0.1"),
        ("10.0.0.1", ["fe80::1%eth0"], "10.0.0.1"),
        ("10.0.0.1", ["10.2.2.2, 10.3.3.3"], "10.0.0.1"),
        ("10.0.0.1", ["for=203.0.113.9"], "10.0.0.1"),
        # This machine is where the app is.
        ("127.0.0.1", ["oops"], None),
        ("unix", ["203.0.113.9"], None),
    ],
)
def test_the_rightmost_address_that_is_no_proxys_counts(
    peer: str, lines: list[str], found: str | None
) -> None:
    assert client_address(peer, lines, read_networks(PROXIES)) == found


def seen(
    monkeypatch: pytest.MonkeyPatch, peer: str | None, *headers: tuple[str, str], **settings: str
) -> str | None:
    for name in ("CLIENT_ADDRESS_HEADER", "CLIENT_ADDRESS_PROXIES", "FORWARDED_ALLOW_IPS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    context = SimpleNamespace(ip_address=peer, headers=StreamlitHeaders(headers))
    monkeypatch.setattr(streamlit, "context", context)
    return browser.caller().ip


FORGED = ("X-Forwarded-For", CLIENT)


def test_no_header_is_believed_unless_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert seen(monkeypatch, "192.0.2.1") == "192.0.2.1"
    assert seen(monkeypatch, None) is None
    # Uvicorn has believed it by default, so that this address is the forged one.
    assert seen(monkeypatch, CLIENT, FORGED) is None
    assert seen(monkeypatch, "192.0.2.1", FORGED, FORWARDED_ALLOW_IPS="") == "192.0.2.1"


def test_the_header_that_is_set_is_believed_of_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    believing = {"CLIENT_ADDRESS_HEADER": "X-Forwarded-For", "FORWARDED_ALLOW_IPS": ""}
    assert seen(monkeypatch, None, FORGED, **believing) == CLIENT
    assert seen(monkeypatch, "192.0.2.1", FORGED, **believing) == "192.0.2.1"
    near = {**believing, "CLIENT_ADDRESS_PROXIES": "192.0.2.0/24"}
    assert seen(monkeypatch, "192.0.2.1", FORGED, **near) == CLIENT
    two = (("x-forwarded-for", "8.8.8.8"), FORGED)
    assert seen(monkeypatch, "192.0.2.1", *two, **near) == CLIENT
    other = {**believing, "CLIENT_ADDRESS_HEADER": "X-Real-IP"}
    assert seen(monkeypatch, None, FORGED, **other) is None
    assert seen(monkeypatch, None, FORGED, ("X-Real-IP", "198.51.100.7"), **other) == "198.51.100.7"


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"CLIENT_ADDRESS_HEADER": "X-Forwarded-For"}, "FORWARDED_ALLOW_IPS"),
        (
            {"CLIENT_ADDRESS_HEADER": "X-Forwarded-For", "FORWARDED_ALLOW_IPS": "*"},
            "FORWARDED_ALLOW_IPS",
        ),
        ({"CLIENT_ADDRESS_PROXIES": "proxy.example"}, "CLIENT_ADDRESS_PROXIES"),
    ],
)
def test_settings_that_contradict_each_other_stop_the_start(
    settings: dict[str, str], word: str
) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "FORWARDED_ALLOW_IPS"}
    started = subprocess.run(
        [sys.executable, "-c", "from simulator.settings import check; check()"],
        cwd=APP,
        env={**environment, "PYTHONDONTWRITEBYTECODE": "1", **settings},
        capture_output=True,
        text=True,
    )
    assert started.returncode == 1 and word in started.stderr
    assert "Traceback" not in started.stderr
