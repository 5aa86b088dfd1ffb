//! The table of the stores' methods. Macros generate from it what is the same for each
//! method: the implementations for `Arc`, the session cache, `MeteredStore`, the mocks and
//! the tests' faulty store.

/// Hands the table to another macro.
///
/// A row has the arguments, the return type, and what the method may change. Each argument
/// has its type and how a macro can own it: `own` by value, `of` by cloning the referent,
/// `all` by copying the slice. The last column is what the session cache must forget: a
/// `user` with all sessions, one `session`, or `nothing`.
#[doc(hidden)]
#[macro_export]
macro_rules! __store_methods {
    ($then:ident) => {
        $then! {
            UserStore {
                insert_user(user: [&User] of) -> [InsertUser], user(user.id);
                user(id: [UserId] own) -> [Option<User>], nothing();
                user_by_email(email: [&CanonicalEmail] of) -> [Option<User>], nothing();
                user_by_identity(key: [&IdentityKey] of) -> [Option<User>], nothing();
                change_user(id: [UserId] own, change: [&UserChange] of) -> [Option<User>], user(id);
                update_user(id: [UserId] own, change: [&UserChange] of) -> [bool], user(id);
                record_login(id: [UserId] own, epoch: [u64] own, new_device: [Option<DeviceDigest>] own, used: [Option<IdentityUse>] own, now: [Timestamp] own) -> [bool], user(id);
                replace_password(id: [UserId] own, expected: [&PasswordHash] of, new: [&PasswordHash] of, epoch: [EpochChange] own) -> [bool], user(id);
                update_profile(id: [UserId] own, version: [u64] own, change: [&ProfileChange] of) -> [Option<User>], user(id);
                verify_email(account: [&AccountState] of) -> [bool], user(account.id);
                change_email(account: [&AccountState] of, to: [&Email] of) -> [EmailChange], user(account.id);
                reset_password(account: [&AccountState] of, new: [&PasswordHash] of, device: [DeviceDigest] own, change: [&ProfileChange] of) -> [bool], user(account.id);
                remove_user(account: [&AccountState] of, which: [Removal] own) -> [bool], user(account.id);
                set_status(id: [UserId] own, version: [u64] own, status: [UserStatus] own) -> [Option<User>], user(id);
                change_roles(id: [UserId] own, version: [u64] own, change: [&RoleChange] of) -> [Option<User>], user(id);
                link_identity(id: [UserId] own, version: [u64] own, identity: [&Identity] of) -> [IdentityLink], user(id);
                unlink_identity(id: [UserId] own, version: [u64] own, identity: [IdentityId] own) -> [Option<User>], user(id);
                users(after: [Option<UserId>] own, limit: [usize] own) -> [Vec<User>], nothing();
                has_other(role: [&Role] of, except: [UserId] own) -> [bool], nothing();
            }
            SessionStore {
                insert_session(session: [&Session] of) -> [Insert], user(session.user_id);
                session(id: [SessionId] own, now: [Timestamp] own) -> [Option<Session>], nothing();
                sessions_of(user: [UserId] own, after: [Option<SessionId>] own, limit: [usize] own, now: [Timestamp] own) -> [Vec<Session>], nothing();
                rotate(id: [SessionId] own, presented: [u64] own, policy: [RotationPolicy] own, now: [Timestamp] own) -> [Rotation], session(id);
                end_session(user: [UserId] own, id: [SessionId] own) -> [bool], user(user);
                end_sessions(user: [UserId] own, ids: [&[SessionId]] all) -> [u64], user(user);
                end_dead_sessions(user: [UserId] own, epoch: [u64] own) -> [u64], user(user);
                end_oldest_sessions(user: [UserId] own, epoch: [u64] own, keep: [u32] own, now: [Timestamp] own) -> [u64], user(user);
            }
            TokenStore {
                insert_token(token: [&OneTimeToken] of) -> [Insert], nothing();
                token(digest: [TokenDigest] own, purpose: [TokenPurpose] own, now: [Timestamp] own) -> [Option<OneTimeToken>], nothing();
                take_token(digest: [TokenDigest] own, purpose: [TokenPurpose] own, now: [Timestamp] own) -> [Option<OneTimeToken>], nothing();
                tokens_of(user: [UserId] own, now: [Timestamp] own) -> [Vec<OneTimeToken>], nothing();
                remove_tokens(user: [UserId] own, purpose: [Option<TokenPurpose>] own, made_until: [Timestamp] own) -> [u64], nothing();
            }
            LimitStore {
                hit_all(hits: [&[Hit]] all, now: [Timestamp] own) -> [Decision], nothing();
                give_back(hits: [&[Hit]] all) -> [()], nothing();
                attempt(key: [LimitKey] own, policy: [&LockoutPolicy] of, now: [Timestamp] own) -> [Attempt], nothing();
                forgive(key: [LimitKey] own, until: [Timestamp] own) -> [()], nothing();
            }
            AuditStore {
                append_event(record: [&AuditRecord] of, keep: [usize] own) -> [Insert], nothing();
                events_of(user: [UserId] own, before: [Option<EventId>] own, limit: [usize] own, now: [Timestamp] own) -> [Vec<AuditRecord>], nothing();
                remove_events(user: [UserId] own) -> [u64], nothing();
            }
        }
    };
}

use std::sync::Arc;

use super::*;

// `Arc<T>` is a store when `T` is.
macro_rules! shared {
    ($($trait:ident { $($method:ident($($name:ident: [$($type:tt)*] $kind:ident),*) -> [$($answer:tt)*], $touches:ident($($what:expr)?);)* })*) => {$(
        #[async_trait]
        impl<T: $trait + ?Sized> $trait for Arc<T> {$(
            async fn $method(&self, $($name: $($type)*),*) -> Result<$($answer)*, StoreError> {
                (**self).$method($($name),*).await
            }
        )*}
    )*};
}

crate::__store_methods!(shared);
