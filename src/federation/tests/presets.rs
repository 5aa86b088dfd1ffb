//! Doubles of real providers, made from their public documentation.

use serde_json::{Value, json};

use super::double::{Double, Lie, Site};
use super::keys;
use crate::federation::{
    AuthorizationOptions, ClientAuthentication, EmailTrust, Endpoint, ExternalIdentity, Fault,
    FederationError, OAuth2Endpoints, Prompt, Provider, ProviderBuilder, SigningAlgorithm,
    UserInfoMapping,
};

const CALLBACK: &str = "https://exam.example/callback";

async fn sign_in(double: &Double, builder: ProviderBuilder) -> Result<ExternalIdentity, Fault> {
    let provider = builder.redirect_uri(CALLBACK).build().unwrap();
    let party = double.party(provider);
    let signed_in = double
        .sign_in(&party, &AuthorizationOptions::default())
        .await;
    signed_in.map_err(|error| match error {
        FederationError::Refused { fault, .. } => fault,
        other => panic!("{other}"),
    })
}

/// <https://developers.google.com/identity/openid-connect/openid-connect> and
/// `/openid-connect/reference` (discovery document, `hd`, the two issuers), and
/// <https://developers.google.com/identity/gsi/web/guides/verify-google-id-token> (when Google
/// is authoritative for an address). Excerpts of the reference and of the last page were read on
/// 2026-12-01, and what the last page says of addresses as the page
/// <https://community.auth0.com/t/168525> quotes it; the first page was not read again.
fn google() -> Double {
    Double::new(Site {
        discovery: "https://accounts.google.com/.well-known/openid-configuration".to_owned(),
        document: json!({
            "issuer": "https://accounts.google.com",
            "authorization_endpoint": "https://accounts.google.com/o/oauth2/v2/auth",
            "device_authorization_endpoint": "https://oauth2.googleapis.com/device/code",
            "token_endpoint": "https://oauth2.googleapis.com/token",
            "userinfo_endpoint": "https://openidconnect.googleapis.com/v1/userinfo",
            "revocation_endpoint": "https://oauth2.googleapis.com/revoke",
            "jwks_uri": "https://www.googleapis.com/oauth2/v3/certs",
            "response_types_supported": ["code", "token", "id_token", "code token"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["plain", "S256"],
        }),
        authorization: "https://accounts.google.com/o/oauth2/v2/auth".to_owned(),
        token: "https://oauth2.googleapis.com/token".to_owned(),
        keys: "https://www.googleapis.com/oauth2/v3/certs".to_owned(),
        user_info: String::new(),
        emails: String::new(),
        algorithm: SigningAlgorithm::Rs256,
        claims: json!({
            "azp": "id.apps.googleusercontent.com",
            "sub": "110169484474386276334",
            "email": "ann@gmail.com",
            "email_verified": true,
            "name": "Ann Lee",
            "picture": "https://lh4.googleusercontent.com/photo.jpg",
            "given_name": "Ann",
            "family_name": "Lee",
        }),
        person: Value::Null,
        addresses: Value::Null,
        answer: vec![
            ("scope", "email profile openid".to_owned()),
            ("authuser", "0".to_owned()),
            ("prompt", "consent".to_owned()),
        ],
    })
}

fn google_builder() -> ProviderBuilder {
    Provider::google("id.apps.googleusercontent.com", "secret")
}

#[tokio::test]
async fn google_is_believed_about_the_mailboxes_it_hosts() {
    let double = google();
    let identity = sign_in(&double, google_builder()).await.unwrap();
    assert_eq!(identity.issuer, "https://accounts.google.com");
    assert_eq!(identity.subject, "110169484474386276334");
    assert_eq!(identity.name.as_deref(), Some("Ann Lee"));
    assert!(identity.email_is_verified);
    let form = &double.seen()[1].form;
    assert_eq!(
        (&*form["client_id"], &*form["client_secret"]),
        ("id.apps.googleusercontent.com", "secret")
    );

    // An address elsewhere, verified once: not authoritative. With `hd`, it is.
    double.tell(Lie::Claims(|it| it["email"] = json!("ann@yahoo.example")));
    let identity = sign_in(&double, google_builder()).await.unwrap();
    assert!(identity.email.is_some() && !identity.email_is_verified);
    double.tell(Lie::Claims(|it| {
        it["email"] = json!("ann@school.example");
        it["hd"] = json!("school.example");
    }));
    assert!(
        sign_in(&double, google_builder())
            .await
            .unwrap()
            .email_is_verified
    );
    double.tell(Lie::Claims(|it| it["email_verified"] = json!("true")));
    assert!(
        !sign_in(&double, google_builder())
            .await
            .unwrap()
            .email_is_verified
    );
    let never = google_builder().email_trust(EmailTrust::Never);
    double.tell(Lie::None);
    assert!(!sign_in(&double, never).await.unwrap().email_is_verified);
}

#[tokio::test]
async fn google_s_two_issuers_are_one_identity() {
    let double = google();
    double.tell(Lie::Claims(|it| it["iss"] = json!("accounts.google.com")));
    let identity = sign_in(&double, google_builder()).await.unwrap();
    assert_eq!(identity.issuer, "https://accounts.google.com");
    double.tell(Lie::Claims(|it| {
        it["iss"] = json!("http://accounts.google.com")
    }));
    assert_eq!(sign_in(&double, google_builder()).await, Err(Fault::Issuer));
}

#[tokio::test]
async fn a_hosted_domain_is_checked_in_the_token_and_not_only_asked_for() {
    let double = google();
    let school = || google_builder().hosted_domain("school.example");
    assert_eq!(sign_in(&double, school()).await, Err(Fault::HostedDomain));
    assert_eq!(double.asked()["hd"], "school.example");
    for lie in [
        |it: &mut Value| it["hd"] = json!("other.example"),
        |it: &mut Value| it["hd"] = json!("school.example "),
        |it: &mut Value| it["hd"] = json!(""),
    ] {
        double.tell(Lie::Claims(lie));
        assert_eq!(sign_in(&double, school()).await, Err(Fault::HostedDomain));
    }
    double.tell(Lie::Claims(|it| it["hd"] = json!(["school.example"])));
    assert_eq!(sign_in(&double, school()).await, Err(Fault::Member("hd")));
    double.tell(Lie::Claims(|it| it["hd"] = json!("school.example")));
    assert!(sign_in(&double, school()).await.is_ok());
}

const TENANT: &str = "b9419818-09af-49c2-b0c3-653adc1f376e";
const OTHER_TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";

/// <https://learn.microsoft.com/en-us/entra/identity-platform/v2-protocols-oidc>,
/// `/id-token-claims-reference` (`tid`, `iss`, `email`, `sub`) and
/// `/access-tokens#validate-the-issuer` (the template `{tenantid}`, issuers of keys). The last
/// two were read on 2026-11-30, as they are in the repository `MicrosoftDocs/entra-docs`.
fn microsoft(authority: &str, tenant_in_metadata: &str) -> Double {
    let place = |path: &str| format!("https://login.microsoftonline.com/{authority}{path}");
    Double::new(Site {
        discovery: place("/v2.0/.well-known/openid-configuration"),
        document: json!({
            "issuer": format!("https://login.microsoftonline.com/{tenant_in_metadata}/v2.0"),
            "authorization_endpoint": place("/oauth2/v2.0/authorize"),
            "token_endpoint": place("/oauth2/v2.0/token"),
            "jwks_uri": place("/discovery/v2.0/keys"),
            "userinfo_endpoint": "https://graph.microsoft.com/oidc/userinfo",
            "token_endpoint_auth_methods_supported": [
                "client_secret_post", "private_key_jwt", "client_secret_basic",
            ],
            "id_token_signing_alg_values_supported": ["RS256"],
            "subject_types_supported": ["pairwise"],
        }),
        authorization: place("/oauth2/v2.0/authorize"),
        token: place("/oauth2/v2.0/token"),
        keys: place("/discovery/v2.0/keys"),
        user_info: String::new(),
        emails: String::new(),
        algorithm: SigningAlgorithm::Rs256,
        claims: json!({
            "iss": format!("https://login.microsoftonline.com/{TENANT}/v2.0"),
            "tid": TENANT,
            "oid": "00000000-0000-0000-66f3-3332eca7ea81",
            "sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
            "email": "ann@school.example",
            "name": "Ann Lee",
            "preferred_username": "ann@school.example",
            "ver": "2.0",
            "uti": "fqiBqXLPj0eQa82S-IYFAA",
        }),
        person: Value::Null,
        addresses: Value::Null,
        answer: vec![("session_state", "x".to_owned())],
    })
}

fn microsoft_builder(tenants: &[&str]) -> ProviderBuilder {
    Provider::microsoft("client", "secret", tenants.iter().copied())
}

#[tokio::test]
async fn microsoft_s_identities_are_of_the_allowed_tenants() {
    let double = microsoft(TENANT, TENANT);
    let identity = sign_in(&double, microsoft_builder(&[TENANT]))
        .await
        .unwrap();
    let issuer = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
    assert_eq!(identity.issuer, issuer);
    assert_eq!(identity.email.unwrap().as_str(), "ann@school.example");

    let both = || microsoft_builder(&[TENANT, OTHER_TENANT]);
    let double = microsoft("organizations", "{tenantid}");
    assert_eq!(sign_in(&double, both()).await.unwrap().issuer, issuer);
    for (lie, fault) in [
        (
            (|it| it["tid"] = json!("00000000-09af-49c2-b0c3-653adc1f376e")) as fn(&mut Value),
            Fault::Tenant,
        ),
        (|it| it["tid"] = json!(OTHER_TENANT), Fault::Issuer),
        (
            |it| {
                it["iss"] = json!(format!(
                    "https://login.microsoftonline.com/{OTHER_TENANT}/v2.0"
                ))
            },
            Fault::Issuer,
        ),
        (
            |it| it["iss"] = json!("https://login.microsoftonline.com/{tenantid}/v2.0"),
            Fault::Issuer,
        ),
        (
            |it| it["iss"] = json!(format!("https://sts.windows.net/{TENANT}/")),
            Fault::Issuer,
        ),
        (
            |it| drop(it.as_object_mut().unwrap().remove("tid")),
            Fault::Member("tid"),
        ),
    ] {
        double.tell(Lie::Claims(lie));
        assert_eq!(sign_in(&double, both()).await, Err(fault));
    }
    let personal = "9188040d-6c67-4c5b-b112-36a304b66dad";
    let double = microsoft("common", "{tenantid}");
    let tenants = [TENANT, personal];
    assert!(sign_in(&double, microsoft_builder(&tenants)).await.is_ok());
}

#[tokio::test]
async fn microsoft_s_keys_are_of_all_tenants_or_of_the_token_s() {
    let double = microsoft("organizations", "{tenantid}");
    let both = || microsoft_builder(&[TENANT, OTHER_TENANT]);
    for lie in [
        |it: &mut Value| {
            it["keys"][0]["issuer"] = json!("https://login.microsoftonline.com/{tenantid}/v2.0");
        },
        |it: &mut Value| {
            it["keys"][0]["issuer"] =
                json!(format!("https://login.microsoftonline.com/{TENANT}/v2.0"));
        },
        // Microsoft's keys do not state their algorithm.
        |it: &mut Value| drop(it["keys"][0].as_object_mut().unwrap().remove("alg")),
    ] {
        double.tell(Lie::Keys(lie));
        assert!(sign_in(&double, both()).await.is_ok());
    }
    double.tell(Lie::Keys(|it| {
        it["keys"][0]["issuer"] = json!(format!(
            "https://login.microsoftonline.com/{OTHER_TENANT}/v2.0"
        ));
    }));
    assert_eq!(sign_in(&double, both()).await, Err(Fault::KeyIssuer));
}

#[tokio::test]
async fn ghsa_65_microsoft_s_addresses_are_never_verified() {
    let double = microsoft(TENANT, TENANT);
    for lie in [
        |it: &mut Value| it["email_verified"] = json!(true),
        |it: &mut Value| it["xms_edov"] = json!(true),
    ] {
        double.tell(Lie::Claims(lie));
        let identity = sign_in(&double, microsoft_builder(&[TENANT]))
            .await
            .unwrap();
        assert!(identity.email.is_some() && !identity.email_is_verified);
    }
}

/// <https://developer.apple.com/documentation/signinwithapple/authenticating-users-with-sign-in-with-apple>
/// (claims, `email_verified` as text), `/creating-a-client-secret`, and
/// `/signinwithapplejs/incorporating-sign-in-with-apple-into-other-platforms` (the form, and
/// `user` in it). Excerpts about the claims, the token endpoint and the form were read on
/// 2026-12-01; the page on the client secret was not read again.
fn apple() -> Double {
    Double::new(Site {
        discovery: "none".to_owned(),
        document: json!({"issuer": "https://appleid.apple.com"}),
        authorization: "https://appleid.apple.com/auth/authorize".to_owned(),
        token: "https://appleid.apple.com/auth/token".to_owned(),
        keys: "https://appleid.apple.com/auth/keys".to_owned(),
        user_info: String::new(),
        emails: String::new(),
        algorithm: SigningAlgorithm::Rs256,
        claims: json!({
            "sub": "000851.86193ef81ad247feb673746c19424f28.0747",
            "email": "x8sqp2dgvv@privaterelay.appleid.com",
            "email_verified": "true",
            "is_private_email": "true",
            "auth_time": 1_767_225_599,
            "nonce_supported": true,
        }),
        person: Value::Null,
        addresses: Value::Null,
        answer: vec![(
            "user",
            r#"{"name":{"firstName":"Ann","lastName":"Lee"},"email":"evil@example.org"}"#
                .to_owned(),
        )],
    })
}

fn apple_builder() -> ProviderBuilder {
    Provider::apple(
        "org.example.exam",
        "TEAM123456",
        "KEY1234567",
        keys::client(),
    )
}

#[tokio::test]
async fn apple_posts_a_form_with_the_name_and_takes_a_jwt_as_secret() {
    let double = apple();
    let provider = apple_builder().redirect_uri(CALLBACK).build().unwrap();
    assert!(provider.posts_form() && !provider.states_auth_time());
    let identity = sign_in(&double, apple_builder()).await.unwrap();
    assert_eq!(identity.issuer, "https://appleid.apple.com");
    assert_eq!(identity.name.as_deref(), Some("Ann Lee"));
    assert_eq!(
        identity.email.unwrap().as_str(),
        "x8sqp2dgvv@privaterelay.appleid.com"
    );
    assert!(identity.email_is_verified, "the text `true`, as documented");
    let asked = double.asked();
    assert_eq!(asked["response_mode"], "form_post");
    assert_eq!(asked["scope"], "name email");

    let seen = double.seen();
    assert_eq!(seen[0].endpoint, Endpoint::Token, "nothing is discovered");
    let (header, claims) = decoded(&seen[0].form["client_secret"]);
    assert_eq!(header["alg"], "ES256");
    assert_eq!(header["kid"], "KEY1234567");
    assert_eq!(claims["iss"], "TEAM123456");
    assert_eq!(claims["sub"], "org.example.exam");
    assert_eq!(claims["aud"], "https://appleid.apple.com");
    let lifetime = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert_eq!(lifetime, 60);
}

#[tokio::test]
async fn apple_s_foreign_and_unverified_addresses_are_not_believed() {
    let double = apple();
    for lie in [
        |it: &mut Value| it["email"] = json!("ann@example.org"),
        |it: &mut Value| it["email_verified"] = json!("false"),
        |it: &mut Value| it["email_verified"] = json!(false),
        |it: &mut Value| drop(it.as_object_mut().unwrap().remove("email_verified")),
    ] {
        double.tell(Lie::Claims(lie));
        let identity = sign_in(&double, apple_builder()).await.unwrap();
        assert!(identity.email.is_some() && !identity.email_is_verified);
    }
}

/// <https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps>
/// (endpoints, the form of the token response) was read on 2026-11-30, as it is in the repository
/// `github/docs`; <https://docs.github.com/en/rest/users/users> and `/rest/users/emails` (an
/// excerpt of the latter was read on 2026-11-30). `code_challenge` by
/// <https://github.blog/changelog/2025-07-14-pkce-support-for-oauth-and-github-app-authentication>,
/// `iss` by
/// <https://github.com/pytorch/test-infra/pull/8589>, 2026-08-20.
fn github() -> Double {
    Double::new(Site {
        discovery: "none".to_owned(),
        document: Value::Null,
        authorization: "https://github.com/login/oauth/authorize".to_owned(),
        token: "https://github.com/login/oauth/access_token".to_owned(),
        keys: "none".to_owned(),
        user_info: "https://api.github.com/user".to_owned(),
        emails: "https://api.github.com/user/emails".to_owned(),
        algorithm: SigningAlgorithm::Rs256,
        claims: Value::Null,
        person: json!({
            "login": "octocat",
            "id": 583_231,
            "node_id": "MDQ6VXNlcjE=",
            "name": "monalisa octocat",
            "email": "public@example.org",
            "two_factor_authentication": true,
        }),
        addresses: json!([
            {"email": "old@example.org", "primary": false, "verified": true, "visibility": null},
            {"email": "ann@example.org", "primary": true, "verified": true, "visibility": "private"},
        ]),
        answer: vec![("iss", "https://github.com/login/oauth".to_owned())],
    })
}

fn github_builder() -> ProviderBuilder {
    Provider::github("Iv1.client", "secret")
}

#[tokio::test]
async fn github_s_person_is_a_number_and_the_address_is_the_primary_one() {
    let double = github();
    let identity = sign_in(&double, github_builder()).await.unwrap();
    assert_eq!(identity.issuer, "https://github.com/login/oauth");
    assert_eq!(identity.subject, "583231");
    assert_eq!(identity.name.as_deref(), Some("monalisa octocat"));
    assert_eq!(identity.email.unwrap().as_str(), "ann@example.org");
    assert!(!identity.email_is_verified, "GitHub hosts no mailboxes");
    assert_eq!(identity.auth_time, None);
    let seen = double.seen();
    assert_eq!(seen.len(), 3);
    assert!(
        seen.iter()
            .all(|it| it.headers["user-agent"] == "admittance")
    );
    assert!(!double.asked().contains_key("nonce"));

    let every = github_builder().email_trust(EmailTrust::Every);
    assert!(sign_in(&double, every).await.unwrap().email_is_verified);
    double.tell(Lie::Emails(|it| it[1]["verified"] = json!(false)));
    let every = github_builder().email_trust(EmailTrust::Every);
    let identity = sign_in(&double, every).await.unwrap();
    assert_eq!((identity.email, identity.email_is_verified), (None, false));
}

#[tokio::test]
async fn ghsa_66_github_s_mutable_names_identify_nobody() {
    let double = github();
    for (lie, fault) in [
        (
            (|it| drop(it.as_object_mut().unwrap().remove("id"))) as fn(&mut Value),
            Fault::Subject,
        ),
        (|it| it["id"] = json!(null), Fault::Subject),
        (|it| it["id"] = json!(u64::MAX), Fault::Subject),
        (|it| it["id"] = json!(1.5), Fault::Subject),
        (|it| it["id"] = json!(""), Fault::Subject),
    ] {
        double.tell(Lie::UserInfo(lie));
        assert_eq!(sign_in(&double, github_builder()).await, Err(fault));
    }
    double.tell(Lie::UserInfo(|it| it["login"] = json!("somebody-else")));
    assert_eq!(
        sign_in(&double, github_builder()).await.unwrap().subject,
        "583231"
    );
    double.tell(Lie::Emails(|it| *it = json!({"message": "Not Found"})));
    assert_eq!(sign_in(&double, github_builder()).await, Err(Fault::Json));
}

#[tokio::test]
async fn github_says_errors_with_status_200() {
    use crate::federation::CallbackFault;
    let double = github();
    double.tell(Lie::Token(|it| {
        *it = json!({"error": "bad_verification_code"})
    }));
    let provider = github_builder().redirect_uri(CALLBACK).build().unwrap();
    let party = double.party(provider);
    let failed = double
        .sign_in(&party, &AuthorizationOptions::default())
        .await;
    assert_eq!(failed, Err(FederationError::Callback(CallbackFault::Code)));
}

#[tokio::test]
async fn a_generic_oauth2_provider_is_read_by_its_mapping() {
    let mut site = (*github().site).clone();
    site.person = json!({"data": {"id": "u-7", "mail": "ann@example.org", "ok": true}});
    site.answer = Vec::new();
    let double = Double::new(site);
    let endpoints = OAuth2Endpoints {
        authorization: double.site.authorization.clone(),
        token: double.site.token.clone(),
        user_info: double.site.user_info.clone(),
    };
    let mut mapping = UserInfoMapping::new("/data/id");
    mapping.email = Some("/data/mail".to_owned());
    mapping.email_verified = Some("/data/ok".to_owned());
    let builder = || {
        Provider::oauth2(
            "forge",
            "forge.example",
            "client",
            endpoints.clone(),
            mapping.clone(),
        )
        .authentication(ClientAuthentication::Public)
        .email_trust(EmailTrust::Every)
    };
    let identity = sign_in(&double, builder()).await.unwrap();
    assert_eq!(identity.issuer, "forge.example");
    assert_eq!(identity.subject, "u-7");
    assert!(identity.email_is_verified);
    assert_eq!(double.seen()[0].form["client_id"], "client");
    assert!(!double.seen()[0].form.contains_key("client_secret"));
    assert!(!double.asked().contains_key("scope"));
    double.tell(Lie::UserInfo(|it| it["data"]["ok"] = json!("true")));
    assert!(!sign_in(&double, builder()).await.unwrap().email_is_verified);
}

#[tokio::test]
async fn a_client_s_own_key_signs_for_the_issuer() {
    let double = Double::new(super::school::site(SigningAlgorithm::Ps256));
    let key = keys::client();
    let own = ClientAuthentication::PrivateKeyJwt {
        key: key.clone(),
        kid: Some("my-key".to_owned()),
    };
    let builder = super::school::builder().authentication(own);
    sign_in(&double, builder).await.unwrap();
    let seen = double.seen();
    let form = &seen
        .iter()
        .find(|it| it.endpoint == Endpoint::Token)
        .unwrap()
        .form;
    assert_eq!(
        form["client_assertion_type"],
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    );
    let (header, claims) = decoded(&form["client_assertion"]);
    assert_eq!(header["kid"], "my-key");
    assert_eq!(claims["iss"], "exam-simulator");
    assert_eq!(claims["sub"], "exam-simulator");
    assert_eq!(claims["aud"], "https://login.school.example");
    assert_eq!(claims["jti"].as_str().unwrap().len(), 22);
    assert!(!form.contains_key("client_secret"));
}

/// Header and claims of a token.
fn decoded(token: &str) -> (Value, Value) {
    use base64ct::{Base64UrlUnpadded, Encoding};
    let parts: Vec<Value> = token
        .split('.')
        .take(2)
        .map(|part| Base64UrlUnpadded::decode_vec(part).unwrap())
        .map(|bytes| serde_json::from_slice(&bytes).unwrap())
        .collect();
    (parts[0].clone(), parts[1].clone())
}

#[test]
fn linking_lets_the_person_choose_as_the_provider_documents() {
    let chosen = |builder: ProviderBuilder| {
        builder
            .redirect_uri(CALLBACK)
            .build()
            .unwrap()
            .link_prompt()
    };
    assert_eq!(chosen(google_builder()), Some(Prompt::SelectAccount));
    assert_eq!(
        chosen(microsoft_builder(&[TENANT])),
        Some(Prompt::SelectAccount)
    );
    assert_eq!(chosen(github_builder()), Some(Prompt::SelectAccount));
    assert_eq!(chosen(apple_builder()), None);
}
