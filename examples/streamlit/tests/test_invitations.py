"""Lists of people and the sending of invitations, without a server."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from admittance_client import (
    AdmittanceError,
    EmailTaken,
    FieldError,
    Forbidden,
    RateLimited,
    Session,
    SessionEnded,
    Unavailable,
    User,
    ValidationFailed,
)
from simulator.teacher.classes import Classes, Member
from simulator.teacher.invitations import CAPACITY, Invitations, Reports
from simulator.teacher.roll import decode, read_roll


class Scripted(Session):
    """A session whose server answers as it is told, one answer for each call."""

    def __init__(self, *answers: AdmittanceError | None) -> None:
        self.answers, self.asked = list(answers), list[str]()

    def create_user(self, email: str, name: str, *, roles: object = ()) -> User:
        self.asked.append(email)
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer
        return None  # type: ignore[return-value]


def limited(seconds: int) -> RateLimited:
    error = RateLimited("Wait.", code="rate_limited", status=429)
    error.retry_after = seconds
    return error


def busy(code: str, seconds: int | None) -> Unavailable:
    error = Unavailable("Busy.", code=code, status=503)
    error.retry_after = seconds
    return error


def wrong(field: str, message: str) -> ValidationFailed:
    error = ValidationFailed("Wrong.", code="validation_failed", status=422)
    error.errors = (FieldError(field, "x", message),)
    return error


TAKEN = EmailTaken("Taken.", code="email_taken", status=409)


def send(
    data: Path, session: Session, lines: str, waited: list[float] | None = None
) -> Invitations:
    waits = [] if waited is None else waited

    def pause(seconds: float) -> bool:
        waits.append(seconds)
        return False

    invitations = Invitations(session, Classes(data), "5b", read_roll(lines), pause=pause)
    invitations.run()
    return invitations


def said(invitations: Invitations) -> list[tuple[str, str]]:
    return [(outcome.state, outcome.words) for outcome in invitations.outcomes]


@pytest.mark.parametrize(
    ("line", "email", "name"),
    [
        ("ann.lee@example.org", "ann.lee@example.org", "Ann Lee"),
        ("  ann_b-lee+5b@example.org ", "ann_b-lee+5b@example.org", "Ann B Lee"),
        ("Ann Lee <al@example.org>", "al@example.org", "Ann Lee"),
        ('"Lee, Ann" <al@example.org>', "al@example.org", "Lee Ann"),
        ("Ann Lee;al@example.org", "al@example.org", "Ann Lee"),
        ("al@example.org,Ann Lee", "al@example.org", "Ann Lee"),
        ("al@example.org\tAnn Lee", "al@example.org", "Ann Lee"),
        ("mailto:al@example.org", "al@example.org", "Al"),
        ("Ann Lee", "", ""),
        ("a@example.org b@example.org", "", ""),
        ("@", "", ""),
    ],
)
def test_a_line_holds_an_address_and_perhaps_a_name(line: str, email: str, name: str) -> None:
    (entry,) = read_roll(f"\n{line}\n\n")
    assert (entry.email, entry.name) == (email, name)


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_file_is_read_however_it_was_saved(coding: str) -> None:
    (entry,) = read_roll(decode("Zoë <z@example.org>".encode(coding)))
    assert (entry.name, entry.email) == ("Zoë", "z@example.org")


def test_what_is_no_text_is_refused() -> None:
    for raw in (b"\xff\xfe\x00", b"\x81\x8d\x00"):
        with pytest.raises(ValueError):
            decode(raw)


def test_the_server_is_waited_for_and_the_line_is_tried_again(tmp_path: Path) -> None:
    waits: list[float] = []
    session = Scripted(limited(7), busy("overloaded", 3), busy("unavailable", None), None)
    invitations = send(tmp_path, session, "ann@example.org", waits)
    assert said(invitations) == [("invited", "Invited.")]
    assert waits[:2] == [7, 3] and len(waits) == 3 and len(session.asked) == 4


def test_why_it_waits_is_told(tmp_path: Path) -> None:
    told: list[str] = []

    def pause(_: float) -> bool:
        told.append(invitations.waits())
        return False

    session = Scripted(limited(40), busy("overloaded", 90), busy("", 5))
    entries = read_roll("ann@example.org")
    invitations = Invitations(session, Classes(tmp_path), "5b", entries, pause=pause)
    assert invitations.waits() == ""
    invitations.run()
    assert told == [
        "The server takes only so many invitations at once. It goes on in 40 seconds.",
        "The server is busy. It goes on in 90 seconds.",
        "The server for accounts does not answer. It goes on in 5 seconds.",
    ]
    assert invitations.waits() == ""


def test_a_server_that_stays_away_ends_it_and_says_what_was_not_sent(tmp_path: Path) -> None:
    session = Scripted(None, *[busy("", 600)] * 9)
    invitations = send(tmp_path, session, "a@x.org\nb@x.org\nc@x.org")
    states = said(invitations)
    assert [state for state, _ in states] == ["invited", "failed", "failed"]
    assert states[1][1] == "Not sent. The server for accounts does not answer."
    assert len(session.asked) < 5 and session.asked.count("c@x.org") == 0


def test_an_answer_that_was_lost_is_not_called_sent(tmp_path: Path) -> None:
    invitations = send(tmp_path, Scripted(busy("", 1), TAKEN), "ann@example.org")
    ((state, words),) = said(invitations)
    assert state == "there" and "the mail may be missing" in words
    # Who was told to wait has done nothing: the account was there before.
    invitations = send(tmp_path, Scripted(busy("overloaded", 1), TAKEN), "bob@example.org")
    assert said(invitations) == [("there", "Already has an account. No mail was sent.")]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (SessionEnded("", code="invalid_token", status=401), "Not sent. You were logged out."),
        (Forbidden("", code="forbidden", status=403), "Not sent. Your account may not do this."),
    ],
)
def test_who_may_not_go_on_sends_nothing_more(
    tmp_path: Path, error: AdmittanceError, words: str
) -> None:
    session = Scripted(None, error)
    states = said(send(tmp_path, session, "a@x.org\nb@x.org\nc@x.org"))
    assert states == [("invited", "Invited."), ("failed", words), ("failed", words)]
    assert session.asked == ["a@x.org", "b@x.org"]


def test_what_the_server_finds_wrong_is_told(tmp_path: Path) -> None:
    session = Scripted(wrong("email", "This is no address."), wrong("name", "Enter a name."))
    assert said(send(tmp_path, session, "a@x\nb@x.org")) == [
        ("wrong", "This is not an email address."),
        ("wrong", "Enter a name."),
    ]


def test_it_can_be_stopped(tmp_path: Path) -> None:
    session = Scripted(limited(600))
    invitations = Invitations(session, Classes(tmp_path), "5b", read_roll("a@x.org\nb@x.org"))
    reports = Reports()
    assert reports.start("teacher", invitations)
    assert not reports.start("teacher", invitations)
    invitations.stop()
    for _ in range(600):
        if not invitations.is_running:
            break
        time.sleep(0.1)
    assert [state for state, _ in said(invitations)] == ["failed", "failed"]
    assert session.asked == ["a@x.org"] and reports.of("teacher") is invitations


def test_a_mistake_in_the_middle_leaves_no_line_waiting(tmp_path: Path) -> None:
    class Broken(Classes):
        def add(self, name: str, email: str, person: str, *, invited: bool) -> Member:
            raise OSError("full")

    invitations = Invitations(
        Scripted(), Broken(tmp_path), "5b", read_roll("a@x.org\nb@x.org"), pause=lambda _: False
    )
    with pytest.raises(OSError):
        invitations.run()
    assert not invitations.is_running
    assert [state for state, _ in said(invitations)] == ["failed", "failed"]


def test_reports_are_bounded(tmp_path: Path) -> None:
    reports = Reports()
    for number in range(CAPACITY + 20):
        done = send(tmp_path, Scripted(), "")
        assert reports.start(str(number), done)
    assert reports.of("0") is None and reports.of(str(CAPACITY + 19)) is not None


def test_a_class_keeps_who_was_invited_when(tmp_path: Path) -> None:
    classes = Classes(tmp_path)
    first = classes.add("5b", "Ann@x.org", "Ann", invited=True)
    assert first.invited_at is not None
    again = classes.add("5b", "ann@x.org", "Ann", invited=False)
    assert again.invited_at == first.invited_at
    # Also in another class.
    assert classes.add("6a", "ann@x.org", "Ann", invited=False).invited_at == first.invited_at
    assert classes.names() == ["5b", "6a"] and len(classes.members("5b")) == 1
    classes.forget("ANN@X.ORG")
    assert classes.names() == []
