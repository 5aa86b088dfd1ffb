//! What is the same in two answers whose values differ: the forms of values.

use serde_json::Value;

use crate::answer::Answer;
use crate::request::Request;

/// Members whose text is fixed by the contract, and part of the shape.
const FIXED: [&str; 10] = [
    "code",
    "detail",
    "field",
    "message",
    "missing",
    "operation",
    "status",
    "title",
    "token_type",
    "type",
];

/// The form of one value.
pub(crate) fn form(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "boolean".to_owned(),
        Value::Number(_) => "number".to_owned(),
        Value::Array(_) => "list".to_owned(),
        Value::Object(_) => "object".to_owned(),
        Value::String(text) => form_of_text(text).to_owned(),
    }
}

fn form_of_text(text: &str) -> &'static str {
    if is_id(text) {
        "id"
    } else if is_time(text) {
        "time"
    } else if text.starts_with("adr_") {
        "refresh token"
    } else if text.starts_with("eyJ") && text.split('.').count() == 3 {
        "access token"
    } else if text.parse::<std::net::IpAddr>().is_ok() {
        "address"
    } else if text.is_empty() {
        "nothing"
    } else {
        "text"
    }
}

/// 24 hexadecimal digits in lower case.
fn is_id(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(is_hex)
}

fn is_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

/// RFC 3339 in UTC with milliseconds.
fn is_time(text: &str) -> bool {
    let form = "0000-00-00T00:00:00.000Z";
    text.len() == form.len()
        && text
            .bytes()
            .zip(form.bytes())
            .all(|(byte, form)| byte == form || (form == b'0' && byte.is_ascii_digit()))
}

/// The shape of a body: its members, and the forms of their values. Lists show
/// each shape that is in them once.
pub(crate) fn shape(value: &Value) -> String {
    match value {
        Value::Object(object) => {
            let mut names: Vec<_> = object.keys().collect();
            names.sort_unstable();
            let member = |name: &String| match object.get(name) {
                Some(value @ (Value::String(_) | Value::Number(_)))
                    if FIXED.contains(&name.as_str()) =>
                {
                    format!("{name}: {value}")
                }
                Some(value) => format!("{name}: {}", shape(value)),
                None => String::new(),
            };
            let members: Vec<_> = names.into_iter().map(member).collect();
            format!("{{{}}}", members.join(", "))
        }
        Value::Array(items) => {
            let mut shapes: Vec<_> = items.iter().map(shape).collect();
            shapes.sort_unstable();
            shapes.dedup();
            format!("[{}]", shapes.join(", "))
        }
        value => form(value),
    }
}

/// A line of the transcript: the request, and of the answer all that does not
/// depend on when and to whom it was given. Without what hyper alone makes of it,
/// which adds the date, and drops what an application answers to a `HEAD`.
pub(crate) fn line(request: &Request, answer: &Answer) -> String {
    const VARIES: [&str; 3] = ["content-length", "retry-after", "set-cookie"];
    let headers = answer.headers.iter();
    let mut headers: Vec<_> = headers
        .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())))
        .filter(|(name, _)| *name != "date")
        .map(|(name, value)| match VARIES.contains(&name) {
            true => name.to_owned(),
            false => format!("{name}: {value}"),
        })
        .collect();
    headers.sort_unstable();
    let body = match answer.json {
        _ if request.method == "HEAD" => String::new(),
        Value::Null => String::from_utf8_lossy(&answer.body).into_owned(),
        ref json => shape(json),
    };
    format!(
        "{} {} -> {} ({}) {body}",
        request.method,
        without_secrets(&request.target),
        answer.status,
        headers.join("; "),
    )
}

/// `target` with names in place of ids and tokens.
fn without_secrets(target: &str) -> String {
    let mut shown = String::new();
    for part in target.split_inclusive(['/', '=', '&', '?']) {
        let end = part.trim_end_matches(['/', '=', '&', '?']);
        let name = if is_id(&end.to_ascii_lowercase()) {
            "{id}"
        } else if end.starts_with("eyJ") || end.starts_with("adv_") {
            "{token}"
        } else {
            end
        };
        shown.push_str(&part.replace(end, name));
    }
    shown
}
