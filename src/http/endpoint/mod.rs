//! The endpoints: each is declared once, in a room of its own.
//!
//! A room has the endpoint's method, path, function and OpenAPI description. The routes,
//! `Allow` and the document are derived from the list of rooms below.

mod about;
mod account;
mod admin;
mod call;
mod email;
#[cfg(feature = "federation")]
mod federation;
mod password;
mod session;

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use serde::Serialize;

use super::answer::respond;
use super::json;
#[cfg(feature = "openapi")]
use super::openapi::operation::{Description, Facts};
use super::problem::Problem;
use crate::clock::Clock;
use crate::store::Store;
pub(super) use call::Call;

/// The answer of an endpoint, or the problem.
pub(super) type Answer = Result<Response<Bytes>, Problem>;

/// One endpoint.
trait Room {
    const METHOD: Method;
    /// A name in braces matches one segment.
    const PATH: &'static str;
    /// Whether the audit log records reads of it.
    const LEAVES_TRACE: bool = false;

    /// Answers a request.
    fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> impl Future<Output = Answer> + Send;

    /// Describes it for the OpenAPI document.
    #[cfg(feature = "openapi")]
    fn describe(facts: &Facts<'_>) -> Description;
}

macro_rules! rooms {
    ($($(#[$condition:meta])* $module:ident::$room:ident,)*) => {
        /// An endpoint.
        #[doc(hidden)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Endpoint {
            $($(#[$condition])* $room,)*
        }

        impl Endpoint {
            pub(super) const ALL: &[Self] = &[$($(#[$condition])* Self::$room,)*];

            pub(super) const fn method(self) -> Method {
                match self {
                    $($(#[$condition])* Self::$room => $module::$room::METHOD,)*
                }
            }

            pub(super) const fn path(self) -> &'static str {
                match self {
                    $($(#[$condition])* Self::$room => $module::$room::PATH,)*
                }
            }

            /// Whether the audit log records reads of it.
            pub(super) const fn leaves_trace(self) -> bool {
                match self {
                    $($(#[$condition])* Self::$room => $module::$room::LEAVES_TRACE,)*
                }
            }

            pub(super) async fn answer<S: Store, C: Clock>(self, call: Call<'_, S, C>) -> Answer {
                match self {
                    $($(#[$condition])* Self::$room => $module::$room::answer(call).await,)*
                }
            }

            #[cfg(feature = "openapi")]
            pub(super) fn describe(self, facts: &Facts<'_>) -> Description {
                match self {
                    $($(#[$condition])* Self::$room => $module::$room::describe(facts),)*
                }
            }
        }
    };
}

rooms! {
    account::Register,
    session::Login,
    session::ProveSecondFactor,
    #[cfg(feature = "federation")]
    federation::ListProviders,
    #[cfg(feature = "federation")]
    federation::StartLogin,
    #[cfg(feature = "federation")]
    federation::FinishLogin,
    #[cfg(feature = "federation")]
    federation::TakeForm,
    #[cfg(feature = "federation")]
    federation::LinkIdentity,
    #[cfg(feature = "federation")]
    federation::ListIdentities,
    #[cfg(feature = "federation")]
    federation::StartLinking,
    #[cfg(feature = "federation")]
    federation::UnlinkIdentity,
    session::Logout,
    session::Refresh,
    account::Profile,
    account::UpdateProfile,
    account::PatchProfile,
    password::ChangePassword,
    password::Reauthenticate,
    password::ConfirmPassword,
    password::PasswordStrength,
    password::ForgotPassword,
    password::ResetPassword,
    email::VerifyEmail,
    email::ResendVerification,
    email::DisownEmail,
    email::ChangeEmail,
    email::ConfirmEmailChange,
    account::DeleteAccount,
    account::DeleteAccountByPost,
    account::ExportAccount,
    account::ListEvents,
    session::ListSessions,
    session::EndAllSessions,
    session::EndSession,
    about::Jwks,
    admin::ListUsers,
    admin::CreateUser,
    admin::FindUser,
    admin::ViewUser,
    admin::SetUserStatus,
    admin::ChangeUserRoles,
    admin::ListUserSessions,
    admin::EndUserSessions,
    admin::EndUserSession,
    admin::ListUserEvents,
    admin::SendPasswordReset,
    #[cfg(feature = "openapi")]
    about::OpenApi,
}

fn no_content() -> Answer {
    Ok(respond(StatusCode::NO_CONTENT, "", Bytes::new()))
}

fn ok(status: StatusCode, answer: &impl Serialize) -> Answer {
    json::answer(status, answer)
}
