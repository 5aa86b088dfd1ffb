//! A proof of authentication belongs to the service that made it, and does not
//! outlive what it proves.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use admittance::config::{AuthConfig, SessionCheck};
use admittance::error::{AuthError, ConfigError, ErrorCode};
use admittance::event::Operation;
use admittance::id::{IdentityId, SessionId, UserId};
use admittance::secret::MailToken;
use admittance::service::{
    Authenticated, ChangeEmail, ChangePassword, ChangeRoles, CreateUser, DeleteAccount, FindUser,
    LinkIdentity, LinkRequest, ListEvents, ListSessions, ListUsers, PatchProfile, Reauthenticate,
    SetStatus, StartFederation, UpdateProfile, VerifyEmail,
};
use admittance::store::{MemoryStore, Store, UserStore};
use admittance::test_util::MockStore;
use admittance::user::UserStatus;

use crate::office::{ADMIN, ANN, Office, role, settings};
use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, config};
use support::provider;

/// The operations that only read: for a minute they go by the account as it was
/// when the token was checked.
const READING: [&str; 8] = [
    "identities",
    "find_user",
    "list_sessions",
    "list_user_events",
    "list_user_sessions",
    "list_users",
    "profile",
    "view_user",
];

/// The operation that ends the caller's session and nothing else.
const LEAVING: &str = "logout";

/// The operations that read the account again.
const READING_AGAIN: [&str; 24] = [
    "finish_federation",
    "link_identity",
    "start_linking",
    "start_reauthentication",
    "unlink_identity",
    "create_user_as",
    "change_email",
    "change_password",
    "change_user_roles",
    "confirm_email_change",
    "reauthenticate",
    "delete_account",
    "end_all_sessions",
    "end_session",
    "end_user_session",
    "end_user_sessions",
    "export_account",
    "list_events",
    "patch_profile",
    "recheck",
    "send_password_reset",
    "set_user_status",
    "update_profile",
    "verify_email",
];

fn all() -> impl Iterator<Item = &'static str> {
    READING.into_iter().chain([LEAVING]).chain(READING_AGAIN)
}

async fn ask<S: Store + Clone>(
    operation: &str,
    bed: &Bed<S>,
    who: &Authenticated,
    other: UserId,
) -> Result<(), AuthError> {
    let (auth, here) = (&bed.auth, &bed.here);
    let session = SessionId::from_bytes([1; 12]);
    let link = || MailToken::from("adv_not-a-link");
    match operation {
        "profile" => auth.profile(who).map(drop),
        "identities" => auth.identities(who).map(drop),
        "finish_federation" => auth
            .finish_federation(provider::ID, provider::forged(), Some(who), here)
            .await
            .map(drop),
        "link_identity" => {
            let mut request = LinkIdentity::default();
            request.ticket = "adl_x".into();
            auth.link_identity(request, Some(who), here).await.map(drop)
        }
        "start_linking" => {
            let request = StartFederation::default();
            let started = auth.start_linking(who, provider::ID, request, here);
            started.await.map(drop)
        }
        "start_reauthentication" => {
            let request = StartFederation::default();
            let started = auth.start_reauthentication(who, provider::ID, request, here);
            started.await.map(drop)
        }
        "unlink_identity" => {
            let identity = IdentityId::from_bytes([1; 12]);
            auth.unlink_identity(who, identity, here).await
        }
        "recheck" => auth.recheck(who).await.map(drop),
        "logout" => auth.logout(who, here).await.map(drop),
        "export_account" => auth.export_account(who, here).await.map(drop),
        "list_sessions" => auth
            .list_sessions(who, ListSessions::default(), here)
            .await
            .map(drop),
        "list_events" => {
            let page = ListEvents::default();
            auth.list_events(who, page, here).await.map(drop)
        }
        "end_session" => auth.end_session(who, session, here).await,
        "end_all_sessions" => auth.end_all_sessions(who, here).await.map(drop),
        "update_profile" => {
            let change = UpdateProfile {
                name: Some("Another".into()),
                preferences: None,
            };
            auth.update_profile(who, change, here).await.map(drop)
        }
        "patch_profile" => {
            let change = PatchProfile {
                name: Some("Another".into()),
                ..PatchProfile::default()
            };
            auth.patch_profile(who, change, here).await.map(drop)
        }
        "change_password" => {
            let change = ChangePassword {
                current_password: PASSWORD.into(),
                new_password: OTHER_PASSWORD.into(),
                confirm_password: OTHER_PASSWORD.into(),
            };
            auth.change_password(who, change, here).await.map(drop)
        }
        "reauthenticate" => {
            let proof = Reauthenticate::by_password(PASSWORD);
            auth.reauthenticate(who, proof, here).await.map(drop)
        }
        "delete_account" => {
            let proof = DeleteAccount {
                current_password: PASSWORD.into(),
            };
            auth.delete_account(who, proof, here).await
        }
        "change_email" => {
            let change = ChangeEmail {
                new_email: "new@example.org".into(),
                current_password: PASSWORD.into(),
            };
            auth.change_email(who, change, here).await.map(drop)
        }
        "confirm_email_change" => {
            let link = LinkRequest { token: link() };
            auth.confirm_email_change(who, link, here).await.map(drop)
        }
        "verify_email" => {
            let link = VerifyEmail {
                token: link(),
                password: None,
                ticket: None,
            };
            auth.verify_email(link, Some(who), here).await.map(drop)
        }
        "find_user" => {
            let find = FindUser { email: ANN.into() };
            auth.find_user(who, find, here).await.map(drop)
        }
        "create_user_as" => {
            let new = CreateUser {
                email: "new@example.org".into(),
                name: "New".into(),
                ..CreateUser::default()
            };
            auth.create_user_as(who, new, here).await.map(drop)
        }
        "view_user" => auth.view_user(who, other, here).await.map(drop),
        "list_users" => {
            let page = ListUsers::default();
            auth.list_users(who, page, here).await.map(drop)
        }
        "list_user_sessions" => auth
            .list_user_sessions(who, other, ListSessions::default(), here)
            .await
            .map(drop),
        "list_user_events" => {
            let page = ListEvents::default();
            auth.list_user_events(who, other, page, here)
                .await
                .map(drop)
        }
        "end_user_session" => auth.end_user_session(who, other, session, here).await,
        "end_user_sessions" => auth.end_user_sessions(who, other, here).await.map(drop),
        "send_password_reset" => auth.send_password_reset(who, other, here).await.map(drop),
        "change_user_roles" => {
            let change = ChangeRoles {
                grant: vec!["admin".into()],
                revoke: Vec::new(),
            };
            auth.change_user_roles(who, other, change, here)
                .await
                .map(drop)
        }
        "set_user_status" => {
            let status = SetStatus {
                status: UserStatus::Disabled,
            };
            auth.set_user_status(who, other, status, here)
                .await
                .map(drop)
        }
        other => panic!("{other}: say here how it is asked for"),
    }
}

/// The public methods of the service that take a proof, by their text.
fn methods_that_take_a_proof(folder: PathBuf, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            methods_that_take_a_proof(path, found);
            continue;
        }
        let text = fs::read_to_string(path).unwrap();
        for method in text.split("\n    pub ").skip(1) {
            let Some((head, _)) = method.split_once(" {\n") else {
                continue;
            };
            let head = head.trim_start_matches("async ");
            let Some(named) = head.strip_prefix("fn ") else {
                continue;
            };
            if head.contains("&Authenticated") {
                let name = named.split(['(', '<']).next().unwrap();
                found.insert(name.to_owned());
            }
        }
    }
}

#[test]
fn every_method_that_takes_a_proof_is_asked_below() {
    let mut found = BTreeSet::new();
    let folder = support::root().join("src/service");
    methods_that_take_a_proof(folder, &mut found);
    let known: BTreeSet<String> = all().map(str::to_owned).collect();
    assert_eq!(found, known);
}

#[tokio::test]
async fn every_operation_refuses_the_proof_of_another_service_and_asks_no_store() {
    let office = Office::mailing().await;
    // Same settings, same keys, even the same accounts: another service.
    for settings in [settings(), cached()] {
        let other = Bed::mailing_over(Arc::new(MockStore::new()), settings);
        for operation in all() {
            let refused = ask(operation, &other, &office.ada, office.ann_id).await;
            let is_refused = matches!(refused, Err(AuthError::InvalidToken));
            assert!(is_refused, "{operation}: {refused:?}");
            if ["profile", "identities"].contains(&operation) {
                continue;
            }
            // The ids of another service mean nothing in this one's log.
            let event = other.events.last();
            assert_eq!(event.refused, Some(ErrorCode::InvalidToken), "{operation}");
            let named = (event.user_id, event.actor_id, event.session_id);
            assert_eq!(named, (None, None, None), "{operation}");
        }
    }
}

#[tokio::test]
async fn an_administrator_of_one_service_is_none_of_another() {
    let here = Office::new().await;
    let there = Office::new().await;
    let (auth, context) = (there.auth(), &there.bed.here);
    let grant = ChangeRoles {
        grant: vec!["admin".into()],
        revoke: Vec::new(),
    };
    let refused = auth
        .change_user_roles(&here.ada, there.ann_id, grant, context)
        .await;
    assert!(matches!(refused, Err(AuthError::InvalidToken)));
    assert_eq!(there.stored_roles(there.ann_id).await, [""; 0]);
}

#[tokio::test]
async fn a_clone_of_a_service_is_the_same_service() {
    let office = Office::new().await;
    let clone = office.auth().clone();
    let (ada, ann, here) = (&office.ada, office.ann_id, &office.bed.here);
    assert!(clone.profile(ada).is_ok());
    assert!(clone.view_user(ada, ann, here).await.is_ok());
    assert!(clone.recheck(ada).await.is_ok());
}

fn cached() -> AuthConfig {
    let mut settings = settings();
    settings.session.check = SessionCheck::Cached {
        max_staleness: Duration::from_secs(300),
        capacity: 100,
    };
    settings
}

/// Disables the account past the service, as another instance does.
async fn disable(store: &MemoryStore, id: UserId) {
    let version = store.user(id).await.unwrap().unwrap().version;
    let disabled = store.set_status(id, version, UserStatus::Disabled).await;
    assert!(disabled.unwrap().is_some());
}

#[tokio::test]
async fn whatever_changes_something_reads_the_account_again() {
    for settings in [settings(), cached()] {
        let office = Office::over(Bed::mailing_with(settings)).await;
        let store = &office.bed.store;
        disable(store, office.ada.user().id).await;
        let stored = async |id| format!("{:?}", store.user(id).await.unwrap());
        let ann = stored(office.ann_id).await;
        let ada = stored(office.ada.user().id).await;
        office.bed.mails().await;
        for operation in READING_AGAIN {
            let refused = ask(operation, &office.bed, &office.ada, office.ann_id).await;
            let is_refused = matches!(refused, Err(AuthError::InvalidToken));
            assert!(is_refused, "{operation}: {refused:?}");
            assert_eq!(stored(office.ann_id).await, ann, "{operation}");
            assert_eq!(stored(office.ada.user().id).await, ada, "{operation}");
        }
        assert_eq!(office.bed.mails().await, []);
        let sessions = office.bed.validate(&office.ann).await;
        assert!(sessions.is_ok(), "Ann's session goes on");
    }
}

#[tokio::test]
async fn a_read_with_a_proof_that_is_a_minute_old_reads_the_account_again() {
    let office = Office::over(Bed::mailing_with(settings())).await;
    let asked = READING
        .into_iter()
        .filter(|name| !["profile", "identities"].contains(name));
    disable(&office.bed.store, office.ada.user().id).await;
    for (age, is_refused) in [(60, false), (1, true)] {
        office.bed.clock.advance(Duration::from_secs(age));
        for operation in asked.clone() {
            let answer = ask(operation, &office.bed, &office.ada, office.ann_id).await;
            let refused = matches!(answer, Err(AuthError::InvalidToken));
            assert_eq!(refused, is_refused, "{operation}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn an_ended_session_changes_nothing_with_a_kept_proof() {
    let office = Office::mailing().await;
    let tokens = office.bed.login(ADMIN, PASSWORD).await.unwrap().tokens;
    let kept = office.bed.validate(&tokens).await.unwrap();
    let logged_out = office.auth().logout(&kept, &office.bed.here).await;
    assert!(logged_out.is_ok());
    for operation in READING_AGAIN {
        let refused = ask(operation, &office.bed, &kept, office.ann_id).await;
        let is_refused = matches!(refused, Err(AuthError::InvalidToken));
        assert!(is_refused, "{operation}: {refused:?}");
    }
    assert!(office.bed.validate(&office.ann).await.is_ok());
    assert!(office.auth().recheck(&office.ada).await.is_ok());
}

#[tokio::test]
async fn a_role_that_was_taken_away_is_gone_with_a_kept_proof() {
    let office = Office::new().await;
    let boss = office.staff("boss@example.org", &["admin"]).await;
    let gone = office
        .roles(&boss, office.ada.user().id, &[], &["admin"])
        .await;
    assert!(gone.is_ok());
    let refused = office.roles(&office.ada, office.ann_id, &["admin"], &[]);
    assert!(matches!(refused.await, Err(AuthError::Forbidden)));
    assert_eq!(office.stored_roles(office.ann_id).await, [""; 0]);
}

#[tokio::test]
async fn recheck_renews_a_proof_and_reports_refusals_only() {
    let office = Office::over(Bed::with(cached())).await;
    let (auth, store) = (office.auth(), &office.bed.store);
    let ann = office.bed.validate(&office.ann).await.unwrap();
    let before = office.bed.events.all().len();
    // The access token has expired long since; the session has not.
    office.bed.clock.advance(Duration::from_secs(3600));
    office.make(office.ann_id, &["examiner"]).await;
    let renewed = auth.recheck(&ann).await.unwrap();
    assert_eq!(renewed.user().roles, BTreeSet::from([role("examiner")]));
    assert!(ann.user().roles.is_empty());
    let later = ann.checked_at().saturating_add(Duration::from_secs(3600));
    assert_eq!(renewed.checked_at(), later);
    assert_eq!(office.bed.events.all().len(), before);

    disable(store, office.ann_id).await;
    for kept in [&ann, &renewed] {
        assert!(matches!(
            auth.recheck(kept).await,
            Err(AuthError::InvalidToken)
        ));
        let event = office.bed.events.last();
        assert_eq!(event.operation, Operation::ValidateToken);
        assert_eq!(event.user_id, Some(office.ann_id));
    }
}

#[tokio::test]
async fn asvs_7_5_3_administration_demands_a_recent_password_where_the_settings_say_so() {
    const AGE: Duration = Duration::from_secs(600);
    let mut demanding = settings();
    demanding.recent_login_for_administration = Some(AGE);
    let office = Office::over(Bed::with(demanding)).await;
    let (bed, ann) = (&office.bed, office.ann_id);
    let is_demanded = |refused: Result<_, AuthError>| {
        matches!(refused, Err(AuthError::RecentLoginRequired { .. }))
    };
    let disabled = UserStatus::Disabled;

    bed.clock.advance(AGE);
    let granted = office.roles(&office.ada, ann, &["student"], &[]).await;
    assert!(granted.is_ok());
    bed.clock.advance(Duration::from_secs(1));
    let refused = office.roles(&office.ada, ann, &["admin"], &[]).await;
    assert!(is_demanded(refused));
    let refused = office.roles(&office.ada, ann, &[], &["student"]).await;
    assert!(is_demanded(refused));
    let refused = office.status(&office.ada, ann, disabled).await;
    assert!(is_demanded(refused));
    assert_eq!(office.stored_roles(ann).await, ["student"]);
    // A caller without the permission is told so.
    let ann_herself = bed.validate(&office.ann).await.unwrap();
    let refused = office.status(&ann_herself, ann, disabled).await;
    assert!(matches!(refused, Err(AuthError::Forbidden)));
    // A refresh proves nothing; the password does.
    let proof = Reauthenticate::by_password(PASSWORD);
    let confirmed = bed.auth.reauthenticate(&office.ada, proof, &bed.here);
    let ada = bed
        .validate(&confirmed.await.unwrap().tokens)
        .await
        .unwrap();
    assert!(office.status(&ada, ann, disabled).await.is_ok());
}

#[tokio::test]
async fn by_default_an_administrators_session_is_enough() {
    let office = Office::new().await;
    office.bed.clock.advance(Duration::from_secs(86_400));
    let granted = office.roles(&office.ada, office.ann_id, &["student"], &[]);
    assert!(granted.await.is_ok());
}

#[test]
fn a_recent_password_that_nobody_could_give_in_time_is_refused_at_build() {
    for (age, is_good) in [(0, false), (59, false), (60, true)] {
        let mut settings = config();
        settings.recent_login_for_administration = Some(Duration::from_secs(age));
        let refused = settings.validate();
        let names_it = matches!(
            refused,
            Err(ConfigError::Invalid { setting, .. }) if setting == "recent_login_for_administration"
        );
        assert_eq!(!names_it, is_good, "{age} s");
    }
}
