//! What no replay knows, in words.

use crate::domain::Label;

/// What no replay knows.
pub(super) fn limits() -> [Label; 7] {
    [
        Label::new(
            "人的选择按记录保留：若当时某次变更被拒绝，当事人可能会补充资料或另作选择，此处不作猜测。",
            "What people chose is kept as it was recorded: whether they would have completed what was missing or chosen otherwise after a refusal is not guessed.",
        ),
        Label::new(
            "被拒绝的变更从“之后”的历史中去掉；该客户此后的变更只有在新定义下仍被允许时才保留。",
            "A refused transition is left out of the history after the change; later transitions of the customer are kept only where they are permitted from where it would have stood.",
        ),
        Label::new(
            "只判断定义的条件，不再判断操作人的权限；记录中已获批准的变更视为已批准。",
            "Only the conditions of the definition are judged, not the permissions of who acted; a transition whose approval is recorded counts as approved.",
        ),
        Label::new(
            "文字只看有无，不看内容；从文件导入的变更没有备注与凭证，会因此被判为缺少。",
            "Of texts only their presence counts, not what they say; transitions imported from files have no notes or evidence and are found to lack them.",
        ),
        Label::new(
            "规则只列出何时会触发，其后果（任务、自动变更、提醒）不再推演；自动规则已作出的变更按记录保留。",
            "Rules are listed with when they would have acted; what would have followed (tasks, moves, reminders) is not played out, and what rules did is kept as recorded.",
        ),
        Label::new(
            "收回被视为准时发生，不计每次收回数量上限与停机；领取次数、保有量等领取限制不再判断。",
            "Returns to a pool are taken to happen on time, without the cap per run and without downtime; limits of claiming, such as quotas and holding caps, are not judged again.",
        ),
        Label::new(
            "试点团队的版本不单独推演：计时以当时对所有人生效的版本为准。",
            "Pilot versions are not replayed apart: deadlines before the change are those of the version in force for everybody.",
        ),
    ]
}
