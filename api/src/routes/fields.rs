//! Custom fields that requests filter and group by.
//!
//! What a field holds is personal, so by most of them nobody filters or groups who does not read people. What is one of a few
//! words that the tenant declared (an option, yes or no) tells of nobody, and is for those who see figures alone, too.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::AppState;
use crate::app::Caller;
use crate::auth::disclosure::reads_people;
use crate::domain::Label;
use crate::domain::field::{Field, FieldType, Fields, word};
use crate::problem::Problem;
use crate::projections::{AnyOf, AsOf};

/// The fields as they were declared by what was known, if the caller may ask about all of those that a parameter names. Where
/// nothing is declared, any may be named.
///
/// # Errors
/// 422 when one is not declared, or not for the caller to read.
pub(super) async fn readable(
    state: &AppState,
    caller: &Caller,
    at: &AsOf,
    parameter: &str,
    keys: &[&str],
) -> Result<Fields, Problem> {
    let mut declared = state.app.companies.now(caller.tenant).await?.fields.clone();
    if keys.iter().any(|key| !declared.contains_key(*key)) {
        // Another process may have declared it a moment ago.
        state.app.refresh_definitions(caller.tenant).await?;
        declared = state.app.companies.now(caller.tenant).await?.fields.clone();
    }
    for key in keys {
        let field = declared.get(*key);
        if field.is_none() && !declared.is_empty() {
            return Err(undeclared(parameter, key, &declared));
        }
        if !reads_people(&caller.actor) && !field.is_some_and(has_few_words) {
            let message = Label::new(
                format!("此角色不能读取字段“{key}”。可用于选项或是否类型的字段。"),
                format!(
                    "This role is not permitted to read the field {key:?}. Use a field of type choice or boolean."
                ),
            );
            return Err(Problem::invalid_value(parameter, message));
        }
    }
    match at.known_position {
        Some(_) => {
            let then = DateTime::<Utc>::MAX_UTC;
            Ok(state.app.companies.then(caller.tenant, then, at.known_position).await?.fields.clone())
        }
        None => Ok(declared),
    }
}

/// The customers whose fields hold any of the values of each key, as they were at the times asked about.
///
/// # Errors
/// As [`readable`]; 422 for an option that a field does not have.
pub(super) async fn having(
    state: &AppState,
    caller: &Caller,
    at: &AsOf,
    given: &BTreeMap<String, String>,
) -> Result<BTreeSet<Uuid>, Problem> {
    let mut wanted = BTreeMap::new();
    let mut declared = Fields::default();
    for (key, text) in given {
        let parameter = format!("field:{key}");
        declared = readable(state, caller, at, &parameter, &[key.as_str()]).await?;
        let any =
            any_of(declared.get(key), text).map_err(|message| Problem::invalid_value(&parameter, message))?;
        wanted.insert(key.clone(), any);
    }
    Ok(state.app.projections.reports(caller.tenant).await?.having(at, &declared, &wanted).await?)
}

/// The values of a filter, each in the one form that it has.
fn any_of(field: Option<&Field>, text: &str) -> Result<AnyOf, Label> {
    let kind = field.map(|field| &field.kind);
    let words: Vec<String> = text.split(',').map(|part| word(kind, part.trim())).collect();
    let any =
        if kind == Some(&FieldType::Number) { AnyOf::read(&words.join(",")) } else { AnyOf::read(text) };
    let Some(FieldType::Choice { options, .. }) = kind else { return Ok(any) };
    let is_option = |id: &str| options.iter().any(|option| option.id == id);
    if is_option(text) || words.iter().all(|word| is_option(word)) {
        return Ok(any);
    }
    let ids: Vec<&str> = options.iter().map(|option| option.id.as_str()).collect();
    Err(Label::new(format!("可选值：{}。", ids.join("、")), format!("Use one of: {}.", ids.join(", "))))
}

/// Whether what it holds is one of a few words that the tenant declared.
fn has_few_words(field: &Field) -> bool {
    matches!(field.kind, FieldType::Choice { .. } | FieldType::Boolean)
}

fn undeclared(parameter: &str, key: &str, declared: &Fields) -> Problem {
    let known: Vec<&str> = declared.keys().map(String::as_str).collect();
    let message = Label::new(
        format!("没有声明字段“{key}”。已声明的字段：{}。", known.join("、")),
        format!("The field {key:?} is not declared. Declared fields: {}.", known.join(", ")),
    );
    Problem::invalid_value(parameter, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::field::Choice;

    fn field(kind: FieldType) -> Field {
        Field { key: "k".to_owned(), name: Label::same("k"), kind }
    }

    #[test]
    fn a_filter_takes_numbers_however_they_are_written_and_options_alone() {
        let number = any_of(Some(&field(FieldType::Number)), "12.50, 3").unwrap();
        assert!(number.contains("12.5") && number.contains("3") && !number.contains("12.50"));
        let options = ["low", "high"].map(|id| Choice { id: id.to_owned(), name: Label::same(id) });
        let choice = field(FieldType::Choice { options: options.into(), many: false });
        assert!(any_of(Some(&choice), "low,high").unwrap().contains("high"));
        assert_eq!(any_of(Some(&choice), "low,none").unwrap_err().en, "Use one of: low, high.");
        assert!(any_of(None, "anything").unwrap().contains("anything"));
    }
}
