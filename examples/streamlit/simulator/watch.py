"""Roles that are given a moment after an address was confirmed: the first administrator's."""

from __future__ import annotations

import time

import streamlit as st

from admittance_client import AdmittanceError

from . import gate

#: For how long after an address was confirmed the server is asked for new roles, in seconds.
WATCH_SECONDS = 60.0


def begin() -> None:
    """An address was confirmed in this tab."""
    st.session_state["watch_until"] = time.monotonic() + WATCH_SECONDS


def show_new_roles() -> None:
    """Draws the page again, with its menu, when the roles change. Does nothing unless an address
    was just confirmed."""
    access = gate.current()
    if access is not None and access.live and _is_watching():
        _watch(access.profile.roles)


def _is_watching() -> bool:
    return time.monotonic() < float(st.session_state.get("watch_until") or 0.0)


@st.fragment(run_every=2.0)
def _watch(roles: tuple[str, ...]) -> None:
    access = gate.current()
    if access is None or not _is_watching():
        return
    try:
        now = access.session.profile().roles
    except AdmittanceError:
        return  # The next act in the tab finds out.
    if now != roles:
        st.session_state.pop("watch_until", None)
        st.rerun()
