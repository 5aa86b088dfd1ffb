"""The grades of everybody, as a file."""

from __future__ import annotations

import streamlit as st

from .. import gate
from ..answers import Answers
from ..callback import in_one_piece
from ..forms import Form
from ..settings import settings
from .grades import grades_csv
from .members import all_accounts
from .powers import powers

FORM = Form("grades", words={"forbidden": "You may not see grades any more."})


def show_grades() -> None:
    """Puts the file together when it is asked for."""
    FORM.show_trouble()
    st.write("All answers with their grades, as a table for Excel and other spreadsheets.")
    st.button("Put the table together", on_click=_prepare)
    if (table := st.session_state.get("grades")) is not None:
        st.download_button("Download the grades", table, "grades.csv", "text/csv")


@in_one_piece
def _prepare() -> None:
    def action() -> None:
        session = gate.user().session
        st.session_state.pop("grades", None)
        session.call("GET", "/grading")
        accounts = all_accounts(session) if powers().see else []
        addresses = {user.user_id: user.email for user in accounts}
        answers = Answers(settings().data).everything()
        st.session_state["grades"] = grades_csv(answers, addresses)

    FORM.attempt(action)
