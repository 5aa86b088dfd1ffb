"""What the browser tells the app, and what the app has it do."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import streamlit as st

from admittance_client import Caller

from .client_address import client_address
from .settings import settings
from .web import cookie_name, sign_in_cookie_name

# The answer to this request sets the cookie, which no script can read.
_EXCHANGE = """
export default function ({ data }) {
  fetch("/session", data.ticket
    ? { method: "POST", headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ ticket: data.ticket }) }
    : { method: "DELETE" });
}
"""

# The answer to this request sets the cookie that the provider's answer belongs to.
_TO_PROVIDER = """
export default async function ({ data }) {
  const answer = await fetch("/sign-in", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ ticket: data.ticket }),
  });
  if (answer.ok) location.assign((await answer.json()).url);
}
"""

# The token leaves the address bar and the history before anything else happens. A run that is cut
# off does not hear of it, so it is told again until a run has the link, each time after twice as
# long: a machine that is too slow to draw the page in time must not get more to do.
_FRAGMENT = """
let link, timer, wait, send;
const tell = () => {
  send("link", link);
  timer = setTimeout(tell, wait);
  wait *= 2;
};
export default function ({ data, setTriggerValue }) {
  send = setTriggerValue;
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token) {
    history.replaceState(history.state, "", location.pathname + location.search);
    link = { page: location.pathname.split("/").pop(), token, id: `${Date.now()}${Math.random()}` };
    wait = 2000;
    clearTimeout(timer);
    tell();
  }
  if (link && data.heard === link.id) {
    clearTimeout(timer);
    link = undefined;
  }
}
"""

# The browser counts by itself: thirty students whose pages are drawn again each second are more
# than a small machine can do. When the time is up it says so each second, until it is told another
# time.
_COUNTDOWN_HTML = """
<div class="words" role="timer"></div>
<div class="track" aria-hidden="true"><div class="left"></div></div>
"""
_COUNTDOWN_CSS = """
.words { margin-bottom: 0.25rem; font-variant-numeric: tabular-nums; }
.track { height: 0.5rem; border-radius: 0.25rem; background: var(--st-secondary-background-color); }
.left { height: 100%; border-radius: 0.25rem; background: var(--st-primary-color); }
"""
_COUNTDOWN = """
export default function ({ data, parentElement, setTriggerValue }) {
  const words = parentElement.querySelector(".words");
  const bar = parentElement.querySelector(".left");
  // A machine that sleeps stops one of the two clocks; the other one may be set.
  const clocks = () => [performance.now(), Date.now()];
  const began = clocks();
  const show = () => {
    const passed = Math.max(...clocks().map((now, at) => now - began[at]));
    const left = Math.max(0, Math.ceil(data.left - passed / 1000));
    const clock = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    words.textContent = data.over ?? `${data.name}: ${clock} left`;
    bar.style.width = `${data.total ? (100 * left) / data.total : 0}%`;
    if (left === 0) setTriggerValue("up", { at: Date.now() });
  };
  // This function is called again when the page is drawn again; only the last call counts.
  clearInterval(parentElement.countdown);
  const timer = (parentElement.countdown = setInterval(show, 1000));
  show();
  return () => clearInterval(timer);
}
"""

# Streamlit sees what is typed when the field is left; this has it look every two seconds, as if
# Ctrl+Enter was pressed. When the time is up it also stops a recording that is running, and tells
# the app that it has done so until the app has heard of it.
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
  const tell = () => setTriggerValue("over", { recording: parentElement.wasRecording });
  clearInterval(parentElement.timer);
  const timer = (parentElement.timer = setInterval(() => {
    commit();
    if (data.over && !data.heard) tell();
  }, 2000));
  if (data.over && parentElement.wasRecording === undefined) {
    commit();
    const stop = within("button[aria-label='Stop recording']");
    stop?.click();
    parentElement.wasRecording = Boolean(stop);
    // After the text, which Streamlit sends a moment later.
    setTimeout(tell, 300);
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
_countdown = st.components.v2.component(
    "exam_countdown", html=_COUNTDOWN_HTML, css=_COUNTDOWN_CSS, js=_COUNTDOWN
)
_keep = st.components.v2.component("exam_answer_keeper", js=_KEEP)
_exchange = st.components.v2.component("exam_session_cookie", js=_EXCHANGE)
_to_provider = st.components.v2.component("exam_to_provider", js=_TO_PROVIDER)
_fragment = st.components.v2.component("exam_link_token", js=_FRAGMENT)
#: Where what it tells is in `st.session_state`.
_LINK = "opened-link"


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


def sign_in_handle() -> str | None:
    """The handle of the sign-in that this browser began."""
    return cookies().get(sign_in_cookie_name())


def go_to_provider(ticket: str) -> None:
    """Has the browser exchange `ticket` for the cookie of a sign-in, and go to the provider."""
    key = hashlib.sha256(ticket.encode()).hexdigest()[:16]
    _to_provider(data={"ticket": ticket}, key=f"provider-{key}", height=1)


def drop_cookie() -> None:
    """Has the browser give the cookie back."""
    _exchange(data={"ticket": None}, key="cookie-none", height=1)


def listen_for_link(heard: str | None, on_told: Callable[[], None]) -> None:
    """Takes the token of a mailed link out of the address bar, whatever page this is. The browser
    tells of it, and `on_told` is called, until the browser knows that the link of this id was
    `heard`."""
    _fragment(data={"heard": heard}, key=_LINK, on_link_change=on_told, height=1)


def told_link() -> tuple[str, str, str] | None:
    """The page, the token and an id of the mailed link of which the browser tells in this run."""
    link = (st.session_state.get(_LINK) or {}).get("link")
    if isinstance(link, dict) and isinstance(link.get("token"), str):
        return str(link.get("page")), link["token"], str(link.get("id"))
    return None


def countdown(name: str, left: float, total: float, *, key: str, over: str | None = None) -> None:
    """Has the browser count down from `left` to 0, in seconds, and draw this part of the page again
    once it is there, each second until the time is another one. It shows `name` and what is left of
    `total`, or else what it says when the time is `over`."""
    data = {"name": name, "left": left, "total": total, "over": over}
    _countdown(data=data, key=key, on_up_change=lambda: None)


def keep_answer(fields: str, *, key: str, is_over: bool, is_heard: bool) -> bool | None:
    """Has the browser send what is typed in the container `fields`, also what Streamlit does not
    know yet. When the time is over, returns whether a recording was running, which is stopped and
    comes by itself, until that `is_heard`."""
    data = {"fields": fields, "over": is_over, "heard": is_heard}
    over = _keep(data=data, key=key, on_over_change=lambda: None, height=1).over
    return bool(over.get("recording")) if isinstance(over, dict) else None


def typed_password(label: str, *, key: str) -> dict[str, str] | None:
    """The `password` that was typed into the field `label`, with the `email` and the `name` beside
    it, in the one run after its typing paused."""
    typed = _typed(data={"label": label}, key=key, on_typed_change=lambda: None, height=1).typed
    if not isinstance(typed, dict):
        return None
    return {name: str(typed.get(name) or "") for name in ("password", "email", "name")}
