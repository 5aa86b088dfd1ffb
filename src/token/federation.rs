//! What a one-time token keeps of a sign-in with a provider.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::id::{SessionId, UserId};
use crate::identity::{IdentityKey, IdentityUse, Issuer, ProviderEmail, ProviderId, SubjectId};
use crate::named::named;
use crate::secret::Ticket;
use crate::session::SessionLength;
use crate::time::Timestamp;
use crate::user::DisplayName;

/// What a one-time token keeps of a sign-in with a provider. None of it is a secret.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum PendingFederation {
    /// A browser was sent to the provider, with
    /// [`TokenPurpose::Federation`](super::TokenPurpose::Federation).
    Flow(FederationFlow),
    /// The provider identified a person whose address belongs to an account, with
    /// [`TokenPurpose::LinkIdentity`](super::TokenPurpose::LinkIdentity).
    Identity(PendingIdentity),
    /// The account that is made when its address is confirmed, with
    /// [`TokenPurpose::CompleteRegistration`](super::TokenPurpose::CompleteRegistration).
    Registration(FederatedRegistration),
    /// The identity of a sign-in that waits for its second factor, with
    /// [`TokenPurpose::SignIn`](super::TokenPurpose::SignIn).
    Used(IdentityUse),
}

/// A browser that was sent to a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FederationFlow {
    /// The provider.
    pub provider: ProviderId,
    /// What the answer is for.
    pub intent: FlowIntent,
    /// The session that began it; `None` for [`FlowIntent::Login`].
    pub session: Option<SessionId>,
    /// The lifetime that the session is to have.
    pub length: SessionLength,
    /// The application's page to go on to.
    pub return_to: Option<String>,
    /// The redirect URI, if it is not the provider's default.
    pub redirect_uri: Option<String>,
    /// How long ago the person may have authenticated at the provider, in seconds.
    pub max_age: Option<u32>,
    /// The name of the key that nonce and PKCE verifier are derived under.
    pub key: String,
}

named! {
    /// What the answer of a provider is for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum FlowIntent {
        /// A session.
        Login => "login",
        /// Another way in for the account of a session.
        Link => "link",
        /// A new proof for a session.
        Reauthenticate => "reauthenticate",
    }
}

/// SHA-256 of the ticket of somebody who registers with a provider.
#[derive(Clone, Copy, Debug)]
pub struct TicketDigest([u8; 32]);

impl TicketDigest {
    /// The digest of `ticket`.
    #[must_use]
    pub fn of(ticket: &Ticket) -> Self {
        Self(Sha256::digest(ticket.expose_secret()).into())
    }

    /// The digest with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }
}

/// In constant time.
impl PartialEq for TicketDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for TicketDigest {}

/// A person whom a provider has identified, and who has not signed in yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingIdentity {
    /// The provider.
    pub provider: ProviderId,
    /// Who vouches for the subject.
    pub issuer: Issuer,
    /// Who the person is at the issuer.
    pub subject: SubjectId,
    /// The address, as the provider gave it.
    pub email: Option<ProviderEmail>,
    /// Whether the provider vouches for the address, and is believed.
    pub email_is_verified: bool,
    /// The name that a new account has.
    pub name: DisplayName,
    /// When the person authenticated at the provider, if it says so.
    pub auth_time: Option<Timestamp>,
    /// The lifetime that the session is to have.
    pub length: SessionLength,
    /// The application's page to go on to.
    pub return_to: Option<String>,
}

/// An account that signs in with a provider, and is made when its address is confirmed.
#[derive(Clone, Debug, PartialEq)]
pub struct FederatedRegistration {
    /// The id that the account will have.
    pub user_id: UserId,
    /// Its first identity.
    pub identity: PendingIdentity,
    /// The digest of the ticket that the person got who signed in.
    pub ticket: TicketDigest,
}

impl PendingIdentity {
    /// The key of the identity.
    #[must_use]
    pub fn key(&self) -> IdentityKey {
        IdentityKey::of(&self.issuer, &self.subject)
    }

    fn to_value(&self) -> Value {
        json!({
            "provider": self.provider.as_str(),
            "issuer": self.issuer.as_str(),
            "subject": self.subject.as_str(),
            "email": self.email.as_ref().map(ProviderEmail::as_str),
            "email_is_verified": self.email_is_verified,
            "name": self.name.as_str(),
            "auth_time": self.auth_time.map(Timestamp::as_millis),
            "length": self.length.as_str(),
            "return_to": self.return_to,
        })
    }

    fn of(object: &Object<'_>) -> Option<Self> {
        Some(Self {
            provider: ProviderId::parse(object.text("provider")?).ok()?,
            issuer: Issuer::parse(object.text("issuer")?).ok()?,
            subject: SubjectId::parse(object.text("subject")?).ok()?,
            email: object.optional("email", |email| ProviderEmail::parse(email.as_str()?).ok())?,
            email_is_verified: object.get("email_is_verified")?.as_bool()?,
            name: DisplayName::from_store(object.text("name")?.to_owned()),
            auth_time: object
                .optional("auth_time", |at| at.as_i64().map(Timestamp::from_millis))?,
            length: object.text("length")?.parse().ok()?,
            return_to: object.optional("return_to", owned)?,
        })
    }
}

impl FederationFlow {
    fn to_value(&self) -> Value {
        json!({
            "provider": self.provider.as_str(),
            "intent": self.intent.as_str(),
            "session": self.session.map(|session| session.to_string()),
            "length": self.length.as_str(),
            "return_to": self.return_to,
            "redirect_uri": self.redirect_uri,
            "max_age": self.max_age,
            "key": self.key,
        })
    }

    fn of(object: &Object<'_>) -> Option<Self> {
        Some(Self {
            provider: ProviderId::parse(object.text("provider")?).ok()?,
            intent: object.text("intent")?.parse().ok()?,
            session: object.optional("session", |id| id.as_str()?.parse().ok())?,
            length: object.text("length")?.parse().ok()?,
            return_to: object.optional("return_to", owned)?,
            redirect_uri: object.optional("redirect_uri", owned)?,
            max_age: object.optional("max_age", |age| u32::try_from(age.as_u64()?).ok())?,
            key: object.text("key")?.to_owned(),
        })
    }
}

impl PendingFederation {
    /// The value as a JSON object, for stores that keep documents.
    #[must_use]
    pub fn to_object(&self) -> Map<String, Value> {
        let (kind, value) = match self {
            Self::Flow(flow) => ("flow", flow.to_value()),
            Self::Identity(identity) => ("identity", identity.to_value()),
            Self::Registration(registration) => (
                "registration",
                json!({
                    "user_id": registration.user_id.to_string(),
                    "identity": registration.identity.to_value(),
                    "ticket": text(registration.ticket.0),
                }),
            ),
            Self::Used(used) => (
                "used",
                json!({
                    "key": text(used.key.to_bytes()),
                    "email": used.email.as_ref().map(ProviderEmail::as_str),
                }),
            ),
        };
        Map::from_iter([(kind.to_owned(), value)])
    }

    /// Reads what [`to_object`](Self::to_object) made; `None` if it is anything else.
    #[must_use]
    pub fn from_object(object: &Map<String, Value>) -> Option<Self> {
        let mut members = object.iter();
        let (Some((kind, value)), None) = (members.next(), members.next()) else {
            return None;
        };
        let object = Object(value.as_object()?);
        match kind.as_str() {
            "flow" => FederationFlow::of(&object).map(Self::Flow),
            "identity" => PendingIdentity::of(&object).map(Self::Identity),
            "registration" => Some(Self::Registration(FederatedRegistration {
                user_id: object.text("user_id")?.parse().ok()?,
                identity: PendingIdentity::of(&Object(object.get("identity")?.as_object()?))?,
                ticket: TicketDigest(bytes(object.text("ticket")?)?),
            })),
            "used" => Some(Self::Used(IdentityUse {
                key: IdentityKey::from_bytes(bytes(object.text("key")?)?),
                email: object
                    .optional("email", |email| ProviderEmail::parse(email.as_str()?).ok())?,
            })),
            _ => None,
        }
    }
}

struct Object<'a>(&'a Map<String, Value>);

impl<'a> Object<'a> {
    fn get(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name)
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        self.get(name)?.as_str()
    }

    /// `Some(None)` if the member is `null`; `None` if it is absent or cannot be read.
    #[expect(
        clippy::option_option,
        reason = "absent and unreadable differ from null"
    )]
    fn optional<T>(&self, name: &str, read: fn(&Value) -> Option<T>) -> Option<Option<T>> {
        match self.get(name)? {
            Value::Null => Some(None),
            value => read(value).map(Some),
        }
    }
}

fn owned(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn text(bytes: [u8; 32]) -> String {
    Base64UrlUnpadded::encode_string(&bytes)
}

fn bytes(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let decoded = Base64UrlUnpadded::decode(text, &mut bytes).ok()?;
    (decoded.len() == 32).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> PendingIdentity {
        PendingIdentity {
            provider: ProviderId::parse("school").unwrap(),
            issuer: Issuer::parse("https://login.school.example").unwrap(),
            subject: SubjectId::parse("7").unwrap(),
            email: Some(ProviderEmail::parse("Ann@School.example").unwrap()),
            email_is_verified: true,
            name: DisplayName::parse("Ann").unwrap(),
            auth_time: Some(Timestamp::from_millis(-1)),
            length: SessionLength::Short,
            return_to: Some("/exams".to_owned()),
        }
    }

    fn flow() -> FederationFlow {
        FederationFlow {
            provider: ProviderId::parse("school").unwrap(),
            intent: FlowIntent::Reauthenticate,
            session: Some(SessionId::from_bytes([7; 12])),
            length: SessionLength::Usual,
            return_to: None,
            redirect_uri: Some("http://127.0.0.1:7/callback".to_owned()),
            max_age: Some(300),
            key: "name".to_owned(),
        }
    }

    fn all() -> Vec<PendingFederation> {
        let bare = PendingIdentity {
            email: None,
            email_is_verified: false,
            auth_time: None,
            return_to: None,
            ..identity()
        };
        let registration = FederatedRegistration {
            user_id: UserId::from_bytes([1; 12]),
            identity: identity(),
            ticket: TicketDigest([9; 32]),
        };
        let used = |email| IdentityUse {
            key: identity().key(),
            email,
        };
        vec![
            PendingFederation::Flow(flow()),
            PendingFederation::Identity(identity()),
            PendingFederation::Identity(bare),
            PendingFederation::Registration(registration),
            PendingFederation::Used(used(None)),
            PendingFederation::Used(used(identity().email)),
        ]
    }

    #[test]
    fn what_was_written_is_read_again() {
        for one in all() {
            let object = one.to_object();
            assert_eq!(PendingFederation::from_object(&object), Some(one));
        }
    }

    #[test]
    fn anything_else_is_not_read() {
        for one in all() {
            let object = one.to_object();
            let (kind, value) = object.iter().next().unwrap();
            let members = value.as_object().unwrap();
            for name in members.keys() {
                let mut without = members.clone();
                without.remove(name);
                let mut wrong = members.clone();
                wrong.insert(name.clone(), json!([7]));
                for members in [without, wrong] {
                    let object = Map::from_iter([(kind.clone(), Value::Object(members))]);
                    assert_eq!(
                        PendingFederation::from_object(&object),
                        None,
                        "{kind} {name}"
                    );
                }
            }
            let mut two = object.clone();
            two.insert("other".to_owned(), json!({}));
            let other = Map::from_iter([("other".to_owned(), value.clone())]);
            for object in [two, other, Map::new()] {
                assert_eq!(PendingFederation::from_object(&object), None);
            }
        }
    }
}
