"""The page on which an exam is taken."""

from __future__ import annotations

import streamlit as st

from simulator import gate
from simulator.answers import MAX_TRANSCRIPT, Answers
from simulator.forms import Form
from simulator.preferences import MAX_PROMPTS, Preferences
from simulator.prompts import DESCRIPTORS, LEVELS, Prompt
from simulator.run import Run, start
from simulator.settings import settings

FORM = Form("exam")


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
        recorded = state.get(f"{key}.audio")
        try:
            Answers(settings().data).add(
                user_id=profile.user_id,
                student=profile.name,
                prompt_id=prompt.prompt_id,
                level=prompt.level,
                transcript=state.get(f"{key}.text") or "",
                recording=recorded.getvalue() if recorded is not None else None,
                seconds=int(run.passed()),
            )
        except ValueError as wrong:
            state["trouble"] = str(wrong)
            return
        run.next()

    FORM.attempt(action)


@st.fragment(run_every=1.0)
def clock(run: Run) -> None:
    """Counts down. Only this part of the page is drawn again each second."""
    left = run.left()
    if left == 0 and run.phase == "prepare":
        run.begin("speak")
        st.rerun()
    total = run.prompts[run.index].preparation if run.phase == "prepare" else None
    total = total or run.prompts[run.index].speaking
    name = "Preparation" if run.phase == "prepare" else "Speaking time"
    words = f"{name}: {left // 60}:{left % 60:02} left" if left else "Time is up: hand it in now."
    st.progress(left / total, text=words)


def show_start(preferences: Preferences) -> None:
    """The choice of an exam."""
    st.title("Take an exam")
    level = st.radio(
        "Level", LEVELS, LEVELS.index(preferences.level), key=FORM.key("level"), horizontal=True
    )
    st.info(DESCRIPTORS[level], icon=":material/flag:")
    counts = range(1, MAX_PROMPTS + 1)
    st.radio("Prompts", counts, preferences.prompts - 1, key=FORM.key("prompts"), horizontal=True)
    st.button("Start the exam", type="primary", on_click=begin, disabled=not gate.user().live)


def show_prompt(run: Run, prompt: Prompt) -> None:
    """One prompt, in the phase that it is in."""
    st.caption(f"Prompt {run.index + 1} of {len(run.prompts)} · {prompt.level} · {prompt.kind}")
    st.header(prompt.title)
    st.markdown(f"##### {prompt.task}")
    FORM.show_trouble()
    if run.phase == "ready":
        st.write(f"{prompt.preparation} seconds to prepare, {prompt.speaking} to speak.")
        st.button("Begin", type="primary", on_click=run.begin, args=("prepare",))
    elif run.phase == "prepare":
        clock(run)
        st.write("Think about what to say. Take notes on paper, as in the exam.")
        st.button("I am ready to speak", type="primary", on_click=run.begin, args=("speak",))
    else:
        clock(run)
        show_answer(run, prompt)
    st.button("Leave the exam", on_click=stop, type="tertiary")


def show_answer(run: Run, prompt: Prompt) -> None:
    """Where the answer is recorded or typed."""
    key = f"answer-{run.run_id}-{run.index}"
    st.audio_input("Record your answer", key=f"{key}.audio")
    st.text_area(
        "Or type what you say",
        run.draft,
        key=f"{key}.text",
        height=160,
        max_chars=MAX_TRANSCRIPT,
        on_change=keep_draft,
        args=(run, key),
    )
    st.button("Hand in the answer", type="primary", on_click=hand_in, args=(run, prompt, key))


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
