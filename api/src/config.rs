//! Settings: from flags, else from the environment, else as they come.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::{Args, ValueEnum};

/// Where the database is and which keys go with it.
#[derive(Debug, Clone, Args)]
pub struct DatabaseArgs {
    /// The database: `sqlite:PATH`.
    #[arg(long, env = "WAYMARK_DATABASE", default_value = "sqlite:waymark.db")]
    pub database: Database,
    /// The key file [default: the database's path with `.keys` after it].
    #[arg(long, env = "WAYMARK_KEYS")]
    pub keys: Option<PathBuf>,
}

/// Where `serve` listens.
#[derive(Debug, Clone, Args)]
pub struct ListenArgs {
    /// Address and port; port 0 takes a free one.
    #[arg(long, env = "WAYMARK_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Whether this process carries out what rules are due to do. Off while something is looked into; others that
    /// serve the same database go on.
    #[arg(long, env = "WAYMARK_AUTOMATIONS", value_enum, default_value_t = Automations::On)]
    pub automations: Automations,
}

/// Whether rules act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Automations {
    /// They do.
    On,
    /// They wait.
    Off,
}

/// A database by its URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// One SQLite file.
    Sqlite(PathBuf),
}

impl FromStr for Database {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, String> {
        match url.split_once(':') {
            Some(("sqlite", path)) if !path.trim_start_matches('/').is_empty() => {
                Ok(Self::Sqlite(PathBuf::from(path.strip_prefix("//").unwrap_or(path))))
            }
            Some(("postgres" | "postgresql", _)) => {
                Err("this build keeps its log in SQLite; write sqlite:PATH".to_owned())
            }
            _ => Err(format!("{url:?} is not sqlite:PATH")),
        }
    }
}

impl std::fmt::Display for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
        }
    }
}

impl DatabaseArgs {
    /// The database's file.
    #[must_use]
    pub fn file(&self) -> &Path {
        match &self.database {
            Database::Sqlite(path) => path,
        }
    }

    /// The key file.
    #[must_use]
    pub fn key_file(&self) -> PathBuf {
        self.keys.clone().unwrap_or_else(|| beside(self.file(), "keys"))
    }

    /// The file of the read models, which can be thrown away: they are folded again from the log.
    #[must_use]
    pub fn views_file(&self) -> PathBuf {
        beside(self.file(), "views")
    }

    /// The file that holds the last signed checkpoint outside the database.
    #[must_use]
    pub fn checkpoint_file(&self) -> PathBuf {
        beside(self.file(), "checkpoint")
    }
}

/// `w.db` and `keys` give `w.db.keys`.
fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

/// The settings there are, as `waymark config` prints them: the environment names, the values in force.
#[must_use]
pub fn describe(database: &DatabaseArgs, listen: &ListenArgs) -> Vec<(&'static str, String, &'static str)> {
    vec![
        ("WAYMARK_DATABASE", database.database.to_string(), "the database: sqlite:PATH"),
        (
            "WAYMARK_KEYS",
            database.key_file().display().to_string(),
            "the key file; keep a copy apart from the database",
        ),
        ("WAYMARK_LISTEN", listen.listen.to_string(), "where serve listens; put TLS in front of it"),
        (
            "WAYMARK_AUTOMATIONS",
            if listen.automations == Automations::On { "on" } else { "off" }.to_owned(),
            "whether this process lets rules act: on or off",
        ),
        ("WAYMARK_LOG", "info".to_owned(), "what is logged to stderr, such as warn or waymark_api=debug"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_named_by_its_url() {
        assert_eq!("sqlite:w.db".parse(), Ok(Database::Sqlite("w.db".into())));
        assert_eq!("sqlite:///var/w.db".parse(), Ok(Database::Sqlite("/var/w.db".into())));
        assert!("w.db".parse::<Database>().is_err());
        assert!("sqlite:".parse::<Database>().is_err());
    }

    #[test]
    fn keys_and_checkpoint_stand_beside_the_database() {
        let args = DatabaseArgs { database: Database::Sqlite("a/w.db".into()), keys: None };
        assert_eq!(args.key_file(), Path::new("a/w.db.keys"));
        assert_eq!(args.checkpoint_file(), Path::new("a/w.db.checkpoint"));
    }
}
