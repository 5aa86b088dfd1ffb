"""The page on which people are when a provider has sent them back."""

from __future__ import annotations

import streamlit as st

from admittance_client import AdmittanceError, LinkRequired, Opened, SignedIn, Waiting
from simulator import browser, gate
from simulator.callback import in_one_piece, uncut
from simulator.forms import Form
from simulator.providers import words
from simulator.sign_ins import SIGN_INS, SignIn
from simulator.text import plain

FORM = Form(
    "link",
    words={
        "invalid_credentials": "This is not the password of that account.",
        "invalid_flow": "This took too long, or it was finished already. Continue with the provider"
        " again.",
    },
    beside={"invalid_credentials": "current_password"},
)
MAILED = Form(
    "complete",
    words={"proof_required": "This link is not of the account that you began to make here."},
    beside={"proof_required": "token", "invalid_link": "token"},
)
OVER = "This cannot be finished: it took longer than ten minutes, it was finished already, or it was"
OVER += " begun in another browser. Nothing has changed. Begin again."


@uncut()
def finish(handle: str) -> None:
    """Goes on with what the provider said, if it has; the page then shows how it ended."""
    state, sign_in = st.session_state, SIGN_INS.take(handle)
    if sign_in is None:
        return
    flow, answer = sign_in.started.flow, sign_in.answer
    try:
        if sign_in.session is None:
            done = gate.server().finish_login(sign_in.provider, answer, flow=flow)
            if isinstance(done, Waiting):
                state["waiting"] = done.ticket, sign_in
            else:
                enter(done, sign_in)
            return
        access = gate.current()
        # The answer is for the session that asked, and for no later one of this browser.
        if access is None or access.session is not sign_in.session:
            state["sign_in_over"] = OVER
            return
        access.session.finish(sign_in.provider, answer, flow=flow)
        state["notice"] = f"{sign_in.name} has confirmed who you are."
        state["go_on"] = "views/account.py"
    except LinkRequired as required:
        state["link_of"] = required, sign_in
    except AdmittanceError as error:
        state["sign_in_over"] = words(error, sign_in.name)


def enter(done: SignedIn, sign_in: SignIn) -> None:
    """Logs in, as after any login."""
    gate.log_in(done.opened, remember=sign_in.remember)
    st.session_state["go_on"] = "views/exam.py"
    st.session_state["notice"] = (
        "Your account is made." if done.created else f"You are logged in with {sign_in.name}."
    )


@in_one_piece
def complete() -> None:
    """Makes the account that waits for the mailed link."""
    if "waiting" not in st.session_state:
        return
    ticket, sign_in = st.session_state["waiting"]

    def action() -> None:
        token = MAILED.value("token").strip().rsplit("#token=", 1)[-1]
        opened = gate.server().verify_email(token, ticket=ticket)
        if isinstance(opened, Opened):
            enter(SignedIn(opened, created=True, return_to=None), sign_in)
        else:
            st.session_state.pop("waiting")
            st.session_state["sign_in_over"] = "Your address is confirmed. Log in to go on."

    MAILED.attempt(action)


@in_one_piece
def link(start_anew: bool) -> None:
    """Connects the account that exists, or makes a new one in its place."""
    if "link_of" not in st.session_state:
        return
    required, sign_in = st.session_state["link_of"]

    def action() -> None:
        if start_anew:
            done = gate.server().link_identity(required.ticket, start_anew=True)
        else:
            password = FORM.value("current_password")
            done = gate.server().link_identity(required.ticket, current_password=password)
        enter(done, sign_in)

    FORM.attempt(action)


def show_link(required: LinkRequired, sign_in: SignIn) -> None:
    """Asks for the password of the account that has the address."""
    name = plain(sign_in.name)
    st.title("You have an account already")
    st.write(
        f"An account with the email address that {name} gave exists here. Connect the two, and you"
        " can log in either way."
    )
    with st.form("link"):
        FORM.show_trouble()
        FORM.password("Password of that account", "current_password")
        st.form_submit_button("Connect and log in", type="primary", on_click=link, args=(False,))
    st.page_link("views/forgot.py", label="Forgotten your password?")
    if required.can_start_anew:
        with st.expander("You did not make that account?"):
            st.write(
                "Its address was never confirmed. You can start anew: the account that exists is"
                " removed, with everything in it, and a new one is made for you. This cannot be"
                " undone."
            )
            st.button("Remove it and start anew", on_click=link, args=(True,))


def show_waiting() -> None:
    """Asks for the link, which shows that the address is the person's."""
    st.title("Look into your mailbox")
    st.write(
        "If your address can be registered, a mail with a link is on its way. Copy the link from the"
        " mail, and leave this page open until then."
    )
    with st.form("complete"):
        MAILED.show_trouble()
        MAILED.text("Link from the mail", "token", autocomplete="one-time-code")
        st.form_submit_button("Create the account", type="primary", on_click=complete)


if handle := browser.sign_in_handle():
    finish(handle)
if go_on := st.session_state.get("go_on"):
    st.switch_page(go_on)
if "link_of" in st.session_state:
    show_link(*st.session_state["link_of"])
elif "waiting" in st.session_state:
    show_waiting()
else:
    st.title("Not logged in" if gate.current() is None else "Nothing has changed")
    st.info(plain(st.session_state.get("sign_in_over", OVER)))
    if gate.current() is None:
        st.page_link("views/login.py", label="Log in")
    else:
        st.page_link("views/account.py", label="Account")
