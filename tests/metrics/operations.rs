use std::collections::BTreeMap;
use std::time::Duration;

use admittance::audit::AuditClass;
use admittance::error::ErrorCode;
use admittance::event::Operation;
use admittance::metrics::{
    EVENTS_PENDING, HASHING_RUNS, MAILS, MAILS_PENDING, MeteredStore, NOTICES, OPERATION_SECONDS,
    OPERATIONS, STORE_SECONDS,
};
use admittance::store::MemoryStore;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use metrics_util::debugging::DebuggingRecorder;

use crate::journey::{bed, live};
use crate::recorded::{Global, Recorded};
use support::faulty::FaultyStore;

#[tokio::test]
async fn every_operation_and_outcome_is_counted_once() {
    let mut global = Global::take().await;
    let bed = bed(MeteredStore::new(MemoryStore::new()));
    live(&bed).await;
    bed.auth.flush_events().await;
    let stats = bed.auth.hashing_stats();
    let seen = global.until(Recorded::is_quiet).await;

    let mut operations = BTreeMap::<String, f64>::new();
    let mut notices = BTreeMap::<String, f64>::new();
    let mut mails = BTreeMap::<String, f64>::new();
    let mut timed = BTreeMap::<String, usize>::new();
    for event in bed.events.all() {
        let operation = event.operation;
        let outcome = event.refused.map_or("ok", ErrorCode::as_str);
        let labels = format!("operation={operation},outcome={outcome}");
        *operations.entry(labels).or_default() += 1.0;
        match event.mail {
            Some(mail) => {
                *mails
                    .entry(format!("mail={},outcome=sent", mail.as_str()))
                    .or_default() += 1.0
            }
            None => {
                *timed
                    .entry(format!("{OPERATION_SECONDS}{{operation={operation}}}"))
                    .or_default() += 1
            }
        }
        for notice in event.notices.iter() {
            *notices
                .entry(format!("notice={}", notice.as_str()))
                .or_default() += 1.0;
        }
    }
    // Tokens that are good make no event, and neither does advice.
    for (operation, times) in [("validate_token", 8), ("password_strength", 1)] {
        let good = format!("operation={operation},outcome=ok");
        operations.insert(good, f64::from(times));
        *timed
            .entry(format!("{OPERATION_SECONDS}{{operation={operation}}}"))
            .or_default() += usize::try_from(times).unwrap();
    }
    assert_eq!(seen.by_labels(OPERATIONS), operations);
    assert_eq!(seen.by_labels(NOTICES), notices);
    assert_eq!(seen.by_labels(MAILS), mails);
    assert_eq!(seen.number(MAILS_PENDING), 0.0);
    assert_eq!(seen.number(EVENTS_PENDING), 0.0);
    let appended = format!("{STORE_SECONDS}{{method=append_event,outcome=ok}}");
    let kept = bed.events.all();
    let kept = kept.iter().filter_map(AuditClass::of).count();
    assert_eq!(seen.count(&appended), kept);
    for (name, count) in &timed {
        assert_eq!(seen.count(name), *count, "{name}");
    }
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let runs = stats.runs as f64;
    assert_eq!(seen.number(HASHING_RUNS), runs);

    for operation in ALL_OPERATIONS {
        let labels = format!("operation={operation},outcome=ok");
        assert!(seen.by_labels(OPERATIONS).contains_key(&labels), "{labels}");
    }
    for outcome in [
        "operation=register,outcome=email_taken",
        "operation=login,outcome=invalid_credentials",
        "operation=login,outcome=rate_limited",
        "operation=refresh,outcome=invalid_token",
        "operation=end_session,outcome=not_found",
        "operation=validate_token,outcome=invalid_token",
    ] {
        assert!(
            seen.by_labels(OPERATIONS).contains_key(outcome),
            "{outcome}"
        );
    }
    assert_eq!(
        seen.number(&format!("{NOTICES}{{notice=account_locked}}")),
        1.0
    );
    assert_eq!(
        seen.number(&format!("{NOTICES}{{notice=refresh_token_reused}}")),
        1.0
    );
}

const ALL_OPERATIONS: [Operation; 34] = [
    Operation::Register,
    Operation::Login,
    Operation::ValidateToken,
    Operation::Logout,
    Operation::Refresh,
    Operation::UpdateProfile,
    Operation::ChangePassword,
    Operation::Reauthenticate,
    Operation::PasswordStrength,
    Operation::ListSessions,
    Operation::EndSession,
    Operation::EndAllSessions,
    Operation::VerifyEmail,
    Operation::ResendVerification,
    Operation::DisownEmail,
    Operation::ForgotPassword,
    Operation::ResetPassword,
    Operation::ChangeEmail,
    Operation::ConfirmEmailChange,
    Operation::ExportAccount,
    Operation::ListEvents,
    Operation::DeleteAccount,
    Operation::AppointAdministrator,
    Operation::ViewUser,
    Operation::ListUsers,
    Operation::DisableUser,
    Operation::EnableUser,
    Operation::ChangeRoles,
    Operation::ListUserSessions,
    Operation::ListUserEvents,
    Operation::EndUserSession,
    Operation::EndUserSessions,
    Operation::SendPasswordReset,
    Operation::SendMail,
];

/// Has every act of the store take as long.
fn slow_down(store: &FaultyStore<MemoryStore>, time: Duration) {
    let again = store.clone();
    store.hook(1, move || {
        std::thread::sleep(time);
        slow_down(&again, time);
        async {}
    });
}

#[tokio::test]
async fn the_time_of_an_operation_counts_from_its_beginning() {
    let mut global = Global::take().await;
    let recorder = DebuggingRecorder::new();
    let _here = metrics::set_default_local_recorder(&recorder);
    let store = FaultyStore::new(MemoryStore::new());
    let time = Duration::from_millis(3);
    slow_down(&store, time);
    live(&bed(store)).await;
    let mut seen = Recorded::default();
    seen.add(&recorder.snapshotter());
    for operation in ALL_OPERATIONS {
        // Mail is made and sent in the background, at its own pace.
        if operation != Operation::SendMail {
            let name = format!("{OPERATION_SECONDS}{{operation={operation}}}");
            let longest = seen.samples[&name].iter().copied().fold(0.0, f64::max);
            assert!(longest >= time.as_secs_f64(), "{name}: {longest}");
        }
    }
    global.until(Recorded::is_quiet).await;
}

#[tokio::test]
async fn asvs_16_2_5_no_label_says_who_it_was() {
    let mut global = Global::take().await;
    let bed = bed(MeteredStore::new(MemoryStore::new()));
    live(&bed).await;
    let seen = global.until(Recorded::is_quiet).await;
    let keys: Vec<_> = seen.numbers.keys().chain(seen.samples.keys()).collect();
    assert!(keys.len() > 40, "{keys:?}");
    for key in keys {
        // Words in small letters cannot be an id, an address or a token.
        let is_word = |letter: char| letter.is_ascii_lowercase() || "_{}=,".contains(letter);
        assert!(key.chars().all(is_word), "{key}");
        assert!(!key.contains("canary"), "{key}");
    }
}

/// An application's recorder that fails.
struct Panics;

impl Recorder for Panics {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        panic!("the application's recorder")
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        panic!("the application's recorder")
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        panic!("the application's recorder")
    }
}

#[tokio::test]
async fn asvs_16_5_4_a_recorder_that_panics_changes_no_answer() {
    let mut global = Global::take().await;
    let _here = metrics::set_default_local_recorder(&Panics);
    live(&bed(MemoryStore::new())).await;
    global.until(Recorded::is_quiet).await;
}
