"""The form to log in with, which stands on every page that is only for users."""

from __future__ import annotations

import streamlit as st

from . import gate
from .callback import in_one_piece
from .forms import Form
from .providers import offer_login
from .settings import settings

_FORM = Form("login", words={"invalid_credentials": "The email address or the password is wrong."})


def show_login(title: str = "Log in") -> None:
    """Shows the form."""
    st.title(title)
    st.caption("Practise speaking exams at every level from A1 to C2.")
    show_login_form()


def show_login_form() -> None:
    """Shows the fields, below what a page says first."""
    with st.form("login", enter_to_submit=True):
        _FORM.show_trouble()
        _FORM.text("Email address", "email", autocomplete="username")
        _FORM.password("Password", "password")
        ask_to_stay(_FORM)
        st.form_submit_button("Log in", type="primary", on_click=_log_in)
    offer_login(lambda: wants_to_stay(_FORM))
    st.page_link("views/register.py", label="No account yet? Register")
    st.page_link("views/forgot.py", label="Forgotten your password?")


def ask_to_stay(form: Form) -> None:
    """Asks whether the browser stays logged in, wherever a session is opened."""
    shared = settings().shared_machines
    st.checkbox(
        "Keep me logged in on this device",
        not shared,
        key=form.key("remember"),
        help="For a week. Leave this off if other people use this device."
        if shared
        else "For a week. Turn this off if other people use this device.",
    )


def wants_to_stay(form: Form) -> bool:
    """What was answered."""
    return bool(st.session_state.get(form.key("remember")))


@in_one_piece
def _log_in() -> None:
    remember = wants_to_stay(_FORM)

    def action() -> None:
        opened = gate.server().login(
            _FORM.value("email"), _FORM.value("password"), remember=remember
        )
        gate.log_in(opened, remember=remember)

    _FORM.attempt(action)
