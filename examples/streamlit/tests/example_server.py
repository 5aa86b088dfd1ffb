"""The axum example as the account server of the tests, and the mails that it prints."""

from __future__ import annotations

import os
import re
import secrets
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from admittance_client import Admittance, Caller, Opened, Session

REPOSITORY = Path(__file__).resolve().parents[3]
ADMIN = "admin@example.org"
PASSWORD, OTHER_PASSWORD = "plum-Orbit-47-lantern", "quartz!Meadow 93 ferry"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ExampleServer:
    """The server on a port of its own, which can be killed and started again."""

    def __init__(self, base_url: str = "http://localhost:8501", **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = {
            "BASE_URL": base_url,
            "ADMIN": ADMIN,
            # So that each test calls from an address of its own.
            "TRUSTED_PROXIES": "127.0.0.1/32",
            **environment,
        }
        self._log = tempfile.TemporaryFile()
        self._process: subprocess.Popen[bytes] | None = None
        self._administrator: Session | None = None
        self.start()

    def start(self) -> None:
        """Starts it, with no accounts."""
        target = Path(os.environ.get("CARGO_TARGET_DIR") or REPOSITORY / "target")
        environment = {**os.environ, **self._environment, "ADDR": f"127.0.0.1:{self.port}"}
        for name in ("MONGODB_URI", "AUTH_SECRET", "SMTP_URL", "RATE_LIMITS", "REGISTRATION"):
            environment.pop(name, None)
        self._process = subprocess.Popen(
            [target / "debug/examples/axum"],
            env={**environment, **self._environment},
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                assert self._process.poll() is None, self.words()
                time.sleep(0.1)
        raise AssertionError("the example does not listen")

    def stop(self) -> None:
        """Kills it, without asking."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)

    def words(self) -> str:
        """All that it printed."""
        return os.pread(self._log.fileno(), 50_000_000, 0).decode(errors="replace")

    def mails(self, to: str) -> int:
        """How many mails were sent to an address."""
        return len(re.findall(rf"^To: {re.escape(to)}$", self.words(), re.M))

    def mailed_link(self, to: str, page: str) -> str:
        """The newest link to `page` that was mailed to an address."""
        pattern = rf"^To: {re.escape(to)}$.*?(http\S+{re.escape(page)}#token=[\w-]+)\s"
        for _ in range(300):
            mails = self.words().split("-" * 72)
            found = [m for mail in mails for m in re.findall(pattern, mail, re.M | re.S)]
            if found:
                return str(found[-1])
            time.sleep(0.1)
        raise AssertionError(f"no link to {page} was mailed to {to}")

    def mailed_token(self, to: str, page: str) -> str:
        """The token of that link."""
        return self.mailed_link(to, page).split("#token=")[1]

    def client_caller(self) -> Caller:
        """An address that nobody had before, so that no limit of another test counts."""
        ip = f"2001:db8:{secrets.randbelow(65536):x}:{secrets.randbelow(65536):x}::1"
        return Caller(ip, "pytest")

    def client(self) -> Admittance:
        """A client at an address of its own."""
        return Admittance(self.url, timeout=60, caller=self.client_caller())

    def register(self, name: str = "Ann") -> tuple[str, Opened]:
        """A new account, by its address and the session that was opened."""
        email = f"{name.lower()}-{secrets.token_hex(4)}@example.org"
        opened = self.client().register(
            email=email, password=PASSWORD, confirm_password=PASSWORD, name=name
        )
        assert isinstance(opened, Opened)
        return email, opened

    def student(self, name: str = "Ann") -> Session:
        """The session of a new account."""
        return self.client().session(self.register(name)[1].tokens)

    def administrator(self) -> Session:
        """A session of the administrator, who is made at the first call. It is the same for all
        until one ends it: an account may log in ten times a minute only."""
        if self._administrator is not None and not self._administrator.ended:
            return self._administrator
        client = self.client()
        try:
            opened = client.login(ADMIN, PASSWORD)
        except Exception:
            first = client.register(
                email=ADMIN, password=PASSWORD, confirm_password=PASSWORD, name="Boss"
            )
            assert isinstance(first, Opened)
            opened = first
            client.session(opened.tokens).verify_email(self.mailed_token(ADMIN, "/email/verify"))
        session = client.session(opened.tokens)
        for _ in range(300):
            if "admin" in session.profile().roles:
                self._administrator = session
                return session
            time.sleep(0.1)
        raise AssertionError("nobody became an administrator")

    def examiner(self, name: str = "Eve") -> Session:
        """The session of a new account with the role `examiner`."""
        email, opened = self.register(name)
        session = self.client().session(opened.tokens)
        session.verify_email(self.mailed_token(email, "/email/verify"))
        self.administrator().change_roles(opened.user_id, grant=["examiner"])
        return session
