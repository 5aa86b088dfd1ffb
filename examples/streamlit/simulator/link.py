"""The field for the token of a mailed link, which may also be pasted."""

from __future__ import annotations

import streamlit as st

from . import browser
from .forms import Form


class LinkForm(Form):
    """A form that needs the token of a mailed link."""

    def take_link(self) -> None:
        """Takes the token out of the address bar. Before the form: in one, the browser would keep
        the token until the form is sent."""
        opened_with = browser.link_token(self.name)
        if opened_with is not None:
            st.session_state[self.key("opened_with")] = opened_with

    def link_field(self) -> None:
        """Shows the field, unless the page was opened by the link itself."""
        if self.key("opened_with") not in st.session_state:
            self.text("Link or token from the mail", "token", autocomplete="off")

    def token(self) -> str:
        """The token: of the link, or what was pasted, the whole link or the token alone."""
        pasted = self.value("token").strip().rsplit("#token=", 1)[-1]
        return self.value("opened_with") or pasted

    def used_up(self) -> None:
        """Forgets the token once it has done its work."""
        st.session_state.pop(self.key("opened_with"), None)
        self.clear("token")
