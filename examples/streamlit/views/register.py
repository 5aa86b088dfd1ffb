"""The page to make an account."""

from __future__ import annotations

import streamlit as st

from admittance_client import Accepted
from simulator import gate
from simulator.callback import in_one_piece
from simulator.forms import Form
from simulator.login_form import ask_to_stay, wants_to_stay
from simulator.providers import offer_login
from simulator.strength import advise

FORM = Form(
    "register",
    words={
        "email_taken": "There is already an account with this email address. Log in, or ask for a"
        " new password."
    },
    beside={"email_taken": "email"},
)


@in_one_piece
def register() -> None:
    """Makes the account, and logs in where the server does not want the address confirmed first."""

    remember = wants_to_stay(FORM)

    def action() -> None:
        answer = gate.server().register(
            email=FORM.value("email"),
            password=FORM.value("password"),
            confirm_password=FORM.value("confirm_password"),
            name=FORM.value("name"),
        )
        if isinstance(answer, Accepted):
            st.session_state["notice"] = (
                "Look into your mailbox: if this address has no account yet, a mail with a link"
                " is on its way. Open the link to finish."
            )
            FORM.clear("password", "confirm_password")
        else:
            gate.open_account(answer, FORM.value("password"), remember=remember)
            st.session_state["notice"] = (
                "Your account is made. A mail with a link is on its way: open the link to confirm"
                " your address."
            )

    FORM.attempt(action)


st.title("Register")
with st.form("register"):
    FORM.show_trouble()
    FORM.text("Name", "name", autocomplete="name")
    FORM.text("Email address", "email", autocomplete="username")
    hint = "A few uncommon words make a good password. Any character is allowed."
    FORM.password("Password", "password", new=True, hint=hint)
    advice = st.empty()
    FORM.password("Password, once more", "confirm_password", new=True)
    ask_to_stay(FORM)
    st.form_submit_button("Register", type="primary", on_click=register)
advise(advice, "Password")
offer_login(lambda: wants_to_stay(FORM))
st.page_link("views/login.py", label="Already registered? Log in")
