//! Recording a follow-up.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::auth::Authority;
use crate::domain::customer::command::{self, Command as DomainCommand};
use crate::domain::customer::event::ContentKind;
use crate::http::answer::Accepted;
use crate::http::{Command, Id, Instant};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;
use crate::routes::command::{CommandRequest, execute};

/// A conversation with the customer.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({
    "channel": "phone", "summary": "Asked for two references", "goal_reached": true,
    "next_plan": {"at": "2027-03-04T02:00:00Z", "text": "Visit with the engineer"}
}))]
pub(crate) struct FollowUp {
    /// The channel: `phone`, `wechat`, `visit`, `email`, `meeting`, `content` or `other`.
    channel: String,
    /// A summary of the conversation.
    summary: String,
    /// Whether the goal was reached.
    goal_reached: Option<bool>,
    /// The next planned contact. Required.
    #[schema(required = true)]
    next_plan: Option<NextPlan>,
    /// The material that was sent; with the channel `content`.
    content: Option<Content>,
    /// When it took place; now when absent.
    effective_at: Option<Instant>,
}

/// Material that was sent.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(as = NewContent)]
pub(crate) struct Content {
    /// The kind.
    kind: Kind,
    /// The title. Personal data: unreadable once the customer is erased.
    #[schema(example = "Cold chains 2026")]
    title: String,
    /// Its id or URL in its store.
    document: Option<String>,
}

/// The kind of material.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ContentKind)]
enum Kind {
    /// An industry report.
    IndustryReport,
    /// A white paper.
    WhitePaper,
    /// A case study.
    CaseStudy,
    /// Anything else.
    Other,
}

impl From<Content> for command::NewContent {
    fn from(body: Content) -> Self {
        let kind = match body.kind {
            Kind::IndustryReport => ContentKind::IndustryReport,
            Kind::WhitePaper => ContentKind::WhitePaper,
            Kind::CaseStudy => ContentKind::CaseStudy,
            Kind::Other => ContentKind::Other,
        };
        Self { kind, title: body.title, document: body.document }
    }
}

/// The next planned contact.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub(crate) struct NextPlan {
    /// The time.
    at: Instant,
    /// The text.
    text: String,
}

impl From<FollowUp> for CommandRequest {
    fn from(body: FollowUp) -> Self {
        let follow_up = command::FollowUp {
            channel: body.channel,
            summary: body.summary,
            goal_reached: body.goal_reached,
            next_plan: body.next_plan.map(|plan| command::Plan { at: plan.at.0, text: plan.text }),
            content: body.content.map(Into::into),
        };
        Self {
            command: DomainCommand::FollowUp(follow_up),
            effective_at: body.effective_at.map(|instant| instant.0),
        }
    }
}

/// Record a follow-up
///
/// A conversation together with the next planned contact, which is required. Material sent to the customer is a
/// follow-up on the channel `content`, described in `content`: it counts as an update and a follow-up, but not as a
/// first contact, which requires a conversation.
#[utoipa::path(
    post, path = "/v1/customers/{id}/follow-ups", tag = "activity", request_body = FollowUp,
    params(("id" = Uuid, Path, description = "The customer.")),
    responses(
        (status = 200, description = "Recorded.", body = Accepted),
        (status = 422, description = "The channel is unknown, the summary is empty, or the next plan is missing or in the past.", body = ProblemDocument),
    )
)]
pub(crate) async fn follow_up(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(customer): Id,
    command: Command<FollowUp>,
) -> Result<Accepted, Problem> {
    execute(&state, &caller, customer, command).await
}
