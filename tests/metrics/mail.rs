use std::sync::Arc;

use admittance::mail::{Mail, MailError, Mailer};
use admittance::metrics::{MAILS, MAILS_PENDING, NOTICES};
use admittance::store::MemoryStore;
use async_trait::async_trait;
use metrics_util::debugging::DebuggingRecorder;
use tokio::sync::Semaphore;

use crate::recorded::{Global, Recorded};
use support::bed::{Bed, config, mail_config, registration};

/// Sends when it is let through, and fails for good for one recipient.
#[derive(Clone)]
struct Slow(Arc<Semaphore>);

#[async_trait]
impl Mailer for Slow {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        self.0.acquire().await.unwrap().forget();
        match mail.to.as_str() {
            "bad@example.org" => Err(MailError::Permanent("refused".into())),
            _ => Ok(()),
        }
    }
}

#[tokio::test]
async fn mails_that_are_sent_dropped_and_given_up_are_counted_and_those_under_way_shown() {
    let mut global = Global::take().await;
    let recorder = DebuggingRecorder::new();
    let (snapshotter, mut seen) = (recorder.snapshotter(), Recorded::default());
    let _here = metrics::set_default_local_recorder(&recorder);
    let slow = Slow(Arc::new(Semaphore::new(0)));
    let bed = Bed::built(MemoryStore::new(), config(), |builder, _| {
        let mut config = mail_config();
        config.max_pending = 2;
        builder.mail(slow.clone(), config)
    });
    for email in ["good@example.org", "bad@example.org", "third@example.org"] {
        drop(bed.auth.register(registration(email), &bed.here).await);
    }
    seen.add(&snapshotter);
    assert_eq!(seen.number(MAILS_PENDING), 2.0);
    let dropped = "mail=verify_email,outcome=dropped".to_owned();
    assert_eq!(seen.by_labels(MAILS), [(dropped.clone(), 1.0)].into());

    slow.0.add_permits(2);
    bed.auth.flush_mail().await;
    seen.add(&snapshotter);
    assert_eq!(seen.number(MAILS_PENDING), 0.0);
    let outcome = |outcome| (format!("mail=verify_email,outcome={outcome}"), 1.0);
    assert_eq!(
        seen.by_labels(MAILS),
        ["dropped", "given_up", "sent"].map(outcome).into()
    );
    assert_eq!(
        seen.by_labels(NOTICES),
        ["mail_dropped", "mail_given_up"]
            .map(|notice| (format!("notice={notice}"), 1.0))
            .into()
    );
    global.until(Recorded::is_quiet).await;
}
