"""Mailed links that meet somebody who is logged in, with this account or with another one."""

from __future__ import annotations

import secrets

import pytest
from example_server import OTHER_PASSWORD, PASSWORD, ExampleServer
from person import Person

from admittance_client import Admittance, InvalidLink, Opened, SessionEnded
from simulator.logins import LOGINS

GO_ON = "Log out and go on with the link"


def confirmed(server: ExampleServer, person: Person, name: str = "Bob") -> str:
    """Somebody whose address is confirmed, and who is logged in."""
    email, opened = server.register(name)
    session = server.client().session(opened.tokens)
    session.verify_email(server.mailed_token(email, "/email/verify"))
    person.has(session)
    return email


def test_every_page_says_whose_account_it_is(server: ExampleServer, person: Person) -> None:
    assert "Not logged in" in person.tab().words
    mine = confirmed(server, person)
    tab = person.tab()
    pages = ("exam", "history", "grading", "teacher", "preferences", "account", "devices")
    for page in (*pages, "verify", "reset", "confirm_email", "disown"):
        said = [caption.value for caption in tab.open(page).app.caption]
        assert "Bob" in said[0] and mine in said[0].replace("\\", "").replace("\u2060", ""), page


def test_a_link_to_confirm_another_address_says_so_and_stays_good(
    server: ExampleServer, person: Person
) -> None:
    theirs, _ = server.register("Ann")
    mine = confirmed(server, person)
    tab = person.opens(server.mailed_link(theirs, "/email/verify"))
    assert f"You are logged in as **Bob** ({mine})." in tab.words
    assert "This link confirms the address of another account." in tab.words
    assert "is confirmed." not in tab.words
    tab.press(GO_ON)
    assert "You are logged out." in tab.words and tab.title == "Confirm your address"
    tab.type(verify__password=PASSWORD).press("Confirm")
    assert "Your address is confirmed, and you are logged in." in tab.words
    assert f"Your address {theirs} is confirmed." in tab.words


def test_a_link_of_another_account_does_not_confirm_mine(
    server: ExampleServer, person: Person
) -> None:
    theirs, _ = server.register("Ann")
    mine, opened = server.register("Bob")
    person.has(server.client().session(opened.tokens))
    tab = person.tab().open("verify")
    # Pasted, it goes on after the logout as if it had been opened.
    tab.type(verify__token=server.mailed_link(theirs, "/email/verify")).press("Confirm")
    assert "This link confirms the address of another account." in tab.words
    tab.press(GO_ON).type(verify__password=PASSWORD).press("Confirm")
    assert f"Your address {theirs} is confirmed." in tab.words


def test_a_link_leads_to_its_page_also_when_the_browser_asks_for_the_first_one(
    server: ExampleServer, person: Person
) -> None:
    theirs, _ = server.register("Ann")
    token = server.mailed_token(theirs, "/email/verify")
    person.links.append(("verify", token))
    tab = person.tab()
    assert tab.title == "Confirm your address"
    tab.type(verify__password=PASSWORD).press("Confirm")
    assert f"Your address {theirs} is confirmed." in tab.words


def test_a_link_that_the_browser_tells_again_leads_to_its_page_again_and_is_kept_once(
    server: ExampleServer, person: Person
) -> None:
    theirs, _ = server.register("Ann")
    link = ("verify", server.mailed_token(theirs, "/email/verify"))
    person.links.append(link)
    tab = person.tab()
    # The browser has not heard that the app has it, and asks for the page that it shows.
    person.links.append(link)
    assert tab.open("forgot").title == "Confirm your address"
    tab.type(verify__password=PASSWORD).press("Confirm")
    person.links.append(link)
    assert tab.open("devices").title == "Confirm your address"
    assert f"Your address {theirs} is confirmed." in tab.words
    assert "This link does not work any more" not in tab.words


def test_a_press_that_comes_with_the_telling_finds_the_link(
    server: ExampleServer, person: Person
) -> None:
    theirs, _ = server.register("Ann")
    tab = person.tab().open("verify").type(verify__password=PASSWORD)
    person.links.append(("verify", server.mailed_token(theirs, "/email/verify")))
    tab.press("Confirm")
    assert f"Your address {theirs} is confirmed." in tab.words


def test_a_link_that_was_used_is_told_to_its_owner(server: ExampleServer, person: Person) -> None:
    mine, opened = server.register("Bob")
    link = server.mailed_link(mine, "/email/verify")
    session = server.client().session(opened.tokens)
    session.verify_email(link.split("#token=")[1])
    person.has(session)
    tab = person.opens(link)
    assert "This link does not work any more" in tab.words
    assert f"Your address {mine} is confirmed." in tab.words


def test_a_link_to_a_new_password_waits_for_the_logout(
    server: ExampleServer, person: Person
) -> None:
    theirs, _ = server.register("Ann")
    server.client().forgot_password(theirs)
    mine = confirmed(server, person)
    tab = person.opens(server.mailed_link(theirs, "/password/reset"))
    assert f"You are logged in as **Bob** ({mine})." in tab.words
    assert "Set the new password" not in tab.buttons
    tab.press(GO_ON)
    tab.type(reset__new_password=OTHER_PASSWORD, reset__confirm_password=OTHER_PASSWORD)
    assert "Your new password is set." in tab.press("Set the new password").words
    assert server.client().login(theirs, OTHER_PASSWORD) and server.client().login(mine, PASSWORD)


def test_a_link_to_a_new_address_of_another_account_says_so(
    server: ExampleServer, person: Person
) -> None:
    theirs, opened = server.register("Ann")
    session = server.client().session(opened.tokens)
    session.change_email(f"new-{theirs}", PASSWORD)
    mine = confirmed(server, person)
    tab = person.opens(server.mailed_link(f"new-{theirs}", "/email/change/confirm"))
    assert mine in tab.words
    tab.press("Confirm")
    assert "This link changes the address of another account." in tab.words
    tab.press(GO_ON).type(login__email=theirs, login__password=PASSWORD).press("Log in")
    assert tab.title == "Confirm the new address"
    assert "Your new address is confirmed." in tab.press("Confirm").words
    assert session.profile().email == f"new-{theirs}"


def test_this_was_not_me_waits_for_the_logout(server: ExampleServer, person: Person) -> None:
    theirs, opened = server.register("Ann")
    mine = confirmed(server, person)
    tab = person.opens(server.mailed_link(theirs, "/email/disown"))
    assert mine in tab.words and "this link is about another account" in tab.words
    assert "Remove the account" not in tab.buttons
    tab.press(GO_ON).press("Remove the account")
    assert "The account with your address is removed." in tab.words
    with pytest.raises(SessionEnded):
        server.client().session(opened.tokens).profile()
    assert server.client().login(mine, PASSWORD)


def test_a_logout_without_going_on_forgets_the_link(server: ExampleServer, person: Person) -> None:
    theirs, _ = server.register("Ann")
    server.client().forgot_password(theirs)
    confirmed(server, person)
    link = server.mailed_link(theirs, "/password/reset")
    tab = person.opens(link).press("Log out")
    assert link.split("#token=")[1] not in str(tab.app.session_state.to_dict())
    with pytest.raises(InvalidLink):
        server.client().reset_password("adp_wrong", OTHER_PASSWORD, OTHER_PASSWORD)


@pytest.mark.parametrize("shared", [False, True])
def test_registering_and_confirming_ask_whether_to_stay_logged_in(
    server: ExampleServer, person: Person, shared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHARED_MACHINES", "1" if shared else "")
    for page in ("login", "register", "verify"):
        box = person.tab().open(page).app.checkbox(key=f"{page}.remember")
        assert box.label == "Keep me logged in on this device" and box.value is not shared


@pytest.mark.parametrize("stays", [False, True])
def test_the_answer_counts_for_the_cookie_and_for_the_session(
    server: ExampleServer, person: Person, stays: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    login = Admittance.login

    def logging_in(
        client: Admittance, email: str, password: str, *, remember: bool = True
    ) -> Opened:
        asked.append(remember)
        return login(client, email, password, remember=remember)

    monkeypatch.setattr(Admittance, "login", logging_in)
    tab = person.tab().open("register")
    email = f"ann-{secrets.token_hex(4)}@example.org"
    tab.type(register__name="Ann", register__email=email)
    tab.type(register__password=PASSWORD, register__confirm_password=PASSWORD)
    tab.app.checkbox(key="register.remember").set_value(stays)
    tab.press("Register")
    session = tab.app.session_state["session"]
    redeemed = LOGINS.redeem(tab.app.session_state["ticket"], replaces=None)
    assert redeemed is not None and redeemed.remember is stays
    # The short session took the place of the long one.
    assert asked == ([] if stays else [False]) and len(session.sessions()) == 1
    session.logout()

    asked.clear()
    tab = person.opens(server.mailed_link(email, "/email/verify"))
    tab.app.checkbox(key="verify.remember").set_value(stays)
    tab.type(verify__password=PASSWORD).press("Confirm")
    redeemed = LOGINS.redeem(tab.app.session_state["ticket"], replaces=None)
    assert redeemed is not None and redeemed.remember is stays
    assert asked == ([] if stays else [False])
    assert len(tab.app.session_state["session"].sessions()) == 1
