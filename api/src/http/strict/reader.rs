//! A JSON value to a typed one, naming every unknown field and the field that is missing or wrong.

use std::cell::RefCell;
use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, Expected,
    IntoDeserializer, MapAccess, SeqAccess, Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::Value;

use super::amended::{Amendments, Gap};
use super::fault::{Fault, FaultKind, Faults, Mistyped, Source};
use super::path::Path;
use crate::domain::Label;

/// Reads a value of type `T`.
///
/// # Errors
/// All unknown fields, then all that are missing or invalid, up to a few dozen.
pub fn read<T: DeserializeOwned>(value: &Value, source: Source) -> Result<T, Faults> {
    let (result, unknown) = attempt(value, source, &Amendments::default());
    match result {
        Ok(value) if unknown.is_empty() => Ok(value),
        Ok(_) => Err(Faults { source, all: unknown }),
        Err(first) => Err(Faults { source, all: all_faults::<T>(value, source, first, unknown) }),
    }
}

/// Reads a value as far as the first fault, with the unknown fields up to there.
fn attempt<'de, T: Deserialize<'de>>(
    value: &'de Value,
    source: Source,
    amended: &'de Amendments,
) -> (Result<T, Fault>, Vec<Fault>) {
    let unknown = RefCell::new(Vec::new());
    let result = T::deserialize(Reader { value, path: &Path::Root, source, unknown: &unknown, amended });
    let unknown = unknown.into_inner().into_iter();
    let result = result.map_err(|error| error.located(&Path::Root).into_fault());
    (result, unknown.map(|field| Fault { field, kind: FaultKind::Unknown }).collect())
}

/// The faults that follow a first one, each found by reading without those before it; unknown fields come before the others.
/// A missing field after which nothing can stand in ends the search.
fn all_faults<T: DeserializeOwned>(
    value: &Value,
    source: Source,
    first: Fault,
    mut unknown: Vec<Fault>,
) -> Vec<Fault> {
    let (mut faults, mut amended) = (Vec::new(), Amendments::default());
    let (mut next, mut gap): (_, Option<Gap>) = (Some(first), None);
    while let Some(fault) = next.take().filter(|_| faults.len() < MOST_FAULTS) {
        let goes_on = match &mut gap {
            Some(gap) if gap.holds(&fault.field) => gap.fill(&mut amended, &fault.kind),
            _ if fault.kind == FaultKind::Missing => {
                // One that is left out because it is wrong is missing then, and was reported.
                if !faults.iter().any(|known: &Fault| known.field == fault.field) {
                    faults.push(fault.clone());
                }
                gap.insert(Gap::of(&fault.field)).fill(&mut amended, &fault.kind)
            }
            _ => {
                gap = None;
                let goes_on = amended.leave_out(&fault.field);
                faults.push(fault);
                goes_on
            }
        };
        if goes_on {
            let (result, seen) = attempt::<T>(value, source, &amended);
            unknown.extend(seen.into_iter().filter(|fault| !unknown.contains(fault)).collect::<Vec<_>>());
            next = result.err();
        }
    }
    unknown.extend(faults);
    unknown
}

/// How many faults beside unknown fields are reported at once, at most.
const MOST_FAULTS: usize = 32;

/// Whether a text holds U+0000.
#[must_use]
pub fn has_nul(text: &str) -> bool {
    text.contains('\0')
}

/// A fault on its way up from where it arose; the first place that it passes is the innermost.
#[derive(Debug)]
struct ReadError {
    at: Option<String>,
    kind: FaultKind,
    /// The missing member of the object at `at`.
    member: Option<&'static str>,
}

impl ReadError {
    fn of(kind: FaultKind) -> Self {
        Self { at: None, kind, member: None }
    }

    fn located(mut self, path: &Path<'_>) -> Self {
        self.at.get_or_insert_with(|| path.to_string());
        self
    }

    fn into_fault(self) -> Fault {
        let at = self.at.unwrap_or_else(|| Path::Root.to_string());
        let field = match self.member {
            None => at,
            Some(member) if at == "$" => member.to_owned(),
            Some(member) => format!("{at}.{member}"),
        };
        Fault { field, kind: self.kind }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.kind)
    }
}

impl std::error::Error for ReadError {}

impl Error for ReadError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::of(FaultKind::Invalid(message.to_string()))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::of(FaultKind::Mistyped(Box::new(Mistyped {
            expected: must_be(&expected.to_string()),
            found: is(found),
        })))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::of(FaultKind::NotOneOf(expected))
    }

    fn missing_field(member: &'static str) -> Self {
        Self { at: None, kind: FaultKind::Missing, member: Some(member) }
    }
}

/// What a value must be, in place of the deserializer's name for the type.
fn must_be(expected: &str) -> Label {
    match expected {
        "u8" => Label::new("0 至 255 的整数", "a whole number from 0 to 255"),
        "u16" => Label::new("0 至 65535 的整数", "a whole number from 0 to 65535"),
        "u32" => Label::new("0 至 4294967295 的整数", "a whole number from 0 to 4294967295"),
        "u64" | "usize" => Label::new("非负整数", "a whole number that is not negative"),
        "i8" | "i16" | "i32" | "i64" | "isize" => Label::new("整数", "a whole number"),
        "f32" | "f64" => Label::new("数字", "a number"),
        "bool" | "a boolean" => Label::new("true 或 false", "true or false"),
        "a string" | "a character" | "a word" => Label::new("文字", "a text"),
        "a map" => Label::new("对象", "an object"),
        "a sequence" => Label::new("数组", "an array"),
        "a formatted date string" => Label::new("日期，例如 2026-11-29", "a date such as 2026-11-29"),
        structure if structure.starts_with("struct ") => Label::new("对象", "an object"),
        uuid if uuid.contains("UUID") => Label::same("UUID"),
        other => Label::same(other),
    }
}

fn is(found: Unexpected<'_>) -> Label {
    match found {
        Unexpected::Bool(value) => Label::same(value.to_string()),
        Unexpected::Unsigned(number) => Label::same(number.to_string()),
        Unexpected::Signed(number) => Label::same(number.to_string()),
        Unexpected::Float(number) => Label::same(number.to_string()),
        Unexpected::Other("a number") => Label::new("数字", "a number"),
        Unexpected::Str("") => Label::new("空文字", "an empty text"),
        Unexpected::Str(_) | Unexpected::Char(_) => Label::new("文字", "a text"),
        Unexpected::Seq => Label::new("数组", "an array"),
        Unexpected::Map => Label::new("对象", "an object"),
        Unexpected::Unit | Unexpected::Option => Label::same("null"),
        other => Label::same(other.to_string()),
    }
}

/// One value with its place.
struct Reader<'de, 'p> {
    value: &'de Value,
    path: &'p Path<'p>,
    source: Source,
    unknown: &'p RefCell<Vec<String>>,
    amended: &'de Amendments,
}

impl<'de> Reader<'de, '_> {
    fn wrong(&self, expected: &dyn Expected) -> ReadError {
        let found = match self.value {
            Value::Null => Unexpected::Other("null"),
            Value::Bool(value) => Unexpected::Bool(*value),
            Value::Number(_) => Unexpected::Other("a number"),
            Value::String(text) => Unexpected::Str(text),
            Value::Array(_) => Unexpected::Seq,
            Value::Object(_) => Unexpected::Map,
        };
        ReadError::invalid_type(found, expected).located(self.path)
    }

    fn text(&self) -> Option<&'de str> {
        self.value.as_str()
    }

    /// Reads a number or a truth value: in a query string it is the text of one.
    fn scalar<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let parsed;
        let value = match (self.source, self.text()) {
            (Source::Query, Some(text)) => {
                parsed = serde_json::from_str::<Value>(text).ok();
                match &parsed {
                    Some(value @ (Value::Number(_) | Value::Bool(_))) => value,
                    _ => return Err(self.wrong(&visitor)),
                }
            }
            _ => self.value,
        };
        match value {
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(value), _, _) => visitor.visit_u64(value),
                (_, Some(value), _) => visitor.visit_i64(value),
                (_, _, Some(value)) => visitor.visit_f64(value),
                (None, None, None) => Err(self.wrong(&visitor)),
            },
            _ => Err(self.wrong(&visitor)),
        }
        .map_err(|error: ReadError| error.located(self.path))
    }
}

macro_rules! scalars {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
            self.scalar(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Reader<'de, '_> {
    type Error = ReadError;

    scalars! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8
        deserialize_u16 deserialize_u32 deserialize_u64 deserialize_f32 deserialize_f64
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let path = self.path;
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(_) | Value::Number(_) => self.scalar(visitor),
            Value::String(text) if has_nul(text) => Err(ReadError::of(FaultKind::Nul)),
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(items) => visitor.visit_seq(Items { items: items.iter().enumerate(), of: self }),
            Value::Object(members) => {
                let added = self.amended.members_of(path).iter();
                visitor.visit_map(Members { members: members.iter(), added, value: None, of: self })
            }
        }
        .map_err(|error| error.located(path))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match self.text() {
            Some(word) => visitor.visit_enum(Word(word)).map_err(|error| error.located(self.path)),
            None => Err(self.wrong(&"a word")),
        }
    }

    /// An object: a struct that could be read from an array as well would have two spellings.
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        if self.value.is_object() { self.deserialize_any(visitor) } else { Err(self.wrong(&visitor)) }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.deserialize_map(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.unknown.borrow_mut().push(self.path.to_string());
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct identifier
    }
}

/// A word that names a variant without content.
struct Word<'de>(&'de str);

impl<'de> EnumAccess<'de> for Word<'de> {
    type Error = ReadError;
    type Variant = Unit;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Unit), ReadError> {
        let word: StrDeserializer<'de, ReadError> = self.0.into_deserializer();
        Ok((seed.deserialize(word)?, Unit))
    }
}

/// The content of such a variant: none.
struct Unit;

impl<'de> serde::de::VariantAccess<'de> for Unit {
    type Error = ReadError;

    fn unit_variant(self) -> Result<(), ReadError> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, _: S) -> Result<S::Value, ReadError> {
        Err(ReadError::custom("a word alone does not say enough"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, ReadError> {
        Err(ReadError::invalid_type(Unexpected::UnitVariant, &visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        Err(ReadError::invalid_type(Unexpected::UnitVariant, &visitor))
    }
}

/// The elements of an array.
struct Items<'de, 'p> {
    items: std::iter::Enumerate<std::slice::Iter<'de, Value>>,
    of: Reader<'de, 'p>,
}

impl<'de> SeqAccess<'de> for Items<'de, '_> {
    type Error = ReadError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, ReadError> {
        let of = &self.of;
        let is_read = |(index, _): &(usize, _)| !of.amended.leaves_out(&Path::Item(of.path, *index));
        let Some((index, value)) = self.items.find(is_read) else { return Ok(None) };
        let path = Path::Item(of.path, index);
        let Reader { source, unknown, amended, .. } = *of;
        let reader = Reader { value, path: &path, source, unknown, amended };
        seed.deserialize(reader).map(Some).map_err(|error| error.located(&path))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

/// The members of an object.
struct Members<'de, 'p> {
    members: serde_json::map::Iter<'de>,
    added: std::slice::Iter<'de, (String, Value)>,
    value: Option<(&'de str, &'de Value)>,
    of: Reader<'de, 'p>,
}

impl<'de> MapAccess<'de> for Members<'de, '_> {
    type Error = ReadError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, ReadError> {
        let of = &self.of;
        let is_read = |(name, _): &(&String, _)| !of.amended.leaves_out(&Path::Field(of.path, name));
        let read =
            self.members.find(is_read).or_else(|| self.added.next().map(|(name, value)| (name, value)));
        let Some((name, value)) = read else { return Ok(None) };
        self.value = Some((name, value));
        if has_nul(name) {
            return Err(ReadError::of(FaultKind::Nul).located(&Path::Field(self.of.path, name)));
        }
        let key: StrDeserializer<'_, ReadError> = name.as_str().into_deserializer();
        seed.deserialize(key).map(Some).map_err(|error| error.located(&Path::Field(self.of.path, name)))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, ReadError> {
        let Some((name, value)) = self.value.take() else {
            return Err(ReadError::custom("a value was asked for before its name"));
        };
        let path = Path::Field(self.of.path, name);
        let Reader { source, unknown, amended, .. } = self.of;
        let reader = Reader { value, path: &path, source, unknown, amended };
        seed.deserialize(reader).map_err(|error| error.located(&path))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::{Fault, FaultKind, Label, Source, read};

    #[derive(Debug, Deserialize, PartialEq)]
    struct Contact {
        kind: Kind,
        value: String,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        Phone,
        Email,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Sample {
        name: Option<String>,
        #[serde(default)]
        contacts: Vec<Contact>,
        #[serde(default)]
        size: u32,
        #[serde(default)]
        any: serde_json::Value,
    }

    fn fault(field: &str, kind: FaultKind) -> Fault {
        Fault { field: field.to_owned(), kind }
    }

    #[test]
    fn all_unknown_fields_are_named_at_once_with_what_is_missing() {
        let faults = read::<Sample>(
            &json!({"nmae": "x", "contacts": [{"kind": "phone", "vaule": "1"}], "colour": "red"}),
            Source::Body,
        )
        .unwrap_err()
        .all;
        assert_eq!(
            faults,
            [
                fault("colour", FaultKind::Unknown),
                fault("contacts[0].vaule", FaultKind::Unknown),
                fault("nmae", FaultKind::Unknown),
                fault("contacts[0].value", FaultKind::Missing),
            ]
            .to_vec()
        );
    }

    #[test]
    fn a_wrong_word_names_the_words_that_are_right() {
        let faults = read::<Sample>(&json!({"contacts": [{"kind": "fax", "value": "1"}]}), Source::Body)
            .unwrap_err()
            .all;
        assert_eq!(faults, [fault("contacts[0].kind", FaultKind::NotOneOf(&["phone", "email"]))]);
    }

    #[test]
    fn a_wrong_type_names_the_field() {
        for value in [json!("5"), json!(-1), json!(1.5), json!(4_294_967_296_u64), json!([]), json!(null)] {
            let faults = read::<Sample>(&json!({"size": value}), Source::Body).unwrap_err().all;
            assert_eq!(faults[0].field, "size", "{faults:?}");
            let FaultKind::Mistyped(mistyped) = &faults[0].kind else { panic!("{faults:?}") };
            assert_eq!(mistyped.expected.en, "a whole number from 0 to 4294967295");
        }
    }

    #[test]
    fn everything_that_is_wrong_is_reported_at_once() {
        #[derive(Debug, Deserialize)]
        struct Whole {
            #[expect(dead_code, reason = "read alone")]
            sample: Sample,
            #[expect(dead_code, reason = "read alone")]
            kind: Kind,
            #[expect(dead_code, reason = "read alone")]
            many: Vec<u32>,
            #[expect(dead_code, reason = "read alone")]
            id: uuid::Uuid,
        }
        let contacts =
            json!([{"kind": "fax", "value": 7}, {"kind": "phone", "value": "1"}, 5, {"value": 1, "x": 1}]);
        let document = json!({"sample": {"contacts": contacts, "name": 1, "size": "5"}, "many": [1, "2", 3, null], "y": 1});
        let faults = read::<Whole>(&document, Source::Body).unwrap_err().all;
        let told: Vec<&str> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(
            told,
            [
                "sample.contacts[3].x",
                "y",
                "many[1]",
                "many[3]",
                "sample.contacts[0].kind",
                "sample.contacts[0].value",
                "sample.contacts[2]",
                "sample.contacts[3].value",
                "sample.contacts[3].kind",
                "sample.name",
                "sample.size",
                "kind",
                "id",
            ],
            "{faults:?}"
        );
    }

    #[test]
    fn a_document_full_of_faults_is_answered_with_a_few_dozen_of_them() {
        let contacts: Vec<_> = (0..1_000).collect();
        let faults = read::<Sample>(&json!({"contacts": contacts}), Source::Body).unwrap_err().all;
        assert_eq!(faults.len(), super::MOST_FAULTS);
    }

    #[test]
    fn what_must_be_and_what_is_are_said_in_both_languages_and_without_the_names_of_our_types() {
        let faults = read::<Sample>(&json!({"contacts": "one"}), Source::Body).unwrap_err().all;
        let FaultKind::Mistyped(mistyped) = &faults[0].kind else { panic!("{faults:?}") };
        assert_eq!(
            (&mistyped.expected, &mistyped.found),
            (&Label::new("数组", "an array"), &Label::new("文字", "a text"))
        );
        let faults = read::<Sample>(&json!({"contacts": [7]}), Source::Body).unwrap_err().all;
        let FaultKind::Mistyped(mistyped) = &faults[0].kind else { panic!("{faults:?}") };
        assert_eq!(
            (&mistyped.expected, &mistyped.found),
            (&Label::new("对象", "an object"), &Label::new("数字", "a number"))
        );
    }

    #[test]
    fn free_content_is_read_as_it_stands() {
        let free = json!({"a": [1, {"b": null}]});
        let sample: Sample = read(&json!({"any": free}), Source::Body).unwrap();
        assert_eq!(sample.any, free);
    }

    #[test]
    fn a_text_with_u_0000_is_refused_wherever_it_stands() {
        for (field, value) in [
            ("name", json!({"name": "a\u{0}b"})),
            ("contacts[0].value", json!({"contacts": [{"kind": "phone", "value": "\u{0}"}]})),
            ("any.deep[0]", json!({"any": {"deep": ["\u{0}"]}})),
            ("any.\u{0}", json!({"any": {"\u{0}": 1}})),
        ] {
            for source in [Source::Body, Source::Query] {
                assert_eq!(
                    read::<Sample>(&value, source).unwrap_err().all,
                    [fault(field, FaultKind::Nul)],
                    "{value}"
                );
            }
        }
    }

    #[test]
    fn a_query_string_holds_numbers_as_text() {
        assert_eq!(read::<Sample>(&json!({"size": "7"}), Source::Query).unwrap().size, 7);
        let faults = read::<Sample>(&json!({"size": "seven"}), Source::Query).unwrap_err().all;
        assert_eq!(faults[0].field, "size");
    }

    #[test]
    fn a_document_of_another_shape_is_refused_as_a_whole() {
        for value in [json!([]), json!("x"), json!(null), json!(1)] {
            assert_eq!(read::<Sample>(&value, Source::Body).unwrap_err().all[0].field, "$");
        }
    }
}
