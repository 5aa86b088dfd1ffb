//! Mails as text, which an example prints or a service in this process sends.

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use admittance::mail::{Mail, MailError, Mailer};
use async_trait::async_trait;

/// Long enough for any machine: a test waits for it only when it fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A mail.
#[derive(Clone, Debug, Default)]
pub struct Printed {
    pub to: String,
    pub subject: String,
    pub text: String,
}

/// Mails that nobody took yet, the oldest first. Clones share them.
#[derive(Clone, Default)]
pub struct Mails(Arc<(Mutex<Vec<Printed>>, Condvar)>);

impl Mails {
    pub fn push(&self, mail: Printed) {
        let (mails, came) = &*self.0;
        mails.lock().unwrap().push(mail);
        came.notify_all();
    }

    /// Takes the oldest mail to `to` whose subject begins with `subject`, and
    /// waits for it if need be.
    pub fn take(&self, to: &str, subject: &str) -> Printed {
        let begin = Instant::now();
        let (mails, came) = &*self.0;
        let mut mails = mails.lock().unwrap();
        loop {
            let is_it = |mail: &Printed| mail.to == to && mail.subject.starts_with(subject);
            if let Some(index) = mails.iter().position(is_it) {
                return mails.remove(index);
            }
            assert!(
                begin.elapsed() < PATIENCE,
                "no mail to {to} about {subject:?} was sent"
            );
            mails = came.wait_timeout(mails, PATIENCE).unwrap().0;
        }
    }

    /// Mails to `to` that nobody took.
    pub fn left(&self, to: &str) -> Vec<Printed> {
        let mails = self.0.0.lock().unwrap();
        mails.iter().filter(|mail| mail.to == to).cloned().collect()
    }
}

#[async_trait]
impl Mailer for Mails {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        self.push(Printed {
            to: mail.to.as_str().to_owned(),
            subject: mail.subject.clone(),
            text: mail.text.clone(),
        });
        Ok(())
    }
}

impl Printed {
    /// The token of the link to `page`, which is in the mail once.
    pub fn token(&self, page: &str) -> String {
        let begin = format!("{page}#token=");
        let mut links = self.text.split(&begin).skip(1);
        let (Some(link), None) = (links.next(), links.next()) else {
            panic!("not one link to {page} in {self:?}");
        };
        link.split_whitespace().next().unwrap().to_owned()
    }
}
