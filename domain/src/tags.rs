//! Tags: what events can be found by, and what the conditions of appends are made of.

use chrono::NaiveDate;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use uuid::Uuid;

/// Every event about what a tenant has set up for itself.
pub const COMPANY: &str = "company";

/// Every event about who may call, where messages go and who follows: members, API keys, receivers, consumers.
pub const RIGHTS: &str = "rights";

/// What a read model leaves out.
pub fn skips(projection: &str) -> String {
    format!("skips:{}", percent_encoded(projection))
}

/// Every event of a customer.
pub fn customer(customer: Uuid) -> String {
    format!("customer:{customer}")
}

/// The registration of a customer with that id in another system.
pub fn external(external_id: &str) -> String {
    format!("external:{}", percent_encoded(external_id))
}

/// The claims of a rep on one date, local to the pool claimed from: the quota is the rep's, whatever the pool.
pub fn claims(rep: &str, date: NaiveDate) -> String {
    format!("claims:{}:{date}", percent_encoded(rep))
}

/// The views of a rep in one pool on one date, local to that pool.
pub fn views(pool: &str, rep: &str, date: NaiveDate) -> String {
    format!("views:{}:{}:{date}", percent_encoded(pool), percent_encoded(rep))
}

/// The request for a move with that id.
pub fn approval(request: Uuid) -> String {
    format!("approval:{request}")
}

/// The task with that id.
pub fn task(task: Uuid) -> String {
    format!("task:{task}")
}

/// What was carried away as files.
pub const EXPORTS: &str = "exports";

/// What left the database for files.
pub const SEGMENTS: &str = "segments";

/// Up to where people have read their inboxes.
pub const INBOX: &str = "inbox";

/// The leads that went to a rep by the rules of intake: whose turn it is follows from them.
pub const ASSIGNMENTS: &str = "assignments";

/// The first contacts that a rep missed.
pub fn strikes(rep: &str) -> String {
    format!("strikes:{}", percent_encoded(rep))
}

/// What the calendar set off for a rule in the period that begins on that day.
pub fn schedule(pipeline: &str, rule: &str, period: NaiveDate) -> String {
    format!("schedule:{}:{}:{period}", percent_encoded(pipeline), percent_encoded(rule))
}

/// What alerts of the share of a stage set off for a rule.
pub fn alert(pipeline: &str, rule: &str, stage: &str) -> String {
    let [pipeline, rule, stage] = [pipeline, rule, stage].map(percent_encoded);
    format!("alert:{pipeline}:{rule}:{stage}")
}

/// The first event of each customer that an import brought or added to.
pub fn import(import: Uuid) -> String {
    format!("import:{import}")
}

/// Every event of a pipeline.
pub fn pipeline(key: &str) -> String {
    format!("pipeline:{}", percent_encoded(key))
}

/// The ways that were said to be the standard of a pipeline.
pub fn standard_path(pipeline: &str) -> String {
    format!("standard_path:{}", percent_encoded(pipeline))
}

/// Everything but the unreserved characters (RFC 3986, section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text with everything escaped that is reserved, so that a tag is printable ASCII without spaces and its parts cannot run into one
/// another.
fn percent_encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_tag_cannot_run_into_one_another() {
        let date = NaiveDate::from_ymd_opt(2026, 3, 1).unwrap();
        assert_eq!(claims("公海:b c", date), "claims:%E5%85%AC%E6%B5%B7%3Ab%20c:2026-03-01");
    }
}
