//! Confirming and changing the address.

use http::{Method, StatusCode};

use super::{Answer, Call, Room, ok};
use crate::clock::Clock;
#[cfg(feature = "openapi")]
use crate::http::openapi::parts::*;
use crate::http::transport;
use crate::service;
use crate::store::Store;

/// `POST /email/verify`
pub(super) struct VerifyEmail;

impl Room for VerifyEmail {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/email/verify";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let (to, context) = call.asked()?;
        let link = call.read()?;
        let auth = call.user_if_any(to).await?;
        match call
            .service()
            .verify_email(link, auth.as_ref(), &context)
            .await?
        {
            service::VerifyOutcome::Opened(answer) => {
                let (status, tokens) = (StatusCode::OK, &answer.tokens);
                transport::opened(to, status, &answer, tokens, call.config())
            }
            service::VerifyOutcome::Verified(answer) => ok(StatusCode::OK, &answer),
        }
    }

    #[cfg(feature = "openapi")]
    fn describe(facts: &Facts<'_>) -> Description {
        let token = examples::link(TokenPurpose::VerifyEmail);
        let operation = Description::new(Tag::Email, "Verify an address with a mailed link")
            .description(
                "The link proves that the mailbox is yours. A session of the account, or its password, which \
                 opens a session, proves that the account is yours too. A missing or wrong proof does not \
                 use up the link.",
            )
            .for_user_too()
            .takes::<service::VerifyEmail>(json!({ "token": token, "password": PASSWORD }))
            .or_takes("with_a_session", json!({ "token": token }))
            .or_takes(
                "with_a_provider",
                json!({ "token": token, "ticket": examples::ticket() }),
            )
            .opens_session()
            .answers_tokens(
                200,
                "The address is confirmed. With the password, a session is opened; otherwise the current one continues.",
                &examples::logged_in("Your address is confirmed. You are logged in."),
            )
            .or_answers(&examples::accepted("Your address is confirmed."))
            .problems(&[
                ValidationFailed,
                InvalidLink,
                ProofRequired,
                RateLimited,
                Overloaded,
            ]);
        with_second_factor(operation, facts)
    }
}

/// `POST /email/resend`
pub(super) struct ResendVerification;

impl Room for ResendVerification {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/email/resend";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let wanted = call.read()?;
        let answer = call
            .service()
            .resend_verification(wanted, call.context())
            .await?;
        ok(StatusCode::ACCEPTED, &answer)
    }

    #[cfg(feature = "openapi")]
    fn describe(facts: &Facts<'_>) -> Description {
        let operation = Description::new(Tag::Email, "Request another verification link")
            .description("The answer does not reveal whether the account exists.")
            .takes::<service::EmailRequest>(json!({ "email": EMAIL }))
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
}

/// `POST /email/disown`
pub(super) struct DisownEmail;

impl Room for DisownEmail {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/email/disown";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let link = call.read()?;
        ok(
            StatusCode::OK,
            &call.service().disown_email(link, call.context()).await?,
        )
    }

    #[cfg(feature = "openapi")]
    fn describe(facts: &Facts<'_>) -> Description {
        let operation = Description::new(Tag::Email, "Report that an account is not yours")
            .description(
                "For the recipient of a mail about an account that they did not create. Removes the account \
                 unless its address is verified.",
            )
            .takes::<service::LinkRequest>(
                json!({ "token": examples::link(TokenPurpose::VerifyEmail) }),
            )
            .answers(
                200,
                "The account is removed.",
                &examples::accepted("The account has been removed. You need not do anything else."),
            )
            .problems(&[ValidationFailed, InvalidLink, RateLimited]);
        with_hooks(operation, facts)
    }
}

/// `POST /email/change`
pub(super) struct ChangeEmail;

impl Room for ChangeEmail {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/email/change";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let auth = call.user().await?;
        let change = call.read()?;
        let answer = call
            .service()
            .change_email(&auth, change, call.context())
            .await?;
        ok(StatusCode::ACCEPTED, &answer)
    }

    #[cfg(feature = "openapi")]
    fn describe(facts: &Facts<'_>) -> Description {
        let operation = Description::new(Tag::Email, "Request a change of address")
            .description(
                "Mails a link to the new address and a notice to the present one. The address changes when the \
                 link is used. The answer does not reveal whether the new address has an account.",
            )
            .for_user()
            .takes::<service::ChangeEmail>(json!({
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
}

/// `POST /email/change/confirm`
pub(super) struct ConfirmEmailChange;

impl Room for ConfirmEmailChange {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/email/change/confirm";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let auth = call.user().await?;
        let link = call.read()?;
        let answer = call
            .service()
            .confirm_email_change(&auth, link, call.context())
            .await?;
        ok(StatusCode::OK, &answer)
    }

    #[cfg(feature = "openapi")]
    fn describe(_: &Facts<'_>) -> Description {
        Description::new(Tag::Email, "Confirm a change of address with a mailed link")
            .description("Requires a session of the account that requested the change.")
            .for_user()
            .takes::<service::LinkRequest>(
                json!({ "token": examples::link(TokenPurpose::ChangeEmail) }),
            )
            .answers(
                200,
                "The account has the new address.",
                &examples::accepted("Your address has been changed."),
            )
            .problems(&[
                ValidationFailed,
                InvalidLink,
                ProofRequired,
                EmailTaken,
                RateLimited,
            ])
    }
}
