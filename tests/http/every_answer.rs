//! What every answer of the contract must have: each header once, none that is not
//! expected, and problems in the one form (RFC 9457).

use admittance::http::{AllowedOrigins, HttpConfig};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::request::Request;
use crate::set_cookie::set_cookies;

/// What browsers keep of a cookie, at most (RFC 6265 §6.1, ASVS 3.3.5).
const LONGEST_COOKIE: usize = 4096;

/// The headers of every answer that a page of a listed origin may read.
const SHARED: [&str; 2] = [
    "access-control-allow-origin",
    "access-control-expose-headers",
];

/// What the settings of a server, and the way to it, change in every answer.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    origins: AllowedOrigins,
    /// Whether there are cookies, and whether they need https.
    cookies: Option<bool>,
    /// Whether hyper adds the date.
    is_dated: bool,
}

impl Rules {
    /// Of a server in this process.
    pub(crate) fn of(config: &HttpConfig) -> Self {
        Self {
            origins: config.allowed_origins.clone(),
            cookies: config.cookies.as_ref().map(|cookies| cookies.is_secure()),
            is_dated: false,
        }
    }

    /// The same of a server that is reached over TCP.
    pub(crate) fn over_tcp(self) -> Self {
        Self {
            is_dated: true,
            ..self
        }
    }

    /// Each check of `answer`: whether it holds, and what it demands.
    pub(crate) fn checks(&self, request: &Request, answer: &Answer) -> Vec<(bool, String)> {
        let mut checks = Vec::new();
        self.headers(&mut checks, request, answer);
        if answer.status >= 400 && request.method != "HEAD" {
            problem(&mut checks, answer);
        }
        checks
    }

    fn headers(&self, checks: &mut Vec<(bool, String)>, request: &Request, answer: &Answer) {
        let content_type = match answer.status {
            204 => "",
            200..300 => "application/json",
            _ => "application/problem+json",
        };
        for (name, expected) in [
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("content-type", content_type),
        ] {
            let what = format!("the header {name} is {expected:?}");
            checks.push((answer.header(name) == expected, what));
        }
        let mut names: Vec<_> = answer.headers.iter().map(|(name, _)| name).collect();
        names.sort_unstable_by_key(|name| name.as_str());
        let expected = self.names(request, answer);
        let what = format!("the headers are {expected:?}, each once");
        checks.push((names == expected, what));
        if answer.headers.contains_key("retry-after") {
            let wait = answer.header("retry-after").parse::<u32>();
            let what = "Retry-After is a number of seconds above 0".to_owned();
            checks.push((wait.is_ok_and(|wait| wait > 0), what));
        }
        for cookie in set_cookies(answer) {
            let https: &[_] = match self.cookies {
                Some(true) => &["Secure"],
                _ => &[],
            };
            let attributes = [&["HttpOnly", "Path=/", "SameSite=Lax"], https].concat();
            let what = format!("the attributes of {} are {attributes:?}", cookie.name);
            checks.push((cookie.attributes == attributes, what));
            let what = format!("{} is not too long", cookie.name);
            checks.push((cookie.bytes <= LONGEST_COOKIE, what));
        }
    }

    /// The names of the headers that there are, sorted.
    fn names(&self, request: &Request, answer: &Answer) -> Vec<&'static str> {
        let mut names = vec!["cache-control", "x-content-type-options"];
        names.extend(self.is_dated.then_some("date"));
        if answer.status != 204 {
            names.extend(["content-length", "content-type"]);
        }
        // Only clients that keep a session in cookies are sent any, and both or none;
        // they are forgotten together with everything else.
        let has = |name: &str| answer.headers.contains_key(name);
        let begins = request.path().starts_with("/identities/")
            || request.path() == "/reauthenticate"
            || request.path() == "/login/school";
        if begins && self.cookies.is_some() && answer.all("set-cookie").count() == 1 {
            // What a browser keeps while a person is at a provider.
            names.push("set-cookie");
        } else if self.cookies.is_some() && request.has_cookies() && has("set-cookie") {
            names.extend(["set-cookie", "set-cookie"]);
            names.extend(has("clear-site-data").then_some("clear-site-data"));
        }
        if !self.origins.is_empty() {
            names.push("vary");
            let origin = request.value("Origin");
            if origin.is_some_and(|origin| self.origins.contains(origin)) {
                names.extend(SHARED);
                names.extend(self.cookies.map(|_| "access-control-allow-credentials"));
            }
        }
        names.extend((answer.status == 200 && request.path() == "/profile").then_some("etag"));
        names.extend(match answer.status {
            401 => Some("www-authenticate"),
            405 => Some("allow"),
            // Refused by its length, so that the rest is not read.
            413 if request.body.is_some() => Some("connection"),
            429 | 503 => Some("retry-after"),
            _ => None,
        });
        names.sort_unstable();
        names
    }
}

fn problem(checks: &mut Vec<(bool, String)>, answer: &Answer) {
    let members: &[_] = match answer.status {
        422 => &["code", "detail", "errors", "status", "title", "type"],
        _ => &["code", "detail", "status", "title", "type"],
    };
    let members: &[_] = match answer.code().1 {
        "second_factor_required" => &[
            "code",
            "detail",
            "expires_in",
            "methods",
            "status",
            "ticket",
            "title",
            "type",
        ],
        "link_required" => &[
            "can_start_anew",
            "code",
            "detail",
            "expires_in",
            "status",
            "ticket",
            "title",
            "type",
        ],
        "recent_login_required" => &["code", "detail", "methods", "status", "title", "type"],
        _ => members,
    };
    let what = format!("the members are {members:?}");
    checks.push((names_of(&answer.json) == members, what));
    for (member, expected) in [
        ("type", json!("about:blank")),
        ("title", json!(answer.reason)),
        ("status", json!(answer.status)),
    ] {
        let what = format!("{member} is {expected}");
        checks.push((answer.json.get(member) == Some(&expected), what));
    }
    let detail = answer.json.get("detail").and_then(Value::as_str);
    let is_told = detail.is_some_and(|detail| !detail.is_empty());
    checks.push((is_told, "there is a detail".to_owned()));
}

/// The names of the members of an object, sorted.
pub(crate) fn names_of(value: &Value) -> Vec<&str> {
    let members = value.as_object().into_iter().flatten();
    let mut names: Vec<_> = members.map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names
}
