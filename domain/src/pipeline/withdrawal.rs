//! Withdrawing a version that is not in force yet: it never is, and the next one is built on the one before it.

use chrono::{DateTime, Utc};

use super::version::{Publication, Versions};
use crate::Label;
use crate::refusal::{Code, Refusal, Violation, require};
use crate::validate;

/// The longest reason, in characters.
const MAX_REASON_CHARS: usize = 1_000;

impl Versions {
    /// Whether a version can be withdrawn at an instant; none where there is no such version, or it was withdrawn.
    ///
    /// # Errors
    /// When it is in force or was, another version is built on it, or the reason is no line.
    pub fn may_withdraw(
        &self,
        version: u32,
        reason: Option<&str>,
        now: DateTime<Utc>,
    ) -> Option<Result<(), Refusal>> {
        let known = self.version(version)?;
        let built_on_it = self.all().iter().filter(|other| other.base == Some(version));
        let built_on_it: Vec<u32> = built_on_it.map(|other| other.pipeline.version).collect();
        Some(Refusal::require_all([
            require(now < known.in_force_from, || in_force(known)),
            require(built_on_it.is_empty(), || is_base(version, &built_on_it)),
            reason.map(|reason| validate::line_of("reason", reason, MAX_REASON_CHARS)).unwrap_or_default(),
        ]))
    }
}

fn in_force(known: &Publication) -> Violation {
    let version = known.pipeline.version;
    Violation::new(
        Code::VersionInForce,
        "version",
        Label::new(
            format!("版本{version}已经生效，不能撤回。"),
            format!("Version {version} has taken effect and can no longer be withdrawn."),
        ),
        Label::new("请发布新版本。", "Publish another version instead."),
    )
    .with_instant("effective_from", known.in_force_from)
}

fn is_base(version: u32, built_on_it: &[u32]) -> Violation {
    let named: Vec<String> = built_on_it.iter().map(u32::to_string).collect();
    let (zh, en) = (named.join("、"), named.join(", "));
    Violation::new(
        Code::VersionIsBase,
        "version",
        Label::new(
            format!("版本{zh}以版本{version}为基础。"),
            format!("Version {version} is the base of version {en}."),
        ),
        Label::new(
            format!("请先撤回版本{zh}；如已生效，请发布新版本。"),
            format!("Withdraw version {en} first; publish another version if it has taken effect."),
        ),
    )
    .with("versions", built_on_it)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::TimeDelta;
    use uuid::Uuid;

    use super::*;
    use crate::pipeline::version::Pilot;
    use crate::pipeline::{Endings, Pipeline};

    fn at(day: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(day)
    }

    /// Version 1 from day 1 on, the next ones on their base, each from its tenfold day on; all published on day 2.
    fn published(next: &[(u32, u32)]) -> Versions {
        let mut versions = Versions::default();
        for (version, base) in
            std::iter::once((1, None)).chain(next.iter().map(|(one, on)| (*one, Some(*on))))
        {
            let statuses = ["a".to_owned()];
            let pipeline = Pipeline { version, ..Pipeline::any_move("k", &statuses, &Endings::default()) };
            versions.add(Publication {
                pipeline: Arc::new(pipeline),
                base,
                map: Vec::new(),
                team: None,
                in_force_from: at(if version == 1 { 1 } else { i64::from(version) * 10 }),
                event: Uuid::from_u128(version.into()),
                published_at: at(if version == 1 { 1 } else { 2 }),
                published_by: "manager:wang".to_owned(),
            });
        }
        versions
    }

    fn codes(asked: Option<Result<(), Refusal>>) -> Vec<String> {
        let violations = asked.unwrap().err().map(|refusal| refusal.violations).unwrap_or_default();
        violations.into_iter().map(|unmet| unmet.code.to_string()).collect()
    }

    #[test]
    fn a_version_can_be_withdrawn_until_it_takes_force_and_nothing_is_built_on_it() {
        let versions = published(&[(2, 1)]);
        let second = TimeDelta::seconds(1);
        assert_eq!(codes(versions.may_withdraw(2, None, at(20) - second)), [""; 0]);
        assert_eq!(codes(versions.may_withdraw(2, None, at(20))), ["version-in-force"]);
        assert_eq!(codes(versions.may_withdraw(2, None, at(20) + second)), ["version-in-force"]);
        assert_eq!(codes(versions.may_withdraw(1, None, at(5))), ["version-in-force", "version-is-base"]);
        assert!(versions.may_withdraw(3, None, at(5)).is_none());
        assert_eq!(codes(versions.may_withdraw(2, Some("two\nlines"), at(5))), ["invalid-value"]);
        let versions = published(&[(2, 1), (3, 2)]);
        assert_eq!(codes(versions.may_withdraw(2, None, at(5))), ["version-is-base"]);
        assert_eq!(codes(versions.may_withdraw(3, None, at(5))), [""; 0]);
    }

    #[test]
    fn a_version_that_was_withdrawn_never_takes_force_and_its_number_is_not_used_again() {
        let mut versions = published(&[(2, 1)]);
        versions.withdraw(2, at(5), "manager:wang");
        let in_force =
            |versions: &Versions, day| versions.in_force(None, at(day)).map(|one| one.pipeline.version);
        assert_eq!(in_force(&versions, 25), Some(1));
        assert_eq!(versions.changes(), [at(1)]);
        assert_eq!(versions.base_of_next().map(|one| one.pipeline.version), Some(1));
        assert_eq!((versions.next_number(), versions.all().len()), (3, 1));
        assert_eq!(versions.withdrawn()[0].by, "manager:wang");
        assert!(versions.may_withdraw(2, None, at(6)).is_none(), "it is withdrawn once");
        // As it was known before, it would have taken force.
        assert_eq!(in_force(&versions.known_at(at(4)), 25), Some(2));
        assert_eq!(in_force(&versions.known_at(at(5)), 25), Some(1));
        assert!(versions.known_at(at(0)).all().is_empty());
        assert_eq!(versions.known_at(at(6)), versions);
    }

    #[test]
    fn what_was_in_force_when_the_withdrawal_was_recorded_stays_so() {
        let mut versions = published(&[(2, 1)]);
        versions.withdraw(2, at(20), "manager:wang");
        assert_eq!(versions.in_force(None, at(25)).map(|one| one.pipeline.version), Some(2));
        assert!(versions.withdrawn().is_empty());
    }

    #[test]
    fn a_pilot_that_has_not_begun_can_be_withdrawn_too() {
        let mut versions = published(&[(2, 1)]);
        let pilot = Publication {
            team: Some(Pilot { id: "north".into(), ..Pilot::default() }),
            ..versions.version(2).cloned().unwrap()
        };
        versions.withdraw(2, at(3), "manager:wang");
        let number = versions.next_number();
        let pipeline = Pipeline { version: number, ..(*pilot.pipeline).clone() };
        versions.add(Publication { pipeline: Arc::new(pipeline), ..pilot });
        assert_eq!(versions.in_force(Some("north"), at(30)).map(|one| one.pipeline.version), Some(3));
        versions.withdraw(3, at(4), "manager:wang");
        assert_eq!(versions.in_force(Some("north"), at(30)).map(|one| one.pipeline.version), Some(1));
    }
}
