//! `waymark rebuild`: rebuilds read models beside the ones in service, compares the two, and switches over.
//!
//! Exit codes: 0 the rows in service were correct or could not be compared, 1 not rebuilt, 3 rebuilt, and the rows in
//! service had been wrong.

use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};
use waymark_eventstore::ledger::{BlindOpener, BlindTags, SideCheck as _};
use waymark_eventstore::{Append, BlindTag, StoreError, TenantId, TransferChunk, Transferable};
use waymark_projections::runtime::{Comparison, NotComparable};

use super::{Failure, output};
use crate::config::DatabaseArgs;
use crate::customer_keys::CustomerKeys;
use crate::installation::Installation;

const WRONG: u8 = 3;

/// What is no read model, and can be made again from the log as well.
const TAGS: &str = "tags";
/// Entries read, and tags put back, at a time.
const ROWS_PER_PAGE: u32 = 1_000;
/// How often putting tags back is begun again because the log has grown meanwhile.
const ATTEMPTS: u32 = 20;

/// Rebuild the read models.
#[derive(Debug, Args)]
pub(super) struct Rebuild {
    #[command(flatten)]
    database: DatabaseArgs,
    /// The tenant.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// The read model; all when absent. `tags`: recompute the blind index by which people are recognised from the log, restore
    /// missing entries, and delete those that no event is found by.
    name: Option<String>,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

impl Rebuild {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (installation, tenant) = super::existing(&self.database, &self.tenant).await?;
        if self.name.as_deref() == Some(TAGS) {
            let mended = tags(&installation, tenant).await;
            installation.close().await?;
            return self.tell_of(&mended?);
        }
        let bar = output::bar();
        let projections = installation.app.projections.clone();
        let names = match &self.name {
            Some(name) => vec![name.as_str()],
            None => projections.names(),
        };
        let progress = output::moving(&bar);
        let (mut failed, mut wrong, mut rebuilt) = (None, Vec::new(), Vec::new());
        for name in names {
            bar.set_message(name.to_owned());
            match projections.rebuild(tenant, name, &progress).await {
                Ok(found) => {
                    if !self.json {
                        bar.suspend(|| told(name, &found));
                    }
                    rebuilt.push(json!({"name": name, "compared": found}));
                    wrong.extend((found.differences() > 0).then_some(name));
                }
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        bar.finish_and_clear();
        let wrong = wrong.join(", ");
        installation.close().await?;
        if self.json && failed.is_none() {
            output::json(&json!({"tenant": self.tenant, "rebuilt": rebuilt}))?;
        }
        match failed {
            Some(error) => Err(error.into()),
            None if wrong.is_empty() => Ok(()),
            None => {
                let what = format!(
                    "the rows in service differed from the log: {wrong}; the rebuilt rows are in service now"
                );
                Err(Failure::with_code(WRONG, what))
            }
        }
    }

    /// Tells what was wrong with the blind index.
    fn tell_of(&self, mended: &MendedTags) -> Result<(), Failure> {
        let MendedTags { entries, restored, deleted } = *mended;
        if self.json {
            let mended: Value = json!({"entries": entries, "restored": restored, "deleted": deleted});
            output::json(&json!({"tenant": self.tenant, "tags": mended}))?;
        } else {
            output::say(&format!(
                "compared the blind index with {entries} entries; missing tags restored: {restored}; tags deleted that no entry is found by: {deleted}"
            ));
        }
        if restored + deleted == 0 {
            return Ok(());
        }
        Err(Failure::with_code(WRONG, "the blind index differed from the log"))
    }
}

/// What was put right of the blind index.
struct MendedTags {
    /// How many entries it was compared with.
    entries: u64,
    /// How many tags were missing.
    restored: usize,
    /// How many found no entry.
    deleted: usize,
}

/// Makes the blind tags again from the opened entries, puts back those that are missing, and deletes those that no entry is
/// found by: what erasures by former programs have left.
async fn tags(installation: &Installation, tenant: TenantId) -> Result<MendedTags, Failure> {
    let store = &installation.store;
    let movable: Arc<dyn Transferable> = store.clone();
    let opener: BlindOpener = (installation.app.vault.clone(), Arc::new(CustomerKeys));
    let mut check = BlindTags::new(movable, Some(opener));
    let head = store.head(tenant).await?.position;
    check.begin(tenant, head).await?;
    let mut after = 0;
    while after < head {
        let page = store.records(tenant, after, ROWS_PER_PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.entry.position;
        check.entries(&page).await?;
    }
    check.finish().await?;
    let (missing, surplus) = check.differences();
    let list: Vec<BlindTag> = missing.iter().cloned().collect();
    for page in list.chunks(ROWS_PER_PAGE as usize) {
        put_back(installation, tenant, page).await?;
    }
    let forget_tags: Vec<_> = surplus.iter().map(|tag| (tag.position, tag.tag.clone())).collect();
    for page in forget_tags.chunks(ROWS_PER_PAGE as usize) {
        let forget_tags = page.to_vec();
        store.append(Append { forget_tags, ..Append::new(tenant, Vec::new()) }).await?;
    }
    Ok(MendedTags { entries: head, restored: missing.len(), deleted: surplus.len() })
}

/// Puts tags back, onto the log as it is at that moment.
async fn put_back(installation: &Installation, tenant: TenantId, tags: &[BlindTag]) -> Result<(), Failure> {
    let mut attempt = 1;
    loop {
        let head = installation.store.head(tenant).await?;
        let chunk =
            TransferChunk { blind_tags: tags.to_vec(), ..TransferChunk::new(head.position, head.root) };
        match installation.store.import_chunk(tenant, chunk).await {
            // Somebody has appended in between.
            Err(StoreError::Invalid(_)) if attempt < ATTEMPTS => attempt += 1,
            done => return Ok(done?),
        }
    }
}

/// Says what a rebuild found.
fn told(name: &str, found: &Comparison) {
    let compared = match found.not_applicable {
        None if found.differing.is_empty() => format!("the {} rows in service were correct", found.rows),
        None => format!("{} of the rows that served were wrong or missing", found.differences()),
        Some(NotComparable::NothingServed) => "nothing was in service before".to_owned(),
        Some(NotComparable::OtherVersion) => {
            "not compared: the rows in service were of another version".to_owned()
        }
        Some(NotComparable::ServedIncomplete) => {
            "not compared: the rows in service were incomplete".to_owned()
        }
        Some(NotComparable::ErasureAhead) => {
            "not compared: a person was erased since the rows in service were folded".to_owned()
        }
    };
    output::say(&format!("{name} rebuilt; {compared}"));
    for table in &found.differing {
        output::say(&format!(
            "  {}: {} rows served, {} now; {} should not have been there, {} were missing; {}",
            table.table,
            table.rows_served,
            table.rows_rebuilt,
            table.only_served,
            table.only_rebuilt,
            table.keys.join(" ")
        ));
    }
}
