//! One operation of the document.

use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::inline::{
    any_object, any_text, by_status, in_lower_case, only_cookie, page_size, written,
};
use super::schemas::{Components, Refer, put};
use crate::authz::AdminPermission;
use crate::config::AuthConfig;
use crate::http::ProblemCode;
#[cfg(feature = "federation")]
use crate::http::request::FORM;
use crate::http::request::MERGE_PATCH;
use crate::http::transport::IN_COOKIES;
use crate::id::EventId;

/// The settings that the document depends on.
pub(in crate::http) struct Facts<'a> {
    pub(in crate::http) config: &'a AuthConfig,
    pub(in crate::http) sends_mail: bool,
    pub(in crate::http) keeps_events: bool,
    pub(in crate::http) has_second_factors: bool,
    #[cfg(feature = "federation")]
    pub(in crate::http) has_providers: bool,
    pub(in crate::http) has_hooks: bool,
    pub(in crate::http) takes_extra: bool,
}

/// What an operation belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Tag {
    Account,
    Session,
    Password,
    Email,
    #[cfg(feature = "federation")]
    Federation,
    Administration,
    Service,
}

impl Tag {
    pub(in crate::http) const ALL: &[Self] = &[
        Self::Account,
        Self::Session,
        Self::Password,
        Self::Email,
        #[cfg(feature = "federation")]
        Self::Federation,
        Self::Administration,
        Self::Service,
    ];

    pub(in crate::http) const fn name(self) -> &'static str {
        match self {
            Self::Account => "Account",
            Self::Session => "Sessions",
            Self::Password => "Password",
            Self::Email => "Email",
            #[cfg(feature = "federation")]
            Self::Federation => "Providers",
            Self::Administration => "Administration",
            Self::Service => "Service",
        }
    }

    pub(in crate::http) const fn description(self) -> &'static str {
        match self {
            Self::Account => "Your account, from registration to deletion.",
            Self::Session => "Login, refresh and logout.",
            Self::Password => "Changing and resetting passwords.",
            Self::Email => "Verifying and changing the address.",
            #[cfg(feature = "federation")]
            Self::Federation => "Login with an account at another provider.",
            Self::Administration => "Other accounts, for users whose roles permit it.",
            Self::Service => "About this server.",
        }
    }
}

/// Who may ask.
enum Access {
    Anyone,
    /// Anyone, and a session that is there is looked at.
    AnyoneOrUser,
    User,
}

/// What it does to the session that a client keeps, if in cookies.
#[derive(PartialEq, Eq)]
enum Cookies {
    Untouched,
    /// The answer sets them for clients that request them.
    SetIfAsked,
    /// The request is checked like one that asks for them, and the answer sets none.
    Checked,
    /// The answer sets them for clients that sent them.
    Renewed,
    /// The same, and the refresh token of the cookie may replace the body.
    Refreshed,
    Removed,
    /// The same, and the refresh token of the cookie is enough.
    Ended,
}

struct Body {
    refer: Refer,
    examples: Vec<(&'static str, Value)>,
    types: &'static [&'static str],
    is_optional: bool,
}

struct Answer {
    status: u16,
    is_tagged: bool,
    description: &'static str,
    bodies: Vec<(Refer, Value)>,
    /// The body for a client that keeps its session in cookies.
    in_cookies: Option<(Refer, Value)>,
}

/// What an endpoint takes and gives.
pub(in crate::http) struct Description {
    tag: Tag,
    summary: &'static str,
    description: String,
    access: Access,
    cookies: Cookies,
    parameters: Vec<(Refer, Value)>,
    body: Option<Body>,
    answers: Vec<Answer>,
    problems: Vec<ProblemCode>,
}

impl Description {
    /// One that anyone may ask for; what it answers is still to be said.
    pub(in crate::http) fn new(tag: Tag, summary: &'static str) -> Self {
        Self {
            tag,
            summary,
            description: String::new(),
            access: Access::Anyone,
            cookies: Cookies::Untouched,
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            // Whatever has a body is read to its end, also where nothing is in it.
            problems: vec![
                ProblemCode::RequestTimeout,
                ProblemCode::PayloadTooLarge,
                ProblemCode::Internal,
                ProblemCode::Unavailable,
            ],
        }
    }

    /// Adds a paragraph for people.
    pub(in crate::http) fn description(mut self, text: &str) -> Self {
        if !self.description.is_empty() {
            self.description.push_str("\n\n");
        }
        self.description.push_str(text);
        self
    }

    /// Only with a live session.
    pub(in crate::http) fn for_user(mut self) -> Self {
        self.access = Access::User;
        self.problem(ProblemCode::InvalidToken)
    }

    /// A live session is looked at, but not needed.
    pub(in crate::http) fn for_user_too(mut self) -> Self {
        self.access = Access::AnyoneOrUser;
        self.problem(ProblemCode::InvalidToken)
    }

    /// Opens a session, whose tokens go where the client wants them.
    pub(in crate::http) fn opens_session(mut self) -> Self {
        self.cookies = Cookies::SetIfAsked;
        self
    }

    /// Opens no session, but is checked as if it did where a client asks for cookies.
    pub(in crate::http) fn checks_page(mut self) -> Self {
        self.cookies = Cookies::Checked;
        self
    }

    /// Gives a session in place of the present one, kept as that one is.
    pub(in crate::http) fn renews_session(mut self) -> Self {
        self.cookies = Cookies::Renewed;
        self
    }

    /// Gives new tokens for the refresh token, which may be in a cookie.
    pub(in crate::http) fn refreshes_session(mut self) -> Self {
        self.cookies = Cookies::Refreshed;
        self
    }

    /// Ends the session that the client keeps, if it is that one.
    pub(in crate::http) fn ends_session(mut self) -> Self {
        self.cookies = Cookies::Removed;
        self
    }

    /// Ends the session that the client keeps, of which the refresh token may be
    /// all that is left.
    pub(in crate::http) fn logs_out(mut self) -> Self {
        self.cookies = Cookies::Ended;
        self
    }

    /// Only with a live session of a user whose role grants `permission`.
    pub(in crate::http) fn permitted(self, permission: AdminPermission) -> Self {
        let name = permission.as_str();
        self.for_user()
            .description(&format!("Requires the permission `{name}`."))
            .problem(ProblemCode::Forbidden)
    }

    /// An id in the path. Whatever is none does not exist.
    pub(in crate::http) fn id<T: JsonSchema>(mut self, name: &str, description: &str) -> Self {
        let parameter =
            json!({ "name": name, "in": "path", "required": true, "description": description });
        self.parameters.push((Components::refer::<T>, parameter));
        self.problem(ProblemCode::NotFound)
    }

    /// A list in pages, each beginning `after` an entry with an id of this type.
    pub(in crate::http) fn paged_after<T: JsonSchema>(self) -> Self {
        self.paged::<T>(
            "after",
            "The `next` of the page before; none for the first page.",
        )
    }

    /// A list in pages, each ending `before` an event.
    pub(in crate::http) fn paged_by_event(self) -> Self {
        let description = "The `next` of the page before; none for the newest events.";
        self.paged::<EventId>("before", description)
    }

    fn paged<T: JsonSchema>(mut self, cursor: &str, description: &str) -> Self {
        let begin = json!({ "name": cursor, "in": "query", "description": description });
        let limit = json!({
            "name": "limit",
            "in": "query",
            "description": "The maximum number of entries.",
        });
        self.parameters.push((Components::refer::<T>, begin));
        self.parameters.push((page_size, limit));
        self.problem(ProblemCode::MalformedRequest)
            .problem(ProblemCode::ValidationFailed)
    }

    /// The body that it takes, with an example.
    pub(in crate::http) fn takes<T: JsonSchema>(mut self, example: Value) -> Self {
        self.body = Some(Body {
            refer: Components::refer_request::<T>,
            examples: vec![("request", example)],
            types: &["application/json"],
            is_optional: false,
        });
        self.problem(ProblemCode::MalformedRequest)
            .problem(ProblemCode::UnsupportedMediaType)
    }

    /// The body that it takes if there is one, with an example.
    pub(in crate::http) fn may_take<T: JsonSchema>(self, example: Value) -> Self {
        let mut operation = self.takes::<T>(example);
        if let Some(body) = &mut operation.body {
            body.is_optional = true;
        }
        operation
    }

    /// The body is a form.
    #[cfg(feature = "federation")]
    pub(in crate::http) fn takes_form(self) -> Self {
        let example =
            json!({ "state": "n1Zc0Qm7bZ7kzJmJ8l2n3c9dHf4sQe5tVw6xYz1aBcD", "code": "c1a2" });
        let mut operation = self.takes::<String>(example);
        if let Some(body) = &mut operation.body {
            body.refer = any_object;
            body.types = &[FORM];
        }
        operation
    }

    /// An answer without a body, with a status of its own.
    #[cfg(feature = "federation")]
    pub(in crate::http) fn answers_nothing_with(
        self,
        status: u16,
        description: &'static str,
    ) -> Self {
        self.answer(status, description, Vec::new())
    }

    /// The body may be declared as a merge patch.
    pub(in crate::http) fn in_merge_patch(mut self) -> Self {
        if let Some(body) = &mut self.body {
            body.types = &[MERGE_PATCH, "application/json"];
        }
        self
    }

    /// The answer that was added last has an `ETag`.
    pub(in crate::http) fn tagged(mut self) -> Self {
        if let Some(answer) = self.answers.last_mut() {
            answer.is_tagged = true;
        }
        self
    }

    /// Takes `If-Match`.
    pub(in crate::http) fn conditional(mut self) -> Self {
        let header = json!({
            "name": "If-Match",
            "in": "header",
            "description": "The `ETag` of the profile that the change is made for, or a list of them. If the \
                            profile has changed meanwhile, nothing is changed and the answer is 412.",
            "example": "\"kN3bPzUqS0aWJ2vXy4cDfg\"",
        });
        self.parameters.push((any_text, header));
        self.problem(ProblemCode::MalformedRequest)
            .problem(ProblemCode::PreconditionFailed)
    }

    /// Another example of the body.
    pub(in crate::http) fn or_takes(mut self, name: &'static str, example: Value) -> Self {
        if let Some(body) = &mut self.body {
            body.examples.push((name, example));
        }
        self
    }

    /// An answer with a body.
    pub(in crate::http) fn answers<T: JsonSchema + Serialize>(
        self,
        status: u16,
        description: &'static str,
        example: &T,
    ) -> Self {
        let body = (Components::refer::<T> as Refer, written(example));
        self.answer(status, description, vec![body])
    }

    /// An answer with a body that has tokens in it, unless they are in cookies.
    pub(in crate::http) fn answers_tokens<T: JsonSchema + Serialize>(
        mut self,
        status: u16,
        description: &'static str,
        example: &T,
    ) -> Self {
        let mut short = written(example);
        if let Some(members) = short.as_object_mut() {
            members.retain(|name, _| !IN_COOKIES.contains(&name.as_str()));
        }
        let body = (Components::refer::<T> as Refer, written(example));
        self = self.answer(status, description, vec![body]);
        if let Some(answer) = self.answers.last_mut() {
            answer.in_cookies = Some((Components::refer_without_tokens::<T>, short));
        }
        self
    }

    /// Another body of the answer that was added last.
    pub(in crate::http) fn or_answers<T: JsonSchema + Serialize>(mut self, example: &T) -> Self {
        if let Some(answer) = self.answers.last_mut() {
            let body = (Components::refer::<T> as Refer, written(example));
            answer.bodies.push(body);
        }
        self
    }

    /// An answer with an object that is not described further.
    pub(in crate::http) fn answers_with_object(
        self,
        status: u16,
        description: &'static str,
        example: Value,
    ) -> Self {
        self.answer(status, description, vec![(any_object, example)])
    }

    /// 204.
    pub(in crate::http) fn answers_nothing(self, description: &'static str) -> Self {
        self.answer(204, description, Vec::new())
    }

    fn answer(
        mut self,
        status: u16,
        description: &'static str,
        bodies: Vec<(Refer, Value)>,
    ) -> Self {
        self.answers.push(Answer {
            status,
            is_tagged: false,
            description,
            bodies,
            in_cookies: None,
        });
        self
    }

    /// A problem that may be answered.
    pub(in crate::http) fn problem(mut self, code: ProblemCode) -> Self {
        if !self.problems.contains(&code) {
            self.problems.push(code);
        }
        self
    }

    /// That `problems` may be answered.
    pub(in crate::http) fn problems(self, problems: &[ProblemCode]) -> Self {
        problems
            .iter()
            .fold(self, |operation, code| operation.problem(*code))
    }

    /// The operation object of the document (OpenAPI 3.1 §4.8.10).
    pub(super) fn written(
        mut self,
        name: &str,
        leaves_trace: bool,
        components: &mut Components,
    ) -> Value {
        if components.has_cookies() {
            self = self.with_cookies(leaves_trace);
        }
        let mut operation = Map::new();
        let mut add = |name: &str, value: Value| operation.insert(name.to_owned(), value);
        add("operationId", in_lower_case(name).into());
        add("tags", json!([self.tag.name()]));
        add("summary", self.summary.into());
        add("description", self.description.clone().into());
        add("security", self.security(components.has_cookies()));
        if !self.parameters.is_empty() {
            let with_schema = |(refer, mut parameter): (Refer, Value)| {
                put(&mut parameter, "schema", refer(components));
                parameter
            };
            let parameters: Vec<_> = self.parameters.into_iter().map(with_schema).collect();
            add("parameters", parameters.into());
        }
        let may_be_kept = components.has_cookies() && self.cookies == Cookies::Refreshed;
        if let Some(body) = self.body {
            let examples = body.examples.into_iter();
            let examples: Map<_, _> = examples
                .map(|(name, value)| (name.to_owned(), json!({ "value": value })))
                .collect();
            let content = json!({ "schema": (body.refer)(components), "examples": examples });
            let types = body.types.iter();
            let content: Map<_, _> = types
                .map(|name| ((*name).to_owned(), content.clone()))
                .collect();
            let is_needed = !may_be_kept && !body.is_optional;
            add(
                "requestBody",
                json!({ "required": is_needed, "content": content }),
            );
        }
        let mut responses = Map::new();
        for answer in self.answers {
            let response = answer.written(&self.cookies, components);
            responses.insert(answer.status.to_string(), response);
        }
        for (status, codes) in by_status(&self.problems) {
            let ends_session = components.has_cookies()
                && self.cookies == Cookies::Ended
                && status == StatusCode::UNAUTHORIZED;
            let response = components.problem_response(&codes, ends_session);
            responses.insert(status.as_u16().to_string(), response);
        }
        add("responses", responses.into());
        Value::Object(operation)
    }

    /// What cookies add to it.
    fn with_cookies(mut self, leaves_trace: bool) -> Self {
        if self.cookies == Cookies::Refreshed {
            self = self.problem(ProblemCode::Forbidden);
        }
        let asks = match self.cookies {
            Cookies::SetIfAsked => Some("Requests cookies instead of tokens in the body."),
            Cookies::Checked => Some("Has no effect on the answer, which opens no session."),
            _ => None,
        };
        if let Some(asks) = asks {
            let description = format!(
                "{asks} Such a request must come from a page of this server or of an allowed origin."
            );
            let header =
                json!({ "name": "Admittance-Session", "in": "header", "description": description });
            self.parameters.push((only_cookie, header));
            self = self
                .problem(ProblemCode::MalformedRequest)
                .problem(ProblemCode::Forbidden);
        }
        match self.access {
            Access::AnyoneOrUser | Access::User if leaves_trace => self
                .description(
                    "The request is recorded in the audit log. With cookies, it is refused to pages of other hosts.",
                )
                .problem(ProblemCode::Forbidden),
            // Those that change nothing are refused when they open a WebSocket.
            Access::AnyoneOrUser | Access::User => self.problem(ProblemCode::Forbidden),
            Access::Anyone => self,
        }
    }

    fn security(&self, has_cookies: bool) -> Value {
        let mut ways = match self.access {
            Access::Anyone => Vec::new(),
            Access::AnyoneOrUser => vec![json!({}), json!({ "bearer": [] })],
            Access::User => vec![json!({ "bearer": [] })],
        };
        if has_cookies && !ways.is_empty() {
            ways.push(json!({ "cookie": [] }));
        }
        let by_refresh = has_cookies.then(|| json!({ "refreshCookie": [] }));
        // Without any of them the refresh token is in the body.
        match self.cookies {
            Cookies::Refreshed if has_cookies => {
                ways = by_refresh.into_iter().chain([json!({})]).collect();
            }
            Cookies::Ended => ways.extend(by_refresh.into_iter().chain([json!({})])),
            _ => {}
        }
        ways.into()
    }
}

impl Answer {
    fn written(&self, cookies: &Cookies, components: &mut Components) -> Value {
        let mut headers = vec!["Cache-Control"];
        headers.extend(self.is_tagged.then_some("ETag"));
        let mut bodies: Vec<_> = self.bodies.iter().collect();
        if components.has_cookies() {
            // Before what has fewer members, which a client would take it for.
            let after = bodies.len().min(1);
            bodies.splice(after..after, &self.in_cookies);
            match cookies {
                Cookies::Removed | Cookies::Ended => {
                    headers.extend(["Set-Cookie", "Clear-Site-Data"])
                }
                _ if self.in_cookies.is_some() => headers.push("Set-Cookie"),
                _ => {}
            }
        }
        let headers: Map<_, _> = headers
            .into_iter()
            .map(|name| (name.to_owned(), components.header(name)))
            .collect();
        let mut response = json!({ "description": self.description, "headers": headers });
        let named = |(refer, example): &(Refer, Value)| {
            let schema = refer(components);
            let reference = schema.get("$ref").and_then(Value::as_str);
            let name = reference.and_then(|reference| reference.rsplit('/').next());
            let name = name.unwrap_or("answer").to_owned();
            (schema, (name, json!({ "value": example })))
        };
        let (mut schemas, examples): (Vec<_>, Map<_, _>) = bodies.into_iter().map(named).unzip();
        // Not `oneOf`: an answer may have more than its schema says.
        let schema = match schemas.len() {
            0 => return response,
            1 => schemas.remove(0),
            _ => json!({ "anyOf": schemas }),
        };
        let content = json!({ "schema": schema, "examples": examples });
        put(
            &mut response,
            "content",
            json!({ "application/json": content }),
        );
        response
    }
}
