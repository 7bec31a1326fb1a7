//! A database in a directory of its own, and the command line pointed at it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::binary::waymark;
use crate::postgres::Database;
use crate::{Server, setting};

/// A fresh place to put a Waymark database, gone when dropped.
#[derive(Debug)]
pub struct Installation {
    directory: tempfile::TempDir,
    postgres: Option<Database>,
    /// Set once the database is there.
    prepared: OnceLock<()>,
}

/// What a run of the program left behind.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code; -1 when it was ended by a signal.
    pub code: i32,
    /// What it said to programs.
    pub stdout: String,
    /// What it said to people.
    pub stderr: String,
}

impl Ran {
    /// Insists that it succeeded, and gives what it printed.
    #[track_caller]
    #[must_use]
    pub fn succeeded(self) -> String {
        assert_eq!(self.code, 0, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self.stdout
    }

    /// Both streams, for a search.
    #[must_use]
    pub fn said(&self) -> String {
        format!("{}\n{}", self.stdout, self.stderr)
    }
}

fn directory() -> tempfile::TempDir {
    let directory = tempfile::Builder::new().prefix("waymark-").tempdir();
    directory.unwrap_or_else(|error| panic!("no temporary directory: {error}"))
}

impl Default for Installation {
    fn default() -> Self {
        Self::new()
    }
}

impl Installation {
    /// An empty directory; the first command creates the database. With `WAYMARK_TEST_ENGINE=postgres` the database is
    /// a fresh one on the server that `WAYMARK_TEST_POSTGRES` names.
    #[must_use]
    pub fn new() -> Self {
        if setting("WAYMARK_TEST_ENGINE").as_deref() == Some("postgres") {
            let missing = "WAYMARK_TEST_ENGINE is postgres, WAYMARK_TEST_POSTGRES names no server";
            return Self::on_postgres().unwrap_or_else(|| panic!("{missing}"));
        }
        Self::on_sqlite()
    }

    /// An empty directory for a SQLite file, whatever the other tests run on.
    #[must_use]
    pub fn on_sqlite() -> Self {
        Self { directory: directory(), postgres: None, prepared: OnceLock::new() }
    }

    /// An empty directory for a SQLite file, within this one.
    #[must_use]
    pub fn within(directory: &Path) -> Self {
        let directory = tempfile::Builder::new().prefix("waymark-").tempdir_in(directory);
        let directory = directory.unwrap_or_else(|error| panic!("no temporary directory: {error}"));
        Self { directory, postgres: None, prepared: OnceLock::new() }
    }

    /// A fresh PostgreSQL database, and an empty directory for the keys; `None` without a server.
    #[must_use]
    pub fn on_postgres() -> Option<Self> {
        Some(Self { directory: directory(), postgres: Some(Database::new()?), prepared: OnceLock::new() })
    }

    /// A fresh database on the PostgreSQL server with this URL of an administrator, and an empty directory for the keys.
    #[must_use]
    pub fn on_server(url: &str) -> Self {
        Self { directory: directory(), postgres: Some(Database::on(url)), prepared: OnceLock::new() }
    }

    /// The PostgreSQL database, where it is one.
    #[must_use]
    pub fn postgres(&self) -> Option<&Database> {
        self.postgres.as_ref()
    }

    /// The directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The SQLite file.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.directory().join("waymark.db")
    }

    /// The file of the read models.
    #[must_use]
    pub fn views_file(&self) -> PathBuf {
        self.directory().join("waymark.db.views")
    }

    /// The database as `--database` takes it.
    #[must_use]
    pub fn database(&self) -> String {
        match &self.postgres {
            Some(database) => database.url(),
            None => format!("sqlite:{}", self.file().display()),
        }
    }

    /// The file that holds the last signed checkpoint.
    #[must_use]
    pub fn checkpoint_file(&self) -> PathBuf {
        let name = if self.postgres.is_some() { "waymark.checkpoint" } else { "waymark.db.checkpoint" };
        self.directory().join(name)
    }

    /// The program with these arguments, in this directory and on this database.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.program_command(arguments);
        command.args(["--database", &self.database()]);
        command
    }

    /// The program with these arguments, in this directory.
    #[must_use]
    pub fn program_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(waymark());
        command.current_dir(self.directory()).args(arguments);
        command.env_remove("WAYMARK_DATABASE").env_remove("WAYMARK_LISTEN");
        // What rules do by themselves comes between what a story does: stories of rules ask for it.
        command.env("WAYMARK_AUTOMATIONS", "off");
        command
    }

    /// Runs the program to its end.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Ran {
        Self::end(self.command(arguments))
    }

    /// Runs the program, which is told its databases by the arguments, to its end.
    #[must_use]
    pub fn program(&self, arguments: &[&str]) -> Ran {
        Self::end(self.program_command(arguments))
    }

    fn end(mut command: Command) -> Ran {
        let output = command.output();
        let output = output.unwrap_or_else(|error| panic!("waymark cannot be started: {error}"));
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// A new API key of this actor with these roles. The database is made where it is missing.
    #[must_use]
    pub fn key(&self, actor: &str, roles: &[&str]) -> String {
        self.prepared.get_or_init(|| {
            if self.postgres.is_some() || !self.file().exists() {
                let _ = self.run(&["migrate"]).succeeded();
            }
        });
        let mut arguments = vec!["token", "create", "--actor", actor];
        arguments.extend(roles.iter().flat_map(|role| ["--role", role]));
        self.run(&arguments).succeeded().trim().to_owned()
    }

    /// Imports a CSV file with the columns of the shared data into a pipeline of this key.
    #[must_use]
    pub fn import(&self, pipeline: &str, csv: &Path, finals: &[&str]) -> Ran {
        let file = csv.display().to_string();
        let columns = ["--case", "case_id", "--status", "status", "--time", "timestamp", "--actor", "actor"];
        let mut arguments = vec!["import", "--pipeline", pipeline, "--csv", &file];
        arguments.extend(columns);
        arguments.extend(finals.iter().flat_map(|stage| ["--final", stage]));
        self.run(&arguments)
    }

    /// `waymark verify`: the exit code, and what it said.
    #[must_use]
    pub fn verify(&self) -> (i32, String) {
        let ran = self.run(&["verify"]);
        (ran.code, ran.said())
    }

    /// Starts the server on a free loopback port and waits until it answers. Rules do not act.
    #[must_use]
    pub fn serve(&self) -> Server {
        Server::start(self, "off")
    }

    /// The same, with further arguments.
    #[must_use]
    pub fn serve_with(&self, arguments: &[&str]) -> Server {
        let serve = ["serve", "--listen", "127.0.0.1:0", "--automations", "off"];
        Server::launch(self, &[&serve[..], arguments].concat(), 1)
    }

    /// The same, and no file of the process may grow beyond N kilobytes: a write beyond fails, as on a disk that
    /// does.
    #[must_use]
    pub fn serve_with_small_files(&self, kilobytes: usize) -> Server {
        let serve = self.command(&["serve", "--listen", "127.0.0.1:0", "--automations", "off"]);
        let mut limited = Command::new("bash");
        // Told by a signal, the process would end before it sees the error.
        limited.args(["-c", &format!("trap '' XFSZ; ulimit -f {kilobytes}; exec \"$@\""), "bash"]);
        limited.arg(serve.get_program()).args(serve.get_args()).current_dir(self.directory());
        for (name, value) in serve.get_envs() {
            match value {
                Some(value) => limited.env(name, value),
                None => limited.env_remove(name),
            };
        }
        Server::launch_command(limited, 1)
    }

    /// The same as [`Self::serve`], and rules act.
    #[must_use]
    pub fn serve_with_rules(&self) -> Server {
        Server::start(self, "on")
    }
}
