"""Callbacks run to their end, one after the other."""

from __future__ import annotations

import re
from pathlib import Path

from streamlit.testing.v1 import AppTest

from simulator.callback import in_one_piece
from simulator.run import start

APP = Path(__file__).resolve().parent.parent


def test_every_callback_runs_in_one_piece() -> None:
    scripts = [APP / "main.py", *APP.glob("views/*.py"), *APP.glob("simulator/**/*.py")]
    texts = {script: script.read_text() for script in scripts}
    found = 0
    for script, text in texts.items():
        for name in re.findall(r"\bon_(?:click|change)=([\w.]+)", text):
            module, _, function = name.rpartition(".")
            if module == "invitations":
                continue  # It sets one flag, and touches nothing of the tab.
            where = texts[APP / "simulator" / f"{module}.py"] if module else text
            assert f"@in_one_piece\ndef {function}(" in where, f"{script}: {name}"
            found += 1
    assert found > 30


def page() -> None:
    import streamlit as st
    from streamlit.runtime.scriptrunner import get_script_run_ctx

    from simulator.callback import in_one_piece, stop

    done: list[str] = []
    context = get_script_run_ctx()
    assert context is not None
    tab = context.session_state

    def cut_off() -> None:
        raise AssertionError("the run is cut off")

    for what, typed in st.session_state["presses"]:
        st.session_state["form.field"] = typed

        # Streamlit executes the page for each run.
        @in_one_piece
        def act(what: str) -> None:
            if what == "leave":
                stop()
            done.append(what + " " + st.session_state["form.field"])

        # From here on, another request of the tab waits.
        before = object.__getattribute__(tab, "_yield_callback")
        object.__setattr__(tab, "_yield_callback", cut_off)
        act(what)
        assert object.__getattribute__(tab, "_yield_callback") is cut_off
        object.__setattr__(tab, "_yield_callback", before)
    st.text("; ".join(done))


def done_by(*presses: tuple[str, str]) -> str:
    """What is done by presses that come one right after the other, each with what was typed."""
    app = AppTest.from_function(page)
    app.session_state["presses"] = presses
    app.run()
    assert not app.exception, [error.message for error in app.exception]
    return str(app.text[0].value)


def test_a_callback_is_not_cut_off_and_a_double_click_is_one_press() -> None:
    assert done_by(("save", "x"), ("save", "x")) == "save x"
    # Another button, another row or another text is another act, however soon it comes.
    assert done_by(("save", "x"), ("save", "y")) == "save x; save y"
    assert done_by(("end 1", "x"), ("end 2", "x")) == "end 1 x; end 2 x"
    # Nobody is logged in any more: the page is drawn, and says so.
    assert done_by(("leave", ""), ("save", "x")) == "save x"


def slow_page() -> None:
    """A page on which a button was pressed, which takes longer to draw than a double click."""
    import time

    import streamlit as st

    from simulator.callback import DOUBLE_CLICK_SECONDS, in_one_piece, one_run

    @in_one_piece
    def act() -> None:
        st.session_state.done = st.session_state.get("done", 0) + 1

    try:
        with one_run():
            act()
            # A field of the next page.
            st.session_state["form.other"] = ""
            time.sleep(DOUBLE_CLICK_SECONDS + 0.1)
            if st.session_state.get("cut"):
                raise KeyError
    except KeyError:
        pass
    act()
    assert st.session_state.done == 1
    # Another run, which was not that of the press, makes the time no longer.
    time.sleep(DOUBLE_CLICK_SECONDS)
    with one_run():
        pass
    act()
    st.text(st.session_state.done)


def test_the_second_press_counts_from_the_end_of_the_run_of_the_first() -> None:
    for is_cut in (False, True):
        app = AppTest.from_function(slow_page)
        app.session_state["cut"] = is_cut
        app.run(timeout=10)
        assert not app.exception, [error.message for error in app.exception]
        assert app.text[0].value == "2"


def test_without_a_tab_a_callback_is_a_function() -> None:
    done: list[int] = []
    in_one_piece(done.append)(1)
    assert done == [1]


def test_a_button_of_another_step_does_nothing() -> None:
    run = start("a", "B1", 2)
    first, second = run.prompts
    assert run.is_at(first, "ready") and not run.is_at(first, "speak", "over")
    run.begin("speak")
    assert run.is_at(first, "speak", "over")
    run.next()
    assert not run.is_at(first, "ready", "speak", "over") and run.is_at(second, "ready")
