"""The page for those whose address somebody else registered."""

from __future__ import annotations

import streamlit as st

from simulator import gate
from simulator.forms import Form
from simulator.link import link_field

FORM = Form("disown")


def disown(token: str) -> None:
    """Removes the account that nobody has confirmed."""

    def action() -> None:
        st.session_state["notice"] = gate.server().disown_email(token).message
        FORM.clear("token")

    FORM.attempt(action)


st.title("This was not me")
st.write("Somebody registered your address. Remove that account here; nothing else happens.")
FORM.show_trouble()
token = link_field(FORM, "disown")
st.button("Remove the account", type="primary", on_click=disown, args=(token,))
