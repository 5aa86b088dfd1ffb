//! Who a provider says a person is.

use serde_json::Value;

use super::members::{Members, description};
use crate::email::Email;
use crate::identity::ProviderId;
use crate::time::Timestamp;

/// Who a provider says a person is.
///
/// The identity is the pair of [`issuer`](Self::issuer) and [`subject`](Self::subject),
/// compared byte by byte (ASVS 6.8.1). Address and name are claims that change, and identify
/// nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExternalIdentity {
    /// The provider, as it is configured here.
    pub provider: ProviderId,
    /// Who issued the identity: the issuer of the ID token, or the one configured for an OAuth
    /// 2 provider.
    pub issuer: String,
    /// The person at that issuer: 1 to 255 printable ASCII characters.
    pub subject: String,
    /// The address, if there is one that can be that of a new account
    /// ([`Email::parse_new`]).
    pub email: Option<Email>,
    /// Whether the provider says that the mailbox is the person's, and is believed by its
    /// [`EmailTrust`]. Always `false` without an address.
    pub email_is_verified: bool,
    /// The name as the provider has it, trimmed and at most 1,024 bytes. It need not be one
    /// that an account can have.
    pub name: Option<String>,
    /// When the person last authenticated at the provider, if it says so. Present whenever
    /// `max_age` was requested, and then checked.
    pub auth_time: Option<Timestamp>,
}

/// Whether a provider is believed when it says that an address is verified.
///
/// A provider verified an address at some time. Who owns the mailbox today, it knows only if
/// it hosts the mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EmailTrust {
    /// Never. The default, except for Google and Apple.
    Never,
    /// For mailboxes that the provider hosts, by the rules of
    /// [`Provider::google`](super::Provider::google) and
    /// [`Provider::apple`](super::Provider::apple). Other providers cannot have it.
    Hosted,
    /// For addresses in these domains, such as a school's own.
    Domains(Vec<String>),
    /// For every address. The provider's operator, and anyone with a mailbox that a former
    /// owner verified there, can then claim an address that belongs to somebody else.
    Every,
}

/// How a provider states that an address is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VerifiedClaim {
    /// By the JSON boolean `true` (OpenID Connect Core 1.0 §5.1). A text is not believed.
    Boolean,
    /// By the boolean or the text `true`, as Apple documents.
    BooleanOrText,
}

/// What an answer says about a person, of which nothing is believed yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Claims {
    pub(super) email: Option<String>,
    pub(super) states_verified: bool,
    pub(super) name: Option<String>,
}

impl Claims {
    /// The standard claims (OpenID Connect Core 1.0 §5.1).
    pub(super) fn standard(members: Members<'_>, verified: VerifiedClaim) -> Self {
        Self {
            email: members.description("email").map(str::to_owned),
            states_verified: is_true(members.value("email_verified"), verified),
            name: members.description("name").map(str::to_owned),
        }
    }

    /// These, with what they lack from `other`. An address and whether it is verified are
    /// never from different answers.
    pub(super) fn or(self, other: Self) -> Self {
        let (email, states_verified) = match self.email {
            Some(email) => (Some(email), self.states_verified),
            None => (other.email, other.states_verified),
        };
        Self {
            email,
            states_verified,
            name: self.name.or(other.name),
        }
    }
}

fn is_true(value: Option<&Value>, verified: VerifiedClaim) -> bool {
    match value {
        Some(Value::Bool(is_true)) => *is_true,
        Some(Value::String(text)) => verified == VerifiedClaim::BooleanOrText && text == "true",
        _ => false,
    }
}

/// The mapping of a user-info answer of an OAuth 2 provider.
///
/// Each value names a member of the answer, or, if it begins with `/`, is a JSON pointer into
/// it (RFC 6901).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UserInfoMapping {
    /// The person's stable identifier: a text, or a whole number up to 2⁶³ − 1. Never a name
    /// or address that can change hands.
    pub subject: String,
    /// The address.
    pub email: Option<String>,
    /// Whether the address is verified: only the JSON boolean `true` counts.
    pub email_verified: Option<String>,
    /// The person's name.
    pub name: Option<String>,
}

impl UserInfoMapping {
    /// A mapping with `subject`, and the standard names of address and name: `email`,
    /// `email_verified`, `name`.
    #[must_use]
    pub fn new(subject: impl Into<String>) -> Self {
        let some = |name: &str| Some(name.to_owned());
        Self {
            subject: subject.into(),
            email: some("email"),
            email_verified: some("email_verified"),
            name: some("name"),
        }
    }

    /// The subject in `answer`; `None` if it is missing or of another type.
    pub(super) fn subject(&self, answer: &Value) -> Option<String> {
        match find(answer, &self.subject)? {
            Value::String(text) => Some(text.clone()),
            // Beyond `i64`, different numbers would be read as one.
            Value::Number(number) => number.as_i64().map(|id| id.to_string()),
            _ => None,
        }
    }

    pub(super) fn claims(&self, answer: &Value) -> Claims {
        let value = |path: &Option<String>| find(answer, path.as_ref()?);
        let text = |path| value(path).and_then(description).map(str::to_owned);
        Claims {
            email: text(&self.email),
            states_verified: is_true(value(&self.email_verified), VerifiedClaim::Boolean),
            name: text(&self.name),
        }
    }
}

fn find<'a>(answer: &'a Value, path: &str) -> Option<&'a Value> {
    match path.starts_with('/') {
        true => answer.pointer(path),
        false => answer.get(path),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn ghsa_64_only_the_boolean_true_means_verified() {
        let states = |value: Value, verified| {
            let answer = json!({"email": "a@b.org", "email_verified": value});
            Claims::standard(Members::of(&answer).unwrap(), verified).states_verified
        };
        for verified in [VerifiedClaim::Boolean, VerifiedClaim::BooleanOrText] {
            assert!(states(json!(true), verified));
            for value in [
                json!(false),
                json!("false"),
                json!("True"),
                json!(" true"),
                json!(1),
                json!("1"),
                json!([true]),
                json!({"true": true}),
                json!(null),
            ] {
                assert!(!states(value.clone(), verified), "{value}");
            }
        }
        assert!(!states(json!("true"), VerifiedClaim::Boolean));
        assert!(states(json!("true"), VerifiedClaim::BooleanOrText));
    }

    #[test]
    fn an_address_is_not_verified_by_another_answer() {
        let claims = |email: Option<&str>, states_verified| Claims {
            email: email.map(str::to_owned),
            states_verified,
            name: None,
        };
        let (ann, bob) = (Some("ann@b.org"), Some("bob@b.org"));
        for (one, other, both) in [
            (claims(ann, false), claims(bob, true), claims(ann, false)),
            (claims(ann, true), claims(bob, false), claims(ann, true)),
            (claims(None, true), claims(bob, false), claims(bob, false)),
            (claims(ann, false), claims(None, true), claims(ann, false)),
        ] {
            assert_eq!(one.or(other), both);
        }
    }

    #[test]
    fn a_mapping_finds_members_and_pointers() {
        let answer = json!({
            "id": 7,
            "data": {"id": "x-1", "mail": ["a@b.org"], "ok": true},
            "name": "Ann",
        });
        let mut mapping = UserInfoMapping::new("id");
        assert_eq!(mapping.subject(&answer).as_deref(), Some("7"));
        mapping.subject = "/data/id".to_owned();
        mapping.email = Some("/data/mail/0".to_owned());
        mapping.email_verified = Some("/data/ok".to_owned());
        assert_eq!(mapping.subject(&answer).as_deref(), Some("x-1"));
        let claims = mapping.claims(&answer);
        assert_eq!(claims.email.as_deref(), Some("a@b.org"));
        assert_eq!(claims.name.as_deref(), Some("Ann"));
        assert!(claims.states_verified);
    }

    #[test]
    fn a_number_is_a_subject_only_if_it_is_read_exactly() {
        let subject = |id: Value| UserInfoMapping::new("id").subject(&json!({ "id": id }));
        assert_eq!(subject(json!(i64::MAX)), Some(i64::MAX.to_string()));
        for id in [
            json!(u64::MAX),
            json!(1.0),
            json!(true),
            json!(null),
            json!(["1"]),
            json!({"id": 1}),
        ] {
            assert_eq!(subject(id.clone()), None, "{id}");
        }
    }

    proptest! {
        #[test]
        fn any_mapping_of_any_answer_is_read(path in "/?\\PC{0,8}(/\\PC{0,3})?", text in "\\PC{0,20}") {
            let mapping = UserInfoMapping { subject: path.clone(), email: Some(path), ..UserInfoMapping::new("") };
            for answer in [json!(text), json!([text]), json!({"a": {"b": text}}), json!(null)] {
                let _ = (mapping.subject(&answer), mapping.claims(&answer));
            }
        }
    }
}
