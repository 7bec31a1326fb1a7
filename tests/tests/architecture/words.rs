//! The words of the house: the field's terms in code and documents, and texts for people in both languages, each in one.

use std::ffi::OsStr;
use std::path::Path;

use serde_json::Value;
use waymark_tests::repository;

use crate::{files_ending_in, read, sources, written_files};

/// Phrases of a private dialect, each with what to write instead. A phrase is matched as whole words, whatever its case.
const DIALECT: &[(&str, &str)] = &[
    ("an error of our own", "internal server error"),
    ("anew", "again, from scratch"),
    ("answers how many", "returns the number of"),
    ("came in again", "arrived again"),
    ("changed nothing", "left everything as it was"),
    ("by the thousand", "in batches of 1,000"),
    ("for ever", "permanently"),
    ("in the making", "accumulator"),
    ("is none of the words", "is not one of the allowed values"),
    ("is to be", "must be"),
    ("lawful", "valid"),
    ("log book", "server log"),
    ("more than nothing", "greater than 0"),
    ("none: well done", "nothing to do"),
    ("of our own fault", "internal error"),
    ("resting and gone", "dormant and lost"),
    ("rule stood back", "automation skipped"),
    ("so many", "N"),
    ("take back that", "withdraw"),
    ("tell who asks", "get the current caller"),
    ("that there is not", "unknown"),
    ("told apart", "distinguished, marked as not duplicates"),
    ("told of", "hears of, receives, is reported"),
    ("too much at once", "server busy"),
    ("way to the server", "round trip"),
    ("ways to the server", "round trips"),
    ("what became of", "outcome"),
    ("what has become of", "outcome, state"),
    ("what stands beside", "side tables"),
    ("which there is not", "unknown"),
    ("who asks", "the caller"),
    ("whoever", "the caller, anyone who"),
    ("是已作废", "已作废"),
    ("从这里不能到", "不可变更到"),
    ("管道", "销售流程"),
    ("还在的比例", "留存曲线"),
];

/// Endings of files that people read.
const READ: [&str; 13] =
    ["rs", "md", "sql", "toml", "py", "ts", "css", "json", "js", "sh", "yaml", "service", "env"];

/// Files without an ending that people read.
const READ_BY_NAME: [&str; 2] = ["Dockerfile", "run"];

/// The tables of texts, a line each: a key, the Chinese, the English.
const TABLES: [&str; 3] =
    ["api/src/problem/catalog.rs", "domain/src/refusal/code.rs", "api/src/console/vocabulary.rs"];

/// A run of so many Latin words is a sentence, and no name.
const SENTENCE: usize = 4;

#[test]
fn code_and_documents_speak_the_language_of_the_field() {
    let mut found = Vec::new();
    for path in written_files() {
        let is_one_of = |part: Option<&OsStr>, words: &[&str]| {
            part.and_then(OsStr::to_str).is_some_and(|part| words.contains(&part))
        };
        let is_read = is_one_of(path.extension(), &READ) || is_one_of(path.file_name(), &READ_BY_NAME);
        if !is_read || is_exempt(&path) {
            continue;
        }
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        for (number, line) in text.lines().enumerate() {
            for (phrase, instead) in dialect(line) {
                found.push(format!("{}:{}: {phrase:?}: write {instead}", path.display(), number + 1));
            }
        }
    }
    assert!(found.is_empty(), "{} phrases\n{}", found.len(), found.join("\n"));
}

#[test]
fn every_text_for_people_is_in_both_languages_and_each_in_one() {
    let mut found = Vec::new();
    for (path, text) in sources().into_iter().filter(|(path, _)| !is_of_tests(path)) {
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        // What the people of the demo write is theirs, in whatever language.
        if path.iter().any(|part| part == "demo") {
            continue;
        }
        found.extend(faulty_pairs(code).into_iter().map(|fault| format!("{}: {fault}", path.display())));
        let mixed = literals(code).into_iter().filter(|literal| is_mixed(literal));
        found
            .extend(mixed.map(|literal| format!("{}: two languages in one text: {literal}", path.display())));
    }
    for (path, text) in files_ending_in("json") {
        let Ok(json) = serde_json::from_str::<Value>(&text) else { continue };
        found.extend(faulty_names(&json).into_iter().map(|fault| format!("{}: {fault}", path.display())));
    }
    assert!(found.is_empty(), "{} texts\n{}", found.len(), found.join("\n"));
}

#[test]
fn every_row_of_the_tables_of_texts_has_both_languages() {
    for table in TABLES {
        let text = read(&repository().join(table));
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let rows: Vec<[String; 3]> = code.lines().filter_map(row).collect();
        assert!(rows.len() > 30, "{table}: where are the rows?");
        let faulty: Vec<_> = rows.iter().filter(|row| is_faulty_row(row)).collect();
        assert!(faulty.is_empty(), "{table}: {faulty:?}");
    }
}

#[test]
fn the_api_is_described_in_english() {
    let snapshot = repository().join("api/src/http/snapshots/waymark_api__http__tests__openapi.snap");
    let text = read(&snapshot);
    let document = text.splitn(3, "---\n").nth(2).expect("a snapshot has a head and a body");
    let document: Value = serde_json::from_str(document).expect("the document is JSON");
    let mut described = Vec::new();
    descriptions(&document, &mut described);
    assert!(described.len() > 500, "where are the descriptions?");
    for text in described {
        assert!(!text.chars().any(is_han), "{text}");
    }
}

#[test]
fn planted_faults_are_found() {
    assert_eq!(dialect("/// Folds it Anew, for  ever.").len(), 1, "whole words, one blank between them");
    assert_eq!(dialect("let renewed_id = renewed(\"anew\");").len(), 1, "no part of a longer word");
    assert_eq!(dialect("fn kept_for_ever_by_whoever_looks() {").len(), 2, "names are words, too");
    assert!(faulty_pairs(r#"Label::new("请改正。", "Correct it.")"#).is_empty());
    assert!(faulty_pairs(r#"Label::new(format!("没有 {id}。"), format!("There is no {id}."))"#).is_empty());
    for pair in [
        r#"Label::new("Correct it.", "Correct it.")"#,
        r#"Label::new("请改正。", "请改正。")"#,
        r#"Label::new("", "Correct it.")"#,
        r#"Label::new("请改正。", "")"#,
        r#"locale.text("请改正。", "Correct it，now.")"#,
        "Label::new(\"请改正。\", \"Correct \\\n it，now.\")",
    ] {
        assert_eq!(faulty_pairs(pair).len(), 1, "{pair}");
    }
    assert!(is_mixed("该值不正确：expected a string, found a number"));
    assert!(!is_mixed("请发送 Authorization: Bearer <API 密钥或 JWT>。"));
    let is_faulty = |line: &str| is_faulty_row(&row(line).unwrap());
    assert!(!is_faulty(r#"    Merged "merged" Conflict "客户已合并" "The customer has been merged""#));
    assert!(!is_faulty(r#"    ("url", "URL", "URL"),"#));
    for line in [
        r#"    ("url", "", "Address"),"#,
        r#"    ("url", "Address", "地址"),"#,
        r#"    ("url", "地址", "地址"),"#,
        r#"    ("url", "地址", ""),"#,
    ] {
        assert!(is_faulty(line), "{line}");
    }
    assert_eq!(faulty_names(&serde_json::json!({"stages": [{"name": {"zh": "报价", "en": ""}}]})).len(), 1);
}

fn is_exempt(path: &Path) -> bool {
    path.ends_with("tests/tests/architecture/words.rs") || path.ends_with("Cargo.lock")
}

fn is_of_tests(path: &Path) -> bool {
    path.iter().any(|part| part == "tests") || path.ends_with("tests.rs")
}

/// A line of a table of texts: its key, the Chinese and the English.
fn row(line: &str) -> Option<[String; 3]> {
    let row: [String; 3] = literals(line).try_into().ok()?;
    let is_key = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || b"._-".contains(&byte));
    is_key(&row[0]).then_some(row)
}

/// Whether a language is missing, or in the other's place. What is the same in both is a name.
fn is_faulty_row([_, zh, en]: &[String; 3]) -> bool {
    let is_name = zh == en && has_letters(zh) && !zh.chars().any(is_han);
    !is_name && (!zh.chars().any(is_han) || !has_letters(en) || en.chars().any(is_han))
}

/// The phrases of the dialect in a line. A name in code is the words that it is made of.
fn dialect(line: &str) -> Vec<(&'static str, &'static str)> {
    let line = line.to_lowercase().replace('_', " ");
    let found = DIALECT.iter().filter(|(phrase, _)| {
        line.match_indices(phrase).any(|(start, _)| {
            // The code of a refusal is the contract's.
            let is_part = |sign: char| sign.is_ascii_alphanumeric() || sign == '-';
            let before = line[..start].chars().next_back().is_some_and(is_part);
            let after = line[start + phrase.len()..].chars().next().is_some_and(is_part);
            !before && !after
        })
    });
    found.copied().collect()
}

fn is_han(sign: char) -> bool {
    matches!(sign, '\u{3000}'..='\u{303f}' | '\u{3400}'..='\u{9fff}' | '\u{ff00}'..='\u{ffef}')
}

fn has_letters(text: &str) -> bool {
    text.chars().any(char::is_alphabetic)
}

/// Whether it is a name for programs, such as that of a column.
fn is_key(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// Whether a Chinese text has an English sentence in it.
fn is_mixed(text: &str) -> bool {
    if !text.chars().any(is_han) {
        return false;
    }
    let is_word = |word: &str| {
        word.len() > 1 && word.trim_end_matches(',').bytes().all(|byte| byte.is_ascii_lowercase())
            || word == "a"
    };
    let mut run = 0;
    text.split([' ', '\n']).any(|word| {
        run = if is_word(word.trim_matches(is_han)) { run + 1 } else { 0 };
        run >= SENTENCE
    })
}

/// What is wrong with the pairs of texts in code: `Label::new(zh, en)` and the console's `text(zh, en)`.
fn faulty_pairs(code: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for opening in ["Label::new(", ".text("] {
        for (start, _) in code.match_indices(opening) {
            let Some([zh, en]) = arguments(&code[start + opening.len()..]) else { continue };
            let (zh, en) = (quoted(zh), quoted(en));
            if zh.is_empty() || en.is_empty() {
                continue;
            }
            let (zh, en) = (zh.concat(), en.concat());
            if zh == en && !has_letters(&zh) || is_key(&zh) && is_key(&en) {
                continue;
            }
            let fault = match (without_blanks(&zh), without_blanks(&en)) {
                (zh, en) if !has_letters(&zh) && has_letters(&en) => "the Chinese is missing",
                (zh, en) if has_letters(&zh) && !has_letters(&en) => "the English is missing",
                (zh, en) if zh != en && has_letters(&zh) && !zh.chars().any(is_han) => {
                    "the Chinese is not Chinese"
                }
                (_, en) if en.chars().any(is_han) => "the English is not English",
                (zh, en) if zh == en && zh.split(' ').count() >= SENTENCE / 2 => "both are the same",
                _ => continue,
            };
            faults.push(format!("{fault}: {zh:?}, {en:?}"));
        }
    }
    faults
}

/// A text without what is filled in.
fn without_blanks(text: &str) -> String {
    let mut depth = 0_u32;
    let kept = text.chars().filter(|sign| {
        depth += u32::from(*sign == '{');
        let is_kept = depth == 0;
        depth -= u32::from(*sign == '}' && depth > 0);
        is_kept
    });
    kept.collect()
}

/// The two arguments of a call, from behind its opening parenthesis on; nothing where there are not two.
fn arguments(code: &str) -> Option<[&str; 2]> {
    let (mut depth, mut quoted, mut escaped, mut parts, mut start) = (0_u32, false, false, Vec::new(), 0);
    for (place, sign) in code.char_indices() {
        match sign {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => {
                parts.push(code[start..place].trim());
                break;
            }
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(code[start..place].trim());
                start = place + 1;
            }
            _ => {}
        }
    }
    parts.retain(|part| !part.is_empty());
    parts.try_into().ok()
}

/// The texts between quotes in code, comments aside. Those over several lines are taken by the line.
fn literals(code: &str) -> Vec<String> {
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.flat_map(quoted).collect()
}

/// The texts between quotes in a piece of code that has no comments.
fn quoted(code: &str) -> Vec<String> {
    let (mut found, mut open, mut escaped) = (Vec::new(), None::<String>, false);
    for sign in code.chars() {
        match &mut open {
            Some(text) if escaped || sign == '\\' => {
                if escaped {
                    text.push(sign);
                }
                escaped = !escaped;
            }
            Some(_) if sign == '"' => found.extend(open.take()),
            Some(text) => text.push(sign),
            None if sign == '"' => open = Some(String::new()),
            None => {}
        }
    }
    found.extend(open);
    found
}

/// Names in both languages in a definition of which one is missing or both are the wrong way round.
fn faulty_names(json: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    match json {
        Value::Object(members) => {
            if let (Some(Value::String(zh)), Some(Value::String(en))) = (members.get("zh"), members.get("en"))
                && (!zh.chars().any(is_han) || !has_letters(en) || en.chars().any(is_han))
                && zh != en
            {
                faults.push(format!("{zh:?}, {en:?}"));
            }
            faults.extend(members.values().flat_map(faulty_names));
        }
        Value::Array(items) => faults.extend(items.iter().flat_map(faulty_names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    faults
}

/// Every summary and description of an OpenAPI document.
fn descriptions<'a>(document: &'a Value, found: &mut Vec<&'a str>) {
    match document {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if ["summary", "description"].contains(&name.as_str()) => {
                        found.push(text);
                    }
                    member => descriptions(member, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| descriptions(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
