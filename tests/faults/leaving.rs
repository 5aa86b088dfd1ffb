//! Clients that disconnect while their password waits to be hashed.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use admittance::config::AuthConfig;
use admittance::error::{AuthError, ErrorCode};
use admittance::event::{Notice, Operation};
use admittance::limit::Quota;
use admittance::service::RequestContext;
use tokio::task::JoinSet;

use crate::scene::{ANN, BOB, SLOW};
use support::bed::{Bed, PASSWORD, config, login};
use support::gate::Gate;

const WRONG: &str = "velvet?Harbour 18 sundial";

/// A service whose one hashing thread is busy with a login of `SLOW`.
struct Busy {
    bed: Arc<Bed>,
    open: Sender<()>,
    guest: tokio::task::JoinHandle<()>,
}

impl Busy {
    async fn new(change: impl FnOnce(&mut AuthConfig)) -> Self {
        let (gate, enters, open) = Gate::new();
        let mut config = config();
        gate.block(&mut config);
        change(&mut config);
        let bed = Arc::new(Bed::mailing_with(config));
        bed.register(ANN).await;
        bed.register(BOB).await;
        Gate::plant(&bed.store, ANN, SLOW).await;
        let busy = Arc::clone(&bed);
        let guest = tokio::spawn(async move {
            let refused = busy.login(SLOW, PASSWORD).await;
            assert!(matches!(refused, Err(AuthError::InvalidCredentials)));
        });
        tokio::task::spawn_blocking(move || enters.recv().unwrap())
            .await
            .unwrap();
        bed.mails().await;
        Self { bed, open, guest }
    }

    /// Waits until `waiting` requests are in the queue.
    async fn wait_for(&self, waiting: usize) {
        let is_so = async {
            while self.bed.auth.hashing_stats().waiting != waiting {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let came = tokio::time::timeout(Duration::from_secs(60), is_so).await;
        assert!(came.is_ok(), "{:?}", self.bed.auth.hashing_stats());
    }

    /// Starts `count` logins, each from another network, and waits until they
    /// are in the queue.
    async fn logins(&self, count: u8, email: impl Fn(u8) -> String) -> JoinSet<()> {
        let before = self.bed.auth.hashing_stats().waiting;
        let mut all = JoinSet::new();
        for number in 0..count {
            let (bed, request) = (Arc::clone(&self.bed), login(&email(number), WRONG));
            all.spawn(async move {
                let there = RequestContext::from_ip([198, 51, number, 7].into());
                drop(bed.auth.login(request, &there).await);
            });
        }
        self.wait_for(before + usize::from(count)).await;
        all
    }

    /// The outcomes of the logins since the service has been busy.
    fn ended(&self) -> Vec<Option<ErrorCode>> {
        let events = self.bed.events.all();
        let logins = events
            .iter()
            .filter(|event| event.operation == Operation::Login);
        logins.map(|event| event.refused).collect()
    }

    async fn release(self) -> Arc<Bed> {
        self.open.send(()).unwrap();
        self.guest.await.unwrap();
        self.bed
    }
}

/// Reported case: with 20 disconnected clients, the next login took 12 hashes,
/// the time of those that nobody waited for.
#[tokio::test]
async fn asvs_15_4_4_twenty_disconnected_clients_cost_the_next_login_nothing() {
    let busy = Busy::new(|_| ()).await;
    let mut gone = busy
        .logins(20, |number| format!("nobody{number}@example.org"))
        .await;
    gone.shutdown().await;
    // Their places are free at once, while the thread is still busy.
    busy.wait_for(0).await;
    let runs = busy.bed.auth.hashing_stats().runs;
    assert_eq!(busy.ended(), [Some(ErrorCode::Abandoned); 20]);
    let bed = busy.release().await;
    bed.login(BOB, PASSWORD).await.unwrap();
    // One for the login of `SLOW`, which failed, and one for Bob's.
    assert_eq!(bed.auth.hashing_stats().runs, runs + 2);
    assert_eq!(bed.mails().await, []);
}

#[tokio::test]
async fn asvs_15_4_4_disconnected_clients_leave_the_line_while_others_hold_every_place() {
    let busy = Busy::new(|_| ()).await;
    let stranger = |number| format!("nobody{number}@example.org");
    let mut stay = busy.logins(10, stranger).await;
    let mut gone = busy.logins(20, stranger).await;
    gone.shutdown().await;
    busy.wait_for(10).await;
    assert_eq!(busy.ended(), [Some(ErrorCode::Abandoned); 20]);
    busy.release().await;
    while stay.join_next().await.is_some() {}
}

/// Disconnecting before the hash is no free guess.
#[tokio::test]
async fn asvs_6_3_1_a_counted_guess_stays_counted_after_its_client_disconnects() {
    let busy = Busy::new(|_| ()).await;
    // Five have a place, and so are counted: the number at which the account is
    // locked for strangers.
    let mut gone = busy.logins(5, |_| ANN.to_owned()).await;
    gone.shutdown().await;
    busy.wait_for(0).await;
    assert_eq!(busy.ended(), [Some(ErrorCode::Abandoned); 5]);
    // The event of the guess that locked it tells the operator.
    let events = busy.bed.events.all();
    let locked =
        |event: &&admittance::event::AuthEvent| event.notices.contains(Notice::AccountLocked);
    assert_eq!(events.iter().filter(locked).count(), 1);
    let bed = busy.release().await;
    let elsewhere = RequestContext::from_ip([203, 0, 113, 9].into());
    let refused = bed.auth.login(login(ANN, PASSWORD), &elsewhere).await;
    assert!(
        matches!(refused, Err(AuthError::RateLimited { .. })),
        "{refused:?}"
    );
}

/// A refusal for lack of room counts as a failure neither of the account nor of
/// the network.
#[tokio::test]
async fn asvs_6_3_1_a_refusal_for_lack_of_room_locks_nobody_out() {
    let busy = Busy::new(|config| {
        // One place at the thread, and one in the queue.
        config.hashing.queue_len = 1;
        config.limits.login_by_address = Some(Quota::new(3, Duration::from_secs(3600)));
    })
    .await;
    let mut waits = busy.logins(1, |_| BOB.to_owned()).await;
    for _ in 0..20 {
        let refused = busy.bed.login(ANN, PASSWORD).await;
        assert!(
            matches!(refused, Err(AuthError::Overloaded { .. })),
            "{refused:?}"
        );
    }
    waits.shutdown().await;
    busy.wait_for(0).await;
    let bed = busy.release().await;
    bed.login(ANN, PASSWORD).await.unwrap();
}

/// The operator learns from the event that a scheme hangs.
#[tokio::test]
async fn asvs_16_5_4_a_hash_that_hangs_is_a_notice_of_the_login() {
    let (gate, enters, open) = Gate::new();
    let mut config = config();
    gate.block(&mut config);
    config.hashing.run_deadline = Duration::from_millis(100);
    let bed = Bed::with(config);
    bed.register(ANN).await;
    Gate::plant(&bed.store, ANN, SLOW).await;
    let refused = bed.login(SLOW, PASSWORD).await;
    assert!(
        matches!(refused, Err(AuthError::Unavailable { .. })),
        "{:?}",
        refused.err()
    );
    enters.recv().unwrap();
    let event = bed.events.last();
    assert_eq!(event.operation, Operation::Login);
    assert!(event.notices.contains(Notice::HashingStuck));
    open.send(()).unwrap();
}
