"""The settings, from the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from .client_address import LOOPBACK, Networks, read_networks


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the account server is, where answers are kept, where browsers find this app, whether
    people share the machines that they use it on, and which header of which proxies has the
    client's address; empty for none. `uvicorn_decides` is true if its default decides which proxies
    it trusts.
    """

    auth_url: str
    data: Path
    public_url: str
    shared_machines: bool
    address_header: str
    address_proxies: Networks
    uvicorn_decides: bool

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
        address_header=os.environ.get("CLIENT_ADDRESS_HEADER") or "",
        address_proxies=read_networks(os.environ.get("CLIENT_ADDRESS_PROXIES") or LOOPBACK),
        uvicorn_decides="FORWARDED_ALLOW_IPS" not in os.environ,
    )


def check() -> None:
    """Stops the start with settings that cannot be read, or that contradict each other."""
    try:
        at = settings()
    except ValueError as error:
        raise SystemExit(f"CLIENT_ADDRESS_PROXIES: {error}") from None
    if at.address_header and os.environ.get("FORWARDED_ALLOW_IPS") != "":
        raise SystemExit(
            "CLIENT_ADDRESS_HEADER is set, so FORWARDED_ALLOW_IPS must be set to nothing, as in"
            " `FORWARDED_ALLOW_IPS= streamlit run app.py`: else uvicorn puts what a header says in"
            " the place of the address that the connection comes from."
        )
