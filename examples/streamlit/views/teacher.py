"""The page for teachers. Each part is shown to those who have the permission for it, and the
account server judges every act."""

from __future__ import annotations

import streamlit as st

from simulator import gate
from simulator.teacher.accounts import show_finding
from simulator.teacher.grading import show_grades
from simulator.teacher.inviting import show_inviting
from simulator.teacher.members import show_members
from simulator.teacher.powers import powers


def show() -> None:
    """Shows the parts."""
    may = powers()
    if not may.any:
        st.error("This page is for teachers. An administrator can make you an examiner.")
        return
    parts = {
        "Invite a class": show_inviting if may.invite else None,
        "Who has confirmed": show_members if may.see else None,
        "Accounts": (lambda: show_finding(appoint=may.appoint)) if may.see else None,
        "Grades": show_grades if may.grade else None,
    }
    shown = {title: part for title, part in parts.items() if part is not None}
    for tab, part in zip(st.tabs(list(shown)), shown.values(), strict=True):
        with tab:
            part()


st.title("For teachers")
gate.show(show)
