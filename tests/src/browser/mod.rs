//! A real browser: headless Chromium, driven over its DevTools protocol.
//!
//! A [`Browser`] is one process; a [`Page`] is a tab with cookies of its own, so that journeys share the process and
//! nothing else. A journey that fails leaves a picture of each of its pages under `target/browser`.

mod axe;
mod connection;
mod page;
mod stage;

use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::setting;
use connection::Connection;
pub use page::Page;
pub use stage::Stage;

/// What the browser is called where it is installed.
const PROGRAMS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
/// What it is started with: nothing of it looks at the machine's settings or calls its maker.
const FLAGS: [&str; 10] = [
    "--headless",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
    "--lang=en",
];
/// The protocol's pipe is file descriptors 3 and 4.
const THROUGH_PIPES: &str = "exec \"$0\" \"$@\" 3<&0 4>&1 0</dev/null 1>/dev/null";

/// A running browser. It is ended, by its own id, when dropped.
#[derive(Debug)]
pub struct Browser {
    child: Child,
    connection: Arc<Connection>,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts one; `None` where none is installed, after saying so. With `WAYMARK_TESTS_STRICT=1` that is a failure.
    #[must_use]
    #[expect(clippy::print_stderr, reason = "a skipped test says that it was skipped")]
    pub fn start() -> Option<Self> {
        let Some(program) = PROGRAMS.into_iter().find(|program| is_installed(program)) else {
            assert!(
                setting("WAYMARK_TESTS_STRICT").is_none(),
                "Chromium is absent and nothing may be skipped"
            );
            eprintln!("skipped: Chromium is not installed");
            return None;
        };
        let profile = tempfile::Builder::new().prefix("waymark-browser-").tempdir();
        let profile = profile.unwrap_or_else(|error| panic!("no temporary directory: {error}"));
        let mut command = Command::new("bash");
        command.args(["-c", THROUGH_PIPES, program]).args(FLAGS);
        command.arg(format!("--user-data-dir={}", profile.path().display()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("{program} cannot be started: {error}"));
        let (to, from) = child.stdin.take().zip(child.stdout.take()).unwrap_or_else(|| panic!("no pipes"));
        let connection = Arc::new(Connection::new(to, from));
        Some(Self { child, connection, _profile: profile })
    }

    /// A new tab with cookies of its own, for the server at this address.
    ///
    /// # Panics
    /// When the browser opens none.
    #[must_use]
    pub fn page(&self, address: &str) -> Page {
        let call = |method: &str, parameters: Value| {
            self.connection.call(None, method, &parameters).unwrap_or_else(|error| panic!("{error}"))
        };
        let context = call("Target.createBrowserContext", json!({}))["browserContextId"].clone();
        let size = json!({"url": "about:blank", "browserContextId": context, "width": 1440, "height": 900});
        let target = call("Target.createTarget", size)["targetId"].clone();
        let attached = call("Target.attachToTarget", json!({"targetId": target, "flatten": true}));
        let session = attached["sessionId"].as_str().unwrap_or_default().to_owned();
        Page::open(Arc::clone(&self.connection), session, context, address)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may be gone by itself, which is what is wanted.
        self.connection.call(None, "Browser.close", &json!({})).ok();
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn is_installed(program: &str) -> bool {
    let look = Command::new("which").arg(program).stdout(Stdio::null()).stderr(Stdio::null()).status();
    look.is_ok_and(|status| status.success())
}
