//! The service without HTTP, in a program of one's own:
//! `cargo run --example embedded`.

#![expect(clippy::print_stdout, reason = "it talks to a person at a terminal")]

use std::error::Error;

use admittance::config::AuthConfig;
use admittance::error::AuthError;
use admittance::random::{OsRandom, SecureRandom};
use admittance::secret::SecretBytes;
use admittance::service::{
    AuthService, ListSessions, LoginRequest, RefreshRequest, RegisterOutcome, RegisterRequest,
    RequestContext, UpdateProfile,
};
use admittance::store::MemoryStore;
use admittance::token::Keyring;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut secret = [0; 32];
    OsRandom.fill(&mut secret)?;
    let auth = AuthService::builder(MemoryStore::new())
        .config(AuthConfig::new("Exam simulator"))
        .keyring(Keyring::from_secret(SecretBytes::new(secret))?)
        .build()?;
    let here = RequestContext::default().with_user_agent("embedded example");

    // Everything that is wrong with a registration comes back at once.
    if let Err(AuthError::Validation(violations)) =
        auth.register(RegisterRequest::default(), &here).await
    {
        for violation in violations.as_slice() {
            println!("{:?}: {}", violation.field, violation.message);
        }
    }

    // The account is there at once, with a session; by `VerifyFirst` it would
    // wait for the link in a mail.
    let outcome = auth
        .register(
            RegisterRequest {
                email: "ann@example.org".into(),
                password: "plum-Orbit-47-lantern".into(),
                confirm_password: "plum-Orbit-47-lantern".into(),
                name: "Ann".into(),
                ..RegisterRequest::default()
            },
            &here,
        )
        .await?;
    if let RegisterOutcome::Opened(registered) = outcome {
        println!("registered {} as {}", registered.email, registered.user_id);
    }

    let login = LoginRequest {
        email: "ANN@example.org".into(),
        password: "plum-Orbit-47-lantern".into(),
        ..LoginRequest::default()
    };
    let tokens = auth.login(login, &here).await?.tokens;
    let ann = auth
        .validate_token(tokens.token.expose_secret(), &here)
        .await?;
    let change = UpdateProfile {
        name: Some("Ann Lee".into()),
        preferences: None,
    };
    let profile = auth.update_profile(&ann, change, &here).await?;
    println!(
        "{} has {} sessions",
        profile.name,
        auth.list_sessions(&ann, ListSessions::default(), &here)
            .await?
            .sessions
            .len()
    );

    let request = RefreshRequest {
        refresh_token: tokens.refresh_token,
    };
    let fresh = auth.refresh(request, &here).await?.tokens;
    let ann = auth
        .validate_token(fresh.token.expose_secret(), &here)
        .await?;
    println!("{}", auth.logout(&ann, &here).await?.message);
    let refused = auth
        .validate_token(fresh.token.expose_secret(), &here)
        .await;
    println!(
        "after the logout: {}",
        refused
            .err()
            .map_or_else(String::new, |error| error.to_string())
    );
    Ok(())
}
