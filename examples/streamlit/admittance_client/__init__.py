"""A client for the HTTP contract of `admittance`: standard library only.

Copy this folder into any Python front end (3.11 or later)::

    server = Admittance("https://auth.example.org")
    opened = server.login("ann@example.org", password)
    session = server.session(opened.tokens)
    print(session.profile().name)
    session.logout()

`Admittance` makes the calls that need no session, `Session` those of a user who is logged in. A
`Session` renews its tokens by itself and may be shared by threads. Every call has a time-out and
raises an `AdmittanceError` when it is refused or cannot be made. Tokens are sent in headers and
bodies only, never in a URL, and no `repr` shows them. Redirects are not followed and no proxy is
taken from the environment, so that a token reaches the given server and nobody else.
"""

from .answers import (
    Accepted,
    Event,
    Identity,
    Opened,
    Page,
    Profile,
    Provider,
    SessionInfo,
    SignedIn,
    Started,
    Strength,
    Tokens,
    User,
    Waiting,
)
from .errors import (
    AdmittanceError,
    Conflict,
    EmailTaken,
    FieldError,
    Forbidden,
    InvalidCredentials,
    InvalidFlow,
    InvalidLink,
    LinkRequired,
    NotFound,
    PreconditionFailed,
    RecentLoginRequired,
    ProofRequired,
    ProviderDenied,
    ProviderUnavailable,
    RateLimited,
    SessionEnded,
    Unavailable,
    ValidationFailed,
)
from .server import Admittance, Caller
from .session import Session

__all__ = [
    "Accepted",
    "Admittance",
    "AdmittanceError",
    "Caller",
    "Conflict",
    "EmailTaken",
    "Event",
    "FieldError",
    "Forbidden",
    "Identity",
    "InvalidCredentials",
    "InvalidFlow",
    "InvalidLink",
    "LinkRequired",
    "NotFound",
    "Opened",
    "Page",
    "PreconditionFailed",
    "RecentLoginRequired",
    "Profile",
    "ProofRequired",
    "Provider",
    "ProviderDenied",
    "ProviderUnavailable",
    "RateLimited",
    "Session",
    "SessionEnded",
    "SessionInfo",
    "SignedIn",
    "Started",
    "Strength",
    "Tokens",
    "Unavailable",
    "User",
    "ValidationFailed",
    "Waiting",
]
