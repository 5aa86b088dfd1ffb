//! A mailer that goes wrong: it fails, hangs or panics, before or after it has
//! sent. No answer depends on it and no request waits for it; the mail is
//! tried again, a bounded number of times, and a bounded number at once.
//!
//! Time stands still but for what is waited for: tokio's clock is paused and
//! moves on to the next timer when nothing else is to be done. It is paused
//! after the accounts are made, because hashing happens on other threads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use admittance::config::LimitPolicy;
use admittance::event::{Notice, Operation};
use admittance::mail::{Mail, MailConfig, MailError, MailKind, Mailer};
use admittance::store::MemoryStore;
use admittance::test_util::Mailbox;
use async_trait::async_trait;
use tokio::sync::Semaphore;
use tokio::time::{Instant, pause, resume, sleep, timeout};

use crate::scene::{OPS, Op, Scene, shape};
use support::asks::{Answer, forgot};
use support::bed::{Bed, config, mail_config};

/// Longer than anything takes, in time that stands still.
const FOR_EVER: Duration = Duration::from_secs(30 * 86_400);

/// What becomes of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Sends,
    /// It takes a while, and works.
    Slow(Duration),
    FailsBefore,
    /// It is sent, but what is heard of it is an error.
    FailsAfter,
    Hangs,
    HangsAfter,
    Panics,
    PanicsAfter,
    /// It says that it will never work.
    Refuses,
}

/// What may be better the next time.
const FAILURES: [Act; 6] = [
    Act::FailsBefore,
    Act::FailsAfter,
    Act::Hangs,
    Act::HangsAfter,
    Act::Panics,
    Act::PanicsAfter,
];

/// Does as it is told at the first attempts, and sends from then on. Clones
/// share what they do.
#[derive(Clone)]
struct FaultyMailer {
    mailbox: Mailbox,
    act: Act,
    /// How many attempts go wrong.
    left: Arc<AtomicUsize>,
    /// When each attempt was made.
    tried: Arc<Mutex<Vec<Instant>>>,
    /// Attempts that are under way, and the most there were at once.
    busy: Arc<(AtomicUsize, AtomicUsize)>,
}

struct Busy(Arc<(AtomicUsize, AtomicUsize)>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl FaultyMailer {
    fn new(mailbox: Mailbox, act: Act, failures: usize) -> Self {
        Self {
            mailbox,
            act,
            left: Arc::new(AtomicUsize::new(failures)),
            tried: Arc::default(),
            busy: Arc::default(),
        }
    }

    fn next(&self) -> Act {
        let one_less = |left: usize| left.checked_sub(1);
        let left = &self.left;
        match left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less) {
            Ok(_) => self.act,
            Err(_) => Act::Sends,
        }
    }

    fn most_at_once(&self) -> usize {
        self.busy.1.load(Ordering::SeqCst)
    }

    /// How many attempts there were since this was last called, and the waits
    /// between them.
    fn attempts(&self) -> (usize, Vec<Duration>) {
        let tried = std::mem::take(&mut *self.tried.lock().unwrap());
        let waits = tried.windows(2).map(|pair| pair[1] - pair[0]);
        (tried.len(), waits.collect())
    }
}

#[async_trait]
impl Mailer for FaultyMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        self.tried.lock().unwrap().push(Instant::now());
        let _busy = Busy(Arc::clone(&self.busy));
        let now = self.busy.0.fetch_add(1, Ordering::SeqCst) + 1;
        self.busy.1.fetch_max(now, Ordering::SeqCst);
        let act = self.next();
        if let Act::Slow(duration) = act {
            sleep(duration).await;
        }
        let is_sent = matches!(
            act,
            Act::Sends | Act::Slow(_) | Act::FailsAfter | Act::HangsAfter | Act::PanicsAfter
        );
        if is_sent {
            self.mailbox.send(mail).await?;
        }
        match act {
            Act::Sends | Act::Slow(_) => Ok(()),
            Act::FailsBefore | Act::FailsAfter => Err(MailError::Temporary("told to fail".into())),
            Act::Hangs | Act::HangsAfter => std::future::pending().await,
            Act::Panics | Act::PanicsAfter => panic!("the mailer was told to panic"),
            Act::Refuses => Err(MailError::Permanent("told to refuse".into())),
        }
    }
}

/// A bed with `accounts` accounts whose mailer goes wrong from then on.
async fn bed(
    act: Act,
    failures: usize,
    accounts: usize,
    mail: MailConfig,
) -> (Bed<MemoryStore>, FaultyMailer) {
    let store = MemoryStore::new();
    let mut config = config();
    config.limits = LimitPolicy::off();
    let past = Bed::over(store.clone(), config.clone());
    for number in 0..accounts {
        past.register(&email(number)).await;
    }
    let mut mailer = None;
    let bed = Bed::built(store, config, |builder, mailbox| {
        let faulty = FaultyMailer::new(mailbox, act, failures);
        mailer = Some(faulty.clone());
        builder.mail(faulty, mail)
    });
    pause();
    (bed, mailer.unwrap())
}

fn email(number: usize) -> String {
    format!("user{number}@example.org")
}

/// Asks for a link; it must not wait for any mail.
async fn ask(bed: &Bed<MemoryStore>, number: usize) {
    let start = Instant::now();
    let answer = forgot(bed, &email(number)).await;
    assert_eq!(shape(&answer), Ok(false));
    assert_eq!(start.elapsed(), Duration::ZERO, "a request waited");
}

async fn flush(bed: &Bed<MemoryStore>) {
    let done = timeout(FOR_EVER, bed.auth.flush_mail());
    assert!(done.await.is_ok(), "a mail is under way for ever");
}

/// What was reported of mails: each with what there was to notice.
fn notices(bed: &Bed<MemoryStore>) -> Vec<Option<Notice>> {
    let events = bed.events.all();
    let of_mails = events
        .iter()
        .filter(|event| event.operation == Operation::SendMail);
    of_mails
        .map(|event| {
            assert_eq!(event.mail, Some(MailKind::ResetPassword));
            assert_eq!(event.refused.is_some(), event.notices.first().is_some());
            event.notices.first()
        })
        .collect()
}

#[tokio::test]
async fn ghsa_39_a_mail_is_tried_again_with_doubling_waits_and_given_up_with_an_event() {
    let mut faults = 0;
    for act in FAILURES {
        let mail = mail_config();
        let most = usize::try_from(mail.attempts).unwrap();
        for failures in 0..=most {
            let (bed, mailer) = bed(act, failures, 1, mail.clone()).await;
            ask(&bed, 0).await;
            let start = Instant::now();
            flush(&bed).await;
            let (attempts, waits) = mailer.attempts();
            assert_eq!(attempts, most.min(failures + 1), "{act:?}");
            let taken = match act {
                Act::Hangs | Act::HangsAfter => mail.attempt_timeout,
                _ => Duration::ZERO,
            };
            let mut wait = mail.first_retry;
            for waited in waits {
                // Timers are exact to a millisecond.
                let off = waited.abs_diff(taken + wait);
                assert!(off <= Duration::from_millis(2), "{act:?}: {waited:?}");
                wait *= 2;
            }
            let is_given_up = failures == most;
            let notice = is_given_up.then_some(Notice::MailGivenUp);
            assert_eq!(notices(&bed), [notice], "{act:?}");
            let is_sending = matches!(act, Act::FailsAfter | Act::HangsAfter | Act::PanicsAfter);
            // A mail comes once, and once more for each time that it was sent
            // without that being heard.
            let sent = usize::from(!is_given_up) + if is_sending { failures } else { 0 };
            assert_eq!(bed.mailbox.take().len(), sent, "{act:?}");
            if is_given_up && taken.is_zero() {
                let about_4_minutes = Duration::from_secs(230)..Duration::from_secs(300);
                assert!(about_4_minutes.contains(&start.elapsed()));
            }
            faults += failures;
            resume();
        }
    }
    println!("{faults} faults of the mailer at every attempt, 0 violations");
}

#[tokio::test]
async fn ghsa_39_a_mail_that_is_refused_for_good_is_not_tried_again() {
    let (bed, mailer) = bed(Act::Refuses, 1, 1, mail_config()).await;
    ask(&bed, 0).await;
    flush(&bed).await;
    assert_eq!(mailer.attempts().0, 1);
    assert_eq!(notices(&bed), [Some(Notice::MailGivenUp)]);
    assert!(bed.mailbox.take().is_empty());
}

#[tokio::test]
async fn ghsa_39_an_attempt_that_hangs_is_ended() {
    let (bed, mailer) = bed(Act::Hangs, usize::MAX, 1, mail_config()).await;
    ask(&bed, 0).await;
    flush(&bed).await;
    // It is not only no longer waited for.
    tokio::task::yield_now().await;
    assert_eq!(mailer.busy.0.load(Ordering::SeqCst), 0);
    assert_eq!(mailer.most_at_once(), 1);
}

#[tokio::test]
async fn asvs_2_4_1_no_more_mails_are_under_way_than_is_allowed() {
    const ACCOUNTS: usize = 12;
    for act in [
        Act::Hangs,
        Act::Slow(Duration::from_secs(20)),
        Act::FailsBefore,
    ] {
        let mut mail = mail_config();
        mail.max_pending = 5;
        mail.concurrency = 2;
        // Of whatever becomes of the first five, all goes wrong.
        let failures = 5 * usize::try_from(mail.attempts).unwrap();
        let (bed, mailer) = bed(act, failures, ACCOUNTS, mail).await;
        for number in 0..ACCOUNTS {
            ask(&bed, number).await;
        }
        // I11: what is above is dropped at once, before it costs anything.
        let dropped = vec![Some(Notice::MailDropped); ACCOUNTS - 5];
        assert_eq!(notices(&bed), dropped, "{act:?}");
        flush(&bed).await;
        assert_eq!(
            bed.store.counts().tokens,
            5,
            "{act:?}: links of dropped mails"
        );
        let most = mailer.most_at_once();
        assert!((1..=2).contains(&most), "{act:?}: {most} attempts at once");

        // There is room again, and the mails that follow are sent.
        mailer.left.store(0, Ordering::SeqCst);
        let _ = bed.mailbox.take();
        for number in 0..5 {
            ask(&bed, number).await;
        }
        flush(&bed).await;
        assert_eq!(bed.mailbox.take().len(), 5, "{act:?}");
        assert_eq!(notices(&bed)[ACCOUNTS..], [None; 5]);
        resume();
    }
}

/// Mails wait here until they are let through.
#[derive(Clone)]
struct Gate {
    mailbox: Mailbox,
    open: Arc<Semaphore>,
}

#[async_trait]
impl Mailer for Gate {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let _place = self.open.acquire().await.unwrap();
        self.mailbox.send(mail).await
    }
}

/// Operations that mail something when nothing goes wrong.
async fn mailing() -> Vec<Op> {
    let mut mailing = Vec::new();
    for op in OPS {
        let scene = Scene::new(op).await;
        let _ = scene.operation().await;
        if !scene.mails().await.is_empty() {
            mailing.push(op);
        }
    }
    mailing
}

/// However slow the machine: what waits for a mailer that hangs waits for ever.
async fn answer(scene: &Scene) -> Answer {
    let answer = timeout(Duration::from_secs(60), scene.operation()).await;
    answer.unwrap_or_else(|_| panic!("a request waits for its mail"))
}

#[tokio::test]
async fn ghsa_39_no_operation_waits_for_its_mail() {
    for op in mailing().await {
        let undisturbed = Scene::new(op).await;
        let usual = shape(&undisturbed.operation().await);
        let open = Arc::new(Semaphore::new(0));
        let gate = Arc::clone(&open);
        let scene = Scene::built(op, config(), |builder, mailbox| {
            let mut mail = mail_config();
            // For ever, as far as this test goes.
            mail.attempt_timeout = Duration::from_secs(86_400);
            builder.mail(
                Gate {
                    mailbox,
                    open: gate,
                },
                mail,
            )
        })
        .await;
        // It comes to its end while nothing is let through.
        let answer = answer(&scene).await;
        assert_eq!(shape(&answer), usual, "{op:?}");
        assert!(scene.bed.mailbox.take().is_empty());
        open.add_permits(100);
        assert_eq!(scene.mails().await, undisturbed.mails().await, "{op:?}");
        scene.check(&Some(answer)).await;
    }
}

#[tokio::test]
async fn ghsa_39_a_mailer_that_goes_wrong_changes_no_answer_and_a_retry_converges() {
    let (ops, mut faults) = (mailing().await, 0);
    assert!(ops.len() >= 12, "{ops:?}");
    for op in &ops {
        let undisturbed = Scene::new(*op).await;
        let usual = shape(&undisturbed.operation().await);
        let usual_mails = undisturbed.mails().await;
        for act in FAILURES.into_iter().chain([Act::Refuses]) {
            println!("{op:?}: {act:?}");
            let mut mailer = None;
            let scene = Scene::built(*op, config(), |builder, mailbox| {
                let mut mail = mail_config();
                mail.attempts = 1;
                mail.attempt_timeout = Duration::from_secs(86_400);
                let faulty = FaultyMailer::new(mailbox, act, usize::MAX);
                mailer = Some(faulty.clone());
                builder.mail(faulty, mail)
            })
            .await;
            let answer = answer(&scene).await;
            assert_eq!(shape(&answer), usual);
            // Nothing hashes by now, so what hangs can be waited for.
            pause();
            let mails = timeout(FOR_EVER, scene.mails()).await;
            let mails = mails.unwrap_or_else(|_| panic!("a mail is under way for ever"));
            resume();
            let is_sending = matches!(act, Act::FailsAfter | Act::HangsAfter | Act::PanicsAfter);
            assert_eq!(
                mails,
                if is_sending {
                    usual_mails.clone()
                } else {
                    Vec::new()
                }
            );
            let given_up = scene.bed.events.all();
            let given_up = given_up
                .iter()
                .filter(|event| event.notices.first() == Some(Notice::MailGivenUp));
            assert_eq!(given_up.count(), usual_mails.len());
            faults += usual_mails.len();
            // The mailer works again, and another link can be requested.
            mailer.unwrap().left.store(0, Ordering::SeqCst);
            scene.check(&Some(answer)).await;
        }
    }
    println!(
        "{faults} mails of {} operations went wrong, 0 violations",
        ops.len()
    );
}
