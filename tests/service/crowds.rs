//! Many people behind one address, and one attacker behind many.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use admittance::config::{AuthConfig, LimitPolicy};
use admittance::error::AuthError;
use admittance::limit::Quota;
use admittance::mail::MailKind;
use admittance::secret::MailToken;
use admittance::service::{
    EmailRequest, LinkRequest, Reauthenticate, RequestContext, ResetPassword,
};
use admittance::store::UserStore;
use tokio::task::JoinSet;

use support::bed::{Bed, PASSWORD, config, login, registration};

const MINUTE: Duration = Duration::from_secs(60);

fn unlimited_registrations() -> AuthConfig {
    let mut config = config();
    config.limits.register_by_address = None;
    config
}

fn student(number: u16) -> String {
    format!("student{number}@school.example")
}

/// A service with `students` accounts, each registered from another address.
async fn school(config: AuthConfig, students: u16) -> Arc<Bed> {
    let bed = Arc::new(Bed::with(config));
    for number in 0..students {
        let [high, low] = number.to_be_bytes();
        let home = RequestContext::from_ip([10, high, low, 1].into());
        let made = bed.auth.register(registration(&student(number)), &home);
        drop(made.await.unwrap());
    }
    bed
}

/// Logs all of them in at the same moment, each from its `address`. Returns how
/// many succeeded.
async fn log_in_at_once(bed: &Arc<Bed>, students: u16, address: impl Fn(u16) -> IpAddr) -> usize {
    let mut all = JoinSet::new();
    for number in 0..students {
        let (bed, there) = (Arc::clone(bed), RequestContext::from_ip(address(number)));
        all.spawn(async move {
            let there = there.with_user_agent("a phone");
            bed.auth
                .login(login(&student(number), PASSWORD), &there)
                .await
        });
    }
    let mut let_in = 0;
    while let Some(answer) = all.join_next().await {
        match answer.unwrap() {
            Ok(_) => let_in += 1,
            Err(refused) => println!("{refused:?}"),
        }
    }
    let_in
}

/// Reported case: of 100 students behind one address, with correct passwords,
/// 39 were refused.
#[tokio::test]
async fn three_hundred_people_behind_one_address_log_in_at_once() {
    let bed = school(unlimited_registrations(), 300).await;
    let school = |_| [192, 0, 2, 1].into();
    assert_eq!(log_in_at_once(&bed, 300, school).await, 300);
    // And again a minute later.
    bed.clock.advance(MINUTE);
    assert_eq!(log_in_at_once(&bed, 300, school).await, 300);
}

#[tokio::test]
async fn three_hundred_phones_of_one_24_or_one_48_log_in_at_once() {
    let bed = school(unlimited_registrations(), 300).await;
    let phones_v4 = |number: u16| {
        let host = u8::try_from(number % 250).unwrap();
        [198, 51, 100, host].into()
    };
    assert_eq!(log_in_at_once(&bed, 300, phones_v4).await, 300);
    bed.clock.advance(MINUTE);
    let phones_v6 = |number| Ipv6Addr::new(0x2001, 0xdb8, 7, number, 0, 0, 0, 1).into();
    assert_eq!(log_in_at_once(&bed, 300, phones_v6).await, 300);
}

/// What one account can use of the budgets that a network shares.
#[tokio::test]
async fn asvs_15_2_2_an_account_has_ten_logins_a_minute_and_more_count_as_failures() {
    let mut config = unlimited_registrations();
    config.limits.login_by_address = Some(Quota::new(20, MINUTE));
    let bed = school(config, 2).await;
    let home = RequestContext::from_ip([192, 0, 2, 1].into());
    let mut let_in = 0;
    for _ in 0..100 {
        let answer = bed.auth.login(login(&student(0), PASSWORD), &home).await;
        match answer {
            Ok(_) => let_in += 1,
            Err(AuthError::RateLimited { .. }) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(let_in, 10);
    // Of the excess logins only the first is hashed, but each counts as a failure:
    // they used up the network's budget of 20.
    assert_eq!(bed.auth.hashing_stats().runs, 2 + 10 + 1);
    let neighbour = bed.auth.login(login(&student(1), PASSWORD), &home).await;
    assert!(
        matches!(neighbour, Err(AuthError::RateLimited { .. })),
        "{neighbour:?}"
    );
    // From another network, other accounts and, a minute later, this one log
    // in.
    let elsewhere = RequestContext::from_ip([198, 51, 100, 1].into());
    let neighbour = bed.auth.login(login(&student(1), PASSWORD), &elsewhere);
    assert!(neighbour.await.is_ok());
    bed.clock.advance(MINUTE);
    let again = bed.auth.login(login(&student(0), PASSWORD), &elsewhere);
    assert!(again.await.is_ok());
}

/// Somebody who knows the password logs in on and on. The owner's live session still
/// confirms it.
#[tokio::test]
async fn asvs_7_5_1_logins_use_up_no_budget_of_a_live_session() {
    let bed = school(unlimited_registrations(), 1).await;
    let home = RequestContext::from_ip([192, 0, 2, 1].into());
    let opened = bed.auth.login(login(&student(0), PASSWORD), &home).await;
    let owner = bed.validate(&opened.unwrap().tokens).await.unwrap();
    let elsewhere = RequestContext::from_ip([198, 51, 100, 1].into());
    let mut last = None;
    for _ in 0..12 {
        let login = bed.auth.login(login(&student(0), PASSWORD), &elsewhere);
        last = Some(login.await.map(drop));
    }
    assert!(
        matches!(last, Some(Err(AuthError::RateLimited { .. }))),
        "{last:?}"
    );
    let confirm = Reauthenticate::by_password(PASSWORD);
    let confirmed = bed.auth.reauthenticate(&owner, confirm, &home).await;
    assert!(confirmed.is_ok(), "{confirmed:?}");
}

/// Each confirmation opens a session in the place of the present one.
#[tokio::test]
async fn asvs_7_5_1_confirmations_of_one_session_after_another_have_one_budget() {
    let bed = school(unlimited_registrations(), 1).await;
    let home = RequestContext::from_ip([192, 0, 2, 1].into());
    let opened = bed.auth.login(login(&student(0), PASSWORD), &home).await;
    let mut tokens = opened.unwrap().tokens;
    let mut confirmed = 0;
    let refused = loop {
        let session = bed.validate(&tokens).await.unwrap();
        let confirm = Reauthenticate::by_password(PASSWORD);
        match bed.auth.reauthenticate(&session, confirm, &home).await {
            Ok(answer) => tokens = answer.tokens,
            Err(refused) => break refused,
        }
        confirmed += 1;
        assert!(confirmed < 50, "no end to it");
    };
    assert!(
        matches!(refused, AuthError::RateLimited { .. }),
        "{refused:?}"
    );
    assert_eq!(confirmed, 10);
}

/// A refusal without a hash would reveal by its timing that the account exists, so a
/// client on an unknown device gets the usual answer after a hash.
#[tokio::test]
async fn asvs_6_3_8_an_unknown_device_costs_a_hash_when_the_accounts_logins_are_used_up() {
    let bed = school(unlimited_registrations(), 1).await;
    let home = RequestContext::from_ip([192, 0, 2, 1].into());
    for _ in 0..12 {
        let _ = bed.auth.login(login(&student(0), PASSWORD), &home).await;
    }
    let elsewhere = RequestContext::from_ip([198, 51, 100, 1].into());
    let before = bed.auth.hashing_stats().runs;
    let guess = bed
        .auth
        .login(login(&student(0), "wrong"), &elsewhere)
        .await;
    assert!(
        matches!(guess, Err(AuthError::InvalidCredentials)),
        "{guess:?}"
    );
    assert_eq!(bed.auth.hashing_stats().runs, before + 1);
}

/// A configuration that allows a network `count` failed checks at once, and one
/// more every minute.
fn guesses_at_once(count: u32) -> AuthConfig {
    let mut config = config();
    config.limits.login_by_address = Some(Quota::new(count, MINUTE));
    config
}

/// Guesses at random addresses, one from each of `sources`. Returns how many of
/// them were hashed.
async fn guesses(bed: &Bed, sources: impl Iterator<Item = IpAddr>) -> u64 {
    let before = bed.auth.hashing_stats().runs;
    for (number, source) in sources.enumerate() {
        let guess = login(&format!("nobody{number}@example.org"), PASSWORD);
        let answer = bed
            .auth
            .login(guess, &RequestContext::from_ip(source))
            .await;
        assert!(answer.is_err());
    }
    bed.auth.hashing_stats().runs - before
}

/// Reported case: 3,000 checks at once from 50 /64s of one /48 were all
/// admitted.
#[tokio::test]
async fn ghsa_45_all_networks_of_one_48_together_have_sixteen_budgets() {
    let bed = Bed::with(guesses_at_once(60));
    let in_48 = |number: u16| Ipv6Addr::new(0x2001, 0xdb8, 7, (number % 50) << 8, 0, 0, 0, 1);
    let sources = (0..3000).map(|number| in_48(number).into());
    assert_eq!(guesses(&bed, sources).await, 16 * 60);
}

#[tokio::test]
async fn ghsa_45_all_networks_of_one_56_and_all_addresses_of_one_24_have_four_budgets() {
    let bed = Bed::with(guesses_at_once(60));
    let in_56 = |number: u16| Ipv6Addr::new(0x2001, 0xdb8, 7, 0x100 + number % 256, 0, 0, 0, 1);
    let sources = (0..2000).map(|number| in_56(number).into());
    assert_eq!(guesses(&bed, sources).await, 4 * 60);
    let in_24 = |number: u16| [198, 51, 100, u8::try_from(number % 256).unwrap()];
    let sources = (0..2000).map(|number| in_24(number).into());
    assert_eq!(guesses(&bed, sources).await, 4 * 60);
}

/// A refusal at one level is charged at none: a neighbour's flood costs a
/// network nothing of its own budget.
#[tokio::test]
async fn ghsa_45_what_a_wide_network_refuses_does_not_count_in_a_narrow_one() {
    let bed = Bed::with(guesses_at_once(10));
    let flood = (0..1000).map(|number: u16| {
        Ipv6Addr::new(0x2001, 0xdb8, 7, 0x100 + number % 255, 0, 0, 0, 1).into()
    });
    assert_eq!(guesses(&bed, flood).await, 40);
    let quiet: IpAddr = Ipv6Addr::new(0x2001, 0xdb8, 7, 0x1ff, 0, 0, 0, 1).into();
    assert_eq!(guesses(&bed, std::iter::repeat_n(quiet, 100)).await, 0);
    // After the /56 has recovered, the quiet /64 has its whole budget.
    bed.clock.advance(10 * MINUTE);
    assert_eq!(guesses(&bed, std::iter::repeat_n(quiet, 100)).await, 10);
}

/// Reported case: a logged-in client got 429 at `/password/confirm` because
/// strangers had used up the network's budget.
#[tokio::test]
async fn a_live_session_does_not_share_the_budget_of_strangers_in_its_network() {
    let bed = Bed::with(guesses_at_once(5));
    let tokens = bed.register("ann@example.org").await.tokens;
    let here = bed.here.ip().unwrap();
    assert_eq!(guesses(&bed, std::iter::repeat_n(here, 50)).await, 5);
    let ann = bed.validate(&tokens).await.unwrap();
    let request = Reauthenticate::by_password(PASSWORD);
    let confirmed = bed.auth.reauthenticate(&ann, request, &bed.here).await;
    let tokens = confirmed.unwrap().tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    let changed = bed.change_password(&ann, PASSWORD, "quartz!Meadow 93 ferry");
    assert!(changed.await.is_ok());
}

#[tokio::test]
async fn class_of_lets_a_class_register_at_once() {
    for (limits, let_in) in [
        (LimitPolicy::default(), 60),
        (LimitPolicy::class_of(300), 300),
    ] {
        let mut config = config();
        config.limits = limits;
        config.hashing.threads = std::num::NonZeroUsize::new(2);
        // On a machine of any speed.
        config.hashing.queue_deadline = Duration::from_secs(600);
        let bed = Arc::new(Bed::with(config));
        let mut all = JoinSet::new();
        for number in 0..300 {
            let bed = Arc::clone(&bed);
            all.spawn(async move {
                let asked = bed.auth.register(registration(&student(number)), &bed.here);
                asked.await.is_ok()
            });
        }
        let made = all.join_all().await.into_iter().filter(|made| *made);
        assert_eq!(made.count(), let_in);
    }
}

/// Otherwise a stolen session could prevent the owner from changing the
/// password.
#[tokio::test]
async fn asvs_7_5_1_one_session_does_not_use_up_the_checks_of_another() {
    let bed = Bed::mailing();
    let stolen = bed.register("ann@example.org").await.tokens;
    let own = bed.login("ann@example.org", PASSWORD).await.unwrap().tokens;
    let thief = bed.validate(&stolen).await.unwrap();
    let elsewhere = RequestContext::from_ip([198, 51, 100, 1].into());
    let mut refused = None;
    for _ in 0..61 {
        let token = MailToken::new("nonsense");
        let link = LinkRequest { token };
        refused = Some(
            bed.auth
                .confirm_email_change(&thief, link, &elsewhere)
                .await,
        );
    }
    assert!(matches!(refused, Some(Err(AuthError::RateLimited { .. }))));
    let owner = bed.validate(&own).await.unwrap();
    let changed = bed.change_password(&owner, PASSWORD, "quartz!Meadow 93 ferry");
    assert!(changed.await.is_ok());
}

/// A class that resets its passwords behind one address can log in afterwards.
#[tokio::test]
async fn valid_links_use_no_failure_budget() {
    let mut config = config();
    config.limits.login_by_address = Some(Quota::new(5, MINUTE));
    config.limits.mail_by_address = None;
    let bed = Bed::mailing_with(config);
    for number in 0..6 {
        bed.register(&student(number)).await;
        let email = student(number).as_str().into();
        let asked = bed.auth.forgot_password(EmailRequest { email }, &bed.here);
        assert!(asked.await.is_ok());
        let request = ResetPassword {
            token: bed.mailed(MailKind::ResetPassword).await,
            new_password: "quartz!Meadow 93 ferry".into(),
            confirm_password: "quartz!Meadow 93 ferry".into(),
        };
        assert!(bed.auth.reset_password(request, &bed.here).await.is_ok());
    }
    let answer = bed.login(&student(0), "quartz!Meadow 93 ferry").await;
    assert!(answer.is_ok(), "{answer:?}");
}

/// One link does not give unlimited password scores.
#[tokio::test]
async fn asvs_2_4_1_a_valid_link_has_its_own_budget() {
    let bed = Bed::mailing();
    bed.register("ann@example.org").await;
    let email = "ann@example.org".into();
    let asked = bed.auth.forgot_password(EmailRequest { email }, &bed.here);
    assert!(asked.await.is_ok());
    let token = bed.mailed(MailKind::ResetPassword).await;
    let mut refused = None;
    for _ in 0..61 {
        let request = ResetPassword {
            token: token.clone(),
            new_password: "x".into(),
            confirm_password: "x".into(),
        };
        refused = Some(bed.auth.reset_password(request, &bed.here).await);
    }
    assert!(matches!(refused, Some(Err(AuthError::RateLimited { .. }))));
}

/// A login that is refused in spite of a correct password records no device and
/// sends no mail.
#[tokio::test]
async fn asvs_6_3_5_a_login_beyond_its_budget_replaces_no_known_device() {
    let bed = Bed::mailing();
    let id = bed.register("ann@example.org").await.user_id;
    let _ = bed.mails().await;
    let mut let_in = 0;
    for number in 0..40_u8 {
        let there = RequestContext::from_ip([198, 51 + number, 100, 1].into()).with_user_agent("x");
        match bed
            .auth
            .login(login("ann@example.org", PASSWORD), &there)
            .await
        {
            Ok(_) => let_in += 1,
            Err(AuthError::RateLimited { .. }) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    let user = bed.store.user(id).await.unwrap().unwrap();
    let new_device = (MailKind::NewDevice, "ann@example.org".to_owned());
    let told = bed
        .mails()
        .await
        .iter()
        .filter(|mail| **mail == new_device)
        .count();
    assert_eq!((let_in, user.devices.len()), (10, 11));
    assert!(told <= let_in, "{told}");
}
