"""How an answer is shown, to its student and to an examiner."""

from __future__ import annotations

import streamlit as st

from .answers import Answer, Answers
from .prompts import BY_ID
from .text import plain, wait, when


def title(answer: Answer, *, with_student: bool = False) -> str:
    """The line that stands for an answer."""
    prompt = BY_ID.get(answer.prompt_id)
    name = plain(prompt.title) if prompt else "A prompt that is no longer there"
    grade = f":green[graded {answer.grade}]" if answer.grade else ":gray[not graded]"
    who = f"{plain(answer.student)} · " if with_student else ""
    return f"{who}**{answer.level}** · {name} · {grade}"


def show_answer(answer: Answer, answers: Answers) -> None:
    """The prompt and the answer. What a student typed is text and never markup, so that it cannot
    load or link to anything in an examiner's browser."""
    prompt = BY_ID.get(answer.prompt_id)
    st.caption(f"{when(answer.answered_at)} · {wait(answer.seconds)} of speaking")
    if prompt:
        st.markdown(f"> {plain(prompt.task)}")
    if answer.transcript:
        st.text(answer.transcript)
    recording = answers.recording(answer)
    if recording is not None:
        st.audio(recording, format="audio/wav")
