//! A server with accounts, ready to use: `cargo run --example axum`.
//!
//! The environment variables are listed in the README.

#![expect(clippy::print_stdout, reason = "it talks to a person at a terminal")]

mod admin;
mod mail;
mod metrics;
mod settings;

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use admittance::axum::{Authenticator, CurrentUser, RequirePermission, RequiredPermission};
use admittance::http::AuthApi;
use axum::extract::FromRef;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use settings::Settings;
use tokio::net::TcpListener;
use tokio::time::timeout;

/// The application's own state; the extractors need only a part of it.
#[derive(Clone, FromRef)]
struct App {
    auth: Authenticator,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_env_filter(std::env::var("RUST_LOG").unwrap_or_else(|_| "info".to_owned()))
        .init();
    let settings = Settings::from_env()?;
    if let Some(addr) = &settings.metrics_addr {
        // First, so that nothing is missed.
        metrics::serve(addr).await?;
    }
    let (store, place) = settings.store().await?;
    let service = settings.service(store)?;
    let api = AuthApi::with_config(service.clone(), settings.http());

    if let Some((email, role)) = settings.admin()? {
        tokio::spawn(admin::appoint(service.clone(), email, role));
    }

    let app = Router::new()
        .route("/hello", get(hello))
        .route("/exams", get(exams))
        .merge(admittance::axum::router(&api))
        .with_state(App {
            auth: Authenticator::from(&api),
        });

    let listener = TcpListener::bind(&settings.addr).await?;
    let addr = listener.local_addr()?;
    let mail = settings.mail_goes();
    println!("Listening on http://{addr} with accounts {place}; mail is {mail}. Try:");
    println!("  curl http://{addr}/register -H 'Content-Type: application/json' \\");
    println!(
        r#"    -d '{{"email":"ann@example.org","password":"plum-Orbit-47-lantern","confirm_password":"plum-Orbit-47-lantern","name":"Ann"}}'"#
    );
    println!("  then the README's next lines. Ctrl-C stops the server.");

    axum::serve(
        listener,
        app.into_make_service_with_connect_info::<SocketAddr>(),
    )
    .with_graceful_shutdown(stopped())
    .await?;
    // What is under way gets a moment: mail that is lost can be asked for again,
    // and events that are not kept stand in the log. A mail makes an event.
    let flush = async {
        service.flush_mail().await;
        service.flush_events().await;
    };
    if timeout(Duration::from_secs(5), flush).await.is_err() {
        tracing::warn!("some mail was not sent, or some events were not kept");
    }
    println!("Stopped.");
    Ok(())
}

/// A route of the application's own: only users who are logged in get in.
async fn hello(user: CurrentUser) -> Json<Value> {
    Json(json!({ "hello": user.user().name.as_str() }))
}

struct TakeExams;

impl RequiredPermission for TakeExams {
    const NAME: &'static str = "exam:take";
}

/// A route for users whose role grants `exam:take`: 403 for all others.
async fn exams(student: RequirePermission<TakeExams>) -> Json<Value> {
    Json(json!({ "student": student.user().name.as_str(), "exams": [] }))
}

async fn stopped() {
    let interrupt = async { tokio::signal::ctrl_c().await.ok() };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    interrupt.await;
}
