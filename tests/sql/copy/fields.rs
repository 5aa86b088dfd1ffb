//! Each field of each record counts: a target that has another value is found out.

use std::time::Duration;

use admittance::audit::{AuditClass, AuditRecord};
use admittance::email::{CanonicalEmail, Email};
use admittance::error::ErrorCode;
use admittance::event::{Notice, Operation};
use admittance::extra::Extra;
use admittance::id::{EventId, IdentityId, SessionId, UserId};
use admittance::identity::{Identity, Issuer, ProviderId, SubjectId};
use admittance::limit::LimitKey;
use admittance::lockout::Attempts;
use admittance::mail::MailKind;
use admittance::preferences::{Metadata, Preferences};
use admittance::proof::Proof;
use admittance::session::{Session, SessionLength};
use admittance::store::MemoryStore;
use admittance::store::copy::{CopyError, CopyStore, KeptAttempts, Record, RecordStore};
use admittance::time::Timestamp;
use admittance::token::{OneTimeToken, PendingSignIn, TokenDigest, TokenPurpose};
use admittance::user::{HookKind, User, UserStatus};
use serde_json::{Map, Value, json};
use support::sample::{at, device, event, hash, identity, key, role, session, token, user};

use super::opened::{copied, resuming};

/// What a test calls a change, and the change.
type Change<R> = (&'static str, fn(&mut R));

/// Fails unless each change makes a record that is not taken for `record`.
async fn count<R: Record>(record: R, changes: &[Change<R>])
where
    MemoryStore: RecordStore<R> + CopyStore,
{
    let with = async |record: R| {
        let store = MemoryStore::new();
        store.put(vec![record]).await.unwrap();
        store
    };
    let source = with(record.clone()).await;
    copied(&source, &with(record.clone()).await, &resuming())
        .await
        .unwrap();
    for (field, change) in changes {
        let mut changed = record.clone();
        change(&mut changed);
        let outcome = copied(&source, &with(changed).await, &resuming()).await;
        let is_found = matches!(outcome, Err(CopyError::Differs(kind)) if kind == R::KIND);
        assert!(is_found, "{field}: {outcome:?}");
    }
}

fn later(time: &mut Timestamp) {
    *time = time.saturating_add(Duration::from_millis(1));
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// Changes the identity of a user who has one.
fn change(user: &mut User, change: fn(&mut Identity)) {
    let mut one = user.identities.iter().next().unwrap().clone();
    change(&mut one);
    user.identities = [one].into_iter().collect();
}

#[tokio::test]
async fn each_field_of_a_user_counts() {
    let mut record = user(1);
    record.identities = [identity(1)].into_iter().collect();
    record.preferences = Preferences::from_store(object(json!({ "a": 1, "b": [1, 2] })));
    count::<User>(
        record,
        &[
            ("id", |user| user.id = UserId::from_bytes([0xff; 12])),
            ("email", |user| {
                user.email = Email::from_store(
                    "Canary1@example.org".to_owned(),
                    user.email.canonical().as_str().to_owned(),
                );
            }),
            ("email.canonical", |user| {
                user.email = Email::from_store(user.email.as_str().to_owned(), "x@y.z".to_owned());
            }),
            ("name", |user| {
                user.name = admittance::user::DisplayName::parse("Zoe").unwrap()
            }),
            ("password_hash", |user| user.password_hash = Some(hash(2))),
            ("password_hash, none", |user| user.password_hash = None),
            ("created_at", |user| later(&mut user.created_at)),
            ("last_login", |user| user.last_login = Some(at(0))),
            ("is_verified", |user| user.is_verified = true),
            ("roles", |user| user.roles.extend([role(1)])),
            ("roles, none", |user| user.roles.clear()),
            ("preferences", |user| {
                user.preferences = Preferences::from_store(object(json!({ "a": 2, "b": [1, 2] })));
            }),
            ("preferences, a double", |user| {
                user.preferences =
                    Preferences::from_store(object(json!({ "a": 1.0, "b": [1, 2] })));
            }),
            ("preferences, another order", |user| {
                user.preferences = Preferences::from_store(object(json!({ "a": 1, "b": [2, 1] })));
            }),
            ("preferences, another name", |user| {
                user.preferences = Preferences::from_store(object(json!({ "a": 1, "c": [1, 2] })));
            }),
            ("metadata", |user| {
                user.metadata = Metadata::from_store(object(json!({ "a": null })));
            }),
            ("pending_hook", |user| user.pending_hook = None),
            ("pending_hook.kind", |user| {
                user.pending_hook.as_mut().unwrap().kind = HookKind::Verified;
            }),
            ("pending_hook.data", |user| {
                user.pending_hook.as_mut().unwrap().data = Map::new();
            }),
            ("status", |user| user.status = UserStatus::Disabled),
            ("auth_epoch", |user| user.auth_epoch += 1),
            ("link_epoch", |user| user.link_epoch += 1),
            ("version", |user| user.version += 1),
            ("devices", |user| user.devices.push(device(1))),
            ("identities, none", |user| {
                user.identities = [].into_iter().collect();
            }),
            ("identities, more", |user| {
                let all = user.identities.iter().cloned();
                user.identities = all.chain([identity(2)]).collect();
            }),
            ("identities.id", |user| {
                change(user, |one| one.id = IdentityId::from_bytes([0; 12]));
            }),
            ("identities.provider", |user| {
                change(user, |one| one.provider = ProviderId::parse("x").unwrap());
            }),
            ("identities.issuer", |user| {
                change(user, |one| one.issuer = Issuer::parse("x").unwrap());
            }),
            ("identities.subject", |user| {
                change(user, |one| one.subject = SubjectId::parse("x").unwrap());
            }),
            ("identities.email", |user| {
                change(user, |one| one.email = None);
            }),
            ("identities.created_at", |user| {
                change(user, |one| later(&mut one.created_at));
            }),
            ("identities.last_used_at", |user| {
                change(user, |one| later(&mut one.last_used_at));
            }),
        ],
    )
    .await;
}

#[tokio::test]
async fn each_field_of_a_session_counts() {
    count::<Session>(
        session(1, 1),
        &[
            ("id", |session| {
                session.id = SessionId::from_bytes([0xff; 12])
            }),
            ("user_id", |session| {
                session.user_id = UserId::from_bytes([0; 12])
            }),
            ("auth_epoch", |session| session.auth_epoch += 1),
            ("created_at", |session| later(&mut session.created_at)),
            ("proofs", |session| {
                session.proofs = [].into_iter().collect()
            }),
            ("proofs.at", |session| {
                session.proofs = Proof::by_password(at(1)).into()
            }),
            ("last_seen_at", |session| later(&mut session.last_seen_at)),
            ("expires_at", |session| later(&mut session.expires_at)),
            ("absolute_expires_at", |session| {
                later(&mut session.absolute_expires_at)
            }),
            ("length", |session| session.length = SessionLength::Short),
            ("refresh_counter", |session| session.refresh_counter += 1),
            ("ip", |session| session.ip = None),
            ("ip, other", |session| {
                session.ip = Some("2001:db8::8".parse().unwrap())
            }),
            ("user_agent", |session| session.user_agent = None),
            ("user_agent, empty", |session| {
                session.user_agent = Some(String::new())
            }),
        ],
    )
    .await;
}

#[tokio::test]
async fn each_field_of_a_token_counts() {
    let begun = || {
        Some(PendingSignIn {
            proofs: Proof::by_password(at(1)).into(),
            length: SessionLength::Usual,
        })
    };
    let mut record = token(2, 1);
    record.sign_in = begun();
    count::<OneTimeToken>(
        record,
        &[
            ("digest", |token| {
                token.digest = TokenDigest::from_bytes([0; 32])
            }),
            ("purpose", |token| token.purpose = TokenPurpose::VerifyEmail),
            ("account.id", |token| {
                token.account.id = UserId::from_bytes([0; 12])
            }),
            ("account.email", |token| {
                token.account.email = CanonicalEmail::from_store("x@y.z".to_owned());
            }),
            ("account.auth_epoch", |token| {
                token.account.auth_epoch = None
            }),
            ("account.auth_epoch, other", |token| {
                token.account.auth_epoch = Some(7)
            }),
            ("account.link_epoch", |token| token.account.link_epoch += 1),
            ("email", |token| {
                token.email = Email::parse("x@example.org").unwrap()
            }),
            ("registration", |token| token.registration = None),
            ("registration.user_id", |token| {
                token.registration.as_mut().unwrap().user_id = UserId::from_bytes([0; 12]);
            }),
            ("registration.name", |token| {
                let name = admittance::user::DisplayName::parse("Zoe").unwrap();
                token.registration.as_mut().unwrap().name = name;
            }),
            ("registration.password_hash", |token| {
                token.registration.as_mut().unwrap().password_hash = hash(77);
            }),
            ("registration.extra", |token| {
                token.registration.as_mut().unwrap().extra = Extra::default();
            }),
            ("sign_in", |token| token.sign_in = None),
            ("sign_in.proofs", |token| {
                token.sign_in.as_mut().unwrap().proofs = Proof::by_password(at(2)).into();
            }),
            ("sign_in.length", |token| {
                token.sign_in.as_mut().unwrap().length = SessionLength::Short;
            }),
            ("created_at", |token| later(&mut token.created_at)),
            ("expires_at", |token| later(&mut token.expires_at)),
        ],
    )
    .await;
}

#[tokio::test]
async fn each_field_of_kept_attempts_counts() {
    let record = KeptAttempts {
        key: key(1),
        attempts: Attempts {
            count: 1,
            open_at: at(1),
            forgotten_at: at(1000),
            last_at: at(1),
        },
    };
    count::<KeptAttempts>(
        record,
        &[
            ("key", |kept| kept.key = LimitKey::from_bytes([0; 16])),
            ("count", |kept| kept.attempts.count += 1),
            ("open_at", |kept| later(&mut kept.attempts.open_at)),
            ("forgotten_at", |kept| {
                later(&mut kept.attempts.forgotten_at)
            }),
            ("last_at", |kept| later(&mut kept.attempts.last_at)),
        ],
    )
    .await;
}

#[tokio::test]
async fn each_field_of_an_event_counts() {
    let mut record = event(1, 1);
    record.session_id = Some(SessionId::from_bytes([7; 12]));
    record.ip = Some("192.0.2.1".parse().unwrap());
    record.user_agent = Some("a browser".to_owned());
    count::<AuditRecord>(
        record,
        &[
            ("id", |event| event.id = EventId::from_bytes([0; 12])),
            ("last_id", |event| {
                event.last_id = EventId::from_bytes([0xff; 12])
            }),
            ("count", |event| event.count += 1),
            ("user_id", |event| {
                event.user_id = UserId::from_bytes([0; 12])
            }),
            ("class", |event| event.class = AuditClass::Credentials),
            ("at", |event| later(&mut event.at)),
            ("operation", |event| event.operation = Operation::Logout),
            ("refused", |event| event.refused = None),
            ("refused, other", |event| {
                event.refused = Some(ErrorCode::Forbidden)
            }),
            ("notices", |event| {
                event.notices = [Notice::EventLost].into()
            }),
            ("notices, none", |event| event.notices = [].into()),
            ("actor_id", |event| event.actor_id = None),
            ("session_id", |event| event.session_id = None),
            ("mail", |event| event.mail = None),
            ("mail, other", |event| {
                event.mail = Some(MailKind::AccountLocked)
            }),
            ("ip", |event| {
                event.ip = Some("::ffff:192.0.2.1".parse().unwrap())
            }),
            ("user_agent", |event| event.user_agent = None),
            ("expires_at", |event| later(&mut event.expires_at)),
        ],
    )
    .await;
}
