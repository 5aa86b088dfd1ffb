//! Limits, sessions and roles under somebody who means it badly.

use admittance::authz::{Role, RolePolicy};
use admittance::error::AuthError;
use admittance::mail::MailKind;
use admittance::service::{
    AuthService, ChangePassword, EmailRequest, Reauthenticate, RequestContext, ResetPassword,
};
use admittance::store::MemoryStore;

use support::bed::{Bed, OTHER_PASSWORD, PASSWORD, config, keyring, login};

const ANN: &str = "ann@example.org";
const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/126.0 Safari/537.36";

/// The owner at home, and strangers of the same provider with the same browser.
fn home() -> RequestContext {
    RequestContext::from_ip([198, 51, 100, 7].into()).with_user_agent(CHROME)
}

fn neighbour(number: u8) -> RequestContext {
    let agent = CHROME.replace("126", &number.to_string());
    RequestContext::from_ip([198, 51, number, 200].into()).with_user_agent(&agent)
}

fn far_away(number: u8) -> RequestContext {
    RequestContext::from_ip([203, number, 113, 9].into()).with_user_agent("curl")
}

/// Guesses from there until a wait is told, and takes each slot that opens.
async fn besiege(bed: &Bed, from: impl Fn(u8) -> RequestContext, failures: u32) {
    let mut counted = 0;
    while counted < failures {
        let there = from(u8::try_from(counted % 200).unwrap());
        match bed.auth.login(login(ANN, OTHER_PASSWORD), &there).await {
            Err(AuthError::InvalidCredentials) => counted += 1,
            Err(AuthError::RateLimited { retry_after }) => bed.clock.advance(retry_after),
            other => panic!("{other:?}"),
        }
    }
}

async fn register_at(bed: &Bed, here: &RequestContext) -> admittance::service::Tokens {
    let registered = bed
        .auth
        .register(support::bed::registration(ANN), here)
        .await;
    registered.unwrap().opened().unwrap().tokens
}

#[tokio::test]
async fn a_reset_lets_the_owner_in_where_look_alikes_locked_the_device() {
    let mut opened_by = Vec::new();
    for nobody_says_who_they_are in [false, true] {
        let bed = Bed::mailing();
        // A front end that calls from its own server and passes nothing on
        // makes everybody look alike.
        let here = if nobody_says_who_they_are {
            RequestContext::from_ip([198, 51, 100, 7].into()).with_user_agent("python-requests")
        } else {
            home()
        };
        register_at(&bed, &here).await;
        let same = here.clone();
        besiege(
            &bed,
            |number| match nobody_says_who_they_are {
                true => same.clone(),
                false => neighbour(number),
            },
            10,
        )
        .await;
        let request = EmailRequest { email: ANN.into() };
        bed.auth.forgot_password(request, &here).await.unwrap();
        let request = ResetPassword {
            token: bed.mailed(MailKind::ResetPassword).await,
            new_password: "granite-Willow 58 cup".into(),
            confirm_password: "granite-Willow 58 cup".into(),
        };
        bed.auth.reset_password(request, &here).await.unwrap();
        let opened = bed
            .auth
            .login(login(ANN, "granite-Willow 58 cup"), &here)
            .await;
        opened_by.push(opened.err().map(|error| error.to_string()));
    }
    assert_eq!(opened_by, [None, None], "a provider, a shared front end");
}

#[tokio::test]
async fn strangers_without_a_session_do_not_lock_a_live_session_out_of_its_password() {
    let bed = Bed::new();
    let tokens = register_at(&bed, &home()).await;
    besiege(&bed, neighbour, 10).await;
    let ann = bed.validate(&tokens).await;
    let ann = match ann {
        Ok(ann) => ann,
        // The access token is older than it may be by now.
        Err(_) => bed
            .validate(&bed.refresh(&tokens).await.unwrap())
            .await
            .unwrap(),
    };
    let request = Reauthenticate::by_password(PASSWORD);
    let confirmed = bed.auth.reauthenticate(&ann, request, &home()).await;
    assert!(confirmed.is_ok(), "{confirmed:?}");
    let ann = bed.validate(&confirmed.unwrap().tokens).await.unwrap();
    let request = ChangePassword {
        current_password: PASSWORD.into(),
        new_password: OTHER_PASSWORD.into(),
        confirm_password: OTHER_PASSWORD.into(),
    };
    let changed = bed.auth.change_password(&ann, request, &home()).await;
    assert!(changed.is_ok(), "{changed:?}");
}

#[tokio::test]
async fn nobody_is_an_administrator_by_registering() {
    let mut settings = config();
    let admin = Role::new("admin").unwrap();
    settings.roles = RolePolicy::new()
        .administrator(admin.clone())
        .initial_role(admin);
    let built = AuthService::builder(MemoryStore::new())
        .config(settings)
        .keyring(keyring())
        .build();
    assert!(built.is_err(), "a policy by which all are administrators");
}

#[tokio::test]
async fn strangers_do_not_keep_an_address_from_being_registered() {
    let mut settings = config();
    settings.registration = admittance::config::RegistrationMode::VerifyFirst;
    let bed = Bed::mailing_with(settings);
    besiege(&bed, far_away, 10).await;
    let registration = support::bed::registration(ANN);
    let asked = bed.auth.register(registration, &home()).await;
    assert!(asked.is_ok(), "{asked:?}");
    let request = admittance::service::VerifyEmail {
        token: bed.mailed(MailKind::CompleteRegistration).await,
        password: Some(PASSWORD.into()),
        ticket: None,
    };
    let opened = bed.auth.verify_email(request, None, &home()).await;
    assert!(opened.is_ok(), "{opened:?}");
}

#[tokio::test]
async fn ghsa_45_a_mapped_address_is_v4_in_sessions_and_events_too() {
    let bed = Bed::new();
    let mapped = std::net::Ipv4Addr::new(198, 51, 100, 7).to_ipv6_mapped();
    let tokens = register_at(&bed, &RequestContext::from_ip(mapped.into())).await;
    let ann = bed.validate(&tokens).await.unwrap();
    let v4: Option<std::net::IpAddr> = Some([198, 51, 100, 7].into());
    assert_eq!([ann.session().ip, bed.events.all()[0].ip], [v4, v4]);
}
