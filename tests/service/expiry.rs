//! Accounts that nobody has confirmed and nobody uses.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use admittance::authz::Role;
use admittance::clock::Clock;
use admittance::config::{AuthConfig, UnverifiedExpiry};
use admittance::error::ConfigError;
use admittance::event::Operation;
use admittance::extra::Extra;
use admittance::mail::MailKind;
use admittance::profile::Profile;
use admittance::service::{AccountData, AccountHooks, AuthService, VerifyEmail};
use admittance::store::{Cause, MemoryStore, Removal, RoleChange, UserStore};
use admittance::time::Timestamp;
use async_trait::async_trait;

use support::bed::{Bed, PASSWORD, config, keyring, mail_config};

const DAY: Duration = Duration::from_secs(86_400);
const ANN: &str = "ann@example.org";

/// Accounts expire that are not used for ten days.
fn expiring(registered_since: Timestamp) -> AuthConfig {
    let mut config = config();
    config.limits = admittance::config::LimitPolicy::off();
    config.unverified_expiry = Some(UnverifiedExpiry::new(10 * DAY, registered_since));
    config
}

#[derive(Clone, Default)]
struct Removed(Arc<Mutex<Vec<String>>>);

#[async_trait]
impl AccountHooks for Removed {
    async fn registered(&self, _: &Profile, _: &Extra) -> Result<AccountData, Cause> {
        Ok(AccountData::default())
    }

    async fn removed(&self, profile: &Profile) -> Result<(), Cause> {
        self.0.lock().unwrap().push(profile.email.clone());
        Ok(())
    }
}

async fn emails(bed: &Bed) -> Vec<String> {
    let users = bed.store.users(None, 100).await.unwrap();
    users.iter().map(|user| user.email.to_string()).collect()
}

#[tokio::test]
async fn an_account_expires_that_nobody_has_confirmed_or_used() {
    let removed = Removed::default();
    let hook = removed.clone();
    let bed = Bed::built(
        MemoryStore::new(),
        expiring(Timestamp::MIN),
        |builder, mailbox| builder.mail(mailbox, mail_config()).hooks(hook),
    );
    bed.register(ANN).await;
    let _ = bed.mails().await;
    bed.clock.advance(10 * DAY - Duration::from_secs(1));
    let expired = bed.auth.expire_unverified(None, 100).await.unwrap();
    assert_eq!((expired.removed, expired.next), (0, None));
    bed.clock.advance(Duration::from_secs(1));
    let expired = bed.auth.expire_unverified(None, 100).await.unwrap();
    assert_eq!((expired.removed, expired.next), (1, None));
    assert_eq!(*removed.0.lock().unwrap(), [ANN]);
    let told = (MailKind::AccountExpired, ANN.to_owned());
    assert_eq!(bed.mails().await, [told]);
    let events = bed.events.all();
    let of = |event: &&admittance::event::AuthEvent| event.operation == Operation::ExpireAccount;
    assert_eq!(events.iter().filter(of).count(), 1);
    let left = bed.store.counts();
    assert_eq!((left.users, left.tokens), (0, 0));
    bed.register(ANN).await;
}

#[tokio::test]
async fn an_account_stays_that_is_confirmed_used_given_a_role_or_older_than_the_setting() {
    let old = Bed::mailing();
    old.register("old@example.org").await;
    old.clock.advance(DAY);
    let bed = Bed::mailing_over(old.store.clone(), expiring(old.clock.now()));
    bed.clock.set(old.clock.now());

    let confirmed = bed.register("confirmed@example.org").await;
    let request = VerifyEmail {
        token: bed.mailed(MailKind::VerifyEmail).await,
        password: None,
        ticket: None,
    };
    let who = bed.validate(&confirmed.tokens).await.unwrap();
    let verified = bed.auth.verify_email(request, Some(&who), &bed.here).await;
    assert!(verified.is_ok());
    let examiner = bed.register("examiner@example.org").await.user_id;
    let change = RoleChange {
        grant: [Role::new("examiner").unwrap()].into(),
        ..RoleChange::default()
    };
    let granted = bed.store.change_roles(examiner, 0, &change).await;
    assert!(granted.unwrap().is_some());
    bed.register("used@example.org").await;
    bed.register("unused@example.org").await;
    bed.clock.advance(5 * DAY);
    bed.login("used@example.org", PASSWORD).await.unwrap();
    bed.clock.advance(5 * DAY);
    let expired = bed.auth.expire_unverified(None, 100).await.unwrap();
    assert_eq!(expired.removed, 1);
    let mut left = emails(&bed).await;
    left.sort();
    let all = ["confirmed", "examiner", "old", "used"];
    assert_eq!(left, all.map(|name| format!("{name}@example.org")));
}

#[tokio::test]
async fn an_account_with_a_live_session_does_not_expire() {
    let mut settings = expiring(Timestamp::MIN);
    settings.session.idle_timeout = 20 * DAY;
    let bed = Bed::mailing_with(settings);
    bed.register(ANN).await;
    bed.clock.advance(19 * DAY);
    let expired = bed.auth.expire_unverified(None, 100).await.unwrap();
    assert_eq!(expired.removed, 0);
    bed.clock.advance(DAY);
    let expired = bed.auth.expire_unverified(None, 100).await.unwrap();
    assert_eq!(expired.removed, 1);
}

#[tokio::test]
async fn accounts_expire_page_by_page() {
    let bed = Bed::mailing_with(expiring(Timestamp::MIN));
    for number in 0..7 {
        bed.register(&format!("user{number}@example.org")).await;
        bed.clock.advance(Duration::from_secs(1));
    }
    bed.clock.advance(10 * DAY);
    let (mut after, mut removed) = (None, Vec::new());
    loop {
        let expired = bed.auth.expire_unverified(after, 3).await.unwrap();
        removed.push(expired.removed);
        after = expired.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(removed, [3, 3, 1]);
}

/// Else a login between the read and the removal would open a session of a removed user.
#[tokio::test]
async fn a_login_in_the_last_moment_keeps_the_account() {
    let bed = Bed::mailing();
    let ann = bed.register(ANN).await.user_id;
    let seen = bed.store.user(ann).await.unwrap().unwrap();
    bed.clock.advance(DAY);
    bed.login(ANN, PASSWORD).await.unwrap();
    let which = Removal::UnverifiedSince(seen.last_login);
    let removed = bed.store.remove_user(&seen.exact_state(), which).await;
    assert!(!removed.unwrap());
}

#[test]
fn expiry_needs_a_mailer_and_a_day() {
    let refused = AuthService::builder(MemoryStore::new())
        .config(expiring(Timestamp::MIN))
        .keyring(keyring())
        .build();
    assert!(matches!(refused, Err(ConfigError::Invalid { .. })));
    let mut settings = config();
    let hour = Duration::from_secs(3600);
    settings.unverified_expiry = Some(UnverifiedExpiry::new(hour, Timestamp::MIN));
    assert!(matches!(
        settings.validate(),
        Err(ConfigError::Invalid {
            setting: "unverified_expiry",
            ..
        })
    ));
}

#[tokio::test]
async fn an_account_that_was_created_for_its_owner_stays() {
    let bed = Bed::mailing_with(expiring(Timestamp::MIN));
    let new = admittance::service::NewUser::new(ANN, "Ann");
    bed.auth.create_user(new, &bed.here).await.unwrap();
    bed.clock.advance(100 * DAY);
    let expired = bed.auth.expire_unverified(None, 100).await.unwrap();
    assert_eq!(expired.removed, 0);
    assert_eq!(emails(&bed).await, [ANN]);
}
