//! A source that is down, by both settings.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use admittance::config::OnBreachFailure::{Allow, Refuse};
use admittance::config::{AuthConfig, BreachPolicy};
use admittance::error::{AuthError, ConfigError, ErrorCode};
use admittance::event::{Notice, Operation};
use admittance::extra::Extra;
use admittance::password::breach::{BreachCheck, BreachQuery, RangeCheck, RangeClient};
use admittance::profile::Profile;
use admittance::service::{AccountData, AccountHooks};
use admittance::store::{Cause, MemoryStore};
use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::source::{
    ANN, Attempt, BREACHED, CLEAN, FLOWS, Flow, Mode, Switch, WAYS_TO_FAIL, bed, hasty, register,
    settings,
};
use support::bed::{Bed, config};

const fn operation(flow: Flow) -> Operation {
    match flow {
        Flow::Register => Operation::Register,
        Flow::Change => Operation::ChangePassword,
        Flow::Reset => Operation::ResetPassword,
    }
}

/// The last event of `flow`: how it was refused, and its notice.
fn reported(bed: &Bed, flow: Flow) -> (Option<ErrorCode>, bool) {
    let of_flow = |operation_of| operation_of == operation(flow);
    let events = bed.events.all();
    let event = events.iter().rfind(|event| of_flow(event.operation));
    event
        .map(|event| {
            (
                event.refused,
                event.notices.contains(Notice::BreachCheckFailed),
            )
        })
        .unwrap()
}

#[tokio::test]
async fn asvs_6_2_12_by_default_a_source_that_is_down_refuses_until_it_is_back() {
    assert_eq!(BreachPolicy::default().on_failure, Refuse);
    for flow in FLOWS {
        for mode in WAYS_TO_FAIL {
            let source = Switch::new(Mode::SaysNo);
            let bed = bed(hasty(Refuse), source.clone());
            let attempt = Attempt::prepare(&bed, flow).await;
            source.turn(mode);
            match attempt.set(CLEAN).await {
                Err(AuthError::Unavailable { retry_after }) => {
                    assert_eq!(retry_after, Duration::from_secs(30));
                }
                other => panic!("{flow:?} {mode:?}: {other:?}"),
            }
            let refused = Some(ErrorCode::Unavailable);
            assert_eq!(reported(&bed, flow), (refused, true), "{flow:?} {mode:?}");
            assert!(!attempt.is_set(CLEAN).await);

            // Nothing is remembered of it, and the link of a mail is still good.
            source.turn(Mode::SaysNo);
            attempt.set(CLEAN).await.unwrap();
            assert!(attempt.is_set(CLEAN).await);
            assert_eq!(reported(&bed, flow), (None, false));
        }
    }
}

#[tokio::test]
async fn asvs_6_2_12_a_source_that_is_down_can_be_passed_with_an_event() {
    for flow in FLOWS {
        for mode in WAYS_TO_FAIL {
            let source = Switch::new(Mode::SaysNo);
            let bed = bed(hasty(Allow), source.clone());
            let attempt = Attempt::prepare(&bed, flow).await;
            source.turn(mode);
            attempt.set(CLEAN).await.unwrap();
            assert!(attempt.is_set(CLEAN).await);
            assert_eq!(reported(&bed, flow), (None, true), "{flow:?} {mode:?}");
        }
    }
}

#[tokio::test]
async fn a_range_server_that_answers_rubbish_is_down() {
    struct Rubbish(&'static str);

    #[async_trait]
    impl RangeClient for Rubbish {
        async fn range(&self, _: &str) -> Result<String, Cause> {
            Ok(self.0.to_owned())
        }
    }

    for answer in ["", "<html>", "0123456789ABCDEF0123456789ABCDEF012"] {
        let bed = bed(settings(Refuse), RangeCheck::new(Rubbish(answer)));
        let outcome = register(&bed, ANN, CLEAN).await;
        assert!(
            matches!(outcome, Err(AuthError::Unavailable { .. })),
            "{answer:?}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn a_password_that_was_not_compared_is_told_even_if_the_hook_fails_too() {
    struct Broken;

    #[async_trait]
    impl AccountHooks for Broken {
        async fn registered(&self, _: &Profile, _: &Extra) -> Result<AccountData, Cause> {
            Err("the hook was told to fail".into())
        }
    }

    let bed = Bed::built(MemoryStore::new(), settings(Allow), |builder, _| {
        builder.hooks(Broken).breach_check(Switch::new(Mode::Fails))
    });
    register(&bed, ANN, CLEAN).await.unwrap();
    assert_eq!(reported(&bed, Flow::Register), (None, true));
}

/// Occupies its thread until it is told to go on.
struct Blocks(Mutex<mpsc::Receiver<()>>);

#[async_trait]
impl BreachCheck for Blocks {
    async fn is_breached(&self, _: &BreachQuery) -> Result<bool, Cause> {
        let _ = self.0.lock().unwrap().recv();
        Ok(true)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_blocks_its_thread_is_not_waited_for() {
    let (go_on, wait) = mpsc::channel();
    let bed = bed(hasty(Refuse), Blocks(Mutex::new(wait)));
    let outcome = register(&bed, ANN, CLEAN).await;
    drop(go_on);
    assert!(
        matches!(outcome, Err(AuthError::Unavailable { .. })),
        "{outcome:?}"
    );
}

/// Hangs, and says when it began and when it was given up.
#[derive(Clone, Default)]
struct Watched {
    began: Arc<Notify>,
    ended: Arc<Notify>,
    is_over: Arc<AtomicBool>,
}

struct Over(Watched);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::SeqCst);
        self.0.ended.notify_one();
    }
}

#[async_trait]
impl BreachCheck for Watched {
    async fn is_breached(&self, _: &BreachQuery) -> Result<bool, Cause> {
        let _over = Over(self.clone());
        self.began.notify_one();
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_request_that_is_dropped_gives_up_its_question() {
    let source = Watched::default();
    let mut config = config();
    config.breach.timeout = Duration::from_secs(60);
    let bed = bed(config, source.clone());
    tokio::select! {
        outcome = register(&bed, ANN, CLEAN) => panic!("{outcome:?}"),
        () = source.began.notified() => {}
    }
    // Well before the source's own time limit.
    let ended = timeout(Duration::from_secs(30), source.ended.notified());
    ended.await.unwrap();
    assert!(source.is_over.load(Ordering::SeqCst));
}

#[tokio::test]
async fn asvs_16_2_5_no_error_or_event_repeats_the_password() {
    for mode in WAYS_TO_FAIL {
        let bed = bed(hasty(Refuse), Switch::new(mode));
        let error = register(&bed, ANN, BREACHED).await.unwrap_err();
        let shown = format!("{error:?} {error} {:?}", bed.events.all());
        assert!(!shown.contains("velvet"), "{shown}");
        let cause = std::error::Error::source(&error);
        assert!(cause.is_none(), "{cause:?}");
    }
}

#[test]
fn a_time_limit_out_of_range_is_refused() {
    for (seconds, is_good) in [(0, false), (1, true), (60, true), (61, false)] {
        let mut config = AuthConfig::new("Exam simulator");
        config.breach.timeout = Duration::from_secs(seconds);
        let setting = match config.validate() {
            Ok(()) => None,
            Err(ConfigError::Invalid { setting, .. }) => Some(setting),
            Err(other) => panic!("{other}"),
        };
        assert_eq!(setting, (!is_good).then_some("breach.timeout"), "{seconds}");
    }
}
