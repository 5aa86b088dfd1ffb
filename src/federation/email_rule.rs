//! Which addresses of a provider are believed to be verified.

use super::error::invalid;
use super::identity::{Claims, EmailTrust};
use crate::email::Email;
use crate::error::ConfigError;

/// When an address counts as verified that the provider says is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum EmailRule {
    Never,
    Every,
    /// In these domains, in lower case.
    Domains(Vec<String>),
    /// Of Gmail, or of an account of a Google Workspace domain.
    Google,
}

/// Mailboxes that Apple hosts: its relay for people who hide their address, and iCloud Mail.
const APPLE: [&str; 4] = [
    "icloud.com",
    "mac.com",
    "me.com",
    "privaterelay.appleid.com",
];

/// What a provider hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hosting {
    Google,
    Apple,
    /// Nothing that is known here.
    Unknown,
    /// Addresses that nobody verified, so no rule makes them verified (Microsoft).
    Unverified,
}

impl EmailRule {
    pub(super) fn new(trust: &EmailTrust, hosting: Hosting) -> Result<Self, ConfigError> {
        let refuse = |problem: &str| Err(invalid("federation.email_trust", problem));
        match (trust, hosting) {
            (EmailTrust::Never, _) => Ok(Self::Never),
            (_, Hosting::Unverified) => refuse("this provider's addresses are not verified"),
            (EmailTrust::Every, _) => Ok(Self::Every),
            (EmailTrust::Hosted, Hosting::Google) => Ok(Self::Google),
            (EmailTrust::Hosted, Hosting::Apple) => {
                Ok(Self::Domains(APPLE.map(str::to_owned).to_vec()))
            }
            (EmailTrust::Hosted, Hosting::Unknown) => {
                refuse("it is not known which mailboxes this provider hosts")
            }
            (EmailTrust::Domains(domains), _) => {
                let read = |domain: &String| domain_of(&Email::parse(&format!("a@{domain}")).ok()?);
                match domains.iter().map(read).collect::<Option<Vec<_>>>() {
                    Some(domains) if !domains.is_empty() => Ok(Self::Domains(domains)),
                    _ => refuse("the domains are not host names"),
                }
            }
        }
    }

    /// The address in `claims`, and whether it is believed to be verified. `is_hosted` says
    /// that the account belongs to a Google Workspace domain.
    pub(super) fn judge(&self, claims: &Claims, is_hosted: bool) -> (Option<Email>, bool) {
        let email = claims.email.as_deref();
        let Some(email) = email.and_then(|text| Email::parse_new(text).ok()) else {
            return (None, false);
        };
        let is_in =
            |domains: &[String]| domain_of(&email).is_some_and(|domain| domains.contains(&domain));
        let is_believed = match self {
            Self::Never => false,
            Self::Every => true,
            Self::Domains(domains) => is_in(domains),
            Self::Google => is_hosted || is_in(&["gmail.com".to_owned()]),
        };
        let is_verified = claims.states_verified && is_believed;
        (Some(email), is_verified)
    }
}

/// The domain of an address in lower-case ASCII.
fn domain_of(email: &Email) -> Option<String> {
    let (_, domain) = email.canonical().as_str().rsplit_once('@')?;
    Some(domain.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(rule: &EmailRule, email: &str, states_verified: bool, is_hosted: bool) -> bool {
        let claims = Claims {
            email: Some(email.to_owned()),
            states_verified,
            name: None,
        };
        rule.judge(&claims, is_hosted).1
    }

    #[test]
    fn ghsa_65_an_address_is_believed_where_the_provider_hosts_the_mailbox() {
        let rule = EmailRule::new(&EmailTrust::Hosted, Hosting::Google).unwrap();
        assert!(judged(&rule, "Ann@GMail.com", true, false));
        assert!(judged(&rule, "ann@school.example", true, true));
        for (email, states_verified, is_hosted) in [
            ("ann@gmail.com", false, false),
            ("ann@school.example", true, false),
            ("ann@school.example", false, true),
            ("ann@gmail.com.example.org", true, false),
            ("ann@notgmail.com", true, false),
            ("gmail.com@example.org", true, false),
        ] {
            assert!(!judged(&rule, email, states_verified, is_hosted), "{email}");
        }
        let rule = EmailRule::new(&EmailTrust::Hosted, Hosting::Apple).unwrap();
        assert!(judged(&rule, "x8sq@privaterelay.appleid.com", true, false));
        assert!(!judged(&rule, "ann@example.org", true, false));
        assert!(!judged(
            &rule,
            "x8sq@privaterelay.appleid.com",
            false,
            false
        ));
    }

    #[test]
    fn domains_are_compared_in_their_ascii_form() {
        let trust = EmailTrust::Domains(vec!["B\u{fc}cher.Example".to_owned()]);
        let rule = EmailRule::new(&trust, Hosting::Unknown).unwrap();
        for email in ["a@xn--bcher-kva.example", "a@b\u{fc}cher.EXAMPLE"] {
            assert!(judged(&rule, email, true, false), "{email}");
        }
        assert!(!judged(&rule, "a@sub.b\u{fc}cher.example", true, false));
    }

    #[test]
    fn a_rule_that_means_nothing_is_refused() {
        let domains = |names: &[&str]| {
            EmailTrust::Domains(names.iter().map(|name| (*name).to_owned()).collect())
        };
        for (trust, hosting) in [
            (EmailTrust::Hosted, Hosting::Unknown),
            (EmailTrust::Hosted, Hosting::Unverified),
            (EmailTrust::Every, Hosting::Unverified),
            (domains(&["school.example"]), Hosting::Unverified),
            (domains(&[]), Hosting::Unknown),
            (domains(&["a b"]), Hosting::Unknown),
            (domains(&["x@y.example"]), Hosting::Unknown),
        ] {
            assert!(EmailRule::new(&trust, hosting).is_err(), "{trust:?}");
        }
    }

    #[test]
    fn ghsa_80_an_address_that_could_be_another_is_left_out() {
        for email in [
            "ann\u{ff20}evil.example@gmail.com",
            "\u{212a}ate@gmail.com",
            "\u{ff41}nn@gmail.com",
            "|sh@gmail.com",
        ] {
            let claims = Claims {
                email: Some(email.to_owned()),
                states_verified: true,
                name: None,
            };
            assert_eq!(
                EmailRule::Every.judge(&claims, true),
                (None, false),
                "{email}"
            );
        }
    }
}
