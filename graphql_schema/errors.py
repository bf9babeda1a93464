"""Problems: expected refusals as typed members of payload unions. Codes are stable for ever."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar, get_args

import strawberry

from backend.abuse import errors as abuse
from backend.administration import errors as registers
from backend.citizens import errors as citizens
from backend.deadlines import errors as deadlines
from backend.deadlines.errors import HoursOverlap as HoursOverlapRefusal
from backend.deadlines.types import Fault as DeadlineFaultFound
from backend.media.errors import TooManyFiles as TooManyFilesRefusal
from backend.notifications.errors import NoAddress as NoAddressRefusal
from backend.officials import errors as officials
from backend.reports import errors as reports
from backend.routing import errors as routing
from backend.routing.errors import UnknownCategory as UnknownCategoryRefusal
from backend.routing.errors import UnknownWard as UnknownWardRefusal
from backend.routing.types import Fault
from backend.tenancy import errors as tenancy
from foundation import errors as refusals
from foundation.errors import Refusal
from foundation.identity import body_proofs
from graphql_schema.enums import DeadlineFaultKind, FaultKind, OfficialState, ReportState, ReportStep, Urgency
from graphql_schema.sizes import rows

INTERNAL = "common.internal"
INTERNAL_MESSAGES = {
    "vi": "Hệ thống đang gặp lỗi. Hãy thử lại; nếu vẫn lỗi, hãy báo mã yêu cầu này.",
    "en": "Something went wrong. Please try again; if it persists, report this request id.",
}


@strawberry.interface(
    description="Lý do không thực hiện được. / Why it was not done. `code` is `area.reason`, stable for ever."
)
class Problem:
    code: str = strawberry.field(description="Mã ổn định, ví dụ common.not_found. / A stable code.")
    message: str = strawberry.field(
        description="Lời giải thích cho người dùng, theo Accept-Language (vi, en). / A text for the person."
    )


@strawberry.type(description="Không có, hoặc không được thấy. / Absent or hidden: the two look the same.")
class NotFound(Problem):
    pass


@strawberry.type(description="Được thấy nhưng không được làm. / Visible, but this may not be done.")
class Forbidden(Problem):
    pass


@strawberry.type(description="Một giá trị ngoài giới hạn. / A value outside its limits.")
class InvalidInput(Problem):
    field: str = strawberry.field(description="Tên tham số. / The argument's name.")


@strawberry.type(description="Chưa có số hoặc địa chỉ đã xác minh. / No proven number or address to send to.")
class NoAddress(Problem):
    field: str = strawberry.field(description="sms hoặc email. / sms or email.")


@strawberry.type(description="Người khác đã sửa trước. / Somebody else changed it first: reload.")
class VersionConflict(Problem):
    current_version: int = strawberry.field(description="Phiên bản hiện tại. / The present version.")


@strawberry.type(description="Trạng thái không cho phép bước này. / The state does not allow this step.")
class IllegalTransition(Problem):
    state: ReportState = strawberry.field(description="Trạng thái hiện tại. / The present state.")
    step: ReportStep = strawberry.field(description="Bước bị từ chối. / The step that was refused.")


@strawberry.type(
    description="Khóa chống gửi trùng đã dùng cho nội dung khác. / The key was used for another body."
)
class IdempotencyMismatch(Problem):
    pass


@strawberry.type(
    description="Thiếu bằng chứng đã giải quyết. / No photo or document shows that it was resolved."
)
class EvidenceMissing(Problem):
    pass


@strawberry.type(description="Đơn vị phối hợp chưa xong. / A supporting unit's part is open.")
class PartsOpen(Problem):
    pass


@strawberry.type(description="Căn cứ từ chối không hợp lệ. / The ground is not one for this refusal.")
class UnknownLegalReason(Problem):
    pass


@strawberry.type(description="Đã đánh giá. / Rated already.")
class AlreadyRated(Problem):
    pass


@strawberry.type(description="Đã mở lại một lần. / Reopened once already.")
class AlreadyReopened(Problem):
    pass


@strawberry.type(description="Hết thời hạn. / The time for it is over.")
class TooLate(Problem):
    pass


@strawberry.type(description="Phản ánh đã ở đơn vị này. / The report is already with this unit.")
class SameUnit(Problem):
    pass


@strawberry.type(
    description="Đơn vị không tồn tại hoặc không tiếp nhận. / No such unit, or it takes no reports."
)
class UnknownUnit(Problem):
    pass


@strawberry.type(description="Lĩnh vực không tồn tại. / No such category.")
class UnknownCategory(Problem):
    pass


@strawberry.type(description="Phường, xã không tồn tại. / No such ward or commune.")
class UnknownWard(Problem):
    pass


@strawberry.type(
    description="Thiết bị phải ký nội dung. / The device must sign the body: claim `digest` of its proof."
)
class DigestRequired(Problem):
    pass


@strawberry.type(description="Trạng thái tài khoản không cho phép. / The account's state does not allow it.")
class WrongOfficialState(Problem):
    state: OfficialState = strawberry.field(description="Trạng thái hiện tại. / The present state.")


@strawberry.type(
    description="Đã thuộc về tài khoản khác. / Another account has it: a person has one account."
)
class AlreadyTaken(Problem):
    field: str = strawberry.field(description="username hoặc email. / username or email.")


@strawberry.type(
    description="Nhiệm vụ không giao hoặc kết thúc được. / A duty can't be given or ended: `code` says why."
)
class DutyRefused(Problem):
    pass


@strawberry.type(
    description="Yêu cầu đặt lại hết hiệu lực, hoặc cần người khác xác nhận. / Over, or to be confirmed by "
    "somebody else."
)
class ResetRefused(Problem):
    pass


@strawberry.type(description="Không có trong danh sách của quý. / Not on this quarter's list.")
class NotOnReview(Problem):
    pass


@strawberry.type(description="Mã đã được dùng. / The code is taken.")
class CodeTaken(Problem):
    pass


@strawberry.type(description="Đã kết thúc. / It has ended and is not changed any more.")
class AlreadyEnded(Problem):
    pass


@strawberry.type(description="Đơn vị cấp trên không nhận đơn vị này. / The unit above takes no such unit.")
class WrongParent(Problem):
    pass


@strawberry.type(description="Đơn vị sẽ trực thuộc chính mình. / The unit would be below itself.")
class UnitCycle(Problem):
    pass


@strawberry.type(description="Đơn vị còn việc, người hoặc quy tắc. / What the unit still has.")
class UnitInUse(Problem):
    open_reports: int
    people: int
    duties: int
    children: int
    rules: int


@strawberry.type(description="Đơn vị kế thừa không phù hợp. / The successor does not fit.")
class WrongSuccessor(Problem):
    pass


@strawberry.type(description="Không còn là bản nháp. / The set of rules is no draft any more.")
class NotADraft(Problem):
    pass


@strawberry.type(
    description="Hai quy tắc cho cùng lĩnh vực và địa bàn. / Two rules for one category and place."
)
class DoubleRule(Problem):
    first: str = strawberry.field(description="Mã quy tắc. / Code of a rule.")
    second: str = strawberry.field(description="Mã quy tắc. / Code of a rule.")


@strawberry.type(description="Một chỗ thiếu hoặc sai. / One gap or fault of a set of rules.")
class RoutingFault:
    kind: FaultKind
    category_code: str | None
    place_code: str
    rule_code: str | None = strawberry.field(description="Quy tắc sai. / The rule at fault, if one is.")


@strawberry.type(
    description="Bộ quy tắc còn thiếu hoặc sai: 20 chỗ đầu. / The set has gaps or faults: the first 20."
)
class IncompleteRules(Problem):
    count: int
    faults: list[RoutingFault] = strawberry.field(metadata=rows(20))


@strawberry.type(description="Giờ làm việc chồng nhau. / Working hours overlap.")
class HoursOverlap(Problem):
    weekday: int = strawberry.field(description="1 là thứ hai. / 1 is Monday.")


@strawberry.type(
    description="Thời hạn xử lý không đang chạy. / The handling deadline is not running: nothing to pause."
)
class DeadlineNotRunning(Problem):
    pass


@strawberry.type(description="Đang tạm dừng rồi. / It is paused already.")
class AlreadyPaused(Problem):
    pass


@strawberry.type(description="Không tạm dừng. / It is not paused by an officer.")
class NotPaused(Problem):
    pass


@strawberry.type(description="Đã tạm dừng tối đa số lần. / Paused as often as a report may be.")
class TooManyPauses(Problem):
    most: int


@strawberry.type(description="Lý do tạm dừng không tồn tại. / No such reason for a pause.")
class UnknownPauseReason(Problem):
    pass


@strawberry.type(description="Đã ở mức độ khẩn này. / It has this urgency already.")
class SameUrgency(Problem):
    pass


@strawberry.type(description="Phản ánh đã có đủ tệp. / The report has as many files as it may.")
class TooManyFiles(Problem):
    pass


@strawberry.type(description="Một chỗ thiếu hoặc sai. / One gap or fault of a set of deadlines.")
class DeadlineFault:
    kind: DeadlineFaultKind
    category_code: str | None = strawberry.field(
        description="Null: lĩnh vực bất kỳ sau này. / Null: any category that is yet to come."
    )
    urgency: Urgency | None
    place_code: str
    rule_code: str | None = strawberry.field(description="Quy tắc sai. / The rule at fault, if one is.")


@strawberry.type(
    description="Bộ thời hạn còn thiếu hoặc sai: 20 chỗ đầu. / The set has gaps or faults: the first 20."
)
class IncompleteDeadlines(Problem):
    count: int
    faults: list[DeadlineFault] = strawberry.field(metadata=rows(20))


@strawberry.type(
    description="Chưa xác minh số điện thoại. / The account's number is not proven: startPhoneProof."
)
class PhoneUnproven(Problem):
    pass


@strawberry.type(description="Tạm thời chưa gửi được phản ánh. / Blocked from sending for now: myBlocks.")
class SenderBlocked(Problem):
    until: datetime


@strawberry.type(description="Tài khoản đã có số khác. / The account has another number: changePhone.")
class PhoneBound(Problem):
    pass


@strawberry.type(description="Mã sai, cũ, hoặc hết lượt. / A wrong or old code, or no attempt is left.")
class CodeRefused(Problem):
    pass


@strawberry.type(description="Chưa gửi thêm tin nhắn được. / No further message yet.")
class SendLater(Problem):
    retry_after_seconds: int


@strawberry.type(description="Không có gì để rút lại. / Nothing to take back, or it is too late.")
class NoDeletion(Problem):
    pass


R = TypeVar("R", bound=Refusal)
Making = Callable[[Any, dict[str, str]], Problem]


def _invalid_input(refusal: refusals.InvalidInput, common: dict[str, str]) -> Problem:
    return InvalidInput(**common, field=refusal.field)


def _no_address(refusal: NoAddressRefusal, common: dict[str, str]) -> Problem:
    return NoAddress(**common, field=refusal.field)


def _version_conflict(refusal: refusals.VersionConflict, common: dict[str, str]) -> Problem:
    return VersionConflict(**common, current_version=refusal.current)


def _illegal_transition(refusal: reports.IllegalTransition, common: dict[str, str]) -> Problem:
    return IllegalTransition(**common, state=ReportState(refusal.state), step=ReportStep(refusal.step))


def _wrong_state(refusal: officials.WrongState, common: dict[str, str]) -> Problem:
    return WrongOfficialState(**common, state=OfficialState(refusal.state))


def _taken(refusal: officials.Taken, common: dict[str, str]) -> Problem:
    return AlreadyTaken(**common, field=refusal.field)


def fault_of(fault: Fault) -> RoutingFault:
    """A fault as the schema shows it."""
    return RoutingFault(
        kind=fault.kind, category_code=fault.category, place_code=fault.place, rule_code=fault.rule
    )


def _unit_in_use(refusal: tenancy.UnitInUse, common: dict[str, str]) -> Problem:
    return UnitInUse(
        **common,
        open_reports=refusal.open_reports,
        people=refusal.people,
        duties=refusal.duties,
        children=refusal.children,
        rules=refusal.rules,
    )


def _double_rule(refusal: routing.DoubleRule | deadlines.DoubleRule, common: dict[str, str]) -> Problem:
    return DoubleRule(**common, first=refusal.first, second=refusal.second)


def _incomplete_rules(refusal: routing.IncompleteRules, common: dict[str, str]) -> Problem:
    faults = [fault_of(fault) for fault in refusal.faults]
    return IncompleteRules(**common, count=refusal.count, faults=faults)


def _hours_overlap(refusal: HoursOverlapRefusal, common: dict[str, str]) -> Problem:
    return HoursOverlap(**common, weekday=refusal.weekday)


def deadline_fault_of(fault: DeadlineFaultFound) -> DeadlineFault:
    """A fault of a set of deadlines as the schema shows it."""
    return DeadlineFault(
        kind=fault.kind,
        category_code=fault.category,
        urgency=fault.urgency,
        place_code=fault.place,
        rule_code=fault.rule,
    )


def _incomplete_deadlines(refusal: deadlines.IncompleteRules, common: dict[str, str]) -> Problem:
    faults = [deadline_fault_of(fault) for fault in refusal.faults]
    return IncompleteDeadlines(**common, count=refusal.count, faults=faults)


def _too_many_pauses(refusal: deadlines.TooManyPauses, common: dict[str, str]) -> Problem:
    return TooManyPauses(**common, most=refusal.most)


def _send_later(refusal: citizens.SendLater, common: dict[str, str]) -> Problem:
    return SendLater(**common, retry_after_seconds=refusal.seconds)


def _sender_blocked(refusal: abuse.SenderBlocked, common: dict[str, str]) -> Problem:
    return SenderBlocked(**common, until=refusal.until)


def plain(kind: Callable[..., Problem]) -> Making:
    """Makes a problem that says nothing but its code and message."""
    return lambda _refusal, common: kind(**common)


PROBLEMS: dict[type[Refusal], tuple[type[Problem], Making]] = {
    refusals.NotFound: (NotFound, plain(NotFound)),
    refusals.Forbidden: (Forbidden, plain(Forbidden)),
    refusals.InvalidInput: (InvalidInput, _invalid_input),
    refusals.VersionConflict: (VersionConflict, _version_conflict),
    body_proofs.DigestRequired: (DigestRequired, plain(DigestRequired)),
    refusals.IdempotencyMismatch: (IdempotencyMismatch, plain(IdempotencyMismatch)),
    reports.IllegalTransition: (IllegalTransition, _illegal_transition),
    NoAddressRefusal: (NoAddress, _no_address),
    reports.SameUnit: (SameUnit, plain(SameUnit)),
    reports.UnknownUnit: (UnknownUnit, plain(UnknownUnit)),
    reports.EvidenceMissing: (EvidenceMissing, plain(EvidenceMissing)),
    reports.PartsOpen: (PartsOpen, plain(PartsOpen)),
    reports.UnknownLegalReason: (UnknownLegalReason, plain(UnknownLegalReason)),
    reports.AlreadyRated: (AlreadyRated, plain(AlreadyRated)),
    reports.AlreadyReopened: (AlreadyReopened, plain(AlreadyReopened)),
    reports.TooLate: (TooLate, plain(TooLate)),
    UnknownCategoryRefusal: (UnknownCategory, plain(UnknownCategory)),
    UnknownWardRefusal: (UnknownWard, plain(UnknownWard)),
    registers.CodeTaken: (CodeTaken, plain(CodeTaken)),
    registers.AlreadyEnded: (AlreadyEnded, plain(AlreadyEnded)),
    tenancy.WrongParent: (WrongParent, plain(WrongParent)),
    tenancy.UnitCycle: (UnitCycle, plain(UnitCycle)),
    tenancy.UnitInUse: (UnitInUse, _unit_in_use),
    tenancy.WrongSuccessor: (WrongSuccessor, plain(WrongSuccessor)),
    routing.NotADraft: (NotADraft, plain(NotADraft)),
    routing.DoubleRule: (DoubleRule, _double_rule),
    routing.IncompleteRules: (IncompleteRules, _incomplete_rules),
    HoursOverlapRefusal: (HoursOverlap, _hours_overlap),
    deadlines.NotADraft: (NotADraft, plain(NotADraft)),
    deadlines.DoubleRule: (DoubleRule, _double_rule),
    deadlines.IncompleteRules: (IncompleteDeadlines, _incomplete_deadlines),
    deadlines.NotRunning: (DeadlineNotRunning, plain(DeadlineNotRunning)),
    deadlines.AlreadyPaused: (AlreadyPaused, plain(AlreadyPaused)),
    deadlines.NotPaused: (NotPaused, plain(NotPaused)),
    deadlines.TooManyPauses: (TooManyPauses, _too_many_pauses),
    deadlines.UnknownPauseReason: (UnknownPauseReason, plain(UnknownPauseReason)),
    deadlines.SameUrgency: (SameUrgency, plain(SameUrgency)),
    officials.WrongState: (WrongOfficialState, _wrong_state),
    officials.Taken: (AlreadyTaken, _taken),
    officials.UnknownUnit: (UnknownUnit, plain(UnknownUnit)),
    officials.SameUnit: (SameUnit, plain(SameUnit)),
    officials.DutyOutsideUnit: (DutyRefused, plain(DutyRefused)),
    officials.DutyOverlap: (DutyRefused, plain(DutyRefused)),
    officials.NoSuchDuty: (DutyRefused, plain(DutyRefused)),
    officials.ResetOver: (ResetRefused, plain(ResetRefused)),
    officials.SecondOfficerNeeded: (ResetRefused, plain(ResetRefused)),
    officials.NotOnReview: (NotOnReview, plain(NotOnReview)),
    TooManyFilesRefusal: (TooManyFiles, plain(TooManyFiles)),
    citizens.PhoneUnproven: (PhoneUnproven, plain(PhoneUnproven)),
    abuse.SenderBlocked: (SenderBlocked, _sender_blocked),
    citizens.PhoneBound: (PhoneBound, plain(PhoneBound)),
    citizens.WrongCode: (CodeRefused, plain(CodeRefused)),
    citizens.SendLater: (SendLater, _send_later),
    citizens.NoDeletion: (NoDeletion, plain(NoDeletion)),
}


def problem_of(refusal: Refusal, language: str, payload: object) -> Any:
    """The member of the payload union that stands for this refusal.

    Raises the refusal itself when the union has no such member: it becomes an error with its code.
    """
    members = get_args(get_args(payload)[0])
    for kind in type(refusal).__mro__:
        problem, make = PROBLEMS.get(kind, (None, None))
        if problem in members and make is not None:
            return make(refusal, {"code": refusal.code, "message": refusal.message(language)})
    raise refusal
