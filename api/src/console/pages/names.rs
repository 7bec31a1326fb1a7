//! What the parts of a pipeline's definition are called.

use serde_json::Value;

use super::super::i18n::Locale;

/// A definition, to find names in.
pub(super) struct Names(pub(super) Value);

impl Names {
    fn named<'v>(&'v self, list: &str, key: &str, id: &str) -> &'v Value {
        let mut all = self.0[list].as_array().into_iter().flatten();
        all.find(|one| one[key] == id).unwrap_or(&Value::Null)
    }

    /// What a stage is called; one that the definition does not have is called by its id.
    pub(super) fn stage(&self, locale: Locale, id: &Value) -> String {
        let id = id.as_str().unwrap_or_default();
        called(locale.label(&self.named("stages", "id", id)["name"]), id)
    }

    /// The type of a stage.
    pub(super) fn kind(&self, id: &Value) -> &str {
        self.named("stages", "id", id.as_str().unwrap_or_default())["type"].as_str().unwrap_or_default()
    }

    /// The ids of the stages whose customers are to be worked: what is open stands in one of them.
    pub(super) fn worked(&self) -> Vec<&str> {
        let stages = self.0["stages"].as_array().into_iter().flatten();
        let worked = stages.filter(|stage| matches!(stage["type"].as_str(), Some("open" | "partial")));
        worked.filter_map(|stage| stage["id"].as_str()).collect()
    }

    /// What a reason is called.
    pub(super) fn reason(&self, locale: Locale, code: &Value) -> String {
        match code.as_str() {
            Some(code) => called(locale.label(&self.named("reasons", "code", code)["name"]), code),
            None => locale.text("未填原因", "No reason given").to_owned(),
        }
    }
}

fn called(name: &str, id: &str) -> String {
    if name.is_empty() { id.to_owned() } else { name.to_owned() }
}
