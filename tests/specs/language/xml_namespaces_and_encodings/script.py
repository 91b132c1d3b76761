import io
import plistlib
import xml.dom.minidom
import xml.etree.ElementTree as ET
import xml.sax
import xml.sax.handler
from xml.parsers import expat

text = """<a xmlns="urn:one" xmlns:p="urn:two" p:x="1" y="2" xml:lang="en">
  <p:b/>é&#8364;&lt;<![CDATA[<raw>]]><c xmlns=""><d xmlns:p="urn:three" p:z="3"/></c><p:b/>
</a>"""
root = ET.fromstring(text)
print([(element.tag, element.attrib) for element in root.iter()])
print(repr(root[0].tail), root.find("q:b", {"q": "urn:two"}) is root[0])
print(ET.tostring(root, encoding="unicode"))
print([(event, item if isinstance(item, tuple) or item is None else item.tag)
       for event, item in ET.iterparse(io.StringIO(text), events=("start-ns", "start", "end", "end-ns"))])

for encoding, content in (
    ("utf-8", "é€"), ("utf-16", "é€"), ("latin-1", "é"), ("iso-8859-15", "é€"), ("cp1252", "“€”"), ("koi8-r", "привет"),
    ("ascii", "plain"),
):
    document = f"<?xml version='1.0' encoding='{encoding}'?>\n<a>{content}</a>"
    print(encoding, ET.fromstring(document.encode(encoding)).text)
print(ET.fromstring("<ä>text</ä>".encode("utf-8-sig")).tag)
print(ET.fromstring("<?xml version='1.0' encoding='latin-1'?><a>é€</a>").text)
try:
    ET.fromstring(b"<?xml version='1.0' encoding='shift_jis'?><a/>")
except ValueError as error:
    print(type(error).__name__, error)

parser = expat.ParserCreate(namespace_separator="|")
for name in ("XmlDecl", "StartDoctypeDecl", "ElementDecl", "AttlistDecl", "EntityDecl", "NotationDecl", "Comment",
             "ProcessingInstruction", "EndDoctypeDecl", "StartElement", "CharacterData", "EndElement"):
    setattr(parser, name + "Handler", lambda *found, name=name: print(name, found))
parser.Parse("""<?xml version="1.0" standalone="yes"?>
<!DOCTYPE note [
  <!ELEMENT note (to,(body|end)*)>
  <!ATTLIST note kind (short|long) "short" id ID #IMPLIED words NMTOKENS #REQUIRED>
  <!NOTATION gif PUBLIC "-//x//gif">
  <!ENTITY who "you &amp; <to>me</to>">
  <!-- inside -->
]>
<note words="  a   b "
      title="one
two&#10;three">&who;
<?do it?></note>""")
parser.Parse("", True)

document = xml.dom.minidom.parseString("<r><!-- c --><i n='1'>t</i><?p d?></r>")
print(document.documentElement.toxml(), [node.nodeName for node in document.documentElement.childNodes])


class Names(xml.sax.ContentHandler):
    def startElementNS(self, name, qname, attributes):
        print("start", name, dict(attributes))

    def characters(self, content):
        print("text", repr(content))

    def startPrefixMapping(self, prefix, uri):
        print("prefix", prefix, uri)


reader = xml.sax.make_parser()
reader.setFeature(xml.sax.handler.feature_namespaces, True)
reader.setContentHandler(Names())
for piece in ("<p:a xmlns:p='urn:x' p:k='v'>on", "e\r", "\ntwo</p", ":a>"):
    reader.feed(piece)
reader.close()
print(plistlib.loads(plistlib.dumps({"list": [1, 2.5, True, b"bytes"], "nested": {"key": "välue"}})))
