//! The figures beside what independent tools computed from real histories.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use chrono::DateTime;
use serde_json::Value;
use uuid::Uuid;

use super::dwell::{Question, StageDwell, Unit, dwell};
use super::flows::flows;
use super::heatmap::heatmap;
use super::journeys::Provenance;
use super::paths::paths;
use super::standing::standing;
use super::{JourneySet, Micros, MoveRecord, quantile};

const DAY: Micros = 86_400_000_000;

fn data() -> Option<PathBuf> {
    let shared = std::env::var_os("WAYMARK_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    shared.join("data").is_dir().then(|| shared.join("data"))
}

fn read(path: &std::path::Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).unwrap();
    if path.extension().is_some_and(|extension| extension == "gz") {
        flate2::read::MultiGzDecoder::new(file).read_to_end(&mut bytes).unwrap();
    } else {
        std::io::BufReader::new(file).read_to_end(&mut bytes).unwrap();
    }
    bytes
}

fn micros(text: &str) -> Micros {
    DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros()
}

fn journeys(csv: &[u8]) -> JourneySet {
    let mut journeys = JourneySet::default();
    let mut cases: BTreeMap<String, Vec<(Micros, u32, u32)>> = BTreeMap::new();
    for row in csv::Reader::from_reader(csv).records() {
        let row = row.unwrap();
        let (stage, actor) = (journeys.stages.intern(&row[1]), journeys.actors.intern(&row[3]));
        cases.entry(row[0].to_owned()).or_default().push((micros(&row[2]), stage, actor));
    }
    for (number, mut rows) in cases.into_values().enumerate() {
        rows.sort_by_key(|row| row.0);
        let mut held = None;
        for (at, stage, actor) in rows {
            let repeat = held.replace(stage) == Some(stage);
            journeys.push(
                Uuid::from_u128(number as u128),
                MoveRecord { at, stage, actor, cycle: 1, repeat, version: 1, how: Provenance::default() },
            );
        }
    }
    journeys
}

/// Collects what differs, by path, so that one run shows everything.
#[derive(Default)]
struct Differences(Vec<String>);

impl Differences {
    fn number(&mut self, path: &str, ours: f64, theirs: &Value) {
        let Some(theirs) = theirs.as_f64() else {
            return self.0.push(format!("{path}: {ours} for {theirs}"));
        };
        if (ours - theirs).abs() > 1e-6 * theirs.abs().max(1.0) {
            self.0.push(format!("{path}: {ours} for {theirs}"));
        }
    }

    fn exact(&mut self, path: &str, ours: &Value, theirs: &Value) {
        if ours != theirs {
            self.0.push(format!("{path}: {ours} for {theirs}"));
        }
    }

    fn stage(&mut self, name: &str, ours: &StageDwell, theirs: &Value) {
        for (key, value) in [
            ("events", ours.stays + ours.repeats),
            ("repeat_events", ours.repeats),
            ("stays", ours.stays),
            ("completed_stays", ours.completed),
            ("censored_stays", ours.open),
            ("final_stays", ours.finals),
            ("zero_stays", ours.zero_stays),
            ("cases_ever", ours.customers),
            ("reentries", ours.reentries),
            ("cases_with_reentry", ours.customers_with_reentry),
        ] {
            self.exact(&format!("{name}.{key}"), &Value::from(value), &theirs[key]);
        }
        if let Some(lengths) = &ours.lengths {
            let [p50, p90, p95] = lengths.continuous;
            let [p50_disc, p90_disc, p95_disc] = lengths.discrete;
            for (key, value) in [
                ("mean_s", lengths.mean),
                ("min_s", lengths.min),
                ("max_s", lengths.max),
                ("total_s", lengths.total),
                ("p50_s", p50),
                ("p90_s", p90),
                ("p95_s", p95),
                ("p50_disc_s", p50_disc),
                ("p90_disc_s", p90_disc),
                ("p95_disc_s", p95_disc),
            ] {
                self.number(&format!("{name}.{key}"), value, &theirs["dwell_completed"][key]);
            }
        }
        let survival = &theirs["kaplan_meier"];
        self.exact(&format!("{name}.subjects"), &Value::from(ours.curve.subjects), &survival["subjects"]);
        self.exact(&format!("{name}.km_events"), &Value::from(ours.curve.events), &survival["events"]);
        match ours.curve.reaches(0.5) {
            Some(median) => self.number(&format!("{name}.median_s"), median, &survival["median_s"]),
            None => self.exact(&format!("{name}.median_s"), &Value::Null, &survival["median_s"]),
        }
        self.number(&format!("{name}.rmst"), ours.curve.restricted_mean(30 * DAY), &survival["rmst_30d_s"]);
        for (span, expected) in survival["survival"].as_object().unwrap() {
            let unit = match span.as_bytes()[span.len() - 1] {
                b'm' => 60_000_000,
                b'h' => 3_600_000_000,
                _ => DAY,
            };
            let age = span[..span.len() - 1].parse::<i64>().unwrap() * unit;
            let (ours, theirs) = (ours.curve.survival_at(age), expected.as_f64().unwrap());
            // The oracle prints nine digits.
            if (ours - theirs).abs() > 1e-8 {
                self.0.push(format!("{name}.survival.{span}: {ours} for {theirs}"));
            }
        }
    }
}

fn agrees_with(set: &str, csv: &str, oracle: &str) {
    let Some(data) = data() else { return println!("skipped: no shared data beside the checkout") };
    let journeys = journeys(&read(&data.join(set).join(csv)));
    let oracle: Value = serde_json::from_slice(&read(&data.join(set).join(oracle))).unwrap();
    let until = micros(oracle["log_end"].as_str().unwrap());
    let finals: Vec<u32> = oracle["input"]["final"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|name| journeys.stages.find(name.as_str().unwrap()))
        .collect();
    let is_final = |stage: u32, _: u16| finals.contains(&stage);
    let mut differences = Differences::default();

    let question = Question { from: None, last: until, until, unit: Unit::Stay, horizon: 30 * DAY };
    let stages = dwell(&journeys, &question, is_final, |_, from, to| to - from);
    assert_eq!(stages.len(), oracle["per_status"].as_object().unwrap().len());
    let flows = flows(&journeys, until, is_final);
    for (number, ours) in stages.iter().enumerate() {
        let name = journeys.stages.text(u32::try_from(number).unwrap());
        let theirs = &oracle["per_status"][name];
        differences.stage(name, ours, theirs);
        let passage = &flows.first_passage[&u32::try_from(number).unwrap()];
        for (key, p) in [("p50_s", 0.5), ("p90_s", 0.9)] {
            let ours = quantile::continuous(passage, p).unwrap();
            differences.number(&format!("{name}.first_passage.{key}"), ours, &theirs["first_passage"][key]);
        }
    }
    check_flows(&mut differences, &journeys, &flows, &oracle);
    check_paths(&mut differences, &journeys, until, &oracle);
    for as_of in oracle["as_of"].as_array().unwrap() {
        let at = as_of["at"].as_str().unwrap();
        let standing = standing(&journeys, micros(at));
        differences.exact(&format!("as_of.{at}"), &Value::from(standing.not_started), &as_of["not_started"]);
        let counts = standing.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        let counts: BTreeMap<&str, usize> =
            counts.map(|(stage, &count)| (journeys.stages.text(stage as u32), count)).collect();
        differences.exact(&format!("as_of.{at}"), &serde_json::to_value(counts).unwrap(), &as_of["counts"]);
    }
    let week = heatmap(&journeys, None, until, |at| at.naive_utc());
    differences.exact("heatmap", &serde_json::to_value(week).unwrap(), &oracle["heatmap_utc"]);
    assert!(differences.0.is_empty(), "{} differ:\n{}", differences.0.len(), differences.0.join("\n"));
}

fn check_flows(
    differences: &mut Differences,
    journeys: &JourneySet,
    flows: &super::flows::Flows,
    oracle: &Value,
) {
    let name = |stage: &u32| journeys.stages.text(*stage).to_owned();
    let nested = |pairs: &BTreeMap<(u32, u32), usize>| {
        let mut nested: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
        for ((from, to), count) in pairs {
            nested.entry(name(from)).or_default().insert(name(to), *count);
        }
        serde_json::to_value(nested).unwrap()
    };
    let flat = |counts: &BTreeMap<u32, usize>| {
        let flat: BTreeMap<String, usize> =
            counts.iter().map(|(stage, count)| (name(stage), *count)).collect();
        serde_json::to_value(flat).unwrap()
    };
    differences.exact("transitions", &nested(&flows.transitions), &oracle["transitions"]);
    let mut reached = oracle["reached"].clone();
    reached.as_object_mut().unwrap().retain(|_, to| to.as_object().is_some_and(|to| !to.is_empty()));
    differences.exact("reached", &nested(&flows.reached), &reached);
    differences.exact("start", &flat(&flows.start), &oracle["start"]);
    differences.exact("end", &flat(&flows.end), &oracle["end"]);
    differences.exact("repeats", &flat(&flows.repeats), &oracle["events_directly_follows_self"]);
    differences.exact("handovers", &Value::from(flows.handovers), &oracle["actors"]["handovers"]);
    differences.exact("actors", &Value::from(flows.actors.len()), &oracle["actors"]["distinct"]);
    for actor in oracle["actors"]["top"].as_array().unwrap() {
        let text = actor["actor"].as_str().unwrap();
        let (events, stays) = flows.actors[&journeys.actors.find(text).unwrap()];
        differences.exact(&format!("actors.{text}"), &Value::from(events), &actor["events"]);
        differences.exact(&format!("actors.{text}"), &Value::from(stays), &actor["stays_begun"]);
    }
    differences.exact("events", &Value::from(flows.events), &oracle["events"]);
    differences.exact("cases", &Value::from(flows.journeys), &oracle["cases"]);
    differences.exact(
        "days",
        &Value::from(flows.changes_per_day.len()),
        &oracle["changes_per_day_utc"]["days"],
    );
    let busiest = flows.changes_per_day.values().max().copied().unwrap();
    differences.exact("busiest day", &Value::from(busiest), &oracle["changes_per_day_utc"]["max"]);
    for (key, sample) in [("case_duration", &flows.durations), ("open_case_age", &flows.open_ages)] {
        for (place, expected) in oracle[key].as_object().unwrap() {
            let Some(p) = place.strip_prefix('q').and_then(|p| p.strip_suffix("_s")) else { continue };
            let ours = quantile::continuous(sample, p.parse::<f64>().unwrap() / 100.0).unwrap();
            differences.number(&format!("{key}.{place}"), ours, expected);
        }
    }
}

fn check_paths(differences: &mut Differences, journeys: &JourneySet, until: Micros, oracle: &Value) {
    let paths = paths(journeys, until, None);
    differences.exact("variants", &Value::from(paths.len()), &oracle["variants"]["distinct"]);
    for (rank, theirs) in oracle["variants"]["top"].as_array().unwrap().iter().enumerate() {
        let stages: Vec<&str> = paths[rank].stages.iter().map(|&s| journeys.stages.text(s)).collect();
        differences.exact(&format!("variants.{rank}"), &Value::from(stages), &theirs["statuses"]);
        differences.exact(
            &format!("variants.{rank}.count"),
            &Value::from(paths[rank].count),
            &theirs["count"],
        );
    }
}

#[test]
fn tiny_agrees_with_its_oracle() {
    agrees_with("tiny", "normalized.csv", "oracle.json");
}

#[test]
fn maven_crm_agrees_with_its_oracle() {
    agrees_with("maven-crm", "normalized.csv", "oracle.json");
}

#[test]
fn olist_funnel_agrees_with_its_oracle() {
    agrees_with("olist-funnel", "normalized.csv", "oracle.json");
}

#[test]
fn bpic2012_agrees_with_its_oracle() {
    agrees_with("bpic2012", "normalized.csv.gz", "oracle.json");
}

#[test]
fn bpic2012_full_agrees_with_its_oracle() {
    agrees_with("bpic2012", "normalized_full.csv.gz", "oracle_full.json");
}
