"""Photos and documents as a test needs them."""

import zipfile
from io import BytesIO
from typing import Any

import pikepdf
from PIL import Image

_TYPES = """<?xml version="1.0" encoding="UTF-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="xml" ContentType="application/xml"/>
<Override PartName="/{part}" ContentType="application/vnd.openxmlformats-officedocument.{main}.main+xml"/>
</Types>"""
OFFICE = {
    "docx": ("word/document.xml", "wordprocessingml.document"),
    "xlsx": ("xl/workbook.xml", "spreadsheetml.sheet"),
}


def picture(width: int = 640, height: int = 480) -> Image.Image:
    """Something that is not one colour."""
    return Image.linear_gradient("L").resize((width, height)).convert("RGB")


def photo(kind: str = "JPEG", width: int = 640, height: int = 480, **options: Any) -> bytes:
    """A photo of a type."""
    written = BytesIO()
    picture(width, height).save(written, kind, **options)
    return written.getvalue()


def exif(orientation: int = 1) -> Image.Exif:
    """What a phone writes: its make, a place in Hoàn Kiếm, a comment."""
    noted = Image.Exif()
    noted[0x0112] = orientation
    noted[0x010F] = "MARK-MAKE"
    noted[0x8298] = "MARK-OWNER"
    gps = noted.get_ifd(0x8825)
    gps[1], gps[2], gps[3], gps[4] = "N", (21.0, 1.0, 28.2), "E", (105.0, 51.0, 5.8)
    noted.get_ifd(0x8769)[0x9286] = b"ASCII\x00\x00\x00MARK-COMMENT"
    return noted


def pdf(**root: Any) -> bytes:
    """A document of one page, with entries added to its catalogue."""
    with pikepdf.new() as made:
        made.add_blank_page()
        for name, value in root.items():
            made.Root[f"/{name}"] = value
        written = BytesIO()
        made.save(written)
    return written.getvalue()


def office(form: str = "docx", types: str = "", **parts: bytes) -> bytes:
    """A DOCX or XLSX; `parts` are added, `__` in their names stands for a slash and `_dot_` for a dot."""
    main, declared = OFFICE[form]
    written = BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", types or _TYPES.format(part=main, main=declared))
        archive.writestr(main, "<document/>")
        for name, content in parts.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return written.getvalue()
