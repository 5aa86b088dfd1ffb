//! Changing, resetting and checking passwords, and proving one's identity again.

use http::{Method, StatusCode};

use super::{Answer, Call, Room, ok};
use crate::clock::Clock;
#[cfg(feature = "openapi")]
use crate::http::openapi::parts::*;
use crate::http::transport::{self};
use crate::service;
use crate::store::Store;

/// `POST /password/change`
pub(super) struct ChangePassword;

impl Room for ChangePassword {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/password/change";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let (auth, to) = call.caller().await?;
        let change = call.read()?;
        let answer = call
            .service()
            .change_password(&auth, change, call.context())
            .await?;
        transport::opened(to, StatusCode::OK, &answer, &answer.tokens, call.config())
    }

    #[cfg(feature = "openapi")]
    fn describe(facts: &Facts<'_>) -> Description {
        let operation = Description::new(Tag::Password, "Change your password")
            .description(
                "Ends every session and invalidates all earlier tokens. The answer has the tokens of a new session.",
            )
            .for_user()
            .takes::<service::ChangePassword>(json!({
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
        with_proved_factor(rules_of_passwords(operation, facts), facts)
    }
}

/// `POST /reauthenticate`
pub(super) struct Reauthenticate;

impl Room for Reauthenticate {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/reauthenticate";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let (auth, to) = call.caller().await?;
        let proof: service::Reauthenticate = call.read()?;
        #[cfg(feature = "federation")]
        if proof.method == crate::proof::Method::Federation {
            return super::federation::reauthenticate(&auth, proof, to, &call).await;
        }
        let answer = call
            .service()
            .reauthenticate(&auth, proof, call.context())
            .await?;
        transport::opened(to, StatusCode::OK, &answer, &answer.tokens, call.config())
    }

    #[cfg(feature = "openapi")]
    fn describe(facts: &Facts<'_>) -> Description {
        let operation = renewal("Prove your identity again")
            .description(
                "Required after 403 `recent_login_required`, with one of its `methods`. Returns the tokens of a \
                 new session in place of this one.",
            )
            .takes::<service::Reauthenticate>(json!({ "method": "pwd", "current_password": PASSWORD }));
        #[cfg(feature = "federation")]
        let operation = super::federation::with_providers(operation, facts);
        if !facts.has_second_factors {
            return operation;
        }
        let operation = operation
            .or_takes(
                "second_factor",
                json!({ "method": "sms", "code": "482193" }),
            )
            .description("A second factor without a code requests one.")
            .problem(InvalidCode);
        with_proved_factor(operation, facts)
    }
}

/// `POST /password/confirm`
pub(super) struct ConfirmPassword;

impl Room for ConfirmPassword {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/password/confirm";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let (auth, to) = call.caller().await?;
        let proof: service::ConfirmPassword = call.read()?;
        let answer = call
            .service()
            .reauthenticate(&auth, proof.into(), call.context())
            .await?;
        transport::opened(to, StatusCode::OK, &answer, &answer.tokens, call.config())
    }

    #[cfg(feature = "openapi")]
    fn describe(facts: &Facts<'_>) -> Description {
        let operation = renewal("Enter your password again")
            .description("The short form of `POST /reauthenticate`. It stays for one release.")
            .takes::<service::ConfirmPassword>(json!({ "current_password": PASSWORD }));
        with_proved_factor(operation, facts)
    }
}

/// `POST /password/strength`
pub(super) struct PasswordStrength;

impl Room for PasswordStrength {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/password/strength";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let typed = call.read()?;
        let answer = call
            .service()
            .password_strength(typed, call.context())
            .await?;
        ok(StatusCode::OK, &answer)
    }

    #[cfg(feature = "openapi")]
    fn describe(_: &Facts<'_>) -> Description {
        Description::new(Tag::Password, "Check password strength")
            .description(
                "For a form, while the user types. Nothing is stored. Breached passwords are checked only when a \
                 password is set.",
            )
            .takes::<service::PasswordStrengthRequest>(json!({
                "password": "ann-12345",
                "email": EMAIL,
                "name": NAME,
            }))
            .or_takes("password", json!({ "password": PASSWORD }))
            .answers(200, "The strength.", &examples::strength())
            .problems(&[RateLimited, Overloaded])
    }
}

/// `POST /password/forgot`
pub(super) struct ForgotPassword;

impl Room for ForgotPassword {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/password/forgot";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let wanted = call.read()?;
        let answer = call
            .service()
            .forgot_password(wanted, call.context())
            .await?;
        ok(StatusCode::ACCEPTED, &answer)
    }

    #[cfg(feature = "openapi")]
    fn describe(facts: &Facts<'_>) -> Description {
        let operation = Description::new(Tag::Password, "Request a password reset link")
            .description("The answer does not reveal whether the account exists.")
            .takes::<service::EmailRequest>(json!({ "email": EMAIL }))
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
}

/// `POST /password/reset`
pub(super) struct ResetPassword;

impl Room for ResetPassword {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/password/reset";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let change = call.read()?;
        ok(
            StatusCode::OK,
            &call
                .service()
                .reset_password(change, call.context())
                .await?,
        )
    }

    #[cfg(feature = "openapi")]
    fn describe(facts: &Facts<'_>) -> Description {
        let operation = Description::new(Tag::Password, "Reset a password with a mailed link")
            .description("Ends every session and invalidates all earlier tokens and links. Log in again afterwards.")
            .takes::<service::ResetPassword>(json!({
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
}
