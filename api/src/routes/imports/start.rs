//! Importing a file.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use tokio::runtime::Handle;
use tokio::sync::watch;
use uuid::Uuid;

use super::params::{CustomerParams, EndingParams, FileQuery, HistoryParams, ImportParams};
use super::progress::{ImportReply, path};
use super::registry::Standing;
use super::upload;
use crate::app::Caller;
use crate::auth::Authority;
use crate::import::Mapping;
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::problem::render::Reader;
use crate::routes::AppState;

/// The sorts of files, as clients name them. What a file is follows from what it holds.
const MEDIA_TYPES: [&str; 7] = [
    "text/csv",
    "text/tab-separated-values",
    "text/plain",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/gzip",
    "application/x-gzip",
    "application/octet-stream",
];

/// Import history from a file
///
/// CSV with commas, semicolons, tabs or a line `sep=`, in UTF-8, UTF-16, GB 18030 or Latin-1, or an `.xlsx` workbook; plain or
/// gzip. What a file is follows from what it holds. Times may be written as people write them; what can be read in two ways is
/// refused with the parameter that decides. Rows of a customer that an import brought add what is new; an id that a customer of
/// another pipeline has is registered as `PIPELINE:ID`. Invalid rows are reported with row, column, value and how to mend it,
/// summed by kind, and nothing is imported unless `skip_bad` is set. With `preview` nothing is written, and the response tells
/// what would be.
/// The response is sent when the import has finished; with `Prefer: respond-async` (RFC 7240) it is sent as soon as the
/// file has been received, and `Location` shows the progress. Sending the same file again imports only what is missing.
#[utoipa::path(
    post, path = "/v1/imports", tag = "bulk",
    params(HistoryParams, EndingParams, ImportParams,
        ("entered" = Option<String>, Query, description = "`COLUMN:STATUS`: a column with the time at which a customer entered a status, of a file with a row for each customer; may appear several times."),
        ("field:KEY" = Option<String>, Query, description = "The column with the custom field of that key; may appear for several keys."),
        ("Prefer" = Option<String>, Header, description = "`respond-async` to receive the response before the import has finished.")),
    request_body(content(
        (String = "text/csv"), (String = "text/tab-separated-values"),
        (String = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        (String = "application/gzip"), (String = "application/octet-stream"),
    )),
    responses(
        (status = 200, description = "Imported.", body = ImportReply),
        (status = 202, description = "Accepted; see `Location` for the progress.", body = ImportReply),
        (status = 422, description = "Rows are invalid, or a column is missing. Nothing was imported.", body = ProblemDocument),
    )
)]
pub(super) async fn start(
    State(state): State<AppState>,
    Authority(caller): Authority,
    FileQuery(named, history, endings, params): FileQuery<HistoryParams>,
    Extension(reader): Extension<Reader>,
    request: Request,
) -> Result<Response, Problem> {
    let mapping = params.mapping(&state, &caller, named, request.headers()).await?;
    let mapping = history.complete(endings.complete(mapping));
    import(&state, caller, mapping, &reader, request).await
}

/// Import customers from a file
///
/// A row is a customer without a history, which enters the stage that its column `status` names, or else the first one, now.
/// Files, columns and reports are those of `POST /v1/imports`.
#[utoipa::path(
    post, path = "/v1/customers/import", tag = "bulk",
    params(CustomerParams, EndingParams, ImportParams,
        ("field:KEY" = Option<String>, Query, description = "The column with the custom field of that key; may appear for several keys."),
        ("Prefer" = Option<String>, Header, description = "`respond-async` to receive the response before the import has finished.")),
    request_body(content(
        (String = "text/csv"), (String = "text/tab-separated-values"),
        (String = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        (String = "application/gzip"), (String = "application/octet-stream"),
    )),
    responses(
        (status = 200, description = "Imported.", body = ImportReply),
        (status = 202, description = "Accepted; see `Location` for the progress.", body = ImportReply),
        (status = 422, description = "Rows are invalid, or a column is missing. Nothing was imported.", body = ProblemDocument),
    )
)]
pub(super) async fn customers(
    State(state): State<AppState>,
    Authority(caller): Authority,
    FileQuery(named, customers, endings, params): FileQuery<CustomerParams>,
    Extension(reader): Extension<Reader>,
    request: Request,
) -> Result<Response, Problem> {
    let mapping = params.mapping(&state, &caller, named, request.headers()).await?;
    let mapping = customers.complete(endings.complete(mapping));
    import(&state, caller, mapping, &reader, request).await
}

async fn import(
    state: &AppState,
    caller: Caller,
    mapping: Mapping,
    reader: &Reader,
    request: Request,
) -> Result<Response, Problem> {
    let early = prefers_early(request.headers());
    require_file(request.headers())?;
    let id = (state.app.ids)();
    let mut standing = begin(state, caller.clone(), id, mapping, upload::reader(request.into_body()));
    state.imports.remember(caller.tenant, id, standing.clone());
    let enough = |standing: &Standing| if early { standing.has_read() } else { standing.has_ended() };
    let standing =
        standing.wait_for(enough).await.map_err(|error| Problem::internal(error.to_string()))?.clone();
    match standing {
        Standing::Failed(problem) => Err(problem),
        Standing::Done(_) => Ok(Json(ImportReply::of(id, standing, reader)).into_response()),
        Standing::Running(_) => {
            let location = HeaderValue::try_from(path(id)).ok().map(|path| (header::LOCATION, path));
            let headers: HeaderMap = location.into_iter().collect();
            Ok((StatusCode::ACCEPTED, headers, Json(ImportReply::of(id, standing, reader))).into_response())
        }
    }
}

/// Insists that the body is a file of a sort that is read.
pub(super) fn require_file(headers: &HeaderMap) -> Result<(), Problem> {
    let named = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = named.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match MEDIA_TYPES.contains(&media_type.as_str()) {
        true => Ok(()),
        false => Err(Problem::unsupported_media_type("text/csv")),
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
    id: Uuid,
    mapping: Mapping,
    source: impl std::io::Read + Send + 'static,
) -> watch::Receiver<Standing> {
    let (tell, told) = watch::channel(Standing::begun());
    let (app, runtime) = (state.app.clone(), Handle::current());
    tokio::task::spawn_blocking(move || {
        let progress = |progress| {
            tell.send_replace(Standing::Running(progress));
        };
        let ended = runtime.block_on(crate::import::run(&app, &caller, id, source, &mapping, &progress));
        tell.send_replace(match ended {
            Ok(report) => Standing::Done(report),
            Err(error) => Standing::Failed(error.into()),
        });
    });
    told
}
