//! Failures of work in the background, which is tried again: logged once, and with a count when it goes on.

use std::collections::HashMap;
use std::fmt::Display;

use crate::TenantId;

/// What kept failing, by tenant; what is no tenant's has none.
#[derive(Debug)]
pub struct Repeated {
    what: &'static str,
    failing: HashMap<Option<TenantId>, (String, u64)>,
}

impl Repeated {
    /// Nothing has failed. `what` says what could not be done.
    #[must_use]
    pub fn new(what: &'static str) -> Self {
        Self { what, failing: HashMap::new() }
    }

    /// Notes how an attempt ended, for a tenant or for none. The first failure of a kind is logged.
    pub fn note<T, E: Display>(&mut self, tenant: impl Into<Option<TenantId>>, outcome: &Result<T, E>) {
        let tenant = tenant.into();
        let Err(error) = outcome else { return self.went_on(tenant) };
        let error = error.to_string();
        if let Some((known, times)) = self.failing.get_mut(&tenant)
            && *known == error
        {
            *times += 1;
            return;
        }
        tracing::error!(
            error,
            tenant = tenant.map(tracing::field::display),
            "{}; it is tried again",
            self.what
        );
        self.failing.insert(tenant, (error, 1));
    }

    fn went_on(&mut self, tenant: Option<TenantId>) {
        if let Some((error, times)) = self.failing.remove(&tenant) {
            tracing::info!(
                times,
                error,
                tenant = tenant.map(tracing::field::display),
                "this went on again: {}",
                self.what
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_same_failure_is_counted_and_another_one_is_news() {
        for tenant in [None, Some(TenantId(Uuid::from_u128(1)))] {
            let mut repeated = Repeated::new("nothing was done");
            for _ in 0..3 {
                repeated.note::<(), _>(tenant, &Err("full"));
            }
            assert_eq!(repeated.failing[&tenant], ("full".to_owned(), 3));
            repeated.note::<(), _>(tenant, &Err("away"));
            assert_eq!(repeated.failing[&tenant], ("away".to_owned(), 1));
            repeated.note::<_, &str>(tenant, &Ok(()));
            assert!(repeated.failing.is_empty());
        }
    }
}
