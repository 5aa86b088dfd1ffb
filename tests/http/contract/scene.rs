//! The servers of one combination of a framework and a store.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::json;

use super::client::{Client, Desk, PASSWORD, registration};
use super::record::Recorder;
use super::server::{Purpose, Server};
use super::session::{Mode, Session};
use super::slow;
use crate::request::{get, post};
use crate::transport::{Framework, Transport};
use crate::wire::Connection;
use support::document::Outcome;
use support::example::Example;
use support::sqlite::Folder;
use support::{mongo, postgres};

/// The administrator of the servers that have routes for administrators.
pub(crate) const ADMIN: &str = "admin@example.org";
/// Topics that are under way at the same time, for each combination.
const WORKERS: usize = 4;

/// Outcomes that the topics do not provoke of each operation: failures within, and what
/// other tests are about.
const ELSEWHERE: [&str; 5] = [
    "internal",
    "overloaded",
    "unavailable",
    "rate_limited",
    "request_timeout",
];

/// A combination of a framework, and of a store and the way to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Combination {
    pub(crate) framework: Framework,
    pub(crate) hosting: Hosting,
}

/// Where the servers run, and what they keep accounts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hosting {
    /// An application in this process, over the memory store.
    InProcess,
    /// An example over TCP, over the memory store.
    Memory,
    /// An example over TCP, over a SQLite file.
    Sqlite,
    /// An example over TCP, over PostgreSQL.
    Postgres,
    /// An example over TCP, over MongoDB.
    MongoDb,
}

/// One thing that is tried out in every combination.
pub(crate) type Topic = (&'static str, fn(&Place<'_>));

/// A topic, and how the sessions in it are held.
pub(crate) struct Task {
    pub(crate) name: String,
    pub(crate) mode: Mode,
    pub(crate) work: fn(&Place<'_>),
}

/// Servers of one combination, each with accounts of its own.
pub(crate) struct Scene {
    pub(crate) recorder: Recorder,
    main: Server,
    limited: Server,
    verify_first: Server,
    office: Mutex<()>,
    /// Over TCP, where the body of a request has stopped.
    pub(crate) stopped: Mutex<Option<Connection>>,
}

/// Where a topic is tried out.
pub(crate) struct Place<'s> {
    pub(crate) scene: &'s Scene,
    pub(crate) desk: Desk<'s>,
}

impl Combination {
    pub(crate) fn name(self) -> String {
        let hosting = match self.hosting {
            Hosting::InProcess => "memory, in process",
            Hosting::Memory => "memory",
            Hosting::Sqlite => "SQLite",
            Hosting::Postgres => "PostgreSQL",
            Hosting::MongoDb => "MongoDB",
        };
        format!("{} × {hosting}", self.framework.name())
    }

    pub(crate) fn is_in_process(self) -> bool {
        self.hosting == Hosting::InProcess
    }

    fn serve(self, purpose: Purpose) -> Server {
        let (url, says) = match self.hosting {
            Hosting::InProcess => return Server::in_process(self.framework, purpose),
            Hosting::Memory => (None, "in memory"),
            Hosting::Sqlite => (Some(Folder::fresh().kept().url()), "in SQLite"),
            Hosting::Postgres => (Some(postgres::fresh_url_for_process()), "in PostgreSQL"),
            Hosting::MongoDb => (Some(mongo::fresh_uri()), "in MongoDB"),
        };
        let url = url.as_deref().map(|url| ("DATABASE_URL", url));
        let environment = purpose.environment().iter().copied();
        let environment: Vec<_> = environment.chain(url).collect();
        let example = Example::start(self.framework.name(), &environment);
        assert!(example.greeting().contains(says), "{}", example.greeting());
        Server::over_tcp(example, &purpose.http())
    }
}

impl Scene {
    pub(crate) fn set(combination: Combination) -> Self {
        let main = combination.serve(Purpose::Main);
        let stopped = match &main.transport {
            Transport::InProcess(_) => None,
            Transport::Tcp(addr) => {
                let mut stopped = Connection::open(addr);
                slow::stop(&mut stopped);
                Some(stopped)
            }
        };
        let scene = Self {
            recorder: Recorder::new(combination.name()),
            main,
            limited: combination.serve(Purpose::Limited),
            verify_first: combination.serve(Purpose::VerifyFirst),
            office: Mutex::default(),
            stopped: Mutex::new(stopped),
        };
        for server in [&scene.main, &scene.limited] {
            let place = scene.place("the first administrator", Mode::Bearer);
            let client = Client::new(place.desk, server);
            let registered = client.send(post("/register", registration(ADMIN, "Ada")));
            let session = registered.opens_a_session(201);
            let verify = json!({ "token": client.verification(ADMIN) });
            let verify = post("/email/verify", verify).by(&session);
            client.send(verify).message(200);
            server.appoint(ADMIN);
        }
        scene
    }

    /// What is documented and was never answered.
    pub(crate) fn unanswered(&self) -> BTreeSet<Outcome> {
        let servers = [&self.main, &self.limited, &self.verify_first];
        let (documented, seen): (Vec<_>, Vec<_>) =
            servers.map(Server::outcomes).into_iter().unzip();
        let seen: BTreeSet<_> = seen.into_iter().flatten().collect();
        let documented = documented.into_iter().flatten();
        documented
            .filter(|one| !seen.contains(one) && !ELSEWHERE.contains(&one.1.as_str()))
            .collect()
    }

    pub(crate) fn place<'s>(&'s self, topic: &'s str, mode: Mode) -> Place<'s> {
        let desk = Desk {
            recorder: &self.recorder,
            topic,
            mode,
            is_https: false,
        };
        Place { scene: self, desk }
    }

    /// Does `tasks`, several at a time. One that cannot go on is a
    /// failure, and the others go on.
    pub(crate) fn try_out(&self, tasks: &[Task]) {
        let next = Mutex::new(tasks.iter());
        std::thread::scope(|scope| {
            for _ in 0..WORKERS {
                scope.spawn(|| {
                    loop {
                        let task = next.lock().unwrap().next();
                        let Some(Task { name, mode, work }) = task else {
                            return;
                        };
                        let place = self.place(name, *mode);
                        let went = catch_unwind(AssertUnwindSafe(|| work(&place)));
                        if let Err(panic) = went {
                            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
                            let why = panic.downcast_ref::<String>().cloned().or(text);
                            let why = why.unwrap_or_default();
                            self.recorder.fail(&format!("{name}: cannot go on: {why}"));
                        }
                    }
                });
            }
        });
    }
}

impl<'s> Place<'s> {
    /// A client of the server without limits, on which every part is on.
    pub(crate) fn client(&self) -> Client<'s> {
        Client::new(self.desk, &self.scene.main)
    }

    /// A client of the server with the limits that it has by default.
    pub(crate) fn limited(&self) -> Client<'s> {
        Client::new(self.desk, &self.scene.limited)
    }

    /// A client of the server whose accounts begin with a mail. It is reached by
    /// https, has a list of origins, neither limits nor administrators, and keeps
    /// no events.
    pub(crate) fn verify_first(&self) -> Client<'s> {
        let desk = Desk {
            is_https: true,
            ..self.desk
        };
        Client::new(desk, &self.scene.verify_first)
    }

    /// A session of the administrator, once there is one.
    pub(crate) fn administrator(&self, client: &Client<'s>) -> Session {
        let session = client.quietly(|| client.log_in(ADMIN, PASSWORD));
        client.until(
            || get("/admin/users?limit=1").by(&session),
            |reply| reply.answer().status == 200,
        );
        session
    }

    /// Held by a topic that adds or removes administrators, so that no other does meanwhile.
    pub(crate) fn office(&self) -> MutexGuard<'s, ()> {
        let office = self.scene.office.lock();
        office.unwrap_or_else(PoisonError::into_inner)
    }
}
