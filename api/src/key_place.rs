//! Where the keys are kept: in a file as they are, in a file that a key management service wraps, or in the environment.

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::config::{DatabaseArgs, KeyArgs, KeyText};

/// How long a key management service may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much of what it says about a failure is repeated, in characters.
const LONGEST_COMPLAINT: usize = 300;

/// Where the keys are kept.
#[derive(Debug, Clone)]
pub struct KeyPlace {
    path: PathBuf,
    keeper: Keeper,
}

/// Who can read them.
#[derive(Debug, Clone)]
enum Keeper {
    /// The owner of the file.
    Owner,
    /// This program and its arguments, which unwrap what stands in the file.
    Command(Vec<String>),
    /// The environment; there is no file.
    Text(KeyText),
}

/// A key file that is wrapped.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrapped {
    wrapped: String,
}

/// Why there are no secrets.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// The file cannot be read or made.
    #[error("{place}: {source}")]
    File {
        /// Which.
        place: String,
        /// Why.
        source: io::Error,
    },
    /// The file is there but is not one of ours.
    #[error("{place} has no keys in base64 of 32 bytes each: {why}")]
    Format {
        /// Which.
        place: String,
        /// Why.
        why: String,
    },
    /// The key management service does not do what it should.
    #[error("the program that wraps the key file, `{command} {what}`, failed: {why}")]
    Command {
        /// The program and its arguments.
        command: String,
        /// What it was to do.
        what: String,
        /// Why it did not.
        why: String,
    },
    /// The database was made with keys that are gone.
    #[error("the database {database} has lost {place}; put it back: without it nothing personal can be read")]
    Lost {
        /// Which database.
        database: String,
        /// Which keys.
        place: String,
    },
}

impl From<PathBuf> for KeyPlace {
    fn from(path: PathBuf) -> Self {
        Self { path, keeper: Keeper::Owner }
    }
}

impl KeyPlace {
    /// Where the keys of a database are kept.
    pub(crate) fn of(database: &DatabaseArgs) -> Self {
        let KeyArgs { key_command, key_text } = &database.key_args;
        let keeper = match (key_text, key_command) {
            (Some(text), _) => Keeper::Text(text.clone()),
            (None, Some(command)) => Keeper::Command(command.split_whitespace().map(str::to_owned).collect()),
            (None, None) => Keeper::Owner,
        };
        Self { path: database.key_file(), keeper }
    }

    /// The same keeper's file at another path.
    pub(crate) fn at(&self, path: PathBuf) -> Self {
        Self { path, keeper: self.keeper.clone() }
    }

    /// The file; where the environment has the keys, the one that is not there.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// How it is called in what people read.
    pub(crate) fn shown(&self) -> String {
        match self.keeper {
            Keeper::Text(_) => "the environment (WAYMARK_KEY_TEXT)".to_owned(),
            _ => format!("the key file {}", self.path.display()),
        }
    }

    /// What stands there, wrapped or not; none where there is nothing.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn stored(&self) -> Result<Option<String>, SecretsError> {
        if let Keeper::Text(KeyText(text)) = &self.keeper {
            return Ok(Some(text.clone()));
        }
        match std::fs::read_to_string(&self.path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(self.fault(source)),
        }
    }

    /// The keys in what stands there. A file that is not wrapped yet is read as it is, and wrapped when it is next written.
    ///
    /// # Errors
    /// When it is wrapped, and no command is named, or the command does not unwrap it.
    pub(crate) fn opened(&self, stored: &str) -> Result<String, SecretsError> {
        let Ok(Wrapped { wrapped }) = serde_json::from_str(stored) else { return Ok(stored.to_owned()) };
        let format = |why: String| SecretsError::Format { place: self.shown(), why };
        let Keeper::Command(command) = &self.keeper else {
            return Err(format(
                "it is wrapped: name the program that unwraps it by WAYMARK_KEY_COMMAND".to_owned(),
            ));
        };
        let wrapped = STANDARD.decode(wrapped).map_err(|error| format(error.to_string()))?;
        let opened = run(command, "unwrap", wrapped)?;
        String::from_utf8(opened).map_err(|_| format("what the program unwrapped is no text".to_owned()))
    }

    /// Writes a new file for its owner's eyes only, and on disk before the first key in it is used.
    ///
    /// # Errors
    /// When the keys are in the environment, there is a file already, or it cannot be wrapped or written.
    pub(crate) fn write(&self, keys: &str) -> Result<(), SecretsError> {
        let text = match &self.keeper {
            Keeper::Owner => keys.to_owned(),
            Keeper::Command(command) => {
                let wrapped = STANDARD.encode(run(command, "wrap", keys.as_bytes().to_vec())?);
                let wrapped = serde_json::to_string_pretty(&Wrapped { wrapped });
                wrapped.map_err(|error| self.fault(error.into()))?
            }
            Keeper::Text(_) => {
                return Err(self.fault(io::Error::other("the keys in it cannot be changed from here")));
            }
        };
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options.open(&self.path).and_then(|mut out| {
            out.write_all(text.as_bytes())?;
            out.write_all(b"\n")?;
            out.sync_all()
        });
        written.map_err(|source| self.fault(source))
    }

    pub(crate) fn fault(&self, source: io::Error) -> SecretsError {
        SecretsError::File { place: self.shown(), source }
    }
}

/// Has a command wrap or unwrap these bytes. What it says is repeated when it fails, and what it was given never is.
fn run(command: &[String], what: &str, bytes: Vec<u8>) -> Result<Vec<u8>, SecretsError> {
    let failed =
        |why: String| SecretsError::Command { command: command.join(" "), what: what.to_owned(), why };
    let (program, arguments) = command.split_first().ok_or_else(|| failed("it is empty".to_owned()))?;
    let mut call = Command::new(program);
    call.args(arguments).arg(what).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = call.spawn().map_err(|error| failed(error.to_string()))?;
    let answer = answer_of(&mut child, bytes);
    if answer.is_none() {
        // One that is over already is not there to be ended.
        child.kill().ok();
    }
    let status = child.wait().map_err(|error| failed(error.to_string()))?;
    let (answer, complaint) =
        answer.ok_or_else(|| failed(format!("it did not answer within {} seconds", PATIENCE.as_secs())))?;
    if !status.success() {
        let complaint: String = String::from_utf8_lossy(&complaint).chars().take(LONGEST_COMPLAINT).collect();
        return Err(failed(format!("{status}: {}", complaint.trim())));
    }
    if answer.is_empty() {
        return Err(failed("it answered nothing".to_owned()));
    }
    Ok(answer)
}

/// What a program answers and what it complains of; none where it takes too long.
fn answer_of(child: &mut Child, bytes: Vec<u8>) -> Option<(Vec<u8>, Vec<u8>)> {
    let (mut input, mut output, mut errors) =
        (child.stdin.take()?, child.stdout.take()?, child.stderr.take()?);
    let (send, heard) = mpsc::channel();
    let complain = send.clone();
    std::thread::spawn(move || {
        // A program that fails early need not have read it.
        input.write_all(&bytes).ok();
        drop(input);
        let mut answer = Vec::new();
        output.read_to_end(&mut answer).ok();
        send.send((true, answer)).ok();
    });
    std::thread::spawn(move || {
        let mut complaint = Vec::new();
        errors.read_to_end(&mut complaint).ok();
        complain.send((false, complaint)).ok();
    });
    let (mut answer, mut complaint) = (None, None);
    while answer.is_none() || complaint.is_none() {
        let (is_answer, bytes) = heard.recv_timeout(PATIENCE).ok()?;
        *(if is_answer { &mut answer } else { &mut complaint }) = Some(bytes);
    }
    answer.zip(complaint)
}
