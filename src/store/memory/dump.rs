//! All that is stored, for tests that look for what must not be.

use super::MemoryStore;
use crate::audit::AuditRecord;
use crate::error::ErrorCode;
use crate::mail::MailKind;
use crate::session::Session;
use crate::token::{OneTimeToken, PendingRegistration};
use crate::user::{AccountState, PasswordHash, User};

impl MemoryStore {
    /// Everything that is stored, one text for each entry, with every field in
    /// the open, password hashes included: what a thief of the store would
    /// read. Bytes are in hex. For tests only.
    #[must_use]
    pub fn dump(&self) -> Vec<String> {
        let mut all: Vec<String> = self.read_users().all().map(user).collect();
        all.extend(self.read_sessions().all().map(session));
        all.extend(self.tokens().all().map(token));
        all.extend(self.registrations().all().map(token));
        all.extend(self.flows().all().map(token));
        let limits = self.limits();
        all.extend(
            limits
                .all()
                .map(|(key, usage)| format!("limit {} {usage:?}", hex(&key.to_bytes()))),
        );
        let attempts = self.attempts();
        all.extend(
            attempts
                .all()
                .map(|(key, kept)| format!("attempts {} {kept:?}", hex(&key.to_bytes()))),
        );
        all.extend(self.events().all().map(event));
        all
    }
}

// Each is taken apart, so that a new field cannot be forgotten here.

fn user(user: &User) -> String {
    let User {
        id,
        email,
        name,
        password_hash,
        created_at,
        last_login,
        is_verified,
        roles,
        preferences,
        metadata,
        pending_hook,
        status,
        auth_epoch,
        link_epoch,
        version,
        devices,
        identities,
    } = user;
    let devices: Vec<String> = devices
        .iter()
        .map(|device| hex(&device.to_bytes()))
        .collect();
    format!(
        "user {id} {} {} {} {} {created_at} {last_login:?} {is_verified} {roles:?} {:?} {:?} {:?} {status:?} \
         {auth_epoch} {link_epoch} {version} {devices:?} {identities:?}",
        email.as_str(),
        email.canonical().as_str(),
        name.as_str(),
        password_hash
            .as_ref()
            .map_or("-", PasswordHash::expose_secret),
        preferences.as_map(),
        metadata.as_map(),
        pending_hook.as_ref().map(|hook| (hook.kind, &hook.data)),
    )
}

fn session(session: &Session) -> String {
    let Session {
        id,
        user_id,
        auth_epoch,
        created_at,
        proofs,
        last_seen_at,
        expires_at,
        absolute_expires_at,
        refresh_counter,
        ip,
        user_agent,
        length,
    } = session;
    format!(
        "session {id} {user_id} {auth_epoch} {created_at} {proofs:?} {last_seen_at} {expires_at} \
         {absolute_expires_at} {refresh_counter} {length:?} {ip:?} {}",
        user_agent.as_deref().unwrap_or_default()
    )
}

fn token(token: &OneTimeToken) -> String {
    let OneTimeToken {
        digest,
        purpose,
        account,
        email,
        registration,
        sign_in,
        federation,
        created_at,
        expires_at,
    } = token;
    let AccountState {
        id,
        email: account_email,
        auth_epoch,
        link_epoch,
        version,
    } = account;
    let pending = registration.as_ref().map(|pending| {
        let PendingRegistration {
            user_id,
            name,
            password_hash,
            extra,
        } = pending;
        let (hash, extra) = (password_hash.expose_secret(), extra.as_map());
        format!("{user_id} {} {hash} {extra:?}", name.as_str())
    });
    format!(
        "token {} {} {id} {} {auth_epoch:?} {link_epoch} {version:?} {} {} {created_at} {expires_at} {sign_in:?} {federation:?} {}",
        hex(&digest.to_bytes()),
        purpose.as_str(),
        account_email.as_str(),
        email.as_str(),
        email.canonical().as_str(),
        pending.unwrap_or_default(),
    )
}

fn event(record: &AuditRecord) -> String {
    let AuditRecord {
        id,
        last_id,
        count,
        user_id,
        class,
        at,
        operation,
        refused,
        notices,
        actor_id,
        session_id,
        mail,
        ip,
        user_agent,
        expires_at,
    } = record;
    let refused = refused.map(ErrorCode::as_str);
    let mail = mail.map(MailKind::as_str);
    format!(
        "event {id} {last_id} {count} {user_id} {class:?} {at} {operation} {refused:?} {notices} {actor_id:?} \
         {session_id:?} {mail:?} {ip:?} {} {expires_at}",
        user_agent.as_deref().unwrap_or_default()
    )
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
