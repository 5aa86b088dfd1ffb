//! Lies in the discovery document and the token answer, and answers that are none.

use std::time::Duration;

use serde_json::json;

use super::super::double::{ACCESS_TOKEN, Lie};
use super::{assert_refused, outcome, remove};
use crate::federation::{
    AddressFault, CallbackFault, Endpoint, Fault, FederationError, MAX_ANSWER_BYTES,
    Misconfiguration, Outage,
};

#[tokio::test]
async fn ghsa_69_a_discovery_document_names_its_issuer_and_good_addresses() {
    let private = Fault::Address(AddressFault::Private);
    let scheme = Fault::Address(AddressFault::Scheme);
    assert_refused(
        Endpoint::Discovery,
        [
            (
                "another issuer",
                Lie::Discovery(|it| it["issuer"] = json!("https://login.other.example")),
                Fault::Issuer,
            ),
            (
                "the issuer with a slash",
                Lie::Discovery(|it| it["issuer"] = json!("https://login.school.example/")),
                Fault::Issuer,
            ),
            (
                "no issuer",
                Lie::Discovery(|it| remove(it, "issuer")),
                Fault::Member("issuer"),
            ),
            (
                "keys over http",
                Lie::Discovery(|it| it["jwks_uri"] = json!("http://login.school.example/keys")),
                scheme,
            ),
            (
                "keys in a file",
                Lie::Discovery(|it| it["jwks_uri"] = json!("file:///etc/keys")),
                scheme,
            ),
            (
                "keys at an inside address",
                Lie::Discovery(|it| it["jwks_uri"] = json!("https://169.254.169.254/keys")),
                private,
            ),
            (
                "codes to the loopback",
                Lie::Discovery(|it| it["token_endpoint"] = json!("http://127.0.0.1/token")),
                private,
            ),
            (
                "codes over http",
                Lie::Discovery(|it| {
                    it["token_endpoint"] = json!("http://login.school.example/token")
                }),
                scheme,
            ),
            (
                "user-info at an inside address",
                Lie::Discovery(|it| it["userinfo_endpoint"] = json!("https://[fd00::1]/me")),
                private,
            ),
            (
                "browsers to a script",
                Lie::Discovery(|it| it["authorization_endpoint"] = json!("javascript:alert(1)//")),
                scheme,
            ),
            (
                "browsers with a state",
                Lie::Discovery(|it| {
                    it["authorization_endpoint"] = json!("https://login.school.example/a?state=x");
                }),
                Fault::Member("authorization_endpoint"),
            ),
            (
                "no token endpoint",
                Lie::Discovery(|it| remove(it, "token_endpoint")),
                Fault::Member("token_endpoint"),
            ),
            (
                "a user-info endpoint that is null",
                Lie::Discovery(|it| it["userinfo_endpoint"] = json!(null)),
                Fault::Member("userinfo_endpoint"),
            ),
            (
                "a flag in words",
                Lie::Discovery(|it| {
                    it["authorization_response_iss_parameter_supported"] = json!("true");
                }),
                Fault::Member("authorization_response_iss_parameter_supported"),
            ),
            (
                "the issuer twice",
                Lie::Reply(Endpoint::Discovery, |it| {
                    let text = String::from_utf8(it.body.to_vec()).unwrap();
                    let twice = text.replacen('{', "{\"issuer\":\"https://evil.example\",", 1);
                    it.body = twice.into_bytes().into();
                }),
                Fault::DuplicateMember,
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn ghsa_69_answers_are_bounded_and_follow_no_redirect() {
    for endpoint in [
        Endpoint::Discovery,
        Endpoint::Keys,
        Endpoint::Token,
        Endpoint::UserInfo,
    ] {
        let reply = |lie| Lie::Reply(endpoint, lie);
        assert_refused(
            endpoint,
            [
                ("302", reply(|it| it.status = 302), Fault::Redirect),
                ("307", reply(|it| it.status = 307), Fault::Redirect),
                ("304", reply(|it| it.status = 304), Fault::Redirect),
                ("201", reply(|it| it.status = 201), Fault::Status(201)),
                ("404", reply(|it| it.status = 404), Fault::Status(404)),
                (
                    "10 MB",
                    reply(|it| it.body = vec![b' '; 10_000_000].into()),
                    Fault::TooLong,
                ),
                (
                    "one byte more",
                    reply(|it| {
                        let blanks = MAX_ANSWER_BYTES + 1 - it.body.len();
                        it.body.extend(vec![b' '; blanks]);
                    }),
                    Fault::TooLong,
                ),
                (
                    "HTML",
                    reply(|it| it.content_type = Some("text/html".to_owned())),
                    Fault::ContentType,
                ),
                (
                    "no type",
                    reply(|it| it.content_type = None),
                    Fault::ContentType,
                ),
                (
                    "a signed answer",
                    reply(|it| it.content_type = Some("application/jwt".to_owned())),
                    Fault::ContentType,
                ),
                (
                    "no body",
                    reply(|it| it.body = Vec::new().into()),
                    Fault::Json,
                ),
                (
                    "half a body",
                    reply(|it| {
                        let half = it.body.len() / 2;
                        it.body.truncate(half);
                    }),
                    Fault::Json,
                ),
                ("not UTF-8", reply(|it| it.body.push(0xff)), Fault::Json),
            ],
        )
        .await;
        let whole = reply(|it| {
            let blanks = MAX_ANSWER_BYTES - it.body.len();
            it.body.extend(vec![b' '; blanks]);
        });
        assert_eq!(outcome(whole).await, Ok(()));
        for status in [429, 500, 502, 503] {
            let lie = match status {
                429 => reply(|it| it.status = 429),
                500 => reply(|it| it.status = 500),
                502 => reply(|it| it.status = 502),
                _ => reply(|it| it.status = 503),
            };
            let outage = Outage::Status(status);
            let unavailable = FederationError::Unavailable { endpoint, outage };
            assert_eq!(outcome(lie).await, Err(unavailable));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_drips_fails_or_panics_is_unavailable() {
    for endpoint in [
        Endpoint::Discovery,
        Endpoint::Keys,
        Endpoint::Token,
        Endpoint::UserInfo,
    ] {
        for (lie, outage) in [
            (Lie::Hang(endpoint), Outage::TimedOut),
            (
                Lie::Fail(endpoint),
                Outage::Failed("no routeto host".to_owned()),
            ),
            (Lie::Panic(endpoint), Outage::Panicked),
        ] {
            let start = tokio::time::Instant::now();
            let unavailable = FederationError::Unavailable { endpoint, outage };
            assert_eq!(outcome(lie).await, Err(unavailable));
            assert!(start.elapsed() <= Duration::from_secs(11));
        }
    }
}

#[tokio::test]
async fn a_token_answer_is_complete_or_refused() {
    assert_refused(
        Endpoint::Token,
        [
            (
                "no ID token",
                Lie::Token(|it| remove(it, "id_token")),
                Fault::NoIdToken,
            ),
            (
                "an ID token of another type",
                Lie::Token(|it| it["id_token"] = json!(1)),
                Fault::Member("id_token"),
            ),
            (
                "no access token",
                Lie::Token(|it| remove(it, "access_token")),
                Fault::Member("access_token"),
            ),
            (
                "a header in the access token",
                Lie::Token(|it| it["access_token"] = json!("x\r\nhost: evil.example")),
                Fault::Member("access_token"),
            ),
            (
                "another access token",
                Lie::Token(|it| it["access_token"] = json!(format!("{ACCESS_TOKEN}x"))),
                Fault::AccessTokenHash,
            ),
            (
                "a proof token",
                Lie::Token(|it| it["token_type"] = json!("DPoP")),
                Fault::TokenType,
            ),
            (
                "an error of its own",
                Lie::Token(|it| *it = json!({"error": "x"})),
                Fault::ErrorCode,
            ),
            ("a list", Lie::Token(|it| *it = json!([])), Fault::Json),
        ],
    )
    .await;
    for (lie, error) in [
        (
            Lie::Token(|it| *it = json!({"error": "invalid_grant"})),
            FederationError::Callback(CallbackFault::Code),
        ),
        (
            Lie::Token(|it| *it = json!({"error": "invalid_client"})),
            FederationError::Configuration(Misconfiguration::Client),
        ),
    ] {
        assert_eq!(outcome(lie).await, Err(error));
    }
}
