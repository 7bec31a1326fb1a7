//! The two times of a question on the command line, and the read models brought up to the log for it.

use chrono::{DateTime, Utc};
use clap::Args;
use waymark_eventstore::TenantId;

use super::{Failure, output};
use crate::domain::money::Rates;
use crate::http::Instant;
use crate::installation::Installation;
use crate::projections::AsOf;
use crate::projections::reports::Definition;

/// The two times of a question.
#[derive(Debug, Args)]
pub(super) struct MomentArgs {
    /// The business instant asked about, in RFC 3339 with an offset; now when absent.
    #[arg(long, value_parser = instant)]
    effective_at: Option<DateTime<Utc>>,
    /// Use only what was recorded by this instant; everything when absent.
    #[arg(long, value_parser = instant)]
    known_at: Option<DateTime<Utc>>,
}

/// An instant of an argument.
pub(super) fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    let read = Instant::parse(text).map(|instant| instant.0);
    read.ok_or_else(|| {
        "expected an RFC 3339 instant with an offset, such as 2026-03-01T09:30:00+08:00".to_owned()
    })
}

impl MomentArgs {
    /// The two times, once every read model has reached the end of the log.
    pub(super) async fn at(&self, installation: &Installation, tenant: TenantId) -> Result<AsOf, Failure> {
        let app = &installation.app;
        let bar = output::bar();
        bar.set_message("projecting");
        let done = app.projections.catch_up(tenant, output::moving(&bar)).await;
        bar.finish_and_clear();
        done?;
        let now = (app.clock)();
        let known_position = match self.known_at {
            Some(known_at) => Some(app.store.position_at(tenant, known_at).await?),
            None => None,
        };
        Ok(AsOf {
            effective_at: self.effective_at.unwrap_or(now),
            known_at: self.known_at.unwrap_or(now),
            known_position,
        })
    }
}

/// The rates of the day asked about and their base currency, whenever they were said, as for the reports over HTTP; none where there
/// are none.
pub(super) async fn rates(
    installation: &Installation,
    tenant: TenantId,
    at: &AsOf,
) -> Result<Option<(Rates, String)>, Failure> {
    let companies = &installation.app.companies;
    let company = companies.then(tenant, DateTime::<Utc>::MAX_UTC, at.known_position).await?;
    let rates = company.rates_on(at.effective_at.date_naive());
    Ok(rates.map(|rates| (rates.clone(), rates.base.clone())))
}

/// A pipeline with its versions, as they were known.
pub(super) async fn definition(
    installation: &Installation,
    tenant: TenantId,
    key: &str,
    at: &AsOf,
) -> Result<Definition, Failure> {
    Ok(installation.app.pipelines.definition_then(tenant, key, at).await?)
}
