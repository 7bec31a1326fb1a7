//! `waymark archive`: moves the oldest entries of the log out of the database into files, through which they are read.
//!
//! Exit codes: 0 done (or nothing is old enough), 1 failed: run again, it goes on.

use chrono::TimeDelta;
use clap::Args;
use serde_json::{Value, json};
use waymark_eventstore::TenantId;

use super::{Failure, output};
use crate::config::DatabaseArgs;
use crate::installation::Installation;
use crate::log_archive::{ArchiveReport, archive};

/// The longest age: a hundred years.
const MAX_AGE_SECONDS: i64 = 36_500 * 86_400;

/// Move the oldest entries of the log out of the database into files. The service may be running.
#[derive(Debug, Args)]
pub(super) struct Archive {
    #[command(flatten)]
    database: DatabaseArgs,
    /// The tenant; all when absent.
    #[arg(long)]
    tenant: Option<String>,
    /// How old an entry must be, such as `400d` or `36h`.
    #[arg(long, value_name = "AGE", value_parser = age)]
    older_than: TimeDelta,
    /// Print one JSON document instead of a table.
    #[arg(long)]
    json: bool,
}

impl Archive {
    pub(super) async fn run(self) -> Result<(), Failure> {
        super::require(&self.database).await?;
        let installation = Installation::open(&self.database).await?;
        let mut done = Vec::new();
        let ended = self.archive_each(&installation, &mut done).await;
        let closed = installation.close().await;
        self.tell(&done)?;
        ended?;
        Ok(closed?)
    }

    async fn archive_each(
        &self,
        at: &Installation,
        done: &mut Vec<(String, ArchiveReport)>,
    ) -> Result<(), Failure> {
        let tenants: Vec<(String, TenantId)> = match &self.tenant {
            Some(name) => vec![(name.clone(), super::known(at, name).await?)],
            None => at.admin().tenants().await?,
        };
        let folder = at.store.segments().ok_or("this log keeps no segments")?;
        let lock = folder.lock().await?;
        let bar = output::bar();
        for (name, tenant) in tenants {
            bar.set_message(name.clone());
            let report = archive(at, &lock, tenant, self.older_than, &output::moving(&bar)).await;
            done.push((name, report.inspect_err(|_| bar.finish_and_clear())?));
        }
        bar.finish_and_clear();
        Ok(())
    }

    fn tell(&self, done: &[(String, ArchiveReport)]) -> Result<(), Failure> {
        let folder = self.database.archive_folder();
        if self.json {
            let tenants: Vec<Value> = done
                .iter()
                .map(|(tenant, report)| {
                    json!({
                        "tenant": tenant, "archived": report.archived, "cold": report.cold, "bytes": report.bytes,
                    })
                })
                .collect();
            return Ok(output::json(&json!({"folder": folder, "tenants": tenants}))?);
        }
        for (tenant, report) in done {
            output::table(&[
                ("tenant", tenant.clone()),
                ("archived", format!("{} entries, {} bytes", report.archived, report.bytes)),
                ("in files", format!("the first {} entries, in {}", report.cold, folder.display())),
            ]);
        }
        Ok(())
    }
}

/// A whole number with a unit behind it.
fn age(text: &str) -> Result<TimeDelta, String> {
    let expected = || {
        "expected a whole number of days, hours, minutes or seconds, such as 400d, 36h, 90m or 0s".to_owned()
    };
    let (number, seconds) = match text.char_indices().last() {
        Some((at, 'd')) => (&text[..at], 86_400),
        Some((at, 'h')) => (&text[..at], 3_600),
        Some((at, 'm')) => (&text[..at], 60),
        Some((at, 's')) => (&text[..at], 1),
        _ => return Err(expected()),
    };
    if number.is_empty() || !number.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(expected());
    }
    let age = number.parse::<i64>().ok().and_then(|number| number.checked_mul(seconds));
    match age.filter(|age| *age <= MAX_AGE_SECONDS) {
        Some(age) => Ok(TimeDelta::seconds(age)),
        None => Err("at most 36500d".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_a_whole_number_with_a_unit() {
        for (text, seconds) in
            [("400d", 34_560_000), ("36h", 129_600), ("90m", 5_400), ("0s", 0), ("36500d", MAX_AGE_SECONDS)]
        {
            assert_eq!(age(text), Ok(TimeDelta::seconds(seconds)), "{text}");
        }
        for text in [
            "",
            "d",
            "400",
            "-1d",
            "+1d",
            "1.5d",
            "1w",
            "1 d",
            "１d",
            "36501d",
            "99999999999999999999d",
            "天",
        ] {
            assert!(age(text).is_err(), "{text}");
        }
    }
}
