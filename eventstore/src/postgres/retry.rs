//! When to try again.

use std::time::{Duration, Instant};

/// The first pause; each is twice as long as the one before.
const FIRST: Duration = Duration::from_millis(2);
const LONGEST: Duration = Duration::from_millis(500);

/// Attempts with growing pauses between them, until patience ends.
pub(super) struct Retry {
    until: Instant,
    pause: Duration,
    chance: u64,
}

impl Retry {
    /// The seed keeps those who failed together from coming back together.
    pub(super) fn new(patience: Duration, seed: u64) -> Self {
        Self { until: Instant::now() + patience, pause: FIRST, chance: seed }
    }

    /// Grants that much more time.
    pub(super) fn extend(&mut self, patience: Duration) {
        self.until = Instant::now() + patience;
    }

    /// How much time is left.
    pub(super) fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// Waits before the next attempt; false when patience has ended.
    pub(super) async fn again(&mut self) -> bool {
        if self.left().is_zero() {
            return false;
        }
        let pause = self.pause.mul_f64(self.jitter()).min(self.left());
        self.pause = (self.pause * 2).min(LONGEST);
        tokio::time::sleep(pause).await;
        true
    }

    /// Between a half and one and a half, by SplitMix64 (Steele, Lea and Flood, 2014).
    fn jitter(&mut self) -> f64 {
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.chance;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        0.5 + (mixed >> 11) as f64 / (1_u64 << 53) as f64
    }
}
