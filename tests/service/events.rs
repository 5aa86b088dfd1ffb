use std::sync::Arc;

use admittance::error::{AuthError, ErrorCode};
use admittance::event::{AuthEvent, EventSink, Operation};
use admittance::secret::{AccessToken, RefreshToken};
use admittance::service::{
    AuthService, ListSessions, MAX_USER_AGENT_CHARS, Reauthenticate, RequestContext, UpdateProfile,
};
use admittance::store::MemoryStore;

use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, config, keyring, registration};

#[tokio::test]
async fn asvs_16_2_1_every_operation_and_outcome_is_one_event() {
    let bed = Bed::new();
    let elsewhere = bed.register("ann@example.org").await;
    let _ = bed
        .auth
        .register(registration("ann@example.org"), &bed.here)
        .await;
    let _ = bed.login("ann@example.org", OTHER_PASSWORD).await;
    let tokens = bed.login("ann@example.org", PASSWORD).await.unwrap().tokens;
    let tokens = bed.refresh(&tokens).await.unwrap();
    let ann = bed.validate(&tokens).await.unwrap();
    let change = UpdateProfile {
        name: Some("Ann Lee".into()),
        preferences: None,
    };
    bed.auth
        .update_profile(&ann, change, &bed.here)
        .await
        .unwrap();
    bed.auth
        .list_sessions(&ann, ListSessions::default(), &bed.here)
        .await
        .unwrap();
    let other = bed
        .auth
        .verify_offline(elsewhere.tokens.token.expose_secret())
        .unwrap()
        .sid;
    bed.auth.end_session(&ann, other, &bed.here).await.unwrap();
    let _ = bed.auth.end_session(&ann, other, &bed.here).await;
    bed.auth.end_all_sessions(&ann, &bed.here).await.unwrap();
    let tokens = bed
        .change_password(&ann, PASSWORD, OTHER_PASSWORD)
        .await
        .unwrap()
        .tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    for password in [PASSWORD, OTHER_PASSWORD] {
        let request = Reauthenticate::by_password(password);
        let _ = bed.auth.reauthenticate(&ann, request, &bed.here).await;
    }
    let tokens = bed
        .login("ann@example.org", OTHER_PASSWORD)
        .await
        .unwrap()
        .tokens;
    let ann = bed.validate(&tokens).await.unwrap();
    bed.auth.logout(&ann, &bed.here).await.unwrap();
    let _ = bed.validate(&tokens).await;

    let seen: Vec<_> = bed
        .events
        .all()
        .into_iter()
        .map(|event| {
            assert_eq!(event.ip, bed.here.ip());
            assert_eq!(event.user_agent.as_deref(), Some("test"));
            assert_eq!(event.at.to_string(), "2026-01-01T00:00:00.000Z");
            let knows_who = event.user_id == Some(elsewhere.user_id);
            assert_eq!(
                knows_who,
                event.refused != Some(ErrorCode::EmailTaken),
                "{event:?}"
            );
            (event.operation, event.refused)
        })
        .collect();
    assert_eq!(
        seen,
        [
            (Operation::Register, None),
            (Operation::Register, Some(ErrorCode::EmailTaken)),
            (Operation::Login, Some(ErrorCode::InvalidCredentials)),
            (Operation::Login, None),
            (Operation::Refresh, None),
            (Operation::UpdateProfile, None),
            (Operation::ListSessions, None),
            (Operation::EndSession, None),
            (Operation::EndSession, Some(ErrorCode::NotFound)),
            (Operation::EndAllSessions, None),
            (Operation::ChangePassword, None),
            (
                Operation::Reauthenticate,
                Some(ErrorCode::InvalidCredentials),
            ),
            (Operation::Reauthenticate, None),
            (Operation::Login, None),
            (Operation::Logout, None),
            (Operation::ValidateToken, Some(ErrorCode::InvalidToken)),
        ]
    );
}

#[tokio::test]
async fn asvs_16_4_1_a_user_agent_injects_nothing_into_a_log() {
    let bed = Bed::new();
    let hostile = "a\r\nINFO admittance: logged in\u{1b}[2J\u{202e}\u{2028}\u{85}\0b";
    let there = RequestContext::default().with_user_agent(hostile);
    assert_eq!(there.user_agent(), Some("aINFO admittance: logged in[2Jb"));
    let _ = bed
        .auth
        .register(registration("ann@example.org"), &there)
        .await;
    assert_eq!(bed.events.last().user_agent.as_deref(), there.user_agent());
}

#[tokio::test]
async fn asvs_16_4_1_a_user_agent_of_a_mebibyte_is_cut_in_session_and_event() {
    let bed = Bed::new();
    let long = "試".repeat(1024 * 1024 / 3);
    let there = RequestContext::default().with_user_agent(&long);
    let answer = bed.auth.register(registration("ann@example.org"), &there);
    let tokens = answer.await.unwrap().opened().unwrap().tokens;
    let kept = "試".repeat(MAX_USER_AGENT_CHARS);
    assert_eq!(bed.events.last().user_agent.as_deref(), Some(&*kept));
    let ann = bed.validate(&tokens).await.unwrap();
    assert_eq!(ann.session().user_agent.as_deref(), Some(&*kept));
    let listed = bed
        .auth
        .list_sessions(&ann, ListSessions::default(), &there);
    let listed = listed.await.unwrap();
    assert_eq!(listed.sessions[0].user_agent.as_deref(), Some(&*kept));
}

#[tokio::test]
async fn a_held_session_is_that_of_a_verified_token() {
    let bed = Bed::new();
    let answer = bed.register("ann@example.org").await;
    let (access, refresh) = (&answer.tokens.token, &answer.tokens.refresh_token);
    let held = bed.auth.session_of(refresh).unwrap();
    assert_eq!(held, bed.auth.session_of_access_token(access).unwrap());
    let ann = bed.validate(&answer.tokens).await.unwrap();
    assert_eq!(held.user_id(), ann.user().id);
    assert_eq!(held.session_id(), ann.session().id);
    let forged = |text: &str| format!("{}x", &text[..text.len() - 1]);
    let access = AccessToken::from(forged(access.expose_secret()));
    let refused = bed.auth.session_of_access_token(&access);
    assert!(matches!(refused, Err(AuthError::InvalidToken)));
    let refresh = RefreshToken::from(forged(refresh.expose_secret()));
    let refused = bed.auth.session_of(&refresh);
    assert!(matches!(refused, Err(AuthError::InvalidToken)));
}

struct Panics;

impl EventSink for Panics {
    fn emit(&self, _: &AuthEvent) {
        panic!("the application's sink");
    }
}

#[tokio::test]
async fn asvs_16_5_4_a_sink_that_panics_changes_no_answer() {
    let auth = AuthService::builder(MemoryStore::new())
        .config(config())
        .keyring(keyring())
        .events(Panics)
        .build()
        .unwrap();
    let here = RequestContext::default();
    let auth = Arc::new(auth);
    let answer = auth
        .register(registration("ann@example.org"), &here)
        .await
        .unwrap();
    assert!(
        auth.validate_token(answer.opened().unwrap().tokens.token.expose_secret(), &here)
            .await
            .is_ok()
    );
}
