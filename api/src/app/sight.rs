//! Which customers a caller sees. A customer that is not seen is answered for like one that is not there.

use waymark_domain::customer::Customer;
use waymark_domain::people::{Sight, may_be_narrowed};

use super::{App, AppError, Caller};

impl App {
    /// Which customers a caller sees now.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn sight(&self, caller: &Caller) -> Result<Sight, AppError> {
        // Most callers see everything, and nothing needs to be looked up for them.
        if !may_be_narrowed(&caller.actor) {
            return Ok(Sight::Everything);
        }
        let company = self.companies.now(caller.tenant).await?;
        Ok(company.people.sight(&caller.actor, (self.clock)()))
    }

    /// Whether a caller sees a customer.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn is_seen(&self, caller: &Caller, customer: &Customer) -> Result<bool, AppError> {
        Ok(self.sight(caller).await?.sees(customer.region.as_deref(), &customer.owner))
    }

    /// Insists that a caller sees a customer.
    ///
    /// # Errors
    /// [`AppError::NotFound`] as for an id that there is not, or when the log cannot be read.
    pub async fn seen(&self, caller: &Caller, customer: &Customer) -> Result<(), AppError> {
        match self.is_seen(caller, customer).await? {
            true => Ok(()),
            false => Err(AppError::NotFound { what: "customer", id: customer.id.to_string() }),
        }
    }
}
