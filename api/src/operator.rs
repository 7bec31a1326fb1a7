//! Who runs this program: how the log calls anyone who acts at the command line.

/// `operator:` and the name of the operating system's user, its number where it has no name.
#[must_use]
pub fn operator() -> String {
    let user = user_id().map(|id| name_of(id).unwrap_or_else(|| id.to_string()));
    format!("operator:{}", user.as_deref().unwrap_or("unknown"))
}

/// The name of the machine, where the system tells it.
#[must_use]
pub(crate) fn host() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// The number of the user as whom this process runs. The environment could say anything; the kernel does not.
#[cfg(target_os = "linux")]
fn user_id() -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").ok().map(|metadata| metadata.uid())
}

/// Other systems tell it in other ways, which nothing here asks.
#[cfg(not(target_os = "linux"))]
fn user_id() -> Option<u32> {
    None
}

fn name_of(id: u32) -> Option<String> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    name_in(&users, id)
}

/// The name of a user in the text of `/etc/passwd` (passwd(5)): name, password, number, and more, with colons between.
fn name_in(users: &str, id: u32) -> Option<String> {
    let user = |line: &str| {
        let mut columns = line.split(':');
        let (name, number) = (columns.next()?, columns.nth(1)?);
        (number.parse() == Ok(id) && !name.is_empty()).then(|| name.to_owned())
    };
    users.lines().find_map(user)
}

#[cfg(test)]
mod tests {
    use super::{name_in, operator};

    #[test]
    fn a_user_is_named_as_the_system_names_it() {
        let users =
            "root:x:0:0:root:/root:/bin/bash\nwaymark:x:998:997::/var/lib/waymark:/usr/sbin/nologin\n";
        assert_eq!(name_in(users, 0).as_deref(), Some("root"));
        assert_eq!(name_in(users, 998).as_deref(), Some("waymark"));
        assert_eq!(name_in(users, 997), None, "that is a group");
        assert_eq!(name_in("broken\n::\n", 0), None);
    }

    #[test]
    fn somebody_runs_this() {
        let name = operator();
        assert!(name.starts_with("operator:") && name.len() > "operator:".len(), "{name}");
    }
}
