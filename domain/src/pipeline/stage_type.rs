//! What a stage means, and everything that follows from it.
//!
//! No other file matches on the variants: rules and figures ask the predicates here. Each of these is an exhaustive
//! match, so that a new type does not compile until every question about it has an answer.

use serde::{Deserialize, Serialize};

use crate::Label;

macro_rules! stage_types {
    ($($(#[$doc:meta])* $variant:ident $word:literal)*) => {
        /// What a stage means, whatever it is called.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum StageType {
            $($(#[$doc])* $variant,)*
        }

        impl StageType {
            /// Every type.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The word under which it stands in definitions and answers.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }
    };
}

stage_types! {
    /// In progress.
    Open "open"
    /// The deal is closed and won.
    Won "won"
    /// A part of the deal is won.
    Partial "partial"
    /// The deal is lost, in this cycle.
    Lost "lost"
    /// Dormant: nothing happens until the customer is reactivated.
    Dormant "dormant"
    /// On hold: the clocks of deadlines stand still.
    Paused "paused"
    /// After the deal: delivery, service, renewal.
    AfterSale "after_sale"
    /// Ended without a known outcome: no win rate counts it.
    Closed "closed"
}

impl StageType {
    /// The type of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == word)
    }

    /// What people call it.
    pub fn label(self) -> Label {
        match self {
            Self::Open => Label::new("进行中", "Open"),
            Self::Won => Label::new("成交", "Won"),
            Self::Partial => Label::new("部分成交", "Partially won"),
            Self::Lost => Label::new("流失", "Lost"),
            Self::Dormant => Label::new("休眠", "Dormant"),
            Self::Paused => Label::new("暂停", "Paused"),
            Self::AfterSale => Label::new("售后", "After sale"),
            Self::Closed => Label::new("已结束", "Closed"),
        }
    }

    /// Whether it is the ordinary type of a stage on the way to a deal. Journeys and cycles begin in such a stage.
    pub fn is_open(self) -> bool {
        match self {
            Self::Open => true,
            Self::Won
            | Self::Partial
            | Self::Lost
            | Self::Dormant
            | Self::Paused
            | Self::AfterSale
            | Self::Closed => false,
        }
    }

    /// Whether people are expected to work the customers in it: a deal, or the rest of one, is still to be won.
    pub fn is_worked(self) -> bool {
        match self {
            Self::Open | Self::Partial => true,
            Self::Won | Self::Lost | Self::Dormant | Self::Paused | Self::AfterSale | Self::Closed => false,
        }
    }

    /// Whether it wins a cycle: entering it is what win rates count.
    pub fn is_won(self) -> bool {
        match self {
            Self::Won => true,
            Self::Open
            | Self::Partial
            | Self::Lost
            | Self::Dormant
            | Self::Paused
            | Self::AfterSale
            | Self::Closed => false,
        }
    }

    /// Whether it loses a cycle: such a stage asks for the reason.
    pub fn is_lost(self) -> bool {
        match self {
            Self::Lost => true,
            Self::Open
            | Self::Won
            | Self::Partial
            | Self::Dormant
            | Self::Paused
            | Self::AfterSale
            | Self::Closed => false,
        }
    }

    /// Whether it ends a cycle with neither a deal nor a loss.
    pub fn ends_without_outcome(self) -> bool {
        match self {
            Self::Closed => true,
            Self::Open
            | Self::Won
            | Self::Partial
            | Self::Lost
            | Self::Dormant
            | Self::Paused
            | Self::AfterSale => false,
        }
    }

    /// Whether a stay in it ends a cycle: it has an age, not a dwell time.
    pub fn is_final(self) -> bool {
        match self {
            Self::Won | Self::Lost | Self::Closed => true,
            Self::Open | Self::Partial | Self::Dormant | Self::Paused | Self::AfterSale => false,
        }
    }

    /// Whether entering it closes a deal, whole or in part: only such a move carries a won amount.
    pub fn closes_a_deal(self) -> bool {
        match self {
            Self::Won | Self::Partial => true,
            Self::Open | Self::Lost | Self::Dormant | Self::Paused | Self::AfterSale | Self::Closed => false,
        }
    }

    /// Whether a customer in it is served after the deal.
    pub fn is_after_sale(self) -> bool {
        match self {
            Self::AfterSale => true,
            Self::Open
            | Self::Won
            | Self::Partial
            | Self::Lost
            | Self::Dormant
            | Self::Paused
            | Self::Closed => false,
        }
    }

    /// Whether a customer in it has become a client: the whole deal is won, or it is served already.
    pub fn is_client(self) -> bool {
        self.is_won() || self.is_after_sale()
    }

    /// Whether it lies on the way that customers are meant to go: neither an end without a deal nor a rest.
    pub fn leads_on(self) -> bool {
        match self {
            Self::Open | Self::Partial | Self::Won | Self::AfterSale => true,
            Self::Lost | Self::Dormant | Self::Paused | Self::Closed => false,
        }
    }

    /// Whether a deal in it rests: it is neither worked nor ended.
    pub fn rests(self) -> bool {
        match self {
            Self::Dormant | Self::Paused => true,
            Self::Open | Self::Won | Self::Partial | Self::Lost | Self::AfterSale | Self::Closed => false,
        }
    }

    /// Whether the clocks of deadlines stand still in it, and whether it takes a day until which the deal is put off.
    pub fn stops_clock(self) -> bool {
        match self {
            Self::Paused => true,
            Self::Open
            | Self::Won
            | Self::Partial
            | Self::Lost
            | Self::Dormant
            | Self::AfterSale
            | Self::Closed => false,
        }
    }

    /// Whether a customer in it counts towards the most that a rep may hold: a deal that is won or lost does not.
    pub fn counts_as_held(self) -> bool {
        match self {
            Self::Open | Self::Partial | Self::Dormant | Self::Paused => true,
            Self::Won | Self::Lost | Self::AfterSale | Self::Closed => false,
        }
    }

    /// Whether a customer in it can be reactivated into the next cycle.
    pub fn is_reactivatable(self) -> bool {
        match self {
            Self::Lost | Self::Dormant => true,
            Self::Open | Self::Won | Self::Partial | Self::Paused | Self::AfterSale | Self::Closed => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::StageType::{self, AfterSale, Closed, Dormant, Lost, Open, Partial, Paused, Won};

    #[test]
    fn words_are_those_of_the_json_and_lead_back() {
        for kind in StageType::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert_eq!(StageType::parse(kind.as_str()), Some(*kind));
        }
        assert_eq!(StageType::parse("Open"), None);
    }

    #[test]
    fn every_type_is_in_the_schema_of_definitions() {
        let schema = crate::pipeline::schema();
        let words: Vec<&str> = StageType::ALL.iter().map(|kind| kind.as_str()).collect();
        let listed = |value: &serde_json::Value| value["enum"] == serde_json::json!(words);
        fn any(value: &serde_json::Value, found: &dyn Fn(&serde_json::Value) -> bool) -> bool {
            found(value)
                || match value {
                    serde_json::Value::Object(map) => map.values().any(|one| any(one, found)),
                    serde_json::Value::Array(list) => list.iter().any(|one| any(one, found)),
                    _ => false,
                }
        }
        assert!(any(schema, &listed), "schema.json lists other types than {words:?}");
    }

    /// The types of which a question is answered with yes.
    fn those(question: fn(StageType) -> bool) -> Vec<StageType> {
        StageType::ALL.iter().copied().filter(|kind| question(*kind)).collect()
    }

    #[test]
    fn each_question_is_answered_by_these_types() {
        assert_eq!(those(StageType::is_open), [Open]);
        assert_eq!(those(StageType::is_worked), [Open, Partial]);
        assert_eq!(those(StageType::is_won), [Won]);
        assert_eq!(those(StageType::is_lost), [Lost]);
        assert_eq!(those(StageType::ends_without_outcome), [Closed]);
        assert_eq!(those(StageType::is_final), [Won, Lost, Closed]);
        assert_eq!(those(StageType::closes_a_deal), [Won, Partial]);
        assert_eq!(those(StageType::is_after_sale), [AfterSale]);
        assert_eq!(those(StageType::is_client), [Won, AfterSale]);
        assert_eq!(those(StageType::leads_on), [Open, Won, Partial, AfterSale]);
        assert_eq!(those(StageType::rests), [Dormant, Paused]);
        assert_eq!(those(StageType::stops_clock), [Paused]);
        assert_eq!(those(StageType::counts_as_held), [Open, Partial, Dormant, Paused]);
        assert_eq!(those(StageType::is_reactivatable), [Lost, Dormant]);
    }
}
