//! A tab: what a person does at it, and what they see.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::axe;
use super::connection::{Connection, PATIENCE};
use crate::repository;

/// A tab with cookies of its own. Where nothing is said about failing, a method panics when the browser does not do it
/// in time; then the page leaves a picture.
#[derive(Debug)]
pub struct Page {
    connection: Arc<Connection>,
    session: String,
    context: Value,
    address: String,
    events: Mutex<(Receiver<Value>, Vec<Value>)>,
    is_scriptless: AtomicBool,
}

impl Page {
    pub(super) fn open(connection: Arc<Connection>, session: String, context: Value, address: &str) -> Self {
        let events = Mutex::new((connection.listen(&session), Vec::new()));
        let is_scriptless = AtomicBool::new(false);
        let page = Self { connection, session, context, address: address.to_owned(), events, is_scriptless };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            page.call(&format!("{domain}.enable"), &json!({}));
        }
        page
    }

    /// Opens a page of the server and waits until it is there.
    pub fn goto(&self, path: &str) {
        self.call("Page.navigate", &json!({"url": format!("{}{path}", self.address)}));
        self.until("document.readyState === 'complete'");
    }

    /// What an expression of JavaScript is worth on the page; a promise is awaited.
    ///
    /// # Errors
    /// When it throws, or the page goes away meanwhile.
    pub fn try_value(&self, expression: &str) -> Result<Value, String> {
        let asked = json!({"expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true});
        let mut answer = self.connection.call(Some(&self.session), "Runtime.evaluate", &asked)?;
        match answer.get("exceptionDetails") {
            Some(details) => Err(details.to_string()),
            None => Ok(answer["result"]["value"].take()),
        }
    }

    /// The same, which must work.
    #[must_use]
    pub fn value(&self, expression: &str) -> Value {
        self.try_value(expression).unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    /// Waits until an expression holds on a whole page, whatever is loaded into it meanwhile.
    pub fn until(&self, expression: &str) {
        // Where pages run no script there are no timers either: then each look is a call.
        let wait = if self.is_scriptless.load(Ordering::Relaxed) { 0 } else { 2000 };
        let look = format!(
            "(() => {{ const holds = () => {{ try {{ return document.readyState !== 'loading' && !!({expression}); }} \
             catch {{ return false; }} }}; const end = performance.now() + {wait}; if (holds() || !{wait}) return holds(); \
             return new Promise(done => {{ const look = () => {{ const is = holds(); \
             if (is || performance.now() > end) done(is); else setTimeout(look, 5); }}; look(); }}); }})()"
        );
        let begun = Instant::now();
        while self.try_value(&look) != Ok(Value::Bool(true)) {
            let said = self.try_value("location.href + '\\n' + document.body.innerText.slice(0, 3000)");
            assert!(begun.elapsed() < PATIENCE, "{expression} does not come true on {said:?}");
        }
    }

    /// Waits until the page shows this text.
    pub fn sees(&self, text: &str) {
        self.until(&format!("document.body.innerText.includes({})", json!(text)));
    }

    /// The text of the first element that a selector finds.
    #[must_use]
    pub fn text(&self, selector: &str) -> String {
        let found = self.value(&format!("document.querySelector({})?.innerText ?? null", json!(selector)));
        found.as_str().unwrap_or_else(|| panic!("nothing is {selector}")).to_owned()
    }

    /// How many elements a selector finds.
    #[must_use]
    pub fn count(&self, selector: &str) -> u64 {
        self.value(&format!("document.querySelectorAll({}).length", json!(selector)))
            .as_u64()
            .unwrap_or_default()
    }

    /// Presses the mouse on an element, once it is there.
    pub fn click(&self, selector: &str) {
        self.let_go(self.hold(selector));
    }

    /// Presses the mouse on an element, once it is there, and holds it; says where, for [`Page::let_go`].
    #[must_use]
    pub fn hold(&self, selector: &str) -> (f64, f64) {
        let (x, y) = self.middle_of(selector);
        self.mouse("mouseMoved", x, y);
        self.mouse("mousePressed", x, y);
        (x, y)
    }

    /// Lets the mouse go.
    pub fn let_go(&self, (x, y): (f64, f64)) {
        self.mouse("mouseReleased", x, y);
    }

    /// Types into a field, over what is in it.
    pub fn fill(&self, selector: &str, text: &str) {
        self.until(&format!("document.querySelector({})", json!(selector)));
        let focus =
            format!("(f => {{ f.focus(); f.select?.(); }})(document.querySelector({}))", json!(selector));
        let _ = self.value(&focus);
        self.call("Input.insertText", &json!({"text": text}));
    }

    /// Chooses a value of a list, or sets a field that no text is typed into.
    pub fn choose(&self, selector: &str, value: &str) {
        self.until(&format!("document.querySelector({})", json!(selector)));
        let (selector, value) = (json!(selector), json!(value));
        let choose = format!(
            "(f => {{ f.value = {value}; f.dispatchEvent(new Event('change', {{bubbles: true}})); return f.value; }})\
             (document.querySelector({selector}))"
        );
        assert_eq!(self.value(&choose), value, "{selector} does not take it");
    }

    /// Puts the keyboard's focus on an element, once it is there.
    pub fn focus(&self, selector: &str) {
        self.until(&format!("document.querySelector({})", json!(selector)));
        let _ = self.value(&format!("document.querySelector({}).focus()", json!(selector)));
    }

    /// Presses a key: one character, or a name such as `Tab`, `Enter`, `Escape`, `ArrowDown`.
    pub fn press(&self, key: &str) {
        let code = match key {
            "Enter" => 13,
            "Tab" => 9,
            "Escape" => 27,
            "ArrowLeft" => 37,
            "ArrowUp" => 38,
            "ArrowRight" => 39,
            "ArrowDown" => 40,
            " " => 32,
            letter => letter.to_uppercase().bytes().next().map_or(0, u32::from),
        };
        let mut down = json!({"type": "keyDown", "key": key, "windowsVirtualKeyCode": code});
        if key == "Enter" {
            down["text"] = json!("\r");
        } else if key.chars().count() == 1 {
            down["text"] = json!(key);
        }
        self.call("Input.dispatchKeyEvent", &down);
        self.call(
            "Input.dispatchKeyEvent",
            &json!({"type": "keyUp", "key": key, "windowsVirtualKeyCode": code}),
        );
    }

    /// Takes an element up with the mouse, and holds it over another one.
    pub fn drag_over(&self, from: &str, to: &str) {
        self.call("Input.setInterceptDrags", &json!({"enabled": true}));
        let (x, y) = self.middle_of(from);
        self.mouse("mouseMoved", x, y);
        self.mouse("mousePressed", x, y);
        self.mouse("mouseMoved", x + 5.0, y + 5.0);
        self.mouse("mouseMoved", x + 10.0, y + 10.0);
        let data = self.event("Input.dragIntercepted")["data"].clone();
        let (x, y) = self.middle_of(to);
        for kind in ["dragEnter", "dragOver"] {
            self.call("Input.dispatchDragEvent", &json!({"type": kind, "x": x, "y": y, "data": data}));
        }
    }

    /// Lets it go over an element.
    pub fn drop_on(&self, to: &str) {
        let (x, y) = self.middle_of(to);
        let data = self.event("Input.dragIntercepted")["data"].clone();
        for kind in ["dragOver", "drop"] {
            self.call("Input.dispatchDragEvent", &json!({"type": kind, "x": x, "y": y, "data": data}));
        }
        self.mouse("mouseReleased", x, y);
        self.call("Input.setInterceptDrags", &json!({"enabled": false}));
    }

    /// Puts a file into a field for files.
    pub fn upload(&self, selector: &str, file: &std::path::Path) {
        let root = self.call("DOM.getDocument", &json!({}))["root"]["nodeId"].clone();
        let found = self.call("DOM.querySelector", &json!({"nodeId": root, "selector": selector}));
        self.call("DOM.setFileInputFiles", &json!({"files": [file], "nodeId": found["nodeId"]}));
    }

    /// Sets a cookie of the server's.
    pub fn cookie(&self, name: &str, value: &str) {
        self.call(
            "Network.setCookie",
            &json!({"name": name, "value": value, "url": self.address, "path": "/console"}),
        );
    }

    /// What a cookie of the server's holds; nothing where there is none.
    #[must_use]
    pub fn cookie_value(&self, name: &str) -> String {
        let held = self.call("Network.getCookies", &json!({"urls": [format!("{}/console", self.address)]}));
        let cookies = held["cookies"].as_array().cloned().unwrap_or_default();
        let found = cookies.iter().find(|cookie| cookie["name"] == name);
        found.and_then(|cookie| cookie["value"].as_str()).unwrap_or_default().to_owned()
    }

    /// Makes the window this large, in CSS pixels.
    pub fn resize(&self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Prefers dark colours.
    pub fn darken(&self) {
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": "dark"}]});
        self.call("Emulation.setEmulatedMedia", &features);
    }

    /// Shows the page as it would be printed.
    pub fn on_paper(&self) {
        self.call("Emulation.setEmulatedMedia", &json!({"media": "print"}));
    }

    /// Insists that the page is no wider than a phone and light enough for one, and that its letters can be read there.
    pub fn insist_it_fits_a_phone(&self) {
        let width = self.value("document.documentElement.scrollWidth");
        assert!(width.as_u64().is_some_and(|width| width <= 390), "{} is {width} wide", self.place());
        let weight = self.value("performance.getEntriesByType('navigation')[0].decodedBodySize");
        assert!(weight.as_u64().is_some_and(|weight| weight <= 150_000), "{} weighs {weight}", self.place());
        // A drawing that is scaled scales its letters.
        let small = self.value(
            "[...document.querySelectorAll('main *')].filter(e => e.checkVisibility() \
             && [...e.childNodes].some(c => c.nodeType === 3 && c.data.trim())).map(e => { \
             const drawing = e.closest('svg[viewBox]'); \
             const scale = drawing ? drawing.getBoundingClientRect().width / drawing.viewBox.baseVal.width : 1; \
             return [parseFloat(getComputedStyle(e).fontSize) * scale, e.textContent.slice(0, 40)]; \
             }).filter(([size]) => size < 11)",
        );
        assert_eq!(small, json!([]), "letters of {}", self.place());
    }

    /// Insists that everybody can use the page, as far as axe-core can tell: with a screen reader, by keyboard, in both colour
    /// schemes.
    pub fn insist_everybody_can_use_it(&self) {
        let Some(script) = axe::script() else { return };
        let _ = self.try_value(&format!("{script}; 0"));
        let found = self.value(
            "axe.run(document, {resultTypes: ['violations']}).then(told => told.violations.map(one => \
             `${one.impact} ${one.id}: ${one.nodes.slice(0, 3).map(node => node.target.join(' ')).join('; ')}`))",
        );
        assert_eq!(found, json!([]), "{}", self.place());
    }

    /// Where the page is.
    fn place(&self) -> String {
        self.value("location.pathname + location.search").as_str().unwrap_or_default().to_owned()
    }

    /// Runs no script of the pages that are loaded from now on.
    pub fn without_script(&self) {
        self.is_scriptless.store(true, Ordering::Relaxed);
        self.call("Emulation.setScriptExecutionDisabled", &json!({"value": true}));
    }

    /// Runs this before any script of the pages that are loaded from now on.
    pub fn before_scripts(&self, source: &str) {
        self.call("Page.addScriptToEvaluateOnNewDocument", &json!({"source": source}));
    }

    /// Insists that the pages of this tab threw nothing, wrote no error and broke no policy of theirs. An answer that
    /// refuses is none: journeys ask for some.
    pub fn insist_clean(&self) {
        let events = self.heard();
        let faults: Vec<&Value> = events.iter().filter(|event| is_fault(event)).collect();
        assert!(faults.is_empty(), "{faults:#?}");
    }

    /// Keeps a picture of the page as `target/browser/<name>.png`, and says where.
    ///
    /// # Errors
    /// When the browser makes none, or it cannot be written.
    pub fn picture(&self, name: &str) -> Result<PathBuf, String> {
        let shot = self.connection.call(Some(&self.session), "Page.captureScreenshot", &json!({}))?;
        let bytes =
            STANDARD.decode(shot["data"].as_str().unwrap_or_default()).map_err(|error| error.to_string())?;
        let folder = repository().join("target/browser");
        std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        let file = folder.join(format!("{name}.png"));
        std::fs::write(&file, bytes).map_err(|error| error.to_string())?;
        Ok(file)
    }

    fn call(&self, method: &str, parameters: &Value) -> Value {
        let answer = self.connection.call(Some(&self.session), method, parameters);
        answer.unwrap_or_else(|error| panic!("{error}"))
    }

    fn mouse(&self, kind: &str, x: f64, y: f64) {
        let pressed = json!({"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1, "buttons": 1});
        self.call("Input.dispatchMouseEvent", &pressed);
    }

    /// Where an element is that a person can see, brought into view.
    fn middle_of(&self, selector: &str) -> (f64, f64) {
        let selector = json!(selector);
        let is_shown = format!("document.querySelector({selector})?.checkVisibility()");
        self.until(&is_shown);
        let middle = self.value(&format!(
            "(e => {{ e.scrollIntoView({{block: 'center', inline: 'center', behavior: 'instant'}}); \
             const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + Math.min(b.height / 2, 300)]; }})\
             (document.querySelector({selector}))"
        ));
        (middle[0].as_f64().unwrap_or_default(), middle[1].as_f64().unwrap_or_default())
    }

    /// Everything that was heard so far.
    fn heard(&self) -> Vec<Value> {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let (from, kept) = &mut *events;
        kept.extend(from.try_iter());
        kept.clone()
    }

    /// The last event of this name; waits for one where there was none.
    fn event(&self, name: &str) -> Value {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let (from, kept) = &mut *events;
        kept.extend(from.try_iter());
        loop {
            if let Some(event) = kept.iter().rev().find(|event| event["method"] == name) {
                return event["params"].clone();
            }
            kept.push(from.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no {name}")));
        }
    }
}

/// Whether an event tells of a fault of a page.
fn is_fault(event: &Value) -> bool {
    let (parameters, entry) = (&event["params"], &event["params"]["entry"]);
    match event["method"].as_str() {
        Some("Runtime.exceptionThrown") => true,
        Some("Runtime.consoleAPICalled") => parameters["type"] == "error",
        Some("Log.entryAdded") => entry["level"] == "error" && entry["source"] != "network",
        _ => false,
    }
}

impl Drop for Page {
    #[expect(clippy::print_stderr, reason = "a journey that failed says where its picture is")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let journey = std::thread::current().name().unwrap_or("journey").replace("::", ".");
            let name = format!("{journey}-{}", &self.session[..8.min(self.session.len())]);
            eprintln!("a picture of the page: {:?}", self.picture(&name));
        }
        let context = json!({"browserContextId": self.context});
        self.connection.call(None, "Target.disposeBrowserContext", &context).ok();
    }
}
