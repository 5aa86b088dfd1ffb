//! Corrupt rows, as other programs may write them.

use std::error::Error;

use admittance::store::StoreError;
use admittance::time::Timestamp;
use support::acts::{Act, State};
use support::methods::{LINKED, prepare};
use support::sample::*;

use crate::place::{Other, Place, SqlStore};

/// A table whose rows are read whole.
struct Table {
    name: &'static str,
    /// Which row is broken, and what the error calls it.
    row: String,
    kind: &'static str,
    /// The columns in which every value of the type is valid.
    free: &'static [&'static str],
    /// Acts that read the row.
    reads: Vec<Act>,
    /// Acts that would write to it.
    writes: Vec<Act>,
}

fn tables() -> Vec<Table> {
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
    let digest = |place_holder: u32| hex(&digest(place_holder).to_bytes());
    let state = State::of(1);
    vec![
        Table {
            name: "users",
            row: format!("id = '{}'", user_id(1)),
            kind: "user f4f4",
            free: &[
                "id",
                "email",
                "email_canonical",
                "name",
                "password_hash",
                "created_at",
                "last_login",
                "is_verified",
            ],
            reads: vec![
                Act::User(1),
                Act::UserByEmail(1),
                Act::Users {
                    after: None,
                    limit: 9,
                },
            ],
            writes: vec![
                Act::UpdateProfile {
                    user: 1,
                    version: 0,
                    name: None,
                    preferences: None,
                },
                Act::VerifyEmail(state),
                Act::ChangeEmail { state, to: 7 },
                Act::ResetPassword { state, to: 9 },
                Act::RemoveUser {
                    state,
                    which: admittance::store::Removal::Any,
                },
            ],
        },
        Table {
            name: "sessions",
            row: format!("id = '{}'", session_id(1)),
            kind: "session f4f4",
            free: &[
                "id",
                "created_at",
                "last_seen_at",
                "expires_at",
                "absolute_expires_at",
                "is_short",
                "user_agent",
                "rotation",
                "ended_at",
            ],
            reads: vec![
                Act::Session { number: 1, now: 1 },
                Act::SessionsOf { user: 1, now: 1 },
                Act::Rotate {
                    number: 1,
                    counter: 0,
                    now: 1,
                },
            ],
            writes: vec![],
        },
        Table {
            name: "tokens",
            row: format!("digest = {}", digest(2)),
            kind: "one-time token",
            free: &[
                "digest",
                "account_email",
                "email",
                "email_canonical",
                "created_at",
                "expires_at",
            ],
            reads: vec![
                Act::Token {
                    number: 2,
                    purpose: purpose(2),
                    now: 1,
                },
                Act::TokensOf { user: 1, now: 1 },
            ],
            writes: vec![],
        },
        Table {
            name: "audit_log",
            row: format!("id = '{}'", event_id(1)),
            kind: "event e7e7",
            free: &["id", "at", "user_agent", "expires_at"],
            reads: vec![Act::EventsOf {
                user: 1,
                before: None,
                limit: 9,
                now: 1,
            }],
            writes: vec![],
        },
    ]
}

/// Values that are not valid in a column of this type.
fn wrong(kind: &str, is_postgres: bool) -> Vec<String> {
    let json = |text: &str| match is_postgres {
        true => format!("CAST('{text}' AS json)"),
        false => format!("'{text}'"),
    };
    match kind {
        "json" => [r#""canary""#, r#"[{"canary":1}]"#, r#"{"canary":1}"#, "7"]
            .map(json)
            .into(),
        "bigint" | "integer" => vec!["-1".to_owned()],
        _ => vec!["'canary'".to_owned(), "''".to_owned()],
    }
}

/// Fails unless the act says that a record is corrupt, and says it without what is in it.
async fn assert_corrupt(store: &SqlStore, act: &Act, kind: &str, column: &str) {
    let error = act.on(&**store).await;
    let Err(error) = error else {
        panic!("{act:?} of a row whose {column} is broken: {error:?}")
    };
    let StoreError::Corrupt { record, source } = &error else {
        panic!("{act:?} of a row whose {column} is broken: {error:?}")
    };
    assert!(record.starts_with(kind), "{record}");
    assert!(source.to_string().contains(column), "{source}");
    let mut all = format!("{error:?} {error}");
    let mut cause = error.source();
    while let Some(next) = cause {
        all += &format!(" {next} {next:?}");
        cause = next.source();
    }
    assert!(!all.to_lowercase().contains("canary"), "{all}");
}

/// Whether the value can be read in this column, though in others it cannot.
fn is_fine(column: &str, value: &str) -> bool {
    match column {
        // An object is what is expected.
        "preferences" | "metadata" => value.contains(r#"{"canary":1}"#) && !value.contains('['),
        // No device.
        "devices" => value == "''",
        _ => false,
    }
}

/// Whether the act finds a row of which this column is broken.
fn finds(act: &Act, column: &str) -> bool {
    let by_user = matches!(
        act,
        Act::SessionsOf { .. } | Act::TokensOf { .. } | Act::EventsOf { .. }
    );
    // A counter that was never issued ends no session.
    let is_ahead = matches!(act, Act::Rotate { .. }) && column == "refresh_counter";
    !(by_user && column == "user_id" || is_ahead)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_reported_with_its_kind_and_id_and_not_written_over() {
    for is_postgres in [false, true] {
        for mut table in tables() {
            let place = match is_postgres {
                true => Place::postgres().await,
                false => Place::sqlite(),
            };
            let store = place.store().await;
            prepare(&*store).await;
            let name = format!("admittance_{}", table.name);
            let mut other = place.other().await;
            if table.name == "tokens" {
                let digits = table.row.trim_start_matches("digest = ").to_owned();
                table.row = match is_postgres {
                    true => format!("digest = decode('{digits}', 'hex')"),
                    false => format!("digest = x'{digits}'"),
                };
            }
            let mut broken = 0;
            for (column, kind) in other.columns(&name).await {
                if table.free.contains(&column.as_str()) {
                    continue;
                }
                let kind = kind_of(&column, kind);
                for value in wrong(&kind, is_postgres) {
                    if is_fine(&column, &value) {
                        continue;
                    }
                    let acts = table.reads.iter().chain(&table.writes);
                    for act in acts.filter(|act| finds(act, &column)) {
                        let done = breaks(&mut other, &name, &table.row, &column, &value).await;
                        if !done {
                            // The table refuses it.
                            continue;
                        }
                        broken += 1;
                        let before = value_of(&mut other, &name, &table.row, &column).await;
                        assert_corrupt(&store, act, table.kind, &column).await;
                        let after = value_of(&mut other, &name, &table.row, &column).await;
                        assert_eq!(after, before, "{act:?} has written to {column}");
                        mend(&mut other, &name).await;
                    }
                }
            }
            assert!(broken >= 10, "{name}: {broken}");
        }
    }
}

/// SQLite has texts in the place of JSON.
fn kind_of(column: &str, kind: String) -> String {
    let is_json = [
        "preferences",
        "metadata",
        "pending_hook",
        "proofs",
        "registration",
        "sign_in",
        "notices",
    ];
    match is_json.contains(&column) {
        true => "json".to_owned(),
        false => kind,
    }
}

/// Keeps the table, and writes the value. Returns `false` if the table refuses it.
async fn breaks(other: &mut Other, table: &str, row: &str, column: &str, value: &str) -> bool {
    other.run("DROP TABLE IF EXISTS kept").await;
    other
        .run(&format!("CREATE TABLE kept AS SELECT * FROM {table}"))
        .await;
    let update = format!("UPDATE {table} SET {column} = {value} WHERE {row}");
    other.try_to_run(&update).await.is_ok()
}

async fn value_of(other: &mut Other, table: &str, row: &str, column: &str) -> Vec<String> {
    let select = format!("SELECT CAST({column} AS text) FROM {table} WHERE {row}");
    other.texts(&select).await
}

/// Puts back what was kept.
async fn mend(other: &mut Other, table: &str) {
    let columns = other.columns(table).await;
    let set: Vec<String> = columns
        .iter()
        .map(|(column, _)| format!("{column} = k.{column}"))
        .collect();
    let key = columns.first().unwrap().0.clone();
    let restore = format!(
        "UPDATE {table} SET {} FROM kept AS k WHERE k.{key} = {table}.{key}",
        set.join(", ")
    );
    other.run(&restore).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_none_is_reported_and_never_taken_for_others() {
    for place in Place::each().await {
        let store = place.store().await;
        prepare(&*store).await;
        let mut other = place.other().await;
        for role in ["Canary", "", "student administrator", "a\nb"] {
            let kept = other.rows("admittance_user_roles").await;
            other
                .run(&format!(
                    "INSERT INTO admittance_user_roles VALUES ('{}', '{role}')",
                    user_id(1)
                ))
                .await;
            for act in [
                Act::User(1),
                Act::ChangeRoles {
                    user: 1,
                    version: 0,
                    grant: Some(2),
                    revoke: None,
                },
            ] {
                assert_corrupt(&store, &act, "user f4f4", "roles").await;
            }
            other
                .run(&format!(
                    "DELETE FROM admittance_user_roles WHERE role = '{role}'"
                ))
                .await;
            assert_eq!(other.rows("admittance_user_roles").await, kept);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_that_is_none_is_reported_and_not_written_over() {
    for place in Place::each().await {
        let store = place.store().await;
        prepare(&*store).await;
        let mut other = place.other().await;
        let table = "admittance_user_identities";
        let whole = other.rows(table).await;
        other
            .run(&format!("CREATE TABLE kept AS SELECT * FROM {table}"))
            .await;
        let of = |number| format!("id = '{}'", user_id(number));
        for change in [
            "id = 'canary-canary-canary-24c'",
            "provider = 'Canary'",
            "provider = ''",
            "issuer = ''",
            "issuer = 'canary' || CHR(10)",
            "subject = ''",
            "subject = 'canary' || CHR(7)",
            "email = ''",
        ] {
            let change = match place.is_postgres() {
                true => change.to_owned(),
                false => change.replace("CHR(", "char("),
            };
            let broken = format!("UPDATE {table} SET {change} WHERE {}", of(9));
            other.run(&broken).await;
            for act in [
                Act::User(LINKED),
                Act::UserByIdentity(8),
                Act::UnlinkIdentity {
                    user: LINKED,
                    version: 1,
                    identity: 8,
                },
                Act::LinkIdentity {
                    user: LINKED,
                    version: 1,
                    identity: 10,
                },
            ] {
                assert_corrupt(&store, &act, "user f4f4", "identities").await;
            }
            other.run(&format!("DELETE FROM {table}")).await;
            other
                .run(&format!("INSERT INTO {table} SELECT * FROM kept"))
                .await;
            assert_eq!(other.rows(table).await, whole);
        }
        // The key of another identity: who has it is not found by it.
        let key = identity(99).key().to_bytes();
        let digits: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        let value = match place.is_postgres() {
            true => format!("decode('{digits}', 'hex')"),
            false => format!("x'{digits}'"),
        };
        other
            .run(&format!("UPDATE {table} SET key = {value} WHERE {}", of(9)))
            .await;
        let act = Act::UserByIdentity(99);
        assert_corrupt(&store, &act, "user f4f4", "identities").await;
        Act::UserByIdentity(8).on(&*store).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrupt_row_does_not_affect_other_users() {
    for place in Place::each().await {
        let store = place.store().await;
        prepare(&*store).await;
        let mut other = place.other().await;
        other
            .run(&format!(
                "UPDATE admittance_users SET status = 'canary' WHERE id = '{}'",
                user_id(1)
            ))
            .await;
        assert_corrupt(&store, &Act::User(1), "user", "status").await;
        Act::User(3).on(&*store).await.unwrap();
        let page = Act::Users {
            after: Some(1),
            limit: 9,
        };
        page.on(&*store).await.unwrap();
    }
}

/// The constraints of the tables.
#[tokio::test(flavor = "multi_thread")]
async fn the_tables_refuse_what_the_store_could_not_count_with() {
    for place in Place::each().await {
        let store = place.store().await;
        prepare(&*store).await;
        Act::Attempt { key: 1, now: 0 }.on(&*store).await.unwrap();
        let mut other = place.other().await;
        for (table, change) in [
            ("users", "auth_epoch = -1"),
            ("users", "link_epoch = -1"),
            ("users", "version = -1"),
            ("users", "id = 'short'"),
            ("user_identities", "id = 'short'"),
            ("user_identities", "key = CAST('short' AS {bytes})"),
            ("sessions", "id = 'short'"),
            ("limits", "used = -1"),
            ("attempts", "count = -1"),
            ("attempts", "count = 4294967296"),
            ("audit_log", "count = -1"),
        ] {
            let bytes = if place.is_postgres() { "bytea" } else { "blob" };
            let change = change.replace("{bytes}", bytes);
            let update = format!("UPDATE admittance_{table} SET {change}");
            assert!(other.try_to_run(&update).await.is_err(), "{update}");
        }
    }
}

/// Including the earliest and the latest.
#[tokio::test(flavor = "multi_thread")]
async fn any_time_in_a_row_is_read() {
    for place in Place::each().await {
        let store = place.store().await;
        prepare(&*store).await;
        let mut other = place.other().await;
        for time in [
            Timestamp::MIN.as_millis(),
            -1,
            0,
            Timestamp::MAX.as_millis(),
        ] {
            other
                .run(&format!(
                    "UPDATE admittance_users SET created_at = {time}, last_login = {time}; \
                     UPDATE admittance_limits SET full_at = {time}; \
                     UPDATE admittance_attempts SET open_at = {time}, forgotten_at = {time}, \
                     last_at = {time}"
                ))
                .await;
            Act::User(1).on(&*store).await.unwrap();
            for act in [
                Act::HitBoth { key: 20, now: 1 },
                Act::GiveBack { key: 20, now: 1 },
                Act::Attempt { key: 2, now: 1 },
            ] {
                let answer = act.on(&*store).await;
                answer.unwrap_or_else(|error| panic!("{act:?} at {time}: {error:?}"));
            }
        }
    }
}
