//! The problems of the document.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::examples;
use super::schemas::Components;
use crate::error::Violation;
use crate::http::ProblemCode;
use crate::http::problem::{FieldError, ProblemBody};
use crate::proof::Method;

/// All problem codes for people, in Markdown.
pub(super) fn table() -> String {
    let rows = ProblemCode::ALL.into_iter().map(|code| {
        let (status, name, detail) = (code.status().as_u16(), code.as_str(), code.detail());
        format!("| {status} | `{name}` | {detail} |\n")
    });
    let head = "| status | `code` | in words |\n|---|---|---|\n";
    rows.fold(head.to_owned(), |table, row| table + &row)
}

impl Components {
    /// A response with one of `codes`, which have the same status. By
    /// `ends_session` a client that keeps its session in cookies is told to
    /// forget it.
    pub(super) fn problem_response(&mut self, codes: &[ProblemCode], ends_session: bool) -> Value {
        let names: Vec<_> = codes.iter().map(|code| code.as_str()).collect();
        let mut name = names.join("-or-");
        let mut headers = vec!["Cache-Control"];
        if ends_session {
            name.push_str("-and-no-session");
            headers.extend(["Set-Cookie", "Clear-Site-Data"]);
        }
        let response = self.problem(codes, &names, headers);
        self.response(name, response)
    }

    /// The reference to the schema of one problem, which has the members of that one only.
    fn refer_problem(&mut self, code: ProblemCode) -> String {
        self.refer::<ProblemBody<'_>>();
        let name = format!("{}Problem", in_upper_case(code.as_str()));
        let reference = format!("#/components/schemas/{name}");
        self.problems.insert(name, code);
        reference
    }

    fn problem(
        &mut self,
        codes: &[ProblemCode],
        names: &[&str],
        mut headers: Vec<&'static str>,
    ) -> Value {
        let status = codes.first().map(|code| code.status().as_u16());
        match status {
            Some(401) => headers.push("WWW-Authenticate"),
            Some(429 | 503) => headers.push("Retry-After"),
            _ => {}
        }
        let headers: Map<_, _> = headers
            .into_iter()
            .map(|name| (name.to_owned(), self.header(name)))
            .collect();
        let described = codes
            .iter()
            .map(|code| format!("`{}`: {}", code.as_str(), code.detail()));
        let examples: Map<_, _> = codes
            .iter()
            .map(|code| (code.as_str().to_owned(), json!({ "value": example(*code) })))
            .collect();
        let references = codes.iter().map(|code| self.refer_problem(*code));
        let references: Vec<_> = references.collect();
        let schema = match references.as_slice() {
            [only] => json!({ "$ref": only }),
            several => {
                let members = several.iter().map(|one| json!({ "$ref": one }));
                let mapping = names.iter().map(|name| (*name).to_owned()).zip(several);
                json!({
                    "oneOf": members.collect::<Vec<_>>(),
                    "discriminator": {
                        "propertyName": "code",
                        "mapping": mapping.collect::<BTreeMap<_, _>>(),
                    },
                })
            }
        };
        json!({
            "description": described.collect::<Vec<_>>().join("\n\n"),
            "headers": headers,
            "content": { "application/problem+json": {
                "schema": schema,
                "examples": examples,
            } },
        })
    }
}

/// `invalid_token` as `InvalidToken`.
fn in_upper_case(name: &str) -> String {
    let words = name.split('_').map(|word| {
        let mut letters = word.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    });
    words.collect()
}

fn fields(violations: &[Violation]) -> Vec<FieldError> {
    violations.iter().map(Into::into).collect()
}

fn example(code: ProblemCode) -> Value {
    let errors = match code {
        ProblemCode::ValidationFailed => fields(&examples::violations()),
        _ => Vec::new(),
    };
    let second = examples::second_factor().map(Method::SecondFactor);
    let ticket = examples::ticket();
    let mut body = ProblemBody::new(code.status(), code.as_str(), code.detail(), &errors);
    match code {
        ProblemCode::RecentLoginRequired => body.methods = Some(&[Method::Password]),
        ProblemCode::SecondFactorRequired => {
            body.methods = second.as_ref().map(std::slice::from_ref);
            body.ticket = Some(&ticket);
            body.expires_in = Some(600);
        }
        #[cfg(feature = "federation")]
        ProblemCode::LinkRequired => {
            let ticket = examples::link_ticket();
            body.ticket = Some(&ticket);
            body.expires_in = Some(600);
            body.can_start_anew = Some(false);
            return serde_json::to_value(body).unwrap_or_default();
        }
        _ => {}
    }
    serde_json::to_value(body).unwrap_or_default()
}
