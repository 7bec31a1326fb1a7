//! Importing a file.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use tokio::runtime::Handle;
use tokio::sync::watch;
use utoipa::IntoParams;

use super::progress::{ImportReply, path};
use super::registry::Standing;
use super::upload;
use crate::app::Caller;
use crate::auth::Authority;
use crate::domain::pipeline::Endings;
use crate::http::Query;
use crate::http::body::{self, ContentType};
use crate::import::{self, Mapping};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::problem::render::Reader;
use crate::routes::AppState;

/// Which column of the file is what.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Columns {
    /// The pipeline's key. A new key creates a pipeline from the file's statuses, with every transition allowed.
    pipeline: String,
    /// The column that identifies the customer; it becomes the `external_id`.
    case: String,
    /// The column with the status.
    status: String,
    /// The column with the time of the change.
    time: String,
    /// The column with the person who made it.
    actor: Option<String>,
    /// Statuses of a new pipeline that mean won, separated by commas.
    #[param(example = "Closed Won")]
    won: Option<String>,
    /// Statuses of a new pipeline that mean lost, separated by commas.
    #[param(example = "Closed Lost")]
    lost: Option<String>,
    /// Final statuses of a new pipeline, separated by commas. Those in neither `won` nor `lost` are classified by
    /// well-known names in Chinese or English, as `endings` in the response shows; all others have the type `closed`,
    /// which is not part of any win rate.
    r#final: Option<String>,
    /// Whether to skip invalid rows instead of refusing the file.
    #[serde(default)]
    skip_bad: bool,
}

impl From<Columns> for Mapping {
    fn from(columns: Columns) -> Self {
        let listed = |statuses: Option<String>| -> Vec<String> {
            let each = statuses.iter().flat_map(|statuses| statuses.split(','));
            each.map(str::trim).filter(|status| !status.is_empty()).map(str::to_owned).collect()
        };
        let endings =
            Endings { won: listed(columns.won), lost: listed(columns.lost), finals: listed(columns.r#final) };
        Self {
            pipeline: columns.pipeline,
            case: columns.case,
            status: columns.status,
            time: columns.time,
            actor: columns.actor,
            endings,
            skip_bad: columns.skip_bad,
        }
    }
}

/// Import history from a CSV file
///
/// CSV in UTF-8, plain or gzip. Invalid rows are reported by line, and nothing is imported unless `skip_bad` is set.
/// The response is sent when the import has finished; with `Prefer: respond-async` (RFC 7240) it is sent as soon as the
/// file has been received, and `Location` shows the progress. Sending the same file again imports only what is missing.
#[utoipa::path(
    post, path = "/v1/imports", tag = "bulk",
    params(Columns, ("Prefer" = Option<String>, Header, description = "`respond-async` to receive the response before the import has finished.")),
    request_body(content = String, content_type = "text/csv"),
    responses(
        (status = 200, description = "Imported.", body = ImportReply),
        (status = 202, description = "Accepted; see `Location` for the progress.", body = ImportReply),
        (status = 422, description = "Rows are invalid, or a column is missing. Nothing was imported.", body = ProblemDocument),
    )
)]
pub(super) async fn start(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Query(columns, ..): Query<Columns>,
    Extension(reader): Extension<Reader>,
    request: Request,
) -> Result<Response, Problem> {
    let early = prefers_early(request.headers());
    let body = body::stream(request, ContentType::Csv, "text/csv")?;
    let id = (state.app.ids)();
    let mut standing = begin(&state, caller.clone(), columns.into(), upload::reader(body));
    state.imports.remember(caller.tenant, id, standing.clone());
    let enough = |standing: &Standing| if early { standing.has_read() } else { standing.has_ended() };
    let standing =
        standing.wait_for(enough).await.map_err(|error| Problem::internal(error.to_string()))?.clone();
    match standing {
        Standing::Failed(problem) => Err(problem),
        Standing::Done(_) => Ok(Json(ImportReply::of(id, standing, &reader)).into_response()),
        Standing::Running(_) => {
            let location = HeaderValue::try_from(path(id)).ok().map(|path| (header::LOCATION, path));
            let headers: HeaderMap = location.into_iter().collect();
            Ok((StatusCode::ACCEPTED, headers, Json(ImportReply::of(id, standing, &reader))).into_response())
        }
    }
}

fn prefers_early(headers: &HeaderMap) -> bool {
    let preferences = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    preferences.flat_map(|value| value.split([',', ';'])).any(|one| one.trim() == "respond-async")
}

/// Imports on a thread that may block. It goes on when the client goes away.
fn begin(
    state: &AppState,
    caller: Caller,
    mapping: Mapping,
    source: impl std::io::Read + Send + 'static,
) -> watch::Receiver<Standing> {
    let (tell, told) = watch::channel(Standing::begun());
    let (app, runtime) = (state.app.clone(), Handle::current());
    tokio::task::spawn_blocking(move || {
        let progress = |progress| {
            tell.send_replace(Standing::Running(progress));
        };
        let ended = runtime.block_on(import::run(&app, &caller, source, &mapping, &progress));
        tell.send_replace(match ended {
            Ok(report) => Standing::Done(report),
            Err(error) => Standing::Failed(error.into()),
        });
    });
    told
}
