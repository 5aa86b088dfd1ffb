"""Callbacks of buttons and fields: each runs to its end, and a double click is one press."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import NoReturn, ParamSpec

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

_P = ParamSpec("_P")

#: How soon after the run of a press has ended the same press counts as half of a double click, in
#: seconds.
DOUBLE_CLICK_SECONDS = 0.5
#: Where the last press is in `st.session_state`.
LAST = "last-press"

_IS_CALLBACK: ContextVar[bool] = ContextVar("is_callback", default=False)


class _Stopped(Exception):
    """A callback has nothing more to do."""


@dataclass(frozen=True, slots=True)
class _Press:
    """A button that was pressed, by its callback, and `ended`, when that was done with it by the
    clock of `time.monotonic`. In its run the page is still being drawn."""

    callback: tuple[str, str]
    args: tuple[object, ...]
    kwargs: dict[str, object]
    fields: dict[str, int] = field(compare=False)
    ended: float = field(compare=False)
    in_its_run: bool = field(default=True, compare=False)

    def repeats(self, last: _Press | None) -> bool:
        """Whether this is the second half of a double click. The page may have other fields by now;
        those that it still has are as they were."""
        return (
            self == last
            and self.ended - last.ended < DOUBLE_CLICK_SECONDS
            and all(last.fields.get(key, value) == value for key, value in self.fields.items())
        )


def stop() -> NoReturn:
    """Ends the run; in a callback only that, so that the page is drawn and shows why."""
    if _IS_CALLBACK.get():
        raise _Stopped
    st.stop()


@contextmanager
def uncut() -> Iterator[None]:
    """Runs to the end, although the page is to be drawn again.

    When a tab sends another request (a second press, a field that was left), Streamlit cuts the run
    off at its next access to `st.session_state`. What was done on the server by then is lost to the
    tab. `runner.fastReruns` has to be off, or Streamlit answers the request in another thread.
    """
    context = get_script_run_ctx()
    if context is None:
        yield
        return
    state = context.session_state
    cut_off = object.__getattribute__(state, "_yield_callback")
    object.__setattr__(state, "_yield_callback", lambda: None)
    try:
        yield
    finally:
        object.__setattr__(state, "_yield_callback", cut_off)


def in_one_piece(callback: Callable[_P, None]) -> Callable[_P, None]:
    """Has a callback run to its end, and once for a double click: the second press is that of the
    same button with the same fields, and comes before the browser has the next page."""

    # Streamlit executes a page anew for each run, so the same callback is another function then.
    code = getattr(callback, "__code__", None)
    name = (getattr(code, "co_filename", ""), callback.__qualname__)

    @wraps(callback)
    def whole(*args: _P.args, **kwargs: _P.kwargs) -> None:
        with uncut():
            press = _Press(name, args, kwargs, _fields(), time.monotonic())
            if press.repeats(st.session_state.get(LAST)):
                return
            token = _IS_CALLBACK.set(True)
            try:
                callback(*args, **kwargs)
            except _Stopped:
                pass
            finally:
                _IS_CALLBACK.reset(token)
            st.session_state[LAST] = replace(press, ended=time.monotonic())

    return whole


@contextmanager
def one_run() -> Iterator[None]:
    """A run of the script. A second press waits until the first one's run is over or cut off, so
    the time between the two counts from there."""
    try:
        yield
    finally:
        with uncut():
            last: _Press | None = st.session_state.get(LAST)
            if last is not None and last.in_its_run:
                st.session_state[LAST] = replace(last, ended=time.monotonic(), in_its_run=False)


def _fields() -> dict[str, int]:
    """What is in the fields, as numbers that give nothing of it away."""
    state = st.session_state.to_dict()
    return {
        str(key): hash(value)
        for key, value in state.items()
        if "." in str(key) and isinstance(value, (str, int, float))
    }
