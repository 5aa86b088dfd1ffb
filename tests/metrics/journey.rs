use std::collections::BTreeMap;

use admittance::error::ErrorCode;
use admittance::event::Operation;
use admittance::mail::MailKind;
use admittance::metrics::{
    HASHING_RUNS, MAILS, MAILS_PENDING, MeteredStore, NOTICES, OPERATION_SECONDS, OPERATIONS,
};
use admittance::service::{RequestContext, UpdateProfile};
use admittance::store::{MemoryStore, Store};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

use crate::asks::{change_email, confirm_email, delete, disown, forgot, resend, reset, verify};
use crate::recorded::{Global, Recorded};
use crate::support::bed::{Bed, OTHER_PASSWORD, PASSWORD, config, registration};

const ANN: &str = "ann.canary@example.org";
const BOB: &str = "bob.canary@example.org";
const NEW: &str = "new.canary@example.org";
const AGENT: &str = "canary-browser";

/// Every operation, with success and with some refusals.
async fn live<S: Store + Clone>(bed: &Bed<S>) {
    let registered = bed.register(ANN).await;
    drop(bed.auth.register(registration(ANN), &bed.here).await);
    let verify_link = bed.mailed(MailKind::VerifyEmail).await;
    let elsewhere = bed.login(ANN, PASSWORD).await.unwrap().tokens;
    drop(bed.login(ANN, OTHER_PASSWORD).await);
    let ann = bed.validate(&registered.tokens).await.unwrap();
    drop(bed.auth.validate_token("canary-no-token", &bed.here).await);

    resend(bed, ANN).await.unwrap();
    verify(bed, &verify_link, None, Some(&ann)).await.unwrap();
    let change = UpdateProfile {
        name: Some("Canary Lee".into()),
        preferences: None,
    };
    bed.auth
        .update_profile(&ann, change, &bed.here)
        .await
        .unwrap();
    bed.auth.list_sessions(&ann, &bed.here).await.unwrap();
    drop(bed.auth.export_account(&ann, &bed.here).await.unwrap());

    let next = bed.refresh(&elsewhere).await.unwrap();
    bed.refresh(&next).await.unwrap();
    drop(bed.refresh(&elsewhere).await);
    let id = ann.session().id;
    let third = bed.login(ANN, PASSWORD).await.unwrap().tokens;
    let other = bed.validate(&third).await.unwrap().session().id;
    bed.auth.end_session(&ann, other, &bed.here).await.unwrap();
    drop(bed.auth.end_session(&ann, other, &bed.here).await);
    bed.auth.end_all_sessions(&ann, &bed.here).await.unwrap();
    assert_eq!(ann.session().id, id);

    change_email(bed, &ann, NEW, PASSWORD).await.unwrap();
    let link = bed.mailed(MailKind::ConfirmEmailChange).await;
    confirm_email(bed, &ann, &link).await.unwrap();
    let tokens = bed
        .change_password(&ann, PASSWORD, OTHER_PASSWORD)
        .await
        .unwrap()
        .tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    bed.auth.logout(&ann, &bed.here).await.unwrap();

    forgot(bed, NEW).await.unwrap();
    let link = bed.mailed(MailKind::ResetPassword).await;
    reset(bed, &link, PASSWORD).await.unwrap();
    let tokens = bed.login(NEW, PASSWORD).await.unwrap().tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    delete(bed, &ann, PASSWORD).await.unwrap();

    bed.register(BOB).await;
    let link = bed.mailed(MailKind::VerifyEmail).await;
    disown(bed, &link).await.unwrap();
    for _ in 0..5 {
        drop(bed.login(BOB, OTHER_PASSWORD).await);
    }
    drop(bed.login(BOB, OTHER_PASSWORD).await);
    bed.auth.flush_mail().await;
}

fn bed() -> Bed<MeteredStore<MemoryStore>> {
    let mut bed = Bed::mailing_over(MeteredStore::new(MemoryStore::new()), config());
    bed.here = RequestContext::from_ip([203, 0, 113, 77].into()).with_user_agent(AGENT);
    bed
}

#[tokio::test]
async fn every_operation_and_outcome_is_counted_once() {
    let mut global = Global::take().await;
    let bed = bed();
    live(&bed).await;
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
        if let Some(notice) = event.notice {
            *notices
                .entry(format!("notice={}", notice.as_str()))
                .or_default() += 1.0;
        }
    }
    // Tokens that are good make no event.
    let good = "operation=validate_token,outcome=ok";
    operations.insert(good.to_owned(), 4.0);
    *timed
        .entry(format!("{OPERATION_SECONDS}{{operation=validate_token}}"))
        .or_default() += 4;
    assert_eq!(seen.by_labels(OPERATIONS), operations);
    assert_eq!(seen.by_labels(NOTICES), notices);
    assert_eq!(seen.by_labels(MAILS), mails);
    assert_eq!(seen.number(MAILS_PENDING), 0.0);
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

/// Those of the journey: all that a person can ask for.
const ALL_OPERATIONS: [Operation; 20] = [
    Operation::Register,
    Operation::Login,
    Operation::ValidateToken,
    Operation::Logout,
    Operation::Refresh,
    Operation::UpdateProfile,
    Operation::ChangePassword,
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
    Operation::DeleteAccount,
    Operation::SendMail,
];

#[tokio::test]
async fn asvs_16_2_5_no_label_says_who_it_was() {
    let mut global = Global::take().await;
    let bed = bed();
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
    live(&bed()).await;
    global.until(Recorded::is_quiet).await;
}
