//! What a customer is found by: by searches, and by who looks for duplicates.

use waymark_domain::customer::event::ContactKind;
use waymark_domain::{identity, search};

use super::customer::{ClearContact, Customer};
use crate::query::LIST_SEPARATOR;

impl Customer {
    /// What the customer looks like to somebody who seeks duplicates.
    pub(super) fn evidence(&self) -> identity::MatchEvidence {
        let emails = self.contacts.iter().filter(|contact| contact.kind == ContactKind::Email);
        identity::MatchEvidence::of(self.name.as_deref(), emails.map(|contact| contact.value.as_str()))
    }

    /// The marks that it is found by.
    pub(super) fn grams(&self) -> Vec<String> {
        identity::grams(&self.evidence())
    }

    /// The texts that it is found by, folded.
    pub(super) fn search_text(&self) -> String {
        let texts = [self.name.as_deref(), self.external_id.as_deref()];
        search::folded(&texts.into_iter().flatten().collect::<Vec<_>>().join("\n"))
    }

    /// The contacts that it is found by: telephone numbers in E.164 and e-mail addresses.
    pub(super) fn search_contacts(&self) -> Vec<String> {
        let key = |contact: &ClearContact| match contact.kind {
            ContactKind::Phone => identity::phone(&contact.value),
            ContactKind::Email => identity::email(&contact.value),
            ContactKind::Wechat => None,
        };
        self.contacts.iter().filter_map(key).collect()
    }
}

/// A contact as it stands in the column of those that a customer is found by.
pub(super) fn bounded(contact: &str) -> String {
    format!("{LIST_SEPARATOR}{contact}{LIST_SEPARATOR}")
}
