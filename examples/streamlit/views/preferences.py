"""The page for what a student prefers."""

from __future__ import annotations

import streamlit as st

from simulator import gate
from simulator.callback import in_one_piece
from simulator.forms import Form
from simulator.preferences import MAX_PROMPTS, Preferences
from simulator.prompts import DESCRIPTORS, LEVELS

FORM = Form("preferences")


@in_one_piece
def save() -> None:
    """Keeps them on the account server."""

    def action() -> None:
        state = st.session_state
        wanted = Preferences(state[FORM.key("level")], state[FORM.key("prompts")])
        gate.user().session.patch_profile(preferences=wanted.patch())
        state["notice"] = "Your preferences are saved."

    FORM.attempt(action)


st.title("Preferences")
kept = Preferences.read(gate.user().profile.preferences)
FORM.show_trouble()
level = st.radio(
    "The level that you aim at",
    LEVELS,
    LEVELS.index(kept.level),
    key=FORM.key("level"),
    horizontal=True,
)
st.caption(DESCRIPTORS[level])
counts = range(1, MAX_PROMPTS + 1)
st.radio("Prompts in a session", counts, kept.prompts - 1, key=FORM.key("prompts"), horizontal=True)
FORM.show_errors("preferences")
st.button("Save", type="primary", on_click=save)
