"""The page for those whose address somebody else registered."""

from __future__ import annotations

import streamlit as st

from simulator import gate
from simulator.link import LinkForm

FORM = LinkForm("disown")


def disown() -> None:
    """Removes the account that nobody has confirmed."""

    def action() -> None:
        st.session_state["notice"] = gate.server().disown_email(FORM.token()).message
        FORM.used_up()

    FORM.attempt(action)


st.title("This was not me")
st.write("Somebody registered your address. Remove that account here; nothing else happens.")
FORM.take_link()
with st.form("disown"):
    FORM.show_trouble()
    FORM.link_field()
    st.form_submit_button("Remove the account", type="primary", on_click=disown)
