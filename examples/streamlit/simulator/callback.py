"""Callbacks of buttons and fields: each runs to its end, and a double click is one press."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import NoReturn, ParamSpec

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

_P = ParamSpec("_P")

#: How soon after a callback has ended the same press counts as half of a double click, in seconds.
DOUBLE_CLICK_SECONDS = 0.5
#: Where the last press is in `st.session_state`.
LAST = "last-press"

_IS_CALLBACK: ContextVar[bool] = ContextVar("is_callback", default=False)


class _Stopped(Exception):
    """A callback has nothing more to do."""


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

    @wraps(callback)
    def whole(*args: _P.args, **kwargs: _P.kwargs) -> None:
        with uncut():
            press = (callback, args, kwargs, _fields())
            last, ended = st.session_state.get(LAST) or (None, 0.0)
            if press == last and time.monotonic() - ended < DOUBLE_CLICK_SECONDS:
                return
            token = _IS_CALLBACK.set(True)
            try:
                callback(*args, **kwargs)
            except _Stopped:
                pass
            finally:
                _IS_CALLBACK.reset(token)
            st.session_state[LAST] = press, time.monotonic()

    return whole


def _fields() -> int:
    """What is in the fields, as a number that gives nothing of it away."""
    state = st.session_state.to_dict()
    fields = (item for item in state.items() if isinstance(item[1], (str, int, float)))
    return hash(frozenset((str(key), value) for key, value in fields if "." in str(key)))
