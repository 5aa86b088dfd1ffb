"""The page for the account: name, address, password, what happened, and the data."""

from __future__ import annotations

import json
from dataclasses import asdict

import streamlit as st

from simulator import gate
from simulator.answers import Answers
from simulator.callback import in_one_piece
from simulator.forms import Form
from simulator.happened import sentence
from simulator.providers import providers
from simulator.settings import settings
from simulator.strength import advise
from simulator.teacher.classes import Classes
from simulator.text import plain, when
from simulator.user_agent import device
from simulator.ways import show_ways

NAME = Form("name")
NOT_YOURS = {"invalid_credentials": "This is not your password."}
BESIDE = {"invalid_credentials": "current_password", "email_taken": "new_email"}
EMAIL = Form(
    "change-email",
    words={**NOT_YOURS, "email_taken": "Another account has this address."},
    beside=BESIDE,
)
PASSWORD = Form(
    "change-password",
    words={"invalid_credentials": "This is not your present password."},
    beside=BESIDE,
)
DELETE = Form("delete", words=NOT_YOURS, beside=BESIDE)
DATA = Form("export")
ROLES = {"admin": "administrator"}


@in_one_piece
def rename() -> None:
    """Changes the name."""

    def action() -> None:
        gate.user().session.update_profile(name=NAME.value("name"))
        st.session_state["notice"] = "Your name is changed."

    NAME.attempt(action)


@in_one_piece
def change_email() -> None:
    """Has a link mailed to the new address."""

    def action() -> None:
        gate.user().session.change_email(EMAIL.value("new_email"), EMAIL.value("current_password"))
        st.session_state["notice"] = (
            "If no other account has the new address, a mail with a link is on its way there. Your"
            " address changes when you open the link and confirm it."
        )
        EMAIL.clear("current_password")

    EMAIL.attempt(action)


@in_one_piece
def change_password() -> None:
    """Changes the password; every other device is logged out."""

    def action() -> None:
        fields = ("current_password", "new_password", "confirm_password")
        gate.user().session.change_password(*(PASSWORD.value(f) for f in fields))
        st.session_state["notice"] = (
            "Your password is changed. Your other devices are logged out."
        )
        PASSWORD.clear(*fields)

    PASSWORD.attempt(action)


@in_one_piece
def delete() -> None:
    """Deletes the account on the server, then what is kept here."""

    def action() -> None:
        access = gate.user()
        access.session.delete_account(DELETE.value("current_password"))
        Answers(settings().data).delete_user(access.profile.user_id)
        Classes(settings().data).forget(access.profile.email)
        gate.leave("Your account and your answers are deleted.")
        st.session_state.pop("run", None)

    DELETE.attempt(action)


def show_events() -> None:
    """Lists what was done and tried lately."""
    for event in gate.live_user().session.events(limit=20).items:
        times = f" {event.count} times." if event.count > 1 else ""
        st.markdown(f"{plain(sentence(event))}{times}")
        by = f" · {plain(device(event.user_agent))}" if event.user_agent else ""
        st.caption(f"{when(event.at)}{by}")


@in_one_piece
def prepare_export() -> None:
    """Puts together all that is kept of the user, there and here."""

    def action() -> None:
        access = gate.user()
        account = access.session.export_account()
        answers = Answers(settings().data).of_user(access.profile.user_id)
        export = {"account": account, "answers": [asdict(answer) for answer in answers]}
        st.session_state["export"] = json.dumps(export, indent=2, default=str)

    DATA.attempt(action)


st.title("Account")
profile = gate.user().profile
confirmed = "confirmed" if profile.is_verified else "not confirmed yet"
roles = "".join(f" · {plain(ROLES.get(role, role))}" for role in profile.roles)
st.markdown(f"{plain(profile.email)} · {confirmed}{roles}")
known = providers()
titles = ["Name", "Address", "Password", "What happened", "Your data"]
# The last one, so that the others stay in their places without it.
name, email, password, events, data, *ways = st.tabs([*titles, *(["Ways in"] if known else [])])
with name, st.form("name"):
    NAME.show_trouble()
    NAME.text("Name", "name", value=profile.name, autocomplete="name")
    st.form_submit_button("Save", type="primary", on_click=rename)
with email, st.form("change-email"):
    EMAIL.show_trouble()
    EMAIL.text("New email address", "new_email", autocomplete="email")
    EMAIL.password("Your password", "current_password")
    st.form_submit_button("Send a link there", type="primary", on_click=change_email)
with email:
    st.page_link("views/confirm_email.py", label="I have the link")
with password, st.form("change-password"):
    PASSWORD.show_trouble()
    PASSWORD.password("Your present password", "current_password")
    PASSWORD.password("New password", "new_password", new=True)
    advice = st.empty()
    PASSWORD.password("New password, once more", "confirm_password", new=True)
    st.form_submit_button("Change", type="primary", on_click=change_password)
with password:
    advise(advice, "New password")
with events:
    if gate.user().live:
        gate.show(show_events)
with data:
    DATA.show_trouble()
    st.button("Put my data together", on_click=prepare_export)
    if export := st.session_state.get("export"):
        st.download_button("Download", export, "account.json", "application/json")
    with st.form("delete"):
        DELETE.show_trouble()
        st.write("Delete the account with all answers. This cannot be undone.")
        DELETE.password("Your password", "current_password")
        st.form_submit_button("Delete my account", on_click=delete)
for tab in ways:
    with tab:
        gate.show(lambda: show_ways(known))
