//! Shows each request into the cell where its tenant lives.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::directory::{Directory, Home, Residents};
use super::named::{self, Named};
use crate::ambient::IdGenerator;
use crate::auth::AdminStore;
use crate::eventstore::TenantId;
use crate::problem::Problem;
use crate::problem::render::RequestSummary;
use crate::projections::Projections;

/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How often, at most, cells are asked for tenants that nobody knows.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// The longest form or document with a code or key by which somebody signs in.
const LONGEST_SIGN_IN: usize = 16 * 1_024;
/// Where a code or key is in the body.
const SIGN_IN: [&str; 2] = ["/v1/sessions", "/console/sign-in"];
/// Whether this process serves anybody.
const READY: &str = "/readyz";

/// What is open of a cell.
#[derive(Clone)]
struct OpenCell {
    router: Router,
    admin: Arc<AdminStore>,
    projections: Arc<Projections>,
}

/// The door before all cells.
pub(crate) struct Door {
    file: PathBuf,
    directory: RwLock<Directory>,
    cells: RwLock<BTreeMap<String, OpenCell>>,
    /// The tenants of each cell that was ever reached, by name.
    known: Mutex<BTreeMap<String, Vec<(String, TenantId)>>>,
    residents: RwLock<Residents>,
    asked: tokio::sync::Mutex<Option<Instant>>,
    /// How many cells are open.
    opened: watch::Sender<usize>,
    /// The claim in which tokens name the tenant.
    tenant_claim: String,
    ids: IdGenerator,
}

impl Door {
    /// A door before cells that are still to be opened.
    pub(crate) fn new(file: PathBuf, directory: Directory, tenant_claim: String, ids: IdGenerator) -> Self {
        Self {
            file,
            directory: RwLock::new(directory),
            cells: RwLock::default(),
            known: Mutex::default(),
            residents: RwLock::default(),
            asked: tokio::sync::Mutex::default(),
            opened: watch::Sender::default(),
            tenant_claim,
            ids,
        }
    }

    /// The service of all cells.
    pub(crate) fn router(self: &Arc<Self>) -> Router {
        Router::new().fallback(show_in).with_state(Arc::clone(self))
    }

    /// A cell is open, and answers those who live in it.
    ///
    /// # Errors
    /// When its tenants cannot be listed.
    pub(crate) async fn open(
        &self,
        name: &str,
        router: Router,
        admin: Arc<AdminStore>,
        projections: Arc<Projections>,
    ) -> Result<(), String> {
        let tenants = admin.tenants().await.map_err(|error| error.to_string())?;
        self.known.lock().insert(name.to_owned(), tenants);
        // Who lives elsewhere is not looked after here from the first moment on.
        self.cells.write().insert(name.to_owned(), OpenCell { router, admin, projections });
        self.settle();
        self.opened.send_modify(|opened| *opened += 1);
        Ok(())
    }

    /// Waits until a cell is open.
    pub(crate) async fn first_opened(&self) {
        // The sender is ours, so it is there.
        let _ = self.opened.subscribe().wait_for(|opened| *opened > 0).await;
    }

    /// Follows the file until the token is cancelled. One that cannot be read changes nothing.
    pub(crate) async fn follow(&self, stop: CancellationToken) {
        let mut told = None;
        while stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
            match Directory::read(&self.file) {
                Err(why) if told.as_ref() != Some(&why) => {
                    tracing::error!(why, "the directory of cells stays as it was");
                    told = Some(why);
                }
                Err(_) => {}
                Ok(read) => {
                    told = None;
                    self.change(read);
                }
            }
        }
    }

    fn change(&self, read: Directory) {
        let mut directory = self.directory.write();
        if *directory == read {
            return;
        }
        if directory.cells != read.cells {
            tracing::warn!("other cells are opened when the process is started again");
        }
        directory.tenants = read.tenants;
        drop(directory);
        tracing::info!("the directory of cells has changed");
        self.settle();
    }

    /// Works out where everybody lives, and tells each cell who does not live in it.
    fn settle(&self) {
        let residents = self.directory.read().residents(&self.known.lock());
        for (name, cell) in &*self.cells.read() {
            cell.projections.leave_to_others(residents.elsewhere(name));
        }
        *self.residents.write() = residents;
    }

    /// Asks the cells that are open for their tenants, unless that was done just now.
    async fn ask(&self) {
        let mut asked = self.asked.lock().await;
        if asked.is_some_and(|asked| asked.elapsed() < ASK_EVERY) {
            return;
        }
        let cells = self.cells.read().clone();
        for (name, cell) in cells {
            match cell.admin.tenants().await {
                Ok(tenants) => drop(self.known.lock().insert(name, tenants)),
                Err(error) => tracing::warn!(%error, cell = name, "the tenants of a cell cannot be listed"),
            }
        }
        *asked = Some(Instant::now());
        drop(asked);
        self.settle();
    }

    fn home(&self, named: &Named) -> Option<Home> {
        let residents = self.residents.read();
        match named {
            Named::ById(tenant) => residents.home(*tenant),
            Named::ByName(name) => residents.home(residents.named(name)?),
        }
    }

    /// Who answers a request about a tenant, or about none.
    async fn answering(&self, named: Option<Named>) -> Result<Router, Problem> {
        let Some(named) = named else { return self.anybody() };
        let mut home = self.home(&named);
        if home.is_none() {
            self.ask().await;
            home = self.home(&named);
        }
        match home {
            Some(Home::In(cell)) => {
                let open = self.cells.read().get(&cell).map(|cell| cell.router.clone());
                open.ok_or_else(|| Problem::unavailable(format!("the cell {cell} is not open")))
            }
            Some(Home::Nowhere) => {
                Err(Problem::unavailable(format!("{named:?} is being moved, or is in several cells")))
            }
            // Any cell says that there is no such key; while one is away, nobody knows.
            None if self.are_all_open() => self.anybody(),
            None => Err(Problem::unavailable(format!("{named:?} may live in a cell that is not open"))),
        }
    }

    fn are_all_open(&self) -> bool {
        let cells = self.cells.read();
        self.directory.read().cells.keys().all(|name| cells.contains_key(name))
    }

    fn anybody(&self) -> Result<Router, Problem> {
        let first = self.cells.read().values().next().map(|cell| cell.router.clone());
        first.ok_or_else(|| Problem::unavailable("no cell is open".to_owned()))
    }

    /// Ready is a process that serves the tenants of one cell at least: that another is away harms only its own.
    async fn ready(&self) -> Result<Response, Problem> {
        let cells = self.cells.read().clone();
        let mut answer = Err(Problem::unavailable("no cell is open".to_owned()));
        for (name, cell) in cells {
            let asked = Request::builder().uri(READY).body(Body::empty());
            let Ok(asked) = asked else { continue };
            let answered = answer_of(cell.router, asked).await;
            if answered.status() == StatusCode::OK {
                return Ok(answered);
            }
            tracing::warn!(cell = name, status = answered.status().as_u16(), "a cell is not ready");
            answer = Ok(answered);
        }
        answer
    }

    /// The answer of the cell that a request is about.
    async fn answer(&self, request: Request) -> Result<Response, Problem> {
        let (parts, mut body) = request.into_parts();
        if parts.uri.path() == READY {
            return self.ready().await;
        }
        let mut named = named::in_parts(&parts, &self.tenant_claim);
        if named.is_none() && parts.method == Method::POST && SIGN_IN.contains(&parts.uri.path()) {
            let length =
                parts.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
            if length.is_some_and(|length: usize| length <= LONGEST_SIGN_IN) {
                let read = to_bytes(body, LONGEST_SIGN_IN).await.map_err(|_| Problem::broken_body())?;
                named = named::in_text(&String::from_utf8_lossy(&read)).map(Named::ById);
                body = Body::from(read);
            }
        }
        let router = self.answering(named).await?;
        Ok(answer_of(router, Request::from_parts(parts, body)).await)
    }
}

async fn answer_of(router: Router, request: Request) -> Response {
    router.oneshot(request).await.unwrap_or_else(|never| match never {})
}

async fn show_in(State(door): State<Arc<Door>>, request: Request) -> Response {
    // A cell answers as every process does; where none does, the problem is written here.
    let summary = RequestSummary::of(&request, &door.ids);
    let answered = door.answer(request).await;
    answered.unwrap_or_else(|problem| summary.complete(problem.into_response()))
}
