//! Services of one process that share their hashing threads.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

use admittance::config::AuthConfig;
use admittance::error::ConfigError;
use admittance::password::{
    ForeignScheme, HashingConfig, NormalizedPassword, PasswordHasher, Pepper,
};
use admittance::random::OsRandom;
use admittance::secret::SecretBytes;
use admittance::service::NewUser;
use admittance::store::{MemoryStore, UserStore};
use admittance::user::PasswordHash;

use support::bed::{Bed, PASSWORD, config, hash_of};

const THREADS: usize = 2;

/// Accepts every password, and notes the thread that asks.
#[derive(Clone, Default)]
struct Witness(Arc<Mutex<HashSet<ThreadId>>>);

impl ForeignScheme for Witness {
    fn verify(&self, _: &NormalizedPassword, _: &PasswordHash) -> Option<bool> {
        self.0.lock().unwrap().insert(thread::current().id());
        Some(true)
    }
}

fn settings() -> AuthConfig {
    let mut config = config();
    config.hashing.threads = NonZeroUsize::new(THREADS);
    config
}

/// A hasher with the settings of `config`.
fn hasher(config: &AuthConfig) -> PasswordHasher {
    let hashing = config.hashing.clone().insecure_for_tests();
    PasswordHasher::new(hashing, Arc::new(OsRandom)).unwrap()
}

fn sharing(hasher: &PasswordHasher, config: AuthConfig) -> Bed {
    let hasher = hasher.clone();
    let add = |builder: support::bed::Builder<_>, _| builder.password_hasher(hasher);
    Bed::built(MemoryStore::new(), config, add)
}

fn pepper(id: &str) -> Option<Pepper> {
    let secret = SecretBytes::new(format!("{id} 0123456789 abcdefghijklmnopqrstuvwxyz"));
    Some(Pepper::new(id, secret).unwrap())
}

#[tokio::test]
async fn fifty_services_hash_on_the_threads_of_one_hasher() {
    let witness = Witness::default();
    let mut config = settings();
    config.hashing.foreign = Some(Arc::new(witness.clone()));
    let hasher = hasher(&config);
    for _ in 0..50 {
        let bed = sharing(&hasher, config.clone());
        let mut ann = NewUser::new("ann@example.org", "Ann");
        ann.password_hash = Some(PasswordHash::import("of another system").unwrap());
        bed.auth.create_user(ann, &bed.here).await.unwrap();
        bed.login("ann@example.org", PASSWORD).await.unwrap();
        assert_eq!(bed.auth.hashing_stats().threads, THREADS);
    }
    let seen = witness.0.lock().unwrap().len();
    assert!((1..=THREADS).contains(&seen), "{seen} threads");
    // Each login replaced the hash of the other system, by one run.
    assert_eq!(hasher.stats().runs, 50);
}

#[tokio::test]
async fn the_threads_outlive_a_service_and_end_with_the_last_that_has_them() {
    let hasher = hasher(&settings());
    let (gone, stays) = (sharing(&hasher, settings()), sharing(&hasher, settings()));
    drop((gone, hasher));
    stays.register("ann@example.org").await;
    stays.login("ann@example.org", PASSWORD).await.unwrap();
}

#[tokio::test]
async fn each_service_keeps_its_own_pepper() {
    let hasher = hasher(&settings());
    let tenant = |id| {
        let mut config = settings();
        config.hashing.pepper = pepper(id);
        sharing(&hasher, config)
    };
    let (north, south) = (tenant("north"), tenant("south"));
    let registered = north.register("ann@example.org").await;
    let ann = north.store.user(registered.user_id).await.unwrap().unwrap();
    north.login("ann@example.org", PASSWORD).await.unwrap();
    // The other tenant cannot verify what this one has made.
    let mut moved = NewUser::new("ann@example.org", "Ann");
    moved.password_hash = Some(hash_of(&ann).clone());
    south.auth.create_user(moved, &south.here).await.unwrap();
    south.login("ann@example.org", PASSWORD).await.unwrap_err();
}

#[test]
fn settings_other_than_the_shared_hashers_are_refused_by_name() {
    type Change = fn(&mut HashingConfig);
    let cases: [(&str, Change); 6] = [
        ("hashing.params", |hashing| {
            hashing.params = admittance::password::Argon2Params::new(16, 1, 1).unwrap();
        }),
        ("hashing.threads", |hashing| hashing.threads = None),
        ("hashing.queue_len", |hashing| hashing.queue_len += 1),
        ("hashing.queue_deadline", |hashing| {
            hashing.queue_deadline += Duration::from_secs(1);
        }),
        ("hashing.run_deadline", |hashing| {
            hashing.run_deadline += Duration::from_secs(1);
        }),
        ("hashing.accepted", |hashing| hashing.accepted.t += 1),
    ];
    let shared = hasher(&settings());
    for (name, change) in cases {
        let mut config = settings();
        change(&mut config.hashing);
        assert_eq!(refused(&shared, config), name);
    }
}

#[test]
fn a_key_of_the_shared_hasher_that_a_service_lacks_is_no_silent_loss() {
    type Change = fn(&mut HashingConfig);
    let cases: [(&str, Change); 3] = [
        ("hashing.pepper", |hashing| hashing.pepper = pepper("north")),
        ("hashing.previous_peppers", |hashing| {
            hashing.previous_peppers.extend(pepper("north"));
        }),
        ("hashing.foreign", |hashing| {
            hashing.foreign = Some(Arc::new(Witness::default()));
        }),
    ];
    for (name, change) in cases {
        let mut config = settings();
        change(&mut config.hashing);
        let shared = hasher(&config);
        assert_eq!(refused(&shared, settings()), name);
        sharing(&shared, config);
    }
}

/// The setting because of which no service with `config` is built over `hasher`.
fn refused(hasher: &PasswordHasher, config: AuthConfig) -> &'static str {
    let built = admittance::AuthService::builder(MemoryStore::new())
        .config(config)
        .keyring(support::bed::keyring())
        .password_hasher(hasher.clone())
        .build();
    match built.map(drop) {
        Err(ConfigError::Invalid { setting, .. }) => setting,
        other => panic!("{other:?}"),
    }
}
