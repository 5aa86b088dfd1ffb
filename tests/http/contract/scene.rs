//! The servers of one combination of a framework and a store.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::json;

use crate::contract::client::{Client, Desk, PASSWORD, registration};
use crate::contract::cors::LISTED_ORIGIN;
use crate::contract::record::Recorder;
use crate::contract::request::{get, post};
use crate::contract::session::{Mode, Session};
use crate::contract::slow;
use crate::contract::wire::Connection;
use support::example::Example;
use support::mongo;

/// Who is an administrator on the servers that have the routes for them.
pub(crate) const ADMIN: &str = "admin@example.org";
/// Topics that are under way at the same time, for each combination.
const WORKERS: usize = 4;

/// A combination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Combination {
    pub(crate) framework: &'static str,
    pub(crate) store: &'static str,
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
    main: Example,
    limited: Example,
    verify_first: Example,
    office: Mutex<()>,
    /// Where the body of a request has stopped.
    pub(crate) stopped: Mutex<Connection>,
}

/// Where a topic is tried out.
pub(crate) struct Place<'s> {
    pub(crate) scene: &'s Scene,
    pub(crate) desk: Desk<'s>,
}

impl Combination {
    pub(crate) fn name(self) -> String {
        format!("{} × {}", self.framework, self.store)
    }

    fn serve(self, environment: &[(&str, &str)]) -> Example {
        let uri = (self.store == "MongoDB").then(mongo::fresh_uri);
        let uri = uri.as_deref().map(|uri| ("MONGODB_URI", uri));
        let environment: Vec<_> = environment.iter().copied().chain(uri).collect();
        let example = Example::start(self.framework, &environment);
        let says = match self.store {
            "MongoDB" => "in MongoDB",
            _ => "in memory",
        };
        assert!(example.greeting().contains(says), "{}", example.greeting());
        example
    }
}

impl Scene {
    pub(crate) fn set(combination: Combination) -> Self {
        let main = combination.serve(&[("RATE_LIMITS", "off"), ("ADMIN", ADMIN)]);
        let mut stopped = Connection::open(main.addr());
        slow::stop(&mut stopped);
        let scene = Self {
            recorder: Recorder::new(combination.name()),
            main,
            limited: combination.serve(&[("ADMIN", ADMIN)]),
            verify_first: combination.serve(&[
                ("RATE_LIMITS", "off"),
                ("REGISTRATION", "verify-first"),
                ("AUDIT", "off"),
                ("BASE_URL", "https://exam.example"),
                ("ALLOWED_ORIGINS", LISTED_ORIGIN),
            ]),
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
        }
        scene
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
    /// A client of the server without limits, which has all there is.
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

    /// For who adds or removes administrators: nobody else does meanwhile.
    pub(crate) fn office(&self) -> MutexGuard<'s, ()> {
        let office = self.scene.office.lock();
        office.unwrap_or_else(PoisonError::into_inner)
    }
}
