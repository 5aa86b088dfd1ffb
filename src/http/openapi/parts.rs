//! Parts that descriptions of endpoints share.

pub(in crate::http) use serde_json::json;

pub(in crate::http) use super::examples::{self, EMAIL, NAME, NEW_PASSWORD, PASSWORD};
pub(in crate::http) use super::operation::{Description, Facts, Tag};
pub(in crate::http) use crate::authz::AdminPermission;
pub(in crate::http) use crate::config::RegistrationMode;
pub(in crate::http) use crate::http::ProblemCode::*;
#[cfg(feature = "federation")]
pub(in crate::http) use crate::id::IdentityId;
pub(in crate::http) use crate::id::{SessionId, UserId};
pub(in crate::http) use crate::token::TokenPurpose;

/// Adds the password policy.
pub(in crate::http) fn rules_of_passwords(
    operation: Description,
    facts: &Facts<'_>,
) -> Description {
    let policy = &facts.config.password;
    operation.description(&format!(
        "A new password has at least {} characters and a strength of {} or more by zxcvbn, from \
         0 to 4. There are no other rules about its characters.",
        policy.min_chars, policy.min_score
    ))
}

/// Adds 404 if the service has no mailer.
pub(in crate::http) fn without_mailer(operation: Description, facts: &Facts<'_>) -> Description {
    if facts.sends_mail {
        return operation;
    }
    operation
        .description("This server sends no mail, so this returns 404.")
        .problem(NotFound)
}

/// Adds 404 if the service has no audit log.
pub(in crate::http) fn without_audit_log(operation: Description, facts: &Facts<'_>) -> Description {
    if facts.keeps_events {
        return operation;
    }
    operation
        .description("This server keeps no audit log, so this returns 404.")
        .problem(NotFound)
}

/// Adds 422 if the application decides on the removal of accounts.
pub(in crate::http) fn with_hooks(operation: Description, facts: &Facts<'_>) -> Description {
    if !facts.has_hooks {
        return operation;
    }
    operation
        .description("The application may refuse it: `errors` has the field `account`.")
        .problem(ValidationFailed)
}

/// Describes `extra`, the application's own fields of a registration.
pub(in crate::http) fn extra_fields(operation: Description, facts: &Facts<'_>) -> Description {
    operation.description(match facts.takes_extra {
        true => "`extra` has the fields of this application; errors name them as `extra.<name>`.",
        false => "This server takes no `extra`.",
    })
}

/// Adds 401 `second_factor_required` if users can have second factors.
pub(in crate::http) fn with_second_factor(
    operation: Description,
    facts: &Facts<'_>,
) -> Description {
    if !facts.has_second_factors {
        return operation;
    }
    operation
        .description("An account with a second factor continues with `POST /login/factor`.")
        .problem(SecondFactorRequired)
        .problem(Unavailable)
}

/// Adds 403 `recent_login_required` if users can have second factors, which a session that is
/// older than its owner's second factor lacks.
pub(in crate::http) fn with_proved_factor(
    operation: Description,
    facts: &Facts<'_>,
) -> Description {
    if !facts.has_second_factors {
        return operation;
    }
    operation
        .description(
            "A session that is older than the second factor of the account proves it first.",
        )
        .problem(RecentLoginRequired)
        .problem(Unavailable)
}

/// An operation that opens a new session by a proof.
pub(in crate::http) fn renewal(summary: &'static str) -> Description {
    Description::new(Tag::Password, summary)
        .for_user()
        .renews_session()
        .answers_tokens(
            200,
            "A new session.",
            &examples::logged_in("Your identity is confirmed."),
        )
        .problems(&[
            ValidationFailed,
            InvalidCredentials,
            RateLimited,
            Overloaded,
        ])
}

pub(in crate::http) fn operation(summary: &'static str) -> Description {
    Description::new(Tag::Administration, summary)
}

pub(in crate::http) fn about_a_user(summary: &'static str) -> Description {
    operation(summary).id::<UserId>("id", "The account's `user_id`.")
}

/// Adds the maximum age of the last proof, if the settings require a recent one.
pub(in crate::http) fn with_recent_login(operation: Description, facts: &Facts<'_>) -> Description {
    let Some(max_age) = facts.config.recent_login_for_administration else {
        return operation;
    };
    let words = format!(
        "Requires that you proved your identity within the last {} seconds; if not, use \
         `POST /reauthenticate`.",
        max_age.as_secs()
    );
    operation.description(&words).problem(RecentLoginRequired)
}

pub(in crate::http) const NO_MORE_THAN_OWN: &str =
    "You cannot act on an account with permissions that you lack.";
