"""Inviting a class by mail: the form, and what became of each line."""

from __future__ import annotations

import streamlit as st

from .. import gate
from ..callback import in_one_piece
from ..forms import Form, Wrong
from ..settings import settings
from ..text import plain
from .classes import MAX_NAME, Classes
from .invitations import FAILED, INVITED, REPORTS, THERE, WAITING, WRONG, Invitations
from .roll import MAX_LINES, decode, read_roll

FORM = Form("invite")
_BESIDE = "A name may stand beside the address: Ann Lee <ann@example.org>"
_MARKS = {INVITED: "green", THERE: "gray", WRONG: "red", FAILED: "red", WAITING: "gray"}
_COUNTED = {
    INVITED: "invited",
    THERE: "with an account already",
    WRONG: "to correct",
    FAILED: "not sent",
    WAITING: "still to come",
}


def show_inviting() -> None:
    """The form, and below it the last list that was sent."""
    st.write(
        "Everyone on the list gets a mail with a link to set a password, which works for a day."
        " People who already have an account get no mail."
    )
    with st.form("invite"):
        FORM.show_trouble()
        hint = "Such as 5b. You find its students by it."
        FORM.text("Class", "class", hint=hint, max_chars=MAX_NAME)
        st.text_area("Addresses, one a line", key=FORM.key("list"), height=160)
        FORM.show_errors("list", plain(_BESIDE))
        st.file_uploader("Or a file with the list", ["txt", "csv"], key=_file_key())
        FORM.show_errors("file")
        st.form_submit_button("Send the invitations", type="primary", on_click=_send)
    invitations = REPORTS.of(gate.user().profile.user_id)
    if invitations is None:
        return
    if invitations.is_running:
        _watch()
    else:
        _show(invitations)


def _file_key() -> str:
    # A file is taken out of its field by giving the field another name.
    return FORM.key(f"file.{st.session_state.get('invite.sent', 0)}")


@in_one_piece
def _send() -> None:
    def action() -> None:
        state = st.session_state
        name, text = " ".join(FORM.value("class").split()), FORM.value("list")
        if not name:
            raise Wrong("class", "Enter the name of the class.")
        if (file := state.get(_file_key())) is not None:
            try:
                text += "\n" + decode(file.getvalue())
            except ValueError:
                raise Wrong("file", "This file cannot be read as text.") from None
        entries = read_roll(text)
        if not entries:
            raise Wrong("list", "Enter at least one address.")
        if len(entries) > MAX_LINES:
            raise Wrong("list", f"This list has more than {MAX_LINES} lines. Send it in parts.")
        access = gate.user()
        classes = Classes(settings().data)
        invitations = Invitations(access.session, classes, name[:MAX_NAME], entries)
        user_id = access.profile.user_id
        last = REPORTS.of(user_id)
        is_started = REPORTS.start(user_id, invitations)
        if not is_started and last is not None and not last.is_same(invitations):
            state["notice"] = "Invitations are still being sent. Wait until they are done."
            return
        FORM.clear("list")
        state["invite.sent"] = state.get("invite.sent", 0) + 1

    FORM.attempt(action)


@st.fragment(run_every=1.0)
def _watch() -> None:
    """Shows how far it is. Only this part of the page is drawn again each second."""
    invitations = REPORTS.of(gate.user().profile.user_id)
    if invitations is None or not invitations.is_running:
        st.rerun()
    counts = invitations.counts()
    total = len(invitations.outcomes)
    done = total - counts[WAITING]
    st.progress(done / total, text=f"{done} of {total} lines are done.")
    if waits := invitations.waits():
        st.info(plain(waits))
    st.button("Stop", on_click=invitations.stop)
    _show(invitations)


def _show(invitations: Invitations) -> None:
    counts = invitations.counts()
    said = [f"{count} {_COUNTED[state]}" for state, count in counts.items() if count]
    st.markdown(f"**{plain(invitations.name)}**: {', '.join(said)}")
    lines = [
        f"- {plain(outcome.entry.email or outcome.entry.line[:100])} · "
        f":{_MARKS[outcome.state]}[{plain(outcome.words)}]"
        for outcome in invitations.outcomes
        if outcome.state != WAITING
    ]
    st.markdown("\n".join(lines))
