//! Settings of mail, and the links in it.

use std::time::Duration;

use url::{Host, Url};

use super::{MailLink, MailTemplates};
use crate::error::ConfigError;
use crate::secret::MailToken;

/// Settings of mail.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MailConfig {
    /// What links begin with, such as `https://example.org/app`. Links are made
    /// of this and of nothing else, never of what a request says. `https`
    /// only, or `http` to the loopback (ASVS 1.2.2).
    pub base_url: String,
    /// Lets `base_url` be `http` to any host: for trying things out only.
    pub allow_http: bool,
    /// Where the links point to, below `base_url`.
    pub paths: MailPaths,
    /// The wording.
    pub templates: MailTemplates,
    /// How many mails may be under way; more are not sent, with an event. 1 to
    /// 100,000. Default 1,000.
    pub max_pending: usize,
    /// How many attempts may be made at once; 1 to 1,000. Default 8.
    pub concurrency: usize,
    /// How often sending is tried, in all; 1 to 20. Default 8.
    pub attempts: u32,
    /// How long one attempt may take; 1 second to 10 minutes. Default 30 seconds.
    pub attempt_timeout: Duration,
    /// The wait before the second attempt; it doubles each time. At least 100
    /// milliseconds, and the last wait is at most a day. Default 2 seconds, so that a mail is given up after about 4 minutes of waiting
    /// besides what the attempts take.
    pub first_retry: Duration,
    /// Whether an account can only have an address whose part before the `@` is ASCII, such as
    /// for a mail server without SMTPUTF8 (RFC 6531): at registration, at a change of
    /// address, and for accounts that administrators and the application create. Accounts that have
    /// another address keep it. Default no: then the mail server must support SMTPUTF8, or such
    /// an account gets no mail, with the notice `mail_address_refused` in the event. A domain
    /// outside ASCII is sent as Punycode, which every mail server takes.
    pub ascii_addresses_only: bool,
    /// Whether the owner of an account gets a mail when it is logged in to from
    /// a device that was not seen before (ASVS 6.3.5). Default yes. The event
    /// of such a login says so in any case.
    pub new_device: bool,
}

/// Where links in mails point to: the application's own pages, which take the
/// token out of the fragment (`#token=…`, which no server sees and no log
/// keeps, ASVS 14.2.1) and POST it to the endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MailPaths {
    /// Confirms an address. Default `/email/verify`.
    pub verify_email: String,
    /// "This was not me". Default `/email/disown`.
    pub disown_email: String,
    /// Sets a new password. Default `/password/reset`.
    pub reset_password: String,
    /// Asks for the above. Default `/password/forgot`.
    pub forgot_password: String,
    /// Confirms a new address. Default `/email/change/confirm`.
    pub change_email: String,
}

impl Default for MailPaths {
    fn default() -> Self {
        Self {
            verify_email: "/email/verify".to_owned(),
            disown_email: "/email/disown".to_owned(),
            reset_password: "/password/reset".to_owned(),
            forgot_password: "/password/forgot".to_owned(),
            change_email: "/email/change/confirm".to_owned(),
        }
    }
}

impl MailConfig {
    /// The defaults for an application at `base_url`.
    #[must_use]
    pub fn new(base_url: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            allow_http: false,
            paths: MailPaths::default(),
            templates: MailTemplates::default(),
            max_pending: 1000,
            concurrency: 8,
            attempts: 8,
            attempt_timeout: Duration::from_secs(30),
            first_retry: Duration::from_secs(2),
            ascii_addresses_only: false,
            new_device: true,
        }
    }

    /// Checks every setting, and makes the links.
    pub(super) fn validate(&self) -> Result<Links, ConfigError> {
        let base = self.base()?;
        let page = |setting, path: &str| page(&base, setting, path);
        let links = Links {
            verify_email: page("mail.paths.verify_email", &self.paths.verify_email)?,
            disown_email: page("mail.paths.disown_email", &self.paths.disown_email)?,
            reset_password: page("mail.paths.reset_password", &self.paths.reset_password)?,
            forgot_password: page("mail.paths.forgot_password", &self.paths.forgot_password)?,
            change_email: page("mail.paths.change_email", &self.paths.change_email)?,
        };
        for (setting, is_out_of_range) in [
            ("mail.max_pending", self.max_pending == 0),
            (
                "mail.concurrency",
                !(1..=tokio::sync::Semaphore::MAX_PERMITS).contains(&self.concurrency),
            ),
            ("mail.attempts", self.attempts == 0),
            ("mail.attempt_timeout", self.attempt_timeout.is_zero()),
        ] {
            if is_out_of_range {
                return invalid(setting, "is out of range");
            }
        }
        match self.templates.validate() {
            Ok(()) => Ok(links),
            Err(error) => invalid("mail.templates", &error.to_string()),
        }
    }

    /// Checks what holds unless the service's settings are
    /// [insecure](crate::config::AuthConfig::insecure_for_tests).
    pub(crate) fn is_safe(&self) -> Result<(), ConfigError> {
        let attempt = Duration::from_secs(1)..=Duration::from_secs(600);
        let doublings = self.attempts.saturating_sub(2);
        let last_wait = self
            .first_retry
            .saturating_mul(2_u32.saturating_pow(doublings));
        ConfigError::require([
            (
                "mail.max_pending",
                self.max_pending <= 100_000,
                "is more than 100,000",
            ),
            (
                "mail.concurrency",
                self.concurrency <= 1000,
                "is more than 1,000",
            ),
            ("mail.attempts", self.attempts <= 20, "is more than 20"),
            (
                "mail.attempt_timeout",
                attempt.contains(&self.attempt_timeout),
                "is not between 1 second and 10 minutes",
            ),
            (
                "mail.first_retry",
                self.first_retry >= Duration::from_millis(100),
                "is shorter than 100 milliseconds",
            ),
            (
                "mail.first_retry",
                last_wait <= Duration::from_secs(86_400),
                "doubles to more than a day",
            ),
        ])
    }

    fn base(&self) -> Result<Url, ConfigError> {
        let setting = "mail.base_url";
        let Ok(url) = Url::parse(&self.base_url) else {
            return invalid(setting, "is not a URL");
        };
        let is_local = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            None => return invalid(setting, "has no host"),
        };
        match url.scheme() {
            "https" => {}
            "http" if is_local || self.allow_http => {}
            _ => return invalid(setting, "is not https"),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return invalid(setting, "has a user or a password");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return invalid(setting, "has a query or a fragment");
        }
        Ok(url)
    }
}

fn invalid<T>(setting: &'static str, problem: &str) -> Result<T, ConfigError> {
    Err(ConfigError::Invalid {
        setting,
        problem: problem.to_owned(),
    })
}

fn page(base: &Url, setting: &'static str, path: &str) -> Result<Url, ConfigError> {
    let Some(path) = path.strip_prefix('/') else {
        return invalid(setting, "does not begin with a slash");
    };
    if path.contains(['?', '#', '\\']) || path.split('/').any(|part| matches!(part, "." | "..")) {
        return invalid(setting, "is not a plain path");
    }
    let mut url = base.clone();
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    Ok(url)
}

/// The pages that links point to.
#[derive(Clone, Debug)]
pub(crate) struct Links {
    pub(crate) verify_email: Url,
    pub(crate) disown_email: Url,
    pub(crate) reset_password: Url,
    pub(crate) forgot_password: Url,
    pub(crate) change_email: Url,
}

/// The link to `page` that carries `token`.
pub(crate) fn link(page: &Url, token: &MailToken) -> MailLink {
    let mut url = page.clone();
    url.set_fragment(Some(&format!("token={}", token.expose_secret())));
    MailLink(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(config: &MailConfig) -> String {
        config.validate().unwrap_err().to_string()
    }

    #[test]
    fn ghsa_13_only_an_https_base_is_accepted() {
        for base in [
            "",
            "example.org",
            "http://example.org",
            "http://127.0.0.1.example.org",
            "http://localhost.example.org",
            "javascript:alert(1)",
            "file:///etc/passwd",
            "https://user@example.org",
            "https://user:pass@example.org",
            "https://example.org?next=",
            "https://example.org/#",
            "//example.org",
        ] {
            let problem = refused(&MailConfig::new(base));
            assert!(problem.starts_with("mail.base_url"), "{base}: {problem}");
        }
        for base in [
            "https://example.org",
            "https://example.org:8443/app/",
            "http://127.0.0.1:3000",
            "http://[::1]:3000",
            "http://localhost",
        ] {
            assert!(MailConfig::new(base).validate().is_ok(), "{base}");
        }
        let mut open = MailConfig::new("http://exam.internal");
        open.allow_http = true;
        assert!(open.validate().is_ok());
    }

    #[test]
    fn asvs_1_2_2_a_link_carries_its_token_in_the_fragment_whatever_it_is() {
        let links = MailConfig::new("https://example.org/app/")
            .validate()
            .unwrap();
        for token in ["adv_a-b_c", "a b&c#d?e/../%00\"<>'\r\n", "é\u{202e}"] {
            let MailLink(link) = link(&links.verify_email, &MailToken::new(token));
            let url = Url::parse(&link).unwrap();
            assert_eq!(url.host_str(), Some("example.org"));
            assert_eq!(url.path(), "/app/email/verify");
            assert_eq!(url.query(), None, "asvs_14_2_1");
            assert!(
                !link.contains(|letter: char| letter.is_control()
                    || "\"<>' ".contains(letter) && letter != '\'')
            );
            assert!(link.is_ascii());
            assert!(url.fragment().unwrap().starts_with("token="));
        }
    }

    #[test]
    fn a_path_that_is_no_plain_path_is_refused() {
        for path in [
            "",
            "verify",
            "/a?b",
            "/a#b",
            "/../a",
            "/a/./b",
            "/\\evil.org",
        ] {
            let mut config = MailConfig::new("https://example.org");
            config.paths.verify_email = path.to_owned();
            assert!(
                refused(&config).starts_with("mail.paths.verify_email"),
                "{path}"
            );
        }
    }
}
