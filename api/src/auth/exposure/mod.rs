//! Every route, every role, every class of customer: who is answered what, and that no answer shows anybody a text, an id or
//! a count of what may not be seen.
//!
//! The routes come from the served document, so a new one is asked like the others and fails the snapshot until somebody has
//! looked at what it shows to whom.

mod cases;
mod instants;
mod parameters;
mod repeats;
mod routes;
mod world;

use std::fmt::Write as _;

use axum::http::Method;
use futures::StreamExt as _;
use serde_json::Value;

use crate::http::names_in_answers::misnamed;
use crate::http::testing::Answer;
use routes::{AnswerKind, Ask, commands, filled, forms, pages, paired, reads, served};
use world::{CLASSES, Class, TestCaller, World, done};

/// Everything that an answer says: its body, and its headers.
fn said(answer: &Answer) -> String {
    let headers = answer
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())));
    format!("{}\n{}", headers.collect::<Vec<_>>().join("\n"), answer.text)
}

/// What an answer shows of each class, less what the request said itself; what is more than it may be goes to `faults`.
fn judged(world: &World, who: &TestCaller, ask: &Ask, answer: &str, faults: &mut Vec<String>) -> String {
    let asked = format!("{} {}", ask.path, ask.body.as_ref().map(Value::to_string).unwrap_or_default());
    let mut text = answer.to_owned();
    for word in asked.split(|c: char| "?&=/\" ".contains(c)).filter(|word| word.contains("mk")) {
        text = text.replace(word, "");
    }
    let mut shown_of_each = String::new();
    for class in CLASSES {
        let ids: Vec<String> = world.of(class).iter().filter(|id| !asked.contains(*id)).cloned().collect();
        let (shown, may) = (class.shown_in(&text, &ids), (who.may)(class));
        if shown > may {
            faults.push(format!(
                "{} reads {shown:?} of {class:?} by {} {}, and may read {may:?}: {answer}",
                who.word, ask.route, ask.path
            ));
        }
        shown_of_each.push(shown.letter());
    }
    shown_of_each
}

/// Who is named in an answer in another form than the field has.
fn misnamed_by(ask: &Ask, answer: &Answer) -> Vec<String> {
    let names_people = ask.answered == AnswerKind::Data && answer.status.is_success();
    let found = if names_people { misnamed(&answer.text) } else { Vec::new() };
    found.into_iter().map(|fault| format!("{}: {fault}", ask.route)).collect()
}

/// Insists that nobody was shown too much.
#[track_caller]
fn faultless(faults: &[String]) {
    let told = faults.iter().map(|fault| fault.chars().take(1_500).collect::<String>());
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), told.take(40).collect::<Vec<_>>().join("\n\n"));
}

/// A stream up to the entry at a position, which everybody sees.
async fn streamed(world: &World, who: &TestCaller, ask: &Ask, until: u64) -> Option<String> {
    let mut call = world.bench.call(Method::GET, &ask.path).header("accept", "text/event-stream");
    call = call.key(who.key.as_deref()?);
    if let Some(person) = who.acts_for {
        call = call.header("waymark-actor", person);
    }
    let mut body = call.respond().await.into_body().into_data_stream();
    let mut text = String::new();
    while !text.lines().any(|line| line.strip_prefix("id:").is_some_and(|id| id.trim() == until.to_string()))
    {
        text.push_str(std::str::from_utf8(&body.next().await?.ok()?).ok()?);
    }
    Some(text)
}

/// Asks everything that reads of everybody, a line of the table each.
async fn read_all(world: &World, who: &[&TestCaller], head: u64) -> Vec<(String, Vec<(String, String)>)> {
    let mut faults = Vec::new();
    let mut asks = Vec::new();
    for (_, path, _) in served(world).await.iter().filter(|(method, ..)| *method == Method::GET) {
        asks.extend(reads(world, path));
    }
    for path in pages() {
        asks.extend(reads(world, &path));
    }
    let mut table = Vec::new();
    for ask in &asks {
        // A view that was counted is an event; some answers wait until the lists are as far as the log, and nothing folds here
        // by itself.
        world.bench.catch_up().await;
        let mut row = Vec::new();
        for who in who {
            if !ask.is_asked_by(who) {
                row.push(("-".to_owned(), String::new()));
                continue;
            }
            if ask.route.contains("/v1/exports/") {
                // Each download is an event, too.
                world.bench.catch_up().await;
            }
            let (status, text) = match ask.stream && who.key.is_some() && who.word != "alien" {
                true => (200, streamed(world, who, ask, head).await.unwrap_or_default()),
                false => {
                    let answer = ask.send(world, who).await;
                    faults.extend(misnamed_by(ask, &answer));
                    (answer.status.as_u16(), said(&answer))
                }
            };
            let shown = judged(world, who, ask, &text, &mut faults);
            row.push((
                format!("{status}{}", if shown.contains(|c: char| c != '-') { shown } else { String::new() }),
                text,
            ));
        }
        table.push((ask.route.clone(), row));
    }
    faultless(&faults);
    table
}

/// A text without the digits that follow a mark.
fn without_number(text: &str, mark: &str) -> String {
    let mut parts = text.split(mark);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + mark + part.trim_start_matches(|c: char| c.is_ascii_digit()))
}

/// A text without what says where in the log it was read: that grows with what others do.
fn without_positions(text: &str) -> String {
    let json =
        text.split_once("\n{").and_then(|(_, body)| serde_json::from_str::<Value>(&format!("{{{body}")).ok());
    let Some(mut json) = json else {
        let lines = text.lines().filter(|line| {
            !["waymark-position: ", "waymark-known-position: ", "trace-id: ", "content-length: "]
                .iter()
                .any(|name| line.starts_with(name))
        });
        let text = without_ids(&lines.collect::<Vec<_>>().join("\n"));
        // A board says from where on it follows what happens, and a step of a waterfall leads on by a cursor with positions.
        let text =
            ["data-position=\"", "live?after="].iter().fold(text, |text, mark| without_number(&text, mark));
        return without_cursors(&text);
    };
    without_growing(&mut json);
    json.to_string()
}

/// A page without the cursors in its links.
fn without_cursors(page: &str) -> String {
    let mut parts = page.split("cursor=");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let end = part.find(['"', '&']).unwrap_or(part.len());
        text + &part[end..]
    })
}

fn without_growing(json: &mut Value) {
    match json {
        Value::Object(object) => {
            let grows = [
                "position",
                "head",
                "next_after",
                "known_position",
                "known_then_position",
                "trace_id",
                "seed",
            ];
            // The cursors of a waterfall name positions, and a simulation of amounts is seeded by one.
            let follows = ["customers", "low", "high", "low_95", "high_95"];
            object.retain(|name, value| {
                !(grows.contains(&name.as_str()) || value.is_string() && follows.contains(&name.as_str()))
            });
            object.values_mut().for_each(without_growing);
        }
        Value::Array(values) => values.iter_mut().for_each(without_growing),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A page without ids: its forms have new ones each time.
fn without_ids(page: &str) -> String {
    let of_an_id = |c: char| c.is_ascii_hexdigit() || c == '-';
    let words = page.split_inclusive(|c| !of_an_id(c));
    let is_id = |word: &str| word.trim_end_matches(|c| !of_an_id(c)).len() == 36;
    words.filter(|word| !is_id(word)).collect()
}

#[tokio::test]
async fn every_answer_shows_everybody_what_they_may_see_and_no_more() {
    let mut world = World::new().await;
    for class in [Class::Own, Class::Team, Class::Pool] {
        world.seed(class).await;
    }
    world.bench.tick().await;
    let narrowed = |world: &World| -> Vec<usize> {
        (0..world.callers.len()).filter(|at| ["li", "zhou"].contains(&world.callers[*at].word)).collect()
    };
    // What looking at customers of a pool records, it records before it is compared.
    let told = async |world: &World| {
        let who: Vec<&TestCaller> = narrowed(world).into_iter().map(|at| &world.callers[at]).collect();
        let _ = read_all(world, &who, marked_end(world).await).await;
        world.bench.catch_up().await;
        read_all(world, &who, marked_end(world).await).await
    };
    let before = told(&world).await;
    for class in [Class::South, Class::Lake, Class::Alien] {
        world.seed(class).await;
    }
    world.bench.tick().await;
    let after = told(&world).await;
    let mut differing = Vec::new();
    for ((route, before), (_, after)) in before.iter().zip(&after) {
        // What is about the hidden ones was about nobody before; the feed, the rates and the measurements grew.
        let other = ["south", "lake", "alien", "stream", "rates", "metrics"];
        if other.iter().any(|word| route.contains(word))
            || ["GET /v1/events", "GET /v1/exports/{kind} events"].contains(&route.as_str())
        {
            continue;
        }
        for ((_, before), (_, after)) in before.iter().zip(after) {
            let (before, after) = (without_positions(before), without_positions(after));
            if before != after {
                differing.push(format!("{route} tells of another region:\n{before}\n{after}"));
            }
        }
    }

    faultless(&differing);

    world.seed(Class::Gone).await;
    world.merge_away().await;
    world.bench.tick().await;
    let everybody: Vec<&TestCaller> = world.callers.iter().collect();
    let table = read_all(&world, &everybody, marked_end(&world).await).await;
    let mut golden = format!("columns: {}\n", words(&world));
    let _ = writeln!(
        golden,
        "letters: {:?}; - nothing, b business, p personal, c contacts",
        CLASSES.map(Class::word)
    );
    for (route, row) in table {
        let row: Vec<String> = row.into_iter().map(|(shown, _)| shown).collect();
        let _ = writeln!(golden, "{route}\n    {}", row.join(" "));
    }
    insta::assert_snapshot!("who_is_shown_what", golden);
}

/// An entry of the log that everybody sees, at its end, with everything folded; its position.
async fn marked_end(world: &World) -> u64 {
    let admin = world.callers.iter().find(|who| who.word == "admin").and_then(|who| who.key.clone()).unwrap();
    let head = world.bench.get(&admin, "/v1/events?limit=1").await.json()["head"].clone();
    let rates =
        serde_json::json!({"date": "2026-03-01", "base": "CNY", "rates": {"USD": format!("7.{head}")}});
    let set = world.bench.post(&admin, "/v1/admin/rates", &rates).await;
    done(&set);
    world.bench.catch_up().await;
    set.json()["position"].as_u64().unwrap()
}

fn words(world: &World) -> String {
    world.callers.iter().map(|who| who.word).collect::<Vec<_>>().join(" | ")
}

#[tokio::test]
async fn every_command_is_open_to_whom_it_should_be_and_its_answer_tells_of_nobody_else() {
    let mut world = World::new().await;
    for class in CLASSES {
        world.seed(class).await;
    }
    world.merge_away().await;
    world.spare(100).await;
    let routes = served(&world).await;
    let (mut spares, mut faults) = ([1_usize; CLASSES.len()], Vec::new());
    let mut golden = format!("columns: {}\n", words(&world));
    for (method, path, example) in routes.iter().filter(|(method, ..)| *method != Method::GET) {
        if !path.starts_with("/v1/customers/{id}") {
            // Some commands wait until the lists are as far as the log, and nothing folds here by itself.
            world.bench.catch_up().await;
        }
        for (class, rest, body) in commands(method, path, example) {
            let mut row = Vec::new();
            for who in &world.callers {
                let asked = match class {
                    Some(class) => {
                        let of_class = world.of(class);
                        let id = of_class.get(spares[class as usize]).or(of_class.first());
                        format!("/v1/customers/{}{rest}", id.cloned().unwrap_or_default())
                    }
                    None => rest.clone(),
                };
                let route = format!("{method} {path} {}", class.map_or("", Class::word));
                let body = (!body.is_null()).then(|| match class {
                    Some(class) => paired(&world, class, &body, spares[class as usize]),
                    None => body.clone(),
                });
                let answered = AnswerKind::of(path);
                let ask = Ask { method: method.clone(), route, path: asked, body, stream: false, answered };
                let answer = ask.send(&world, who).await;
                faults.extend(misnamed_by(&ask, &answer));
                assert!(
                    answer.status.as_u16() < 500 || answer.status == 503,
                    "{} {}",
                    ask.route,
                    answer.text
                );
                judged(&world, who, &ask, &said(&answer), &mut faults);
                row.push(answer.status.as_str().to_owned());
                // What was done to one is not to stand in the next one's way.
                if let Some(class) = class.filter(|_| answer.status.is_success()) {
                    spares[class as usize] += 1;
                }
            }
            let class = class.map_or("", Class::word);
            let _ =
                writeln!(golden, "{}\n    {}", format!("{method} {path} {class}").trim_end(), row.join(" "));
        }
    }
    faultless(&faults);
    insta::assert_snapshot!("who_may_do_what", golden);
}

#[tokio::test]
async fn every_form_of_the_console_is_open_to_whom_it_should_be_and_its_answer_tells_of_nobody_else() {
    let mut world = World::new().await;
    for class in CLASSES {
        world.seed(class).await;
    }
    world.merge_away().await;
    world.spare(40).await;
    let (mut spares, mut faults) = ([1_usize; CLASSES.len()], Vec::new());
    let mut golden = format!("columns: {}\n", words(&world));
    for (path, fields) in forms() {
        let classes: Vec<Option<Class>> = match path.starts_with("/console/customers/{id}") {
            true => CLASSES.map(Some).into(),
            false => vec![None],
        };
        for class in classes {
            let mut row = Vec::new();
            for who in &world.callers {
                let id = class.map(|class| {
                    let of_class = world.of(class);
                    of_class.get(spares[class as usize]).or(of_class.first()).cloned().unwrap_or_default()
                });
                let asked = match path.as_str() {
                    "/console/settings/{section}/{act}" => "/console/settings/keys/create".to_owned(),
                    "/console/figures/{pipeline}/{tab}" => "/console/figures/landian-6/alerts".to_owned(),
                    path => filled(&id.map_or_else(|| path.to_owned(), |id| path.replace("{id}", &id))),
                };
                let route = format!("POST {path} {}", class.map_or("", Class::word));
                let ask = Ask {
                    method: Method::POST,
                    route,
                    path: asked,
                    body: Some(fields.clone()),
                    stream: false,
                    answered: AnswerKind::Page,
                };
                if !ask.is_asked_by(who) {
                    row.push("-".to_owned());
                    continue;
                }
                // A page that is shown again waits for nothing, and what it shows is what was there before.
                world.bench.catch_up().await;
                let answer = ask.send(&world, who).await;
                assert!(answer.status.as_u16() < 500, "{} {}", ask.route, answer.text);
                judged(&world, who, &ask, &said(&answer), &mut faults);
                row.push(answer.status.as_str().to_owned());
                if let Some(class) = class.filter(|_| answer.status == 303) {
                    spares[class as usize] += 1;
                }
            }
            let class = class.map_or("", Class::word);
            let _ = writeln!(golden, "{}\n    {}", format!("POST {path} {class}").trim_end(), row.join(" "));
        }
    }
    faultless(&faults);
    insta::assert_snapshot!("who_may_send_which_form", golden);
}

#[test]
fn the_consoles_pages_are_found() {
    assert!(pages().len() > 8, "{:?}", pages());
    assert_eq!(forms().len(), 14, "{:?}", forms());
}
