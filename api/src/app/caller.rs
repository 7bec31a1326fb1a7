//! Who a request is from.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use waymark_domain::Actor;
use waymark_eventstore::TenantId;

/// The origin of what an agent asks for: anyone who calls with a key of the scope `propose`.
pub const AGENT: &str = "agent";

/// Who acts, for which tenant, with what power.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Whose data.
    pub tenant: TenantId,
    /// Who.
    pub actor: Actor,
    /// The credential that acts for the actor, when it is not the actor's own.
    pub via: Option<String>,
    /// How the command came in when not from a person: `import`, `rule`, [`AGENT`].
    pub origin: Option<&'static str>,
    /// Where the request came from, where it came from outside.
    pub endpoint: Option<Arc<Endpoint>>,
}

/// Where a request came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The network address; at the command line, the name of the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The program, as it calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
}
