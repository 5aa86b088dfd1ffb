//! The cookies that an answer sets.

use crate::answer::Answer;

/// A `Set-Cookie` (RFC 6265 §4.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SetCookie {
    pub(crate) name: String,
    pub(crate) value: String,
    /// All others than `Max-Age`, sorted.
    pub(crate) attributes: Vec<String>,
    /// In seconds.
    pub(crate) max_age: Option<u64>,
    /// How long its name and value are, which is what browsers limit.
    pub(crate) bytes: usize,
}

/// All of them, in the order in which they are sent.
pub(crate) fn set_cookies(answer: &Answer) -> Vec<SetCookie> {
    answer.all("set-cookie").map(parse).collect()
}

fn parse(text: &str) -> SetCookie {
    let mut parts = text.split(';').map(str::trim);
    let pair = parts.next().unwrap_or_default();
    let (name, value) = pair.split_once('=').unwrap_or_default();
    let mut cookie = SetCookie {
        name: name.to_owned(),
        value: value.to_owned(),
        bytes: name.len() + value.len(),
        ..SetCookie::default()
    };
    for attribute in parts {
        match attribute.split_once('=') {
            Some(("Max-Age", seconds)) if cookie.max_age.is_none() => {
                cookie.max_age = seconds.parse().ok();
            }
            _ => cookie.attributes.push(attribute.to_owned()),
        }
    }
    cookie.attributes.sort_unstable();
    cookie
}
