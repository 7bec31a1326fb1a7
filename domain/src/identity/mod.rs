//! By what a person or a company is recognised: exact keys, and names that look alike.
//!
//! A key is a value brought into one written form, so that two records of the same telephone are the same text.
//! Equal keys mean the same customer. Names that look alike mean a suspicion, with a score and its reasons.

mod company;
mod credit_code;
mod duplicate;
mod email;
mod key;
mod mask;
mod phone;

pub use company::CompanyName;
pub use credit_code::{CreditCodeFault, credit_code};
pub use duplicate::{DuplicateMatch, MatchEvidence, Reason, duplicate_match, grams};
pub use email::{domain as email_domain, email};
pub use key::{Key, KeyKind};
pub use mask::{masked, without_contacts};
pub use phone::{is_telephone, phone};

/// A character in its half-width form: full-width Latin letters, digits and signs, and the ideographic space,
/// are written in Chinese texts and mean the same.
fn half_width(c: char) -> char {
    match c {
        '\u{3000}' => ' ',
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
        _ => c,
    }
}
