//! What an operation of the service costs: round trips of its acts one after another.
//!
//! The acts are done by a store in memory, each of which waits for as many turns as it takes
//! round trips on PostgreSQL (`cost.rs`). A turn comes when everything that can go on has gone
//! on, so the number of turns does not depend on time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use admittance::audit::AuditRecord;
use admittance::authz::Role;
use admittance::email::{CanonicalEmail, Email};
use admittance::id::{EventId, IdentityId, SessionId, UserId};
use admittance::identity::{Identity, IdentityKey, IdentityUse};
use admittance::limit::{Decision, Hit, LimitKey};
use admittance::lockout::{Attempt, LockoutPolicy};
use admittance::service::StartFederation;
use admittance::session::{Rotation, RotationPolicy, Session};
use admittance::store::{
    AuditStore, EmailChange, EpochChange, IdentityLink, Insert, InsertUser, LimitStore,
    MemoryStore, ProfileChange, Removal, RoleChange, SessionStore, StoreError, TokenStore,
    UserStore,
};
use admittance::time::Timestamp;
use admittance::token::{OneTimeToken, TokenDigest, TokenPurpose};
use admittance::user::{AccountState, DeviceDigest, PasswordHash, User, UserChange, UserStatus};
use async_trait::async_trait;
use support::bed::{self, Bed, PASSWORD};
use support::provider::{ID, Pupil, School};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, yield_now};

/// The round trips of a method, as `cost.rs` measures them.
fn round_trips(method: &str) -> usize {
    match method {
        "change_user" | "update_profile" | "verify_email" | "reset_password" | "remove_user"
        | "set_status" | "change_roles" | "append_event" => 5,
        "change_email" | "link_identity" | "unlink_identity" => 6,
        // Those that raise no epoch take one; the service renews hashes by them.
        "replace_password" | "update_user" => 5,
        _ => 1,
    }
}

/// An act that is on its way.
struct Travelling {
    left: usize,
    method: &'static str,
    arrives: oneshot::Sender<()>,
}

#[derive(Clone, Default)]
struct SlowStore {
    inner: MemoryStore,
    travelling: Arc<Mutex<Vec<Travelling>>>,
}

impl SlowStore {
    async fn travel(&self, method: &'static str) {
        let (arrives, arrived) = oneshot::channel();
        self.travelling.lock().unwrap().push(Travelling {
            left: round_trips(method),
            method,
            arrives,
        });
        // It gets no further turn after its operation was answered.
        let _ = arrived.await;
    }

    /// The methods that are on their way, each of which comes one round trip further.
    fn turn(&self) -> Vec<&'static str> {
        let mut travelling = self.travelling.lock().unwrap();
        let turn = travelling.iter().map(|act| act.method).collect();
        for mut act in std::mem::take(&mut *travelling) {
            act.left -= 1;
            match act.left {
                0 => drop(act.arrives.send(())),
                _ => travelling.push(act),
            }
        }
        turn
    }

    /// The turns that an operation takes.
    async fn turns<T>(&self, operation: JoinHandle<T>) -> (T, Vec<Vec<&'static str>>) {
        let mut turns = Vec::new();
        loop {
            for _ in 0..100 {
                yield_now().await;
            }
            if operation.is_finished() {
                return (operation.await.unwrap(), turns);
            }
            match self.turn() {
                // A password is being hashed.
                turn if turn.is_empty() => tokio::time::sleep(Duration::from_millis(1)).await,
                turn => turns.push(turn),
            }
        }
    }
}

macro_rules! slow {
    ($($trait:ident { $($method:ident($($name:ident: [$($type:tt)*] $kind:ident),*) -> [$($answer:tt)*], $touches:ident($($what:expr)?);)* })*) => {$(
        #[async_trait]
        impl $trait for SlowStore {$(
            async fn $method(&self, $($name: $($type)*),*) -> Result<$($answer)*, StoreError> {
                self.travel(stringify!($method)).await;
                self.inner.$method($($name),*).await
            }
        )*}
    )*};
}

admittance::__store_methods!(slow);

/// A service whose operations are counted.
struct Counted {
    bed: Arc<Bed<SlowStore>>,
    turns: HashMap<&'static str, Vec<Vec<&'static str>>>,
}

impl Counted {
    async fn count<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
        &mut self,
        name: &'static str,
        operation: impl FnOnce(Arc<Bed<SlowStore>>) -> F,
    ) -> T {
        let task = tokio::spawn(operation(Arc::clone(&self.bed)));
        let (answer, turns) = self.bed.store.turns(task).await;
        self.turns.insert(name, turns);
        answer
    }

    fn of(&self, name: &str) -> usize {
        self.turns.get(name).unwrap().len()
    }
}

#[tokio::test]
async fn an_operation_takes_its_round_trips_and_no_more() {
    let mut settings = bed::config();
    settings.limits = admittance::config::LimitPolicy::default();
    settings.hashing.queue_deadline = Duration::from_secs(3600);
    let bed = Bed::over(SlowStore::default(), settings);
    let mut counted = Counted {
        bed: Arc::new(bed),
        turns: HashMap::new(),
    };
    let register = async |counted: &mut Counted, name| {
        let register = async |bed: Arc<Bed<SlowStore>>| bed.register("ann@example.org").await;
        counted.count(name, register).await
    };
    let tokens = register(&mut counted, "register").await.tokens;
    let log_in = |bed: Arc<Bed<SlowStore>>| async move {
        bed.login("ann@example.org", PASSWORD).await.unwrap();
    };
    counted.count("login", log_in).await;
    let check = tokens.clone();
    let check = |bed: Arc<Bed<SlowStore>>| async move { bed.validate(&check).await.unwrap() };
    let ann = counted.count("validate_token", check).await;
    let refresh = tokens.clone();
    let refresh = |bed: Arc<Bed<SlowStore>>| async move {
        bed.refresh(&refresh).await.unwrap();
    };
    counted.count("refresh", refresh).await;
    let log_out = |bed: Arc<Bed<SlowStore>>| async move {
        bed.auth.logout(&ann, &bed.here).await.unwrap();
    };
    counted.count("logout", log_out).await;

    for (name, turns) in &counted.turns {
        println!("{name}: {} round trips: {turns:?}", turns.len());
    }
    assert_eq!(counted.of("register"), 3);
    assert_eq!(counted.of("validate_token"), 1);
    assert_eq!(counted.of("logout"), 1);
    // The networks and the user; the attempt; the session and the budgets; the record of the
    // login and the number of sessions. The store adds nothing: each is one round trip.
    assert_eq!(counted.of("login"), 4);
    // The networks, the user, the session.
    assert_eq!(counted.of("refresh"), 2);
}

#[tokio::test]
async fn signing_in_with_a_provider_again_takes_four_round_trips_and_one_request() {
    let mut settings = bed::config();
    settings.limits = admittance::config::LimitPolicy::default();
    let clock = admittance::clock::ManualClock::default();
    let school = School::new(clock.clone());
    let federation = school.federation();
    let bed = Bed::built(SlowStore::default(), settings, |builder, _| {
        builder.clock(clock).federation(federation)
    });
    let mut counted = Counted {
        bed: Arc::new(bed),
        turns: HashMap::new(),
    };
    let pupil = Pupil::new("7", "ann@school.example");
    for names in [("start", "first"), ("start", "again")] {
        let start = |bed: Arc<Bed<SlowStore>>| async move {
            let request = StartFederation::default();
            let started = bed.auth.start_federation(ID, request, &bed.here).await;
            started.unwrap()
        };
        let started = counted.count(names.0, start).await;
        let mut answer = school.answers(&started.authorization_url, &pupil);
        answer.flow = Some(started.flow);
        school.requests();
        let finish = |bed: Arc<Bed<SlowStore>>| async move {
            let finished = bed.auth.finish_federation(ID, answer, None, &bed.here);
            finished.await.unwrap().opened().unwrap().created
        };
        assert_eq!(counted.count(names.1, finish).await, names.1 == "first");
    }
    for (name, turns) in &counted.turns {
        println!("{name}: {} round trips: {turns:?}", turns.len());
    }
    // The networks; the flow, which a refused caller leaves no row of.
    assert_eq!(counted.of("start"), 2);
    // The networks and the flow; the user; the session; the record of the login and the number
    // of sessions.
    assert_eq!(counted.of("again"), 4);
    // The code for the tokens. Metadata and keys are kept.
    assert_eq!(school.requests(), ["/token"]);
}
