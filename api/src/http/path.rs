//! The variable parts of a path.

use std::collections::HashMap;

use axum::RequestPartsExt;
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use uuid::Uuid;

use super::strict::has_nul;
use crate::domain::Label;
use crate::problem::Problem;

/// The id in a path: `{id}`.
#[derive(Debug, Clone, Copy)]
pub struct Id(pub Uuid);

/// The key in a path: `{key}`, `{pipeline}` or `{name}`, whichever stands there.
#[derive(Debug, Clone)]
pub struct Key(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let (name, text) = variable(parts).await?;
        let hyphenated = text.len() == 36;
        Uuid::try_parse(&text).ok().filter(|_| hyphenated).map(Self).ok_or_else(|| {
            let expected = Label::new("应为带连字符的 UUID。", "Must be a UUID with hyphens.");
            Problem::malformed_path(&name, expected)
        })
    }
}

/// The key and the version in a path: `{key}` and `{version}`.
#[derive(Debug, Clone)]
pub struct KeyedVersion(pub String, pub u32);

impl<S: Send + Sync> FromRequestParts<S> for KeyedVersion {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut found = variables(parts).await?;
        let (key, version) =
            found.remove("key").zip(found.remove("version")).ok_or_else(Problem::no_such_path)?;
        let key = without_nul("key", key)?;
        let version = version.parse().map_err(|_| {
            let expected = Label::new("应为版本号，例如 2。", "Must be a version number, such as 2.");
            Problem::malformed_path("version", expected)
        })?;
        Ok(Self(key, version))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Key {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let (name, text) = variable(parts).await?;
        Ok(Self(without_nul(&name, text)?))
    }
}

fn without_nul(name: &str, text: String) -> Result<String, Problem> {
    if has_nul(&text) {
        let expected =
            Label::new("不能含有控制字符 U+0000。", "Must not contain the control character U+0000.");
        return Err(Problem::malformed_path(name, expected));
    }
    Ok(text)
}

/// The one variable of the path, decoded.
async fn variable(parts: &mut Parts) -> Result<(String, String), Problem> {
    variables(parts).await?.into_iter().next().ok_or_else(Problem::no_such_path)
}

/// The variables of the path, decoded, by name.
async fn variables(parts: &mut Parts) -> Result<HashMap<String, String>, Problem> {
    let parameters = parts.extract::<RawPathParams>().await.map_err(|_| not_utf8())?;
    Ok(parameters.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

fn not_utf8() -> Problem {
    let expected = Label::new("路径必须是百分号编码的 UTF-8。", "The path must be percent-encoded UTF-8.");
    Problem::malformed_path("path", expected)
}
