"""Enums of the backend as the schema names them. Importing this module registers them."""

import strawberry

from backend.reports.types import ClosingReason, ReportState, ReportStep

__all__ = ["ClosingReason", "ReportState", "ReportStep"]

strawberry.enum(
    ReportState,
    description="Trạng thái: đã nhận, đang xử lý, chờ người dân, đã trả lời, đã đóng. / Its state.",
)
strawberry.enum(ReportStep, description="Một bước xử lý. / What happened to a report.")
strawberry.enum(
    ClosingReason,
    description="Lý do đóng: đã giải quyết, không thuộc thẩm quyền, "
    "không xác minh được, người dân không trả lời. / Why a report was closed.",
)
