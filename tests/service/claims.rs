//! The application's claims in access tokens.

use std::sync::{Arc, Mutex};

use admittance::config::RegistrationMode;
use admittance::error::{AuthError, Cause};
use admittance::event::Notice;
use admittance::extra::Extra;
use admittance::mail::MailKind;
use admittance::profile::Profile;
use admittance::service::{
    AccountData, AccountHooks, CLAIMS_TIMEOUT, ClaimsSource, VerifyEmail, VerifyOutcome,
};
use admittance::store::MemoryStore;
use admittance::user::User;
use async_trait::async_trait;
use serde_json::{Map, Value, json};

use crate::hooks::{Student, stored, student};
use support::bed::{Bed, PASSWORD, config, mail_config};

const ANN: &str = "ann@example.org";

#[derive(Clone, Debug)]
enum Act {
    Gives(Value),
    Fails,
    Panics,
    Hangs,
}

#[derive(Clone)]
struct Source(Arc<Mutex<Act>>);

#[async_trait]
impl ClaimsSource for Source {
    async fn claims(&self, user: &User) -> Result<Map<String, Value>, Cause> {
        assert_eq!(user.email.as_str(), ANN);
        let act = self.0.lock().unwrap().clone();
        match act {
            Act::Gives(claims) => Ok(claims.as_object().cloned().unwrap()),
            Act::Fails => Err("the source was told to fail".into()),
            Act::Panics => panic!("the source was told to panic"),
            Act::Hangs => std::future::pending().await,
        }
    }
}

impl Source {
    fn act(&self, act: Act) {
        *self.0.lock().unwrap() = act;
    }
}

fn bed(claims: Value) -> (Bed, Source) {
    let source = Source(Arc::new(Mutex::new(Act::Gives(claims))));
    let claims = source.clone();
    let bed = Bed::built(MemoryStore::new(), config(), |builder, _| {
        builder.claims(claims)
    });
    (bed, source)
}

fn custom(bed: &Bed, token: &str) -> Value {
    json!(bed.auth.verify_offline(token).unwrap().custom)
}

#[tokio::test]
async fn each_new_token_has_the_claims_of_its_moment() {
    let claims = json!({ "exam:class": "7b", "https://example.org/plan": { "seats": 3 } });
    let (bed, source) = bed(claims.clone());
    let registered = bed.register(ANN).await.tokens;
    assert_eq!(custom(&bed, registered.token.expose_secret()), claims);
    let login = bed.login(ANN, PASSWORD).await.unwrap().tokens;
    assert_eq!(custom(&bed, login.token.expose_secret()), claims);
    source.act(Act::Gives(json!({ "exam:class": "8a" })));
    let refreshed = bed.refresh(&login).await.unwrap();
    let newer = json!({ "exam:class": "8a" });
    assert_eq!(custom(&bed, refreshed.token.expose_secret()), newer);
    assert!(bed.validate(&refreshed).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn asvs_16_5_3_no_token_lacks_a_claim_because_the_source_fails() {
    for act in [
        Act::Fails,
        Act::Panics,
        Act::Hangs,
        Act::Gives(json!({ "nbf": 0 })),
        Act::Gives(json!({ "a:b": "x".repeat(1024) })),
    ] {
        let (bed, source) = bed(json!({}));
        let ann = bed.register(ANN).await.tokens;
        source.act(act.clone());
        let before = bed.store.counts().sessions;
        let login = bed.login(ANN, PASSWORD).await;
        assert!(
            matches!(login, Err(AuthError::Unavailable { .. })),
            "{act:?}: {login:?}"
        );
        assert!(
            bed.events.last().notices.contains(Notice::HookFailed),
            "{act:?}"
        );
        assert_eq!(bed.store.counts().sessions, before, "{act:?}");
        let refused = bed.refresh(&ann).await;
        assert!(
            matches!(refused, Err(AuthError::Unavailable { .. })),
            "{act:?}"
        );
        // The token that was presented is still good.
        source.act(Act::Gives(json!({})));
        assert!(bed.refresh(&ann).await.is_ok(), "{act:?}");
    }
    assert!(CLAIMS_TIMEOUT.as_secs() < 10);
}

#[tokio::test]
async fn the_longest_token_has_room_for_the_largest_claims() {
    let (with, source) = bed(json!({}));
    let without = Bed::new();
    let longest = with.auth.longest_token().unwrap();
    assert!(longest > without.auth.longest_token().unwrap());
    let room = r#"{"x:":""}"#.len();
    source.act(Act::Gives(json!({ "x:": "x".repeat(1024 - room) })));
    let ann = with.register(ANN).await.tokens;
    assert!(ann.token.expose_secret().len() <= longest);
}

#[tokio::test]
async fn a_hook_gives_metadata_that_is_merged_and_that_the_next_claims_have() {
    struct Class;

    #[async_trait]
    impl AccountHooks for Class {
        async fn registered(&self, _: &Profile, extra: &Extra) -> Result<AccountData, Cause> {
            Ok(AccountData::default().metadata(extra.as_map().clone()))
        }
    }

    #[async_trait]
    impl ClaimsSource for Class {
        async fn claims(&self, user: &User) -> Result<Map<String, Value>, Cause> {
            let class = user.metadata.as_map().get("class").ok_or("no class yet")?;
            Ok(Map::from_iter([("exam:class".to_owned(), class.clone())]))
        }
    }

    for mode in [RegistrationMode::OpenSession, RegistrationMode::VerifyFirst] {
        let mut settings = config();
        settings.registration = mode;
        let bed = Bed::built(MemoryStore::new(), settings, |builder, mailbox| {
            let builder = builder
                .mail(mailbox, mail_config())
                .hooks(Class)
                .claims(Class);
            builder.registration_extra::<Student>()
        });
        let registered = bed.auth.register(student(ANN), &bed.here).await.unwrap();
        let tokens = match registered.opened() {
            Some(opened) => opened.tokens,
            None => {
                let request = VerifyEmail {
                    token: bed.mailed(MailKind::CompleteRegistration).await,
                    password: Some(PASSWORD.into()),
                    ticket: None,
                };
                match bed.auth.verify_email(request, None, &bed.here).await {
                    Ok(VerifyOutcome::Opened(opened)) => opened.tokens,
                    other => panic!("{other:?}"),
                }
            }
        };
        let claims = bed
            .auth
            .verify_offline(tokens.token.expose_secret())
            .unwrap();
        assert_eq!(
            json!(claims.custom),
            json!({ "exam:class": "7b" }),
            "{mode:?}"
        );
        assert!(bed.validate(&tokens).await.is_ok());
        assert_eq!(
            json!(stored(&bed).await[0].metadata),
            json!({ "class": "7b" })
        );
    }
}
