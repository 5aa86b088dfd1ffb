"""The part of the account for ways in besides the password."""

from __future__ import annotations

import streamlit as st

from admittance_client import Identity, NotFound, Provider, RecentLoginRequired

from . import gate
from .callback import in_one_piece
from .forms import Form
from .providers import offer_link, offer_proof
from .text import plain, when

FORM = Form(
    "ways",
    words={
        "last_credential": "This is the only way into your account, so it stays. Log out and set a"
        " password by mail under “Forgotten password”, or connect another account; then disconnect"
        " this one."
    },
)
PROOF = Form(
    "proof",
    words={"invalid_credentials": "This is not your password."},
    beside={"invalid_credentials": "current_password"},
)


def show_ways(known: list[Provider]) -> None:
    """Lists what is connected, and offers to connect each of `known` that is not."""
    session = gate.live_user().session
    FORM.show_trouble()
    st.caption("Accounts elsewhere that log you in here.")
    names = {provider.id: provider.name for provider in known}
    identities = session.identities()
    for identity in identities:
        _show(identity, names.get(identity.provider, identity.provider))
    connected = {identity.provider for identity in identities}
    for provider in known:
        if provider.id not in connected:
            offer_link(provider, session)
    if st.session_state.get("needs_proof"):
        _ask_for_proof([provider for provider in known if provider.id in connected])


def _show(identity: Identity, name: str) -> None:
    with st.container(border=True):
        words, button = st.columns([4, 1], vertical_alignment="center")
        email = f" · {plain(identity.email)}" if identity.email else ""
        words.markdown(f"**{plain(name)}**{email}")
        used = f", last used {when(identity.last_used_at)}" if identity.last_used_at else ""
        words.caption(f"Connected {when(identity.created_at)}{used}")
        key = f"disconnect-{identity.identity_id}"
        button.button("Disconnect", key=key, on_click=_disconnect, args=(identity, name))


@in_one_piece
def _disconnect(identity: Identity, name: str) -> None:
    def action() -> None:
        try:
            gate.user().session.unlink_identity(identity.identity_id)
        except NotFound:
            pass  # It was disconnected in another tab.
        except RecentLoginRequired:
            st.session_state["needs_proof"] = True
            return
        st.session_state["notice"] = f"{name} is disconnected."

    FORM.attempt(action)


def _ask_for_proof(connected: list[Provider]) -> None:
    """Ways in are changed only soon after a login."""
    session = gate.user().session
    with st.form("proof"):
        st.write("Ways in are changed only soon after a login. Confirm that it is you, then try again.")
        PROOF.show_trouble()
        PROOF.password("Your password", "current_password")
        st.form_submit_button("Confirm", type="primary", on_click=_prove)
    for provider in connected:
        offer_proof(provider, session)


@in_one_piece
def _prove() -> None:
    def action() -> None:
        gate.user().session.reauthenticate(PROOF.value("current_password"))
        PROOF.clear("current_password")
        st.session_state.pop("needs_proof")
        st.session_state["notice"] = "Thank you. Now try again."

    PROOF.attempt(action)
