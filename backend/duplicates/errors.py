"""Refusals of the duplicates feature."""

from foundation.errors import Refusal


class TooManyFollowed(Refusal):
    """The citizen follows as many reports as anybody may."""

    code = "duplicates.too_many_followed"
    vi = "Bạn đang theo dõi {most} phản ánh, là mức tối đa. Hãy bỏ theo dõi bớt."
    en = "You follow {most} reports, which is the most there can be. Please unfollow some."

    def __init__(self, most: int) -> None:
        super().__init__(most=most)
        self.most = most
