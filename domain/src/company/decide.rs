//! Decisions about what a tenant sets up.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::command::CompanyCommand;
use super::event::{
    AuditReviewed, CalendarSet, CompanyEvent, DeputyAppointed, DeputyDismissed, EventSkipped, FieldDeclared,
    FieldWithdrawn, IntakeSet, RatesSet, TeamDissolved, TeamSet,
};
use super::state::Company;
use super::{rates, signing_key};
use crate::refusal::{Code, Refusal, Violation, require};
use crate::validate::{line_of, unknown};
use crate::{Actor, Label, calendar, field, intake, people};

/// The longest reason, in characters.
const MAX_REASON_CHARS: usize = 1_000;
/// The most events that one review names.
const MAX_REVIEWED: usize = 500;

/// Decides a command about what the tenant has set up.
///
/// # Errors
/// The refusal, with every unmet condition.
pub fn decide(
    company: &Company,
    command: &CompanyCommand,
    actor: &Actor,
    now: DateTime<Utc>,
) -> Result<CompanyEvent, Refusal> {
    let known = |there: bool, field: &str| require(there, || unknown(field));
    let (unmet, event) = match command.clone() {
        CompanyCommand::SetTeam(team) => (people::team(&team), CompanyEvent::TeamSet(TeamSet { team })),
        CompanyCommand::DissolveTeam(key) => (
            known(company.people.teams.contains_key(&key), "key"),
            CompanyEvent::TeamDissolved(TeamDissolved { key }),
        ),
        CompanyCommand::AppointDeputy(deputy) => (
            people::deputy(&company.people, &deputy, actor, now),
            CompanyEvent::DeputyAppointed(DeputyAppointed { deputy }),
        ),
        CompanyCommand::DismissDeputy(id) => {
            (may_dismiss(company, id, actor), CompanyEvent::DeputyDismissed(DeputyDismissed { id }))
        }
        CompanyCommand::DeclareField(field) => (
            field::declaration(&company.fields, &field),
            CompanyEvent::FieldDeclared(FieldDeclared { field }),
        ),
        CompanyCommand::WithdrawField(key) => (
            known(company.fields.contains_key(&key), "key"),
            CompanyEvent::FieldWithdrawn(FieldWithdrawn { key }),
        ),
        CompanyCommand::SetRates(given) => {
            (rates::invalid(&given, now), CompanyEvent::RatesSet(RatesSet { rates: given }))
        }
        CompanyCommand::SetCalendar(calendar) => {
            (calendar::invalid(&calendar), CompanyEvent::CalendarSet(CalendarSet { calendar }))
        }
        CompanyCommand::SetIntake(intake) => {
            let teams = |team: &str| company.people.teams.contains_key(team);
            let in_a_team = |rep: &str| company.people.teams.values().any(|team| team.members.contains(rep));
            (intake::invalid(&intake, teams, in_a_team), CompanyEvent::IntakeSet(IntakeSet { intake }))
        }
        CompanyCommand::SkipEvent { projection, position, reason } => {
            let skipped = company.skipped.contains(&(projection.clone(), position));
            let unmet = [line_of("reason", &reason, MAX_REASON_CHARS), not_skipped_yet(skipped)].concat();
            (unmet, CompanyEvent::EventSkipped(EventSkipped { projection, position, reason }))
        }
        CompanyCommand::UndoImport(undone) => {
            (line_of("reason", &undone.reason, MAX_REASON_CHARS), CompanyEvent::ImportUndone(undone))
        }
        CompanyCommand::Review { up_to, events, note } => {
            let said = note.as_deref().map(|note| line_of("note", note, MAX_REASON_CHARS));
            let unmet = [one_scope(up_to.is_some(), &events), said.unwrap_or_default()].concat();
            (unmet, CompanyEvent::AuditReviewed(AuditReviewed { up_to, events, note }))
        }
        CompanyCommand::RotateSigningKey(rotation) => {
            let current = company.signing_key.as_ref();
            let (unmet, event) = signing_key::rotate(current, rotation, now, MAX_REASON_CHARS);
            (unmet, CompanyEvent::SigningKeyRotated(event))
        }
        CompanyCommand::RotateRootKey(rotated) => {
            (line_of("reason", &rotated.reason, MAX_REASON_CHARS), CompanyEvent::RootKeyRotated(rotated))
        }
    };
    Refusal::require_all([unmet])?;
    Ok(event)
}

/// A review is of everything up to a position, or of events one by one.
fn one_scope(is_up_to: bool, events: &BTreeSet<Uuid>) -> Vec<Violation> {
    require(is_up_to == events.is_empty() && events.len() <= MAX_REVIEWED, || {
        Violation::new(
            Code::InvalidValue,
            "events",
            Label::new(
                format!("请提供 up_to，或 1 至 {MAX_REVIEWED} 个事件，二者只能取其一。"),
                format!("Give either up_to, or 1 to {MAX_REVIEWED} events."),
            ),
            Label::new("请改正该字段。", "Correct this field."),
        )
    })
}

fn not_skipped_yet(skipped: bool) -> Vec<Violation> {
    require(!skipped, || {
        Violation::new(
            Code::InvalidValue,
            "position",
            Label::new("该事件已被跳过。", "The event has already been skipped."),
            Label::new("若仍有事件在等待，请调用 retries。", "If events are still waiting, call retries."),
        )
    })
}

/// An arrangement for leave can be ended by those who could have made it.
fn may_dismiss(company: &Company, id: Uuid, actor: &Actor) -> Vec<Violation> {
    let Some(deputy) = company.people.deputies.get(&id) else { return vec![unknown("id")] };
    let own = actor.rep_id() == Some(deputy.rep.as_str());
    require(own || actor.supervises(), || {
        Violation::new(
            Code::ForbiddenRole,
            "id",
            Label::new("只能取消自己的代理安排。", "You can cancel only your own deputy arrangements."),
            Label::new("请由主管取消。", "Ask a supervisor."),
        )
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chrono::TimeDelta;

    use super::*;
    use crate::actor::Role;
    use crate::money::Rates;
    use crate::people::{Deputy, Team};

    fn now() -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
    }

    fn wang() -> Actor {
        Actor::new("supervisor:wang", [Role::Supervisor])
    }

    fn li() -> Actor {
        Actor::new("rep:li", [Role::Rep])
    }

    #[test]
    fn a_review_is_of_everything_up_to_a_position_or_of_some_events() {
        let company = Company::default();
        let events: BTreeSet<Uuid> = [Uuid::from_u128(1)].into();
        let review = |up_to, events: &BTreeSet<Uuid>, note: &str| CompanyCommand::Review {
            up_to,
            events: events.clone(),
            note: (!note.is_empty()).then(|| note.to_owned()),
        };
        let nothing = BTreeSet::new();
        for command in [review(Some(7), &nothing, ""), review(None, &events, "as it should be")] {
            assert!(decide(&company, &command, &wang(), now()).is_ok(), "{command:?}");
        }
        let field = |command: &CompanyCommand| refused(&company, command, &wang()).remove(0).1;
        assert_eq!(field(&review(None, &nothing, "")), "events");
        assert_eq!(field(&review(Some(7), &events, "")), "events");
        assert_eq!(field(&review(Some(7), &nothing, "two\nlines")), "note");
    }

    #[test]
    fn a_team_that_an_older_log_has_by_the_long_names_is_a_team_of_somebody() {
        let members = ["rep:li".to_owned(), "zhao".to_owned()].into();
        let mut company = Company::default();
        company.evolve(&CompanyEvent::TeamSet(TeamSet { team: Team { members, ..north() } }));
        let deputy = Deputy {
            id: Uuid::nil(),
            rep: "rep:li".to_owned(),
            deputy: "rep:zhao".to_owned(),
            from: now(),
            until: now() + TimeDelta::days(1),
        };
        company.evolve(&CompanyEvent::DeputyAppointed(DeputyAppointed { deputy }));
        assert_eq!(company.people.team_of("li"), Some(&north()));
        assert_eq!(company.people.stands_in_for("zhao", now()), ["li".to_owned()].into());
    }

    fn north() -> Team {
        Team {
            key: "north".to_owned(),
            name: Label::new("北区", "North"),
            supervisors: ["supervisor:wang".to_owned()].into(),
            members: ["li".to_owned(), "zhao".to_owned()].into(),
            regions: BTreeSet::new(),
            functions: BTreeMap::new(),
        }
    }

    fn leave(from: i64, until: i64) -> Deputy {
        Deputy {
            id: Uuid::from_u128(1),
            rep: "li".to_owned(),
            deputy: "zhao".to_owned(),
            from: now() + TimeDelta::days(from),
            until: now() + TimeDelta::days(until),
        }
    }

    fn after(commands: impl IntoIterator<Item = CompanyCommand>) -> Company {
        let mut company = Company::default();
        for command in commands {
            company.evolve(&decide(&company, &command, &wang(), now()).unwrap());
        }
        company
    }

    #[track_caller]
    fn refused(company: &Company, command: &CompanyCommand, actor: &Actor) -> Vec<(String, String)> {
        let refusal = decide(company, command, actor, now()).unwrap_err();
        refusal.violations.into_iter().map(|one| (one.code.into_owned(), one.field)).collect()
    }

    #[test]
    fn an_event_is_left_out_of_a_read_model_once_and_with_a_reason() {
        let skip = |projection: &str, position, reason: &str| CompanyCommand::SkipEvent {
            projection: projection.to_owned(),
            position,
            reason: reason.to_owned(),
        };
        let company = after([skip("board", 7, "a broken import")]);
        assert_eq!(company.skipped, [("board".to_owned(), 7)].into());
        let invalid = |field: &str| vec![("invalid-value".to_owned(), field.to_owned())];
        assert_eq!(refused(&company, &skip("board", 7, "again"), &wang()), invalid("position"));
        for (other, position) in [("dwell", 7), ("board", 8)] {
            assert!(decide(&company, &skip(other, position, "another"), &wang(), now()).is_ok());
        }
        for reason in ["", " ", "two\nlines", &"长".repeat(1_001)] {
            assert_eq!(refused(&company, &skip("dwell", 7, reason), &wang()), invalid("reason"), "{reason}");
        }
    }

    #[test]
    fn a_team_is_set_changed_and_dissolved() {
        let company = after([CompanyCommand::SetTeam(north())]);
        assert!(company.people.teams["north"].supervisors.contains("supervisor:wang"));
        let smaller = Team { members: ["li".to_owned()].into(), ..north() };
        let company = after([CompanyCommand::SetTeam(north()), CompanyCommand::SetTeam(smaller)]);
        assert_eq!(company.people.teams["north"].members.len(), 1);
        let gone =
            after([CompanyCommand::SetTeam(north()), CompanyCommand::DissolveTeam("north".to_owned())]);
        assert!(gone.people.teams.is_empty());
        let unknown = refused(&gone, &CompanyCommand::DissolveTeam("north".to_owned()), &wang());
        assert_eq!(unknown, [("unknown-key".to_owned(), "key".to_owned())]);
    }

    #[test]
    fn the_regions_of_a_team_are_lines_and_not_too_many() {
        let of = |regions: Vec<String>| {
            let team = Team { regions: regions.into_iter().collect(), ..north() };
            decide(&Company::default(), &CompanyCommand::SetTeam(team), &wang(), now())
        };
        let codes = |regions| -> Vec<String> {
            of(regions).unwrap_err().violations.into_iter().map(|one| one.code.into_owned()).collect()
        };
        assert!(of(vec!["北京".to_owned(), "x".repeat(200)]).is_ok());
        assert_eq!(codes(vec![" ".to_owned()]), ["invalid-value"]);
        assert_eq!(codes(vec!["a\nb".to_owned(), "x".repeat(201)]), ["invalid-value", "invalid-value"]);
        let many = |count: usize| (0..count).map(|number| format!("r{number}")).collect::<Vec<_>>();
        assert!(of(many(200)).is_ok());
        assert_eq!(codes(many(201)), ["too-many-items"]);
    }

    #[test]
    fn a_deputy_stands_in_for_the_interval_its_end_excluded() {
        let company = after([CompanyCommand::AppointDeputy(leave(1, 3))]);
        let stands_in = |days: i64, tick: i64| {
            let at = now() + TimeDelta::days(days) + TimeDelta::microseconds(tick);
            company.people.stands_in_for("zhao", at).contains("li")
        };
        assert!(!stands_in(1, -1) && stands_in(1, 0) && stands_in(3, -1) && !stands_in(3, 0));
        assert!(company.people.stands_in_for("chen", now() + TimeDelta::days(2)).is_empty());
    }

    #[test]
    fn a_rep_arranges_its_own_leave_and_no_others() {
        let company = Company::default();
        assert!(decide(&company, &CompanyCommand::AppointDeputy(leave(0, 3)), &li(), now()).is_ok());
        let zhao = Actor::new("rep:zhao", [Role::Rep]);
        let refusal = refused(&company, &CompanyCommand::AppointDeputy(leave(0, 3)), &zhao);
        assert_eq!(refusal, [("forbidden-role".to_owned(), "rep".to_owned())]);
        let company = after([CompanyCommand::AppointDeputy(leave(0, 3))]);
        let dismiss = CompanyCommand::DismissDeputy(Uuid::from_u128(1));
        assert_eq!(refused(&company, &dismiss, &zhao)[0].0, "forbidden-role");
        assert!(decide(&company, &dismiss, &li(), now()).is_ok());
    }

    #[test]
    fn leave_that_cannot_be_is_refused() {
        let company = Company::default();
        for (deputy, field) in [
            (leave(3, 3), "until"),
            (leave(-3, -1), "until"),
            (Deputy { deputy: "li".to_owned(), ..leave(0, 3) }, "deputy"),
            (Deputy { deputy: " ".to_owned(), ..leave(0, 3) }, "deputy"),
        ] {
            assert_eq!(refused(&company, &CompanyCommand::AppointDeputy(deputy), &wang())[0].1, field);
        }
        let company = after([CompanyCommand::AppointDeputy(leave(0, 3))]);
        let back =
            Deputy { id: Uuid::from_u128(2), rep: "zhao".to_owned(), deputy: "li".to_owned(), ..leave(1, 2) };
        assert_eq!(refused(&company, &CompanyCommand::AppointDeputy(back), &wang())[0].1, "deputy");
    }

    #[test]
    fn the_rates_of_a_day_hold_until_the_next_ones() {
        let rates = |day: &str, usd: &str| {
            let rates = [("USD".to_owned(), usd.parse().unwrap())].into();
            CompanyCommand::SetRates(Rates { date: day.parse().unwrap(), base: "CNY".to_owned(), rates })
        };
        let company = after([rates("2024-01-01", "7.10"), rates("2024-02-01", "7.20")]);
        let on = |day: &str| company.rates_on(day.parse().unwrap()).map(|rates| rates.date.to_string());
        assert_eq!(on("2023-12-31"), None);
        assert_eq!(on("2024-01-31").as_deref(), Some("2024-01-01"));
        assert_eq!(on("2024-02-01").as_deref(), Some("2024-02-01"));
    }

    #[test]
    fn rates_that_cannot_be_are_refused_by_name() {
        let rates = [("USD", "0"), ("DEM", "1"), ("CNY", "1")];
        let rates = rates.map(|(code, rate)| (code.to_owned(), rate.parse().unwrap())).into();
        let wrong = Rates { date: "2999-01-01".parse().unwrap(), base: "CNY".to_owned(), rates };
        let fields: Vec<String> = refused(&Company::default(), &CompanyCommand::SetRates(wrong), &wang())
            .into_iter()
            .map(|(_, field)| field)
            .collect();
        assert_eq!(fields, ["rates.CNY", "rates.DEM", "rates.USD", "date"]);
    }
}
