"""What goes wrong, as exceptions."""

from __future__ import annotations

from dataclasses import dataclass


class AdmittanceError(Exception):
    """A call was refused or could not be made.

    `code` is the stable code of the contract, `status` the HTTP status (0: there was no answer).
    The text is a sentence for a person, without input and without secrets.
    """

    def __init__(self, message: str, *, code: str = "", status: int = 0) -> None:
        super().__init__(message)
        self.message, self.code, self.status = message, code, status


@dataclass(frozen=True, slots=True)
class FieldError:
    """A rule that a field breaks: the field as the request names it, a code, a sentence."""

    field: str
    code: str
    message: str


class ValidationFailed(AdmittanceError):
    """422: `errors` names every field that breaks a rule, all at once."""

    errors: tuple[FieldError, ...] = ()


class InvalidCredentials(AdmittanceError):
    """401: email and password do not belong together."""


class SessionEnded(AdmittanceError):
    """401: the session is over (logout here or elsewhere, time-out, new password): log in."""


class InvalidLink(AdmittanceError):
    """401: the token of a mailed link is not valid, or not any more."""


class ProofRequired(AdmittanceError):
    """401: the link needs a live session of its account, or the account's password."""


class RecentLoginRequired(AdmittanceError):
    """403: the last proof is too old: `Session.reauthenticate`, then again."""


class Forbidden(AdmittanceError):
    """403: the permission is missing."""


class NotFound(AdmittanceError):
    """404: no such thing, or not the caller's."""


class PreconditionFailed(AdmittanceError):
    """412: what was to be changed has changed meanwhile."""


class EmailTaken(AdmittanceError):
    """409: another account has this address."""


class Conflict(AdmittanceError):
    """409: another reason, by `code`: `last_administrator`, `not_verified`, `account_disabled`,
    `identity_taken`, `last_credential`."""


class RateLimited(AdmittanceError):
    """429: too many attempts. `retry_after` is how long to wait, in seconds."""

    retry_after: int = 1


class Unavailable(AdmittanceError):
    """The server is down, too slow, overloaded or broken (5xx): nothing is known to be done.

    `retry_after` is how long to wait in seconds, when the server says so.
    """

    retry_after: int | None = None


class ProviderUnavailable(Unavailable):
    """503: the provider that people sign in with is down or answers wrongly. The rest goes on."""


class ProviderDenied(AdmittanceError):
    """403: the provider did not let the person in, or the person did not want to go on."""


class InvalidFlow(AdmittanceError):
    """401: a sign-in that was used, took too long, or was begun elsewhere: begin again."""


class LinkRequired(AdmittanceError):
    """409: an account has the address that the provider gave. `Admittance.link_identity` with
    `ticket` goes on; with `can_start_anew` the account, which nobody confirmed, can be removed.
    """

    ticket: str = ""
    expires_in: int = 0
    can_start_anew: bool = False


BY_CODE: dict[str, type[AdmittanceError]] = {
    "validation_failed": ValidationFailed,
    "invalid_credentials": InvalidCredentials,
    "invalid_token": SessionEnded,
    "invalid_link": InvalidLink,
    "proof_required": ProofRequired,
    "recent_login_required": RecentLoginRequired,
    "forbidden": Forbidden,
    "not_found": NotFound,
    "precondition_failed": PreconditionFailed,
    "email_taken": EmailTaken,
    "last_administrator": Conflict,
    "not_verified": Conflict,
    "account_disabled": Conflict,
    "identity_taken": Conflict,
    "last_credential": Conflict,
    "link_required": LinkRequired,
    "invalid_flow": InvalidFlow,
    "provider_denied": ProviderDenied,
    "provider_unavailable": ProviderUnavailable,
    "rate_limited": RateLimited,
}
