//! Whether an open customer is looked after, stands still, leaks away, or should be given up.

use super::Micros;

/// An open customer at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenCustomer {
    /// When it entered its stage.
    pub entered: Micros,
    /// When anything was last done about it; its entry into the stage counts.
    pub last_activity: Micros,
    /// When it must be contacted next, if anything was planned.
    pub next_at: Option<Micros>,
    /// After how long in its stage a customer counts as stagnant.
    pub stagnant_after: Micros,
}

/// How it is with an open customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// In its stage for at least as long as a customer may be.
    pub stagnant: bool,
    /// Without a next contact ahead, and without activity for longer than is permitted.
    pub leaking: bool,
    /// Stagnant, without a next contact ahead, and silent for twice as long as a customer may stand still.
    pub should_be_lost: bool,
}

impl OpenCustomer {
    /// How it is with the customer at an instant, where more than `silence` without activity is too long.
    #[must_use]
    pub fn health(&self, at: Micros, silence: Micros) -> Health {
        let planned = self.next_at.is_some_and(|next| next >= at);
        let silent = at.saturating_sub(self.last_activity.max(self.entered));
        let stagnant = at.saturating_sub(self.entered) >= self.stagnant_after;
        Health {
            stagnant,
            leaking: !planned && silent > silence,
            should_be_lost: stagnant && !planned && silent >= self.stagnant_after.saturating_mul(2),
        }
    }
}

impl Health {
    /// How much of a customer is left: all of one that is looked after, half of one that stands still or leaks, nothing of
    /// one that should be given up.
    #[must_use]
    pub fn weight(self) -> f64 {
        match self {
            Self { should_be_lost: true, .. } => 0.0,
            Self { stagnant: false, leaking: false, .. } => 1.0,
            _ => 0.5,
        }
    }
}

/// The health of a funnel, from 0 to 100: a hundred times the mean weight of its open customers. None without any.
#[must_use]
pub fn score(all: &[Health]) -> Option<f64> {
    let weights: f64 = all.iter().map(|health| health.weight()).sum();
    (!all.is_empty()).then(|| 100.0 * weights / all.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Micros = 86_400_000_000;

    fn customer(entered: i64, last: i64, next: Option<i64>) -> OpenCustomer {
        OpenCustomer {
            entered: entered * DAY,
            last_activity: last * DAY,
            next_at: next.map(|next| next * DAY),
            stagnant_after: 30 * DAY,
        }
    }

    #[test]
    fn silence_beyond_the_limit_leaks_and_silence_of_exactly_the_limit_does_not() {
        let health = |now: Micros| customer(0, 10, None).health(now, 7 * DAY);
        assert!(!health(17 * DAY).leaking);
        assert!(health(17 * DAY + 1).leaking);
        assert!(!customer(0, 10, Some(40)).health(39 * DAY, 7 * DAY).leaking, "something is planned");
        assert!(customer(0, 10, Some(38)).health(39 * DAY, 7 * DAY).leaking, "the plan has passed");
    }

    #[test]
    fn stagnant_counts_from_the_entry_and_giving_up_from_twice_the_silence() {
        assert!(!customer(0, 29, None).health(30 * DAY - 1, 7 * DAY).stagnant);
        let worked = customer(0, 29, None).health(30 * DAY, 7 * DAY);
        assert_eq!(worked, Health { stagnant: true, leaking: false, should_be_lost: false });
        assert!(!customer(0, 0, None).health(60 * DAY - 1, 7 * DAY).should_be_lost);
        assert!(customer(0, 0, None).health(60 * DAY, 7 * DAY).should_be_lost);
        assert!(!customer(0, 0, Some(61)).health(60 * DAY, 7 * DAY).should_be_lost);
    }

    #[test]
    fn the_score_is_the_mean_weight_in_hundredths() {
        let sound = Health { stagnant: false, leaking: false, should_be_lost: false };
        let stands = Health { stagnant: true, ..sound };
        let lost = Health { stagnant: true, leaking: true, should_be_lost: true };
        assert_eq!(score(&[sound, stands, lost, sound]), Some(62.5));
        assert_eq!(score(&[]), None);
    }
}
