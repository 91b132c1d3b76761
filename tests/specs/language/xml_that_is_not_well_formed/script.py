import io
import plistlib
import xml.dom.minidom
import xml.etree.ElementTree as ET
import xml.sax
from xml.parsers import expat

documents = """<a>
<a></b>
<a
plain
<a/><b/>
<a/>text
<a>&nobody;</a>
<a x=1/>
<a x='1' x='2'/>
<a x='<'/>
<a>one & two</a>
<a>]]></a>
<a>&#0;</a>
<a><![CDATA[open</a>
<a><!-- a -- b --></a>
<a><?xml version='1.0'?></a>
<p:a/>
<a xmlns:p=''/>
<a xmlns:xml='other'/>
<a xmlns:p='u' xmlns:q='u' p:x='1' q:x='2'/>
<?xml version='1.0' encoding='nothing'?><a/>
<?xml version='1.0' encoding='utf-16'?><a/>
<?xml version='1.0' standalone='maybe'?><a/>
<!DOCTYPE a [<!ENTITY e '<b>'>]><a>&e;</a>
<!DOCTYPE a [<!ENTITY e '&e;'>]><a>&e;</a>
<!DOCTYPE a [<!ELEMENT a (b,c|d)>]><a/>
<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><a b='&e;'/>""".split("\n")
documents += ["", "<a>\n  <b>\n</a>", "<a>\x01</a>", b"<a>\xff</a>", b"<a>\xc3"]
for document in documents:
    try:
        print(repr(document), ET.tostring(ET.fromstring(document)))
    except (ET.ParseError, LookupError) as error:
        print(repr(document), type(error).__name__, error, getattr(error, "position", ""))

# An entity of the world outside is never read.
print(ET.tostring(ET.fromstring("<!DOCTYPE a [<!ENTITY e 'text'>]><a>&e;</a>")))
try:
    print(ET.tostring(ET.fromstring("<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><a>&e;</a>")))
except ET.ParseError as error:
    print(error)

# Small documents that would become huge ones.
large = "A" * 50_000
for document in (
    f"<!DOCTYPE a [<!ENTITY e '{large}'>]><a>{'&e;' * 5_000}</a>",
):
    try:
        ET.fromstring(document)
    except ET.ParseError as error:
        print(error)

for read in (xml.dom.minidom.parseString, plistlib.loads, lambda data: xml.sax.parseString(data, xml.sax.ContentHandler())):
    try:
        read(b"<plist>\n <a></plist>")
    except Exception as error:
        print(type(error).__module__, type(error).__name__, error)

# A piece may end anywhere; the error comes with the piece that shows it, and stays.
parser = expat.ParserCreate()
parser.StartElementHandler = lambda name, attributes: print("start", name, attributes, parser.CurrentLineNumber)
for piece in (b"<?xml version='1.0'?>\n<a", b" b='\xc3", b"\xa9'><c/", b"></x", b"></a>"):
    try:
        parser.Parse(piece)
    except expat.ExpatError as error:
        print(error, error.code, error.lineno, error.offset, expat.ErrorString(error.code))


class Stop(Exception):
    pass


def stop(_name):
    raise Stop("enough")


parser = expat.ParserCreate()
parser.EndElementHandler = stop
try:
    parser.ParseFile(io.BytesIO(b"<a><b/></a>"))
except Stop as error:
    print("raised by a handler:", error)
