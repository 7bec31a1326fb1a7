//! Importing what was read: every row decided first, then every case appended.

use std::collections::{BTreeMap, HashSet};
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use waymark_domain::Actor;
use waymark_domain::Context;
use waymark_domain::customer::command::{Command, Register, Transition};
use waymark_domain::customer::{Customer, CustomerEvent, NewEvent, Recorded, decide};
use waymark_domain::pipeline::{Endings, MOST_STAGES, Pipeline, StageType};
use waymark_domain::refusal::Refusal;
use waymark_domain::tags;
use waymark_domain::{Label, Owner};
use waymark_eventstore::{Append, Entry, Outcome, Position, Query, ReceiptDraft, StoreError};

use super::read::{self, Case, File, Row};
use super::{BadRow, ImportError, Mapping, Phase, Progress, Report};
use crate::app::{App, AppError, Caller, CommandMeta};

/// How many bad rows are named where they refuse a file.
const NAMED_BAD_ROWS: usize = 100;
/// How many bad rows are named where they were left out.
const NAMED_SKIPPED_ROWS: usize = 1_000;
/// How many cases are on their way to the log at a time.
const IN_FLIGHT: usize = 64;
/// Up to which length a log may be new.
const NEW: u32 = 100;
/// The actor of rows that name nobody.
const NOBODY: &str = "import";

/// The pipelines that decisions are made with.
type Pipelines = Arc<BTreeMap<String, Arc<Pipeline>>>;

/// A case decided: its events, each with its actor.
struct Decided {
    events: Vec<(NewEvent, Arc<str>)>,
    bad: Vec<BadRow>,
    repeats: u64,
}

/// How a case ended.
enum Written {
    Now { events: u64, position: Position },
    Before,
}

/// Imports a CSV file, plain or gzip.
///
/// # Errors
/// [`ImportError`]: in every case but a failing log, nothing of the file was imported.
pub async fn run(
    app: &App,
    caller: &Caller,
    source: impl Read + Send,
    mapping: &Mapping,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Report, ImportError> {
    let is_new = !app.pipelines.latest(caller.tenant).await?.contains_key(&mapping.pipeline);
    let mut file = read::read(source, mapping, is_new.then_some(MOST_STAGES), progress)?;
    let (pipelines, created) = pipelines(app, caller, mapping, &file).await?;
    let import = Import {
        app: app.clone(),
        caller: Caller { origin: Some("import"), ..caller.clone() },
        pipeline: mapping.pipeline.clone(),
        pipelines,
        now: (app.clock)(),
        run: run_digest(&file, mapping),
    };
    let repeats = import.check(&mut file, progress).await?;
    refuse_bad(&mut file, mapping)?;
    if let Some(pipeline) = created.clone() {
        let published = app.publish_pipeline(&import.caller, &CommandMeta::default(), pipeline).await;
        published.map_err(|error| not_published(error, file.statuses.len()))?;
    }
    let mut report = Report {
        pipeline: mapping.pipeline.clone(),
        pipeline_created: created.is_some(),
        endings: created
            .iter()
            .flat_map(|_| &file.statuses)
            .filter_map(|status| mapping.endings.ending(status))
            .collect(),
        rows: file.rows,
        repeats,
        skipped: file.bad.len() as u64,
        bad_rows: file.bad.iter().take(NAMED_SKIPPED_ROWS).cloned().collect(),
        ..Report::default()
    };
    import.write(file, progress, &mut report).await?;
    report.position = app.store.head(caller.tenant).await.map_err(AppError::from)?.position;
    Ok(report)
}

#[derive(Clone)]
struct Import {
    app: App,
    caller: Caller,
    pipeline: String,
    pipelines: Pipelines,
    now: chrono::DateTime<chrono::Utc>,
    /// Names this import in its receipts: the file and how it is read.
    run: [u8; 32],
}

impl Import {
    /// Decides every row without writing, and moves the refused ones to the bad. Returns how many repeat the
    /// status before them.
    async fn check(
        &self,
        file: &mut File,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<u64, ImportError> {
        let (mut done, mut repeats) = (0, 0);
        for case in &mut file.cases {
            let decided = self.decide(case);
            repeats += decided.repeats;
            let refused: HashSet<u64> = decided.bad.iter().map(|bad| bad.line).collect();
            case.rows.retain(|row| !refused.contains(&row.line));
            file.bad.extend(decided.bad);
            done += case.rows.len() as u64;
            progress(Progress { phase: Phase::Checking, done, total: file.rows });
        }
        if self.may_know_customers().await.map_err(AppError::from)? {
            let taken: Vec<BadRow> = stream::iter(&file.cases)
                .map(|case| self.taken(case))
                .buffer_unordered(IN_FLIGHT)
                .try_filter_map(|bad| async { Ok(bad) })
                .try_collect()
                .await?;
            let lines: HashSet<u64> = taken.iter().map(|bad| bad.line).collect();
            file.cases.retain(|case| case.rows.first().is_some_and(|first| !lines.contains(&first.line)));
            file.bad.extend(taken);
        }
        file.cases.retain(|case| !case.rows.is_empty());
        file.bad.sort_by_key(|bad| bad.line);
        Ok(repeats)
    }

    /// Whether the log may tell of customers already. A new one tells of keys and settings alone, and then nothing of the file
    /// needs to be looked for in it.
    async fn may_know_customers(&self) -> Result<bool, StoreError> {
        let (store, tenant) = (&self.app.store, self.caller.tenant);
        if store.head(tenant).await?.position > u64::from(NEW) {
            return Ok(true);
        }
        let entries = store.read(tenant, 0, NEW).await?;
        let of_customers = |entry: &Entry| {
            entry.envelope().map_or(true, |envelope| envelope.subject.starts_with("customer/"))
        };
        Ok(entries.iter().any(of_customers))
    }

    /// A case whose customer exists already, and not from an earlier run of this import.
    async fn taken(&self, case: &Case) -> Result<Option<BadRow>, AppError> {
        let (tenant, store) = (self.caller.tenant, &self.app.store);
        let Some(first) = case.rows.first() else { return Ok(None) };
        let query = Query::tag(tags::external(&case.id));
        let holders = store.read_matching(tenant, &query, 0, Position::MAX, 1).await?;
        if holders.is_empty() || store.receipt(tenant, &self.command_id(case)).await?.is_some() {
            return Ok(None);
        }
        let message = Label::new(
            format!("已有客户使用 external_id“{}”。", case.id),
            format!("A customer with the external_id {:?} is registered already.", case.id),
        );
        Ok(Some(BadRow {
            line: first.line,
            field: "case".to_owned(),
            code: "customer-exists".to_owned(),
            message,
        }))
    }

    /// Decides the rows of a case one after the other, as if they were commands.
    fn decide(&self, case: &Case) -> Decided {
        let mut decided =
            Decided { events: Vec::with_capacity(case.rows.len()), bad: Vec::new(), repeats: 0 };
        let mut customer: Option<Customer> = None;
        for row in &case.rows {
            let actor = actor(row);
            let context = Context {
                effective_at: Some(row.at),
                import: true,
                allow_before_creation: true,
                ..Context::new(self.now, &actor, &self.pipelines)
            };
            match decide(customer.as_ref(), &self.command(case, row, customer.as_ref()), &context) {
                Err(refusal) => decided.bad.push(bad_row(row, refusal)),
                Ok(events) => {
                    for new in events {
                        decided.repeats += u64::from(repeats(&new.event));
                        let recorded = self.recorded(&new, decided.events.len(), &actor);
                        match customer.as_mut() {
                            Some(customer) => customer.evolve(&recorded),
                            None => customer = Customer::fold([&recorded]),
                        }
                        decided.events.push((new, actor.name.as_str().into()));
                    }
                }
            }
        }
        decided
    }

    fn command(&self, case: &Case, row: &Row, customer: Option<&Customer>) -> Command {
        let note = row.note.as_deref().map(str::to_owned);
        let Some(_) = customer else {
            return Command::Register(Register {
                customer: Uuid::nil(),
                pipeline: self.pipeline.clone(),
                stage: Some(row.status.to_string()),
                external_id: Some(case.id.to_string()),
                owner: (!row.actor.is_empty()).then(|| Owner::Rep(row.actor.to_string())),
                note,
                ..Register::default()
            });
        };
        Command::Transition(Transition { to: row.status.to_string(), note, ..Transition::default() })
    }

    fn recorded(&self, new: &NewEvent, index: usize, actor: &Actor) -> Recorded<CustomerEvent> {
        Recorded {
            position: index as u64 + 1,
            // Only distinguished from its neighbours here; the log gets a real one.
            id: Uuid::from_u128(index as u128 + 1),
            effective_at: new.effective_at,
            recorded_at: self.now,
            actor: actor.name.clone(),
            origin: Some("import".to_owned()),
            event: new.event.clone(),
        }
    }

    async fn write(
        &self,
        file: File,
        progress: &(dyn Fn(Progress) + Send + Sync),
        report: &mut Report,
    ) -> Result<(), ImportError> {
        let total = file.rows;
        let done = AtomicU64::new(0);
        let mut written = stream::iter(file.cases)
            .map(|case| {
                let (import, rows) = (self.clone(), case.rows.len() as u64);
                let task = tokio::spawn(async move { import.write_case(&case).await });
                async move { (task.await, rows) }
            })
            .buffer_unordered(IN_FLIGHT);
        while let Some((outcome, rows)) = written.next().await {
            match outcome.map_err(|error| AppError::Unreadable(error.to_string()))?? {
                Written::Before => report.cases_already_imported += 1,
                Written::Now { events, position } => {
                    report.cases += 1;
                    report.events += events;
                    report.position = report.position.max(position);
                }
            }
            let done = done.fetch_add(rows, Ordering::Relaxed) + rows;
            progress(Progress { phase: Phase::Writing, done, total });
        }
        Ok(())
    }

    /// Appends a case: all of its events, or none.
    async fn write_case(&self, case: &Case) -> Result<Written, AppError> {
        let decided = self.decide(case);
        let customer = (self.app.ids)();
        let append = self.app.imported(&self.caller, customer, decided.events, self.receipt(case)).await?;
        loop {
            match self.app.store.append(append.clone()).await {
                Ok(Outcome::Repeated(_)) => return Ok(Written::Before),
                Ok(Outcome::Appended(appended)) => {
                    return Ok(Written::Now {
                        events: appended.count.into(),
                        position: appended.last_position(),
                    });
                }
                // Other writers are before us in the queue; the import has all the time it needs.
                Err(StoreError::Overloaded { .. }) => tokio::task::yield_now().await,
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn receipt(&self, case: &Case) -> ReceiptDraft {
        ReceiptDraft { command_id: self.command_id(case), digest: self.run, outcome: Vec::new() }
    }

    fn command_id(&self, case: &Case) -> String {
        let digest = Sha256::new().chain_update(self.run).chain_update(case.id.as_bytes()).finalize();
        format!("import:{}", digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    }
}

impl App {
    /// The append of an imported customer's whole history, every event by its own actor.
    async fn imported(
        &self,
        caller: &Caller,
        customer: Uuid,
        events: Vec<(NewEvent, Arc<str>)>,
        receipt: ReceiptDraft,
    ) -> Result<Append, AppError> {
        let random = crate::ambient::random_bytes();
        let (key, wrapped) =
            self.vault.data_key_for_new(caller.tenant, customer, random, (self.ids)()).await?;
        let via = Some(caller.via.clone().unwrap_or_else(|| caller.actor.name.clone()));
        let mut append = Append {
            receipt: Some(receipt),
            new_keys: vec![wrapped],
            ..Append::new(caller.tenant, Vec::new())
        };
        for (mut new, actor) in events {
            if let CustomerEvent::Registered(registered) = &mut new.event {
                registered.customer = customer;
                append.condition =
                    registered.external_id.as_deref().map(|id| Query::tag(tags::external(id)).none_after(0));
            }
            let by = Caller { actor: Actor::new(&*actor, []), via: via.clone(), ..caller.clone() };
            let meta = CommandMeta::default();
            let draft = self.customer_draft(&by, customer, &new.event, new.effective_at, &key, &meta);
            append.events.push(draft.await?);
        }
        Ok(append)
    }
}

/// The pipelines to decide with, and the one to be made of the file when its key is new.
async fn pipelines(
    app: &App,
    caller: &Caller,
    mapping: &Mapping,
    file: &File,
) -> Result<(Pipelines, Option<Pipeline>), ImportError> {
    let latest = app.pipelines.latest(caller.tenant).await?;
    if let Some(pipeline) = latest.get(&mapping.pipeline) {
        agreeing(pipeline, &mapping.endings)?;
        return Ok((latest, None));
    }
    known(&mapping.endings, file)?;
    if let Err(refusal) = Pipeline::check_key(&mapping.pipeline) {
        return Err(ImportError::BadParameter { parameter: "pipeline", message: refusal.detail });
    }
    let pipeline = Pipeline::any_move(&mapping.pipeline, &file.statuses, &mapping.endings);
    let mut pipelines = (*latest).clone();
    pipelines.insert(mapping.pipeline.clone(), Arc::new(pipeline.clone()));
    Ok((Arc::new(pipelines), Some(pipeline)))
}

/// The statuses that are said to end are of the file, and none is said to be both.
fn known(endings: &Endings, file: &File) -> Result<(), ImportError> {
    let Endings { won, lost, finals } = endings;
    for (parameter, statuses) in [("won", won), ("lost", lost), ("final", finals)] {
        if let Some(unknown) = statuses.iter().find(|status| !file.statuses.contains(status)) {
            let message = Label::new(
                format!("文件中没有状态“{unknown}”。"),
                format!("The file has no status {unknown:?}; it has {}.", file.statuses.join(", ")),
            );
            return Err(ImportError::BadParameter { parameter, message });
        }
    }
    let Some(both) = won.iter().find(|status| lost.contains(status)) else { return Ok(()) };
    let message = Label::new(
        format!("状态“{both}”不能既是赢单又是输单。"),
        format!("The status {both:?} cannot be both won and lost."),
    );
    Err(ImportError::BadParameter { parameter: "lost", message })
}

/// What is said of endings is so in the pipeline that is there: its types are changed by a new version, never by an import.
fn agreeing(pipeline: &Pipeline, endings: &Endings) -> Result<(), ImportError> {
    let told = [("won", &endings.won, StageType::Won), ("lost", &endings.lost, StageType::Lost)];
    for (parameter, statuses, kind) in told {
        let differs = |status: &&String| pipeline.stage(status).is_none_or(|stage| stage.kind != kind);
        if let Some(status) = statuses.iter().find(differs) {
            let key = &pipeline.key;
            let message = Label::new(
                format!("流程“{key}”已存在，其中“{status}”不是该类型；状态类型只能通过发布新版本修改。"),
                format!(
                    "The pipeline {key:?} exists, and {status:?} is not of that type in it: types are changed by publishing a version."
                ),
            );
            return Err(ImportError::BadParameter { parameter, message });
        }
    }
    Ok(())
}

/// A definition is one event, which has a limit.
fn not_published(error: AppError, count: usize) -> ImportError {
    match error {
        AppError::Store(StoreError::TooLarge { bytes, most, .. }) => {
            ImportError::StatusesTooLong { count, bytes, most }
        }
        error => error.into(),
    }
}

fn refuse_bad(file: &mut File, mapping: &Mapping) -> Result<(), ImportError> {
    if file.bad.is_empty() || mapping.skip_bad {
        return Ok(());
    }
    let total = file.bad.len() as u64;
    let mut rows = std::mem::take(&mut file.bad);
    rows.truncate(NAMED_BAD_ROWS);
    Err(ImportError::BadRows { rows, total })
}

/// Who made the change: a person by the name in the file. Nobody asks an old row for its permission.
fn actor(row: &Row) -> Actor {
    if row.actor.is_empty() { Actor::new(NOBODY, []) } else { Actor::new(format!("rep:{}", row.actor), []) }
}

fn repeats(event: &CustomerEvent) -> bool {
    matches!(event, CustomerEvent::Moved(moved) if moved.from.as_deref() == Some(&moved.to))
}

fn bad_row(row: &Row, refusal: Refusal) -> BadRow {
    let field = refusal.violations.first().map(|violation| violation.field.clone()).unwrap_or_default();
    BadRow { line: row.line, field, code: refusal.code.into_owned(), message: refusal.detail }
}

/// The same file read in the same way is the same import.
fn run_digest(file: &File, mapping: &Mapping) -> [u8; 32] {
    let mut digest = Sha256::new().chain_update(file.digest);
    let columns = [&mapping.pipeline, &mapping.case, &mapping.status, &mapping.time];
    for column in columns.into_iter().chain(&mapping.actor) {
        digest.update([0]);
        digest.update(column);
    }
    digest.finalize().into()
}
