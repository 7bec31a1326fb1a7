//! Archives that are other than they should be in one way each, for both verifiers: this one, and `docs/verify/verify.py`.

mod cases;
mod sample;

use std::path::Path;
use std::process::Command;

use super::bundle::{FlawKind, check};
use sample::Case;

/// Prints with which exit code the program in Python ends for each archive of a folder.
const DRIVER: &str = "
import sys, verify
for at in range(int(sys.argv[1])):
    print('code', verify.main([f'{at}.tar.gz', '--public-key', f'{at}.pub']))
print('code', verify.main(['.', '--public-key', '0.pub']))
try:
    verify.main(['0.tar.gz'])
except SystemExit as wrong_usage:
    print('code', wrong_usage.code)
";

#[test]
fn what_the_format_has_not_is_refused_by_both_verifiers_with_the_same_exit_code() {
    let cases = cases::all();
    let folder = tempfile::tempdir().unwrap();
    for (at, Case { archive, keys, .. }) in cases.iter().enumerate() {
        std::fs::write(folder.path().join(format!("{at}.tar.gz")), archive).unwrap();
        std::fs::write(folder.path().join(format!("{at}.pub")), keys).unwrap();
    }
    let mut wrong = Vec::new();
    for (at, Case { name, code, .. }) in cases.iter().enumerate() {
        let (found, said) = ours(folder.path(), &format!("{at}.tar.gz"), &format!("{at}.pub"));
        if found != *code {
            wrong.push(format!("{name}: {found} and not {code}: {said}"));
        }
    }
    let (of_a_folder, said) = ours(folder.path(), ".", "0.pub");
    assert_eq!(of_a_folder, 5, "{said}");
    for (at, found) in by_python(folder.path(), cases.len()).into_iter().flatten().enumerate() {
        let (name, code) = match cases.get(at) {
            Some(case) => (case.name.as_str(), case.code),
            None if at == cases.len() => ("a folder", 5),
            None => ("wrong usage", 64),
        };
        if found != code {
            wrong.push(format!("{name}: verify.py: {found} and not {code}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// The exit code of `waymark verify --bundle`, and what is wrong.
fn ours(folder: &Path, archive: &str, keys: &str) -> (i32, String) {
    match check(&folder.join(archive), folder.join(keys).to_str().unwrap()) {
        Ok(_) => (0, "sound".to_owned()),
        Err(flaw) => {
            let code = match flaw.kind {
                FlawKind::Tampered => 1,
                FlawKind::BadSignature => 3,
                FlawKind::Incomplete => 4,
                FlawKind::NotChecked => 5,
            };
            (code, format!("{flaw:?}"))
        }
    }
}

/// The exit codes of the program in Python for the archives of a folder; none where Python has not its one package.
fn by_python(folder: &Path, count: usize) -> Option<Vec<i32>> {
    let has_python = Command::new("python3").args(["-c", "import cryptography"]).output();
    if !has_python.is_ok_and(|ran| ran.status.success()) {
        eprintln!("skipped: the Python verifier (python3 with the package cryptography is missing)");
        return None;
    }
    std::fs::write(folder.join("verify.py"), include_str!("../../../../docs/verify/verify.py")).unwrap();
    std::fs::write(folder.join("driver.py"), DRIVER).unwrap();
    let arguments = ["driver.py".to_owned(), count.to_string()];
    let ran = Command::new("python3").args(arguments).current_dir(folder).output().unwrap();
    let said = String::from_utf8(ran.stdout).unwrap();
    let codes = said.lines().filter_map(|line| line.strip_prefix("code ")?.parse().ok());
    let codes: Vec<i32> = codes.collect();
    assert_eq!(codes.len(), count + 2, "{}", String::from_utf8_lossy(&ran.stderr));
    Some(codes)
}
