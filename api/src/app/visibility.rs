//! What a caller sees: which customers, and how much of each. The one place that decides it, for every answer.
//!
//! A customer that is not seen is answered for like one that is not there. A merged one is what it goes on as: it is seen
//! where its survivor is, and as much of it is read as of that.

use std::collections::HashMap;

use serde_json::Value;
use uuid::Uuid;
use waymark_domain::Label;
use waymark_domain::company::rights::reads_events_of;
use waymark_domain::customer::{Command, Customer, may_be_named};
use waymark_domain::people::{Disclosure, Visibility, is_limited_by_region, reads_people};
use waymark_domain::refusal::{Code, Refusal};
use waymark_eventstore::Entry;

use super::document::customer_of;
use super::{App, AppError, Caller};

/// The fields of an event's data that name another customer, or several.
const OTHERS: [&str; 5] = ["/absorbed", "/survivor", "/other", "/referred", "/carried_over/referred"];

/// What one caller sees, each customer looked up once. It judges by what each is now, so it serves one answer, or one page
/// of a stream.
pub struct Viewer<'a> {
    app: &'a App,
    caller: &'a Caller,
    visibility: Visibility,
    known: HashMap<Uuid, Standing>,
}

/// What a customer is to a caller.
#[derive(Debug, Clone, Copy)]
struct Standing {
    seen: bool,
    disclosure: Disclosure,
}

impl App {
    /// Which customers a caller sees now.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn visibility(&self, caller: &Caller) -> Result<Visibility, AppError> {
        // Most callers see everything, and nothing needs to be looked up for them.
        if !is_limited_by_region(&caller.actor) {
            return Ok(Visibility::Everything);
        }
        let company = self.companies.now(caller.tenant).await?;
        Ok(company.people.visibility(&caller.actor, (self.clock)()))
    }

    /// What a caller sees now, of whichever customers.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn viewer<'a>(&'a self, caller: &'a Caller) -> Result<Viewer<'a>, AppError> {
        Ok(Viewer { app: self, caller, visibility: self.visibility(caller).await?, known: HashMap::new() })
    }

    /// Whether a caller sees a customer.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn is_visible(&self, caller: &Caller, customer: &Customer) -> Result<bool, AppError> {
        let visibility = self.visibility(caller).await?;
        if visibility == Visibility::Everything {
            return Ok(true);
        }
        let survivor = match customer.merged_into {
            Some(survivor) => Some(Box::pin(self.survivor(caller, survivor)).await?),
            None => None,
        };
        let now = survivor.as_deref().unwrap_or(customer);
        Ok(visibility.is_visible(now.region.as_deref(), &now.owner))
    }

    /// The other customer that a command names is there, as far as the caller sees.
    ///
    /// # Errors
    /// The refusal of the field that names it, or that the log cannot be read.
    pub async fn require_named(&self, caller: &Caller, command: &Command) -> Result<(), AppError> {
        let Some((field, customer)) = command.names_customer() else { return Ok(()) };
        match self.customer_state(caller, customer).await {
            Err(AppError::NotFound { .. }) => Err(unknown_customer(field).into()),
            Err(error) => Err(error),
            Ok(named) => Ok(may_be_named(&named, field)?),
        }
    }

    /// Insists that a caller sees a customer.
    ///
    /// # Errors
    /// [`AppError::NotFound`] as for an id that does not exist, or when the log cannot be read.
    pub async fn require_visible(&self, caller: &Caller, customer: &Customer) -> Result<(), AppError> {
        match self.is_visible(caller, customer).await? {
            true => Ok(()),
            false => Err(AppError::NotFound { what: "customer".into(), id: customer.id.to_string() }),
        }
    }
}

impl Viewer<'_> {
    /// Whether nothing of any customer is kept from the caller but what masks keep from those who have not claimed it.
    #[must_use]
    pub fn sees_everything(&self) -> bool {
        self.visibility == Visibility::Everything
    }

    /// Whether masks keep something from the caller.
    #[must_use]
    pub fn is_masked(&self) -> bool {
        Disclosure::before_a_claim(&self.caller.actor) == Disclosure::Masked
    }

    /// Whether the caller sees a customer.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn is_visible(&mut self, customer: Uuid) -> Result<bool, AppError> {
        Ok(self.visibility == Visibility::Everything || self.standing(customer).await?.seen)
    }

    /// How much of a customer the caller reads.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn disclosure(&mut self, customer: Uuid) -> Result<Disclosure, AppError> {
        Ok(self.standing(customer).await?.disclosure)
    }

    /// Leaves those customers that the caller sees.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn retain_visible(&mut self, customers: &mut Vec<Uuid>) -> Result<(), AppError> {
        let mut seen = Vec::with_capacity(customers.len());
        for customer in customers.iter() {
            if self.is_visible(*customer).await? {
                seen.push(*customer);
            }
        }
        *customers = seen;
        Ok(())
    }

    /// An entry of the log as the caller may read it: as it is stored, with personal fields opened as far as they are
    /// disclosed. None where it is about a customer that the caller does not see, or about keys and receivers, which are for
    /// managers, administrators and auditors.
    ///
    /// # Errors
    /// When the entry is damaged, or the log or a key cannot be read.
    pub async fn entry(&mut self, entry: &Entry) -> Result<Option<Value>, AppError> {
        let opened = reads_people(&self.caller.actor);
        let document = self.app.document(self.caller.tenant, entry, opened).await?;
        self.shown(document).await
    }

    /// The same, of an entry that was read as a document before: with its personal fields opened, for callers to whom they are.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn shown(&mut self, mut document: Value) -> Result<Option<Value>, AppError> {
        let subject = document.get("subject").and_then(Value::as_str).unwrap_or_default();
        if !reads_events_of(&self.caller.actor, subject) {
            return Ok(None);
        }
        let (Some(customer), Some(data)) = (customer_of(subject), document.get_mut("data")) else {
            return Ok(Some(document));
        };
        if !self.is_visible(customer).await? {
            return Ok(None);
        }
        self.mask(customer, data).await?;
        self.hide_others(data).await?;
        Ok(Some(document))
    }

    /// Takes the names of customers that the caller does not see out of an event's data.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn hide_others(&mut self, data: &mut Value) -> Result<(), AppError> {
        if self.visibility == Visibility::Everything {
            return Ok(());
        }
        for field in OTHERS {
            let named = match data.pointer_mut(field) {
                Some(Value::Array(several)) => several.as_mut_slice(),
                Some(one) => std::slice::from_mut(one),
                None => continue,
            };
            for named in named {
                let other = named.as_str().and_then(|id| Uuid::try_parse(id).ok());
                if let Some(other) = other
                    && !self.is_visible(other).await?
                {
                    *named = Value::Null;
                }
            }
        }
        Ok(())
    }

    /// Masks what of a customer's event is not disclosed to the caller.
    async fn mask(&mut self, customer: Uuid, data: &mut Value) -> Result<(), AppError> {
        let before_a_claim = Disclosure::before_a_claim(&self.caller.actor);
        if before_a_claim != Disclosure::Masked {
            return Ok(());
        }
        let mut masked = data.clone();
        before_a_claim.apply(&mut masked);
        // Few events hold what a pool keeps back, and only of those it matters where the customer is.
        if masked != *data && self.standing(customer).await?.disclosure == before_a_claim {
            *data = masked;
        }
        Ok(())
    }

    async fn standing(&mut self, customer: Uuid) -> Result<Standing, AppError> {
        if let Some(known) = self.known.get(&customer) {
            return Ok(*known);
        }
        let actor = &self.caller.actor;
        let standing = match Box::pin(self.app.survivor(self.caller, customer)).await {
            Ok(now) => Standing {
                seen: self.visibility.is_visible(now.region.as_deref(), &now.owner),
                disclosure: Disclosure::to(actor, &now.owner),
            },
            // Of whom nothing can be said, nothing is shown.
            Err(AppError::NotFound { .. } | AppError::Unreadable(_)) => {
                Standing { seen: false, disclosure: Disclosure::before_a_claim(actor) }
            }
            Err(error) => return Err(error),
        };
        self.known.insert(customer, standing);
        Ok(standing)
    }
}

/// The refusal of a field that names no customer that the caller sees.
fn unknown_customer(field: &str) -> Refusal {
    let message = Label::new("没有这个客户。", "The customer does not exist.");
    let how_to_fix = Label::new("请检查客户编号。", "Check the customer ID.");
    Refusal::from_code(Code::DanglingReference, field, message, how_to_fix)
}
