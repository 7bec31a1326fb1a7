//! A PostgreSQL server of a test's own, which it may stop and start as it likes.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::setting;

/// A server on a free loopback port, its data in a temporary folder; stopped and gone when dropped.
#[derive(Debug)]
pub struct Cluster {
    folder: tempfile::TempDir,
    programs: PathBuf,
    port: u16,
}

impl Cluster {
    /// A fresh server that keeps what it acknowledges; `None` where PostgreSQL is not installed, after saying so. With
    /// `WAYMARK_TESTS_STRICT=1` that is a failure.
    #[must_use]
    #[expect(clippy::print_stderr, reason = "a skipped test says that it was skipped")]
    pub fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            assert!(setting("WAYMARK_TESTS_STRICT").is_none(), "PostgreSQL is not installed");
            eprintln!("skipped: PostgreSQL is not installed");
            return None;
        };
        let folder = tempfile::Builder::new().prefix("waymark-cluster-").tempdir();
        let folder = folder.unwrap_or_else(|error| panic!("no temporary directory: {error}"));
        let cluster = Self { folder, programs, port: free_port() };
        if is_root() {
            succeed(Command::new("chown").arg("postgres").arg(cluster.folder.path()));
        }
        let mut initdb = cluster.program("initdb");
        initdb.args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-D"]);
        succeed(initdb.arg(cluster.data()));
        cluster.start_again();
        Some(cluster)
    }

    /// The URL of its administrator.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Ends it as a power cut would: no transaction is ended, no connection closed, no buffer written.
    pub fn stop_at_once(&self) {
        succeed(self.control().args(["stop", "-m", "immediate", "-w"]));
    }

    /// Starts it, and returns once it answers again.
    pub fn start_again(&self) {
        let folder = self.folder.path().display();
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=on",
            self.port
        );
        let log = self.folder.path().join("log");
        succeed(self.control().arg("-l").arg(log).args(["-o", &options, "-w", "start"]));
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn control(&self) -> Command {
        let mut command = self.program("pg_ctl");
        command.arg("-s").arg("-D").arg(self.data());
        command
    }

    /// One of PostgreSQL's programs, as the user that it may run as: never as root.
    fn program(&self, name: &str) -> Command {
        let path = self.programs.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        command.current_dir(self.folder.path());
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // It may be stopped already, when the test failed between stop and start.
        let _ = self.control().args(["stop", "-m", "immediate"]).stderr(Stdio::null()).status();
    }
}

/// The folder of PostgreSQL's programs; Debian keeps them out of the path, a folder a version.
fn programs() -> Option<PathBuf> {
    let on_path = setting("PATH").unwrap_or_default();
    let on_path = on_path.split(':').map(PathBuf::from).find(|folder| folder.join("pg_ctl").exists());
    let version = |folder: &Path| folder.file_name()?.to_str()?.parse::<u32>().ok();
    let debian = || {
        let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
        let newest =
            versions.filter_map(|entry| Some(entry.ok()?.path())).max_by_key(|folder| version(folder))?;
        Some(newest.join("bin")).filter(|folder| folder.join("pg_ctl").exists())
    };
    on_path.filter(|folder| folder.join("initdb").exists()).or_else(debian)
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}

/// A port nobody listens on.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0");
    let address = listener.and_then(|listener| listener.local_addr());
    address.unwrap_or_else(|error| panic!("no free port: {error}")).port()
}

/// Runs a program that has to succeed. What it says goes nowhere: a server it starts would keep a pipe open.
#[track_caller]
fn succeed(command: &mut Command) {
    let status = command.stdout(Stdio::null()).status();
    let status = status.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?}: {status}");
}
