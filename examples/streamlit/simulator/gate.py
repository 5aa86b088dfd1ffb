"""Who is at the other end of this tab: asked of the account server at every run of the script.

What is in `st.session_state` belongs to one tab, and is emptied when another person logs in.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import streamlit as st

from admittance_client import (
    Admittance,
    AdmittanceError,
    Opened,
    Profile,
    Session,
    SessionEnded,
    Unavailable,
)

from . import browser
from .callback import LAST, in_one_piece, stop, uncut
from .logins import LOGINS
from .settings import settings
from .text import plain, reason

#: For how long a notice is shown again when the page is drawn again, in seconds.
NOTICE_SECONDS = 1.0
ENDED = "You are not logged in any more. Log in to go on."
DOWN = "The server for accounts does not answer. What you typed is still here."


@dataclass(frozen=True, slots=True)
class Access:
    """A user who is logged in. `live` is whether the server has just said so; when it could not
    be asked, only what the person types in this tab may be shown, and nothing that is kept."""

    session: Session
    profile: Profile
    live: bool


def server() -> Admittance:
    """The account server, called for the person of this tab."""
    return Admittance(settings().auth_url, caller=browser.caller())


def enter() -> Access | None:
    """The user of this tab, or `None`. Called once a run, before anything is shown."""
    state = st.session_state
    session: Session | None = state.get("session")
    if session is None and not state.get("asked"):
        # The cookie counts when the tab is opened, and not after a logout in it.
        handle = browser.handle()
        session = LOGINS.find(handle) if handle else None
        if handle and session is None:
            state["notice"] = ENDED
        state["session"] = session
    state["asked"] = True
    # A button that is pressed right after a field was left cuts a run off, and its callback comes
    # before the next one: it must find the access of the run before, not half of this one.
    if session is None:
        state["access"] = None
        return None
    try:
        state["profile"] = session.profile()
        state["access"] = Access(session, state["profile"], live=True)
    except SessionEnded:
        leave(ENDED)
    except AdmittanceError as error:
        state["down"] = DOWN if isinstance(error, Unavailable) else reason(error)
        if "profile" in state:
            state["access"] = Access(session, state["profile"], live=False)
        else:
            state["access"] = None
            _show_down()
            st.stop()
    return current()


def current() -> Access | None:
    """The user as `enter` found them in this run."""
    access: Access | None = st.session_state.get("access")
    return access


def user() -> Access:
    """The user, on a page that is only for users."""
    access = current()
    if access is None:
        stop()
    return access


def live_user() -> Access:
    """The user, on a page that shows what is kept: nothing while the server cannot be asked."""
    access = user()
    if not access.live:
        stop()
    return access


def open_account(opened: Opened, password: str, *, remember: bool) -> None:
    """Logs in with the session that was opened by registering or confirming. The server opens a
    long one for both; where the browser is not to stay logged in, a short one takes its place."""
    if not remember:
        try:
            short = server().login(opened.email, password, remember=False)
            server().session(opened.tokens).logout()
        except AdmittanceError:
            pass  # The cookie ends with the browser in any case.
        else:
            opened = replace(short, message=opened.message)
    log_in(opened, remember=remember)


def log_in(opened: Opened, *, remember: bool) -> None:
    """Makes this tab, and after a reload this browser, the new session's. `remember` is whether the
    browser stays logged in when it is closed."""
    state = st.session_state
    run = state.get("run")
    _forget_all()
    # A student who was logged out during an exam goes on with it; nobody else does.
    if run is not None and run.user_id == opened.user_id:
        run.tried_at = None
        state["run"] = run
    session = server().session(opened.tokens)
    state["session"], state["asked"] = session, True
    state["ticket"] = LOGINS.ticket(session, user_id=opened.user_id, remember=remember)


@in_one_piece
def log_out(go_on: bool = False) -> None:
    """Ends the session, in every tab that has it; to `go_on` keeps the mailed link."""
    access = current()
    if access is None:
        return
    try:
        access.session.logout()
    except AdmittanceError as error:
        st.session_state["trouble"] = f"You are still logged in. {reason(error)}"
        return
    leave("You are logged out.")
    st.session_state.pop("run", None)
    if not go_on:
        drop_link()


@uncut()
def leave(notice: str) -> None:
    """Forgets the session in this process and this tab; a run of an exam waits for its owner, and
    a mailed link is kept."""
    state = st.session_state
    session: Session | None = state.get("session")
    if session is not None:
        LOGINS.end(session)
    run = state.get("run")
    _forget_all()
    if run is not None:
        state["run"] = run
    state["asked"], state["notice"], state["drop_cookie"] = True, notice, True


def _forget_all() -> None:
    for key in list(st.session_state):
        if key not in ("link", "heard-link", LAST):
            del st.session_state[key]


def take_link() -> None:
    """Keeps the mailed link that opened this page. Called first in a run, so that no token stays in
    the address bar, no matter who is logged in and whether the server answers."""
    browser.listen_for_link(st.session_state.get("heard-link"), _hear)


@uncut()
def _hear() -> None:
    if told := browser.told_link():
        _keep_told(*told)
        # The run is for the page that the browser showed when it told.
        st.session_state["led_to"] = told[0]


def _keep_told(page: str, token: str, link_id: str) -> None:
    """Keeps a link once, however often the browser tells of it: it may be used up by then."""
    if st.session_state.get("heard-link") != link_id:
        keep_link(page, token)
        st.session_state["heard-link"] = link_id


def led_to(page: str) -> str | None:
    """The page that the link leads to, until `page` is that. The browser tells of the link before it
    knows the pages, and then runs the script for the first of them."""
    wanted: str | None = st.session_state.get("led_to")
    if wanted == page:
        del st.session_state["led_to"]
        return None
    return wanted


def keep_link(page: str, token: str) -> None:
    """Keeps a mailed link for the page that it leads to."""
    st.session_state["link"] = page, token


def kept_link(page: str) -> str:
    """The token of the link to `page`; empty when there is none."""
    # A button that is pressed as the browser tells has its callback called first.
    if told := browser.told_link():
        _keep_told(*told)
    kept_for, token = st.session_state.get("link") or ("", "")
    return token if kept_for == page else ""


def drop_link() -> None:
    """Forgets the mailed link."""
    st.session_state.pop("link", None)


def show(page: Callable[[], None]) -> None:
    """Draws what has to be asked of the server, or says why it cannot be."""
    try:
        page()
    except SessionEnded:
        leave(ENDED)
        st.rerun()
    except AdmittanceError as error:
        st.error(reason(error))
        st.button("Try again")


def move_cookie() -> None:
    """Has the browser take or give back the cookie, after a login or a logout."""
    state = st.session_state
    ticket = state.get("ticket")
    if ticket is not None:
        if LOGINS.is_waiting(ticket):
            browser.set_cookie(ticket)
        else:
            del state["ticket"]
    elif "drop_cookie" in state:
        browser.drop_cookie()
        del state["drop_cookie"]


def show_account() -> None:
    """Says whose account this page is for."""
    access = current()
    if access is None:
        st.caption(":material/person_off: Not logged in")
    else:
        name, email = plain(access.profile.name), plain(access.profile.email)
        st.caption(f":material/person: **{name}** · {email}")


def show_notices() -> None:
    """Shows what has happened, also when the page is drawn again right afterwards."""
    state, now = st.session_state, time.monotonic()
    for key, box in (("notice", st.info), ("trouble", st.error)):
        if key in state:
            state[f"{key}.shown"] = state[key], now
            del state[key]
        words, since = state.get(f"{key}.shown") or ("", now)
        if words and now - since <= NOTICE_SECONDS:
            box(plain(words))
    if "down" in state:
        _show_down()


def _show_down() -> None:
    st.error(plain(st.session_state.pop("down")))
    st.button("Try again")
