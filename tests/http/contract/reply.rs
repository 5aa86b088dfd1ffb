//! An answer, and what can be demanded of it.

use std::cell::Cell;

use serde_json::{Value, json};

use crate::contract::client::Desk;
use crate::contract::cors::{LISTED_ORIGIN, SHARED};
use crate::contract::request::Request;
use crate::contract::session::{Mode, Session};
use crate::contract::set_cookie::{SetCookie, set_cookies};
use crate::contract::shape;
use crate::contract::wire::Answer;

/// The members of an answer that opens a session or goes on with it.
pub(crate) const TOKENS: [&str; 10] = [
    "email",
    "expires_in",
    "is_verified",
    "message",
    "missing",
    "name",
    "refresh_token",
    "token",
    "token_type",
    "user_id",
];

/// Those of them that are in cookies instead, for who asks for that.
const IN_COOKIES: [&str; 3] = ["refresh_token", "token", "token_type"];

/// How long the tokens of a session are good, in seconds.
const GOOD_FOR: [Option<u64>; 2] = [Some(900), Some(7 * 24 * 3600)];
/// How long a token is given again to who has lost the answer, in seconds.
const GRACE: u64 = 10;
/// As long as the browser is open.
const WHILE_OPEN: [Option<u64>; 2] = [None, None];

/// What browsers keep of a cookie, at most (RFC 6265 §6.1, ASVS 3.3.5).
const LONGEST_COOKIE: usize = 4096;

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
            let members = shape::members(error);
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
        self.check(shape::members(value) == expected, || {
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
        self.opens(status, GOOD_FOR)
    }

    /// The same of a session that is over when the browser is closed.
    pub(crate) fn opens_a_short_session(&self, status: u16) -> Session {
        self.opens(status, WHILE_OPEN)
    }

    fn opens(&self, status: u16, good_for: [Option<u64>; 2]) -> Session {
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
            Mode::Cookie => self.opens_in_cookies(good_for),
        }
    }

    fn opens_in_cookies(&self, good_for: [Option<u64>; 2]) -> Session {
        let is_in_body = |name: &&str| !IN_COOKIES.contains(name);
        let members: Vec<_> = TOKENS.into_iter().filter(is_in_body).collect();
        self.members("", &members)
            .header("clear-site-data", "")
            .has_cookies(good_for);
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

    /// That the session of who asked has ended, and is forgotten where it was
    /// kept in cookies (ASVS 14.3.1).
    pub(crate) fn closes(&self) -> &Self {
        match self.desk.mode {
            Mode::Bearer => self.header("set-cookie", "").header("clear-site-data", ""),
            Mode::Cookie => {
                let cookies = set_cookies(&self.answer);
                self.has_cookies([Some(0), Some(0)])
                    .check(cookies.iter().all(|cookie| cookie.value.is_empty()), || {
                        "the cookies are empty".to_owned()
                    })
                    .header("clear-site-data", "\"cache\", \"storage\"")
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
        // A refresh that is asked again may be as old as the grace is long.
        let is_kept = |(cookie, age): (&SetCookie, Option<u64>)| match (cookie.max_age, age) {
            (Some(found), Some(age)) => found <= age && found + GRACE >= age,
            (found, age) => found == age,
        };
        let are_kept = cookies.iter().zip(ages).all(is_kept);
        self.check(are_kept, || format!("they are kept for {ages:?}"))
    }

    /// What every answer of the contract must have: each header once, none that
    /// is not expected, and problems in the one form (RFC 9457).
    ///
    /// How often something is asked again until it has come about is a matter of
    /// time, so of those answers this is checked and not counted.
    pub(crate) fn has_what_every_answer_has(&self) {
        self.is_counted.set(self.is_noted);
        self.has_headers();
        if self.answer.status >= 400 && self.request.method != "HEAD" {
            self.is_a_problem();
        }
        self.is_counted.set(true);
    }

    fn has_headers(&self) {
        let status = self.answer.status;
        self.header("cache-control", "no-store")
            .header("x-content-type-options", "nosniff");
        let content_type = match status {
            204 => "",
            200..300 => "application/json",
            _ => "application/problem+json",
        };
        self.header("content-type", content_type);
        let mut names: Vec<_> = self.answer.headers.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        let expected = self.expected_headers();
        self.check(names == expected, || {
            format!("the headers are {expected:?}, each once")
        });
        if !self.answer.header("retry-after").is_empty() {
            let wait = self.answer.header("retry-after").parse::<u32>();
            self.check(wait.is_ok_and(|wait| wait > 0), || {
                "Retry-After is a number of seconds above 0".to_owned()
            });
        }
        for cookie in set_cookies(&self.answer) {
            let https: &[_] = if self.desk.is_https { &["Secure"] } else { &[] };
            let attributes = [&["HttpOnly", "Path=/", "SameSite=Lax"], https].concat();
            self.check(cookie.attributes == attributes, || {
                format!("the attributes of {} are {attributes:?}", cookie.name)
            });
            self.check(cookie.bytes <= LONGEST_COOKIE, || {
                format!("{} is not too long", cookie.name)
            });
        }
    }

    fn expected_headers(&self) -> Vec<&'static str> {
        let mut names = vec!["cache-control", "date", "x-content-type-options"];
        let own: &[_] = match self.answer.status {
            204 => &[],
            _ => &["content-length", "content-type"],
        };
        names.extend(own);
        // Only who keeps a session in cookies is sent any, and both or none; they
        // are forgotten together with everything else.
        let has = |name: &str| self.answer.all(name).next().is_some();
        if self.request.has_cookies() && has("set-cookie") {
            names.extend(["set-cookie", "set-cookie"]);
            names.extend(has("clear-site-data").then_some("clear-site-data"));
        }
        if self.desk.is_https {
            names.push("vary");
            let is_listed = self.request.header_is("Origin", LISTED_ORIGIN);
            names.extend(is_listed.then_some(SHARED).into_iter().flatten());
        }
        names.extend(match self.answer.status {
            401 => Some("www-authenticate"),
            405 => Some("allow"),
            // Refused by its length, so that the rest is not read.
            413 if self.request.has_length() => Some("connection"),
            429 | 503 => Some("retry-after"),
            _ => None,
        });
        names.sort_unstable();
        names
    }

    fn is_a_problem(&self) {
        let status = self.answer.status;
        let members: &[_] = match status {
            422 => &["code", "detail", "errors", "status", "title", "type"],
            _ => &["code", "detail", "status", "title", "type"],
        };
        self.members("", members)
            .at("/type", &json!("about:blank"))
            .at("/title", &json!(self.answer.reason))
            .at("/status", &json!(status))
            .form("/detail", "text");
    }
}
