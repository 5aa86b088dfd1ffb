//! Triggers and indexes of the application: an act that is not done is not answered as done.

use admittance::store::{EmailChange, IdentityLink, InsertUser, Removal, StoreError};
use admittance::user::UserStatus;
use support::acts::{Act, State};
use support::methods::{LINKED, prepare};
use support::sample::*;

use crate::place::{Other, Place};

/// A trigger that skips each row on which `what` is to be done.
async fn skip(other: &mut Other, what: &str, table: &str) {
    let table = format!("admittance_{table}");
    let trigger = match other {
        Other::Postgres(_) => format!(
            "CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; \
             CREATE TRIGGER skip BEFORE {what} ON {table} FOR EACH ROW EXECUTE FUNCTION skip()"
        ),
        Other::Sqlite(_) => {
            format!("CREATE TRIGGER skip BEFORE {what} ON {table} BEGIN SELECT RAISE(IGNORE); END")
        }
    };
    other.run(&trigger).await;
}

fn acts() -> Vec<(&'static str, &'static str, Act)> {
    let link = Act::LinkIdentity {
        user: LINKED,
        version: 1,
        identity: 10,
    };
    let unlink = Act::UnlinkIdentity {
        user: LINKED,
        version: 1,
        identity: 9,
    };
    vec![
        (
            "DELETE",
            "users",
            Act::RemoveUser {
                state: State::of(6),
                which: Removal::Any,
            },
        ),
        (
            "UPDATE",
            "users",
            Act::SetStatus {
                user: 1,
                version: 0,
                status: UserStatus::Disabled,
            },
        ),
        (
            "UPDATE",
            "users",
            Act::ChangeEmail {
                state: State::of(4),
                to: 7,
            },
        ),
        (
            "INSERT",
            "user_roles",
            Act::ChangeRoles {
                user: 1,
                version: 0,
                grant: Some(3),
                revoke: None,
            },
        ),
        (
            "DELETE",
            "user_roles",
            Act::ChangeRoles {
                user: 1,
                version: 0,
                grant: None,
                revoke: Some(0),
            },
        ),
        (
            "INSERT",
            "users",
            Act::InsertUser {
                number: 9,
                email: 9,
            },
        ),
        (
            "INSERT",
            "user_roles",
            Act::InsertUser {
                number: 9,
                email: 9,
            },
        ),
        (
            "INSERT",
            "user_identities",
            Act::InsertUserBy {
                number: 9,
                email: 9,
                identity: 20,
            },
        ),
        ("INSERT", "user_identities", link.clone()),
        ("UPDATE", "users", link),
        ("DELETE", "user_identities", unlink.clone()),
        ("UPDATE", "users", unlink),
        (
            "INSERT",
            "sessions",
            Act::InsertSession { number: 9, user: 1 },
        ),
        ("DELETE", "sessions", Act::EndSession { user: 1, number: 1 }),
        ("INSERT", "tokens", Act::InsertToken { number: 9, user: 1 }),
        ("INSERT", "attempts", Act::Attempt { key: 9, now: 1 }),
        ("UPDATE", "attempts", Act::Attempt { key: 2, now: 1 }),
        ("INSERT", "limits", Act::HitBoth { key: 40, now: 1 }),
        ("UPDATE", "limits", Act::HitBoth { key: 20, now: 1 }),
        (
            "INSERT",
            "audit_log",
            Act::AppendEvent {
                number: 9,
                user: 1,
                keep: 10,
            },
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_act_whose_row_a_trigger_skips_fails_and_changes_nothing() {
    let mut wrong = Vec::new();
    for (what, table, act) in acts() {
        for place in Place::each().await {
            let store = place.store().await;
            prepare(&*store).await;
            let before = place.rows().await;
            skip(&mut place.other().await, what, table).await;
            let answer = act.on(&*store).await;
            let kind = if place.is_postgres() {
                "PostgreSQL"
            } else {
                "SQLite"
            };
            if !matches!(answer, Err(StoreError::Other(_))) {
                wrong.push(format!("{kind} {what} {table} {act:?}: {answer:?}"));
            } else if place.rows().await != before {
                wrong.push(format!("{kind} {what} {table} {act:?}: written"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unique_index_of_the_applications_is_not_taken_for_one_of_the_stores() {
    for place in Place::each().await {
        let store = place.store().await;
        prepare(&*store).await;
        let mut other = place.other().await;
        // All users have one name.
        other.run("DELETE FROM admittance_users WHERE id NOT IN (SELECT min(id) FROM admittance_users)").await;
        other
            .run("CREATE UNIQUE INDEX mine ON admittance_users (name)")
            .await;
        let added = store.insert_user(&user(9)).await;
        assert!(matches!(added, Err(StoreError::Other(_))), "{added:?}");
        other.run("DROP INDEX mine").await;
        other
            .run("CREATE UNIQUE INDEX mine ON admittance_users (substr(email, 1, 0))")
            .await;
        let added = store.insert_user(&user(9)).await;
        assert!(matches!(added, Err(StoreError::Other(_))), "{added:?}");
        other.run("DROP INDEX mine").await;
        let added = store.insert_user(&user(9)).await;
        assert!(matches!(added, Ok(InsertUser::Inserted)), "{added:?}");
        let added = store.insert_user(&user(9)).await;
        assert!(matches!(added, Ok(InsertUser::EmailTaken)), "{added:?}");
        // Of all addresses with this word it allows one.
        other
            .run("CREATE UNIQUE INDEX mine ON admittance_users ((length(email) * 0)) WHERE email LIKE '%new%'")
            .await;
        for number in [1, 9] {
            let mut account = user(number).state();
            account.version = None;
            let to = admittance::email::Email::parse(&format!("new{number}@example.org")).unwrap();
            let changed = store.change_email(&account, &to).await;
            match number {
                1 => assert!(matches!(changed, Ok(EmailChange::Changed)), "{changed:?}"),
                _ => assert!(matches!(changed, Err(StoreError::Other(_))), "{changed:?}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unique_index_of_the_applications_on_identities_is_not_taken_for_the_stores() {
    for place in Place::each().await {
        let store = place.store().await;
        prepare(&*store).await;
        let mut other = place.other().await;
        let kept = identity(8).id;
        other
            .run(&format!(
                "DELETE FROM admittance_user_identities WHERE id <> '{kept}'; \
                 CREATE UNIQUE INDEX mine ON admittance_user_identities (provider)"
            ))
            .await;
        let before = place.rows().await;
        let mut by = user(9);
        by.identities = [identity(20)].into_iter().collect();
        let added = store.insert_user(&by).await;
        assert!(matches!(added, Err(StoreError::Other(_))), "{added:?}");
        let linked = store.link_identity(user_id(1), 0, &identity(20)).await;
        assert!(matches!(linked, Err(StoreError::Other(_))), "{linked:?}");
        assert_eq!(place.rows().await, before);
        other.run("DROP INDEX mine").await;
        let added = store.insert_user(&by).await;
        assert!(matches!(added, Ok(InsertUser::Inserted)), "{added:?}");
        let mut again = user(10);
        again.identities = by.identities;
        let added = store.insert_user(&again).await;
        assert!(matches!(added, Ok(InsertUser::IdentityTaken)), "{added:?}");
        let linked = store.link_identity(user_id(1), 0, &identity(20)).await;
        assert!(matches!(linked, Ok(IdentityLink::Taken)), "{linked:?}");
    }
}
