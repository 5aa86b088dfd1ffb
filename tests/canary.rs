//! Secrets that go in must come out nowhere but in the answers that are meant
//! to carry them (ASVS 16.2.5): not in logs, not in `Debug`, not in events, not
//! in errors, and not in anything that a store holds. This is a test binary of
//! its own because it listens to everything that the process logs.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use ::mongodb::bson::{Bson, Document, doc};
use ::mongodb::{Client, Database};
use admittance::audit::{AuditPolicy, AuditRecord};
use admittance::clock::{Clock, ManualClock};
use admittance::config::{AuthConfig, RegistrationMode};
use admittance::email::Email;
use admittance::event::TracingSink;
use admittance::http::AuthApi;
use admittance::id::UserId;
use admittance::mail::{Mail, MailConfig, MailError, MailKind, Mailer};
use admittance::password::{Argon2Params, Pepper};
use admittance::random::SeededRandom;
use admittance::secret::{AccessToken, Password, RefreshToken, SecretBytes};
use admittance::service::{
    AuthService, ChangeEmail, ChangePassword, DeleteAccount, EmailRequest, LinkRequest, LinkView,
    ListEvents, ListSessions, RefreshRequest, RegisterRequest, RequestContext, ResetPassword,
    Tokens, VerifyEmail,
};
use admittance::store::mongodb::MongoStore;
use admittance::store::{InsertUser, MemoryStore, Store};
use admittance::test_util::{Mailbox, UnavailableStore};
use admittance::token::{Keyring, SigningKey};
use admittance::user::{PasswordHash, User, UserStatus};
use axum::body::Body;
use axum::http::{Method, Request, header};
use support::bed::{Events, hash_of, login};
use support::hunt::{Hunt, Log};
use support::mongo;
use tower::ServiceExt;

const MASTER: [u8; 32] = *b"canary-master-Kx9vQ2mZ7rT4wB1nY5";
const RETIRED: [u8; 32] = *b"canary-retired-3LpD8sF6hJ0gC-uEx";
const PEPPER: [u8; 32] = *b"canary-pepper-R7tYkW2xMqV5zN9bHd";
const PASSWORD: &str = "canary-Plum-47-lantern-orbit";
const NEW_PASSWORD: &str = "canary-Quartz!93-meadow-ferry";
const WRONG_PASSWORD: &str = "canary-Velvet?18-harbour-sundial";
const BAD_HASH: &str = "canary-Basalt.52-orchard-kestrel";
const WEAK_PASSWORD: &str = "canarycanary";
const ANN: &str = "ann@example.org";
const BOB: &str = "bob@example.org";

fn config() -> AuthConfig {
    let mut config = AuthConfig::new("Exam simulator").insecure_for_tests();
    config.hashing.params = Argon2Params::new(8, 1, 1).unwrap();
    config.hashing.pepper = Pepper::new("p1", SecretBytes::new(PEPPER)).ok();
    config
}

fn keyring() -> Keyring {
    Keyring::builder(SecretBytes::new(MASTER))
        .retire_secret(SecretBytes::new(RETIRED))
        .build()
        .unwrap()
}

fn registration(email: &str, password: &str) -> RegisterRequest {
    RegisterRequest {
        email: email.to_owned(),
        password: password.into(),
        confirm_password: password.into(),
        name: "Ann".to_owned(),
        ..RegisterRequest::default()
    }
}

fn change(current: &str, new: &str) -> ChangePassword {
    ChangePassword {
        current_password: current.into(),
        new_password: new.into(),
        confirm_password: new.into(),
    }
}

fn refresh(tokens: &Tokens) -> RefreshRequest {
    RefreshRequest {
        refresh_token: tokens.refresh_token.clone(),
    }
}

fn builder<S: Store>(store: S) -> admittance::service::AuthServiceBuilder<S, ManualClock> {
    AuthService::builder(store)
        .clock(ManualClock::default())
        .config(config())
        .keyring(keyring())
        .random(SeededRandom::new(0xca))
}

/// All that a database holds.
async fn contents(database: &Database) -> Vec<String> {
    let mut all = Vec::new();
    for name in database.list_collection_names().await.unwrap() {
        let records = database.collection::<Document>(&name);
        let mut records = records.find(doc! {}).await.unwrap();
        while records.advance().await.unwrap() {
            let record = records.deserialize_current().unwrap();
            // As Rust shows it, and as other programs would.
            all.push(format!("{name} {record:?}"));
            let json = Bson::Document(record).into_canonical_extjson();
            all.push(format!("{name} {json}"));
        }
    }
    all
}

/// The service: everything that works and everything that is refused.
async fn journey<S: Store + Clone + Debug>(
    hunt: &mut Hunt,
    store: S,
    contents: impl AsyncFn() -> Vec<String>,
) {
    let (events, clock) = (Events::default(), ManualClock::default());
    let auth = builder(store.clone())
        .clock(clock.clone())
        .events(events.clone())
        .audit_log(store.clone(), AuditPolicy::default())
        .build()
        .unwrap();
    let here = RequestContext::from_ip([192, 0, 2, 1].into()).with_user_agent("test");

    let request = registration(ANN, PASSWORD);
    hunt.look_at("RegisterRequest", &request);
    let registered = auth
        .register(request, &here)
        .await
        .unwrap()
        .opened()
        .unwrap();
    hunt.look_at("RegisterResponse", &registered);
    hunt.tokens("register", &registered.tokens);
    for (place, email, password) in [
        ("register, taken", ANN, PASSWORD),
        ("register, weak", BOB, WEAK_PASSWORD),
        ("register, no address", PASSWORD, PASSWORD),
    ] {
        let refused = auth.register(registration(email, password), &here).await;
        hunt.look_at_error(place, &refused.unwrap_err());
    }
    let ann = store.user(registered.user_id).await.unwrap().unwrap();
    hunt.hash("Ann", hash_of(&ann));
    hunt.hash("Bob", &PasswordHash::new(BAD_HASH));
    hunt.look_at("User", &ann);

    let request = login(ANN, PASSWORD);
    hunt.look_at("LoginRequest", &request);
    let logged_in = auth.login(request, &here).await.unwrap();
    hunt.look_at("LoginResponse", &logged_in);
    hunt.tokens("login", &logged_in.tokens);
    let bob = User {
        id: UserId::from_bytes([7; 12]),
        email: Email::parse(BOB).unwrap(),
        status: UserStatus::Disabled,
        password_hash: Some(PasswordHash::new(format!("$argon2id${BAD_HASH}"))),
        ..ann.clone()
    };
    assert_eq!(store.insert_user(&bob).await.unwrap(), InsertUser::Inserted);
    for (place, email, password) in [
        ("login, wrong", ANN, WRONG_PASSWORD),
        ("login, absent", "eve@example.org", WRONG_PASSWORD),
        ("login, hash that is none", BOB, NEW_PASSWORD),
        ("login, no address", WRONG_PASSWORD, WRONG_PASSWORD),
    ] {
        let refused = auth.login(login(email, password), &here).await;
        hunt.look_at_error(place, &refused.unwrap_err());
    }

    let token = logged_in.tokens.token.expose_secret();
    let who = auth.validate_token(token, &here).await.unwrap();
    hunt.look_at("Authenticated", &who);
    hunt.look_at("Claims", &auth.verify_offline(token).unwrap());
    hunt.look_at("Profile", &auth.profile(&who).unwrap());
    hunt.look_at(
        "SessionList",
        &auth
            .list_sessions(&who, ListSessions::default(), &here)
            .await
            .unwrap(),
    );
    let forged = format!("{}x", registered.tokens.token.expose_secret());
    let refused = auth.validate_token(&forged, &here).await;
    hunt.look_at_error("validate, forged", &refused.unwrap_err());

    let request = refresh(&registered.tokens);
    hunt.look_at("RefreshRequest", &request);
    let second = auth.refresh(request, &here).await.unwrap();
    hunt.tokens("refresh", &second.tokens);
    let third = auth.refresh(refresh(&second.tokens), &here).await.unwrap();
    hunt.tokens("refresh again", &third.tokens);
    let replayed = auth.refresh(refresh(&registered.tokens), &here).await;
    hunt.look_at_error("refresh, replayed", &replayed.unwrap_err());

    let request = change(PASSWORD, NEW_PASSWORD);
    hunt.look_at("ChangePassword", &request);
    for (place, current, new) in [
        ("change, wrong", WRONG_PASSWORD, NEW_PASSWORD),
        ("change, weak", PASSWORD, WEAK_PASSWORD),
        ("change, same", PASSWORD, PASSWORD),
    ] {
        let refused = auth
            .change_password(&who, change(current, new), &here)
            .await;
        hunt.look_at_error(place, &refused.unwrap_err());
    }
    let changed = auth.change_password(&who, request, &here).await.unwrap();
    hunt.tokens("change", &changed.tokens);
    let ann = store.user(ann.id).await.unwrap().unwrap();
    hunt.hash("Ann, changed", hash_of(&ann));
    hunt.look_at("User, changed", &ann);
    let token = changed.tokens.token.expose_secret();
    let who = auth.validate_token(token, &here).await.unwrap();
    // What is stored of sessions is not enough to make a token.
    for session in store
        .sessions_of(ann.id, None, 1000, who.session().created_at)
        .await
        .unwrap()
    {
        hunt.look_at("Session", &session);
    }
    let page = ListEvents::default();
    let list = auth.list_events(&who, page, &here).await.unwrap();
    hunt.look_in("EventList", serde_json::to_string(&list).unwrap());
    auth.flush_events().await;
    let now = clock.now();
    for record in store.events_of(ann.id, None, 1000, now).await.unwrap() {
        hunt.look_at("AuditRecord", &record);
        let refused = AuditRecord {
            user_agent: None,
            ..record
        };
        hunt.look_in("AuditRecord", serde_json::to_string(&refused).unwrap());
    }
    let said = [ANN, "$argon2id$", "change_password", "invalid_credentials"];
    hunt.look_in_store("the store, at the height of it", contents().await, &said);
    hunt.look_at("LogoutResponse", &auth.logout(&who, &here).await.unwrap());
    clock.advance(Duration::from_secs(3600));
    let refused = auth.validate_token(token, &here).await;
    hunt.look_at_error("validate, expired", &refused.unwrap_err());
    for _ in 0..20 {
        if let Err(error) = auth.login(login(ANN, WRONG_PASSWORD), &here).await {
            hunt.look_at_error("login, many", &error);
        }
    }

    auth.flush_events().await;
    hunt.look_in_store("the store, in the end", contents().await, &[ANN]);
    hunt.look_at("the store", &store);
    hunt.look_at("AuthService", &auth);
    hunt.look_at("AuthApi", &AuthApi::new(auth.clone()));
    hunt.look_at("Jwks", &auth.jwks());
    let events = events.all();
    assert!(events.len() > 30, "{}", events.len());
    for event in events {
        hunt.look_at("AuthEvent", &event);
        hunt.look_in("event, as JSON", serde_json::to_string(&event).unwrap());
    }
}

/// A mailer that keeps each mail and then fails, with all it was given as the
/// error's text: nothing of that may be shown to a client.
#[derive(Clone, Debug)]
struct FailingMailer(Mailbox);

#[async_trait::async_trait]
impl Mailer for FailingMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        self.0.send(mail).await?;
        Err(MailError::Permanent("refused by the server".into()))
    }
}

/// Links in mails: made, mailed, refused, used.
async fn mail<S: Store + Clone>(
    hunt: &mut Hunt,
    store: S,
    contents: impl AsyncFn() -> Vec<String>,
) {
    let (mailbox, events) = (Mailbox::new(), Events::default());
    let clock = ManualClock::default();
    let auth = builder(store.clone())
        .clock(clock.clone())
        .events(events.clone())
        .audit_log(store.clone(), AuditPolicy::default())
        .mail(
            FailingMailer(mailbox.clone()),
            MailConfig::new("https://exam.example"),
        )
        .build()
        .unwrap();
    let here = RequestContext::from_ip([192, 0, 2, 1].into());
    let outcome = auth.register(registration(ANN, PASSWORD), &here).await;
    let ann = outcome.unwrap().opened().unwrap();
    let who = auth
        .validate_token(ann.tokens.token.expose_secret(), &here)
        .await
        .unwrap();
    let email = EmailRequest { email: ANN.into() };
    for answer in [
        auth.forgot_password(email.clone(), &here).await,
        auth.resend_verification(email, &here).await,
    ] {
        hunt.look_at("Accepted", &answer.unwrap());
    }
    let request = ChangeEmail {
        new_email: BOB.into(),
        current_password: PASSWORD.into(),
    };
    hunt.look_at("ChangeEmail", &request);
    auth.change_email(&who, request, &here).await.unwrap();
    auth.flush_mail().await;

    let mut links = Vec::new();
    for mail in mailbox.take() {
        hunt.look_at("Mail", &mail);
        if let Some(token) = Mailbox::token(&mail) {
            let bits = &token.expose_secret().as_bytes()[4..];
            hunt.secret(&format!("link of {}", mail.kind.as_str()), bits);
            links.push(token);
        }
    }
    assert_eq!(links.len(), 4);
    pending(hunt, store.clone()).await;
    let said = [ANN, "reset_password", "complete_registration"];
    hunt.look_in_store("the store, with links", contents().await, &said);
    for record in store.tokens_of(ann.user_id, clock.now()).await.unwrap() {
        hunt.look_at("OneTimeToken", &record);
        hunt.look_at("LinkView", &LinkView::from(&record));
    }
    let export = auth.export_account(&who, &here).await.unwrap();
    hunt.look_in("export", serde_json::to_string(&export).unwrap());
    for token in links {
        let request = VerifyEmail {
            token: token.clone(),
            password: Some(WRONG_PASSWORD.into()),
            ticket: None,
        };
        hunt.look_at("VerifyEmail", &request);
        let refused = auth.verify_email(request, None, &here).await;
        hunt.look_at_error("verify", &refused.unwrap_err());
        let request = ResetPassword {
            token: token.clone(),
            new_password: WEAK_PASSWORD.into(),
            confirm_password: WEAK_PASSWORD.into(),
        };
        hunt.look_at("ResetPassword", &request);
        let refused = auth.reset_password(request, &here).await;
        hunt.look_at_error("reset", &refused.unwrap_err());
        let request = LinkRequest { token };
        hunt.look_at("LinkRequest", &request);
        let _ = auth.confirm_email_change(&who, request, &here).await;
    }
    let request = DeleteAccount {
        current_password: PASSWORD.into(),
    };
    hunt.look_at("DeleteAccount", &request);
    let _ = auth.delete_account(&who, request, &here).await;
    auth.flush_mail().await;
    auth.flush_events().await;
    hunt.look_in_store("the store, after links", contents().await, &["send_mail"]);
    for event in events.all() {
        hunt.look_in("event, as JSON", serde_json::to_string(&event).unwrap());
    }
}

/// A registration that waits for its address to be confirmed.
async fn pending<S: Store + Clone>(hunt: &mut Hunt, store: S) {
    let mut settings = config();
    settings.registration = RegistrationMode::VerifyFirst;
    let mailbox = Mailbox::new();
    let auth = builder(store)
        .config(settings)
        .random(SeededRandom::new(0xcb))
        .mail(mailbox.clone(), MailConfig::new("https://exam.example"))
        .build()
        .unwrap();
    let here = RequestContext::default();
    let request = registration("eve@example.org", NEW_PASSWORD);
    hunt.look_at(
        "RegisterOutcome",
        &auth.register(request, &here).await.unwrap(),
    );
    auth.flush_mail().await;
    let mail = mailbox.take_last(MailKind::CompleteRegistration).unwrap();
    let token = Mailbox::token(&mail).unwrap();
    hunt.secret("pending link", &token.expose_secret().as_bytes()[4..]);
}

/// The settings and keys, and what is said when they are refused.
fn settings(hunt: &mut Hunt) {
    hunt.look_at("AuthConfig", &config());
    hunt.look_at("Keyring", &keyring());
    hunt.look_at("AuthServiceBuilder", &builder(MemoryStore::new()));
    let builder =
        Keyring::builder(SecretBytes::new(MASTER)).retire_secret(SecretBytes::new(RETIRED));
    hunt.look_at("KeyringBuilder", &builder);
    let key = SigningKey::hs256(&SecretBytes::new(MASTER)).unwrap();
    hunt.look_at("SigningKey", &key);
    hunt.look_at("VerifyingKey", key.verifying_key());
    hunt.look_at("SecretBytes", &SecretBytes::new(MASTER));
    hunt.look_at("Password", &Password::new(PASSWORD));
    hunt.look_at("AccessToken", &AccessToken::new(PASSWORD));
    hunt.look_at("RefreshToken", &RefreshToken::new(PASSWORD));
    hunt.look_at("PasswordHash", &PasswordHash::new(PASSWORD));

    let pem = SecretBytes::new(MASTER);
    for refused in [
        SigningKey::hs256(&SecretBytes::new(&MASTER[..20])).unwrap_err(),
        SigningKey::eddsa_pem(&pem).unwrap_err(),
        SigningKey::es256_der(&pem).unwrap_err(),
        Pepper::new("far too long an id", SecretBytes::new(PEPPER)).unwrap_err(),
        Keyring::builder(SecretBytes::new(MASTER))
            .retire_secret(SecretBytes::new(MASTER))
            .build()
            .unwrap_err(),
    ] {
        hunt.look_at_error("settings", &refused);
    }
    hunt.look_at_error(
        "base64",
        &SecretBytes::from_base64(WRONG_PASSWORD).unwrap_err(),
    );
}

/// Bodies that break the parser in the middle of a secret, and headers that
/// are none, over HTTP.
async fn rubbish(hunt: &mut Hunt) {
    let auth = builder(MemoryStore::new())
        .events(TracingSink)
        .build()
        .unwrap();
    let here = RequestContext::default();
    let ann = auth.register(registration(ANN, PASSWORD), &here).await;
    let tokens = ann.unwrap().opened().unwrap().tokens;
    hunt.tokens("over HTTP", &tokens);
    let router = admittance::axum::router(&AuthApi::new(auth));
    let token = tokens.token.expose_secret();
    let refresh = tokens.refresh_token.expose_secret();
    for (method, path, body) in [
        ("POST", "/login", format!("\"{PASSWORD}\"")),
        (
            "POST",
            "/login",
            format!("{{\"password\": [\"{PASSWORD}\"]}}"),
        ),
        (
            "POST",
            "/login",
            format!("{{\"email\": \"{ANN}\", \"password\": \"{PASSWORD}"),
        ),
        ("POST", "/login", format!("{{\"{PASSWORD}\": 1}}")),
        (
            "POST",
            "/login",
            format!("{{\"email\": \"{PASSWORD}\", \"password\": \"x\"}}"),
        ),
        (
            "POST",
            "/register",
            format!("{{\"name\": \"\u{202e}{PASSWORD}\"}}"),
        ),
        ("POST", "/refresh", format!("\"{refresh}\"")),
        ("POST", "/refresh", format!("{{\"{refresh}\": \"\"}}")),
        (
            "POST",
            "/refresh",
            format!("{{\"refresh_token\": \"{token}\"}}"),
        ),
        (
            "PUT",
            "/profile",
            format!("{{\"preferences\": \"{PASSWORD}\"}}"),
        ),
        ("POST", "/password/change", format!("\"{NEW_PASSWORD}\"")),
        ("GET", "/profile", String::new()),
    ] {
        for authorization in [
            format!("Bearer {token}"),
            format!("Bearer {token}{token}"),
            format!("Basic {token}"),
            token.to_owned(),
        ] {
            let request = Request::builder()
                .method(Method::try_from(method).unwrap())
                .uri(path)
                .header(header::CONTENT_TYPE, "application/json")
                .header(header::AUTHORIZATION, authorization)
                .body(Body::from(body.clone()))
                .unwrap();
            let answer = router.clone().oneshot(request).await.unwrap();
            hunt.look_at("response", &answer);
            let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await;
            let body = String::from_utf8(body.unwrap().to_vec()).unwrap();
            hunt.look_in(&format!("answer of {method} {path}"), body);
        }
    }
}

/// A store that fails: its error is logged with all its causes.
async fn broken_store(hunt: &mut Hunt) {
    let auth = builder(Arc::new(UnavailableStore))
        .events(TracingSink)
        .build()
        .unwrap();
    let here = RequestContext::default();
    let refused = auth.register(registration(ANN, PASSWORD), &here).await;
    hunt.look_at_error("register, store down", &refused.unwrap_err());
    let refused = auth.login(login(ANN, PASSWORD), &here).await;
    hunt.look_at_error("login, store down", &refused.unwrap_err());
}

#[tokio::test]
async fn asvs_16_2_5_and_ghsa_58_canaries_are_found_nowhere() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .init();
    let mut hunt = Hunt::default();
    for (name, secret) in [
        ("master secret", &MASTER[..]),
        ("retired secret", &RETIRED),
        ("pepper", &PEPPER),
        ("password", PASSWORD.as_bytes()),
        ("new password", NEW_PASSWORD.as_bytes()),
        ("wrong password", WRONG_PASSWORD.as_bytes()),
        ("weak password", WEAK_PASSWORD.as_bytes()),
    ] {
        hunt.secret(name, secret);
    }
    settings(&mut hunt);
    let memory = MemoryStore::new();
    journey(&mut hunt, memory.clone(), async || memory.dump()).await;
    let memory = MemoryStore::new();
    mail(&mut hunt, memory.clone(), async || memory.dump()).await;
    for is_mail in [false, true] {
        let options = mongo::options().await;
        let client = Client::with_options(options).unwrap();
        let database = client.default_database().unwrap();
        let mut config = mongo::config();
        // The service's clock is not the server's.
        config.retention = None;
        let store = MongoStore::new(database.clone(), config).await.unwrap();
        let contents = async || contents(&database).await;
        match is_mail {
            false => journey(&mut hunt, store, contents).await,
            true => mail(&mut hunt, store, contents).await,
        }
    }
    rubbish(&mut hunt).await;
    broken_store(&mut hunt).await;

    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    // The log is there, and says what happened.
    for said in [
        "admittance",
        "operation failed",
        "cannot be checked",
        "was not sent",
    ] {
        assert!(logged.contains(said), "{said} is not in the log:\n{logged}");
    }
    hunt.look_in("log", logged);

    let found = hunt.found();
    assert!(found.is_empty(), "{}", found.join("\n"));
    let (secrets, places) = hunt.size();
    println!("{secrets} secrets in 10 forms each, {places} places, 0 found");
}
