//! Parameters that all reports share: customer filters and the time window.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Deserializer};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

use super::customers::body::OwnerName;
use super::people::{no_team, require_owner};
use super::{AppState, fields, known};
use crate::app::Caller;
use crate::domain::{Label, Owner, ProfileField, ProfileTexts};
use crate::http::Instant;
use crate::http::profile::{self, Beside};
use crate::problem::Problem;
use crate::projections::dwell::Window;
use crate::projections::{AnyOf, AsOf, CohortFilter, ProfileFilter};

/// Which customers count. All given filters must match.
#[derive(Debug, Clone, Default)]
pub(super) struct CustomerFilterParams {
    own: OwnParams,
    /// The texts of the profile that reports look at, each a parameter by its name.
    texts: ProfileTexts,
}

/// The parameters of the filter that are no texts of the profile.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OwnParams {
    /// The owner: `rep:li` or `pool:customer_pool`.
    #[param(value_type = Option<String>, example = "rep:li")]
    owner: Option<OwnerName>,
    /// Customers of this team's reps, as the team was at the requested instant.
    #[param(example = "north")]
    team: Option<String>,
    /// The source of the lead; several values are separated by commas, here and in the filters below.
    source: Option<String>,
    /// The channel of the lead.
    channel: Option<String>,
    /// A tag of the customer.
    tag: Option<String>,
    /// The sub-status that they stood in.
    sub_status: Option<String>,
    /// The value tier.
    tier: Option<String>,
    /// The pipeline version of the customer's last transition.
    version: Option<u32>,
    /// What the custom field of that key held, such as `field:budget=high`; may appear for several keys.
    #[serde(rename = "field:KEY")]
    #[param(value_type = Option<String>)]
    fields: Option<BTreeMap<String, String>>,
}

impl<'de> Deserialize<'de> for CustomerFilterParams {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut texts = ProfileTexts::default();
        let own = OwnParams::deserialize(Beside::new(deserializer, ProfileField::is_in_reports, &mut texts))?;
        Ok(Self { own, texts })
    }
}

impl IntoParams for CustomerFilterParams {
    fn into_params(of: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        profile::parameters_after("tier", ProfileField::is_in_reports, OwnParams::into_params(of))
    }
}

impl CustomerFilterParams {
    /// The parameters that were given, each in the one form that it has.
    pub(super) fn pairs(&self) -> Vec<(String, String)> {
        let own = &self.own;
        let owner = own.owner.as_ref().map(|owner| match &owner.0 {
            Owner::Rep(rep) => format!("rep:{rep}"),
            Owner::Pool(pool) => format!("pool:{pool}"),
        });
        let given = [
            ("owner", owner),
            ("team", own.team.clone()),
            ("source", own.source.clone()),
            ("channel", own.channel.clone()),
            ("tag", own.tag.clone()),
            ("sub_status", own.sub_status.clone()),
            ("tier", own.tier.clone()),
        ];
        let texts = self.texts.iter().map(|(field, text)| (field.key(), text.clone()));
        let version = ("version", own.version.map(|version| version.to_string()));
        let given = given.into_iter().chain(texts).chain([version]);
        let given = given.filter_map(|(name, value)| Some((name.to_owned(), value?)));
        let fields = own.fields.iter().flatten();
        given.chain(fields.map(|(key, value)| (format!("field:{key}"), value.clone()))).collect()
    }

    /// Takes out whose customers count, where a report means the people themselves: the owner and the team.
    pub(super) fn take_people(&mut self) -> (Option<Owner>, Option<String>) {
        (self.own.owner.take().map(|owner| owner.0), self.own.team.take())
    }

    /// The filter, with the team of the instant asked about, and what the caller sees now.
    ///
    /// # Errors
    /// 422 when nobody is known by the owner's name, there was no such team then, or a field is not declared or not for the
    /// caller to read, or a sub-status or a version that never was.
    pub(super) async fn filter(
        self,
        state: &AppState,
        caller: &Caller,
        at: &AsOf,
    ) -> Result<CohortFilter, Problem> {
        let Self { own: who, texts } = self;
        require_owner(state, caller, who.owner.as_ref().map(|owner| &owner.0)).await?;
        let reps = match &who.team {
            Some(team) => Some(reps(state, caller, team, at).await?),
            None => None,
        };
        let among = match &who.fields {
            Some(given) => Some(Arc::new(fields::having(state, caller, at, given).await?)),
            None => None,
        };
        if let Some(version) = who.version {
            known::version(state, caller, version).await?;
        }
        Ok(CohortFilter {
            owner: who.owner.map(|owner| owner.0),
            reps,
            source: any_of(who.source),
            channel: any_of(who.channel),
            tag: any_of(who.tag),
            sub_status: known::sub_statuses(state, caller, who.sub_status).await?,
            tier: any_of(who.tier),
            texts: any_of_texts(texts),
            version: who.version,
            among,
            stays: None,
            visibility: state.app.visibility(caller).await?,
        })
    }
}

/// The values of a parameter that takes several, separated by commas.
pub(super) fn any_of(parameter: Option<String>) -> Option<AnyOf> {
    parameter.map(|text| AnyOf::read(&text))
}

/// The same of each text of the profile.
pub(super) fn any_of_texts(parameters: ProfileTexts) -> ProfileFilter {
    parameters.map(|_, text| any_of(text))
}

/// The reps of a team at an instant, as known then.
///
/// # Errors
/// 422 when there was no such team then.
pub(super) async fn reps(
    state: &AppState,
    caller: &Caller,
    team: &str,
    at: &AsOf,
) -> Result<BTreeSet<String>, Problem> {
    let then = async || state.app.companies.then(caller.tenant, at.effective_at, at.known_position).await;
    if let Some(team) = then().await?.people.teams.get(team) {
        return Ok(team.members.clone());
    }
    // Another process may have set it up a moment ago.
    state.app.refresh_definitions(caller.tenant).await?;
    let company = then().await?;
    match company.people.teams.get(team) {
        Some(team) => Ok(team.members.clone()),
        None => Err(no_team("team", team, &company)),
    }
}

/// The time window: the half-open interval [`from`, `to`), so that adjacent windows add up.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TimeWindowParams {
    /// Start of the window (inclusive).
    from: Option<Instant>,
    /// End of the window (exclusive). Without it, the window ends with `effective_at`, inclusive.
    to: Option<Instant>,
}

impl TimeWindowParams {
    /// The window.
    ///
    /// # Errors
    /// 422 when its end lies before its beginning.
    pub(super) fn window(self) -> Result<Window, Problem> {
        window_of("to", self.from, self.to)
    }
}

/// The window between two instants, the second of which has this name.
///
/// # Errors
/// 422 when its end lies before its beginning.
pub(super) fn window_of(name: &str, from: Option<Instant>, to: Option<Instant>) -> Result<Window, Problem> {
    let window = Window { from: from.map(|instant| instant.0), to: to.map(|instant| instant.0) };
    if window.from.zip(window.to).is_some_and(|(from, to)| to < from) {
        let message = Label::new("时间窗的结束早于开始。", "The end of the window is before its start.");
        return Err(Problem::invalid_value(name, message));
    }
    Ok(window)
}
