"""The page on which an exam is taken."""

from __future__ import annotations

import time

import streamlit as st

from simulator import browser, gate
from simulator.answers import MAX_TRANSCRIPT, Answers
from simulator.forms import Form, Wrong
from simulator.preferences import MAX_PROMPTS, Preferences
from simulator.prompts import DESCRIPTORS, LEVELS, Prompt
from simulator.run import Run, start
from simulator.settings import settings

FORM = Form("exam")
RULE = (
    "When the speaking time is up, your answer is handed in by itself: what you have typed, and"
    " your recording, even if it is still running. Keep this page open until then. If you close it"
    " or load it again, the answer that you are giving is lost."
)


def begin() -> None:
    """Draws the prompts."""
    state = st.session_state
    user_id = gate.user().profile.user_id
    state["run"] = start(user_id, state[FORM.key("level")], state[FORM.key("prompts")])


def stop() -> None:
    """Leaves the exam; what was handed in stays."""
    st.session_state.pop("run", None)


def keep_draft(run: Run, key: str) -> None:
    """Keeps what was typed, before anything is asked that could send the student away."""
    run.draft = st.session_state.get(f"{key}.text") or ""


def hand_in(run: Run, prompt: Prompt, key: str) -> None:
    """Keeps the answer, if the server still knows the student."""

    def action() -> None:
        state = st.session_state
        profile = gate.user().session.profile()
        recorded, text = state.get(f"{key}.audio"), state.get(f"{key}.text", run.draft)
        if run.phase == "over" and recorded is None and not text.strip():
            state["notice"] = "The time was up, and there was no answer to hand in."
            run.next()
            return
        try:
            Answers(settings().data).add(
                user_id=profile.user_id,
                student=profile.name,
                prompt_id=prompt.prompt_id,
                level=prompt.level,
                transcript=text,
                recording=recorded.getvalue() if recorded is not None else None,
                seconds=run.spoken(),
            )
        except ValueError as wrong:
            raise Wrong("answer", str(wrong)) from None
        if run.phase == "over":
            state["notice"] = "The time was up: your answer is handed in."
        run.next()

    FORM.attempt(action)


def has_recording(key: str) -> bool:
    """Whether the browser has sent a recording."""
    return st.session_state.get(f"{key}.audio") is not None


def hand_in_by_itself(run: Run, prompt: Prompt, key: str) -> None:
    """Hands in once the time is up and everything is here."""
    if run.is_due(has_recording=has_recording(key)):
        run.tried_at = time.monotonic()
        hand_in(run, prompt, key)
        st.rerun()


@st.fragment(run_every=1.0)
def clock(run: Run, key: str) -> None:
    """Counts down. Only this part of the page is drawn again each second."""
    prompt = run.prompt
    if prompt is None or run.phase == "ready":
        st.rerun()  # The answer is handed in, and this page is out of date.
    if run.phase == "over":
        if run.is_due(has_recording=has_recording(key)):
            st.rerun()
        st.progress(0.0, text="The time is up. Your answer is being handed in.")
        return
    if run.tick():
        st.rerun()
    left = run.left()
    total = prompt.preparation if run.phase == "prepare" else prompt.speaking
    name = "Preparation" if run.phase == "prepare" else "Speaking time"
    st.progress(left / total, text=f"{name}: {left // 60}:{left % 60:02} left")


def show_start(preferences: Preferences) -> None:
    """The choice of an exam."""
    st.title("Take an exam")
    level = st.radio(
        "Level", LEVELS, LEVELS.index(preferences.level), key=FORM.key("level"), horizontal=True
    )
    st.info(DESCRIPTORS[level], icon=":material/flag:")
    counts = range(1, MAX_PROMPTS + 1)
    st.radio("Prompts", counts, preferences.prompts - 1, key=FORM.key("prompts"), horizontal=True)
    st.write(RULE)
    st.button("Start the exam", type="primary", on_click=begin, disabled=not gate.user().live)


def show_prompt(run: Run, prompt: Prompt) -> None:
    """One prompt, in the phase that it is in."""
    key = f"answer-{run.run_id}-{run.index}"
    if run.phase == "over":
        hand_in_by_itself(run, prompt, key)
    st.caption(f"Prompt {run.index + 1} of {len(run.prompts)} · {prompt.level} · {prompt.kind}")
    st.header(prompt.title)
    st.markdown(f"##### {prompt.task}")
    FORM.show_trouble()
    if run.phase == "ready":
        st.write(f"{prompt.preparation} seconds to prepare, {prompt.speaking} to speak.")
        st.button("Begin", type="primary", on_click=run.begin, args=("prepare",))
    elif run.phase == "prepare":
        clock(run, key)
        st.write("Think about what to say. Take notes on paper, as in the exam.")
        st.button("I am ready to speak", type="primary", on_click=run.begin, args=("speak",))
    else:
        clock(run, key)
        show_answer(run, key)
        st.button("Hand in the answer", type="primary", on_click=hand_in, args=(run, prompt, key))
    st.button("Leave the exam", on_click=stop, type="tertiary")


@st.fragment
def show_answer(run: Run, key: str) -> None:
    """Where the answer is recorded or typed. What is typed is kept every two seconds, and only this
    part of the page is drawn again for it."""
    # Not as the default of the field, which would be drawn anew with each that differs.
    st.session_state.setdefault(f"{key}.text", run.draft)
    with st.container(key="answer"):
        st.audio_input("Record your answer", key=f"{key}.audio")
        st.text_area(
            "Or type what you say",
            key=f"{key}.text",
            height=160,
            max_chars=MAX_TRANSCRIPT,
            on_change=keep_draft,
            args=(run, key),
        )
        FORM.show_errors("answer")
    with st.container(key="unseen-keeper"):
        is_over = run.phase == "over"
        was_recording = browser.keep_answer("answer", key=f"keep-{key}", is_over=is_over)
    if was_recording is not None:
        run.was_recording = was_recording
        if run.is_due(has_recording=has_recording(key)):
            st.rerun()


access = gate.user()
kept: Run | None = st.session_state.get("run")
if kept is None:
    show_start(Preferences.read(access.profile.preferences))
elif (now := kept.prompt) is not None:
    show_prompt(kept, now)
else:
    st.title("Done")
    st.success("Your answers are handed in. You find them, and later your grades, in My answers.")
    st.page_link("views/history.py", label="My answers", icon=":material/history:")
    st.button("Take another exam", on_click=stop)
