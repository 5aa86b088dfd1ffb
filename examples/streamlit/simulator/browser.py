"""What the browser tells the app, and what the app has it do."""

from __future__ import annotations

import hashlib

import streamlit as st

from admittance_client import Caller

from .client_address import client_address
from .settings import settings
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
export default function ({ setTriggerValue }) {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token) {
    history.replaceState(history.state, "", location.pathname + location.search);
    setTriggerValue("link", { page: location.pathname.split("/").pop(), token });
  }
}
"""

# Streamlit sees what is typed when the field is left; this has it look every two seconds, as if
# Ctrl+Enter was pressed. When the time is up it also stops a recording that is running, and tells
# the app once that it has done so.
_KEEP = """
export default function ({ data, parentElement, setTriggerValue }) {
  const within = (selector) => document.querySelector(`.st-key-${data.fields} ${selector}`);
  const commit = () => {
    const field = within("textarea");
    if (!field || field.value === field.dataset.kept) return;
    field.dataset.kept = field.value;
    const enter = { key: "Enter", code: "Enter", ctrlKey: true, bubbles: true, cancelable: true };
    field.dispatchEvent(new KeyboardEvent("keydown", enter));
  };
  const timer = setInterval(commit, 2000);
  if (data.over && !parentElement.wasOver) {
    parentElement.wasOver = true;
    commit();
    const stop = within("button[aria-label='Stop recording']");
    stop?.click();
    // After the text, which Streamlit sends a moment later.
    setTimeout(() => setTriggerValue("over", { recording: Boolean(stop) }), 300);
  }
  return () => clearInterval(timer);
}
"""

# A second after the last key in the password field `label`, with the fields it is judged by.
_TYPED = """
export default function ({ data, setTriggerValue }) {
  const value = (label) => document.querySelector(`input[aria-label='${label}']`)?.value ?? "";
  let timer;
  const typed = (event) => {
    if (event.target.getAttribute?.("aria-label") !== data.label) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      const password = value(data.label);
      const besides = { email: value("Email address"), name: value("Name") };
      if (password) setTriggerValue("typed", { password, ...besides });
    }, 1000);
  };
  document.addEventListener("input", typed);
  return () => {
    clearTimeout(timer);
    document.removeEventListener("input", typed);
  };
}
"""

_typed = st.components.v2.component("exam_typed_password", js=_TYPED)
_keep = st.components.v2.component("exam_answer_keeper", js=_KEEP)
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
    agent = st.context.headers.get("User-Agent")
    return Caller(ip=_address(), user_agent=agent if isinstance(agent, str) else None)


def _address() -> str | None:
    """Where the browser is; `None` when it is not known, or on this machine."""
    at, headers = settings(), st.context.headers
    peer = st.context.ip_address
    if at.address_header:
        named = headers.get_all(at.address_header)
        # Streamlit calls the addresses of this machine `None`.
        return client_address(peer or "127.0.0.1", named, at.address_proxies)
    # Unless it is told otherwise, uvicorn believes this header when it comes from this machine, and
    # nothing shows whether it did.
    may_be_made_up = at.uvicorn_decides and headers.get_all("X-Forwarded-For")
    return None if may_be_made_up else peer


def set_cookie(ticket: str) -> None:
    """Has the browser exchange `ticket` for the cookie."""
    # A key goes into an identifier in which Streamlit allows no double underscore.
    key = hashlib.sha256(ticket.encode()).hexdigest()[:16]
    _exchange(data={"ticket": ticket}, key=f"cookie-{key}", height=1)


def drop_cookie() -> None:
    """Has the browser give the cookie back."""
    _exchange(data={"ticket": None}, key="cookie-none", height=1)


def opened_link() -> tuple[str, str] | None:
    """The page and the token of the mailed link that opened this page, in the one run after that.

    The token is taken out of the address bar, whatever page this is.
    """
    link = _fragment(key="opened-link", on_link_change=lambda: None, height=1).link
    if isinstance(link, dict) and isinstance(link.get("token"), str):
        return str(link.get("page")), link["token"]
    return None


def keep_answer(fields: str, *, key: str, is_over: bool) -> bool | None:
    """Has the browser send what is typed in the container `fields`, also what Streamlit does not
    know yet. When the time is over, returns once whether a recording was running, which is stopped
    and comes by itself."""
    data = {"fields": fields, "over": is_over}
    over = _keep(data=data, key=key, on_over_change=lambda: None, height=1).over
    return bool(over.get("recording")) if isinstance(over, dict) else None


def typed_password(label: str, *, key: str) -> dict[str, str] | None:
    """The `password` that was typed into the field `label`, with the `email` and the `name` beside
    it, in the one run after its typing paused."""
    typed = _typed(data={"label": label}, key=key, on_typed_change=lambda: None, height=1).typed
    if not isinstance(typed, dict):
        return None
    return {name: str(typed.get(name) or "") for name in ("password", "email", "name")}
