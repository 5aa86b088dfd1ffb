//! A generic OpenID provider, as the tests of lies use it.

use serde_json::{Value, json};

use super::double::{Double, Site};
use crate::federation::{
    ClientAuthentication, EmailTrust, Provider, ProviderBuilder, RelyingParty, SigningAlgorithm,
};

pub(super) const ISSUER: &str = "https://login.school.example";
pub(super) const CLIENT_ID: &str = "exam-simulator";
pub(super) const SUBJECT: &str = "person-1";

pub(super) fn site(algorithm: SigningAlgorithm) -> Site {
    let place = |path: &str| format!("{ISSUER}{path}");
    Site {
        discovery: place("/.well-known/openid-configuration"),
        document: json!({
            "issuer": ISSUER,
            "authorization_endpoint": place("/authorize"),
            "token_endpoint": place("/token"),
            "jwks_uri": place("/keys"),
            "userinfo_endpoint": place("/me"),
            "response_types_supported": ["code"],
            "authorization_response_iss_parameter_supported": true,
        }),
        authorization: place("/authorize"),
        token: place("/token"),
        keys: place("/keys"),
        user_info: place("/me"),
        emails: String::new(),
        algorithm,
        claims: json!({"sub": SUBJECT, "auth_time": 1_767_225_600 - 30}),
        person: json!({
            "sub": SUBJECT,
            "email": "ann@school.example",
            "email_verified": true,
            "name": "Ann Lee",
        }),
        addresses: Value::Null,
        answer: vec![("iss", ISSUER.to_owned())],
    }
}

pub(super) fn builder() -> ProviderBuilder {
    Provider::oidc("school", ISSUER, CLIENT_ID)
        .authentication(ClientAuthentication::Basic("the client's secret".into()))
        .redirect_uri("https://exam.example/callback")
        .redirect_uri("org.example.exam:/callback")
        .email_trust(EmailTrust::Domains(vec!["school.example".to_owned()]))
}

/// An honest school, and its relying party.
pub(super) fn open() -> (Double, RelyingParty) {
    let double = Double::new(site(SigningAlgorithm::Es256));
    let party = double.party(builder().build().unwrap());
    (double, party)
}
