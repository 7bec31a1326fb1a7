//! What owners hear of what others do with their customers.

use waymark_domain::customer::Customer;
use waymark_domain::customer::event::CustomerEvent;
use waymark_domain::{Label, Owner};

use crate::log::decoded::DecodedEvent;

/// What a message tells.
#[derive(Default)]
pub(super) struct NewsItem {
    pub(super) kind: &'static str,
    pub(super) journey: String,
    /// The rep that it is for, where that is not who owns the customer now.
    pub(super) owner: Option<String>,
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
    pub(super) sub_status: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) text: Option<Label>,
}

impl NewsItem {
    pub(super) fn of(kind: &'static str, journey: &str) -> Self {
        Self { kind, journey: journey.to_owned(), ..Self::default() }
    }

    /// With where the customer stands in the journey that it is in.
    pub(super) fn standing(kind: &'static str, customer: &Customer) -> Self {
        let stay = customer.current();
        let stage = stay.map(|stay| stay.stage.clone());
        let sub_status = stay.and_then(|stay| stay.sub_status.clone());
        Self { to: stage, sub_status, ..Self::of(kind, customer.primary()) }
    }

    /// Of a customer, or else of a journey alone.
    pub(super) fn about(kind: &'static str, customer: Option<&Customer>, journey: &str) -> Self {
        customer.map_or_else(|| Self::of(kind, journey), |customer| Self::standing(kind, customer))
    }
}

/// What an event is news of. Histories that are read in tell nobody.
pub(super) fn news(customer: &Customer, fact: &DecodedEvent) -> Vec<NewsItem> {
    if fact.event.origin.as_deref() == Some("import") {
        return Vec::new();
    }
    match &fact.event.event {
        CustomerEvent::Moved(e) => vec![NewsItem {
            from: e.from.clone(),
            to: Some(e.to.clone()),
            sub_status: e.sub_status.clone(),
            reason: e.reason.clone(),
            ..NewsItem::of("moved", &e.journey)
        }],
        CustomerEvent::Reactivated(e) => {
            vec![NewsItem {
                from: Some(e.from.clone()),
                to: Some(e.to.clone()),
                ..NewsItem::of("moved", &e.journey)
            }]
        }
        CustomerEvent::SubStatusSet(e) => vec![NewsItem {
            from: Some(e.stage.clone()),
            to: Some(e.stage.clone()),
            sub_status: Some(e.sub_status.clone()),
            reason: e.reason.clone(),
            ..NewsItem::of("sub_status", &e.journey)
        }],
        CustomerEvent::OwnerChanged(e) => {
            let former = match &e.from {
                Owner::Rep(former) => {
                    Some(NewsItem { owner: Some(former.clone()), ..NewsItem::standing("released", customer) })
                }
                Owner::Pool(_) => None,
            };
            std::iter::once(NewsItem::standing("assigned", customer)).chain(former).collect()
        }
        _ => Vec::new(),
    }
}
