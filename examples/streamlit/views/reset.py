"""The page that a link to a new password leads to."""

from __future__ import annotations

import streamlit as st

from simulator import gate
from simulator.link import LinkForm

FORM = LinkForm("reset")


def reset() -> None:
    """Sets the new password."""

    def action() -> None:
        answer = gate.server().reset_password(
            FORM.token(), FORM.value("new_password"), FORM.value("confirm_password")
        )
        st.session_state["notice"] = f"{answer.message} Log in with it now."
        FORM.used_up()
        FORM.clear("new_password", "confirm_password")

    FORM.attempt(action)


st.title("New password")
FORM.take_link()
with st.form("reset"):
    FORM.show_trouble()
    FORM.link_field()
    FORM.password("New password", "new_password", new=True)
    FORM.password("New password, once more", "confirm_password", new=True)
    st.form_submit_button("Set the new password", type="primary", on_click=reset)
st.page_link("views/login.py", label="Log in")
