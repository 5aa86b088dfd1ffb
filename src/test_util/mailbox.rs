//! A mailer that keeps what it is given.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::mail::{Mail, MailError, MailKind, Mailer};
use crate::secret::MailToken;

/// Keeps every mail instead of sending it. Clones share what they keep.
///
/// Mail is sent in the background: wait for it with
/// [`AuthService::flush_mail`](crate::AuthService::flush_mail).
#[derive(Clone, Debug, Default)]
pub struct Mailbox(Arc<Mutex<Vec<Mail>>>);

impl Mailbox {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes out all mails, the oldest first.
    #[must_use]
    pub fn take(&self) -> Vec<Mail> {
        std::mem::take(&mut *self.mails())
    }

    /// Takes out the newest mail of `kind`, if there is one.
    #[must_use]
    pub fn take_last(&self, kind: MailKind) -> Option<Mail> {
        let mut mails = self.mails();
        let place = mails.iter().rposition(|mail| mail.kind == kind)?;
        Some(mails.remove(place))
    }

    /// The token of the first link in `mail` that has one: what a page would
    /// take from the fragment and POST.
    #[must_use]
    pub fn token(mail: &Mail) -> Option<MailToken> {
        let (_, rest) = mail.text.split_once("#token=")?;
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
        let token: String = rest.chars().take_while(|letter| is_part(*letter)).collect();
        Some(MailToken::new(token))
    }

    fn mails(&self) -> MutexGuard<'_, Vec<Mail>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Mailer for Mailbox {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        self.mails().push(mail.clone());
        Ok(())
    }
}
