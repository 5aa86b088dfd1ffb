"""The client against the real server: every call, every way to be refused."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from example_server import OTHER_PASSWORD, PASSWORD, ExampleServer, free_port

from admittance_client import (
    Admittance,
    AdmittanceError,
    Caller,
    Conflict,
    EmailTaken,
    Forbidden,
    InvalidCredentials,
    InvalidLink,
    NotFound,
    Opened,
    ProofRequired,
    RateLimited,
    Session,
    SessionEnded,
    Tokens,
    Unavailable,
    ValidationFailed,
)


def refused_by(error: type[AdmittanceError], code: str) -> pytest.RaisesExc[AdmittanceError]:
    return pytest.raises(error, check=lambda caught: caught.code == code)


def with_dead_access_token(server: ExampleServer, session: Session) -> Session:
    """The same session, whose access token the server refuses as it refuses one that ran out."""
    return server.client().session(replace(session.tokens, access="run.out.now"))


def test_an_account_lives_from_registration_to_deletion(server: ExampleServer) -> None:
    email, opened = server.register("Ann")
    assert opened.missing == ("email_verification",) and not opened.is_verified
    session = server.client().session(opened.tokens)
    session.verify_email(server.mailed_token(email, "/email/verify"))
    profile = session.profile()
    assert (profile.email, profile.is_verified, profile.roles) == (email, True, ("student",))
    assert session.update_profile(preferences={"level": "C1"}).preferences == {"level": "C1"}
    patched = session.patch_profile(preferences={"goal": 2, "level": None})
    assert patched.preferences == {"goal": 2}
    assert session.update_profile(name="Ann Lee").name == "Ann Lee"

    session.reauthenticate(PASSWORD)
    other = server.client().session(server.client().login(email, PASSWORD, remember=False).tokens)
    session.change_password(PASSWORD, OTHER_PASSWORD, OTHER_PASSWORD)
    assert session.profile().user_id == opened.user_id
    with refused_by(SessionEnded, "invalid_token"):
        other.profile()

    export = session.export_account()
    assert export["profile"]["user_id"] == opened.user_id
    newest = session.events(limit=2)
    assert len(newest.items) == 2 and newest.next is not None
    older = session.events(before=newest.next, limit=2)
    assert older.items[0].at <= newest.items[1].at
    with refused_by(InvalidCredentials, "invalid_credentials"):
        session.delete_account(PASSWORD)
    session.delete_account(OTHER_PASSWORD)
    with refused_by(InvalidCredentials, "invalid_credentials"):
        server.client().login(email, OTHER_PASSWORD)


def test_every_field_that_breaks_a_rule_is_named_at_once(server: ExampleServer) -> None:
    with pytest.raises(ValidationFailed) as caught:
        server.client().register(email="ann", password="1", confirm_password="2", name="")
    fields = {error.field for error in caught.value.errors}
    assert fields == {"email", "password", "confirm_password", "name"}
    assert all(error.code and error.message for error in caught.value.errors)


def test_a_taken_address_is_told(server: ExampleServer) -> None:
    email, _ = server.register()
    with refused_by(EmailTaken, "email_taken"):
        server.client().register(
            email=email.upper(), password=PASSWORD, confirm_password=PASSWORD, name="Ann"
        )


def test_a_password_is_weighed(server: ExampleServer) -> None:
    weak = server.client().password_strength("password1", name="Ann")
    strong = server.client().password_strength(PASSWORD)
    assert not weak.acceptable and weak.errors and weak.score < strong.score
    assert strong.acceptable and not strong.errors


def test_a_forgotten_password_is_set_by_a_link_once(server: ExampleServer) -> None:
    email, opened = server.register()
    server.client().forgot_password(email)
    token = server.mailed_token(email, "/password/reset")
    with pytest.raises(ValidationFailed):
        server.client().reset_password(token, "1", "2")
    server.client().reset_password(token, OTHER_PASSWORD, OTHER_PASSWORD)
    with refused_by(InvalidLink, "invalid_link"):
        server.client().reset_password(token, OTHER_PASSWORD, OTHER_PASSWORD)
    with pytest.raises(SessionEnded):
        server.client().session(opened.tokens).profile()
    assert server.client().login(email, OTHER_PASSWORD).user_id == opened.user_id


def test_a_link_needs_the_account_as_well_as_the_mailbox(server: ExampleServer) -> None:
    email, opened = server.register()
    token = server.mailed_token(email, "/email/verify")
    with refused_by(ProofRequired, "proof_required"):
        server.client().verify_email(token)
    with refused_by(ProofRequired, "proof_required"):
        server.student("Bob").verify_email(token)
    verified = server.client().verify_email(token, PASSWORD)
    assert isinstance(verified, Opened) and verified.is_verified
    # A dead link is not a dead session.
    session = server.client().session(opened.tokens)
    with refused_by(InvalidLink, "invalid_link"):
        session.verify_email(token)
    assert session.tokens is opened.tokens, "no session is renewed for it"
    assert session.profile().is_verified


def test_an_address_is_changed_by_the_session_that_asked(server: ExampleServer) -> None:
    email, opened = server.register()
    session = server.client().session(opened.tokens)
    new = f"new-{email}"
    with pytest.raises(InvalidCredentials):
        session.change_email(new, OTHER_PASSWORD)
    session.change_email(new, PASSWORD)
    session.confirm_email_change(server.mailed_token(new, "/email/change/confirm"))
    assert session.profile().email == new


def test_a_mailed_no_removes_an_unconfirmed_account(server: ExampleServer) -> None:
    email, opened = server.register()
    server.client().resend_verification(email)
    server.client().disown_email(server.mailed_token(email, "/email/disown"))
    with pytest.raises(SessionEnded):
        server.client().session(opened.tokens).profile()


def test_sessions_are_listed_and_ended_one_by_one_and_all(server: ExampleServer) -> None:
    email, opened = server.register()
    here = server.client().session(opened.tokens)
    others = [
        server.client().session(server.client().login(email, PASSWORD).tokens) for _ in range(2)
    ]
    listed = here.sessions()
    assert [info.current for info in listed].count(True) == 1 and len(listed) == 3
    assert {info.user_agent for info in listed} == {"pytest"}
    assert all((info.ip or "").startswith("2001:db8:") for info in listed)
    here.end_session(next(info.session_id for info in others[0].sessions() if info.current))
    with pytest.raises(SessionEnded):
        others[0].profile()
    here.end_other_sessions()
    with pytest.raises(SessionEnded):
        others[1].profile()
    with refused_by(NotFound, "not_found"):
        here.end_session("../profile")


def test_an_access_token_that_ran_out_is_renewed_without_anybody_noticing(
    server: ExampleServer,
) -> None:
    session = with_dead_access_token(server, server.student())
    before = session.tokens
    assert session.profile().name == "Ann"
    assert session.tokens.access != before.access and session.tokens.refresh != before.refresh


def test_many_threads_spend_a_refresh_token_once(server: ExampleServer) -> None:
    session = with_dead_access_token(server, server.student())
    seen: list[Tokens | Exception] = []
    start = threading.Barrier(16)

    def work() -> None:
        start.wait()
        try:
            session.profile()
            seen.append(session.tokens)
        except Exception as error:
            seen.append(error)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 16 and all(tokens is session.tokens for tokens in seen), seen


class Slow(Admittance):
    """The server, whose answer to a change of password takes its time."""

    def __init__(self, url: str) -> None:
        super().__init__(url, timeout=60)
        self.changed, self.arrive = threading.Event(), threading.Event()

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        token: str | None = None,
    ) -> dict[str, Any]:
        answer = super().call(method, path, body, token=token)
        if path == "/password/change":
            self.changed.set()
            self.arrive.wait(60)
        return answer


def test_a_change_of_password_does_not_end_a_session_that_other_threads_use(
    server: ExampleServer,
) -> None:
    slow = Slow(server.url)
    session = slow.session(server.student().tokens)
    names: list[str] = []
    change = threading.Thread(
        target=lambda: session.change_password(PASSWORD, OTHER_PASSWORD, OTHER_PASSWORD)
    )
    use = threading.Thread(target=lambda: names.append(session.profile().name))
    change.start()
    assert slow.changed.wait(60)
    # By now every token that is known here is dead, and the new ones are on their way.
    use.start()
    use.join(2)
    slow.arrive.set()
    change.join()
    use.join()
    assert names == ["Ann"] and not session.ended


def test_a_session_that_was_ended_elsewhere_says_so_ever_after(server: ExampleServer) -> None:
    session = server.student()
    same = server.client().session(session.tokens)
    session.logout()
    assert session.ended
    for _ in range(2):
        with refused_by(SessionEnded, "invalid_token"):
            same.profile()
    assert same.ended
    same.logout()


def test_too_many_attempts_say_how_long_to_wait(server: ExampleServer) -> None:
    email, _ = server.register()
    client = server.client()
    with pytest.raises(RateLimited) as caught:
        for _ in range(20):
            with pytest.raises(InvalidCredentials):
                client.login(email, OTHER_PASSWORD)
    assert 1 <= caught.value.retry_after <= 3600


def test_what_a_role_does_not_permit_is_forbidden(server: ExampleServer) -> None:
    student, examiner = server.student(), server.examiner("Eve")
    with refused_by(Forbidden, "forbidden"):
        student.call("GET", "/grading")
    assert examiner.call("GET", "/grading")["examiner"] == "Eve"
    for call in (student.users, lambda: student.find_user("a@example.org")):
        with refused_by(Forbidden, "forbidden"):
            call()


def test_an_administrator_governs_accounts(server: ExampleServer) -> None:
    admin = server.administrator()
    email, opened = server.register("Ann")
    session = server.client().session(opened.tokens)
    user = admin.find_user(email)
    assert user == admin.user(opened.user_id) and user.status == "active"
    with refused_by(Conflict, "not_verified"):
        admin.change_roles(user.user_id, grant=["examiner"])
    assert admin.send_password_reset(user.user_id).message
    assert len(admin.user_sessions(user.user_id)) == 1
    admin.end_user_sessions(user.user_id)
    with pytest.raises(SessionEnded):
        session.profile()
    assert admin.set_user_status(user.user_id, "disabled").status == "disabled"
    with pytest.raises(InvalidCredentials):
        server.client().login(email, PASSWORD)
    first = admin.users(limit=1)
    assert len(first.items) == 1 and first.next is not None
    assert admin.users(after=first.next, limit=1).items != first.items
    with refused_by(NotFound, "not_found"):
        admin.user("nobody/../users")


def test_the_public_keys_are_a_set(server: ExampleServer) -> None:
    assert isinstance(server.client().jwks()["keys"], list)


@contextmanager
def answering(
    *pieces: bytes, pause: float = 0.0, sent: list[bytes] | None = None
) -> Iterator[str]:
    """A server that sends the pieces whatever it is asked: what the real one never does.

    What it has sent is put into `sent`.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            try:
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        connection.recv(65536)
                        for piece in pieces:
                            connection.sendall(piece)
                            if sent is not None:
                                sent.append(piece)
                            time.sleep(pause)
            except OSError:
                return

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def http(status: str, body: bytes, *headers: str) -> bytes:
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers])
    return f"{head}\r\n\r\n".encode() + body


def test_a_server_that_is_down_is_unavailable() -> None:
    with pytest.raises(Unavailable) as caught:
        Admittance(f"http://127.0.0.1:{free_port()}").login("ann@example.org", PASSWORD)
    assert caught.value.status == 0 and caught.value.__cause__ is None


@pytest.mark.parametrize(
    "answer",
    [
        http("500 Internal Server Error", b"oops"),
        http("502 Bad Gateway", b"<html>"),
        http("200 OK", b"<html>"),
        http("200 OK", b"[]"),
        http("200 OK", b'{"message": 1}'),
        http("404 Not Found", b"<html>"),
        http("302 Found", b"", "Location: http://127.0.0.1:1/steal"),
        b"\x00\x01",
        b"",
    ],
)
def test_an_answer_that_is_none_is_unavailable(answer: bytes) -> None:
    with answering(answer) as url, pytest.raises(Unavailable):
        Admittance(url).forgot_password("ann@example.org")


def test_an_overloaded_server_says_how_long_to_wait() -> None:
    body = b'{"code": "overloaded", "detail": "Busy."}'
    with answering(http("503 Service Unavailable", body, "Retry-After: 7")) as url:
        with pytest.raises(Unavailable) as caught:
            Admittance(url).login("ann@example.org", PASSWORD)
    assert (caught.value.retry_after, caught.value.message) == (7, "Busy.")


def test_a_server_that_drips_does_not_hold_a_call_forever() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
    sent: list[bytes] = []
    with answering(head, *[b" "] * 600, pause=0.1, sent=sent) as url:
        with pytest.raises(Unavailable):
            Admittance(url, timeout=1).forgot_password("ann@example.org")
        # It gave up within half a minute by the server's own pace: a machine that
        # stands still holds both.
        assert len(sent) < 300


def test_a_lost_answer_to_a_renewal_does_not_end_the_session(own_server: ExampleServer) -> None:
    session = with_dead_access_token(own_server, own_server.student())
    kept = session.tokens
    own_server.stop()
    with pytest.raises(Unavailable):
        session.profile()
    assert session.tokens is kept and not session.ended


def test_tokens_and_passwords_are_in_no_repr_error_or_log(
    server: ExampleServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    _, opened = server.register()
    session = server.client().session(opened.tokens)
    session.refresh()
    with pytest.raises(Unavailable) as down:
        Admittance(f"http://127.0.0.1:{free_port()}").login("ann@example.org", PASSWORD)
    shown = f"{opened!r} {opened.tokens!r} {session!r} {down.value!r} {caplog.text}"
    secrets = (PASSWORD, opened.tokens.access, opened.tokens.refresh, session.tokens.refresh)
    assert not any(secret in shown for secret in secrets)


def test_no_token_is_in_a_url_that_the_server_sees(server: ExampleServer) -> None:
    email, _ = server.register()
    token = server.mailed_token(email, "/email/verify")
    server.client().verify_email(token, PASSWORD)
    # Mails are printed with the log; besides them the token is nowhere.
    log = [line for line in server.words().splitlines() if "#token=" not in line]
    assert not any(token in line for line in log)


@pytest.mark.parametrize(
    "url", ["ftp://a", "a.example", "http://", "http://u:p@a", "http://a?b=c", "http://a#b"]
)
def test_an_address_that_is_no_server_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        Admittance(url)


def test_a_caller_cannot_smuggle_headers() -> None:
    headers = Caller("1.2.3.4\r\nX: y", "Fire\r\nfox: 1 \u202e").headers()
    assert headers == {"User-Agent": "Firefox: 1 "}
