"""What the browser tells the app, and what the app has it do."""

from __future__ import annotations

import hashlib

import streamlit as st

from admittance_client import Caller

from .web import cookie_name

# The answer to this request sets the cookie, which no script can read.
_EXCHANGE = """
export default function ({ data }) {
  fetch("/session", data.ticket
    ? { method: "POST", headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ ticket: data.ticket }) }
    : { method: "DELETE" });
}
"""

# The token leaves the address bar and the history before anything else happens.
_FRAGMENT = """
export default function ({ setStateValue }) {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token) {
    history.replaceState(history.state, "", location.pathname + location.search);
    setStateValue("token", token);
  }
}
"""

_exchange = st.components.v2.component("exam_session_cookie", js=_EXCHANGE)
_fragment = st.components.v2.component("exam_link_token", js=_FRAGMENT)


def cookies() -> dict[str, str]:
    """The cookies with which the tab was opened."""
    return st.context.cookies.to_dict()


def handle() -> str | None:
    """The handle with which the tab was opened: later ones are not seen until it is reloaded."""
    return cookies().get(cookie_name())


def caller() -> Caller:
    """For whom calls are made: the address and the browser of the person at the other end."""
    ip, agent = st.context.ip_address, st.context.headers.get("User-Agent")
    return Caller(
        ip=ip if isinstance(ip, str) else None,
        user_agent=agent if isinstance(agent, str) else None,
    )


def set_cookie(ticket: str) -> None:
    """Has the browser exchange `ticket` for the cookie."""
    # A key goes into an identifier in which Streamlit allows no double underscore.
    key = hashlib.sha256(ticket.encode()).hexdigest()[:16]
    _exchange(data={"ticket": ticket}, key=f"cookie-{key}", height=1)


def drop_cookie() -> None:
    """Has the browser give the cookie back."""
    _exchange(data={"ticket": None}, key="cookie-none", height=1)


def link_token(page: str) -> str | None:
    """The token in the fragment of the address, if the page was opened by a mailed link."""
    token = _fragment(key=f"link-{page}", on_token_change=lambda: None, height=1).token
    return token if isinstance(token, str) else None
