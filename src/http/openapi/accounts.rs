//! What users do with their own account and their sessions.

use serde_json::json;

use super::examples::{self, EMAIL, NAME, PASSWORD};
use super::operation::{Operation, Tag};
use super::{Facts, recovery};
use crate::config::RegistrationMode;
use crate::http::ProblemCode::{
    EmailTaken, InvalidCredentials, InvalidToken, LastAdministrator, NotFound, Overloaded,
    RateLimited, Unavailable, ValidationFailed,
};
use crate::id::SessionId;
use crate::service::{DeleteAccount, LoginRequest, RefreshRequest, RegisterRequest, UpdateProfile};

pub(super) fn register(facts: &Facts<'_>) -> Operation {
    let operation = Operation::new(Tag::Account, "Make an account")
        .takes::<RegisterRequest>(json!({
            "email": EMAIL,
            "password": PASSWORD,
            "confirm_password": PASSWORD,
            "name": NAME,
        }))
        .problems(&[ValidationFailed, RateLimited, Overloaded, Unavailable]);
    let operation = match facts.config.registration {
        RegistrationMode::OpenSession => operation
            .description(
                "The account is there at once, with a session. Its address is not confirmed \
                 before the link that is mailed to it is used.",
            )
            .opens_session()
            .answers_tokens(201, "The account, and a session.", &examples::registered())
            .problem(EmailTaken),
        RegistrationMode::VerifyFirst => operation
            .description(
                "A link is mailed to the address, and the account is there when it is used. The \
                 answer is the same whether the address has an account already or not.",
            )
            .answers(
                202,
                "A mail is on its way.",
                &examples::accepted(
                    "If this address can be registered, a mail with a link is on its way.",
                ),
            ),
    };
    recovery::rules_of_passwords(operation, facts)
}

pub(super) fn login() -> Operation {
    Operation::new(Tag::Session, "Log in")
        .description(
            "A wrong password and an address without an account are answered alike. With \
             `remember: false` the session is a short one, as for a shared computer.",
        )
        .takes::<LoginRequest>(json!({ "email": EMAIL, "password": PASSWORD }))
        .or_takes(
            "shared_computer",
            json!({ "email": EMAIL, "password": PASSWORD, "remember": false }),
        )
        .opens_session()
        .answers_tokens(
            200,
            "A new session.",
            &examples::logged_in("You are logged in."),
        )
        .problems(&[
            ValidationFailed,
            InvalidCredentials,
            RateLimited,
            Overloaded,
        ])
}

pub(super) fn refresh() -> Operation {
    Operation::new(Tag::Session, "Get new tokens")
        .description(
            "A refresh token is good for one use; the answer has the next one. A lost answer \
             does no harm: for a few seconds the same token gets the same successor. One that \
             is used again later ends the session, since somebody has a copy of it.",
        )
        .takes::<RefreshRequest>(json!({ "refresh_token": examples::refresh_token() }))
        .refreshes_session()
        .answers_tokens(
            200,
            "The session goes on.",
            &examples::logged_in("Your session goes on."),
        )
        .problems(&[InvalidToken, RateLimited])
}

pub(super) fn logout() -> Operation {
    Operation::new(Tag::Session, "Log out")
        .description("Ends the session, and with it every token of it.")
        .for_user()
        .logs_out()
        .answers(200, "The session has ended.", &examples::logged_out())
}

pub(super) fn list_sessions() -> Operation {
    Operation::new(Tag::Session, "List the own sessions")
        .description("Where the account is logged in.")
        .for_user()
        .paged_after::<SessionId>()
        .answers(200, "The last opened first.", &examples::sessions())
}

pub(super) fn end_all_sessions() -> Operation {
    Operation::new(Tag::Session, "Log out everywhere else")
        .description("Ends all sessions but the one that asks.")
        .for_user()
        .answers_nothing("They have ended.")
}

pub(super) fn end_session() -> Operation {
    Operation::new(Tag::Session, "End one of the own sessions")
        .description("Somebody else's is not found.")
        .for_user()
        .id::<SessionId>("id", "The `session_id` in the list of sessions.")
        .ends_session()
        .answers_nothing("It has ended.")
}

pub(super) fn profile() -> Operation {
    Operation::new(Tag::Account, "See the own profile")
        .description(
            "`missing` lists what a new user should still be asked for: `email_verification`, \
             and `preferences.<key>` for each preference that the application requires.",
        )
        .for_user()
        .answers(200, "The profile.", &examples::profile())
}

pub(super) fn update_profile() -> Operation {
    Operation::new(Tag::Account, "Change the own profile")
        .description("What is absent stays as it is. Preferences are replaced as a whole.")
        .for_user()
        .takes::<UpdateProfile>(json!({ "name": NAME, "preferences": examples::preferences() }))
        .or_takes("name", json!({ "name": NAME }))
        .answers(200, "The profile as it is now.", &examples::profile())
        .problem(ValidationFailed)
}

pub(super) fn export_account() -> Operation {
    Operation::new(Tag::Account, "Get all that is stored")
        .description(
            "All that is stored of the user, but for what would let others in. `events` is \
             absent when no audit log is kept.",
        )
        .for_user()
        .answers(200, "All of it.", &examples::export())
        .problem(RateLimited)
}

pub(super) fn list_events(facts: &Facts<'_>) -> Operation {
    let operation = Operation::new(Tag::Account, "See what happened to the own account")
        .description("What was done and tried with it.")
        .for_user()
        .paged_by_event()
        .answers(200, "The newest first.", &examples::events());
    without_audit_log(operation, facts)
}

/// Says of what reads the audit log that there is none, if so.
pub(super) fn without_audit_log(operation: Operation, facts: &Facts<'_>) -> Operation {
    if facts.keeps_events {
        return operation;
    }
    operation
        .description("This server keeps no audit log, so there is nothing here.")
        .problem(NotFound)
}

pub(super) fn delete_account() -> Operation {
    Operation::new(Tag::Account, "Delete the own account")
        .description(
            "Needs the password. The account, its sessions and links are gone at once; the \
             owner gets a mail.",
        )
        .for_user()
        .takes::<DeleteAccount>(json!({ "current_password": PASSWORD }))
        .ends_session()
        .answers_nothing("It is gone.")
        .problems(&[
            ValidationFailed,
            InvalidCredentials,
            LastAdministrator,
            RateLimited,
            Overloaded,
        ])
}
