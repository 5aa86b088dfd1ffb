"""The providers that people can sign in with, and the way there."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from admittance_client import AdmittanceError, Provider, Session, Started, ValidationFailed

from . import browser, gate
from .callback import in_one_piece
from .settings import settings
from .sign_ins import SIGN_INS, SignIn
from .text import plain, reason


@st.cache_data(ttl=60, show_spinner=False)
def _providers(auth_url: str) -> list[Provider]:
    # The address is what the list is kept by: it is the same for everybody.
    return gate.server().providers()


def providers() -> list[Provider]:
    """The providers of the account server; none while it does not answer."""
    try:
        return _providers(settings().auth_url)
    except AdmittanceError:
        return []


def redirect_uri(provider: Provider) -> str:
    """Where the provider sends the browser back to: a page of this app."""
    return f"{settings().public_url.rstrip('/')}/callback/{provider.id}"


def offer_login(remember: Callable[[], bool]) -> None:
    """Offers to continue with each provider; `remember` is asked when a button is pressed."""
    for provider in providers():
        st.button(
            f"Continue with {plain(provider.name)}",
            key=f"continue-{provider.id}",
            on_click=_log_in,
            args=(provider, remember),
        )


def offer_link(provider: Provider, session: Session) -> None:
    """Offers to connect an account at `provider` with that of `session`."""
    st.button(
        f"Connect {plain(provider.name)}",
        key=f"connect-{provider.id}",
        on_click=_go,
        args=(provider, session.start_link, session),
    )


def offer_proof(provider: Provider, session: Session) -> None:
    """Offers to prove by `provider` whose account that of `session` is."""
    st.button(
        f"Continue with {plain(provider.name)}",
        key=f"prove-{provider.id}",
        on_click=_go,
        args=(provider, session.start_reauthentication, session),
    )


@in_one_piece
def _log_in(provider: Provider, remember: Callable[[], bool]) -> None:
    stays = remember()

    def start(provider: str, *, redirect_uri: str) -> Started:
        return gate.server().start_login(provider, redirect_uri=redirect_uri, remember=stays)

    _go(provider, start, None, stays)


@in_one_piece
def _go(
    provider: Provider,
    start: Callable[..., Started],
    session: Session | None,
    remember: bool = True,
) -> None:
    """Begins, and has the browser go there once the page is drawn again."""
    state = st.session_state
    try:
        started = start(provider.id, redirect_uri=redirect_uri(provider))
    except AdmittanceError as error:
        state["needs_proof"] = error.code == "recent_login_required"
        if not state["needs_proof"]:
            state["trouble"] = words(error, provider.name)
        return
    sign_in = SignIn(provider.id, provider.name, started, session, remember)
    state["to_provider"] = SIGN_INS.begin(sign_in)


def leave() -> None:
    """Has the browser go to the provider, if that was asked for."""
    if ticket := st.session_state.get("to_provider"):
        browser.go_to_provider(ticket)
        del st.session_state["to_provider"]


def words(error: AdmittanceError, name: str) -> str:
    """What a person is told when signing in with the provider `name` does not work."""
    nothing = "Nothing has changed."
    said = {
        "provider_unavailable": f"{name} does not answer. {nothing} Try again later, or use another"
        " way to log in.",
        "provider_denied": f"You stopped at {name}, or {name} did not let you in. {nothing}",
        "invalid_flow": "This cannot be finished: it took longer than ten minutes, it was finished"
        f" already, or it was begun in another browser. {nothing} Begin again.",
        "identity_taken": f"Who you are at {name} is connected with another account here."
        f" {nothing} To connect it with this one, log in to the other account and disconnect it"
        " there.",
    }
    if isinstance(error, ValidationFailed):
        # What the server says of the address, or why the application refuses the person.
        why = " ".join(broken.message for broken in error.errors)
        return f"No account was made. {why} {nothing}"
    return said.get(error.code) or reason(error)
