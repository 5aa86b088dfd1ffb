//! Mail over SMTP (RFC 5321).

mod config;
mod error;
mod message;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands;
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Response;

pub use config::{SmtpConfig, SmtpCredentials, SmtpTls};
pub use error::{SmtpError, SmtpReply};

use config::{Sender, mail_address};
use error::Stage;

use super::{Mail, MailError, Mailer};
use crate::clock::{Clock, SystemClock};
use crate::email::Email;
use crate::error::ConfigError;
use crate::random::{OsRandom, SecureRandom};

/// How long the server may take to say goodbye, once it has the mail.
const GOODBYE: Duration = Duration::from_secs(2);

/// Hands mail to a mail server, over one connection for each mail.
///
/// What can pass is [`MailError::Temporary`]: no connection, a timeout, replies
/// of 400 to 499. So is what the operator has to put right, since the mails
/// themselves are good: TLS, credentials, the sender. That is in the log as an
/// error as well. [`MailError::Permanent`] is a reply from 500 on to the
/// mail, [`MailError::Address`] one to the recipient, and an address that the server cannot
/// take. The cause is a [`SmtpError`].
#[derive(Clone)]
pub struct SmtpMailer {
    config: SmtpConfig,
    sender: Sender,
    tls: Option<TlsParameters>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn SecureRandom>,
}

impl fmt::Debug for SmtpMailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpMailer")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl SmtpMailer {
    /// A mailer by `config`. It connects when there is mail.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when a setting cannot be used, or would send mail to
    /// another machine in plain text.
    pub fn new(config: SmtpConfig) -> Result<Self, ConfigError> {
        config.check_timeout()?;
        Ok(Self {
            sender: config.sender()?,
            tls: config.tls_parameters()?,
            config,
            clock: Arc::new(SystemClock),
            random: Arc::new(OsRandom),
        })
    }

    /// Where the date of a mail comes from; the system's clock unless it is set.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Where the ids of mails come from; the system's generator unless it is set.
    #[must_use]
    pub fn random(mut self, random: impl SecureRandom) -> Self {
        self.random = Arc::new(random);
        self
    }

    /// Hands over one mail, and returns the connection that it went over.
    async fn hand_over(&self, mail: &Mail) -> Result<AsyncSmtpConnection, SmtpError> {
        let to = recipient(&mail.to).ok_or(SmtpError::Address)?;
        let (now, random) = (self.clock.now(), &*self.random);
        let message = message::compose(mail, &self.sender, &to, now, random)?;
        let mut connection = self.connect().await?;
        self.transmit(&mut connection, to, &message).await?;
        Ok(connection)
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, SmtpError> {
        let hello = ClientId::Domain(self.sender.address.domain().to_owned());
        let server = (self.config.host.as_str(), self.config.port);
        let implicit = self
            .tls
            .clone()
            .filter(|_| self.config.tls == SmtpTls::Implicit);
        let timeout = Some(self.config.timeout);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(server, timeout, &hello, implicit, None)
                .await
                .map_err(|error| SmtpError::at(Stage::Connect, error))?;
        if let Some(tls) = self.tls.clone().filter(|_| !connection.is_encrypted()) {
            if !connection.can_starttls() {
                return Err(SmtpError::NoStartTls);
            }
            connection
                .starttls(tls, &hello)
                .await
                .map_err(|error| SmtpError::at(Stage::StartTls, error))?;
        }
        if let Some(credentials) = &self.config.credentials {
            let password = credentials.password.expose_secret().to_owned();
            let credentials = Credentials::new(credentials.user.clone(), password);
            let reply = connection.auth(DEFAULT_MECHANISMS, &credentials).await;
            expect(&[235], Stage::Login, reply)?;
        }
        Ok(connection)
    }

    async fn transmit(
        &self,
        connection: &mut AsyncSmtpConnection,
        to: Address,
        message: &[u8],
    ) -> Result<(), SmtpError> {
        let mut parameters = Vec::new();
        let from = &self.sender.address;
        if !message.is_ascii() {
            // Only addresses make it so (RFC 6531 §3.4).
            let server = connection.server_info();
            if !server.supports_feature(Extension::SmtpUtfEight)
                || !server.supports_feature(Extension::EightBitMime)
            {
                return Err(SmtpError::NoSmtpUtf8);
            }
            parameters.push(MailParameter::SmtpUtfEight);
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        let sender = commands::Mail::new(Some(from.clone()), parameters);
        let reply = connection.command(sender).await;
        expect(&[250], Stage::Sender, reply)?;
        let reply = connection
            .command(commands::Rcpt::new(to, Vec::new()))
            .await;
        expect(&[250, 251], Stage::Recipient, reply)?;
        let reply = connection.command(commands::Data).await;
        expect(&[354], Stage::Message, reply)?;
        let reply = connection.message(message).await;
        expect(&[250], Stage::Message, reply)
    }
}

/// Refuses every reply but the one that belongs to what was said. Replies that
/// somebody put in before TLS began shift those that follow, and a mail would
/// count as taken that was not.
fn expect(codes: &[u16], stage: Stage, reply: Result<Response, Error>) -> Result<(), SmtpError> {
    match reply {
        Ok(reply) if codes.iter().any(|code| reply.has_code(*code)) => Ok(()),
        Ok(_) => Err(SmtpError::Protocol),
        Err(error) => Err(SmtpError::at(stage, error)),
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let outcome = tokio::time::timeout(self.config.timeout, self.hand_over(mail)).await;
        match outcome.unwrap_or(Err(SmtpError::TimedOut)) {
            Ok(mut connection) => {
                // The server has the mail, so nothing that happens now fails it.
                let _ = tokio::time::timeout(GOODBYE, connection.quit()).await;
                Ok(())
            }
            Err(error) => {
                if error.is_the_operators() {
                    let error: &dyn std::error::Error = &error;
                    tracing::error!(error, "no mail can be sent until this is put right");
                }
                Err(error.into())
            }
        }
    }
}

/// The address as it was given, its domain in ASCII.
fn recipient(email: &Email) -> Option<Address> {
    let (local, domain) = email.as_str().rsplit_once('@')?;
    mail_address(local, domain)
}
