//! Content negotiation: `Accept-Language` (RFC 9110, section 12.5.4) between Chinese and English.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use crate::domain::Language;

/// The language that this request must be answered in.
#[derive(Debug, Clone, Copy)]
pub struct RequestedLanguage(pub Language);

impl<S: Send + Sync> FromRequestParts<S> for RequestedLanguage {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(negotiate(&parts.headers)))
    }
}

/// The language for these headers. English where nothing else is asked for.
#[must_use]
pub fn negotiate(headers: &HeaderMap) -> Language {
    let lines = headers.get_all(header::ACCEPT_LANGUAGE).iter().filter_map(|line| line.to_str().ok());
    let ranges: Vec<(String, u16)> = lines.flat_map(|line| line.split(',')).filter_map(range).collect();
    let chinese = quality(&ranges, "zh");
    let english = quality(&ranges, "en");
    match chinese.cmp(&english) {
        std::cmp::Ordering::Greater => Language::Zh,
        std::cmp::Ordering::Less => Language::En,
        std::cmp::Ordering::Equal => first_named(&ranges),
    }
}

/// Of two languages wanted alike, the one named first.
fn first_named(ranges: &[(String, u16)]) -> Language {
    let named = ranges.iter().filter(|(_, quality)| *quality > 0).find_map(|(name, _)| match primary(name) {
        "zh" => Some(Language::Zh),
        "en" => Some(Language::En),
        _ => None,
    });
    named.unwrap_or_default()
}

/// How much a language is wanted, in thousandths: its own best range, else `*`, else not at all.
fn quality(ranges: &[(String, u16)], language: &str) -> u16 {
    let own = ranges.iter().filter(|(name, _)| primary(name) == language).map(|(_, quality)| *quality).max();
    let any = ranges.iter().find(|(name, _)| name == "*").map(|(_, quality)| *quality);
    own.or(any).unwrap_or(0)
}

fn primary(name: &str) -> &str {
    name.split('-').next().unwrap_or(name)
}

/// One range with its weight: `zh-CN;q=0.8`. A weight that cannot be read drops the range.
fn range(text: &str) -> Option<(String, u16)> {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?.to_ascii_lowercase();
    let weight = match parts.next() {
        None => 1.0,
        Some(parameter) => {
            parameter.strip_prefix("q=").or(parameter.strip_prefix("Q="))?.trim().parse().ok()?
        }
    };
    if !(0.0..=1.0).contains(&weight) {
        return None;
    }
    // Within 0 to 1000, so the conversion loses nothing but digits past the third.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range was checked above"
    )]
    let thousandths = (weight * 1000.0_f64) as u16;
    Some((name, thousandths))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};

    use super::negotiate;
    use crate::domain::Language::{self, En, Zh};

    fn language(accept: &str) -> Language {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_str(accept).unwrap());
        negotiate(&headers)
    }

    #[test]
    fn english_is_spoken_when_nothing_is_asked_for() {
        assert_eq!(negotiate(&HeaderMap::new()), En);
        for accept in ["", "*", "fr", "fr;q=0.9, de", "*;q=0", ",;,", "zh;q=x", "zh;q=2"] {
            assert_eq!(language(accept), En, "{accept}");
        }
    }

    #[test]
    fn the_language_with_the_greater_weight_wins() {
        assert_eq!(language("zh-CN,zh;q=0.9,en;q=0.8"), Zh);
        assert_eq!(language("zh;q=0.1, en;q=0.2"), En);
        assert_eq!(language("en-US,en;q=0.5,zh;q=0.6"), En);
        assert_eq!(language("en;q=0, *"), Zh);
    }

    #[test]
    fn of_two_languages_wanted_alike_the_first_wins() {
        assert_eq!(language("zh, en"), Zh);
        assert_eq!(language("en, zh"), En);
    }
}
