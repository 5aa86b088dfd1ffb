"""The page on which an exam is taken."""

from __future__ import annotations

import time

import streamlit as st

from simulator import browser, gate
from simulator.answers import MAX_TRANSCRIPT, Answers
from simulator.callback import in_one_piece, uncut
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
OVER = "The time is up. Your answer is being handed in."


@in_one_piece
def begin() -> None:
    """Draws the prompts, once."""
    state = st.session_state
    if "run" in state:
        return
    user_id = gate.user().profile.user_id
    state["run"] = start(user_id, state[FORM.key("level")], state[FORM.key("prompts")])


@in_one_piece
def stop(run: Run) -> None:
    """Leaves the exam; what was handed in stays."""
    if st.session_state.get("run") is run:
        del st.session_state["run"]


@in_one_piece
def prepare(run: Run, prompt: Prompt) -> None:
    """Starts the time to prepare."""
    if run.is_at(prompt, "ready"):
        run.begin("prepare")


@in_one_piece
def speak(run: Run, prompt: Prompt) -> None:
    """Starts the time to speak."""
    if run.is_at(prompt, "prepare"):
        run.begin("speak")


@in_one_piece
def keep_draft(run: Run, key: str) -> None:
    """Keeps what was typed, before anything is asked that could send the student away."""
    run.draft = st.session_state.get(f"{key}.text") or ""


@in_one_piece
def hand_in(run: Run, prompt: Prompt, key: str) -> None:
    """Keeps the answer, if the server still knows the student. A second press hands in nothing."""
    run.tick()
    if not run.is_at(prompt, "speak", "over"):
        return

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
        with uncut():
            run.tried_at = time.monotonic()
            hand_in(run, prompt, key)
        st.rerun()


@st.fragment
def clock(run: Run, key: str) -> None:
    """Counts down. The browser does it, and only this part of the page is drawn again when the time
    is up."""
    prompt = run.prompt
    if prompt is None or run.phase == "ready":
        st.rerun()  # The answer is handed in, and this page is out of date.
    if run.phase == "over":
        if run.is_due(has_recording=has_recording(key)):
            st.rerun()
        browser.countdown("", 0.0, 0.0, key=f"clock-{key}", over=OVER)
        return
    if run.tick():
        st.rerun()
    total = prompt.preparation if run.phase == "prepare" else prompt.speaking
    name = "Preparation" if run.phase == "prepare" else "Speaking time"
    browser.countdown(name, run.left(), total, key=f"clock-{key}")


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
        st.button("Begin", type="primary", on_click=prepare, args=(run, prompt))
    elif run.phase == "prepare":
        clock(run, key)
        st.write("Think about what to say. Take notes on paper, as in the exam.")
        st.button("I am ready to speak", type="primary", on_click=speak, args=(run, prompt))
    else:
        clock(run, key)
        show_answer(run, key)
        st.button("Hand in the answer", type="primary", on_click=hand_in, args=(run, prompt, key))
    st.button("Leave the exam", on_click=stop, args=(run,), type="tertiary")


@st.fragment
def show_answer(run: Run, key: str) -> None:
    """Where the answer is recorded or typed. What is typed is kept every two seconds, and only this
    part of the page is drawn again for it."""
    if run.tick():
        st.rerun()
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
        was_recording = browser.keep_answer(
            "answer",
            key=f"keep-{key}",
            is_over=run.phase == "over",
            is_heard=run.was_recording is not None,
        )
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
    st.button("Take another exam", on_click=stop, args=(kept,))
