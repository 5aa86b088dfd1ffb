"""The page to make an account."""

from __future__ import annotations

import streamlit as st

from admittance_client import Accepted
from simulator import gate
from simulator.forms import Form

FORM = Form("register")


def register() -> None:
    """Makes the account, and logs in where the server does not want the address confirmed first."""

    def action() -> None:
        answer = gate.server().register(
            email=FORM.value("email"),
            password=FORM.value("password"),
            confirm_password=FORM.value("confirm_password"),
            name=FORM.value("name"),
        )
        if isinstance(answer, Accepted):
            st.session_state["notice"] = answer.message
            FORM.clear("password", "confirm_password")
        else:
            gate.log_in(answer)
            st.session_state["notice"] = (
                f"{answer.message} We have sent a link to your address: open it to confirm it."
            )

    FORM.attempt(action)


st.title("Register")
with st.form("register"):
    FORM.show_trouble()
    FORM.text("Name", "name", autocomplete="name")
    FORM.text("Email address", "email", autocomplete="username")
    hint = "A few uncommon words make a good password. Any character is allowed."
    FORM.password("Password", "password", new=True, hint=hint)
    FORM.password("Password, once more", "confirm_password", new=True)
    st.form_submit_button("Register", type="primary", on_click=register)
st.page_link("views/login.py", label="Already registered? Log in")
