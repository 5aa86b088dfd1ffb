//! Passwords and addresses: changing, confirming, recovering.

use serde_json::json;

use super::Facts;
use super::examples::{self, EMAIL, NAME, NEW_PASSWORD, PASSWORD};
use super::operation::{Operation, Tag};
use crate::http::ProblemCode::{
    EmailTaken, InvalidCredentials, InvalidLink, NotFound, Overloaded, ProofRequired, RateLimited,
    Unavailable, ValidationFailed,
};
use crate::service::{
    ChangeEmail, ChangePassword, ConfirmPassword, EmailRequest, LinkRequest,
    PasswordStrengthRequest, Reauthenticate, ResetPassword, VerifyEmail,
};
use crate::token::TokenPurpose;

/// Says what a new password must be like.
pub(super) fn rules_of_passwords(operation: Operation, facts: &Facts<'_>) -> Operation {
    let policy = &facts.config.password;
    operation.description(&format!(
        "A new password has at least {} characters and a strength of {} or more by zxcvbn, from \
         0 to 4. There are no other rules about its characters.",
        policy.min_chars, policy.min_score
    ))
}

/// Says of what sends a mail that none are sent, if so.
pub(super) fn without_mailer(operation: Operation, facts: &Facts<'_>) -> Operation {
    if facts.sends_mail {
        return operation;
    }
    operation
        .description("This server sends no mail, so there is nothing here.")
        .problem(NotFound)
}

pub(super) fn change_password(facts: &Facts<'_>) -> Operation {
    let operation = Operation::new(Tag::Password, "Change the own password")
        .description(
            "Every session and token of before is dead; the answer has new ones to go on with.",
        )
        .for_user()
        .takes::<ChangePassword>(json!({
            "current_password": PASSWORD,
            "new_password": NEW_PASSWORD,
            "confirm_password": NEW_PASSWORD,
        }))
        .renews_session()
        .answers_tokens(
            200,
            "A new session.",
            &examples::logged_in("Your password has been changed."),
        )
        .problems(&[
            ValidationFailed,
            InvalidCredentials,
            RateLimited,
            Overloaded,
            Unavailable,
        ]);
    rules_of_passwords(operation, facts)
}

pub(super) fn reauthenticate() -> Operation {
    renewal("Prove again who you are")
        .description(
            "The way on after 403 `recent_login_required`, by one of its `methods`. Returns the tokens of a \
             session in place of this one, with the new proof.",
        )
        .takes::<Reauthenticate>(json!({ "method": "pwd", "current_password": PASSWORD }))
}

pub(super) fn confirm_password() -> Operation {
    renewal("Enter your password again")
        .description("The short form of `POST /reauthenticate`, for one release.")
        .takes::<ConfirmPassword>(json!({ "current_password": PASSWORD }))
}

/// An operation that gives a new session for a proof.
fn renewal(summary: &'static str) -> Operation {
    Operation::new(Tag::Password, summary)
        .for_user()
        .renews_session()
        .answers_tokens(
            200,
            "A new session.",
            &examples::logged_in("You have proved who you are."),
        )
        .problems(&[
            ValidationFailed,
            InvalidCredentials,
            RateLimited,
            Overloaded,
        ])
}

pub(super) fn password_strength() -> Operation {
    Operation::new(Tag::Password, "Ask what a password is worth")
        .description(
            "For a form, while somebody is typing it. Nothing is kept. Whether it has leaked \
             somewhere is looked up only when it is set.",
        )
        .takes::<PasswordStrengthRequest>(json!({
            "password": "ann-12345",
            "email": EMAIL,
            "name": NAME,
        }))
        .or_takes("password", json!({ "password": PASSWORD }))
        .answers(200, "What it is worth.", &examples::strength())
        .problems(&[RateLimited, Overloaded])
}

pub(super) fn forgot_password(facts: &Facts<'_>) -> Operation {
    let operation = Operation::new(Tag::Password, "Ask for a link that sets a new password")
        .description("The answer is the same whether there is such an account or not.")
        .takes::<EmailRequest>(json!({ "email": EMAIL }))
        .answers(
            202,
            "A mail is on its way, if there is such an account.",
            &examples::accepted(
                "If there is an account with this address, a mail with a link is on its way.",
            ),
        )
        .problems(&[ValidationFailed, RateLimited]);
    without_mailer(operation, facts)
}

pub(super) fn reset_password(facts: &Facts<'_>) -> Operation {
    let operation = Operation::new(Tag::Password, "Set a new password by a mailed link")
        .description("Every session, token and link of before is dead. Log in anew.")
        .takes::<ResetPassword>(json!({
            "token": examples::link(TokenPurpose::ResetPassword),
            "new_password": NEW_PASSWORD,
            "confirm_password": NEW_PASSWORD,
        }))
        .answers(
            200,
            "The password is set.",
            &examples::accepted("Your password has been changed. Log in with the new one."),
        )
        .problems(&[
            InvalidLink,
            ValidationFailed,
            RateLimited,
            Overloaded,
            Unavailable,
        ]);
    rules_of_passwords(operation, facts)
}

pub(super) fn verify_email() -> Operation {
    let token = examples::link(TokenPurpose::VerifyEmail);
    Operation::new(Tag::Email, "Confirm an address by a mailed link")
        .description(
            "The link shows that the mailbox is yours. That the account is yours too is shown \
             by a live session of it, or by its password, which opens a session. A proof that is \
             missing or wrong does not use up the link.",
        )
        .for_user_too()
        .takes::<VerifyEmail>(json!({ "token": token, "password": PASSWORD }))
        .or_takes("with_a_session", json!({ "token": token }))
        .opens_session()
        .answers_tokens(
            200,
            "The address is confirmed: with the password a session was opened, else the present \
             one goes on.",
            &examples::logged_in("Your address is confirmed. You are logged in."),
        )
        .or_answers(&examples::accepted("Your address is confirmed."))
        .problems(&[InvalidLink, ProofRequired, RateLimited, Overloaded])
}

pub(super) fn resend_verification(facts: &Facts<'_>) -> Operation {
    let operation = Operation::new(Tag::Email, "Ask for another link that confirms an address")
        .description("The answer is the same whether there is such an account or not.")
        .takes::<EmailRequest>(json!({ "email": EMAIL }))
        .answers(
            202,
            "A mail is on its way, if the address waits to be confirmed.",
            &examples::accepted(
                "If this address waits to be confirmed, a mail with a link is on its way.",
            ),
        )
        .problems(&[ValidationFailed, RateLimited]);
    without_mailer(operation, facts)
}

pub(super) fn disown_email() -> Operation {
    Operation::new(Tag::Email, "Say that an account is not one's own")
        .description(
            "For whoever gets a mail about an account that they did not make: it is removed, \
             unless its address has been confirmed.",
        )
        .takes::<LinkRequest>(json!({ "token": examples::link(TokenPurpose::VerifyEmail) }))
        .answers(
            200,
            "The account is removed.",
            &examples::accepted("The account has been removed. You need not do anything else."),
        )
        .problems(&[InvalidLink, RateLimited])
}

pub(super) fn change_email(facts: &Facts<'_>) -> Operation {
    let operation = Operation::new(Tag::Email, "Ask for another address")
        .description(
            "A link is mailed to the new address, and word of it to the present one. Nothing \
             changes before the link is used. An address that has an account is answered alike.",
        )
        .for_user()
        .takes::<ChangeEmail>(json!({
            "new_email": "ann.lee@example.org",
            "current_password": PASSWORD,
        }))
        .answers(
            202,
            "A mail is on its way, if the address is free.",
            &examples::accepted(
                "A mail with a link has been sent to the new address, if it is free.",
            ),
        )
        .problems(&[
            ValidationFailed,
            InvalidCredentials,
            RateLimited,
            Overloaded,
        ]);
    without_mailer(operation, facts)
}

pub(super) fn confirm_email_change() -> Operation {
    Operation::new(Tag::Email, "Confirm another address by a mailed link")
        .description("Needs a live session of the account that asked for it.")
        .for_user()
        .takes::<LinkRequest>(json!({ "token": examples::link(TokenPurpose::ChangeEmail) }))
        .answers(
            200,
            "The account has the new address.",
            &examples::accepted("Your address has been changed."),
        )
        .problems(&[InvalidLink, ProofRequired, EmailTaken, RateLimited])
}
