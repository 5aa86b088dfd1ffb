//! What a stranger can tell from the answers of what sends mail: states of
//! accounts against endpoints against mailers, byte for byte, and what was done
//! before the answer: calls of the store and hashes.

use admittance::config::{LimitPolicy, RegistrationMode};
use admittance::email::Email;
use admittance::error::AuthError;
use admittance::http::AuthApi;
use admittance::id::UserId;
use admittance::mail::{Mail, MailError, Mailer};
use admittance::service::{Accepted, ChangeEmail, EmailRequest, LoginResponse, RegisterOutcome};
use admittance::store::{InsertUser, MemoryStore, UserStore};
use admittance::test_util::Mailbox;
use admittance::user::{User, UserStatus};
use async_trait::async_trait;
use axum::Router;
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;

use crate::enumeration::{Answer, send};
use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, config, login, mail_config, registration};
use support::faulty::FaultyStore;

/// Each of the same length, so that nothing but the state differs.
const STATES: [(&str, &str); 5] = [
    ("absent", "user-a@example.org"),
    ("unverified", "user-b@example.org"),
    ("verified", "user-c@example.org"),
    ("disabled", "user-d@example.org"),
    ("pending", "user-e@example.org"),
];
/// Who asks for another address.
const ME: &str = "me@example.org";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    Forgot,
    Resend,
    /// By `VerifyFirst`.
    Register,
    ChangeEmail,
    Login,
}

const ASKS: [Ask; 5] = [
    Ask::Forgot,
    Ask::Resend,
    Ask::Register,
    Ask::ChangeEmail,
    Ask::Login,
];

impl Ask {
    fn path(self) -> &'static str {
        match self {
            Self::Forgot => "/password/forgot",
            Self::Resend => "/email/resend",
            Self::Register => "/register",
            Self::ChangeEmail => "/email/change",
            Self::Login => "/login",
        }
    }

    fn body(self, email: &str) -> Value {
        match self {
            Self::Forgot | Self::Resend => json!({"email": email}),
            Self::Register => json!({
                "email": email, "name": "Eve",
                "password": OTHER_PASSWORD, "confirm_password": OTHER_PASSWORD,
            }),
            Self::ChangeEmail => json!({"new_email": email, "current_password": PASSWORD}),
            Self::Login => json!({"email": email, "password": OTHER_PASSWORD}),
        }
    }

    /// What is answered the first time.
    fn status(self) -> StatusCode {
        match self {
            Self::Login => StatusCode::UNAUTHORIZED,
            _ => StatusCode::ACCEPTED,
        }
    }

    /// How often that is, until there were too many.
    fn budget(self) -> usize {
        match self {
            Self::Login => 5,
            _ => 3,
        }
    }
}

/// How mail fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Post {
    Works,
    Fails,
    Panics,
    Hangs,
}

const POSTS: [Post; 4] = [Post::Works, Post::Fails, Post::Panics, Post::Hangs];

struct Carrier {
    post: Post,
    mailbox: Mailbox,
}

#[async_trait]
impl Mailer for Carrier {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        match self.post {
            Post::Works => self.mailbox.send(mail).await,
            Post::Fails => Err(MailError::Temporary("told to fail".into())),
            Post::Panics => panic!("the mailer was told to panic"),
            Post::Hangs => std::future::pending().await,
        }
    }
}

type Watched = Bed<FaultyStore<MemoryStore>>;

/// A server with one account in each state, and a token of one more.
async fn server(post: Post) -> (Watched, Router, String) {
    let truth = MemoryStore::new();
    let mut without_limits = config();
    without_limits.limits = LimitPolicy::off();
    let past = Bed::over(truth.clone(), without_limits.clone());
    let me = past.register(ME).await.tokens;
    let unverified = past.register(STATES[1].1).await.user_id;
    let unverified = truth.user(unverified).await.unwrap().unwrap();
    for (state, status) in [(2, UserStatus::Active), (3, UserStatus::Disabled)] {
        let user = User {
            id: UserId::from_bytes([u8::try_from(state).unwrap(); 12]),
            email: Email::parse(STATES[state].1).unwrap(),
            is_verified: true,
            status,
            ..unverified.clone()
        };
        assert_eq!(
            truth.insert_user(&user).await.unwrap(),
            InsertUser::Inserted
        );
    }
    without_limits.registration = RegistrationMode::VerifyFirst;
    let past = Bed::mailing_over(truth.clone(), without_limits);
    let asked = past.auth.register(registration(STATES[4].1), &past.here);
    assert!(asked.await.unwrap().opened().is_none());
    past.auth.flush_mail().await;

    let mut config = config();
    config.registration = RegistrationMode::VerifyFirst;
    let bed = Bed::built(FaultyStore::new(truth), config, |builder, mailbox| {
        let mut mail = mail_config();
        mail.attempts = 1;
        mail.attempt_timeout = Duration::from_secs(86_400);
        builder.mail(Carrier { post, mailbox }, mail)
    });
    let router = admittance::axum::router(&AuthApi::new(bed.auth.clone()));
    (bed, router, me.token.expose_secret().to_owned())
}

/// What can be seen of one request from outside, and what was done for it
/// before it was answered.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    answer: Answer,
    calls: Vec<&'static str>,
    hashes: u64,
}

async fn look(bed: &Watched, router: &Router, token: &str, ask: Ask, email: &str) -> Seen {
    let hashes = bed.auth.hashing_stats().runs;
    bed.store.watch(0);
    let (store, router) = (bed.store.clone(), router.clone());
    let token = (ask == Ask::ChangeEmail).then(|| token.to_owned());
    let email = email.to_owned();
    // A task of its own, as a server has for each connection: it takes its turn
    // among those of the background.
    let connection = tokio::spawn(async move {
        let answer = send(&router, ask.path(), &ask.body(&email), token.as_deref()).await;
        let foreground = store.foreground();
        let mut calls = store.calm();
        calls.truncate(foreground);
        (answer, calls)
    });
    let (answer, calls) = connection.await.unwrap();
    Seen {
        answer,
        calls,
        hashes: bed.auth.hashing_stats().runs - hashes,
    }
}

#[tokio::test]
async fn asvs_6_3_8_and_ghsa_39_what_sends_mail_tells_nothing_about_an_account_or_the_mailer() {
    let mut answers = 0;
    for ask in ASKS {
        let mut first: Option<Vec<Seen>> = None;
        for post in POSTS {
            for (state, email) in STATES {
                let (bed, router, token) = server(post).await;
                let mut seen = Vec::new();
                for time in 0..ask.budget() + 2 {
                    let look = look(&bed, &router, &token, ask, email).await;
                    let is_limited = time >= ask.budget();
                    let status = match is_limited {
                        false => ask.status(),
                        true => StatusCode::TOO_MANY_REQUESTS,
                    };
                    assert_eq!(look.answer.0, status, "{ask:?}, {state}, {post:?}");
                    seen.push(look);
                    answers += 1;
                }
                let first = first.get_or_insert_with(|| seen.clone());
                assert_eq!(*first, seen, "{ask:?}, {state}, {post:?}");
            }
        }
        let first = &first.unwrap()[0];
        println!(
            "{ask:?}: {}; {} hashes",
            first.calls.join(", "),
            first.hashes
        );
        let hashes = u64::from(!matches!(ask, Ask::Forgot | Ask::Resend));
        assert_eq!(first.hashes, hashes);
    }
    println!("{answers} answers, alike for each request");
}

/// What the service gives, without HTTP.
async fn value(bed: &Watched, token: &str, ask: Ask, email: &str) -> String {
    let (auth, here) = (&bed.auth, &bed.here);
    let request = || EmailRequest {
        email: email.to_owned(),
    };
    match ask {
        Ask::Forgot => {
            let given: Result<Accepted, AuthError> = auth.forgot_password(request(), here).await;
            format!("{given:?}")
        }
        Ask::Resend => {
            let given: Result<Accepted, AuthError> =
                auth.resend_verification(request(), here).await;
            format!("{given:?}")
        }
        Ask::Register => {
            let given: Result<RegisterOutcome, AuthError> =
                auth.register(registration(email), here).await;
            format!("{given:?}")
        }
        Ask::ChangeEmail => {
            let me = auth.validate_token(token, here).await.unwrap();
            let request = ChangeEmail {
                new_email: email.to_owned(),
                current_password: PASSWORD.into(),
            };
            let given: Result<Accepted, AuthError> = auth.change_email(&me, request, here).await;
            format!("{given:?}")
        }
        Ask::Login => {
            let given: Result<LoginResponse, AuthError> =
                auth.login(login(email, OTHER_PASSWORD), here).await;
            format!("{given:?}")
        }
    }
}

#[tokio::test]
async fn asvs_6_3_8_the_values_of_the_service_are_as_equal_as_the_answers() {
    for ask in ASKS {
        let mut first: Option<Vec<String>> = None;
        for (state, email) in STATES {
            let (bed, _router, token) = server(Post::Works).await;
            let mut values = Vec::new();
            for _ in 0..ask.budget() + 2 {
                values.push(value(&bed, &token, ask, email).await);
            }
            let is_ok = values[0].starts_with("Ok(");
            assert_eq!(is_ok, ask != Ask::Login, "{values:?}");
            assert!(values[ask.budget()].starts_with("Err(RateLimited"));
            let first = first.get_or_insert_with(|| values.clone());
            assert_eq!(*first, values, "{ask:?}, {state}");
        }
    }
}
