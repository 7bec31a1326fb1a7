//! What will be won of open deals within a horizon: the chance of each from the past, and the range of their sum.

use super::Micros;
use super::counts::Common;
use super::survival::{Subject, ages};

/// The cause of a subject that was won.
pub const WON: u32 = 0;
/// The cause of a subject that ended without a deal.
pub const OVER: u32 = 1;

/// How many ended deals the configured probability of a stage weighs as much as.
pub const PRIOR_STRENGTH: f64 = 10.0;

/// How many times sums of money are drawn.
pub const DRAWS: usize = 2_000;

/// Below this a probability is none.
const NONE: f64 = 1e-12;

/// When deals were won and when they ended without, in time since they came to a stage: the cumulative incidences of both
/// (Aalen and Johansen 1978), in which those that are still open count for as long as they were seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timing {
    ages: Vec<Micros>,
    /// The cumulative incidence of winning and of ending without, by each age.
    by_age: Vec<(f64, f64)>,
    /// How many ended.
    ended: usize,
}

impl Timing {
    /// Of deals that came to a stage, each with [`WON`] or [`OVER`] or still open.
    #[must_use]
    pub fn of(subjects: &[Subject]) -> Self {
        let (mut timing, mut survival, mut now) = (Self::default(), 1.0, (0.0, 0.0));
        for age in ages(subjects) {
            let share = survival / age.at_risk as f64;
            let won = age.causes.iter().filter(|cause| **cause == WON).count();
            now.0 += share * won as f64;
            now.1 += share * (age.causes.len() - won) as f64;
            survival *= 1.0 - age.causes.len() as f64 / age.at_risk as f64;
            timing.ages.push(age.at);
            timing.by_age.push(now);
            timing.ended += age.causes.len();
        }
        timing
    }

    /// The share that was won by an age, and the share that ended without.
    #[must_use]
    pub fn by(&self, age: Micros) -> (f64, f64) {
        let passed = self.ages.partition_point(|at| *at <= age);
        passed.checked_sub(1).map_or((0.0, 0.0), |last| self.by_age[last])
    }

    /// The same by the end of observation.
    #[must_use]
    pub fn ultimate(&self) -> (f64, f64) {
        self.by(Micros::MAX)
    }

    /// How many ended.
    #[must_use]
    pub fn ended(&self) -> usize {
        self.ended
    }

    /// When those that end do so, by an age: of the won and of the others, each as a share of its own kind. Where nothing of
    /// a kind ended, as a share of all that did.
    fn shape(&self, age: Micros) -> (f64, f64) {
        let ((won, over), (all_won, all_over)) = (self.by(age), self.ultimate());
        let both = (won + over) / (all_won + all_over);
        let of = |part: f64, all: f64| if all > NONE { part / all } else { both };
        (of(won, all_won), of(over, all_over))
    }
}

/// One stay of the past in a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PastStay {
    /// How long it lasted, or has lasted so far.
    pub lasted: Micros,
    /// The outcome of its cycle, in time since the stay began.
    pub outcome: Subject,
}

/// How many landmarks a stage has at most.
const LANDMARKS: usize = 12;

/// The past of a stage, once for each of several ages: of the stays that lasted that long (landmark analysis: Anderson, Cain and
/// Gelber 1983). What is still in a stage after a long time does worse than what has gone on from there meanwhile.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Landmarks(Vec<(Micros, Timing)>);

impl Landmarks {
    /// Of the stays in a stage: at its beginning, and at the twelfths of how long stays last.
    #[must_use]
    pub fn of(mut stays: Vec<PastStay>) -> Self {
        stays.sort_by_key(|stay| stay.lasted);
        let mut ages: Vec<Micros> = (1..LANDMARKS)
            .filter_map(|part| stays.get(stays.len() * part / LANDMARKS))
            .map(|stay| stay.lasted)
            .collect();
        ages.insert(0, 0);
        ages.dedup();
        let timing = |age: Micros| {
            let later = &stays[stays.partition_point(|stay| stay.lasted < age)..];
            (age, Timing::of(&later.iter().map(|stay| stay.outcome).collect::<Vec<_>>()))
        };
        Self(ages.into_iter().map(timing).collect())
    }

    /// The past of those that lasted as long as a deal of this age, as far as landmarks tell.
    #[must_use]
    pub fn at(&self, age: Micros) -> Option<&Timing> {
        let passed = self.0.partition_point(|(landmark, _)| *landmark <= age);
        passed.checked_sub(1).map(|last| &self.0[last].1)
    }
}

/// What each further period back counts of the one after it, in [`excess`]: after three it is about half.
const FADING: f64 = 0.8;

/// By which share a forecast without a past is taken to be off, beyond chance.
const USUAL_ERROR: f64 = 0.1;

/// The most relative variance that is believed: a standard error of twice what is expected.
const MOST_EXCESS: f64 = 4.0;

/// How much more the number of deals won differs from what is `expected` than independent deals would: the relative variance
/// beyond that, by forecasts of the past, each with what came and what was expected, the latest first (the method of moments of
/// a mixed Poisson distribution). Later ones count more (`FADING`), and one period of the size of what is expected, off by
/// `USUAL_ERROR`, counts beside them, so that a short past is not believed that forecasts are exact.
#[must_use]
pub fn excess(past: &[(f64, f64)], expected: f64) -> f64 {
    let (mut weight, mut beyond, mut squares) = (1.0, 0.0, 0.0);
    for (actual, forecast) in past {
        beyond += weight * ((actual - forecast).powi(2) - forecast);
        squares += weight * forecast * forecast;
        weight *= FADING;
    }
    let prior = expected * expected;
    if squares + prior <= NONE {
        return USUAL_ERROR * USUAL_ERROR;
    }
    ((beyond.max(0.0) + USUAL_ERROR * USUAL_ERROR * prior) / (squares + prior)).min(MOST_EXCESS)
}

/// The chances of winning from a stage. What is configured of it counts as [`PRIOR_STRENGTH`] deals that ended there, won in
/// that share and at the ages at which deals of the whole pipeline end: it rules where little is known, and little where
/// much is.
#[derive(Debug, Clone, Copy)]
pub struct WinModel<'a> {
    /// The stage's own past.
    pub stage: &'a Timing,
    /// That of all stages together.
    pub pooled: &'a Timing,
    /// The probability of winning from the stage, whenever.
    pub prior: f64,
}

impl WinModel<'_> {
    /// The probability that a deal is won within a horizon which has been in the stage for so long without an end:
    /// (F(age + horizon) − F(age)) / S(age), where F is the incidence of winning and S the share that has not ended. Before
    /// any deal of the pipeline has ended, the prior.
    #[must_use]
    pub fn probability(&self, age: Micros, horizon: Micros) -> f64 {
        if self.pooled.ended == 0 {
            return self.prior.clamp(0.0, 1.0);
        }
        let (won, over) = self.by(age);
        let open = 1.0 - won - over;
        if open <= NONE {
            return 0.0;
        }
        ((self.by(age.saturating_add(horizon)).0 - won) / open).clamp(0.0, 1.0)
    }

    /// The share won and the share ended without a deal by an age, the prior mixed in.
    fn by(&self, age: Micros) -> (f64, f64) {
        let weight = PRIOR_STRENGTH / (PRIOR_STRENGTH + self.stage.ended as f64);
        let ((won, over), (won_shape, over_shape)) = (self.stage.by(age), self.pooled.shape(age));
        let mixed = |prior: f64, seen: f64| weight * prior + (1.0 - weight) * seen;
        (mixed(self.prior * won_shape, won), mixed((1.0 - self.prior) * over_shape, over))
    }
}

/// A stream of numbers from a seed (`SplitMix64`: Steele, Lea and Flood 2014): the same seed, the same numbers.
#[derive(Debug, Clone, Copy)]
pub struct Draws(u64);

impl Draws {
    /// The stream of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number, from 0 and below 1.
    pub fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A standard normal number, by the polar method (Marsaglia and Bray 1964), of whose pairs one is used.
    fn normal(&mut self) -> f64 {
        loop {
            let (x, y) = (2.0 * self.unit() - 1.0, 2.0 * self.unit() - 1.0);
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                return x * (-2.0 * square.ln() / square).sqrt();
            }
        }
    }

    /// A number with a gamma distribution of this shape and the scale 1 (Marsaglia and Tsang 2000).
    fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            let unit = 1.0 - self.unit();
            return self.gamma(shape + 1.0) * unit.powf(1.0 / shape);
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            let unit = 1.0 - self.unit();
            if v > 0.0 && unit.ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }

    /// A share with a beta distribution.
    fn beta(&mut self, won: f64, others: f64) -> f64 {
        let (won, others) = (self.gamma(won), self.gamma(others));
        if won + others > 0.0 { won / (won + others) } else { 0.0 }
    }
}

/// Draws what is won, [`DRAWS`] times: of each column of amounts, which has one for each deal in its smallest units, the sums
/// in order. All columns see the same draws. What deals have in `common` is drawn once for all of them and multiplies the
/// probability of each.
#[must_use]
pub fn sums(
    probabilities: &[f64],
    columns: &[Vec<i128>],
    common: Option<&Common>,
    seed: u64,
) -> Vec<Vec<i128>> {
    let mut draws = Draws::new(seed);
    let mut sums: Vec<Vec<i128>> = columns.iter().map(|_| Vec::with_capacity(DRAWS)).collect();
    for _ in 0..DRAWS {
        let mut now = vec![0_i128; columns.len()];
        let factor = common.map_or(1.0, |common| draws.beta(common.won, common.others) / common.share());
        for (deal, &p) in probabilities.iter().enumerate() {
            if draws.unit() < p * factor {
                for (sum, column) in now.iter_mut().zip(columns) {
                    *sum = sum.saturating_add(column[deal]);
                }
            }
        }
        for (sums, now) in sums.iter_mut().zip(now) {
            sums.push(now);
        }
    }
    sums.iter_mut().for_each(|sums| sums.sort_unstable());
    sums
}

/// The sum that is not exceeded with this probability, of sums in order.
#[must_use]
pub fn quantile_of(sums: &[i128], probability: f64) -> i128 {
    let place = (probability * sums.len() as f64).ceil() as usize;
    sums.get(place.clamp(1, sums.len().max(1)) - 1).copied().unwrap_or_default()
}

/// A seed made of texts and numbers (FNV-1a, 64 bits), of which 53 bits are kept, so that every client reads it as it is.
#[must_use]
pub fn seed(parts: &[&str]) -> u64 {
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    for byte in parts.iter().flat_map(|part| part.bytes().chain([0])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3);
    }
    hash >> 11
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: Micros = 86_400_000_000;

    fn ended(days: i64, cause: u32) -> Subject {
        Subject { entry: 0, exit: days * DAY, cause: Some(cause) }
    }

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
    }

    #[test]
    fn without_a_past_the_configured_probability_is_the_forecast() {
        let none = Timing::default();
        let model = WinModel { stage: &none, pooled: &none, prior: 0.25 };
        near(model.probability(40 * DAY, 30 * DAY), 0.25);
    }

    #[test]
    fn a_long_past_outweighs_what_is_configured_and_age_conditions() {
        // Of each four: won on day 10, won on day 50, lost on day 20, lost on day 80.
        let past: Vec<Subject> = (0..1_000)
            .flat_map(|_| [ended(10, WON), ended(50, WON), ended(20, OVER), ended(80, OVER)])
            .collect();
        let stage = Timing::of(&past);
        let model = WinModel { stage: &stage, pooled: &stage, prior: 0.5 };
        near(model.probability(0, 30 * DAY), 0.25);
        // After day 20 two of four are left, and one of them is won on day 50.
        near(model.probability(25 * DAY, 30 * DAY), 0.5);
        // After day 50 nothing was ever won.
        near(model.probability(60 * DAY, 30 * DAY), 0.0);
        near(model.probability(90 * DAY, 30 * DAY), 0.0);
    }

    #[test]
    fn the_prior_weighs_as_much_as_ten_deals_that_ended() {
        let (stage, pooled) =
            (Timing::of(&vec![ended(10, WON); 10]), Timing::of(&[ended(10, WON), ended(10, OVER)]));
        let model = WinModel { stage: &stage, pooled: &pooled, prior: 0.2 };
        near(model.probability(0, 30 * DAY), (10.0 * 0.2 + 10.0) / 20.0);
    }

    #[test]
    fn the_incidences_are_those_of_aalen_and_johansen() {
        // As in the vector of the incidence figures: won at 1, open at 2, over at 3, open at 4.
        let open = |days: i64| Subject { entry: 0, exit: days * DAY, cause: None };
        let timing = Timing::of(&[ended(1, WON), open(2), ended(3, OVER), open(4)]);
        assert_eq!(timing.by(2 * DAY), (0.25, 0.0));
        assert_eq!(timing.ultimate(), (0.25, 0.375));
    }

    #[test]
    fn what_stays_behind_is_judged_by_what_stayed_behind() {
        // Half go on after a day and are won on day 20; half stay for ten days or more and are lost on day 30.
        let stay = |lasted: i64, outcome| PastStay { lasted: lasted * DAY, outcome };
        let stays = (0..100).flat_map(|n| [stay(1, ended(20, WON)), stay(10 + n % 3, ended(30, OVER))]);
        let landmarks = Landmarks::of(stays.collect());
        near(landmarks.at(0).unwrap().ultimate().0, 0.5);
        near(landmarks.at(10 * DAY).unwrap().ultimate().0, 0.0);
        assert_eq!(Landmarks::of(Vec::new()).at(5), Some(&Timing::default()));
    }

    #[test]
    fn only_errors_beyond_chance_widen_a_range() {
        // A tenth off is what is believed without a past, and counts as one period beside it.
        near(excess(&[], 10.0), 0.01);
        near(excess(&[(12.0, 10.0), (8.0, 10.0)], 10.0), 0.01 * 100.0 / (100.0 + 80.0 + 100.0));
        // (((30 − 10)² − 10) + 0.8 ((2 − 10)² − 10) + 1) / (100 + 0.8 × 100 + 100).
        near(excess(&[(30.0, 10.0), (2.0, 10.0)], 10.0), (390.0 + 43.2 + 1.0) / 280.0);
        // What is long past says less.
        let off = (30.0, 10.0);
        assert!(excess(&[off, (10.0, 10.0)], 10.0) > excess(&[(10.0, 10.0), off], 10.0));
        near(excess(&[(3.0, 0.0)], 0.0), 0.01);
        near(excess(&[(900.0, 1.0)], 1.0), MOST_EXCESS);
    }

    #[test]
    fn drawn_shares_have_the_mean_and_the_variance_of_their_distribution() {
        for (won, others) in [(0.6, 1.4), (3.0, 9.0), (50.0, 450.0)] {
            let mut draws = Draws::new(11);
            let drawn: Vec<f64> = (0..20_000).map(|_| draws.beta(won, others)).collect();
            let mean = drawn.iter().sum::<f64>() / 20_000.0;
            let variance = drawn.iter().map(|share| (share - mean).powi(2)).sum::<f64>() / 20_000.0;
            let (share, both) = (won / (won + others), won + others);
            assert!((mean / share - 1.0).abs() < 0.02, "{mean} {share}");
            assert!((variance / (share * (1.0 - share) / (both + 1.0)) - 1.0).abs() < 0.05, "{variance}");
        }
    }

    #[test]
    fn the_generator_gives_the_published_numbers() {
        // The first output of SplitMix64 for the seed 1234567 is 6457827717110365317.
        near(
            Draws::new(1_234_567).unit(),
            (6_457_827_717_110_365_317_u64 >> 11) as f64 / (1_u64 << 53) as f64,
        );
    }

    #[test]
    fn drawn_sums_lie_around_what_is_expected() {
        let amounts: Vec<i128> = (1..=200).map(|deal| deal * 1_000).collect();
        let drawn = &sums(&[0.3; 200], std::slice::from_ref(&amounts), None, 7)[0];
        let mean = drawn.iter().sum::<i128>() as f64 / drawn.len() as f64;
        let expected = amounts.iter().sum::<i128>() as f64 * 0.3;
        assert!((mean / expected - 1.0).abs() < 0.01, "{mean} {expected}");
        assert!(quantile_of(drawn, 0.1) < quantile_of(drawn, 0.9));
        assert_eq!(
            sums(&[0.3; 200], std::slice::from_ref(&amounts), None, 7)[0],
            *drawn,
            "the same seed, the same sums"
        );
        // What deals have in common does not change what is expected, and widens the range.
        let common = Common::of(&[0.3; 200], 0.04);
        let wide = &sums(&[0.3; 200], &[amounts], common.as_ref(), 7)[0];
        let mean = wide.iter().sum::<i128>() as f64 / wide.len() as f64;
        assert!((mean / expected - 1.0).abs() < 0.02, "{mean} {expected}");
        assert!(quantile_of(wide, 0.1) < quantile_of(drawn, 0.1));
        assert!(quantile_of(wide, 0.9) > quantile_of(drawn, 0.9));
    }

    proptest! {
        #[test]
        fn chances_are_probabilities_and_grow_with_the_horizon(
            past in prop::collection::vec((0_i64..100, 0_u32..3), 0..40), prior in 0.0..=1.0, age in 0_i64..120,
        ) {
            let subject = |(days, cause): &(i64, u32)| {
                Subject { entry: 0, exit: days * DAY, cause: (*cause < 2).then_some(*cause) }
            };
            let timing = Timing::of(&past.iter().map(subject).collect::<Vec<_>>());
            let model = WinModel { stage: &timing, pooled: &timing, prior };
            let [short, long] = [30, 90].map(|days| model.probability(age * DAY, days * DAY));
            prop_assert!((0.0..=1.0).contains(&short) && (0.0..=1.0).contains(&long) && short <= long + 1e-12);
        }
    }
}
