"""Refusals of channels. `status` is the HTTP status of their routes."""

from typing import ClassVar

from foundation.errors import Refusal


class ChannelRefusal(Refusal):
    """A message is not taken."""

    status: ClassVar[int] = 400


class BadSignature(ChannelRefusal):
    """No such channel, no signature, or one that no key in force has made. All the same answer."""

    code = "webhook.signature"
    status = 401
    vi = "Chữ ký không hợp lệ. Hãy kiểm tra mã kênh và khóa đang dùng."
    en = "The signature is not valid. Please check the channel's code and the key in use."


class ClockOff(ChannelRefusal):
    """Signed, but the time is more than 5 minutes off: repeated by somebody, or a wrong clock."""

    code = "webhook.clock"
    status = 401
    vi = "Đồng hồ của kênh lệch quá 5 phút. Hãy đồng bộ giờ rồi gửi lại."
    en = "The channel's clock is more than 5 minutes off. Please set it and send again."


class Malformed(ChannelRefusal):
    """The body is not what this route takes."""

    code = "webhook.malformed"
    vi = "Nội dung gửi không đúng định dạng."
    en = "The message is not in the format of this address."


class TooLarge(ChannelRefusal):
    """More octets than a message may have."""

    code = "webhook.too_large"
    status = 413
    vi = "Nội dung gửi quá lớn."
    en = "The message is too large."


class TooSlow(ChannelRefusal):
    """The body did not arrive in time."""

    code = "webhook.too_slow"
    status = 408
    vi = "Nội dung gửi đến quá chậm."
    en = "The message arrived too slowly."


class MethodRefused(ChannelRefusal):
    """Another method than the route has."""

    code = "webhook.method"
    status = 405
    vi = "Đường dẫn này không nhận phương thức đó."
    en = "This address does not take that method."


class Suspended(ChannelRefusal):
    """The channel is suspended, or the key that it used is over since a moment ago."""

    code = "channels.suspended"
    status = 403
    vi = "Kênh đang tạm dừng. Hãy liên hệ trung tâm điều hành."
    en = "This channel is suspended. Please call the operations centre."


class Busy(ChannelRefusal):
    """As many messages of this channel are under way as it may have; others are not held up."""

    code = "channels.busy"
    status = 503
    vi = "Kênh đang gửi quá nhiều cùng lúc. Hãy gửi lại sau."
    en = "Too many messages of this channel at once. Please send again later."


class NotDelivered(ChannelRefusal):
    """A status change could not be delivered and is given up until an operator sends it again."""

    code = "channels.not_delivered"
    vi = "Không gửi được thay đổi trạng thái về kênh."
    en = "A status change could not be delivered to the channel."
