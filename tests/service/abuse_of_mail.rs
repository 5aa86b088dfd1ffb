//! What a stranger, a squatter or a thief can still do with an account's mail
//! and links.

use std::time::Duration;

use admittance::audit::AuditPolicy;
use admittance::clock::Clock;
use admittance::config::RegistrationMode;
use admittance::error::AuthError;
use admittance::mail::MailKind;
use admittance::secret::MailToken;
use admittance::service::{
    AccountData, Authenticated, ChangeEmail, EmailRequest, RequestContext, ResetPassword,
    VerifyEmail,
};
use admittance::store::{AuditStore, MemoryStore};
use admittance::test_util::Mailbox;

use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, config, mail_config, registration};

const ANN: &str = "ann@example.org";
const SQUATTERS: &str = "velvet?Harbour 18 sundial";

fn email(email: &str) -> EmailRequest {
    EmailRequest {
        email: email.into(),
    }
}

fn network(number: u8) -> RequestContext {
    RequestContext::from_ip([198, 51, number, 7].into()).with_user_agent("elsewhere")
}

async fn ask(
    bed: &Bed,
    who: &Authenticated,
    to: &str,
    context: &RequestContext,
) -> Result<(), AuthError> {
    let request = ChangeEmail {
        new_email: to.into(),
        current_password: PASSWORD.into(),
    };
    bed.auth.change_email(who, request, context).await.map(drop)
}

async fn reset(bed: &Bed, token: MailToken) -> Result<(), AuthError> {
    let request = ResetPassword {
        token,
        new_password: OTHER_PASSWORD.into(),
        confirm_password: OTHER_PASSWORD.into(),
    };
    bed.auth.reset_password(request, &bed.here).await.map(drop)
}

async fn confirmed(bed: &Bed) -> Authenticated {
    let tokens = bed.register(ANN).await.tokens;
    let session = bed.validate(&tokens).await.unwrap();
    let request = VerifyEmail {
        token: bed.mailed(MailKind::VerifyEmail).await,
        password: None,
        ticket: None,
    };
    let done = bed.auth.verify_email(request, Some(&session), &bed.here);
    let _ = done.await.unwrap();
    let _ = bed.mails().await;
    bed.validate(&tokens).await.unwrap()
}

#[tokio::test]
async fn a_stranger_cannot_keep_an_owner_from_a_reset() {
    let bed = Bed::mailing();
    confirmed(&bed).await;
    let stranger = network(1);
    for _ in 0..3 {
        let asked = bed.auth.resend_verification(email(ANN), &stranger).await;
        let _ = asked.unwrap();
    }
    // A whole day: the stranger asks once in five minutes, the owner tries
    // every minute in between.
    let (mut got_in, mut mails) = (0, 0);
    for _ in 0..288 {
        for _ in 0..4 {
            bed.clock.advance(Duration::from_secs(60));
            let tried = bed.auth.forgot_password(email(ANN), &bed.here).await;
            got_in += u32::from(tried.is_ok());
        }
        bed.clock.advance(Duration::from_secs(60));
        let asked = bed.auth.resend_verification(email(ANN), &stranger).await;
        let _ = asked.unwrap();
        mails += bed.mails().await.len();
    }
    assert!(
        got_in > 0,
        "of 1152 tries in a day {got_in} were heard, {mails} mails were sent"
    );
}

#[tokio::test]
async fn by_verify_first_a_stranger_cannot_keep_an_owner_from_registering() {
    let mut config = config();
    config.registration = RegistrationMode::VerifyFirst;
    let bed = Bed::mailing_with(config);
    for _ in 0..3 {
        let asked = bed.auth.resend_verification(email(ANN), &network(1)).await;
        let _ = asked.unwrap();
    }
    assert!(bed.mails().await.is_empty());
    let registered = bed.auth.register(registration(ANN), &bed.here).await;
    assert!(registered.is_ok(), "{:?}", registered.err());
}

#[tokio::test]
async fn asvs_2_4_1_asking_for_other_addresses_sends_a_stranger_no_stream_of_mail() {
    let bed = Bed::mailing();
    let tokens = bed.register(ANN).await.tokens;
    let squatter = bed.validate(&tokens).await.unwrap();
    for number in 0..10 {
        for turn in 0..10 {
            let to = format!("eve{number}x{turn}@evil.example");
            let _ = ask(&bed, &squatter, &to, &network(number)).await;
        }
    }
    let mails = bed.mails().await;
    let to_stranger = mails.iter().filter(|(_, to)| to == ANN).count();
    assert!(
        to_stranger <= 4,
        "{to_stranger} mails at once to one stranger"
    );
}

#[tokio::test]
async fn ghsa_1_a_squatter_cannot_take_the_reset_link_from_the_owner() {
    let bed = Bed::mailing();
    let mut tokens = bed.register(ANN).await.tokens;
    let mut passwords = [PASSWORD, SQUATTERS].into_iter().cycle();
    let mut now = passwords.next().unwrap();
    for round in 0..20 {
        let asked = bed.auth.forgot_password(email(ANN), &bed.here).await;
        let _ = asked.unwrap();
        let link = bed.mailed(MailKind::ResetPassword).await;
        // The owner needs a minute to read the mail.
        bed.clock.advance(Duration::from_secs(60));
        let squatter = bed.validate(&tokens).await.unwrap();
        let next = passwords.next().unwrap();
        tokens = bed
            .change_password(&squatter, now, next)
            .await
            .unwrap()
            .tokens;
        now = next;
        if reset(&bed, link).await.is_ok() {
            return;
        }
        assert!(
            round < 19,
            "20 links, each asked for by the owner, all dead"
        );
        bed.clock.advance(Duration::from_secs(300));
    }
}

#[tokio::test]
async fn asvs_6_3_8_an_export_does_not_tell_whether_a_wanted_address_is_taken() {
    let mut config = config();
    config.registration = RegistrationMode::VerifyFirst;
    let bed = Bed::mailing_with(config);
    for address in [ANN, "eve@evil.example"] {
        let registered = bed.auth.register(registration(address), &bed.here).await;
        let _ = registered.unwrap();
        let request = VerifyEmail {
            token: bed.mailed(MailKind::CompleteRegistration).await,
            password: Some(PASSWORD.into()),
            ticket: None,
        };
        let _ = bed
            .auth
            .verify_email(request, None, &bed.here)
            .await
            .unwrap();
    }
    let tokens = bed
        .login("eve@evil.example", PASSWORD)
        .await
        .unwrap()
        .tokens;
    let eve = bed.validate(&tokens).await.unwrap();
    let mut listed = Vec::new();
    for wanted in [ANN, "nobody@example.org"] {
        ask(&bed, &eve, wanted, &bed.here).await.unwrap();
        bed.auth.flush_mail().await;
        let export = bed.auth.export_account(&eve, &bed.here).await.unwrap();
        listed.push(export.links.iter().any(|link| link.email == wanted));
    }
    assert_eq!(
        listed[0], listed[1],
        "taken and free look different: {listed:?}"
    );
}

#[tokio::test]
async fn asvs_6_3_8_the_log_of_events_does_not_tell_whether_a_wanted_address_is_taken() {
    let store = MemoryStore::new();
    let bed = Bed::built(store.clone(), config(), |builder, mailbox| {
        let builder = builder.mail(mailbox, mail_config());
        builder.audit_log(store.clone(), AuditPolicy::default())
    });
    bed.register(ANN).await;
    let mut logs = Vec::new();
    for (asker, wanted) in [
        ("eve@evil.example", ANN),
        ("mallory@evil.example", "nobody@example.org"),
    ] {
        let asker = bed.register(asker).await;
        let session = bed.validate(&asker.tokens).await.unwrap();
        bed.clock.advance(Duration::from_secs(1));
        ask(&bed, &session, wanted, &bed.here).await.unwrap();
        bed.auth.flush_mail().await;
        bed.auth.flush_events().await;
        let kept = store.events_of(asker.user_id, None, 100, bed.clock.now());
        let mut log: Vec<_> = kept
            .await
            .unwrap()
            .into_iter()
            .map(|record| {
                format!(
                    "{:?} {:?} {:?}",
                    record.operation, record.mail, record.count
                )
            })
            .collect();
        log.sort();
        logs.push(log);
    }
    assert!(!logs[0].is_empty());
    assert_eq!(logs[0], logs[1]);
}

#[tokio::test]
async fn a_refused_deletion_leaves_sessions_and_links_alone() {
    let bed = Bed::mailing();
    let tokens = bed.register(ANN).await.tokens;
    let stale = bed.validate(&tokens).await.unwrap();
    let new = bed
        .change_password(&stale, PASSWORD, OTHER_PASSWORD)
        .await
        .unwrap()
        .tokens;
    let asked = bed.auth.forgot_password(email(ANN), &bed.here).await;
    let _ = asked.unwrap();
    let link = bed.mailed(MailKind::ResetPassword).await;
    // A thief's request, under way since before the change, with the old password.
    let request = admittance::service::DeleteAccount {
        current_password: PASSWORD.into(),
    };
    let refused = bed.auth.delete_account(&stale, request, &bed.here).await;
    assert!(refused.is_err());
    let alive = (
        bed.validate(&new).await.is_ok(),
        reset(&bed, link).await.is_ok(),
    );
    assert_eq!(alive, (true, true), "(session, reset link) of the owner");
}

#[tokio::test]
async fn what_a_client_says_it_is_becomes_no_link_and_no_number_to_call() {
    let bed = Bed::mailing();
    confirmed(&bed).await;
    let hostile = RequestContext::from_ip([198, 51, 100, 7].into())
        .with_user_agent("Account locked: 93.184.216.34/login or call 1-900-555-0199");
    let request = support::bed::login(ANN, PASSWORD);
    let _ = bed.auth.login(request, &hostile).await.unwrap();
    let mail = bed.mail(MailKind::NewDevice).await;
    assert_eq!(Mailbox::token(&mail).map(drop), None);
    for bad in ["93.184.216.34/login", "1-900-555-0199"] {
        assert!(!mail.text.contains(bad), "{}", mail.text);
    }
}

struct GermanHook;

#[async_trait::async_trait]
impl admittance::service::AccountHooks for GermanHook {
    async fn registered(
        &self,
        _: &admittance::profile::Profile,
        _: &admittance::extra::Extra,
    ) -> Result<AccountData, admittance::store::Cause> {
        Ok(support::bed::given(&serde_json::json!({"language": "de"})))
    }
}

#[tokio::test]
async fn the_first_mail_is_in_the_language_that_the_hook_seeds() {
    use admittance::mail::{MailPart, MailTemplates};
    let mut mail = support::bed::mail_config();
    let subject = "Bestätigen";
    let german =
        MailTemplates::default().with("de", MailKind::VerifyEmail, MailPart::Subject, subject);
    mail.templates = german.unwrap();
    let store = admittance::store::MemoryStore::new();
    let bed = Bed::built(store, config(), |builder, mailbox| {
        builder.mail(mailbox, mail).hooks(GermanHook)
    });
    bed.register(ANN).await;
    assert_eq!(bed.mail(MailKind::VerifyEmail).await.subject, subject);
}

#[tokio::test]
async fn what_a_squatter_called_the_account_is_not_in_the_mail_about_its_reset() {
    let bed = Bed::mailing();
    let mut request = registration(ANN);
    request.name = "Your account is locked, see evil.example".into();
    let _ = bed.auth.register(request, &network(1)).await.unwrap();
    let asked = bed.auth.forgot_password(email(ANN), &bed.here).await;
    let _ = asked.unwrap();
    let link = bed.mailed(MailKind::ResetPassword).await;
    reset(&bed, link).await.unwrap();
    let mail = bed.mail(MailKind::PasswordChanged).await;
    for part in [mail.subject, mail.text, mail.html] {
        assert!(!part.contains("evil.example"), "{part}");
    }
}

#[tokio::test]
async fn asvs_2_4_1_one_mailbox_gets_no_more_mail_for_having_tags() {
    for mode in [RegistrationMode::OpenSession, RegistrationMode::VerifyFirst] {
        let mut config = config();
        config.registration = mode;
        let bed = Bed::mailing_with(config);
        let (mut accounts, mut refused) = (Vec::new(), 0);
        // Nearly as many as one network may register.
        for number in 0..58 {
            let tagged = format!("ann+{number}@example.org");
            match bed.auth.register(registration(&tagged), &bed.here).await {
                Ok(answer) => accounts.extend(answer.opened()),
                Err(AuthError::RateLimited { .. }) => refused += 1,
                Err(other) => panic!("{other:?}"),
            }
        }
        assert_eq!(bed.mails().await.len(), 3, "{mode:?}");
        // By `OpenSession` the accounts are made nevertheless.
        match mode {
            RegistrationMode::OpenSession => assert_eq!((accounts.len(), refused), (58, 0)),
            _ => assert_eq!((accounts.len(), refused), (0, 55)),
        }
        // Another mailbox, and the same one from another network, are not touched.
        for (address, here) in [("bob+1@example.org", &bed.here), (ANN, &network(1))] {
            let _ = bed
                .auth
                .register(registration(address), here)
                .await
                .unwrap();
            assert_eq!(bed.mails().await.len(), 1, "{mode:?}: {address}");
        }
    }
}

#[tokio::test]
async fn asvs_2_4_1_each_kind_of_mail_that_is_asked_for_is_counted_by_mailbox() {
    let mut config = config();
    config.limits.login_by_address = None;
    let bed = Bed::mailing_with(config);
    let addresses: Vec<String> = ["ann", "ann+1", "ANN+2", "ann+2+3"]
        .into_iter()
        .map(|local| format!("{local}@example.org"))
        .collect();
    for address in &addresses {
        bed.register(address).await;
    }
    let eve = bed.register("eve@evil.example").await.tokens;
    let eve = bed.validate(&eve).await.unwrap();
    let _ = bed.mails().await;
    let is_limited = |answer: &Result<(), AuthError>| match answer {
        Ok(()) => false,
        Err(AuthError::RateLimited { .. }) => true,
        Err(other) => panic!("{other:?}"),
    };
    let mut answers = Vec::new();
    for address in &addresses {
        let (auth, here) = (&bed.auth, &bed.here);
        let reset = auth.forgot_password(email(address), here).await.map(drop);
        let again = auth.resend_verification(email(address), here).await;
        let wanted = address.replace('@', "@other.");
        let change = ask(&bed, &eve, &wanted, here).await;
        answers.push([reset, again.map(drop), change].each_ref().map(is_limited));
    }
    let (room, none) = ([false; 3], [true; 3]);
    assert_eq!(answers, [room, room, room, none]);
    // Each account is still found by its whole address.
    for address in &addresses {
        assert!(bed.login(address, PASSWORD).await.is_ok(), "{address}");
    }
}

/// Notices of accounts that nobody has confirmed, and the giving up of their addresses.
#[tokio::test]
async fn asvs_2_4_1_addresses_of_one_mailbox_are_given_up_and_told_of_within_one_budget() {
    let bed = Bed::mailing();
    let mut given_up = 0;
    for number in 0..8 {
        let tagged = format!("ann+{number}@example.org");
        let tokens = bed.register(&tagged).await.tokens;
        let session = bed.validate(&tokens).await.unwrap();
        given_up += usize::from(
            support::asks::delete(&bed, &session, PASSWORD)
                .await
                .is_ok(),
        );
    }
    assert_eq!(given_up, 3);
    // Three links, and three notices.
    assert_eq!(bed.mails().await.len(), 6);
}
