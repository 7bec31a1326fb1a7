//! What installs and starts the service names only what is there: paths, flags, settings, ports.

#![cfg(test)]

use std::collections::BTreeSet;

use serde_json::{Value, json};
use waymark_tests::{Installation, repository};

const UNIT: &str = "packaging/waymark.service";
const IMAGE: &str = "packaging/Dockerfile";
const COMPOSE: &str = "packaging/compose.yaml";

#[test]
fn the_unit_starts_the_program_that_the_package_installs_in_the_folder_that_is_its_own() {
    let unit = read(UNIT);
    let start = value(&unit, "ExecStart=");
    let mut words = start.split(' ');
    let program = words.next().unwrap_or_default().trim_start_matches('/');
    assert!(manifest_installs(program), "the package installs no {program}");
    assert_accepted(&words.collect::<Vec<_>>());
    let state = format!("/var/lib/{}", value(&unit, "StateDirectory="));
    assert_eq!(value(&unit, "WorkingDirectory="), state);
    assert!(read("packaging/debian/postinst").contains(&format!("-m 0700 {state}")), "{state}");
    for setting in unit.lines().filter_map(|line| line.strip_prefix("Environment=")) {
        let (_, at) = setting.split_once('=').expect("a value");
        assert!(at.trim_start_matches("sqlite:").starts_with(&state), "{setting} is not in {state}");
    }
    let settings = value(&unit, "EnvironmentFile=-");
    assert!(manifest_installs(settings.trim_start_matches('/')), "the package installs no {settings}");
}

#[test]
fn the_image_copies_what_it_builds_and_starts_what_it_copies() {
    let image = read(IMAGE);
    let build = image.lines().find_map(|line| line.strip_prefix("RUN cargo build ")).expect("it builds");
    let profile =
        build.split("--profile ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a profile");
    assert!(read("Cargo.toml").contains(&format!("[profile.{profile}]")), "there is no profile {profile}");
    let copied = value(&image, "COPY --from=build ");
    let (made, installed) = copied.split_once(' ').expect("from and to");
    assert_eq!(made, format!("/src/target/{profile}/waymark"));
    assert_eq!(list(&value(&image, "ENTRYPOINT ")), [installed]);
    assert_accepted(&list(&value(&image, "CMD ")).iter().map(String::as_str).collect::<Vec<_>>());
    let toolchain = value(&read("rust-toolchain.toml"), "channel = ");
    let base = value(&image, "FROM rust:");
    let version = base.split('-').next().unwrap_or_default();
    assert!(toolchain.trim_matches('"').starts_with(version), "{toolchain} is not {version}");
    let port = value(&image, "EXPOSE ");
    assert_eq!(value(&image, "ENV WAYMARK_LISTEN="), format!("0.0.0.0:{port}"));
    let home = value(&image, "WORKDIR /var");
    assert_eq!(value(&image, "VOLUME /var"), home);
}

#[test]
fn the_services_of_the_compose_file_fit_the_image_and_each_other() {
    let (compose, image) = (read(COMPOSE), read(IMAGE));
    let dockerfile = value(&compose, "      dockerfile: ");
    assert!(repository().join(&dockerfile).exists(), "there is no {dockerfile}");
    assert!(
        repository().join("packaging").join(value(&compose, "      context: ")).join("Cargo.lock").exists()
    );
    let command = list(&value(&compose, "    command: "));
    assert_accepted(&command.iter().map(String::as_str).collect::<Vec<_>>());
    let port = value(&image, "EXPOSE ");
    assert!(command.iter().any(|word| word.ends_with(&format!(":{port}"))), "{command:?} listens elsewhere");
    assert!(compose.contains(&format!("- \"127.0.0.1:{port}:{port}\"")), "port {port} is not published");
    // The user, the database and the host are those of the other service.
    let database = value(&compose, "      WAYMARK_DATABASE: ");
    let (user, name) = (value(&compose, "      POSTGRES_USER: "), value(&compose, "      POSTGRES_DB: "));
    assert!(database.starts_with(&format!("postgres://{user}:")), "{database}");
    assert!(database.ends_with(&format!("@postgres:5432/{name}")), "{database}");
    assert!(compose.contains("\n  postgres:\n    image: postgres:"), "no service is called postgres");
    // What is kept is in a volume.
    let home = format!("/var{}", value(&image, "VOLUME /var"));
    assert!(value(&compose, "      WAYMARK_KEYS: ").starts_with(&home));
    for volume in ["keys", "log"] {
        assert!(
            compose.contains(&format!("      - {volume}:/")) && compose.contains(&format!("\n  {volume}:"))
        );
    }
    assert!(compose.contains(&format!("- keys:{home}\n")), "{home} is in no volume");
}

#[test]
fn the_user_the_folder_and_the_distribution_are_the_same_wherever_they_are_named() {
    let (unit, image, compose) = (read(UNIT), read(IMAGE), read(COMPOSE));
    let (user, home) = (value(&unit, "User="), value(&unit, "WorkingDirectory="));
    let postinst = read("packaging/debian/postinst");
    let made = value(&postinst, "        useradd ");
    assert!(made.ends_with(&format!(" {user}")) && made.contains(&format!("--home-dir {home} ")), "{made}");
    assert!(
        postinst.contains(&format!("install -d -o {user} -g {} -m", value(&unit, "Group="))),
        "{postinst}"
    );
    let settings = value(&unit, "EnvironmentFile=-");
    let (folder, _) = settings.rsplit_once('/').expect("a folder");
    assert!(postinst.contains(&format!("-g {user} {folder}\n")), "nobody makes {folder} readable for {user}");

    let made = value(&image, "RUN useradd ");
    assert!(made.ends_with(&format!(" {user}")) && made.contains(&format!("--home-dir {home} ")), "{made}");
    assert_eq!(
        (value(&image, "USER "), value(&image, "WORKDIR /var")),
        (user, home["/var".len()..].to_owned())
    );
    // A program is linked against the library of the distribution that it was built on.
    let built_on = value(&image, "FROM rust:");
    let built_on = built_on.split([' ', '-']).nth(1).expect("a distribution").to_owned();
    assert_eq!(value(&image, "FROM debian:"), format!("{built_on}-slim"));

    let check = list(&value(&compose, "      test: "));
    assert_eq!(check.last(), Some(&value(&compose, "      POSTGRES_USER: ")), "{check:?}");
    assert!(compose.contains("    depends_on:\n      postgres:\n        condition: service_healthy\n"));
}

#[test]
fn every_setting_that_packages_name_is_one_that_the_manual_lists() {
    let manual = read("docs/operations.md");
    let known: BTreeSet<&str> = names(&manual).collect();
    for file in [UNIT, IMAGE, COMPOSE, "packaging/waymark.env"] {
        let text = read(file);
        let used: Vec<&str> = names(&text).filter(|name| *name != "WAYMARK_").collect();
        assert!(!used.is_empty(), "{file} names no setting");
        for name in used {
            assert!(known.contains(name), "{file} names {name}");
        }
    }
}

#[test]
fn everything_that_goes_into_the_package_is_there() {
    let manifest = read("api/Cargo.toml");
    let assets =
        manifest.split("assets = [").nth(1).and_then(|rest| rest.split("\n]").next()).expect("assets");
    let mut found = 0;
    for asset in assets.lines().filter(|line| line.contains('[')) {
        let source = asset.split('"').nth(1).expect("a source");
        if source != "target/release/waymark" {
            assert!(repository().join("api").join(source).exists(), "there is no {source}");
        }
        found += 1;
    }
    assert!(found >= 3, "{assets}");
    assert!(repository().join("packaging/debian/postinst").exists());
}

/// The words of a command line are a sub-command and flags that its help describes.
fn assert_accepted(words: &[&str]) {
    let (command, rest) = words.split_first().expect("a sub-command");
    let output = Installation::new().command(&[command, "--help"]).output().expect("the program runs");
    assert!(output.status.success(), "there is no sub-command {command}");
    let help = String::from_utf8_lossy(&output.stdout).into_owned();
    for flag in rest.iter().filter(|word| word.starts_with("--")) {
        assert!(help.contains(&format!("{flag} ")), "{command} has no {flag}:\n{help}");
    }
}

/// Whether an asset of the package ends up there.
fn manifest_installs(path: &str) -> bool {
    let manifest = read("api/Cargo.toml");
    let (folder, file) = path.rsplit_once('/').unwrap_or_default();
    manifest.lines().any(|line| line.contains(&format!("/{file}\", \"{folder}/\"")))
}

/// What follows on the line that begins so.
fn value(text: &str, begin: &str) -> String {
    let found = text.lines().find_map(|line| line.strip_prefix(begin));
    found.unwrap_or_else(|| panic!("no line begins with {begin:?} in\n{text}")).trim().to_owned()
}

/// The texts of a list in the form of JSON.
fn list(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The settings that a text names.
fn names(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("WAYMARK_").map(|(start, _)| {
        let rest = &text[start..];
        let end = rest.find(|sign: char| !sign.is_ascii_uppercase() && sign != '_').unwrap_or(rest.len());
        &rest[..end]
    })
}

fn read(file: &str) -> String {
    let path = repository().join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn what_a_command_did_is_one_json_document_for_programs() {
    let installation = Installation::new();
    let told = |arguments: &[&str]| -> Value {
        let said = installation.run(&[arguments, &["--json"]].concat()).succeeded();
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {said}"))
    };
    let migrated = told(&["migrate"]);
    assert_eq!((&migrated["tenant"], &migrated["dropped"]), (&json!("default"), &json!([])));
    let token = told(&["token", "create", "--actor", "li", "--role", "rep", "--scope", "act-as"]);
    assert_eq!(
        (&token["actor"], &token["roles"], &token["scopes"]),
        (&json!("rep:li"), &json!(["rep"]), &json!(["act-as"]))
    );
    assert!(token["key"].as_str().is_some_and(|key| key.starts_with("wm_")), "{token}");
    let link = told(&["sign-in-link", "--actor", "rep:li", "--role", "rep", "--minutes", "5"]);
    let code = link["code"].as_str().unwrap_or_default();
    assert_eq!(link["link"], format!("http://127.0.0.1:8080/console/sign-in?code={code}"));
    assert_eq!((&link["actor"], &link["minutes"]), (&json!("rep:li"), &json!(5)));
    let rebuilt = told(&["rebuild"]);
    let names: Vec<&Value> =
        rebuilt["rebuilt"].as_array().into_iter().flatten().map(|one| &one["name"]).collect();
    assert_eq!(names, ["board", "timeline", "dwell", "work"]);
    assert_eq!(told(&["rebuild", "tags"])["tags"]["restored"], 0);
    let file = installation.directory().join("events.csv");
    let written = told(&["export", "events", "--output", file.to_str().expect("a path")]);
    let lines = std::fs::read_to_string(&file).expect("it was written").lines().count() as u64;
    assert_eq!(written["rows"].as_u64().map(|rows| rows + 1), Some(lines), "{written}");
    assert_eq!((&written["what"], &written["format"]), (&json!("events"), &json!("csv")));
    assert!(told(&["export", "events", "--manifest"])["sha256"].is_string());
    // Without a file the export is what goes to standard output, and nothing is put into it.
    assert_eq!(installation.run(&["export", "events", "--json"]).code, 64);
}
