//! Every operation that checks a credential passes a limiter.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use admittance::audit::AuditPolicy;
use admittance::clock::ManualClock;
use admittance::error::AuthError;
use admittance::id::IdentityId;
use admittance::limit::{Decision, Quota};
use admittance::lockout::Attempt;
use admittance::mail::MailKind;
use admittance::proof::{Method, MethodName};
use admittance::secret::MailToken;
use admittance::service::{
    Authenticated, ChangeEmail, DeleteAccount, EmailRequest, LinkIdentity, LinkRequest, ListEvents,
    PasswordStrengthRequest, PatchProfile, ProveSecondFactor, Reauthenticate, ResetPassword,
    StartFederation, Tokens, UpdateProfile, VerifyEmail,
};
use admittance::store::MemoryStore;
use admittance::test_util::MockStore;

use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, config, mail_config, registration};
use support::mocks::store_of;
use support::provider::{self, School};
use support::second_factor::Cards;

const ANN: &str = "ann@example.org";
const NEW: &str = "new@example.org";
const WAIT: Duration = Duration::from_secs(7);

/// The operations that check a password, the token of a mail or a refresh
/// token, that anybody may ask a mail by, that take a while, that write or read much.
const LIMITED: [&str; 26] = [
    "start_federation",
    "finish_federation",
    "start_linking",
    "start_reauthentication",
    "link_identity",
    "unlink_identity",
    "change_email",
    "change_password",
    "confirm_email_change",
    "reauthenticate",
    "delete_account",
    "disown_email",
    "export_account",
    "forgot_password",
    "list_events",
    "login",
    "password_strength",
    "patch_profile",
    "prove_second_factor",
    "refresh",
    "register",
    "resend_verification",
    "reset_password",
    "update_profile",
    "verify_email",
    "verify_email with a session",
];

/// Those of them that check a password.
const PASSWORD_CHECKS: [&str; 5] = [
    "change_email",
    "change_password",
    "reauthenticate",
    "delete_account",
    "login",
];

/// The operations that check an access token at most, or a refresh token to end
/// its session, which cannot be guessed and whose bearer is known.
const BY_ACCESS_TOKEN: [&str; 18] = [
    "create_user_as",
    "change_user_roles",
    "end_all_sessions",
    "end_session",
    "end_user_session",
    "end_user_sessions",
    "find_user",
    "list_sessions",
    "list_user_sessions",
    "list_user_events",
    "list_users",
    "logout",
    "logout_by_refresh_token",
    "recheck",
    "send_password_reset",
    "set_user_status",
    "validate_token",
    "view_user",
];

/// Calls of the application's own code, which nobody reaches from outside.
const OF_THE_HOST: [&str; 11] = [
    "appoint_administrator",
    "create_user",
    "open_session",
    "expire_unverified",
    "flush_events",
    "flush_mail",
    "remove_unverified_user",
    "remove_user",
    "set_metadata",
    "user",
    "user_by_email",
];

type MockBed = Bed<Arc<MockStore>>;

/// What an attacker may hold when asking.
struct Held {
    tokens: Tokens,
    link: MailToken,
    store: MockStore,
}

/// All that is good, and a store that has Ann and her session but counts
/// nothing and does nothing yet: what no expectation is set for panics.
async fn held() -> Held {
    let donor = Bed::mailing();
    let tokens = donor.register(ANN).await.tokens;
    let link = donor.mailed(MailKind::VerifyEmail).await;
    let ann = donor.validate(&tokens).await.unwrap();
    let (user, session) = (ann.user().clone(), ann.session().clone());
    let mut store = store_of(&session, &user);
    store
        .expect_user_by_email()
        .returning(move |_| Ok(Some(user.clone())));
    store.expect_take_token().returning(|_, _, _| Ok(None));
    Held {
        tokens,
        link,
        store,
    }
}

fn bed(store: MockStore) -> MockBed {
    Bed::built(Arc::new(store), config(), |builder, mailbox| {
        let builder = builder.mail(mailbox, mail_config());
        let school = School::new(ManualClock::default());
        let builder = builder.federation(school.federation());
        builder.second_factor(Cards::of(&["sms"]))
    })
}

async fn ask(
    operation: &str,
    bed: &MockBed,
    ann: &Authenticated,
    tokens: &Tokens,
    link: &MailToken,
) -> Result<(), AuthError> {
    let (auth, here) = (&bed.auth, &bed.here);
    let email = |email: &str| EmailRequest {
        email: email.into(),
    };
    let verify = |password: Option<&str>| VerifyEmail {
        token: link.clone(),
        password: password.map(Into::into),
        ticket: None,
    };
    let link_request = LinkRequest {
        token: link.clone(),
    };
    match operation {
        "register" => auth.register(registration(NEW), here).await.map(drop),
        "login" => bed.login(ANN, PASSWORD).await.map(drop),
        "refresh" => bed.refresh(tokens).await.map(drop),
        "password_strength" => {
            let request = PasswordStrengthRequest {
                password: PASSWORD.into(),
                ..PasswordStrengthRequest::default()
            };
            auth.password_strength(request, here).await.map(drop)
        }
        "change_password" => bed
            .change_password(ann, PASSWORD, OTHER_PASSWORD)
            .await
            .map(drop),
        "reauthenticate" => {
            let request = Reauthenticate::by_password(PASSWORD);
            auth.reauthenticate(ann, request, here).await.map(drop)
        }
        "delete_account" => {
            let request = DeleteAccount {
                current_password: PASSWORD.into(),
            };
            auth.delete_account(ann, request, here).await
        }
        "change_email" => {
            let request = ChangeEmail {
                new_email: NEW.into(),
                current_password: PASSWORD.into(),
            };
            auth.change_email(ann, request, here).await.map(drop)
        }
        "confirm_email_change" => auth
            .confirm_email_change(ann, link_request, here)
            .await
            .map(drop),
        "list_events" => {
            let page = ListEvents::default();
            auth.list_events(ann, page, here).await.map(drop)
        }
        "update_profile" => {
            let change = UpdateProfile {
                name: Some("Ann Lee".into()),
                preferences: None,
            };
            auth.update_profile(ann, change, here).await.map(drop)
        }
        "patch_profile" => {
            let request = PatchProfile {
                name: Some("Ann Lee".into()),
                ..PatchProfile::default()
            };
            auth.patch_profile(ann, request, here).await.map(drop)
        }
        "export_account" => auth.export_account(ann, here).await.map(drop),
        "prove_second_factor" => {
            let sms = Method::SecondFactor(MethodName::new("sms").unwrap());
            let request = ProveSecondFactor::new("ads_x".into(), sms, "482193");
            auth.prove_second_factor(request, here).await.map(drop)
        }
        "disown_email" => auth.disown_email(link_request, here).await.map(drop),
        "forgot_password" => auth.forgot_password(email(ANN), here).await.map(drop),
        "resend_verification" => auth.resend_verification(email(ANN), here).await.map(drop),
        "reset_password" => {
            let request = ResetPassword {
                token: link.clone(),
                new_password: OTHER_PASSWORD.into(),
                confirm_password: OTHER_PASSWORD.into(),
            };
            auth.reset_password(request, here).await.map(drop)
        }
        "verify_email" => auth
            .verify_email(verify(Some(PASSWORD)), None, here)
            .await
            .map(drop),
        "start_federation" => {
            let request = StartFederation::default();
            let started = auth.start_federation(provider::ID, request, here);
            started.await.map(drop)
        }
        "finish_federation" => auth
            .finish_federation(provider::ID, provider::forged(), None, here)
            .await
            .map(drop),
        "start_linking" => {
            let request = StartFederation::default();
            let started = auth.start_linking(ann, provider::ID, request, here);
            started.await.map(drop)
        }
        "start_reauthentication" => {
            let request = StartFederation::default();
            let started = auth.start_reauthentication(ann, provider::ID, request, here);
            started.await.map(drop)
        }
        "link_identity" => {
            let mut request = LinkIdentity::default();
            request.ticket = "adl_x".into();
            auth.link_identity(request, None, here).await.map(drop)
        }
        "unlink_identity" => {
            let identity = IdentityId::from_bytes([1; 12]);
            auth.unlink_identity(ann, identity, here).await
        }
        "verify_email with a session" => auth
            .verify_email(verify(None), Some(ann), here)
            .await
            .map(drop),
        other => panic!("{other}: say here how it is asked for"),
    }
}

/// The names of all public asynchronous methods of the service.
fn operations() -> BTreeSet<String> {
    let folder = support::root().join("src/service");
    let mut found = BTreeSet::new();
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(path).unwrap();
            let names = text.lines().filter_map(|line| {
                let rest = line.trim_start().strip_prefix("pub async fn ")?;
                rest.split(['(', '<']).next().map(str::to_owned)
            });
            found.extend(names);
        }
    }
    found
}

#[test]
fn ghsa_46_of_every_operation_it_is_known_whether_it_checks_a_credential() {
    let limited = LIMITED.iter().filter_map(|name| name.split(' ').next());
    let known = limited.chain(BY_ACCESS_TOKEN).chain(OF_THE_HOST);
    let known: BTreeSet<String> = known.map(str::to_owned).collect();
    // A new operation is added to one of the lists above; to those that are
    // not limited only if it checks nothing that could be guessed.
    assert_eq!(operations(), known);
}

#[tokio::test]
async fn ghsa_46_every_path_that_checks_a_credential_passes_the_limiter() {
    for operation in LIMITED {
        let mut held = held().await;
        let hit = held.store.expect_hit_all();
        hit.times(1)
            .returning(|_, _| Ok(Decision::Refused { retry_after: WAIT }));
        let bed = bed(held.store);
        let ann = bed.validate(&held.tokens).await.unwrap();
        let refused = ask(operation, &bed, &ann, &held.tokens, &held.link).await;
        assert!(
            matches!(refused, Err(AuthError::RateLimited { retry_after: WAIT })),
            "{operation}: {refused:?}"
        );
        assert_eq!(bed.auth.hashing_stats().runs, 0, "{operation}");
    }
}

#[tokio::test]
async fn ghsa_46_every_check_of_a_password_counts_as_an_attempt_at_the_account() {
    for operation in PASSWORD_CHECKS {
        let mut held = held().await;
        held.store
            .expect_hit_all()
            .returning(|_, _| Ok(Decision::Allowed));
        let attempt = held.store.expect_attempt();
        attempt
            .times(1)
            .returning(|_, _, _| Ok(Attempt::Locked { retry_after: WAIT }));
        let bed = bed(held.store);
        let ann = bed.validate(&held.tokens).await.unwrap();
        let refused = ask(operation, &bed, &ann, &held.tokens, &held.link).await;
        assert!(
            matches!(refused, Err(AuthError::RateLimited { retry_after: WAIT })),
            "{operation}: {refused:?}"
        );
        assert_eq!(bed.auth.hashing_stats().runs, 0, "{operation}");
    }
}

#[tokio::test]
async fn refreshes_are_limited_by_network() {
    let mut settings = config();
    settings.limits.refresh_by_address = Some(Quota::new(3, WAIT));
    let bed = Bed::with(settings);
    let mut tokens = bed.register(ANN).await.tokens;
    for _ in 0..3 {
        tokens = bed.refresh(&tokens).await.unwrap();
    }
    // What was never handed out is refused without being counted.
    let forged = admittance::secret::RefreshToken::new(format!("adr_{}", "A".repeat(72)));
    let request = admittance::service::RefreshRequest {
        refresh_token: forged,
    };
    assert!(matches!(
        bed.auth.refresh(request, &bed.here).await,
        Err(AuthError::InvalidToken)
    ));
    match bed.refresh(&tokens).await {
        Err(AuthError::RateLimited { retry_after }) => assert_eq!(retry_after, WAIT),
        other => panic!("{other:?}"),
    }
    // Elsewhere it works, and so it does here after the wait: nothing is lost.
    let request = admittance::service::RefreshRequest {
        refresh_token: tokens.refresh_token.clone(),
    };
    let there = admittance::service::RequestContext::from_ip([198, 51, 100, 7].into());
    let next = bed.auth.refresh(request, &there).await.unwrap().tokens;
    bed.clock.advance(WAIT);
    assert!(bed.refresh(&next).await.is_ok());
}

#[tokio::test]
async fn correct_passwords_of_a_network_are_those_of_clients_that_are_not_logged_in() {
    let mut settings = config();
    settings.limits.success_by_address = Some(Quota::new(2, WAIT));
    let bed = Bed::with(settings);
    let mut tokens = bed.register(ANN).await.tokens;
    // Passwords that are proved within a session are not counted for the network.
    for _ in 0..4 {
        let ann = bed.validate(&tokens).await.unwrap();
        let request = Reauthenticate::by_password(PASSWORD);
        let proved = bed.auth.reauthenticate(&ann, request, &bed.here).await;
        tokens = proved.unwrap().tokens;
    }
    for _ in 0..2 {
        bed.login(ANN, PASSWORD).await.unwrap();
    }
    let refused = bed.login(ANN, PASSWORD).await;
    assert!(
        matches!(refused, Err(AuthError::RateLimited { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn asvs_2_4_1_what_one_account_writes_and_reads_is_limited_for_all_its_sessions_together() {
    let mut settings = config();
    settings.limits.login_by_address = None;
    let two = Some(Quota::new(2, WAIT));
    settings.limits.updates_by_account = two;
    settings.limits.events_by_account = two;
    settings.limits.export_by_account = two;
    let store = MemoryStore::new();
    let bed = Bed::built(store.clone(), settings, |builder, _| {
        builder.audit_log(store.clone(), AuditPolicy::default())
    });
    let mut sessions = vec![bed.register(ANN).await.tokens];
    for _ in 0..2 {
        sessions.push(bed.login(ANN, PASSWORD).await.unwrap().tokens);
    }
    let other = bed.register(NEW).await.tokens;
    let other = bed.validate(&other).await.unwrap();
    let rename = || UpdateProfile {
        name: Some("Ann Lee".into()),
        preferences: None,
    };
    let ask = async |who: &Authenticated| {
        let here = &bed.here;
        let page = ListEvents::default();
        [
            bed.auth.update_profile(who, rename(), here).await.map(drop),
            bed.auth.list_events(who, page, here).await.map(drop),
            bed.auth.export_account(who, here).await.map(drop),
        ]
    };
    for (number, tokens) in sessions.iter().enumerate() {
        let ann = bed.validate(tokens).await.unwrap();
        for answer in ask(&ann).await {
            let is_limited = matches!(answer, Err(AuthError::RateLimited { retry_after: WAIT }));
            assert_eq!(is_limited, number == 2, "{number}: {answer:?}");
            assert!(is_limited || answer.is_ok(), "{answer:?}");
        }
    }
    // Nobody else's, and not for longer than said.
    for answer in ask(&other).await {
        assert!(answer.is_ok(), "{answer:?}");
    }
    bed.clock.advance(WAIT);
    let ann = bed.validate(&sessions[0]).await.unwrap();
    for answer in ask(&ann).await {
        assert!(answer.is_ok(), "{answer:?}");
    }
}
