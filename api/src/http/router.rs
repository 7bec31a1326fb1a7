//! The service as one router: routes, and the layers that every request passes.

use std::collections::HashSet;
use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio_util::sync::CancellationToken;

use super::as_of::Freshness;
use super::query::{Nothing, Query, Waited, position_named};
use super::{body, measure, openapi, position};
use crate::access_log::{AccessLog, Reader};
use crate::admission::{Admission, Workload, workload};
use crate::ambient::IdGenerator;
use crate::app::App;
use crate::audit::Histories;
use crate::auth::admit::admit;
use crate::auth::{Authority, Gate, Rechecks};
use crate::checkpoint_signer::CheckpointSigner;
use crate::console;
use crate::eventstore::{Position, TenantId};
use crate::mcp::{self, Mcp};
use crate::outbound::Outbound;
use crate::problem::Problem;
use crate::problem::render::problems;
use crate::routes::{self, AppParts, AppState, Feeds};

/// The whole service. Streams end when `stop` is cancelled. The console's pages stand beside the routes, and ask the
/// API like everybody, as do the tools of agents.
pub(crate) fn router(
    app: App,
    gate: Arc<Gate>,
    outbound: Arc<Outbound>,
    checkpoint_signer: Arc<CheckpointSigner>,
    admission: Arc<Admission>,
    access_log: Arc<AccessLog>,
    stop: CancellationToken,
) -> Router {
    measure::start();
    let (ids, clock) = (app.ids.clone(), app.clock.clone());
    let rechecks = Rechecks::new(Arc::clone(&gate));
    let (router, mut document) = routes::router().split_for_parts();
    let (tools, description) = mcp::router().split_for_parts();
    document.merge(description);
    let parameterless = openapi::parameterless(&document);
    let entrance = Entrance {
        ids: ids.clone(),
        gate,
        app: app.clone(),
        admission,
        access_log: Arc::clone(&access_log),
        parameterless,
    };
    let feeds = Feeds::new(app.clone());
    let imports = Arc::default();
    let state = AppState::new(AppParts {
        app,
        outbound,
        stop,
        feeds,
        rechecks,
        imports,
        checkpoint_signer,
        access_log,
        histories: Histories::default(),
    });
    let document: Arc<str> = openapi::complete(document).into();
    let served = Arc::clone(&document);
    let entrance = Arc::new(entrance);
    let api = router
        .route("/openapi.json", get(move || std::future::ready(openapi::described(&served))))
        .with_state(state)
        .merge(openapi::docs())
        .fallback(|| async { Problem::no_such_path() })
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .layer(from_fn_with_state(Arc::clone(&entrance), enter));
    let tools = tools
        .with_state(Mcp::new(api.clone(), document))
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .layer(from_fn_with_state(entrance, enter));
    console::router(api.clone(), ids, clock).merge(tools).merge(api)
}

/// What a request needs on its way in.
struct Entrance {
    ids: IdGenerator,
    gate: Arc<Gate>,
    app: App,
    admission: Arc<Admission>,
    access_log: Arc<AccessLog>,
    /// The operations that take no parameters.
    parameterless: HashSet<(Method, String)>,
}

/// From the outside in, a request passes: problem documents (which catch panics, too), measurement, admission, what it
/// demands to be known (of the log, with the position that the answer reflects), the handler, and on the way back the record of what was
/// read. They are one layer, because each layer costs every request a copy of all that is inside
/// of it.
async fn enter(State(entrance): State<Arc<Entrance>>, request: Request, next: Next) -> Response {
    let handled = async |mut request: Request| {
        if let Err(problem) = entrance.refuse_parameters(&request) {
            return problem.into_response();
        }
        // The request itself is not held while the log is read.
        let (named, reader) = (named_by(&request), Reader::of(&request));
        if let Err(problem) = informed(&entrance.app, named).await {
            return problem.into_response();
        }
        let position = match position::of_the_log(&request) {
            None => None,
            Some((tenant, freshness)) => match position::reached(&entrance.app, tenant, freshness).await {
                Ok(reached) => Some(reached),
                Err(problem) => return problem.into_response(),
            },
        };
        let commanded = position::of_a_command(&request);
        if position.is_some() {
            request.extensions_mut().insert(Waited);
        }
        let response = match heavy(&request) {
            Some((workload, tenant)) => {
                let answer = entrance.answer_in_turn(workload, tenant, request, next).await;
                answer.unwrap_or_else(Problem::into_response)
            }
            None => next.run(request).await,
        };
        let response = match position {
            Some(position) => position::answered(response, position),
            None => response,
        };
        let response = match commanded {
            Some(tenant) => position::recorded(&entrance.app, tenant, response).await,
            None => response,
        };
        match reader {
            Some(reader) => entrance.access_log.record(reader, response).await,
            None => response,
        }
    };
    let admitted = async |request| admit(&entrance.gate, request, handled).await;
    let measured = async |request| measure::requests(request, admitted).await;
    problems(&entrance.ids, request, measured).await
}

impl Entrance {
    /// Refuses by name what stands in the query string of an operation that takes no parameters; the others read their own.
    fn refuse_parameters(&self, request: &Request) -> Result<(), Problem> {
        let (Some(query), Some((method, path))) = (request.uri().query(), operation(request)) else {
            return Ok(());
        };
        if self.parameterless.contains(&(method.clone(), path.to_owned())) {
            // How fresh a read of the log must be is heeded here, for all of them.
            match position::of_the_log(request) {
                Some(_) => <Query<Nothing>>::read_after_waiting(query)?,
                None => <Query<Nothing>>::read(query)?,
            };
        }
        Ok(())
    }

    /// Answers a request that costs much, once it is its tenant's turn.
    async fn answer_in_turn(
        &self,
        workload: Workload,
        tenant: TenantId,
        request: Request,
        next: Next,
    ) -> Result<Response, Problem> {
        // What a client may let us wait for is waited for before the place is taken, and not in it.
        let request =
            if *request.method() == Method::POST { body::received(request).await? } else { request };
        if workload == Workload::Report {
            Freshness::named_by(request.uri()).wait(&self.app, tenant).await?;
        }
        let place = self.admission.place(workload, tenant).await?;
        Ok(match workload {
            Workload::Report | Workload::PinnedReport => place.answer(next.run(request)).await,
            Workload::Export => place.until_sent(next.run(request).await),
        })
    }
}

/// What the request costs and whose it is, where it costs much.
fn heavy(request: &Request) -> Option<(Workload, TenantId)> {
    let Authority(caller) = request.extensions().get()?;
    let (method, path) = operation(request)?;
    Some((workload(method, path, request.uri())?, caller.tenant))
}

/// The operation that a request is for: its method and the path of its route.
fn operation(request: &Request) -> Option<(&Method, &str)> {
    let path = request.extensions().get::<MatchedPath>()?.as_str();
    let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
    Some((method, path))
}

/// Makes known what was defined up to the position that a question names: whatever the position was answered for holds
/// in its answer, on every node.
async fn informed(app: &App, named: Option<(TenantId, Position)>) -> Result<(), Problem> {
    let Some((tenant, position)) = named else { return Ok(()) };
    Ok(app.refresh_definitions_to(tenant, position).await?)
}

/// Whose log is asked about, and which position.
fn named_by(request: &Request) -> Option<(TenantId, Position)> {
    let Authority(caller) = request.extensions().get()?;
    Some((caller.tenant, position_named(request.uri())?))
}
