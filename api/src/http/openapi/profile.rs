//! The plain texts of a customer's profile, where requests and answers have them.

use serde_json::{Value, json};

use crate::domain::ProfileField;
use crate::http::profile::{FieldSelection, every};

/// The schemas that have a member for each of them.
const WITH_TEXTS: [(&str, FieldSelection); 5] = [
    ("CustomerReport", every),
    ("Details", every),
    ("HandOverSelection", ProfileField::is_in_reports),
    ("Move", every),
    ("NewCustomer", every),
];

/// What stands in descriptions for the names of all of them, and of those that reports look at.
const ALL: &str = "{texts of the profile}";
const IN_REPORTS: &str = "{texts that reports look at}";

/// Adds their members, and their names to the descriptions that list them.
pub(super) fn complete(document: &mut Value) {
    for (schema, has) in WITH_TEXTS {
        let members = document.pointer_mut(&format!("/components/schemas/{schema}/properties"));
        let Some(members) = members.and_then(Value::as_object_mut) else { continue };
        for field in ProfileField::ALL.into_iter().filter(|field| has(*field)) {
            let text = json!({"description": field.description(), "type": ["string", "null"]});
            members.insert(field.key().to_owned(), text);
        }
    }
    name_in_descriptions(document);
}

fn name_in_descriptions(part: &mut Value) {
    match part {
        Value::Object(members) => {
            if let Some(Value::String(text)) = members.get_mut("description")
                && text.contains('{')
            {
                *text = text
                    .replace(ALL, &names(&ProfileField::ALL))
                    .replace(IN_REPORTS, &names(&ProfileField::IN_REPORTS));
            }
            members.values_mut().for_each(name_in_descriptions);
        }
        Value::Array(items) => items.iter_mut().for_each(name_in_descriptions),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn names(fields: &[ProfileField]) -> String {
    fields.iter().map(|field| format!("`{}`", field.key())).collect::<Vec<_>>().join(", ")
}
