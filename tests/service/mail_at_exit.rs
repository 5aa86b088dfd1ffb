//! Mail that waits when the program ends.

use std::future::pending;

use admittance::mail::{Mail, MailError, Mailer};
use admittance::store::MemoryStore;

use support::bed::{Bed, Builder, config, mail_config, registration};
use support::log::logged_by;

/// Never ends an attempt.
struct Hangs;

#[admittance::async_trait]
impl Mailer for Hangs {
    async fn send(&self, _: &Mail) -> Result<(), MailError> {
        pending().await
    }
}

const ADDRESSES: [&str; 3] = ["ann@example.org", "ben@example.org", "cid@example.org"];

/// What a program logs that registers three people and ends, by `last` at its end.
fn logged_at_exit(
    add: impl FnOnce(Builder<MemoryStore>) -> Builder<MemoryStore>,
    last: impl AsyncFnOnce(&Bed),
) -> String {
    let bed = Bed::built(MemoryStore::new(), config(), |builder, mailbox| {
        add(builder.mail(mailbox, mail_config()))
    });
    logged_by(|| {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        runtime.block_on(async {
            for address in ADDRESSES {
                let request = registration(address);
                drop(bed.auth.register(request, &bed.here).await.unwrap());
            }
            last(&bed).await;
        });
        drop(runtime);
        drop(bed);
    })
}

fn about_loss(log: &str) -> Vec<&str> {
    log.lines().filter(|line| line.contains("lost")).collect()
}

#[test]
fn mails_that_wait_when_the_runtime_ends_are_one_line_with_their_number_and_no_address() {
    let log = logged_at_exit(|builder| builder.mail(Hangs, mail_config()), async |_| ());
    let lines = about_loss(&log);
    let [line] = lines[..] else {
        panic!("{lines:#?}");
    };
    assert!(
        line.contains("ERROR") && line.contains("mails=3"),
        "{line:?}"
    );
    assert!(line.contains("flush_mail"), "{line:?}");
    for address in ADDRESSES {
        assert!(!line.contains(address), "{line:?}");
    }
}

#[test]
fn nothing_is_lost_by_a_program_that_flushes_its_mail() {
    let log = logged_at_exit(|builder| builder, async |bed| bed.auth.flush_mail().await);
    assert_eq!(about_loss(&log), Vec::<&str>::new());
}
