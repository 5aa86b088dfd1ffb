//! The codes of the problems, each with the status that it is sent with. The one place where
//! an error gets a status.

use http::StatusCode;

use crate::named::named;

/// Declares the codes: each with its name, its status, and its words for a person.
macro_rules! problems {
    ($($(#[$doc:meta])* $code:ident => $name:literal, $status:ident, $words:literal;)+) => {
        named! {
            /// The stable `code` of a problem.
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
            #[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
            #[cfg_attr(feature = "openapi", schemars(rename_all = "snake_case"))]
            #[non_exhaustive]
            pub enum ProblemCode {
                $($(#[$doc])* $code => $name,)+
            }
        }

        impl ProblemCode {
            /// The status that it is sent with.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self {
                    $(Self::$code => StatusCode::$status,)+
                }
            }

            pub(super) const fn detail(self) -> &'static str {
                match self {
                    $(Self::$code => $words,)+
                }
            }
        }
    };
}

problems! {
    /// 400: not JSON, a duplicate or unknown field, a wrong type.
    MalformedRequest => "malformed_request", BAD_REQUEST,
        "The request is malformed.";
    /// 401: email and password do not belong together.
    InvalidCredentials => "invalid_credentials", UNAUTHORIZED,
        "The email address or the password is wrong.";
    /// 401: no access or refresh token, or one that is not live.
    InvalidToken => "invalid_token", UNAUTHORIZED,
        "Log in to continue.";
    /// 401: the link of a mail is not valid, or not any more.
    InvalidLink => "invalid_link", UNAUTHORIZED,
        "This link is no longer valid. Request a new one.";
    /// 401: the link of a mail needs a live session of the account, or its
    /// password.
    ProofRequired => "proof_required", UNAUTHORIZED,
        "Log in to this account first, or enter the password that it was registered with.";
    /// 401: the password is right, and the sign-in continues with `POST /login/factor`.
    SecondFactorRequired => "second_factor_required", UNAUTHORIZED,
        "Enter the code of your second factor.";
    /// 401: the code of a second factor is wrong.
    InvalidCode => "invalid_code", UNAUTHORIZED,
        "This code is wrong.";
    /// 401: the ticket of a sign-in is not valid, or not any more.
    InvalidFlow => "invalid_flow", UNAUTHORIZED,
        "This sign-in has ended. Log in again.";
    /// 403: the provider does not let the person sign in, or the person does not want to.
    ProviderDenied => "provider_denied", FORBIDDEN,
        "You were not signed in there. Try again, or log in another way.";
    /// 403: the session's proofs do not suffice; `POST /reauthenticate` is the
    /// way on.
    RecentLoginRequired => "recent_login_required", FORBIDDEN,
        "Prove your identity again to do this.";
    /// 403: the permission is missing.
    Forbidden => "forbidden", FORBIDDEN,
        "You do not have permission to do this.";
    /// 404: no such thing, or not the caller's.
    NotFound => "not_found", NOT_FOUND,
        "Not found.";
    /// 405: the path has other methods, listed in `Allow`.
    MethodNotAllowed => "method_not_allowed", METHOD_NOT_ALLOWED,
        "This path does not support that method.";
    /// 408: the body took too long.
    RequestTimeout => "request_timeout", REQUEST_TIMEOUT,
        "The request took too long. Try again.";
    /// 409: another account has this email address.
    EmailTaken => "email_taken", CONFLICT,
        "There is already an account with this email address.";
    /// 409: an account has the address that the provider states; `POST /identities/link` is the
    /// way on.
    LinkRequired => "link_required", CONFLICT,
        "There is already an account with this email address. Log in to it to connect the two.";
    /// 409: another account has the identity, or this one has as many as it can have.
    IdentityTaken => "identity_taken", CONFLICT,
        "This sign-in belongs to another account, or your account has as many as it can have.";
    /// 409: the account would be left without a way in.
    LastCredential => "last_credential", CONFLICT,
        "This is the only way in to your account. Set a password or connect another account first.";
    /// 409: nobody would be left who may grant roles.
    LastAdministrator => "last_administrator", CONFLICT,
        "At least one active account must be able to grant roles.";
    /// 409: nobody has confirmed the account's address.
    NotVerified => "not_verified", CONFLICT,
        "The address of this account is not confirmed yet.";
    /// 409: the account is disabled.
    AccountDisabled => "account_disabled", CONFLICT,
        "This account is disabled.";
    /// 412: the profile is not one of those in `If-Match`.
    PreconditionFailed => "precondition_failed", PRECONDITION_FAILED,
        "This was changed elsewhere in the meantime. Load it again.";
    /// 413: the body is larger than accepted.
    PayloadTooLarge => "payload_too_large", PAYLOAD_TOO_LARGE,
        "The request is too large.";
    /// 415: the body is not declared as JSON in UTF-8.
    UnsupportedMediaType => "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE,
        "Send application/json in UTF-8.";
    /// 422: fields break rules, all listed in `errors`.
    ValidationFailed => "validation_failed", UNPROCESSABLE_ENTITY,
        "Some fields are not valid.";
    /// 429: too many attempts; `Retry-After` says how long to wait.
    RateLimited => "rate_limited", TOO_MANY_REQUESTS,
        "Too many attempts. Wait a little and try again.";
    /// 500: something failed within.
    Internal => "internal", INTERNAL_SERVER_ERROR,
        "Something went wrong. Try again later.";
    /// 503: more work is waiting than can be done; `Retry-After` says how long
    /// to wait.
    Overloaded => "overloaded", SERVICE_UNAVAILABLE,
        "The server is busy. Wait a little and try again.";
    /// 503: the provider does not answer as it should; `Retry-After` says how long to wait.
    ProviderUnavailable => "provider_unavailable", SERVICE_UNAVAILABLE,
        "Signing in there is not possible right now. Try again later, or log in another way.";
    /// 503: something that is needed does not answer; `Retry-After` says how
    /// long to wait.
    Unavailable => "unavailable", SERVICE_UNAVAILABLE,
        "This is not available right now. Wait a little and try again.";
}
