"""Documents that do more than show themselves, or that nobody can check."""

import zipfile
from io import BytesIO

import pikepdf
import pytest

from backend.media.content import HEAD, content_of
from backend.media.errors import ActiveContent, Encrypted, TooComplex, Unreadable, UnsupportedType
from backend.media.processing import Processor
from tests.backend.media.pictures import office, pdf

LINK = b'<Relationships><Relationship Type="x/hyperlink" TargetMode="External" Target="https://a"/></Relationships>'
MACROS = '<Types><Override ContentType="application/vnd.ms-word.document.macroEnabled.main+xml"/></Types>'
TEMPLATE = LINK.replace(b"x/hyperlink", b"x/attachedTemplate")


async def prepare(octets: bytes) -> str:
    """What a document is taken for."""
    return (await Processor().prepare(octets, content_of(octets[:HEAD]))).content.name


def encrypted(**options: str) -> bytes:
    """A PDF with a password, of its owner alone or of the reader too."""
    written = BytesIO()
    with pikepdf.open(BytesIO(pdf())) as made:
        made.save(written, encryption=pikepdf.Encryption(**{"owner": "o", "user": "", **options}))
    return written.getvalue()


def compressed(octets: bytes) -> bytes:
    """The same PDF with its dictionaries inside compressed object streams."""
    written = BytesIO()
    with pikepdf.open(BytesIO(octets)) as made:
        made.save(written, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    return written.getvalue()


SCRIPT = pikepdf.Dictionary(S=pikepdf.Name("/JavaScript"), JS=pikepdf.String("app.alert(1)"))
LAUNCH = pikepdf.Dictionary(S=pikepdf.Name("/Launch"), F=pikepdf.String("cmd.exe"))
FILES = pikepdf.Dictionary(EmbeddedFiles=pikepdf.Dictionary())


@pytest.mark.parametrize(
    "octets",
    [
        pdf(OpenAction=SCRIPT),
        compressed(pdf(OpenAction=SCRIPT)),
        pdf(AA=pikepdf.Dictionary(WC=pikepdf.Dictionary(Next=pikepdf.Array([SCRIPT])))),
        pdf(OpenAction=LAUNCH),
        pdf(Names=FILES),
        pdf(AcroForm=pikepdf.Dictionary(XFA=pikepdf.Array([]))),
    ],
    ids=["script", "script in a compressed stream", "nested script", "launch", "embedded file", "XFA"],
)
async def test_pdf_that_does_something_is_refused(octets: bytes) -> None:
    with pytest.raises(ActiveContent):
        await prepare(octets)


@pytest.mark.parametrize("octets", [encrypted(), encrypted(user="u")], ids=["owner", "reader"])
async def test_encrypted_pdf_is_refused(octets: bytes) -> None:
    with pytest.raises(Encrypted):
        await prepare(octets)


@pytest.mark.parametrize("octets", [pdf()[:-200], b"%PDF-1.7\nhello %%EOF", pdf() + b"<html>" * 400])
async def test_broken_pdf_is_refused(octets: bytes) -> None:
    with pytest.raises(Unreadable):
        await prepare(octets)


async def test_document_with_links_to_click_is_taken() -> None:
    assert await prepare(office(word___rels__document_dot_xml_dot_rels=LINK)) == "DOCX"


@pytest.mark.parametrize(
    "octets",
    [
        office(word__vbaProject_dot_bin=b"x"),
        office(word__embeddings__a_dot_bin=b"x"),
        office("xlsx", xl__macrosheets__sheet1_dot_xml=b"x"),
        office("xlsx", xl__activeX__activeX1_dot_bin=b"x"),
        office(word__media__image1_dot_png=b"MZ\x90\x00"),
        office(word__media__image1_dot_png=b"\x7fELF"),
        office(word___rels__settings_dot_xml_dot_rels=TEMPLATE),
        office(types=MACROS),
    ],
    ids=[
        "macros",
        "embedded",
        "macro sheet",
        "ActiveX",
        "Windows program",
        "Linux program",
        "template",
        "docm",
    ],
)
async def test_office_document_that_does_something_is_refused(octets: bytes) -> None:
    with pytest.raises(ActiveContent):
        await prepare(octets)


async def test_other_archive_is_no_document() -> None:
    written = BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(UnsupportedType):
        await prepare(written.getvalue())


async def test_encrypted_part_is_refused() -> None:
    octets = bytearray(office())
    central = octets.rindex(b"PK\x01\x02")
    octets[central + 8] |= 1
    with pytest.raises(Encrypted):
        await prepare(bytes(octets))


async def test_archive_bomb_is_refused() -> None:
    with pytest.raises(TooComplex):
        await prepare(office(word__media__a_dot_xml=bytes(210 * 1024 * 1024)))


async def test_archive_that_lies_about_its_size_is_refused() -> None:
    octets = bytearray(office(word__media__a_dot_xml=bytes(1_000_000)))
    central = octets.rindex(b"PK\x01\x02")
    octets[central + 24 : central + 28] = (10).to_bytes(4, "little")
    with pytest.raises(Unreadable):
        await prepare(bytes(octets))


async def test_archive_behind_other_octets_is_refused() -> None:
    octets = office()
    with pytest.raises(Unreadable):
        await prepare(octets[:30] + b"<script>" * 4 + octets)
