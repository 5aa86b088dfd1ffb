//! The problems of the document.

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
        let response = self.problem(codes, headers);
        self.response(name, response)
    }

    fn problem(&mut self, codes: &[ProblemCode], mut headers: Vec<&'static str>) -> Value {
        match codes.first().map(|code| code.status().as_u16()) {
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
        let mut schemas: Vec<_> = codes.iter().map(|code| self.named(*code)).collect();
        // Later versions may have others.
        schemas.push(self.refer::<ProblemBody<'_>>());
        json!({
            "description": described.collect::<Vec<_>>().join("\n\n"),
            "headers": headers,
            "content": { "application/problem+json": {
                "schema": { "anyOf": schemas },
                "examples": examples,
            } },
        })
    }
}

impl Components {
    /// The schema of the problem `code`, by its name.
    fn named(&mut self, code: ProblemCode) -> Value {
        let problem = self.refer::<ProblemBody<'_>>();
        let mut required = vec!["code", "status"];
        required.extend_from_slice(match code {
            ProblemCode::ValidationFailed => &["errors"],
            ProblemCode::RecentLoginRequired => &["methods"],
            ProblemCode::SecondFactorRequired => &["methods", "ticket", "expires_in"],
            _ => &[],
        });
        let restricted = json!({
            "type": "object",
            "properties": {
                "code": { "type": "string", "enum": [code.as_str()] },
                "status": { "type": "integer", "enum": [code.status().as_u16()] },
            },
            "required": required,
        });
        let schema = json!({ "description": code.detail(), "allOf": [problem, restricted] });
        self.named_problem(format!("{code:?}Problem"), schema)
    }
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
        _ => {}
    }
    serde_json::to_value(body).unwrap_or_default()
}
