//! Comparing figures with an oracle's, and saying where they differ.

use serde_json::Value;

/// Relative tolerance of ordinary figures.
const RELATIVE: f64 = 1e-6;
/// The oracle's figures are written with six decimals: a small one is known no better than half of the last.
const ROUNDED: f64 = 0.5e-6;
/// Absolute tolerance of survival probabilities.
const SURVIVAL: f64 = 1e-8;
/// How many differences a failing test prints.
const SHOWN: usize = 60;

/// The differences found so far, and how many figures were compared.
#[derive(Debug, Default)]
pub struct Differences {
    compared: usize,
    found: Vec<String>,
}

impl Differences {
    /// Compares two figures within the tolerance; both may be null.
    pub fn figure(&mut self, path: &str, oracle: &Value, ours: &Value) {
        self.compare(path, oracle, ours, |expected, found| {
            (expected - found).abs() <= (RELATIVE * expected.abs()).max(ROUNDED)
        });
    }

    /// Compares two probabilities.
    pub fn survival(&mut self, path: &str, oracle: &Value, ours: &Value) {
        self.compare(path, oracle, ours, |expected, found| (expected - found).abs() <= SURVIVAL);
    }

    /// Compares anything that must be the same to the last sign.
    pub fn same(&mut self, path: &str, oracle: &Value, ours: &Value) {
        self.compared += 1;
        if oracle != ours {
            self.found.push(format!("{path}: the oracle says {oracle}, we say {ours}"));
        }
    }

    /// Compares two sets of counts: every name of either side.
    pub fn counts(&mut self, path: &str, oracle: &Value, ours: &Value) {
        let empty = serde_json::Map::new();
        let oracle = oracle.as_object().unwrap_or(&empty);
        let ours = ours.as_object().unwrap_or(&empty);
        let unknown = ours.keys().filter(|name| !oracle.contains_key(*name));
        for name in oracle.keys().chain(unknown) {
            let expected = oracle.get(name).unwrap_or(&Value::Null);
            self.same(&format!("{path}/{name}"), expected, ours.get(name).unwrap_or(&Value::Null));
        }
    }

    fn compare(&mut self, path: &str, oracle: &Value, ours: &Value, close: impl Fn(f64, f64) -> bool) {
        let same = match (oracle.as_f64(), ours.as_f64()) {
            (Some(expected), Some(found)) => close(expected, found),
            _ => oracle == ours,
        };
        self.compared += 1;
        if !same {
            self.found.push(format!("{path}: the oracle says {oracle}, we say {ours}"));
        }
    }

    /// How many figures were compared.
    #[must_use]
    pub fn compared(&self) -> usize {
        self.compared
    }

    /// Insists that there are none.
    #[track_caller]
    pub fn none(self) {
        let shown: Vec<&String> = self.found.iter().take(SHOWN).collect();
        assert!(
            self.found.is_empty(),
            "{} of {} figures differ:\n{}",
            self.found.len(),
            self.compared,
            shown.iter().map(|line| format!("  {line}\n")).collect::<String>()
        );
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn figures_within_a_millionth_are_the_same_and_beyond_it_are_not() {
        let mut differences = Differences::default();
        differences.figure("close", &json!(1_000_000.0), &json!(1_000_000.9));
        differences.figure("null", &Value::Null, &Value::Null);
        assert_eq!(differences.found, Vec::<String>::new());
        differences.figure("far", &json!(1_000_000.0), &json!(1_000_002.0));
        differences.figure("absent", &json!(1.0), &Value::Null);
        assert_eq!(differences.found.len(), 2);
        assert_eq!(differences.compared(), 4);
    }

    #[test]
    fn a_count_that_only_one_side_has_is_a_difference() {
        let mut differences = Differences::default();
        differences.counts("end", &json!({"New": 2, "Won": 1}), &json!({"New": 2, "Lost": 1}));
        assert_eq!(
            differences.found,
            ["end/Won: the oracle says 1, we say null", "end/Lost: the oracle says null, we say 1"]
        );
    }

    #[test]
    #[should_panic(expected = "1 of 1 figures differ:\n  stays: the oracle says 3, we say 4")]
    fn a_difference_is_listed_by_its_path() {
        let mut differences = Differences::default();
        differences.same("stays", &json!(3), &json!(4));
        differences.none();
    }
}
