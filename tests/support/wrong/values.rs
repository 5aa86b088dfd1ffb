//! The values that it does not keep whole.

use std::collections::BTreeSet;

use admittance::audit::{AuditClass, AuditRecord};
use admittance::authz::Role;
use admittance::email::Email;
use admittance::error::ErrorCode;
use admittance::event::Operation;
use admittance::identity::Identity;
use admittance::mail::MailKind;
use admittance::preferences::Preferences;
use admittance::proof::{Method, MethodName, Proof, Proofs};
use admittance::session::Session;
use admittance::time::Timestamp;
use admittance::token::{OneTimeToken, TokenPurpose};
use admittance::user::{DeviceDigest, DisplayName, PasswordHash, User, UserStatus};
use serde_json::Value;

use super::Fault::*;
use super::identities::cut_subject;
use super::{Tables, WrongStore};

/// The first `length` characters.
pub(super) fn cut(text: &mut String, length: usize) {
    if let Some((end, _)) = text.char_indices().nth(length) {
        text.truncate(end);
    }
}

pub(super) fn cut_hash(hash: &mut PasswordHash) {
    let mut text = hash.expose_secret().to_owned();
    cut(&mut text, 60);
    *hash = PasswordHash::new(text);
}

pub(super) fn cut_name(name: &mut DisplayName) {
    let mut text = name.as_str().to_owned();
    while text.len() > 64 {
        text.pop();
    }
    *name = DisplayName::from_store(text);
}

pub(super) fn cut_email(email: &mut Email) {
    let mut given = email.as_str().to_owned();
    let mut canonical = email.canonical().as_str().to_owned();
    cut(&mut given, 191);
    cut(&mut canonical, 191);
    *email = Email::from_store(given, canonical);
}

pub(super) fn cut_roles(roles: &mut BTreeSet<Role>) {
    let names = roles.iter().map(|role| role.as_str());
    let names = names.map(|name| name.chars().take(32).collect::<String>());
    *roles = names.filter_map(|name| Role::new(&name).ok()).collect();
}

pub(super) fn drop_large(preferences: &mut Preferences) {
    let text = serde_json::to_string(preferences).unwrap_or_default();
    if text.len() > 8 * 1024 {
        *preferences = Preferences::default();
    }
}

/// Without what is nested more than `levels` deep.
fn shallow(value: &mut Value, levels: usize) {
    match value {
        Value::Array(_) | Value::Object(_) if levels == 0 => *value = Value::Null,
        Value::Array(items) => items.iter_mut().for_each(|item| shallow(item, levels - 1)),
        Value::Object(object) => object
            .values_mut()
            .for_each(|value| shallow(value, levels - 1)),
        _ => {}
    }
}

impl WrongStore {
    /// Makes of all rows what it keeps of them.
    pub(super) fn spoil(&self, tables: &mut Tables) {
        for user in tables.users.values_mut() {
            self.spoil_user(user);
        }
        for session in tables.sessions.values_mut() {
            self.spoil_session(session);
        }
        for token in tables.tokens.values_mut() {
            self.spoil_token(token);
        }
        for event in tables.events.values_mut() {
            self.spoil_event(event);
        }
    }

    fn spoil_counter(&self, counter: &mut u64) {
        match self.fault {
            KeepsCountersIn32Bits => *counter = (*counter).min(u32::MAX.into()),
            KeepsCountersIn62Bits => *counter = (*counter).min((1 << 62) - 1),
            _ => {}
        }
    }

    fn spoil_time(&self, time: &mut Timestamp) {
        match self.fault {
            ForgetsTimesBefore1970 => *time = (*time).max(Timestamp::from_millis(0)),
            EndsTimesIn2106 => *time = (*time).min(Timestamp::from_secs(u32::MAX.into())),
            _ => {}
        }
    }

    fn spoil_user(&self, user: &mut User) {
        for counter in [
            &mut user.auth_epoch,
            &mut user.link_epoch,
            &mut user.version,
        ] {
            self.spoil_counter(counter);
        }
        self.spoil_time(&mut user.created_at);
        if let Some(time) = &mut user.last_login {
            self.spoil_time(time);
        }
        match (self.fault, &mut user.password_hash) {
            (CutsHashesAt60, Some(hash)) => cut_hash(hash),
            (LowercasesHashes, Some(hash)) => {
                *hash = PasswordHash::new(hash.expose_secret().to_lowercase());
            }
            (CutsNamesAt64Bytes, _) => cut_name(&mut user.name),
            (CutsAddressesAt191, _) => cut_email(&mut user.email),
            (CutsRolesAt32, _) => cut_roles(&mut user.roles),
            (KeepsHundredRoles, _) => {
                user.roles = user.roles.iter().take(100).cloned().collect();
            }
            (KeepsTenDevices, _) => {
                let beyond = user.devices.len().saturating_sub(10);
                user.devices.drain(..beyond);
            }
            (PadsDevices, _) => user.devices.iter_mut().for_each(pad),
            (DropsLargePreferences, _) => drop_large(&mut user.preferences),
            (CutsDeepPreferences, _) => self.change(&mut user.preferences, |value| {
                shallow(value, 20);
            }),
            (CutsLongLists, _) => self.change(&mut user.preferences, |value| {
                if let Value::Array(items) = value {
                    items.truncate(1000);
                }
            }),
            (TakesLatestTimeForNone, _) => {
                user.last_login = user.last_login.filter(|time| *time < Timestamp::MAX);
            }
            (CutsSubjectsAt64, _) => {
                let cut = |one: &Identity| {
                    let mut one = one.clone();
                    cut_subject(&mut one);
                    one
                };
                user.identities = user.identities.iter().map(cut).collect();
            }
            (TakesDisabledForActive, _) => user.status = UserStatus::Active,
            _ => {}
        }
    }

    fn change(&self, preferences: &mut Preferences, change: impl Fn(&mut Value)) {
        let mut object = preferences.as_map().clone();
        object.values_mut().for_each(change);
        *preferences = Preferences::from_store(object);
    }

    fn spoil_session(&self, session: &mut Session) {
        self.spoil_counter(&mut session.auth_epoch);
        self.spoil_counter(&mut session.refresh_counter);
        for time in [
            &mut session.created_at,
            &mut session.last_seen_at,
            &mut session.expires_at,
            &mut session.absolute_expires_at,
        ] {
            self.spoil_time(time);
        }
        self.spoil_proofs(&mut session.proofs);
        if let (CutsUserAgentsAt255, Some(agent)) = (self.fault, &mut session.user_agent) {
            cut(agent, 255);
        }
    }

    fn spoil_proofs(&self, proofs: &mut Proofs) {
        let cut = |proof: Proof| match proof.method {
            Method::SecondFactor(name) if self.has(CutsMethodNames) => {
                let name: String = name.as_str().chars().take(16).collect();
                let name = MethodName::new(&name);
                let method = name.map_or(proof.method, Method::SecondFactor);
                Proof { method, ..proof }
            }
            _ => proof,
        };
        let most = if self.has(KeepsThreeProofs) { 3 } else { 4 };
        *proofs = proofs.iter().take(most).map(cut).collect();
    }

    fn spoil_token(&self, token: &mut OneTimeToken) {
        if let Some(epoch) = &mut token.account.auth_epoch {
            self.spoil_counter(epoch);
        }
        self.spoil_counter(&mut token.account.link_epoch);
        self.spoil_time(&mut token.created_at);
        self.spoil_time(&mut token.expires_at);
        if let Some(pending) = &mut token.sign_in {
            self.spoil_proofs(&mut pending.proofs);
        }
        if self.has(ForgetsNewestPurpose) && token.purpose == TokenPurpose::SignIn {
            token.purpose = TokenPurpose::VerifyEmail;
        }
    }

    fn spoil_event(&self, event: &mut AuditRecord) {
        self.spoil_counter(&mut event.count);
        self.spoil_time(&mut event.at);
        self.spoil_time(&mut event.expires_at);
        match self.fault {
            ForgetsNewestOperation if Some(&event.operation) == Operation::ALL.last() => {
                event.operation = Operation::Login;
            }
            ForgetsNewestErrorCode if event.refused.as_ref() == ErrorCode::ALL.last() => {
                event.refused = None;
            }
            ForgetsNewestMailKind if event.mail.as_ref() == MailKind::ALL.last() => {
                event.mail = None;
            }
            ForgetsNewestClass if Some(&event.class) == AuditClass::ALL.last() => {
                event.class = AuditClass::Done;
            }
            KeepsFirstNotice => event.notices = event.notices.first().into_iter().into(),
            TakesIdsForText => {
                let is_text = |id: &admittance::id::UserId| id.to_bytes().is_ascii();
                event.actor_id = event.actor_id.filter(is_text);
            }
            _ => {}
        }
    }
}

/// Takes trailing zeros for padding, and pads by blanks.
fn pad(device: &mut DeviceDigest) {
    let mut bytes = device.to_bytes();
    for byte in bytes.iter_mut().rev().take_while(|byte| **byte == 0) {
        *byte = b' ';
    }
    *device = DeviceDigest::from_bytes(bytes);
}
