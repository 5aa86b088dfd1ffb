//! One client of one server, which checks what every answer must have.

use std::cell::{Cell, RefCell};

use serde_json::{Value, json};

use super::record::Recorder;
use super::reply::Reply;
use super::server::{RUNTIME, Server};
use super::session::{Mode, Session};
use crate::request::{Request, post};
use crate::transport::Transport;
use crate::wire::Connection;
pub(crate) use support::bed::{OTHER_PASSWORD, PASSWORD};

/// What every request says it comes from.
pub(crate) const USER_AGENT: &str = "contract";

/// What a client of a topic needs.
#[derive(Clone, Copy)]
pub(crate) struct Desk<'s> {
    pub(crate) recorder: &'s Recorder,
    pub(crate) topic: &'s str,
    pub(crate) mode: Mode,
    /// Whether it is about the server that is reached by https, where cookies are
    /// safer and a page of another origin may ask.
    pub(crate) is_https: bool,
}

/// A client, which keeps its connection as long as the server does.
pub(crate) struct Client<'s> {
    pub(crate) desk: Desk<'s>,
    pub(crate) server: &'s Server,
    connection: RefCell<Option<Connection>>,
    is_quiet: Cell<bool>,
}

/// An account that was registered.
pub(crate) struct Account {
    pub(crate) email: String,
    pub(crate) user_id: String,
    pub(crate) session: Session,
}

impl<'s> Client<'s> {
    pub(crate) fn new(desk: Desk<'s>, server: &'s Server) -> Self {
        Self {
            desk,
            server,
            connection: RefCell::default(),
            is_quiet: Cell::new(false),
        }
    }

    /// Sends `request`, and checks what every answer of the contract must have.
    pub(crate) fn send(&self, request: Request) -> Reply<'s> {
        let reply = self.send_plain(request);
        reply.has_what_every_answer_has(self.server);
        reply
    }

    /// Sends `request`, which the contract says nothing about.
    pub(crate) fn send_plain(&self, request: Request) -> Reply<'s> {
        let request = complete(request);
        if let Transport::InProcess(app) = &self.server.transport {
            let answer = RUNTIME.block_on(app.send(&request));
            return Reply::new(self.desk, request, answer, !self.is_quiet.get());
        }
        let mut kept = self.connection.borrow_mut();
        kept.take_if(|connection| connection.is_gone());
        let connection = kept.get_or_insert_with(|| self.connect());
        connection.send(&request.bytes());
        let reply = self.read_plain(connection, request);
        // A client that has sent more than was read is not listened to any longer.
        if reply.answer().header("connection") == "close" || reply.answer().status == 413 {
            *kept = None;
        }
        reply
    }

    /// Reads the answer to `request`, which was sent over `connection` in a way
    /// of its own, and checks what every answer of the contract must have.
    pub(crate) fn read(&self, connection: &mut Connection, request: Request) -> Reply<'s> {
        let reply = self.read_plain(connection, request);
        reply.has_what_every_answer_has(self.server);
        reply
    }

    /// Reads the answer to `request`, which the contract says nothing about.
    pub(crate) fn read_plain(&self, connection: &mut Connection, request: Request) -> Reply<'s> {
        let answer = connection
            .answer(&request.method)
            .unwrap_or_else(|wrong| panic!("{wrong}, to\n{request}"));
        Reply::new(self.desk, request, answer, !self.is_quiet.get())
    }

    /// A connection of its own, for what is not said by a [`Request`].
    pub(crate) fn connect(&self) -> Connection {
        match &self.server.transport {
            Transport::Tcp(addr) => Connection::open(addr),
            Transport::InProcess(_) => panic!("this topic is for TCP only"),
        }
    }

    /// Does what happens as often as it takes, and so is not in the transcript.
    pub(crate) fn quietly<T>(&self, work: impl FnOnce() -> T) -> T {
        self.is_quiet.set(true);
        let done = work();
        self.is_quiet.set(false);
        done
    }

    /// Sends what `request` makes until the answer `is_done`, which takes as
    /// long as the server needs in the background.
    pub(crate) fn until(
        &self,
        request: impl Fn() -> Request,
        is_done: impl Fn(&Reply<'s>) -> bool,
    ) {
        self.quietly(|| {
            for _ in 0..3000 {
                if is_done(&self.send(request())) {
                    return;
                }
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            panic!("never came about: {}", request());
        });
    }

    /// An address that no other topic uses.
    pub(crate) fn email(&self, name: &str) -> String {
        let topic = self.desk.topic.replace([' ', ','], "-");
        format!("{name}.{topic}@example.org")
    }

    /// Registers the account of `name`, as `name`.
    pub(crate) fn register(&self, name: &str) -> Account {
        let email = self.email(name);
        let request = post("/register", registration(&email, name));
        let reply = self.send(self.desk.mode.opening(request));
        let session = reply.opens_a_session(201);
        Account {
            user_id: reply.text("/user_id"),
            email,
            session,
        }
    }

    /// Registers an account, and confirms its address.
    pub(crate) fn register_verified(&self, name: &str) -> Account {
        let account = self.register(name);
        let token = self.verification(&account.email);
        let verify = post("/email/verify", json!({ "token": token }));
        self.send(verify.by(&account.session)).message(200);
        account
    }

    /// Registers an account where it begins with a mail.
    pub(crate) fn complete_registration(&self, name: &str) -> Account {
        let email = self.email(name);
        self.send(post("/register", registration(&email, name)))
            .message(202);
        let mail = self.server.mail(&email, "Complete your registration");
        let proof = json!({"token": mail.token("/email/verify"), "password": PASSWORD});
        let reply = self.send(self.desk.mode.opening(post("/email/verify", proof)));
        let session = reply.opens_a_session(200);
        Account {
            user_id: reply.text("/user_id"),
            email,
            session,
        }
    }

    /// The token of the link that confirms an address.
    pub(crate) fn verification(&self, email: &str) -> String {
        let mail = self.server.mail(email, "Confirm your email address");
        mail.token("/email/verify")
    }

    /// The token of the link to somebody for whom an account was created.
    pub(crate) fn invitation(&self, email: &str) -> String {
        let mail = self.server.mail(email, "Your account at");
        mail.token("/password/reset")
    }

    /// Logs in.
    pub(crate) fn log_in(&self, email: &str, password: &str) -> Session {
        let request = post("/login", credentials(email, password));
        let reply = self.send(self.desk.mode.opening(request));
        reply.opens_a_session(200)
    }

    /// Checks that nobody gets in by `session` any more.
    pub(crate) fn is_dead(&self, session: &Session) {
        let profile = crate::request::get("/profile").by(session);
        self.send(profile).problem(401, "invalid_token");
        let reply = self.send(session.refresh());
        reply
            .problem(401, "invalid_token")
            .header("set-cookie", "")
            .header("clear-site-data", "");
    }

    /// Checks that `session` goes on.
    pub(crate) fn is_live(&self, session: &Session) {
        let profile = crate::request::get("/profile").by(session);
        self.send(profile).status(200);
    }
}

/// `request` with what every request over HTTP/1.1 has.
pub(crate) fn complete(mut request: Request) -> Request {
    let common = [("Host", "example.org"), ("User-Agent", USER_AGENT)];
    let common = common.map(|(name, value)| (name.to_owned(), value.into()));
    request.headers.splice(0..0, common);
    request
}

pub(crate) fn registration(email: &str, name: &str) -> Value {
    json!({"email": email, "password": PASSWORD, "confirm_password": PASSWORD, "name": name})
}

pub(crate) fn credentials(email: &str, password: &str) -> Value {
    json!({"email": email, "password": password})
}
