"""Exams, answers and grades, and who sees what of whom."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from pathlib import Path

import pytest
from example_server import PASSWORD, ExampleServer
from person import Person, Tab

from streamlit.testing.v1.element_tree import Markdown

from admittance_client import Profile, Session, SessionEnded, Unavailable
from simulator import gate
from simulator.answers import Answers
from simulator.logins import LOGINS, Logins
from simulator.prompts import LEVELS, PROMPTS, of_level
from simulator.run import RETRY_SECONDS, SEND_SECONDS, start
from simulator.text import plain

WAV = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(28)


def begin(tab: Tab, level: str = "B1", prompts: int = 1) -> Tab:
    tab.open("exam")
    tab.app.radio(key="exam.level").set_value(level)
    tab.app.radio(key="exam.prompts").set_value(prompts)
    return tab.press("Start the exam").press("Begin").press("I am ready to speak")


def answer(tab: Tab, text: str) -> Tab:
    tab.app.text_area[0].input(text)
    return tab.press("Hand in the answer")


def add(data: Path, session: Session, text: str, level: str = "B1") -> str:
    profile = session.profile()
    return Answers(data).add(
        user_id=profile.user_id,
        student=profile.name,
        prompt_id=f"{level}-1",
        level=level,
        transcript=text,
        recording=None,
        seconds=42,
    )


def test_every_level_has_four_prompts_of_both_kinds() -> None:
    assert len(PROMPTS) == 24
    for level in LEVELS:
        kinds = [prompt.kind for prompt in of_level(level)]
        assert sorted(kinds) == ["interaction"] * 2 + ["production"] * 2
        assert all(p.preparation >= 30 and p.speaking >= 45 for p in of_level(level))


def test_an_exam_is_taken_and_found_in_the_history(
    server: ExampleServer, person: Person, data: Path
) -> None:
    person.has(server.student())
    tab = begin(person.tab(), "A2", 2)
    assert "Prompt 1 of 2" in tab.words
    answer(tab, "Yesterday I cooked soup.")
    assert "Prompt 2 of 2" in tab.words
    tab.press("Begin").press("I am ready to speak")
    tab.app.audio_input[0].set_value(("../../evil.wav", WAV, "audio/wav"))
    assert tab.press("Hand in the answer").title == "Done"

    tab.open("history")
    assert "2 of 2 answers" in tab.words and "Yesterday I cooked soup." in tab.words
    # The name of a recording is drawn here, whatever the browser calls it.
    files = [path for path in data.rglob("*") if path.is_file() and path.suffix == ".wav"]
    assert len(files) == 1 and files[0].parent == data / "recordings"
    assert files[0].read_bytes() == WAV and len(files[0].stem) == 32
    assert os.stat(files[0]).st_mode & 0o077 == 0 and os.stat(data).st_mode & 0o077 == 0


def test_an_empty_answer_is_not_handed_in(server: ExampleServer, person: Person) -> None:
    person.has(server.student())
    tab = begin(person.tab())
    assert "Record your answer, or type what you said." in answer(tab, "  ").words
    assert "Prompt 1 of 1" in tab.words
    # Beside the field, and with nothing to press that does nothing.
    assert not tab.app.error and "Try again" not in tab.buttons
    fields = [e for e in tab.app.main if e.type in ("text_area", "markdown", "button")]
    below = fields[[element.type for element in fields].index("text_area") + 1]
    assert isinstance(below, Markdown) and "Record your answer" in below.value


def test_the_rule_for_the_end_of_the_time_is_told_before_the_exam(
    server: ExampleServer, person: Person
) -> None:
    person.has(server.student())
    words = person.tab().open("exam").words
    assert "your answer is handed in by itself" in words and "even if it is still running" in words


def time_is_up(tab: Tab, *, since: float = SEND_SECONDS + 1) -> Tab:
    """The speaking time ends, and the browser says nothing of it for `since` seconds."""
    run = tab.app.session_state["run"]
    run.since -= run.prompt.speaking
    tab.again()
    if run.phase == "over":
        run.since -= since
        tab.again()
    return tab


def test_what_is_typed_is_handed_in_when_the_time_is_up(
    server: ExampleServer, person: Person, data: Path
) -> None:
    session = server.student()
    person.has(session)
    tab = begin(person.tab(), "B1", 2)
    tab.app.text_area[0].input("Half a sentence")
    time_is_up(tab)
    assert "The time was up: your answer is handed in." in tab.words
    assert "Prompt 2 of 2" in tab.words
    kept = Answers(data).of_user(session.profile().user_id)
    assert [(a.transcript, a.seconds) for a in kept] == [("Half a sentence", 90)]
    # With nothing to hand in, the exam goes on.
    tab.press("Begin").press("I am ready to speak")
    assert time_is_up(tab).title == "Done"
    assert "there was no answer to hand in" in tab.words
    assert len(Answers(data).of_user(session.profile().user_id)) == 1


def test_a_recording_that_was_running_is_waited_for(
    server: ExampleServer, person: Person, data: Path
) -> None:
    session = server.student()
    person.has(session)
    tab = begin(person.tab())
    run = tab.app.session_state["run"]
    run.was_recording = True
    time_is_up(tab)
    assert "Prompt 1 of 1" in tab.words and not Answers(data).of_user(run.user_id)
    tab.app.audio_input[0].set_value(("a.wav", WAV, "audio/wav"))
    assert tab.again().title == "Done"
    assert [a.has_recording for a in Answers(data).of_user(session.profile().user_id)] == [True]


def test_an_answer_waits_for_a_student_who_logs_in_again(
    server: ExampleServer, person: Person, data: Path
) -> None:
    email, opened = server.register()
    session = server.client().session(opened.tokens)
    person.has(session)
    tab = begin(person.tab())
    tab.app.text_area[0].input("Mine.")
    session.logout()
    assert tab.again().title == "Log in"
    run = tab.app.session_state["run"]
    run.begin("over")
    run.since -= SEND_SECONDS + 1
    tab.type(login__email=email, login__password=PASSWORD).press("Log in")
    assert tab.title == "Done"
    assert [a.transcript for a in Answers(data).of_user(opened.user_id)] == ["Mine."]


def test_an_answer_waits_for_a_server_that_comes_back(
    server: ExampleServer, person: Person, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = server.student()
    person.has(session)
    tab = begin(person.tab())
    tab.app.text_area[0].input("A long answer.")

    def down(_: Session) -> Profile:
        raise Unavailable("The server cannot be reached.")

    with monkeypatch.context() as patch:
        patch.setattr(Session, "profile", down)
        time_is_up(tab)
        assert gate.DOWN in tab.words and tab.app.text_area[0].value == "A long answer."
    run = tab.app.session_state["run"]
    run.tried_at -= RETRY_SECONDS + 1
    assert tab.again().title == "Done"
    assert len(Answers(data).of_user(session.profile().user_id)) == 1


def test_preparation_leads_to_speaking_and_the_clock_counts(
    server: ExampleServer, person: Person
) -> None:
    person.has(server.student())
    tab = person.tab().open("exam").press("Start the exam").press("Begin")
    run = tab.app.session_state["run"]
    assert run.phase == "prepare" and 0 < run.left() <= run.prompt.preparation
    run.since -= run.prompt.preparation
    assert tab.again().app.session_state["run"].phase == "speak"
    run.since -= run.prompt.speaking
    assert run.left() == 0


def test_a_late_tick_for_one_prompt_does_not_end_the_next() -> None:
    run = start("a", "B1", 2)
    run.begin("speak")
    assert not run.tick() and run.phase == "speak"
    # The page still counts for the first prompt when the second is there.
    run.next()
    assert not run.tick() and run.phase == "ready"
    for phase, after in (("prepare", "speak"), ("speak", "over")):
        run.begin(phase)
        run.since -= 1000
        assert run.tick() and run.phase == after
    assert not run.tick() and run.phase == "over"


def test_a_draft_outlives_a_visit_to_another_page(server: ExampleServer, person: Person) -> None:
    person.has(server.student())
    tab = begin(person.tab())
    tab.app.text_area[0].input("Half a sentence")
    tab.again().open("preferences").open("exam")
    assert tab.app.text_area[0].value == "Half a sentence"


def test_an_answer_is_kept_in_the_tab_while_the_server_is_down(
    own_server: ExampleServer, person: Person, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADMITTANCE_URL", own_server.url)
    person.has(own_server.student())
    tab = begin(person.tab())
    own_server.stop()
    answer(tab, "A long answer.")
    assert gate.DOWN in tab.words and "Try again" in tab.buttons
    assert tab.app.text_area[0].value == "A long answer."
    assert not list(data.glob("answers.sqlite3"))


def test_no_answers_are_shown_while_the_server_cannot_be_asked(
    own_server: ExampleServer, person: Person, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADMITTANCE_URL", own_server.url)
    session = own_server.student()
    person.has(session)
    add(data, session, "Kept")
    tab = person.tab().open("history")
    assert "Kept" in tab.words
    own_server.stop()
    assert gate.DOWN in tab.again().words and "Kept" not in tab.words


def test_an_exam_waits_for_who_was_thrown_out_and_for_nobody_else(
    server: ExampleServer, person: Person
) -> None:
    email, opened = server.register()
    session = server.client().session(opened.tokens)
    person.has(session)
    tab = begin(person.tab())
    session.logout()
    answer(tab, "Mine.")
    assert tab.title == "Log in" and gate.ENDED in tab.words
    other, _ = server.register("Bob")
    for address, draft in ((email, "Mine."), (other, None)):
        tab.type(login__email=address, login__password=PASSWORD).press("Log in")
        areas = tab.app.text_area
        assert (areas[0].value if len(areas) else None) == draft
        if draft:
            tab.app.session_state["session"].logout()
            tab.again()


def test_the_history_is_filtered(server: ExampleServer, person: Person, data: Path) -> None:
    session = server.student()
    person.has(session)
    add(data, session, "Soup with dumplings", "A2")
    graded = add(data, session, "A train to Lyon", "B1")
    Answers(data).grade(graded, grade="B2", comment="Well told", examiner_id="0", examiner="Eve")
    tab = person.tab().open("history")
    assert "2 of 2 answers" in tab.words
    tab.app.multiselect(key="history.levels").set_value(["A2"])
    assert "Soup" in tab.again().words and "Lyon" not in tab.words
    tab.app.multiselect(key="history.levels").set_value([])
    tab.app.button_group(key="history.state").set_value("Graded")
    assert "Lyon" in tab.again().words and "Soup" not in tab.words
    assert "Graded **B2** by Eve" in tab.words and "Well told" in tab.words
    tab.app.button_group(key="history.state").set_value("All")
    assert "1 of 2 answers" in tab.type(history__text="dumplings").again().words


def test_an_examiner_grades_and_the_student_reads_it(
    server: ExampleServer, person: Person, data: Path
) -> None:
    student, examiner = server.student("Sue"), server.examiner("Eve")
    answer_id = add(data, student, "I have been to Lyon.")
    person.has(examiner)
    tab = person.tab().open("grading")
    assert "Sue" in tab.words and "I have been to Lyon." in tab.words
    tab.app.selectbox(key=f"grading.{answer_id}.level").set_value("B2")
    tab.app.text_area(key=f"grading.{answer_id}.comment").input("Clear and lively.")
    assert "The grade is saved." in tab.press("Save the grade").words
    assert "Nothing is waiting." in tab.words
    person.has(student)
    words = person.tab().open("history").words
    assert "Graded **B2** by Eve" in words and "Clear and lively." in words


def test_a_student_is_refused_by_the_server_on_the_page_of_examiners(
    server: ExampleServer, person: Person, data: Path
) -> None:
    add(data, server.student("Sue"), "Something private")
    person.has(server.student("Ann"))
    tab = person.tab().open("grading")
    assert "Your account may not grade." in tab.words
    assert "private" not in tab.words and "Save the grade" not in tab.buttons


def test_an_examiner_whose_role_was_taken_away_cannot_save(
    server: ExampleServer, person: Person, data: Path
) -> None:
    examiner = server.examiner("Eve")
    answer_id = add(data, server.student("Sue"), "An answer")
    person.has(examiner)
    tab = person.tab().open("grading")
    user_id = examiner.profile().user_id
    server.administrator().change_roles(user_id, revoke=["examiner"])
    tab.press("Save the grade")
    assert "You may not grade any more." in tab.words and "An answer" not in tab.words
    waiting = Answers(data).for_grading(graded=False)
    assert [answer.answer_id for answer in waiting] == [answer_id]


def test_what_a_student_typed_is_never_markup_for_an_examiner(
    server: ExampleServer, person: Person, data: Path
) -> None:
    trap = "![x](https://elsewhere.example/x.png) <img src=x onerror=alert(1)>"
    student = server.student()
    student.update_profile(name="[Ann](https://elsewhere.example)")
    add(data, student, trap)
    person.has(server.examiner("Eve"))
    at = person.tab().open("grading").app
    assert trap in [text.value for text in at.text]
    markup = [e.value for e in (*at.markdown, *at.caption)] + [e.label for e in at.expander]
    assert markup and not any("](https" in text or "<img" in text for text in markup)


@pytest.mark.parametrize(
    "text", ["https://a.example", "WWW.a.example", "ann@a.example", "[x](//a.example)", "<b>*b*"]
)
def test_plain_text_holds_nothing_that_becomes_a_link_or_markup(text: str) -> None:
    shown = plain(text)
    assert shown.replace("\\", "").replace("\u2060", "") == text
    assert not re.search(r"(?i)://[\w\\]|www[\\.]|@\w|(?<!\\)[*<\[(]", shown), shown


def test_two_people_in_one_process_see_nothing_of_each_other(
    server: ExampleServer, person: Person, data: Path, jar: dict[str, str]
) -> None:
    sessions = {name: server.student(name) for name in ("Ann", "Bob")}
    tabs = {}
    for name, session in sessions.items():
        jar.clear()
        person.has(session)
        tabs[name] = begin(person.tab())
        tabs[name].app.text_area[0].input(f"Draft of {name}")
        tabs[name].again()
    # Turn by turn in the same process, as Streamlit runs them.
    for name, other in (("Ann", "Bob"), ("Bob", "Ann")):
        state = tabs[name].again().app.session_state
        assert state["session"] is sessions[name]
        assert tabs[name].app.text_area[0].value == f"Draft of {name}"
        assert sessions[other].tokens.access not in str(state.to_dict())
        assert sessions[name].tokens.access not in str(state.to_dict())
        answer(tabs[name], f"Answer of {name}")
    for name, other in (("Ann", "Bob"), ("Bob", "Ann")):
        words = tabs[name].open("history").words
        assert f"Answer of {name}" in words and other not in words
        assert "1 of 1 answers" in words


def test_another_person_in_the_same_tab_finds_nothing_of_the_first(
    server: ExampleServer, person: Person
) -> None:
    person.has(server.student("Ann"))
    tab = begin(person.tab())
    tab.app.text_area[0].input("Draft of Ann")
    tab.again().press("Log out")
    assert "Draft of Ann" not in str(tab.app.session_state.to_dict())
    email, _ = server.register("Bob")
    tab.type(login__email=email, login__password=PASSWORD).press("Log in").open("exam")
    assert "Draft of Ann" not in str(tab.app.session_state.to_dict())
    assert tab.title == "Take an exam"


def test_a_deleted_account_leaves_no_answers(
    server: ExampleServer, person: Person, data: Path
) -> None:
    session, other = server.student("Ann"), server.student("Bob")
    person.has(session)
    answer(begin(person.tab()), "To be forgotten")
    add(data, other, "To be kept")
    tab = person.tab().open("account")
    tab.press("Put my data together")
    export = json.loads(tab.app.session_state["export"])
    assert export["answers"][0]["transcript"] == "To be forgotten"
    assert "refresh_token" not in json.dumps(export)
    tab.type(delete__current_password="wrong").press("Delete my account")
    assert "This is not your password." in tab.words
    tab.type(delete__current_password=PASSWORD).press("Delete my account")
    assert tab.title == "Log in" and "deleted" in tab.words
    left = sqlite3.connect(data / "answers.sqlite3").execute("SELECT transcript FROM answers")
    assert [row[0] for row in left] == ["To be kept"]


def test_hostile_text_is_kept_as_text(server: ExampleServer, data: Path) -> None:
    session = server.student()
    hostile = "'); DROP TABLE answers; --"
    add(data, session, hostile)
    answers = Answers(data)
    assert [a.transcript for a in answers.of_user(session.profile().user_id)] == [hostile]
    assert answers.of_user("' OR '1'='1") == []


@pytest.mark.parametrize("recording", [b"MZ\x90", b"RIFF....AVI ", WAV + bytes(20 * 1024 * 1024)])
def test_what_is_no_recording_is_refused(data: Path, recording: bytes) -> None:
    answers = Answers(data)
    with pytest.raises(ValueError):
        answers.add(
            user_id="a",
            student="Ann",
            prompt_id="A1-1",
            level="A1",
            transcript="",
            recording=recording,
            seconds=1,
        )
    assert not list((data / "recordings").iterdir())


def test_one_account_pushes_out_no_other_browser(server: ExampleServer) -> None:
    logins = Logins(capacity=50, of_user=20)
    idle, busy = server.student(), server.student()

    def log_in(session: Session, user_id: str) -> str:
        ticket = logins.ticket(session, user_id=user_id, remember=True)
        redeemed = logins.redeem(ticket, replaces=None)
        assert redeemed is not None
        return redeemed.handle

    idle_browser = log_in(idle, "idle")
    browsers = [log_in(busy, "busy") for _ in range(100)]
    assert logins.find(idle_browser) is idle
    assert [logins.find(browser) is busy for browser in browsers] == [False] * 80 + [True] * 20


def test_what_is_pushed_out_or_replaced_is_logged_out(server: ExampleServer) -> None:
    ended: list[Session] = []

    def log_out(sessions: list[Session]) -> None:
        for session in sessions:
            session.logout()
        ended.extend(sessions)

    logins = Logins(capacity=3, of_user=2, log_out=log_out)

    def log_in(session: Session, user_id: str, replaces: str | None = None) -> str:
        ticket = logins.ticket(session, user_id=user_id, remember=True)
        redeemed = logins.redeem(ticket, replaces=replaces)
        assert redeemed is not None
        return redeemed.handle

    ann, bob, *others = [server.student() for _ in range(6)]
    ann_browser = log_in(ann, "ann")
    bob_browser = log_in(bob, "bob")
    # Two browsers with one session: it goes on in the other one.
    log_in(bob, "bob")
    log_in(bob, "bob", replaces=bob_browser)
    assert ended == []
    # Full: room is made within the same account, although Ann was idle for longer.
    first = log_in(others[0], "bob")
    log_in(others[1], "bob")
    assert ended == [bob] and logins.find(ann_browser) is ann
    # The session that a browser had before another login ends with it.
    log_in(others[2], "bob", replaces=first)
    assert ended == [bob, others[0]] and logins.find(first) is None
    # An account that has nothing here pushes out the browser that was idle for longest.
    logins.find(ann_browser)
    log_in(others[3], "lee")
    assert ended == [bob, others[0], others[1]]
    for session in ended:
        with pytest.raises(SessionEnded):
            session.profile()
    assert ann.profile()


def test_logins_are_bounded_and_end(server: ExampleServer) -> None:
    now = 0.0
    logins = Logins(capacity=2, clock=lambda: now)
    sessions = [server.student() for _ in range(3)]
    handles: list[str] = []
    for session in sessions:
        ticket = logins.ticket(session, user_id=str(len(handles)), remember=False)
        redeemed = logins.redeem(ticket, replaces=None)
        assert redeemed is not None and redeemed.handle not in repr(redeemed)
        handles.append(redeemed.handle)
    assert logins.find(handles[0]) is None and logins.find(handles[1]) is sessions[1]
    # The handle of a new login replaces the browser's old one.
    ticket = logins.ticket(sessions[2], user_id="2", remember=False)
    again = logins.redeem(ticket, replaces=handles[2])
    assert again is not None and logins.find(handles[2]) is None
    stale = logins.ticket(sessions[1], user_id="1", remember=True)
    now += 61
    assert logins.redeem(stale, replaces=None) is None
    now += 8 * 24 * 3600
    assert logins.find(handles[1]) is None
    kept = f"{vars(logins)}"
    assert not any(handle in kept for handle in [*handles, again.handle])
    assert repr(LOGINS).startswith("<Logins ")
