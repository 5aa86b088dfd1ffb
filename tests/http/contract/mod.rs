//! The contract as a whole: each framework, in this process, and as the examples serve
//! it over TCP with each store.
//!
//! The count of checks is printed for each of these combinations. A check is one
//! demand on a status, a header or a body; one that fails does not keep the
//! others from being made.

mod account;
mod administration;
mod bodies;
mod bounds;
mod client;
mod cookies;
mod cors;
mod documented;
mod head;
mod limits;
mod links;
mod login;
mod outage;
mod overload;
mod passwords;
mod paths;
mod profile;
mod protocol;
mod record;
mod registration;
mod reply;
mod scene;
mod server;
mod session;
mod sessions;
mod shape;
mod slow;
mod verify_first;

use std::io::Write;
use std::sync::{Mutex, OnceLock};

use self::record::Transcripts;
use self::scene::{Combination, Hosting, Scene, Task, Topic};
use self::session::Mode;
use crate::transport::Framework;

/// Topics for both kinds of sessions.
const JOURNEYS: &[Topic] = &[
    ("registration", registration::registration),
    ("login", login::login),
    ("refresh", sessions::refresh),
    ("sessions", sessions::sessions),
    ("own routes", sessions::own_routes),
    ("profile", profile::profile),
    ("passwords", passwords::change_and_confirm),
    ("reset", passwords::reset),
    ("verification", links::verification),
    ("disown", links::disown),
    ("change of address", links::change_of_address),
    ("events", account::events),
    ("export", account::export),
    ("deletion", account::deletion),
    ("administration", administration::administration),
    ("administrators", administration::administrators),
    ("verify first", verify_first::verify_first),
];

/// Topics that do not depend on how sessions are held.
const TOPICS: &[Topic] = &[
    ("limits of accounts", limits::accounts),
    ("strength", passwords::strength),
    ("origins", cors::cors),
    ("methods", paths::methods),
    ("no such path", paths::unknown),
    ("queries", paths::queries),
    ("head", head::head),
    ("authorization", head::authorization),
    ("malformed bodies", bodies::malformed),
    ("media types", bodies::media_types),
    ("sizes", bodies::sizes),
    ("fields", bodies::fields),
];

/// Topics that need a socket, since they are about the bytes of requests or about
/// connections.
const OVER_TCP: &[Topic] = &[
    ("sizes in chunks", bodies::chunked_sizes),
    ("connections", protocol::connections),
    ("framing", protocol::framing),
    ("broken requests", protocol::broken),
    ("slow bodies", slow::slow),
    ("given up", slow::given_up),
];

/// Topics about cookies.
const COOKIES: &[Topic] = &[
    ("pages of others", cookies::foreign_pages),
    ("cookies", cookies::cookies),
    ("browsers", cookies::kept_in_cookies),
];

/// Topics that use up what others need.
const LAST: &[Topic] = &[("limits of networks", limits::networks)];

/// The same over TCP only, and what takes time.
const LAST_OVER_TCP: &[Topic] = &[
    ("a body that stops", slow::stopped),
    ("overload", overload::overload),
];

/// The outcome of a combination.
struct Outcome {
    summary: String,
    count: (usize, usize),
    failures: Vec<String>,
    transcripts: Transcripts,
}

fn outcome(combination: Combination) -> Outcome {
    let scene = Scene::set(combination);
    let by = |mode: Mode, topics: &'static [Topic]| {
        topics.iter().map(move |(name, work)| Task {
            name: format!("{name} by {}", mode.name()),
            mode,
            work: *work,
        })
    };
    let plain = |(name, work): &Topic| Task {
        name: (*name).to_owned(),
        mode: Mode::Bearer,
        work: *work,
    };
    let (over_tcp, last_over_tcp) = match combination.is_in_process() {
        true => (&[][..], &[][..]),
        false => (OVER_TCP, LAST_OVER_TCP),
    };
    let tasks: Vec<_> = by(Mode::Bearer, JOURNEYS)
        .chain(by(Mode::Cookie, JOURNEYS))
        .chain(by(Mode::Cookie, COOKIES))
        .chain(TOPICS.iter().chain(over_tcp).map(plain))
        .collect();
    scene.try_out(&tasks);
    let last: Vec<_> = LAST.iter().chain(last_over_tcp).map(plain).collect();
    scene.try_out(&last);
    for (operation, outcome) in scene.unanswered() {
        let failure = format!("{operation}: {outcome} is documented, and never answered");
        scene.recorder.fail(&failure);
    }
    let summary = scene.recorder.summary();
    // Not by `println!`, which shows nothing when a test passes.
    let mut out = std::io::stdout();
    writeln!(out, "{summary}").unwrap();
    Outcome {
        summary,
        count: scene.recorder.count(),
        failures: scene.recorder.failures(),
        transcripts: scene.recorder.transcripts(),
    }
}

const COMBINATIONS: [Combination; 10] = [
    of(Framework::Axum, Hosting::Memory),
    of(Framework::Axum, Hosting::Sqlite),
    of(Framework::Axum, Hosting::Postgres),
    of(Framework::Axum, Hosting::MongoDb),
    of(Framework::Axum, Hosting::InProcess),
    of(Framework::Warp, Hosting::Memory),
    of(Framework::Warp, Hosting::Sqlite),
    of(Framework::Warp, Hosting::Postgres),
    of(Framework::Warp, Hosting::MongoDb),
    of(Framework::Warp, Hosting::InProcess),
];

const fn of(framework: Framework, hosting: Hosting) -> Combination {
    Combination { framework, hosting }
}

/// Each combination is tried out once, for all tests that ask for it.
fn tried_out(combination: Combination) -> &'static Outcome {
    static OUTCOMES: [OnceLock<Outcome>; COMBINATIONS.len()] =
        [const { OnceLock::new() }; COMBINATIONS.len()];
    let index = COMBINATIONS.iter().position(|one| *one == combination);
    let cell = index.and_then(|index| OUTCOMES.get(index)).unwrap();
    cell.get_or_init(|| outcome(combination))
}

fn holds(framework: Framework, hosting: Hosting) {
    let outcome = tried_out(of(framework, hosting));
    assert!(
        outcome.failures.is_empty(),
        "{}\n\n{}",
        outcome.failures.join("\n\n"),
        outcome.summary
    );
}

#[test]
fn axum_in_process_keeps_the_contract() {
    holds(Framework::Axum, Hosting::InProcess);
}

#[test]
fn axum_over_memory_keeps_the_contract() {
    holds(Framework::Axum, Hosting::Memory);
}

#[test]
fn axum_over_sqlite_keeps_the_contract() {
    holds(Framework::Axum, Hosting::Sqlite);
}

#[test]
fn axum_over_postgres_keeps_the_contract() {
    holds(Framework::Axum, Hosting::Postgres);
}

#[test]
fn axum_over_mongodb_keeps_the_contract() {
    holds(Framework::Axum, Hosting::MongoDb);
}

#[test]
fn warp_in_process_keeps_the_contract() {
    holds(Framework::Warp, Hosting::InProcess);
}

#[test]
fn warp_over_memory_keeps_the_contract() {
    holds(Framework::Warp, Hosting::Memory);
}

#[test]
fn warp_over_sqlite_keeps_the_contract() {
    holds(Framework::Warp, Hosting::Sqlite);
}

#[test]
fn warp_over_postgres_keeps_the_contract() {
    holds(Framework::Warp, Hosting::Postgres);
}

#[test]
fn warp_over_mongodb_keeps_the_contract() {
    holds(Framework::Warp, Hosting::MongoDb);
}

/// The topics with a different answer, and the first difference.
fn differences(one: &Transcripts, other: &Transcripts) -> Vec<String> {
    let mut found = Vec::new();
    for topic in one.keys().chain(other.keys()) {
        let lines = |of: &Transcripts| of.get(topic).cloned().unwrap_or_default();
        let (left, right) = (lines(one), lines(other));
        let first = left.iter().zip(&right).find(|(left, right)| left != right);
        match first {
            Some((left, right)) => found.push(format!("{topic}:\n  {left}\n  {right}")),
            None if left.len() != right.len() => {
                found.push(format!(
                    "{topic}: {} or {} answers",
                    left.len(),
                    right.len()
                ));
            }
            None => {}
        }
    }
    found.sort();
    found.dedup();
    found
}

/// Its name makes it start first, and so it starts the servers: four at once, because each one
/// reads the lists of common words when it starts.
#[test]
fn all_combinations_answer_alike() {
    let over_tcp: Vec<_> = COMBINATIONS
        .iter()
        .filter(|one| !one.is_in_process())
        .collect();
    for some in over_tcp.chunks(4) {
        std::thread::scope(|scope| {
            for combination in some {
                scope.spawn(|| tried_out(**combination));
            }
        });
    }
    let [first, others @ ..] = COMBINATIONS;
    let expected = tried_out(first);
    let in_process: Vec<_> = COMBINATIONS
        .into_iter()
        .filter(|combination| combination.is_in_process())
        .map(|combination| tried_out(combination).count)
        .collect();
    assert!(in_process.is_sorted_by(|one, other| one == other));
    for combination in others {
        let outcome = tried_out(combination);
        let mut shared = expected.transcripts.clone();
        if combination.is_in_process() {
            let topics = || OVER_TCP.iter().chain(LAST_OVER_TCP);
            shared.retain(|topic, _| topics().all(|(name, _)| name != topic));
        }
        let found = differences(&shared, &outcome.transcripts);
        assert!(
            found.is_empty(),
            "{} and {} answer differently:\n{}",
            first.name(),
            combination.name(),
            found.join("\n")
        );
        if !combination.is_in_process() {
            assert_eq!(outcome.count, expected.count, "{}", combination.name());
        }
    }
}

/// Two floods at once would disturb each other.
static FLOOD: Mutex<()> = Mutex::new(());
