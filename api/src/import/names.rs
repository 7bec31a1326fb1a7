//! Who made a change, as files name people.

/// The actor of changes that nobody is named for.
pub(super) const NOBODY: &str = "import";
/// The words for the roles of others than reps.
const OTHERS: [&str; 7] = ["supervisor", "manager", "admin", "analyst", "auditor", "system", "operator"];

/// A rep has one name, with the word for its role or without; others keep the word for theirs.
pub(super) fn rep_name(name: &str) -> &str {
    name.strip_prefix("rep:").filter(|id| !id.trim().is_empty()).unwrap_or(name)
}

/// Whether a name has the word of a role other than a rep's before it, as exports have it.
pub(super) fn is_of_another_role(name: &str) -> bool {
    name.split_once(':').is_some_and(|(role, _)| OTHERS.contains(&role))
}
