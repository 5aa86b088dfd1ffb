//! Lies in the claims of ID tokens and user-info answers.

use serde_json::{Value, json};

use super::super::double::{Double, Lie};
use super::super::school::{CLIENT_ID, ISSUER, builder, open, site};
use super::{assert_refused, options, outcome, refused, remove};
use crate::federation::{Endpoint, Fault, SigningAlgorithm, UserInfoUse};

#[tokio::test]
async fn ghsa_5_and_36_the_claims_of_an_id_token_are_off_by_one() {
    let claim = |lie| Lie::Claims(lie);
    assert_refused(
        Endpoint::Token,
        [
            (
                "another issuer",
                claim(|it| it["iss"] = json!("https://login.other.example")),
                Fault::Issuer,
            ),
            (
                "the issuer with a slash",
                claim(|it| it["iss"] = json!("https://login.school.example/")),
                Fault::Issuer,
            ),
            (
                "the issuer in capitals",
                claim(|it| it["iss"] = json!("https://LOGIN.school.example")),
                Fault::Issuer,
            ),
            (
                "no issuer",
                claim(|it| remove(it, "iss")),
                Fault::Member("iss"),
            ),
            (
                "issuers in a list",
                claim(|it| it["iss"] = json!([ISSUER])),
                Fault::Member("iss"),
            ),
            (
                "another audience",
                claim(|it| it["aud"] = json!("exam-simulator2")),
                Fault::Audience,
            ),
            (
                "part of the audience",
                claim(|it| it["aud"] = json!("exam")),
                Fault::Audience,
            ),
            (
                "an untrusted audience besides",
                claim(|it| {
                    it["aud"] = json!([CLIENT_ID, "other"]);
                    it["azp"] = json!(CLIENT_ID);
                }),
                Fault::Audience,
            ),
            (
                "an empty audience",
                claim(|it| it["aud"] = json!([])),
                Fault::Audience,
            ),
            (
                "an audience of another type",
                claim(|it| it["aud"] = json!([1])),
                Fault::Member("aud"),
            ),
            (
                "no audience",
                claim(|it| remove(it, "aud")),
                Fault::Member("aud"),
            ),
            (
                "another party",
                claim(|it| it["azp"] = json!("other")),
                Fault::AuthorizedParty,
            ),
            (
                "a party that is null",
                claim(|it| it["azp"] = json!(null)),
                Fault::Member("azp"),
            ),
            (
                "two audiences without a party",
                claim(|it| it["aud"] = json!([CLIENT_ID, CLIENT_ID])),
                Fault::AuthorizedParty,
            ),
            (
                "another nonce",
                claim(|it| it["nonce"] = json!("x".repeat(43))),
                Fault::Nonce,
            ),
            (
                "no nonce",
                claim(|it| remove(it, "nonce")),
                Fault::Member("nonce"),
            ),
            (
                "the nonce and one letter more",
                claim(|it| it["nonce"] = json!(format!("{}A", it["nonce"].as_str().unwrap()))),
                Fault::Nonce,
            ),
            (
                "expired this second",
                claim(|it| it["exp"] = json!(1_767_225_600)),
                Fault::Expired,
            ),
            (
                "expiry in words",
                claim(|it| it["exp"] = json!("1767229200")),
                Fault::Member("exp"),
            ),
            (
                "expiry beyond time",
                claim(|it| it["exp"] = json!(u64::MAX)),
                Fault::Member("exp"),
            ),
            (
                "no expiry",
                claim(|it| remove(it, "exp")),
                Fault::Member("exp"),
            ),
            (
                "issued in 61 seconds",
                claim(|it| it["iat"] = json!(1_767_225_661)),
                Fault::IssuedInFuture,
            ),
            (
                "no time of issue",
                claim(|it| remove(it, "iat")),
                Fault::Member("iat"),
            ),
            (
                "not valid yet",
                claim(|it| it["nbf"] = json!(1_767_225_661)),
                Fault::IssuedInFuture,
            ),
            (
                "authenticated 121 seconds ago",
                claim(|it| it["auth_time"] = json!(1_767_225_479)),
                Fault::AuthTime,
            ),
            (
                "authenticated in the future",
                claim(|it| it["auth_time"] = json!(1_767_225_661)),
                Fault::AuthTime,
            ),
            (
                "no time of authentication",
                claim(|it| remove(it, "auth_time")),
                Fault::AuthTime,
            ),
            (
                "the hash of another access token",
                claim(|it| it["at_hash"] = json!("AAAAAAAAAAAAAAAAAAAAAA")),
                Fault::AccessTokenHash,
            ),
            (
                "a shorter hash",
                claim(|it| it["at_hash"] = json!("")),
                Fault::AccessTokenHash,
            ),
            (
                "an empty subject",
                claim(|it| it["sub"] = json!("")),
                Fault::Subject,
            ),
            (
                "a subject of 256 letters",
                claim(|it| it["sub"] = json!("a".repeat(256))),
                Fault::Subject,
            ),
            (
                "a subject outside ASCII",
                claim(|it| it["sub"] = json!("p\u{e9}rson-1")),
                Fault::Subject,
            ),
            (
                "a subject with a control character",
                claim(|it| it["sub"] = json!("person-1\0")),
                Fault::Subject,
            ),
            (
                "a subject that is a number",
                claim(|it| it["sub"] = json!(1)),
                Fault::Member("sub"),
            ),
            (
                "a claim twice",
                Lie::Payload(|text| text.replacen('{', "{\"sub\":\"person-1\",", 1)),
                Fault::DuplicateMember,
            ),
            (
                "claims in a list",
                Lie::Payload(|text| format!("[{text}]")),
                Fault::Json,
            ),
            (
                "claims and more",
                Lie::Payload(|text| text + "{}"),
                Fault::Json,
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn times_and_audiences_at_their_bounds_are_accepted() {
    for lie in [
        |it: &mut Value| it["exp"] = json!(1_767_225_601),
        |it: &mut Value| it["iat"] = json!(1_767_225_660),
        |it: &mut Value| it["iat"] = json!(1),
        |it: &mut Value| it["iat"] = json!(1_767_225_599.5),
        |it: &mut Value| it["auth_time"] = json!(1_767_225_480),
        |it: &mut Value| it["aud"] = json!([CLIENT_ID]),
        |it: &mut Value| it["azp"] = json!(CLIENT_ID),
        |it: &mut Value| remove(it, "at_hash"),
    ] {
        assert_eq!(outcome(Lie::Claims(lie)).await, Ok(()));
    }
    let double = Double::new(site(SigningAlgorithm::Es256));
    let party = double.party(builder().trusted_audience("other").build().unwrap());
    double.tell(Lie::Claims(|it| it["aud"] = json!(["other", CLIENT_ID])));
    let outcome = double.sign_in(&party, &options()).await;
    assert_eq!(outcome, refused(Endpoint::Token, Fault::AuthorizedParty));
    double.tell(Lie::Claims(|it| {
        it["aud"] = json!(["other", CLIENT_ID]);
        it["azp"] = json!(CLIENT_ID);
    }));
    assert!(double.sign_in(&party, &options()).await.is_ok());
}

#[tokio::test]
async fn ghsa_64_user_info_is_about_the_same_person() {
    assert_refused(
        Endpoint::UserInfo,
        [
            (
                "another subject",
                Lie::UserInfo(|it| it["sub"] = json!("person-2")),
                Fault::OtherSubject,
            ),
            (
                "the subject in capitals",
                Lie::UserInfo(|it| it["sub"] = json!("Person-1")),
                Fault::OtherSubject,
            ),
            (
                "no subject",
                Lie::UserInfo(|it| remove(it, "sub")),
                Fault::Member("sub"),
            ),
            (
                "another subject in the ID token",
                Lie::Claims(|it| it["sub"] = json!("person-2")),
                Fault::OtherSubject,
            ),
            (
                "a list",
                Lie::UserInfo(|it| *it = json!([it.clone()])),
                Fault::Json,
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn ghsa_64_an_address_is_verified_by_a_boolean_only() {
    for value in ["\"true\"", "\"false\"", "1", "null", "[true]", "false"] {
        let (double, party) = open();
        double.tell(match value {
            "\"true\"" => Lie::UserInfo(|it| it["email_verified"] = json!("true")),
            "\"false\"" => Lie::UserInfo(|it| it["email_verified"] = json!("false")),
            "1" => Lie::UserInfo(|it| it["email_verified"] = json!(1)),
            "null" => Lie::UserInfo(|it| it["email_verified"] = json!(null)),
            "[true]" => Lie::UserInfo(|it| it["email_verified"] = json!([true])),
            _ => Lie::UserInfo(|it| it["email_verified"] = json!(false)),
        });
        let identity = double.sign_in(&party, &options()).await.unwrap();
        assert!(
            identity.email.is_some() && !identity.email_is_verified,
            "{value}"
        );
    }
    let (double, party) = open();
    double.tell(Lie::UserInfo(|it| it["email"] = json!("ann@other.example")));
    let identity = double.sign_in(&party, &options()).await.unwrap();
    assert!(!identity.email_is_verified, "an address of another domain");
    // Not an address, or one that could be another: there is none.
    for lie in [
        |it: &mut Value| it["email"] = json!("not an address"),
        |it: &mut Value| it["email"] = json!(["ann@school.example"]),
        |it: &mut Value| it["email"] = json!("ann\u{ff20}school.example@school.example"),
    ] {
        let (double, party) = open();
        double.tell(Lie::UserInfo(lie));
        let identity = double.sign_in(&party, &options()).await.unwrap();
        assert_eq!((identity.email, identity.email_is_verified), (None, false));
    }
}

#[tokio::test]
async fn ghsa_64_address_and_verified_come_from_one_answer() {
    let double = Double::new(site(SigningAlgorithm::Es256));
    let always = builder().user_info(UserInfoUse::Always).build().unwrap();
    let party = double.party(always);
    double.tell(Lie::Claims(|it| it["email"] = json!("bob@school.example")));
    let identity = double.sign_in(&party, &options()).await.unwrap();
    assert_eq!(identity.email.unwrap().as_str(), "bob@school.example");
    assert!(!identity.email_is_verified);
    assert_eq!(identity.name.as_deref(), Some("Ann Lee"));
}
