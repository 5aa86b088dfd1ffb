//! An answer, and the checks on it.

use std::cell::Cell;

use serde_json::{Value, json};

use super::client::Desk;
use super::server::Server;
use super::session::{Mode, Session};
use super::shape;
use crate::answer::{Answer, TOKENS};
use crate::every_answer::names_of;
use crate::request::Request;
use crate::set_cookie::{SetCookie, set_cookies};

/// Those of them that are in cookies instead, if the client asks for that.
const IN_COOKIES: [&str; 3] = ["refresh_token", "token", "token_type"];

/// How long the tokens of a session are valid, in seconds.
const LIFETIMES: [Option<u64>; 2] = [Some(900), Some(7 * 24 * 3600)];
/// For how long a repeated refresh gets the same tokens, in seconds.
const GRACE: u64 = 10;
/// Until the browser is closed.
const UNTIL_CLOSED: [Option<u64>; 2] = [None, None];

/// The members of a profile.
pub(crate) const PROFILE: [&str; 9] = [
    "created_at",
    "email",
    "is_verified",
    "last_login",
    "missing",
    "name",
    "preferences",
    "roles",
    "user_id",
];

/// An answer to a request.
pub(crate) struct Reply<'s> {
    desk: Desk<'s>,
    request: Request,
    answer: Answer,
    is_noted: bool,
    is_counted: Cell<bool>,
}

impl<'s> Reply<'s> {
    pub(crate) fn new(desk: Desk<'s>, request: Request, answer: Answer, is_noted: bool) -> Self {
        if is_noted {
            desk.recorder.count_answer();
            let line = shape::line(&request, &answer);
            desk.recorder.note(desk.topic, line);
        }
        Self {
            desk,
            request,
            answer,
            is_noted,
            is_counted: Cell::new(true),
        }
    }

    pub(crate) fn answer(&self) -> &Answer {
        &self.answer
    }

    /// One check: that `holds`, which `what` says in words.
    pub(crate) fn check(&self, holds: bool, what: impl FnOnce() -> String) -> &Self {
        if self.is_counted.get() {
            self.desk.recorder.count_check();
        }
        if !holds {
            let (topic, what) = (self.desk.topic, what());
            let (request, answer) = (&self.request, &self.answer);
            let failure =
                format!("{topic}: {what}\n--- request\n{request}\n--- answer\n{answer}\n---");
            self.desk.recorder.fail(&failure);
        }
        self
    }

    pub(crate) fn status(&self, expected: u16) -> &Self {
        self.check(self.answer.status == expected, || {
            format!("the status is {expected}")
        })
    }

    /// A problem with this status and code.
    pub(crate) fn problem(&self, status: u16, code: &str) -> &Self {
        self.status(status).at("/code", &json!(code))
    }

    /// A 401 with exactly this challenge (RFC 6750 §3).
    pub(crate) fn refused(&self, code: &str, challenge: &str) -> &Self {
        self.problem(401, code)
            .header("www-authenticate", challenge)
    }

    /// An answer with a sentence for a person and nothing else.
    pub(crate) fn message(&self, status: u16) -> &Self {
        self.status(status).members("", &["message"]);
        let text = self.answer.json.pointer("/message").and_then(Value::as_str);
        self.check(text.is_some_and(|text| text.ends_with('.')), || {
            "`message` is a sentence".to_owned()
        })
    }

    /// A 204, which has no body.
    pub(crate) fn no_content(&self) -> &Self {
        self.status(204).check(self.answer.body.is_empty(), || {
            "there is no body".to_owned()
        })
    }

    /// A 422 that names these rules, in this order.
    pub(crate) fn violates(&self, expected: &[(&str, &str)]) -> &Self {
        self.problem(422, "validation_failed");
        let errors = self
            .answer
            .json
            .get("errors")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let text = |error: &Value, name: &str| {
            let text = error.get(name).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        let found: Vec<_> = errors
            .clone()
            .map(|error| (text(error, "field"), text(error, "code")))
            .collect();
        let wanted: Vec<_> = expected
            .iter()
            .map(|(field, code)| ((*field).to_owned(), (*code).to_owned()))
            .collect();
        self.check(found == wanted, || format!("the errors are {expected:?}"));
        for error in errors {
            let members = names_of(error);
            self.check(members == ["code", "field", "message"], || {
                format!("an error has a code, a field and a message: {error}")
            });
            let message = text(error, "message");
            self.check(message.ends_with('.'), || {
                format!("its message is a sentence: {error}")
            });
        }
        self
    }

    /// The members of the object at `pointer`, all of them, in order.
    pub(crate) fn members(&self, pointer: &str, expected: &[&str]) -> &Self {
        let value = self.answer.json.pointer(pointer).unwrap_or(&Value::Null);
        self.check(names_of(value) == expected, || {
            format!("the members of {pointer:?} are {expected:?}")
        })
    }

    /// The value at `pointer` (RFC 6901).
    pub(crate) fn at(&self, pointer: &str, expected: &Value) -> &Self {
        self.check(self.answer.json.pointer(pointer) == Some(expected), || {
            format!("{pointer} is {expected}")
        })
    }

    /// The form of the value at `pointer`: `id`, `time`, `null`, …
    pub(crate) fn form(&self, pointer: &str, expected: &str) -> &Self {
        let value = self.answer.json.pointer(pointer);
        let form = value.map(shape::form);
        self.check(form.as_deref() == Some(expected), || {
            format!("{pointer} is of the form {expected}, not {form:?}")
        })
    }

    /// How many there are in the list at `pointer`.
    pub(crate) fn count(&self, pointer: &str, expected: usize) -> &Self {
        let list = self.answer.json.pointer(pointer).and_then(Value::as_array);
        self.check(list.map(Vec::len) == Some(expected), || {
            format!("there are {expected} in {pointer}")
        })
    }

    /// The value of a header; `""`: it is not there.
    pub(crate) fn header(&self, name: &str, expected: &str) -> &Self {
        self.check(self.answer.header(name) == expected, || {
            format!("the header {name} is {expected:?}")
        })
    }

    /// That the other answer is the same in everything but its date.
    pub(crate) fn same_as(&self, other: &Self) -> &Self {
        self.check(self.answer.essence() == other.answer.essence(), || {
            format!("the answer is the same as\n{}", other.answer)
        })
    }

    /// The text at `pointer`, which the rest of the test cannot do without.
    pub(crate) fn text(&self, pointer: &str) -> String {
        let text = self.answer.json.pointer(pointer).and_then(Value::as_str);
        let text = text.unwrap_or_else(|| {
            panic!(
                "no text at {pointer}:\n{}\n---\n{}",
                self.request, self.answer
            )
        });
        text.to_owned()
    }

    /// The list at `pointer`.
    pub(crate) fn list(&self, pointer: &str) -> Vec<Value> {
        let list = self.answer.json.pointer(pointer).and_then(Value::as_array);
        list.cloned().unwrap_or_default()
    }

    /// Checks the members, types and forms of an answer that opens a session or
    /// goes on with it, and gives the session.
    pub(crate) fn opens_a_session(&self, status: u16) -> Session {
        self.opens(status, LIFETIMES)
    }

    /// The same of a session that is over when the browser is closed.
    pub(crate) fn opens_a_short_session(&self, status: u16) -> Session {
        self.opens(status, UNTIL_CLOSED)
    }

    fn opens(&self, status: u16, lifetimes: [Option<u64>; 2]) -> Session {
        self.status(status)
            .form("/user_id", "id")
            .form("/email", "text")
            .form("/name", "text")
            .form("/is_verified", "boolean")
            .form("/message", "text")
            .at("/expires_in", &json!(900));
        let is_verified = self.answer.json.get("is_verified") == Some(&json!(true));
        let missing = match is_verified {
            true => json!([]),
            false => json!(["email_verification"]),
        };
        self.at("/missing", &missing);
        match self.desk.mode {
            Mode::Bearer => {
                self.members("", &TOKENS)
                    .form("/token", "access token")
                    .form("/refresh_token", "refresh token")
                    .at("/token_type", &json!("Bearer"));
                Session::Bearer {
                    token: self.text("/token"),
                    refresh: self.text("/refresh_token"),
                }
            }
            Mode::Cookie => self.opens_in_cookies(lifetimes),
        }
    }

    fn opens_in_cookies(&self, lifetimes: [Option<u64>; 2]) -> Session {
        let is_in_body = |name: &&str| !IN_COOKIES.contains(name);
        let members: Vec<_> = TOKENS.into_iter().filter(is_in_body).collect();
        self.members("", &members)
            .header("clear-site-data", "")
            .has_cookies(lifetimes);
        let Ok([token, refresh]) = <[SetCookie; 2]>::try_from(set_cookies(&self.answer)) else {
            panic!("no two cookies:\n{}\n---\n{}", self.request, self.answer);
        };
        let forms = [&token, &refresh].map(|cookie| shape::form(&json!(cookie.value)));
        self.check(forms == ["access token", "refresh token"], || {
            format!("the tokens are in the cookies, not {forms:?}")
        });
        let body = String::from_utf8_lossy(&self.answer.body);
        self.check(
            !body.contains(&token.value) && !body.contains(&refresh.value),
            || "no token is in the body".to_owned(),
        );
        Session::Cookie {
            token: (token.name, token.value),
            refresh: (refresh.name, refresh.value),
        }
    }

    /// That the client's session has ended, and that its cookies are removed
    /// (ASVS 14.3.1).
    pub(crate) fn closes(&self) -> &Self {
        match self.desk.mode {
            Mode::Bearer => self.header("set-cookie", "").header("clear-site-data", ""),
            Mode::Cookie => {
                let cookies = set_cookies(&self.answer);
                self.has_cookies([Some(0), Some(0)])
                    .check(cookies.iter().all(|cookie| cookie.value.is_empty()), || {
                        "the cookies are empty".to_owned()
                    })
                    .header("clear-site-data", "\"storage\"")
            }
        }
    }

    /// The names, the order and the ages of both cookies. Their attributes are
    /// checked of every answer.
    fn has_cookies(&self, ages: [Option<u64>; 2]) -> &Self {
        let cookies = set_cookies(&self.answer);
        let prefix = if self.desk.is_https { "__Host-" } else { "" };
        let names =
            ["admittance_token", "admittance_refresh"].map(|name| format!("{prefix}{name}"));
        let found: Vec<_> = cookies.iter().map(|cookie| &cookie.name).collect();
        self.check(found == names.each_ref(), || {
            format!("the cookies are {names:?}")
        });
        // A repeated refresh may be as old as the grace is long.
        let is_kept = |(cookie, age): (&SetCookie, Option<u64>)| match (cookie.max_age, age) {
            (Some(found), Some(age)) => found <= age && found + GRACE >= age,
            (found, age) => found == age,
        };
        let are_kept = cookies.iter().zip(ages).all(is_kept);
        self.check(are_kept, || format!("they are kept for {ages:?}"))
    }

    /// What every answer of the contract must have, and that it is as documented.
    ///
    /// How often a request is repeated until something has happened depends on time,
    /// so these answers are checked and not counted.
    pub(crate) fn has_what_every_answer_has(&self, server: &Server) {
        let (request, answer) = (&self.request, &self.answer);
        self.is_counted.set(self.is_noted);
        for (holds, what) in server.rules().checks(request, answer) {
            self.check(holds, || what);
        }
        let complaint = server.complaint(request, answer);
        self.check(complaint.is_empty(), || {
            format!("the answer is as documented, not\n{complaint}")
        });
        self.is_counted.set(true);
    }
}
