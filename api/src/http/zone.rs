//! Time zones as clients name them.

use chrono_tz::Tz;

use crate::domain::Label;
use crate::problem::Problem;

/// The IANA zone of a name.
///
/// # Errors
/// 422 naming the field when there is no such zone.
pub fn zone(field: &str, name: &str) -> Result<Tz, Problem> {
    name.parse().map_err(|_| {
        let message = Label::new(
            "应为 IANA 时区名称，例如 Asia/Shanghai。",
            "Must be an IANA time zone, such as Asia/Shanghai.",
        );
        Problem::invalid_value(field, message)
    })
}
