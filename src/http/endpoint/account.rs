//! The caller's account, from registration to deletion.

use http::{Method, StatusCode};

use super::{Answer, Call, Room, no_content, ok};
use crate::clock::Clock;
#[cfg(feature = "openapi")]
use crate::http::openapi::parts::*;
use crate::http::transport;
use crate::http::{precondition, request};
use crate::profile;
use crate::service;
use crate::store::Store;

/// `POST /register`
pub(super) struct Register;

impl Room for Register {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/register";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let (to, context) = call.asked()?;
        match call.service().register(call.read()?, &context).await? {
            service::RegisterOutcome::Opened(answer) => {
                let (status, tokens) = (StatusCode::CREATED, &answer.tokens);
                transport::opened(to, status, &answer, tokens, call.config())
            }
            service::RegisterOutcome::Pending(answer) => ok(StatusCode::ACCEPTED, &answer),
        }
    }

    #[cfg(feature = "openapi")]
    fn describe(facts: &Facts<'_>) -> Description {
        let operation = Description::new(Tag::Account, "Create an account")
            .takes::<service::RegisterRequest>(json!({
                "email": EMAIL,
                "password": PASSWORD,
                "confirm_password": PASSWORD,
                "name": NAME,
            }))
            .problems(&[ValidationFailed, RateLimited, Overloaded, Unavailable]);
        let operation = match facts.config.registration {
            RegistrationMode::OpenSession => operation
                .description(
                    "Creates the account and opens a session. The address is verified once the owner uses the \
                     mailed link.",
                )
                .opens_session()
                .answers_tokens(201, "The account, and a session.", &examples::registered())
                .problem(EmailTaken),
            RegistrationMode::VerifyFirst => operation
                .description(
                    "Mails a link that creates the account. The answer does not reveal whether the address has \
                     an account.",
                )
                .checks_page()
                .answers(
                    202,
                    "A mail is on its way.",
                    &examples::accepted(
                        "If this address can be registered, a mail with a link is on its way.",
                    ),
                ),
        };
        rules_of_passwords(extra_fields(operation, facts), facts)
    }
}

/// `GET /profile`
pub(super) struct Profile;

impl Room for Profile {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/profile";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let auth = call.user().await?;
        tagged(&call.service().profile(&auth)?)
    }

    #[cfg(feature = "openapi")]
    fn describe(_: &Facts<'_>) -> Description {
        Description::new(Tag::Account, "Get your profile")
            .description(
                "`missing` lists what the application still needs from a new user: `email_verification`, \
                 and `preferences.<key>` for each required preference.",
            )
            .for_user()
            .answers(200, "The profile.", &examples::profile())
            .tagged()
    }
}

/// `PUT /profile`
pub(super) struct UpdateProfile;

impl Room for UpdateProfile {
    const METHOD: Method = Method::PUT;
    const PATH: &'static str = "/profile";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let auth = call.user().await?;
        let change: service::UpdateProfile = call.read()?;
        patched(&call, &auth, change.into()).await
    }

    #[cfg(feature = "openapi")]
    fn describe(_: &Facts<'_>) -> Description {
        Description::new(Tag::Account, "Update your profile")
            .description("Absent fields stay as they are. Preferences are replaced as a whole.")
            .for_user()
            .takes::<service::UpdateProfile>(
                json!({ "name": NAME, "preferences": examples::preferences() }),
            )
            .or_takes("name", json!({ "name": NAME }))
            .answers(200, "The profile as it is now.", &examples::profile())
            .problems(&[ValidationFailed, RateLimited])
            .tagged()
            .conditional()
    }
}

/// `PATCH /profile`
pub(super) struct PatchProfile;

impl Room for PatchProfile {
    const METHOD: Method = Method::PATCH;
    const PATH: &'static str = "/profile";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let auth = call.user().await?;
        patched(&call, &auth, call.read_patch()?).await
    }

    #[cfg(feature = "openapi")]
    fn describe(_: &Facts<'_>) -> Description {
        Description::new(Tag::Account, "Update parts of your profile")
            .description(
                "A merge patch (RFC 7396): members of the preferences that the patch does not name stay as \
                 they are, and `null` removes one. It is applied atomically: concurrent patches of different members are all kept.",
            )
            .for_user()
            .takes::<service::PatchProfile>(
                json!({ "preferences": { "level": "C1", "reminders": null } }),
            )
            .or_takes("name", json!({ "name": NAME }))
            .in_merge_patch()
            .answers(200, "The profile as it is now.", &examples::profile())
            .problems(&[ValidationFailed, RateLimited])
            .tagged()
            .conditional()
    }
}

async fn patched<S: Store, C: Clock>(
    call: &Call<'_, S, C>,
    auth: &service::Authenticated,
    patch: service::PatchProfile,
) -> Answer {
    let patch = service::PatchProfile {
        expected: precondition::expected(call.headers())?,
        ..patch
    };
    let (service, context) = (call.service(), call.context());
    tagged(&service.patch_profile(auth, patch, context).await?)
}

fn tagged(profile: &profile::Profile) -> Answer {
    precondition::tag(&profile.tag(), ok(StatusCode::OK, profile)?)
}

/// `DELETE /account`
pub(super) struct DeleteAccount;

impl Room for DeleteAccount {
    const METHOD: Method = Method::DELETE;
    const PATH: &'static str = "/account";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        delete(call).await
    }

    #[cfg(feature = "openapi")]
    fn describe(facts: &Facts<'_>) -> Description {
        deletion(facts).description(
            "Proxies may drop the body of a `DELETE` (RFC 9110, §9.3.5); `POST /account/delete` does the same.",
        )
    }
}

/// `POST /account/delete`
pub(super) struct DeleteAccountByPost;

impl Room for DeleteAccountByPost {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/account/delete";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        delete(call).await
    }

    #[cfg(feature = "openapi")]
    fn describe(facts: &Facts<'_>) -> Description {
        deletion(facts)
    }
}

async fn delete<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
    let (auth, transport) = call.caller().await?;
    let proof = call.read()?;
    call.service()
        .delete_account(&auth, proof, call.context())
        .await?;
    transport::closed(transport, no_content()?, call.config())
}

#[cfg(feature = "openapi")]
fn deletion(facts: &Facts<'_>) -> Description {
    let operation = Description::new(Tag::Account, "Delete your account")
        .description(
            "Requires the password. Deletes the account with its sessions and links, and notifies the owner by mail.",
        )
        .for_user()
        .takes::<service::DeleteAccount>(json!({ "current_password": PASSWORD }))
        .ends_session()
        .answers_nothing("The account has been deleted.")
        .problems(&[
            ValidationFailed,
            InvalidCredentials,
            LastAdministrator,
            RateLimited,
            Overloaded,
        ]);
    with_hooks(operation, facts)
}

/// `GET /account/export`
pub(super) struct ExportAccount;

impl Room for ExportAccount {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/account/export";
    const LEAVES_TRACE: bool = true;

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let auth = call.user().await?;
        ok(
            StatusCode::OK,
            &call.service().export_account(&auth, call.context()).await?,
        )
    }

    #[cfg(feature = "openapi")]
    fn describe(_: &Facts<'_>) -> Description {
        Description::new(Tag::Account, "Export your account")
            .description(
                "Returns everything that is stored about you, except secrets. `events` is absent when the \
                 server keeps no audit log.",
            )
            .for_user()
            .answers(200, "The export.", &examples::export())
            .problem(RateLimited)
    }
}

/// `GET /account/events`
pub(super) struct ListEvents;

impl Room for ListEvents {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/account/events";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let auth = call.user().await?;
        let page = request::events(call.query())?;
        let answer = call
            .service()
            .list_events(&auth, page, call.context())
            .await?;
        ok(StatusCode::OK, &answer)
    }

    #[cfg(feature = "openapi")]
    fn describe(facts: &Facts<'_>) -> Description {
        let operation = Description::new(Tag::Account, "List events of your account")
            .description("Returns the operations on your account, successful and refused.")
            .for_user()
            .paged_by_event()
            .answers(200, "The newest first.", &examples::events())
            .problem(RateLimited);
        without_audit_log(operation, facts)
    }
}
