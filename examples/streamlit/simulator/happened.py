"""What happened with an account, in sentences."""

from __future__ import annotations

from collections.abc import Mapping

from admittance_client import Event

# For each operation: what is said when it was done, and when it was not.
_SENTENCES: Mapping[str, tuple[str, str]] = {
    "register": ("The account was made", "The account was not made"),
    "login": ("Logged in", "A login failed"),
    "start_federation": (
        "A login with another provider was begun",
        "A login with another provider was not begun",
    ),
    "federated_login": (
        "Logged in with another provider",
        "A login with another provider failed",
    ),
    "link_identity": ("Another way in was connected", "Another way in was not connected"),
    "unlink_identity": ("Another way in was disconnected", "A way in stayed connected"),
    "second_factor": ("The code at login was right", "The code at login was not accepted"),
    "open_session": ("A session was opened", "A session was not opened"),
    "validate_token": ("A page was opened", "A page was opened without a valid login"),
    "logout": ("Logged out", "A logout failed"),
    "refresh": ("The login was renewed", "The login could not be renewed"),
    "update_profile": (
        "Your name or preferences were changed",
        "Your name or preferences stayed as they were",
    ),
    "change_password": ("The password was changed", "The password was not changed"),
    "reauthenticate": ("The password was given again", "The password was asked again"),
    "list_sessions": ("The devices were looked at", "The devices were not shown"),
    "end_session": ("A device was logged out", "A device was not logged out"),
    "end_all_sessions": ("All other devices were logged out", "Other devices stayed logged in"),
    "verify_email": ("The email address was confirmed", "The email address was not confirmed"),
    "resend_verification": (
        "Another link to confirm the address was asked for",
        "Another link to confirm the address was refused",
    ),
    "disown_email": (
        "The owner of the address said “This was not me”",
        "“This was not me” was not accepted",
    ),
    "forgot_password": (
        "A link for a new password was asked for",
        "A link for a new password was refused",
    ),
    "reset_password": (
        "A new password was set with a link from a mail",
        "A new password was not set with the link",
    ),
    "change_email": ("A change of the email address was asked for", "The address was not changed"),
    "confirm_email_change": ("The new email address was confirmed", "The address was not changed"),
    "export_account": ("Your data was put together", "Your data was not put together"),
    "remove_user": ("The account was removed", "The account was not removed"),
    "delete_account": ("The account was deleted", "The account was not deleted"),
    "list_events": ("This list was looked at", "This list was not shown"),
    "view_user": ("The account was looked at", "The account was not shown"),
    "disable_user": ("The account was blocked", "The account was not blocked"),
    "enable_user": ("The account was opened again", "The account stayed blocked"),
    "appoint_administrator": ("You became an administrator", "You did not become an administrator"),
    "create_user": ("The account was made", "The account was not made"),
    "change_roles": ("What you may do was changed", "What you may do was not changed"),
    "list_user_sessions": ("The devices were looked at", "The devices were not shown"),
    "list_user_events": ("This list was looked at", "This list was not shown"),
    "end_user_session": ("A device was logged out", "A device was not logged out"),
    "end_user_sessions": ("All devices were logged out", "No device was logged out"),
    "send_password_reset": (
        "A link for a new password was sent to you",
        "A link for a new password was not sent",
    ),
    "send_mail": ("A mail was sent to you", "A mail to you was not sent"),
}

_BECAUSE: Mapping[str, str] = {
    "validation_failed": "something was filled in wrong",
    "email_taken": "the address has another account",
    "invalid_credentials": "the password was wrong",
    "invalid_token": "the login was over",
    "invalid_link": "the link was used before or too old",
    "proof_required": "the link was for another account, or the password was missing",
    "second_factor_required": "a code was still to come",
    "invalid_code": "the code was wrong",
    "invalid_flow": "it took too long",
    "recent_login_required": "the last login was too long ago",
    "forbidden": "it was not allowed",
    "not_found": "it was not there",
    "precondition_failed": "it had just been changed elsewhere",
    "last_administrator": "no administrator would be left",
    "not_verified": "the address was not confirmed",
    "account_disabled": "the account was blocked",
    "rate_limited": "there were too many attempts",
    "link_required": "the address has an account already",
    "identity_taken": "it belongs to another account",
    "last_credential": "no other way in would be left",
    "provider_denied": "the provider did not let the person in",
    "provider_unavailable": "the provider did not answer",
    "overloaded": "the server was busy",
    "unavailable": "the server had a problem",
    "abandoned": "the connection was cut",
    "internal": "the server had a problem",
}

_BESIDES: Mapping[str, str] = {
    "new_device": "The device was new.",
    "account_locked": "After many wrong attempts the next ones have to wait.",
    "refresh_token_reused": "A copy of the login was used, so it was ended.",
    "mail_dropped": "The mail was not sent.",
    "mail_given_up": "The mail did not arrive.",
    "mail_address_refused": "The mail server does not take this address.",
}


def sentence(event: Event) -> str:
    """What is said of `event`. A kind that is not known yet gets general words."""
    done, not_done = _SENTENCES.get(
        event.operation, ("The account was used", "The account could not be used")
    )
    if event.refused:
        because = _BECAUSE.get(event.refused, "it was refused")
        text = f"{not_done}: {because}."
    else:
        text = f"{done}{' by an administrator' if event.by_other else ''}."
    besides = _BESIDES.get(event.notice or "")
    return f"{text} {besides}" if besides else text
