//! A sign-in that the password alone does not complete.

use std::time::Duration;

use admittance::config::LimitPolicy;
use admittance::error::{AuthError, ErrorCode, Field, ViolationCode};
use admittance::event::{Notice, Operation};
use admittance::mail::MailKind;
use admittance::proof::{Assurance, Method, MethodName};
use admittance::secret::{MailToken, RefreshToken, Ticket};
use admittance::service::{
    LinkRequest, LoginRequest, LoginResponse, MAX_CODE_CHARS, ProveSecondFactor, Reauthenticate,
    RefreshRequest, ResetPassword,
};
use admittance::session::SessionLength;
use admittance::store::{MemoryStore, SessionStore, TokenStore, UserStore};
use admittance::token::TokenPurpose;
use admittance::user::{Removal, UserStatus};

use support::asks::{delete, verify};
use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, config, login, mail_config};
use support::second_factor::{Broken, CODE, Cards, Fault, method};

const ANN: &str = "ann@example.org";
const SECOND: Duration = Duration::from_secs(1);
const MINUTES: Duration = Duration::from_secs(300);

/// A service whose users have the second factors of `cards`, with an account.
async fn bed(cards: &Cards, limits: LimitPolicy) -> Bed {
    let mut config = config();
    config.limits = limits;
    let bed = Bed::built(MemoryStore::new(), config, |builder, mailbox| {
        let builder = builder.mail(mailbox, mail_config());
        builder.second_factor(cards.clone())
    });
    bed.register(ANN).await;
    bed
}

/// Logs in by the password, as far as that goes.
async fn begin(bed: &Bed) -> Ticket {
    match bed.login(ANN, PASSWORD).await {
        Err(AuthError::SecondFactorRequired { ticket, .. }) => ticket,
        other => panic!("{other:?}"),
    }
}

async fn prove(bed: &Bed, ticket: &Ticket, code: &str) -> Result<LoginResponse, AuthError> {
    let request = ProveSecondFactor::new(ticket.clone(), method("sms"), code);
    bed.auth.prove_second_factor(request, &bed.here).await
}

async fn sessions(bed: &Bed) -> usize {
    let user = bed.store.users(None, 1).await.unwrap().remove(0);
    let now = admittance::clock::Clock::now(&bed.clock);
    let sessions = bed.store.sessions_of(user.id, None, 100, now);
    sessions.await.unwrap().len()
}

#[tokio::test]
async fn asvs_6_3_3_a_password_and_a_code_open_a_session() {
    let cards = Cards::of(&["sms", "card"]);
    let bed = bed(&cards, LimitPolicy::off()).await;
    let begun = bed.login(ANN, PASSWORD).await;
    let Err(AuthError::SecondFactorRequired {
        ticket,
        expires_in,
        methods,
    }) = begun
    else {
        panic!("{begun:?}")
    };
    assert_eq!(expires_in, 2 * MINUTES);
    assert_eq!(methods, [method("sms"), method("card")]);
    assert_eq!(cards.requested(), 1);
    // Only the session of the registration.
    assert_eq!(sessions(&bed).await, 1);
    let refused = bed.events.last();
    assert_eq!(refused.operation, Operation::Login);
    assert_eq!(refused.refused, Some(ErrorCode::SecondFactorRequired));

    bed.clock.advance(SECOND);
    let opened = prove(&bed, &ticket, CODE).await.unwrap();
    let ann = bed.validate(&opened.tokens).await.unwrap();
    let proofs: Vec<_> = ann.session().proofs.methods();
    assert_eq!(proofs, [Method::Password, method("sms")]);
    assert_eq!(ann.assurance(), Some(Assurance::Aal2));
    let claims = bed
        .auth
        .verify_offline(opened.tokens.token.expose_secret())
        .unwrap();
    assert_eq!(claims.amr, proofs);
    assert_eq!(ann.user().last_login, Some(ann.session().created_at));
    let event = bed.events.last();
    assert_eq!(event.operation, Operation::SecondFactor);
    assert_eq!(event.session_id, Some(ann.session().id));

    // A refresh keeps both proofs.
    let tokens = bed.refresh(&opened.tokens).await.unwrap();
    let ann = bed.validate(&tokens).await.unwrap();
    assert_eq!(ann.session().proofs.methods(), proofs);
}

#[tokio::test]
async fn a_user_without_a_second_factor_logs_in_as_before() {
    let bed = bed(&Cards::default(), LimitPolicy::off()).await;
    let tokens = bed.login(ANN, PASSWORD).await.unwrap().tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    assert_eq!(ann.assurance(), Some(Assurance::Aal1));

    let without = Bed::new();
    without.register(ANN).await;
    let answer = prove(&without, &Ticket::new("ads_x"), CODE).await;
    assert!(
        matches!(answer, Err(AuthError::Validation(_))),
        "{answer:?}"
    );
}

#[tokio::test]
async fn asvs_6_3_8_a_wrong_password_tells_nothing_of_second_factors() {
    let cards = Cards::of(&["sms"]);
    let bed = bed(&cards, LimitPolicy::off()).await;
    let wrong = bed.login(ANN, OTHER_PASSWORD).await.unwrap_err();
    let unknown = bed.login("eve@example.org", PASSWORD).await.unwrap_err();
    assert_eq!(wrong.code(), ErrorCode::InvalidCredentials);
    assert_eq!(wrong.to_string(), unknown.to_string());
    assert_eq!(cards.calls(), 0);
}

#[tokio::test]
async fn a_ticket_opens_one_session() {
    let bed = bed(&Cards::of(&["sms"]), LimitPolicy::off()).await;
    let ticket = begin(&bed).await;
    let before = sessions(&bed).await;
    let (one, other) = tokio::join!(prove(&bed, &ticket, CODE), prove(&bed, &ticket, CODE));
    assert_ne!(one.is_ok(), other.is_ok());
    let refused = one.and(other).unwrap_err();
    assert!(matches!(refused, AuthError::InvalidFlow), "{refused:?}");
    let again = prove(&bed, &ticket, CODE).await.unwrap_err();
    assert!(matches!(again, AuthError::InvalidFlow), "{again:?}");
    assert_eq!(sessions(&bed).await, before + 1);
}

#[tokio::test]
async fn a_ticket_ends_after_ten_minutes() {
    for (seconds, is_live) in [(599, true), (600, false)] {
        let bed = bed(&Cards::of(&["sms"]), LimitPolicy::off()).await;
        let ticket = begin(&bed).await;
        bed.clock.advance(seconds * SECOND);
        assert_eq!(prove(&bed, &ticket, CODE).await.is_ok(), is_live);
    }
}

#[tokio::test]
async fn a_ticket_ends_with_the_state_of_the_account_that_it_rests_on() {
    for change in ["password", "reset", "disabled", "removed", "deleted"] {
        let cards = Cards::default();
        let bed = bed(&cards, LimitPolicy::off()).await;
        let tokens = bed.login(ANN, PASSWORD).await.unwrap().tokens;
        let ann = bed.validate(&tokens).await.unwrap();
        cards.set(&["sms"]);
        let ticket = begin(&bed).await;
        let user = bed.store.user(ann.user().id).await.unwrap().unwrap();
        match change {
            "password" => {
                cards.set(&[]);
                let changed = bed.change_password(&ann, PASSWORD, OTHER_PASSWORD);
                drop(changed.await.unwrap());
                cards.set(&["sms"]);
            }
            "reset" => {
                let asked = admittance::service::EmailRequest { email: ANN.into() };
                let _ = bed.auth.forgot_password(asked, &bed.here).await.unwrap();
                let request = ResetPassword {
                    token: bed.mailed(MailKind::ResetPassword).await,
                    new_password: OTHER_PASSWORD.into(),
                    confirm_password: OTHER_PASSWORD.into(),
                };
                let _ = bed.auth.reset_password(request, &bed.here).await.unwrap();
            }
            "disabled" => {
                let disabled = UserStatus::Disabled;
                let done = bed.store.set_status(user.id, user.version, disabled).await;
                assert!(done.unwrap().is_some());
            }
            "removed" => {
                let state = user.exact_state();
                assert!(bed.store.remove_user(&state, Removal::Any).await.unwrap());
            }
            _ => drop(delete(&bed, &ann, PASSWORD).await.unwrap()),
        }
        let answer = prove(&bed, &ticket, CODE).await;
        assert!(
            matches!(answer, Err(AuthError::InvalidFlow)),
            "{change}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn a_ticket_is_nothing_but_a_ticket() {
    let bed = bed(&Cards::of(&["sms"]), LimitPolicy::off()).await;
    let link = bed.mailed(MailKind::VerifyEmail).await;
    let ticket = begin(&bed).await;
    let text = ticket.expose_secret();
    assert!(bed.auth.validate_token(text, &bed.here).await.is_err());
    let refresh = RefreshRequest {
        refresh_token: RefreshToken::new(text),
    };
    assert!(bed.auth.refresh(refresh, &bed.here).await.is_err());
    let as_link = MailToken::new(text);
    assert!(verify(&bed, &as_link, Some(PASSWORD), None).await.is_err());
    let disown = LinkRequest { token: as_link };
    assert!(bed.auth.disown_email(disown, &bed.here).await.is_err());
    // Nor is anything else a ticket.
    for other in [link.expose_secret(), "ads_", "", &text[..20]] {
        assert!(prove(&bed, &Ticket::new(other), CODE).await.is_err());
    }
    assert!(prove(&bed, &ticket, CODE).await.is_ok());
}

#[tokio::test]
async fn a_wrong_code_leaves_the_ticket_valid() {
    let bed = bed(&Cards::of(&["sms"]), LimitPolicy::default()).await;
    let ticket = begin(&bed).await;
    for code in ["000000", "482193 ", "x"] {
        let wrong = prove(&bed, &ticket, code).await.unwrap_err();
        assert!(matches!(wrong, AuthError::InvalidCode), "{code}: {wrong:?}");
    }
    assert!(prove(&bed, &ticket, CODE).await.is_ok());
}

#[tokio::test]
async fn asvs_6_3_1_wrong_codes_are_counted_per_account_over_all_tickets_and_sessions() {
    let cards = Cards::default();
    let mut limits = LimitPolicy::off();
    limits.login_by_account = LimitPolicy::default().login_by_account;
    let bed = bed(&cards, limits).await;
    let tokens = bed.login(ANN, PASSWORD).await.unwrap().tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    cards.set(&["sms"]);
    let name = MethodName::new("sms").unwrap();
    for round in 0..5 {
        let wrong = match round % 2 {
            0 => prove(&bed, &begin(&bed).await, "000000").await,
            _ => {
                let again = Reauthenticate::by_code(name, "000000");
                bed.auth.reauthenticate(&ann, again, &bed.here).await
            }
        };
        let wrong = wrong.unwrap_err();
        assert!(matches!(wrong, AuthError::InvalidCode), "{wrong:?}");
    }
    assert!(bed.events.last().notices.contains(Notice::AccountLocked));
    let calls = cards.calls();
    // The password goes on working as far as it did: it asks for the code.
    let locked = prove(&bed, &begin(&bed).await, CODE).await.unwrap_err();
    let AuthError::RateLimited { retry_after } = locked else {
        panic!("{locked:?}")
    };
    // A refused attempt does not reach the application's check: the calls are those for the
    // methods, twice, and for the code of the login.
    assert_eq!(cards.calls() - calls, 3);
    bed.clock.advance(retry_after);
    assert!(prove(&bed, &begin(&bed).await, CODE).await.is_ok());
}

#[tokio::test]
async fn asvs_16_5_3_a_second_factor_that_fails_lets_nobody_in() {
    let cards = Cards::of(&["sms"]);
    let bed = bed(&cards, LimitPolicy::off()).await;
    let ticket = begin(&bed).await;
    let before = sessions(&bed).await;
    for broken in [Broken::Methods, Broken::Requested, Broken::Check] {
        for fault in [Fault::Fails, Fault::Panics, Fault::Hangs] {
            // One that hangs takes its whole time.
            if fault == Fault::Hangs && broken != Broken::Check {
                continue;
            }
            cards.breaks((broken, fault));
            let answer = match broken {
                Broken::Check => prove(&bed, &ticket, CODE).await,
                _ => bed.login(ANN, PASSWORD).await,
            };
            let error = answer.unwrap_err();
            assert!(
                matches!(error, AuthError::Unavailable { .. }),
                "{broken:?} {fault:?}: {error:?}"
            );
            let event = bed.events.last();
            assert!(event.notices.contains(Notice::HookFailed), "{event:?}");
            assert_eq!(sessions(&bed).await, before);
        }
    }
    cards.breaks(None);
    assert!(prove(&bed, &ticket, CODE).await.is_ok());
}

#[tokio::test]
async fn a_link_with_the_password_asks_for_the_second_factor_too_and_is_not_used_up() {
    let bed = bed(&Cards::of(&["sms"]), LimitPolicy::off()).await;
    let link = bed.mailed(MailKind::VerifyEmail).await;
    let answer = verify(&bed, &link, Some(PASSWORD), None).await;
    let Err(AuthError::SecondFactorRequired { ticket, .. }) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(sessions(&bed).await, 1);
    let opened = prove(&bed, &ticket, CODE).await.unwrap();
    let ann = bed.validate(&opened.tokens).await.unwrap();
    assert!(!ann.user().is_verified);
    verify(&bed, &link, None, Some(&ann)).await.unwrap();
    assert!(
        bed.validate(&opened.tokens)
            .await
            .unwrap()
            .user()
            .is_verified
    );
}

#[tokio::test]
async fn a_login_that_is_not_to_be_remembered_stays_one() {
    let bed = bed(&Cards::of(&["sms"]), LimitPolicy::off()).await;
    let request = LoginRequest {
        remember: Some(false),
        ..login(ANN, PASSWORD)
    };
    let begun = bed.auth.login(request, &bed.here).await;
    let Err(AuthError::SecondFactorRequired { ticket, .. }) = begun else {
        panic!("{begun:?}")
    };
    let opened = prove(&bed, &ticket, CODE).await.unwrap();
    let ann = bed.validate(&opened.tokens).await.unwrap();
    assert_eq!(ann.session().length, SessionLength::Short);
}

#[tokio::test]
async fn asvs_7_5_3_proofs_of_the_needed_strength_are_recent_for_their_time() {
    let cards = Cards::of(&["sms"]);
    let bed = bed(&cards, LimitPolicy::off()).await;
    let opened = prove(&bed, &begin(&bed).await, CODE).await.unwrap();
    let mut tokens = opened.tokens;
    bed.clock.advance(MINUTES + SECOND);
    let lacks = async |bed: &Bed, tokens: &_| {
        let ann = bed.validate(tokens).await.unwrap();
        match ann.require_assurance(Assurance::Aal2, MINUTES) {
            Ok(()) => Vec::new(),
            Err(AuthError::RecentLoginRequired { methods }) => methods,
            Err(other) => panic!("{other:?}"),
        }
    };
    assert_eq!(
        lacks(&bed, &tokens).await,
        [Method::Password, method("sms")]
    );
    let ann = bed.validate(&tokens).await.unwrap();
    let again = Reauthenticate::by_password(PASSWORD);
    let proved = bed.auth.reauthenticate(&ann, again, &bed.here).await;
    tokens = proved.unwrap().tokens;
    assert_eq!(lacks(&bed, &tokens).await, [method("sms")]);
    let ann = bed.validate(&tokens).await.unwrap();
    assert!(ann.require_recent_login(MINUTES).is_ok());
    let again = Reauthenticate::by_code(MethodName::new("sms").unwrap(), CODE);
    let proved = bed.auth.reauthenticate(&ann, again, &bed.here).await;
    tokens = proved.unwrap().tokens;
    assert_eq!(lacks(&bed, &tokens).await, []);
    // A change of the password keeps the other proof.
    let ann = bed.validate(&tokens).await.unwrap();
    let changed = bed.change_password(&ann, PASSWORD, OTHER_PASSWORD).await;
    assert_eq!(lacks(&bed, &changed.unwrap().tokens).await, []);
}

#[tokio::test]
async fn a_session_older_than_the_second_factor_is_not_replaced_without_it() {
    let cards = Cards::default();
    let bed = bed(&cards, LimitPolicy::off()).await;
    let tokens = bed.login(ANN, PASSWORD).await.unwrap().tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    let refused = ann.require_assurance(Assurance::Aal2, MINUTES);
    let Err(AuthError::RecentLoginRequired { methods }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(methods, []);

    cards.set(&["sms"]);
    let lacks_factor = |answer: Result<LoginResponse, AuthError>| match answer {
        Err(AuthError::RecentLoginRequired { methods }) => methods == [method("sms")],
        _ => false,
    };
    let changed = bed.change_password(&ann, PASSWORD, OTHER_PASSWORD).await;
    assert!(lacks_factor(changed));
    let again = Reauthenticate::by_password(PASSWORD);
    let again = bed.auth.reauthenticate(&ann, again, &bed.here).await;
    assert!(lacks_factor(again));
    // The password is as before, and the session goes on until it is replaced.
    let ann = bed.validate(&tokens).await.unwrap();
    begin(&bed).await;

    // Without a code, one is requested.
    let requested = cards.requested();
    let sms = MethodName::new("sms").unwrap();
    let without = bed
        .auth
        .reauthenticate(&ann, Reauthenticate::by_code(sms, ""), &bed.here)
        .await;
    assert!(matches!(without, Err(AuthError::Validation(_))));
    assert_eq!(cards.requested(), requested + 1);
    // By a method that the account has.
    let other = Reauthenticate::by_code(MethodName::new("card").unwrap(), "");
    let refused = bed.auth.reauthenticate(&ann, other, &bed.here).await;
    assert!(matches!(refused, Err(AuthError::Validation(_))));
    assert_eq!(cards.requested(), requested + 1);
    let by_code = Reauthenticate::by_code(sms, CODE);
    let proved = bed.auth.reauthenticate(&ann, by_code, &bed.here).await;
    let ann = bed.validate(&proved.unwrap().tokens).await.unwrap();
    assert!(ann.require_assurance(Assurance::Aal2, MINUTES).is_ok());
    let changed = bed.change_password(&ann, PASSWORD, OTHER_PASSWORD).await;
    assert!(changed.is_ok());
}

#[tokio::test]
async fn a_reset_by_mail_forgets_wrong_codes() {
    let cards = Cards::of(&["sms"]);
    let mut limits = LimitPolicy::off();
    limits.login_by_account = LimitPolicy::default().login_by_account;
    let bed = bed(&cards, limits).await;
    let ticket = begin(&bed).await;
    for _ in 0..5 {
        assert!(prove(&bed, &ticket, "000000").await.is_err());
    }
    let locked = prove(&bed, &ticket, CODE).await.unwrap_err();
    assert!(
        matches!(locked, AuthError::RateLimited { .. }),
        "{locked:?}"
    );
    let asked = admittance::service::EmailRequest { email: ANN.into() };
    let _ = bed.auth.forgot_password(asked, &bed.here).await.unwrap();
    let request = ResetPassword {
        token: bed.mailed(MailKind::ResetPassword).await,
        new_password: OTHER_PASSWORD.into(),
        confirm_password: OTHER_PASSWORD.into(),
    };
    let _ = bed.auth.reset_password(request, &bed.here).await.unwrap();
    let begun = bed.login(ANN, OTHER_PASSWORD).await;
    let Err(AuthError::SecondFactorRequired { ticket, .. }) = begun else {
        panic!("{begun:?}")
    };
    assert!(prove(&bed, &ticket, CODE).await.is_ok());
}

#[tokio::test]
async fn what_proves_nothing_is_named() {
    let bed = bed(&Cards::of(&["sms"]), LimitPolicy::default()).await;
    let ticket = begin(&bed).await;
    let long = "1".repeat(MAX_CODE_CHARS + 1);
    for (ticket, by, code, field, rule) in [
        (
            &ticket,
            Method::Password,
            CODE,
            Field::Method,
            ViolationCode::Unknown,
        ),
        (
            &ticket,
            method("card"),
            CODE,
            Field::Method,
            ViolationCode::Unknown,
        ),
        (
            &ticket,
            method("sms"),
            "",
            Field::Code,
            ViolationCode::Required,
        ),
        (
            &ticket,
            method("sms"),
            &long,
            Field::Code,
            ViolationCode::TooLong,
        ),
        (
            &Ticket::default(),
            method("sms"),
            CODE,
            Field::Ticket,
            ViolationCode::Required,
        ),
    ] {
        let request = ProveSecondFactor::new(ticket.clone(), by, code);
        let answer = bed.auth.prove_second_factor(request, &bed.here).await;
        let Err(AuthError::Validation(violations)) = answer else {
            panic!("{by:?}: {answer:?}")
        };
        let first = &violations.as_slice()[0];
        assert_eq!((first.field, first.code), (field, rule));
    }
    assert!(prove(&bed, &ticket, CODE).await.is_ok());
}

#[tokio::test]
async fn a_login_that_a_limit_refuses_hands_out_no_ticket() {
    let cards = Cards::of(&["sms"]);
    let bed = bed(&cards, LimitPolicy::default()).await;
    for _ in 0..10 {
        begin(&bed).await;
    }
    assert_eq!(cards.requested(), 10);
    let refused = bed.login(ANN, PASSWORD).await.unwrap_err();
    assert!(
        matches!(refused, AuthError::RateLimited { .. }),
        "{refused:?}"
    );
    // Nor does it request a code.
    assert_eq!(cards.requested(), 10);
}

#[tokio::test]
async fn an_account_has_five_tickets_at_most() {
    let bed = bed(&Cards::of(&["sms"]), LimitPolicy::off()).await;
    let mut tickets = Vec::new();
    for _ in 0..7 {
        bed.clock.advance(SECOND);
        tickets.push(begin(&bed).await);
    }
    let user = bed.store.users(None, 1).await.unwrap().remove(0);
    let now = admittance::clock::Clock::now(&bed.clock);
    let mut live = bed.store.tokens_of(user.id, now).await.unwrap();
    live.retain(|token| token.purpose == TokenPurpose::SignIn);
    assert_eq!(live.len(), 5);
    assert!(prove(&bed, &tickets[1], CODE).await.is_err());
    assert!(prove(&bed, &tickets[2], CODE).await.is_ok());
}
