//! Which engine is measured, and how its parts are opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;
use waymark_api::eventstore::vault::Vault;
use waymark_api::eventstore::{EventStore, Options, PostgresStore, SqliteStore, postgres};
use waymark_api::projections::Projections;
use waymark_api::projections::runtime::Node;
use waymark_api::projections::storage::schema::tables;
use waymark_tests::{Installation, now, setting};

use crate::durable::Bare;

/// The argument before the engine's name.
pub(crate) const FLAG: &str = "--engine";

/// What everything is kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// Files in a folder.
    Sqlite,
    /// A database on the server that `WAYMARK_TEST_POSTGRES` names.
    Postgres,
}

impl Engine {
    /// The engine that the arguments name, or else the one that the tests run on.
    pub(crate) fn of(arguments: &[String]) -> Self {
        let named = arguments.iter().position(|argument| argument == FLAG);
        let named = named.and_then(|flag| arguments.get(flag + 1).cloned());
        match named.or_else(|| setting("WAYMARK_TEST_ENGINE")).as_deref() {
            None | Some("sqlite") => Self::Sqlite,
            Some("postgres") => Self::Postgres,
            Some(other) => panic!("no engine is called {other}"),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }

    /// A fresh installation, gone when dropped.
    pub(crate) fn installation(self) -> Installation {
        match self {
            Self::Sqlite => Installation::on_sqlite(),
            Self::Postgres => Installation::on_postgres().expect("WAYMARK_TEST_POSTGRES names a server"),
        }
    }

    /// Where the floors keep their rows: a file of their own, or the installation's database.
    pub(crate) fn floor_database(self, installation: &Installation, name: &str) -> String {
        match self {
            Self::Sqlite => installation.directory().join(name).display().to_string(),
            Self::Postgres => installation.database(),
        }
    }

    /// The log of an installation that no program has open.
    pub(crate) async fn log(self, installation: &Installation) -> Arc<dyn EventStore> {
        let opened: Result<Arc<dyn EventStore>, _> = match self {
            Self::Sqlite => {
                let file = installation.file().display().to_string();
                SqliteStore::open(&file, Options::new(Arc::new(now))).await.map(|store| store as _)
            }
            Self::Postgres => {
                let options = postgres::Options::new(Arc::new(now));
                PostgresStore::open(&installation.database(), options).await.map(|store| store as _)
            }
        };
        opened.expect("the log opens")
    }

    /// The read models over a log.
    pub(crate) async fn read_models(
        self,
        installation: &Installation,
        store: Arc<dyn EventStore>,
        vault: Arc<Vault>,
    ) -> Arc<Projections> {
        let opened = match self {
            Self::Sqlite => Projections::open(&installation.views_file(), store, vault).await,
            Self::Postgres => {
                let node = Node { id: Uuid::from_u128(1), clock: Arc::new(now) };
                Projections::connect(&installation.database(), node, store, vault).await
            }
        };
        opened.expect("the read models open")
    }

    /// The database that the read models stand in.
    pub(crate) async fn views(self, installation: &Installation) -> Bare {
        match self {
            Self::Sqlite => Bare::connect(&installation.views_file().display().to_string()).await,
            Self::Postgres => Bare::connect(&installation.database()).await,
        }
    }

    /// The name of a read model's table as SQL says it there.
    pub(crate) fn view_table(self, table: &str) -> String {
        match self {
            Self::Sqlite => table.to_owned(),
            Self::Postgres => {
                let named = |full: &String| full.rsplit('.').next() == Some(table);
                tables().into_iter().find(named).expect("the read models have such a table")
            }
        }
    }
}

/// Whether a database is named by a URL of PostgreSQL.
pub(crate) fn is_postgres(database: &str) -> bool {
    database.starts_with("postgres://") || database.starts_with("postgresql://")
}

/// The SQLite file of a path or URL.
pub(crate) fn file_of(database: &str) -> PathBuf {
    Path::new(database.strip_prefix("sqlite:").unwrap_or(database)).to_path_buf()
}
