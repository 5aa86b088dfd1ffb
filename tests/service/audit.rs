//! The audit log: what is kept, for whom, for how long, and who may read it.

use std::time::Duration;

use admittance::audit::{AuditPolicy, AuditRecord, OnDeletion};
use admittance::authz::{Role, RolePolicy};
use admittance::clock::Clock;
use admittance::config::{AuthConfig, LimitPolicy};
use admittance::error::{AuthError, ErrorCode};
use admittance::event::Operation::{self, *};
use admittance::id::{EventId, UserId};
use admittance::mail::MailKind;
use admittance::service::{
    Authenticated, DeleteAccount, EmailRequest, EventView, LinkRequest, ListEvents, ListSessions,
    RequestContext, Tokens, UpdateProfile,
};
use admittance::store::{AuditStore, Insert, MemoryStore, RoleChange, StoreError, UserStore};
use admittance::time::Timestamp;
use async_trait::async_trait;

use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, config, login, mail_config};

const ANN: &str = "ann@example.org";
const BOB: &str = "bob@example.org";
const DAY: Duration = Duration::from_secs(86_400);

fn audited() -> Bed {
    audited_by(AuditPolicy::default())
}

fn audited_by(policy: AuditPolicy) -> Bed {
    let store = MemoryStore::new();
    Bed::built(store.clone(), config(), |builder, _| {
        builder.audit_log(store, policy)
    })
}

fn unlimited() -> AuthConfig {
    let mut settings = config();
    settings.limits = LimitPolicy::off();
    settings
}

fn unlimited_by(policy: AuditPolicy) -> Bed {
    let store = MemoryStore::new();
    Bed::built(store.clone(), unlimited(), |builder, _| {
        builder.audit_log(store, policy)
    })
}

fn mailing_by(policy: AuditPolicy) -> Bed {
    let store = MemoryStore::new();
    Bed::built(store.clone(), config(), |builder, mailbox| {
        builder
            .audit_log(store, policy)
            .mail(mailbox, mail_config())
    })
}

async fn events(bed: &Bed, who: &Authenticated) -> Vec<EventView> {
    bed.auth.flush_events().await;
    let page = ListEvents {
        limit: Some(200),
        ..ListEvents::default()
    };
    let list = bed.auth.list_events(who, page, &bed.here).await.unwrap();
    assert_eq!(list.next, None);
    list.events
}

fn outcomes(events: &[EventView]) -> Vec<(Operation, Option<ErrorCode>)> {
    let outcome = |event: &EventView| (event.operation, event.refused);
    events.iter().rev().map(outcome).collect()
}

async fn stored(bed: &Bed, user: UserId) -> usize {
    bed.auth.flush_events().await;
    let all = bed.store.events_of(user, None, 10_000, bed.clock.now());
    all.await.unwrap().len()
}

async fn delete(bed: &Bed, tokens: &Tokens) {
    let who = bed.validate(tokens).await.unwrap();
    let request = DeleteAccount {
        current_password: PASSWORD.into(),
    };
    let deleted = bed.auth.delete_account(&who, request, &bed.here);
    deleted.await.unwrap();
    bed.auth.flush_mail().await;
    bed.auth.flush_events().await;
}

#[tokio::test]
async fn asvs_16_2_1_and_16_3_1_users_read_what_was_done_and_tried_with_their_account() {
    let bed = audited();
    let ann = bed.register(ANN).await;
    let _ = bed.login(ANN, OTHER_PASSWORD).await;
    bed.clock.advance(Duration::from_secs(1));
    let there = RequestContext::from_ip([198, 51, 100, 7].into()).with_user_agent("elsewhere");
    let second = bed.auth.login(login(ANN, PASSWORD), &there).await.unwrap();
    let who = bed.validate(&second.tokens).await.unwrap();
    let changed = bed.change_password(&who, PASSWORD, OTHER_PASSWORD).await;
    let who = bed.validate(&changed.unwrap().tokens).await.unwrap();

    let events = events(&bed, &who).await;
    assert_eq!(
        outcomes(&events),
        [
            (Register, None),
            (Login, Some(ErrorCode::InvalidCredentials)),
            (Login, None),
            (ChangePassword, None),
        ]
    );
    // Who, what, when and from where, as in the event that was reported.
    let reported = bed.events.all();
    let login = reported.iter().rfind(|event| event.operation == Login);
    let (kept, login) = (&events[1], login.unwrap());
    assert_eq!(login.user_id, Some(ann.user_id));
    assert_eq!(kept.at, login.at);
    assert_eq!(kept.session_id, login.session_id);
    assert_eq!((kept.ip, login.ip), (there.ip(), there.ip()));
    assert_eq!(kept.user_agent.as_deref(), Some("elsewhere"));
    assert_eq!(kept.notices.first().copied(), login.notices.first());
    assert!(kept.at > events[2].at && !kept.by_other);
}

#[tokio::test]
async fn asvs_8_2_2_nobody_reads_the_events_of_others() {
    let bed = audited();
    let ann = bed.register(ANN).await.tokens;
    let bob = bed.register(BOB).await.tokens;
    for _ in 0..3 {
        bed.login(BOB, PASSWORD).await.unwrap();
    }
    let (ann, bob) = (
        bed.validate(&ann).await.unwrap(),
        bed.validate(&bob).await.unwrap(),
    );
    assert_eq!(outcomes(&events(&bed, &ann).await), [(Register, None)]);
    let of_bob = events(&bed, &bob).await;
    assert_eq!(of_bob.len(), 4);
    // Nor by asking for what comes before an event of theirs.
    let page = ListEvents {
        before: Some(of_bob[0].event_id),
        limit: None,
    };
    let list = bed.auth.list_events(&ann, page, &bed.here).await.unwrap();
    let is_own = |event: &EventView| event.operation == Register;
    assert!(list.events.len() == 1 && list.events.iter().all(is_own));
}

#[tokio::test]
async fn pages_reach_every_event_and_then_end() {
    let bed = audited();
    let tokens = bed.register(ANN).await.tokens;
    for _ in 0..6 {
        bed.login(ANN, PASSWORD).await.unwrap();
    }
    let ann = bed.validate(&tokens).await.unwrap();
    let all = events(&bed, &ann).await;
    assert_eq!(all.len(), 7);
    for limit in 1..=8 {
        let (mut seen, mut before) = (Vec::new(), None);
        loop {
            let limit = Some(limit);
            let page = ListEvents { before, limit };
            let list = bed.auth.list_events(&ann, page, &bed.here).await.unwrap();
            seen.extend(list.events);
            before = list.next;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(seen, all, "by {limit}");
    }
    for limit in [0, 201] {
        let page = ListEvents {
            before: None,
            limit: Some(limit),
        };
        let refused = bed.auth.list_events(&ann, page, &bed.here).await;
        assert!(matches!(refused, Err(AuthError::Validation(_))), "{limit}");
    }
}

#[tokio::test]
async fn ghsa_30_strangers_and_floods_make_no_records() {
    let bed = mailing_by(AuditPolicy::default());
    let ann = bed.register(ANN).await;
    bed.auth.flush_mail().await;
    let before = stored(&bed, ann.user_id).await;
    let forged = admittance::secret::RefreshToken::new(format!("adr_{}", "A".repeat(72)));
    for turn in 0..2000 {
        let _ = bed.auth.validate_token("e30.e30.AAAA", &bed.here).await;
        let refresh = admittance::service::RefreshRequest {
            refresh_token: forged.clone(),
        };
        let _ = bed.auth.refresh(refresh, &bed.here).await;
        let email = EmailRequest {
            email: format!("nobody{turn}@example.org"),
        };
        let _ = bed.auth.forgot_password(email, &bed.here).await;
        let nobody = format!("nobody{turn}@example.org");
        assert!(bed.login(&nobody, PASSWORD).await.is_err());
    }
    // A client with a dead token, and a session that is checked often.
    let who = bed.validate(&ann.tokens).await.unwrap();
    for _ in 0..100 {
        bed.auth
            .list_sessions(&who, ListSessions::default(), &bed.here)
            .await
            .unwrap();
        let page = ListEvents::default();
        bed.auth.list_events(&who, page, &bed.here).await.unwrap();
    }
    bed.auth.logout(&who, &bed.here).await.unwrap();
    for _ in 0..100 {
        assert!(bed.validate(&ann.tokens).await.is_err());
        assert!(bed.refresh(&ann.tokens).await.is_err());
        let request = admittance::service::RefreshRequest {
            refresh_token: ann.tokens.refresh_token.clone(),
        };
        let left = bed.auth.logout_by_refresh_token(request, &bed.here).await;
        assert!(left.is_err());
    }
    assert_eq!(stored(&bed, ann.user_id).await, before + 1, "the logout");
    // A flood of guesses at one account ends at its limit.
    bed.clock.advance(Duration::from_secs(3600));
    let mut counted = 0;
    for _ in 0..500 {
        match bed.login(ANN, OTHER_PASSWORD).await {
            Err(AuthError::InvalidCredentials) => counted += 1,
            Err(AuthError::RateLimited { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!((1..60).contains(&counted), "{counted}");
    bed.auth.flush_mail().await;
    let kept = stored(&bed, ann.user_id).await;
    // Equal ones in a row, the one that locks the account, and the mail of it.
    assert!((before + 2..before + 10).contains(&kept), "{kept}");
    assert_eq!(bed.store.counts().events, kept);
    let all = bed.store.events_of(ann.user_id, None, 100, bed.clock.now());
    let all = all.await.unwrap();
    let refused = all.iter().filter(|event| event.refused.is_some());
    assert_eq!(refused.map(|event| event.count).sum::<u64>(), counted);
}

#[tokio::test]
async fn asvs_16_4_1_what_strangers_try_pushes_out_nothing_that_was_done() {
    let mut policy = AuditPolicy::default();
    (policy.credentials, policy.done, policy.tried) = (4, 1, 3);
    let store = MemoryStore::new();
    let bed = Bed::built(store.clone(), unlimited(), |builder, mailbox| {
        builder
            .audit_log(store, policy)
            .mail(mailbox, mail_config())
    });
    let tokens = bed.register(ANN).await.tokens;
    bed.login(ANN, PASSWORD).await.unwrap();
    for _ in 0..50 {
        let _ = bed.login(ANN, OTHER_PASSWORD).await;
        let email = EmailRequest { email: ANN.into() };
        let _ = bed.auth.forgot_password(email, &bed.here).await;
        bed.auth.flush_mail().await;
    }
    let ann = bed.validate(&tokens).await.unwrap();
    let seen = outcomes(&events(&bed, &ann).await);
    assert!(
        seen.starts_with(&[(Register, None), (Login, None)]),
        "{seen:?}"
    );
    assert_eq!(seen.len(), 2 + 3);
    // And of what was done, the newest is there.
    for _ in 0..10 {
        bed.login(ANN, PASSWORD).await.unwrap();
    }
    assert_eq!(events(&bed, &ann).await.len(), 4 + 3);
    let update = UpdateProfile {
        name: Some("Ann Lee".into()),
        preferences: None,
    };
    bed.auth
        .update_profile(&ann, update, &bed.here)
        .await
        .unwrap();
    let all = events(&bed, &ann).await;
    assert_eq!(
        (all.len(), all[0].operation),
        (4 + 1 + 3, Operation::UpdateProfile)
    );
}

#[tokio::test]
async fn asvs_16_4_1_what_is_kept_of_a_client_is_bounded_and_injects_nothing() {
    let bed = audited();
    let hostile = format!("a\r\nb\u{1b}[2J\u{202e}{}", "x".repeat(1024 * 1024));
    let here = RequestContext::default().with_user_agent(&hostile);
    let request = support::bed::registration(ANN);
    let opened = bed.auth.register(request, &here).await.unwrap().opened();
    let ann = bed.validate(&opened.unwrap().tokens).await.unwrap();
    let all = events(&bed, &ann).await;
    let agent = all[0].user_agent.as_deref().unwrap();
    assert!(agent.starts_with("ab[2Jxxx"), "{agent}");
    assert_eq!(agent.chars().count(), 256);
}

#[tokio::test]
async fn an_hour_back_loses_nothing_and_ten_years_on_all_has_expired() {
    let mut policy = AuditPolicy::default();
    (policy.credentials, policy.tried) = (3, 3);
    let bed = unlimited_by(policy.clone());
    let tokens = bed.register(ANN).await.tokens;
    let ann = bed.validate(&tokens).await.unwrap().user().id;
    let log_in = async || bed.login(ANN, PASSWORD).await.map(drop).unwrap();
    log_in().await;
    // From the store: her session ends before the events do.
    let kept = async || {
        bed.auth.flush_events().await;
        let all = bed.store.events_of(ann, None, 200, bed.clock.now());
        all.await.unwrap()
    };

    bed.clock.turn_back(Duration::from_secs(3600));
    log_in().await;
    let after = kept().await;
    assert_eq!(after.len(), 3);
    // By the clock: what was done when it was turned back comes first.
    let first = after.last().unwrap();
    assert_eq!((first.operation, first.refused), (Login, None));
    assert!(after.is_sorted_by(|a, b| a.at >= b.at));

    // To the millisecond.
    bed.clock.advance(policy.max_age - Duration::from_millis(1));
    assert_eq!(kept().await.len(), 3);
    bed.clock.advance(Duration::from_millis(1));
    assert_eq!(kept().await.len(), 2);

    bed.clock.advance(3650 * DAY);
    assert_eq!(kept().await, []);
    for _ in 0..3 {
        log_in().await;
    }
    assert_eq!(kept().await.len(), 3);
    // Records of a clock that was ahead displace no other record.
    bed.clock.turn_back(3650 * DAY);
    for turn in 1..=5 {
        log_in().await;
        let all = kept().await;
        let of_now = all.iter().filter(|event| event.at == bed.clock.now());
        assert_eq!(of_now.count(), turn.min(3));
    }
}

#[tokio::test]
async fn a_deleted_account_leaves_its_events_until_they_expire_or_none_at_all() {
    for on_deletion in [OnDeletion::Keep, OnDeletion::Remove] {
        let mut policy = AuditPolicy::default();
        policy.on_deletion = on_deletion;
        let bed = mailing_by(policy.clone());
        let ann = bed.register(ANN).await;
        let bob = bed.register(BOB).await;
        bed.login(ANN, PASSWORD).await.unwrap();
        bed.auth.flush_mail().await;
        let before = stored(&bed, ann.user_id).await;
        let of_bob = stored(&bed, bob.user_id).await;
        assert!(before > 2);
        delete(&bed, &ann.tokens).await;
        // Somebody who has not heard of it yet.
        assert!(bed.refresh(&ann.tokens).await.is_err());
        let left = match on_deletion {
            // The deletion, and the mail that tells of it.
            OnDeletion::Keep => before + 2,
            _ => 0,
        };
        assert_eq!(stored(&bed, ann.user_id).await, left);
        assert_eq!(stored(&bed, bob.user_id).await, of_bob);
        bed.clock.advance(policy.max_age);
        assert_eq!(stored(&bed, ann.user_id).await, 0);
        bed.store.remove_expired(bed.clock.now());
        assert_eq!(bed.store.counts().events, 0);
    }
}

#[tokio::test]
async fn an_account_that_was_disowned_leaves_no_events_where_none_are_to_stay() {
    let mut policy = AuditPolicy::default();
    policy.on_deletion = OnDeletion::Remove;
    let bed = mailing_by(policy);
    let ann = bed.register(ANN).await;
    let token = bed.mailed(MailKind::VerifyEmail).await;
    assert!(stored(&bed, ann.user_id).await > 0);
    let disowned = bed.auth.disown_email(LinkRequest { token }, &bed.here);
    let _ = disowned.await.unwrap();
    assert_eq!(stored(&bed, ann.user_id).await, 0);
}

#[tokio::test]
async fn an_export_has_all_of_the_own_events_and_none_of_others() {
    let mut policy = AuditPolicy::default();
    policy.done = 3000;
    let bed = unlimited_by(policy);
    let tokens = bed.register(ANN).await.tokens;
    bed.register(BOB).await;
    let ann = bed.validate(&tokens).await.unwrap();
    for _ in 0..5 {
        for number in 0..500 {
            let update = UpdateProfile {
                name: Some(format!("Ann {number}")),
                preferences: None,
            };
            // No two in a row are equal.
            let here = bed.here.clone().with_user_agent(&number.to_string());
            bed.auth.update_profile(&ann, update, &here).await.unwrap();
        }
        // No more of one account may wait than a tenth of the room.
        bed.auth.flush_events().await;
    }
    let export = bed.auth.export_account(&ann, &bed.here).await.unwrap();
    let events = export.events.unwrap();
    assert_eq!(events.len(), 2501);
    assert!(events.is_sorted_by(|a, b| a.event_id > b.event_id));
    let one = serde_json::to_value(events.last().unwrap()).unwrap();
    let mut fields: Vec<&String> = one.as_object().unwrap().keys().collect();
    fields.sort();
    assert_eq!(
        fields,
        [
            "at",
            "by_other",
            "count",
            "event_id",
            "ip",
            "mail",
            "notice",
            "notices",
            "operation",
            "refused",
            "session_id",
            "user_agent"
        ]
    );
    // The export is itself something that was done.
    bed.auth.flush_events().await;
    let export = bed.auth.export_account(&ann, &bed.here).await.unwrap();
    assert_eq!(export.events.unwrap()[0].operation, ExportAccount);
}

#[tokio::test]
async fn without_a_log_none_is_kept_and_who_asks_is_told() {
    let bed = Bed::new();
    let tokens = bed.register(ANN).await.tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    let refused = bed
        .auth
        .list_events(&ann, ListEvents::default(), &bed.here)
        .await;
    assert!(matches!(refused, Err(AuthError::NoAuditLog)));
    let export = bed.auth.export_account(&ann, &bed.here).await.unwrap();
    let export = serde_json::to_value(export).unwrap();
    assert!(export.get("events").is_none());
    bed.auth.flush_events().await;
    assert_eq!(bed.store.counts().events, 0);
}

#[tokio::test]
async fn a_policy_that_makes_no_sense_is_refused() {
    type Change = fn(&mut AuditPolicy);
    let changes: [Change; 11] = [
        |policy| policy.max_age = Duration::from_secs(3599),
        |policy| policy.max_age = 3651 * DAY,
        |policy| policy.credentials = 0,
        |policy| policy.credentials = 10_001,
        |policy| policy.done = 0,
        |policy| policy.done = 10_001,
        |policy| policy.tried = 0,
        |policy| policy.max_pending = 0,
        |policy| policy.attempts = 0,
        |policy| policy.attempt_timeout = Duration::ZERO,
        |policy| policy.first_retry = Duration::from_secs(61),
    ];
    for change in changes {
        let mut policy = AuditPolicy::default();
        change(&mut policy);
        let built = admittance::AuthService::builder(MemoryStore::new())
            .config(config())
            .keyring(support::bed::keyring())
            .audit_log(MemoryStore::new(), policy.clone())
            .build();
        assert!(built.is_err(), "{policy:?}");
    }
}

#[tokio::test]
async fn users_see_that_an_administrator_was_at_their_account_and_strangers_write_nothing_there() {
    let (admin, support) = (Role::new("admin").unwrap(), Role::new("support").unwrap());
    let store = MemoryStore::new();
    let mut settings = config();
    settings.roles = RolePolicy::new()
        .administrator(admin.clone())
        .grant(support.clone(), []);
    let bed = Bed::built(store.clone(), settings, |builder, _| {
        builder.audit_log(store, AuditPolicy::default())
    });
    let ann = bed.register(ANN).await;
    let bob = bed.register(BOB).await.tokens;
    let ada = bed.register("ada@example.org").await;
    let grant = RoleChange {
        grant: [admin].into(),
        ..RoleChange::default()
    };
    let appointed = bed.store.change_roles(ada.user_id, 0, &grant).await;
    assert!(appointed.unwrap().is_some());
    let ada = bed.validate(&ada.tokens).await.unwrap();
    let bob = bed.validate(&bob).await.unwrap();
    let there = RequestContext::from_ip([198, 51, 100, 7].into());
    let view = |who, id| {
        let (auth, there) = (bed.auth.clone(), there.clone());
        async move { auth.view_user(who, id, &there).await.map(drop) }
    };
    view(&ada, ann.user_id).await.unwrap();
    let nobody = UserId::from_bytes([9; 12]);
    assert!(matches!(view(&ada, nobody).await, Err(AuthError::NotFound)));
    for _ in 0..10 {
        let refused = view(&bob, ann.user_id).await;
        assert!(matches!(refused, Err(AuthError::Forbidden)));
    }
    let who = bed.validate(&ann.tokens).await.unwrap();
    let all = events(&bed, &who).await;
    assert_eq!(outcomes(&all), [(Register, None), (ViewUser, None)]);
    assert!(all[0].by_other && !all[1].by_other);
    // Which one it was, and from where, is not the user's to know.
    assert_eq!((all[0].ip, all[0].user_agent.as_ref()), (None, None));
    let shown = serde_json::to_string(&all).unwrap();
    assert!(!shown.contains(&ada.user().id.to_string()));
    assert_eq!(stored(&bed, nobody).await, 0);
    let kept = bed.store.events_of(ann.user_id, None, 1, bed.clock.now());
    assert_eq!(kept.await.unwrap()[0].actor_id, Some(ada.user().id));
}

/// A store that gives out everybody's events, and more than it is asked for.
#[derive(Clone)]
struct Lies(MemoryStore, UserId);

#[async_trait]
impl AuditStore for Lies {
    async fn append_event(&self, record: &AuditRecord, keep: usize) -> Result<Insert, StoreError> {
        self.0.append_event(record, keep).await
    }

    async fn events_of(
        &self,
        user: UserId,
        _: Option<EventId>,
        _: usize,
        now: Timestamp,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let mut all = self.0.events_of(self.1, None, 1000, now).await?;
        all.extend(self.0.events_of(user, None, 1000, now).await?);
        Ok(all)
    }

    async fn remove_events(&self, user: UserId) -> Result<u64, StoreError> {
        self.0.remove_events(user).await
    }
}

#[tokio::test]
async fn asvs_8_2_2_a_store_that_lies_shows_nobody_elses_events() {
    let log = MemoryStore::new();
    let other = Bed::built(MemoryStore::new(), config(), |builder, _| {
        builder.audit_log(log.clone(), AuditPolicy::default())
    });
    let bob = other.register(BOB).await;
    other.auth.flush_events().await;
    let lies = Lies(log, bob.user_id);
    let bed = Bed::built(MemoryStore::new(), config(), |builder, _| {
        builder.audit_log(lies, AuditPolicy::default())
    });
    let ann = bed.register(ANN).await;
    bed.login(ANN, PASSWORD).await.unwrap();
    bed.auth.flush_events().await;
    let who = bed.validate(&ann.tokens).await.unwrap();
    let page = ListEvents {
        before: None,
        limit: Some(1),
    };
    let list = bed.auth.list_events(&who, page, &bed.here).await.unwrap();
    assert_eq!(outcomes(&list.events), [(Login, None)]);
    let export = bed.auth.export_account(&who, &bed.here).await.unwrap();
    let seen = export.events.unwrap();
    assert_eq!(outcomes(&seen), [(Register, None), (Login, None)]);
}
