"""Write the binary samples beside this file: `python tests/samples/make.py`.

Everything is about Skerra, an invented island, so that no model can know an answer by heart.
"""

import io
import zipfile
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from xml.sax.saxutils import escape

from fpdf import FPDF, XPos, YPos
from PIL import Image, ImageDraw, ImageFont

HERE = Path(__file__).parent
WRITTEN = datetime(2024, 5, 2, tzinfo=UTC)

Row = tuple[str, ...]


class Handbook(FPDF):
    def header(self) -> None:
        self.set_font("Helvetica", size=8)
        self.cell(text="The Tide Engine: a handbook", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(4)

    def footer(self) -> None:
        self.set_y(-15)
        self.set_font("Helvetica", size=8)
        self.cell(text=str(self.page_no()), center=True)

    def heading(self, text: str, size: int = 16) -> None:
        self.ln(2)
        self.set_font("Helvetica", "B", size)
        self.multi_cell(0, text=text, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(2)

    def prose(self, *paragraphs: str) -> None:
        self.set_font("Times", size=11)
        for text in paragraphs:
            self.multi_cell(0, h=5.4, text=text, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
            self.ln(2.5)


ENGINE_PARTS: list[Row] = [
    ("Part", "Material", "Weight", "Replaced"),
    ("Float", "Copper", "38 kg", "1968"),
    ("Great wheel", "Gunmetal", "212 kg", "never"),
    ("Recording drum", "Boxwood", "9 kg", "1931"),
    ("Moon cam", "Phosphor bronze", "4.7 kg", "2003"),
    ("Counterweight", "Lead", "96 kg", "1893"),
]


def handbook() -> bytes:
    pdf = Handbook()
    pdf.set_creation_date(WRITTEN)
    pdf.set_title("The Tide Engine: a handbook")
    pdf.set_margin(22)
    pdf.add_page()
    pdf.heading("The Tide Engine of Skerra", 24)
    pdf.prose(
        "This handbook tells how the Tide Engine of Skerra was built, how it works and how it is "
        "kept running. It replaces the handbook of 1974 and is written for new keepers, who should "
        "read it once before they touch anything and once more after they have.",
        "The engine stands in a granite house eleven metres above the mean level of the sea, at "
        "the south end of the island. It has run since 14 March 1891 and has stopped for longer "
        "than one hour only four times.",
    )
    pdf.heading("1. History")
    pdf.prose(
        "The engine was designed by Eudora Vance, a maker of church clocks from Dunvarran, who "
        "won the observatory's competition in 1887 against nineteen other entries. Her model, cut "
        "from a cigar box and two bicycle chains, predicted the spring tide of that September to "
        "within four centimetres.",
        "Building took three years and two months and cost 4,380 crowns, of which 1,150 were "
        "spent on the well alone. The masons were paid by the tide: they could work for only five "
        "hours around low water, and were paid for twelve.",
        "Vance kept the engine herself until 1909. She left a single rule on the door of the "
        "engine house, and it is still there: oil it before it asks.",
    )
    pdf.heading("The four stops", 13)
    pdf.prose(
        "The engine stopped in 1904 for a herring in the float well, in 1917 for want of oil, in "
        "1953 when the great storm of 31 January flooded the house to a depth of 1.6 metres, and "
        "in 2003 for the replacement of the moon cam, which had worn by 0.8 millimetres."
    )
    pdf.add_page()
    pdf.heading("2. How it works")
    pdf.set_font("Times", size=11)
    with pdf.text_columns(
        ncols=2, gutter=8, text_align="J", line_height=1.25, balance=True
    ) as columns:
        columns.write(
            "The sea enters the well through a pipe nine centi\u00admetres wide and forty metres "
            "long. The pipe is narrow on purpose: waves pass too quickly to fill it, so that the "
            "well rises and falls with the tide alone.\n\n"
            "A copper float rides on the water of the well. A chain leads from the float over the "
            "great wheel to a counterweight of lead. When the tide rises by one metre, the great "
            "wheel turns through exactly sixty degrees.\n\n"
            "The wheel moves a pencil across the recording drum, which turns once in twenty-five "
            "hours. One sheet of paper therefore holds one lunar day and a few minutes more.\n\n"
            "The moon cam is what made Vance famous. It is a disc of phosphor bronze, cut so that "
            "its edge repeats the eighteen-year cycle of the moon's orbit. A roller follows the "
            "edge and adds its movement to that of a second pencil, which draws the tide that was "
            "predicted beside the tide that came.\n\n"
            "The distance between the two lines is called the surge. Keepers learn to read weather "
            "from it: a surge above twenty-two centi\u00admetres on a falling barometer means a "
            "gale within nine hours, and the ferry is warned at once.\n\n"
            "The green flag is flown whenever the surge has stayed below ten centimetres since "
            "dawn. Without the flag nobody but the keepers enters the house."
        )
    pdf.add_page()
    pdf.heading("3. The parts")
    pdf.prose(
        "The engine has 614 moving parts. The table names those that a keeper must know by hand, "
        "with their weight and the year of their last replacement."
    )
    pdf.set_font("Times", size=10.5)
    with pdf.table(col_widths=(30, 30, 20, 20), line_height=6.5) as table:
        for cells in ENGINE_PARTS:
            row = table.row()
            for text in cells:
                row.cell(text)
    pdf.ln(6)
    pdf.prose(
        "The recording drum is the only part made of wood. Boxwood does not swell in damp air as "
        "oak does, and Vance bought the whole trunk of a tree that had fallen in the garden of the "
        "Dunvarran hospital. Enough of it is left for two more drums.",
        "Spare chains hang in the north room, oiled and wrapped in waxed linen. There are three: "
        "one for use, one for loss, and one, as the first handbook has it, for the sea.",
    )
    pdf.heading("Oil", 13)
    pdf.prose(
        "Use porpoise-free clock oil of grade 7 and nothing else. The great wheel takes six drops "
        "on each bearing every Monday; the moon cam takes one drop on the first day of the month. "
        "Never oil the chain while the tide is rising."
    )
    pdf.add_page()
    pdf.heading("4. The keeper's day")
    pdf.prose(
        "A keeper serves for ninety days and is relieved on the ninety-first. Two keepers are "
        "always on the island, and they read the drum separately every six minutes from 06:00 to "
        "22:00. At night one keeper reads every half hour.",
        "At noon the paper is changed. The keeper writes the date, the barometer and the name of "
        "the other keeper on the old sheet before it leaves the drum. Sheets are stored flat, "
        "fifty to a drawer, in cabinets that were made for butterflies.",
    )
    pdf.heading("5. In an emergency")
    pdf.prose(
        "If the chain breaks, close the sluice first and look for the float second. The sluice is "
        "the red lever to the left of the door and needs eleven full turns. The float, once lost, "
        "has always been found on the beach called Widow's Lap.",
        "If the house floods, lift the drum before anything else. The record is worth more than "
        "the engine: the engine could be built again from the drawings, and the record could not.",
        "Warn the ferry on VHF channel 37, then telephone the senior warden. In 2024 that is "
        "Ishbel Tarrant, and she would rather be woken than told in the morning.",
    )
    return bytes(pdf.output())


def encrypted() -> bytes:
    pdf = FPDF()
    pdf.set_creation_date(WRITTEN)
    pdf.set_encryption(owner_password="warden", user_password="oil-it-before-it-asks")
    pdf.add_page()
    pdf.set_font("Helvetica", size=12)
    pdf.cell(text="Only for wardens.")
    return bytes(pdf.output())


def scanned() -> bytes:
    image = Image.new("L", (900, 500), 255)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(40)
    draw.text((60, 80), "Surge log, 31 January 1953", font=font, fill=0)
    draw.text((60, 180), "Water in the house: 1.6 metres", font=font, fill=0)
    pdf = FPDF()
    pdf.set_creation_date(WRITTEN)
    for _ in range(2):
        pdf.add_page()
        pdf.image(image, x=10, y=20, w=190)
    return bytes(pdf.output())


def package(entries: dict[str, str], mimetype: str | None = None) -> bytes:
    """A zip whose `mimetype`, where the format has one, comes first and uncompressed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        if mimetype is not None:
            archive.writestr(zipfile.ZipInfo("mimetype", (2024, 5, 2, 0, 0, 0)), mimetype)
        for name, text in entries.items():
            info = zipfile.ZipInfo(name, (2024, 5, 2, 0, 0, 0))
            archive.writestr(info, text.strip(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
OPC = "http://schemas.openxmlformats.org/package/2006"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def content_types(parts: dict[str, str]) -> str:
    overrides = "".join(
        f'<Override PartName="{name}" ContentType="application/vnd.openxmlformats-officedocument.'
        f'{kind}+xml"/>'
        for name, kind in parts.items()
    )
    return (
        f'{XML}<Types xmlns="{OPC}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.'
        'relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>'
        f"{overrides}</Types>"
    )


def relationships(targets: list[tuple[str, str]]) -> str:
    links = "".join(
        f'<Relationship Id="rId{index}" Type="{OFFICE}/{kind}" Target="{target}"/>'
        for index, (kind, target) in enumerate(targets, 1)
    )
    return f'{XML}<Relationships xmlns="{OPC}/relationships">{links}</Relationships>'


def docx() -> bytes:
    def paragraph(text: str, style: str | None = None) -> str:
        properties = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
        return f'<w:p>{properties}<w:r><w:t xml:space="preserve">{escape(text)}</w:t></w:r></w:p>'

    def table(rows: list[Row]) -> str:
        grid = "<w:tblGrid>" + "<w:gridCol/>" * len(rows[0]) + "</w:tblGrid>"
        body = "".join(
            "<w:tr>" + "".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in row) + "</w:tr>"
            for row in rows
        )
        return f"<w:tbl>{grid}{body}</w:tbl>"

    def style(name: str, level: int) -> str:
        return (
            f'<w:style w:type="paragraph" w:styleId="Heading{level}"><w:name w:val="{name}"/>'
            f'<w:pPr><w:outlineLvl w:val="{level - 1}"/></w:pPr></w:style>'
        )

    body = [
        paragraph("Report of the Molar Rocks survey", "Heading1"),
        paragraph(
            "The survey of the Molar Rocks took place from 8 to 21 June 2023 under the lead of "
            "Dr Hanne Okafor. Six divers made 47 dives, the deepest to 33 metres."
        ),
        paragraph("The wreck", "Heading2"),
        paragraph(
            "The brig Constance Ardley lies in two parts, 70 metres from one another. The bow "
            "points north-east at a depth of 24 metres. Her bell was raised on 15 June and weighs "
            "61 kilograms; its inscription gives the year 1877 and not, as all the books have it, "
            "1879."
        ),
        paragraph("Animals counted", "Heading2"),
        table(
            [
                ("Species", "Count", "Compared to 2011"),
                ("Grey seal", "112", "+18"),
                ("Jewel anemone colony", "389", "-40"),
                ("European lobster", "27", "+9"),
            ]
        ),
        paragraph("Recommendations", "Heading2"),
        paragraph(
            "Anchoring should be forbidden within 150 metres of the bow. The next survey should "
            "take place in 2029 and should bring a second compressor: the only one failed on "
            "17 June and cost the expedition two days."
        ),
    ]
    word = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    return package(
        {
            "[Content_Types].xml": content_types(
                {
                    "/word/document.xml": "wordprocessingml.document.main",
                    "/word/styles.xml": "wordprocessingml.styles",
                }
            ),
            "_rels/.rels": relationships([("officeDocument", "word/document.xml")]),
            "word/_rels/document.xml.rels": relationships([("styles", "styles.xml")]),
            "word/styles.xml": f'{XML}<w:styles xmlns:w="{word}">'
            f"{style('heading 1', 1)}{style('heading 2', 2)}</w:styles>",
            "word/document.xml": f'{XML}<w:document xmlns:w="{word}"><w:body>{"".join(body)}'
            "</w:body></w:document>",
        }
    )


def xlsx() -> bytes:
    sheets: dict[str, list[tuple[str | float, ...]]] = {
        "Income": [
            ("Source", "2022", "2023"),
            ("Ferry levy", 40180, 43265),
            ("Tide tables", 33020, 31874),
            ("Gifts", 25990, 28410.5),
        ],
        "Spending": [
            ("Purpose", "2022", "2023"),
            ("Clock oil", 312, 347),
            ("Roof of the engine house", 0, 18750),
        ],
    }

    def cell(value: str | float) -> str:
        if isinstance(value, str):
            return f'<c t="inlineStr"><is><t>{escape(value)}</t></is></c>'
        return f"<c><v>{value}</v></c>"

    spreadsheet = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    entries = {
        "[Content_Types].xml": content_types(
            {"/xl/workbook.xml": "spreadsheetml.sheet.main"}
            | {f"/xl/sheet{n}.xml": "spreadsheetml.worksheet" for n in range(1, len(sheets) + 1)}
        ),
        "_rels/.rels": relationships([("officeDocument", "xl/workbook.xml")]),
        "xl/_rels/workbook.xml.rels": relationships(
            [("worksheet", f"sheet{n}.xml") for n in range(1, len(sheets) + 1)]
        ),
        "xl/workbook.xml": f'{XML}<workbook xmlns="{spreadsheet}" xmlns:r="{OFFICE}"><sheets>'
        + "".join(
            f'<sheet name="{name}" sheetId="{n}" r:id="rId{n}"/>'
            for n, name in enumerate(sheets, 1)
        )
        + "</sheets></workbook>",
    }
    for number, rows in enumerate(sheets.values(), 1):
        data = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
        entries[f"xl/sheet{number}.xml"] = (
            f'{XML}<worksheet xmlns="{spreadsheet}"><sheetData>{data}</sheetData></worksheet>'
        )
    return package(entries)


def pptx() -> bytes:
    slides = [
        ("One hundred years of the Tide Engine", "A talk by Jonas Quill, 14 March 1991"),
        ("What Vance got wrong", "The first moon cam ran backwards for nine days in April 1891."),
        ("What comes next", "A digital gauge was refused in 1988 by four votes to three."),
    ]
    drawing = "http://schemas.openxmlformats.org/drawingml/2006/main"
    presentation = "http://schemas.openxmlformats.org/presentationml/2006/main"
    namespaces = f'xmlns:a="{drawing}" xmlns:r="{OFFICE}" xmlns:p="{presentation}"'

    def shape(number: int, kind: str, text: str) -> str:
        return (
            f'<p:sp><p:nvSpPr><p:cNvPr id="{number}" name="{kind} {number}"/><p:cNvSpPr/><p:nvPr>'
            f'<p:ph type="{kind}"/></p:nvPr></p:nvSpPr><p:spPr/><p:txBody><a:bodyPr/><a:p><a:r>'
            f"<a:t>{escape(text)}</a:t></a:r></a:p></p:txBody></p:sp>"
        )

    numbers = range(1, len(slides) + 1)
    entries = {
        "[Content_Types].xml": content_types(
            {"/ppt/presentation.xml": "presentationml.presentation.main"}
            | {f"/ppt/slides/slide{n}.xml": "presentationml.slide" for n in numbers}
        ),
        "_rels/.rels": relationships([("officeDocument", "ppt/presentation.xml")]),
        "ppt/_rels/presentation.xml.rels": relationships(
            [("slide", f"slides/slide{n}.xml") for n in numbers]
        ),
        "ppt/presentation.xml": f"{XML}<p:presentation {namespaces}><p:sldIdLst>"
        + "".join(f'<p:sldId id="{255 + n}" r:id="rId{n}"/>' for n in numbers)
        + "</p:sldIdLst></p:presentation>",
    }
    for number, (title, text) in enumerate(slides, 1):
        entries[f"ppt/slides/slide{number}.xml"] = (
            f'{XML}<p:sld {namespaces}><p:cSld><p:spTree><p:nvGrpSpPr><p:cNvPr id="1" name=""/>'
            "<p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/>"
            f"{shape(2, 'title', title)}{shape(3, 'body', text)}"
            "</p:spTree></p:cSld></p:sld>"
        )
    return package(entries)


def odt() -> bytes:
    oasis = "urn:oasis:names:tc:opendocument:xmlns"
    mimetype = "application/vnd.oasis.opendocument.text"
    content = f"""
{XML}<office:document-content xmlns:office="{oasis}:office:1.0" xmlns:text="{oasis}:text:1.0"
 xmlns:table="{oasis}:table:1.0" office:version="1.3"><office:body><office:text>
<text:h text:outline-level="1">Minutes of the restoration committee</text:h>
<text:p>Dunvarran, 9 October 2019. Present: Ishbel Tarrant, Jonas Quill, Hanne Okafor.</text:p>
<text:h text:outline-level="2">The roof</text:h>
<text:p>Slate from the Corrie quarry was chosen over copper, at 18,750 crowns. Work begins in May
2023 and may not raise dust while the engine house is open.</text:p>
<text:h text:outline-level="2">The door</text:h>
<text:p>The committee refused, by two votes to one, to paint Vance's door.</text:p>
</office:text></office:body></office:document-content>"""
    manifest = f"""
{XML}<manifest:manifest xmlns:manifest="{oasis}:manifest:1.0" manifest:version="1.3">
<manifest:file-entry manifest:full-path="/" manifest:media-type="{mimetype}"/>
<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/>
</manifest:manifest>"""
    return package({"content.xml": content, "META-INF/manifest.xml": manifest}, mimetype)


def epub() -> bytes:
    chapters = [
        (
            "The Seal Who Kept the Light",
            "Old Brannoch the seal had one eye and forty-one descendants. On the night the lamp "
            "failed she barked from the Molar Rocks until dawn, and no ship was lost.",
        ),
        (
            "The Clockmaker's Wager",
            "Eudora Vance wagered her best lathe that the moon could be cut out of bronze. The "
            "harbour master lost, and had to walk backwards to church for a year.",
        ),
    ]
    container = f"""
{XML}<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
<rootfiles><rootfile full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles>
</container>"""
    items = "".join(
        f'<item id="c{n}" href="chapter{n}.xhtml" media-type="application/xhtml+xml"/>'
        for n in range(1, len(chapters) + 1)
    )
    spine = "".join(f'<itemref idref="c{n}"/>' for n in range(1, len(chapters) + 1))
    book = f"""
{XML}<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:identifier id="id">skerra-tales</dc:identifier>
<dc:title>Tales of Skerra</dc:title><dc:language>en</dc:language></metadata>
<manifest>{items}</manifest><spine>{spine}</spine></package>"""
    entries = {"META-INF/container.xml": container, "book.opf": book}
    for number, (title, text) in enumerate(chapters, 1):
        entries[f"chapter{number}.xhtml"] = (
            f'{XML}<html xmlns="http://www.w3.org/1999/xhtml"><head><title>{title}</title></head>'
            f"<body><h1>{title}</h1><p>{text}</p></body></html>"
        )
    return package(entries, "application/epub+zip")


def eml() -> bytes:
    message = EmailMessage()
    message["From"] = "Ishbel Tarrant <ishbel@skerra.example>"
    message["To"] = "Hanne Okafor <hanne@dunvarran.example>"
    message["Date"] = "Thu, 02 May 2024 09:15:00 +0100"
    message["Subject"] = "The third chain"
    message["Message-ID"] = "<third-chain@skerra.example>"
    message.set_content(
        "Dear Hanne,\n\nthe third chain snapped on Tuesday at 04:20, two links below the float. "
        "Please order 26 metres from Brodie & Lunn in Dunvarran, naïve as I was to think that one "
        "spare would do.\n\nIt must be here before the spring tide of 8 May.\n\nIshbel\n"
    )
    return message.as_bytes()


RTF = rb"""{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0 Times New Roman;}}
\pard\f0\fs32\b Notice to suppliers\b0\fs24\par
\pard The observatory pays within 21 days. Clock oil of grade 7 is bought from Garrick\'92s of
 Dunvarran at 31 crowns a litre, porpoise-free, in bottles of 250 millilitres.\par
\pard Deliveries are taken at the slipway on Tuesdays and Fridays between 10:00 and 11:30. The
 caf\'e9 takes no deliveries at all.\par
}
"""


def main() -> None:
    for name, data in {
        "tide-engine-handbook.pdf": handbook(),
        "wardens-only.pdf": encrypted(),
        "surge-log-scan.pdf": scanned(),
        "survey-report.docx": docx(),
        "accounts.xlsx": xlsx(),
        "centenary-talk.pptx": pptx(),
        "restoration-minutes.odt": odt(),
        "skerra-tales.epub": epub(),
        "third-chain.eml": eml(),
        "supplier-notice.rtf": RTF,
    }.items():
        (HERE / name).write_bytes(data)


if __name__ == "__main__":
    main()
