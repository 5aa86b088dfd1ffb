"""The page that a link to confirm an address leads to."""

from __future__ import annotations

import streamlit as st

from admittance_client import Accepted, InvalidLink, Opened, ProofRequired
from simulator import gate, watch
from simulator.callback import in_one_piece
from simulator.forms import Form, Wrong
from simulator.link import LinkForm
from simulator.login_form import ask_to_stay, wants_to_stay
from simulator.text import plain

FORM = LinkForm(
    "verify",
    words={
        "invalid_link": "This link does not work any more: it was used before, or it is too old."
        " You can ask for another one below.",
        "proof_required": "This is not the password that the account was registered with.",
    },
    beside={"proof_required": "password"},
)
RESEND = Form("resend")


@in_one_piece
def verify() -> None:
    """Confirms the address: by the session, or by the password."""

    def action() -> None:
        access = gate.current()
        answer: Accepted | Opened
        if access is None:
            password, remember = FORM.value("password"), wants_to_stay(FORM)
            if not password:
                raise Wrong("password", "Enter the password that you registered with.")
            answer = gate.server().verify_email(FORM.token(), password)
            FORM.used_up()
            if isinstance(answer, Opened):
                gate.open_account(answer, password, remember=remember)
                watch.begin()
                st.session_state["notice"] = "Your address is confirmed, and you are logged in."
            else:
                st.session_state["notice"] = "Your address is confirmed. Log in to go on."
            return
        try:
            access.session.verify_email(FORM.token())
        except ProofRequired:
            FORM.belongs_elsewhere()
        else:
            FORM.used_up()
            watch.begin()

    FORM.attempt(action)


@in_one_piece
def resend() -> None:
    """Has the link mailed again."""

    def action() -> None:
        access = gate.current()
        email = access.profile.email if access else RESEND.value("email")
        gate.server().resend_verification(email)
        st.session_state["notice"] = (
            "If this address still has to be confirmed, a mail with a new link is on its way."
        )

    RESEND.attempt(action)


def find_out() -> None:
    """Asks about the link that somebody opened whose own address is confirmed: a live one is of
    another account, and stays as it is."""
    try:
        gate.live_user().session.verify_email(FORM.token())
    except ProofRequired:
        FORM.belongs_elsewhere()
    except InvalidLink:
        FORM.used_up()
        st.info("This link does not work any more: it was used before, or it is too old.")


def show_form() -> None:
    """Where the address is confirmed."""
    access = gate.current()
    if access is not None:
        st.write(f"This confirms that {plain(access.profile.email)} is your address.")
    with st.form("verify"):
        FORM.show_trouble()
        FORM.link_field()
        if access is None:
            FORM.password("The password that you registered with", "password")
            ask_to_stay(FORM)
        st.form_submit_button("Confirm", type="primary", on_click=verify)
    with st.expander("No mail has come?"), st.form("resend", border=False):
        RESEND.show_trouble()
        if access is None:
            RESEND.text("Email address", "email", autocomplete="username")
        st.form_submit_button("Send it again", on_click=resend)


st.title("Confirm your address")
access = gate.current()
is_confirmed = access is not None and access.profile.is_verified
if is_confirmed and FORM.opened and not FORM.is_elsewhere:
    gate.show(find_out)
if FORM.is_elsewhere and access is not None:
    FORM.show_way_out("This link confirms the address of another account.")
elif not is_confirmed:
    show_form()
elif access is not None and access.live and not FORM.opened:
    st.success(f"Your address {plain(access.profile.email)} is confirmed.")
