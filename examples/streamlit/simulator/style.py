"""How pages look: less space above them than Streamlit leaves, most of all on a phone."""

from __future__ import annotations

import streamlit as st

_STYLE = """
<style>
/* What only talks to the browser takes no room. */
[class*="st-key-unseen"] { position: absolute; width: 0; height: 0; overflow: hidden; }
[class*="st-key-notices"]:empty { display: none; }
.stMainBlockContainer { padding-top: 4rem; padding-bottom: 4rem; }
.stMainBlockContainer h1 { font-size: 2rem; padding: 0.25rem 0 0.75rem; }
.stMainBlockContainer h2 { font-size: 1.6rem; }
@media (max-width: 640px) {
  .stMainBlockContainer { padding: 3.25rem 1rem 3rem; }
  .stMainBlockContainer h1 { font-size: 1.5rem; }
  .stMainBlockContainer h2 { font-size: 1.3rem; padding: 0.25rem 0; }
  /* Whose account it is stands beside the button of the menu, also when the page is scrolled. */
  .st-key-account {
    position: fixed; top: 1rem; left: 3.5rem; right: 1rem; width: auto; z-index: 999990;
    pointer-events: none;
  }
  .st-key-account p { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
}
</style>
"""


def set_style() -> None:
    """Sets the style of the page."""
    st.html(_STYLE)
