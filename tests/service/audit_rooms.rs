//! What pushes what out of the audit log, what leaves nothing there, and what is
//! counted.

use std::time::Duration;

use admittance::audit::{AuditClass, AuditPolicy, AuditRecord};
use admittance::clock::Clock;
use admittance::error::{AuthError, ErrorCode};
use admittance::event::Operation::{self, *};
use admittance::id::{SessionId, UserId};
use admittance::service::{
    Authenticated, ChangeRoles, ListSessions, RequestContext, SetStatus, UpdateProfile,
};
use admittance::store::{AuditStore, MemoryStore};
use admittance::user::UserStatus;
use serde_json::json;

use crate::office::{ANN, Office, settings};
use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, login};

fn audited() -> Bed {
    let store = MemoryStore::new();
    let mut settings = settings();
    settings.limits = admittance::config::LimitPolicy::off();
    Bed::built(store.clone(), settings, |builder, _| {
        builder.audit_log(store, AuditPolicy::default())
    })
}

/// What is kept about the user, the oldest first.
async fn kept(bed: &Bed, user: UserId) -> Vec<AuditRecord> {
    bed.auth.flush_events().await;
    let all = bed.store.events_of(user, None, 10_000, bed.clock.now());
    let mut all = all.await.unwrap();
    all.reverse();
    all
}

async fn operations(bed: &Bed, user: UserId) -> Vec<Operation> {
    let all = kept(bed, user).await;
    all.iter().map(|event| event.operation).collect()
}

fn update(value: serde_json::Value) -> UpdateProfile {
    serde_json::from_value(value).unwrap()
}

fn name(number: usize) -> UpdateProfile {
    update(json!({ "name": format!("Ann {number}") }))
}

/// A stranger who has logged in to Ann's account.
async fn intruder(bed: &Bed) -> (RequestContext, Authenticated) {
    bed.register(ANN).await;
    bed.clock.advance(Duration::from_secs(1));
    let there = RequestContext::from_ip([198, 51, 100, 7].into()).with_user_agent("stranger");
    let opened = bed.auth.login(login(ANN, PASSWORD), &there).await.unwrap();
    let who = bed.validate(&opened.tokens).await.unwrap();
    (there, who)
}

/// The login from elsewhere is there.
async fn is_seen(bed: &Bed, who: &Authenticated, there: &RequestContext, what: &str) {
    let all = kept(bed, who.user().id).await;
    let is_login = |event: &&AuditRecord| event.operation == Login && event.ip == there.ip();
    let found = all
        .iter()
        .find(is_login)
        .unwrap_or_else(|| panic!("{what}"));
    assert_eq!(found.session_id, Some(who.session().id), "{what}");
    assert_eq!(found.class, AuditClass::Credentials, "{what}");
}

#[tokio::test]
async fn asvs_16_4_1_twelve_hundred_updates_of_any_kind_push_no_login_out() {
    let bed = audited();
    let (there, who) = intruder(&bed).await;
    let id = who.user().id;
    let entered = operations(&bed, id).await;
    assert_eq!(entered, [Register, Login]);

    for _ in 0..1200 {
        let nothing = bed
            .auth
            .update_profile(&who, UpdateProfile::default(), &there);
        nothing.await.unwrap();
    }
    assert_eq!(operations(&bed, id).await, entered, "empty ones");
    let same = json!({ "name": who.user().name.as_str(), "preferences": {} });
    for _ in 0..1200 {
        let same = bed.auth.update_profile(&who, update(same.clone()), &there);
        same.await.unwrap();
    }
    assert_eq!(operations(&bed, id).await, entered, "ones with nothing new");

    for number in 0..1200 {
        bed.clock.advance(Duration::from_millis(1));
        let change = bed.auth.update_profile(&who, name(number), &there);
        change.await.unwrap();
        if number % 500 == 499 {
            bed.auth.flush_events().await;
        }
    }
    let all = kept(&bed, id).await;
    assert_eq!(all.len(), 3, "equal ones in a row");
    assert_eq!((all[2].count, all[2].at), (1200, bed.clock.now()));

    // From here and there in turn, so that none is equal to the one before, and
    // refused ones among them.
    for number in 0..3600 {
        let from = [&there, &bed.here][number % 2];
        let change = match number % 3 {
            0 => update(json!({ "name": "" })),
            _ => name(number),
        };
        let changed = bed.auth.update_profile(&who, change, from).await;
        assert_eq!(changed.is_err(), number % 3 == 0);
        let _ = bed
            .auth
            .list_sessions(&who, ListSessions::default(), from)
            .await;
        if number % 500 == 499 {
            bed.auth.flush_events().await;
        }
    }
    let all = kept(&bed, id).await;
    assert_eq!(all.len(), 2 + 1000, "what else was done has its own room");
    is_seen(&bed, &who, &there, "updates").await;

    for number in 0..1200 {
        let from = [&there, &bed.here][number % 2];
        bed.auth.export_account(&who, from).await.unwrap();
        if number % 500 == 499 {
            bed.auth.flush_events().await;
        }
    }
    is_seen(&bed, &who, &there, "exports").await;
}

#[tokio::test]
async fn asvs_16_4_1_what_is_refused_pushes_no_login_out() {
    let bed = audited();
    let (there, who) = intruder(&bed).await;
    for number in 0..600 {
        let from = [&there, &bed.here][number % 2];
        let _ = bed.auth.login(login(ANN, OTHER_PASSWORD), from).await;
        let nowhere = SessionId::from_bytes([7; 12]);
        let ended = bed.auth.end_session(&who, nowhere, from).await;
        assert!(matches!(ended, Err(AuthError::NotFound)));
    }
    let all = kept(&bed, who.user().id).await;
    assert_eq!(all.len(), 2 + 200, "the room of what was tried");
    is_seen(&bed, &who, &there, "refusals").await;
}

#[tokio::test]
async fn asvs_16_2_1_equal_records_in_a_row_are_one_with_a_count() {
    let bed = audited();
    let ann = bed.register(ANN).await;
    let guess = async |ip: &str, agent: &str| {
        let from = RequestContext::from_ip(ip.parse().unwrap()).with_user_agent(agent);
        let refused = bed.auth.login(login(ANN, OTHER_PASSWORD), &from).await;
        assert!(matches!(refused, Err(AuthError::InvalidCredentials)));
        bed.clock.advance(Duration::from_secs(60));
    };
    let first = bed.clock.now();
    for number in 0..20 {
        guess(&format!("2001:db8::{number:x}"), "curl").await;
    }
    guess("2001:db8:0:1::1", "curl").await;
    guess("2001:db8:0:1::1", "other").await;
    guess("192.0.2.8", "other").await;
    guess("192.0.2.9", "other").await;
    guess("192.0.2.9", "other").await;
    let second = bed.login(ANN, PASSWORD).await.unwrap().tokens;
    guess("192.0.2.9", "other").await;
    let all = kept(&bed, ann.user_id).await;
    let seen: Vec<_> = all
        .iter()
        .map(|event| (event.refused, event.count))
        .collect();
    let wrong = Some(ErrorCode::InvalidCredentials);
    let expected = [
        (None, 1),
        (wrong, 20),
        (wrong, 1),
        (wrong, 1),
        (wrong, 1),
        (wrong, 2),
        (None, 1),
        (wrong, 1),
    ];
    assert_eq!(seen, expected);
    let counted = &all[1];
    assert_eq!(
        counted.at,
        first.saturating_add(Duration::from_secs(19 * 60))
    );
    assert_eq!(counted.ip, Some("2001:db8::13".parse().unwrap()));
    let policy = AuditPolicy::default();
    assert_eq!(
        counted.expires_at,
        counted.at.saturating_add(policy.max_age)
    );

    // As the owner reads it.
    let who = bed.validate(&second).await.unwrap();
    let page = admittance::service::ListEvents::default();
    let list = bed.auth.list_events(&who, page, &bed.here).await.unwrap();
    let of_owner: Vec<u64> = list.events.iter().rev().map(|event| event.count).collect();
    assert_eq!(of_owner, expected.map(|(_, count)| count));
    let shown = serde_json::to_value(&list.events[6]).unwrap();
    assert_eq!(
        (&shown["count"], &shown["at"]),
        (&json!(20), &json!(counted.at))
    );
}

/// What was reported since the events were `before`, each with whether it says that
/// nothing changed.
fn reported(bed: &Bed, before: usize) -> Vec<(Operation, bool)> {
    let events = bed.events.all();
    let new = events.iter().skip(before);
    new.map(|event| (event.operation, event.unchanged))
        .collect()
}

#[tokio::test]
async fn asvs_16_2_1_what_changed_nothing_is_an_event_and_leaves_no_record() {
    let office = Office::over(audited()).await;
    let (bed, auth, here, ann) = (&office.bed, office.auth(), &office.bed.here, office.ann_id);
    let who = bed.validate(&office.ann).await.unwrap();
    let status = async |status| {
        let set = auth.set_user_status(&office.ada, ann, SetStatus { status }, here);
        set.await.map(drop).unwrap();
    };
    let roles = async |grant: &[&str], revoke: &[&str]| {
        let change = ChangeRoles {
            grant: grant.iter().map(|name| (*name).to_owned()).collect(),
            revoke: revoke.iter().map(|name| (*name).to_owned()).collect(),
        };
        let change = auth.change_user_roles(&office.ada, ann, change, here);
        change.await.map(drop).unwrap();
    };
    let nowhere = SessionId::from_bytes([7; 12]);
    for is_again in [false, true] {
        let (before, records) = (bed.events.all().len(), kept(bed, ann).await.len());
        auth.update_profile(&who, name(1), here).await.unwrap();
        roles(&["support"], &["student"]).await;
        let expected = [(UpdateProfile, is_again), (ChangeRoles, is_again)];
        assert_eq!(reported(bed, before), expected);
        let left = kept(bed, ann).await.len() - records;
        assert_eq!(left, if is_again { 0 } else { 2 });
    }
    let before = bed.events.all().len();
    let records = kept(bed, ann).await.len();
    roles(&[], &["student"]).await;
    roles(&["support"], &[]).await;
    roles(&[], &[]).await;
    assert_eq!(auth.end_all_sessions(&who, here).await.unwrap(), 0);
    assert!(auth.end_session(&who, nowhere, here).await.is_err());
    let ended = auth.end_user_session(&office.ada, ann, nowhere, here).await;
    assert!(ended.is_err());
    status(UserStatus::Active).await;
    assert_eq!(
        reported(bed, before),
        [
            (ChangeRoles, true),
            (ChangeRoles, true),
            (ChangeRoles, true),
            (EndAllSessions, true),
            (EndSession, false),
            (EndUserSession, false),
            (EnableUser, true),
        ]
    );
    assert_eq!(kept(bed, ann).await.len(), records);

    // Two that do change something, and each of them again.
    for (is_again, records) in [(false, 1), (true, 0)] {
        let (before, had) = (bed.events.all().len(), kept(bed, ann).await.len());
        let ended = auth
            .end_user_sessions(&office.ada, ann, here)
            .await
            .unwrap();
        assert_eq!(ended == 0, is_again);
        assert_eq!(reported(bed, before), [(EndUserSessions, is_again)]);
        assert_eq!(kept(bed, ann).await.len() - had, records);
    }
    for (is_again, records) in [(false, 1), (true, 0)] {
        let (before, had) = (bed.events.all().len(), kept(bed, ann).await.len());
        status(UserStatus::Disabled).await;
        assert_eq!(reported(bed, before), [(DisableUser, is_again)]);
        assert_eq!(kept(bed, ann).await.len() - had, records);
    }
    let role = crate::office::role("admin");
    let ada = office.ada.user().id;
    let (before, had) = (bed.events.all().len(), kept(bed, ada).await.len());
    let appointed = auth.appoint_administrator(crate::office::ADMIN, &role, here);
    appointed.await.unwrap();
    assert_eq!(reported(bed, before), [(AppointAdministrator, true)]);
    assert_eq!(kept(bed, ada).await.len(), had);
}
