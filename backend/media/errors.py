"""Refusals of the media feature. `status` is the HTTP status of its routes."""

from typing import ClassVar

from foundation.errors import Refusal


class MediaRefusal(Refusal):
    """A file is not taken, or not handed out."""

    status: ClassVar[int] = 422


class TooLarge(MediaRefusal):
    """More octets than its kind may have. `mebibytes` is the limit."""

    code = "media.too_large"
    status = 413
    vi = "Tệp lớn hơn {mebibytes} MiB. Hãy gửi tệp nhỏ hơn."
    en = "The file is larger than {mebibytes} MiB. Please send a smaller one."

    def __init__(self, mebibytes: int) -> None:
        super().__init__(mebibytes=mebibytes)


class UnsupportedType(MediaRefusal):
    """Its content is none of the types that are taken."""

    code = "media.unsupported_type"
    status = 415
    vi = "Chỉ nhận ảnh JPEG, PNG, WebP, HEIC và tài liệu PDF, DOCX, XLSX."
    en = "Only JPEG, PNG, WebP and HEIC photos and PDF, DOCX and XLSX documents are taken."


class Unreadable(MediaRefusal):
    """It begins like a known type but is broken or cut off."""

    code = "media.unreadable"
    vi = "Tệp bị hỏng hoặc chưa đầy đủ. Hãy kiểm tra rồi gửi lại."
    en = "The file is damaged or incomplete. Please check it and send it again."


class TooManyPixels(MediaRefusal):
    """Its header states more pixels than a photo may have."""

    code = "media.too_many_pixels"
    vi = "Ảnh có kích thước quá lớn (tối đa 50 triệu điểm ảnh). Hãy giảm kích thước rồi gửi lại."
    en = "The photo has too many pixels (at most 50 million). Please make it smaller and send it again."


class TooComplex(MediaRefusal):
    """Reading it takes more memory or time than a file may."""

    code = "media.too_complex"
    vi = "Tệp quá phức tạp để xử lý. Hãy lưu lại ở dạng đơn giản hơn rồi gửi lại."
    en = "The file is too complex to be processed. Please save it in a simpler form and send it again."


class ActiveContent(MediaRefusal):
    """A document with macros, scripts, embedded files or objects."""

    code = "media.active_content"
    vi = "Tài liệu chứa macro, mã lệnh hoặc tệp nhúng. Hãy gửi bản không có các nội dung đó."
    en = "The document contains macros, scripts or embedded files. Please send one without them."


class Encrypted(MediaRefusal):
    """A document that only its password opens: nobody can check it."""

    code = "media.encrypted"
    vi = "Tài liệu được đặt mật khẩu hoặc mã hóa. Hãy bỏ mật khẩu rồi gửi lại."
    en = "The document is encrypted or has a password. Please remove the password and send it again."


class Infected(MediaRefusal):
    """The scanner knows what is in it. The name of the finding stays in the process's log."""

    code = "media.infected"
    vi = "Tệp chứa mã độc nên không được nhận. Hãy kiểm tra thiết bị của bạn."
    en = "The file contains malware and is not taken. Please check your device."


class ScanUnavailable(MediaRefusal):
    """Nobody can say that it is clean, and what can't be checked is refused."""

    code = "media.scan_unavailable"
    status = 503
    vi = "Chưa thể kiểm tra mã độc trong tệp. Hãy gửi lại sau ít phút."
    en = "The file can't be checked for malware at the moment. Please send it again in a few minutes."


class TooManyFiles(MediaRefusal):
    """The report has as many files as it may."""

    code = "media.too_many_files"
    status = 409
    vi = "Phản ánh đã có đủ {most} tệp đính kèm."
    en = "The report already has {most} files, which is the most it may have."

    def __init__(self, most: int) -> None:
        super().__init__(most=most)


class Busy(MediaRefusal):
    """As many files are under way as this process, or this person, may send at once."""

    code = "media.busy"
    status = 503
    vi = "Đang có quá nhiều tệp được gửi cùng lúc. Hãy gửi lại sau ít giây."
    en = "Too many files are being sent at once. Please send it again in a few seconds."


class TooSlow(MediaRefusal):
    """Its octets did not arrive in time."""

    code = "media.too_slow"
    status = 408
    vi = "Tệp được gửi quá chậm. Hãy thử lại khi kết nối tốt hơn."
    en = "The file arrived too slowly. Please try again on a better connection."


class BrokenOff(MediaRefusal):
    """The sender went away before the end."""

    code = "media.broken_off"
    status = 400
    vi = "Việc gửi tệp bị gián đoạn. Hãy gửi lại."
    en = "The upload was broken off. Please send the file again."


class LinkInvalid(MediaRefusal):
    """A signed link that is over, was altered, or belongs to another object: nobody is told which."""

    code = "media.link_invalid"
    status = 403
    vi = "Đường dẫn không hợp lệ hoặc đã hết hạn. Hãy mở lại từ ứng dụng."
    en = "The link is not valid or has ended. Please open it again from the app."
