"""Forms whose errors stand beside the fields, and whose input stays until it is accepted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from admittance_client import AdmittanceError, SessionEnded, ValidationFailed

from . import gate
from .text import plain, reason


class Wrong(Exception):
    """What the app itself finds wrong with a field: the words for the person."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field, self.message = field, message


@dataclass(slots=True)
class _Problems:
    general: str = ""
    by_field: dict[str, list[str]] = field(default_factory=dict)


class Form:
    """The form `name`. Its fields are named as the account server names them.

    `words` are what the page says of an error, by its code; `beside` is the field beside which the
    error is shown, by its code. Other errors are shown above the fields.
    """

    def __init__(
        self,
        name: str,
        *,
        words: Mapping[str, str] | None = None,
        beside: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self._words, self._beside = words or {}, beside or {}

    def key(self, field: str) -> str:
        """The key of a field in `st.session_state`."""
        return f"{self.name}.{field}"

    def value(self, field: str) -> str:
        """What was typed into a field."""
        return st.session_state.get(self.key(field)) or ""

    def clear(self, *names: str) -> None:
        """Empties fields that must not be filled in any more."""
        for name in names:
            st.session_state[self.key(name)] = ""

    @property
    def _problems(self) -> _Problems:
        kept = st.session_state.get(f"{self.name}!")
        return kept if isinstance(kept, _Problems) else _Problems()

    def attempt(self, action: Callable[[], None]) -> bool:
        """Runs `action` and keeps why it was refused. Returns whether it was done."""
        problems = _Problems()
        try:
            action()
        except ValidationFailed as error:
            for broken in error.errors:
                problems.by_field.setdefault(broken.field, []).append(broken.message)
            problems.general = reason(error, self._words)
        except Wrong as wrong:
            problems.by_field[wrong.field] = [wrong.message]
        except SessionEnded:
            gate.leave(gate.ENDED)
            return False
        except AdmittanceError as error:
            words, beside = reason(error, self._words), self._beside.get(error.code)
            if beside is None:
                problems.general = words
            else:
                problems.by_field[beside] = [words]
        else:
            st.session_state.pop(f"{self.name}!", None)
            return True
        st.session_state[f"{self.name}!"] = problems
        return False

    def show_trouble(self) -> None:
        """Shows what is wrong with the whole of the form."""
        access = gate.current()
        if access is not None and not access.live:
            return  # It has been said at the top of the page.
        if general := self._problems.general:
            st.error(plain(general))

    def show_errors(self, field: str, hint: str = "") -> None:
        """Shows what is wrong with one field, or else `hint`."""
        messages = self._problems.by_field.get(field, [])
        for message in messages:
            st.markdown(f":red[{plain(message)}]")
        if hint and not messages:
            st.caption(hint)

    def text(self, label: str, field: str, *, hint: str = "", **options: Any) -> None:
        """A line of text, with its errors below."""
        st.text_input(label, key=self.key(field), **options)
        self.show_errors(field, hint)

    def password(self, label: str, field: str, *, new: bool = False, hint: str = "") -> None:
        """A password, in words that password managers know."""
        autocomplete = "new-password" if new else "current-password"
        self.text(label, field, hint=hint, type="password", autocomplete=autocomplete)
