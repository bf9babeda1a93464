"""A file comes in with token and proof, is made anew, and is read back."""

from io import BytesIO

from PIL import Image

from tests.backend.media.pictures import photo
from tests.backend.media.rig import MediaApi


async def test_photo_of_own_report_is_stored_and_read_back(api: MediaApi) -> None:
    report = await api.report()
    answer = await api.upload(photo(), report.code)
    media = answer.json()["media"]
    shown = await api.read(media["id"], size="full")
    assert (answer.status_code, shown.status_code) == (201, 200)
    assert (media["kind"], media["state"], media["width"], media["height"]) == ("photo", "private", 640, 480)
    assert Image.open(BytesIO(shown.content)).size == (640, 480)
