//! Room for everybody: nobody fills a table in the way of others.

use std::time::Duration;

use admittance::audit::AuditPolicy;
use admittance::clock::Clock;
use admittance::config::{LimitPolicy, RegistrationMode};
use admittance::error::{AuthError, ErrorCode};
use admittance::event::{AuthEvent, Notice, Operation};
use admittance::mail::{Mail, MailError, MailKind, Mailer};
use admittance::service::{EmailRequest, Reauthenticate, ResetPassword, VerifyEmail};
use admittance::store::{AuditStore, MemoryCapacity, MemoryStore};

use async_trait::async_trait;

use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, config, mail_config, registration};

const ANN: &str = "ann@example.org";
const BOB: &str = "bob@example.org";

fn unlimited() -> admittance::config::AuthConfig {
    let mut config = config();
    config.limits = LimitPolicy::off();
    config
}

fn small(change: impl FnOnce(&mut MemoryCapacity)) -> MemoryStore {
    let mut capacity = MemoryCapacity::default();
    change(&mut capacity);
    MemoryStore::with_capacity(capacity)
}

fn email(address: &str) -> EmailRequest {
    EmailRequest {
        email: address.into(),
    }
}

#[tokio::test]
async fn asvs_15_2_2_one_account_does_not_fill_the_sessions_of_all() {
    let store = small(|capacity| capacity.sessions = 150);
    let bed = Bed::over(store.clone(), unlimited());
    bed.register(ANN).await;
    for _ in 0..200 {
        bed.clock.advance(Duration::from_secs(1));
        bed.login(ANN, PASSWORD).await.unwrap();
    }
    // By default 100; hers that are older have ended.
    assert_eq!(store.counts().sessions, 100);
    bed.register(BOB).await;
    bed.login(BOB, PASSWORD).await.unwrap();
}

#[tokio::test]
async fn asvs_15_2_2_an_account_has_the_newest_five_links_of_a_purpose() {
    let store = MemoryStore::new();
    let bed = Bed::mailing_over(store.clone(), unlimited());
    bed.register(ANN).await;
    let verification = store.counts().tokens;
    let mut links = Vec::new();
    for _ in 0..20 {
        bed.clock.advance(Duration::from_secs(1));
        let asked = bed.auth.forgot_password(email(ANN), &bed.here).await;
        assert!(asked.is_ok(), "{asked:?}");
        links.push(bed.mailed(MailKind::ResetPassword).await);
    }
    assert_eq!(store.counts().tokens, verification + 5);
    let reset = async |link: usize| {
        let request = ResetPassword {
            token: links[link].clone(),
            new_password: OTHER_PASSWORD.into(),
            confirm_password: OTHER_PASSWORD.into(),
        };
        bed.auth.reset_password(request, &bed.here).await
    };
    let pushed_out = reset(14).await;
    assert!(
        matches!(pushed_out, Err(AuthError::InvalidLink)),
        "{pushed_out:?}"
    );
    let oldest = reset(15).await;
    assert!(oldest.is_ok(), "{oldest:?}");
}

#[tokio::test]
async fn asvs_15_2_2_registrations_leave_room_for_recovery() {
    let store = small(|capacity| capacity.registrations = 30);
    let mut settings = unlimited();
    settings.registration = RegistrationMode::OpenSession;
    let bed = Bed::mailing_over(store.clone(), settings.clone());
    bed.register(ANN).await;
    settings.registration = RegistrationMode::VerifyFirst;
    let strangers = Bed::mailing_over(store.clone(), settings);
    for number in 0..100 {
        strangers.clock.advance(Duration::from_secs(1));
        let request = registration(&format!("stranger{number}@example.org"));
        let asked = strangers.auth.register(request, &strangers.here).await;
        assert!(asked.is_ok(), "{asked:?}");
    }
    assert_eq!(store.counts().registrations, 30);
    // A newcomer gets a link that works, in the place of the oldest one.
    let asked = strangers.auth.register(registration(BOB), &strangers.here);
    assert!(asked.await.is_ok());
    let request = VerifyEmail {
        token: strangers.mailed(MailKind::CompleteRegistration).await,
        password: Some(PASSWORD.into()),
        ticket: None,
    };
    let verified = strangers.auth.verify_email(request, None, &strangers.here);
    assert!(verified.await.is_ok());
    let _ = bed.mails().await;
    let asked = bed.auth.forgot_password(email(ANN), &bed.here).await;
    assert!(asked.is_ok(), "{asked:?}");
    let told = (MailKind::ResetPassword, ANN.to_owned());
    assert_eq!(bed.mails().await, [told]);
}

/// The table of users is full of a stranger's accounts, each of which takes all the
/// room that it can get in every other table.
#[tokio::test]
async fn asvs_15_2_2_many_accounts_of_a_stranger_leave_the_others_their_part() {
    let store = small(|capacity| {
        capacity.users = 30;
        capacity.sessions = 40;
        capacity.tokens = 40;
        capacity.events = 60;
    });
    let mut settings = unlimited();
    settings.registration = RegistrationMode::OpenSession;
    let bed = Bed::built(store.clone(), settings, |builder, mailbox| {
        let builder = builder.mail(mailbox, mail_config());
        builder.audit_log(store.clone(), AuditPolicy::default())
    });
    let ann = bed.register(ANN).await;
    let strangers: Vec<String> = (1..30)
        .map(|number| format!("stranger{number}@example.org"))
        .collect();
    for address in &strangers {
        bed.register(address).await;
    }
    for _ in 0..10 {
        bed.clock.advance(Duration::from_secs(1));
        for address in &strangers {
            bed.login(address, PASSWORD).await.unwrap();
            let asked = bed.auth.forgot_password(email(address), &bed.here).await;
            assert!(asked.is_ok(), "{asked:?}");
        }
        bed.auth.flush_mail().await;
    }
    let counts = store.counts();
    assert_eq!(
        (counts.sessions, counts.tokens, counts.events),
        (40, 40, 60)
    );
    let _ = bed.mails().await;
    bed.login(ANN, PASSWORD).await.unwrap();
    let asked = bed.auth.forgot_password(email(ANN), &bed.here).await;
    assert!(asked.is_ok(), "{asked:?}");
    let mails = bed.mails().await;
    assert!(
        mails.contains(&(MailKind::ResetPassword, ANN.to_owned())),
        "{mails:?}"
    );
    bed.auth.flush_events().await;
    let id = ann.user_id;
    let kept = store
        .events_of(id, None, 10, bed.clock.now())
        .await
        .unwrap();
    let newest: Vec<_> = kept.iter().map(|record| record.operation).take(2).collect();
    assert_eq!(newest, [Operation::SendMail, Operation::Login], "{kept:?}");
}

#[tokio::test]
async fn asvs_16_5_3_a_store_that_is_full_is_unavailable_and_says_so() {
    let store = small(|capacity| capacity.users = 1);
    let bed = Bed::mailing_over(store.clone(), unlimited());
    bed.register(ANN).await;
    let before = store.counts();
    let refused = bed.auth.register(registration(BOB), &bed.here).await;
    let error = refused.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unavailable);
    assert!(error.retry_after().is_some_and(|wait| !wait.is_zero()));
    // Neither a session nor a link of it is left.
    assert_eq!(store.counts(), before);
    let events = bed.events.all();
    let told = events.last().unwrap();
    assert_eq!(told.refused, Some(ErrorCode::Unavailable));
    assert!(told.notices.contains(Notice::StoreFull));
}

#[tokio::test]
async fn asvs_15_2_2_a_full_store_ends_no_session_that_confirms_its_password() {
    let bed = Bed::over(small(|capacity| capacity.sessions = 2), unlimited());
    let ann = bed.register(ANN).await.tokens;
    bed.register(BOB).await;
    let session = bed.validate(&ann).await.unwrap();
    let request = Reauthenticate::by_password(PASSWORD);
    let confirmed = bed.auth.reauthenticate(&session, request, &bed.here);
    let tokens = confirmed.await.unwrap().tokens;
    bed.validate(&tokens).await.unwrap();
    assert!(bed.validate(&ann).await.is_err());
}

/// A mail server that accepts connections and says nothing.
struct Silent;

#[async_trait]
impl Mailer for Silent {
    async fn send(&self, _: &Mail) -> Result<(), MailError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn asvs_15_2_2_a_registration_whose_mail_is_dropped_leaves_no_link() {
    let store = MemoryStore::new();
    let mut settings = unlimited();
    settings.registration = RegistrationMode::VerifyFirst;
    let bed = Bed::built(store.clone(), settings, |builder, _| {
        let mut mail = mail_config();
        mail.max_pending = 2;
        builder.mail(Silent, mail)
    });
    for number in 0..5 {
        let request = registration(&format!("ann{number}@example.org"));
        let asked = bed.auth.register(request, &bed.here).await;
        assert!(asked.is_ok(), "{asked:?}");
    }
    assert_eq!(store.counts().registrations, 2);
    let is_dropped = |event: &&AuthEvent| event.notices.contains(Notice::MailDropped);
    assert_eq!(bed.events.all().iter().filter(is_dropped).count(), 3);
}
