//! Sessions in cookies: for browsers, whose scripts then never see a token.

use cookie::{Cookie, SameSite, time::Duration};
use http::{HeaderMap, HeaderValue, header};

use super::problem::{Problem, ProblemCode};
use crate::error::ConfigError;
#[cfg(feature = "federation")]
use crate::secret::FlowHandle;
use crate::secret::{AccessToken, RefreshToken};
use crate::service::{Keeping, Tokens};

/// The largest cookie that every browser keeps, name and value together, in
/// bytes (ASVS 3.3.5).
const MAX_COOKIE_BYTES: usize = 4096;

/// Why the tokens of a session are not put into cookies, or not removed from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CookieError {
    /// [`HttpConfig::cookies`](super::HttpConfig::cookies) is not set.
    #[error("sessions in cookies are not configured")]
    Off,
    /// A token does not fit into a cookie: it is longer than browsers keep, 4096 bytes with the
    /// name, or is no text.
    #[error("a token does not fit into a cookie")]
    Unfit,
}

/// Answers with 500 `internal`: the server is not set up for what the handler does.
impl From<CookieError> for Problem {
    fn from(error: CookieError) -> Self {
        tracing::error!(%error, "the cookies of a session cannot be set");
        Self::new(ProblemCode::Internal)
    }
}

/// How sessions are kept in cookies.
///
/// There are two, one for each token, and with `federation` a third for ten minutes, which binds a
/// sign-in to the browser that began it. All have `HttpOnly`, `SameSite=Lax`,
/// `Path=/`, `Secure` and the prefix `__Host-`, so that no script reads them, no
/// other host sets them and no unencrypted connection carries them (ASVS 3.3.1
/// to 3.3.4). They are kept for as long as their tokens are good, those of a
/// login with `remember: false` until the browser is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieConfig {
    token: String,
    refresh: String,
    #[cfg(feature = "federation")]
    flow: String,
    secure: bool,
}

impl Default for CookieConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl CookieConfig {
    /// Cookies named `__Host-admittance_token` and `__Host-admittance_refresh`.
    #[must_use]
    pub fn new() -> Self {
        Self::with(true, "admittance")
    }

    /// Cookies without `Secure` and without the prefix: for trying things out
    /// on `http://localhost`, where some browsers keep no others. Anyone
    /// on the network in between can read them.
    #[must_use]
    pub fn insecure_for_localhost() -> Self {
        Self::with(false, "admittance")
    }

    /// With `name` in place of `admittance` in the cookies' names: for several
    /// applications on one host, which share cookies whatever their ports.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] unless `name` is 1 to 40 ASCII letters, digits,
    /// `-` or `_`.
    pub fn named(self, name: &str) -> Result<Self, ConfigError> {
        let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if !(1..=40).contains(&name.len()) || !name.bytes().all(is_fit) {
            return Err(ConfigError::Invalid {
                setting: "cookies.name",
                problem: "is not 1 to 40 ASCII letters, digits, `-` or `_`".to_owned(),
            });
        }
        Ok(Self::with(self.secure, name))
    }

    fn with(secure: bool, name: &str) -> Self {
        let prefix = if secure { "__Host-" } else { "" };
        Self {
            token: format!("{prefix}{name}_token"),
            refresh: format!("{prefix}{name}_refresh"),
            #[cfg(feature = "federation")]
            flow: format!("{prefix}{name}_flow"),
            secure,
        }
    }

    /// The name of the cookie that holds the access token.
    #[must_use]
    pub fn token_name(&self) -> &str {
        &self.token
    }

    /// The name of the cookie that holds the refresh token.
    #[must_use]
    pub fn refresh_name(&self) -> &str {
        &self.refresh
    }

    /// The name of the cookie that a browser has while a person is at a provider. It has the
    /// same attributes as the other two, for ten minutes.
    #[cfg(feature = "federation")]
    #[must_use]
    pub fn flow_name(&self) -> &str {
        &self.flow
    }

    /// Whether the cookies are kept off unencrypted connections.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The access token that a request carries.
    pub(super) fn token_in(&self, headers: &HeaderMap) -> Result<Option<AccessToken>, Problem> {
        Ok(value(headers, &self.token)?.map(AccessToken::new))
    }

    /// The refresh token that a request carries.
    pub(super) fn refresh_in(&self, headers: &HeaderMap) -> Result<Option<RefreshToken>, Problem> {
        Ok(value(headers, &self.refresh)?.map(RefreshToken::new))
    }

    /// What a browser keeps while a person is at a provider.
    #[cfg(feature = "federation")]
    pub(super) fn flow_in(&self, headers: &HeaderMap) -> Result<Option<FlowHandle>, Problem> {
        Ok(value(headers, &self.flow)?.map(FlowHandle::new))
    }

    /// Has a browser keep `flow` for so many seconds.
    #[cfg(feature = "federation")]
    pub(super) fn keep_flow(
        &self,
        flow: &FlowHandle,
        seconds: u64,
        headers: &mut HeaderMap,
    ) -> Result<(), CookieError> {
        let cookie = self.cookie(&self.flow, flow.expose_secret(), Some(seconds))?;
        headers.append(header::SET_COOKIE, cookie);
        Ok(())
    }

    /// Whether a request carries any cookie of ours, however often.
    pub(super) fn are_in(&self, headers: &HeaderMap) -> bool {
        let ours = [self.token.as_bytes(), self.refresh.as_bytes()];
        pairs(headers).any(|(name, _)| ours.contains(&name))
    }

    /// Whether a browser keeps a cookie for an access token of so many bytes.
    pub(super) fn has_room_for(&self, token: usize) -> bool {
        self.token.len() + token <= MAX_COOKIE_BYTES
    }

    /// Has a browser keep `tokens`. An error adds nothing.
    pub(super) fn keep(&self, tokens: &Tokens, headers: &mut HeaderMap) -> Result<(), CookieError> {
        let (token, refresh) = match tokens.keeping {
            Keeping::Short => (None, None),
            Keeping::Seconds(seconds) => (Some(tokens.expires_in), Some(seconds)),
        };
        let token = self.cookie(&self.token, tokens.token.expose_secret(), token)?;
        let value = tokens.refresh_token.expose_secret();
        let refresh = self.cookie(&self.refresh, value, refresh)?;
        headers.append(header::SET_COOKIE, token);
        headers.append(header::SET_COOKIE, refresh);
        Ok(())
    }

    /// Has a browser forget its tokens.
    pub(super) fn forget(&self, headers: &mut HeaderMap) -> Result<(), CookieError> {
        for name in [&self.token, &self.refresh] {
            headers.append(header::SET_COOKIE, self.cookie(name, "", Some(0))?);
        }
        Ok(())
    }

    fn cookie(
        &self,
        name: &str,
        value: &str,
        seconds: Option<u64>,
    ) -> Result<HeaderValue, CookieError> {
        if name.len() + value.len() > MAX_COOKIE_BYTES {
            // A browser would drop it without a word.
            tracing::error!(name, "a token is too long for a cookie");
            return Err(CookieError::Unfit);
        }
        let mut cookie = Cookie::build((name, value))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(self.secure)
            .build();
        if let Some(seconds) = seconds {
            let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
            cookie.set_max_age(Duration::seconds(seconds));
        }
        let header = HeaderValue::try_from(cookie.to_string());
        let mut header = header.map_err(|_| CookieError::Unfit)?;
        header.set_sensitive(true);
        Ok(header)
    }
}

/// The value of the one cookie of this name. Two of them come from somebody who
/// plants cookies, and which is the browser's own cannot be told.
///
/// Names are compared as they are, but for the blanks between cookies (RFC 6265
/// §4.2.1). A parser that trims more would take one that begins with another
/// kind of space for ours, and a browser keeps such a one for any host that sets
/// it: to the browser its name has no prefix.
fn value(headers: &HeaderMap, name: &str) -> Result<Option<String>, Problem> {
    let mut found = None;
    for (_, value) in pairs(headers).filter(|(of, _)| *of == name.as_bytes()) {
        let text = str::from_utf8(value).map_err(|_| Problem::bad_token())?;
        if found.replace(text.to_owned()).is_some() {
            return Err(Problem::bad_token());
        }
    }
    Ok(found)
}

/// The names and values of a request's cookies.
fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    let headers = headers.get_all(header::COOKIE).iter();
    let pairs = headers.flat_map(|header| header.as_bytes().split(|byte| *byte == b';'));
    pairs.filter_map(|mut pair| {
        while let [b' ', rest @ ..] | [rest @ .., b' '] = pair {
            pair = rest;
        }
        let (name, value) = pair.split_at_checked(pair.iter().position(|byte| *byte == b'=')?)?;
        Some((name, value.get(1..)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_1_to_40_letters_digits_hyphens_and_underscores() {
        for name in ["a", "Exam-2_x", &"a".repeat(40)] {
            let cookies = CookieConfig::new().named(name).unwrap();
            assert_eq!(cookies.token_name(), format!("__Host-{name}_token"));
            assert_eq!(cookies.refresh_name(), format!("__Host-{name}_refresh"));
            assert!(cookies.is_secure());
            let localhost = CookieConfig::insecure_for_localhost().named(name).unwrap();
            assert_eq!(localhost.token_name(), format!("{name}_token"));
            assert!(!localhost.is_secure());
        }
        for name in ["", "a b", "a=b", "a;b", "\u{e9}", &"a".repeat(41)] {
            assert!(CookieConfig::new().named(name).is_err(), "{name}");
        }
    }

    #[test]
    fn asvs_3_3_5_a_cookie_of_4096_bytes_is_set_and_one_of_4097_is_not() {
        let cookies = CookieConfig::new();
        let name = cookies.token_name();
        let longest = MAX_COOKIE_BYTES - name.len();
        assert!(cookies.cookie(name, &"x".repeat(longest), None).is_ok());
        let longer = cookies.cookie(name, &"x".repeat(longest + 1), None);
        assert_eq!(longer.err(), Some(CookieError::Unfit));
        // The service is built only if each of its tokens has room.
        assert!(cookies.has_room_for(longest) && !cookies.has_room_for(longest + 1));
    }

    #[test]
    fn ghsa_31_a_cookie_has_one_value_and_a_name_that_is_exactly_ours() {
        let cookies = CookieConfig::insecure_for_localhost();
        for (line, token, are_in) in [
            ("", Some(None), false),
            ("admittance_token=a", Some(Some("a")), true),
            ("x=1;  admittance_token=a=b ; y", Some(Some("a=b")), true),
            ("admittance_token=", Some(Some("")), true),
            ("admittance_refresh=a", Some(None), true),
            ("admittance_token", Some(None), false),
            ("xadmittance_token=a", Some(None), false),
            ("\tadmittance_token=a", Some(None), false),
            ("Admittance_token=a", Some(None), false),
            ("admittance_token=a; admittance_token=a", None, true),
            ("admittance_token=\u{e9}", Some(Some("\u{e9}")), true),
        ] {
            let value = HeaderValue::from_bytes(line.as_bytes()).unwrap();
            let headers = HeaderMap::from_iter([(header::COOKIE, value)]);
            let found = cookies.token_in(&headers).ok();
            let found = found.map(|found| found.map(|token| token.expose_secret().to_owned()));
            let expected = token.map(|token| token.map(str::to_owned));
            assert_eq!(found, expected, "{line:?}");
            assert_eq!(cookies.are_in(&headers), are_in, "{line:?}");
        }
    }
}
