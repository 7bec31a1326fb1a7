//! A running server process.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError, mpsc};

use crate::{Client, Contract, Installation};

/// A `waymark serve` (or `demo`) process. It is ended, by its own id, when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: String,
    greeting: Vec<String>,
    /// What it prints afterwards.
    heard: Mutex<mpsc::Receiver<String>>,
    admin_key: Option<String>,
}

impl Server {
    /// Starts `waymark serve` and returns once it has printed its address.
    pub(crate) fn start(installation: &Installation, automations: &str) -> Self {
        let key = installation.key("admin:root", &["admin"]);
        let mut server = Self::launch(
            installation,
            &["serve", "--listen", "127.0.0.1:0", "--automations", automations],
            1,
        );
        server.admin_key = Some(key);
        server
    }

    /// Starts a serving sub-command and reads its greeting until `lines` lines that show an address have come.
    #[must_use]
    pub fn launch(installation: &Installation, arguments: &[&str], lines: usize) -> Self {
        Self::launch_command(installation.command(arguments), lines)
    }

    /// Starts a command that serves, and reads its greeting until `lines` lines that show an address have come.
    #[must_use]
    pub fn launch_command(mut command: Command, lines: usize) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("waymark cannot be started: {error}"));
        let (said, heard) = mpsc::channel();
        listen(child.stdout.take(), said.clone());
        listen(child.stderr.take(), said);
        let mut greeting: Vec<String> = Vec::new();
        while greeting.iter().filter(|line| address_in(line).is_some()).count() < lines {
            match heard.recv() {
                Ok(line) => greeting.push(line),
                Err(_) => panic!("the server ended before it served: {}", greeting.join("\n")),
            }
        }
        greeting.extend(heard.try_iter());
        let address = greeting.iter().find_map(|line| address_in(line)).unwrap_or_default();
        Contract::learn(&address);
        Self { child, address, greeting, heard: Mutex::new(heard), admin_key: None }
    }

    /// What it printed when it started.
    #[must_use]
    pub fn greeting(&self) -> &[String] {
        &self.greeting
    }

    /// Waits until it prints a line with this text, after its greeting.
    ///
    /// # Panics
    /// When it ends before.
    #[must_use]
    pub fn line_with(&self, text: &str) -> String {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let found = heard.iter().find(|line| line.contains(text));
        found.unwrap_or_else(|| panic!("the server ended before it printed {text:?}"))
    }

    /// Waits until it prints a line with this text, after what was read of it. Returns that and the lines before.
    ///
    /// # Panics
    /// When it ends before.
    #[must_use]
    pub fn lines_until(&self, text: &str) -> Vec<String> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lines: Vec<String> = Vec::new();
        while lines.last().is_none_or(|line| !line.contains(text)) {
            match heard.recv() {
                Ok(line) => lines.push(line),
                Err(_) => panic!("the server ended before it printed {text:?}"),
            }
        }
        lines
    }

    /// The lines that it has printed and that nobody has read.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).try_iter().collect()
    }

    /// Its address, such as `http://127.0.0.1:40123`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The process id.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// A client with this API key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Client {
        Client::new(&self.address, Some(key.to_owned()))
    }

    /// Nobody: a client without any credential.
    #[must_use]
    pub fn anon(&self) -> Client {
        Client::new(&self.address, None)
    }

    /// The administrator.
    #[must_use]
    pub fn admin(&self) -> Client {
        Client::new(&self.address, self.admin_key.clone())
    }

    /// Ends the process as a power cut would: no handler runs, nothing is flushed.
    pub fn kill(mut self) {
        self.end();
    }

    /// Asks the process to end (SIGTERM), waits for it, and gives its exit code.
    #[must_use]
    pub fn stop(mut self) -> i32 {
        self.ask_to_stop();
        let status =
            self.child.wait().unwrap_or_else(|error| panic!("the server cannot be awaited: {error}"));
        status.code().unwrap_or(-1)
    }

    /// Waits until the process has ended by itself, and gives its exit code.
    #[must_use]
    pub fn ended(mut self) -> i32 {
        let status =
            self.child.wait().unwrap_or_else(|error| panic!("the server cannot be awaited: {error}"));
        status.code().unwrap_or(-1)
    }

    /// Sends SIGTERM and returns at once.
    pub fn ask_to_stop(&self) {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(asked.is_ok_and(|status| status.success()), "SIGTERM could not be sent");
    }

    fn end(&mut self) {
        // Killing fails only when the process has ended by itself, which is what is wanted.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// Passes on each line. Nobody has to want them: they are read all the same, so that the pipe never fills.
fn listen(stream: Option<impl Read + Send + 'static>, said: mpsc::Sender<String>) {
    let Some(stream) = stream else { return };
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            said.send(line).ok();
        }
    });
}

/// The first loopback address in a line of the greeting.
fn address_in(line: &str) -> Option<String> {
    let start = line.find("http://127.0.0.1:")?;
    let rest = &line[start + "http://127.0.0.1:".len()..];
    let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
    (!port.is_empty()).then(|| format!("http://127.0.0.1:{port}"))
}
