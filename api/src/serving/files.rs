//! How many connections the operating system's limit of open files leaves room for.

use std::path::Path;

/// The most connections whatever the system allows: each costs memory as well.
const MOST: usize = 10_000;
/// The fewest, however little there is.
const FEWEST: usize = 8;
/// Files that are kept for what the service opens later: connections to the database and to receivers of messages. A quarter
/// of the limit where that is less.
const KEPT: usize = 128;

/// The most connections at a time that this process should take.
#[must_use]
pub(crate) fn connections() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").ok();
    let open = std::fs::read_dir(Path::new("/proc/self/fd")).map_or(0, Iterator::count);
    limits.as_deref().and_then(limit).map_or(MOST, |limit| left(limit, open))
}

/// What a limit leaves for connections where that many files are open already.
fn left(limit: usize, open: usize) -> usize {
    limit.saturating_sub(open).saturating_sub(KEPT.min(limit / 4)).clamp(FEWEST, MOST)
}

/// The limit in the words of Linux; none where it is unlimited, or the words are others.
fn limit(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{left, limit};

    #[test]
    fn the_limit_of_open_files_is_read_as_linux_writes_it() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max cpu time              unlimited            unlimited            seconds   \n\
                      Max open files            1024                 524288               files     \n";
        assert_eq!(limit(limits), Some(1_024));
        assert_eq!(limit("Max open files            unlimited            unlimited            files"), None);
        assert_eq!(limit(""), None);
    }

    #[test]
    fn connections_leave_files_to_the_rest_of_the_service() {
        assert_eq!(left(1_024, 30), 866);
        assert_eq!(left(64, 30), 18);
        assert_eq!(left(64, 60), 8, "there are always a few");
        assert_eq!(left(1_000_000, 30), 10_000, "and never too many");
    }
}
