"""Finding an account by its address, and what its owner may do."""

from __future__ import annotations

import streamlit as st

from admittance_client import User

from .. import gate
from ..callback import in_one_piece
from ..forms import Form, Wrong
from ..text import plain, when

#: The roles that are given here, and what people call them.
ROLES = {"examiner": "an examiner", "admin": "an administrator"}

FIND = Form("find", beside={"not_found": "email"}, words={"not_found": "No account has this address."})
CHANGE = Form(
    "roles",
    words={
        "forbidden": "You may not change what this account may do.",
        "not_verified": "This person has to confirm the address first.",
        "last_administrator": "You are the last administrator, and somebody has to be one.",
        "not_found": "This account is not there any more.",
    },
)


def show_finding(*, appoint: bool) -> None:
    """The field for an address, and the account that was found, whose roles change by a button for
    those who may `appoint`."""
    with st.form("find"):
        FIND.show_trouble()
        FIND.text("Address of the account", "email", autocomplete="off")
        st.form_submit_button("Find the account", type="primary", on_click=_find)
    CHANGE.show_trouble()
    # As it was when it was found: asking again would leave a trace in its history each time.
    user: User | None = st.session_state.get("found")
    if user is None:
        return
    with st.container(border=True):
        _show(user)
        if appoint and user.status == "active":
            for role, called in ROLES.items():
                _show_button(user, role, called)


def _show(user: User) -> None:
    st.markdown(f"**{plain(user.name)}** · {plain(user.email)}")
    state = "" if user.status == "active" else " · :red[blocked]"
    confirmed = ":green[confirmed]" if user.is_verified else ":gray[not confirmed yet]"
    roles = ", ".join(plain(ROLES.get(role, role).removeprefix("an ")) for role in user.roles)
    st.markdown(f"Address {confirmed}{state} · {roles or 'no roles'}")
    seen = f"last logged in {when(user.last_login)}" if user.last_login else "never logged in"
    st.caption(f"Made {when(user.created_at)}, {seen}")


def _show_button(user: User, role: str, called: str) -> None:
    if role in user.roles:
        label = f"No longer {called}"
        st.button(label, key=f"revoke-{role}", on_click=_change, args=(user, role, False))
    elif user.is_verified:
        label = f"Make {called}"
        st.button(label, key=f"grant-{role}", on_click=_change, args=(user, role, True))
    elif role == next(iter(ROLES)):
        st.caption("Roles can be given once the address is confirmed.")


@in_one_piece
def _find() -> None:
    def action() -> None:
        email = FIND.value("email").strip()
        if not email:
            raise Wrong("email", "Enter an address.")
        st.session_state.pop("found", None)
        st.session_state["found"] = gate.user().session.find_user(email)

    FIND.attempt(action)


@in_one_piece
def _change(user: User, role: str, grant: bool) -> None:
    def action() -> None:
        session, changed = gate.user().session, [role]
        grants, revokes = (changed, []) if grant else ([], changed)
        user_id = user.user_id
        after = session.change_roles(user_id, grant=grants, revoke=revokes)
        st.session_state["found"] = after
        called = ROLES.get(role, role)
        st.session_state["notice"] = (
            f"{user.name} is {called} now." if grant else f"{user.name} is not {called} any more."
        )

    CHANGE.attempt(action)
