//! The ways customers go: sequences of stages.

use std::collections::{BTreeMap, HashMap};

use super::journeys::stays;
use super::{JourneySet, Micros, quantile, seconds};

/// Journeys that went through the same stages in the same order.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// The stages, by number.
    pub stages: Vec<u32>,
    /// How many journeys.
    pub count: usize,
    /// The median time from the first record to the beginning of the last stay, in seconds.
    pub median_seconds: f64,
    /// These times, sorted.
    pub spans: Vec<Micros>,
}

/// The journeys that began with some stages in some order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Prefix {
    /// How many.
    pub count: usize,
    /// Those that have been won.
    pub won: usize,
    /// Those that were lost, or closed without an outcome, and have not been won.
    pub lost: usize,
}

impl Prefix {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.won += other.won;
        self.lost += other.lost;
    }
}

/// How journeys that begin alike have ended: a tree of stages, each node with the journeys that went through it so.
#[derive(Debug, Default)]
pub struct Prefixes {
    nodes: Vec<Prefix>,
    next: HashMap<(usize, u32), usize>,
}

impl Prefixes {
    /// Of all journeys at an instant, each up to its first deal.
    #[must_use]
    pub fn of(
        journeys: &JourneySet,
        until: Micros,
        is_won: &dyn Fn(u32, u16) -> bool,
        is_over: &dyn Fn(u32, u16) -> bool,
    ) -> Self {
        let mut prefixes = Self { nodes: vec![Prefix::default()], next: HashMap::new() };
        for (_, records) in journeys.journeys(until) {
            let mut stays = stays(records);
            let deal = stays.iter().position(|stay| is_won(stay.stage, stay.version));
            stays.truncate(deal.map_or(stays.len(), |deal| deal + 1));
            let lost = deal.is_none() && stays.last().is_some_and(|last| is_over(last.stage, last.version));
            let one = Prefix { count: 1, won: usize::from(deal.is_some()), lost: usize::from(lost) };
            let mut node = 0;
            if !stays.is_empty() {
                prefixes.nodes[node].add(one);
            }
            for stay in &stays {
                let new = prefixes.nodes.len();
                node = *prefixes.next.entry((node, stay.stage)).or_insert(new);
                if node == new {
                    prefixes.nodes.push(Prefix::default());
                }
                prefixes.nodes[node].add(one);
            }
        }
        prefixes
    }

    /// All journeys, whatever they began with.
    #[must_use]
    pub fn whole(&self) -> Prefix {
        self.nodes.first().copied().unwrap_or_default()
    }

    /// The prefixes of a path: of its first stage, of its first two, and so on to the whole.
    #[must_use]
    pub fn along(&self, stages: &[u32]) -> Vec<Prefix> {
        let mut node = Some(0);
        let step = |stage: &u32| {
            node = node.and_then(|node| self.next.get(&(node, *stage)).copied());
            node.map(|node| self.nodes[node]).unwrap_or_default()
        };
        stages.iter().map(step).collect()
    }
}

/// Where journeys left a standard path, and how many did not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conformance {
    /// Those that went to its end along it, whatever they did then.
    pub completed: Prefix,
    /// Those that have not left it and not come to its end.
    pub under_way: usize,
    /// By the place in the path that they left (0 is before its first stage) and the stage that they went to instead.
    pub left: BTreeMap<(usize, u32), Prefix>,
    /// How many came to each place along it.
    pub reached: Vec<usize>,
}

/// How all journeys at an instant keep to a path, each up to its first deal. A stage of the path that nobody was ever in has no
/// number.
#[must_use]
pub fn conformance(
    journeys: &JourneySet,
    until: Micros,
    path: &[Option<u32>],
    is_won: &dyn Fn(u32, u16) -> bool,
    is_over: &dyn Fn(u32, u16) -> bool,
) -> Conformance {
    let mut found = Conformance { reached: vec![0; path.len()], ..Conformance::default() };
    for (_, records) in journeys.journeys(until).filter(|(_, records)| !records.is_empty()) {
        let mut stays = stays(records);
        let deal = stays.iter().position(|stay| is_won(stay.stage, stay.version));
        stays.truncate(deal.map_or(stays.len(), |deal| deal + 1));
        let lost = deal.is_none() && stays.last().is_some_and(|last| is_over(last.stage, last.version));
        let one = Prefix { count: 1, won: usize::from(deal.is_some()), lost: usize::from(lost) };
        let along = stays.iter().zip(path).take_while(|(stay, stage)| Some(stay.stage) == **stage).count();
        found.reached[..along].iter_mut().for_each(|reached| *reached += 1);
        match stays.get(along) {
            _ if along == path.len() => found.completed.add(one),
            Some(stay) => found.left.entry((along, stay.stage)).or_default().add(one),
            None => found.under_way += 1,
        }
    }
    found
}

/// All distinct paths at an instant, most frequent first; ties in the order of their stage ids by code points.
///
/// `end(stage, version)` tells the stages that a path leads to: journeys that reached one count, as far as their first stay in one.
/// Without it every journey counts, whole.
#[must_use]
pub fn paths(journeys: &JourneySet, until: Micros, end: Option<&dyn Fn(u32, u16) -> bool>) -> Vec<Path> {
    let mut spans: HashMap<Vec<u32>, Vec<Micros>> = HashMap::new();
    for (_, records) in journeys.journeys(until) {
        let mut stays = stays(records);
        if let Some(end) = end {
            let reached = stays.iter().position(|stay| end(stay.stage, stay.version));
            stays.truncate(reached.map_or(0, |last| last + 1));
        }
        let (Some(first), Some(last)) = (stays.first(), stays.last()) else { continue };
        let stages = stays.iter().map(|stay| stay.stage).collect();
        spans.entry(stages).or_default().push(last.entered - first.entered);
    }
    let mut paths: Vec<Path> = spans
        .into_iter()
        .map(|(stages, mut spans)| {
            spans.sort_unstable();
            let sorted: Vec<f64> = spans.iter().copied().map(seconds).collect();
            let median_seconds = quantile::continuous(&sorted, 0.5).unwrap_or_default();
            Path { stages, count: sorted.len(), median_seconds, spans }
        })
        .collect();
    let texts =
        |path: &Path| -> Vec<&str> { path.stages.iter().map(|&stage| journeys.stages.text(stage)).collect() };
    paths.sort_unstable_by(|a, b| b.count.cmp(&a.count).then_with(|| texts(a).cmp(&texts(b))));
    paths
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::MoveRecord;
    use super::super::journeys::Provenance;
    use super::*;

    #[test]
    fn a_prefix_counts_those_who_began_so_and_how_they_ended() {
        let mut journeys = JourneySet::default();
        let [new, quoted, won, lost] =
            ["new", "quoted", "won", "lost"].map(|stage| journeys.stages.intern(stage));
        let paths = [
            vec![new, quoted, won],
            vec![new, quoted, lost],
            vec![new, lost, new, won],
            vec![new, quoted],
            vec![new, won, quoted],
        ];
        for (customer, path) in paths.iter().enumerate() {
            for (at, stage) in (0..).zip(path) {
                let how = Provenance::default();
                let record =
                    MoveRecord { at, stage: *stage, actor: 0, cycle: 1, repeat: false, version: 1, how };
                journeys.push(Uuid::from_u128(customer as u128), record);
            }
        }
        let prefixes = Prefixes::of(&journeys, 10, &|stage, _| stage == won, &|stage, _| stage == lost);
        let prefix = |count, won, lost| Prefix { count, won, lost };
        assert_eq!(prefixes.whole(), prefix(5, 3, 1));
        assert_eq!(prefixes.along(&[new, quoted, lost]), [prefix(5, 3, 1), prefix(3, 1, 1), prefix(1, 0, 1)]);
        assert_eq!(prefixes.along(&[new, lost]), [prefix(5, 3, 1), prefix(1, 1, 0)]);
        assert_eq!(prefixes.along(&[new, won, quoted])[1..], [prefix(1, 1, 0), prefix(0, 0, 0)]);

        // The same journeys beside a standard: one completed it, one is under way, the others left it.
        let is_won = |stage, _| stage == won;
        let is_over = |stage, _| stage == lost;
        let standard = [Some(new), Some(quoted), Some(won)];
        let found = conformance(&journeys, 10, &standard, &is_won, &is_over);
        assert_eq!((found.completed, found.under_way, found.reached), (prefix(1, 1, 0), 1, vec![5, 3, 1]));
        let left = BTreeMap::from([
            ((1, won), prefix(1, 1, 0)),
            ((1, lost), prefix(1, 1, 0)),
            ((2, lost), prefix(1, 0, 1)),
        ]);
        assert_eq!(found.left, left);
        let elsewhere = conformance(&journeys, 10, &[None, Some(won)], &is_won, &is_over);
        assert_eq!(elsewhere.left, BTreeMap::from([((0, new), prefix(5, 3, 1))]));
    }
}
