//! A text in both languages of the product.

use serde::{Deserialize, Serialize};

/// The same text in Chinese and in English.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// 中文.
    pub zh: String,
    /// English.
    pub en: String,
}

/// A language that people are answered in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// 中文.
    Zh,
    /// English.
    #[default]
    En,
}

impl Language {
    /// Its tag (BCP 47).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Zh => "zh",
            Self::En => "en",
        }
    }

    /// The language of a tag.
    pub fn parse(tag: &str) -> Option<Self> {
        [Self::Zh, Self::En].into_iter().find(|language| language.as_str() == tag)
    }
}

impl Label {
    /// A label of its Chinese and its English text.
    pub fn new(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self { zh: zh.into(), en: en.into() }
    }

    /// The same word in both languages: ids, names and statuses that nobody translated.
    pub fn same(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { zh: text.clone(), en: text }
    }

    /// The text in one language.
    pub fn text(&self, language: Language) -> &str {
        match language {
            Language::Zh => &self.zh,
            Language::En => &self.en,
        }
    }
}
