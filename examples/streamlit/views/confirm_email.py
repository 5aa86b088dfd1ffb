"""The page that a link to a new address leads to. Only the account's own session can confirm it."""

from __future__ import annotations

import streamlit as st

from admittance_client import ProofRequired
from simulator import gate
from simulator.callback import in_one_piece
from simulator.link import LinkForm
from simulator.login_form import show_login_form
from simulator.text import plain

FORM = LinkForm(
    "confirm-email",
    words={
        "invalid_link": "This link does not work any more: it was used before, or it is too old."
        " You can ask for another one in Account, under Address.",
        "email_taken": "Another account has the new address by now.",
    },
    beside={},
)


@in_one_piece
def confirm() -> None:
    """Takes the new address over."""

    def action() -> None:
        try:
            gate.user().session.confirm_email_change(FORM.token())
        except ProofRequired:
            FORM.belongs_elsewhere()
        else:
            st.session_state["notice"] = "Your new address is confirmed."
            FORM.used_up()

    FORM.attempt(action)


st.title("Confirm the new address")
access = gate.current()
if access is None:
    st.info("Log in to the account whose address you are changing. Then you can confirm it here.")
    show_login_form()
elif FORM.is_elsewhere:
    FORM.show_way_out("This link changes the address of another account.")
else:
    st.write(
        f"The link replaces the address of your account, {plain(access.profile.email)}, by the one"
        " that the mail was sent to."
    )
    with st.form("confirm-email"):
        FORM.show_trouble()
        FORM.link_field()
        st.form_submit_button("Confirm", type="primary", on_click=confirm)
