#!/usr/bin/env bash
# The csv crate 1.4.0 (Rust) says on which line of a file each record begins (`Position::line`). Of a file whose lines end with
# CRLF, as spreadsheets on Windows write them, every record but the first is said to begin one line too early: the record is
# over at the carriage return, and the line feed is counted with the next one. Of a file whose lines end with a carriage
# return alone, all records are said to begin on the first line. An error message that names lines that way sends people to
# the row above the bad one.
# It needs Rust.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

mkdir src
cat >Cargo.toml <<'EOF'
[package]
name = "lines"
version = "0.1.0"
edition = "2024"

[dependencies]
csv = "=1.4.0"
EOF
cat >src/main.rs <<'EOF'
fn main() {
    for (name, end) in [("LF", "\n"), ("CRLF", "\r\n"), ("CR", "\r")] {
        let text = ["id,name", "1,one", "2,two", "3,three", ""].join(end);
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
        let lines: Vec<String> =
            reader.records().map(|record| record.unwrap().position().unwrap().line().to_string()).collect();
        println!("{name}: {}", lines.join(" "));
    }
}
EOF
cargo run -q >seen.txt
cat seen.txt
diff seen.txt - <<'EOF'
LF: 1 2 3 4
CRLF: 1 1 2 3
CR: 1 1 1 1
EOF
