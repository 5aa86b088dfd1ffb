"""Advice on a new password while it is typed."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.errors import StreamlitInvalidLayoutContextError

from admittance_client import AdmittanceError, Strength

from . import browser, gate
from .text import plain

_SCORES = (
    "This password is very easy to guess.",
    "This password is easy to guess.",
    "This password could be better.",
    "This is a good password.",
    "This is a very good password.",
)


def words(strength: Strength) -> str:
    """What is said of a password."""
    if not strength.acceptable:
        return " ".join(error.message for error in strength.errors)
    return " ".join([_SCORES[min(max(strength.score, 0), 4)], *strength.suggestions])


@st.fragment
def advise(place: DeltaGenerator, label: str) -> None:
    """Writes into `place` what the password in the field `label` is worth, whenever its typing
    pauses. Called outside the form, whose fields are sent with its button only."""
    key = label.lower().replace(" ", "-")
    with st.container(key=f"unseen-advice-{key}"):
        typed = browser.typed_password(label, key=f"advice-{key}")
    # In every run, so that Streamlit keeps the place for the runs of this part alone.
    place.empty()
    if typed is None:
        return
    try:
        strength = gate.server().password_strength(
            typed["password"], email=typed["email"], name=typed["name"]
        )
    except AdmittanceError:
        return  # It is judged when it is sent, too.
    try:
        place.caption(plain(words(strength)))
    except StreamlitInvalidLayoutContextError:
        pass  # The page was left, or is drawn again, before the place was there.
