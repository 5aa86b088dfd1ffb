"""The page with a student's own answers and grades."""

from __future__ import annotations

import streamlit as st

from simulator import gate
from simulator.answers import Answer, Answers
from simulator.prompts import LEVELS
from simulator.settings import settings
from simulator.show import show_answer, title
from simulator.text import plain, when

ALL, GRADED, WAITING = "All", "Graded", "Not graded"


def is_wanted(answer: Answer, levels: list[str], state: str | None, text: str) -> bool:
    """Whether an answer passes the filters."""
    if levels and answer.level not in levels:
        return False
    if state in (GRADED, WAITING) and (answer.grade is not None) != (state == GRADED):
        return False
    words = f"{answer.transcript} {answer.comment or ''}".casefold()
    return text.strip().casefold() in words


def show_grade(answer: Answer) -> None:
    """What the examiner said."""
    if answer.grade is None or answer.graded_at is None:
        return
    with st.container(border=True):
        st.markdown(f"Graded **{answer.grade}** by {plain(answer.examiner or 'an examiner')}")
        if answer.comment:
            st.text(answer.comment)
        st.caption(when(answer.graded_at))


access = gate.live_user()
st.title("My answers")
answers = Answers(settings().data)
mine = answers.of_user(access.profile.user_id)
if not mine:
    st.info("You have not handed in an answer yet.")
    st.page_link("views/exam.py", label="Take an exam", icon=":material/mic:")
    st.stop()
left, right = st.columns(2)
levels = left.multiselect("Levels", LEVELS, key="history.levels", placeholder="All levels")
state = right.segmented_control("State", (ALL, GRADED, WAITING), default=ALL, key="history.state")
text = st.text_input("Words in the answer or comment", key="history.text")
found = [answer for answer in mine if is_wanted(answer, levels, state, text or "")]
st.caption(f"{len(found)} of {len(mine)} answers")
for answer in found:
    with st.expander(title(answer), expanded=answer is found[0]):
        show_answer(answer, answers)
        show_grade(answer)
