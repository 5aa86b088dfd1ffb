"""The page that a link to confirm an address leads to."""

from __future__ import annotations

import streamlit as st

from admittance_client import Accepted, Opened
from simulator import gate
from simulator.forms import Form
from simulator.link import LinkForm

FORM = LinkForm("verify")
RESEND = Form("resend")


def verify() -> None:
    """Confirms the address: by the session, or by the password."""

    def action() -> None:
        access = gate.current()
        answer: Accepted | Opened
        if access is not None:
            answer = access.session.verify_email(FORM.token())
        else:
            answer = gate.server().verify_email(FORM.token(), FORM.value("password") or None)
        if isinstance(answer, Opened):
            gate.log_in(answer)
        else:
            FORM.used_up()
        st.session_state["notice"] = answer.message

    FORM.attempt(action)


def resend() -> None:
    """Has the link mailed again."""

    def action() -> None:
        access = gate.current()
        email = access.profile.email if access else RESEND.value("email")
        st.session_state["notice"] = gate.server().resend_verification(email).message

    RESEND.attempt(action)


st.title("Confirm your address")
access = gate.current()
if access is not None and access.profile.is_verified:
    st.success("Your address is confirmed.")
    st.stop()
FORM.take_link()
with st.form("verify"):
    FORM.show_trouble()
    FORM.link_field()
    if access is None:
        FORM.password("The password that you registered with", "password")
    st.form_submit_button("Confirm", type="primary", on_click=verify)
with st.expander("No mail has come?"), st.form("resend", border=False):
    RESEND.show_trouble()
    if access is None:
        RESEND.text("Email address", "email", autocomplete="username")
    st.form_submit_button("Send it again", on_click=resend)
