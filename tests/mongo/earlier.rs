//! A database of the first release of version 0.1 keeps working.
//!
//! `data/version-0.1.json` is a dump of what its axum example wrote for a registration, a
//! refresh, a change of profile, a confirmed password, a login, a failed login and a request
//! for a reset.

use std::time::Duration;

use admittance::AuthConfig;
use admittance::audit::AuditPolicy;
use admittance::error::AuthError;
use admittance::event::Operation;
use admittance::proof::Proof;
use admittance::secret::{MailToken, RefreshToken, SecretBytes};
use admittance::service::{
    AuthService, ListEvents, ListSessions, LoginRequest, Reauthenticate, RefreshRequest,
    RequestContext, ResetPassword,
};
use admittance::store::mongodb::MongoStore;
use admittance::test_util::Mailbox;
use admittance::token::Keyring;
use mongodb::Client;
use mongodb::bson::{Bson, DateTime, Document};
use serde_json::Value;
use support::bed::{OTHER_PASSWORD, PASSWORD, mail_config};
use support::mongo;

const DUMP: &str = include_str!("data/version-0.1.json");

/// Restores the database as if it had been written just now.
async fn restored(dump: &Value) -> MongoStore {
    let taken_at = Bson::try_from(dump["taken_at"].clone()).unwrap();
    let age =
        DateTime::now().timestamp_millis() - taken_at.as_datetime().unwrap().timestamp_millis();
    let options = mongo::options().await;
    let client = Client::with_options(options).unwrap();
    let database = client.default_database().unwrap();
    for (name, documents) in dump["collections"].as_object().unwrap() {
        let documents = documents.as_array().unwrap();
        let documents = documents.iter().map(|document| {
            let mut document = Bson::try_from(document.clone()).unwrap();
            make_younger(&mut document, age);
            document.as_document().unwrap().clone()
        });
        let documents: Vec<Document> = documents.collect();
        if !documents.is_empty() {
            let collection = database.collection::<Document>(name);
            collection.insert_many(documents).await.unwrap();
        }
    }
    MongoStore::new(database, mongo::config()).await.unwrap()
}

/// Moves every time by `age` milliseconds.
fn make_younger(value: &mut Bson, age: i64) {
    match value {
        Bson::DateTime(at) => *at = DateTime::from_millis(at.timestamp_millis() + age),
        Bson::Array(items) => items.iter_mut().for_each(|item| make_younger(item, age)),
        Bson::Document(fields) => {
            fields
                .iter_mut()
                .for_each(|(_, field)| make_younger(field, age));
        }
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_version_0_1_goes_on_working() {
    let dump: Value = serde_json::from_str(DUMP).unwrap();
    let text = |name: &str| dump[name].as_str().unwrap();
    let store = restored(&dump).await;
    let secret = SecretBytes::from_base64("MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=").unwrap();
    let mailbox = Mailbox::new();
    let auth = AuthService::builder(store.clone())
        .config(AuthConfig::new("Exam simulator"))
        .keyring(Keyring::from_secret(secret).unwrap())
        .mail(mailbox.clone(), mail_config())
        .audit_log(store, AuditPolicy::default())
        .build()
        .unwrap();
    let here = RequestContext::from_ip([127, 0, 0, 1].into()).with_user_agent("first device");
    let refresh = async |token: &str| {
        let refresh_token = RefreshToken::new(token);
        auth.refresh(RefreshRequest { refresh_token }, &here).await
    };

    // The sessions continue, with the password as their proof.
    let goes_on = refresh(text("session")).await.unwrap();
    let token = goes_on.tokens.token.expose_secret();
    let ann = auth.validate_token(token, &here).await.unwrap();
    assert_eq!(ann.user().email.as_str(), "Ann@Example.org");
    assert_eq!(ann.user().name.as_str(), "Ann");
    assert_eq!(ann.user().preferences.as_map()["level"], "B2");
    assert_eq!(ann.user().version, 1);
    let opened_at = ann.session().created_at;
    assert_eq!(ann.session().proofs, Proof::by_password(opened_at).into());
    assert!(ann.require_recent_login(Duration::from_secs(600)).is_ok());
    let later = ann.require_recent_login(Duration::ZERO);
    assert!(matches!(later, Err(AuthError::RecentLoginRequired { .. })));
    let listed = auth.list_sessions(&ann, ListSessions::default(), &here);
    assert_eq!(listed.await.unwrap().sessions.len(), 2);
    assert!(refresh(text("short_session")).await.is_ok());

    // Events are listed, including those whose operation has a new name.
    let events = auth.list_events(&ann, ListEvents::default(), &here).await;
    let events: Vec<_> = events.unwrap().events;
    let operations: Vec<_> = events.iter().map(|event| event.operation).collect();
    assert!(
        operations.contains(&Operation::Reauthenticate),
        "{operations:?}"
    );
    assert!(operations.contains(&Operation::Login));

    // The password and the mailed link are valid.
    let request = Reauthenticate::by_password(PASSWORD);
    auth.reauthenticate(&ann, request, &here).await.unwrap();
    let login = |password: &str| LoginRequest {
        email: "ann@example.org".into(),
        password: password.into(),
        remember: None,
    };
    assert!(auth.login(login(PASSWORD), &here).await.is_ok());
    let reset = ResetPassword {
        token: MailToken::new(text("reset_link")),
        new_password: OTHER_PASSWORD.into(),
        confirm_password: OTHER_PASSWORD.into(),
    };
    auth.reset_password(reset, &here).await.unwrap();
    assert!(refresh(text("short_session")).await.is_err());
    assert!(auth.login(login(OTHER_PASSWORD), &here).await.is_ok());
    auth.flush_events().await;
}
