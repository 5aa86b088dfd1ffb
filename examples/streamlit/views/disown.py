"""The page for those whose address somebody else registered."""

from __future__ import annotations

import streamlit as st

from simulator import gate
from simulator.callback import in_one_piece
from simulator.link import LinkForm

FORM = LinkForm(
    "disown",
    words={
        "invalid_link": "This link does not work any more: the account was removed before, its"
        " address was confirmed, or the link is too old. Nothing was changed."
    },
    beside={},
)


@in_one_piece
def disown() -> None:
    """Removes the account that nobody has confirmed."""

    def action() -> None:
        gate.server().disown_email(FORM.token())
        st.session_state["notice"] = (
            "The account with your address is removed. There is nothing else to do."
        )
        FORM.used_up()

    FORM.attempt(action)


st.title("This was not me")
access = gate.current()
if access is not None and access.profile.is_verified:
    FORM.show_way_out(
        "Your address is confirmed, so this link is about another account. Log out to remove that"
        " one."
    )
elif access is not None:
    FORM.show_way_out(
        "This link removes the account that the mail was sent for, which may be this one or"
        " another. Log out before you use it."
    )
else:
    st.write("Somebody registered your address. Remove that account here; nothing else happens.")
    with st.form("disown"):
        FORM.show_trouble()
        FORM.link_field()
        st.form_submit_button("Remove the account", type="primary", on_click=disown)
