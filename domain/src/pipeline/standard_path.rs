//! The way that customers are to go: a sequence of stages that the definition permits.

use super::event::StandardPathSet;
use super::{MOST_STAGES, Pipeline};
use crate::Label;
use crate::refusal::{Code, Refusal, Violation};

impl Pipeline {
    /// Makes these stages the standard path; none takes away the one that was set.
    ///
    /// # Errors
    /// Every stage that does not exist, and every step that the definition does not permit, by its place.
    pub fn set_standard_path(&self, stages: &[String]) -> Result<StandardPathSet, Refusal> {
        let unknown = stages.iter().enumerate().filter(|(_, stage)| self.stage(stage).is_none());
        let unknown = unknown.map(|(place, _)| {
            let message = Label::new("销售流程中没有这个状态。", "The pipeline has no such stage.");
            let fix = Label::new("请从状态列表中选择。", "Choose one of the pipeline's stages.");
            Violation::new(Code::UnknownStage, format!("stages[{place}]"), message, fix)
        });
        let steps = stages.windows(2).enumerate();
        let exist = |step: &[String]| step.iter().all(|stage| self.stage(stage).is_some());
        let barred = steps.filter(|(_, step)| exist(step) && !self.allows(&step[0], &step[1]));
        let barred = barred.map(|(place, step)| {
            let message = Label::new(
                format!("不允许从“{}”变更为“{}”。", step[0], step[1]),
                format!("The transition from {:?} to {:?} is not allowed.", step[0], step[1]),
            );
            let fix = Label::new("请按允许的变更排列。", "Follow the transitions that are allowed.");
            Violation::new(Code::TransitionNotAllowed, format!("stages[{}]", place + 1), message, fix)
        });
        Refusal::require_all([length(stages), unknown.collect(), barred.collect()])?;
        Ok(StandardPathSet {
            pipeline: self.key.clone(),
            pipeline_version: self.version,
            stages: stages.to_vec(),
        })
    }
}

fn length(stages: &[String]) -> Vec<Violation> {
    if stages.is_empty() || (2..=MOST_STAGES).contains(&stages.len()) {
        return Vec::new();
    }
    let message =
        Label::new(format!("应为2至{MOST_STAGES}个状态。"), format!("Must be 2 to {MOST_STAGES} stages."));
    let fix = Label::new(
        "请补充状态；空列表表示取消标准路径。",
        "Add stages; an empty list takes the standard path away.",
    );
    vec![Violation::new(Code::InvalidValue, "stages", message, fix)]
}

#[cfg(test)]
mod tests {
    use crate::pipeline::templates;

    fn refused(stages: &[&str]) -> Vec<(String, String)> {
        let pipeline = &templates()[0].pipeline;
        let stages: Vec<String> = stages.iter().map(|stage| (*stage).to_owned()).collect();
        let refusal = pipeline.set_standard_path(&stages).err();
        let violations = refusal.map(|refusal| refusal.violations).unwrap_or_default();
        violations.into_iter().map(|unmet| (unmet.field, unmet.code.to_string())).collect()
    }

    #[test]
    fn the_standard_is_a_way_that_the_definition_permits() {
        let told = |field: &str, code: &str| (field.to_owned(), code.to_owned());
        assert_eq!(refused(&["new_lead", "contacted", "need_confirmed"]), []);
        assert_eq!(refused(&["new_lead", "proposal"]), [told("stages[1]", "transition-not-allowed")]);
        assert_eq!(refused(&["new_lead", "nowhere"]), [told("stages[1]", "unknown-stage")]);
        assert_eq!(refused(&[]), [], "none takes it away");
        assert_eq!(refused(&["new_lead"]), [told("stages", "invalid-value")]);
        assert_eq!(refused(&["new_lead", "new_lead"]), [told("stages[1]", "transition-not-allowed")]);
    }
}
