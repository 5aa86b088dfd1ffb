"""Who of a class has confirmed."""

from __future__ import annotations

import streamlit as st

from admittance_client import Session, User

from .. import gate
from ..settings import settings
from ..text import plain
from .classes import Classes

#: How many accounts are looked through at most, in pages of `_PAGE`.
MAX_ACCOUNTS = 10_000
_PAGE = 200


def all_accounts(session: Session) -> list[User]:
    """All accounts. Needs `users:read`; leaves no trace in what happened with each."""
    found: list[User] = []
    after: str | None = None
    while len(found) < MAX_ACCOUNTS:
        page = session.users(after=after, limit=_PAGE)
        found += page.items
        after = page.next
        if after is None:
            break
    return found


def show_members() -> None:
    """A class with the state of each account."""
    classes = Classes(settings().data)
    names = classes.names()
    if not names:
        st.info("No class has been invited yet.")
        return
    name = st.selectbox("Class", names, key="members.class")
    accounts = {user.email.casefold(): user for user in all_accounts(gate.live_user().session)}
    members = classes.members(name)
    states = [_state(accounts.get(member.email.casefold())) for member in members]
    confirmed = sum(state.startswith(":green") for state in states)
    st.markdown(f"**{confirmed} of {len(members)}** have confirmed")
    lines = []
    for member, state in zip(members, states, strict=True):
        user = accounts.get(member.email.casefold())
        called = user.name if user else member.name
        lines.append(f"- **{plain(called)}** · {plain(member.email)} · {state}")
    st.markdown("\n".join(lines))
    st.caption("Who has lost the link, or was too late, gets one under “Forgotten password”.")
    st.button("Look again")


def _state(user: User | None) -> str:
    if user is None:
        return ":red[no account any more]"
    if user.status != "active":
        return ":red[blocked]"
    return ":green[confirmed]" if user.is_verified else ":orange[not confirmed yet]"
