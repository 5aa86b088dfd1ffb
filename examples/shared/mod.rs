//! What the examples that serve HTTP have in common: the same environment, the
//! same accounts, the same words, whatever the framework.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it talks to a person at a terminal"
)]

mod admin;
mod docs;
#[cfg(any(feature = "http-client", feature = "http-client-aws-lc-rs"))]
mod federation;
mod mail;
#[cfg(feature = "example-metrics")]
mod metrics;
mod pages;
mod serve;
mod settings;
mod store;

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use admittance::http::AuthApi;
use admittance::service::AuthService;
use admittance::store::Store;
use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use tokio::net::TcpListener;
use tokio::time::timeout;

pub(crate) use serve::serve;
use settings::Settings;

/// What a server is made of.
pub(crate) struct Parts {
    pub(crate) api: AuthApi<Arc<dyn Store>>,
    pub(crate) listener: TcpListener,
    greeting: String,
}

/// Runs the server, and reports an error as a sentence.
pub(crate) async fn run(server: impl Future<Output = Result<(), Box<dyn Error>>>) -> ExitCode {
    match server.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = error.to_string();
            let mut source = error.source();
            while let Some(cause) = source {
                // Some texts have their cause in them already.
                let cause_text = cause.to_string();
                if !text.contains(&cause_text) {
                    text = format!("{text}: {cause_text}");
                }
                source = cause.source();
            }
            eprintln!("The server cannot run: {text}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(not(feature = "example-metrics"))]
mod metrics {
    pub(super) async fn serve(_: &str) -> Result<(), Box<dyn std::error::Error>> {
        Err("METRICS_ADDR needs the feature `example-metrics`".into())
    }
}

#[cfg(not(any(feature = "http-client", feature = "http-client-aws-lc-rs")))]
mod federation {
    use std::error::Error;

    /// No provider: `OIDC_ISSUER` stops the start, with the command to type.
    pub(super) enum Oidc {}

    impl Oidc {
        pub(super) fn from_env(_: &str) -> Result<Option<Self>, Box<dyn Error>> {
            Ok(None)
        }

        pub(super) fn add<B>(&self, _: B) -> Result<B, Box<dyn Error>> {
            match *self {}
        }
    }
}

/// Everything but the framework, from the environment.
pub(crate) async fn parts() -> Result<Parts, Box<dyn Error>> {
    tracing_subscriber::fmt()
        .with_env_filter(std::env::var("RUST_LOG").unwrap_or_else(|_| "info".to_owned()))
        .init();
    let settings = Settings::from_env()?;
    if let Some(addr) = &settings.metrics_addr {
        // First, so that nothing is missed.
        metrics::serve(addr).await?;
    }
    let (store, place) = settings.database.open(settings.database_wait).await?;
    let service = settings.service(store)?;
    let api = AuthApi::with_config(service.clone(), settings.http())?;
    if let Some((email, role)) = settings.admin()? {
        tokio::spawn(admin::appoint(service, email, role));
    }
    let listener = TcpListener::bind(&settings.addr).await;
    let listener = listener.map_err(|error| format!("ADDR={}: {error}", settings.addr))?;
    let addr = listener.local_addr()?;
    Ok(Parts {
        api,
        listener,
        greeting: greeting(addr, place, settings.mail_goes()),
    })
}

fn greeting(addr: SocketAddr, place: &str, mail: &str) -> String {
    format!(
        r#"Listening on http://{addr} with accounts {place}; mail is {mail}. Try:
  curl http://{addr}/register -H 'Content-Type: application/json' \
    -d '{{"email":"ann@example.org","password":"plum-Orbit-47-lantern","confirm_password":"plum-Orbit-47-lantern","name":"Ann"}}'
  then the other lines of docs/contract.md. Ctrl-C stops the server."#
    )
}

impl Parts {
    /// Tells the person at the terminal what to try.
    pub(crate) fn greet(&self) {
        println!("{}", self.greeting);
    }
}

/// The answer of the browser pages, which share some of the API's paths and are
/// asked first; `None` when the request is not for them.
pub(crate) fn page(method: &Method, path: &str, headers: &HeaderMap) -> Option<Response<Bytes>> {
    pages::answer(method, path, headers).or_else(|| docs::answer(method, path))
}

/// Ends when the process is asked to stop.
pub(crate) async fn stopped() {
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

/// Gives what is under way a moment after the last request: mail that is lost
/// can be asked for again, and events that are not kept stand in the log.
pub(crate) async fn finish(service: &AuthService<Arc<dyn Store>>) {
    let flush = async {
        // In this order, since a mail makes an event.
        service.flush_mail().await;
        service.flush_events().await;
    };
    if timeout(Duration::from_secs(5), flush).await.is_err() {
        tracing::warn!("some mail was not sent, or some events were not kept");
    }
    println!("Stopped.");
}
