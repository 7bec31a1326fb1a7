//! The keys are kept by a key management service, or come from the environment, and are said nowhere.

#![cfg(test)]
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use waymark_tests::{Client, Installation, Server};

const SOUND: i32 = 0;

/// A stand-in for a key management service: it turns letters round, as long as nobody has taken it down.
const SERVICE: &str = "#!/bin/sh\n\
    if [ -e \"$(dirname \"$0\")/down\" ]; then echo 'the key service is down' >&2; exit 9; fi\n\
    exec tr 'A-Za-z0-9+/=' 'N-ZA-Mn-za-m5-90-4=/+'\n";

/// An installation whose key file is wrapped by the stand-in.
struct KeeperScene {
    installation: Installation,
    command: String,
}

impl KeeperScene {
    fn new() -> Self {
        let installation = Installation::new();
        let program = installation.directory().join("kms");
        std::fs::write(&program, SERVICE).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
        let command = format!("{} --key waymark", program.display());
        Self { installation, command }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.installation.command(arguments);
        command.env("WAYMARK_KEY_COMMAND", &self.command);
        command
    }

    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = self.command(arguments).output().expect("the program can be started");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
    }

    fn serve(&self) -> Server {
        Server::launch_command(self.command(&["serve", "--listen", "127.0.0.1:0"]), 1)
    }

    fn file(&self) -> PathBuf {
        let on_postgres = self.installation.postgres().is_some();
        self.installation.directory().join(if on_postgres { "waymark.keys" } else { "waymark.db.keys" })
    }

    /// What is in the key file, as the stand-in unwraps it.
    fn keys(&self) -> Value {
        let stored: Value = serde_json::from_slice(&std::fs::read(self.file()).unwrap()).unwrap();
        let wrapped = STANDARD.decode(stored["wrapped"].as_str().expect("it is wrapped")).unwrap();
        let mut unwrap = Command::new(self.installation.directory().join("kms"));
        unwrap.arg("unwrap").stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut child = unwrap.spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), &wrapped).unwrap();
        serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap()
    }

    fn take_down(&self, is_down: bool) {
        let mark = self.installation.directory().join("down");
        match is_down {
            true => std::fs::write(mark, "").unwrap(),
            false => std::fs::remove_file(mark).unwrap(),
        }
    }
}

/// In every way in which a key could be written down.
fn spellings(key: &str) -> Vec<String> {
    let bytes = STANDARD.decode(key).unwrap();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let url = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&bytes);
    let list = bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
    vec![key.trim_end_matches('=').to_owned(), hex.to_uppercase(), hex, url, list]
}

async fn registered(admin: &Client, name: &str) -> String {
    admin.register(json!({"pipeline": "landian-6", "name": name})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_a_service_wraps_are_changed_by_it_and_nothing_is_lost_while_it_is_down_nor_said_of_them() {
    let kept = KeeperScene::new();
    let (code, _, mut said) = kept.run(&["migrate"]);
    assert_eq!(code, 0, "{said}");
    let (code, key, err) = kept.run(&["token", "create", "--actor", "admin:root", "--role", "admin"]);
    assert_eq!(code, 0, "{err}");
    said += &err;
    let first = kept.keys();
    let server = kept.serve();
    let admin = server.with_key(key.trim());
    let _ = admin.create_pipeline("landian-6").await.expect(201);
    let harbour = registered(&admin, "Harbour Foods").await;

    kept.take_down(true);
    // Who works goes on: nobody new is made without it, and nobody needs it who is known.
    assert_eq!(admin.customer(&harbour).await.expect(200).text_at("/name"), "Harbour Foods");
    let second = registered(&admin, "Second Foods").await;
    let refused = admin.post("/v1/audit/keys/rotations", json!({"reason": "Yearly"})).await;
    assert_eq!(refused.status, 503, "{}", refused.text);
    assert!(refused.text.contains("key-file-not-writable"), "{}", refused.text);
    let (code, out, err) = kept.run(&["rotate-root-key", "--reason", "Yearly"]);
    assert!(code != 0 && err.contains("unwrap`, failed") && err.contains("the key service is down"), "{err}");
    said += &(out + &err);
    let (code, out, err) = kept.run(&["verify"]);
    assert!(code != SOUND && err.contains("the key service is down"), "{err}");
    said += &(out + &err);
    kept.take_down(false);
    assert_eq!(kept.keys(), first, "nothing was changed");

    let _ = admin.post("/v1/audit/keys/rotations", json!({"reason": "Yearly"})).await.expect(200);
    let (code, out, err) = kept.run(&["rotate-root-key", "--reason", "Yearly", "--json"]);
    assert_eq!(code, 0, "{err}");
    let last = kept.keys();
    assert!(last["root_key"] != first["root_key"] && last["former_root_key"].is_null());
    said += &(out + &err);
    for (customer, name) in [(&harbour, "Harbour Foods"), (&second, "Second Foods")] {
        assert_eq!(admin.customer(customer).await.expect(200).text_at("/name"), name);
    }
    for look in [&["verify"][..], &["doctor"], &["config"]] {
        let (code, out, err) = kept.run(look);
        assert_eq!(code, 0, "{look:?}: {out}{err}");
        said += &(out + &err);
    }
    let metrics = admin.get("/metrics").await.expect(200);
    said += &metrics.text;
    said += &server.greeting().join("\n");
    said += &server.lines().join("\n");
    let (lines, code) = (server.lines(), server.stop());
    said += &lines.join("\n");
    assert_eq!(code, 0);

    // Of no key, in no spelling, in nothing that was said, nor in any file.
    let mut secrets: Vec<String> = Vec::new();
    for keys in [&first, &last] {
        secrets.extend(["root_key", "signing_key"].map(|name| keys[name].as_str().unwrap().to_owned()));
        let logs = keys["log_signing_keys"].as_object().into_iter().flatten();
        secrets.extend(
            logs.flat_map(|(_, seeds)| seeds.as_array().unwrap())
                .map(|seed| seed.as_str().unwrap().to_owned()),
        );
    }
    let files: Vec<PathBuf> = std::fs::read_dir(kept.installation.directory())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    for secret in &secrets {
        for spelling in spellings(secret) {
            assert!(!said.contains(&spelling), "a key is said");
            for file in &files {
                let bytes = std::fs::read(file).unwrap();
                let there = bytes.windows(spelling.len()).any(|part| part == spelling.as_bytes());
                assert!(!there, "a key is in {}", file.display());
            }
        }
    }
    // Without the service the file is of no use.
    let plain = kept.installation.run(&["verify"]);
    assert!(plain.code != SOUND && plain.stderr.contains("WAYMARK_KEY_COMMAND"), "{}", plain.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_can_come_from_the_environment_and_are_not_changed_there() {
    let installation = Installation::new();
    let _ = installation.key("admin:root", &["admin"]);
    let on_postgres = installation.postgres().is_some();
    let file = installation.directory().join(if on_postgres { "waymark.keys" } else { "waymark.db.keys" });
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let run = |arguments: &[&str], text: Option<&str>| {
        let mut command = installation.command(arguments);
        text.map(|text| command.env("WAYMARK_KEY_TEXT", text));
        let output = command.output().expect("the program can be started");
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&said).into_owned())
    };
    let (code, said) = run(&["token", "create", "--actor", "rep:li", "--role", "rep"], None);
    assert!(code != 0 && said.contains("put it back"), "{said}");
    let (code, said) = run(&["token", "create", "--actor", "rep:li", "--role", "rep"], Some(&text));
    assert_eq!(code, 0, "{said}");
    assert!(!file.exists(), "no file is made in its place");
    let (code, said) = run(&["rotate-root-key", "--reason", "Yearly"], Some(&text));
    assert!(code != 0 && said.contains("WAYMARK_KEY_TEXT"), "{said}");
    let (code, said) = run(&["config"], Some(&text));
    assert!(code == 0 && said.contains("WAYMARK_KEY_TEXT=(set)"), "{said}");
    let keys: Value = serde_json::from_str(&text).unwrap();
    for spelling in spellings(keys["root_key"].as_str().unwrap()) {
        assert!(!said.contains(&spelling));
    }
    let (code, said) = run(&["verify"], Some("{}"));
    assert!(code != SOUND && said.contains("WAYMARK_KEY_TEXT"), "{said}");
}
