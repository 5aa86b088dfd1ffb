use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use admittance::metrics::{
    HASHING_OVERLOADS, HASHING_QUEUE, HASHING_RUN_SECONDS, HASHING_RUNS, HASHING_STUCK,
    HASHING_WAIT_SECONDS,
};
use admittance::password::{
    Argon2Params, HashError, HashingConfig, NormalizedPassword, PasswordHasher,
};
use admittance::random::SeededRandom;
use admittance::secret::Password;

use crate::recorded::Global;

/// One thread, and room for one job besides the one that it is at.
fn config(queue_deadline: Duration) -> HashingConfig {
    let mut config = HashingConfig::default().insecure_for_tests();
    config.params = Argon2Params::new(8, 1, 1).unwrap();
    config.threads = NonZeroUsize::new(1);
    config.queue_len = 1;
    config.queue_deadline = queue_deadline;
    config
}

fn hasher(queue_deadline: Duration) -> PasswordHasher {
    let config = config(queue_deadline);
    PasswordHasher::new(config, Arc::new(SeededRandom::new(1))).unwrap()
}

fn is_overloaded<T>(answer: &Result<T, HashError>) -> bool {
    matches!(answer, Err(HashError::Overloaded { .. }))
}

#[tokio::test]
async fn jobs_that_wait_run_and_are_refused_are_seen() {
    let mut global = Global::take().await;
    let deadline = Duration::from_secs(600);
    let hasher = hasher(deadline);
    let (open, gate) = channel::<()>();
    let (entered, has_entered) = tokio::sync::oneshot::channel();
    let busy = tokio::spawn({
        let hasher = hasher.clone();
        async move {
            let work = move || {
                entered.send(()).ok();
                gate.recv().ok();
            };
            hasher.run(work).await
        }
    });
    has_entered.await.unwrap();
    global.until(|seen| seen.number(HASHING_QUEUE) == 0.0).await;

    let waits = tokio::spawn({
        let hasher = hasher.clone();
        async move {
            let password = NormalizedPassword::new(&Password::new("correct horse")).unwrap();
            hasher.hash(&password).await
        }
    });
    global.until(|seen| seen.number(HASHING_QUEUE) == 1.0).await;
    assert!(is_overloaded(&hasher.run(|| ()).await));
    let seen = global.until(|seen| seen.number(HASHING_QUEUE) == 1.0).await;
    assert_eq!(seen.number(HASHING_OVERLOADS), 1.0);
    assert_eq!(
        (
            seen.count(HASHING_WAIT_SECONDS),
            seen.count(HASHING_RUN_SECONDS)
        ),
        (1, 0)
    );

    tokio::time::sleep(Duration::from_millis(20)).await;
    open.send(()).unwrap();
    busy.await.unwrap().unwrap();
    drop(waits.await.unwrap().unwrap());
    let seen = global
        .until(|seen| seen.count(HASHING_RUN_SECONDS) == 2)
        .await;
    assert_eq!(seen.number(HASHING_RUNS), 1.0);
    assert_eq!(seen.number(HASHING_QUEUE), 0.0);
    assert_eq!(seen.number(HASHING_OVERLOADS), 1.0);
    let waited = &seen.samples[HASHING_WAIT_SECONDS];
    assert_eq!(waited.len(), 2);
    // The first found an idle thread, the second waited for the gate.
    assert!(waited[1] >= 0.02 && waited[1] > waited[0], "{waited:?}");
    assert!(seen.samples[HASHING_RUN_SECONDS][0] >= 0.02);
}

#[tokio::test]
async fn a_job_that_waited_too_long_is_an_overload_and_not_a_run() {
    let mut global = Global::take().await;
    let deadline = Duration::from_secs(1);
    let hasher = hasher(deadline);
    let (open, gate) = channel::<()>();
    let busy = tokio::spawn({
        let hasher = hasher.clone();
        async move { hasher.run(move || gate.recv().ok()).await }
    });
    global
        .until(|seen| seen.count(HASHING_WAIT_SECONDS) == 1 && seen.number(HASHING_QUEUE) == 0.0)
        .await;
    let late = tokio::spawn({
        let hasher = hasher.clone();
        async move { hasher.run(|| ()).await }
    });
    global.until(|seen| seen.number(HASHING_QUEUE) == 1.0).await;
    tokio::time::sleep(deadline).await;
    open.send(()).unwrap();
    assert!(is_overloaded(&late.await.unwrap()));
    busy.await.unwrap().unwrap();
    let seen = global
        .until(|seen| seen.count(HASHING_RUN_SECONDS) == 1)
        .await;
    assert_eq!(seen.number(HASHING_OVERLOADS), 1.0);
    assert_eq!(seen.count(HASHING_WAIT_SECONDS), 2);
    assert_eq!(seen.number(HASHING_QUEUE), 0.0);
}

#[tokio::test]
async fn an_abandoned_job_leaves_the_gauge_at_once() {
    let mut global = Global::take().await;
    let hasher = hasher(Duration::from_secs(600));
    let (open, gate) = channel::<()>();
    let busy = {
        let hasher = hasher.clone();
        tokio::spawn(async move { hasher.run(move || gate.recv().ok()).await })
    };
    global
        .until(|seen| seen.count(HASHING_WAIT_SECONDS) == 1 && seen.number(HASHING_QUEUE) == 0.0)
        .await;
    let gone = tokio::time::timeout(Duration::from_millis(10), hasher.run(|| ())).await;
    assert!(gone.is_err());
    global.until(|seen| seen.number(HASHING_QUEUE) == 0.0).await;
    // Its place is given to the next one, which is not refused.
    let next = tokio::time::timeout(Duration::from_millis(10), hasher.run(|| ())).await;
    assert!(next.is_err());
    let seen = global.until(|seen| seen.number(HASHING_QUEUE) == 0.0).await;
    assert_eq!(seen.number(HASHING_OVERLOADS), 0.0);
    open.send(()).unwrap();
    busy.await.unwrap().unwrap();
    // The answer precedes the figure.
    global
        .until(|seen| seen.count(HASHING_RUN_SECONDS) == 1)
        .await;
}

#[tokio::test]
async fn a_thread_that_hangs_is_shown_until_it_comes_back() {
    let mut global = Global::take().await;
    let mut config = config(Duration::from_secs(600));
    config.run_deadline = Duration::from_millis(100);
    let hasher = PasswordHasher::new(config, Arc::new(SeededRandom::new(1))).unwrap();
    let (open, gate) = channel::<()>();
    let hung = hasher.run(move || gate.recv().ok()).await;
    assert!(matches!(hung, Err(HashError::Stuck)), "{hung:?}");
    global.until(|seen| seen.number(HASHING_STUCK) == 1.0).await;
    drop(open);
    global.until(|seen| seen.number(HASHING_STUCK) == 0.0).await;
}
