//! Who commands: a name, and the roles that say what the name may do.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

/// What an actor may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Works customers: their own, and those in a pool.
    Rep,
    /// Leads a team: works every customer, merges them, and hands them over.
    Supervisor,
    /// Leads the sales: works every customer, and publishes pipelines.
    Manager,
    /// Sets the system up, and may do what a manager may.
    Admin,
    /// Reads figures; commands nothing.
    Analyst,
    /// Reads everything, the log included; commands nothing.
    Auditor,
}

impl Role {
    /// The role's word, as definitions and answers have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rep => "rep",
            Self::Supervisor => "supervisor",
            Self::Manager => "manager",
            Self::Admin => "admin",
            Self::Analyst => "analyst",
            Self::Auditor => "auditor",
        }
    }

    /// Every role.
    pub const EACH: [Self; 6] =
        [Self::Rep, Self::Supervisor, Self::Manager, Self::Admin, Self::Analyst, Self::Auditor];

    /// What it is called, in Chinese and English.
    pub fn name(self) -> [&'static str; 2] {
        match self {
            Self::Rep => ["销售", "Sales rep"],
            Self::Supervisor => ["主管", "Supervisor"],
            Self::Manager => ["经理", "Manager"],
            Self::Admin => ["管理员", "Administrator"],
            Self::Analyst => ["分析员", "Analyst"],
            Self::Auditor => ["审计员", "Auditor"],
        }
    }

    /// What it may do, in Chinese and English.
    pub fn duties(self) -> [&'static str; 2] {
        match self {
            Self::Rep => ["处理自己的客户和公海客户。", "Works their own customers and those in a pool."],
            Self::Supervisor => {
                ["处理、合并、移交团队的客户。", "Works, merges and hands over the team's customers."]
            }
            Self::Manager => [
                "处理所有客户，发布销售流程，导入数据。",
                "Works every customer, publishes pipelines and imports data.",
            ],
            Self::Admin => {
                ["设置系统，并可做经理所做的一切。", "Sets the system up, and may do what a manager may."]
            }
            Self::Analyst => {
                ["查看分析，不看联系方式，不做变更。", "Reads figures, without contacts; changes nothing."]
            }
            Self::Auditor => {
                ["查看全部记录和证明，不做变更。", "Reads every record and its proofs; changes nothing."]
            }
        }
    }
}

/// Who commands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// As it stands in the log: `rep:li`, `manager:wang`, `admin:root`, `system:<rule>`, `import`.
    pub name: String,
    /// What it may do. System actors have none and are trusted by name.
    pub roles: BTreeSet<Role>,
}

impl Actor {
    /// An actor of that name with those roles.
    pub fn new(name: impl Into<String>, roles: impl IntoIterator<Item = Role>) -> Self {
        Self { name: name.into(), roles: roles.into_iter().collect() }
    }

    /// Whether the actor has the role.
    pub fn is(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// Whether the actor is a rule of the system.
    pub fn is_system(&self) -> bool {
        self.name.starts_with("system:")
    }

    /// Whether the actor may work every customer: supervisors, managers, admins and the system.
    pub fn supervises(&self) -> bool {
        self.is(Role::Supervisor) || self.is(Role::Manager) || self.is(Role::Admin) || self.is_system()
    }

    /// Whether the actor may command at all: analysts and auditors only read.
    pub fn may_command(&self) -> bool {
        self.supervises() || self.is(Role::Rep)
    }

    /// The id under which the actor owns customers, if it is a rep: its name without `rep:`.
    pub fn rep_id(&self) -> Option<&str> {
        if !self.is(Role::Rep) {
            return None;
        }
        Some(self.name.strip_prefix("rep:").unwrap_or(&self.name))
    }

    /// How far back the actor may record: reps 7 days, supervisors and managers 90; none where there is no limit.
    pub fn backdate_window(&self) -> Option<TimeDelta> {
        if self.is(Role::Admin) || self.is(Role::Auditor) || self.is_system() {
            return None;
        }
        let leads = self.is(Role::Supervisor) || self.is(Role::Manager);
        Some(if leads { TimeDelta::days(90) } else { TimeDelta::days(7) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rep_owns_under_its_name_without_the_prefix_and_others_own_nothing() {
        assert_eq!(Actor::new("rep:li", [Role::Rep]).rep_id(), Some("li"));
        assert_eq!(Actor::new("li", [Role::Rep]).rep_id(), Some("li"));
        assert_eq!(Actor::new("rep:li", [Role::Manager]).rep_id(), None);
    }

    #[test]
    fn each_role_commands_and_reaches_back_as_far_as_it_should() {
        let facts = |actor: Actor| {
            (actor.may_command(), actor.supervises(), actor.backdate_window().map(|window| window.num_days()))
        };
        assert_eq!(facts(Actor::new("rep:li", [Role::Rep])), (true, false, Some(7)));
        assert_eq!(facts(Actor::new("supervisor:zhou", [Role::Supervisor])), (true, true, Some(90)));
        assert_eq!(facts(Actor::new("manager:wang", [Role::Manager])), (true, true, Some(90)));
        assert_eq!(facts(Actor::new("admin:root", [Role::Admin])), (true, true, None));
        assert_eq!(facts(Actor::new("analyst:qian", [Role::Analyst])), (false, false, Some(7)));
        assert_eq!(facts(Actor::new("auditor:sun", [Role::Auditor])), (false, false, None));
        assert_eq!(facts(Actor::new("system:reclaim-5d", [])), (true, true, None));
    }
}
