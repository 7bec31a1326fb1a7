//! Bytes to a JSON value, refusing what has no single meaning.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::path::Path;
use crate::domain::Label;
use crate::problem::{Problem, ProblemCode};

/// Why bytes are not a JSON document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// Where reading stopped, as a path.
    pub path: String,
    /// Line and column from 1, where the parser knows them.
    pub place: Option<(usize, usize)>,
    /// What is wrong, in English: the parser's own words.
    pub what: String,
}

impl From<Malformed> for Problem {
    fn from(Malformed { path, place, what }: Malformed) -> Self {
        let (zh, en) = place.map_or_else(Default::default, |(line, column)| {
            (format!("，第 {line} 行第 {column} 列"), format!(", line {line}, column {column}"))
        });
        let message = Label::new(
            format!("请求正文不是有效的 JSON（位置 {path}{zh}；{what}）。"),
            format!("The body is not valid JSON at {path}{en}: {what}."),
        );
        let fix = Label::new("请发送一个有效的 JSON 文档。", "Send one valid JSON document.");
        Self::of_field(ProblemCode::MalformedBody, &path, message, fix)
    }
}

/// Parses a document. A key given twice is refused, because programs differ on which of the two counts.
///
/// # Errors
/// [`Malformed`], with the path of the value that could not be read.
pub fn parse(bytes: &[u8]) -> Result<Value, Malformed> {
    let text = std::str::from_utf8(bytes).map_err(|error| Malformed {
        path: "$".to_owned(),
        place: None,
        what: format!("the text is not UTF-8 from byte {}", error.valid_up_to()),
    })?;
    let deepest = RefCell::new(String::from("$"));
    let mut parser = serde_json::Deserializer::from_str(text);
    Node { path: &Path::Root, failed_at: &deepest }
        .deserialize(&mut parser)
        .and_then(|value| parser.end().map(|()| value))
        .map_err(|error| Malformed {
            path: deepest.take(),
            place: (error.line() > 0).then(|| (error.line(), error.column())),
            what: without_place(&error),
        })
}

/// serde_json appends " at line 1 column 2", which stands in its own member of [`Malformed`].
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// One value of the document. `failed_at` keeps the innermost path at which an error arose.
struct Node<'p> {
    path: &'p Path<'p>,
    failed_at: &'p RefCell<String>,
}

impl Node<'_> {
    /// Reads a child; the innermost failing child is the first to come by here.
    fn child<T, E>(&self, path: &Path<'_>, read: impl FnOnce(Node<'_>) -> Result<T, E>) -> Result<T, E> {
        let result = read(Node { path, failed_at: self.failed_at });
        if result.is_err() {
            let mut failed_at = self.failed_at.borrow_mut();
            if *failed_at == "$" {
                *failed_at = path.to_string();
            }
        }
        result
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("the number is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        loop {
            let path = Path::Item(self.path, array.len());
            match self.child(&path, |node| items.next_element_seed(node))? {
                Some(value) => array.push(value),
                None => return Ok(Value::Array(array)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            let path = Path::Field(self.path, &key);
            let value = self.child(&path, |node| {
                if object.contains_key(&key) {
                    return Err(A::Error::custom("the key is given twice"));
                }
                members.next_value_seed(node)
            })?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::parse;

    #[test]
    fn a_document_is_read_as_it_stands() {
        let value = parse(br#"{"a":[1,-2,0.5,"x",null,true],"b":{}}"#).unwrap();
        assert_eq!(value, json!({"a": [1, -2, 0.5, "x", null, true], "b": {}}));
    }

    #[test]
    fn a_key_given_twice_is_refused_by_its_path() {
        let malformed = parse(br#"{"a":[{"b":1,"b":1}]}"#).unwrap_err();
        assert_eq!((malformed.path.as_str(), malformed.what.as_str()), ("a[0].b", "the key is given twice"));
    }

    #[test]
    fn a_syntax_error_names_line_column_and_path() {
        let malformed = parse(b"{\"a\":\n [1, oops]}").unwrap_err();
        assert_eq!(malformed.path, "a[1]");
        assert_eq!(malformed.place.map(|(line, _)| line), Some(2));
        assert!(!malformed.what.contains("line"), "{}", malformed.what);
    }

    #[test]
    fn text_after_the_document_is_refused() {
        assert!(parse(b"{} {}").is_err());
        assert!(parse(b"").is_err());
    }

    #[test]
    fn text_that_is_not_utf8_is_refused() {
        assert!(parse(b"{\"a\":\"\xff\"}").unwrap_err().what.contains("UTF-8"));
    }

    #[test]
    fn nesting_without_end_is_refused_without_harm() {
        let deep = "[".repeat(100_000);
        assert!(parse(deep.as_bytes()).unwrap_err().what.contains("recursion"));
    }
}
