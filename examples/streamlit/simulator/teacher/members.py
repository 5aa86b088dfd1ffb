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
    confirmed: list[str] = []
    others: list[str] = []
    for member in members:
        user = accounts.get(member.email.casefold())
        called = user.name if user else member.name
        line = f"- **{plain(called)}** · {plain(member.email)} · {_state(user)}"
        is_confirmed = user is not None and user.is_verified and user.status == "active"
        (confirmed if is_confirmed else others).append(line)
    st.markdown(f"**{len(confirmed)} of {len(members)}** have confirmed")
    st.button("Look again")
    # Those first whom a teacher has to ask.
    st.markdown("\n".join([*others, *confirmed]))
    st.caption(
        "Students who have lost the link, or were too late, get another one under “Forgotten"
        " password”."
    )


def _state(user: User | None) -> str:
    if user is None:
        return ":red[no account any more]"
    if user.status != "active":
        return ":red[blocked]"
    return ":green[confirmed]" if user.is_verified else ":orange[not confirmed yet]"
