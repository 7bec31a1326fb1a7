//! Whom an event's personal texts are about beside the customer in whose stream it stands.

use serde_json::Value;
use uuid::Uuid;

/// The other customer that the personal texts of an event of a pair are about, too: why the two were merged, or distinguished,
/// may say something of either. They are sealed so that the erasure of either makes them unreadable. `data` is the event's,
/// of any version, sealed or not.
pub fn also_about(event_type: &str, subject: Uuid, data: &Value) -> Option<Uuid> {
    let named = |field: &str| Uuid::try_parse(data.get(field)?.as_str()?).ok();
    let other = match event_type {
        "customer.absorbed" => named("absorbed"),
        "customer.distinguished" | "customer.distinction_withdrawn" => named("other"),
        "customer.points_recorded" => named("referred"),
        "customer.unmerged" => {
            named("absorbed").filter(|absorbed| *absorbed != subject).or(named("survivor"))
        }
        _ => None,
    };
    other.filter(|other| *other != subject)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::CustomerEvent;
    use crate::customer::event::{
        Absorbed, DistinctionWithdrawn, Distinguished, Noted, StagePolicy, Unmerged,
    };

    const ONE: Uuid = Uuid::from_u128(1);
    const OTHER: Uuid = Uuid::from_u128(2);

    fn about(subject: Uuid, event: &CustomerEvent) -> Option<Uuid> {
        also_about(event.event_type(), subject, &event.to_json().unwrap())
    }

    #[test]
    fn what_was_said_of_a_pair_is_about_both() {
        let reason = || "two brothers".to_owned().into();
        let stage_policy = StagePolicy::Survivor;
        let absorbed = Absorbed {
            absorbed: OTHER,
            stage_policy,
            reason: Some(reason()),
            details: None,
            next_plan: None,
            carried_over: None,
            claim_history: None,
        };
        let absorbed = CustomerEvent::Absorbed(absorbed);
        assert_eq!(about(ONE, &absorbed), Some(OTHER));
        let unmerged = || {
            CustomerEvent::Unmerged(Unmerged {
                survivor: ONE,
                absorbed: OTHER,
                reason: reason(),
                points_kept: 0,
            })
        };
        assert_eq!((about(ONE, &unmerged()), about(OTHER, &unmerged())), (Some(OTHER), Some(ONE)));
        let distinct = CustomerEvent::Distinguished(Distinguished { other: OTHER, reason: reason() });
        assert_eq!(about(ONE, &distinct), Some(OTHER));
        let withdrawn =
            CustomerEvent::DistinctionWithdrawn(DistinctionWithdrawn { other: OTHER, reason: reason() });
        assert_eq!(about(ONE, &withdrawn), Some(OTHER));
    }

    #[test]
    fn what_was_said_of_one_customer_is_about_nobody_else() {
        let noted = CustomerEvent::Noted(Noted { text: OTHER.to_string().into() });
        assert_eq!(about(ONE, &noted), None);
    }

    /// A personal text in an event that names another customer is about both: a new event of that kind stands above.
    #[test]
    fn every_event_that_names_another_customer_and_has_texts_is_known() {
        let golden = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/golden")).unwrap();
        for file in golden.map(|file| file.unwrap().path()) {
            let name = file.file_name().unwrap().to_str().unwrap().to_owned();
            let Some((event_type, _)) = name.split_once(".v").filter(|_| name.starts_with("customer."))
            else {
                continue;
            };
            let data: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
            let pair =
                ["absorbed", "survivor", "other", "referred"].iter().any(|field| data.get(field).is_some());
            let personal = data.to_string().contains("$personal");
            assert_eq!(also_about(event_type, ONE, &data).is_some(), pair && personal, "{name}");
        }
    }
}
