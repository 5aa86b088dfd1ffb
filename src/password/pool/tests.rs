use std::future::pending;
use std::num::NonZeroUsize;

use super::*;
use crate::network::Network;
use crate::password::Argon2Params;
use crate::password::admission::Lane;

/// A pool of one thread that runs `jobs` empty jobs, one after the other.
async fn after_jobs(jobs: usize, queue_deadline: Duration) -> (Pool, Vec<Result<(), HashError>>) {
    let config = HashingConfig {
        params: Argon2Params::new(8, 1, 1).unwrap(),
        threads: NonZeroUsize::new(1),
        queue_deadline,
        ..HashingConfig::default()
    };
    let pool = Pool::start(&config).unwrap();
    let claim = Claim {
        work: Work::Hashing,
        lane: Lane::Host,
        network: Network::of(None),
    };
    let mut answers = Vec::new();
    for _ in 0..jobs {
        let mut place = pool.admit(claim).await.unwrap();
        answers.push(pool.perform(&mut place, |_| (), pending()).await);
    }
    (pool, answers)
}

#[tokio::test]
async fn only_jobs_that_were_run_tell_how_long_a_job_takes() {
    // The thread has finished the others when it answers the last one.
    let (pool, answers) = after_jobs(20, Duration::from_secs(3600)).await;
    assert!(answers.iter().all(Result::is_ok));
    assert!(pool.0.usual() > Duration::ZERO);
    let (pool, answers) = after_jobs(20, Duration::ZERO).await;
    let is_late =
        |answer: &Result<(), HashError>| matches!(answer, Err(HashError::Overloaded { .. }));
    assert!(answers.iter().all(is_late));
    assert_eq!(pool.0.usual(), Duration::ZERO);
}

#[test]
fn the_usual_duration_of_a_job_follows_the_last_ones() {
    for (before, last, expected) in [
        (0, 800, 800),
        (800, 800, 800),
        (800, 1600, 900),
        (1600, 800, 1500),
        (80_000, 0, 70_000),
    ] {
        let average = average(before, Duration::from_nanos(last));
        assert_eq!(average, expected, "{before} {last}");
    }
    assert!(average(u64::MAX, Duration::MAX) > u64::MAX / 2);
}
