"""The page that a link to a new password leads to."""

from __future__ import annotations

import streamlit as st

from simulator import gate
from simulator.callback import in_one_piece
from simulator.link import LinkForm
from simulator.strength import advise

FORM = LinkForm(
    "reset",
    words={
        "invalid_link": "This link does not work any more: it was used before, or it is too old."
        " You can ask for another one."
    },
    beside={},
)


@in_one_piece
def reset() -> None:
    """Sets the new password."""

    def action() -> None:
        gate.server().reset_password(
            FORM.token(), FORM.value("new_password"), FORM.value("confirm_password")
        )
        st.session_state["notice"] = "Your new password is set. Log in with it now."
        FORM.used_up()
        FORM.clear("new_password", "confirm_password")

    FORM.attempt(action)


st.title("New password")
if gate.current() is not None:
    # Only the server knows whose link it is, and tells nobody before it is used.
    FORM.show_way_out(
        "A link for a new password may be for another account. Log out before you use it. To"
        " change the password of this account, go to Account."
    )
else:
    st.write("This sets a new password for the account that the mail was sent for.")
    with st.form("reset"):
        FORM.show_trouble()
        FORM.link_field()
        FORM.password("New password", "new_password", new=True)
        advice = st.empty()
        FORM.password("New password, once more", "confirm_password", new=True)
        st.form_submit_button("Set the new password", type="primary", on_click=reset)
    advise(advice, "New password")
    st.page_link("views/login.py", label="Log in")
    st.page_link("views/forgot.py", label="Ask for another link")
