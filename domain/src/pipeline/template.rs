//! The pipelines that come with the product, complete in Chinese and English.

use std::sync::LazyLock;

use super::Pipeline;

/// A pipeline to begin with.
#[derive(Debug, Clone)]
pub struct Template {
    /// Names the template, such as `landian-6`.
    pub key: &'static str,
    /// The definition; its key is the template's, its version 1.
    pub pipeline: Pipeline,
}

impl Template {
    /// The pipeline that a tenant makes of the template.
    pub fn install(&self, key: &str) -> Pipeline {
        Pipeline { key: key.to_owned(), ..self.pipeline.clone() }
    }
}

const SOURCES: [(&str, &str); 8] = [
    ("helloword-13", include_str!("templates/helloword-13.json")),
    ("landian-6", include_str!("templates/landian-6.json")),
    ("bajun-5", include_str!("templates/bajun-5.json")),
    ("ecommerce-6", include_str!("templates/ecommerce-6.json")),
    ("education", include_str!("templates/education.json")),
    ("lifecycle-5", include_str!("templates/lifecycle-5.json")),
    ("activity-5", include_str!("templates/activity-5.json")),
    ("funnel-5", include_str!("templates/funnel-5.json")),
];

/// Every template, the most detailed first, then by the sort of business.
pub fn templates() -> &'static [Template] {
    static TEMPLATES: LazyLock<Vec<Template>> =
        LazyLock::new(|| SOURCES.iter().map(|(key, source)| read(key, source)).collect());
    &TEMPLATES
}

#[expect(clippy::expect_used, reason = "the templates are part of the program, and a test reads each")]
fn read(key: &'static str, source: &str) -> Template {
    let definition = serde_json::from_str(source).expect("a template is JSON");
    let pipeline = Pipeline::parse(key, 1, &definition).expect("a template is a pipeline");
    Template { key, pipeline }
}
