//! The root keys at hand: one, or two while the one takes the place of the other.

use std::sync::Arc;

use super::keys::{RootKey, TenantKey};
use crate::{StoreError, TenantId};

/// Where root keys come from.
pub trait RootKeys: Send + Sync + 'static {
    /// The one that wraps.
    fn newest(&self) -> RootKey;

    /// Those that may have wrapped what is stored, the newest first.
    fn all(&self) -> Vec<RootKey>;

    /// The same read again from where they are kept: another process may have put a new one there.
    fn read_again(&self) -> Vec<RootKey>;
}

impl<R: RootKeys + ?Sized> RootKeys for Arc<R> {
    fn newest(&self) -> RootKey {
        (**self).newest()
    }

    fn all(&self) -> Vec<RootKey> {
        (**self).all()
    }

    fn read_again(&self) -> Vec<RootKey> {
        (**self).read_again()
    }
}

impl RootKeys for RootKey {
    fn newest(&self) -> RootKey {
        self.clone()
    }

    fn all(&self) -> Vec<RootKey> {
        vec![self.clone()]
    }

    fn read_again(&self) -> Vec<RootKey> {
        self.all()
    }
}

/// A tenant's key, and the root key that it is wrapped by.
///
/// # Errors
/// [`StoreError::Damaged`] when no root key at hand opens it.
pub(super) fn opened(
    roots: &dyn RootKeys,
    tenant: TenantId,
    stored: &[u8],
) -> Result<(TenantKey, RootKey), StoreError> {
    let open = |keys: Vec<RootKey>| {
        keys.into_iter().find_map(|root| root.unwrap(tenant, stored).ok().map(|key| (key, root)))
    };
    open(roots.all()).or_else(|| open(roots.read_again())).ok_or_else(|| StoreError::Damaged {
        position: 0,
        what: format!("the key of tenant {tenant} does not open: is this the right root key?"),
    })
}

/// A tenant's key.
///
/// # Errors
/// As [`opened`].
pub(crate) fn tenant_key_of(
    roots: &dyn RootKeys,
    tenant: TenantId,
    stored: &[u8],
) -> Result<TenantKey, StoreError> {
    opened(roots, tenant, stored).map(|(key, _)| key)
}
