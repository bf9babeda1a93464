"""What is said of a code. After opening, and so sealed."""

from foundation.errors import Refusal


class WrongCode(Refusal):
    """Not the code of this moment, or one that was taken before, for whichever class."""

    code = "vault.code_wrong"
    vi = "Mã xác thực không đúng hoặc đã được dùng. Hãy đợi mã tiếp theo rồi nhập lại."
    en = "The code is wrong or was used. Please wait for the next one and enter that."


class FactorLocked(Refusal):
    """Too many wrong codes on this device: no code is looked at until the lock ends."""

    code = "vault.code_locked"
    vi = "Nhập sai mã quá nhiều lần trên thiết bị này. Hãy đợi hết thời gian khóa (1 đến 60 phút)."
    en = "Too many wrong codes on this device. Please wait until the lock ends (1 to 60 minutes)."


class FactorThere(Refusal):
    """It was issued before, and its secret is said once."""

    code = "vault.factor_there"
    vi = "Thiết bị này đã có mã xác thực thứ hai. Nếu đã mất, hãy làm lại thủ tục ghi danh."
    en = "This device has its second factor already. If it is lost, please enrol again."


class FactorMissing(Refusal):
    """This person has no second factor with this device: the enrolment gives one."""

    code = "vault.factor_missing"
    vi = "Thiết bị này chưa có mã xác thực thứ hai. Hãy làm thủ tục ghi danh thiết bị."
    en = "This device has no second factor yet. Please enrol the device."
