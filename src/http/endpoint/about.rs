//! The server itself.

use http::{Method, StatusCode};

use super::{Answer, Call, Room, ok};
use crate::clock::Clock;
#[cfg(feature = "openapi")]
use crate::http::answer::respond;
#[cfg(feature = "openapi")]
use crate::http::openapi::parts::*;
use crate::store::Store;

/// `GET /.well-known/jwks.json`
pub(super) struct Jwks;

impl Room for Jwks {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/.well-known/jwks.json";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        ok(StatusCode::OK, &call.service().jwks())
    }

    #[cfg(feature = "openapi")]
    fn describe(_: &Facts<'_>) -> Description {
        Description::new(Tag::Service, "The public keys of access tokens")
            .description(
                "Other services verify access tokens with these keys (RFC 7517). The list is empty when tokens are \
                 signed with a shared secret.",
            )
            .answers(200, "The keys, the active one first.", &examples::jwks())
    }
}

/// `GET /openapi.json`
#[cfg(feature = "openapi")]
pub(super) struct OpenApi;

#[cfg(feature = "openapi")]
impl Room for OpenApi {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/openapi.json";

    async fn answer<S: Store, C: Clock>(call: Call<'_, S, C>) -> Answer {
        let document = call.api().openapi_json();
        Ok(respond(StatusCode::OK, "application/json", document))
    }

    #[cfg(feature = "openapi")]
    fn describe(_: &Facts<'_>) -> Description {
        Description::new(Tag::Service, "This document")
            .description("This API in OpenAPI 3.1.")
            .answers_with_object(200, "The document.", json!({ "openapi": "3.1.0" }))
    }
}
