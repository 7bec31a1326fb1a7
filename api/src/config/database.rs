//! The database, and the files that go with it.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;

use super::keys::KeyArgs;

/// Where the database is and which keys go with it.
#[derive(Debug, Clone, Args)]
pub struct DatabaseArgs {
    /// The database: `sqlite:PATH`, or `postgres://USER:PASSWORD@HOST:PORT/NAME`.
    #[arg(long, env = "WAYMARK_DATABASE", default_value = "sqlite:waymark.db")]
    pub database: Database,
    /// The key file [default: the database's path with `.keys` after it; with PostgreSQL `waymark.keys`].
    #[arg(long, env = "WAYMARK_KEYS")]
    pub keys: Option<PathBuf>,
    /// Who keeps what is in it.
    #[command(flatten)]
    pub key_args: KeyArgs,
    /// The directory with the rules of time zones [default: /usr/share/zoneinfo, or what is compiled in where that is newer].
    #[arg(long, env = "WAYMARK_ZONEINFO")]
    pub zoneinfo: Option<PathBuf>,
    /// The folder for what `waymark archive` takes out of the database; every process on the database needs it [default: the
    /// database's path with `.archive` after it; with PostgreSQL `waymark.archive`].
    #[arg(long, env = "WAYMARK_ARCHIVE")]
    pub archive: Option<PathBuf>,
    /// The record of erasures, by which a restored backup is made to forget; every process on the database needs it [default: the
    /// database's path with `.erasures` after it; with PostgreSQL beside the keys].
    #[arg(long, env = "WAYMARK_ERASURES")]
    pub erasures: Option<PathBuf>,
}

/// A database by its URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// One SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL database, by its URL.
    Postgres(String),
}

impl FromStr for Database {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, String> {
        match url.split_once(':') {
            Some(("sqlite", path)) if !path.trim_start_matches('/').is_empty() => {
                Ok(Self::Sqlite(PathBuf::from(path.strip_prefix("//").unwrap_or(path))))
            }
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => {
                Ok(Self::Postgres(url.to_owned()))
            }
            _ => Err(format!("{url:?} is neither sqlite:PATH nor postgres://HOST/NAME")),
        }
    }
}

impl std::fmt::Display for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => f.write_str(&without_password(url)),
        }
    }
}

impl DatabaseArgs {
    /// The key file.
    #[must_use]
    pub fn key_file(&self) -> PathBuf {
        let beside_database = || match &self.database {
            Database::Sqlite(file) => beside(file, "keys"),
            Database::Postgres(_) => PathBuf::from("waymark.keys"),
        };
        self.keys.clone().unwrap_or_else(beside_database)
    }

    /// The folder with the segments of cold entries.
    #[must_use]
    pub fn archive_folder(&self) -> PathBuf {
        let beside_database = || match &self.database {
            Database::Sqlite(file) => beside(file, "archive"),
            Database::Postgres(_) => PathBuf::from("waymark.archive"),
        };
        self.archive.clone().unwrap_or_else(beside_database)
    }

    /// The record of erasures outside the database: beside a file of SQLite, or else beside the keys.
    #[must_use]
    pub fn erasure_file(&self) -> PathBuf {
        let beside_database = || match &self.database {
            Database::Sqlite(file) => beside(file, "erasures"),
            Database::Postgres(_) => self.key_file().with_extension("erasures"),
        };
        self.erasures.clone().unwrap_or_else(beside_database)
    }

    /// The file with the public key that checks the checkpoints of all logs: beside a file of SQLite, or else beside the keys.
    #[must_use]
    pub fn public_key_file(&self) -> PathBuf {
        match &self.database {
            Database::Sqlite(file) => beside(file, "pub"),
            Database::Postgres(_) => self.key_file().with_extension("pub"),
        }
    }

    /// The file that holds the last signed checkpoint outside the database: beside a file of SQLite, or else beside the
    /// keys.
    #[must_use]
    pub fn checkpoint_file(&self) -> PathBuf {
        match &self.database {
            Database::Sqlite(file) => beside(file, "checkpoint"),
            Database::Postgres(_) => self.key_file().with_extension("checkpoint"),
        }
    }
}

/// The file of the read models of a SQLite file, which can be thrown away: they are folded again from the log.
#[must_use]
pub fn views_file(file: &Path) -> PathBuf {
    beside(file, "views")
}

/// A URL as it may be shown: `postgres://li:…@host/name`.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (server, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match server.rsplit_once('@').and_then(|(user, host)| Some((user.split_once(':')?.0, host))) {
        Some((user, host)) => format!("{scheme}://{user}:…@{host}{path}"),
        None => url.to_owned(),
    }
}

/// `w.db` and `keys` give `w.db.keys`.
fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_named_by_its_url() {
        assert_eq!("sqlite:w.db".parse(), Ok(Database::Sqlite("w.db".into())));
        assert_eq!("sqlite:///var/w.db".parse(), Ok(Database::Sqlite("/var/w.db".into())));
        let postgres = "postgres://li:secret@db:5432/w?sslmode=require";
        let parsed: Database = postgres.parse().unwrap();
        assert_eq!(parsed, Database::Postgres(postgres.to_owned()));
        assert_eq!(
            parsed.to_string(),
            "postgres://li:…@db:5432/w?sslmode=require",
            "its password is not shown"
        );
        assert!("postgres:w".parse::<Database>().is_err());
        assert!("w.db".parse::<Database>().is_err());
        assert!("sqlite:".parse::<Database>().is_err());
    }

    #[test]
    fn keys_and_checkpoint_stand_beside_the_database() {
        let args = DatabaseArgs {
            database: Database::Sqlite("a/w.db".into()),
            keys: None,
            key_args: KeyArgs::default(),
            zoneinfo: None,
            archive: None,
            erasures: None,
        };
        assert_eq!(args.key_file(), Path::new("a/w.db.keys"));
        assert_eq!(args.checkpoint_file(), Path::new("a/w.db.checkpoint"));
        assert_eq!(args.erasure_file(), Path::new("a/w.db.erasures"));
        let server = Database::Postgres("postgres://db/w".to_owned());
        let args = DatabaseArgs {
            database: server,
            keys: Some("/etc/w.keys".into()),
            key_args: KeyArgs::default(),
            zoneinfo: None,
            archive: None,
            erasures: None,
        };
        assert_eq!(args.checkpoint_file(), Path::new("/etc/w.checkpoint"));
        assert_eq!(args.erasure_file(), Path::new("/etc/w.erasures"));
        let args = DatabaseArgs { erasures: Some("/mnt/w.erasures".into()), ..args };
        assert_eq!(args.erasure_file(), Path::new("/mnt/w.erasures"));
    }
}
