//! The figures, as a table for people.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

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

    pub(crate) fn print(&self) {
        for [name, value, remark] in &self.rows {
            println!("{name:<52} {value:>12}  {remark}");
        }
    }
}
