//! Everything that a tenant has recorded, in the formats that other tools read: streamed, page by page, and pinned to a position
//! of the log, so that the same request gives the same bytes again.

#[cfg(test)]
mod contract;
mod csv;
mod customers;
mod entered;
mod exporter;
mod format;
mod manifest;
mod ocel;
mod parquet;
mod process;
mod rows;
mod table;
mod thrift;
mod xes;
mod xlsx;

use axum::body::Bytes;
use chrono::{DateTime, Utc};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use uuid::Uuid;
use waymark_domain::Label;
use waymark_eventstore::Position;
use waymark_projections::board::Population;
use waymark_projections::dwell::Window;
use waymark_projections::{AsOf, CohortFilter};

use crate::app::{App, AppError, Caller};
use crate::checkpoint_signer::CheckpointSignerError;

pub use format::Format;
pub use manifest::{Manifest, manifest};

/// How many pieces wait for a slow reader before the export does.
const AHEAD: usize = 4;
/// How many bytes a piece has, about.
const PIECE: usize = 1 << 18;

/// What is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The entries of the log.
    Events,
    /// Every move of every journey, with what corrections have made of it.
    Moves,
    /// The stays that follow from the moves.
    Stays,
    /// The customers.
    Customers,
}

/// A request for an export.
#[derive(Debug, Clone)]
pub struct Export {
    /// What.
    pub kind: Kind,
    /// In which format.
    pub format: Format,
    /// One pipeline's moves and stays alone, and the customers in it.
    pub pipeline: Option<String>,
    /// Whose rows: of customers that pass at the instant asked about.
    pub filter: CohortFilter,
    /// What happened in it alone, and stays that have time in it.
    pub window: Window,
    /// Whether CSV begins with a byte order mark.
    pub bom: bool,
    /// Whether texts of CSV that a spreadsheet would take for a formula are made harmless.
    pub escape_formulas: bool,
    /// The last position that counts, and the instant that is asked about: by default that of its entry.
    pub pin: Pin,
}

/// What an export is pinned to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pin {
    /// The last position that counts.
    pub position: Position,
    /// The business instant asked about.
    pub effective_at: DateTime<Utc>,
    /// When the last entry was recorded.
    pub known_at: DateTime<Utc>,
}

/// Why an export broke off.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The log or a read model cannot be read.
    #[error(transparent)]
    App(#[from] AppError),
    /// The tree that it is of cannot be signed.
    #[error(transparent)]
    Signer(#[from] CheckpointSignerError),
    /// What was to be written does not fit into the format.
    #[error("{0}")]
    Format(String),
    /// Nobody reads on.
    #[error("the reader has gone")]
    Gone,
}

/// A piece of an export, or why there are no more.
pub type Piece = Result<Bytes, ExportError>;

impl Kind {
    /// What there is, by its word.
    pub const ALL: [(&'static str, Self); 4] = [
        ("events", Self::Events),
        ("moves", Self::Moves),
        ("stays", Self::Stays),
        ("customers", Self::Customers),
    ];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Moves => "moves",
            Self::Stays => "stays",
            Self::Customers => "customers",
        }
    }

    /// The kind of a word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == word).map(|(_, kind)| kind)
    }
}

impl Export {
    /// Insists that a window is asked for only of what happens.
    ///
    /// # Errors
    /// The parameter that is wrong, and why, for people.
    pub fn check(&self) -> Result<(), (&'static str, Label)> {
        let Window { from, to } = self.window;
        let field = match (from, to) {
            (Some(_), _) => "from",
            (None, Some(_)) => "to",
            (None, None) => return Ok(()),
        };
        if self.kind != Kind::Customers {
            return Ok(());
        }
        let message = Label::new(
            "customers 是某一时刻的状态，没有时间窗：请改用 effective_at。",
            "Customers are exported as they stood at one instant, not in a window: use effective_at.",
        );
        Err((field, message))
    }

    /// The name of a file for it.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}.{}", self.kind.as_str(), self.format.extension())
    }

    /// The two times as read models take them.
    #[must_use]
    pub fn as_of(&self) -> AsOf {
        let Pin { position, effective_at, known_at } = self.pin;
        AsOf { effective_at, known_at, known_position: Some(position) }
    }
}

impl Pin {
    /// A position as an export is pinned to it.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn at(app: &App, caller: &Caller, position: Position) -> Result<Self, AppError> {
        let last = app.store.read(caller.tenant, position.saturating_sub(1), 1).await?;
        let known_at = last.first().map_or(DateTime::UNIX_EPOCH, |entry| entry.recorded_at);
        Ok(Self { position, effective_at: known_at, known_at })
    }
}

/// Where an export goes: pieces of about one size, and as many ahead of the reader as wait.
pub(crate) struct PieceWriter {
    waiting: Vec<u8>,
    sender: mpsc::Sender<Piece>,
    rows: u64,
}

impl PieceWriter {
    /// Sends what has gathered, once it is a piece.
    async fn pass_on(&mut self) -> Result<(), ExportError> {
        if self.waiting.len() < PIECE { Ok(()) } else { self.flush().await }
    }

    async fn flush(&mut self) -> Result<(), ExportError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let piece = Bytes::from(std::mem::take(&mut self.waiting));
        self.sender.send(Ok(piece)).await.map_err(|_| ExportError::Gone)
    }
}

/// Begins an export. Its pieces come one after the other; one that is an error is the last. Returns them, and how many rows it
/// had once it has ended.
#[must_use]
pub fn start(
    app: App,
    caller: Caller,
    export: Export,
) -> (mpsc::Receiver<Piece>, tokio::task::JoinHandle<u64>) {
    let (sender, pieces) = mpsc::channel(AHEAD);
    let written = async move {
        let mut outlet = PieceWriter { waiting: Vec::with_capacity(PIECE), sender: sender.clone(), rows: 0 };
        let ended = write(&app, &caller, &export, &mut outlet).await;
        if let Err(error) = ended
            && !matches!(error, ExportError::Gone)
        {
            // The reader learns that it is not whole.
            let _ = sender.send(Err(error)).await;
        }
        outlet.rows
    };
    // On a thread of its own: those that serve everybody do not compute its pages.
    let rows = tokio::task::spawn_blocking(move || Handle::current().block_on(written));
    (pieces, rows)
}

/// An export being made: for whom, of what, and of which customers.
struct ExportRequest<'a> {
    app: &'a App,
    caller: &'a Caller,
    export: &'a Export,
    /// None where no filter was given.
    among: Option<Population>,
}

impl<'a> ExportRequest<'a> {
    async fn new(app: &'a App, caller: &'a Caller, export: &'a Export) -> Result<Self, AppError> {
        // Whom the caller sees is judged of each customer, filter or not.
        let among = match export.filter.is_empty() {
            true => None,
            false => {
                let mut board = app.projections.board(caller.tenant).await?;
                Some(board.population(&export.filter, &export.as_of()).await?)
            }
        };
        Ok(Self { app, caller, export, among })
    }

    /// Whether a customer passes the filter.
    fn holds(&self, customer: Uuid) -> bool {
        self.among.as_ref().is_none_or(|among| among.holds(customer))
    }
}

async fn write(
    app: &App,
    caller: &Caller,
    export: &Export,
    outlet: &mut PieceWriter,
) -> Result<(), ExportError> {
    let asked = ExportRequest::new(app, caller, export).await?;
    export.format.exporter(export).write(&asked, outlet).await?;
    outlet.flush().await
}
