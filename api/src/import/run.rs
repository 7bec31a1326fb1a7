//! Importing what was read: every row decided first, then every case appended.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::sync::Arc;

use futures::stream::{self, StreamExt as _};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use waymark_domain::pipeline::{Ending, Endings, MOST_STAGES, Stage};
use waymark_domain::{Label, Owner};
use waymark_eventstore::{Entry, Position, StoreError};

use super::decide::{Decided, Rules};
use super::describe::Describing;
use super::job::{Checked, IN_FLIGHT, Import, Target};
use super::locate::{self, Located};
use super::pipeline::{Change, pipelines, publish, with_pipeline};
use super::read::{self, Case, File};
use super::report::{how_endings_are_told, sum_up};
use super::{BadRow, Detail, ImportError, MOST_SAMPLES, Mapping, Phase, Progress, Report, Sample};
use crate::app::{App, AppError, Caller};

/// How many bad rows are named where they refuse a file.
const NAMED_BAD_ROWS: usize = 100;
/// How many bad rows are named where they were left out.
const NAMED_SKIPPED_ROWS: usize = 1_000;
/// Up to which length a log may be new.
const NEW: u32 = 100;

/// What the checks of one case came to.
struct Outcome {
    case: Case,
    located: Located,
    decided: Decided,
    known: u64,
    /// The blind tags by which the customer will be recognised.
    keys: Vec<String>,
}

/// Imports a file. `id` becomes the correlation of its events.
///
/// # Errors
/// [`ImportError`]: in every case but a failing log, nothing of the file was imported.
pub async fn run(
    app: &App,
    caller: &Caller,
    id: Uuid,
    source: impl Read + Send,
    mapping: &Mapping,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Report, ImportError> {
    let latest = app.pipelines.latest(caller.tenant).await?;
    let is_new = !latest.contains_key(&mapping.pipeline);
    let now = (app.clock)();
    let company = app.companies.now(caller.tenant).await?;
    let describing = Describing {
        pipeline: mapping.pipeline.clone(),
        pipelines: with_pipeline(&latest, &mapping.pipeline),
        fields: company.fields.clone(),
        keys: mapping.fields.clone(),
        now,
        importer: caller.actor.clone(),
    };
    let mut file = read::read(source, mapping, &describing, is_new.then_some(MOST_STAGES), progress)?;
    if file.cases.is_empty() {
        // There is nothing to import, and nothing to make a pipeline of.
        if !mapping.preview {
            return Err(bad_rows(&file.bad));
        }
        let position = app.store.head(caller.tenant).await.map_err(AppError::from)?.position;
        let mut report = begin((id, position), &file, &Change::None, mapping);
        report.leave_out(file.bad);
        return Ok(report);
    }
    let (pipelines, change) = pipelines(app, caller, mapping, &mut file).await?;
    // A version that is not published yet is among none.
    let versions = match change {
        Change::None => {
            let versions = app.pipelines.versions(caller.tenant, &mapping.pipeline).await?;
            Some(Arc::new(BTreeMap::from([(mapping.pipeline.clone(), versions)])))
        }
        Change::Created(_) | Change::Extended(_) => None,
    };
    let mut import = Import {
        app: app.clone(),
        caller: Caller { origin: Some("import"), ..caller.clone() },
        rules: Rules {
            pipeline: mapping.pipeline.clone(),
            pipelines,
            versions,
            fields: Arc::new(company.fields.clone()),
            keys: mapping.fields.clone().into(),
            sheet: file.detected.sheet.clone(),
            is_list: mapping.without_history,
            now,
        },
        id,
        run: run_digest(&file, mapping, company.undone_imports.len()),
        begun_at: app.store.head(caller.tenant).await.map_err(AppError::from)?.position,
        update: mapping.update,
        undone: Arc::new(company.undone_imports.clone()),
    };
    let mut report = begin((id, import.begun_at), &file, &change, mapping);
    let (cases, bad) = import.check(file, &mut report, progress).await?;
    refuse_bad(&bad, mapping)?;
    report.leave_out(bad);
    if mapping.preview {
        return Ok(report);
    }
    report.samples.clear();
    if let Some((pipelines, versions)) = publish(app, &import.caller, change).await? {
        import.rules.pipelines = pipelines;
        import.rules.versions = Some(Arc::new(BTreeMap::from([(mapping.pipeline.clone(), versions)])));
    }
    import.write(cases, progress, &mut report).await?;
    report.position = app.store.head(caller.tenant).await.map_err(AppError::from)?.position;
    Ok(report)
}

impl Report {
    /// Tells of rows that are left out because they are bad.
    fn leave_out(&mut self, bad: Vec<BadRow>) {
        self.skipped = bad.len() as u64;
        self.problems = sum_up(&bad);
        self.bad_rows = bad.into_iter().take(NAMED_SKIPPED_ROWS).collect();
    }
}

/// The report before anything was decided.
fn begin((id, begun_at): (Uuid, Position), file: &File, change: &Change, mapping: &Mapping) -> Report {
    let (made, said): (&[Stage], Endings) = match change {
        Change::None => (&[], Endings::default()),
        Change::Created(pipeline) => (&pipeline.stages, mapping.endings.clone()),
        Change::Extended(pipeline) => (&pipeline.stages, mapping.endings.as_said()),
    };
    let is_made = |status: &&String| made.iter().any(|stage| stage.id == **status);
    let endings: Vec<Ending> =
        file.statuses.iter().filter(is_made).filter_map(|status| said.ending(status)).collect();
    Report {
        import: id,
        pipeline: mapping.pipeline.clone(),
        pipeline_created: matches!(change, Change::Created(_)),
        pipeline_extended: matches!(change, Change::Extended(_)),
        how_endings_were_told: endings.iter().any(|ending| ending.guessed).then(how_endings_are_told),
        endings,
        rows: file.rows,
        position: begun_at,
        preview: mapping.preview,
        detected: file.detected.clone(),
        zone: mapping.format.time.zone.name().to_owned(),
        ..Report::default()
    }
}

impl Import {
    /// Decides every row without writing. Returns the cases to be written, and the bad rows in the order of the file.
    async fn check(
        &self,
        file: File,
        report: &mut Report,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<(Vec<Checked>, Vec<BadRow>), ImportError> {
        let may_know = self.may_know_customers().await.map_err(AppError::from)?;
        let (total, mut bad, mut cases, mut done) = (file.rows, file.bad, Vec::new(), 0);
        let mut seen: HashMap<String, Arc<str>> = HashMap::new();
        let mut outcomes = stream::iter(file.cases)
            .map(|case| {
                let import = self.clone();
                tokio::spawn(async move { import.look_at(case, may_know).await })
            })
            .buffered(IN_FLIGHT);
        while let Some(outcome) = outcomes.next().await {
            let mut outcome = outcome.map_err(|error| AppError::Unreadable(error.to_string()))??;
            done += outcome.case.rows.len() as u64;
            progress(Progress { phase: Phase::Checking, done, total });
            self.refuse_twice(&mut outcome, &mut seen);
            sample(&outcome, report);
            report.known += outcome.known;
            report.repeats += outcome.decided.repeats;
            bad.append(&mut outcome.decided.bad);
            let Outcome { mut case, located, decided, .. } = outcome;
            let refused = &decided.refused;
            let mut places = 0..;
            case.rows.retain(|_| !places.next().is_some_and(|place| refused.contains(&place)));
            match located {
                Located::Before => report.cases_already_imported += 1,
                Located::Known(_) if case.rows.is_empty() => {
                    report.cases_already_imported += u64::from(refused.is_empty());
                }
                _ if case.rows.is_empty() => {}
                Located::Known(_) => {
                    self.would(report, &decided, |report| report.cases_updated += 1);
                    cases.push(Checked { case, target: Target::Known });
                }
                Located::New(external_id) => {
                    self.would(report, &decided, |report| report.cases += 1);
                    cases.push(Checked { case, target: Target::New { external_id } });
                }
            }
        }
        bad.sort_by_key(|bad| bad.line);
        Ok((cases, bad))
    }

    /// Counts in a preview what writing would count.
    fn would(&self, report: &mut Report, decided: &Decided, count: impl FnOnce(&mut Report)) {
        report.taken += decided.taken;
        if report.preview {
            count(report);
            report.events += decided.events.len() as u64;
        }
    }

    /// Looks for the customer of a case and decides its rows.
    async fn look_at(&self, mut case: Case, may_know: bool) -> Result<Outcome, AppError> {
        let plain = || case.details.external_id().unwrap_or(&case.id).to_owned();
        let located = if may_know { self.locate(&case).await? } else { Located::New(plain()) };
        let sheet = self.rules.sheet.as_deref();
        let (mut decided, mut known, mut keys) = (Decided::default(), 0, Vec::new());
        match &located {
            Located::Before => {
                known = case.rows.len() as u64;
                case.rows.clear();
            }
            Located::Known(customer) if !customer.may_be_updated(self.update) => {
                decided = Decided::refusing(locate::exists(&case, sheet));
            }
            Located::Known(customer) => {
                (known, decided) = self.update(customer, &mut case);
                let of = Some(customer.customer.id);
                if self.app.is_known(&self.caller, &decided.events, of).await? {
                    decided = Decided::refusing(duplicate(&case, sheet, None));
                }
            }
            Located::New(external_id) => {
                decided = self.rules.register(&case, external_id);
                keys = self.keys(&decided.events).await?;
                if may_know
                    && !keys.is_empty()
                    && self.app.is_known(&self.caller, &decided.events, None).await?
                {
                    decided = Decided::refusing(duplicate(&case, sheet, None));
                }
            }
        }
        Ok(Outcome { case, located, decided, known, keys })
    }

    /// Refuses a case that has a telephone or address of another one of the same file.
    fn refuse_twice(&self, outcome: &mut Outcome, seen: &mut HashMap<String, Arc<str>>) {
        let first = outcome.keys.iter().find_map(|key| seen.get(key)).cloned();
        if let Some(first) = first {
            let bad = duplicate(&outcome.case, self.rules.sheet.as_deref(), Some(&first));
            outcome.decided = Decided::refusing(bad);
            return;
        }
        let id = &outcome.case.id;
        seen.extend(outcome.keys.drain(..).map(|key| (key, id.clone())));
    }

    /// Whether the log may tell of customers already. A new one tells of keys and settings alone, and then nothing of the file
    /// needs to be looked for in it.
    async fn may_know_customers(&self) -> Result<bool, StoreError> {
        let (store, tenant) = (&self.app.store, self.caller.tenant);
        if self.begun_at > u64::from(NEW) {
            return Ok(true);
        }
        let entries = store.read(tenant, 0, NEW).await?;
        let of_customers = |entry: &Entry| {
            entry.envelope().map_or(true, |envelope| envelope.subject.starts_with("customer/"))
        };
        Ok(entries.iter().any(of_customers))
    }
}

/// Shows the first rows as they would be.
fn sample(outcome: &Outcome, report: &mut Report) {
    if !report.preview {
        return;
    }
    let mut is_new = matches!(outcome.located, Located::New(_));
    for (place, row) in outcome.case.rows.iter().enumerate() {
        if report.samples.len() == MOST_SAMPLES {
            return;
        }
        let what = match (outcome.decided.refused.contains(&place), is_new) {
            (true, _) => "refused",
            (false, true) => "creates",
            (false, false) if row.is_known => "changes",
            (false, false) => "moves",
        };
        is_new &= what == "refused";
        report.samples.push(Sample {
            row: row.row,
            case: outcome.case.id.to_string(),
            stage: row.status.to_string(),
            effective_at: row.at,
            actor: row.actor.to_string(),
            name: outcome.case.details.text(Detail::Name).map(str::to_owned),
            owner: outcome.case.details.owner().map(|owner| match owner {
                Owner::Rep(id) => format!("rep:{id}"),
                Owner::Pool(key) => format!("pool:{key}"),
            }),
            amount: outcome.case.details.amount().cloned(),
            outcome: what,
        });
    }
}

/// The refusal of a case that is recognised as somebody else: of the log, or another case of the file.
fn duplicate(case: &Case, sheet: Option<&str>, first: Option<&str>) -> Vec<BadRow> {
    let message = match first {
        None => Label::new(
            "已有客户使用这个电话或邮箱。",
            "Another customer has this telephone number or e-mail address already.",
        ),
        Some(first) => Label::new(
            format!("文件中的“{first}”使用同一个电话或邮箱。"),
            format!("The case {first:?} of the file has the same telephone number or e-mail address."),
        ),
    };
    let how_to_fix = Label::new(
        "如果是同一客户，请使用同一个标识；否则请改正联系方式。",
        "Use one identifier if they are the same customer; else correct the contact.",
    );
    locate::refuse(case, sheet, "duplicate-customer", &message, &how_to_fix)
}

fn refuse_bad(bad: &[BadRow], mapping: &Mapping) -> Result<(), ImportError> {
    if bad.is_empty() || mapping.skip_bad || mapping.preview { Ok(()) } else { Err(bad_rows(bad)) }
}

fn bad_rows(bad: &[BadRow]) -> ImportError {
    let rows = bad.iter().take(NAMED_BAD_ROWS).cloned().collect();
    ImportError::BadRows { rows, problems: sum_up(bad), total: bad.len() as u64 }
}

/// The same file read in the same way is the same import, until one is undone: then what it had brought is brought again.
fn run_digest(file: &File, mapping: &Mapping, undone: usize) -> [u8; 32] {
    let mut digest = Sha256::new().chain_update(file.digest);
    if undone > 0 {
        digest.update(undone.to_be_bytes());
    }
    let mut say = |text: &str| {
        digest.update([0]);
        digest.update(text);
    };
    for column in [&mapping.pipeline, &mapping.case] {
        say(column);
    }
    for column in [&mapping.status, &mapping.time, &mapping.actor].into_iter().flatten() {
        say(column);
    }
    for (detail, column) in &mapping.details {
        say(detail.parameter());
        say(column);
    }
    for (name, column) in mapping.entered.iter().chain(&mapping.fields) {
        say(name);
        say(column);
    }
    let time = &mapping.format.time;
    for how in [Some(time.zone.name()), time.format.as_deref(), mapping.format.sheet.as_deref()] {
        say(how.unwrap_or_default());
    }
    digest.finalize().into()
}
