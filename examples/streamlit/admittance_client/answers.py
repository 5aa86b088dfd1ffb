"""What is answered, and how it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from types import NoneType, UnionType
from typing import Any, Generic, TypeVar, get_args, get_origin, get_type_hints

from .errors import (
    BY_CODE,
    AdmittanceError,
    FieldError,
    LinkRequired,
    ProviderUnavailable,
    RateLimited,
    Unavailable,
    ValidationFailed,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a client keeps of a session. With it anybody is logged in: keep it on the server's side.

    `expires_in` is how long `access` was good when it was answered, in seconds.
    """

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    expires_in: int


@dataclass(frozen=True, slots=True)
class Opened:
    """A session was opened. `missing` lists what the user still has to do."""

    user_id: str
    email: str
    name: str
    is_verified: bool
    missing: tuple[str, ...]
    message: str
    tokens: Tokens


@dataclass(frozen=True, slots=True)
class Accepted:
    """It was taken in hand; `message` is a sentence for a person."""

    message: str


@dataclass(frozen=True, slots=True)
class Profile:
    """What users see of their own account."""

    user_id: str
    email: str
    name: str
    created_at: datetime
    last_login: datetime | None
    is_verified: bool
    roles: tuple[str, ...]
    preferences: Mapping[str, Any]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """One of a user's live sessions. `current` is the one that asks."""

    session_id: str
    created_at: datetime
    last_seen_at: datetime
    ip: str | None
    user_agent: str | None
    current: bool


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was done or tried with an account, `count` times in a row. `refused` is why it
    was not done, `notice` what there is to know besides."""

    event_id: str
    at: datetime
    count: int
    operation: str
    refused: str | None
    notice: str | None
    by_other: bool
    ip: str | None
    user_agent: str | None


@dataclass(frozen=True, slots=True)
class Strength:
    """How good a password is: `score` from 0 to 4, and whether it would be accepted."""

    score: int
    acceptable: bool
    errors: tuple[FieldError, ...]
    warning: str | None
    suggestions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class User:
    """What an administrator sees of an account. `status` is `active` or `disabled`."""

    user_id: str
    email: str
    name: str
    created_at: datetime
    last_login: datetime | None
    is_verified: bool
    status: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider to sign in with. `name` is for people."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Started:
    """A sign-in with a provider has begun: send the browser to `authorization_url`. `flow` stays
    with the browser's session on the server's side, and comes back with the provider's answer."""

    authorization_url: str
    expires_in: int
    flow: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A sign-in with a provider opened a session; `created` is true for a new account."""

    opened: Opened
    created: bool
    return_to: str | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """The account is made when a mailed link is opened: `verify_email` takes `ticket` then."""

    message: str
    ticket: str = field(repr=False)
    expires_in: int


@dataclass(frozen=True, slots=True)
class Identity:
    """An account at a provider that logs the user in. `provider` is the provider's id."""

    identity_id: str
    provider: str
    email: str | None
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of a list. `next` is what to ask for the next page with; `None` on the last."""

    items: tuple[T, ...]
    next: str | None


# Reading answers. What is missing or of another type is a broken server, not a crash.


def broken() -> Unavailable:
    return Unavailable("The server's answer cannot be read.")


def read(kind: type[T], answer: object, **given: object) -> T:
    """An answer as the dataclass `kind`, whose fields are named as the members; others are left
    out, since a newer server may send more."""
    if not isinstance(answer, dict):
        raise broken()
    hints = get_type_hints(kind)
    names = (f.name for f in fields(kind) if f.name not in given)  # type: ignore[arg-type]
    return kind(**{name: _value(hints[name], answer.get(name)) for name in names}, **given)


def _value(hint: Any, value: object) -> Any:
    if isinstance(hint, UnionType):
        rest = [kind for kind in get_args(hint) if kind is not NoneType]
        return None if value is None else _value(rest[0], value)
    if get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise broken()
        return tuple(_value(get_args(hint)[0], item) for item in value)
    if hint is FieldError:
        return read(FieldError, value)
    if hint is datetime and isinstance(value, str):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            raise broken() from None
    kind = get_origin(hint) or hint
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise broken()
    return value


def read_list(answer: Mapping[str, Any], name: str, kind: type[T]) -> list[T]:
    items = answer.get(name)
    if not isinstance(items, list):
        raise broken()
    return [read(kind, item) for item in items]


def read_page(answer: Mapping[str, Any], name: str, kind: type[T]) -> Page[T]:
    return Page(tuple(read_list(answer, name, kind)), _value(str | None, answer.get("next")))


def read_opened(answer: Mapping[str, Any]) -> Opened:
    tokens = Tokens(
        _value(str, answer.get("token")),
        _value(str, answer.get("refresh_token")),
        _value(int, answer.get("expires_in")),
    )
    return read(Opened, answer, tokens=tokens)


def read_signed_in(answer: Mapping[str, Any]) -> SignedIn:
    return read(SignedIn, answer, opened=read_opened(answer))


def read_error(
    status: int, headers: Mapping[str, str], problem: Mapping[str, Any]
) -> AdmittanceError:
    code = problem.get("code") if isinstance(problem.get("code"), str) else ""
    detail = problem.get("detail")
    message = detail if isinstance(detail, str) else "The server does not answer as it should."
    waits = headers.get("Retry-After") or ""
    retry_after = max(1, int(waits)) if waits.isascii() and waits.isdigit() else None
    kind = BY_CODE.get(code or "", AdmittanceError)
    if status >= 500 or (300 <= status < 400) or not code:
        kind = ProviderUnavailable if code == "provider_unavailable" else Unavailable
    error = kind(message, code=code or "", status=status)
    if isinstance(error, ValidationFailed):
        error.errors = tuple(read_list(problem, "errors", FieldError))
    elif isinstance(error, LinkRequired):
        error.ticket = _value(str, problem.get("ticket"))
        error.expires_in = _value(int, problem.get("expires_in"))
        error.can_start_anew = problem.get("can_start_anew") is True
    elif isinstance(error, RateLimited):
        error.retry_after = retry_after or 1
    elif isinstance(error, Unavailable):
        error.retry_after = retry_after
    return error
