"""The page that a link to a new address leads to. Only the account's own session can confirm it."""

from __future__ import annotations

import streamlit as st

from simulator import gate
from simulator.link import LinkForm

FORM = LinkForm("confirm-email")


def confirm() -> None:
    """Takes the new address over."""

    def action() -> None:
        answer = gate.user().session.confirm_email_change(FORM.token())
        st.session_state["notice"] = answer.message
        FORM.used_up()

    FORM.attempt(action)


st.title("Confirm the new address")
FORM.take_link()
if gate.current() is None:
    st.info("Log in to your account in another tab, then open the link again.")
else:
    with st.form("confirm-email"):
        FORM.show_trouble()
        FORM.link_field()
        st.form_submit_button("Confirm", type="primary", on_click=confirm)
