//! Which user an act is for, and what it makes of the user.

use admittance::email::{CanonicalEmail, Email};
use admittance::id::UserId;
use admittance::identity::Identities;
use admittance::preferences::{Metadata, Preferences};
use admittance::time::Timestamp;
use admittance::user::{AccountState, DeviceDigest, DisplayName, MAX_DEVICES, User, UserStatus};

use super::Fault::{self, *};
use super::values::cut_name;
use super::{Tables, WrongStore};

impl WrongStore {
    fn email(&self, email: &CanonicalEmail) -> CanonicalEmail {
        if self.has(FoldsEmails) {
            let folded = email.as_str().to_uppercase().to_lowercase();
            return CanonicalEmail::from_store(folded);
        }
        email.clone()
    }

    pub(super) fn key_of(&self, user: &User) -> CanonicalEmail {
        if self.has(ComparesEmailsAsGiven) {
            return CanonicalEmail::from_store(user.email.as_str().to_owned());
        }
        self.email(user.email.canonical())
    }

    pub(super) fn same_email(&self, user: &User, email: &CanonicalEmail) -> bool {
        let pattern = self.has(ReadsEmailAsPattern) && email.as_str().contains(".*");
        if self.has(ComparesBeginOfAddresses) {
            let begin = |text: &str| text.chars().take(191).collect::<String>();
            return begin(user.email.canonical().as_str()) == begin(email.as_str());
        }
        pattern || self.key_of(user) == self.email(email)
    }

    pub(super) fn kept_user(&self, user: &User) -> User {
        let mut user = user.clone();
        user.auth_epoch = self.counter(user.auth_epoch);
        user.version = self.counter(user.version);
        user.created_at = self.time(user.created_at);
        if self.has(DropsPreferences) {
            user.preferences = Preferences::default();
        }
        if self.has(DropsMetadata) {
            user.metadata = Metadata::default();
        }
        if self.has(DropsPendingHook) {
            user.pending_hook = None;
        }
        if self.has(DropsDevices) {
            user.devices.clear();
        }
        if self.has(DropsIdentities) {
            user.identities = Identities::default();
        }
        if self.has(FoldsEmails) {
            let folded = self.email(user.email.canonical()).as_str().to_owned();
            user.email = Email::from_store(user.email.as_str().to_owned(), folded);
        }
        user
    }

    /// The user whom an act for this state is done on.
    pub(super) fn in_state<'a>(
        &self,
        tables: &'a Tables,
        account: &AccountState,
    ) -> Option<&'a User> {
        tables.users.values().find(|user| {
            (user.id == account.id || self.has(IgnoresAccountId))
                && (*user.email.canonical() == account.email || self.has(IgnoresAccountEmail))
                && (self.has(IgnoresAccountEpoch)
                    || account
                        .auth_epoch
                        .map_or(!self.has(WantsAnEpoch), |epoch| epoch == user.auth_epoch))
                && (user.link_epoch == account.link_epoch || self.has(IgnoresLinkEpoch))
                && (self.has(IgnoresAccountVersion)
                    || account
                        .version
                        .is_none_or(|version| version == user.version))
                && (user.status == UserStatus::Active || self.has(IgnoresAccountStatus))
        })
    }

    /// The user whom a change of this version is made on.
    pub(super) fn in_version(
        &self,
        tables: &Tables,
        id: UserId,
        version: u64,
        ignores: Fault,
    ) -> Option<User> {
        let missing = self.has(MakesMissingUsers).then(|| nobody(id));
        let user = tables.users.get(&id).cloned().or(missing)?;
        (user.version == version || self.has(ignores)).then_some(user)
    }

    /// What is answered of a change.
    pub(super) fn answer(&self, before: User, mut after: User) -> User {
        match self.fault {
            AnswersUserOfBefore => before,
            AnswersCutNames => {
                cut_name(&mut after.name);
                after
            }
            _ => after,
        }
    }

    pub(super) fn add_device(&self, devices: &mut Vec<DeviceDigest>, new: Option<DeviceDigest>) {
        let is_known = new.is_some_and(|new| devices.contains(&new));
        let is_left_out =
            self.has(ForgetsNewDevice) || (self.has(AddsKnownDevicesOnce) && is_known);
        let Some(new) = new.filter(|_| !is_left_out) else {
            return;
        };
        if self.has(AddsDeviceFirst) {
            devices.insert(0, new);
        } else {
            devices.push(new);
        }
        let beyond = devices.len().saturating_sub(MAX_DEVICES);
        match self.fault {
            KeepsAllDevices => {}
            DropsNewestDevice => devices.truncate(MAX_DEVICES),
            _ => drop(devices.drain(..beyond)),
        }
    }
}

fn nobody(id: UserId) -> User {
    User {
        id,
        email: Email::from_store(String::new(), String::new()),
        name: DisplayName::from_store(String::new()),
        password_hash: None,
        created_at: Timestamp::MIN,
        last_login: None,
        is_verified: false,
        roles: Default::default(),
        preferences: Preferences::default(),
        metadata: Metadata::default(),
        pending_hook: None,
        status: UserStatus::Active,
        auth_epoch: 0,
        link_epoch: 0,
        version: 0,
        devices: Vec::new(),
        identities: Identities::default(),
    }
}
