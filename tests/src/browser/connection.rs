//! The DevTools protocol over the browser's own pipe: JSON documents, each ended by a zero byte.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{ChildStdin, ChildStdout};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

/// How long anything may take before the journey fails. Nothing waits for it to pass.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// The way to a browser.
#[derive(Debug)]
pub(super) struct Connection {
    to: Mutex<ChildStdin>,
    listeners: Arc<Mutex<Listeners>>,
    last: AtomicU64,
}

/// Who waits for what the browser says.
#[derive(Debug, Default)]
struct Listeners {
    answers: HashMap<u64, Sender<Value>>,
    sessions: HashMap<String, Sender<Value>>,
}

impl Connection {
    pub(super) fn new(to: ChildStdin, from: ChildStdout) -> Self {
        let listeners: Arc<Mutex<Listeners>> = Arc::default();
        let heard = Arc::clone(&listeners);
        std::thread::spawn(move || {
            for message in BufReader::new(from).split(0).map_while(Result::ok) {
                hand_on(&heard, serde_json::from_slice(&message).unwrap_or_default());
            }
            // Anyone who still waits learns that the browser is gone.
            *locked(&heard) = Listeners::default();
        });
        Self { to: Mutex::new(to), listeners, last: AtomicU64::new(0) }
    }

    /// What happens in a session, from now on.
    pub(super) fn listen(&self, session: &str) -> Receiver<Value> {
        let (to, from) = channel();
        locked(&self.listeners).sessions.insert(session.to_owned(), to);
        from
    }

    /// Calls a method of the protocol, in a session or of the browser itself.
    ///
    /// # Errors
    /// What the browser says was wrong, or that it said nothing.
    pub(super) fn call(
        &self,
        session: Option<&str>,
        method: &str,
        parameters: &Value,
    ) -> Result<Value, String> {
        let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let (to, from) = channel();
        locked(&self.listeners).answers.insert(id, to);
        let mut message = json!({"id": id, "method": method, "params": parameters});
        if let Some(session) = session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.to
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write_all(&bytes)
            .map_err(|error| error.to_string())?;
        let mut answer = from.recv_timeout(PATIENCE).map_err(|_| format!("{method}: no answer"))?;
        match answer.get("error") {
            Some(error) => Err(format!("{method}: {error}")),
            None => Ok(answer["result"].take()),
        }
    }
}

fn hand_on(listeners: &Mutex<Listeners>, message: Value) {
    let mut listeners = locked(listeners);
    let listener = match (message["id"].as_u64(), message["sessionId"].as_str()) {
        (Some(id), _) => listeners.answers.remove(&id),
        (None, Some(session)) => listeners.sessions.get(session).cloned(),
        (None, None) => None,
    };
    // Nobody has to want it.
    listener.and_then(|to| to.send(message).ok());
}

fn locked(listeners: &Mutex<Listeners>) -> MutexGuard<'_, Listeners> {
    listeners.lock().unwrap_or_else(PoisonError::into_inner)
}
