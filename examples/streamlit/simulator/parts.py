"""The parts of a page that are drawn again alone, `st.fragment`, end with the page."""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx


def end_with(page: st.Page) -> None:
    """Forgets the parts of the page that was left for `page`, and what was asked of them.

    Streamlit names the page that a part was on when it draws the part again, even if that page was
    left meanwhile, and the browser then clears the new one. Called once a run, before the page is
    drawn.
    """
    state, context = st.session_state, get_script_run_ctx()
    if context is None or state.get("page", page.url_path) == page.url_path:
        state["page"] = page.url_path
        return
    # A request for a part that is not there is ignored. One that has come before is in the queue,
    # where a request for the whole page takes its place.
    context.fragment_storage.clear()
    state["page"] = page.url_path
    st.rerun()
