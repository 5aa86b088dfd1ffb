"""The form to log in with, which stands on every page that is only for users."""

from __future__ import annotations

import streamlit as st

from . import gate
from .forms import Form

_FORM = Form("login")


def show_login() -> None:
    """Shows the form."""
    st.title("Log in")
    st.caption("Practise speaking exams at every level from A1 to C2.")
    with st.form("login", enter_to_submit=True):
        _FORM.show_trouble()
        _FORM.text("Email address", "email", autocomplete="username")
        _FORM.password("Password", "password")
        st.checkbox(
            "Stay logged in on this device", key=_FORM.key("remember"), help="Not on a shared one."
        )
        st.form_submit_button("Log in", type="primary", on_click=_log_in)
    st.page_link("views/register.py", label="No account yet? Register")
    st.page_link("views/forgot.py", label="Forgotten your password?")


def _log_in() -> None:
    remember = bool(st.session_state.get(_FORM.key("remember")))

    def action() -> None:
        opened = gate.server().login(
            _FORM.value("email"), _FORM.value("password"), remember=remember
        )
        gate.log_in(opened, remember=remember)

    _FORM.attempt(action)
