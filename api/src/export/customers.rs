//! The customers that a caller sees, and what a row says of each.

use std::sync::LazyLock;

use waymark_domain::ProfileField;
use waymark_domain::customer::event::ContactKind;
use waymark_projections::board::{CustomerFilter, CustomerReport};

use super::table::ColumnType::{Amount, Instant, Integer, Text};
use super::table::{Cell, Column, column};
use super::{ExportError, ExportRequest, Kind};
use crate::app::{AppError, Viewer};
use crate::auth::disclosure::shown;

/// Customers read at a time.
const CUSTOMERS: u32 = 500;

/// The columns, with one for each text of the profile that reports look at.
pub(super) static CUSTOMER: LazyLock<Vec<Column>> = LazyLock::new(|| {
    let texts = ProfileField::IN_REPORTS.map(|field| column(field.key(), Text));
    [&BEFORE_TEXTS[..], &texts, &AFTER_TEXTS].concat()
});

const BEFORE_TEXTS: [Column; 19] = [
    column("customer", Text),
    column("external_id", Text),
    column("name", Text),
    column("phone", Text),
    column("email", Text),
    column("wechat", Text),
    column("owner_kind", Text),
    column("owner", Text),
    column("pipeline", Text),
    column("pipeline_version", Integer),
    column("cycle", Integer),
    column("stage", Text),
    column("sub_status", Text),
    column("entered_at", Instant),
    column("amount", Amount),
    column("currency", Text),
    column("tier", Text),
    column("source", Text),
    column("channel", Text),
];
const AFTER_TEXTS: [Column; 2] = [column("tags", Text), column("fields", Text)];

/// The customers that a caller sees, as they stood.
pub(super) struct Customers<'a> {
    asked: &'a ExportRequest<'a>,
    viewer: Viewer<'a>,
    filter: CustomerFilter,
    cursor: Option<Option<String>>,
}

impl<'a> Customers<'a> {
    pub(super) async fn new(asked: &'a ExportRequest<'a>) -> Result<Self, ExportError> {
        let visibility = asked.app.visibility(asked.caller).await?;
        let filter = CustomerFilter { visibility, ..CustomerFilter::default() };
        let viewer = asked.app.viewer(asked.caller).await?;
        Ok(Self { asked, viewer, filter, cursor: Some(None) })
    }

    pub(super) async fn page(&mut self) -> Result<Option<Vec<CustomerReport>>, ExportError> {
        let Some(cursor) = self.cursor.take() else { return Ok(None) };
        let ExportRequest { app, caller, export, .. } = self.asked;
        let mut board = app.projections.board(caller.tenant).await.map_err(AppError::from)?;
        let names = |_: &str, _: &str| None;
        let (found, next, _) = board
            .customers_as_of(&self.filter, (cursor.as_deref(), CUSTOMERS), &export.as_of(), &names, None)
            .await
            .map_err(AppError::from)?;
        drop(board);
        self.cursor = next.map(Some);
        let mut page = Vec::with_capacity(found.len());
        for former in found {
            if self.is_wanted(&former.then) && self.viewer.is_visible(former.then.id).await? {
                let disclosure = self.viewer.disclosure(former.then.id).await?;
                page.push(shown(former.then, disclosure));
            }
        }
        Ok(Some(page))
    }

    /// The pipeline that was asked about.
    pub(super) fn pipeline(&self) -> Option<&'a str> {
        self.asked.export.pipeline.as_deref()
    }

    /// Whether it passes the filter, and is in the pipeline asked about where customers are what is exported.
    fn is_wanted(&self, customer: &CustomerReport) -> bool {
        let is_in = |pipeline: &String| {
            let mut journeys = customer.journeys.iter();
            self.asked.export.kind != Kind::Customers || journeys.any(|journey| journey.pipeline == *pipeline)
        };
        self.asked.export.pipeline.as_ref().is_none_or(is_in) && self.asked.holds(customer.id)
    }
}

/// A customer, with its journey in a pipeline, or the one that it is in.
pub(super) fn customer_row(customer: &CustomerReport, pipeline: Option<&str>) -> Vec<Cell> {
    let contacts = |kind: ContactKind| {
        let of_kind = customer.contacts.iter().filter(|contact| contact.kind == kind);
        let values: Vec<&str> = of_kind.map(|contact| contact.value.as_str()).collect();
        if values.is_empty() { Cell::Empty } else { Cell::Text(values.join("; ")) }
    };
    let journey = customer.journeys.iter().find(|journey| match pipeline {
        Some(pipeline) => journey.pipeline == pipeline,
        None => journey.primary,
    });
    let amount = customer.amount.as_ref();
    let tags = customer.tags.join("; ");
    let before = [
        Cell::Id(customer.id),
        Cell::text(customer.external_id.clone()),
        Cell::text(customer.name.clone()),
        contacts(ContactKind::Phone),
        contacts(ContactKind::Email),
        contacts(ContactKind::Wechat),
        Cell::Text(customer.owner.kind.clone()),
        Cell::Text(customer.owner.id.clone()),
        Cell::text(journey.map(|journey| journey.pipeline.clone())),
        journey.map_or(Cell::Empty, |journey| Cell::count(journey.pipeline_version)),
        journey.map_or(Cell::Empty, |journey| Cell::count(journey.cycle)),
        Cell::text(journey.map(|journey| journey.stage.clone())),
        Cell::text(journey.and_then(|journey| journey.sub_status.clone())),
        journey.map_or(Cell::Empty, |journey| Cell::instant(journey.entered_at)),
        amount.and_then(|amount| amount.amount.parse().ok()).map_or(Cell::Empty, Cell::Amount),
        Cell::text(amount.map(|amount| amount.currency.clone())),
        Cell::text(customer.tier.clone()),
        Cell::text(customer.source.clone()),
        Cell::text(customer.channel.clone()),
    ];
    let texts = ProfileField::IN_REPORTS.map(|field| Cell::text(customer.texts.text(field)));
    let after = [
        if tags.is_empty() { Cell::Empty } else { Cell::Text(tags) },
        Cell::text(customer.fields.as_ref().and_then(|fields| serde_json::to_string(fields).ok())),
    ];
    before.into_iter().chain(texts).chain(after).collect()
}
