//! What the demo's company sets up, and what it changes over the year: teams, members, the pipeline and its versions, who
//! is on leave.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};
use waymark_domain::company::CompanyCommand;
use waymark_domain::people::{Deputy, Team};
use waymark_domain::pipeline::version::Pilot;
use waymark_domain::pipeline::{Approval, ApprovedAt, Pipeline, Transitions, templates};
use waymark_domain::{Actor, Label, Role};
use waymark_eventstore::TenantId;

use super::{PIPELINE, StageClock, cast};
use crate::app::{App, AppError, Caller, CommandMeta, NewVersion};

/// The template that the team works with.
const TEMPLATE: &str = "helloword-13";
/// How long a request for a deal at a special price waits.
const REQUEST_WAITS: TimeDelta = TimeDelta::days(7);

/// What the company does at an instant.
enum Step {
    /// Deals that skip the customer's decision need the lead's consent from now on.
    AskForApproval,
    /// One team tries a version in which a proposal needs a conversation before it.
    Pilot,
    /// A rep goes on leave, and a colleague stands in.
    Leave,
}

/// The company's office.
pub(super) struct Office<'a> {
    app: &'a App,
    caller: Caller,
    until: DateTime<Utc>,
    steps: Vec<(DateTime<Utc>, Step)>,
}

impl<'a> Office<'a> {
    pub(super) fn new(app: &'a App, tenant: TenantId, begins: DateTime<Utc>, until: DateTime<Utc>) -> Self {
        let actor = Actor::new("admin:demo", [Role::Admin]);
        let caller = Caller { tenant, actor, via: None, origin: None, endpoint: None };
        // The last comes first.
        let steps = vec![
            (until - TimeDelta::days(3), Step::Leave),
            (until - TimeDelta::days(60), Step::Pilot),
            (begins + TimeDelta::days(120), Step::AskForApproval),
        ];
        Self { app, caller, until, steps }
    }

    /// Sets up teams and the pipeline. Answers the first version.
    ///
    /// # Errors
    /// When the log cannot take it.
    pub(super) async fn open(&self) -> Result<Pipeline, AppError> {
        let pipeline = template()?;
        self.app.publish_pipeline(&self.caller, &CommandMeta::default(), pipeline.clone()).await?;
        for team in cast::TEAMS {
            self.configure(CompanyCommand::SetTeam(Team {
                key: team.key.to_owned(),
                name: Label::new(team.zh, team.en),
                supervisors: [team.supervisor.to_owned()].into(),
                members: team.members.iter().map(|member| (*member).to_owned()).collect(),
                regions: BTreeSet::new(),
                functions: std::collections::BTreeMap::new(),
            }))
            .await?;
        }
        Ok(pipeline)
    }

    /// Does what falls due up to an instant.
    ///
    /// # Errors
    /// When the log cannot take it.
    pub(super) async fn work_until(
        &mut self,
        clock: &StageClock,
        until: DateTime<Utc>,
    ) -> Result<(), AppError> {
        while let Some((at, step)) = self.steps.pop_if(|(at, _)| *at <= until) {
            clock.set(at);
            match step {
                Step::AskForApproval => self.publish(with_approval(template()?), None).await?,
                Step::Pilot => {
                    let id = cast::PILOT_TEAM.to_owned();
                    let until = Some(self.until + TimeDelta::days(30));
                    let pilot = Pilot { id, from: None, until, back: Vec::new() };
                    self.publish(with_conversation(with_approval(template()?)), Some(pilot)).await?;
                }
                Step::Leave => {
                    let deputy = Deputy {
                        id: (self.app.ids)(),
                        rep: "tom".to_owned(),
                        deputy: "zhao".to_owned(),
                        from: at,
                        until: self.until + TimeDelta::days(4),
                    };
                    self.configure(CompanyCommand::AppointDeputy(deputy)).await?;
                }
            }
        }
        Ok(())
    }

    async fn configure(&self, command: CompanyCommand) -> Result<(), AppError> {
        self.app.configure(&self.caller, &CommandMeta::default(), &command, Map::new()).await.map(drop)
    }

    async fn publish(&self, pipeline: Pipeline, team: Option<Pilot>) -> Result<(), AppError> {
        // Whom a version concerns is asked of the read models.
        self.app.projections.catch_up(self.caller.tenant, |_, _| {}).await?;
        let definition = serde_json::to_value(&pipeline).unwrap_or(Value::Null);
        let new = NewVersion { definition, effective_from: None, map: Vec::new(), team };
        self.app.publish_version(&self.caller, &CommandMeta::default(), PIPELINE, &new).await.map(drop)
    }
}

/// The template as the demo's pipeline.
fn template() -> Result<Pipeline, AppError> {
    let template = templates().iter().find(|template| template.key == TEMPLATE);
    let template =
        template.ok_or_else(|| AppError::NotFound { what: "template".into(), id: TEMPLATE.to_owned() })?;
    Ok(template.install(PIPELINE))
}

/// With the lead's consent to deals that skip the customer's decision.
fn with_approval(mut pipeline: Pipeline) -> Pipeline {
    let expires_seconds = REQUEST_WAITS.num_seconds().unsigned_abs();
    if let Transitions::Listed(rules) = &mut pipeline.transitions {
        for rule in rules.iter_mut().filter(|rule| rule.from == "negotiating" && rule.to == "won") {
            let roles = vec![Role::Manager];
            rule.approval = Some(Approval { roles, effective: ApprovedAt::default(), expires_seconds });
        }
    }
    pipeline
}

/// With a conversation before each proposal.
fn with_conversation(mut pipeline: Pipeline) -> Pipeline {
    if let Transitions::Listed(rules) = &mut pipeline.transitions {
        for rule in rules.iter_mut().filter(|rule| rule.from == "need_confirmed" && rule.to == "proposal") {
            rule.min_follow_ups = 1;
        }
    }
    pipeline
}
