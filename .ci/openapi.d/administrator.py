"""The administrator of the example: how it gets there, and its tokens."""

import json
import os
import pathlib
import re
import time
import urllib.error
import urllib.request

BASE = os.environ.get("BASE", "")
EMAIL = "ada@example.org"
# Not the one in the document's examples, with which accounts are deleted.
PASSWORD = "cobalt-Harbour-58-thimble"


def ask(method, path, body=None, token=None):
    """The status of the answer, and its body."""
    request = urllib.request.Request(BASE + path, method=method)
    if body is not None:
        request.add_header("Content-Type", "application/json")
        request.data = json.dumps(body).encode()
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read() or "null")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or "null")


def login(email=EMAIL):
    status, body = ask("POST", "/login", {"email": email, "password": PASSWORD})
    assert status == 200, (status, body)
    return body["token"]


def until(found):
    """What `found` gives as soon as it gives something."""
    for _ in range(600):
        value = found()
        if value:
            return value
        time.sleep(0.1)
    raise AssertionError("nothing came of it in a minute")


def populate(folder):
    """Makes accounts to manage, and writes down what is to be known of them."""
    users, owned = [], "owner@example.org"
    for email in [owned] + [f"user{number}@example.org" for number in range(8)]:
        status, body = ask("POST", "/register", registration(email))
        assert status == 201, (status, body)
        users.append(body["user_id"])
    for _ in range(10):
        token = login(owned)
    sessions = [one["session_id"] for one in ask("GET", "/sessions", token=token)[1]["sessions"]]
    # The sessions are those of an account that nothing else is done to.
    lists = {"owner": users[:1], "users": users[1:], "sessions": sessions}
    for name, ids in lists.items():
        (folder / f"{name}.txt").write_text("\n".join(f'"{one}"' for one in ids))


def registration(email):
    return {"email": email, "password": PASSWORD, "confirm_password": PASSWORD, "name": "Ada"}


def appoint(log):
    """Registers, confirms the address by the mail in the log, and waits until
    the example has appointed the account."""
    status, body = ask("POST", "/register", registration(EMAIL))
    assert status == 201, (status, body)
    token = body["token"]
    link = until(lambda: re.search(r"/email/verify#token=(\S+)", log.read_text()))
    status, body = ask("POST", "/email/verify", {"token": link[1]}, token)
    assert status == 200, (status, body)
    until(lambda: "admin" in ask("GET", "/profile", token=token)[1]["roles"])


if __name__ == "__main__":
    log = pathlib.Path(os.environ["LOG"])
    appoint(log)
    populate(log.parent)
