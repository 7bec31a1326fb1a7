//! Who keeps the keys.

use std::fmt;

use clap::Args;

/// Where keys come from, beside the key file.
#[derive(Debug, Clone, Default, Args)]
pub struct KeyArgs {
    /// A program that wraps the key file by a key management service: it is given `wrap` or `unwrap` as a last argument and the bytes on
    /// standard input, and answers with bytes on standard output. The key file then holds nothing that is readable without it.
    #[arg(long, env = "WAYMARK_KEY_COMMAND", value_name = "COMMAND", conflicts_with = "key_text")]
    pub key_command: Option<String>,
    /// What would stand in the key file, in place of one. Given by the environment, never by a flag that others see.
    #[arg(long, env = "WAYMARK_KEY_TEXT", hide = true, hide_env_values = true)]
    pub key_text: Option<KeyText>,
}

/// Keys as a text, which is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyText(pub(crate) String);

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyText(…)")
    }
}

impl From<&str> for KeyText {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl KeyArgs {
    /// As `waymark config` prints them.
    pub(super) fn describe(&self) -> [(&'static str, String, &'static str); 2] {
        [
            (
                "WAYMARK_KEY_COMMAND",
                self.key_command.clone().unwrap_or_default(),
                "a program that wraps and unwraps the key file (a KMS); empty: the file is readable by its owner",
            ),
            (
                "WAYMARK_KEY_TEXT",
                self.key_text.as_ref().map_or(String::new(), |_| "(set)".to_owned()),
                "what would stand in the key file, in place of one; never shown",
            ),
        ]
    }
}
