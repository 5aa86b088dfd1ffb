use super::*;
use crate::federation::{OAuth2Endpoints, UserInfoMapping};

fn school() -> ProviderBuilder {
    Provider::oidc("school", "https://login.school.example", "client")
        .authentication(ClientAuthentication::Post("secret".into()))
        .redirect_uri("https://exam.example/callback")
}

fn forge(user_info: &str) -> ProviderBuilder {
    let endpoints = OAuth2Endpoints {
        authorization: "https://forge.example/authorize".to_owned(),
        token: "https://forge.example/token".to_owned(),
        user_info: user_info.to_owned(),
    };
    Provider::oauth2(
        "forge",
        "forge.example",
        "client",
        endpoints,
        UserInfoMapping::new("id"),
    )
    .authentication(ClientAuthentication::Public)
    .redirect_uri("https://exam.example/callback")
}

fn microsoft(tenants: &[&str]) -> ProviderBuilder {
    Provider::microsoft("client", "secret", tenants.iter().copied())
        .redirect_uri("https://exam.example/callback")
}

fn setting(builder: ProviderBuilder) -> &'static str {
    match builder.build() {
        Err(ConfigError::Invalid { setting, .. }) => setting,
        other => panic!("{other:?}"),
    }
}

#[test]
fn ghsa_61_a_wrong_setting_is_found_when_the_provider_is_built() {
    assert!(school().build().is_ok());
    assert!(forge("https://forge.example/me").build().is_ok());
    let issuer = |issuer: &str| {
        Provider::oidc("school", issuer, "client")
            .authentication(ClientAuthentication::Public)
            .redirect_uri("https://exam.example/callback")
    };
    let client_id = |id: &str| {
        Provider::oidc("school", "https://login.school.example", id)
            .authentication(ClientAuthentication::Public)
            .redirect_uri("https://exam.example/callback")
    };
    let without = |builder: ProviderBuilder| ProviderBuilder {
        redirect_uris: Vec::new(),
        ..builder
    };
    for (expected, builder) in [
        ("federation.id", school().id("School")),
        ("federation.id", school().id("passkey")),
        ("federation.name", school().name(" ")),
        ("federation.name", school().name("a\u{202e}b")),
        ("federation.client_id", client_id("")),
        ("federation.client_id", client_id("a\nb")),
        ("federation.client_id", client_id(&"a".repeat(513))),
        (
            "federation.authentication",
            ProviderBuilder {
                authentication: None,
                ..school()
            },
        ),
        (
            "federation.authentication",
            school().authentication(ClientAuthentication::Basic("".into())),
        ),
        ("federation.redirect_uri", without(school())),
        (
            "federation.redirect_uri",
            school().redirect_uri("/callback"),
        ),
        (
            "federation.redirect_uri",
            school().redirect_uri("http://exam.example/"),
        ),
        (
            "federation.redirect_uri",
            school().redirect_uri("https://exam.example/#x"),
        ),
        (
            "federation.redirect_uri",
            school().redirect_uri("https://exam.example/#"),
        ),
        (
            "federation.redirect_uri",
            school().redirect_uri("https://a@exam.example/"),
        ),
        (
            "federation.redirect_uri",
            school().redirect_uri("javascript:alert(1)"),
        ),
        (
            "federation.redirect_uri",
            school().redirect_uri("data:text/html,x"),
        ),
        (
            "federation.redirect_uri",
            school().redirect_uri("myapp:/callback"),
        ),
        ("federation.scopes", school().scopes(["email"])),
        ("federation.scopes", school().scopes(["openid", "a b"])),
        ("federation.scopes", school().scopes(["openid", ""])),
        ("federation.parameter", school().parameter("state", "x")),
        (
            "federation.parameter",
            school().parameter("redirect_uri", "x"),
        ),
        (
            "federation.parameter",
            school().parameter("request_uri", "x"),
        ),
        ("federation.parameter", school().parameter("", "x")),
        (
            "federation.parameter",
            school().parameter("a", "x").parameter("a", "y"),
        ),
        ("federation.issuer", issuer("")),
        ("federation.issuer", issuer("login.school.example")),
        ("federation.issuer", issuer("http://login.school.example")),
        (
            "federation.issuer",
            issuer("https://login.school.example/?x"),
        ),
        (
            "federation.issuer",
            issuer("https://login.school.example/#x"),
        ),
        (
            "federation.issuer",
            issuer("https://a:b@login.school.example"),
        ),
        ("federation.issuer", issuer("https://10.0.0.1")),
        ("federation.issuer", issuer("http://localhost:9000")),
        ("federation.timeout", school().timeout(Duration::ZERO)),
        (
            "federation.timeout",
            school().timeout(Duration::from_secs(61)),
        ),
        ("federation.algorithms", school().algorithms([])),
        (
            "federation.algorithms",
            forge("https://forge.example/me").algorithms([]),
        ),
        (
            "federation.email_trust",
            school().email_trust(EmailTrust::Hosted),
        ),
        (
            "federation.hosted_domain",
            school().hosted_domain("school.example"),
        ),
        (
            "federation.hosted_domain",
            Provider::google("client", "secret")
                .redirect_uri("https://exam.example/callback")
                .hosted_domain("school"),
        ),
        ("federation.tenants", microsoft(&[])),
        ("federation.tenants", microsoft(&["common"])),
        ("federation.tenants", microsoft(&["school.example"])),
        (
            "federation.tenants",
            microsoft(&["B9419818-09AF-49C2-B0C3-653ADC1F376E"]),
        ),
        (
            "federation.email_trust",
            microsoft(&["b9419818-09af-49c2-b0c3-653adc1f376e"]).email_trust(EmailTrust::Every),
        ),
        (
            "federation.endpoints.user_info",
            forge("http://forge.example/me"),
        ),
        ("federation.endpoints.user_info", forge("file:///me")),
        (
            "federation.endpoints.user_info",
            forge("https://127.0.0.1/me"),
        ),
        (
            "federation.user_info",
            forge("https://forge.example/me").user_info(UserInfoUse::Always),
        ),
        (
            "federation.trusted_audience",
            forge("https://forge.example/me").trusted_audience("x"),
        ),
        (
            "federation.states_auth_time",
            forge("https://forge.example/me").states_auth_time(true),
        ),
    ] {
        let shown = format!("{builder:?}");
        assert_eq!(setting(builder), expected, "{shown}");
    }
}

#[test]
fn redirects_of_native_apps_and_the_loopback_are_accepted() {
    for uri in [
        "org.example.exam:/callback",
        "http://127.0.0.1:8000/callback",
        "http://[::1]/callback",
        "http://localhost:8501/oauth2callback",
        "https://exam.example/callback?a=b",
    ] {
        assert!(school().redirect_uri(uri).build().is_ok(), "{uri}");
    }
}

#[test]
fn an_inside_provider_is_a_setting() {
    let inside = Provider::oidc("school", "http://localhost:9000", "client")
        .authentication(ClientAuthentication::Public)
        .redirect_uri("https://exam.example/callback")
        .allow_private_addresses();
    assert!(inside.build().is_ok());
}

#[test]
fn asvs_16_2_5_no_secret_is_shown() {
    let builder = Provider::github("client", "canary").redirect_uri("https://exam.example/");
    assert!(!format!("{builder:?} {:?}", builder.clone().build()).contains("canary"));
}
