//! A provider that lies, one lie at a time.

mod answers;
mod claims;
mod flow;
mod signature;

use std::time::Duration;

use serde_json::Value;

use super::double::Lie;
use super::school;
use crate::federation::{AuthorizationOptions, Endpoint, Fault, FederationError};

/// Demands an authentication that is at most a minute old, so that `auth_time` is checked.
fn options() -> AuthorizationOptions {
    AuthorizationOptions {
        max_age: Some(Duration::from_secs(60)),
        ..AuthorizationOptions::default()
    }
}

/// What comes of a sign-in with a school that tells `lie`.
async fn outcome(lie: Lie) -> Result<(), FederationError> {
    let (double, party) = school::open();
    double.tell(lie);
    double.sign_in(&party, &options()).await.map(drop)
}

/// Each lie is refused as an answer of `endpoint`, for its own reason.
async fn assert_refused<const N: usize>(endpoint: Endpoint, lies: [(&str, Lie, Fault); N]) {
    for (name, lie, fault) in lies {
        assert_eq!(outcome(lie).await, refused(endpoint, fault), "{name}");
    }
}

fn refused<T>(endpoint: Endpoint, fault: Fault) -> Result<T, FederationError> {
    Err(FederationError::Refused { endpoint, fault })
}

fn remove(object: &mut Value, name: &str) {
    object.as_object_mut().unwrap().remove(name);
}
