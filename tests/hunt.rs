//! The hunt for secrets, which `canary.rs` goes on, finds what it looks for.

use admittance::user::PasswordHash;
use base64ct::{Base64, Encoding};
use support::hunt::Hunt;

const SECRET: &str = "canary-Plum-47-lantern-orbit";

#[test]
fn the_hunt_finds_what_is_there() {
    for shown in [
        SECRET.to_owned(),
        Base64::encode_string(format!("a:{SECRET}").as_bytes()),
        Base64::encode_string(format!("ab:{SECRET}").as_bytes()),
        Base64::encode_string(format!("abc:{SECRET}").as_bytes()),
        format!("{:x?}", SECRET.as_bytes()).replace(", ", ""),
        format!("{:?}", SECRET.as_bytes()),
    ] {
        let mut hunt = Hunt::default();
        hunt.secret("password", SECRET.as_bytes());
        hunt.look_in("text", shown.clone());
        assert_eq!(hunt.found().len(), 1, "{shown}");
    }
}

#[test]
fn the_hunt_finds_hashes_everywhere_but_in_a_store() {
    let mut hunt = Hunt::default();
    let hash = format!("$argon2id$v=19$m=8,t=1,p=1$c2FsdA${SECRET}");
    hunt.hash("Ann", &PasswordHash::new(hash.clone()));
    hunt.secret("password", b"canary-Quartz!93-meadow-ferry");
    hunt.look_in_store("store", vec![hash.clone()], &[]);
    assert!(hunt.found().is_empty());
    hunt.look_in("log", hash);
    assert_eq!(hunt.found().len(), 1);
    let kept = vec!["the canary-Quartz!93-meadow-ferry".to_owned()];
    hunt.look_in_store("store", kept, &["canary"]);
    assert_eq!(hunt.found().len(), 2);
}
