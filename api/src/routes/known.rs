//! Names in filters: stages, sub-statuses, versions and types of events. One that there never was is refused, because nothing would
//! ever be found by it; what an earlier version of a pipeline had is known as before.

use std::collections::BTreeSet;

use super::AppState;
use crate::app::Caller;
use crate::domain::Label;
use crate::domain::catalogue::event_types;
use crate::domain::pipeline::Stage;
use crate::problem::Problem;
use crate::projections::AnyOf;

/// How many known names a refusal lists.
const LISTED: usize = 40;

/// Stages of any pipeline, or of one.
///
/// # Errors
/// 422 when no version of any has one of them.
pub(super) async fn stages(
    state: &AppState,
    caller: &Caller,
    pipeline: Option<&str>,
    given: Option<String>,
) -> Result<Option<AnyOf>, Problem> {
    let Some(text) = given else { return Ok(None) };
    let names = |stage: &Stage| vec![stage.id.clone()];
    any_of(state, caller, ("stage", pipeline), text, names).await.map(Some)
}

/// Insists that there is such a pipeline, where one is named.
///
/// # Errors
/// 422 when there is none.
pub(super) async fn pipeline(state: &AppState, caller: &Caller, given: Option<&str>) -> Result<(), Problem> {
    let Some(key) = given else { return Ok(()) };
    for again in [false, true] {
        if again {
            state.app.refresh_definitions(caller.tenant).await?;
        }
        if state.app.pipelines.in_force(caller.tenant, None).await?.versions.contains_key(key) {
            return Ok(());
        }
    }
    let all = state.app.pipelines.in_force(caller.tenant, None).await?.versions;
    Err(unknown("pipeline", key, all.keys().cloned()))
}

/// Sub-statuses of any stage.
///
/// # Errors
/// 422 when no stage of any version of any pipeline has one of them.
pub(super) async fn sub_statuses(
    state: &AppState,
    caller: &Caller,
    given: Option<String>,
) -> Result<Option<AnyOf>, Problem> {
    let Some(text) = given else { return Ok(None) };
    let names = |stage: &Stage| stage.sub_statuses.iter().map(|sub| sub.id.clone()).collect::<Vec<String>>();
    any_of(state, caller, ("sub_status", None), text, names).await.map(Some)
}

/// Insists that some pipeline has a version of that number.
///
/// # Errors
/// 422 when none has.
pub(super) async fn version(state: &AppState, caller: &Caller, given: u32) -> Result<(), Problem> {
    for again in [false, true] {
        if again {
            state.app.refresh_definitions(caller.tenant).await?;
        }
        let all = state.app.pipelines.in_force(caller.tenant, None).await?.versions;
        let mut each = all.values().flat_map(|versions| versions.all());
        if each.any(|one| one.pipeline.version == given) {
            return Ok(());
        }
    }
    let all = state.app.pipelines.in_force(caller.tenant, None).await?.versions;
    let numbers: BTreeSet<u32> =
        all.values().flat_map(|versions| versions.all()).map(|one| one.pipeline.version).collect();
    Err(unknown("version", &given.to_string(), numbers.iter().map(u32::to_string)))
}

/// Types of events.
///
/// # Errors
/// 422 when the catalogue does not have one of them.
pub(super) fn types(given: Option<&str>) -> Result<Vec<String>, Problem> {
    let names = given.into_iter().flat_map(|names| names.split(','));
    types_named("type", names.map(str::trim).filter(|name| !name.is_empty()).collect())
}

/// Types of events, as a field names them.
///
/// # Errors
/// 422 when the catalogue does not have one of them.
pub(super) fn types_named(field: &str, names: Vec<&str>) -> Result<Vec<String>, Problem> {
    match names.iter().find(|name| !event_types().any(|known| known.name == **name)) {
        Some(name) => {
            // Of more types than one reads, those that begin alike.
            let family = name.split('.').next().unwrap_or_default();
            let is_alike = |known: &&str| known.split('.').next() == Some(family);
            let all = || event_types().map(|known| known.name);
            let alike: Vec<&str> = all().filter(is_alike).collect();
            let listed = if alike.is_empty() { all().collect() } else { alike };
            Err(unknown(field, name, listed.into_iter().map(str::to_owned)))
        }
        None => Ok(names.into_iter().map(str::to_owned).collect()),
    }
}

/// Names of stages' parts in all versions that there are. Commas stand between names, and may stand in one.
async fn any_of(
    state: &AppState,
    caller: &Caller,
    (parameter, pipeline): (&str, Option<&str>),
    text: String,
    names: fn(&Stage) -> Vec<String>,
) -> Result<AnyOf, Problem> {
    let mut known = BTreeSet::new();
    let mut missing = String::new();
    for again in [false, true] {
        if again {
            // Another process may have published it a moment ago.
            state.app.refresh_definitions(caller.tenant).await?;
        }
        let all = state.app.pipelines.in_force(caller.tenant, None).await?.versions;
        let asked = all.iter().filter(|(key, _)| pipeline.is_none_or(|pipeline| pipeline == *key));
        let versions = asked.flat_map(|(_, versions)| versions.all());
        known = versions.flat_map(|one| &one.pipeline.stages).flat_map(names).collect();
        match unknown_in(&known, &text) {
            None => return Ok(AnyOf::read(&text)),
            Some(name) => name.clone_into(&mut missing),
        }
    }
    Err(unknown(parameter, &missing, known.into_iter()))
}

/// The first of the names in a text that is not known.
fn unknown_in<'a>(known: &BTreeSet<String>, text: &'a str) -> Option<&'a str> {
    if known.contains(text) {
        return None;
    }
    let mut parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    match text.trim().is_empty() {
        true => Some(text),
        false => parts.find(|part| !known.contains(*part)),
    }
}

fn unknown(parameter: &str, name: &str, known: impl Iterator<Item = String>) -> Problem {
    let mut known: Vec<String> = known.take(LISTED + 1).collect();
    if known.len() > LISTED {
        known.truncate(LISTED);
        known.push("…".to_owned());
    }
    let message = match known.is_empty() {
        true => Label::new(
            format!("未知的值“{name}”：目前没有任何值。"),
            format!("Unknown value {name:?}: there are none."),
        ),
        false => Label::new(
            format!("未知的值“{name}”。已有的值：{}。", known.join("、")),
            format!("Unknown value {name:?}. Known values: {}.", known.join(", ")),
        ),
    };
    Problem::invalid_value(parameter, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_is_told_with_what_there_is() {
        let told = |known: &[&str]| {
            let problem = unknown("sub_status", "x", known.iter().map(|one| (*one).to_owned()));
            problem.violations()[0].message.en.clone()
        };
        assert_eq!(told(&["sent", "asked"]), "Unknown value \"x\". Known values: sent, asked.");
        assert_eq!(told(&[]), "Unknown value \"x\": there are none.");
    }

    #[test]
    fn commas_stand_between_names_and_may_stand_in_one() {
        let known: BTreeSet<String> = ["quoted", "won", "Closed, maybe"].map(str::to_owned).into();
        assert_eq!(unknown_in(&known, "quoted, won"), None);
        assert_eq!(unknown_in(&known, "Closed, maybe"), None);
        assert_eq!(unknown_in(&known, "quoted,won,lots"), Some("lots"));
        assert_eq!(unknown_in(&known, ""), Some(""));
    }

    #[test]
    fn a_type_that_no_event_has_is_refused_with_those_that_begin_alike() {
        assert_eq!(types(Some("customer.moved, customer.noted")).unwrap().len(), 2);
        let refused = format!("{:?}", types(Some("customer.move")).unwrap_err());
        assert!(refused.contains("customer.moved") && !refused.contains("pipeline.published"), "{refused}");
        assert!(types(None).unwrap().is_empty());
    }
}
