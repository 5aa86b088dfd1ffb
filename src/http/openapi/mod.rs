//! The OpenAPI 3.1 document of the endpoints.
//!
//! It is made of what the code has, so that it cannot say something else:
//! paths come from the routes, what an endpoint takes and gives from its declaration in
//! [`endpoint`](super::endpoint), schemas from the types that are read and written,
//! problems from [`ProblemCode`](super::ProblemCode).

pub(super) mod examples;
mod inline;
pub(super) mod operation;
pub(super) mod parts;
mod problems;
mod schemas;
mod wording;

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::AuthApi;
use crate::clock::Clock;
use crate::store::Store;
use operation::{Facts, Tag};
use schemas::Components;

/// The document as it is sent, made when it is first asked for.
pub(super) type Kept = Arc<OnceLock<Bytes>>;

impl<S: Store, C: Clock> AuthApi<S, C> {
    /// The OpenAPI 3.1 document of the endpoints that the settings enable. `GET /openapi.json` answers it when
    /// [`HttpConfig::openapi`](super::HttpConfig::openapi) says so.
    #[must_use]
    pub fn openapi(&self) -> Value {
        let service = self.service();
        let cookies = self.config().cookies.as_ref();
        let facts = Facts {
            config: service.config(),
            sends_mail: service.sends_mail(),
            keeps_events: service.keeps_events(),
            has_second_factors: service.has_second_factors(),
            #[cfg(feature = "federation")]
            has_providers: service.has_providers(),
            has_hooks: service.has_hooks(),
            takes_extra: service.takes_extra(),
        };
        let mut components = Components::new(cookies.cloned());
        let mut paths = Map::new();
        for route in self.routes() {
            let methods = route.methods.iter().map(|(method, endpoint)| {
                let operation = endpoint.describe(&facts);
                let (name, trace) = (format!("{endpoint:?}"), endpoint.leaves_trace());
                let written = operation.written(&name, trace, &mut components);
                (method.as_str().to_ascii_lowercase(), written)
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
        let tags = Tag::ALL.iter();
        let used = tags.filter(|tag| match tag {
            Tag::Administration => self.config().admin,
            #[cfg(feature = "federation")]
            Tag::Federation => self.service().has_providers(),
            _ => true,
        });
        used.map(|tag| json!({ "name": tag.name(), "description": tag.description() }))
            .collect()
    }
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

const CONVENTIONS: &str = "This document describes this server as it is configured: whether it sends mail, how it \
keeps sessions, whether it has an audit log, administration or second factors. Another server may have other \
operations.\n\nBodies are JSON in UTF-8. A request with an unknown field, a duplicate field or a \
value of the wrong type is rejected. Answers may get new fields: ignore those that you do not know. `HEAD` is \
accepted wherever `GET` is.

Send the `token` of a login as `Authorization: Bearer <token>`. When it expires, `POST /refresh` exchanges the \
`refresh_token` for new tokens.";

const COOKIES: &str = "

A script in a browser requests cookies, which it cannot read, with the header `Admittance-Session: cookie` when it \
registers, logs in or verifies an address with the password. The browser then sends them by itself, and `POST \
/refresh` needs no body. `Authorization` takes precedence over cookies.";

const PROBLEMS: &str = "Errors are problem details (RFC 9457): `code` is for programs, `detail` for people. \
`validation_failed` lists every invalid field in `errors`. With 429 and 503, `Retry-After` gives the seconds to wait \
before another attempt.";
