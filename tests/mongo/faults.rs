//! Fail points at every command: each method's command fails in each way, and
//! afterwards the store is as if the act had been done once or not at all.

use std::time::Duration;

use admittance::store::mongodb::MongoStore;
use admittance::store::{MemoryStore, StoreError};
use admittance::user::UserStatus;
use mongodb::Client;
use mongodb::bson::{Bson, Document, doc};

use crate::fail_point::FailPoint;
use support::acts::{Act, State};
use support::methods::{every_method, prepare, seen};
use support::mongo;

use crate::sample;

fn once() -> Bson {
    doc! { "times": 1 }.into()
}

fn always() -> Bson {
    "alwaysOn".into()
}

/// One act on both stores, of which one has its command failed.
struct Case {
    command: &'static str,
    act: Act,
    memory: MemoryStore,
    mongo: MongoStore,
    point: FailPoint,
}

impl Case {
    async fn new((command, act): (&'static str, Act)) -> Self {
        let options = mongo::options().await;
        let point = FailPoint::new(&options).await;
        let (memory, mongo) = (MemoryStore::new(), mongo::store_over(options).await);
        prepare(&memory).await;
        prepare(&mongo).await;
        Self {
            command,
            act,
            memory,
            mongo,
            point,
        }
    }

    /// The act under the fault, which lasts for as long as `times` says.
    async fn fails(&self, times: Bson, fault: &Document) -> Result<String, StoreError> {
        self.point.arm(self.command, times, fault).await;
        let answer = self.act.on(&self.mongo).await;
        self.point.disarm().await;
        answer
    }

    /// Fails unless both stores look the same once the act is done on memory.
    async fn assert_done_once(&self) {
        self.act.on(&self.memory).await.unwrap();
        let (expected, got) = (seen(&self.memory).await, seen(&self.mongo).await);
        assert_eq!(got, expected, "after {:?}", self.act);
    }

    /// Fails unless the act can be done now and has not been done before.
    async fn assert_not_done_yet(&self) {
        let expected = self.act.on(&self.memory).await.unwrap();
        let answer = self.act.on(&self.mongo).await.unwrap();
        assert_eq!(answer, expected, "{:?} once more", self.act);
        let (expected, got) = (seen(&self.memory).await, seen(&self.mongo).await);
        assert_eq!(got, expected, "after {:?}", self.act);
    }

    fn writes(&self) -> bool {
        self.command != "find"
    }
}

/// One act for each method, and each other command that one may need.
fn cases() -> Vec<(&'static str, Act)> {
    let mut all = every_method();
    all.push(("findAndModify", Act::Attempt { key: 2, now: 1 }));
    let keep_one = Act::EndOldestSessions {
        user: 1,
        epoch: 0,
        keep: 1,
        now: 1,
    };
    all.extend([("find", keep_one.clone()), ("delete", keep_one)]);
    all.push((
        "insert",
        Act::AppendEvent {
            number: 2,
            user: 1,
            keep: 10,
        },
    ));
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_command_changes_nothing() {
    for method in cases() {
        let case = Case::new(method).await;
        let refused = case.fails(once(), &doc! { "errorCode": 8000 }).await;
        assert!(
            matches!(refused, Err(StoreError::Other(_))),
            "{:?}: {refused:?}",
            case.act
        );
        case.assert_not_done_yet().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_made_again() {
    for method in cases() {
        let case = Case::new(method).await;
        match case.fails(once(), &doc! { "closeConnection": true }).await {
            // The driver tried again.
            Ok(answer) => {
                assert_eq!(answer, case.act.on(&case.memory).await.unwrap());
                let (expected, got) = (seen(&case.memory).await, seen(&case.mongo).await);
                assert_eq!(got, expected, "after {:?}", case.act);
            }
            // It does not do so for writes to many documents, or for any write
            // to a standalone server.
            Err(StoreError::Unavailable(_)) if case.writes() => case.assert_not_done_yet().await,
            other => panic!("{:?}: {other:?}", case.act),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_connections_the_store_is_unavailable() {
    for method in cases() {
        let case = Case::new(method).await;
        let lost = case
            .fails(always(), &doc! { "closeConnection": true })
            .await;
        assert!(
            matches!(lost, Err(StoreError::Unavailable(_))),
            "{:?}: {lost:?}",
            case.act
        );
        case.assert_not_done_yet().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_primary_the_store_is_unavailable() {
    for method in cases() {
        let case = Case::new(method).await;
        let lost = case.fails(always(), &doc! { "errorCode": 10_107 }).await;
        assert!(
            matches!(lost, Err(StoreError::Unavailable(_))),
            "{:?}: {lost:?}",
            case.act
        );
        case.assert_not_done_yet().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_majority_acknowledged_is_an_error_though_it_was_done() {
    for (code, timeout) in [(64, true), (100, false), (91, false)] {
        let fault = doc! { "writeConcernError": { "code": code, "errmsg": "failed" } };
        for method in cases() {
            let case = Case::new(method).await;
            if !case.writes() {
                continue;
            }
            match case.fails(once(), &fault).await {
                Err(StoreError::Timeout) if timeout => {}
                Err(StoreError::Unavailable(_)) if !timeout => {}
                other => panic!("{code} at {:?}: {other:?}", case.act),
            }
            case.assert_done_once().await;
        }
    }
}

/// Waits until the user is there, which takes as long as the machine takes.
async fn assert_comes_to_be(store: &MongoStore, number: u32) {
    for _ in 0..600 {
        if Act::User(number).on(store).await.unwrap() != "None None" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the act that was begun for user {number} was cut off");
}

#[tokio::test(flavor = "multi_thread")]
async fn past_the_deadline_the_caller_goes_and_the_act_goes_on() {
    let fault = doc! { "blockConnection": true, "blockTimeMS": 3000 };
    let insert = Act::InsertUser {
        number: 2,
        email: 2,
    };
    for (command, act) in [("insert", insert), ("find", Act::User(1))] {
        let options = mongo::options().await;
        let patient = mongo::store_over(options.clone()).await;
        prepare(&patient).await;
        let point = FailPoint::new(&options).await;
        let database = Client::with_options(options).unwrap();
        let database = database.default_database().unwrap();
        let mut config = mongo::config();
        config.deadline = Duration::from_millis(50);
        let hasty = MongoStore::new(database, config).await.unwrap();
        point.arm(command, once(), &fault).await;
        let answer = act.on(&hasty).await;
        assert!(matches!(answer, Err(StoreError::Timeout)), "{answer:?}");
        if command == "insert" {
            assert_comes_to_be(&patient, 2).await;
        }
        point.disarm().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_goes_away_cuts_nothing_off() {
    let store = sample::fresh().await;
    // As many as there are connections: none has to wait in line.
    for number in 0..10 {
        let act = Act::InsertUser {
            number,
            email: number,
        };
        // Polled once, so that the act has begun, and dropped.
        let begun = tokio::time::timeout(Duration::ZERO, act.on(&store)).await;
        assert!(begun.is_err() || begun.unwrap().is_ok());
    }
    for number in 0..10 {
        assert_comes_to_be(&store, number).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_does_not_fill_the_memory() {
    let fault = doc! { "blockConnection": true, "blockTimeMS": 2000 };
    let options = mongo::options().await;
    let point = FailPoint::new(&options).await;
    let database = Client::with_options(options).unwrap();
    let mut config = mongo::config();
    config.deadline = Duration::from_millis(20);
    config.max_connections = Some(4);
    let store = MongoStore::new(database.default_database().unwrap(), config)
        .await
        .unwrap();
    point.arm("find", always(), &fault).await;
    for attempt in 0..8 {
        let answer = Act::User(1).on(&store).await;
        let expected = match attempt {
            0..4 => matches!(answer, Err(StoreError::Timeout)),
            _ => matches!(answer, Err(StoreError::Unavailable(_))),
        };
        assert!(expected, "{attempt}: {answer:?}");
    }
    point.disarm().await;
    while Act::User(1).on(&store).await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn asvs_16_2_5_no_cause_quotes_a_document() {
    let options = mongo::options().await;
    let client = Client::with_options(options.clone()).unwrap();
    let database = client.default_database().unwrap();
    let mut config = mongo::config();
    config.validators = admittance::store::mongodb::Validators::Install;
    let store = MongoStore::new(database.clone(), config).await.unwrap();
    prepare(&store).await;
    // A validator that makes the server quote what it refuses.
    let secret = doc! { "password_hash": { "bsonType": "int" }, "email": { "bsonType": "int" } };
    let refuse = doc! {
        "collMod": "admittance_users",
        "validator": { "$jsonSchema": { "properties": secret } },
        "validationLevel": "strict",
    };
    database.run_command(refuse).await.unwrap();
    for act in [
        Act::InsertUser {
            number: 3,
            email: 3,
        },
        Act::ReplacePassword {
            user: 1,
            from: 1,
            to: 2,
            raise: true,
        },
        Act::UpdateProfile {
            user: 1,
            version: 0,
            name: Some(1),
            preferences: None,
        },
        Act::VerifyEmail(State::of(3)),
        Act::ChangeEmail {
            state: State::of(4),
            to: 7,
        },
        Act::ResetPassword {
            state: State::of(5),
            to: 9,
        },
        Act::SetStatus {
            user: 4,
            version: 0,
            status: UserStatus::Disabled,
        },
        Act::ChangeRoles {
            user: 5,
            version: 0,
            grant: Some(1),
            revoke: None,
        },
    ] {
        let error = act.on(&store).await.unwrap_err();
        let shown = format!("{error:?}").to_lowercase();
        assert!(shown.contains("121"), "{shown}");
        assert!(!shown.contains("canary"), "{shown}");
    }
}
