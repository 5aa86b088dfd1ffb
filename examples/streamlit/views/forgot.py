"""The page to ask for a new password."""

from __future__ import annotations

import streamlit as st

from simulator import gate
from simulator.callback import in_one_piece
from simulator.forms import Form

FORM = Form("forgot")


@in_one_piece
def ask() -> None:
    """Has the link mailed."""

    def action() -> None:
        gate.server().forgot_password(FORM.value("email"))
        st.session_state["notice"] = (
            "If there is an account with this address, a mail with a link is on its way."
        )

    FORM.attempt(action)


st.title("Forgotten password")
with st.form("forgot"):
    FORM.show_trouble()
    FORM.text("Email address", "email", autocomplete="username")
    st.form_submit_button("Send me a link", type="primary", on_click=ask)
st.page_link("views/reset.py", label="I have a link")
