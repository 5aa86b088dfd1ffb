//! What an act costs: commands, and whether the server has to search.

use admittance::audit::AuditRecord;
use admittance::store::{AuditStore, Insert, Removal};
use admittance::user::UserStatus;
use mongodb::bson::{Bson, Document, doc};
use mongodb::{Client, Database};

use crate::sample::{event, event_id};
use support::acts::{Act, State};
use support::commands::{Commands, Sent};
use support::methods::{LINKED, every_method, other_calls, prepare};
use support::mongo;

fn names(sent: &[Sent]) -> Vec<&str> {
    sent.iter().map(|sent| sent.name.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_method_sends_one_command() {
    let mut options = mongo::options().await;
    let commands = Commands::watch(&mut options);
    let store = mongo::store_over(options).await;
    prepare(&store).await;
    commands.take();
    for (name, act) in every_method() {
        act.on(&store).await.unwrap();
        assert_eq!(names(&commands.take()), [name], "{act:?}");
    }
}

/// The driver has no such option for an insert, an update and a delete.
#[tokio::test(flavor = "multi_thread")]
async fn commands_that_can_carry_the_time_left_do() {
    let mut options = mongo::options().await;
    let commands = Commands::watch(&mut options);
    let store = mongo::store_over(options).await;
    prepare(&store).await;
    commands.take();
    let deadline = i64::try_from(mongo::config().deadline.as_millis()).unwrap();
    let mut carried = 0;
    for (_, act) in every_method() {
        act.on(&store).await.unwrap();
        for sent in commands.take() {
            let left = match sent.command.get("maxTimeMS") {
                Some(Bson::Int32(left)) => Some(i64::from(*left)),
                Some(Bson::Int64(left)) => Some(*left),
                _ => None,
            };
            let can_carry = !["insert", "update", "delete"].contains(&sent.name.as_str());
            assert_eq!(left.is_some(), can_carry, "{act:?}: {}", sent.name);
            assert!(
                left.is_none_or(|left| (1..=deadline).contains(&left)),
                "{act:?}"
            );
            carried += usize::from(can_carry);
        }
    }
    assert!(carried >= 10, "{carried}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_costs_one_command_more() {
    let mut options = mongo::options().await;
    let commands = Commands::watch(&mut options);
    let store = mongo::store_over(options).await;
    let hit = Act::Hit { key: 1, now: 0 };
    for _ in 0..3 {
        hit.on(&store).await.unwrap();
    }
    commands.take();
    assert!(hit.on(&store).await.unwrap().starts_with("Refused"));
    assert_eq!(names(&commands.take()), ["update", "find"]);
    let both = Act::HitBoth { key: 20, now: 0 };
    for _ in 0..3 {
        both.on(&store).await.unwrap();
        assert_eq!(names(&commands.take()), ["update"]);
    }
    assert!(both.on(&store).await.unwrap().starts_with("Refused"));
    assert_eq!(names(&commands.take()), ["update", "find"]);

    prepare(&store).await;
    commands.take();
    let taken = Act::InsertUser {
        number: 2,
        email: 1,
    };
    assert_eq!(taken.on(&store).await.unwrap(), "EmailTaken");
    assert_eq!(names(&commands.take()), ["insert", "find"]);
    let taken = Act::InsertUser {
        number: 1,
        email: 2,
    };
    assert_eq!(taken.on(&store).await.unwrap(), "IdTaken");
    assert_eq!(names(&commands.take()), ["insert", "find"]);
    // Of a user with identities, whose it is takes another look.
    let by = |number, email, identity| Act::InsertUserBy {
        number,
        email,
        identity,
    };
    for (act, answer, cost) in [
        (by(2, 1, 8), "EmailTaken", 2),
        (by(2, 2, 8), "IdentityTaken", 3),
        (by(1, 2, 20), "IdTaken", 3),
    ] {
        assert_eq!(act.on(&store).await.unwrap(), answer, "{act:?}");
        assert_eq!(commands.take().len(), cost, "{act:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ending_the_oldest_sessions_costs_one_command_more_if_there_are_any() {
    let mut options = mongo::options().await;
    let commands = Commands::watch(&mut options);
    let store = mongo::store_over(options).await;
    prepare(&store).await;
    commands.take();
    for (keep, ended, sent) in [
        (2, "0", &["find"][..]),
        (1, "1", &["find", "delete"]),
        (0, "1", &["find", "delete"]),
        (0, "0", &["find"]),
    ] {
        let act = Act::EndOldestSessions {
            user: 1,
            epoch: 0,
            keep,
            now: 1,
        };
        assert_eq!(act.on(&store).await.unwrap(), ended, "{keep}");
        assert_eq!(names(&commands.take()), sent, "{keep}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_act_on_an_account_costs_one_command_when_refused_too() {
    let mut options = mongo::options().await;
    let commands = Commands::watch(&mut options);
    let store = mongo::store_over(options).await;
    prepare(&store).await;
    commands.take();
    let late = State {
        epoch: 1,
        ..State::of(3)
    };
    let (to, which) = (7, Removal::Any);
    let link = |user, version, identity| Act::LinkIdentity {
        user,
        version,
        identity,
    };
    let unlink = |user, version, identity| Act::UnlinkIdentity {
        user,
        version,
        identity,
    };
    let login = |user, identity| Act::RecordLoginBy {
        user,
        epoch: 0,
        identity,
        now: 1,
    };
    for (command, act, answer) in [
        ("update", Act::VerifyEmail(late), "false"),
        ("update", Act::ChangeEmail { state: late, to }, "Gone"),
        ("update", Act::ResetPassword { state: late, to }, "false"),
        ("delete", Act::RemoveUser { state: late, which }, "false"),
        (
            "update",
            Act::ChangeEmail {
                state: State::of(3),
                to: 4,
            },
            "EmailTaken",
        ),
        ("update", link(3, 0, 8), "Taken"),
        ("update", link(3, 1, 20), "Refused"),
        ("update", link(LINKED, 1, 8), "Refused"),
        ("findAndModify", unlink(LINKED, 0, 8), "None None"),
        ("findAndModify", unlink(LINKED, 1, 20), "None None"),
        ("update", login(4, 8), "false"),
    ] {
        assert_eq!(act.on(&store).await.unwrap(), answer, "{act:?}");
        assert_eq!(names(&commands.take()), [command], "{act:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_attempt_costs_one_command_and_any_other_two() {
    let mut options = mongo::options().await;
    let commands = Commands::watch(&mut options);
    let store = mongo::store_over(options).await;
    commands.take();
    let first = ["insert"].as_slice();
    let later = ["insert", "findAndModify"].as_slice();
    for (now, answer, cost) in [
        (0, "Allowed { count: 1", first),
        (0, "Allowed { count: 2", later),
        (0, "Locked", later),
        (10, "Allowed { count: 3", later),
        (1010, "Allowed { count: 1", later),
    ] {
        let attempt = Act::Attempt { key: 1, now };
        let given = attempt.on(&store).await.unwrap();
        assert!(given.starts_with(answer), "{given} at {now}");
        assert_eq!(names(&commands.take()), cost, "{answer}");
    }
    Act::Forgive {
        key: 1,
        until: 1010,
    }
    .on(&store)
    .await
    .unwrap();
    assert_eq!(names(&commands.take()), ["delete"]);
    Act::Attempt { key: 1, now: 0 }.on(&store).await.unwrap();
    assert_eq!(names(&commands.take()), first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_costs_one_command_also_when_it_is_refused_or_finds_nothing_to_change() {
    let mut options = mongo::options().await;
    let commands = Commands::watch(&mut options);
    let store = mongo::store_over(options).await;
    prepare(&store).await;
    commands.take();
    let set = |user, version, status| Act::SetStatus {
        user,
        version,
        status,
    };
    let roles = |user, version| Act::ChangeRoles {
        user,
        version,
        grant: Some(0),
        revoke: None,
    };
    for (act, is_done) in [
        (set(1, 0, UserStatus::Active), true),
        (set(1, 0, UserStatus::Active), false),
        (set(1, 1, UserStatus::Disabled), true),
        (set(1, 2, UserStatus::Disabled), true),
        (set(1, 3, UserStatus::Active), true),
        (set(99, 0, UserStatus::Disabled), false),
        (roles(1, 4), true),
        (roles(1, 4), false),
        (roles(99, 0), false),
    ] {
        let answer = act.on(&store).await.unwrap();
        assert_eq!(answer != "None None", is_done, "{act:?}: {answer}");
        assert_eq!(names(&commands.take()), ["findAndModify"], "{act:?}");
    }
    let page = |limit| Act::Users { after: None, limit };
    page(0).on(&store).await.unwrap();
    assert!(commands.take().is_empty());
    for number in 100..300 {
        let insert = Act::InsertUser {
            number,
            email: number,
        };
        insert.on(&store).await.unwrap();
    }
    commands.take();
    // However many there are, they come in one answer.
    for limit in [200, 1000] {
        page(limit).on(&store).await.unwrap();
        assert_eq!(names(&commands.take()), ["find"], "{limit} users");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_costs_three_commands_and_now_and_then_a_fourth() {
    let mut options = mongo::options().await;
    let commands = Commands::watch(&mut options);
    let store = mongo::store_over(options).await;
    commands.take();
    let mut dropped = 0;
    for number in 1..=100 {
        let append = Act::AppendEvent {
            // Of one class.
            number: number * 2,
            user: 1,
            keep: 32,
        };
        append.on(&store).await.unwrap();
        match names(&commands.take())[..] {
            ["find", "insert", "find"] => {}
            ["find", "insert", "find", "delete"] => dropped += 1,
            ref other => panic!("{other:?}"),
        }
    }
    // Five at a time: an eighth, and one more.
    assert_eq!(dropped, (100 - 32) / 5);
    let again = Act::AppendEvent {
        number: 200,
        user: 1,
        keep: 32,
    };
    again.on(&store).await.unwrap();
    assert_eq!(names(&commands.take()), ["find"]);
    // The same again is counted.
    let last = event(200, 1);
    let same = AuditRecord {
        id: event_id(201),
        last_id: event_id(201),
        ..last
    };
    let counted = store.append_event(&same, 32).await.unwrap();
    assert_eq!(counted, Insert::Inserted);
    assert_eq!(names(&commands.take()), ["find", "update"]);
    // However many there are, they come in one answer.
    for limit in [36, 1000] {
        let page = Act::EventsOf {
            user: 1,
            before: None,
            limit,
            now: 1,
        };
        page.on(&store).await.unwrap();
        assert_eq!(names(&commands.take()), ["find"], "{limit} events");
    }
    let none = Act::EventsOf {
        user: 1,
        before: None,
        limit: 0,
        now: 1,
    };
    none.on(&store).await.unwrap();
    assert!(commands.take().is_empty());
}

/// The collection, the filter and the order of a command that has a filter.
fn filter(sent: &Sent) -> Option<(String, Document, Option<Document>)> {
    let collection = sent.command.get_str(&sent.name).ok()?.to_owned();
    let first = |list: &str, field: &str| {
        let item = sent.command.get_array(list).ok()?.first()?.as_document()?;
        item.get_document(field).ok().cloned()
    };
    let filter = match sent.name.as_str() {
        "find" => sent.command.get_document("filter").ok().cloned(),
        "findAndModify" => sent.command.get_document("query").ok().cloned(),
        "update" => first("updates", "q"),
        "delete" => first("deletes", "q"),
        _ => None,
    };
    let order = sent.command.get_document("sort").ok().cloned();
    filter.map(|filter| (collection, filter, order))
}

/// All stages of a plan, from the outermost.
fn stages(plan: &Document) -> Vec<String> {
    let own = plan.get_str("stage").ok().map(str::to_owned);
    let inner = plan.values().flat_map(|value| match value {
        Bson::Document(inner) => stages(inner),
        Bson::Array(items) => items
            .iter()
            .filter_map(Bson::as_document)
            .flat_map(stages)
            .collect(),
        _ => Vec::new(),
    });
    own.into_iter().chain(inner).collect()
}

struct Plan {
    stages: Vec<String>,
    stand_in: bool,
}

/// How the server would look for what fits `filter`, in this order.
async fn plan(
    database: &Database,
    collection: &str,
    filter: Document,
    order: Option<Document>,
) -> Plan {
    let mut find = doc! { "find": collection, "filter": filter };
    find.extend(order.map(|order| ("sort".to_owned(), order.into())));
    let explained = database
        .run_command(doc! { "explain": find, "verbosity": "queryPlanner" })
        .await
        .unwrap();
    let planner = explained.get_document("queryPlanner").unwrap();
    let server = explained.get_document("serverInfo").unwrap();
    Plan {
        stages: stages(planner.get_document("winningPlan").unwrap()),
        stand_in: server.get_str("host") == Ok("secantus"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_filter_is_an_index_scan() {
    let mut options = mongo::options().await;
    let commands = Commands::watch(&mut options);
    let database = Client::with_options(options.clone())
        .unwrap()
        .default_database()
        .unwrap();
    let store = mongo::store_over(options).await;
    commands.take();
    prepare(&store).await;
    for _ in 0..4 {
        Act::Hit { key: 2, now: 0 }.on(&store).await.unwrap();
    }
    for (_, act) in every_method() {
        act.on(&store).await.unwrap();
    }
    for act in other_calls() {
        act.on(&store).await.unwrap();
    }
    let filters: Vec<_> = commands.take().iter().filter_map(filter).collect();
    assert_eq!(filters.len(), 56, "{filters:?}");
    for (collection, filter, order) in filters {
        let mut plan = plan(&database, &collection, filter.clone(), order.clone()).await;
        if plan.stand_in && filter.len() > 1 {
            // SecantusDB finds candidates by one indexed field and explains
            // every filter of several fields as a scan.
            plan.stages = vec![];
            for (field, value) in filter.clone() {
                let one = doc! { field: value };
                plan.stages
                    .extend(self::plan(&database, &collection, one, None).await.stages);
            }
            plan.stages.retain(|stage| stage != "COLLSCAN");
        }
        if plan.stand_in && collection == "admittance_users" && order == Some(doc! { "_id": 1 }) {
            // It explains every range of `_id` as a scan that is sorted.
            continue;
        }
        let stages = plan.stages;
        let by_index =
            |stage: &String| stage == "IXSCAN" || stage == "IDHACK" || stage.starts_with("EXPRESS");
        assert!(
            stages.iter().any(by_index) && !stages.contains(&"COLLSCAN".to_owned()),
            "{collection} {filter}: {stages:?}"
        );
    }
}
