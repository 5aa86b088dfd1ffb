"""The settings, from the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the account server is, where answers are kept, where browsers find this app, and
    whether people share the machines that they use it on."""

    auth_url: str
    data: Path
    public_url: str
    shared_machines: bool

    @property
    def is_https(self) -> bool:
        """Whether browsers come over https, so that cookies can be kept to it."""
        return self.public_url.startswith("https://")


def settings() -> Settings:
    """The settings as they are now."""
    here = Path(__file__).resolve().parent.parent
    return Settings(
        auth_url=os.environ.get("ADMITTANCE_URL") or "http://127.0.0.1:3000",
        data=Path(os.environ.get("EXAM_DATA") or here / "data"),
        public_url=os.environ.get("PUBLIC_URL") or "http://localhost:8501",
        shared_machines=os.environ.get("SHARED_MACHINES") == "1",
    )
