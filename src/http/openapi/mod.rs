//! The OpenAPI 3.1 document of the endpoints.
//!
//! It is made of what the code has, so that it cannot say something else:
//! paths come from the routes, what an endpoint takes and gives from an
//! exhaustive match on [`Endpoint`](super::Endpoint), schemas from the types
//! that are read and written, problems from [`ProblemCode`](super::ProblemCode).

mod accounts;
mod admin;
mod examples;
mod operation;
mod problems;
mod recovery;
mod schemas;
mod wording;

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{AuthApi, Endpoint};
use crate::clock::Clock;
use crate::store::Store;
use operation::{Operation, Tag};
use schemas::Components;

/// The document as it is sent, made when it is first asked for.
pub(super) type Kept = Arc<OnceLock<Bytes>>;

/// What the document depends on, besides the routes.
struct Facts<'a> {
    config: &'a crate::config::AuthConfig,
    sends_mail: bool,
    keeps_events: bool,
}

impl<S: Store, C: Clock> AuthApi<S, C> {
    /// The OpenAPI 3.1 document of the [`routes`](Self::routes) that are there,
    /// as the settings have them. `GET /openapi.json` answers it when
    /// [`HttpConfig::openapi`](super::HttpConfig::openapi) says so.
    #[must_use]
    pub fn openapi(&self) -> Value {
        let service = self.service();
        let cookies = self.config().cookies.as_ref();
        let facts = Facts {
            config: service.config(),
            sends_mail: service.sends_mail(),
            keeps_events: service.keeps_events(),
        };
        let mut components = Components::new(cookies.cloned());
        let mut paths = Map::new();
        for route in self.routes() {
            let methods = route.methods.iter().map(|(method, endpoint)| {
                let operation = describe(*endpoint, &facts);
                let name = method.as_str().to_ascii_lowercase();
                (name, operation.written(method, *endpoint, &mut components))
            });
            let item = Value::Object(methods.collect());
            paths.insert(route.path.to_owned(), item);
        }
        json!({
            "openapi": "3.1.0",
            "info": info(&facts, cookies.is_some()),
            "servers": [{ "url": ".", "description": "Where this document is from." }],
            "tags": self.tags(),
            "paths": paths,
            "components": components.written(),
        })
    }

    /// The same as it is sent.
    pub(super) fn openapi_json(&self) -> Bytes {
        let made = || Bytes::from(self.openapi().to_string());
        self.document.get_or_init(made).clone()
    }

    fn tags(&self) -> Value {
        let tags = Tag::ALL.into_iter();
        let used = tags.filter(|tag| *tag != Tag::Administration || self.config().admin);
        used.map(|tag| json!({ "name": tag.name(), "description": tag.description() }))
            .collect()
    }
}

/// What `endpoint` takes and gives.
fn describe(endpoint: Endpoint, facts: &Facts<'_>) -> Operation {
    match endpoint {
        Endpoint::Register => accounts::register(facts),
        Endpoint::Login => accounts::login(),
        Endpoint::Logout => accounts::logout(),
        Endpoint::Refresh => accounts::refresh(),
        Endpoint::Profile => accounts::profile(),
        Endpoint::UpdateProfile => accounts::update_profile(),
        Endpoint::ListSessions => accounts::list_sessions(),
        Endpoint::EndAllSessions => accounts::end_all_sessions(),
        Endpoint::EndSession => accounts::end_session(),
        Endpoint::ExportAccount => accounts::export_account(),
        Endpoint::ListEvents => accounts::list_events(facts),
        Endpoint::DeleteAccount => accounts::delete_account(),
        Endpoint::ChangePassword => recovery::change_password(facts),
        Endpoint::Reauthenticate => recovery::reauthenticate(),
        Endpoint::ConfirmPassword => recovery::confirm_password(),
        Endpoint::PasswordStrength => recovery::password_strength(),
        Endpoint::ForgotPassword => recovery::forgot_password(facts),
        Endpoint::ResetPassword => recovery::reset_password(facts),
        Endpoint::VerifyEmail => recovery::verify_email(),
        Endpoint::ResendVerification => recovery::resend_verification(facts),
        Endpoint::DisownEmail => recovery::disown_email(),
        Endpoint::ChangeEmail => recovery::change_email(facts),
        Endpoint::ConfirmEmailChange => recovery::confirm_email_change(),
        Endpoint::ListUsers => admin::list_users(),
        Endpoint::FindUser => admin::find_user(),
        Endpoint::ViewUser => admin::view_user(),
        Endpoint::SetUserStatus => admin::set_user_status(facts),
        Endpoint::ChangeUserRoles => admin::change_user_roles(facts),
        Endpoint::ListUserSessions => admin::list_user_sessions(),
        Endpoint::ListUserEvents => admin::list_user_events(facts),
        Endpoint::EndUserSessions => admin::end_user_sessions(),
        Endpoint::EndUserSession => admin::end_user_session(),
        Endpoint::SendPasswordReset => admin::send_password_reset(facts),
        Endpoint::Jwks => jwks(),
        Endpoint::OpenApi => document(),
    }
}

fn jwks() -> Operation {
    Operation::new(Tag::Service, "The public keys of access tokens")
        .description(
            "With these another service can check the signature of an access token by itself \
             (RFC 7517). The list is empty when tokens are signed by a shared secret.",
        )
        .answers(200, "The keys, the active one first.", &examples::jwks())
}

fn document() -> Operation {
    Operation::new(Tag::Service, "This document")
        .description("What this server answers, in OpenAPI 3.1.")
        .answers_with_object(200, "The document.", json!({ "openapi": "3.1.0" }))
}

fn info(facts: &Facts<'_>, has_cookies: bool) -> Value {
    let (name, table) = (&facts.config.service_name, problems::table());
    let cookies = if has_cookies { COOKIES } else { "" };
    json!({
        "title": format!("Accounts of {name}"),
        "version": env!("CARGO_PKG_VERSION"),
        "summary": "Registration, login, sessions, profiles and recovery.",
        "description": format!("{CONVENTIONS}{cookies}\n\n## Problems\n\n{PROBLEMS}\n\n{table}"),
        "license": { "name": env!("CARGO_PKG_LICENSE"), "identifier": env!("CARGO_PKG_LICENSE") },
    })
}

const CONVENTIONS: &str = "Bodies are JSON in UTF-8. A request with an unknown field, a duplicate \
one or one of the wrong type is refused as a whole. An answer may get new fields: ignore those \
that you do not know. `HEAD` goes wherever `GET` does.

Send the `token` of a login as `Authorization: Bearer <token>`. When it has expired, `POST \
/refresh` gets a new one for the `refresh_token`.";

const COOKIES: &str = "

A script of a web page asks for cookies instead, which it cannot read, by the request header \
`Admittance-Session: cookie` when it registers, logs in or confirms an address with the password. \
The browser sends them from there on, and `POST /refresh` needs no body. `Authorization` goes \
before cookies.";

const PROBLEMS: &str = "Whatever is refused is answered with problem details (RFC 9457). Programs \
go by `code`, people read `detail`. `validation_failed` lists in `errors` all that is wrong, field \
by field; 429 and 503 say in `Retry-After` after how many seconds another attempt makes sense.";
