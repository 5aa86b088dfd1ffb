//! Numbers in preferences, over HTTP and by the library's own types.
//!
//! `.ci/run` builds these with every feature of `serde_json` that changes what a
//! number is, as another crate of an application may.

use admittance::error::{AuthError, Field};
use admittance::http::HttpConfig;
use admittance::preferences::{Preferences, PreferencesError};
use admittance::service::UpdateProfile;
use serde_json::Value;

use crate::client::{Client, text};
use crate::request::Request;
use crate::transport::{Framework, each_framework};
use support::bed::config;

each_framework!(
    a_number_in_preferences_is_kept_however_serde_json_is_built,
    a_number_that_no_store_could_keep_is_refused_however_serde_json_is_built,
    a_nul_is_refused_however_it_is_written,
    preferences_that_an_application_hands_over_are_kept_as_plain_numbers,
);

/// Sends the text as it is, and returns the text of the answer.
async fn ask(client: &Client, token: &str, line: &str, body: &str) -> (u16, String) {
    let request = Request::line(line).bearer(token);
    let request = request.text("application/json", body);
    let answer = client.send(request).await;
    (answer.status, answer.text().to_owned())
}

/// What is sent, and how it is kept.
const KEPT: [(&str, &str); 17] = [
    ("0", "0"),
    ("-1", "-1"),
    ("9223372036854775807", "9223372036854775807"),
    ("-9223372036854775808", "-9223372036854775808"),
    ("0.1", "0.1"),
    ("-0.0", "-0.0"),
    ("-0", "-0.0"),
    ("1.0", "1.0"),
    ("1.50", "1.5"),
    ("1e2", "100.0"),
    ("0.30000000000000004", "0.30000000000000004"),
    ("3.141592653589793", "3.141592653589793"),
    ("0.1000000000000000055511151231257827", "0.1"),
    ("18446744073709551616.0", "1.8446744073709552e+19"),
    ("1e300", "1e+300"),
    ("5e-324", "5e-324"),
    ("[1.5,{\"b\":-2.25}]", "[1.5,{\"b\":-2.25}]"),
];

/// What is sent, and the status of the refusal.
const REFUSED: [(&str, u16); 8] = [
    ("9223372036854775808", 422),
    ("18446744073709551615", 422),
    ("18446744073709551616", 422),
    ("-9223372036854775809", 422),
    ("123456789012345678901234567890", 422),
    ("1e400", 422),
    ("-1e400", 422),
    ("NaN", 400),
];

async fn a_number_in_preferences_is_kept_however_serde_json_is_built(framework: Framework) {
    let mut config = config();
    config.limits.export_by_account = None;
    let client = Client::with(framework, config, HttpConfig::default());
    let token = text(&client.register("ann@example.org").await, "token").to_owned();
    for (sent, kept) in KEPT {
        let body = format!(r#"{{"preferences":{{"n":{sent}}}}}"#);
        let (status, answer) = ask(&client, &token, "PUT /profile", &body).await;
        assert_eq!(status, 200, "{sent}: {answer}");
        for line in ["GET /profile", "GET /account/export"] {
            let (_, answer) = ask(&client, &token, line, "").await;
            let kept = format!(r#""preferences":{{"n":{kept}}}"#);
            assert!(answer.contains(&kept), "{sent}: {answer}");
        }
    }
}

async fn a_number_that_no_store_could_keep_is_refused_however_serde_json_is_built(
    framework: Framework,
) {
    let client = Client::new(framework);
    let token = text(&client.register("ann@example.org").await, "token").to_owned();
    for (sent, refused) in REFUSED {
        for body in [
            format!(r#"{{"preferences":{{"n":{sent}}}}}"#),
            format!(r#"{{"preferences":{{"n":[{{"m":{sent}}}]}}}}"#),
        ] {
            let (status, answer) = ask(&client, &token, "PUT /profile", &body).await;
            assert_eq!(status, refused, "{sent}: {answer}");
        }
    }
    // A field that takes no number is of the wrong type.
    let body = r#"{"name":18446744073709551616}"#;
    let (status, answer) = ask(&client, &token, "PUT /profile", body).await;
    assert_eq!(status, 400, "{answer}");
    // The text by which `serde_json` passes a number to itself is no number.
    let body = r#"{"preferences":{"n":{"$serde_json::private::Number":"2.5"}}}"#;
    let (status, answer) = ask(&client, &token, "PUT /profile", body).await;
    assert_eq!(status, 400, "{answer}");
    let (_, answer) = ask(&client, &token, "GET /profile", "").await;
    assert!(answer.contains(r#""preferences":{}"#), "{answer}");
}

async fn a_nul_is_refused_however_it_is_written(framework: Framework) {
    let client = Client::new(framework);
    let token = text(&client.register("ann@example.org").await, "token").to_owned();
    let ask = async |body: &str| ask(&client, &token, "PUT /profile", body).await;
    for body in [
        r#"{"preferences":{"a":"\u0000"}}"#,
        r#"{"preferences":{"a":[{"b":"x\u0000y"}]}}"#,
        r#"{"preferences":{"a\u0000":1}}"#,
        r#"{"name":"A\u0000nn"}"#,
    ] {
        let (status, answer) = ask(body).await;
        assert_eq!(status, 422, "{body}: {answer}");
    }
    let (status, answer) = ask("{\"preferences\":{\"a\":\"\0\"}}").await;
    assert_eq!(status, 400, "{answer}");
    // The escape itself, escaped, is text without a NUL.
    let (status, answer) = ask(r#"{"preferences":{"a":"\\u0000"}}"#).await;
    assert_eq!(status, 200, "{answer}");
}

async fn preferences_that_an_application_hands_over_are_kept_as_plain_numbers(
    framework: Framework,
) {
    let client = Client::new(framework);
    let tokens = client.bed.register("ann@example.org").await.tokens;
    let ann = client.bed.validate(&tokens).await.unwrap();
    let (auth, here) = (&client.bed.auth, &client.bed.here);
    for (sent, kept) in KEPT {
        let request = serde_json::from_str(&format!(r#"{{"preferences":{{"n":{sent}}}}}"#));
        let request: UpdateProfile = request.unwrap();
        let profile = auth.update_profile(&ann, request, here).await.unwrap();
        let written = serde_json::to_string(&profile.preferences).unwrap();
        assert_eq!(written, format!(r#"{{"n":{kept}}}"#), "{sent}");
        let again: Preferences = serde_json::from_str(&written).unwrap();
        assert_eq!(again, profile.preferences, "{sent}");
    }
    for sent in ["9223372036854775808", "18446744073709551615"] {
        let request = serde_json::from_str(&format!(r#"{{"preferences":{{"n":{sent}}}}}"#));
        let refused = auth.update_profile(&ann, request.unwrap(), here).await;
        let Err(AuthError::Validation(violations)) = refused else {
            panic!("{sent}: {refused:?}");
        };
        assert!(
            violations
                .as_slice()
                .iter()
                .all(|one| one.field == Field::Preferences)
        );
    }
    // A number that only `arbitrary_precision` can hold.
    if let Ok(Value::Object(object)) = serde_json::from_str(r#"{"n":1e400}"#) {
        let refused = Preferences::new(object);
        assert_eq!(refused, Err(PreferencesError::NumberOutOfRange));
    }
}
