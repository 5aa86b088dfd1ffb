"""The pages for accounts, against the real server, and every way in which they fail."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from example_server import OTHER_PASSWORD, PASSWORD, ExampleServer, free_port
from person import Person, Tab
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Markdown

from admittance_client import Profile, Session, SessionEnded
from simulator import browser, gate


def eventually(check: Callable[[], bool]) -> bool:
    """Whether `check` holds within a few seconds: events are kept in the background."""
    for _ in range(600):
        if check():
            return True
        time.sleep(0.1)
    return False


def log_in(tab: Tab, email: str, password: str = PASSWORD) -> Tab:
    return tab.type(login__email=email, login__password=password).press("Log in")


def test_who_is_not_logged_in_gets_the_form_on_every_private_page(person: Person) -> None:
    tab = person.tab()
    for page in ("exam", "history", "grading", "teacher", "preferences", "account", "devices"):
        assert tab.open(page).title == "Log in", page


def test_a_person_registers_and_is_in(person: Person) -> None:
    tab = person.tab().open("register")
    email = f"ann-{time.monotonic_ns()}@example.org"
    tab.type(register__name="Ann", register__email=email)
    tab.type(register__password=PASSWORD, register__confirm_password=PASSWORD)
    tab.press("Register")
    assert tab.title == "Take an exam"
    assert "Your account is made." in tab.words and "Ann" in tab.words


@pytest.mark.parametrize("ticket", ["aB3__xYz" * 5, "__________", "-_-_-_-_-_", "a" * 43])
def test_the_cookie_is_set_whatever_the_ticket_is(ticket: str) -> None:
    def page() -> None:
        import streamlit

        from simulator import browser

        browser.set_cookie(streamlit.session_state["ticket"])

    app = AppTest.from_function(page)
    app.session_state["ticket"] = ticket
    app.run()
    assert not app.exception, app.exception


def test_errors_stand_beside_the_fields_and_nothing_typed_is_lost(person: Person) -> None:
    tab = person.tab().open("register")
    tab.type(register__name=" ", register__email="ann@")
    tab.type(register__password="12345", register__confirm_password="1234")
    tab.press("Register")
    # Each message is the element after its field.
    form = next(block for block in tab.app.main.children.values() if block.type == "form")
    below: dict[str, str] = {}
    field = ""
    for element in form.children.values():
        if element.type == "text_input":
            field = element.key or ""
        elif isinstance(element, Markdown):
            below.setdefault(field, element.value.replace("\\", ""))
    assert "Enter your name." in below["register.name"]
    assert "not an email address" in below["register.email"]
    assert "at least 8 characters" in below["register.password"]
    assert "differ" in below["register.confirm_password"]
    kept = ("name", "email", "password", "confirm_password")
    assert [tab.value(f"register.{name}") for name in kept] == [" ", "ann@", "12345", "1234"]


def test_a_taken_address_is_told_beside_the_field(server: ExampleServer, person: Person) -> None:
    email, _ = server.register()
    tab = person.tab().open("register")
    tab.type(register__name="Ann", register__email=email)
    tab.type(register__password=PASSWORD, register__confirm_password=PASSWORD)
    assert "already an account" in tab.press("Register").words


def test_a_wrong_password_is_told_and_the_address_stays(
    server: ExampleServer, person: Person
) -> None:
    email, _ = server.register()
    tab = log_in(person.tab(), email, "not-the-Password-1")
    assert "The email address or the password is wrong." in tab.words
    assert tab.title == "Log in" and tab.value("login.email") == email
    assert log_in(tab, email).title == "Take an exam"


def test_a_password_is_judged_while_it_is_typed(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab = person.tab().open("register")
    typed = {"password": "password1", "email": "ann@example.org", "name": "Ann"}
    monkeypatch.setattr(browser, "typed_password", lambda label, key: typed)
    assert "This password is easy to guess." in tab.again().words
    typed["password"] = PASSWORD
    assert "This is a very good password." in tab.again().words


def test_too_many_attempts_say_how_long_to_wait(server: ExampleServer, person: Person) -> None:
    email, _ = server.register()
    tab = person.tab()
    for _ in range(20):
        if "Too many attempts" in log_in(tab, email, "not-the-Password-1").words:
            break
    assert "Try again in 30 seconds." in tab.words


def test_a_server_that_is_down_is_told_and_the_input_stays(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADMITTANCE_URL", f"http://127.0.0.1:{free_port()}")
    tab = log_in(person.tab(), "ann@example.org")
    assert "The server for accounts does not answer." in tab.words
    assert tab.value("login.email") == "ann@example.org"
    assert tab.value("login.password") == PASSWORD


def test_the_session_survives_a_reload(server: ExampleServer, person: Person) -> None:
    email, _ = server.register()
    tab = log_in(person.tab(), email)
    person.takes_the_cookie_of(tab)
    assert person.tab().title == "Take an exam"


def test_a_ticket_is_no_cookie_and_works_once(server: ExampleServer, person: Person) -> None:
    email, _ = server.register()
    tab = log_in(person.tab(), email)
    ticket = tab.app.session_state["ticket"]
    person.takes_the_cookie_of(tab)
    with pytest.raises(AssertionError):
        person.takes_the_cookie_of(tab)
    assert ticket not in str(person._jar)
    assert "ticket" not in tab.again().app.session_state


def test_an_access_token_that_ran_out_is_renewed_without_anybody_noticing(
    server: ExampleServer, person: Person
) -> None:
    tokens = server.student().tokens
    session = server.client().session(replace(tokens, access="run.out.now"))
    person.has(session)
    assert person.tab().title == "Take an exam"
    assert session.tokens.access not in ("run.out.now", tokens.access)


def test_a_logout_in_one_tab_ends_the_other_at_its_next_act(
    server: ExampleServer, person: Person
) -> None:
    person.has(server.student())
    first, second = person.tab(), person.tab().open("history")
    assert "You are logged out." in first.press("Log out").words
    assert second.again().title == "Log in" and gate.ENDED in second.words
    # The message is said once.
    assert gate.ENDED not in second.again().words


def test_a_session_that_was_ended_on_another_device_is_over_here(
    server: ExampleServer, person: Person
) -> None:
    email, opened = server.register()
    person.has(server.client().session(opened.tokens))
    tab = person.tab()
    elsewhere = server.client().session(server.client().login(email, PASSWORD).tokens)
    elsewhere.end_other_sessions()
    assert tab.again().title == "Log in" and gate.ENDED in tab.words
    assert person.tab().title == "Log in"


def test_a_cookie_that_nobody_knows_any_more_leads_to_the_form(
    person: Person, jar: dict[str, str]
) -> None:
    jar["exam_session"] = "from-before-a-restart"
    tab = person.tab()
    # Why is not known, and not told.
    assert tab.title == "Log in" and "You are not logged in any more. Log in" in tab.words


def test_the_app_waits_for_a_server_that_comes_back(
    own_server: ExampleServer, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADMITTANCE_URL", own_server.url)
    person.has(own_server.student())
    tab = person.tab().open("devices")
    own_server.stop()
    assert gate.DOWN in tab.again().words and "Try again" in tab.buttons
    # Nothing that is kept is shown to somebody whom the server does not vouch for.
    assert "this device" not in tab.words
    fresh = person.tab()
    assert gate.DOWN in fresh.words and "Try again" in fresh.buttons
    own_server.start()
    # It has forgotten its accounts: a restart of the real one would not.
    assert fresh.press("Try again").title == "Log in"


def test_devices_are_listed_and_logged_out(server: ExampleServer, person: Person) -> None:
    email, opened = server.register()
    person.has(server.client().session(opened.tokens))
    others = [
        server.client().session(server.client().login(email, PASSWORD).tokens) for _ in range(2)
    ]
    tab = person.tab().open("devices")
    assert tab.words.count("this device") == 1
    # One in the sidebar, for this one.
    assert tab.buttons.count("Log out") == 3
    listed = [info for info in others[0].sessions() if info.current]
    tab.app.button(key=listed[0].session_id).click().run()
    assert "That device is logged out." in tab.words
    with pytest.raises(SessionEnded):
        others[0].profile()
    tab.press("Log out all other devices")
    with pytest.raises(SessionEnded):
        others[1].profile()
    assert tab.title == "Devices" and tab.words.count("last seen") == 1


def test_an_address_is_confirmed_by_the_pasted_link(server: ExampleServer, person: Person) -> None:
    email, opened = server.register()
    person.has(server.client().session(opened.tokens))
    tab = person.tab().open("verify")
    tab.type(verify__token="adv_wrong").press("Confirm")
    assert "does not work any more" in tab.words and tab.value("verify.token") == "adv_wrong"
    link = server.mailed_link(email, "/email/verify")
    tab.type(verify__token=f" {link} ").press("Confirm")
    assert f"Your address {email} is confirmed." in tab.words


def test_an_address_is_confirmed_by_the_password_without_a_session(
    server: ExampleServer, person: Person
) -> None:
    email, _ = server.register()
    token = server.mailed_token(email, "/email/verify")
    tab = person.tab().open("verify").type(verify__token=token).press("Confirm")
    assert "Enter the password that you registered with." in tab.words
    tab.type(verify__token=token, verify__password=OTHER_PASSWORD).press("Confirm")
    assert "This is not the password that the account was registered with." in tab.words
    tab.type(verify__token=token, verify__password=PASSWORD).press("Confirm")
    assert "Ann" in tab.words and "Log out" in tab.buttons


def test_a_new_link_can_be_asked_for(server: ExampleServer, person: Person) -> None:
    tab = person.tab().open("verify").type(resend__email="nobody@example.org")
    assert tab.press("Send it again").app.info


def test_a_forgotten_password_is_reset_by_the_link(server: ExampleServer, person: Person) -> None:
    email, opened = server.register()
    tab = person.tab().open("forgot").type(forgot__email=email).press("Send me a link")
    assert tab.app.info
    link = server.mailed_link(email, "/password/reset")
    tab.open("reset").type(reset__token=link, reset__new_password="1")
    tab.type(reset__confirm_password="2").press("Set the new password")
    assert "differ" in tab.words and tab.value("reset.token") == link
    tab.type(reset__new_password=OTHER_PASSWORD, reset__confirm_password=OTHER_PASSWORD)
    assert "Log in with it now." in tab.press("Set the new password").words
    assert tab.value("reset.new_password") == ""
    assert log_in(tab.open("login"), email, OTHER_PASSWORD).title == "Take an exam"


def test_somebody_elses_registration_is_disowned(server: ExampleServer, person: Person) -> None:
    email, opened = server.register()
    link = server.mailed_link(email, "/email/disown")
    tab = person.tab().open("disown").type(disown__token=link).press("Remove the account")
    assert tab.app.info
    with pytest.raises(SessionEnded):
        server.client().session(opened.tokens).profile()


@pytest.fixture
def ann(server: ExampleServer, person: Person) -> tuple[str, Session]:
    email, opened = server.register()
    session = server.client().session(opened.tokens)
    person.has(session)
    return email, session


def test_the_name_is_changed(person: Person, ann: tuple[str, Session]) -> None:
    tab = person.tab().open("account").type(name__name="")
    assert "Enter your name." in tab.press("Save").words
    assert "Your name is changed." in tab.type(name__name="Ann Lee").press("Save").words
    assert ann[1].profile().name == "Ann Lee"


def test_the_address_is_changed(
    server: ExampleServer, person: Person, ann: tuple[str, Session]
) -> None:
    email, session = ann
    tab = person.tab().open("account")
    tab.type(**{"change-email__new_email": f"new-{email}"})
    tab.type(**{"change-email__current_password": OTHER_PASSWORD}).press("Send a link there")
    assert "This is not your password." in tab.words
    tab.type(**{"change-email__current_password": PASSWORD}).press("Send a link there")
    link = server.mailed_link(f"new-{email}", "/email/change/confirm")
    tab.open("confirm_email").type(**{"confirm-email__token": link}).press("Confirm")
    assert session.profile().email == f"new-{email}"


def test_the_password_is_changed_and_the_tab_goes_on(
    person: Person, ann: tuple[str, Session]
) -> None:
    tab = person.tab().open("account")
    names = ("current_password", "new_password", "confirm_password")
    values = (f"{PASSWORD}!", OTHER_PASSWORD, OTHER_PASSWORD)
    tab.type(**{f"change-password__{n}": v for n, v in zip(names, values, strict=True)})
    tab.press("Change")
    assert "This is not your present password." in tab.words
    # Nobody was asked for an address.
    assert not [error for error in tab.app.error if "email" in error.value]
    values = (PASSWORD, OTHER_PASSWORD, OTHER_PASSWORD)
    tab.type(**{f"change-password__{n}": v for n, v in zip(names, values, strict=True)})
    tab.press("Change")
    assert tab.title == "Account" and tab.value("change-password.current_password") == ""
    assert person.tab().title == "Take an exam"


def test_what_happened_is_listed(person: Person, ann: tuple[str, Session]) -> None:
    tab = person.tab().open("account").type(name__name="").press("Save")
    assert "The account was made." in tab.words
    # Sentences, and none of the contract's codes.
    refused = "Your name or preferences stayed as they were: something was filled in wrong."
    shown = eventually(lambda: refused in tab.again().words)
    assert shown and not re.search(r"[a-z]_[a-z]", tab.words.replace(ann[0], ""))


def test_preferences_are_kept_on_the_server_beside_those_of_others(
    person: Person, ann: tuple[str, Session]
) -> None:
    session = ann[1]
    session.update_profile(preferences={"colour": "blue", "level": "nonsense"})
    tab = person.tab().open("preferences")
    tab.app.radio(key="preferences.level").set_value("C2")
    tab.app.radio(key="preferences.prompts").set_value(3)
    assert "saved" in tab.press("Save").words
    kept = session.profile().preferences
    assert kept == {"colour": "blue", "level": "C2", "prompts_per_session": 3}
    assert person.tab().app.radio(key="exam.level").value == "C2"


def test_a_button_that_cuts_a_run_off_finds_who_is_logged_in(
    person: Person, ann: tuple[str, Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    tab = person.tab()
    asked: list[object] = []
    profile = Session.profile

    def asking(session: Session) -> Profile:
        # A callback that runs now, because this run is cut off, sees the same.
        asked.append(gate.current())
        return profile(session)

    monkeypatch.setattr(Session, "profile", asking)
    tab.again()
    assert asked and None not in asked
