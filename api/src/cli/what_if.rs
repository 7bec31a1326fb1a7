//! `waymark what-if`: what stored history would have been under another definition.

use std::path::{Path, PathBuf};

use clap::Args;

use super::moment::{MomentArgs, definition, rates};
use super::{Failure, output};
use crate::config::DatabaseArgs;
use crate::domain::{Language, Violation};
use crate::http::command::read_body;
use crate::projections::CohortFilter;
use crate::projections::reports::what_if::WhatIfQuery;
use crate::what_if::{MOST_CUSTOMERS, Rows, WhatIfAnswer, WhatIfQuestion};

/// Replay stored history under another definition. Nothing is written.
#[derive(Debug, Args)]
pub(super) struct WhatIf {
    /// What is supposed, in JSON: {pipeline, definition?, automations?, pools?, map?, from?, to?}.
    file: PathBuf,
    #[command(flatten)]
    database: DatabaseArgs,
    /// The tenant.
    #[arg(long, default_value = "default")]
    tenant: String,
    #[command(flatten)]
    moment: MomentArgs,
    /// The most rows of each list.
    #[arg(long, default_value_t = 500)]
    limit: usize,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Write the answer, as JSON, into this file instead.
    #[arg(long, short)]
    output: Option<PathBuf>,
}

impl WhatIf {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let question = question(&self.file)?;
        let (installation, tenant) = super::existing(&self.database, &self.tenant).await?;
        let answer = async {
            let at = self.moment.at(&installation, tenant).await?;
            let known = definition(&installation, tenant, &question.pipeline, &at).await?;
            let hypothesis = question.hypothesis(&known, at.effective_at);
            let hypothesis = hypothesis.map_err(|problem| refused(&self.file, problem.violations()))?;
            let span = hypothesis.span;
            let app = &installation.app;
            let query = WhatIfQuery {
                at,
                filter: CohortFilter::default(),
                hypothesis,
                convert: rates(&installation, tenant, &at).await?,
                zones: app.zones.clone(),
                most_customers: MOST_CUSTOMERS,
            };
            let mut reports = app.projections.reports(tenant).await?;
            let found = reports.what_if(&known, &query).await?;
            let found =
                found.ok_or_else(|| Failure::from(format!("more than {MOST_CUSTOMERS} customers")))?;
            let rows = Rows { limit: self.limit, offset: 0 };
            let names = reports.names(&rows.customers(&found), &at).await?;
            Ok::<_, Failure>(WhatIfAnswer::of(&question, span, (found, &names), rows, Language::En))
        };
        let answer = answer.await;
        installation.close().await?;
        self.show(&answer?)
    }

    fn show(&self, answer: &WhatIfAnswer) -> Result<(), Failure> {
        if let Some(path) = &self.output {
            let document = serde_json::to_string_pretty(answer)? + "\n";
            let written = std::fs::write(path, document);
            return written.map_err(|error| Failure::from(format!("{}: {error}", path.display())));
        }
        if self.json {
            return Ok(output::json(answer)?);
        }
        output::table(&answer.lines());
        Ok(())
    }
}

fn question(path: &Path) -> Result<WhatIfQuestion, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::from(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
    let value = serde_json::from_str(&text).map_err(|error| failed(&error))?;
    read_body(&value).map_err(|problem| refused(path, problem.violations()))
}

fn refused(path: &Path, violations: &[Violation]) -> Failure {
    let line = |unmet: &Violation| format!("{}: {}", unmet.field, unmet.message.en);
    let lines: Vec<String> = violations.iter().map(line).collect();
    Failure::from(format!("{}: {}", path.display(), lines.join("; ")))
}
