//! Hashing under load: a bounded queue, fixed memory, threads that survive.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::cell::RefCell;
use std::num::NonZeroUsize;
use std::pin::{Pin, pin};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use admittance::password::{
    Argon2Params, HashError, HashingConfig, NormalizedPassword, PasswordHasher,
};
use admittance::random::OsRandom;
use admittance::secret::Password;

fn password(text: &str) -> NormalizedPassword {
    NormalizedPassword::new(&Password::new(text)).unwrap()
}

fn hasher_with(change: impl FnOnce(&mut HashingConfig)) -> PasswordHasher {
    let mut config = HashingConfig::default().insecure_for_tests();
    config.params = Argon2Params::new(64, 1, 1).unwrap();
    config.threads = NonZeroUsize::new(1);
    change(&mut config);
    PasswordHasher::new(config, Arc::new(OsRandom)).unwrap()
}

fn hasher() -> PasswordHasher {
    hasher_with(|_| ())
}

/// Starts `future`, as an executor does, and leaves it.
fn start<T: Future>(future: Pin<&mut T>) {
    let polled = future.poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending(), "it was done at once");
}

/// Holds a thread of `hasher` until the sender is dropped.
async fn occupy(hasher: &PasswordHasher) -> mpsc::Sender<()> {
    loop {
        let (release, released) = mpsc::channel::<()>();
        let (tell, mut told) = tokio::sync::mpsc::channel(1);
        let other = hasher.clone();
        tokio::spawn(async move {
            let hold = move || {
                tell.blocking_send(()).unwrap();
                released.recv().unwrap_err();
            };
            other.run(hold).await
        });
        // Where the queue's deadline is short it may have been refused.
        if told.recv().await.is_some() {
            return release;
        }
    }
}

#[tokio::test]
async fn asvs_15_2_2_a_full_queue_refuses_at_once_and_says_when_to_come_again() {
    let hasher = hasher_with(|config| config.queue_len = 2);
    let secret = password("correct horse");
    let release = occupy(&hasher).await;
    let (mut first, mut second) = (
        pin!(hasher.hash(&secret)),
        pin!(hasher.verify_absent(&secret)),
    );
    start(first.as_mut());
    start(second.as_mut());
    assert_eq!(hasher.stats().waiting, 2);
    // Not awaited: one that is not refused would wait for ever.
    let mut third = pin!(hasher.hash(&secret));
    let answer = third.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(Err(HashError::Overloaded { retry_after })) = answer else {
        panic!("{answer:?}");
    };
    assert!(retry_after >= Duration::from_secs(1));

    drop(release);
    assert!(first.await.is_ok() && second.await.is_ok());
    assert_eq!(hasher.stats().runs, 2);
    assert!(hasher.hash(&secret).await.is_ok());
}

#[tokio::test]
async fn asvs_15_2_2_what_has_waited_too_long_is_refused_and_not_run() {
    let hasher = hasher_with(|config| config.queue_deadline = Duration::from_millis(20));
    let secret = password("correct horse");
    let release = occupy(&hasher).await;
    let mut late = pin!(hasher.hash(&secret));
    start(late.as_mut());
    thread::sleep(Duration::from_millis(40));
    drop(release);
    let refused = late.await;
    assert!(
        matches!(refused, Err(HashError::Overloaded { .. })),
        "{refused:?}"
    );
    assert_eq!(hasher.stats().runs, 0);
}

#[tokio::test]
async fn asvs_15_2_2_memory_is_that_of_the_threads_whatever_the_load() {
    let hasher = hasher_with(|config| config.threads = NonZeroUsize::new(3));
    let secret = password("correct horse");
    let memory = 3 * 64 * 1024;
    assert_eq!(
        (hasher.stats().memory_bytes, hasher.stats().threads),
        (memory, 3)
    );
    let calls = (0..64).map(|_| {
        let (hasher, secret) = (hasher.clone(), secret.clone());
        tokio::spawn(async move { hasher.hash(&secret).await })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap().unwrap();
    }
    assert_eq!(
        (hasher.stats().memory_bytes, hasher.stats().runs),
        (memory, 64)
    );
}

#[tokio::test]
async fn a_call_whose_caller_has_gone_is_not_run() {
    let hasher = hasher();
    let secret = password("correct horse");
    let release = occupy(&hasher).await;
    {
        let mut left = pin!(hasher.hash(&secret));
        start(left.as_mut());
    }
    drop(release);
    hasher.verify_absent(&secret).await.unwrap();
    assert_eq!(hasher.stats().runs, 1);
}

#[tokio::test]
async fn disconnected_callers_take_no_place_in_a_full_queue() {
    let hasher = hasher_with(|config| config.queue_len = 1);
    let secret = password("correct horse");
    let release = occupy(&hasher).await;
    for _ in 0..3 {
        let mut left = pin!(hasher.hash(&secret));
        start(left.as_mut());
    }
    let mut stays = pin!(hasher.hash(&secret));
    start(stays.as_mut());
    drop(release);
    assert!(stays.await.is_ok());
}

#[tokio::test]
async fn asvs_16_5_4_a_panic_in_a_job_is_an_error_and_the_thread_goes_on() {
    let hasher = hasher();
    for _ in 0..3 {
        let failed = hasher.run(|| panic!("a job that panics")).await;
        assert!(
            matches!(failed, Err::<(), _>(HashError::Failed(_))),
            "{failed:?}"
        );
    }
    assert_eq!(hasher.run(|| 1 + 1).await.unwrap(), 2);
    assert!(hasher.hash(&password("correct horse")).await.is_ok());
}

#[tokio::test(flavor = "current_thread")]
async fn no_async_thread_is_blocked_while_a_hash_runs() {
    let hasher = hasher();
    let secret = password("correct horse");
    let release = occupy(&hasher).await;
    // The hash can only be made once the other future has had its turn.
    let hash = hasher.hash(&secret);
    let (hash, ()) = tokio::join!(hash, async {
        tokio::task::yield_now().await;
        drop(release);
    });
    assert!(hash.is_ok());
    let name = hasher
        .run(|| thread::current().name().map(ToOwned::to_owned))
        .await
        .unwrap();
    assert_eq!(name.as_deref(), Some("password-0"));
}

#[test]
fn no_runtime_is_needed() {
    let hasher = hasher();
    let secret = password("correct horse");
    let mut hash = pin!(hasher.hash(&secret));
    let hash = loop {
        if let Poll::Ready(hash) = hash.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            break hash;
        }
        thread::yield_now();
    };
    assert!(hash.is_ok());
}

#[tokio::test]
async fn the_threads_end_with_the_last_clone() {
    thread_local! {
        static ALIVE: RefCell<Option<mpsc::Sender<()>>> = const { RefCell::new(None) };
    }
    let hasher = hasher();
    let clone = hasher.clone();
    let (alive, has_ended) = mpsc::channel();
    hasher.run(move || ALIVE.set(Some(alive))).await.unwrap();
    drop(hasher);
    assert!(clone.hash(&password("correct horse")).await.is_ok());
    assert_eq!(has_ended.try_recv(), Err(mpsc::TryRecvError::Empty));
    drop(clone);
    // What belongs to the thread is dropped when it ends.
    let ended = has_ended.recv_timeout(Duration::from_secs(60));
    assert_eq!(ended, Err(mpsc::RecvTimeoutError::Disconnected));
}

/// Waits until `holds` is true: the watching thread takes a moment.
fn until(holds: impl Fn() -> bool) {
    let start = std::time::Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "it never holds");
        thread::sleep(Duration::from_millis(5));
    }
}

#[tokio::test]
async fn asvs_15_2_2_the_deadline_holds_while_every_thread_is_busy() {
    let hasher = hasher_with(|config| {
        config.queue_deadline = Duration::from_millis(20);
        // Long enough never to be the reason for a look at the deadlines.
        config.run_deadline = Duration::from_secs(3600);
    });
    let secret = password("correct horse");
    let _release = occupy(&hasher).await;
    // Nothing lets the thread go on, and the caller is answered.
    let refused = tokio::time::timeout(Duration::from_secs(60), hasher.hash(&secret)).await;
    assert!(
        matches!(refused, Ok(Err(HashError::Overloaded { .. }))),
        "{refused:?}"
    );
    assert_eq!(hasher.stats().waiting, 0);
}

#[tokio::test]
async fn asvs_16_5_4_a_thread_that_hangs_costs_its_own_caller_and_is_replaced() {
    let hasher = hasher_with(|config| {
        config.threads = NonZeroUsize::new(2);
        config.queue_deadline = Duration::from_secs(600);
        config.run_deadline = Duration::from_millis(100);
    });
    let secret = password("correct horse");
    let memory = hasher.stats().memory_bytes;
    let mut releases = Vec::new();
    // As many threads as configured are replaced, and no more.
    for lost in 1..=4 {
        let (release, released) = mpsc::channel::<()>();
        releases.push(release);
        let hung = hasher.run(move || released.recv().is_ok()).await;
        assert!(matches!(hung, Err(HashError::Stuck)), "{hung:?}");
        let stats = hasher.stats();
        assert_eq!((stats.stuck, stats.threads), (lost, 2));
        assert_eq!(stats.memory_bytes, memory + memory / 2 * lost.min(2));
        if lost < 4 {
            assert!(hasher.hash(&secret).await.is_ok(), "{lost}");
        }
    }
    // All of them hang: a new caller is refused at once, before the attempt is
    // counted.
    let refused = hasher.verify_absent(&secret);
    let refused = tokio::time::timeout(Duration::from_secs(60), refused).await;
    assert!(
        matches!(refused, Ok(Err(HashError::Overloaded { .. }))),
        "{refused:?}"
    );
    // They return: there are as many threads as configured, and one works.
    drop(releases);
    until(|| hasher.stats().stuck == 0);
    assert_eq!(hasher.stats().memory_bytes, memory);
    assert!(hasher.hash(&secret).await.is_ok());
}

#[tokio::test]
async fn asvs_16_5_4_threads_survive_what_panics_when_it_is_dropped() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("a value that panics when it is dropped");
            }
        }
    }
    let hasher = hasher_with(|config| config.threads = NonZeroUsize::new(1));
    for _ in 0..3 {
        let failed = hasher.run(|| std::panic::panic_any(Bomb)).await;
        assert!(matches!(failed, Err(HashError::Failed(_))), "{failed:?}");
    }
    assert!(hasher.hash(&password("correct horse")).await.is_ok());
    assert_eq!(hasher.stats().stuck, 0);
}
