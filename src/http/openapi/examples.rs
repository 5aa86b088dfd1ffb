//! Examples of answers, made of the types themselves, and of what requests
//! have in them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::authz::Role;
use crate::error::{Field, Violation, ViolationCode};
use crate::event::{Notice, Operation};
use crate::id::{EventId, IdentityId, SessionId, UserId};
use crate::mail::MailKind;
use crate::preferences::{Metadata, Preferences};
use crate::profile::Profile;
use crate::proof::MethodName;
#[cfg(feature = "federation")]
use crate::secret::FlowHandle;
use crate::secret::Ticket;
use crate::service::{
    Accepted, AccountExport, EventList, EventView, IdentityView, Keeping, LinkView, LoginResponse,
    LogoutResponse, PasswordStrength, RegisterResponse, SessionList, SessionView, TokenType,
    Tokens, UserEventList, UserEventView, UserList, UserView,
};
#[cfg(feature = "federation")]
use crate::service::{
    FederatedResponse, IdentityList, PendingAccount, ProviderList, ProviderView, StartedFederation,
};
use crate::time::Timestamp;
use crate::token::{Jwks, TokenPurpose};
use crate::user::UserStatus;

pub(in crate::http) const EMAIL: &str = "ann@example.org";
pub(in crate::http) const NAME: &str = "Ann";
pub(in crate::http) const PASSWORD: &str = "plum-Orbit-47-lantern";
pub(in crate::http) const NEW_PASSWORD: &str = "quartz!Meadow 93 ferry";
/// What is 43 digits of base64url in a token that is real.
const RANDOM: &str = "Zm9yLXRoZS1kb2N1bWVudC1vbmx5LW5vLXNlY3JldC4";

const USER: UserId = UserId::from_bytes(*b"i\x25\xa0\x10\x5e\x0f\x3c\x8d\x41\x77\x0b\x92");
const ADMIN: UserId = UserId::from_bytes(*b"i\x21\x00\x3b\xa1\x5d\x92\x0e\x6c\x38\xf4\x07");
const IDENTITY: IdentityId =
    IdentityId::from_bytes(*b"i\x25\xa2\x40\x4d\x91\x0b\x66\xe2\x7a\x15\x3c");
const SESSION: SessionId = SessionId::from_bytes(*b"i\x25\xa2\x40\x0c\x7e\x19\xd3\x58\xb6\x2a\xf1");
const EVENT: EventId = EventId::from_bytes(*b"\x01\x9a\xbb\x1c\x8f\x40\x77\x12\x30\x9d\xe2\x5c");
const CREATED: Timestamp = Timestamp::from_secs(1_764_073_488);
const NOW: Timestamp = Timestamp::from_secs(1_764_074_048);
const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";

/// The token of a mailed link for `purpose`.
pub(in crate::http) fn link(purpose: TokenPurpose) -> String {
    format!("{}{RANDOM}", purpose.prefix())
}

pub(in crate::http) fn ticket() -> Ticket {
    Ticket::new(link(TokenPurpose::SignIn))
}

#[cfg(feature = "federation")]
pub(in crate::http) fn link_ticket() -> Ticket {
    Ticket::new(link(TokenPurpose::LinkIdentity))
}

#[cfg(feature = "federation")]
pub(in crate::http) fn flow_handle() -> FlowHandle {
    FlowHandle::new(link(TokenPurpose::Federation))
}

#[cfg(feature = "federation")]
pub(in crate::http) fn providers() -> ProviderList {
    ProviderList {
        providers: vec![ProviderView {
            id: "school".to_owned(),
            name: "School".to_owned(),
        }],
    }
}

#[cfg(feature = "federation")]
pub(in crate::http) fn started() -> StartedFederation {
    StartedFederation {
        authorization_url: "https://login.school.example/authorize?response_type=code".to_owned(),
        expires_in: 600,
        flow: flow_handle(),
    }
}

#[cfg(feature = "federation")]
pub(in crate::http) fn federated() -> FederatedResponse {
    FederatedResponse {
        login: logged_in("You are logged in."),
        created: false,
        return_to: Some("/exams".to_owned()),
    }
}

#[cfg(feature = "federation")]
pub(in crate::http) fn pending_account() -> PendingAccount {
    PendingAccount {
        message: "If this address can be registered, a mail with a link is on its way.".to_owned(),
        ticket: link_ticket(),
        expires_in: 86_400,
    }
}

#[cfg(feature = "federation")]
pub(in crate::http) fn identities() -> IdentityList {
    IdentityList {
        identities: vec![identity()],
    }
}

pub(in crate::http) fn second_factor() -> Option<MethodName> {
    MethodName::new("sms").ok()
}

pub(in crate::http) fn refresh_token() -> String {
    format!("adr_{RANDOM}")
}

fn tokens() -> Tokens {
    Tokens {
        token: "eyJhbGciOiJIUzI1NiJ9.eyJleGFtcGxlIjp0cnVlfQ.c2lnbmF0dXJl".into(),
        token_type: TokenType::Bearer,
        expires_in: 900,
        refresh_token: refresh_token().into(),
        keeping: Keeping::default(),
    }
}

fn missing() -> Vec<String> {
    vec!["email_verification".to_owned()]
}

pub(in crate::http) fn registered() -> RegisterResponse {
    RegisterResponse {
        user_id: USER,
        email: EMAIL.to_owned(),
        name: NAME.to_owned(),
        is_verified: false,
        missing: missing(),
        message: "Your account has been created.".to_owned(),
        tokens: tokens(),
    }
}

pub(in crate::http) fn logged_in(message: &str) -> LoginResponse {
    LoginResponse {
        user_id: USER,
        email: EMAIL.to_owned(),
        name: NAME.to_owned(),
        is_verified: true,
        missing: Vec::new(),
        message: message.to_owned(),
        tokens: tokens(),
    }
}

pub(in crate::http) fn logged_out() -> LogoutResponse {
    LogoutResponse {
        message: "You are logged out.".to_owned(),
    }
}

pub(in crate::http) fn accepted(message: &str) -> Accepted {
    Accepted {
        message: message.to_owned(),
    }
}

/// What the application of the examples keeps as preferences.
pub(in crate::http) fn preferences() -> Value {
    json!({ "level": "B2", "topics": ["travel", "work"] })
}

fn roles() -> BTreeSet<Role> {
    Role::new("student").into_iter().collect()
}

pub(in crate::http) fn profile() -> Profile {
    let preferences = preferences().as_object().cloned().unwrap_or_default();
    Profile {
        user_id: USER,
        email: EMAIL.to_owned(),
        name: NAME.to_owned(),
        created_at: CREATED,
        last_login: Some(NOW),
        is_verified: true,
        roles: roles(),
        preferences: Preferences::from_store(preferences),
        metadata: None,
        missing: Vec::new(),
    }
}

fn identity() -> IdentityView {
    IdentityView {
        identity_id: IDENTITY,
        provider: "school".to_owned(),
        email: Some("ann.lee@example.org".to_owned()),
        created_at: CREATED,
        last_used_at: NOW,
    }
}

fn session() -> SessionView {
    SessionView {
        session_id: SESSION,
        created_at: CREATED,
        last_seen_at: NOW,
        ip: Some([192, 0, 2, 7].into()),
        user_agent: Some(AGENT.to_owned()),
        current: true,
    }
}

pub(in crate::http) fn sessions() -> SessionList {
    SessionList {
        sessions: vec![session()],
        next: None,
    }
}

/// The sessions of somebody else.
pub(in crate::http) fn their_sessions() -> SessionList {
    SessionList {
        sessions: vec![SessionView {
            current: false,
            ..session()
        }],
        next: None,
    }
}

fn event() -> EventView {
    EventView {
        event_id: EVENT,
        at: NOW,
        count: 1,
        operation: Operation::Login,
        refused: None,
        notice: Some(Notice::NewDevice),
        notices: vec![Notice::NewDevice],
        by_other: false,
        session_id: Some(SESSION),
        mail: None,
        ip: Some([192, 0, 2, 7].into()),
        user_agent: Some(AGENT.to_owned()),
    }
}

pub(in crate::http) fn events() -> EventList {
    EventList {
        events: vec![event()],
        next: Some(EVENT),
    }
}

pub(in crate::http) fn their_events() -> UserEventList {
    UserEventList {
        events: vec![UserEventView {
            event_id: EVENT,
            at: NOW,
            count: 1,
            operation: Operation::SendPasswordReset,
            refused: None,
            notice: None,
            notices: Vec::new(),
            actor_id: Some(ADMIN),
            session_id: None,
            mail: Some(MailKind::ResetPassword),
            ip: Some([192, 0, 2, 80].into()),
            user_agent: Some(AGENT.to_owned()),
        }],
        next: None,
    }
}

pub(in crate::http) fn export() -> AccountExport {
    AccountExport {
        exported_at: NOW,
        profile: profile(),
        metadata: metadata(),
        email_canonical: EMAIL.to_owned(),
        status: UserStatus::Active,
        password_scheme: Some("argon2id".to_owned()),
        remembered_devices: 1,
        identities: vec![identity()],
        sessions: vec![session()],
        links: vec![LinkView {
            purpose: TokenPurpose::ChangeEmail,
            email: "ann.lee@example.org".to_owned(),
            created_at: CREATED,
            expires_at: NOW,
        }],
        events: Some(vec![event()]),
        extra: None,
        application: None,
    }
}

pub(in crate::http) fn user() -> UserView {
    UserView {
        user_id: USER,
        email: EMAIL.to_owned(),
        name: NAME.to_owned(),
        created_at: CREATED,
        last_login: Some(NOW),
        is_verified: true,
        status: UserStatus::Active,
        roles: roles(),
        metadata: metadata(),
    }
}

fn metadata() -> Metadata {
    let plan = json!({ "plan": "pro" });
    Metadata::from_store(plan.as_object().cloned().unwrap_or_default())
}

pub(in crate::http) fn users() -> UserList {
    UserList {
        users: vec![user()],
        next: Some(USER),
    }
}

/// The key of RFC 8037, appendix A.
pub(in crate::http) fn jwks() -> Jwks {
    let key = json!({
        "kty": "OKP",
        "crv": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
        "alg": "EdDSA",
        "use": "sig",
    });
    serde_json::from_value(json!({ "keys": [key] })).unwrap_or_default()
}

pub(in crate::http) fn strength() -> PasswordStrength {
    PasswordStrength {
        score: 1,
        acceptable: false,
        errors: vec![Violation {
            field: Field::Password,
            within: None,
            code: ViolationCode::TooWeak,
            message: "This password is easy to guess.".to_owned(),
        }],
        warning: Some("Sequences like abc or 6543 are easy to guess.".to_owned()),
        suggestions: vec!["Add another word or two. Uncommon words are better.".to_owned()],
    }
}

pub(in crate::http) fn violations() -> Vec<Violation> {
    vec![
        Violation {
            field: Field::Email,
            within: None,
            code: ViolationCode::InvalidFormat,
            message: "Enter an email address, such as name@example.org.".to_owned(),
        },
        Violation {
            field: Field::Password,
            within: None,
            code: ViolationCode::TooShort,
            message: "Use at least 8 characters.".to_owned(),
        },
    ]
}
