"""The app as people run it: `streamlit run app.py`, on a port of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from example_server import free_port

APP = Path(__file__).resolve().parent.parent


class AppServer:
    """The app, whose account server is at `auth_url` and whose answers are in `data`."""

    def __init__(
        self, auth_url: str, data: Path, port: int | None = None, **environment: str
    ) -> None:
        self.port = port or free_port()
        self.url = f"http://localhost:{self.port}"
        self._log = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(self.port)],
            cwd=APP,
            env={
                **os.environ,
                "PYTHONDONTWRITEBYTECODE": "1",
                "ADMITTANCE_URL": auth_url,
                "EXAM_DATA": str(data),
                "PUBLIC_URL": self.url,
                **environment,
            },
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        for _ in range(1200):
            try:
                socket.create_connection(("localhost", self.port), timeout=1).close()
                return
            except OSError:
                assert self._process.poll() is None, self.words()
                time.sleep(0.1)
        raise AssertionError("the app does not listen")

    def stop(self) -> None:
        """Kills it."""
        self._process.kill()
        self._process.wait(30)

    def words(self) -> str:
        """All that it printed."""
        return os.pread(self._log.fileno(), 50_000_000, 0).decode(errors="replace")
