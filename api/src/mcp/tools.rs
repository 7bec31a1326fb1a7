//! The tools, each with the route that it is.

/// A tool.
#[derive(Debug)]
pub(super) struct Tool {
    pub(super) name: &'static str,
    /// Chinese and English.
    pub(super) title: (&'static str, &'static str),
    pub(super) description: (&'static str, &'static str),
    /// The path of the route, with its variable parts.
    pub(super) path: &'static str,
    pub(super) kind: ToolKind,
}

/// What calling a tool is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ToolKind {
    /// A read.
    Read,
    /// A question with a body; nothing is written.
    Ask,
    /// A proposal of a command, whose body is of a schema.
    Propose {
        /// As the proposal names it.
        command: &'static str,
        /// The schema of the single call's body.
        schema: &'static str,
    },
}

impl ToolKind {
    /// The method of the route, as its description has it.
    pub(super) fn method(self) -> &'static str {
        match self {
            Self::Read => "get",
            Self::Ask | Self::Propose { .. } => "post",
        }
    }
}

/// Every tool, in the order in which they are listed.
pub(super) const TOOLS: &[Tool] = &[
    Tool {
        name: "pipelines",
        title: ("销售流程", "Pipelines"),
        description: (
            "列出销售流程及其状态，包括状态编号、名称和含义。其他工具用这里的流程和状态编号。",
            "Lists the pipelines with their stages: ids, names and meaning. Other tools take the keys and stage ids from here.",
        ),
        path: "/v1/pipelines",
        kind: ToolKind::Read,
    },
    Tool {
        name: "find",
        title: ("查找客户", "Find customers"),
        description: (
            "按文字、负责人、状态、标签等查找客户；可用 effective_at 和 known_at 查询过去任一时刻。",
            "Finds customers by text, owner, stage, tag and more, now or as of any instant with effective_at and known_at.",
        ),
        path: "/v1/customers",
        kind: ToolKind::Read,
    },
    Tool {
        name: "read",
        title: ("读取客户", "Read a customer"),
        description: (
            "读取一个客户：现在的情况，或 effective_at 时刻的情况（按 known_at 时已知的记录）。",
            "Reads one customer as it stands now, or as it stood at effective_at by what was known at known_at.",
        ),
        path: "/v1/customers/{id}",
        kind: ToolKind::Read,
    },
    Tool {
        name: "history",
        title: ("客户历史", "History of a customer"),
        description: (
            "列出一个客户发生过的事，含每条记录的编号；更正记录时用该编号。",
            "Lists what happened to a customer, each record with the id that a correction names.",
        ),
        path: "/v1/customers/{id}/timeline",
        kind: ToolKind::Read,
    },
    Tool {
        name: "may_go",
        title: ("可变更的状态", "Where a customer may go"),
        description: (
            "列出客户可以变更到的状态、每个状态还缺什么，以及需要填写的内容。",
            "Lists the stages that a customer may move to, what each still lacks, and what its form asks for.",
        ),
        path: "/v1/customers/{id}/allowed-transitions",
        kind: ToolKind::Read,
    },
    Tool {
        name: "board",
        title: ("看板", "Board"),
        description: (
            "按状态列出流程中的客户，含数量、金额和停留时间；可查询过去任一时刻。",
            "Shows the customers of a pipeline by stage, with counts, amounts and ages, as of any instant.",
        ),
        path: "/v1/boards/{pipeline}",
        kind: ToolKind::Read,
    },
    Tool {
        name: "dwell",
        title: ("停留时长", "Dwell times"),
        description: (
            "各状态的停留时长：均值、分位数、生存曲线和去向。",
            "How long customers stay in each stage: means, quantiles, survival estimates and where they went.",
        ),
        path: "/v1/dwell/{pipeline}",
        kind: ToolKind::Read,
    },
    Tool {
        name: "funnel",
        title: ("转化漏斗", "Funnel"),
        description: (
            "各状态之间的转化率，含置信区间。",
            "Conversion from stage to stage, with confidence intervals.",
        ),
        path: "/v1/funnels/{pipeline}",
        kind: ToolKind::Read,
    },
    Tool {
        name: "changes",
        title: ("两个时刻之间的变化", "What changed"),
        description: (
            "两个时刻之间流程中的数量和金额为何不同：新发生的、后来得知的和更正的。",
            "Why counts and amounts of a pipeline differ between two moments: what happened, what was learned, what was restated.",
        ),
        path: "/v1/changes/{pipeline}",
        kind: ToolKind::Read,
    },
    Tool {
        name: "work",
        title: ("待办清单", "Work"),
        description: (
            "列出待办的客户：today、overdue、stalled、push、give-up 或 supervise。",
            "Lists whom to work on: today, overdue, stalled, push, give-up or supervise.",
        ),
        path: "/v1/worklists/{list}",
        kind: ToolKind::Read,
    },
    Tool {
        name: "proposals",
        title: ("建议与审批", "Proposals and approvals"),
        description: (
            "列出审批申请和智能体的建议，以及人员作出的决定。",
            "Lists requests for approval and proposals of agents, with what people decided.",
        ),
        path: "/v1/approvals",
        kind: ToolKind::Read,
    },
    Tool {
        name: "explain_refusal",
        title: ("解释拒绝原因", "Explain a refusal"),
        description: (
            "判断一项状态变更、跟进或更正现在是否会被拒绝，列出所有未满足的条件及解决办法。不写入任何内容。",
            "Says whether a transition, follow-up or correction would be refused now, with every unmet condition and how to meet it. Writes nothing.",
        ),
        path: "/v1/customers/{id}/explanations",
        kind: ToolKind::Ask,
    },
    Tool {
        name: "propose_move",
        title: ("建议变更状态", "Propose a move"),
        description: (
            "建议把客户变更到另一状态。由人员审批后才执行。",
            "Proposes to move a customer to another stage. A person decides; nothing changes before.",
        ),
        path: "/v1/customers/{id}/proposals",
        kind: ToolKind::Propose { command: "transition", schema: "Move" },
    },
    Tool {
        name: "propose_follow_up",
        title: ("建议记录跟进", "Propose a follow-up"),
        description: (
            "建议记录一次与客户的沟通及下次计划。由人员审批后才记录。",
            "Proposes to record a conversation with a customer and the next plan. A person decides; nothing is recorded before.",
        ),
        path: "/v1/customers/{id}/proposals",
        kind: ToolKind::Propose { command: "follow_up", schema: "FollowUp" },
    },
    Tool {
        name: "propose_correction",
        title: ("建议更正记录", "Propose a correction"),
        description: (
            "建议更正一条错误的状态变更记录。由人员审批后才更正，原记录保留。",
            "Proposes to correct a wrong record of a move. A person decides; the wrong record stays in the history.",
        ),
        path: "/v1/customers/{id}/proposals",
        kind: ToolKind::Propose { command: "correction", schema: "Correction" },
    },
];
