"""Enums of the backend as the schema names them. Importing this module registers them."""

import strawberry

from backend.channels.types import ChannelKind, ChannelState
from backend.citizens.types import PhoneStanding, RecoveryState
from backend.deadlines.types import ClockKind as DeadlineKind
from backend.deadlines.types import ClockState as DeadlineState
from backend.deadlines.types import DayKind, DueScope, LengthUnit, Urgency, YearState
from backend.deadlines.types import FaultKind as DeadlineFaultKind
from backend.deadlines.types import RuleSetState as DeadlineRulesState
from backend.devices.types import DeviceState, NetworkKind
from backend.media.types import MediaKind, MediaState, Size
from backend.notifications.types import Fallback, Platform
from backend.officials.types import DutyKind, OfficialState, ReviewDecision
from backend.releases.types import TextState
from backend.reports.types import ClosingReason, ReportState, ReportStep
from backend.routing.types import FaultKind, RuleSetState

__all__ = [
    "ChannelKind",
    "ChannelState",
    "ClosingReason",
    "DayKind",
    "DeadlineFaultKind",
    "DeadlineKind",
    "DeadlineRulesState",
    "DeadlineState",
    "DeviceState",
    "DueScope",
    "DutyKind",
    "Fallback",
    "FaultKind",
    "LengthUnit",
    "MediaKind",
    "MediaState",
    "NetworkKind",
    "OfficialState",
    "PhoneStanding",
    "Platform",
    "RecoveryState",
    "ReportState",
    "ReportStep",
    "ReviewDecision",
    "RuleSetState",
    "Size",
    "TextState",
    "Urgency",
    "YearState",
]

strawberry.enum(
    ReportState,
    description="Trạng thái: đã nhận, đang xử lý, chờ người dân, đã trả lời, đã đóng, đã gộp. / Its state.",
)
strawberry.enum(ReportStep, description="Một bước xử lý. / What happened to a report.")
strawberry.enum(
    ClosingReason,
    description="Lý do đóng: đã giải quyết, không thuộc thẩm quyền, "
    "không xác minh được, người dân không trả lời. / Why a report was closed.",
)
strawberry.enum(
    Fallback,
    description="Khi nào dùng cách khác: không bao giờ, khi khẩn, luôn luôn. / When another way is taken.",
)
strawberry.enum(Platform, description="Hệ điều hành của ứng dụng. / What an app runs on.")
strawberry.enum(MediaKind, description="Ảnh hoặc tài liệu. / A photo or a document.")
strawberry.enum(
    MediaState,
    description="Riêng tư, đã công khai, đã mất. / Private: who may read the report; released: anybody.",
)
strawberry.enum(
    Size,
    name="MediaSize",
    description="Cạnh dài nhất của ảnh: 320, 1280, 4096 điểm ảnh. / By the longest edge in pixels: 320, "
    "1,280 and 4,096; a document has one form of its own.",
)
strawberry.enum(
    DeviceState,
    description="Đang dùng, hoặc đã báo mất và bị chặn. / In use, or reported lost and blocked for ever.",
)
strawberry.enum(
    NetworkKind,
    description="Mạng của thành phố, mạng khác, không rõ. / An office of the city's, elsewhere, not known.",
)
strawberry.enum(
    OfficialState,
    description="Đã mời, đang hoạt động, tạm dừng, đã kết thúc. / Invited, active, suspended, ended.",
)
strawberry.enum(
    DutyKind,
    description="Xử lý, phụ trách, điều hành thành phố, quản trị nền tảng, quản trị cán bộ. / A duty.",
)
strawberry.enum(
    ReviewDecision, description="Giữ nguyên, điều chỉnh, kết thúc. / What a review found is to be done."
)
strawberry.enum(
    FaultKind,
    name="RoutingFaultKind",
    description="Không có quy tắc; hoặc nêu đơn vị, lĩnh vực đã kết thúc. / No rule; or what has ended.",
)
strawberry.enum(
    RuleSetState,
    name="RoutingRulesState",
    description="Bản nháp, đã áp dụng từ một ngày, đã bỏ. / A draft; in force from a day; given up.",
)
strawberry.enum(
    DayKind, name="SpecialDayKind", description="Ngày nghỉ, ngày làm bù. / Off, or worked in exchange."
)
strawberry.enum(
    YearState,
    name="HolidayYearState",
    description="Đề xuất của hệ thống, đã xác nhận. / Proposed by the system, or confirmed.",
)
strawberry.enum(
    Urgency, description="Mức độ khẩn: thường, cao, khẩn cấp. / How urgent: normal, high, urgent."
)
strawberry.enum(DeadlineKind, name="DeadlineKind", description="Tiếp nhận, xử lý. / To receive, to handle.")
strawberry.enum(
    DeadlineState,
    name="DeadlineState",
    description="Chưa bắt đầu, đang chạy, tạm dừng, quá hạn, đúng hạn, trễ hạn. / Not begun, running, "
    "paused, over and still open; kept, missed.",
)
strawberry.enum(LengthUnit, name="LengthUnit", description="Giờ hoặc ngày làm việc. / Working hours or days.")
strawberry.enum(
    DueScope,
    description="Đã quá hạn; quá hạn hôm nay; trong 7 ngày; tất cả. / Over; over today from now on; within "
    "seven days from now; all.",
)
strawberry.enum(TextState, description="Đã công khai, đã thu hồi. / Shown to anybody, or taken back.")
strawberry.enum(
    PhoneStanding,
    description="Tình trạng số điện thoại: chưa có, chưa xác minh, chờ chuyển, đang xác nhận, đã xác minh. / "
    "What is known of an account's number.",
)
strawberry.enum(
    RecoveryState,
    description="Khôi phục: đã gửi mã, đang chờ, xong, bị từ chối. / How far a recovery in person is.",
)
strawberry.enum(
    DeadlineRulesState,
    name="DeadlineRulesState",
    description="Bản nháp, đã áp dụng từ một ngày, đã bỏ. / A draft; in force from a day; given up.",
)
strawberry.enum(
    DeadlineFaultKind,
    name="DeadlineFaultKind",
    description="Không có thời hạn; hoặc nêu đơn vị, lĩnh vực đã kết thúc. / No deadline; or what has ended.",
)
strawberry.enum(
    ChannelKind, description="Cách nói: Standard Webhooks, Zalo OA, Open311. / How a channel speaks."
)
strawberry.enum(ChannelState, description="Đang nhận, tạm dừng. / Whether a channel is heard.")
