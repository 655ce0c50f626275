"""Write grammar.tsv: everyday English-French sentence pairs from a small grammar.

How the corpus is made.  Everything comes from this file: a hand-written lexicon
(the tables at the top), the rules of the two languages (one function per rule) and
about eighty sentence patterns (the functions marked ``@pattern``).  A pattern draws
words with a seeded random generator and builds the English and the French side
together, so that the same seed always writes the same bytes.  An English sentence
is kept only once, with one French translation.

Conventions: "you" is "tu", "they" is "ils", "I" and "we" are masculine, the English
simple past is the passé composé, the past of a state and "was ...ing" the imparfait.

Marks used inside unfinished ("raw") French and English text:
    *word    aspirated start: no elision, no liaison form (le *héros, le *onze)
    [une]    article that turns into "de" under negation (English [some] -> any)
    {mon}    word that agrees with the subject (mon/ton/son; {moi}, {me}, {my}...)
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from random import Random

Pair = tuple[str, str]
NONE: Pair = ("", "")

# --------------------------------------------------------------------------------------
# Lexicon.  Nouns: english[:plural]/french[:plural]/gender.  "*" marks an aspirated h.
# --------------------------------------------------------------------------------------

NOUN_TABLE = {
    "kin": """brother/frère/m, sister/sœur/f, mother/mère/f, father/père/m, son/fils/m,
        daughter/fille/f, grandmother/grand-mère:grands-mères/f, uncle/oncle/m,
        grandfather/grand-père:grands-pères/m, aunt/tante/f, cousin/cousin/m,
        friend/ami/m, neighbor/voisin/m, colleague/collègue/m""",
    "spouse": "husband/mari/m, wife:wives/femme/f",
    "person": """teacher/professeur/m, doctor/médecin/m, boy/garçon/m, girl/fille/f,
        man:men/homme/m, woman:women/femme/f, child:children/enfant/m,
        student/étudiant/m, baker/boulanger/m, nurse/infirmière/f, actor/acteur/m,
        actress/actrice/f, lawyer/avocat/m, waiter/serveur/m, waitress/serveuse/f,
        artist/artiste/m, journalist/journaliste/m, soldier/soldat/m, hero/*héros/m,
        dentist/dentiste/m, tourist/touriste/m, singer/chanteur/m, farmer/fermier/m,
        police officer/policier/m, driver/chauffeur/m""",
    "animal": """dog/chien/m, cat/chat/m, bird/oiseau/m, horse/cheval/m, cow/vache/f,
        rabbit/lapin/m, mouse:mice/souris/f, duck/canard/m, sheep:sheep/mouton/m,
        pig/cochon/m, monkey/singe/m, elephant/éléphant/m, fox/renard/m, bear/ours/m,
        wolf:wolves/loup/m, lion/lion/m, hen/poule/f, owl/*hibou:hiboux/m,
        hedgehog/*hérisson/m, turtle/tortue/f, donkey/âne/m, bee/abeille/f""",
    "snack": """apple/pomme/f, orange/orange/f, banana/banane/f, sandwich/sandwich/m,
        egg/œuf/m, cake/gâteau/m, pear/poire/f, croissant/croissant/m, pizza/pizza/f,
        cookie/biscuit/m, peach/pêche/f, omelet/omelette/f, tomato/tomate/f,
        carrot/carotte/f, hamburger/*hamburger/m, salad/salade/f, apricot/abricot/m""",
    "veg": """strawberry/fraise/f, cherry/cerise/f, potato/pomme de terre:pommes de terre/f,
        green bean/*haricot vert:*haricots verts/m, mushroom/champignon/m, olive/olive/f,
        vegetable/légume/m, onion/oignon/m""",
    "staple": """bread/pain/m, cheese/fromage/m, meat/viande/f, fish/poisson/m, rice/riz/m,
        butter/beurre/m, chocolate/chocolat/m, chicken/poulet/m, soup/soupe/f,
        ham/jambon/m, honey/miel/m, jam/confiture/f, ice cream/glace/f,
        yogurt/*yaourt/m""",
    "spice": "sugar/sucre/m, salt/sel/m, oil/huile/f, flour/farine/f, garlic/ail/m",
    "drink": """water/eau/f, coffee/café/m, tea/thé/m, milk/lait/m, wine/vin/m,
        beer/bière/f, orange juice/jus d'orange/m, lemonade/limonade/f,
        apple juice/jus de pomme/m, hot chocolate/chocolat chaud/m""",
    "mass": "money/argent/m, work/travail/m, time/temps/m, help/aide/f, luck/chance/f",
    "thing": """key/clé/f, phone/téléphone/m, bag/sac/m, pen/stylo/m, wallet/portefeuille/m,
        umbrella/parapluie/m, watch/montre/f, knife:knives/couteau/m, glass/verre/m,
        cup/tasse/f, plate/assiette/f, bottle/bouteille/f, ticket/billet/m, toy/jouet/m,
        photo:photos/photo/f, gift/cadeau/m, box/boîte/f, suitcase/valise/f, map/carte/f,
        computer/ordinateur/m, ring/bague/f, spoon/cuillère/f, fork/fourchette/f,
        notebook/cahier/m, pencil/crayon/m, guitar/guitare/f, passport/passeport/m,
        ball/ballon/m, flower/fleur/f, vase/vase/m, ax/*hache/f, candle/bougie/f""",
    "clothes": """hat/chapeau/m, coat/manteau/m, shirt/chemise/f, dress/robe/f,
        skirt/jupe/f, sweater/pull/m, jacket/veste/f, tie/cravate/f, scarf:scarves/écharpe/f,
        T-shirt/tee-shirt/m, suit/costume/m, belt/ceinture/f""",
    "pairs": """shoe/chaussure/f, sock/chaussette/f, glove/gant/m, boot/botte/f""",
    "text": """book/livre/m, letter/lettre/f, newspaper/journal/m, magazine/magazine/m,
        novel/roman/m, poem/poème/m, story/histoire/f, article/article/m,
        message/message/m, email/e-mail/m, song/chanson/f, report/rapport/m""",
    "show": "movie/film/m, match/match:matchs/m, show/émission/f, cartoon/dessin animé/m",
    "idea": """question/question/f, lesson/leçon/f, word/mot/m, sentence/phrase/f,
        problem/problème/m, text/texte/m, exercise/exercice/m, rule/règle/f, idea/idée/f""",
    "vehicle": """car/voiture/f, truck/camion/m, bike/vélo/m, motorcycle/moto/f,
        boat/bateau/m, bus/bus/m, train/train/m, plane/avion/m, taxi/taxi/m""",
    "furniture": """table/table/f, chair/chaise/f, bed/lit/m, lamp/lampe/f, sofa/canapé/m,
        clock/horloge/f, mirror/miroir/m, desk/bureau/m, armchair/fauteuil/m,
        wardrobe/armoire/f, television/télévision/f, door/porte/f, window/fenêtre/f,
        drawer/tiroir/m, fridge/frigo/m, shelf:shelves/étagère/f, wall/mur/m""",
    "room": """kitchen/cuisine/f, bathroom/salle de bains:salles de bains/f,
        bedroom/chambre/f, living room/salon/m, garage/garage/m, garden/jardin/m,
        cellar/cave/f""",
    "building": """house/maison/f, school/école/f, hospital/hôpital/m, church/église/f,
        museum/musée/m, hotel/hôtel/m, restaurant/restaurant/m, bridge/pont/m,
        castle/château/m, apartment/appartement/m, village/village/m, city/ville/f,
        store/magasin/m, bakery/boulangerie/f, factory/usine/f, park/parc/m,
        library/bibliothèque/f, hall/salle/f""",
    "place": """station/gare/f, market/marché/m, airport/aéroport/m, beach/plage/f,
        bank/banque/f, supermarket/supermarché/m, swimming pool/piscine/f,
        theater/théâtre/m, pharmacy/pharmacie/f, post office/poste/f, stadium/stade/m,
        library/bibliothèque/f, hospital/hôpital/m, museum/musée/m, hotel/hôtel/m,
        restaurant/restaurant/m, office/bureau/m, university/université/f, zoo/zoo/m,
        bakery/boulangerie/f, park/parc/m, movies/cinéma/m""",
    "outside": "street/rue/f, forest/forêt/f, river/rivière/f, island/île/f, lake/lac/m",
    "sound": "noise/bruit/m, voice/voix:voix/f, song/chanson/f, bird/oiseau/m",
}

# Adjectives: french[:feminine]/english; "<" stands before the noun, "=" is invariable.
ADJECTIVE_TABLE = """
<petit/small, <grand/big, <gros:grosse/big, <beau:belle/beautiful, <joli/pretty,
<nouveau:nouvelle/new, <vieux:vieille/old, <jeune/young, <bon:bonne/good, <mauvais/bad,
<long:longue/long, rouge/red, bleu/blue, vert/green, blanc:blanche/white, noir/black,
jaune/yellow, =marron/brown, gris/gray, cher/expensive, lourd/heavy, léger/light,
propre/clean, sale/dirty, vide/empty, plein/full, cassé/broken, intéressant/interesting,
difficile/difficult, facile/easy, mouillé/wet, sec:sèche/dry, moderne/modern, utile/useful,
rond/round, ouvert/open, fermé/closed, confortable/comfortable, important/important,
chaud/hot, froid/cold, rapide/fast, lent/slow, dangereux/dangerous, délicieux/delicious,
sucré/sweet, salé/salty, mûr/ripe, calme/calm, gentil:gentille/nice, riche/rich,
pauvre/poor, fort/strong, faible/weak, drôle/funny, sérieux/serious, timide/shy,
paresseux/lazy, courageux/brave, jaloux/jealous, poli/polite, honnête/honest,
curieux/curious, célèbre/famous, intelligent/smart, patient/patient, nerveux/nervous,
généreux/generous, prudent/careful, fou:folle/crazy, méchant/mean, sympathique/friendly,
créatif/creative, têtu/stubborn, bavard/talkative, élégant/elegant, fatigué/tired,
heureux/happy, triste/sad, malade/sick, prêt/ready, occupé/busy, seul/alone, libre/free,
inquiet:inquiète/worried, surpris/surprised, déçu/disappointed, =en colère/angry,
=en retard/late, marié/married, célibataire/single, absent/absent, blessé/injured,
=en danger/in danger, =en bonne santé/healthy, pressé/in a hurry, fier/proud,
français/French, anglais/English, américain/American, italien/Italian, allemand/German,
espagnol/Spanish, canadien/Canadian, japonais/Japanese, belge/Belgian, étrange/strange,
ennuyeux/boring, vrai/true, faux:fausse/false, possible/possible, impossible/impossible,
simple/simple, parfait/perfect, normal/normal, =en panne/broken down, tranquille/quiet
"""

# What may be said of what ("french" or "french:english" to override the English word).
PREDICATES = {
    "trait": """calme gentil gentil:kind grand:tall petit riche pauvre jeune vieux fort
        faible drôle sérieux timide paresseux courageux jaloux poli honnête curieux célèbre
        intelligent intelligent:intelligent patient nerveux généreux prudent fou méchant
        sympathique créatif têtu bavard élégant""",
    "state": """fatigué heureux triste malade prêt occupé seul libre inquiet surpris déçu
        en_colère en_retard marié célibataire absent blessé en_danger en_bonne_santé pressé
        malade:ill calme:calm nerveux:nervous""",
    "nation": "français anglais américain italien allemand espagnol canadien japonais belge",
    "thing": "nouveau vieux rouge bleu vert noir blanc lourd léger cassé sale petit cher",
    "clothes": "nouveau rouge bleu vert noir blanc jaune gris sale propre cher mouillé sec beau",
    "vehicle": "nouveau vieux rouge bleu noir blanc rapide sale propre cher en_panne",
    "furniture": "nouveau vieux blanc noir grand petit lourd beau sale propre",
    "room": "grand petit propre sale sombre vide calme:quiet".replace("sombre ", ""),
    "building": "grand petit vieux nouveau beau moderne vide ouvert fermé",
    "text": "long intéressant ennuyeux drôle difficile facile bon",
    "show": "long intéressant ennuyeux drôle étrange bon",
    "idea": "difficile facile intéressant important simple étrange",
    "animal": "petit gros beau jeune vieux malade fatigué dangereux drôle noir blanc intelligent",
    "snack": "bon délicieux mûr petit gros", "staple": "bon délicieux chaud froid cher",
    "drink": "bon froid chaud délicieux",
    "it": """facile difficile important vrai faux possible impossible simple parfait normal
        étrange drôle intéressant ennuyeux dangereux délicieux cher trop_tard:too_late""",
}
ATTRIBUTES = {
    "thing": "nouveau vieux petit beau rouge bleu vert noir",
    "clothes": "nouveau vieux beau joli rouge bleu vert noir blanc jaune gris marron",
    "vehicle": "nouveau vieux petit rouge bleu noir blanc gris",
    "animal": "petit:little gros noir blanc vieux jeune beau",
    "snack": "gros petit:small bon", "building": "grand petit vieux beau nouveau moderne",
    "person": "jeune vieux gentil riche célèbre intelligent",
    "furniture": "nouveau vieux petit grand beau", "text": "bon nouveau vieux long intéressant",
    "show": "bon nouveau vieux long intéressant", "room": "grand petit beau",
    "idea": "difficile facile important intéressant", "pairs": "nouveau vieux rouge noir blanc",
    "outside": "petit grand beau", "sound": "étrange",
}
UNGRADED = {"seul", "marié", "célibataire", "absent", "blessé", "en danger", "cassé", "vide",
            "ouvert", "fermé", "en panne", "en bonne santé", "délicieux", "parfait", "vrai",
            "faux", "possible", "impossible", "rouge", "bleu", "vert", "noir", "blanc",
            "jaune", "gris", "nouveau", "trop tard", "rond", "prêt", "occupé:"}
EUPHONIC = {"beau": "bel", "nouveau": "nouvel", "vieux": "vieil"}
