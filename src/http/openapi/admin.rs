//! What administrators do.

use serde_json::json;

use super::examples::{self, EMAIL};
use super::operation::{Operation, Tag};
use super::{Facts, accounts, recovery};
use crate::authz::AdminPermission;
use crate::http::ProblemCode::{
    AccountDisabled, LastAdministrator, NotFound, NotVerified, RateLimited, RecentLoginRequired,
    ValidationFailed,
};
use crate::id::{SessionId, UserId};
use crate::service::{ChangeRoles, FindUser, SetStatus};

fn operation(summary: &'static str) -> Operation {
    Operation::new(Tag::Administration, summary)
}

fn about_a_user(summary: &'static str) -> Operation {
    operation(summary).id::<UserId>("id", "The account's `user_id`.")
}

/// Says how recently the password must have been given, if the settings demand it.
fn with_recent_login(operation: Operation, facts: &Facts<'_>) -> Operation {
    let Some(max_age) = facts.config.recent_login_for_administration else {
        return operation;
    };
    let words = format!(
        "Requires that you gave your password within the last {} seconds; if not, go on with \
         `POST /reauthenticate`.",
        max_age.as_secs()
    );
    operation.description(&words).problem(RecentLoginRequired)
}

const NO_MORE_THAN_OWN: &str = "An account that may do what you may not is out of reach.";

pub(super) fn list_users() -> Operation {
    operation("List accounts")
        .description("The oldest accounts first.")
        .permitted(AdminPermission::ReadUsers)
        .paged_after::<UserId>()
        .answers(200, "A page of accounts.", &examples::users())
}

pub(super) fn find_user() -> Operation {
    operation("Find the account of an address")
        .description("In any spelling of the address.")
        .permitted(AdminPermission::ReadUsers)
        .takes::<FindUser>(json!({ "email": EMAIL }))
        .answers(200, "The account.", &examples::user())
        .problems(&[ValidationFailed, NotFound])
}

pub(super) fn view_user() -> Operation {
    about_a_user("See an account")
        .permitted(AdminPermission::ReadUsers)
        .answers(200, "The account.", &examples::user())
}

pub(super) fn set_user_status(facts: &Facts<'_>) -> Operation {
    let operation = about_a_user("Disable or enable an account")
        .description(
            "Disabling ends every session, token and link of it; none of them works again when \
             it is enabled.",
        )
        .description(NO_MORE_THAN_OWN)
        .permitted(AdminPermission::ChangeStatus)
        .takes::<SetStatus>(json!({ "status": "disabled" }))
        .or_takes("enable", json!({ "status": "active" }))
        .answers(200, "The account as it is now.", &examples::user())
        .problem(LastAdministrator);
    with_recent_login(operation, facts)
}

pub(super) fn change_user_roles(facts: &Facts<'_>) -> Operation {
    let operation = about_a_user("Grant and revoke roles")
        .description("In effect at the account's next request.")
        .description(NO_MORE_THAN_OWN)
        .permitted(AdminPermission::ChangeRoles)
        .takes::<ChangeRoles>(json!({ "grant": ["examiner"], "revoke": ["student"] }))
        .answers(200, "The account as it is now.", &examples::user())
        .problems(&[ValidationFailed, NotVerified, LastAdministrator]);
    with_recent_login(operation, facts)
}

pub(super) fn list_user_sessions() -> Operation {
    about_a_user("List an account's sessions")
        .permitted(AdminPermission::ReadUsers)
        .paged_after::<SessionId>()
        .answers(200, "The last opened first.", &examples::their_sessions())
}

pub(super) fn list_user_events(facts: &Facts<'_>) -> Operation {
    let operation = about_a_user("See what happened to an account")
        .description("Also of an account that was deleted.")
        .permitted(AdminPermission::ReadUsers)
        .paged_by_event()
        .answers(200, "The newest first.", &examples::their_events());
    accounts::without_audit_log(operation, facts)
}

pub(super) fn end_user_sessions() -> Operation {
    about_a_user("End an account's sessions")
        .description(NO_MORE_THAN_OWN)
        .permitted(AdminPermission::EndSessions)
        .answers_nothing("They have ended.")
}

pub(super) fn end_user_session() -> Operation {
    about_a_user("End one of an account's sessions")
        .id::<SessionId>(
            "session_id",
            "The `session_id` in the list of its sessions.",
        )
        .description(NO_MORE_THAN_OWN)
        .permitted(AdminPermission::EndSessions)
        .answers_nothing("It has ended.")
}

pub(super) fn send_password_reset(facts: &Facts<'_>) -> Operation {
    let operation = about_a_user("Mail a link that sets a new password")
        .description("To the owner, who alone chooses the password.")
        .permitted(AdminPermission::ResetPassword)
        .answers(
            202,
            "A mail is on its way.",
            &examples::accepted("A mail with a link is on its way."),
        )
        .problems(&[AccountDisabled, RateLimited]);
    recovery::without_mailer(operation, facts)
}
