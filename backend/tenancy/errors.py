"""Refusals of tenancy."""

from foundation.errors import Refusal


class NoDutyHere(Refusal):
    """The token is right, but tenancy knows no such official or no such working unit."""

    code = "tenancy.no_duty"
    vi = "Tài khoản chưa được phân công tại đơn vị này. Hãy liên hệ quản trị đơn vị."
    en = "This account has no duty at this unit. Please ask the unit's administrator."


class WrongParent(Refusal):
    """No such unit above, one that has ended, one of the other tree, or a kind that takes none below it."""

    code = "tenancy.wrong_parent"
    vi = "Đơn vị cấp trên không tồn tại, đã kết thúc hoặc không nhận loại đơn vị này. Hãy chọn đơn vị khác."
    en = "The unit above does not exist, has ended, or takes no unit of this kind. Please choose another one."


class UnitCycle(Refusal):
    """A unit would be below itself."""

    code = "tenancy.unit_cycle"
    vi = "Đơn vị không thể trực thuộc chính mình hoặc đơn vị cấp dưới của mình. Hãy chọn đơn vị khác."
    en = "A unit can't be below itself or below a unit of its own. Please choose another one."


class UnitInUse(Refusal):
    """The unit still has something, and no successor was named."""

    code = "tenancy.unit_in_use"
    vi = (
        "Đơn vị còn {open_reports} phản ánh chưa đóng, {people} cán bộ, {duties} nhiệm vụ, {children} đơn vị "
        "cấp dưới, {rules} quy tắc phân tuyến. Hãy chọn đơn vị kế thừa, hoặc giải quyết trước."
    )
    en = (
        "The unit still has {open_reports} open reports, {people} people, {duties} duties, {children} units "
        "below it and {rules} routing rules. Please name its successor, or settle these first."
    )

    def __init__(self, open_reports: int, people: int, duties: int, children: int, rules: int) -> None:
        super().__init__(
            open_reports=open_reports, people=people, duties=duties, children=children, rules=rules
        )
        self.open_reports = open_reports
        self.people = people
        self.duties = duties
        self.children = children
        self.rules = rules


class WrongSuccessor(Refusal):
    """No such successor, one that has ended, one below the unit, or one of another sort."""

    code = "tenancy.wrong_successor"
    vi = (
        "Đơn vị kế thừa không tồn tại, đã kết thúc, trực thuộc đơn vị này hoặc khác loại. "
        "Phường, xã chỉ nhập vào phường, xã; sở, ngành vào sở, ngành."
    )
    en = (
        "The successor does not exist, has ended, is below this unit, or is of another sort: "
        "a ward or commune becomes part of a ward or commune, a department of a department."
    )
