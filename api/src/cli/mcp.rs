//! `waymark mcp`: the Model Context Protocol on standard input and output, for agents that start a program.
//!
//! It holds nothing and opens no database: each line is sent to the running service, whose answer is the line that comes back. So
//! rights, masks and records of reading are the service's.

use std::io::Write as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::{Failure, USAGE};
use crate::outbound::client::{Client, Reach, Reply, Target};

/// How long an answer may take: a report waits for its turn.
const PATIENCE: Duration = Duration::from_mins(2);
/// The largest answer, in bytes: above the largest result of a tool, which is text and structure.
const LONGEST_ANSWER: usize = 32 * 1024 * 1024;
/// What the service could not be asked: the code of an error that is not the protocol's.
const UNANSWERED: i32 = 1;

/// Speak the Model Context Protocol on standard input and output, with the tools of a running service.
#[derive(Debug, Args)]
pub(super) struct Mcp {
    /// The address of the service.
    #[arg(long, env = "WAYMARK_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// The API key; an agent's has the scope propose. Better given in the environment, where other users do not see it.
    #[arg(long, env = "WAYMARK_KEY", hide_env_values = true)]
    key: String,
    /// The language of names and messages.
    #[arg(long, value_enum, default_value_t = LanguageArg::En)]
    language: LanguageArg,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LanguageArg {
    Zh,
    En,
}

impl Mcp {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let address = format!("{}/mcp", self.url.trim_end_matches('/'));
        let target = Target::parse(&address)
            .ok_or_else(|| Failure::with_code(USAGE, format!("{} is no address of a service", self.url)))?;
        let client = Client::new()?.with_limits(PATIENCE, LONGEST_ANSWER);
        for line in std::io::stdin().lines() {
            let line = line?;
            if line.trim().is_empty() {
                continue;
            }
            let message: Value = serde_json::from_str(&line).unwrap_or_default();
            let sent =
                client.post(&target, Reach::Anywhere, &self.headers(&message), line.into_bytes()).await;
            let answer = match sent {
                Ok(reply) => told(&message, &reply),
                Err(error) => failed(&message, UNANSWERED, &format!("{address}: {error}"), &Value::Null),
            };
            if let Some(answer) = answer {
                let mut out = std::io::stdout().lock();
                writeln!(out, "{answer}")?;
                out.flush()?;
            }
        }
        Ok(())
    }

    /// The headers of a message: the key, and what of the message the protocol wants to stand there, too.
    fn headers(&self, message: &Value) -> Vec<(&'static str, String)> {
        let language = match self.language {
            LanguageArg::Zh => "zh",
            LanguageArg::En => "en",
        };
        let mut headers =
            vec![("authorization", format!("Bearer {}", self.key)), ("accept-language", language.to_owned())];
        let version = message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"].as_str();
        let said = [
            ("mcp-protocol-version", version),
            ("mcp-method", message["method"].as_str()),
            ("mcp-name", message["params"]["name"].as_str()),
        ];
        headers.extend(said.into_iter().filter_map(|(name, value)| Some((name, encoded(value?)))));
        headers
    }
}

/// A text as a header has it: as it stands where it is plain, else encoded as the protocol says.
fn encoded(text: &str) -> String {
    let is_plain = text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
        && text.trim() == text
        && !text.starts_with("=?base64?");
    if is_plain { text.to_owned() } else { format!("=?base64?{}?=", STANDARD.encode(text)) }
}

/// The service's answer as a line; none to a notification.
fn told(message: &Value, reply: &Reply) -> Option<String> {
    match serde_json::from_slice::<Value>(&reply.body) {
        Ok(answer) if answer["jsonrpc"] == "2.0" => Some(answer.to_string()),
        // The service turned the request away before it was a message: its problem says why.
        Ok(problem) => {
            let why = problem["detail"].as_str().unwrap_or_default().to_owned();
            failed(message, i32::from(reply.status), &why, &problem)
        }
        Err(_) if reply.status == 202 => None,
        Err(_) => {
            let why = format!("the service answered {} without a message", reply.status);
            failed(message, i32::from(reply.status), &why, &Value::Null)
        }
    }
}

/// The error to a request that was not answered; none to a notification.
fn failed(message: &Value, code: i32, why: &str, data: &Value) -> Option<String> {
    let id = message.get("id")?;
    let mut error = json!({"code": code, "message": why});
    if !data.is_null() {
        error["data"] = data.clone();
    }
    Some(json!({"jsonrpc": "2.0", "id": id, "error": error}).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        Reply { status, retry_after: None, body: body.as_bytes().to_vec() }
    }

    #[test]
    fn a_header_holds_every_name_and_is_read_back_as_the_protocol_says() {
        assert_eq!(encoded("propose_move"), "propose_move");
        assert_eq!(encoded("世界"), "=?base64?5LiW55WM?=");
        assert_eq!(encoded(" padded "), "=?base64?IHBhZGRlZCA=?=");
        assert_eq!(encoded("=?base64?literal?="), "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=");
    }

    #[test]
    fn what_the_service_says_instead_of_a_message_is_an_error_of_the_request() {
        let request = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/list"});
        let told =
            |reply: &Reply| told(&request, reply).map(|line| serde_json::from_str::<Value>(&line).unwrap());
        let refused = told(&reply(401, r#"{"detail": "unknown key", "code": "bad-credential"}"#)).unwrap();
        assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!(7), &json!(401)));
        assert_eq!(refused["error"]["message"], "unknown key");
        assert_eq!(told(&reply(502, "<html>")).unwrap()["error"]["code"], 502);
        let answer = json!({"jsonrpc": "2.0", "id": 7, "result": {}});
        assert_eq!(told(&reply(200, &answer.to_string())), Some(answer));
        assert_eq!(told(&reply(202, "")), None);
    }
}
