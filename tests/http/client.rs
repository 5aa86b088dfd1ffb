//! A client of an application in this process, whose clock stands still.

use admittance::audit::AuditPolicy;
use admittance::authz::Role;
use admittance::clock::ManualClock;
use admittance::config::AuthConfig;
use admittance::http::{AuthApi, HttpConfig};
use admittance::store::{MemoryStore, RoleChange, Store};
use http::Method;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::application::application;
use crate::every_answer::Rules;
use crate::request::{Request, get, post};
use crate::transport::{App, Body, Framework};
use support::bed::{Bed, PASSWORD, config, mail_config};
use support::document::Document;
use support::provider::School;
use support::second_factor::Cards;

pub(crate) type Api<S = MemoryStore> = AuthApi<S, ManualClock>;

pub(crate) struct Client<S = MemoryStore> {
    pub(crate) bed: Bed<S>,
    pub(crate) api: Api<S>,
    pub(crate) app: App,
    pub(crate) document: Document,
    rules: Rules,
}

impl Client {
    pub(crate) fn new(framework: Framework) -> Self {
        Self::with(framework, config(), HttpConfig::default())
    }

    pub(crate) fn with(framework: Framework, config: AuthConfig, http: HttpConfig) -> Self {
        Self::over(framework, Bed::with(config), http)
    }

    /// One whose service sends mail.
    pub(crate) fn mailing(framework: Framework, config: AuthConfig) -> Self {
        Self::mailing_at(framework, config, HttpConfig::default())
    }

    pub(crate) fn mailing_at(framework: Framework, config: AuthConfig, http: HttpConfig) -> Self {
        Self::over(framework, Bed::mailing_with(config), http)
    }

    /// One whose service keeps events.
    pub(crate) fn audited(framework: Framework, config: AuthConfig, http: HttpConfig) -> Self {
        let store = MemoryStore::new();
        let bed = Bed::built(store.clone(), config, |builder, _| {
            builder.audit_log(store, AuditPolicy::default())
        });
        Self::over(framework, bed, http)
    }

    /// One whose service sends mail and keeps events, and has second factors for addresses
    /// that begin with `card`.
    pub(crate) fn whole(framework: Framework, config: AuthConfig, http: HttpConfig) -> Self {
        Self::whole_over(framework, MemoryStore::new(), config, http)
    }

    /// The same, with a provider to sign in with, which is never asked.
    pub(crate) fn with_provider(
        framework: Framework,
        config: AuthConfig,
        http: HttpConfig,
    ) -> Self {
        let store = MemoryStore::new();
        let log = store.clone();
        let bed = Bed::built(store, config, |builder, mailbox| {
            builder
                .mail(mailbox, mail_config())
                .audit_log(log, AuditPolicy::default())
                .second_factor(Cards::of_holders("card", &["sms"]))
                .federation(School::new(ManualClock::default()).federation())
        });
        Self::over(framework, bed, http)
    }

    /// The same over a store that may have accounts already.
    pub(crate) fn whole_over(
        framework: Framework,
        store: MemoryStore,
        config: AuthConfig,
        http: HttpConfig,
    ) -> Self {
        let log = store.clone();
        let bed = Bed::built(store, config, |builder, mailbox| {
            builder
                .mail(mailbox, mail_config())
                .audit_log(log, AuditPolicy::default())
                .second_factor(Cards::of_holders("card", &["sms"]))
        });
        Self::over(framework, bed, http)
    }
}

impl<S: Store + Clone> Client<S> {
    pub(crate) fn over(framework: Framework, bed: Bed<S>, http: HttpConfig) -> Self {
        let rules = Rules::of(&http);
        let api = AuthApi::with_config(bed.auth.clone(), http).unwrap();
        Self {
            app: application(framework, &api),
            document: Document::of(&api),
            bed,
            api,
            rules,
        }
    }

    /// Sends `request`, and fails unless the answer has what every answer must have and
    /// is one that the OpenAPI document allows.
    pub(crate) async fn send(&self, request: Request) -> Answer {
        let answer = self.app.send(&request).await;
        self.checked(&request, answer)
    }

    /// Sends `request` with the body `body`.
    pub(crate) async fn send_body(&self, request: Request, body: Body) -> Answer {
        let answer = self.app.send_body(&request, body).await;
        self.checked(&request, answer)
    }

    /// Sends `request` from the address `ip`.
    pub(crate) async fn send_from(&self, ip: [u8; 4], request: Request) -> Answer {
        let answer = self.app.with_peer(ip).send(&request).await;
        self.checked(&request, answer)
    }

    fn checked(&self, request: &Request, answer: Answer) -> Answer {
        let is_preflight = request.method == "OPTIONS" && answer.status == 204;
        if !self.api.has_route(request.path()) || is_preflight {
            return answer;
        }
        let shown = format!("--- request\n{request}\n--- answer\n{answer}\n---");
        for (holds, what) in self.rules.checks(request, &answer) {
            assert!(holds, "{what}\n{shown}");
        }
        let method: Method = request.method.parse().unwrap();
        let (path, status) = (request.path(), answer.status);
        let complaint =
            self.document
                .complaint(&method, path, status, &answer.headers, &answer.json);
        assert_eq!(complaint, "", "not as documented\n{shown}");
        answer
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(post(path, body)).await
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        self.send(get(path).bearer(token)).await
    }

    /// Sends `body` by `line`, such as `PUT /profile`, in the name of the owner of `token`.
    pub(crate) async fn send_as(&self, token: &str, line: &str, body: Value) -> Answer {
        self.send(Request::line(line).json(&body).bearer(token))
            .await
    }

    /// Asks by `line`, such as `POST /login`, and fails unless that is answered
    /// with `wanted`: a status, or the code of a problem. Returns the body.
    pub(crate) async fn ask(&self, line: &str, token: &str, body: Value, wanted: &str) -> Value {
        let mut request = Request::line(line);
        if !token.is_empty() {
            request = request.bearer(token);
        }
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = self.send(request).await;
        let (status, code) = answer.code();
        assert!(
            code == wanted || status.to_string() == wanted,
            "{line}: {wanted} is expected, not {answer}"
        );
        answer.json
    }

    /// The tokens of a new account.
    pub(crate) async fn register(&self, email: &str) -> Value {
        let answer = self.post("/register", registration(email)).await;
        assert_eq!(answer.status, 201, "{answer}");
        answer.json
    }

    /// The token of a new account with `role`.
    pub(crate) async fn with_role(&self, email: &str, role: &str) -> String {
        let user = self.register(email).await;
        self.give(&user, role).await;
        text(&user, "token").to_owned()
    }

    /// Gives `who`, a profile or what a registration answers, the role `role`.
    pub(crate) async fn give(&self, who: &Value, role: &str) {
        let change = RoleChange {
            grant: Role::new(role).into_iter().collect(),
            ..RoleChange::default()
        };
        let id = text(who, "user_id").parse().unwrap();
        let store = &self.bed.store;
        let version = store.user(id).await.unwrap().unwrap().version;
        store.change_roles(id, version, &change).await.unwrap();
    }
}

pub(crate) fn registration(email: &str) -> Value {
    json!({"email": email, "password": PASSWORD, "confirm_password": PASSWORD, "name": "Ann"})
}

pub(crate) fn text<'v>(body: &'v Value, field: &str) -> &'v str {
    body[field]
        .as_str()
        .unwrap_or_else(|| panic!("{field} is no text in {body}"))
}
