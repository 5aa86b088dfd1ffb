"""Mailed links: the page was opened by one, or the link is pasted into a field."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from . import gate
from .forms import Form
from .text import plain


class LinkForm(Form):
    """The form of the page at `/name`, which needs a mailed link."""

    def __init__(self, name: str, *, words: Mapping[str, str], beside: Mapping[str, str]) -> None:
        super().__init__(name, words=words, beside=beside)

    @property
    def opened(self) -> str:
        """The token of the link that opened the page; empty without one."""
        return gate.kept_link(self.name)

    def link_field(self) -> None:
        """Shows the field for a link, unless the page was opened by one."""
        if self.opened:
            self.show_errors("token")
        else:
            self.text("Link from the mail", "token", autocomplete="one-time-code")

    def token(self) -> str:
        """The token: of the link that opened the page, or of what was pasted, the whole link or its
        end."""
        return self.opened or self.value("token").strip().rsplit("#token=", 1)[-1]

    def used_up(self) -> None:
        """Forgets the link once it has done its work."""
        gate.drop_link()
        self.clear("token")

    def belongs_elsewhere(self) -> None:
        """Keeps that the link is of another account than the one that is logged in."""
        gate.keep_link(self.name, self.token())
        st.session_state[self.key("elsewhere")] = self.opened

    @property
    def is_elsewhere(self) -> bool:
        """Whether the link is known to be of another account."""
        return self.opened != "" and st.session_state.get(self.key("elsewhere")) == self.opened

    def show_way_out(self, why: str) -> None:
        """Says who is logged in and `why` the link is not for them, and offers to log out."""
        profile = gate.user().profile
        st.warning(
            f"You are logged in as **{plain(profile.name)}** ({plain(profile.email)}). {why}"
        )
        label = "Log out and go on with the link" if self.opened else "Log out and go on"
        st.button(label, type="primary", on_click=gate.log_out, args=(True,))
        st.page_link("views/exam.py", label="Stay logged in and go to the exams")
