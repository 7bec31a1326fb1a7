//! The pipeline that a file is imported into: one that is there, or one made of its statuses.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use waymark_domain::Label;
use waymark_domain::pipeline::version::Versions;
use waymark_domain::pipeline::{Endings, MOST_STAGES, Pipeline, StageType, Transitions};
use waymark_eventstore::StoreError;

use super::read::File;
use super::{ImportError, Mapping};
use crate::app::{App, AppError, Caller, CommandMeta};

/// The pipelines that decisions are made with.
pub(super) type Pipelines = Arc<BTreeMap<String, Arc<Pipeline>>>;

/// What becomes of the pipeline.
pub(super) enum Change {
    /// It stays as it is.
    None,
    /// It is made of the statuses of the file.
    Created(Pipeline),
    /// It gets the statuses of the file that it has not, in a next version. Only one that permits any move does: what a file
    /// may do without being asked is not for others.
    Extended(Pipeline),
}

/// The pipelines that are there, with one of the key that is yet to be made, as far as it is known before the file is read.
pub(super) fn with_pipeline(latest: &Pipelines, key: &str) -> Pipelines {
    if latest.contains_key(key) {
        return latest.clone();
    }
    let mut pipelines = (**latest).clone();
    pipelines.insert(key.to_owned(), Arc::new(Pipeline::any_move(key, &[], &Endings::default())));
    Arc::new(pipelines)
}

/// The pipelines to decide with, and what becomes of the one of the file. Statuses of a file for a pipeline
/// that is there are turned into the stages of those names.
pub(super) async fn pipelines(
    app: &App,
    caller: &Caller,
    mapping: &Mapping,
    file: &mut File,
) -> Result<(Pipelines, Change), ImportError> {
    let latest = app.pipelines.latest(caller.tenant).await?;
    if let Some(pipeline) = latest.get(&mapping.pipeline) {
        agreeing(pipeline, &mapping.endings)?;
        name_stages(pipeline, file);
        let Some(extended) = extended(pipeline, mapping, file) else { return Ok((latest, Change::None)) };
        let mut pipelines = (*latest).clone();
        pipelines.insert(mapping.pipeline.clone(), Arc::new(extended.clone()));
        return Ok((Arc::new(pipelines), Change::Extended(extended)));
    }
    if let Err(refusal) = Pipeline::check_key(&mapping.pipeline) {
        return Err(ImportError::BadParameter { parameter: "pipeline", message: refusal.detail });
    }
    if file.statuses.is_empty() {
        let message = Label::new(
            format!("没有流程“{}”，文件中也没有可以建立流程的状态。", mapping.pipeline),
            format!(
                "There is no pipeline {:?}, and the file has no statuses to make one of.",
                mapping.pipeline
            ),
        );
        return Err(ImportError::BadParameter { parameter: "pipeline", message });
    }
    known(&mapping.endings, file)?;
    let pipeline = Pipeline::any_move(&mapping.pipeline, &file.statuses, &mapping.endings);
    let mut pipelines = (*latest).clone();
    pipelines.insert(mapping.pipeline.clone(), Arc::new(pipeline.clone()));
    Ok((Arc::new(pipelines), Change::Created(pipeline)))
}

/// A pipeline that permits any move, with the statuses of the file that it has not; none where there are none.
fn extended(pipeline: &Pipeline, mapping: &Mapping, file: &File) -> Option<Pipeline> {
    if !matches!(pipeline.transitions, Transitions::Any) || mapping.without_history {
        return None;
    }
    let used: HashSet<&str> = file.cases.iter().flat_map(|case| &case.rows).map(|row| &*row.status).collect();
    let is_new = |status: &&str| pipeline.stage(status).is_none();
    // In the order of the file, which a set does not keep.
    let added: Vec<String> = file
        .statuses
        .iter()
        .map(String::as_str)
        .filter(|status| used.contains(status))
        .filter(is_new)
        .map(str::to_owned)
        .collect();
    if added.is_empty() {
        return None;
    }
    // More than a pipeline has are unknown ones, each with its row.
    if pipeline.stages.len() + added.len() > MOST_STAGES {
        return None;
    }
    let stages = Pipeline::any_move(&pipeline.key, &added, &mapping.endings.as_said()).stages;
    let version = pipeline.version + 1;
    Some(Pipeline { version, stages: [pipeline.stages.clone(), stages].concat(), ..pipeline.clone() })
}

/// Publishes what becomes of the pipeline. Returns the definitions to write with, where they are others than those that were
/// checked with.
pub(super) async fn publish(
    app: &App,
    caller: &Caller,
    change: Change,
) -> Result<Option<(Pipelines, Arc<Versions>)>, ImportError> {
    let meta = CommandMeta::default();
    match change {
        Change::None => Ok(None),
        Change::Created(pipeline) => {
            let count = pipeline.stages.len();
            let published = app.publish_pipeline(caller, &meta, pipeline).await;
            published.map_err(|error| not_published(error, count))?;
            Ok(None)
        }
        Change::Extended(pipeline) => {
            let (key, count) = (pipeline.key.clone(), pipeline.stages.len());
            let published = app.publish_extended(caller, &meta, pipeline).await;
            published.map_err(|error| not_published(error, count))?;
            let pipelines = app.pipelines.latest(caller.tenant).await?;
            Ok(Some((pipelines, app.pipelines.versions(caller.tenant, &key).await?)))
        }
    }
}

/// Turns statuses that are names of stages, in either language, into the stages. A name that several stages have stays.
fn name_stages(pipeline: &Pipeline, file: &mut File) {
    let mut named: HashMap<String, Option<&str>> = HashMap::new();
    for stage in &pipeline.stages {
        let mut names = vec![stage.name.zh.to_lowercase(), stage.name.en.to_lowercase()];
        names.dedup();
        for name in names {
            let known = named.entry(name).or_insert(Some(&stage.id));
            if known.is_some_and(|id| id != stage.id) {
                *known = None;
            }
        }
    }
    let stage_of = |status: &str| -> Option<&str> {
        if pipeline.stage(status).is_some() {
            return None;
        }
        *named.get(&status.to_lowercase())?
    };
    let stages: HashMap<Arc<str>, Arc<str>> = file
        .statuses
        .iter()
        .filter_map(|status| Some((status.as_str().into(), stage_of(status)?.into())))
        .collect();
    for row in file.cases.iter_mut().flat_map(|case| &mut case.rows) {
        if let Some(stage) = stages.get(&row.status) {
            row.status = stage.clone();
        }
    }
}

/// The statuses that are said to end are of the file, and none is said to be both.
fn known(endings: &Endings, file: &File) -> Result<(), ImportError> {
    let Endings { won, lost, finals, by_name: _ } = endings;
    for (parameter, statuses) in [("won", won), ("lost", lost), ("final", finals)] {
        // One that stands in bad rows alone is of the file: what is wrong is said of the rows.
        let is_known =
            |status: &&String| file.statuses.contains(status) || file.refused_endings.contains(*status);
        if let Some(unknown) = statuses.iter().find(|status| !is_known(status)) {
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
        let differs = |status: &&String| match pipeline.stage(status) {
            Some(stage) => stage.kind != kind,
            // It comes with the next version.
            None => !matches!(pipeline.transitions, Transitions::Any),
        };
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
