//! The example's settings, from the environment.

use std::env::{self, VarError};
use std::error::Error;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use admittance::audit::AuditPolicy;
use admittance::authz::{Permission, Role, RolePolicy};
use admittance::config::{AuthConfig, LimitPolicy, RegistrationMode};
use admittance::email::Email;
use admittance::http::{AllowedOrigins, CookieConfig, HttpConfig, TrustedProxies};
use admittance::mail::MailConfig;
use admittance::random::{OsRandom, SecureRandom};
use admittance::secret::SecretBytes;
use admittance::service::AuthService;
use admittance::store::Store;
use admittance::token::Keyring;

use super::federation::Oidc;
use super::mail::{DEFAULT_FROM, mailer};
use super::store::Database;

/// How many people `RATE_LIMITS=school` lets register at the same time from one address.
const SCHOOL: u32 = 300;

pub(crate) struct Settings {
    pub(crate) addr: String,
    pub(crate) metrics_addr: Option<String>,
    secret: SecretBytes,
    pub(crate) database: Database,
    pub(crate) database_wait: Duration,
    trusted_proxies: TrustedProxies,
    allowed_origins: AllowedOrigins,
    own_origins: AllowedOrigins,
    limits: LimitPolicy,
    registration: RegistrationMode,
    base_url: String,
    smtp_url: Option<String>,
    mail_from: String,
    admin: Option<String>,
    audit: bool,
    oidc: Option<Oidc>,
}

impl Settings {
    pub(crate) fn from_env() -> Result<Self, Box<dyn Error>> {
        let database = database()?;
        all_built_in(&database)?;
        let limits = match variable("RATE_LIMITS")?.as_deref() {
            None | Some("on") => LimitPolicy::default(),
            Some("school") => LimitPolicy::class_of(SCHOOL),
            Some("off") => {
                tracing::warn!("RATE_LIMITS=off: nothing stops guessing, measure only");
                LimitPolicy::off()
            }
            Some(_) => return Err("RATE_LIMITS is none of `on`, `school` and `off`".into()),
        };
        let registration = match variable("REGISTRATION")?.as_deref() {
            None | Some("open-session") => RegistrationMode::OpenSession,
            Some("verify-first") => RegistrationMode::VerifyFirst,
            Some(_) => {
                return Err("REGISTRATION is neither `open-session` nor `verify-first`".into());
            }
        };
        let audit = match variable("AUDIT")?.as_deref() {
            None | Some("on") => true,
            Some("off") => false,
            Some(_) => return Err("AUDIT is neither `on` nor `off`".into()),
        };
        let addr = variable("ADDR")?.unwrap_or_else(|| "127.0.0.1:3000".to_owned());
        let base_url = variable("BASE_URL")?;
        let is_open = addr
            .parse::<SocketAddr>()
            .is_ok_and(|addr| addr.ip().is_unspecified());
        if is_open && base_url.is_none() {
            return Err(format!(
                "ADDR={addr} accepts connections from other machines, so BASE_URL must say how \
                 they reach this one, as in BASE_URL=https://accounts.example.org"
            )
            .into());
        }
        let base_url = base_url.unwrap_or_else(|| format!("http://{addr}"));
        let own_origins = AllowedOrigins::of_url(&base_url);
        Ok(Self {
            own_origins: own_origins
                .map_err(|_| format!("BASE_URL={base_url} is not a URL with http or https"))?,
            oidc: Oidc::from_env(&base_url)?,
            base_url,
            metrics_addr: variable("METRICS_ADDR")?,
            smtp_url: variable("SMTP_URL")?,
            mail_from: variable("MAIL_FROM")?.unwrap_or_else(|| DEFAULT_FROM.to_owned()),
            admin: variable("ADMIN")?,
            audit,
            registration,
            addr,
            secret: secret(variable("AUTH_SECRET")?)?,
            database,
            database_wait: database_wait(variable("DATABASE_WAIT")?)?,
            trusted_proxies: parsed("TRUSTED_PROXIES")?,
            allowed_origins: parsed("ALLOWED_ORIGINS")?,
            limits,
        })
    }

    pub(crate) fn service(
        &self,
        store: Arc<dyn Store>,
    ) -> Result<AuthService<Arc<dyn Store>>, Box<dyn Error>> {
        let mut config = AuthConfig::new("Exam simulator");
        config.limits = self.limits.clone();
        config.registration = self.registration;
        config.roles = RolePolicy::new()
            .grant(Role::new("student")?, [Permission::new("exam:take")?])
            .grant(Role::new("examiner")?, [Permission::new("exam:grade")?])
            .grant(Role::new("admin")?, [Permission::new("exam:grade")?])
            .administrator(Role::new("admin")?)
            .initial_role(Role::new("student")?);
        let mailer = mailer(self.smtp_url.as_deref(), &self.mail_from)?;
        let mut builder = AuthService::builder(Arc::clone(&store));
        if self.audit {
            builder = builder.audit_log(store, AuditPolicy::default());
        }
        if let Some(oidc) = &self.oidc {
            builder = oidc.add(builder)?;
        }
        let service = builder
            .config(config)
            .keyring(Keyring::from_secret(self.secret.clone())?)
            .mail(mailer, self.mail())
            .build()?;
        Ok(service)
    }

    fn mail(&self) -> MailConfig {
        let mut config = MailConfig::new(&self.base_url);
        // For trying things out on another machine; a real server has https.
        config.allow_http = true;
        if self.base_url.starts_with("http:") {
            tracing::warn!(
                base_url = self.base_url,
                "links in mails are not https: for trying out only"
            );
        }
        config
    }

    /// Who is to be an administrator, and by which role.
    pub(crate) fn admin(&self) -> Result<Option<(Email, Role)>, Box<dyn Error>> {
        let Some(admin) = &self.admin else {
            return Ok(None);
        };
        let email = Email::parse(admin).map_err(|error| format!("ADMIN: {error}"))?;
        Ok(Some((email, Role::new("admin")?)))
    }

    /// Where mail goes, in words.
    pub(crate) fn mail_goes(&self) -> &'static str {
        match &self.smtp_url {
            None => "printed here",
            Some(_) => "sent over SMTP",
        }
    }

    pub(crate) fn http(&self) -> HttpConfig {
        let mut config = HttpConfig::default();
        config.trusted_proxies = self.trusted_proxies.clone();
        config.admin = self.admin.is_some();
        config.allowed_origins = self.allowed_origins.clone();
        config.own_origins = self.own_origins.clone();
        config.cookies = Some(match self.base_url.starts_with("https:") {
            true => CookieConfig::new(),
            false => CookieConfig::insecure_for_localhost(),
        });
        config.openapi = true;
        config
    }
}

/// A variable that is set to something; an empty one counts as unset.
pub(super) fn variable(name: &str) -> Result<Option<String>, Box<dyn Error>> {
    match env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(format!("{name} is not UTF-8").into()),
    }
}

/// A variable that is a list, empty if it is unset.
fn parsed<T: FromStr<Err: Error>>(name: &str) -> Result<T, Box<dyn Error>> {
    let text = variable(name)?.unwrap_or_default();
    text.parse()
        .map_err(|error| format!("{name}: {error}").into())
}

/// The database of `DATABASE_URL`, or of `MONGODB_URI`.
fn database() -> Result<Database, Box<dyn Error>> {
    match (variable("DATABASE_URL")?, variable("MONGODB_URI")?) {
        (Some(_), Some(_)) => Err("DATABASE_URL and MONGODB_URI are both set".into()),
        (url, None) => Database::of(url),
        (None, Some(uri)) => Ok(Database::MongoDb(uri)),
    }
}

/// For how long a database is waited for that is not up yet: a minute, unless it is said.
fn database_wait(seconds: Option<String>) -> Result<Duration, Box<dyn Error>> {
    let Some(seconds) = seconds else {
        return Ok(Duration::from_secs(60));
    };
    let seconds = seconds
        .parse()
        .map_err(|_| "DATABASE_WAIT is not a number of seconds")?;
    Ok(Duration::from_secs(seconds))
}

fn secret(text: Option<String>) -> Result<SecretBytes, Box<dyn Error>> {
    let Some(text) = text else {
        tracing::warn!(
            "AUTH_SECRET is not set: a random one is used, sessions end with the server"
        );
        let mut secret = [0; 32];
        OsRandom.fill(&mut secret)?;
        return Ok(SecretBytes::new(secret));
    };
    SecretBytes::from_base64(&text).map_err(|error| format!("AUTH_SECRET: {error}").into())
}

/// The variables that require a feature, and whether it is built in.
const BY_FEATURE: [(&str, &str, bool); 3] = [
    (
        "SMTP_URL",
        "smtp",
        cfg!(any(feature = "smtp", feature = "smtp-aws-lc-rs")),
    ),
    (
        "METRICS_ADDR",
        "example-metrics",
        cfg!(feature = "example-metrics"),
    ),
    (
        "OIDC_ISSUER",
        "http-client",
        cfg!(any(
            feature = "http-client",
            feature = "http-client-aws-lc-rs"
        )),
    ),
];

/// Returns an error with the command to type if a variable requires a missing feature.
fn all_built_in(database: &Database) -> Result<(), Box<dyn Error>> {
    let (mut variables, mut features) = (Vec::new(), Vec::new());
    let (feature, is_built_in) = database.feature();
    if !matches!(database, Database::Memory) {
        let variable = match variable("MONGODB_URI")? {
            Some(_) => "MONGODB_URI",
            None => "DATABASE_URL",
        };
        features.push(feature);
        variables.extend((!is_built_in).then_some(variable));
    }
    for (name, feature, is_built_in) in BY_FEATURE {
        if variable(name)?.is_some() {
            features.push(feature);
            variables.extend((!is_built_in).then_some(name));
        }
    }
    if variables.is_empty() {
        return Ok(());
    }
    let (variables, features) = (variables.join(" and "), features.join(","));
    let example = env!("CARGO_BIN_NAME");
    Err(format!(
        "{variables}: what this needs is not built in. Start it by \
         cargo run --example {example} --features {features}"
    )
    .into())
}
