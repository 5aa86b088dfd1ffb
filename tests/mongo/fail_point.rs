//! Commands that the server fails when told to.

use mongodb::bson::{Bson, Document, doc};
use mongodb::options::ClientOptions;
use mongodb::{Client, Database};
use tokio::sync::{Mutex, MutexGuard};

/// A server has one fail point of a kind.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// A fail point that fails commands of the clients of one database.
pub(crate) struct FailPoint {
    admin: Database,
    app: String,
    _turn: MutexGuard<'static, ()>,
}

impl FailPoint {
    pub(crate) async fn new(options: &ClientOptions) -> Self {
        let turn = ONE_AT_A_TIME.lock().await;
        let app = options.app_name.clone().unwrap();
        let mut own = options.clone();
        own.app_name = None;
        let admin = Client::with_options(own).unwrap().database("admin");
        Self {
            admin,
            app,
            _turn: turn,
        }
    }

    pub(crate) async fn arm(&self, command: &str, times: impl Into<Bson>, fault: &Document) {
        self.arm_all(&[command], times, fault).await;
    }

    pub(crate) async fn arm_all(&self, commands: &[&str], mode: impl Into<Bson>, fault: &Document) {
        let mut data = doc! { "failCommands": commands, "appName": &self.app };
        data.extend(fault.clone());
        self.configure(doc! { "mode": mode.into(), "data": data })
            .await;
    }

    pub(crate) async fn disarm(&self) {
        self.configure(doc! { "mode": "off" }).await;
    }

    async fn configure(&self, settings: Document) {
        let mut command = doc! { "configureFailPoint": "failCommand" };
        command.extend(settings);
        self.admin.run_command(command).await.unwrap();
    }
}
