//! A hash that takes as long as a test wants.

use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use admittance::config::AuthConfig;
use admittance::email::Email;
use admittance::id::UserId;
use admittance::password::{ForeignScheme, NormalizedPassword};
use admittance::store::{InsertUser, Store};
use admittance::user::{PasswordHash, User, UserStatus};

/// A scheme whose verification waits until the test lets it through, and then
/// finds every password wrong.
pub struct Gate {
    entered: Mutex<Sender<()>>,
    opened: Mutex<Receiver<()>>,
}

impl Gate {
    /// The scheme, a receiver of each verification that begins, and a sender that
    /// lets one of them through.
    pub fn new() -> (Self, Receiver<()>, Sender<()>) {
        let ((entered, enters), (open, opened)) = (channel(), channel());
        let gate = Self {
            entered: Mutex::new(entered),
            opened: Mutex::new(opened),
        };
        (gate, enters, open)
    }

    /// Makes `config` verify with the gate, on one thread and without a deadline: a
    /// verification at the gate then keeps all others waiting.
    pub fn block(self, config: &mut AuthConfig) {
        config.hashing.threads = NonZeroUsize::new(1);
        config.hashing.queue_deadline = Duration::from_secs(3600);
        config.hashing.run_deadline = Duration::from_secs(3600);
        config.hashing.foreign = Some(Arc::new(self));
    }

    /// Stores a user with the address `email` whose hash is one of the gate's. Apart
    /// from that the user is like the one with the address `template`.
    pub async fn plant(store: &impl Store, template: &str, email: &str) {
        let template = Email::parse(template).unwrap();
        let template = store.user_by_email(template.canonical()).await;
        let user = User {
            id: UserId::from_bytes([9; 12]),
            email: Email::parse(email).unwrap(),
            password_hash: Some(PasswordHash::new("gate")),
            status: UserStatus::Active,
            roles: std::collections::BTreeSet::new(),
            ..template.unwrap().unwrap()
        };
        let planted = store.insert_user(&user).await.unwrap();
        assert_eq!(planted, InsertUser::Inserted);
    }
}

impl ForeignScheme for Gate {
    fn verify(&self, _: &NormalizedPassword, stored: &PasswordHash) -> Option<bool> {
        if stored.expose_secret() != "gate" {
            return None;
        }
        self.entered.lock().unwrap().send(()).unwrap();
        // The sender is dropped when the test has failed.
        self.opened.lock().unwrap().recv().ok();
        Some(false)
    }
}
