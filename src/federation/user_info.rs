//! The user-info endpoint (OpenID Connect Core 1.0 §5.3), and what OAuth 2 providers have in
//! its place.

use serde_json::Value;
use url::Url;

use super::error::{Endpoint, Fault, FederationError};
use super::fetch::Fetcher;
use super::http_client::HttpRequest;
use super::id_token::subject;
use super::identity::{Claims, UserInfoMapping, VerifiedClaim};
use super::members::Members;

/// Asks for claims about the person whose access token this is.
pub(super) async fn ask(
    fetcher: &Fetcher,
    endpoint: Endpoint,
    url: Url,
    access_token: &str,
) -> Result<Value, FederationError> {
    let request = HttpRequest::get(url).header("authorization", format!("Bearer {access_token}"));
    fetcher.ok(endpoint, request).await
}

/// The standard claims, if the answer is about `person` (OpenID Connect Core 1.0 §5.3.2).
pub(super) fn standard(
    answer: &Value,
    person: &str,
    verified: VerifiedClaim,
) -> Result<Claims, Fault> {
    let members = Members::of(answer)?;
    match members.text("sub")? == person {
        true => Ok(Claims::standard(members, verified)),
        false => Err(Fault::OtherSubject),
    }
}

/// The subject and the claims that `mapping` finds.
pub(super) fn mapped(answer: &Value, mapping: &UserInfoMapping) -> Result<(String, Claims), Fault> {
    let found = mapping.subject(answer).ok_or(Fault::Subject)?;
    Ok((subject(&found)?, mapping.claims(answer)))
}

/// The primary address in GitHub's list, if it is verified.
pub(super) fn primary_email(answer: &Value) -> Result<Claims, Fault> {
    let addresses = answer.as_array().ok_or(Fault::Json)?;
    let is_true = |address: &Value, name| address.get(name).and_then(Value::as_bool) == Some(true);
    let primary = addresses
        .iter()
        .find(|address| is_true(address, "primary") && is_true(address, "verified"));
    let email = primary.and_then(|address| Members::of(address).ok()?.description("email"));
    Ok(Claims {
        email: email.map(str::to_owned),
        states_verified: email.is_some(),
        name: None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn github_s_address_is_the_primary_one_if_it_is_verified() {
        let address = |email: &str, primary: Value, verified: Value| json!({"email": email, "primary": primary, "verified": verified, "visibility": null});
        let other = address("other@b.org", json!(false), json!(true));
        for (primary, expected) in [
            (
                address("ann@b.org", json!(true), json!(true)),
                Some("ann@b.org"),
            ),
            (address("ann@b.org", json!(true), json!(false)), None),
            (address("ann@b.org", json!(true), json!("true")), None),
            (address("ann@b.org", json!("true"), json!(true)), None),
            (json!({"email": "ann@b.org", "primary": true}), None),
            (json!("ann@b.org"), None),
        ] {
            let claims = primary_email(&json!([other, primary])).unwrap();
            assert_eq!(claims.email.as_deref(), expected, "{primary}");
            assert_eq!(claims.states_verified, expected.is_some());
        }
        assert_eq!(primary_email(&json!({})), Err(Fault::Json));
    }

    proptest! {
        #[test]
        fn any_answer_is_read_or_refused(name in "sub|id|email|\\PC{0,8}", text in "\\PC{0,300}") {
            let mapping = UserInfoMapping::new(&*name);
            for answer in [json!(text), json!({&name: text}), json!([{&name: text}]), json!({&name: [text]})] {
                let _ = standard(&answer, &text, VerifiedClaim::BooleanOrText);
                let _ = primary_email(&answer);
                if let Ok((subject, _)) = mapped(&answer, &mapping) {
                    prop_assert!(subject.is_ascii() && (1..=255).contains(&subject.len()));
                }
            }
        }
    }
}
