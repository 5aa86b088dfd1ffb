"""The page on which examiners grade. Whether somebody may is the account server's to say: it is
asked before answers are shown and before a grade is kept."""

from __future__ import annotations

import streamlit as st

from admittance_client import Forbidden, Session
from simulator import gate
from simulator.answers import MAX_COMMENT, Answer, Answers
from simulator.callback import in_one_piece
from simulator.forms import Form
from simulator.prompts import DESCRIPTORS, LEVELS
from simulator.settings import settings
from simulator.show import show_answer, title

FORM = Form("grading", words={"forbidden": "You may not grade any more. Nothing was saved."})
WAITING, GRADED = "Not graded", "Graded"


def permission(session: Session) -> tuple[str, str]:
    """The examiner's id and name, by the server. Raises `Forbidden`."""
    answer = session.call("GET", "/grading")
    return str(answer["examiner_id"]), str(answer["examiner"])


@in_one_piece
def grade(answer_id: str) -> None:
    """Keeps a grade."""

    def action() -> None:
        state = st.session_state
        examiner_id, examiner = permission(gate.user().session)
        is_there = Answers(settings().data).grade(
            answer_id,
            grade=state[FORM.key(f"{answer_id}.level")],
            comment=FORM.value(f"{answer_id}.comment"),
            examiner_id=examiner_id,
            examiner=examiner,
        )
        state["notice"] = (
            "The grade is saved."
            if is_there
            else "This answer is not there any more. Nothing was saved."
        )

    FORM.attempt(action)


def show_form(answer: Answer) -> None:
    """Where the grade is given."""
    with st.form(f"grade-{answer.answer_id}"):
        level = LEVELS.index(answer.grade or answer.level)
        st.selectbox("Level", LEVELS, level, key=FORM.key(f"{answer.answer_id}.level"))
        st.text_area(
            "Comment for the student",
            answer.comment or "",
            key=FORM.key(f"{answer.answer_id}.comment"),
            max_chars=MAX_COMMENT,
        )
        st.form_submit_button(
            "Save the grade", type="primary", on_click=grade, args=(answer.answer_id,)
        )


def show() -> None:
    """Lists the answers of all students."""
    try:
        permission(gate.live_user().session)
    except Forbidden:
        st.error("Your account may not grade. An administrator can make you an examiner.")
        return
    which = st.segmented_control("Show", (WAITING, GRADED), default=WAITING, key="grading.which")
    answers = Answers(settings().data)
    found = answers.for_grading(graded=which == GRADED)
    if not found:
        st.info("Nothing is waiting." if which != GRADED else "Nothing is graded yet.")
    for answer in found:
        with st.expander(title(answer, with_student=True), expanded=answer is found[0]):
            show_answer(answer, answers)
            st.caption(f"{answer.level} asks for: {DESCRIPTORS[answer.level]}")
            show_form(answer)


st.title("Grade answers")
FORM.show_trouble()
gate.show(show)
