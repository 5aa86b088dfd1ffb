//! Which mailbox an account has: the one that its canonical key denotes.

use admittance::email::Email;
use admittance::error::{AuthError, Field, ViolationCode};
use admittance::event::{Notice, Operation};
use admittance::mail::{Mail, MailError, MailKind, Mailer};
use admittance::service::{ChangeEmail, CreateUser, EmailRequest, NewUser};
use admittance::store::{InsertUser, MemoryStore, RoleChange, UserStore};
use admittance::test_util::Mailbox;
use async_trait::async_trait;

use crate::office::{role, settings};
use support::bed::{Bed, PASSWORD, mail_config, registration};

/// Local parts that an older version accepted: the Kelvin sign, fullwidth
/// letters, and what a mail program takes for an option or a command.
const OLD: [&str; 4] = ["\u{212a}ate", "\u{ff41}nn", "-oQ", "|sh"];
/// Characters that NFKC turns into ones that are refused.
const REFUSED: [char; 4] = ['\u{ff20}', '\u{fe6b}', '\u{ff1c}', '\u{ff0c}'];

fn fault<T: std::fmt::Debug>(refused: Result<T, AuthError>) -> (Field, ViolationCode) {
    match refused {
        Err(AuthError::Validation(violations)) => {
            let [violation] = violations.as_slice() else {
                panic!("{violations:?}");
            };
            (violation.field, violation.code)
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn mail_goes_to_the_address_in_nfc_and_any_form_of_it_logs_in() {
    for (typed, kept) in [
        ("zoe\u{308}@example.org", "zo\u{eb}@example.org"),
        (
            "\u{938}\u{902}\u{92a}\u{930}\u{94d}\u{915}@example.org",
            "\u{938}\u{902}\u{92a}\u{930}\u{94d}\u{915}@example.org",
        ),
        (
            "\u{ba4}\u{bae}\u{bbf}\u{bb4}\u{bcd}@example.org",
            "\u{ba4}\u{bae}\u{bbf}\u{bb4}\u{bcd}@example.org",
        ),
    ] {
        let bed = Bed::mailing();
        let answer = bed.register(typed).await;
        assert_eq!(answer.email, kept);
        let mail = bed.mail(MailKind::VerifyEmail).await;
        assert_eq!(mail.to.as_str(), kept);
        for form in [typed, kept] {
            assert!(bed.login(form, PASSWORD).await.is_ok(), "{form}");
            let again = bed.auth.register(registration(form), &bed.here).await;
            assert!(matches!(again, Err(AuthError::EmailTaken)), "{form}");
        }
    }
}

#[tokio::test]
async fn an_address_that_could_be_another_mailbox_is_refused_for_an_account() {
    let bed = Bed::mailing();
    let tokens = bed.register("ann@example.org").await.tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    let _ = bed.mails().await;
    let old = OLD.map(|local| format!("{local}@example.org"));
    let refused = REFUSED.map(|letter| format!("a{letter}b@example.org"));
    for (addresses, code) in [
        (old, ViolationCode::InvalidCharacters),
        (refused, ViolationCode::InvalidFormat),
    ] {
        for address in addresses {
            let refused = bed.auth.register(registration(&address), &bed.here).await;
            assert_eq!(fault(refused), (Field::Email, code), "{address}");
            let request = ChangeEmail {
                new_email: address.clone(),
                current_password: PASSWORD.into(),
            };
            let refused = bed.auth.change_email(&ann, request, &bed.here).await;
            assert_eq!(fault(refused), (Field::NewEmail, code), "{address}");
        }
    }
    assert_eq!(bed.mails().await, []);
}

#[tokio::test]
async fn an_address_that_an_older_version_accepted_logs_in_and_is_mailed_to() {
    for local in OLD {
        let bed = Bed::mailing();
        let given = format!("{local}@example.org");
        let answer = bed.register("ann@example.org").await;
        let mut user = bed.store.user(answer.user_id).await.unwrap().unwrap();
        let key = Email::parse(&given)
            .unwrap()
            .canonical()
            .as_str()
            .to_owned();
        user.id = admittance::id::UserId::from_bytes([9; 12]);
        user.email = Email::from_store(given.clone(), key);
        let inserted = bed.store.insert_user(&user).await.unwrap();
        assert_eq!(inserted, InsertUser::Inserted);
        let _ = bed.mails().await;

        let opened = bed.login(&given, PASSWORD).await.unwrap();
        assert_eq!((opened.user_id, opened.email), (user.id, given.clone()));
        let request = EmailRequest {
            email: given.clone(),
        };
        bed.auth.forgot_password(request, &bed.here).await.unwrap();
        let mail = bed.mail(MailKind::ResetPassword).await;
        assert_eq!(mail.to.as_str(), given);
    }
}

/// A mail server without SMTPUTF8, and what it was given.
#[derive(Clone, Default)]
struct AsciiOnly(Mailbox);

#[async_trait]
impl Mailer for AsciiOnly {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        match mail
            .to
            .as_str()
            .split('@')
            .next()
            .is_some_and(str::is_ascii)
        {
            true => self.0.send(mail).await,
            false => Err(MailError::Address("no SMTPUTF8".into())),
        }
    }
}

fn with_ascii_mailer(ascii_addresses_only: bool) -> (Bed, Mailbox) {
    let mailer = AsciiOnly::default();
    let mailbox = mailer.0.clone();
    let bed = Bed::built(MemoryStore::new(), settings(), |builder, _| {
        let mut mail = mail_config();
        mail.ascii_addresses_only = ascii_addresses_only;
        builder.mail(mailer, mail)
    });
    (bed, mailbox)
}

#[tokio::test]
async fn an_address_that_the_mail_server_cannot_take_is_refused_for_everybody_by_setting() {
    let (bed, mailbox) = with_ascii_mailer(true);
    let ada = bed.register("ada@example.org").await;
    let grant = RoleChange {
        grant: [role("admin")].into(),
        ..RoleChange::default()
    };
    let made = bed.store.change_roles(ada.user_id, 0, &grant).await;
    assert!(made.unwrap().is_some());
    let ada = bed.validate(&ada.tokens).await.unwrap();
    let (auth, here) = (&bed.auth, &bed.here);
    let greek = "\u{3b5}\u{3cd}\u{3b1}@example.org";
    for outside in [greek, "zo\u{eb}@example.org", "zoe\u{308}+1@example.org"] {
        let registered = auth.register(registration(outside), here).await;
        let expected = |field| (field, ViolationCode::InvalidCharacters);
        assert_eq!(fault(registered), expected(Field::Email), "{outside}");
        let request = ChangeEmail {
            new_email: outside.into(),
            current_password: PASSWORD.into(),
        };
        let changed = auth.change_email(&ada, request, here).await;
        assert_eq!(fault(changed), expected(Field::NewEmail), "{outside}");
        let made = auth.create_user(NewUser::new(outside, "Zoe"), here).await;
        assert_eq!(fault(made), expected(Field::Email), "{outside}");
        let request = CreateUser {
            email: outside.into(),
            name: "Zoe".into(),
            ..CreateUser::default()
        };
        let made = auth.create_user_as(&ada, request, here).await;
        assert_eq!(fault(made), expected(Field::Email), "{outside}");
    }
    // The domain is sent as Punycode.
    bed.register("zoe@b\u{fc}cher.example").await;
    auth.flush_mail().await;
    assert_eq!(mailbox.take().len(), 2);
    // An account that has such an address already keeps it.
    let (earlier, _) = with_ascii_mailer(false);
    let zoe = earlier.register(greek).await;
    let user = earlier.store.user(zoe.user_id).await.unwrap().unwrap();
    let inserted = bed.store.insert_user(&user).await.unwrap();
    assert_eq!(inserted, InsertUser::Inserted);
    assert!(bed.login(greek, PASSWORD).await.is_ok());
}

#[tokio::test]
async fn a_mail_that_is_given_up_because_of_its_address_says_so() {
    let (bed, mailbox) = with_ascii_mailer(false);
    let zoe = bed.register("zo\u{eb}@example.org").await;
    bed.auth.flush_mail().await;
    assert!(mailbox.take().is_empty());
    let event = bed.events.last();
    assert_eq!(event.operation, Operation::SendMail);
    assert_eq!(event.user_id, Some(zoe.user_id));
    let notices: Vec<_> = event.notices.iter().collect();
    assert_eq!(notices, [Notice::MailGivenUp, Notice::MailAddressRefused]);
}
