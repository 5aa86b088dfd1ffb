"""The page for where one is logged in."""

from __future__ import annotations

import streamlit as st

from admittance_client import NotFound
from simulator import gate
from simulator.callback import in_one_piece
from simulator.forms import Form
from simulator.text import plain, when
from simulator.user_agent import device

FORM = Form("devices")


@in_one_piece
def end(session_id: str) -> None:
    """Ends one session."""

    def action() -> None:
        try:
            gate.user().session.end_session(session_id)
        except NotFound:
            pass  # It was over already.
        st.session_state["notice"] = "That device is logged out."

    FORM.attempt(action)


@in_one_piece
def end_others() -> None:
    """Ends every session but this one."""

    def action() -> None:
        gate.user().session.end_other_sessions()
        st.session_state["notice"] = "Every other device is logged out."

    FORM.attempt(action)


def show() -> None:
    """Lists the sessions."""
    st.title("Devices")
    st.caption("Where you are logged in. Log out what you do not know, and change your password.")
    sessions = gate.live_user().session.sessions()
    sessions.sort(key=lambda info: info.last_seen_at, reverse=True)
    for info in sessions:
        with st.container(border=True):
            words, button = st.columns([4, 1], vertical_alignment="center")
            mark = " · :green[this device]" if info.current else ""
            words.markdown(f"**{plain(device(info.user_agent))}**{mark}")
            place = plain(info.ip or "an unknown address")
            words.caption(f"From {place}, last seen {when(info.last_seen_at)}")
            if not info.current:
                button.button("Log out", key=info.session_id, on_click=end, args=(info.session_id,))
    if len(sessions) > 1:
        st.button("Log out all other devices", on_click=end_others)


FORM.show_trouble()
gate.show(show)
