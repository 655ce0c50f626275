"""Localisation files for tests and for bench/hostile.py: samples, damage to them, and what must hold of any."""

from __future__ import annotations

import io
import random
import re

from seqformer.errors import SeqformerError
from seqformer.formats import documents

TMX = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE tmx SYSTEM "tmx14.dtd">
<!-- our memory -->
<tmx version="1.4">
  <header creationtool="hand" creationtoolversion="1" segtype="sentence" o-tmf="none" adminlang="en"
      srclang="en-US" datatype="plaintext"><prop type="x-owner">us</prop></header>
  <body>
    <tu tuid="one" creationdate="20200101T000000Z">
      <note>greets</note>
      <tuv xml:lang="en-US"><prop type="x">1</prop><seg>Hello <bpt i="1">&lt;b&gt;</bpt>big<ept i="1">&lt;/b&gt;</ept> world.</seg></tuv>
      <tuv xml:lang="fr-FR" usagecount="2"><seg>Bonjour, <hi type="b">grand</hi> monde.</seg></tuv>
    </tu>
    <tu tuid="two">
      <tuv xml:lang="en-US">
        <seg>Press <ph x="1"/> to <hi type="b">start the <it pos="begin">&lt;u&gt;</it>engine</hi> now.</seg>
      </tuv>
    </tu>
    <tu tuid="three"><tuv xml:lang="fr-FR"><seg></seg></tuv><tuv xml:lang="en-US"><seg>Bye &amp; good night.</seg></tuv></tu>
    <!-- the end -->
  </body>
</tmx>
"""
XLIFF = """<?xml version="1.0" encoding="UTF-8"?>
<?tool keep?>
<xliff version="1.2" xmlns="urn:oasis:names:tc:xliff:document:1.2" xmlns:own="urn:own">
  <file original="menu.html" source-language="en" target-language="fr" datatype="html">
    <header><note>a menu</note></header>
    <body>
      <!-- first -->
      <trans-unit id="1" own:key="k" approved="yes">
        <source>Click <g id="1">here</g> to see <x id="2"/>.</source>
        <note from="me">the button</note>
        <alt-trans><source>Click there</source><target>Cliquez là</target></alt-trans>
      </trans-unit>
      <trans-unit id="2"><source>Done</source><target state="final">Fini</target></trans-unit>
      <trans-unit id="3" translate="no"><source>seqformer 2</source></trans-unit>
      <trans-unit id="4"><source>New door</source><target state="new" own:a="b">New door</target></trans-unit>
      <group id="g" own:x="1">
        <trans-unit id="5">
          <source>First. Second <g id="1">cat</g>.</source>
          <seg-source><mrk mtype="seg" mid="0">First.</mrk> <mrk mtype="seg" mid="1">Second <g id="1">cat</g>.</mrk></seg-source>
          <target><mrk mtype="seg" mid="0">Un.</mrk> <mrk mtype="seg" mid="1"/></target>
        </trans-unit>
      </group>
      <trans-unit id="6" xml:space="preserve"><source>One line
  and <ph id="1">{0}</ph> another </source></trans-unit>
      <trans-unit id="7"><source>Meet <mrk mtype="protected">Jo Ann</mrk> today<!-- not text --></source><target/></trans-unit>
    </body>
  </file>
</xliff>
"""
XLIFF_2 = """<?xml version="1.0"?>
<xliff xmlns="urn:oasis:names:tc:xliff:document:2.0" version="2.0" srcLang="en" trgLang="fr"
    xmlns:mtc="urn:oasis:names:tc:xliff:matches:2.0">
  <file id="f1">
    <notes><note id="n">about</note></notes>
    <unit id="u1" name="hello">
      <mtc:matches><mtc:match ref="#s1"><source>Hello</source><target>Salut</target></mtc:match></mtc:matches>
      <originalData><data id="d1">&lt;b></data></originalData>
      <segment id="s1">
        <source>Hello <pc id="1" dataRefStart="d1">big <mrk id="m1" translate="no">Jo</mrk></pc> world<ph id="2"/>again<sc id="3"/>!<ec startRef="3"/></source>
      </segment>
      <ignorable><source> </source></ignorable>
      <segment id="s2" state="final"><source>Done</source><target>Fini</target></segment>
      <segment id="s3" state="initial"><source>A door</source><target>A door</target></segment>
    </unit>
    <unit id="u2" translate="no"><segment><source>Keep</source></segment></unit>
  </file>
</xliff>
"""
PO = r"""# Translations of the door.
# Someone, 2020.
msgid ""
msgstr ""
"X-Generator: hand\n"
"Language: fr\n"
"Content-Type: text/plain; charset=UTF-8\n"
"Plural-Forms: nplurals=2; plural=(n > 1);\n"

#: door.c:12
#. extracted
# of a translator
#, python-format
#| msgid "The windows"
msgid "The %s door"
msgstr ""

msgctxt "menu"
msgid "Open"
msgstr "Ouvrir"

#, fuzzy, c-format
msgid ""
"A long \"text\"\n"
"of two lines\n"
msgstr ""
"Un texte\n"
"ancien\n"

msgid "one cat"
msgid_plural "%d cats"
msgstr[0] ""
msgstr[1] ""

msgid "one dog"
msgid_plural "%d dogs"
msgstr[0] "un chien"
msgstr[1] "%d chiens"

#~ msgid "gone"
#~ msgstr "parti"
"""
SAMPLES = {"a.tmx": TMX, "a.xlf": XLIFF, "a2.xlf": XLIFF_2, "a.po": PO}
PIECES = [
    *('<source>', '</source>', '<target>', '</target>', '<seg>', '</seg>', '<tu>', '</tuv>', '<g id="9">', '<mrk mtype="seg">'),
    *('translate="no"', 'xml:lang="de"', 'version="3"', 'state="new"', '<![CDATA[x<y]]>', '<!-- c -->', '<?p i?>', '&#0;', '&amp;'),
    *('<!DOCTYPE x [<!ENTITY a "b">]>', '&a;', 'encoding="UTF-16"', 'encoding="no-such"', 'xmlns="x"', '\ufeff', '\0', '\u2028'),
    *('msgid "x"\n', 'msgstr ""\n', 'msgstr[7] "x"\n', '"\\x4"\n', '#~ ', '#, fuzzy\n', 'charset=KOI8-R\\n', 'charset=punycode\\n', '"', '\\', '\r'),
]  # fmt: skip


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Return a file with one or a few edits: cut, repeated, swapped or inserted pieces, and other encodings."""
    for _ in range(chance.choice([1, 1, 2, 5])):
        at, to = sorted(chance.randrange(len(content) + 1) for _ in range(2))
        what = chance.randrange(8)
        if what == 0:
            content = content[:at]
        elif what == 1:
            content = content[:at] + content[to:]
        elif what == 2:
            content = content[:to] + content[at:to] * chance.choice([1, 3]) + content[to:]
        elif what == 3:
            content = content[:at] + chance.choice(PIECES).encode() + content[at:]
        elif what == 4:
            content = content[:at] + chance.randbytes(chance.choice([1, 4])) + content[at:]
        elif what == 5:
            lines = content.splitlines(keepends=True) or [b""]
            one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
            lines[one], lines[other] = lines[other], lines[one]
            content = b"".join(lines)
        elif what == 6:
            names = re.findall(rb"[\w:-]+", content) or [b"x"]
            content = content.replace(chance.choice(names), chance.choice(names), chance.choice([1, -1]))
        elif chance.random() < 0.2:
            content = content.decode("utf-8", "replace").encode(
                chance.choice(["utf-16", "utf-8-sig", "latin-1"]), "replace"
            )
    return content


def stub(text: str) -> str:
    """Return what stands for a translation: another number of words and of letters."""
    return " ".join(f"{word}é" for word in reversed(text.split())) + " fin"


def check(content: bytes) -> str:
    """Read a file as pairs, and fill it; return whether it was refused. Raises what must not happen."""
    kind = documents.kind(content[: documents.HEAD]) or "po"
    outcome = "harmless"
    try:
        pairs, _ = documents.read_pairs(io.BytesIO(content), kind, "it", ("", ""), None)
        assert all(source and target and "\n" not in source + target for source, target in pairs)
    except SeqformerError as error:
        assert "\n" not in str(error), error
        outcome = "refused"
    try:
        document = documents.open_document(content, "it", known=("en", "fr"))
        document.fill([stub(source) for source in document.sources])
        again = documents.open_document(document.to_bytes(), "it", known=("en", "fr"))
    except SeqformerError as error:
        assert "\n" not in str(error), error
        return "refused"
    assert again.total == document.total
    assert kind == "po" or not again.sources, again.sources
    return outcome
