//! The servers of the contract suite: the examples over TCP, or the same settings in
//! this process.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock, Mutex};

use admittance::audit::AuditPolicy;
use admittance::authz::{Permission, Role, RolePolicy};
use admittance::config::{LimitPolicy, RegistrationMode};
use admittance::http::{AuthApi, CookieConfig, HttpConfig};
use admittance::mail::MailConfig;
use admittance::service::{AuthService, RequestContext};
use admittance::store::MemoryStore;
use http::Method;
use tokio::runtime::Runtime;

use super::cors::LISTED_ORIGIN;
use super::scene::ADMIN;
use crate::answer::Answer;
use crate::application::application;
use crate::every_answer::Rules;
use crate::request::Request;
use crate::transport::{Framework, Transport};
use crate::wire::Connection;
use support::bed;
use support::document::{Document, Outcome};
use support::example::Example;
use support::mails::{Mails, Printed};

/// Where applications in this process run.
pub(crate) static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// What a server is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// No limits, and every part is on.
    Main,
    /// The default limits.
    Limited,
    /// Accounts begin with a mail. It is reached by https, has a list of origins,
    /// neither limits nor administrators, and keeps no events.
    VerifyFirst,
}

pub(crate) struct Server {
    pub(crate) transport: Transport,
    mails: Mails,
    document: Document,
    rules: Rules,
    /// What came of the operations so far.
    seen: Mutex<BTreeSet<Outcome>>,
    kind: Kind,
}

/// What has to live as long as the server.
enum Kind {
    Process { _example: Example },
    Service(Box<AuthService<MemoryStore>>),
}

impl Purpose {
    /// The environment of an example.
    pub(crate) fn environment(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Main => &[("RATE_LIMITS", "off"), ("ADMIN", ADMIN)],
            Self::Limited => &[("ADMIN", ADMIN)],
            Self::VerifyFirst => &[
                ("RATE_LIMITS", "off"),
                ("REGISTRATION", "verify-first"),
                ("AUDIT", "off"),
                ("BASE_URL", "https://exam.example"),
                ("ALLOWED_ORIGINS", LISTED_ORIGIN),
            ],
        }
    }

    /// The settings of an example in that environment.
    pub(crate) fn http(self) -> HttpConfig {
        let mut http = HttpConfig::default();
        http.openapi = true;
        match self {
            Self::Main | Self::Limited => {
                http.admin = true;
                http.cookies = Some(CookieConfig::insecure_for_localhost());
            }
            Self::VerifyFirst => {
                http.allowed_origins = LISTED_ORIGIN.parse().unwrap();
                http.cookies = Some(CookieConfig::new());
            }
        }
        http
    }

    /// The same service, with cheap hashing.
    fn service(self, mails: Mails) -> AuthService<MemoryStore> {
        let role = |name| Role::new(name).unwrap();
        let may = |name| [Permission::new(name).unwrap()];
        let mut config = bed::config();
        config.roles = RolePolicy::new()
            .grant(role("student"), may("exam:take"))
            .grant(role("examiner"), may("exam:grade"))
            .grant(role("admin"), may("exam:grade"))
            .administrator(role("admin"))
            .initial_role(role("student"));
        if self != Self::Limited {
            config.limits = LimitPolicy::off();
        }
        if self == Self::VerifyFirst {
            config.registration = RegistrationMode::VerifyFirst;
        }
        let mut links = MailConfig::new(match self {
            Self::VerifyFirst => "https://exam.example",
            _ => "http://127.0.0.1:3000",
        });
        links.allow_http = true;
        let store = MemoryStore::new();
        let mut builder = AuthService::builder(store.clone())
            .config(config)
            .keyring(bed::keyring())
            .mail(Arc::new(mails), links);
        if self != Self::VerifyFirst {
            builder = builder.audit_log(store, AuditPolicy::default());
        }
        builder.build().unwrap()
    }
}

impl Server {
    /// In this process.
    pub(crate) fn in_process(framework: Framework, purpose: Purpose) -> Self {
        let _runtime = RUNTIME.enter();
        let (mails, http) = (Mails::default(), purpose.http());
        let service = purpose.service(mails.clone());
        let rules = Rules::of(&http);
        let api = AuthApi::with_config(service.clone(), http).unwrap();
        let app = application(framework, &api).with_peer([127, 0, 0, 1]);
        Self {
            transport: Transport::InProcess(app),
            mails,
            document: Document::of(&api),
            rules,
            seen: Mutex::default(),
            kind: Kind::Service(Box::new(service)),
        }
    }

    /// An example, which serves with the settings `http`.
    pub(crate) fn over_tcp(example: Example, http: &HttpConfig) -> Self {
        let addr = example.addr().to_owned();
        let mut connection = Connection::open(&addr);
        connection.send(b"GET /openapi.json HTTP/1.1\r\nHost: example.org\r\n\r\n");
        let document = connection.answer("GET").unwrap().json;
        Self {
            transport: Transport::Tcp(addr),
            mails: example.mails().clone(),
            document: Document::new(document),
            rules: Rules::of(http).over_tcp(),
            seen: Mutex::default(),
            kind: Kind::Process { _example: example },
        }
    }

    pub(crate) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// What its document has against an answer; `""` if it allows it.
    pub(crate) fn complaint(&self, request: &Request, answer: &Answer) -> String {
        let method: Method = request.method.parse().unwrap();
        let (status, headers) = (answer.status, &answer.headers);
        let path = request.path();
        let outcome = self.document.outcome(&method, path, answer.code());
        self.seen.lock().unwrap().extend(outcome);
        self.document
            .complaint(&method, path, status, headers, &answer.json)
    }

    /// All that is documented, and what of it was answered so far.
    pub(crate) fn outcomes(&self) -> (BTreeSet<Outcome>, BTreeSet<Outcome>) {
        (self.document.outcomes(), self.seen.lock().unwrap().clone())
    }

    /// Makes `email` an administrator, which an example does by itself.
    pub(crate) fn appoint(&self, email: &str) {
        if let Kind::Service(service) = &self.kind {
            let (role, here) = (Role::new("admin").unwrap(), RequestContext::default());
            let appointed = service.appoint_administrator(email, &role, &here);
            RUNTIME.block_on(appointed).unwrap();
        }
    }

    /// Takes the oldest mail to `to` whose subject begins with `subject`, and
    /// waits for it if need be.
    pub(crate) fn mail(&self, to: &str, subject: &str) -> Printed {
        self.mails.take(to, subject)
    }

    /// Mails to `to` that nobody took.
    pub(crate) fn mails_left(&self, to: &str) -> Vec<Printed> {
        self.mails.left(to)
    }
}
