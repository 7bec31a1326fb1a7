//! What a report says of a Kaplan–Meier curve, without the curve.
//!
//! A curve has a step an age, and its band costs four transcendental functions a step. What is said of it is where the curve
//! and its band first come below a few shares, and the area under it: for that, the steps are gone along once, and the band is
//! worked out only where it may cross one half.

use super::survival::{Curve, Step, TOLERANCE, Z, step};
use super::{Micros, seconds};

/// How many steps are judged together before the band of each is worked out.
const BLOCK: usize = 1_024;

/// What minus the logarithm of an end of the band must come to for the end to be at one half, less far more than rounding
/// errors come to.
const NEAR_HALF: f64 = std::f64::consts::LN_2 - 1e-6;

/// The figures of a curve; ages in seconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SurvivalFigures {
    /// How many subjects it rests on.
    pub subjects: usize,
    /// How many of them left.
    pub events: usize,
    /// When half have left.
    pub median: Option<f64>,
    /// The lower 95% limit of the median, and the upper one.
    pub median_limits: (Option<f64>, Option<f64>),
    /// When three quarters have left.
    pub p75: Option<f64>,
    /// When nine tenths have left.
    pub p90: Option<f64>,
    /// The area up to the horizon; none without subjects.
    pub restricted_mean: Option<f64>,
    /// The steps, where they were asked for.
    pub steps: Option<Vec<Step>>,
}

impl SurvivalFigures {
    /// Of a curve.
    #[must_use]
    pub fn of(curve: &Curve, horizon: Micros, with_steps: bool) -> Self {
        Self {
            subjects: curve.subjects,
            events: curve.events,
            median: curve.reaches(0.5),
            median_limits: curve.median_limits(),
            p75: curve.reaches(0.25),
            p90: curve.reaches(0.1),
            restricted_mean: (curve.subjects > 0).then(|| curve.restricted_mean(horizon)),
            steps: with_steps.then(|| curve.steps.clone()),
        }
    }
}

/// Goes along the steps of a curve in the order of ages.
pub(super) struct CurveWalk {
    horizon: Micros,
    survival: f64,
    greenwood: f64,
    /// The area so far, the age up to which it goes, and the height from there, none of it beyond the horizon.
    area: f64,
    since: Micros,
    height: f64,
    /// Where the curve came to the shares.
    reached: [Option<Micros>; 3],
    /// Where the ends of the band came to one half.
    limits: [Option<Micros>; 2],
    /// Steps whose band has not been looked at: age, survival, Greenwood's sum.
    block: Vec<(Micros, f64, f64)>,
    /// Greenwood's sum before them.
    before: f64,
    steps: Option<Vec<Step>>,
}

/// The shares that figures tell the ages of.
const SHARES: [f64; 3] = [0.5, 0.25, 0.1];

impl CurveWalk {
    pub(super) fn new(horizon: Micros, with_steps: bool) -> Self {
        Self {
            horizon,
            survival: 1.0,
            greenwood: 0.0,
            area: 0.0,
            since: 0,
            height: 1.0,
            reached: [None; 3],
            limits: [None; 2],
            block: Vec::with_capacity(BLOCK),
            before: 0.0,
            steps: with_steps.then(Vec::new),
        }
    }

    /// At an age `left` of those at risk left.
    #[inline]
    pub(super) fn leave(&mut self, at: Micros, at_risk: usize, left: usize) {
        let (gone, risk) = (left as f64, at_risk as f64);
        self.survival *= 1.0 - gone / risk;
        self.greenwood += gone / (risk * (risk - gone));
        if at < self.horizon {
            self.area += self.height * seconds(at - self.since);
            (self.since, self.height) = (at, self.survival);
        }
        if self.survival <= SHARES[0] + TOLERANCE {
            for (reached, share) in self.reached.iter_mut().zip(SHARES) {
                if reached.is_none() && self.survival <= share + TOLERANCE {
                    *reached = Some(at);
                }
            }
        }
        if let Some(steps) = &mut self.steps {
            steps.push(step(at, (self.survival, self.greenwood), at_risk, left));
        }
        if self.limits.contains(&None) {
            self.block.push((at, self.survival, self.greenwood));
            if self.block.len() == BLOCK {
                self.look_for_limits();
            }
        }
    }

    /// Looks for where the band crosses one half among the steps not looked at yet.
    ///
    /// With x = −ln S and g Greenwood's sum, minus the logarithms of the ends are x·exp(±Z√g/x). Along the steps x and g only
    /// grow, so over a block neither is more than with the last x and g, and the first x in the quotient where that makes it
    /// more. Only where that bound comes to ln 2 may a step be the one.
    fn look_for_limits(&mut self) {
        let Some(&(_, survival, greenwood)) = self.block.last() else { return };
        let (first, last) = (-self.block[0].1.ln(), -survival.ln());
        let low = last * (Z * greenwood.sqrt() / first).exp();
        let high = last * (-Z * self.before.sqrt() / last).exp();
        let may_cross = |bound: f64| bound.is_nan() || bound >= NEAR_HALF;
        if (self.limits[0].is_none() && may_cross(low)) || (self.limits[1].is_none() && may_cross(high)) {
            for &(at, survival, greenwood) in &self.block {
                let step = step(at, (survival, greenwood), 0, 0);
                for (limit, end) in self.limits.iter_mut().zip([step.low, step.high]) {
                    if limit.is_none() && end.is_some_and(|end| end <= 0.5 + TOLERANCE) {
                        *limit = Some(at);
                    }
                }
            }
        }
        self.before = greenwood;
        self.block.clear();
    }

    /// The figures of this number of subjects.
    pub(super) fn finish(mut self, subjects: usize, events: usize) -> SurvivalFigures {
        self.look_for_limits();
        let area = self.area + self.height * seconds(self.horizon - self.since);
        let age = |at: Option<Micros>| at.map(seconds);
        SurvivalFigures {
            subjects,
            events,
            median: age(self.reached[0]),
            median_limits: (age(self.limits[0]), age(self.limits[1])),
            p75: age(self.reached[1]),
            p90: age(self.reached[2]),
            restricted_mean: (subjects > 0).then_some(area),
            steps: self.steps,
        }
    }
}
