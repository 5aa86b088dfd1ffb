//! Schemas that are written where they are used, and values of the document.

use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use super::schemas::Components;
use crate::http::ProblemCode;
use crate::service::{DEFAULT_PAGE, MAX_PAGE};

/// The name of the endpoint in the code, as a function of a generated client.
pub(super) fn in_lower_case(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

/// The problems of each status, in the order of the codes.
pub(super) fn by_status(problems: &[ProblemCode]) -> Vec<(StatusCode, Vec<ProblemCode>)> {
    let mut found: Vec<(StatusCode, Vec<ProblemCode>)> = Vec::new();
    for code in ProblemCode::ALL {
        if !problems.contains(&code) {
            continue;
        }
        match found
            .iter_mut()
            .find(|(status, _)| *status == code.status())
        {
            Some((_, codes)) => codes.push(code),
            None => found.push((code.status(), vec![code])),
        }
    }
    found
}

/// The number of entries of a page.
pub(super) fn page_size(_: &mut Components) -> Value {
    json!({ "type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": DEFAULT_PAGE })
}

/// The one value of `Admittance-Session`.
pub(super) fn only_cookie(_: &mut Components) -> Value {
    json!({ "type": "string", "enum": ["cookie"] })
}

/// Any text.
pub(super) fn any_text(_: &mut Components) -> Value {
    json!({ "type": "string" })
}

/// Any object.
pub(super) fn any_object(_: &mut Components) -> Value {
    json!({ "type": "object", "additionalProperties": true })
}

/// The value as it is in answers.
pub(super) fn written(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}
