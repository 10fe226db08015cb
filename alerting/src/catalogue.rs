//! Every message and word people see, in Korean and English, in one place. Keys are sorted.

use alloc::string::{String, ToString};

use reading::registry::Text;

use crate::delivery::DeliveryState;
use crate::level::Level;

/// A language of the product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Language {
    /// Korean.
    #[default]
    Ko,
    /// English.
    En,
}

impl Language {
    /// The language a tag such as `ko_KR.UTF-8`, `en-US` or `en` names.
    pub fn parse(tag: &str) -> Option<Self> {
        match tag.get(..2)? {
            "ko" => Some(Self::Ko),
            "en" => Some(Self::En),
            _ => None,
        }
    }

    /// Its two-letter code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Ko => "ko",
            Self::En => "en",
        }
    }
}

/// Key, Korean, English. `{0}`, `{1}` … stand for what is filled in.
const MESSAGES: &[(&str, &str, &str)] = &[
    ("account-areas", "담당 구역 {0}", "Responsible for {0}"),
    ("account-everywhere", "모든 구역 담당", "Responsible everywhere"),
    ("account-factor", "2단계 인증", "Second factor"),
    (
        "account-factor-done",
        "2단계 인증을 설정했습니다. 다음 로그인부터 앱의 6자리 코드를 함께 입력하십시오.",
        "The second factor is set up. From now on sign in with the app's six digits too.",
    ),
    (
        "account-factor-how",
        "인증 앱(TOTP)에 아래 키를 입력하거나 링크를 연 뒤, 앱에 표시되는 6자리 코드를 비밀번호와 함께 적으십시오. 발령 승인에는 2단계 인증이 필요합니다.",
        "Type this key into an authenticator app (TOTP), or open the link with it; then give the six digits that the app shows, and your password. Approvals take a second factor.",
    ),
    ("account-factor-open", "인증 앱에서 열기", "Open in an authenticator app"),
    ("account-factor-set-up", "2단계 인증 설정", "Set up"),
    (
        "account-factor-there",
        "설정되어 있습니다. 휴대전화를 바꾸거나 잃어버렸다면 관리자에게 해제를 요청하십시오 (bongsu user second-factor --remove).",
        "It is set up. If your phone is lost or replaced, ask an administrator to take it away (bongsu user second-factor --remove).",
    ),
    (
        "account-factor-wrong",
        "코드가 맞지 않습니다. 휴대전화의 시각이 맞는지 확인하십시오.",
        "That is not the code. Is the clock of your phone right?",
    ),
    (
        "account-no-user",
        "토큰이나 일회용 링크로 들어왔습니다. 바꿀 비밀번호가 없으며, 화면에서 발령을 승인하려면 사용자 계정으로 로그인하십시오.",
        "You came in by a token or a one-time link: there is no password to change. To approve alerts on these pages, sign in as a user.",
    ),
    ("account-others", "다른 로그인", "Other sessions"),
    ("account-others-done", "다른 로그인을 모두 끝냈습니다", "Every other session is ended"),
    ("account-others-end", "모두 끝내기", "End them"),
    (
        "account-others-many",
        "다른 곳에서 로그인된 상태가 {0}개 있습니다.",
        "You are signed in elsewhere {0} times.",
    ),
    ("account-password", "비밀번호", "Password"),
    (
        "account-password-about",
        "12자 이상. 길고 기억하기 쉬운 문장이 좋습니다.",
        "12 characters or more. A long sentence that you remember does well.",
    ),
    ("account-password-again", "새 비밀번호 확인", "The new password again"),
    ("account-password-change", "비밀번호 바꾸기", "Change the password"),
    ("account-password-current", "현재 비밀번호", "Your password now"),
    (
        "account-password-differs",
        "두 번 적은 새 비밀번호가 서로 다릅니다",
        "The new password is not the same both times",
    ),
    (
        "account-password-done",
        "비밀번호를 바꾸었습니다. 다른 로그인은 모두 끝났습니다.",
        "The password is changed. Every other session is ended.",
    ),
    ("account-password-new", "새 비밀번호", "New password"),
    ("account-password-same", "지금과 같은 비밀번호입니다", "That is the password you have"),
    ("account-password-wrong", "현재 비밀번호가 맞지 않습니다", "That is not your password"),
    ("account-title", "내 계정", "Your account"),
    (
        "account-weak-id",
        "비밀번호에 사용자 이름이 들어 있습니다",
        "Your user name stands in the password",
    ),
    ("account-weak-long", "비밀번호가 너무 깁니다", "The password is too long"),
    (
        "account-weak-plain",
        "널리 쓰이는 쉬운 비밀번호입니다",
        "The password is one that everybody tries first",
    ),
    (
        "account-weak-short",
        "비밀번호가 12자보다 짧습니다",
        "The password has fewer than 12 characters",
    ),
    ("approval-headline", "[발령 승인 요청] {0}", "[Approval needed] {0}"),
    (
        "approval-how",
        "bongsu approve {0} (대상: {1}) 또는 상황판 /incidents/{0}/approval 에서 승인하거나 사유를 적어 반려하십시오.",
        "Approve or reject with a reason: bongsu approve {0} (for {1}), or /incidents/{0}/approval on the board.",
    ),
    ("approval-text", "\n[{0}] {1} / {2} / {3}", "\n[{0}] {1} / {2} / {3}"),
    (
        "audit-holds",
        "감사 기록 {0}건이 모두 온전합니다. 마지막 해시 {1}",
        "All {0} entries of the trail hold. Head {1}",
    ),
    ("board-acknowledge", "상황 확인", "Acknowledge"),
    (
        "board-acknowledge-ask",
        "이 상황을 보았고 대응하고 있음을 기록합니다.",
        "Records that you have seen this and are on it.",
    ),
    ("board-acknowledged", "{0} 확인함", "Acknowledged by {0}"),
    ("board-admitted", "채택", "Admitted"),
    ("board-approval", "{0} · {1} · {2} {3}", "{0} · {1} · {2} {3}"),
    ("board-approval-agreed", "한 명 승인", "one approved"),
    ("board-approval-asked", "승인 대기", "waits for an approval"),
    ("board-approval-confirm", "지금 발령: {0} → {1}", "Let it out now: {0} to {1}"),
    ("board-approval-description", "내용", "Description"),
    ("board-approval-edit", "문안 고치기", "Change the words"),
    ("board-approval-headline", "제목", "Headline"),
    ("board-approval-instruction", "행동 요령", "What to do"),
    ("board-approval-past", "지난 요청", "past"),
    (
        "board-approval-persons",
        "서로 다른 {0}명이 승인해야 합니다",
        "{0} different persons have to approve",
    ),
    ("board-approval-rejected", "반려", "rejected"),
    ("board-approval-released", "발령", "let out"),
    ("board-approval-title", "발령 승인", "Approval"),
    (
        "board-approval-until",
        "응답이 없으면 사전 승인 기준에 따라 발령되는 시각:",
        "Without an answer it goes out by written rule at:",
    ),
    ("board-approval-withdrawn", "요청 철회", "no longer asked"),
    ("board-approve", "발령 승인", "Approve"),
    ("board-as-of", "판단한 자료 시각", "Decided up to"),
    ("board-assessed", "현재 근거는 {0}", "Evidence now: {0}"),
    ("board-back", "상황판으로", "To the board"),
    ("board-balance", "수신 자료 대조", "What became of what came in"),
    ("board-balance-differs", "불일치", "Differs"),
    ("board-balance-holds", "일치", "Adds up"),
    ("board-beside", "함께 진행 중", "Going on beside"),
    ("board-beside-exercise", "훈련 진행 중.", "An exercise is running."),
    ("board-beside-link-exercise", "훈련 상황판", "The exercise's board"),
    ("board-beside-link-real", "실제 상황판", "The live board"),
    (
        "board-beside-real",
        "실제 상황! 훈련을 중단합니다.",
        "THIS IS REAL. The exercise is interrupted.",
    ),
    ("board-channel", "채널", "Channel"),
    ("board-channels", "경보 전달", "Deliveries"),
    ("board-channels-none", "설정된 채널이 없습니다", "No channel is configured"),
    (
        "board-channels-note",
        "실패·완료·인계와 목표 시간(측정부터 수신 확인까지)은 최근 24시간",
        "Failed, delivered, handed over and the objective (from the measurement to the proof): the last 24 hours",
    ),
    ("board-claimed", "측정값", "Readings"),
    ("board-close", "종결", "Put away"),
    ("board-command-refused", "{0}: {1} 지시가 거부됨 — {2}", "{0}: {1} was turned down — {2}"),
    ("board-command-taken", "{0}: {1} — {2}", "{0}: {1} — {2}"),
    ("board-connecting", "연결 중", "Connecting"),
    ("board-counts", "단계별 지구 수", "Sites by level"),
    ("board-delivered", "완료", "Delivered"),
    ("board-duplicate", "중복", "Repeated"),
    ("board-elapsed-days", "{0}일 {1}시간 경과", "{0} d {1} h ago"),
    ("board-elapsed-hours", "{0}시간 {1}분 경과", "{0} h {1} min ago"),
    ("board-elapsed-minutes", "{0}분 경과", "{0} min ago"),
    ("board-end", "종료", "end"),
    ("board-exercises", "훈련", "Exercises"),
    ("board-exercises-how", "훈련 시작:", "Start one with:"),
    ("board-exercises-none", "훈련 기록이 없습니다", "No exercise so far"),
    ("board-failed", "실패", "Failed"),
    ("board-happened", "최근 판단과 조치", "What happened"),
    ("board-happened-none", "아직 기록이 없습니다", "Nothing yet"),
    ("board-held", "확인 대기", "Waiting"),
    ("board-incidents", "진행 중인 상황", "Open incidents"),
    ("board-incidents-none", "진행 중인 상황이 없습니다", "No open incidents"),
    ("board-kind-bridge", "교량", "Bridge"),
    ("board-kind-building", "건축물", "Building"),
    ("board-kind-facility", "시설물", "Facility"),
    ("board-kind-retaining-wall", "옹벽", "Retaining wall"),
    ("board-kind-slope", "급경사지", "Slope"),
    ("board-language", "언어", "Language"),
    ("board-late", "늦게 도착한 자료", "Late data"),
    (
        "board-ledger-unreadable",
        "장부를 읽을 수 없습니다. 상황과 전달 내역이 최신이 아닐 수 있습니다.",
        "The ledger cannot be read. Incidents and deliveries may be out of date.",
    ),
    ("board-live", "실시간", "Live"),
    ("board-maintained", "점검 중 {0}/{1}", "In maintenance {0} of {1}"),
    ("board-maintenance", "점검 등록", "maintenance"),
    ("board-missing", "유실", "Missing"),
    (
        "board-no-script",
        "스크립트가 꺼져 있어 30초마다 새로 고칩니다.",
        "Scripts are off: this page reloads every 30 seconds.",
    ),
    ("board-note", "메모", "Note"),
    ("board-objective", "{0}초 안에", "Within {0} s"),
    ("board-order-cancel", "취소", "Cancel"),
    ("board-order-done", "처리되었습니다 (기록 {0})", "Done (record {0})"),
    (
        "board-order-no-answer",
        "응답이 없습니다. 다시 누르면 한 번만 처리됩니다.",
        "No answer. Press again: it will be carried out once.",
    ),
    ("board-order-not-done", "처리되지 않았습니다: {0}", "Not done: {0}"),
    ("board-order-reason", "사유", "Reason"),
    ("board-owed", "대기", "Waiting"),
    ("board-position", "기록 위치", "Journal record"),
    ("board-problem-bad-request", "요청을 이해할 수 없습니다", "The request cannot be understood"),
    (
        "board-problem-busy",
        "지금은 처리할 수 없습니다. 잠시 뒤 다시 시도하십시오",
        "Not possible now: try again shortly",
    ),
    (
        "board-problem-cross-site",
        "다른 사이트에서 보낸 요청은 받지 않습니다",
        "Requests from other sites are not taken",
    ),
    ("board-problem-fault", "내부 오류가 발생했습니다", "Something went wrong inside"),
    (
        "board-problem-key-in-use",
        "같은 Idempotency-Key의 요청을 처리하고 있습니다",
        "A request with this Idempotency-Key is being carried out",
    ),
    (
        "board-problem-key-reused",
        "같은 Idempotency-Key로 다른 요청이 있었습니다",
        "This Idempotency-Key was used for another request",
    ),
    ("board-problem-not-allowed", "권한이 없습니다", "Not allowed"),
    ("board-problem-not-found", "찾을 수 없습니다", "Not found"),
    (
        "board-problem-not-here",
        "담당 구역 밖입니다",
        "Outside of the districts you are responsible for",
    ),
    ("board-problem-not-signed-in", "로그인이 필요합니다", "Sign in first"),
    (
        "board-problem-password-change",
        "먼저 비밀번호를 새로 정하십시오",
        "Choose a new password first",
    ),
    ("board-problem-refused", "지시가 받아들여지지 않았습니다", "The order was turned down"),
    (
        "board-problem-second-factor",
        "발령 승인은 2단계 인증으로 로그인해야 합니다",
        "Approvals take a session with a second factor",
    ),
    ("board-problem-too-large", "요청이 너무 큽니다", "The request is too large"),
    (
        "board-problem-too-many",
        "시도가 너무 많습니다. 잠시 뒤 다시 시도하십시오",
        "Too many attempts: try again shortly",
    ),
    (
        "board-problem-too-slow",
        "제시간에 처리되지 않았습니다. 결과를 확인하십시오",
        "It took too long: check what became of it",
    ),
    ("board-problem-wrong-media", "JSON으로 보내야 합니다", "Send JSON"),
    (
        "board-problem-wrong-method",
        "이 주소에서 쓸 수 없는 방법입니다",
        "This address does not take that method",
    ),
    ("board-proved", "마지막 점검", "Last proved"),
    ("board-quarantined", "격리된 수신 자료", "Quarantined"),
    ("board-re-zero", "영점 보정", "a new zero"),
    ("board-received", "수신", "Frames"),
    (
        "board-recorded",
        "확정 이력: {0} → {1} ({2} 기준)",
        "Recorded history: {0} → {1} (as of {2})",
    ),
    ("board-refused", "거부", "Refused"),
    ("board-reject", "반려", "Reject"),
    ("board-report", "신고·예찰 등록", "a report"),
    ("board-revision", "개정 {0}", "Revision {0}"),
    ("board-role-administrator", "관리자", "administrator"),
    ("board-role-approver", "승인권자", "approver"),
    ("board-role-operator", "담당자", "operator"),
    ("board-role-viewer", "열람자", "viewer"),
    ("board-rule-ceased", "규칙 {0} 해소 — {1}", "Rule {0} no longer holds — {1}"),
    ("board-rule-held", "규칙 {0} 성립 — {1}", "Rule {0} holds — {1}"),
    ("board-set-aside", "격리", "Set aside"),
    ("board-set-maintenance", "점검 중", "In maintenance"),
    ("board-set-report", "신고·예찰", "Report"),
    ("board-set-silence", "알림 중지", "Notices silenced"),
    ("board-set-until", "까지", "until"),
    ("board-sign-in", "로그인", "Sign in"),
    ("board-sign-in-code", "인증 코드 6자리", "Six-digit code"),
    (
        "board-sign-in-code-about",
        "2단계 인증을 설정했다면 인증 앱의 코드를 적으십시오.",
        "From your authenticator app, if you have set up a second factor.",
    ),
    (
        "board-sign-in-code-needed",
        "비밀번호를 다시 적고 인증 앱의 6자리 코드를 함께 입력하십시오",
        "Give your password again and the six digits from your authenticator app",
    ),
    ("board-sign-in-password", "비밀번호", "Password"),
    ("board-sign-in-token", "접속 토큰", "Access token"),
    ("board-sign-in-user", "사용자 이름", "User name"),
    (
        "board-sign-in-where",
        "처음 시작할 때 만들어진 관리자 토큰은 데이터 폴더의 board-token 파일에 있습니다.",
        "The administrator's token made at the first start is in the file board-token in the data directory.",
    ),
    (
        "board-sign-in-wrong",
        "로그인하지 못했습니다. 적은 내용을 확인하십시오",
        "That did not sign you in. Check what you typed",
    ),
    ("board-sign-out", "로그아웃", "Sign out"),
    (
        "board-signed-out",
        "로그인이 끝나 더 이상 갱신되지 않습니다. 다시 로그인하십시오.",
        "You are signed out and this page is no longer updated. Sign in again.",
    ),
    ("board-silence", "알림 중지", "a silence"),
    ("board-silent", "무응답 {0}/{1}", "{0} of {1} silent"),
    ("board-sites", "감시 지구", "Sites"),
    (
        "board-sites-more",
        "그 밖의 {0}곳은 여기에 표시하지 않습니다",
        "{0} more are not listed here",
    ),
    ("board-skip", "본문으로 건너뛰기", "Skip to the board"),
    ("board-source", "수집기", "Collector"),
    ("board-stale", "갱신 끊김", "Not live"),
    (
        "board-stale-since",
        "{0} 이후 갱신되지 않았습니다. 지금 상황과 다를 수 있습니다. 다시 연결하고 있습니다.",
        "Not updated since {0}. Things may have changed. Reconnecting.",
    ),
    ("board-stand-down", "심각 해제", "Stand down"),
    (
        "board-stand-down-ask",
        "심각 단계를 한 단계 낮추고, 경보를 받은 모든 곳에 알립니다. 왜 안전한지 적으십시오.",
        "Lowers Severe by one level and tells everybody who was alerted. Say why it is safe.",
    ),
    (
        "board-status-exercise",
        "훈련 — 실제 상황이 아닙니다",
        "Exercise — nothing here is really happening",
    ),
    (
        "board-status-test",
        "시험 운용 — 실제 상황이 아닙니다",
        "Test — nothing here is really happening",
    ),
    ("board-sum", "합계", "Sum"),
    ("board-system", "시스템 상태", "System"),
    ("board-system-site", "봉수 시스템", "The bongsu system"),
    ("board-title", "봉수 상황판", "bongsu board"),
    ("board-unacknowledged", "미확인", "Not acknowledged"),
    ("board-unconfirmed", "인계(확인 없음)", "Handed over"),
    ("board-unproven", "확인되지 않음", "Not proven"),
    ("board-vital-degraded", "점검 필요", "Degraded"),
    ("board-vital-failed", "장애", "Failed"),
    ("board-vital-ok", "정상", "OK"),
    ("board-vital-starting", "시작 중", "Starting"),
    ("board-waiting", "등록 대기 중인 측정국", "Stations waiting to be adopted"),
    ("board-waiting-heard", "{0} 경유, {1}회 수신", "through {0}, {1} messages"),
    ("call-headline", "[응답 필요 {0}/{1}] {2}", "[Please answer, {0} of {1}] {2}"),
    (
        "call-how",
        "{1}분 안에 bongsu acknowledge {0} 또는 상황판에서 상황 확인을 누르십시오. 응답이 없으면 다음 담당자를 호출합니다.",
        "Acknowledge within {1} min: bongsu acknowledge {0}, or on the board. If nobody does, the next are called.",
    ),
    ("cap-feed-title", "경보 (CAP 1.2)", "Alerts (CAP 1.2)"),
    ("cap-headline-exercise", "[훈련] {0}", "[Exercise] {0}"),
    ("cap-headline-test", "[시험] {0}", "[Test] {0}"),
    (
        "cap-note-exercise",
        "훈련 상황입니다. 실제 상황이 아닙니다.",
        "This is an exercise. Nothing is really happening.",
    ),
    (
        "cap-note-test",
        "시험 발령입니다. 실제 상황이 아닙니다.",
        "This is a test. Nothing is really happening.",
    ),
    ("command-already-acknowledged", "이미 {0} 님이 확인했습니다", "Already acknowledged by {0}"),
    ("command-already-released", "이미 발령된 문안입니다", "It was let out already"),
    ("command-ends-before", "끝나는 시각이 시작보다 앞섭니다", "It ends before it begins"),
    ("command-needs-reason", "사유를 적어야 합니다", "Say why"),
    ("command-no-incident", "진행 중인 상황이 아닙니다", "No open incident has this id"),
    ("command-no-zero", "{0}에는 영점을 둘 수 없습니다", "{0} has no zero that could be set"),
    (
        "command-not-in-doubt",
        "이 전달은 결과가 이미 정해졌거나 알 수 없는 전달입니다",
        "What became of this delivery is known already, or there is no such delivery",
    ),
    (
        "command-not-over",
        "아직 위험이 해소되지 않아 종결할 수 없습니다",
        "The danger is not over: it cannot be put away",
    ),
    (
        "command-not-severe",
        "심각 단계가 아니므로 해제할 것이 없습니다",
        "It is not at Severe: there is nothing to stand down",
    ),
    ("command-nothing-asked", "승인을 기다리는 발령이 없습니다", "Nothing waits for an approval"),
    (
        "command-other-text",
        "그사이 단계나 문안이 바뀌었습니다. 다시 확인하십시오",
        "Level or words have changed meanwhile: look again",
    ),
    ("command-over", "이미 위험이 해소된 상황입니다", "The danger is over already"),
    (
        "command-same-person",
        "두 사람이 승인해야 합니다. 이미 승인하셨습니다",
        "Two persons have to approve, and you have already",
    ),
    (
        "command-scope",
        "지구, 계측 항목, 기준 중 하나는 지정해야 합니다",
        "Name a site, a series or a rule",
    ),
    (
        "command-still-severe",
        "심각 판단 근거가 아직 유지되고 있어 해제할 수 없습니다",
        "The evidence for Severe still holds: it cannot be stood down",
    ),
    ("command-too-long", "{0}일을 넘을 수 없습니다", "It may last {0} days at most"),
    ("command-too-many", "한 번에 {0}건까지 둘 수 있습니다", "At most {0} may stand at once"),
    ("command-unknown", "{0}: 없는 이름이거나 이미 끝났습니다", "{0} does not exist, or is over"),
    (
        "compare-rate",
        "{0}  {1}: 이전 {2}회 (연 {3}회), 이후 {4}회 (연 {5}회)",
        "{0}  {1}: before {2} ({3} a year), after {4} ({5} a year)",
    ),
    (
        "compare-rule",
        "기준 {0}: 버전 {1} → {2}; 잡음만으로 성립할 기댓값 연 {3} → {4}회 (계열당, 초과 확률 1 % 가정)",
        "rule {0}: version {1} → {2}; by noise alone {3} → {4} a year on each series, if 1 % of readings are beyond",
    ),
    ("compare-span", "자료 기간 {0}일", "history of {0} days"),
    ("danger-monitoring", "계측 장애", "monitoring fault"),
    ("danger-slope-failure", "급경사지 붕괴 위험", "slope may collapse"),
    ("danger-structural-damage", "시설물 붕괴 위험", "structure may fail"),
    ("deliveries-none", "해당하는 전달이 없습니다", "No such delivery"),
    ("delivery-state-attempting", "발송 중", "being sent"),
    ("delivery-state-delivered", "도달 확인", "confirmed"),
    ("delivery-state-expired", "시한 지남", "expired"),
    ("delivery-state-handed-over", "인계, 수신 확인 대기", "handed over, receipt awaited"),
    ("delivery-state-in-doubt", "결과 불명, 사람이 판단", "in doubt, a person decides"),
    ("delivery-state-queued", "대기", "queued"),
    ("delivery-state-refused", "거절됨", "refused"),
    ("delivery-state-superseded", "새 내용으로 대체", "superseded"),
    (
        "delivery-state-unconfirmed",
        "인계, 수신 확인 없음",
        "handed over, no receipt in this medium",
    ),
    ("demo-board", "상황판 (1회용 로그인 링크):  {0}", "Board (one-time sign-in link):  {0}"),
    ("demo-broker", "내장 브로커:  {0}", "Embedded broker:  {0}"),
    ("demo-cap", "CAP 피드:  {0}", "CAP feed:  {0}"),
    ("demo-mail", "메일 → {0}: {1}", "Mail to {0}: {1}"),
    (
        "demo-summary",
        "전송 {0}건, 수신 {1}건, 인정된 측정값 {2}개. 심각 지구 {3}곳. 전달 완료 {4}건, 전달 실패 {5}건.",
        "{0} messages sent, {1} received, {2} readings admitted. {3} sites at Severe. {4} deliveries proven, {5} expired.",
    ),
    (
        "demo-title",
        "봉수 데모: 태풍 속 12개 지구, {0}배속. 모든 경보는 시험입니다. Ctrl-C로 마칩니다.",
        "bongsu demo: twelve sites in a typhoon, {0} times as fast. Every alert is a test. Ctrl-C ends it.",
    ),
    ("digest-headline", "{0}곳 상황: {1}", "{0} sites: {1}"),
    ("digest-more", "외 {0}곳", "and {0} more"),
    ("digest-sites", "{0} 외 {1}곳", "{0} and {1} more"),
    ("doctor-exception", "예외 응답 {0}: {1}", "Exception {0}: {1}"),
    (
        "doctor-fits",
        "{0}: {1}개, 바이트의 {2} %, 예: {3}",
        "{0}: {1} of them, {2} % of the bytes, say {3}",
    ),
    ("doctor-heard", "{0}: {1} 바이트", "{0}: {1} bytes"),
    ("doctor-no-answer", "답이 아닌 바이트: {0}", "Bytes that are no answer: {0}"),
    (
        "doctor-nothing-comes",
        "아무것도 들리지 않습니다: 전원과 배선(TX/RX, A/B)을 확인하거나, 물어야 답하는 장치라면 --unit 으로 물어보십시오",
        "Nothing comes: look at power and wiring (TX/RX, A/B), or ask it with --unit if it only answers",
    ),
    (
        "doctor-nothing-fits",
        "알 수 있는 형식이 없습니다: 다른 --baud 를 시도하십시오",
        "Nothing we know fits: try another --baud",
    ),
    ("doctor-unit", "{0}, {1}번 장치, {2}", "{0}, unit {1}, {2}"),
    (
        "doctor-unit-silent",
        "{0}번 장치가 답하지 않습니다: 주소, 속도, A/B 배선을 확인하십시오",
        "Unit {0} does not answer: look at its address, the speed, and whether A and B are swapped",
    ),
    (
        "evidence-acceleration",
        "{0} {1} 가속 시작: 평균 속도 {2} {3} (잡음 한계 {4} {3})",
        "{0} {1} accelerates: mean velocity {2} {3} (noise up to {4} {3})",
    ),
    (
        "evidence-accumulation",
        "{0} {1} {5} 누적 {2} {3} (기준 {4} {3})",
        "{0} {1} over {5}: {2} {3} (limit {4} {3})",
    ),
    (
        "evidence-anchor-load",
        "{0} 앵커 하중 설계하중의 {2} {3} (기준 {4} {3})",
        "{0} anchor at {2} {3} of its design load (limit {4} {3})",
    ),
    (
        "evidence-angular-distortion",
        "{0} 각변위 {2} (기준 {4})",
        "{0} angular distortion {2} (limit {4})",
    ),
    (
        "evidence-anomaly",
        "{0} {1} 평소와 다른 움직임 (이상도 {2}, 기준 {4})",
        "{0} {1} unlike anything it did before (score {2}, limit {4})",
    ),
    (
        "evidence-antecedent-water-index",
        "{0} 선행수분지수 {2} {3} (기준 {4} {3})",
        "{0} antecedent water index {2} {3} (limit {4} {3})",
    ),
    (
        "evidence-baseline",
        "{0} {1} 평상시에서 {2} {3} 벗어남 (기준 {4} {3})",
        "{0} {1} is {2} {3} from what is usual (limit {4} {3})",
    ),
    (
        "evidence-compensated",
        "{0} {1} 온도 보정 후 {2} {3} (기준 {4} {3})",
        "{0} {1} without the temperature: {2} {3} (limit {4} {3})",
    ),
    (
        "evidence-crack-growth",
        "{0} {1} 균열 성장 {2} {3} (기준 {4} {3}, 최근 {5})",
        "{0} {1} grows {2} {3} (limit {4} {3} over {5})",
    ),
    (
        "evidence-disagreement",
        "{0} {1} 인접 계측기와 {2} {3} 차이 (기준 {4} {3})",
        "{0} {1} is {2} {3} apart from the others (limit {4} {3})",
    ),
    (
        "evidence-drift",
        "{0} {1} 누적 편향 {2} {3} (기준 {4} {3})",
        "{0} {1} drifts: {2} {3} summed up (limit {4} {3})",
    ),
    (
        "evidence-effective-rain",
        "{0} 실효우량 기준의 {2} % (기준 {4} %)",
        "{0} effective rain at {2} % (limit {4} %)",
    ),
    (
        "evidence-failure-time",
        "{0} {1} 붕괴 추정까지 {2} {3} (기준 {4} {3} 이내)",
        "{0} {1}: an end is estimated in {2} {3} (limit {4} {3})",
    ),
    (
        "evidence-instrument",
        "{0} {1} {2} {3}: 계측기 이상(값 고착 또는 인접 계측기와 불일치)",
        "{0} {1} {2} {3}: the instrument is stuck, or its neighbours contradict it",
    ),
    (
        "evidence-intensity-duration",
        "{0} 강우강도-지속시간 기준선의 {2}배 (기준 {4}배)",
        "{0} storm at {2} of the intensity-duration line (limit {4})",
    ),
    (
        "evidence-natural-frequency",
        "{0} 고유진동수 {2} {3} 저하 (기준 {4} {3})",
        "{0} natural frequency down by {2} {3} (limit {4} {3})",
    ),
    (
        "evidence-neighbours",
        "{0} {1} 변화율 {2} {3}, 인접 계측기도 움직임 (기준 {4} {3}, 최근 {5})",
        "{0} {1} rate {2} {3}, borne out by its neighbours (limit {4} {3} over {5})",
    ),
    (
        "evidence-rate",
        "{0} {1} 변화율 {2} {3} (기준 {4} {3}, 최근 {5})",
        "{0} {1} rate {2} {3} (limit {4} {3} over {5})",
    ),
    (
        "evidence-recent-antecedent",
        "{0} 최근 {5} 강우가 선행강우 기준을 {2} mm 초과",
        "{0} rain of the last {5} is {2} mm beyond what antecedent rain leaves",
    ),
    (
        "evidence-silence",
        "{0} {1} {2}분 동안 수신 없음 (기준 {4}분)",
        "{0} {1} silent for {2} min (limit {4} min)",
    ),
    (
        "evidence-soil-water-index",
        "{0} 토양우량지수 {2} {3} (기준 {4} {3})",
        "{0} soil water index {2} {3} (limit {4} {3})",
    ),
    ("evidence-threshold", "{0} {1} {2} {3} (기준 {4} {3})", "{0} {1} {2} {3} (limit {4} {3})"),
    (
        "evidence-trigger",
        "{0} {1} 진동 감지: 평소 에너지의 {2}배 (기준 {4}배)",
        "{0} {1} triggered: {2} times the usual energy (limit {4})",
    ),
    (
        "evidence-unconfirmed",
        "{0} {1} {2} {3}: 급변 후 확인되지 않음, 현장 확인 필요",
        "{0} {1} leapt to {2} {3}, which nothing has confirmed or refuted: look at the place",
    ),
    (
        "evidence-vibration",
        "{0} 진동 기준의 {2} {3} (기준 {4} {3})",
        "{0} vibration at {2} {3} of its table (limit {4} {3})",
    ),
    (
        "evidence-wall-movement",
        "{0} {1} 옹벽 변위 관리기준의 {2} {3} (기준 {4} {3})",
        "{0} {1}: the wall moved {2} {3} of its class (limit {4} {3})",
    ),
    (
        "exercise-acknowledged",
        "최초 확인: {0}, 상황 발생 {1} 뒤",
        "First acknowledged by {0}, {1} after it opened",
    ),
    ("exercise-acknowledged-nobody", "아무도 확인하지 않았습니다", "Nobody acknowledged it"),
    ("exercise-beside", "{0} ({1}배속)", "{0} ({1} times as fast as real time)"),
    ("exercise-ended-by", "{0}이(가) 종료했습니다", "Ended by {0}"),
    ("exercise-failed", "전달 실패: {0} → {1}: {2}", "Not reached: {0} → {1}: {2}"),
    ("exercise-failed-none", "전달에 실패한 곳이 없습니다", "Nobody was missed"),
    ("exercise-fault", "훈련이 오류로 끝났습니다: {0}", "The exercise ended with a fault: {0}"),
    ("exercise-group", "{0}: {1}", "{0}: {1}"),
    ("exercise-group-asked", "승인 요청 후 응답 없음", "approval asked, not answered"),
    ("exercise-group-rejected", "{0}이(가) {1} 뒤 반려", "rejected by {0} after {1}"),
    ("exercise-group-released", "{0}이(가) {1} 뒤 승인", "released by {0} after {1}"),
    ("exercise-incident", "{0} ({1}): 최고 {2}", "{0} ({1}): {2} at its highest"),
    (
        "exercise-interrupted",
        "실제 상황으로 중단: {0} {1}",
        "Interrupted by a real incident: {0}, {1}",
    ),
    ("exercise-nobody", "전달된 곳이 없습니다", "Nobody was reached"),
    ("exercise-not-running", "진행 중인 훈련이 없습니다", "No exercise is running"),
    ("exercise-other", "다른 훈련이 진행 중입니다: {0}", "Another exercise is running: {0}"),
    (
        "exercise-reached",
        "{0} → {1}: {2}건, 최초 {3}, 중앙값 {4}, 최장 {5}",
        "{0} → {1}: {2} messages, first after {3}, median {4}, slowest {5}",
    ),
    (
        "exercise-real",
        "실제 상황이 진행 중이라 훈련할 수 없습니다: {0} {1}",
        "Something is really going on, so there is no exercise now: {0}, {1}",
    ),
    ("exercise-scenario", "시나리오를 사용할 수 없습니다: {0}", "The scenario cannot be used: {0}"),
    (
        "exercise-site-unknown",
        "지점 `{0}`은(는) 설정에도 시나리오에도 없습니다",
        "Site `{0}` is not in the scenario, or neither configured nor one that comes with the program",
    ),
    ("exercise-speed", "속도는 1에서 3600 사이여야 합니다", "The speed lies between 1 and 3600"),
    ("exercise-state-cut-off", "중단됨 (프로세스 종료)", "cut off when the process ended"),
    ("exercise-state-ended", "종료", "ended"),
    ("exercise-state-failed", "오류", "failed"),
    ("exercise-state-interrupted", "실제 상황으로 중단", "interrupted"),
    ("exercise-state-running", "진행 중", "running"),
    (
        "exercise-title",
        "훈련 {0}: {1}, {2}배속, {3}",
        "Exercise {0}: {1}, {2} times as fast as real time, {3}",
    ),
    ("exercise-waiting", "아직 전달 중: {0}건", "Still on their way: {0}"),
    (
        "explain-clause",
        "항목 {0} ({1}): {3}개 중 {2}개 성립 (필요: {4})",
        "clause {0} ({1}): holds on {2} of {3}, needs {4}",
    ),
    (
        "explain-clause-not",
        "제외 항목 {0} ({1}): {3}개 중 {2}개 성립 (제외되려면 {4})",
        "clause {0} ({1}), not wanted: holds on {2} of {3}, speaks against the rule from {4}",
    ),
    ("explain-holds", "성립하며 단계 판단에 반영됨", "it holds, and counts"),
    ("explain-holds-not", "성립하지 않음", "it does not hold"),
    ("explain-no-incident", "{0}: 그런 상황이 없습니다", "{0}: there is no such incident"),
    ("explain-no-reading", "최근 측정값 없음", "no reading of late"),
    (
        "explain-no-rule",
        "기준 {0}은(는) {1}을(를) 보지 않습니다. 이 항목을 보는 기준: {2}",
        "the rule {0} does not look at {1}; those that do: {2}",
    ),
    (
        "explain-old",
        "지연된 과거 자료로 성립: 단계에는 반영하지 않음",
        "it holds on old data only, which makes no level",
    ),
    ("explain-out-of-season", "적용 기간·시간이 아님", "its season or hours do not let it count"),
    ("explain-reading", "{0} 측정값 {1}, 품질 {2}", "reading of {0}: {1}, quality {2}"),
    (
        "explain-rule",
        "기준 {0} (버전 {1}) · 근거 {2} · {3} 주장",
        "rule {0} (version {1}): {2}, argues for {3}",
    ),
    ("explain-series-holds", "성립: {0}", "holds: {0}"),
    ("explain-series-holds-silent", "성립(이후 무응답): {0}", "holds, silent since: {0}"),
    ("explain-series-rests", "불성립: {0}", "does not hold: {0}"),
    ("explain-series-silent", "무응답: {0}", "silent: {0}"),
    (
        "fault-archive",
        "기록 보관 서버(InfluxDB)에 쓰지 못하고 있습니다. 측정값은 저널에 남아 있습니다",
        "The archive (InfluxDB) cannot be written; readings wait in the journal",
    ),
    (
        "fault-balance",
        "수집기 {0}: 수신과 처리 건수가 맞지 않습니다",
        "Collector {0}: what came in and what became of it do not add up",
    ),
    (
        "fault-channel-failing",
        "{0} 채널이 연속 {1}회 실패했습니다({2}). 보낼 것은 남아 있고 계속 시도합니다",
        "Channel {0} failed {1} times in a row ({2}). What is owed on it is kept and tried again",
    ),
    (
        "fault-clock",
        "서버 시각이 {0}초 어긋났습니다. 시각 동기화를 확인하십시오",
        "The wall clock jumped by {0} s: check its synchronisation",
    ),
    ("fault-collector-down", "수집기 {0} 연결 끊김: {1}", "Collector {0} is down: {1}"),
    ("fault-delivery-lost", "{0} 채널 전달 실패 ({1}): {2}", "Delivery on {0} failed ({1}): {2}"),
    (
        "fault-disk-full",
        "디스크가 가득 찼습니다. 예비 공간에 기록 중이며, 곧 수신 확인을 멈춥니다",
        "The disk is full: the journal goes on in its reserve and will soon withhold acknowledgements",
    ),
    (
        "fault-frames-lost",
        "수집기 {0}: 오는 길에 자료를 잃었습니다 — {1}",
        "Collector {0}: frames were lost on the way: {1}",
    ),
    (
        "fault-gateway-offline",
        "게이트웨이 {0} 연결 끊김: 이 게이트웨이를 거치는 모든 계측기가 수신되지 않습니다",
        "Gateway {0} is offline: nothing behind it is heard",
    ),
    (
        "fault-gateway-silent",
        "게이트웨이 {0}: {1}분 동안 이를 거친 수신이 전혀 없습니다 (전원·통신·낙뢰 점검)",
        "Gateway {0}: nothing has come through it for {1} min; check its power and its link",
    ),
    (
        "fault-history",
        "상황판의 과거 기록(그래프)을 쓰지 못하고 있습니다. 판정과 경보에는 영향이 없습니다",
        "The board's history cannot be written; its charts stand still, decisions and alerts go on",
    ),
    (
        "fault-journal-gap",
        "저널 일부가 손상되거나 없어졌습니다: {0}",
        "Part of the journal is damaged or missing: {0}",
    ),
    (
        "fault-link-stale",
        "전달 경로 {0} ({1})이(가) {2} 이후 확인되지 않았습니다",
        "The way out {0} ({1}) was not proven since {2}",
    ),
    ("fault-nobody-on-duty", "당직표 {0}: 지금 당직자가 없음", "Rota {0}: nobody is on duty now"),
    (
        "fault-poison",
        "기록 {0}번이 판단부를 두 번 멈추게 하여 제외했습니다",
        "Record {0} stopped the desk twice and was set aside",
    ),
    (
        "fault-state-lost",
        "판단 상태를 저널에서 모두 되살리지 못했습니다: {0}번 기록부터 다시 시작",
        "The state could not be rebuilt in full: it starts again at record {0}",
    ),
    (
        "fault-too-fast",
        "{0}이(가) 수집기 {1}에 필요 이상으로 빠르게 보내 넘치는 자료를 거절했습니다. 그 장비의 설정을 확인하십시오.",
        "{0} sends more through collector {1} than anybody needs, and what is too much is refused. Look at how it is set up",
    ),
    (
        "fault-trespass",
        "게이트웨이 {0}이(가) 권한 밖의 주제에 접근함: {1}. 설정 오류이거나 도용된 계정일 수 있습니다.",
        "Gateway {0} tried what is not its own: {1}. It is set up wrongly, or somebody else uses its credentials",
    ),
    (
        "fault-unanswered",
        "{0}: 호출 순서 {1}의 누구도 응답하지 않음. 모두를 계속 호출합니다",
        "{0}: nobody on the ladder {1} has answered; everybody on it is called again and again",
    ),
    (
        "fault-unrecorded",
        "디스크에 기록할 수 없습니다. 감시와 경보는 기억 장치에서 계속하지만 기록되지 않습니다. 디스크를 고치기 전에는 재시작하지 마십시오",
        "The disk takes nothing: watching and alerting go on in memory, unrecorded. Mend the disk before bongsu is restarted",
    ),
    ("gateway-by-password", "비밀번호", "by password"),
    ("gateway-certificate", "인증서 ({0}까지)", "by certificate, good until {0}"),
    (
        "gateway-password",
        "{0} 비밀번호 (다시 볼 수 없습니다): {1}",
        "Password of {0}, shown this once: {1}",
    ),
    (
        "gateway-revoked",
        "{0} 게이트웨이를 더 이상 받아들이지 않습니다. mosquitto는 파일을 다시 읽혀야 합니다 (SIGHUP).",
        "{0} is let in no more. A mosquitto has to read its files again (SIGHUP).",
    ),
    ("gateway-word-good", "사용 중", "in use"),
    ("gateway-word-revoked", "폐기됨", "revoked"),
    ("hazard-monitoring", "계측 장애", "Monitoring fault"),
    ("hazard-slope-failure", "급경사지 붕괴 위험", "Slope failure danger"),
    ("hazard-structural-damage", "시설물 손상 위험", "Structural damage danger"),
    ("headline", "[{0}] {1} {2}", "[{0}] {1}: {2}"),
    ("headline-slope-failure", "붕괴 위험", "Slope failure danger"),
    ("headline-structural-damage", "손상 위험", "Structural damage danger"),
    ("incident-state-acknowledged", "확인함", "Acknowledged"),
    ("incident-state-all-clear", "해소", "All clear"),
    ("incident-state-approved", "발령 승인됨", "Approved"),
    ("incident-state-awaiting-approval", "승인 대기", "Awaiting approval"),
    ("incident-state-closed", "종결", "Closed"),
    ("incident-state-open", "진행 중", "Open"),
    ("incident-state-rejected", "발령 반려됨", "Rejected"),
    ("incident-state-stood-down", "심각 해제됨", "Stood down"),
    (
        "instruction-inspect",
        "현장을 점검하고 이·통장에게 알리십시오. 주민은 비탈면과 옹벽에 가까이 가지 마십시오.",
        "Inspect the site and inform the village head. Residents: keep away from slopes and walls.",
    ),
    (
        "instruction-look",
        "그래프를 확인하고 예찰 담당자에게 연락하십시오.",
        "Check the chart and call the patrol.",
    ),
    (
        "instruction-over",
        "위험이 해소되었습니다. 담당 공무원의 안내에 따라 주십시오.",
        "The danger is over. Follow the instructions of local officials.",
    ),
    ("level-attention", "관심", "Attention"),
    ("level-caution", "주의", "Caution"),
    ("level-normal", "정상", "Normal"),
    ("level-severe", "심각", "Severe"),
    ("level-unknown", "확인불가", "Unknown"),
    ("level-warning", "경계", "Warning"),
    ("link-not-looked", "{0} / {1}: 아직 점검하지 않음", "{0} / {1}: not looked at yet"),
    ("link-proven", "{0} / {1}: 확인됨, {2} ({3})", "{0} / {1}: proven at {2} ({3})"),
    (
        "link-unknown",
        "`{0}`은(는) 점검할 수 있는 경로가 아닙니다",
        "`{0}` is no channel that is looked at; give it test-every",
    ),
    (
        "link-unproven",
        "{0} / {1}: 확인되지 않음, 마지막 {2} ({3})",
        "{0} / {1}: NOT proven, last at {2} ({3})",
    ),
    (
        "lint-jargon",
        "전문용어는 쓰지 마십시오: {0}",
        "Residents should not have to understand: {0}",
    ),
    ("lint-missing-language", "이 언어의 문안이 없습니다", "Nothing is said in this language"),
    ("lint-no-action", "무엇을 해야 하는지 적으십시오", "It does not say what to do"),
    ("lint-no-hazard", "어떤 위험인지 적으십시오", "It does not say what may happen"),
    ("lint-no-location", "어디인지 적으십시오", "It does not say where"),
    ("lint-no-source", "누가 알리는지 적으십시오", "It does not say who speaks"),
    ("lint-no-time", "언제인지 적으십시오", "It does not say when"),
    ("lint-placeholder", "채우지 않은 자리가 있습니다: {0}", "Something was not filled in: {0}"),
    (
        "lint-too-long-bytes",
        "{0}바이트로 너무 깁니다(최대 {1}, 한글 2)",
        "{0} bytes (two for each Hangul), {1} are the most",
    ),
    (
        "lint-too-long-characters",
        "{0}자로 너무 깁니다(최대 {1}자)",
        "{0} characters, {1} are the most",
    ),
    (
        "lint-too-long-columns",
        "한 줄에 들어가지 않는 낱말이 있습니다({0}자, 최대 {1}자)",
        "A word of {0} characters, {1} fit on a line",
    ),
    ("lint-too-long-parts", "문자 {0}건 분량입니다(최대 {1}건)", "{0} SMS parts, {1} are the most"),
    ("lint-too-long-screens", "{0}화면입니다(최대 {1}화면)", "{0} screens, {1} are the most"),
    ("open-alerts", "공개된 경보", "Alerts the public was told"),
    (
        "open-alerts-about",
        "주민에게 발령된 경보와 해제. CAP 문서의 주소를 함께 싣습니다.",
        "What the public was alerted to, and what was called off, with the address of each CAP document.",
    ),
    ("open-sites", "감시 지구", "Sites that are watched"),
    (
        "open-sites-about",
        "급경사지와 노후 시설물의 이름, 종류, 위치. 발령되지 않은 위험 단계는 싣지 않습니다.",
        "Names, kinds and places of steep slopes and aging facilities. Levels that were not announced are not in it.",
    ),
    ("open-title", "재난안전 조기경보 개방 데이터", "Open data of disaster-safety early warning"),
    ("policy-attention", "살펴볼 징후가 있음", "Something to look at"),
    (
        "policy-caution-blind",
        "강우 지수 80 % 이상인데 변형 계측의 절반 이상이 무응답",
        "Rain at 80 % of the site's limit, and half of what watches the ground is silent",
    ),
    (
        "policy-caution-movement",
        "지점 1곳 이상 1차 기준 초과",
        "Movement beyond the 1st criterion at a post",
    ),
    ("policy-caution-rain", "강우 지수 80 % 이상", "Rain at 80 % of the site's limit or more"),
    ("policy-caution-report", "현장 신고·예찰: 이상 징후", "Seen on site: signs of movement"),
    ("policy-caution-structure", "구조물 1차 기준 초과", "Structure beyond the 1st criterion"),
    (
        "policy-caution-water",
        "지하수·간극수압 2차 기준 초과",
        "Groundwater or pore pressure beyond the 2nd criterion",
    ),
    (
        "policy-latched",
        "단계가 여러 번 오르내려 가장 높은 단계로 유지함",
        "It came back too often and stays at its highest level",
    ),
    ("policy-late", "지연 수신된 과거 자료에서 확인", "Found in data that came late"),
    ("policy-normal", "이상 징후 없음", "Nothing unusual"),
    (
        "policy-severe-failure-time",
        "지점 1곳 3차 기준 초과와 24시간 안의 붕괴예상시각",
        "A post beyond the 3rd criterion, and failure expected within a day",
    ),
    (
        "policy-severe-post-and-water",
        "지점 1곳 3차 기준 초과와 강우·지하수 3차 기준 초과",
        "A post beyond the 3rd criterion, with rain or groundwater at its 3rd",
    ),
    ("policy-severe-report", "현장 신고·예찰: 붕괴 확인", "Seen on site: collapse"),
    (
        "policy-severe-structure",
        "구조물 2곳 이상 3차 기준 초과",
        "Structure beyond the 3rd criterion at two places or more",
    ),
    (
        "policy-severe-two-posts",
        "서로 다른 지점 2곳 이상 3차 기준 초과",
        "Two independent posts or more beyond the 3rd criterion",
    ),
    ("policy-step-down", "유지 시간 경과, 판단 근거 없음", "The dwell ran out without evidence"),
    ("policy-stood-down", "담당자가 심각 단계를 해제함", "Stood down by an officer"),
    ("policy-system", "봉수 시스템 이상", "Something is wrong with bongsu itself"),
    ("policy-warning-one-post", "지점 1곳 3차 기준 초과", "A post beyond the 3rd criterion"),
    (
        "policy-warning-post-and-water",
        "지점 1곳 2차 기준 초과와 강우 90 % 이상",
        "A post beyond the 2nd criterion, with rain at 90 % or groundwater at its 2nd",
    ),
    (
        "policy-warning-report",
        "현장 신고·예찰: 붕괴 임박 징후",
        "Seen on site: signs of collapse to come",
    ),
    ("policy-warning-structure", "구조물 2차 기준 초과", "Structure beyond the 2nd criterion"),
    (
        "policy-warning-two-posts",
        "서로 다른 지점 2곳 이상 2차 기준 초과",
        "Two independent posts or more beyond the 2nd criterion",
    ),
    (
        "probe-sms",
        "[시험] 봉수 문자 전달 경로 시험입니다.",
        "[Test] bongsu tests its way to this phone.",
    ),
    ("probe-subject", "[시험] 봉수 전달 경로 시험", "[Test] bongsu tests its way to this mailbox"),
    (
        "probe-text",
        "봉수가 메일 전달 경로를 시험합니다. 실제 상황이 아닙니다.",
        "bongsu tests its way to this mailbox. Nothing is happening.",
    ),
    (
        "public-danger-slope",
        "{0}에서 비탈면이 무너질 위험이 높습니다.",
        "The slope may collapse: {0}.",
    ),
    (
        "public-danger-structure",
        "{0}에서 시설물이 손상될 위험이 높습니다.",
        "The structure may fail: {0}.",
    ),
    ("public-over", "{0}의 위험이 해소되었습니다.", "The danger is over: {0}."),
    (
        "public-watch",
        "{0}에서 이상 징후를 살펴보고 있습니다.",
        "Unusual signs are being watched: {0}.",
    ),
    ("quality-backfill", "뒤늦은 자료", "sent late"),
    ("quality-clock-ahead", "계측소 시각이 앞섬", "clock ahead"),
    ("quality-clock-step", "계측소 시각 후퇴", "clock stepped back"),
    ("quality-conflict", "같은 시각 다른 값", "two values of one moment"),
    ("quality-disagrees", "다른 계측기와 불일치", "disagrees"),
    ("quality-gateway-time", "게이트웨이 시각", "gateway's time"),
    ("quality-held", "확인 대기", "waits for the next ones"),
    ("quality-isolated", "이 우량계만 강우", "rain here alone"),
    ("quality-old", "지연 수신", "old"),
    ("quality-out-of-order", "순서 뒤바뀜", "out of order"),
    ("quality-rail", "측정 한계값", "at the end of its range"),
    ("quality-retained", "브로커 보관값", "kept by the broker"),
    ("quality-spike", "튐", "spike"),
    ("quality-stale", "갱신 끊김", "stale"),
    ("quality-step", "도약 후 유지", "stepped and stayed"),
    ("quality-stuck", "고정값", "stuck"),
    ("quality-time-replaced", "수신 시각 사용", "time of receipt"),
    ("quality-time-unknown", "시각 불명", "time unknown"),
    ("quality-uncompensated", "보정 안 됨", "uncompensated"),
    ("quality-unconfirmed", "미확인 급변", "unconfirmed"),
    ("quantity-acceleration", "가속도", "acceleration"),
    ("quantity-acoustic-emission", "음향방출", "acoustic emission"),
    ("quantity-advisory", "특보·예보 단계", "official product"),
    ("quantity-barometric-pressure", "기압", "air pressure"),
    ("quantity-battery-voltage", "배터리 전압", "battery voltage"),
    ("quantity-count", "횟수", "count"),
    ("quantity-crack-width", "균열 폭", "crack width"),
    ("quantity-displacement", "변위", "displacement"),
    ("quantity-force", "하중", "force"),
    ("quantity-frequency", "고유진동수", "natural frequency"),
    ("quantity-groundwater-level", "지하수위", "groundwater level"),
    ("quantity-pore-pressure", "간극수압", "pore pressure"),
    ("quantity-rain", "강우량", "rain"),
    ("quantity-rain-rate", "강우강도", "rain intensity"),
    ("quantity-relative-humidity", "상대습도", "relative humidity"),
    ("quantity-settlement", "침하", "settlement"),
    ("quantity-signal-strength", "수신 세기", "signal strength"),
    ("quantity-signal-to-noise", "신호 대 잡음비", "signal to noise"),
    ("quantity-soil-moisture", "함수비", "soil moisture"),
    ("quantity-soil-suction", "모관흡수력", "soil suction"),
    ("quantity-state", "스위치", "switch"),
    ("quantity-strain", "변형률", "strain"),
    ("quantity-temperature", "온도", "temperature"),
    ("quantity-tilt", "경사", "tilt"),
    ("quantity-tilt-x", "경사 x", "tilt x"),
    ("quantity-tilt-y", "경사 y", "tilt y"),
    ("quantity-vibration-velocity", "진동속도", "vibration velocity"),
    ("quantity-water-level", "수위", "water level"),
    ("report-confirmed", "{0} (공무원 확인, {1}) {2}", "{0}, confirmed by {1}. {2}"),
    ("report-unconfirmed", "{0} (신고, {1}) {2}", "{0}, reported to {1}. {2}"),
    ("seen-bulging", "배부름", "Bulging"),
    ("seen-collapse", "붕괴", "Collapse"),
    ("seen-cracks", "균열", "Cracks"),
    ("seen-falling-stones", "낙석·토사 유출", "Falling stones or soil"),
    ("seen-leaning", "기울어짐", "Leaning"),
    ("seen-muddy-water", "탁수·용출수", "Muddy water or a new spring"),
    ("seen-other", "그 밖의 이상 징후", "Another sign"),
    ("seen-settlement", "침하", "Settlement"),
    ("seen-sound", "소리·진동", "Sound or shaking"),
    (
        "settled-delivered",
        "{0} 님이 {1} 전달이 도착했다고 기록했습니다: {2}",
        "{0} says that {1} arrived: {2}",
    ),
    (
        "settled-not-delivered",
        "{0} 님이 {1} 전달이 도착하지 않았다고 기록했습니다: {2}",
        "{0} says that {1} did not arrive: {2}",
    ),
    ("sign-act-attention", "주의하십시오", "KEEP CLEAR"),
    ("sign-act-severe", "즉시 대피", "LEAVE NOW"),
    ("sign-act-warning", "통행금지", "ROAD CLOSED"),
    ("sign-monitoring", "점검 중", "CHECKING"),
    ("sign-slope-failure", "급경사지 붕괴위험", "SLOPE MAY COLLAPSE"),
    ("sign-structural-damage", "시설물 붕괴위험", "STRUCTURE UNSAFE"),
    ("site-condition", "기준", "Condition"),
    ("site-expected", "다음 값 예상 {0}–{1} {2}", "next expected {0} to {1} {2}"),
    ("site-instruments", "계측", "Instruments"),
    ("site-level", "단계", "Level"),
    (
        "site-no-history",
        "과거 기록을 지금 읽을 수 없습니다. 저널에서 다시 만드는 중일 수 있습니다",
        "The history cannot be read just now; it may be being made again from the journal",
    ),
    ("site-no-points", "이 기간의 기록이 없습니다", "Nothing was measured in this time"),
    ("site-nothing-yet", "수신 없음", "nothing yet"),
    ("site-provenance", "근거", "Where it comes from"),
    ("site-range", "기간", "Time shown"),
    ("site-range-1y", "1년", "1 year"),
    ("site-range-24h", "24시간", "24 hours"),
    ("site-range-30d", "30일", "30 days"),
    ("site-range-7d", "7일", "7 days"),
    ("site-rule", "규칙", "Rule"),
    ("site-rules", "판정 기준", "Criteria"),
    ("site-sum", "합계 {0} {1}", "{0} {1} in all"),
    ("standing-ended", "{0} 종료({1})", "{0} ended by {1}"),
    ("standing-expired", "{0} 기한 종료({1} 설정)", "{0}, set by {1}, has run out"),
    ("standing-set", "{0} 설정({1}까지)", "{0}, until {1}"),
    ("standing-zero", "{0} 영점 보정 {1} {2}", "{0}: {1} {2} from now on"),
    (
        "station-asked",
        "{0} 관측국에 명령을 보냅니다: {1}. 응답이 올 때까지 24시간 동안 다시 보냅니다.",
        "{0} is asked: {1}. Said again for 24 hours until it answers.",
    ),
    ("station-asks", "관측국에 요청함: {0}", "Asked by bongsu itself: {0}"),
    (
        "station-busy",
        "이 관측국에 응답을 기다리는 명령이 이미 너무 많습니다",
        "Too many orders wait for this station already",
    ),
    ("station-done", "관측국이 수행함: {0} {1}", "Done: {0} {1}"),
    ("station-expired", "관측국이 응답하지 않아 명령이 만료됨: {0}", "No answer in time: {0}"),
    (
        "station-gap",
        "관측국 보고 {0}건 유실 (최근 번호 {1}~{2})",
        "{0} messages of the station are missing (lately numbers {1} to {2})",
    ),
    (
        "station-interval",
        "보고 주기는 1초 이상, 설정된 주기({0}초) 이하여야 합니다. 더 길면 무응답으로 판단합니다.",
        "The interval is from 1 s to the {0} s it is registered with: longer ones look like silence",
    ),
    ("station-moot", "요청한 자료가 모두 도착해 명령을 거둠: {0}", "All of it came by itself: {0}"),
    (
        "station-no-answer",
        "아직 응답이 없습니다. 명령은 하루 동안 남아 있습니다: bongsu station list --json",
        "No answer yet. The order stays for a day: bongsu station list --json",
    ),
    ("station-offline", "관측국 연결 끊김 {0}", "The station is gone {0}"),
    ("station-online", "관측국 연결됨 {0}", "The station is there {0}"),
    (
        "station-range",
        "번호 범위는 처음부터 끝까지 최대 {0}건입니다",
        "The range goes from a first to a last number, {0} messages at most",
    ),
    ("station-refused", "관측국이 거부함: {0} {1}", "Refused by the station: {0} {1}"),
    ("station-replaced", "새 명령으로 대체됨: {0}", "Replaced by a newer order: {0}"),
    ("station-unknown", "그런 관측국이 없습니다", "There is no such station"),
    ("station-word-missing", "유실 {0}건", "{0} missing"),
    ("station-word-offline", "끊김", "gone"),
    ("station-word-online", "연결", "there"),
    ("station-word-unknown", "상태 미보고", "says nothing of itself"),
    (
        "template-cell-broadcast-157",
        "{{ mark }}[{{ sender }}] {{ time_long }} 현재 {{ area }} {{ danger }}이 높습니다. {{ instruction }}{% if contact %} 문의 {{ contact }}{% endif %}",
        "{{ mark }}[{{ sender }}] {{ time_long }} {{ area }}: {{ danger }}. {{ instruction | first_sentence }}",
    ),
    (
        "template-cell-broadcast-157-over",
        "{{ mark }}[{{ sender }}] {{ time_long }} {{ area }} {{ danger }}이 해제되었습니다. {{ instruction }}{% if contact %} 문의 {{ contact }}{% endif %}",
        "{{ mark }}[{{ sender }}] {{ time_long }} {{ area }}: danger over. {{ instruction | first_sentence }}",
    ),
    (
        "template-cell-broadcast-90",
        "{{ mark }}[{{ sender }}] {{ time }} {{ area }} {{ danger }}, {{ instruction | first_sentence }}",
        "{{ mark }}[{{ sender }}] {{ time }} {{ area }}: {{ danger }}. {{ instruction | first_sentence }}",
    ),
    (
        "template-cell-broadcast-90-over",
        "{{ mark }}[{{ sender }}] {{ time }} {{ area }} {{ danger }} 해제. {{ instruction | first_sentence }}",
        "{{ mark }}[{{ sender }}] {{ time }} {{ area }}: danger over. {{ instruction | first_sentence }}",
    ),
    (
        "template-chat",
        "{{ headline }}\n{{ time }} {{ area }}\n{{ description }}\n{{ instruction }}{% if link %}\n{{ link }}{% endif %}",
        "{{ headline }}\n{{ time }} {{ area }}\n{{ description }}\n{{ instruction }}{% if link %}\n{{ link }}{% endif %}",
    ),
    (
        "template-chat-over",
        "{{ headline }}\n{{ time }} {{ area }}\n{{ instruction }}{% if link %}\n{{ link }}{% endif %}",
        "{{ headline }}\n{{ time }} {{ area }}\n{{ instruction }}{% if link %}\n{{ link }}{% endif %}",
    ),
    (
        "template-mail",
        "{{ headline }}\n\n{{ time_long }} {{ sender }}\n장소: {{ area }}\n단계: {{ level }}\n\n{{ instruction }}\n\n{{ description }}{% if contact %}\n\n문의: {{ contact }}{% endif %}{% if link %}\n{{ link }}{% endif %}",
        "{{ headline }}\n\n{{ time_long }} {{ sender }}\nPlace: {{ area }}\nLevel: {{ level }}\n\n{{ instruction }}\n\n{{ description }}{% if contact %}\n\nContact: {{ contact }}{% endif %}{% if link %}\n{{ link }}{% endif %}",
    ),
    (
        "template-mail-over",
        "{{ headline }}\n\n{{ time_long }} {{ sender }}\n장소: {{ area }}\n\n{{ instruction }}{% if contact %}\n\n문의: {{ contact }}{% endif %}{% if link %}\n{{ link }}{% endif %}",
        "{{ headline }}\n\n{{ time_long }} {{ sender }}\nPlace: {{ area }}\n\n{{ instruction }}{% if contact %}\n\nContact: {{ contact }}{% endif %}{% if link %}\n{{ link }}{% endif %}",
    ),
    ("template-signboard", "{{ sign }}\n{{ sign_act }}", "{{ sign }}\n{{ sign_act }}"),
    (
        "template-sms",
        "{{ mark }}[{{ sender }}] {{ time }} {{ area }} {{ danger }} ({{ level }}). {{ instruction | first_sentence }}{% if contact %} 문의 {{ contact }}{% endif %}",
        "{{ mark }}[{{ sender }}] {{ time }} {{ area }}: {{ danger }} ({{ level }}). {{ instruction | first_sentence }}{% if contact %} Contact {{ contact }}{% endif %}",
    ),
    (
        "template-sms-over",
        "{{ mark }}[{{ sender }}] {{ time }} {{ area }} {{ danger }} 해제. {{ instruction | first_sentence }}",
        "{{ mark }}[{{ sender }}] {{ time }} {{ area }}: danger over. {{ instruction | first_sentence }}",
    ),
    (
        "template-speech",
        "{{ mark }}{{ sender }}에서 알려드립니다. {{ time_long }} 현재 {{ area }}에 {{ danger }}이 있습니다. {{ instruction }}",
        "{{ mark }}This is {{ sender }}. At {{ time_long }}, {{ area }}: {{ danger }}. {{ instruction }}",
    ),
    (
        "template-speech-over",
        "{{ mark }}{{ sender }}에서 알려드립니다. {{ time_long }} {{ area }}의 {{ danger }}이 해제되었습니다. {{ instruction }}",
        "{{ mark }}This is {{ sender }}. At {{ time_long }}, {{ area }}: the danger is over. {{ instruction }}",
    ),
    ("test-failed", "실패  {0}", "FAILED  {0}"),
    ("test-level", "{0}: {1} 단계는 {2}, 기대는 {3}", "{0}: {1} stood at {2}, not at {3}"),
    ("test-not-above", "{0}: {1} 단계는 {2}, {3} 이하여야 함", "{0}: {1} stood at {2}, above {3}"),
    ("test-passed", "통과  {0}", "passed  {0}"),
    ("test-refused", "입력 {1}개 중 {0}개가 거부됨", "{0} of {1} readings were refused"),
    ("trail-head", "감사 기록 확인값 ({0}건)", "Head of the audit trail ({0} entries)"),
    (
        "trail-head-is",
        "감사 기록 {0}건의 끝 확인값(SHA-256): {1}",
        "The hash (SHA-256) at the end of {0} entries of the audit trail: {1}",
    ),
    (
        "trail-head-keep",
        "이 알림을 보관하십시오. 나중에 bongsu audit verify 결과와 견줄 수 있습니다",
        "Keep this message: what bongsu audit verify says later can be held against it",
    ),
    (
        "user-added",
        "{0} 추가함 ({1}). 첫 비밀번호: {2}\n처음 로그인할 때 새 비밀번호를 정해야 합니다.",
        "Added {0} ({1}). First password: {2}\nIt has to be changed at the first sign-in.",
    ),
    ("user-changed", "{0} 변경함", "Changed {0}"),
    (
        "user-disabled",
        "{0} 사용 중지함. 모든 로그인이 끝납니다.",
        "{0} is let in no more. Every session of theirs ends.",
    ),
    ("user-enabled", "{0} 다시 사용할 수 있음", "{0} is let in again"),
    (
        "user-erased",
        "{0} 의 개인정보를 지우고 사용 중지함. 기록에는 아이디만 남습니다.",
        "What was personal about {0} is erased, and they are let in no more. The records keep the id alone.",
    ),
    ("user-factor", "{0} 의 2단계 인증 키: {1}\n{2}", "The second factor of {0}: {1}\n{2}"),
    (
        "user-factor-removed",
        "{0} 의 2단계 인증을 해제함. 로그인한 뒤 '내 계정'에서 새로 설정합니다.",
        "The second factor of {0} is taken away. They set up another under their account.",
    ),
    (
        "user-password",
        "{0} 의 새 첫 비밀번호: {1}\n로그인할 때 새 비밀번호를 정해야 합니다.",
        "Another first password of {0}: {1}\nIt has to be changed at the next sign-in.",
    ),
    ("user-state-disabled", "사용 중지", "disabled"),
    ("user-state-factor", "2단계 인증", "second factor"),
    ("user-state-must-change", "첫 비밀번호", "first password"),
    (
        "user-token",
        "토큰 {0} ({1}, {2}), {3} 까지. 지금 한 번만 보입니다:\n{4}",
        "Token {0} ({1}, {2}), until {3}. It is shown this once:\n{4}",
    ),
    ("user-token-revoked", "토큰 {0} 회수함", "Token {0} is taken back"),
    ("vital-clock-apart", "{0}: 저널의 시각과 {1}초 차이", "{0}: {1} s from the journal"),
    ("vital-clock-sync", "시각 서버와 맞음", "Follows a time server"),
    (
        "vital-clock-sync-no",
        "시각 서버와 맞지 않음: chrony 나 systemd-timesyncd 를 켜십시오",
        "Follows no time server: start chrony or systemd-timesyncd",
    ),
    (
        "vital-clock-sync-unknown",
        "시스템이 알려 주지 않음 (timedatectl)",
        "The system does not say (timedatectl)",
    ),
    ("vital-clock-unset", "{0}: 시계가 맞춰진 적이 없음", "{0}: the clock was never set"),
    ("vital-collector", "받는 중", "Receiving"),
    ("vital-collector-down", "연결되지 않음: {0}", "Not connected: {0}"),
    ("vital-configuration", "문제 없음", "Good"),
    ("vital-configuration-warned", "경고 {0}건: bongsu check", "{0} warnings, see bongsu check"),
    (
        "vital-daemon-away",
        "{0} 에서 응답 없음: 실행 중이 아님",
        "No answer at {0}: it does not run",
    ),
    ("vital-desk", "저널보다 {0}건 뒤", "{0} records behind the journal"),
    ("vital-disk", "{1} 에 {0} MiB 남음", "{0} MiB free for {1}"),
    ("vital-disk-unseen", "{0} 을(를) 볼 수 없음: {1}", "Cannot look at {0}: {1}"),
    (
        "vital-document",
        "{0} 바이트, 값 {1}개를 읽음 (이름이 매핑되지 않은 값 {2}개)",
        "{0} bytes, {1} values of ours in it ({2} that no table names)",
    ),
    ("vital-document-away", "문서를 받지 못함: {0}", "No document: {0}"),
    (
        "vital-document-empty",
        "{0} 바이트, 우리 값이 없음 (이름이 매핑되지 않은 값 {1}개): map 과 포인터를 확인하십시오",
        "{0} bytes and no value of ours in it ({1} that no table names): look at the map and the pointers",
    ),
    (
        "vital-document-unreadable",
        "{0} 바이트를 읽지 못함 ({1}): {2}",
        "{0} bytes that cannot be read ({1}): {2}",
    ),
    ("vital-journal", "{0}, 마지막 기록 {1}", "{0}, last record {1}"),
    ("vital-ledger", "디스크에 기록 중", "On disk"),
    (
        "vital-ledger-memory",
        "메모리에만 있음: 디스크를 고치고 bongsu 를 다시 시작하십시오",
        "In memory only: mend the disk and start bongsu again",
    ),
    (
        "vital-port-absent",
        "{0}: 없음. 연결하거나 /dev/serial/by-id 를 확인하십시오",
        "{0}: not there; plug it in, or look under /dev/serial/by-id",
    ),
    (
        "vital-port-denied",
        "{0}: 쓸 권한이 없음. 서비스 사용자를 그 장치의 그룹(보통 dialout)에 넣으십시오",
        "{0}: no right to use it; add the service user to its group, often dialout",
    ),
    ("vital-series", "계열 {0}개 모두 제때 옴", "{0} series, all heard in time"),
    ("vital-series-age", "{0}초 전", "{0} s old"),
    ("vital-series-never", "온 적 없음", "Never heard"),
    (
        "vital-series-silent",
        "계열 {0}개 중 {1}개가 늦거나 온 적 없음: {2}",
        "{1} of {0} series are late or were never heard: {2}",
    ),
    ("vital-series-unseen", "계열을 볼 수 없음: {0}", "Series cannot be looked at: {0}"),
    ("vital-session", "연결이 끊겨도 세션이 유지됨", "Sessions are kept while we are away"),
    (
        "vital-session-forgets",
        "브로커가 세션을 잊음: bongsu 가 다시 시작하는 동안 온 자료를 잃습니다. mosquitto 라면 `persistence true` 와 쓸 수 있는 `persistence_location` 을 설정하고 `persistent_client_expiration` 을 늘리고, 세션을 잃는 2.0.12~2.0.18 이 아닌 판을 쓰십시오",
        "The broker forgets sessions: what is published while bongsu restarts is lost. For mosquitto set `persistence true` with a writable `persistence_location`, raise `persistent_client_expiration`, and use another version than 2.0.12 to 2.0.18, which lose sessions",
    ),
    (
        "vital-session-untried",
        "세션 유지를 시험하지 못함",
        "Whether sessions are kept could not be tried",
    ),
    (
        "vital-session-version",
        "mosquitto 2.0.12~2.0.18 은 때때로 세션을 잃음: 다른 판을 쓰십시오",
        "mosquitto 2.0.12 to 2.0.18 lose sessions at times: use another version",
    ),
    ("vital-topic", "{0}: {2}초 동안 {1}건", "{0}: {1} in {2} s"),
    (
        "vital-topic-refused",
        "{0}: 브로커가 거절함. 권한(ACL)을 확인하십시오",
        "{0}: refused by the broker, look at its access rules",
    ),
    ("vital-way-silent", "{0}: {1}초 안에 응답 없음", "{0}: no answer within {1} s"),
    ("what-acknowledged", "{0} 확인: {1}", "Acknowledged by {0}: {1}"),
    (
        "what-agreed",
        "{0} 승인({1}), 한 사람 더 승인해야 함",
        "{0} approved for {1}; one more person has to",
    ),
    ("what-approved", "{0} 발령 승인({1}) {2}", "Approved by {0} for {1}. {2}"),
    ("what-asked-again", "발령 승인을 다시 요청함", "Approval asked again"),
    (
        "what-called-everybody",
        "호출한 누구도 응답하지 않아 모두를 다시 호출함",
        "Nobody who was called answered; everybody is called again",
    ),
    (
        "what-called-next",
        "응답이 없어 다음 담당자를 호출함",
        "Nobody answered; the next are called",
    ),
    ("what-closed", "{0} 종결: {1}", "Put away by {0}: {1}"),
    ("what-closed-by-next", "새 상황이 시작되어 종결함", "Put away: another incident begins"),
    (
        "what-closed-by-time",
        "해소된 뒤 시간이 지나 종결함",
        "Put away: it has been all clear for long enough",
    ),
    ("what-joined", "판단 근거 추가: {0}", "More evidence: {0}"),
    ("what-late", "지연 확인({1}분 전): {0}", "Detected late ({1} min ago): {0}"),
    ("what-moved", "{0} → {1}: {2}", "{0} → {1}: {2}"),
    (
        "what-not-borne-out",
        "정정: 뒤늦게 도착한 자료로 확인한 결과 다음 판단은 성립하지 않음 — {0}",
        "Correction: with the data that came since, this is not borne out — {0}",
    ),
    ("what-note", "{0} 메모: {1}", "Note by {0}: {1}"),
    ("what-rejected", "{0} 발령 반려({1}): {2}", "Rejected by {0} for {1}: {2}"),
    (
        "what-released-by-rule",
        "응답이 없어 사전 승인 기준에 따라 발령({0}) — {1}: {2}",
        "Nobody answered: let out for {0} by written rule — {1}: {2}",
    ),
    (
        "what-reset",
        "설정 변경으로 {0}개 기준의 기억을 새로 시작함: {1}",
        "The configuration changed; {0} rules on series began anew or ended: {1}",
    ),
    ("what-site-removed", "이 지구는 더 이상 감시 대상이 아님", "This site is no longer monitored"),
    ("what-still", "{0} 단계가 계속되고 있음", "Still at {0}"),
    ("what-told-now", "알림 중지가 끝나 알림", "Told now: nothing hides it any more"),
    ("word-over", "해제", "Over"),
    (
        "words-control",
        "{0}({1})에 쓸 수 없는 문자가 있습니다",
        "{0} ({1}) holds a control character",
    ),
    ("words-empty", "{0}({1})이(가) 비어 있습니다", "{0} ({1}) says nothing"),
    ("words-long", "{0}({1})이(가) 너무 깁니다", "{0} ({1}) is too long"),
    (
        "words-placeholder",
        "{0}({1})에 채우지 않은 자리가 있습니다",
        "{0} ({1}) has a place that was not filled in",
    ),
];

/// The message of `key` in a language. An unknown key shows itself, so that a slip is seen, not hidden.
pub fn message(key: &'static str, language: Language) -> &'static str {
    match MESSAGES.binary_search_by(|(k, _, _)| (*k).cmp(key)) {
        Ok(at) => match language {
            Language::Ko => MESSAGES[at].1,
            Language::En => MESSAGES[at].2,
        },
        Err(_) => key,
    }
}

/// The message of a key that is only known at run time; `None` if there is none.
pub fn lookup(key: &str, language: Language) -> Option<&'static str> {
    let at = MESSAGES.binary_search_by(|(k, _, _)| (*k).cmp(key)).ok()?;
    Some(match language {
        Language::Ko => MESSAGES[at].1,
        Language::En => MESSAGES[at].2,
    })
}

/// The message of `key` with `{0}`, `{1}` … filled in.
pub fn fill(key: &'static str, language: Language, values: &[&str]) -> String {
    let mut text = message(key, language).to_string();
    for (i, value) in values.iter().enumerate() {
        let place = ["{", &i.to_string(), "}"].concat();
        text = text.replace(&place, value);
    }
    text
}

/// The message of `key` in both languages.
pub fn text(key: &'static str, values: &[&str]) -> Text {
    Text { ko: fill(key, Language::Ko, values), en: fill(key, Language::En, values) }
}

/// The word for a quantity, in both languages.
pub fn quantity(quantity: reading::Quantity) -> Text {
    let key = ["quantity-", quantity.name()].concat();
    let say = |language| lookup(&key, language).unwrap_or(quantity.name()).to_string();
    Text { ko: say(Language::Ko), en: say(Language::En) }
}

/// The word for a level.
pub fn level(level: Level, language: Language) -> &'static str {
    let key = match level {
        Level::Normal => "level-normal",
        Level::Attention => "level-attention",
        Level::Caution => "level-caution",
        Level::Warning => "level-warning",
        Level::Severe => "level-severe",
    };
    message(key, language)
}

/// The words for where a delivery stands.
pub fn delivery_state(state: DeliveryState, language: Language) -> &'static str {
    let key = ["delivery-state-", state.name()].concat();
    lookup(&key, language).unwrap_or(state.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_and_both_languages_say_something() {
        assert!(MESSAGES.windows(2).all(|pair| pair[0].0 < pair[1].0), "keep the keys sorted");
        for (key, ko, en) in MESSAGES {
            assert!(!ko.is_empty() && !en.is_empty(), "{key}");
            let places = |text: &str| {
                (0..9).filter(|i| text.contains(&["{", &i.to_string(), "}"].concat())).count()
            };
            assert_eq!(places(ko), places(en), "{key}: both languages fill in the same things");
        }
    }

    #[test]
    fn every_quantity_has_a_word() {
        for quantity in reading::Quantity::ALL {
            assert!(
                lookup(&["quantity-", quantity.name()].concat(), Language::Ko).is_some(),
                "{quantity}"
            );
        }
    }
}
