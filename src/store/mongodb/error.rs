//! From the driver's errors to [`StoreError`].

use std::io;

use ::mongodb::error::{Error, ErrorKind, InsertManyError, RETRYABLE_WRITE_ERROR, WriteFailure};

use crate::store::StoreError;
use crate::store::client::Fault;

const DUPLICATE_KEY: i32 = 11_000;
/// `MaxTimeMSExpired`, `WriteConcernFailed` (after `wtimeout`), `ExceededTimeLimit`.
const TIMED_OUT: [i32; 3] = [50, 64, 262];
/// No primary, a primary that steps down or shuts down, or a network error
/// between servers; from the driver specifications "Server Discovery and
/// Monitoring" and "Retryable Reads".
const UNAVAILABLE: [i32; 12] = [
    6, 7, 89, 91, 134, 189, 9001, 10_058, 10_107, 11_600, 11_602, 13_435,
];
/// `NotPrimaryOrSecondary`, of the same list.
const RECOVERING: i32 = 13_436;

/// `OutOfDiskSpace`.
const FULL: i32 = 14_031;

/// The error of a failed act.
pub(super) fn store_error(error: Error) -> StoreError {
    let (what, reported) = reported(&error);
    let code = reported.as_ref().map(|(code, _)| *code);
    let fault = match reported {
        Some((code, name)) => Fault::new(what).with_code(format!("{code} {name}")),
        None => Fault::new(what),
    };
    match (&*error.kind, code) {
        (ErrorKind::Io(cause), _) if cause.kind() == io::ErrorKind::TimedOut => StoreError::Timeout,
        (_, Some(FULL)) => StoreError::Full,
        (_, Some(code)) if TIMED_OUT.contains(&code) => StoreError::Timeout,
        (_, Some(code)) if code == RECOVERING || UNAVAILABLE.contains(&code) => fault.unavailable(),
        (
            ErrorKind::Io(_)
            | ErrorKind::ServerSelection { .. }
            | ErrorKind::ConnectionPoolCleared { .. }
            | ErrorKind::DnsResolve { .. }
            | ErrorKind::Authentication { .. }
            | ErrorKind::Shutdown
            | ErrorKind::Write(WriteFailure::WriteConcernError(_))
            | ErrorKind::InsertMany(InsertManyError {
                write_concern_error: Some(_),
                ..
            }),
            _,
        ) => fault.unavailable(),
        _ if error.contains_label(RETRYABLE_WRITE_ERROR) => fault.unavailable(),
        _ => fault.other(),
    }
}

/// What the driver reported: what failed, and the server's code and its name.
fn reported(error: &Error) -> (String, Option<(i32, String)>) {
    match &*error.kind {
        ErrorKind::Command(error) => (
            "the command failed".to_owned(),
            Some((error.code, error.code_name.clone())),
        ),
        ErrorKind::Write(WriteFailure::WriteError(error)) => (
            "the write was refused".to_owned(),
            Some((error.code, error.code_name.clone().unwrap_or_default())),
        ),
        ErrorKind::Write(WriteFailure::WriteConcernError(error)) => (
            "the write was not acknowledged by a majority".to_owned(),
            Some((error.code, error.code_name.clone())),
        ),
        ErrorKind::InsertMany(error) => many(error),
        ErrorKind::Io(_)
        | ErrorKind::ServerSelection { .. }
        | ErrorKind::DnsResolve { .. }
        | ErrorKind::Authentication { .. }
        | ErrorKind::InvalidTlsConfig { .. }
        | ErrorKind::IncompatibleServer { .. }
        | ErrorKind::Shutdown => (error.kind.to_string(), None),
        ErrorKind::ConnectionPoolCleared { .. } => (
            "another act on the same connections failed".to_owned(),
            None,
        ),
        ErrorKind::InvalidArgument { .. } => ("an argument was not accepted".to_owned(), None),
        _ => ("the driver failed".to_owned(), None),
    }
}

/// The same of the first document that was not inserted.
fn many(error: &InsertManyError) -> (String, Option<(i32, String)>) {
    let refused = error.write_errors.iter().flatten().next();
    let refused = refused.map(|error| (error.code, error.code_name.clone().unwrap_or_default()));
    match (refused, &error.write_concern_error) {
        (Some(refused), _) => ("the write was refused".to_owned(), Some(refused)),
        (None, Some(error)) => (
            "the write was not acknowledged by a majority".to_owned(),
            Some((error.code, error.code_name.clone())),
        ),
        (None, None) => ("the driver failed".to_owned(), None),
    }
}

/// The number of documents before the one that a unique index refused, of several that were
/// inserted in their order. `None` if something else went wrong.
pub(super) fn inserted_before_duplicate(error: &Error) -> Option<usize> {
    match &*error.kind {
        ErrorKind::InsertMany(error) if error.write_concern_error.is_none() => {
            let refused = error.write_errors.iter().flatten().next()?;
            (refused.code == DUPLICATE_KEY).then_some(refused.index)
        }
        _ => None,
    }
}

/// The error of an act that others got in front of too often.
pub(super) fn contended() -> StoreError {
    Fault::new("others changed the record each time").unavailable()
}

/// The error of a value that BSON has no place for.
pub(super) fn out_of_range(field: &'static str) -> StoreError {
    Fault::new(format!("`{field}` is outside the signed 64-bit range")).other()
}

/// The server's code for what went wrong.
pub(super) fn code(error: &Error) -> Option<i32> {
    reported(error).1.map(|(code, _)| code)
}

/// Whether a unique index refused the write. It comes as a write error, and
/// from an upsert or behind a router also as a failed command.
pub(super) fn is_duplicate(error: &Error) -> bool {
    code(error) == Some(DUPLICATE_KEY)
}

#[cfg(test)]
mod tests {
    use ::mongodb::bson::{self, doc};

    use super::*;

    #[test]
    fn a_disk_without_space_is_a_full_store() {
        let error = doc! { "code": FULL, "codeName": "OutOfDiskSpace", "errmsg": "no space" };
        let error = ErrorKind::Command(bson::from_document(error).unwrap());
        assert!(matches!(store_error(error.into()), StoreError::Full));
    }
}
