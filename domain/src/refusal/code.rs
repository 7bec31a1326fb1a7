//! The stable codes of refusals, each with its sort and its title. Programs rely on them: none is ever renamed.

use super::Kind;
use crate::Label;

macro_rules! codes {
    ($($variant:ident $code:literal $kind:ident $zh:literal $en:literal)*) => {
        /// A reason for refusing, named for programs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code {
            $(#[doc = concat!("`", $code, "`: ", $en, ".")] $variant,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The code as it stands in answers.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),* }
            }

            /// The code of that name.
            pub fn parse(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)* _ => None }
            }

            /// The sort of refusal.
            pub fn kind(self) -> Kind {
                match self { $(Self::$variant => Kind::$kind),* }
            }

            /// What the code says in general.
            pub fn title(self) -> Label {
                match self { $(Self::$variant => Label::new($zh, $en)),* }
            }
        }
    };
}

codes! {
    UnknownCustomer "unknown-customer" NotFound "没有这个客户" "The customer does not exist"
    UnknownTask "unknown-task" NotFound "没有这个任务" "The task does not exist"
    UnknownApproval "unknown-approval" NotFound "没有这个审批申请" "The approval request does not exist"
    UnknownKey "unknown-key" NotFound "没有这一项" "No item has this key"
    UnknownLegalHold "unknown-legal-hold" NotFound "没有这项依法保留" "The legal hold does not exist"
    UnknownMember "unknown-member" NotFound "没有这个成员" "The member does not exist"

    ForbiddenRole "forbidden-role" Forbidden "角色无权执行" "The role does not permit this action"
    AgentMayOnlyPropose "agent-may-only-propose" Forbidden "智能体只能提出建议" "An agent may only propose"
    NotAnAgent "not-an-agent" Forbidden "只有智能体需要提出建议" "Only an agent proposes"
    NotOwner "not-owner" Forbidden "客户属于其他销售" "The customer belongs to another rep"
    NotApprover "not-approver" Forbidden "无权审批" "The role cannot approve this transition"
    OwnRequest "own-request" Forbidden "不能审批自己的申请" "You cannot approve your own request"
    NotOwnRequest "not-own-request" Forbidden "只能撤回自己的申请" "Only your own requests can be withdrawn"
    NotOwnRecord "not-own-record" Forbidden "只能更正自己的记录" "Only your own records can be corrected"

    ConsumerExists "consumer-exists" Conflict "消费者已存在" "The consumer already exists"
    CustomerExists "customer-exists" Conflict "客户已存在" "The customer already exists"
    DuplicateCustomer "duplicate-customer" Conflict "已有同一客户" "The same customer already exists"
    Merged "merged" Conflict "客户已合并" "The customer has been merged"
    NotMerged "not-merged" Conflict "客户没有被合并" "The customer has not been merged"
    AlreadyDistinguished "already-distinguished" Conflict "已确认是两个客户" "Already confirmed as different customers"
    NotDistinguished "not-distinguished" Conflict "没有确认过是两个客户" "Not confirmed as different customers"
    SigningKeyChanged "signing-key-changed" Conflict "签名密钥已更换" "The signing key was changed"
    VersionInForce "version-in-force" Conflict "版本已生效" "The version has taken effect"
    VersionIsBase "version-is-base" Conflict "其他版本以它为基础" "Another version is built on it"
    PipelineExists "pipeline-exists" Conflict "销售流程已存在" "The pipeline already exists"
    CustomerErased "customer-erased" Conflict "客户资料已被删除" "The customer's data has been erased"
    LegalHold "legal-hold" Conflict "客户资料须依法保留" "The customer's data is under a legal hold"
    CustomerWithdrawn "customer-withdrawn" Conflict "客户的导入已撤销" "The customer's import was undone"
    WorkedOnSince "worked-on-since" Conflict "导入后已有人处理" "Worked on since the import"
    AlreadyInStage "already-in-stage" Conflict "客户已在该状态" "The customer is already in this stage"
    TimelineConflict "timeline-conflict" Conflict "与后续变更冲突" "Conflict with later changes"
    AlreadyVoided "already-voided" Conflict "该记录已撤销" "The record has already been voided"
    ApprovalPending "approval-pending" Conflict "已有待审批的申请" "An approval is already pending"
    ApprovalSettled "approval-settled" Conflict "申请已处理" "The request has already been decided"
    ApprovalExpired "approval-expired" Conflict "申请已过期" "The request has expired"
    ApprovalOutdated "approval-outdated" Conflict "客户状态已变化" "The customer's stage has changed"
    NothingToOverride "nothing-to-override" Conflict "无需特批" "No override is needed"
    AlreadyClaimed "already-claimed" Conflict "客户已被领取" "The customer has already been claimed"
    ClaimQuotaExhausted "claim-quota-exhausted" Conflict "今日领取次数已用完" "Today's claims are used up"
    ViewQuotaExhausted "view-quota-exhausted" Conflict "今日查看次数已用完" "Today's views are used up"
    ClaimBlocked "claim-blocked" Conflict "原负责人暂不能领取" "The former owner cannot claim the customer yet"
    ClaimProtected "claim-protected" Conflict "新客户保护期内" "The new customer is in its protection period"
    ClaimRepeated "claim-repeated" Conflict "领取同一客户次数过多" "The same customer was claimed too often"
    ClaimBanned "claim-banned" Conflict "暂停领取" "Claiming is suspended"
    HoldingCapReached "holding-cap-reached" Conflict "保有量已达上限" "The holding limit is reached"
    PushLimitReached "push-limit-reached" Conflict "推迟次数已达上限" "The deal cannot be put off again"
    ClaimRequired "claim-required" Conflict "需要先领取客户" "The customer must be claimed first"
    TransactionKnown "transaction-known" Conflict "交易已记录" "The transaction is already on record"
    InsufficientPoints "insufficient-points" Conflict "积分不足" "Not enough points"
    AlreadyReferred "already-referred" Conflict "推荐已记录" "The referral is already on record"
    NotDue "not-due" Conflict "尚未到期" "Not due yet"
    TaskClosed "task-closed" Conflict "任务已结束" "The task is already closed"
    NotOwned "not-owned" Conflict "客户在公海中" "The customer is in a pool"
    PipelineVersionChanged "pipeline-version-changed" Conflict "销售流程版本已变更" "The pipeline version has changed"
    NothingToMigrate "nothing-to-migrate" Conflict "客户已在当前版本中" "The customer is already in the current version"
    MigrationUndecided "migration-undecided" Conflict "客户在新版本中的状态待选择" "The customer's stage in the new version has to be chosen"
    SameOwner "same-owner" Conflict "归属没有变化" "The owner is unchanged"
    LastAdmin "last-admin" Conflict "至少需要一名管理员" "At least one administrator is required"
    MemberRemoved "member-removed" Conflict "该成员已被移除" "Member removed"

    UnknownPipeline "unknown-pipeline" Unprocessable "没有这个销售流程" "The pipeline does not exist"
    UnknownStage "unknown-stage" Unprocessable "没有这个状态" "The stage does not exist"
    UnknownSubStatus "unknown-sub-status" Unprocessable "没有这个子状态" "The sub-status does not exist"
    UnknownReason "unknown-reason" Unprocessable "没有这个原因代码" "The reason code does not exist"
    UnknownEvidence "unknown-evidence" Unprocessable "该状态不接受此凭证" "The stage does not accept this evidence"
    UnknownChannel "unknown-channel" Unprocessable "没有这个沟通渠道" "Unknown communication channel"
    UnknownTeam "unknown-team" Unprocessable "没有这个团队" "The team does not exist"
    UnknownRole "unknown-role" Unprocessable "没有这个角色" "The role does not exist"
    UnknownPerson "unknown-person" Unprocessable "没有这个人员" "The person does not exist"
    FieldTypeFixed "field-type-fixed" Unprocessable "字段类型不能更改" "The type of a field cannot be changed"
    UnknownPool "unknown-pool" Unprocessable "没有这个公海" "The pool does not exist"
    UnknownTransaction "unknown-transaction" Unprocessable "没有这笔交易" "The transaction does not exist"
    UnknownEvent "unknown-event" Unprocessable "没有可更正的记录" "There is no record to correct"
    TransitionNotAllowed "transition-not-allowed" Unprocessable "不允许的状态变更" "The transition is not allowed"
    StageNotForEntry "stage-not-for-entry" Unprocessable "不能直接登记为该状态" "Customers cannot be registered in this stage"
    NotReactivatable "not-reactivatable" Unprocessable "当前状态不能重新激活" "The current stage cannot be reactivated"
    RegistrationNotVoidable "registration-not-voidable" Unprocessable "登记记录不能撤销" "A registration cannot be voided"
    EffectiveInFuture "effective-in-future" Unprocessable "生效时间在未来" "The effective time is in the future"
    EffectiveBeforeCreation "effective-before-creation" Unprocessable "生效时间早于客户创建" "The effective time is before the customer was created"
    EffectiveOutOfRange "effective-out-of-range" Unprocessable "生效时间超出范围" "The effective time is out of range"
    CorrectionTooLate "correction-too-late" Unprocessable "已过可更正的时间" "It is too late for this correction"
    BackdateWindowExceeded "backdate-window-exceeded" Unprocessable "超出可补录期限" "The backdating limit is exceeded"
    BackdateReasonRequired "backdate-reason-required" Unprocessable "补录需要说明原因" "A backdated change requires a reason"
    NoteRequired "note-required" Unprocessable "需要填写备注" "A note is required"
    NextStepRequired "next-step-required" Unprocessable "需要填写下一步计划" "A next step is required"
    ReasonRequired "reason-required" Unprocessable "需要填写原因" "A reason is required"
    FieldRequired "field-required" Unprocessable "需要补充客户资料" "Customer details are incomplete"
    FollowUpsRequired "follow-ups-required" Unprocessable "需要先有跟进记录" "Follow-ups are required first"
    ApprovalRequired "approval-required" Unprocessable "需要审批" "Approval is required"
    EvidenceRequired "evidence-required" Unprocessable "需要提供凭证" "Evidence is required"
    NextPlanInPast "next-plan-in-past" Unprocessable "下次计划时间已过" "The time of the next plan has passed"
    NothingToChange "nothing-to-change" Unprocessable "没有要修改的内容" "There is nothing to change"
    EmptyText "empty-text" Unprocessable "内容不能为空" "The text must not be empty"
    TextTooLong "text-too-long" Unprocessable "内容过长" "The text is too long"
    ControlCharacter "control-character" Unprocessable "内容含有控制字符" "Control characters not allowed"
    TooManyItems "too-many-items" Unprocessable "条目过多" "Too many items"
    InvalidIdentifier "invalid-identifier" Unprocessable "标识格式不正确" "The identifier is malformed"
    InvalidMoney "invalid-money" Unprocessable "金额不正确" "The amount is invalid"
    InvalidContact "invalid-contact" Unprocessable "联系方式不正确" "The contact detail is invalid"
    InvalidCreditCode "invalid-credit-code" Unprocessable "统一社会信用代码不正确" "The unified social credit code is invalid"
    InvalidPeriod "invalid-period" Unprocessable "日期先后不正确" "The dates are out of order"
    SameCustomer "same-customer" Unprocessable "两个编号是同一个客户" "Both IDs are the same customer"
    InvalidDigest "invalid-digest" Unprocessable "摘要格式不正确" "The digest is malformed"
    MissingField "missing-field" Unprocessable "缺少字段" "Missing field"
    UnknownField "unknown-field" Unprocessable "未知字段" "Unknown field"
    InvalidValue "invalid-value" Unprocessable "值无效" "Invalid value"

    DuplicateId "duplicate-id" Unprocessable "标识重复" "Duplicate ID"
    DanglingReference "dangling-reference" Unprocessable "引用不存在" "The referenced item does not exist"
    NoTerminalStage "no-terminal-stage" Unprocessable "没有结束状态" "There is no final stage"
    UnreachableStage "unreachable-stage" Unprocessable "状态无法到达" "A stage cannot be reached"
    DeadEnd "dead-end" Unprocessable "状态没有出口" "A stage has no way out"
    NoDefaultPool "no-default-pool" Unprocessable "需要一个默认公海" "A default pool is required"
    CriterionMissing "criterion-missing" Unprocessable "缺少进入标准" "A stage has no entry criterion"
    ActionMissing "action-missing" Unprocessable "缺少下一步动作" "A stage has no next action"
    StageMapMissing "stage-map-missing" Unprocessable "缺少状态映射" "A stage mapping is missing"
    PoolInUse "pool-in-use" Unprocessable "公海中还有客户" "The pool still has customers"
    StageTypeChanged "stage-type-changed" Unprocessable "状态类型已改变" "The type of a stage changes"
    EffectiveFromTooEarly "effective-from-too-early" Unprocessable "生效时间过早" "The version takes effect too early"
    CoreStageCount "core-stage-count" Unprocessable "核心状态应为5至8个" "There should be five to eight core stages"
    SimilarNames "similar-names" Unprocessable "状态名称过于相似" "Stage names are too similar"
    NoWayBack "no-way-back" Unprocessable "没有回退路径" "There is no way back to an earlier stage"
    LaterThanReclaim "later-than-reclaim" Unprocessable "晚于公海收回" "It comes after the pool has taken the customer back"
    NoLossReasons "no-loss-reasons" Unprocessable "没有流失原因" "Loss reasons are missing"
}
