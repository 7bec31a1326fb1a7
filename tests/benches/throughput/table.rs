//! The figures, as a table for people.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::time::Duration;

use crate::cpu::Used;

/// Of all processors' time, so much is all of it: the rest goes into waiting for the disk between batches.
const ALL_THERE_IS: f64 = 0.9;

/// Rows of name, value and remark.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<[String; 3]>,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A heading.
    pub(crate) fn section(&mut self, name: &str) {
        println!("measuring: {name}");
        self.rows.push([format!("\n{name}"), String::new(), String::new()]);
    }

    /// A rate, with what there is to say about it.
    pub(crate) fn rate(&mut self, name: &str, per_second: f64, remark: impl Into<String>) {
        self.rows.push([name.to_owned(), format!("{per_second:.0}/s"), remark.into()]);
    }

    /// A figure with its own unit.
    pub(crate) fn figure(&mut self, name: &str, value: String, remark: impl Into<String>) {
        self.rows.push([name.to_owned(), value, remark.into()]);
    }

    /// How a figure compares with its floor, and whether that is what is aimed at.
    pub(crate) fn ratio(&mut self, name: &str, ours: f64, floor: f64, target: f64) {
        let ratio = ours / floor;
        let verdict = if ratio >= target { "reached" } else { "MISSED" };
        self.rows.push([name.to_owned(), format!("{ratio:.2}x"), format!("target {target}x: {verdict}")]);
    }

    /// How a figure compares with its floor, where the machine may give no more: then it is bound by that.
    pub(crate) fn ratio_or_bound(&mut self, name: &str, ours: f64, floor: f64, target: f64, used: Used) {
        let ratio = ours / floor;
        let verdict = match () {
            () if ratio >= target => "reached",
            () if used.share() >= ALL_THERE_IS => "bound by CPU",
            () if used.share_of_everybody() >= ALL_THERE_IS => "MISSED, while others used the CPU",
            () => "MISSED",
        };
        let remark = format!("target {target}x: {verdict} ({used})");
        self.rows.push([name.to_owned(), format!("{ratio:.2}x"), remark]);
    }

    /// A time that is to stay under another.
    pub(crate) fn within(&mut self, name: &str, time: Duration, target: Duration, remark: &str) {
        let verdict = if time < target { "reached" } else { "MISSED" };
        let remark = format!("{remark}; target under {target:.1?}: {verdict}");
        self.rows.push([name.to_owned(), format!("{time:.3?}"), remark]);
    }

    pub(crate) fn print(&self) {
        for [name, value, remark] in &self.rows {
            println!("{name:<52} {value:>12}  {remark}");
        }
    }
}
