//! Why a token is not accepted, and what its sender is told.

use crate::domain::Label;
use crate::problem::{Problem, ProblemCode};

/// Why a token is not accepted. The sender knows what the token says; what would have been accepted is not revealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenFault {
    /// It is no signed token in compact form, or asks for an extension that we do not have.
    Malformed,
    /// It is signed by an algorithm that we do not take, or that its key is not for; `none` among them.
    Algorithm,
    /// It names no key of ours.
    Key,
    /// The signature is not that of its key.
    Signature,
    /// It is no longer valid.
    Expired,
    /// It is not valid yet.
    NotYetValid,
    /// Somebody else issued it.
    Issuer,
    /// It was issued for somebody else.
    Audience,
    /// A claim is missing, or not of the kind it has to be.
    Claim(String),
    /// It grants a role that does not exist.
    Role(String),
    /// It names a tenant that does not exist.
    Tenant,
}

impl From<TokenFault> for Problem {
    fn from(fault: TokenFault) -> Self {
        let (code, zh, en) = match &fault {
            TokenFault::Malformed => (
                ProblemCode::TokenMalformed,
                "令牌不是可读取的 JWT（须为紧凑格式，且不含 crit 扩展）。",
                "The token is not a readable JWT in compact form, or it requires critical extensions.",
            ),
            TokenFault::Algorithm => (
                ProblemCode::TokenAlgorithm,
                "不接受令牌的签名算法，或该算法与密钥不符。",
                "The signing algorithm is not accepted, or does not match the key.",
            ),
            TokenFault::Key => (
                ProblemCode::TokenKey,
                "令牌的 kid 没有对应的密钥。",
                "The token's kid does not name a known key.",
            ),
            TokenFault::Signature => {
                (ProblemCode::TokenSignature, "令牌的签名不正确。", "The token's signature is not valid.")
            }
            TokenFault::Expired => (
                ProblemCode::TokenExpired,
                "令牌已过期，请重新获取。",
                "The token has expired; obtain a new one.",
            ),
            TokenFault::NotYetValid => {
                (ProblemCode::TokenNotYetValid, "令牌尚未生效（nbf）。", "The token is not valid yet (nbf).")
            }
            TokenFault::Issuer => (
                ProblemCode::TokenIssuer,
                "不接受令牌的签发者（iss）。",
                "The token's issuer (iss) is not accepted.",
            ),
            TokenFault::Audience => (
                ProblemCode::TokenAudience,
                "令牌不是签发给本服务的（aud）。",
                "The token was not issued for this service (aud).",
            ),
            TokenFault::Tenant => {
                (ProblemCode::TokenTenant, "令牌所指的租户不存在。", "The token names an unknown tenant.")
            }
            TokenFault::Claim(claim) => return claim_fault(claim),
            TokenFault::Role(role) => return role_fault(role),
        };
        Self::invalid_token(code, Label::new(zh, en))
    }
}

fn claim_fault(claim: &str) -> Problem {
    let detail = Label::new(
        format!("令牌的声明 {claim} 缺失或格式不正确。"),
        format!("The token's claim {claim} is missing or malformed."),
    );
    Problem::invalid_token(ProblemCode::TokenClaim, detail)
}

fn role_fault(role: &str) -> Problem {
    let detail = Label::new(
        format!("令牌授予了未知的角色 {role}。"),
        format!("The token grants the unknown role {role}."),
    );
    Problem::invalid_token(ProblemCode::TokenRole, detail)
}
