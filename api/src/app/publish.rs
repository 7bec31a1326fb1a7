//! Publishing a pipeline.

use serde_json::{Map, Value};
use waymark_domain::pipeline::event::Published;
use waymark_domain::pipeline::{Pipeline, PipelineEvent};
use waymark_domain::refusal::{Code, Refusal};
use waymark_domain::{Label, customer::tags};
use waymark_eventstore::{Append, Outcome, Query, StoreError};

use super::remember::{Remembered, replay, store_error};
use super::{App, AppError, Caller, CommandAnswer, CommandMeta};

impl App {
    /// Publishes the first version of a pipeline.
    ///
    /// # Errors
    /// When there is a pipeline of that key already, or the log cannot take it.
    pub async fn publish_pipeline(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        pipeline: Pipeline,
    ) -> Result<CommandAnswer, AppError> {
        if let Some(answer) = self.remembered(caller, meta).await? {
            return Ok(answer);
        }
        let (key, version) = (pipeline.key.clone(), pipeline.version);
        let mut resource = Map::new();
        resource.insert("key".to_owned(), Value::String(key.clone()));
        let event = PipelineEvent::Published(Published {
            pipeline,
            effective_from: None,
            base: None,
            map: Vec::new(),
            team: None,
        });
        let draft = self.pipeline_draft(caller, &key, &event, (self.clock)())?;
        let remembered = Remembered::Done {
            status: 201,
            version: u64::from(version),
            events: vec![(draft.id, event.event_type().to_owned())],
            resource,
        };
        let append = Append {
            condition: Some(Query::tag(tags::pipeline(&key)).none_after(0)),
            receipt: remembered.receipt(caller, meta)?,
            ..Append::new(caller.tenant, vec![draft])
        };
        match self.store.append(append).await {
            Ok(Outcome::Repeated(receipt)) => replay(&receipt),
            Ok(Outcome::Appended(appended)) => {
                self.pipelines.refresh(caller.tenant).await?;
                remembered.answer(appended.first_position, false)
            }
            Err(StoreError::Conflict { .. }) => self.refuse(caller, meta, exists(&key)).await,
            Err(error) => Err(store_error(error)),
        }
    }
}

fn exists(key: &str) -> Refusal {
    Refusal::from_code(
        Code::PipelineExists,
        "key",
        Label::new(format!("已有销售流程“{key}”。"), format!("There is a pipeline “{key}” already.")),
        Label::new("换一个 key，或读取现有流程。", "Choose another key, or read the one there is."),
    )
}
