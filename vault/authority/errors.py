"""What the register and its rules refuse."""

from foundation.errors import Refusal


class RegisterBroken(Refusal):
    """The register is not what its signatures and its chain say. Until it is again, nothing is answered.

    `why` is for the operator's log, never for the caller.
    """

    code = "vault.register_broken"
    vi = "Sổ thẩm quyền của kho dữ liệu không còn nguyên vẹn. Kho ngừng phục vụ; hãy báo người quản trị."
    en = "The vault's register of authority is not intact. The vault serves nothing; tell the operator."

    def __init__(self, why: str = "") -> None:
        super().__init__()
        self.why = why


class NoAuthority(Refusal):
    """There is no genesis yet: nobody may do anything."""

    code = "vault.no_authority"
    vi = "Kho dữ liệu chưa được khai sinh thẩm quyền. Hãy báo người quản trị."
    en = "The vault has no authority yet. Tell the operator."


class StatementRefused(Refusal):
    """A statement that the rules do not take."""


class StatementMalformed(StatementRefused):
    """No statement of this format. `why` names what is wrong, without its content."""

    code = "vault.statement_malformed"
    vi = "Văn bản thẩm quyền không đúng định dạng. Hãy cập nhật ứng dụng."
    en = "The statement is malformed. Please update the app."

    def __init__(self, why: str = "") -> None:
        super().__init__()
        self.why = why


class SignatureInvalid(StatementRefused):
    """A signature is missing, of an unknown key, or not of these octets."""

    code = "vault.signature_invalid"
    vi = "Chữ ký không hợp lệ."
    en = "A signature is not valid."


class NotAnApprover(StatementRefused):
    """Who signs is no security officer in force, or signs on a device that is not usable."""

    code = "vault.not_an_approver"
    vi = "Người ký không có quyền phê duyệt hoặc thiết bị ký chưa dùng được."
    en = "Who signs may not approve, or not on this device."


class TwoApproversNeeded(StatementRefused):
    """Giving takes exactly two people; taking exactly one."""

    code = "vault.two_approvers_needed"
    vi = "Trao quyền cần đúng hai người phê duyệt; thu hồi hoặc khóa chỉ cần một."
    en = "Giving takes two approvers; taking takes one."


class SameBody(StatementRefused):
    """Both approvers belong to one body."""

    code = "vault.same_body"
    vi = "Hai người phê duyệt phải thuộc hai cơ quan khác nhau."
    en = "The two approvers must be of different bodies."


class AppointedByTheOther(StatementRefused):
    """One approver has his post, his duty or his device from the other."""

    code = "vault.appointed_by_the_other"
    vi = "Một người phê duyệt do người kia bổ nhiệm."
    en = "One of the approvers was appointed by the other."


class OwnBenefit(StatementRefused):
    """Nobody approves what he gets."""

    code = "vault.own_benefit"
    vi = "Không ai được phê duyệt quyền cho chính mình."
    en = "Nobody approves what is given to himself."


class SubordinateApproves(StatementRefused):
    """Nobody approves what his superior gets."""

    code = "vault.subordinate_approves"
    vi = "Cấp dưới không được phê duyệt quyền cho cấp trên của mình."
    en = "A subordinate does not approve what a superior gets."


class AlreadyThere(StatementRefused):
    """The id, the key or the lock is in the register."""

    code = "vault.already_there"
    vi = "Mục này đã có trong sổ thẩm quyền."
    en = "This is in the register already."


class NothingThere(StatementRefused):
    """What is to be locked or restored is not there."""

    code = "vault.nothing_there"
    vi = "Không có mục này trong sổ thẩm quyền."
    en = "There is no such thing in the register."


class StatementStale(StatementRefused):
    """Proposed too long ago, or for no time at all."""

    code = "vault.statement_stale"
    vi = "Đề nghị đã quá hạn hoặc có thời hạn không hợp lệ. Hãy lập lại."
    en = "The proposal is too old or its term is not valid. Please make it again."


class NoSuchProposal(Refusal):
    """No proposal of this id waits for signatures."""

    code = "vault.no_such_proposal"
    vi = "Không có đề nghị này, hoặc đề nghị đã xong hay quá hạn."
    en = "There is no such proposal, or it is done or too old."


class CodeInvalid(Refusal):
    """Wrong, used, run out, or somebody else's: one refusal for all."""

    code = "vault.code_invalid"
    vi = "Mã kích hoạt không dùng được. Hãy xin cán bộ an ninh mã mới."
    en = "The activation code is not good. Ask the security officer for a new one."


class NativeOnly(Refusal):
    """Browsers are not enrolled in production."""

    code = "vault.native_only"
    vi = "Chỉ ứng dụng trên thiết bị được quản lý mới được đăng ký."
    en = "Only the app on a managed device is enrolled."


class TooManyProposals(Refusal):
    """As many wait as an approver can be shown."""

    code = "vault.too_many_proposals"
    vi = "Đang có quá nhiều đề nghị chờ ký. Hãy ký hoặc chờ hết hạn."
    en = "Too many proposals wait for signatures. Sign them, or wait until they run out."


class RegisterMoved(StatementRefused):
    """Another statement came first: what was decided may no longer hold."""

    code = "vault.register_moved"
    vi = "Sổ thẩm quyền vừa thay đổi. Hãy thử lại."
    en = "The register has just changed. Please try again."
