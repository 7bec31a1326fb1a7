//! How a text in both languages is described to programs. What is read and written is the domain's `Label`.

use utoipa::ToSchema;

/// A text in Chinese and in English.
#[derive(Debug, Clone, Copy, ToSchema)]
#[schema(example = json!({"zh": "致电客户", "en": "Call the customer"}))]
pub struct BilingualText {
    /// The text in Chinese.
    #[schema(value_type = String)]
    pub zh: &'static str,
    /// The text in English.
    #[schema(value_type = String)]
    pub en: &'static str,
}
