"""The page for teachers: accounts and roles, a class that is invited, who has confirmed, grades."""

from __future__ import annotations

import csv
import io
import secrets
from pathlib import Path

import pytest
from example_server import ADMIN, PASSWORD, ExampleServer
from person import Person, Tab
from test_accounts import eventually, log_in
from test_exam import add

from admittance_client import Forbidden, Profile, Session, User
from simulator.teacher.classes import Classes
from simulator.teacher.grades import grades_csv, harmless
from simulator.teacher.invitations import REPORTS

NOT_FOR_ALL = "This page is for teachers."


def fresh(name: str) -> str:
    return f"{name}-{secrets.token_hex(4)}@example.org"


def find(tab: Tab, email: str) -> Tab:
    return tab.type(find__email=email).press("Find the account")


def invite(tab: Tab, name: str, *lines: str) -> Tab:
    tab.type(invite__class=name)
    tab.app.text_area(key="invite.list").input("\n".join(lines))
    return tab.press("Send the invitations")


def invited(tab: Tab) -> str:
    """What the page says once all is sent."""
    assert eventually(lambda: "Stop" not in tab.again().buttons)
    return tab.words


def tabs(tab: Tab) -> list[str]:
    return [part.label for part in tab.app.tabs]


def test_each_part_is_shown_to_those_who_have_its_permission(
    server: ExampleServer, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    person.has(server.student())
    tab = person.tab().open("teacher")
    assert NOT_FOR_ALL in tab.words and not tabs(tab)
    person.has(server.examiner())
    tab = person.tab().open("teacher")
    assert tabs(tab) == ["Grades"] and NOT_FOR_ALL not in tab.words
    person.has(server.administrator())
    all_parts = ["Invite a class", "Who has confirmed", "Accounts", "Grades"]
    assert tabs(person.tab().open("teacher")) == all_parts

    call = Session.call

    def refusing(session: Session, method: str, path: str, *rest: object) -> dict[str, object]:
        if (method, path) == ("POST", "/admin/users") or path.endswith("/roles"):
            raise Forbidden("No.", code="forbidden", status=403)
        return call(session, method, path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Session, "call", refusing)
    tab = person.tab().open("teacher")
    assert tabs(tab) == all_parts[1:]
    assert "Make" not in " ".join(find(tab, ADMIN).buttons)


def test_the_page_says_whose_account_it_is(server: ExampleServer, person: Person) -> None:
    person.has(server.administrator())
    said = [caption.value for caption in person.tab().open("teacher").app.caption]
    assert "Boss" in said[0]


def test_a_role_that_comes_after_the_confirmation_is_seen_without_a_reload(
    server: ExampleServer, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    email, opened = server.register("Eve")
    person.has(server.client().session(opened.tokens))
    admin = server.administrator()
    tab = person.opens(server.mailed_link(email, "/email/verify"))
    tab.press("Confirm")
    profile = Session.profile
    asked: list[bool] = []

    def appointed_meanwhile(session: Session) -> Profile:
        found = profile(session)
        if not asked:
            admin.change_roles(opened.user_id, grant=["examiner"])
        asked.append("examiner" in found.roles)
        return found

    monkeypatch.setattr(Session, "profile", appointed_meanwhile)
    tab.again()
    # Asked at the top of the page, then by the watch, which draws the page again.
    assert asked == [False, True, True]


def test_an_account_is_found_and_made_an_examiner_and_none(
    server: ExampleServer, person: Person
) -> None:
    email, opened = server.register("Eve")
    session = server.client().session(opened.tokens)
    person.has(server.administrator())
    tab = person.tab().open("teacher")
    assert "No account has this address." in find(tab, fresh("no")).words
    assert "Enter an address." in find(tab, " ").words
    assert "not confirmed yet" in find(tab, email.upper()).words
    assert "Make an examiner" not in tab.buttons
    assert "Roles can be given once the address is confirmed." in tab.words
    session.verify_email(server.mailed_token(email, "/email/verify"))
    find(tab, email).press("Make an examiner")
    assert "Eve is an examiner now." in tab.words
    assert "examiner" in session.profile().roles
    tab.press("No longer an examiner")
    assert "Eve is not an examiner any more." in tab.words
    assert "examiner" not in session.profile().roles


def test_the_last_administrator_stays_one(own_server: ExampleServer, person: Person) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ADMITTANCE_URL", own_server.url)
        person.has(own_server.administrator())
        tab = find(person.tab().open("teacher"), ADMIN)
        tab.press("No longer an administrator")
        assert "You are the last administrator" in tab.words


def test_a_class_is_invited_and_every_line_has_an_answer(
    server: ExampleServer, person: Person, data: Path
) -> None:
    there, _ = server.register("Ann")
    new, other = fresh("bob.lee"), fresh("cy")
    person.has(server.administrator())
    tab = person.tab().open("teacher")
    invite(tab, "5b", new, f"Cy Ode <{other}>", there, "no address", new.upper(), "x@y")
    words = invited(tab)
    assert f"{new} · :green[Invited.]" in words and f"{other} · :green[Invited.]" in words
    assert f"{there} · :gray[Already has an account. No mail was sent.]" in words
    assert "no address · :red[This is not an email address.]" in words
    assert f"{new.upper()} · :red[This address is in the list twice.]" in words
    assert "x@y · :red[This is not an email address.]" in words
    assert "2 invited, 1 with an account already, 3 to correct" in words
    found = server.administrator().find_user(other)
    assert found.name == "Cy Ode" and not found.is_verified
    assert server.administrator().find_user(new).name.startswith("Bob Lee")
    # The list is gone from the field, for the next class.
    assert tab.app.text_area(key="invite.list").value == ""
    assert [member.email for member in Classes(data).members("5b")] == [new, other, there]


def test_nothing_is_sent_twice(server: ExampleServer, person: Person) -> None:
    new = fresh("ann")
    person.has(server.administrator())
    tab = person.tab().open("teacher")
    invited(invite(tab, "5b", new))
    link = server.mailed_link(new, "/password/reset")
    words = invited(invite(tab, "5b", new))
    assert f"{new} · :gray[Was invited on " in words and "No other mail was sent." in words
    assert server.mailed_link(new, "/password/reset") == link and server.mails(new) == 1


def test_a_second_press_while_invitations_are_sent_starts_nothing(
    server: ExampleServer, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = server.administrator()
    person.has(admin)
    tab = person.tab().open("teacher")
    calls: list[str] = []
    create = Session.create_user

    def slow(session: Session, email: str, name: str) -> User:
        calls.append(email)
        # Held until the second press has been answered.
        assert eventually(lambda: len(pressed) == 1)
        return create(session, email, name)

    pressed: list[bool] = []
    monkeypatch.setattr(Session, "create_user", slow)
    first, second = fresh("ann"), fresh("bob")
    invite(tab, "5b", first)
    assert "Stop" in tab.buttons and "0 of 1 lines are done." in progress(tab)
    # The same list again is the same press; it leaves the field as the first one does.
    assert "Invitations are still being sent." not in invite(tab, "5b", first).words
    assert tab.app.text_area(key="invite.list").value == ""
    assert "Invitations are still being sent." in invite(tab, "5c", second).words
    pressed.append(True)
    assert f"{first} · :green[Invited.]" in invited(tab)
    # What was not sent is still in the field.
    assert calls == [first] and tab.app.text_area(key="invite.list").value == second


def progress(tab: Tab) -> str:
    return " ".join(str(bar.proto.text) for bar in tab.app.get("progress"))


def test_a_list_can_be_uploaded(server: ExampleServer, person: Person) -> None:
    first, second = fresh("zoë"), fresh("bob")
    person.has(server.administrator())
    tab = person.tab().open("teacher").type(invite__class="6a")
    raw = f"Zoë Ode;{first}\r\n{second}\r\n".encode("utf-16")
    tab.app.file_uploader[0].set_value(("class.csv", raw, "text/csv"))
    words = invited(tab.press("Send the invitations"))
    assert "2 invited" in words
    assert server.administrator().find_user(first).name == "Zoë Ode"


def test_an_empty_list_and_a_class_without_a_name_are_told_beside_the_fields(
    server: ExampleServer, person: Person
) -> None:
    person.has(server.administrator())
    tab = person.tab().open("teacher")
    assert "Enter the name of the class." in invite(tab, "", fresh("ann")).words
    assert "Enter at least one address." in invite(tab, "5b", " ", "").words
    assert "more than 500 lines" in invite(tab, "5b", *["a@example.org"] * 501).words


def test_more_than_the_server_takes_at_once_is_waited_for(
    own_server: ExampleServer, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADMITTANCE_URL", own_server.url)
    admin = own_server.administrator()
    person.has(admin)
    tab = person.tab().open("teacher")
    invite(tab, "All", *[f"person{number}@example.org" for number in range(62)])
    waits: list[str] = []

    def is_done() -> bool:
        waits.extend(info.value for info in tab.again().app.info)
        return "Stop" not in tab.buttons

    assert eventually(is_done)
    assert "62 invited" in tab.words
    told = "The server takes only so many invitations at once. It goes on in "
    assert any(told in said.replace("\\", "") for said in waits), waits


def test_who_has_confirmed_is_seen(server: ExampleServer, person: Person) -> None:
    first, second = fresh("ann"), fresh("bob")
    person.has(server.administrator())
    name = f"7-{secrets.token_hex(2)}"
    tab = person.tab().open("teacher")
    assert "No class has been invited yet." in tab.words
    invited(invite(tab, name, first, second))
    assert "0 of 2 have confirmed" in tab.words.replace("*", "")
    token = server.mailed_token(first, "/password/reset")
    server.client().reset_password(token, PASSWORD, PASSWORD)
    words = tab.press("Look again").words
    assert "1 of 2 have confirmed" in words.replace("*", "")
    assert f"{first} · :green[confirmed]" in words
    assert f"{second} · :orange[not confirmed yet]" in words
    session = server.client().session(server.client().login(first, PASSWORD).tokens)
    session.delete_account(PASSWORD)
    assert f"{first} · :red[no account any more]" in tab.press("Look again").words


def test_an_invited_student_is_logged_in_by_the_link(
    server: ExampleServer, person: Person
) -> None:
    email = fresh("ann")
    server.administrator().create_user(email, "Ann")
    tab = person.opens(server.mailed_link(email, "/password/reset"))
    tab.type(reset__new_password=PASSWORD, reset__confirm_password=PASSWORD)
    assert "Log in with it now." in tab.press("Set the new password").words
    assert log_in(tab.open("login"), email).title == "Take an exam"


def test_a_deleted_account_is_in_no_class(
    server: ExampleServer, person: Person, data: Path
) -> None:
    email, opened = server.register()
    Classes(data).add("5b", email.upper(), "Ann", invited=True)
    person.has(server.client().session(opened.tokens))
    tab = person.tab().open("account").type(delete__current_password=PASSWORD)
    tab.press("Delete my account")
    assert Classes(data).members("5b") == []


def test_one_teacher_does_not_see_what_another_sent(
    server: ExampleServer, person: Person, jar: dict[str, str]
) -> None:
    person.has(server.administrator())
    email = fresh("ann")
    invited(invite(person.tab().open("teacher"), "5b", email))
    other, opened = server.register("Other")
    session = server.client().session(opened.tokens)
    session.verify_email(server.mailed_token(other, "/email/verify"))
    server.administrator().change_roles(opened.user_id, grant=["admin"])
    # Another browser: a login in the same one would end the first.
    jar.clear()
    person.has(session)
    tab = person.tab().open("teacher")
    assert f"{email} · :green[Invited.]" not in tab.words
    assert REPORTS.of(opened.user_id) is None


def test_grades_are_a_table_that_spreadsheets_read(
    server: ExampleServer, person: Person, data: Path
) -> None:
    email, opened = server.register()
    session = server.client().session(opened.tokens)
    session.update_profile(name="=cmd|'/c calc'!A1")
    add(data, session, "Spoken")
    person.has(server.examiner("Eve"))
    tab = person.tab().open("teacher").press("Put the table together")
    raw = tab.app.session_state["grades"]
    assert raw.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"))))
    assert rows[0][:4] == ["Student", "Address", "Level", "Prompt"]
    # An examiner sees no addresses: that needs another permission.
    assert [row[:3] for row in rows[1:]] == [["'=cmd|'/c calc'!A1", "", "B1"]]
    assert "Download the grades" in repr(tab.app.get("download_button"))
    person.has(server.administrator())
    tab = person.tab().open("teacher").press("Put the table together")
    assert email in tab.app.session_state["grades"].decode()


def test_who_may_not_grade_any_more_gets_no_table(server: ExampleServer, person: Person) -> None:
    examiner = server.examiner("Eve")
    person.has(examiner)
    tab = person.tab().open("teacher")
    server.administrator().change_roles(examiner.profile().user_id, revoke=["examiner"])
    tab.press("Put the table together")
    assert "grades" not in tab.app.session_state and NOT_FOR_ALL in tab.words


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", " =", "＝", "\n+"])
def test_no_cell_is_a_formula(start: str) -> None:
    assert harmless(f"{start}1").startswith("'")


def test_a_cell_that_is_harmless_stays_as_it_is() -> None:
    for cell in ("", "Ann", "B1", 'a "b", c', "zwei\nZeilen", "1=1", "a@b"):
        assert harmless(cell) == cell
    assert grades_csv([], {}).decode("utf-8-sig").splitlines()[0].count(",") == 7
