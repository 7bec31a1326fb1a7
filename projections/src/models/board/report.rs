//! What is shown of a customer.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::prelude::ToPrimitive as _;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_domain::customer::event::{ContactKind, ContentKind, Contract, Money, Scorer};
use waymark_domain::intake::ScoreReason;
use waymark_domain::{Language, Owner, ProfileTexts};

use super::customer::{Card, ClearContact, Customer, Document, InquiryRecord, Sent};
use super::expected_close::{ExpectedClose, KnownClose};
use super::plan::Plan;
use super::profile::ClearScore;
use super::row::owner_columns;
use crate::log::history::instant;
use crate::stats::{Micros, seconds};

/// An amount of money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MoneyReport {
    /// The decimal amount.
    #[schema(example = "12.30")]
    pub amount: String,
    /// The ISO 4217 code.
    #[schema(example = "CNY")]
    pub currency: String,
}

/// Who a customer belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OwnerReport {
    /// `rep` or `pool`.
    pub kind: String,
    /// The rep's name, or the pool's key.
    pub id: String,
}

/// Where a journey stands.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct JourneyReport {
    /// The pipeline's key.
    pub pipeline: String,
    /// The version under which it last moved.
    pub pipeline_version: u32,
    /// Whether it is the journey that the customer is in: the one moved in last.
    pub primary: bool,
    /// The cycle, from 1.
    pub cycle: u32,
    /// The stage.
    pub stage: String,
    /// What the stage is called; its id where no pipeline says.
    pub stage_name: String,
    /// The sub-status.
    pub sub_status: Option<String>,
    /// When the stay began.
    pub entered_at: DateTime<Utc>,
    /// How long it has lasted.
    pub age_seconds: f64,
}

/// A contact detail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ContactReport {
    /// `phone`, `email` or `wechat`.
    #[schema(value_type = String)]
    pub kind: ContactKind,
    /// The number, address or account.
    pub value: String,
}

/// An id that a channel knows the person by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChannelIdReport {
    /// The channel.
    pub channel: String,
    /// The id within it.
    pub id: String,
}

/// The days of a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct ContractReport {
    /// The first day.
    pub starts_on: Option<NaiveDate>,
    /// The last day.
    pub ends_on: Option<NaiveDate>,
}

/// A document by reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DocumentReport {
    /// The document's id.
    pub id: Uuid,
    /// The kind.
    pub kind: String,
    /// The name.
    pub name: Option<String>,
    /// Its id or address where it is kept; null once the customer is erased.
    pub reference: Option<String>,
    /// SHA-256 of its content.
    pub sha256: String,
    /// Who added it.
    pub uploaded_by: String,
    /// The time.
    pub uploaded_at: DateTime<Utc>,
}

/// Something to read that was sent to the customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ContentReport {
    /// The follow-up with which it was recorded.
    pub event: Uuid,
    /// `industry_report`, `white_paper`, `case_study` or `other`.
    #[schema(value_type = String, example = "industry_report")]
    pub kind: ContentKind,
    /// What it is called; null once the customer is erased.
    pub title: Option<String>,
    /// Its id or URL in its store.
    pub document: Option<String>,
    /// Who sent it.
    pub sent_by: String,
    /// The time.
    pub sent_at: DateTime<Utc>,
}

/// A time at which the customer came in as a lead again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TouchReport {
    /// The time.
    pub at: DateTime<Utc>,
    /// The source of the lead.
    pub source: Option<String>,
    /// The channel of the lead.
    pub channel: Option<String>,
    /// Whether somebody has followed up since.
    pub answered: bool,
}

/// A warning that a customer may be lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RiskReport {
    /// Why; null once the customer is erased.
    pub reason: Option<String>,
    /// Who warned.
    pub by: String,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// One factor of a score that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ScoreReasonReport {
    /// `contact`, `product`, `channel`, `field` or `touches`.
    pub factor: String,
    /// What of it: the source or channel, the field, or how many touches.
    pub detail: Option<String>,
    /// What it adds.
    pub points: u32,
}

/// The last score of a model outside.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ModelScoreReport {
    /// What the model is called.
    pub model: String,
    /// Which version of it gave the score.
    pub version: String,
    /// The score: a decimal, in the model's own terms.
    #[schema(example = "0.83")]
    pub score: String,
    /// Why, in the model's words; null where it did not say, and once the customer is erased.
    pub explanation: Option<String>,
    /// When it was given.
    pub scored_at: DateTime<Utc>,
    /// How old it is.
    pub age_seconds: f64,
}

/// What is planned next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NextAction {
    /// The time: as `due_at`.
    pub at: DateTime<Utc>,
    /// What; null once the customer is erased.
    pub text: Option<String>,
    /// Until when.
    pub due_at: DateTime<Utc>,
    /// By whom: `rep` is the owner.
    #[schema(example = "rep")]
    pub role: String,
    /// `plan`, what was agreed or set last; or `stage`, what the stage says where nothing was.
    #[schema(example = "plan")]
    pub source: String,
    /// The text in English, where a rule said it. It is not shown.
    #[serde(skip)]
    pub text_en: Option<String>,
    /// When it was agreed or set; none of what a stage says. It is not shown.
    #[serde(skip)]
    pub said_at: Option<DateTime<Utc>>,
}

impl NextAction {
    /// What was agreed, or set by a rule in both languages.
    #[must_use]
    pub fn agreed(at: DateTime<Utc>, text: Option<String>, text_en: Option<String>) -> Self {
        let (role, source) = ("rep".to_owned(), "plan".to_owned());
        Self { at, text, text_en, due_at: at, role, source, said_at: None }
    }

    /// The same in the language of the reader, where a rule said it.
    #[must_use]
    pub fn in_language(mut self, language: Language) -> Self {
        let english = self.text_en.take().filter(|_| language == Language::En && self.text.is_some());
        self.text = english.or(self.text);
        self
    }
}

impl From<Plan> for NextAction {
    fn from(Plan { at, text, text_en, said_at }: Plan) -> Self {
        Self { said_at: Some(said_at), ..Self::agreed(at, text, text_en) }
    }
}

/// A customer as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CustomerReport {
    /// The customer's id.
    pub id: Uuid,
    /// How many events it has.
    pub version: u64,
    /// What it is called; null when never given, or erased.
    pub name: Option<String>,
    /// The id in another system (external id).
    pub external_id: Option<String>,
    /// Who it belongs to.
    pub owner: OwnerReport,
    /// Since when.
    pub owned_since: DateTime<Utc>,
    /// Until when the owner is not blamed for what the former one left undone.
    pub grace_until: Option<DateTime<Utc>>,
    /// Where its journeys stand.
    pub journeys: Vec<JourneyReport>,
    /// Ways to reach it.
    pub contacts: Vec<ContactReport>,
    /// Labels.
    pub tags: Vec<String>,
    /// The value tier.
    pub tier: Option<String>,
    /// What the deal may be worth.
    pub amount: Option<MoneyReport>,
    /// The source of the lead.
    pub source: Option<String>,
    /// The channel of the lead.
    pub channel: Option<String>,
    /// Custom fields.
    #[schema(value_type = Option<Object>)]
    pub fields: Option<BTreeMap<String, serde_json::Value>>,
    /// What is planned next.
    pub next_action: Option<NextAction>,
    /// How long it stays with its owner unless something is done; null where no rule takes it away.
    pub remaining_ownership_seconds: Option<f64>,
    /// The unified social credit code.
    pub credit_code: Option<String>,
    /// The person's ids in channels.
    pub channel_ids: Vec<ChannelIdReport>,
    /// The plain texts of the profile, each a field by its name.
    #[serde(flatten, serialize_with = "ProfileTexts::serialize_all")]
    #[schema(ignore)]
    pub texts: ProfileTexts,
    /// The contract period.
    pub contract: Option<ContractReport>,
    /// The day of delivery.
    pub delivered_on: Option<NaiveDate>,
    /// The day until which the deal is postponed.
    pub postponed_until: Option<NaiveDate>,
    /// When the deal is expected to close; null where nobody said.
    pub expected_close: Option<ExpectedClose>,
    /// What has been won so far.
    pub won_amount: Option<MoneyReport>,
    /// How satisfied the customer is, from 0 to 10.
    pub satisfaction: Option<u8>,
    /// The score by the rules of intake, from 0 to 100; null where it was not scored.
    pub score: Option<u32>,
    /// What that score is made of.
    pub score_reasons: Vec<ScoreReasonReport>,
    /// To whom intake assigned it, by the name under which it owns customers; null where it did not.
    pub assigned_to: Option<String>,
    /// The last score of each model outside, the one scored first at the front.
    pub model_scores: Vec<ModelScoreReport>,
    /// The warning that it may be lost; null where there is none.
    pub risk: Option<RiskReport>,
    /// Documents by reference, the latest two hundred.
    pub documents: Vec<DocumentReport>,
    /// What was sent to it to read, the latest hundred.
    pub contents: Vec<ContentReport>,
    /// When and from where it came in as a lead again, the latest hundred.
    pub touches: Vec<TouchReport>,
    /// The customers that were marked as not being duplicates of it.
    pub distinct_from: Vec<Uuid>,
    /// The customer that it was merged into.
    pub merged_into: Option<Uuid>,
    /// Whether its personal fields were erased.
    pub erased: bool,
    /// Whether the import that brought it was undone: it is in no list, board or figure.
    pub withdrawn: bool,
    /// The business instant asked about, now when none was named; absent in lists, which name it once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effective_at: Option<DateTime<Utc>>,
    /// The instant of knowledge asked about, now when none was named; absent in lists, which name it once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_at: Option<DateTime<Utc>>,
}

/// What a stage of a pipeline is called.
pub type StageNames<'a> = &'a (dyn Fn(&str, &str) -> Option<String> + Sync);

pub(super) fn report(customer: Customer, now: DateTime<Utc>, names: StageNames<'_>) -> CustomerReport {
    let primary = customer.primary().map(str::to_owned);
    let now = now.timestamp_micros();
    let journey = |(pipeline, card): (String, Card)| JourneyReport {
        pipeline_version: card.pipeline_version,
        primary: primary.as_deref() == Some(pipeline.as_str()),
        cycle: card.cycle,
        stage_name: names(&pipeline, &card.stage).unwrap_or_else(|| card.stage.clone()),
        stage: card.stage,
        sub_status: card.sub_status,
        entered_at: instant(card.entered_at),
        age_seconds: seconds(now - card.entered_at),
        pipeline,
    };
    let contact = |ClearContact { kind, value }| ContactReport { kind, value };
    let (traits, profile) = (customer.traits, customer.profile);
    let touch = |InquiryRecord { at, source, channel, answered }: InquiryRecord| TouchReport {
        at: instant(at),
        source,
        channel,
        answered,
    };
    let scores = profile.intake_score().cloned();
    let reason = |one: &ScoreReason| ScoreReasonReport {
        factor: one.factor.clone(),
        detail: one.detail.clone(),
        points: one.points,
    };
    let reasons = scores.iter().flat_map(|intake| intake.reasons.iter().map(reason)).collect();
    let assigned_to = scores.as_ref().and_then(|intake| Some(intake.assignment.as_ref()?.rep.clone()));
    let model_scores = profile.scores.iter().filter_map(|held| ModelScoreReport::of(held, now)).collect();
    CustomerReport {
        id: customer.id,
        version: customer.version,
        name: customer.name,
        external_id: customer.external_id,
        owner: OwnerReport::of(&traits.owner),
        owned_since: customer.owned_since,
        grace_until: customer.grace_until.map(instant),
        journeys: customer.cards.into_iter().map(journey).collect(),
        contacts: customer.contacts.into_iter().map(contact).collect(),
        tags: traits.tags,
        tier: traits.tier,
        amount: traits.amount.as_ref().map(MoneyReport::of),
        source: traits.source,
        channel: traits.channel,
        fields: customer.fields,
        next_action: customer.next.map(NextAction::from),
        remaining_ownership_seconds: None,
        credit_code: profile.credit_code,
        channel_ids: profile
            .channel_ids
            .into_iter()
            .map(|(channel, id)| ChannelIdReport { channel, id })
            .collect(),
        texts: profile.texts,
        contract: profile
            .contract
            .map(|Contract { starts_on, ends_on }| ContractReport { starts_on, ends_on }),
        delivered_on: profile.delivered_on,
        postponed_until: profile.postponed_until,
        expected_close: profile.expected_close.and_then(KnownClose::told),
        won_amount: profile.won_amount.as_ref().map(MoneyReport::of),
        satisfaction: profile.satisfaction,
        score: scores.as_ref().and_then(|intake| intake.score.to_u32()),
        score_reasons: reasons,
        assigned_to,
        model_scores,
        risk: profile.risk.map(|risk| RiskReport {
            reason: risk.reason,
            by: risk.by,
            since: instant(risk.since),
        }),
        documents: customer.documents.into_iter().map(DocumentReport::of).collect(),
        contents: customer.contents.into_iter().map(ContentReport::of).collect(),
        touches: customer.touches.into_iter().map(touch).collect(),
        distinct_from: customer.distinct_from.into_keys().collect(),
        merged_into: customer.merged_into,
        erased: customer.erased,
        withdrawn: customer.withdrawn,
        effective_at: None,
        known_at: None,
    }
}

impl ModelScoreReport {
    fn of(held: &ClearScore, now: Micros) -> Option<Self> {
        let Scorer::Model { name, version } = &held.by else { return None };
        Some(Self {
            model: name.clone(),
            version: version.clone(),
            score: held.score.to_string(),
            explanation: held.explanation.clone(),
            scored_at: instant(held.at),
            age_seconds: seconds(now - held.at),
        })
    }
}

impl DocumentReport {
    fn of(document: Document) -> Self {
        Self {
            id: document.id,
            kind: document.kind,
            name: document.name,
            reference: document.reference,
            sha256: document.sha256,
            uploaded_by: document.by,
            uploaded_at: instant(document.at),
        }
    }
}

impl ContentReport {
    fn of(sent: Sent) -> Self {
        Self {
            event: sent.event,
            kind: sent.kind,
            title: sent.title,
            document: sent.document,
            sent_by: sent.by,
            sent_at: instant(sent.at),
        }
    }
}

impl OwnerReport {
    pub(crate) fn of(owner: &Owner) -> Self {
        let (kind, id) = owner_columns(owner);
        Self { kind: kind.to_owned(), id: id.to_owned() }
    }
}

impl MoneyReport {
    pub(crate) fn of(money: &Money) -> Self {
        Self { amount: money.amount.to_string(), currency: money.currency.clone() }
    }
}
