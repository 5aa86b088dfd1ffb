//! A MongoDB server for the tests, and databases on it.
//!
//! `MONGODB_URI` if it is set; else `mongod` on the PATH; else SecantusDB, a
//! stand-in that speaks MongoDB's protocol, from PyPI. Without any of them the
//! tests fail. On a server that was there before, the databases of the tests
//! stay: their names begin with `admittance_test_`.

use std::cell::RefCell;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio, id};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use admittance::store::mongodb::{MongoConfig, MongoStore};
use mongodb::Client;
use mongodb::options::ClientOptions;

use crate::pypi;

const TELLS: &str = "the MongoDB tests need a server: set MONGODB_URI to one, or put mongod on the \
                     PATH, or let them install SecantusDB from PyPI (Python 3 with venv and pip; \
                     set PYTHON to it if it is not python3)";
const REQUIREMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/support/secantusdb.txt");
/// Long enough for any machine: a test waits for it only when it fails.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server of the tests' own. It is stopped by `kill -9` when it is dropped, and
/// when the process that started it ends, however that ends: the server's shell
/// waits for the other end of a pipe to close.
pub struct Server {
    shell: Child,
    port: u16,
}

impl Server {
    /// Starts a server on `port` that keeps its data in `folder`, and waits
    /// until it listens.
    pub fn start(folder: &Path, port: u16) -> Self {
        const KEEP: &str = r#""$@" >"$LOG" 2>&1 & echo $!; cat >/dev/null; kill -9 $!; wait"#;
        fs::create_dir_all(folder).unwrap();
        let log = folder.with_extension("log");
        let mut shell = Command::new("sh")
            .args(["-c", KEEP, "sh"])
            .args(command(folder, port))
            .env("LOG", &log)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(shell.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let pid: u32 = line.trim().parse().unwrap();
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                begin.elapsed() < PATIENCE && Path::new(&format!("/proc/{pid}")).exists(),
                "{TELLS}: it did not start:\n{}",
                fs::read_to_string(&log).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { shell, port }
    }

    /// The connection string.
    pub fn uri(&self) -> String {
        format!("mongodb://127.0.0.1:{}/", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// The command line of the server that there is.
fn command(folder: &Path, port: u16) -> Vec<String> {
    let folder = folder.to_str().unwrap().to_owned();
    let port = port.to_string();
    let on_path = Command::new("mongod").arg("--version").output().is_ok();
    let (program, arguments) = if on_path {
        let test_commands = ["--setParameter", "enableTestCommands=1"];
        let arguments = [
            "--bind_ip",
            "127.0.0.1",
            "--dbpath",
            &folder,
            "--port",
            &port,
        ];
        (
            "mongod".to_owned(),
            [arguments.as_slice(), &test_commands].concat(),
        )
    } else {
        let quiet = ["--enable-test-commands", "--log-level", "WARNING"];
        let arguments = [
            "--host",
            "127.0.0.1",
            "--storage-path",
            &folder,
            "--port",
            &port,
        ];
        let program = secantusdb().to_str().unwrap().to_owned();
        (program, [arguments.as_slice(), &quiet].concat())
    };
    let arguments = arguments.into_iter().map(str::to_owned);
    [program].into_iter().chain(arguments).collect()
}

/// The stand-in, installed on first use.
fn secantusdb() -> PathBuf {
    let home = crate::folder().join("secantusdb");
    pypi::installed(&home, REQUIREMENTS, TELLS).join("bin/secantusd-py")
}

/// A folder for a server that nobody uses, and a port that is free.
pub fn place() -> (PathBuf, u16) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let servers = crate::folder().join("mongo");
    let folder = servers.join(format!("{}-{number}", id()));
    let _ = fs::remove_dir_all(&folder);
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr();
    (folder, port.unwrap().port())
}

/// Servers that no thread leases, each with the number of its databases.
static UNUSED: Mutex<Vec<(Server, u32)>> = Mutex::new(Vec::new());

/// A server for the databases of one thread. Each test has a thread, so tests
/// that run at once do not share a server: two that use one stand-in take longer
/// than one after the other. When the thread ends, another one may lease the
/// server; one that has held many databases is slow, and stops instead.
struct Lease {
    server: Option<Server>,
    databases: u32,
}

impl Lease {
    fn take() -> Self {
        let unused = UNUSED.lock().unwrap().pop();
        let (server, databases) = unused.unwrap_or_else(|| {
            let (folder, port) = place();
            (Server::start(&folder, port), 0)
        });
        Self {
            server: Some(server),
            databases,
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        const FULL: u32 = 40;
        if let Some(server) = self.server.take()
            && self.databases < FULL
        {
            UNUSED.lock().unwrap().push((server, self.databases));
        }
    }
}

/// The connection string of the server for one more database of this thread.
fn uri() -> String {
    thread_local!(static LEASE: RefCell<Option<Lease>> = const { RefCell::new(None) });
    std::env::var("MONGODB_URI").unwrap_or_else(|_| {
        LEASE.with_borrow_mut(|lease| {
            let lease = lease.get_or_insert_with(Lease::take);
            lease.databases += 1;
            lease.server.as_ref().unwrap().uri()
        })
    })
}

/// A connection string that names a fresh database.
pub fn fresh_uri() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let uri = uri();
    let (server, query) = uri.split_once('?').unwrap_or((&uri, ""));
    let server = server.trim_end_matches('/');
    format!("{server}/admittance_example_{}_{number}?{query}", id())
}

/// Options for clients of a fresh database. Its name is also the
/// clients' name: fail points can tell by it whom to fail.
pub async fn options() -> ClientOptions {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("admittance_test_{}_{number}", id());
    options_of(&uri(), &name).await
}

/// Options for clients of the database `name` on the server at `uri`.
pub async fn options_of(uri: &str, name: &str) -> ClientOptions {
    let mut options = ClientOptions::parse(uri).await.unwrap();
    options.app_name = Some(name.to_owned());
    options.default_database = Some(name.to_owned());
    options.server_selection_timeout = Some(PATIENCE);
    options.connect_timeout = Some(PATIENCE);
    // So that a server that was taken for lost is soon found again.
    options.heartbeat_freq = Some(Duration::from_millis(500));
    options
}

/// A store over the database that `options` name. Its client belongs to the
/// runtime that calls this.
pub async fn store_over(options: ClientOptions) -> MongoStore {
    let client = Client::with_options(options).unwrap();
    let database = client.default_database().unwrap();
    MongoStore::new(database, config()).await.unwrap()
}

/// The default settings, but for deadlines that no machine is too slow for.
pub fn config() -> MongoConfig {
    let mut config = MongoConfig::default().insecure_for_tests();
    config.deadline = PATIENCE;
    config
}
