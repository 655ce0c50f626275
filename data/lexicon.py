"""The lexicon of grammar.py: every word, verb and fixed phrase that the corpus uses.

Each table is a string, which is easier to read and extend than nested brackets, and one
of these functions reads it:
    entries   "a/b, c/d": entries between commas, fields between slashes
    rows      "a/b; c/d": entries between semicolons or lines, fields between slashes
    sections  "name: text" paragraphs, kept as strings under their names
    words     words between spaces
    stems     the forms of irregular French verbs
The English comes first and the French second, except in the tables of adjectives.

Marks inside the French (grammar.py says what becomes of them):
    *word         aspirated start: no elision, no liaison form
    [un] [du]     article that turns into "de" under negation
    le_           object pronoun, which never contracts
    {my} {mon}    word that agrees with the subject
Contractions and elisions are left to the rules: write "à le", "de les", "le arbre".
"""

from __future__ import annotations

import re


def entries(table: str) -> list[list[str]]:
    """Split a table with commas between entries and slashes between fields."""
    return [[field.strip() for field in entry.split("/")] for entry in table.split(",")]


def rows(table: str) -> list[list[str]]:
    """Split a table with semicolons or lines between entries."""
    return [row.strip().split("/") for row in re.split(r"[;\n]", table) if row.strip()]


def sections(table: str) -> dict[str, str]:
    """Split a table of "name: ..." paragraphs."""
    parts = re.split(r"^(\w+): ", table, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def words(table: str) -> set[str]:
    """Words between spaces; "_" stands for a space inside one."""
    return {word.replace("_", " ") for word in table.split()}


def stems(table: str) -> dict[str, list[str]]:
    """Verb forms by infinitive, from "stem+ending...: endings" (several stems may share them)."""
    forms = {}
    for (row,) in rows(table):
        heads, _, endings = row.partition(": ")
        for head in heads.split():
            stem, _, infinitive_end = head.partition("+")
            forms[stem + infinitive_end] = [stem + end for end in endings.split()]
    return forms


# --- Nouns ----------------------------------------------------------------------------

# By kind: english[:plural]/french[:plural]/gender.
NOUNS = sections("""
kin: brother/frère/m, sister/sœur/f, mother/mère/f, father/père/m, son/fils/m, daughter/fille/f,
grandmother/grand-mère:grands-mères/f, uncle/oncle/m, grandfather/grand-père:grands-pères/m, aunt/tante/f,
cousin/cousin/m, friend/ami/m, neighbor/voisin/m, colleague/collègue/m
spouse: husband/mari/m, wife:wives/femme/f
person: teacher/professeur/m, doctor/médecin/m, boy/garçon/m, girl/fille/f, man:men/homme/m,
woman:women/femme/f, child:children/enfant/m, student/étudiant/m, baker/boulanger/m, nurse/infirmière/f,
actor/acteur/m, actress/actrice/f, lawyer/avocat/m, waiter/serveur/m, waitress/serveuse/f,
artist/artiste/m, journalist/journaliste/m, soldier/soldat/m, hero/*héros/m, dentist/dentiste/m,
tourist/touriste/m, singer/chanteur/m, farmer/fermier/m, police officer/policier/m, driver/chauffeur/m
animal: dog/chien/m, cat/chat/m, bird/oiseau/m, horse/cheval/m, cow/vache/f, rabbit/lapin/m,
mouse:mice/souris/f, duck/canard/m, goat/chèvre/f, pig/cochon/m, monkey/singe/m,
elephant/éléphant/m, fox/renard/m, bear/ours/m, wolf:wolves/loup/m, lion/lion/m, hen/poule/f,
owl/*hibou:*hiboux/m, hedgehog/*hérisson/m, turtle/tortue/f, donkey/âne/m, bee/abeille/f
snack: apple/pomme/f, orange/orange/f, banana/banane/f, sandwich/sandwich/m, egg/œuf/m, cake/gâteau/m,
pear/poire/f, croissant/croissant/m, pizza/pizza/f, cookie/biscuit/m, peach/pêche/f, omelet/omelette/f,
tomato/tomate/f, carrot/carotte/f, hamburger/*hamburger/m, salad/salade/f, apricot/abricot/m
veg: strawberry/fraise/f, cherry/cerise/f, potato/pomme de terre:pommes de terre/f,
green bean/*haricot vert:*haricots verts/m, mushroom/champignon/m, olive/olive/f, vegetable/légume/m,
onion/oignon/m
staple: bread/pain/m, cheese/fromage/m, meat/viande/f, fish/poisson/m, rice/riz/m, butter/beurre/m,
chocolate/chocolat/m, chicken/poulet/m, soup/soupe/f, ham/jambon/m, honey/miel/m, jam/confiture/f,
ice cream/glace/f, yogurt/*yaourt/m
spice: sugar/sucre/m, salt/sel/m, oil/huile/f, flour/farine/f, garlic/ail/m
drink: water/eau/f, coffee/café/m, tea/thé/m, milk/lait/m, wine/vin/m, beer/bière/f,
orange juice/jus d'orange/m, lemonade/limonade/f, apple juice/jus de pomme/m,
hot chocolate/chocolat chaud/m
mass: money/argent/m, work/travail/m, time/temps/m, help/aide/f, luck/chance/f
thing: key/clé/f, phone/téléphone/m, wallet/portefeuille/m, watch/montre/f, knife:knives/couteau/m,
glass/verre/m, ticket/billet/m, photo:photos/photo/f, gift/cadeau/m, map/carte/f, ring/bague/f,
computer/ordinateur/m, spoon/cuillère/f, fork/fourchette/f, guitar/guitare/f, passport/passeport/m,
flower/fleur/f, ax/*hache/f, camera/appareil photo:appareils photo/m
object: bag/sac/m, pen/stylo/m, umbrella/parapluie/m, cup/tasse/f, plate/assiette/f, toy/jouet/m,
bottle/bouteille/f, box/boîte/f, suitcase/valise/f, notebook/cahier/m, pencil/crayon/m, ball/ballon/m,
vase/vase/m, candle/bougie/f
clothes: hat/chapeau/m, coat/manteau/m, shirt/chemise/f, dress/robe/f, skirt/jupe/f, sweater/pull/m,
jacket/veste/f, tie/cravate/f, scarf:scarves/écharpe/f, T-shirt/tee-shirt/m, suit/costume/m,
belt/ceinture/f
pairs: shoe/chaussure/f, sock/chaussette/f, glove/gant/m, boot/botte/f
text: book/livre/m, letter/lettre/f, newspaper/journal/m, magazine/magazine/m, novel/roman/m, poem/poème/m,
story/histoire/f, article/article/m, message/message/m, email/e-mail/m, song/chanson/f, report/rapport/m
show: movie/film/m, match/match:matchs/m, show/émission/f, cartoon/dessin animé:dessins animés/m
idea: question/question/f, lesson/leçon/f, word/mot/m, sentence/phrase/f, problem/problème/m, text/texte/m,
exercise/exercice/m, rule/règle/f
vehicle: car/voiture/f, truck/camion/m, bike/vélo/m, motorcycle/moto/f, boat/bateau/m
transport: bus/bus/m, train/train/m, plane/avion/m, taxi/taxi/m
furniture: table/table/f, chair/chaise/f, bed/lit/m, lamp/lampe/f, sofa/canapé/m, fridge/frigo/m,
clock/horloge/f, mirror/miroir/m, desk/bureau/m, armchair/fauteuil/m, wardrobe/armoire/f,
television/télévision/f
part: door/porte/f, window/fenêtre/f, drawer/tiroir/m, shelf:shelves/étagère/f, wall/mur/m
room: kitchen/cuisine/f, bathroom/salle de bains:salles de bains/f, bedroom/chambre/f, living room/salon/m,
garage/garage/m, garden/jardin/m, cellar/cave/f
building: house/maison/f, school/école/f, hospital/hôpital/m, church/église/f, museum/musée/m,
hotel/hôtel/m, restaurant/restaurant/m, bridge/pont/m, castle/château/m, apartment/appartement/m,
village/village/m, city/ville/f, store/magasin/m, bakery/boulangerie/f, factory/usine/f, park/parc/m,
library/bibliothèque/f, hall/salle/f
place: station/gare/f, market/marché/m, airport/aéroport/m, beach/plage/f, bank/banque/f,
supermarket/supermarché/m, swimming pool/piscine/f, theater/théâtre/m, pharmacy/pharmacie/f,
post office/poste/f, stadium/stade/m, library/bibliothèque/f, hospital/hôpital/m, museum/musée/m,
hotel/hôtel/m, restaurant/restaurant/m, office/bureau/m, university/université/f, zoo/zoo/m,
bakery/boulangerie/f, park/parc/m, movies/cinéma/m
outside: street/rue/f, forest/forêt/f, river/rivière/f, island/île/f, lake/lac/m
sound: noise/bruit/m, voice/voix:voix/f, song/chanson/f, bird/oiseau/m
parent: parent/parent/m
""")
MASS_KINDS = {"staple", "drink", "mass", "spice"}
# What someone may be said to own: Marie's book, my brother's car.
OWNED_KINDS = {"thing", "object", "clothes", "vehicle", "room"}

# Nouns that go together, by their English name; object specifications name these or kinds.
NOUN_GROUPS = sections("""
small: key phone bag pen wallet umbrella watch ticket ring passport notebook suitcase hat coat scarf
pencil map jacket
goods: book computer phone bike guitar watch lamp sofa table umbrella suitcase bag mirror knife car chair
clock toy flower ring map
owned: car bike house guitar computer boat motorcycle apartment television truck
road: car truck bike motorcycle bus taxi
driven: car truck bus taxi
washed: car plate glass cup window
opens: door window box suitcase bag drawer fridge bottle letter gift umbrella wardrobe
closes: door window box suitcase bag drawer fridge wardrobe
fragile: glass cup plate bottle vase mirror window lamp phone computer
machine: car bike computer phone clock television watch motorcycle fridge lamp truck
carried: bag suitcase box bottle chair table
pets: dog cat rabbit horse turtle bird
pushed: door chair table bed sofa wardrobe car
painted: door wall house kitchen bedroom chair wardrobe
drawn: cat dog horse bird elephant flower house boat lion castle map
sights: museum castle church city village island zoo school hospital house factory
written: letter book poem story article message email song report novel
sent: letter message email gift book photo
got: letter message email gift book
learned: word song poem rule lesson
known: song word story city village museum
awaited: bus train plane taxi doctor waiter teacher nurse
called: doctor waiter dentist lawyer teacher nurse
invited: friend neighbor cousin
hidden: key gift letter wallet ring box photo
friends: friend
workplaces: hospital bank school hotel restaurant factory office store library bakery museum
siblings: brother sister son daughter cousin friend neighbor colleague
cut: bread cheese cake apple meat carrot onion tomato
stolen: bike car wallet watch phone ring computer bag
built: house bridge wall castle boat school church
books: book pen photo toy map
crossed: street river bridge forest park city
offspring: child parent brother sister son daughter cousin friend neighbor colleague
""")

# --- Adjectives -----------------------------------------------------------------------

# french[:feminine]/english; "<" stands before the noun, "=" is invariable.
ADJECTIVES = entries("""
<petit/small, <grand/big, <gros:grosse/big, <beau:belle/beautiful, <joli/pretty, <nouveau:nouvelle/new,
<vieux:vieille/old, <jeune/young, <bon:bonne/good, <mauvais/bad, <long:longue/long, rouge/red, bleu/blue,
vert/green, blanc:blanche/white, noir/black, jaune/yellow, =marron/brown, gris/gray, cher/expensive,
lourd/heavy, léger/light, propre/clean, sale/dirty, vide/empty, plein/full, cassé/broken,
intéressant/interesting, difficile/difficult, facile/easy, mouillé/wet, sec:sèche/dry, moderne/modern,
ouvert/open, fermé/closed, important/important, neuf/new, chaud/hot, froid/cold, rapide/fast, lent/slow,
dangereux/dangerous, délicieux/delicious, sucré/sweet, salé/salty, mûr/ripe, calme/calm,
gentil:gentille/nice, riche/rich, pauvre/poor, fort/strong, faible/weak, drôle/funny, sérieux/serious,
timide/shy, paresseux/lazy, courageux/brave, jaloux/jealous, poli/polite, honnête/honest, curieux/curious,
célèbre/famous, intelligent/smart, patient/patient, nerveux/nervous, généreux/generous, prudent/careful,
fou:folle/crazy, méchant/mean, sympathique/friendly, créatif/creative, têtu/stubborn, bavard/talkative,
élégant/elegant, fatigué/tired, heureux/happy, triste/sad, malade/sick, prêt/ready, occupé/busy,
seul/alone, libre/free, inquiet:inquiète/worried, surpris/surprised, déçu/disappointed, =en colère/angry,
=en retard/late, marié/married, célibataire/single, absent/absent, blessé/injured, =en danger/in danger,
=en bonne santé/healthy, pressé/in a hurry, fier/proud, français/French, anglais/English,
américain/American, italien/Italian, allemand/German, espagnol/Spanish, canadien/Canadian,
japonais/Japanese, belge/Belgian, étrange/strange, ennuyeux/boring, vrai/true, faux:fausse/false,
possible/possible, impossible/impossible, simple/simple, parfait/perfect, normal/normal,
=en panne/broken down, =trop tard/too late
""")

# What may be said of what ("french" or "french:english" to override the English word):
# the kinds of people, then the kinds of nouns, then "it".
PREDICATES = sections("""
trait: calme gentil gentil:kind grand:tall petit riche pauvre jeune vieux fort faible drôle sérieux timide
paresseux courageux jaloux poli honnête curieux célèbre intelligent intelligent:intelligent patient
nerveux généreux prudent fou méchant sympathique créatif têtu bavard élégant beau
state: fatigué heureux triste malade prêt occupé seul libre inquiet surpris déçu en_colère en_retard marié
célibataire absent blessé en_danger en_bonne_santé pressé malade:ill calme:calm nerveux:nervous
nation: français anglais américain italien allemand espagnol canadien japonais belge
thing: neuf vieux lourd léger petit cher beau
part: grand petit blanc propre sale
object: neuf vieux rouge bleu vert noir blanc petit beau
transport: rapide lent sale propre moderne
clothes: neuf rouge bleu vert noir blanc jaune gris sale propre cher mouillé sec beau
vehicle: neuf vieux rouge bleu noir blanc rapide sale propre cher en_panne
furniture: neuf vieux blanc noir grand petit beau sale propre
room: grand petit propre sale vide calme:quiet
building: grand petit vieux beau moderne
text: long intéressant ennuyeux drôle difficile facile bon
show: long intéressant ennuyeux drôle étrange bon
idea: difficile facile intéressant important simple étrange
animal: petit gros beau jeune vieux malade fatigué dangereux drôle noir blanc intelligent
snack: bon délicieux petit gros
staple: bon délicieux chaud froid cher
drink: bon froid chaud délicieux
it: facile difficile important vrai faux possible impossible simple parfait normal étrange drôle
intéressant ennuyeux dangereux délicieux cher trop_tard:too_late
""")
# Adjectives beside a noun.
ATTRIBUTES = sections("""
thing: nouveau vieux petit beau
object: nouveau vieux petit beau rouge bleu vert noir
part: petit grand blanc
clothes: nouveau vieux beau joli rouge bleu vert noir blanc jaune gris marron
vehicle: nouveau vieux petit rouge bleu noir blanc gris
animal: petit:little gros noir blanc vieux jeune beau
snack: gros petit:small bon
building: grand petit vieux beau nouveau moderne
person: jeune vieux gentil riche célèbre intelligent
furniture: nouveau vieux petit grand beau
text: bon nouveau vieux long intéressant
show: bon nouveau vieux long intéressant
room: grand petit beau
idea: difficile facile important intéressant
pairs: nouveau vieux rouge noir blanc
outside: petit grand beau
sound: étrange
""")
# Adjectives that take no "very".
UNGRADED = words("""
seul marié célibataire absent blessé en_danger cassé vide ouvert fermé en_panne
    en_bonne_santé délicieux parfait vrai faux possible impossible rouge bleu vert noir blanc jaune
    gris neuf trop_tard prêt pressé libre mûr malade français anglais américain italien allemand
    espagnol canadien japonais belge
""")
# States that are not only of today.
LASTING_STATES = {"married", "single", "injured", "in danger", "healthy"}
DEGREES = entries("very/très, very/très, too/trop, really/vraiment, so/si")
# Things compared: kinds/adjectives.
COMPARED = rows("""
clothes/beau cher chaud:warm; vehicle/rapide cher; show/long drôle; text/long intéressant difficile;
thing/lourd cher; object/petit cher; room/grand petit; building/grand beau; idea/difficile simple facile;
snack/gros
""")
OWN_ONES = entries("""
your/mine/le mien/la mienne, his/mine/le mien/la mienne, her/mine/le mien/la mienne,
my/yours/le tien/la tienne, my/his/le sien/la sienne, our/theirs/le leur/la leur
""")
GROUPS = entries("class/la classe, family/la famille, group/le groupe, village/le village")
# What a ...!  Kinds of nouns/adjectives.
EXCLAIMED = rows("""
building/beau joli étrange; animal/beau joli étrange; clothes/beau joli étrange; thing/beau joli étrange;
object/beau joli étrange; text/bon beau étrange; show/bon beau étrange
""")
MOODS = "fatigué malade triste heureux occupé inquiet déçu en_colère"
TASKS = "facile difficile important impossible dangereux"

# --- Pronouns, numbers and names ------------------------------------------------------

# english/french/person/gender/english object/direct object/indirect object.
PRONOUNS = entries("""
I/je/0/m/me/me/me, you/tu/1/m/you/te/te, he/il/2/m/him/le_/lui, she/elle/2/f/her/la_/lui,
we/nous/3/m/us/nous/nous, they/ils/4/m/them/les_/leur
""")
# Determiners: english/masculine/feminine/plural ("own" is the subject's possessive).
DETERMINERS = {
    en: forms
    for en, *forms in entries("""
the/le/la/les, this/ce/cette/ces, that/ce/cette/ces, my/mon/ma/mes, your/ton/ta/tes, his/son/sa/ses,
her/son/sa/ses, our/notre/notre/nos, their/leur/leur/leurs, own/{mon}/{ma}/{mes}
""")
}
# Forms before a vowel: cet ami, mon amie, un vieil ami.
EUPHONIC = dict(entries("ce/cet, ma/mon, ta/ton, sa/son, {ma}/{mon}, beau/bel, nouveau/nouvel, vieux/vieil"))
# What {my} {mon} {ma} {mes} {me} stand for, then the stressed pronouns.
PERSON_FORMS = entries("""
my/mon/ma/mes/me/me/moi, your/ton/ta/tes/te/you/toi, his/son/sa/ses/se/him/lui,
our/notre/notre/nos/nous/us/nous, their/leur/leur/leurs/se/them/eux
""")
FEMININE_FORMS = {
    2: ["her", "son", "sa", "ses", "se", "her", "elle"],
    4: ["their", "leur", "leur", "leurs", "se", "them", "elles"],
}
OWNERS = ["my", "your", "his", "her", "our"]
MINE = entries("mine/moi, yours/toi, his/lui, hers/elle, ours/nous, theirs/eux")
INDEFINITE = dict(
    entries("who/qui, nobody/personne, no one/personne, everybody/tout le monde, everyone/tout le monde")
)
FIRST_NAMES = sections("""
m: Paul Tom Pierre Luc David Thomas Antoine Louis Max Julien Éric Olivier
f: Marie Julie Sophie Alice Emma Anne Claire Sarah Nina Lucie Isabelle
""")
NUMBERS = entries("""
two/deux, three/trois, four/quatre, five/cinq, six/six, seven/sept, eight/*huit, nine/neuf, ten/dix,
eleven/*onze, twelve/douze, fifteen/quinze, twenty/vingt, thirty/trente, forty/quarante, fifty/cinquante,
sixty/soixante, a hundred/cent
""")
LANGUAGES = entries("""
French/français, English/anglais, Spanish/espagnol, German/allemand, Italian/italien, Japanese/japonais,
Chinese/chinois, Russian/russe, Arabic/arabe
""")
JOBS = entries("""
doctor/médecin/médecin, lawyer/avocat/avocate, student/étudiant/étudiante, baker/boulanger/boulangère,
teacher/professeur/professeure, nurse/infirmier/infirmière, dentist/dentiste/dentiste,
journalist/journaliste/journaliste, cook/cuisinier/cuisinière, engineer/ingénieur/ingénieure,
musician/musicien/musicienne, farmer/fermier/fermière, police officer/policier/policière,
artist/artiste/artiste, writer/écrivain/écrivaine, architect/architecte/architecte,
secretary/secrétaire/secrétaire, singer/chanteur/chanteuse
""")

# --- French verbs ---------------------------------------------------------------------

# Irregular verbs: stem+ending..., then je tu il nous ils participle future.
IRREGULAR = stems("""
+être: suis es est sommes sont été ser; +avoir: ai as a avons ont eu aur;
+aller: vais vas va allons vont allé ir; f+aire: ais ais ait aisons ont ait er;
d+ire: is is it isons isent it ir; l+ire: is is it isons isent u ir; écr+ire: is is it ivons ivent it ir;
r+ire sour+ire: is is it ions ient i ir; condu+ire constru+ire: is is it isons isent it ir;
b+oire: ois ois oit uvons oivent u oir; v+oir: ois ois oit oyons oient u err;
cr+oire: ois ois oit oyons oient u oir; s+avoir: ais ais ait avons avent u aur;
p+ouvoir: eux eux eut ouvons euvent u ourr; v+ouloir: eux eux eut oulons eulent oulu oudr;
d+evoir: ois ois oit evons oivent û evr; re+cevoir: çois çois çoit cevons çoivent çu cevr;
pr+endre compr+endre appr+endre: ends ends end enons ennent is endr;
m+ettre prom+ettre: ets ets et ettons ettent is ettr;
v+enir rev+enir dev+enir t+enir: iens iens ient enons iennent enu iendr;
par+tir sor+tir men+tir sen+tir: s s t tons tent ti tir; dor+mir: s s t mons ment mi mir;
ouv+rir off+rir: re res re rons rent ert rir; cou+rir: rs rs rt rons rent ru rr;
n+aître: ais ais aît aissons aissent é aîtr; m+ourir: eurs eurs eurt ourons eurent ort ourr;
conn+aître reconn+aître: ais ais aît aissons aissent u aîtr; sui+vre: s s t vons vent vi vr;
v+ivre: is is it ivons ivent écu ivr; pe+indre éte+indre: ins ins int ignons ignent int indr;
env+oyer: oie oies oie oyons oient oyé err; app+eler: elle elles elle elons ellent elé eller
""")
# Verbs that make their past with être.
ETRE_VERBS = words("""
aller venir revenir partir sortir arriver rester tomber entrer rentrer mourir naître
""")
ENDINGS = {
    "imperfect": ("ais", "ais", "ait", "ions", "aient"),
    "future": ("ai", "as", "a", "ons", "ont"),
    "conditional": ("ais", "ais", "ait", "ions", "aient"),
}
POLARITIES = {"not": "pas", "never": "jamais", "anymore": "plus", "yet": "pas encore"}

# --- English verbs --------------------------------------------------------------------

# Irregular verbs: base, past, participle.
ENGLISH_IRREGULAR = entries("""
be was been, break broke broken, bring brought brought, build built built, buy bought bought,
catch caught caught, choose chose chosen, come came come, cut cut cut, do did done, draw drew drawn,
drink drank drunk, drive drove driven, eat ate eaten, fall fell fallen, feed fed fed, feel felt felt,
find found found, forget forgot forgotten, get got gotten, give gave given, go went gone, have had had,
hear heard heard, hide hid hidden, hurt hurt hurt, know knew known, leave left left, lend lent lent,
lose lost lost, make made made, meet met met, pay paid paid, read read read, ride rode ridden, run ran run,
say said said, see saw seen, sell sold sold, send sent sent, set set set, show showed shown,
sing sang sung, sleep slept slept, speak spoke spoken, steal stole stolen, swim swam swum, take took taken,
tell told told, understand understood understood, wake woke woken, wear wore worn, win won won,
write wrote written
""")
ENGLISH_PAST = {base: forms for base, *forms in (row[0].split() for row in ENGLISH_IRREGULAR)}
# Verbs that double their last letter before -ing and -ed.
DOUBLED = {"run", "swim", "put", "sit", "get", "stop", "cut", "forget", "win", "set", "plan", "prefer"}
AUXILIARIES = {"can", "must", "should", "would"}
SHORT = {"am": "'m", "is": "'s", "are": "'re", "will": "'ll", "have": "'ve", "has": "'s", "would": "'d"}

# --- Verb phrases ---------------------------------------------------------------------

# english forms[+particle]/french infinitive/flags[/english/french complement].
# Flags: h habit, g in progress, e event, s state, b past of a state (imparfait),
# i willed (imperative, modals), c skill (savoir), m motion, w where-question, t how-question.
FIXED = rows("""
sleep/dormir/geiw; work/travailler/hgeiw; sing/chanter/hgeic; dance/danser/hgeic; walk/marcher/hgei;
run/courir/hgei; swim/nager/hgeic; laugh/rire/hge; smile/sourire/hge; cry/pleurer/hge; cough/tousser/g;
shout/crier/hge; wait/attendre/gei; read/lire/hgic; cook/cuisiner/hgic; study/étudier/hgiw;
drive/conduire/hgic; smoke/fumer/hgi; travel/voyager/hgei; pray/prier/hgi; snore/ronfler/hg;
ski/skier/hgic; listen/écouter/gi; hesitate/hésiter/he; lie/mentir/hge; vote/voter/ei; lose/perdre/he;
win/gagner/he; forget/oublier/e; understand/comprendre/se; try/essayer/ei; fail/échouer/e;
succeed/réussir/e; answer/répondre/ei; pay/payer/eit; call/appeler/ei; help/aider/ei; start/commencer/ei;
finish/finir/e; escape/s'échapper/e; jump/sauter/ei; rest/se reposer/gei; hide/se cacher/geiw;
hurry/se dépêcher/i/up; have/s'amuser/gei/fun; get/s'habiller/gei/dressed; get/se marier/ge/married;
get/se lever/hei/up; wake/se réveiller/e/up; go/se coucher/geim/to bed; go/rentrer/hgeim/home/chez {moi};
go/sortir/hgeim/out; leave/partir/geim; arrive/arriver/em; arrive/arriver/he/late/en retard;
arrive/arriver/e/early/en avance; arrive/arriver/he/on time/à l'heure; come/venir/eim;
come+back/revenir/eim; fall/tomber/e; enter/entrer/ei; stay/rester/geiw;
stay/rester/hgei/at home/chez {moi}; stay/rester/gei/here/ici; wait/attendre/gei/here/ici;
wait/attendre/gei/outside/dehors; eat/manger/hgei/at home/chez {moi};
work/travailler/hgei/at home/chez {moi}; work/travailler/hgei/in the garden/dans le jardin;
play/jouer/hgei/outside/dehors; play/jouer/gei/in the garden/dans le jardin;
play/jouer/hgei/tennis/à le tennis; play/jouer/hgei/soccer/à le football;
play/jouer/hgei/basketball/à le basket; play/jouer/hgei/cards/à les cartes;
play/jouer/hgeic/chess/à les échecs; play/jouer/hgic/the piano/de le piano;
play/jouer/hgic/the guitar/de la guitare; play/jouer/hgic/the violin/de le violon;
play/faire/hgi/sports/[du] sport; watch/regarder/hgei/television/la télévision;
listen/écouter/hgei/to music/[de la] musique; listen/écouter/hgei/to the radio/la radio;
do/faire/hgei/the dishes/la vaisselle; do/faire/hgei/the laundry/la lessive;
do/faire/hgei/{my} homework/{mes} devoirs; do/faire/hgei/the shopping/les courses;
clean/faire/hgei/the house/le ménage; make/faire/hgei/{my} bed/{mon} lit;
make/faire/ge/a mistake/[une] erreur; make/faire/hge/a lot of noise/beaucoup de bruit;
make/faire/gei/coffee/[du] café; make/faire/geit/a cake/[un] gâteau; cook/préparer/gei/dinner/le dîner;
have/prendre/ge/breakfast/le petit-déjeuner; have/dîner/gew/dinner; have/déjeuner/gew/lunch;
take/prendre/gei/a shower/[une] douche; take/prendre/gei/a bath/[un] bain;
take/prendre/hgei/the bus/le bus; take/prendre/hgei/the train/le train; take/prendre/ei/a taxi/[un] taxi;
take/prendre/hgei/pictures/[des] photos; take/prendre/i/the subway/le métro;
take/faire/gei/a walk/[une] promenade; ride/faire/hgeic/a bike/[du] vélo;
ride/monter/hgic/a horse/à cheval; walk/promener/hgei/the dog/le chien; feed/nourrir/hgei/the cat/le chat;
water/arroser/hgei/the flowers/les fleurs; brush/se brosser/gei/{my} teeth/les dents;
wash/se laver/gei/{my} hands/les mains; wash/se laver/gei/{my} hair/les cheveux;
break/se casser/e/{my} leg/la jambe; break/se casser/e/{my} arm/le bras; set/mettre/gei/the table/la table;
turn/allumer/ei/on the light/la lumière; turn/éteindre/ei/off the light/la lumière;
turn/allumer/ei/on the radio/la radio; turn/éteindre/ei/off the television/la télévision;
tell/dire/hei/the truth/la vérité; tell/raconter/geit/a story/[une] histoire;
tell/dire/e/a lie/[un] mensonge; say/dire/i/no/non; say/dire/i/thank you/merci;
ask/poser/ei/a question/[une] question; ask/demander/eit/for help/[de la] aide;
answer/répondre/ei/the question/à la question; answer/répondre/ei/the phone/à le téléphone;
call/appeler/ei/the police/la police; call/appeler/ei/a doctor/[un] médecin;
pay/payer/eit/the bill/la addition; win/gagner/e/the match/le match; lose/perdre/e/the match/le match;
catch/attraper/e/a cold/[un] rhume; change/changer/e/{my} mind/de avis;
earn/gagner/hge/money/[de la] argent; earn/gagner/s/a lot of money/beaucoup de argent;
learn/apprendre/gei/to swim/à nager; learn/apprendre/gei/to drive/à conduire;
learn/apprendre/gei/to cook/à cuisiner; learn/apprendre/gei/to read/à lire;
sing/chanter/gei/a song/[une] chanson; travel/voyager/hei/by train/en train;
travel/voyager/hei/by plane/en avion; write/écrire/hg/in English/en anglais;
read/lire/hgei/the newspaper/le journal; look/regarder/i/out the window/par la fenêtre
""")
for _en, _fr in LANGUAGES:
    FIXED += [["speak", "parler", "si", _en, _fr], ["learn", "apprendre", "gei", _en, f"le {_fr}"]]

# Transitive verbs: forms/french/flags/determiners:nouns ...  (noun kinds, groups or nouns).
TRANSITIVE = rows("""
eat/manger/gei/a+the+some:snack some:veg; eat/manger/hgei/some+zero:staple zero:veg;
drink/boire/hgei/some+zero:drink; buy/acheter/geiw/a+this:goods,clothes some:pairs,snack,veg;
buy/acheter/hgei/some+zero:staple,drink,veg; sell/vendre/ge/own:owned; read/lire/gei/a+the+this:text;
write/écrire/gei/a+the:written; wear/porter/g/a+own+the:clothes; drive/conduire/ge/a+the+own:driven;
watch/regarder/gei/a+the+this:show; see/voir/se/a+the:animal,building some:animal;
look+for/chercher/ge/own+the+a:small; find/trouver/ewt/own+the+a:small; lose/perdre/ew/own:small;
forget/oublier/ew/own:small; open/ouvrir/geit/the+this:opens; close/fermer/geit/the+this:closes;
wash/laver/gei/own+the:clothes,washed; clean/nettoyer/hgei/the:room; break/casser/et/a+the+own:fragile;
take/prendre/ei/the+own+this:small; choose/choisir/ei/a+the+this:clothes,snack;
understand/comprendre/s/the+this:idea; learn/apprendre/ge/a+the+this:learned;
know/connaître/s/this+the:known; wait+for/attendre/ge/the:awaited; help/aider/gei/own:kin the:person;
call/appeler/ei/own:kin the:called; invite/inviter/ei/own:kin owns:invited;
meet/rencontrer/ew/a:person own:kin; follow/suivre/ge/the:person,driven; carry/porter/ge/the+a+own:carried;
repair/réparer/geit/the+own:machine; paint/peindre/gei/the+own:painted; draw/dessiner/gei/a:drawn;
visit/visiter/gei/the+this+a:sights; like/aimer/s/this+the:clothes,text,show,known this:animal;
hear/entendre/se/a+the:sound; send/envoyer/ei/a+the:sent; receive/recevoir/e/a+the:got;
hide/cacher/eiw/the+own:hidden; cut/couper/gei/the:cut; steal/voler/e/a+the:stolen;
push/pousser/gei/the:pushed; build/construire/ge/a:built; cross/traverser/gei/the:crossed;
explain/expliquer/ei/the+this:idea; repeat/répéter/ei/the+this:idea;
need/avoir besoin de/sb/a+this:goods,small;
want/vouloir/sb/a+this+some:goods,snack,clothes some:drink,staple;
have/avoir/sb/a:goods,owned,pets some:pets,friends; prefer/préférer/s/this+the:clothes,text,show;
sell/vendre/h/zero:text,clothes,veg,goods; feed/nourrir/gei/the+own:pets
""")
HAD = "a:goods,owned,pets,clothes a:pets some:friends,books zero:staple,drink,money,work"
# Direct person objects, "it" objects, indirect objects: forms/french/flags.
DIRECT = rows("""
see/voir/se; know/connaître/s; love/aimer/s; help/aider/geit; call/appeler/eiw; invite/inviter/ei;
follow/suivre/gei; wait+for/attendre/geiw; look+for/chercher/ge; watch/regarder/gei; listen+to/écouter/gei;
hear/entendre/se; understand/comprendre/s; believe/croire/sei; hate/détester/s; thank/remercier/ei;
recognize/reconnaître/e; find/trouver/ewt; forget/oublier/e; admire/admirer/s; kiss/embrasser/ei;
meet/rencontrer/ewt
""")
THINGS = rows("""
buy/acheter/eiw; sell/vendre/ei; read/lire/ei; want/vouloir/s; see/voir/se; find/trouver/ewt;
lose/perdre/ew; take/prendre/ei; open/ouvrir/eit; close/fermer/ei; eat/manger/ei; understand/comprendre/s
""")
INDIRECT = rows("""
talk+to/parler/gei; speak+to/parler/gei; answer/répondre/ei; write+to/écrire/gei; lie+to/mentir/e;
smile+at/sourire/ge; phone/téléphoner/ei
""")
GIVE = rows("""
give/donner/ei/a+the+this:goods,snack,books; send/envoyer/ei/a+the+this:sent;
show/montrer/ei/the+own+this:text,goods,books; lend/prêter/ei/the+own+this:books,goods;
bring/apporter/ei/a+the:snack,books,sent; sell/vendre/e/own+the:owned;
read/lire/e/a:letter,poem,story,book; offer/offrir/e/a:book,flower,watch,ring,hat,guitar
""")
# Verbs that rule an infinitive: forms+particle/french/flags, which are tenses (p present,
# b imparfait, e passé composé, f future, g progressive) and + never denied,
# n English -ing, a only of habits.
CONTROLS = rows("""
can/pouvoir/p; must/devoir/p; can/pouvoir/p; want+to/vouloir/pb; want+to/vouloir/pb; have+to/devoir/pef+;
would+like to/vouloir/p; should/devoir/p; need+to/avoir besoin de/pb; like+to/aimer/pa; like/aimer/pan;
love+to/adorer/pa; hate/détester/pan; prefer+to/préférer/p+a; try+to/essayer de/ge; decide+to/décider de/e;
refuse+to/refuser de/pe+; hope+to/espérer/p+; promise+to/promettre de/e; start+to/commencer à/e+;
stop/arrêter de/e+an; forget+to/oublier de/e; feel+like/avoir envie de/pn; plan+to/avoir l'intention de/p
""")
# How something is done: forms/french/the MANNERS that suit it.
MANNER_VERBS = rows("""
sleep/dormir/wvlmnb; work/travailler/wlmn; eat/manger/wlmn; sing/chanter/wvb; dance/danser/wvb;
swim/nager/wvb; cook/cuisiner/wvb; drive/conduire/wvb; play/jouer/wvb; talk/parler/lm; smoke/fumer/lm;
travel/voyager/lm; laugh/rire/l; cry/pleurer/l; study/étudier/ln; drink/boire/lm;
walk/marcher/l; write/écrire/wl
""")
MANNERS = {
    key: (en, fr)
    for key, en, fr in entries(
        "w/well/bien, v/very well/très bien, l/a lot/beaucoup, m/too much/trop, n/enough/assez, b/badly/mal"
    )
}
ROUTINES = rows("""
leave/partir/; arrive/arriver/; get/se lever//up; go/se coucher//to bed; wake/se réveiller//up;
have/prendre//breakfast/le petit-déjeuner; have/dîner//dinner; start/commencer//work/le travail;
finish/finir//work/le travail; go/rentrer//home/chez {moi}; come+back/revenir/; have/déjeuner//lunch
""")
ANIMAL_VERBS = rows("""
sleep/dormir/ge; eat/manger/ge; run/courir/ge/in the garden/dans le jardin; play/jouer/ge/outside/dehors;
drink/boire/ge/water/[de la] eau; sleep/dormir/ge/under the tree/sous le arbre;
hide/se cacher/ge/behind the house/derrière la maison; look+for/chercher/ge/food/[de la] nourriture
""")
ASKED_VERBS = rows("""
buy/acheter/ge; eat/manger/ge; do/faire/ge; do/faire/ge; read/lire/g; drink/boire/g; see/voir/se;
say/dire/e; find/trouver/e; want/vouloir/s; look+for/chercher/g; draw/dessiner/g; write/écrire/g;
hear/entendre/e; choose/choisir/e; wait+for/attendre/g; prefer/préférer/s; watch/regarder/g; lose/perdre/e;
sell/vendre/g; cook/préparer/g; learn/apprendre/ge; bring/apporter/e; steal/voler/e
""")
# Activities that last, with "y" when they last for years.
LASTING = rows("""
live/habiter//here/ici/y; work/travailler//here/ici/y; wait/attendre////; sleep/dormir////;
study/étudier////; learn/apprendre//French/le français/y; work/travailler////y; read/lire////;
live/habiter//in Paris/à Paris/y; play/jouer//the piano/de le piano/y; play/jouer//outside/dehors/;
talk/parler////; walk/marcher////; cry/pleurer////; learn/apprendre//English/le anglais/y;
wait/attendre//outside/dehors/; live/habiter//in this house/dans cette maison/y
""")
# What is said of a thing that someone reads, wears...: forms/french/tense/nouns.
RELATIVE_VERBS = rows("""
read/lire/progressive/text; watch/regarder/progressive/show; buy/acheter/past/clothes,vehicle;
see/voir/past/show,animal; find/trouver/past/thing,object; read/lire/past/text;
visit/visiter/past/building; eat/manger/past/snack; wear/porter/progressive/clothes;
choose/choisir/past/clothes,furniture
""")
EVENTS = entries("arrive/arriver, leave/partir, fall/tomber, call/appeler")
LIKES = entries("like/aimer, like/aimer, love/adorer, hate/détester")
LIKED_NOUNS = "animal,snack,veg,staple,drink,child,flower,book,novel,hat,gift,museum,train"
LIKED = entries("""
music/la musique, sports/le sport, winter/le hiver, summer/le été, school/la école, history/la histoire,
math/les mathématiques, the sea/la mer, chess/les échecs, poetry/la poésie, snow/la neige, rain/la pluie,
flowers/les fleurs, science/les sciences, the mountains/la montagne, movies/le cinéma, tennis/le tennis,
jazz/le jazz, autumn/le automne, art/le art, spiders/les araignées
""")
# Question words: english/french/flags of the verb/tenses.
WH_QUESTIONS = rows(
    "where/où/w/; when/quand/ei/past going; how/comment/t/past; what time/à quelle heure//present past"
)
# How many: english/french verb/nouns.
COUNTED = rows("""
have//books,pets,friends,child,brother,sister; buy/acheter/snack,goods,clothes; see/voir/animal;
read/lire/text; eat/manger/snack; want//snack; write/écrire/written; take/prendre/books
""")

# --- Body and mind --------------------------------------------------------------------

# be + adjective in English, avoir + noun in French.
FEELINGS = entries("""
hungry/faim, thirsty/soif, cold/froid, hot/chaud, sleepy/sommeil, afraid/peur, right/raison, wrong/tort,
lucky/[de la] chance, ashamed/*honte, hungry/faim, thirsty/soif
""")
GRADED_FEELINGS = {"hungry", "thirsty", "cold", "hot", "afraid"}
FEELING_DEGREES = entries("/, /, very/très, really/vraiment")
LOOKS = entries("""
blue eyes/les yeux bleus, brown eyes/les yeux marron, green eyes/les yeux verts,
black hair/les cheveux noirs, long hair/les cheveux longs, short hair/les cheveux courts,
gray hair/les cheveux gris, blond hair/les cheveux blonds, brown hair/les cheveux bruns,
a headache/mal à la tête, a stomachache/mal à le ventre, a sore throat/mal à la gorge,
a toothache/mal à les dents, a cold/[un] rhume, a fever/[de la] fièvre
""")
BODY = entries("""
head/la tête, back/le dos, stomach/le ventre, teeth/les dents, feet/les pieds, eyes/les yeux,
throat/la gorge, arm/le bras, leg/la jambe, knee/le genou, hand/la main, ear/la oreille
""")

# --- Quantities -----------------------------------------------------------------------

# english/french/nouns/keys of TAKING.
CONTAINERS = entries("""
glass/[un] verre/water milk wine orange_juice lemonade apple_juice/drink like,
cup/[une] tasse/coffee tea hot_chocolate/drink like, bottle/[une] bouteille/water wine/buy like,
piece/[un] morceau/bread cheese chocolate meat/eat like, slice/[une] tranche/ham bread/eat like,
kilo/[un] kilo/rice sugar meat flour/buy, liter/[un] litre/milk water oil/buy
""")
MANY = entries("a lot of/beaucoup de, enough/assez de, too many/trop de, a few/quelques")
MUCH = entries("a lot of/beaucoup de, enough/assez de, too much/trop de, a little/un peu de")
TAKING = {
    "drink": ("drink", "boire", "ge"),
    "eat": ("eat", "manger", "ge"),
    "buy": ("buy", "acheter", "ge"),
    "have": ("have", "avoir", "s"),
    "like": ("would+like", "vouloir", "s"),
}
TAKEN_KINDS = {"drink": "drink", "staple": "eat buy", "snack": "eat buy", "veg": "eat buy"}

# --- Places ---------------------------------------------------------------------------

# english/in or to/from.
CITIES = entries("""
Paris/à Paris/de Paris, London/à Londres/de Londres, Rome/à Rome/de Rome, Berlin/à Berlin/de Berlin,
Tokyo/à Tokyo/de Tokyo, Lyon/à Lyon/de Lyon, Brussels/à Bruxelles/de Bruxelles,
Geneva/à Genève/de Genève, Montreal/à Montréal/de Montréal, Madrid/à Madrid/de Madrid,
Venice/à Venise/de Venise, Athens/à Athènes/de Athènes, Amsterdam/à Amsterdam/de Amsterdam,
New York/à New York/de New York, Marseille/à Marseille/de Marseille, Barcelona/à Barcelone/de Barcelone
""")
COUNTRIES = entries("""
France/en France/de France, Italy/en Italie/de Italie, Spain/en Espagne/de Espagne,
Germany/en Allemagne/de Allemagne, Canada/à le Canada/de le Canada, Japan/à le Japon/de le Japon,
Belgium/en Belgique/de Belgique, Switzerland/en Suisse/de Suisse, China/en Chine/de Chine,
England/en Angleterre/de Angleterre, Portugal/à le Portugal/de le Portugal,
Brazil/à le Brésil/de le Brésil, Mexico/à le Mexique/de le Mexique, Morocco/à le Maroc/de le Maroc,
Greece/en Grèce/de Grèce, the United States/à les États-Unis/de les États-Unis,
Africa/en Afrique/de Afrique
""")
WORLD_VERBS = rows("""
live+in/habiter/sb; live+in/habiter/sb; work+in/travailler/he; study+in/étudier/ge; go+to/aller/gem;
go+to/aller/gem; come+back from/revenir/e; come+from/venir/s; be+in/être/sb
""")
PLACES = entries("""
at school/à la école, at work/à le travail, in the kitchen/dans la cuisine, in the garden/dans le jardin,
at the office/à le bureau, at the station/à la gare, at the restaurant/à le restaurant,
at the market/à le marché, in bed/à le lit, at the hospital/à le hôpital, at the library/à la bibliothèque,
at the beach/à la plage, at the hotel/à le hôtel, in the street/dans la rue, outside/dehors, here/ici,
on the train/dans le train, at the doctor's/chez le médecin, in the car/dans la voiture,
at the airport/à le aéroport, in the bathroom/dans la salle de bains, upstairs/en haut,
at the theater/à le théâtre, in the living room/dans le salon, at church/à la église,
at the swimming pool/à la piscine, at the supermarket/à le supermarché, in prison/en prison,
on vacation/en vacances, in the bedroom/dans la chambre, downstairs/en bas
""")
DESTINATIONS = [["to school", "à la école"], ["to work", "à le travail"], ["to church", "à la église"]]
for _en, _fr, _gender in entries(NOUNS["place"]):
    DESTINATIONS.append([f"to the {_en}", f"à {'la' if _gender == 'f' else 'le'} {_fr}"])
WAYS = entries("""
/, by car/en voiture, by bus/en bus, by bike/à vélo, on foot/à pied, with {my} friends/avec {mes} amis
""")
# Where things are, with the kinds of nouns that may be found there.
SPOTS = entries("""
on the table/sur la table/thing object staple snack text, on the bed/sur le lit/clothes thing object,
in the drawer/dans le tiroir/thing object text, under the bed/sous le lit/thing object pets,
on the chair/sur la chaise/thing object clothes text, in the box/dans la boîte/thing object snack,
on the desk/sur le bureau/thing object text, in the fridge/dans le frigo/staple drink snack,
in the kitchen/dans la cuisine/staple snack furniture drink, in the garden/dans le jardin/animal person,
in the street/dans la rue/person road animal, in the forest/dans la forêt/animal,
under the tree/sous le arbre/animal, behind the house/derrière la maison/animal road person,
in front of the door/devant la porte/person pets, in the office/dans le bureau/furniture,
in the bedroom/dans la chambre/furniture, in the living room/dans le salon/furniture text,
in this room/dans cette pièce/furniture person, in this street/dans cette rue/building,
in this village/dans ce village/building, near here/près de ici/building,
in this city/dans cette ville/building, near the station/près de la gare/building road,
in the bag/dans le sac/thing object text, in the car/dans la voiture/thing object clothes person,
in front of the house/devant la maison/road person, in the garage/dans le garage/road,
behind the school/derrière la école/building, next to the bed/à côté de le lit/furniture,
near the window/près de la fenêtre/furniture, under the sofa/sous le canapé/thing object,
on the shelf/sur la étagère/thing object text, in the wardrobe/dans la armoire/clothes,
behind the armchair/derrière le fauteuil/thing object, next to the church/à côté de la église/building,
next to the clock/à côté de la horloge/thing object
""")

# --- Time and weather -----------------------------------------------------------------

DAYS = entries("""
Monday/lundi, Tuesday/mardi, Wednesday/mercredi, Thursday/jeudi, Friday/vendredi, Saturday/samedi,
Sunday/dimanche
""")
MONTHS = entries("""
January/janvier, February/février, March/mars, April/avril, May/mai, June/juin, July/juillet, August/août,
September/septembre, October/octobre, November/novembre, December/décembre
""")
HABITS = entries("""
every day/tous les jours, on weekends/le week-end, on Mondays/le lundi, on Saturdays/le samedi,
on Sundays/le dimanche, on Fridays/le vendredi
""")
PASTS = entries("""
yesterday/hier, last night/hier soir, this morning/ce matin, last week/la semaine dernière,
on Monday/lundi, on Friday/vendredi, on Sunday/dimanche, two days ago/il y a deux jours,
last Saturday/samedi dernier, three days ago/il y a trois jours, an hour ago/il y a une heure,
yesterday morning/hier matin, last Tuesday/mardi dernier, last weekend/le week-end dernier
""")
RECENT = entries("yesterday/hier, last night/hier soir, this morning/ce matin")
FUTURES = entries("""
tomorrow/demain, tonight/ce soir, tomorrow morning/demain matin, next week/la semaine prochaine,
on Monday/lundi, on Thursday/jeudi, next Saturday/samedi prochain, this weekend/ce week-end,
on Sunday/dimanche, this afternoon/cet après-midi, tomorrow evening/demain soir,
in two days/dans deux jours
""")
NOWS = entries("now/maintenant, right now/en ce moment, at the moment/en ce moment")
OFTEN = entries("often/souvent, always/toujours, sometimes/parfois, rarely/rarement")
THIS_DAY = entries("today/aujourd'hui, this morning/ce matin")
MINUTES = entries("""
HOUR/, HOUR o'clock/, half past HOUR/et demie, a quarter past HOUR/et quart, a quarter to HOUR/moins le quart
""")
UNITS = entries("years/ans, months/mois")
HOURS = entries("hours/heures")
WEATHER = entries("""
it's raining/il pleut, it's snowing/il neige, it's cold/il fait froid, it's hot/il fait chaud,
it's windy/il y a du vent, it's foggy/il y a du brouillard, it's sunny/il y a du soleil,
the weather is nice/il fait beau, the weather is bad/il fait mauvais, it's dark/il fait nuit
""")
WEATHER_PAST = entries("""
it was raining/il pleuvait, it was snowing/il neigeait, it was cold/il faisait froid,
it was hot/il faisait chaud, it was windy/il y avait du vent, the weather was nice/il faisait beau,
the weather was bad/il faisait mauvais, it was foggy/il y avait du brouillard
""")
WEATHER_NEXT = entries("""
it's going to rain/il va pleuvoir, it's going to snow/il va neiger, it's going to be cold/il va faire froid,
it will rain/il pleuvra, it will snow/il neigera, it will be hot/il fera chaud,
it won't rain/il ne pleuvra pas
""")

# --- Clauses and sentences ------------------------------------------------------------

REPORTS = entries("""
I think/je pense, I know/je sais, I'm sure/je suis sûr, he says/il dit, she says/elle dit,
they say/ils disent, I believe/je crois, Marie thinks/Marie pense, he knows/il sait
""")
CONDITIONS = entries("""
it rains/il pleut, it snows/il neige, you want/tu veux, it's cold/il fait froid,
it rains tomorrow/il pleut demain, the weather is nice/il fait beau, you help me/tu m'aides
""")
IT_IS = entries("it's/c'est, it isn't/ce ne est pas, it is/c'est")
# Sentences that stand alone.
SENTENCES = rows("""
Good morning./Bonjour.; Good evening./Bonsoir.; Good night./Bonne nuit.; Thank you./Merci.;
Thank you very much./Merci beaucoup.; Thanks for your help./Merci pour ton aide.; You're welcome./De rien.;
Excuse me./Excuse-moi.; I'm sorry./Je suis désolé.; See you tomorrow./À demain.; See you soon./À bientôt.;
See you later./À plus tard.; How are you?/Comment vas-tu ?; I'm fine, thank you./Je vais bien, merci.;
Happy birthday!/Bon anniversaire !; Happy New Year!/Bonne année !; Good luck!/Bonne chance !;
Have a good trip!/Bon voyage !; Enjoy your meal!/Bon appétit !; Of course not./Bien sûr que non.;
Me too./Moi aussi.; Me neither./Moi non plus.; I don't know./Je ne sais pas.; I agree./Je suis d'accord.;
I don't agree./Je ne suis pas d'accord.; It doesn't matter./Ce n'est pas grave.;
What's happening?/Qu'est-ce qui se passe ?; What happened?/Qu'est-ce qui s'est passé ?;
What is this?/Qu'est-ce que c'est ?; What's the matter?/Qu'est-ce qu'il y a ?;
What time is it?/Quelle heure est-il ?; What day is it today?/Quel jour sommes-nous aujourd'hui ?;
How do you say that in French?/Comment dit-on cela en français ?;
Where are the toilets?/Où sont les toilettes ?; Be careful!/Fais attention !; Be quiet!/Tais-toi !;
Sit down./Assieds-toi.; Come in!/Entre !; Come here./Viens ici.; Hurry up!/Dépêche-toi !;
Leave me alone./Laisse-moi tranquille.; Don't worry./Ne t'inquiète pas.; Don't be afraid./N'aie pas peur.;
Be patient./Sois patient.; Don't be late./Ne sois pas en retard.; Let's go!/Allons-y !;
I'm joking./Je plaisante.; I love you./Je t'aime.; I miss you./Tu me manques.;
I need you./J'ai besoin de toi.; Follow me./Suis-moi.; That's all./C'est tout.; That's enough./Ça suffit.;
That's a good idea./C'est une bonne idée.; It's my turn./C'est mon tour.; It's your turn./C'est ton tour.;
It's not fair./Ce n'est pas juste.; The sky is blue./Le ciel est bleu.;
Snow is white./La neige est blanche.
""")
# Sentences with slots in braces, which are filled alike on both sides.
TEMPLATES = rows("""
where is {kin}?/où est {kin} ?; how is {kin}?/comment va {kin} ?; how old is {kin}?/quel âge a {kin} ?
where is {name}?/où est {name} ?; how is {name}?/comment va {name} ?; how old is {name}?/quel âge a {name} ?
where was {name} {past}?/où était {name} {past} ?; where was {kin} {past}?/où était {kin} {past} ?
where is {the:person}?/où est {the:person} ?; where was {the:person} {past}?/où était {the:person} {past} ?
where were you {past}?/où étais-tu {past} ?; where was he {past}?/où était-il {past} ?
where was she {past}?/où était-elle {past} ?; where were they {past}?/où étaient-ils {past} ?
what's {kin}'s name?/comment s'appelle {kin} ?
my name is {name}./je m'appelle {name}.; his name is {man}./il s'appelle {man}.
her name is {woman}./elle s'appelle {woman}.; {kin}'s name isn't {name}./{kin} ne s'appelle pas {name}.
how much does {one:goods,clothes,object} cost?/combien coûte {one:goods,clothes,object} ?
{one:goods,clothes,object} costs {number} euros./{one:goods,clothes,object} coûte {number} euros.
where is {my:thing,object,clothes,vehicle}?/où est {my:thing,object,clothes,vehicle} ?
what color is {my:clothes,vehicle}?/de quelle couleur est {my:clothes,vehicle} ?
what {what}!/{what} !; today is {day}./aujourd'hui, c'est {day}.; tomorrow is {day}./demain, c'est {day}.
is it {day} today?/est-ce que c'est {day} aujourd'hui ?; it's {clock}./il est {clock}.
it is {clock}./il est {clock}.; my birthday is in {month}./mon anniversaire est en {month}.
your birthday is in {month}./ton anniversaire est en {month}.
her birthday is in {month}./son anniversaire est en {month}.; see you on {day}./à {day}.
the party is on {day}./la fête est {day}.; the meeting is at {clock}./la réunion est à {clock}.
the store opens at {clock}./le magasin ouvre à {clock}.
the museum closes at {clock}./le musée ferme à {clock}.
does the store close at {clock}?/est-ce que le magasin ferme à {clock} ?
{now}./{now}.; {now} today./{now} aujourd'hui.; {now} in {in}./{now} {in}.; {was} {past}./{was} {past}.
{was} in {in}./{was} {in}.; {was} in {in} {past}./{was} {in} {past}.; {will} {later}./{will} {later}.
{will} in {in} {later}./{will} {in} {later}.; {will} in {in}./{will} {in}.
""")
# What the plain slots stand for; {kin}, {my:thing}, {clock}... are drawn by grammar.py.
SLOTS = {
    "day": DAYS,
    "month": MONTHS,
    "number": NUMBERS,
    "past": RECENT,
    "later": FUTURES,
    "now": WEATHER,
    "was": WEATHER_PAST,
    "will": WEATHER_NEXT,
}
# Sentences that are correct but odd.
UNLIKELY = re.compile(
    r"\b(child|children|boys?|girls?)\b.*\b(smok\w*|wine|beer|married|single|vot\w*|work\w*)\b"
    r"|grand\w+ is (twenty|thirty|forty)|(mother|father) is twenty|You would(n't| not)"
    r"|(city|village)\b.* in this (city|village)|breakfast at .*(noon|midnight|one|two|three|four)"
)
