//! Which entries of the log somebody sees who does not see every customer.

use std::collections::HashMap;

use serde_json::Value;
use uuid::Uuid;

use crate::app::{AppError, Caller, customer_of};
use crate::domain::people::Sight;
use crate::problem::Problem;
use crate::routes::Site;

/// Looks customers up, each once. What is seen is judged by what each customer is now, as everywhere else.
pub(super) struct Looker {
    sight: Sight,
    known: HashMap<Uuid, bool>,
}

impl Looker {
    /// For a caller, as it is now.
    pub(super) async fn new(site: &Site, caller: &Caller) -> Result<Self, Problem> {
        Ok(Self { sight: site.app.sight(caller).await?, known: HashMap::new() })
    }

    /// Whether the caller sees an entry: of a customer that it sees, or of none.
    pub(super) async fn sees(
        &mut self,
        site: &Site,
        caller: &Caller,
        document: &Value,
    ) -> Result<bool, Problem> {
        let subject = document.get("subject").and_then(Value::as_str).and_then(customer_of);
        let Some(customer) = subject.filter(|_| self.sight != Sight::Everything) else { return Ok(true) };
        if let Some(known) = self.known.get(&customer) {
            return Ok(*known);
        }
        let seen = match site.app.customer_state(caller, customer).await {
            Ok(_) => true,
            Err(AppError::NotFound { .. }) => false,
            Err(error) => return Err(error.into()),
        };
        self.known.insert(customer, seen);
        Ok(seen)
    }
}
