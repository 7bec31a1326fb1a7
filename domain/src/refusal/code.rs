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
    UnknownCustomer "unknown-customer" NotFound "没有这个客户" "There is no such customer"
    UnknownTask "unknown-task" NotFound "没有这个任务" "There is no such task"
    UnknownApproval "unknown-approval" NotFound "没有这个审批申请" "There is no such request for approval"
    UnknownKey "unknown-key" NotFound "没有这一项" "There is none of that key"
    UnknownMember "unknown-member" NotFound "没有这个成员" "There is no such member"

    ForbiddenRole "forbidden-role" Forbidden "角色无权执行" "The role does not permit this"
    NotOwner "not-owner" Forbidden "客户属于其他销售" "The customer belongs to another rep"
    NotApprover "not-approver" Forbidden "无权审批" "The role does not approve this move"
    OwnRequest "own-request" Forbidden "不能审批自己的申请" "Nobody approves a request of their own"
    NotOwnRequest "not-own-request" Forbidden "只能撤回自己的申请" "Only one's own requests may be withdrawn"
    NotOwnRecord "not-own-record" Forbidden "只能更正自己的记录" "Only one's own records may be corrected"

    CustomerExists "customer-exists" Conflict "客户已存在" "The customer exists already"
    DuplicateCustomer "duplicate-customer" Conflict "已有同一客户" "The customer is known already"
    Merged "merged" Conflict "客户已合并" "The customer was merged into another"
    NotMerged "not-merged" Conflict "客户没有被合并" "The customers are not merged"
    AlreadyDistinguished "already-distinguished" Conflict "已确认是两个客户" "The two were told apart already"
    NotDistinguished "not-distinguished" Conflict "没有确认过是两个客户" "The two were not told apart"
    PipelineExists "pipeline-exists" Conflict "销售流程已存在" "The pipeline exists already"
    CustomerErased "customer-erased" Conflict "客户资料已被删除" "The customer was erased"
    AlreadyInStage "already-in-stage" Conflict "客户已在该状态" "The customer is in this stage already"
    TimelineConflict "timeline-conflict" Conflict "与后续变更冲突" "The change does not fit what follows it"
    AlreadyVoided "already-voided" Conflict "该记录已作废" "The record was voided already"
    ApprovalPending "approval-pending" Conflict "已有待审批的申请" "The same move is waiting for approval already"
    ApprovalSettled "approval-settled" Conflict "申请已处理" "The request was settled already"
    ApprovalExpired "approval-expired" Conflict "申请已过期" "The request has expired"
    ApprovalOutdated "approval-outdated" Conflict "客户状态已变化" "The customer is no longer where the request began"
    NothingToOverride "nothing-to-override" Conflict "无需特批" "Nothing stands in the way of the move"
    AlreadyClaimed "already-claimed" Conflict "客户已被领取" "The customer was claimed already"
    ClaimQuotaExhausted "claim-quota-exhausted" Conflict "今日领取次数已用完" "Today's claims are used up"
    ViewQuotaExhausted "view-quota-exhausted" Conflict "今日查看次数已用完" "Today's views of the pool are used up"
    ClaimBlocked "claim-blocked" Conflict "原负责人暂不能领取" "The former owner may not claim the customer yet"
    ClaimProtected "claim-protected" Conflict "新客户保护期内" "A new customer cannot be claimed yet"
    ClaimRepeated "claim-repeated" Conflict "领取同一客户次数过多" "The same customer was claimed too often"
    ClaimBanned "claim-banned" Conflict "暂停领取" "The rep may not claim for some time"
    HoldingCapReached "holding-cap-reached" Conflict "保有量已达上限" "The rep owns as many open customers as it may"
    ClaimRequired "claim-required" Conflict "需要先领取客户" "The customer must be claimed first"
    NotDue "not-due" Conflict "尚未到期" "Nothing of this is due"
    TaskClosed "task-closed" Conflict "任务已结束" "The task is closed already"
    NotOwned "not-owned" Conflict "客户在公海中" "The customer is in a pool"
    PipelineVersionChanged "pipeline-version-changed" Conflict "销售流程版本已变更" "Another version of the pipeline is in force"
    NothingToMigrate "nothing-to-migrate" Conflict "客户已在当前版本中" "The customer has its place in the version in force"
    MigrationUndecided "migration-undecided" Conflict "客户在新版本中的状态待选择" "Somebody has to choose the customer's stage in the new version"
    SameOwner "same-owner" Conflict "归属没有变化" "The customer belongs there already"
    LastAdmin "last-admin" Conflict "至少需要一名管理员" "The tenant needs an administrator"
    MemberRemoved "member-removed" Conflict "该成员已被移除" "Member removed"

    UnknownPipeline "unknown-pipeline" Unprocessable "没有这个销售流程" "There is no such pipeline"
    UnknownStage "unknown-stage" Unprocessable "没有这个状态" "There is no such stage"
    UnknownSubStatus "unknown-sub-status" Unprocessable "没有这个子状态" "There is no such sub-status"
    UnknownReason "unknown-reason" Unprocessable "没有这个原因代码" "There is no such reason code"
    UnknownEvidence "unknown-evidence" Unprocessable "该状态不接受此凭证" "The stage does not ask for this evidence"
    UnknownChannel "unknown-channel" Unprocessable "没有这个沟通渠道" "There is no such channel"
    UnknownTeam "unknown-team" Unprocessable "没有这个团队" "There is no such team"
    UnknownPerson "unknown-person" Unprocessable "没有这个人员" "Nobody is known by that name"
    FieldTypeFixed "field-type-fixed" Unprocessable "字段类型不能更改" "The type of a field does not change"
    UnknownPool "unknown-pool" Unprocessable "没有这个公海" "There is no such pool"
    UnknownEvent "unknown-event" Unprocessable "没有可更正的记录" "There is no such record to correct"
    TransitionNotAllowed "transition-not-allowed" Unprocessable "不允许的状态变更" "The transition is not allowed"
    StageNotForEntry "stage-not-for-entry" Unprocessable "不能直接登记为该状态" "Nobody is registered in this stage"
    NotReactivatable "not-reactivatable" Unprocessable "当前状态不能重新激活" "The customer is not lost or dormant"
    RegistrationNotVoidable "registration-not-voidable" Unprocessable "登记记录不能作废" "A registration cannot be voided"
    EffectiveInFuture "effective-in-future" Unprocessable "生效时间在未来" "The instant lies in the future"
    EffectiveBeforeCreation "effective-before-creation" Unprocessable "生效时间早于客户创建" "The instant lies before the customer's first event"
    EffectiveOutOfRange "effective-out-of-range" Unprocessable "生效时间超出范围" "The instant lies outside the years 1970 to 9999"
    BackdateWindowExceeded "backdate-window-exceeded" Unprocessable "超出可补录期限" "The instant lies further back than the role may record"
    BackdateReasonRequired "backdate-reason-required" Unprocessable "补录需要说明原因" "A backdated change needs a reason"
    NoteRequired "note-required" Unprocessable "需要填写备注" "A note is required"
    NextStepRequired "next-step-required" Unprocessable "需要填写下一步计划" "A next step is required"
    ReasonRequired "reason-required" Unprocessable "需要填写原因" "A reason is required"
    FieldRequired "field-required" Unprocessable "需要补充客户资料" "Something must be known of the customer first"
    FollowUpsRequired "follow-ups-required" Unprocessable "需要先有跟进记录" "Follow-ups are required first"
    ApprovalRequired "approval-required" Unprocessable "需要审批" "The move needs approval"
    EvidenceRequired "evidence-required" Unprocessable "需要提供凭证" "Evidence is required"
    NextPlanInPast "next-plan-in-past" Unprocessable "下次计划时间已过" "The next plan lies in the past"
    NothingToChange "nothing-to-change" Unprocessable "没有要修改的内容" "Nothing is to be changed"
    EmptyText "empty-text" Unprocessable "内容不能为空" "The text is empty"
    TextTooLong "text-too-long" Unprocessable "内容过长" "The text is too long"
    ControlCharacter "control-character" Unprocessable "内容含有控制字符" "Control characters not allowed"
    TooManyItems "too-many-items" Unprocessable "条目过多" "There are too many items"
    InvalidIdentifier "invalid-identifier" Unprocessable "标识格式不正确" "The identifier is not well-formed"
    InvalidMoney "invalid-money" Unprocessable "金额不正确" "The amount is not a sane amount of money"
    InvalidContact "invalid-contact" Unprocessable "联系方式不正确" "The contact detail is not well-formed"
    InvalidCreditCode "invalid-credit-code" Unprocessable "统一社会信用代码不正确" "The credit code is not well-formed"
    InvalidPeriod "invalid-period" Unprocessable "日期先后不正确" "The period ends before it begins"
    SameCustomer "same-customer" Unprocessable "两个编号是同一个客户" "Both are the same customer"
    InvalidDigest "invalid-digest" Unprocessable "摘要格式不正确" "The digest is not SHA-256 in lower-case hexadecimal"
    MissingField "missing-field" Unprocessable "缺少字段" "Missing field"
    UnknownField "unknown-field" Unprocessable "未知字段" "Unknown field"
    InvalidValue "invalid-value" Unprocessable "值无效" "Invalid value"

    DuplicateId "duplicate-id" Unprocessable "标识重复" "An id occurs twice"
    DanglingReference "dangling-reference" Unprocessable "引用不存在" "A reference leads nowhere"
    NoTerminalStage "no-terminal-stage" Unprocessable "没有结束状态" "No stage ends the pipeline"
    UnreachableStage "unreachable-stage" Unprocessable "状态无法到达" "A stage cannot be reached"
    DeadEnd "dead-end" Unprocessable "状态没有出口" "A stage that is no end has no way out"
    NoDefaultPool "no-default-pool" Unprocessable "需要一个默认公海" "Exactly one pool is the default"
    CriterionMissing "criterion-missing" Unprocessable "缺少进入标准" "A stage has no entry criterion"
    ActionMissing "action-missing" Unprocessable "缺少下一步动作" "A stage has no next action"
    StageMapMissing "stage-map-missing" Unprocessable "缺少状态映射" "Nothing says where the customers of a stage go"
    EffectiveFromTooEarly "effective-from-too-early" Unprocessable "生效时间过早" "The version would take force too early"
    CoreStageCount "core-stage-count" Unprocessable "核心状态应为5至8个" "Five to eight core stages serve best"
    SimilarNames "similar-names" Unprocessable "状态名称过于相似" "Two stages have similar names"
    NoWayBack "no-way-back" Unprocessable "没有回退路径" "No transition leads back"
    NoLossReasons "no-loss-reasons" Unprocessable "没有流失原因" "Losing asks for no reason"
}
