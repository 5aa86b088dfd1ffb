//! Where a request came from.

use std::net::IpAddr;

use sha2::{Digest, Sha256};

use crate::event::kept_agent;
use crate::id::{SessionId, UserId};
use crate::user::DeviceDigest;

/// Where a request came from. It is kept with sessions and events, and the
/// address is what limits count by.
///
/// ```
/// use admittance::service::{MAX_USER_AGENT_CHARS, RequestContext};
///
/// let here = RequestContext::from_ip([192, 0, 2, 1].into())
///     .with_user_agent(&"long ".repeat(200_000));
/// let kept = here.user_agent().unwrap_or_default();
/// assert_eq!(kept.chars().count(), MAX_USER_AGENT_CHARS);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestContext {
    ip: Option<IpAddr>,
    user_agent: Option<String>,
    replaces: Option<HeldSession>,
}

/// A session whose tokens a client has shown that it holds. Whether it is still
/// live is not said.
///
/// The service makes one from a token that it has verified:
/// [`session_of`](super::AuthService::session_of) and
/// [`session_of_access_token`](super::AuthService::session_of_access_token).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldSession {
    user_id: UserId,
    session_id: SessionId,
}

/// ```compile_fail,E0451
/// use admittance::id::{SessionId, UserId};
/// use admittance::service::HeldSession;
///
/// let user_id = UserId::from_bytes([1; 12]);
/// let session_id = SessionId::from_bytes([2; 12]);
/// let invented = HeldSession { user_id, session_id };
/// ```
#[cfg(doctest)]
struct NobodyInventsAHeldSession;

/// ```compile_fail,E0451
/// use admittance::service::RequestContext;
///
/// let user_agent = Some("x".repeat(1024 * 1024));
/// let uncut = RequestContext { user_agent, ..RequestContext::default() };
/// ```
#[cfg(doctest)]
struct NobodyLeavesAUserAgentUncut;

impl HeldSession {
    /// The session that a verified token names.
    pub(super) const fn new(user_id: UserId, session_id: SessionId) -> Self {
        Self {
            user_id,
            session_id,
        }
    }

    /// Whose it is.
    #[must_use]
    pub const fn user_id(&self) -> UserId {
        self.user_id
    }

    /// Which one.
    #[must_use]
    pub const fn session_id(&self) -> SessionId {
        self.session_id
    }
}

impl RequestContext {
    /// A request from `ip`. Requests without an address share one limit.
    #[must_use]
    pub fn new(ip: Option<IpAddr>) -> Self {
        Self {
            ip: ip.map(|ip| ip.to_canonical()),
            ..Self::default()
        }
    }

    /// A request from `ip`.
    #[must_use]
    pub fn from_ip(ip: IpAddr) -> Self {
        Self::new(Some(ip))
    }

    /// Adds the client's description of itself: cut to
    /// [`MAX_USER_AGENT_CHARS`](super::MAX_USER_AGENT_CHARS), without control
    /// characters, line separators and bidi overrides (ASVS 16.4.1).
    #[must_use]
    pub fn with_user_agent(mut self, text: &str) -> Self {
        self.user_agent = kept_agent(text);
        self
    }

    /// Names the session that ends as soon as the request has opened another:
    /// every operation that opens a session by a sign-in heeds it. For a client that overwrites its tokens with the new ones, as a
    /// browser does with cookies. An event [`Logout`] says that it has ended. When it
    /// cannot be ended, a login fails. A registration or a confirmation, which is
    /// done by then, does not: the event `Logout` says that it was not ended.
    ///
    /// [`Logout`]: crate::event::Operation::Logout
    #[must_use]
    pub fn replacing(mut self, session: HeldSession) -> Self {
        self.replaces = Some(session);
        self
    }

    /// The client's address. One that is mapped into IPv6 is what it maps.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.ip
    }

    /// The client's own description of itself, as it is kept.
    #[must_use]
    pub fn user_agent(&self) -> Option<&str> {
        self.user_agent.as_deref()
    }

    /// The session whose place a new one takes.
    #[must_use]
    pub fn replaces(&self) -> Option<HeldSession> {
        self.replaces
    }

    /// What the device is recognised by for `user`: what the client says it is,
    /// without version numbers, which change with every update, and the network
    /// of its provider (an IPv4 /16 or an IPv6 /32), since addresses within it
    /// change daily.
    pub(crate) fn device(&self, user: UserId) -> DeviceDigest {
        let provider = match self.ip {
            None => Vec::new(),
            Some(IpAddr::V4(ip)) => ip.octets().into_iter().take(2).collect(),
            Some(IpAddr::V6(ip)) => ip.octets().into_iter().take(4).collect::<Vec<u8>>(),
        };
        let agent = self.user_agent().unwrap_or_default();
        let agent: String = agent
            .chars()
            .filter(|letter| letter.is_alphabetic())
            .collect();
        let mut hash = Sha256::new_with_prefix(user.to_bytes());
        hash.update([u8::try_from(provider.len()).unwrap_or(u8::MAX)]);
        hash.update(&provider);
        hash.update(&agent);
        let mut bytes = [0; 16];
        for (to, from) in bytes.iter_mut().zip(hash.finalize()) {
            *to = from;
        }
        DeviceDigest::from_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::MAX_USER_AGENT_CHARS;

    #[test]
    fn a_user_agent_of_any_length_is_cut_between_characters() {
        for letter in ["x", "é", "試", "🦀"] {
            let text = letter.repeat(1024 * 1024 / letter.len());
            let context = RequestContext::default().with_user_agent(&text);
            let kept = letter.repeat(MAX_USER_AGENT_CHARS);
            assert_eq!(context.user_agent(), Some(&*kept));
        }
    }

    #[test]
    fn what_would_write_into_a_log_or_a_terminal_is_left_out() {
        let hostile = "a\r\nb\u{1b}[2J\u{202e}\u{2028}\u{9b}c\0";
        let context = RequestContext::default().with_user_agent(hostile);
        assert_eq!(context.user_agent(), Some("ab[2Jc"));
        let nothing = RequestContext::default().with_user_agent(&"\r\n".repeat(1024 * 512));
        assert_eq!(nothing.user_agent(), None);
    }

    #[test]
    fn an_address_that_is_mapped_into_ipv6_is_what_it_maps() {
        let mapped = "::ffff:192.0.2.1".parse().unwrap();
        let plain = RequestContext::from_ip([192, 0, 2, 1].into());
        assert_eq!(RequestContext::from_ip(mapped), plain);
    }
}
