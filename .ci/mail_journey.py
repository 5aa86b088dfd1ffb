"""The life of an account by hand: the axum example, an SMTP server, a client.

Runs with the tests' own interpreter, which has aiosmtpd. Every step is a
request as curl would send it; links are taken out of the mails that arrive.
"""

import email
import email.policy
import json
import os
import pathlib
import queue
import re
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

from aiosmtpd.controller import Controller

PASSWORD, OTHER = "plum-Orbit-47-lantern", "quartz!Meadow 93 ferry"
BASE_URL = "https://exam.example/app"


class Sink:
    def __init__(self):
        self.mails = queue.Queue()

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.mails.put((envelope.rcpt_tos, message))
        return "250 OK"

    def next(self, to):
        recipients, message = self.mails.get(timeout=60)
        assert recipients == [to] and message["to"] == to, (recipients, to)
        assert message["auto-submitted"] == "auto-generated"
        text = message.get_body(("plain",)).get_content()
        html = message.get_body(("html",)).get_content()
        print(f"    mail to {to}: {message['subject']}")
        return text, html

    def token(self, to, page):
        text, html = self.next(to)
        found = re.findall(re.escape(BASE_URL + page) + r"#token=([\w-]+)", text)
        assert len(found) == 1 and found[0] in html, text
        # Every link is to the configured place, and none has a query.
        for link in re.findall(r"https?://[^\s\"<>]+", text):
            assert link.startswith(BASE_URL + "/") and "?" not in link, link
        return found[0]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    def __init__(self, smtp, mode):
        self.log = tempfile.TemporaryFile()
        self.addr = f"127.0.0.1:{free_port()}"
        environment = {
            **os.environ,
            "ADDR": self.addr,
            "BASE_URL": BASE_URL,
            "SMTP_URL": f"smtp://127.0.0.1:{smtp}",
            "REGISTRATION": mode,
            "RUST_LOG": "debug",
        }
        for name in ("MONGODB_URI", "AUTH_SECRET", "RATE_LIMITS", "TRUSTED_PROXIES"):
            environment.pop(name, None)
        target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", "target"))
        binary = target / "debug/examples/axum"
        self.process = subprocess.Popen(
            [binary], env=environment, stdout=self.log, stderr=subprocess.STDOUT
        )
        for _ in range(600):
            try:
                socket.create_connection(self.addr.split(":"), timeout=1).close()
                return
            except OSError:
                assert self.process.poll() is None, self.words()
                subprocess.run(["sleep", "0.1"], check=True)
        raise AssertionError("the example does not listen")

    def words(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def stop(self):
        self.process.terminate()
        self.process.wait(60)
        return self.words()

    def ask(self, line, expected, body=None, token=None):
        method, path = line.split()
        request = urllib.request.Request(f"http://{self.addr}{path}", method=method)
        if body is not None:
            request.add_header("Content-Type", "application/json")
            request.data = json.dumps(body).encode()
        if token is not None:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                status, data = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, data = error.code, error.read()
        value = json.loads(data) if data else {}
        print(f"  {line}: {status} {value.get('code', '')}")
        wanted = expected.split()
        assert [str(status), value.get("code", "")][: len(wanted)] == wanted, (line, value)
        return value


def registration(address, password=PASSWORD):
    return {
        "email": address,
        "password": password,
        "confirm_password": password,
        "name": "Ann",
    }


def open_session(server, sink):
    ann, lee = "ann@example.org", "lee@example.org"
    first = server.ask("POST /register", "201", registration(ann))
    assert first["missing"] == ["email_verification"], first
    link = sink.token(ann, "/email/verify")
    server.ask("GET /email/verify?token=" + "x", "405")
    server.ask("POST /email/verify", "401 proof_required", {"token": link})
    server.ask("POST /email/verify", "200", {"token": link}, first["token"])
    server.ask("POST /email/verify", "401 invalid_link", {"token": link}, first["token"])
    profile = server.ask("GET /profile", "200", token=first["token"])
    assert profile["is_verified"] and profile["missing"] == [], profile

    server.ask("POST /password/forgot", "202", {"email": "nobody@example.org"})
    server.ask("POST /password/forgot", "202", {"email": "ANN@example.org"})
    link = sink.token(ann, "/password/reset")
    new = {"token": link, "new_password": OTHER, "confirm_password": OTHER}
    server.ask("POST /password/reset", "200", new)
    sink.next(ann)
    server.ask("POST /password/reset", "401 invalid_link", new)
    server.ask("GET /profile", "401 invalid_token", token=first["token"])
    server.ask("POST /login", "401 invalid_credentials", {"email": ann, "password": PASSWORD})
    token = server.ask("POST /login", "200", {"email": ann, "password": OTHER})["token"]

    change = {"new_email": lee, "current_password": OTHER}
    server.ask("POST /email/change", "401 invalid_token", change)
    server.ask("POST /email/change", "202", change, token)
    mails = [sink.mails.get(timeout=60) for _ in range(2)]
    for mail in sorted(mails, key=lambda mail: mail[0] != [lee]):
        sink.mails.put(mail)
    link = sink.token(lee, "/email/change/confirm")
    sink.next(ann)
    server.ask("POST /email/change/confirm", "200", {"token": link}, token)
    sink.next(ann)
    profile = server.ask("GET /profile", "200", token=token)
    assert profile["email"] == lee, profile

    export = server.ask("GET /account/export", "200", token=token)
    assert export["profile"] == profile and len(export["sessions"]) == 1, export
    server.ask("DELETE /account", "401 invalid_credentials", {"current_password": PASSWORD}, token)
    server.ask("DELETE /account", "204", {"current_password": OTHER}, token)
    sink.next(lee)
    server.ask("GET /profile", "401 invalid_token", token=token)
    server.ask("POST /login", "401 invalid_credentials", {"email": lee, "password": OTHER})

    server.ask("POST /register", "201", registration("bob@example.org"))
    link = sink.token("bob@example.org", "/email/disown")
    server.ask("POST /email/disown", "200", {"token": link})
    server.ask("POST /login", "401", {"email": "bob@example.org", "password": PASSWORD})


def verify_first(server, sink):
    ann = "ann@example.org"
    accepted = server.ask("POST /register", "202", registration(ann))
    sink.next(ann)
    server.ask("POST /login", "401 invalid_credentials", {"email": ann, "password": PASSWORD})
    server.ask("POST /email/resend", "202", {"email": ann})
    link = sink.token(ann, "/email/verify")
    server.ask("POST /email/verify", "401 proof_required", {"token": link})
    wrong = {"token": link, "password": OTHER}
    server.ask("POST /email/verify", "401 proof_required", wrong)
    opened = server.ask("POST /email/verify", "200", {"token": link, "password": PASSWORD})
    server.ask("GET /profile", "200", token=opened["token"])
    taken = server.ask("POST /register", "202", registration(ann, OTHER))
    assert taken == accepted, (taken, accepted)
    text, _ = sink.next(ann)
    assert "#token=" not in text, text


def main():
    subprocess.run(["cargo", "build", "--quiet", "--workspace", "--example", "axum"], check=True)
    for mode, journey in (("open-session", open_session), ("verify-first", verify_first)):
        print(mode)
        sink = Sink()
        controller = Controller(sink, hostname="127.0.0.1", port=free_port())
        controller.start()
        server = Server(controller.port, mode)
        try:
            journey(server, sink)
        finally:
            log = server.stop()
            controller.stop()
        assert sink.mails.empty(), "more mails than expected"
        greeting = [line for line in log.splitlines() if "-d '" not in line]
        for secret in (PASSWORD, OTHER, "adv_", "adp_", "ade_", "adn_", "eyJ", "$argon2"):
            assert not any(secret in line for line in greeting), f"{secret} is in the log"
    print("every step answered as expected; no secret in the log")


if __name__ == "__main__":
    sys.exit(main())
