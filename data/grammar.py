"""Write grammar.tsv: everyday English-French sentence pairs from a small grammar.

How the corpus is made.  Everything comes from this file: a hand-written lexicon (the
tables at the top), the rules of the two languages (one function per rule) and about
forty sentence patterns.  A function marked ``@pattern`` writes a sentence; one marked
``@idea`` gives a subject with something to say about it, which is then stated, denied,
asked or reported.  Words are drawn with a seeded random generator and both languages
are built together, so that the same seed always writes the same bytes.  An English
sentence is kept only once, with one French translation.

Conventions: "you" is "tu", "they" is "ils", "I" and "we" are masculine, the English
simple past is the passé composé, the past of a state and "was ...ing" the imparfait.

Marks used inside unfinished ("raw") French and English text:
    *word    aspirated start: no elision, no liaison form (le *héros, le *onze)
    [une]    article that turns into "de" under negation (English [some] -> any)
    le_      object pronoun, which never contracts (de le voir)
    {mon}    word that agrees with the subject (mon/ton/son; {moi}, {me}, {my}...)
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from random import Random

Pair = tuple[str, str]
NONE: Pair = ("", "")

# --------------------------------------------------------------------------------------
# Lexicon.  Nouns: english[:plural]/french[:plural]/gender.  "*" marks an aspirated h.
# --------------------------------------------------------------------------------------

NOUN_TABLE = """
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
"""

# Adjectives: french[:feminine]/english; "<" stands before the noun, "=" is invariable.
ADJECTIVE_TABLE = """
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
"""

# What may be said of what ("french" or "french:english" to override the English word).
PREDICATES = """
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
"""
ATTRIBUTES = """
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
"""
# Adjectives that take no "very".
UNGRADED = """seul marié célibataire absent blessé en_danger cassé vide ouvert fermé en_panne
    en_bonne_santé délicieux parfait vrai faux possible impossible rouge bleu vert noir blanc jaune
    gris neuf trop_tard prêt pressé libre mûr malade français anglais américain italien allemand
    espagnol canadien japonais belge"""
EUPHONIC = {"beau": "bel", "nouveau": "nouvel", "vieux": "vieil"}

# French irregular verbs: stem+ending..., then je tu il nous ils participle future.
IRREGULAR_TABLE = """
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
"""
ETRE_VERBS = """
aller venir revenir partir sortir arriver rester tomber entrer rentrer mourir naître
"""

# English irregular verbs: base, past, participle.
ENGLISH_IRREGULAR = """
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
"""

# Verb phrases: english forms[+particle]/french infinitive/flags[/english/french complement].
# Flags: h habit, g in progress, e event, s state, b past of a state (imparfait),
# i willed (imperative, modals), c skill (savoir), m motion, w where-question, t how-question.
FIXED_TABLE = """
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
"""

# Transitive verbs: forms/french/flags/determiners:nouns ...  (groups below, or noun kinds).
TRANSITIVE_TABLE = """
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
"""
NOUN_GROUPS = """
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
games: book movie song car dress
"""
# Direct person objects, indirect objects, gifts: forms/french/flags.
DIRECT_TABLE = """
see/voir/se; know/connaître/s; love/aimer/s; help/aider/geit; call/appeler/eiw; invite/inviter/ei;
follow/suivre/gei; wait+for/attendre/geiw; look+for/chercher/ge; watch/regarder/gei; listen+to/écouter/gei;
hear/entendre/se; understand/comprendre/s; believe/croire/sei; hate/détester/s; thank/remercier/ei;
recognize/reconnaître/e; find/trouver/ewt; forget/oublier/e; admire/admirer/s; kiss/embrasser/ei;
meet/rencontrer/ewt
"""
IT_TABLE = """
buy/acheter/eiw; sell/vendre/ei; read/lire/ei; want/vouloir/s; see/voir/se; find/trouver/ewt;
lose/perdre/ew; take/prendre/ei; open/ouvrir/eit; close/fermer/ei; eat/manger/ei; understand/comprendre/s
"""
INDIRECT_TABLE = """
talk+to/parler/gei; speak+to/parler/gei; answer/répondre/ei; write+to/écrire/gei; lie+to/mentir/e;
smile+at/sourire/ge; phone/téléphoner/ei
"""
GIVE_TABLE = """
give/donner/ei/a+the+this:goods,snack,books; send/envoyer/ei/a+the+this:sent;
show/montrer/ei/the+own+this:text,goods,books; lend/prêter/ei/the+own+this:books,goods;
bring/apporter/ei/a+the:snack,books,sent; sell/vendre/e/own+the:owned;
read/lire/e/a:letter,poem,story,book; offer/offrir/e/a:book,flower,watch,ring,hat,guitar
"""
# Verbs that rule an infinitive: forms+particle/french/tenses/options.  Tenses: p present,
# b imparfait, e passé composé, f future, g progressive, + never denied.  Options: c conditional,
# g English -ing, a only of habits.
CONTROL_TABLE = """
can/pouvoir/p; must/devoir/p; can/pouvoir/p; want+to/vouloir/pb; want+to/vouloir/pb; have+to/devoir/pef+;
would+like to/vouloir/p/c; should/devoir/p/c; need+to/avoir besoin de/pb; like+to/aimer/p/a;
like/aimer/p/ga; love+to/adorer/p/a; hate/détester/p/ga; prefer+to/préférer/p+/a; try+to/essayer de/ge;
decide+to/décider de/e; refuse+to/refuser de/pe+; hope+to/espérer/p+; promise+to/promettre de/e;
start+to/commencer à/e+; stop/arrêter de/e+/ga; forget+to/oublier de/e; feel+like/avoir envie de/p/g;
plan+to/avoir l'intention de/p
"""

FIRST_NAMES = """
m: Paul Tom Pierre Luc David Thomas Antoine Louis Max Julien Éric Olivier
f: Marie Julie Sophie Alice Emma Anne Claire Sarah Nina Lucie Isabelle
"""
NUMBER_TABLE = """
two/deux, three/trois, four/quatre, five/cinq, six/six, seven/sept, eight/*huit, nine/neuf, ten/dix,
eleven/*onze, twelve/douze, fifteen/quinze, twenty/vingt, thirty/trente, forty/quarante, fifty/cinquante,
sixty/soixante, a hundred/cent
"""
DAY_TABLE = """
Monday/lundi, Tuesday/mardi, Wednesday/mercredi, Thursday/jeudi, Friday/vendredi, Saturday/samedi,
Sunday/dimanche
"""
MONTHS = """
January/janvier, February/février, March/mars, April/avril, May/mai, June/juin, July/juillet, August/août,
September/septembre, October/octobre, November/novembre, December/décembre
"""
LANGUAGES = """
French/français, English/anglais, Spanish/espagnol, German/allemand, Italian/italien, Japanese/japonais,
Chinese/chinois, Russian/russe, Arabic/arabe
"""
CITIES = """
Paris/Paris, London/Londres, Rome/Rome, Berlin/Berlin, Tokyo/Tokyo, Lyon/Lyon, Brussels/Bruxelles,
Geneva/Genève, Montreal/Montréal, Madrid/Madrid, Venice/Venise, Athens/Athènes, Amsterdam/Amsterdam,
New York/New York, Marseille/Marseille, Barcelona/Barcelone
"""
COUNTRIES = """
France/France/f, Italy/Italie/f, Spain/Espagne/f, Germany/Allemagne/f, Canada/Canada/m, Japan/Japon/m,
Belgium/Belgique/f, Switzerland/Suisse/f, China/Chine/f, England/Angleterre/f, Portugal/Portugal/m,
Brazil/Brésil/m, Mexico/Mexique/m, Morocco/Maroc/m, Greece/Grèce/f, the United States/États-Unis/p,
Africa/Afrique/f
"""
JOBS = """
doctor/médecin/médecin, lawyer/avocat/avocate, student/étudiant/étudiante, baker/boulanger/boulangère,
teacher/professeur/professeure, nurse/infirmier/infirmière, dentist/dentiste/dentiste,
journalist/journaliste/journaliste, cook/cuisinier/cuisinière, engineer/ingénieur/ingénieure,
musician/musicien/musicienne, farmer/fermier/fermière, police officer/policier/policière,
artist/artiste/artiste, writer/écrivain/écrivaine, architect/architecte/architecte,
secretary/secrétaire/secrétaire, singer/chanteur/chanteuse
"""
PLACES = """
at school/à la école, at work/à le travail, in the kitchen/dans la cuisine, in the garden/dans le jardin,
at the office/à le bureau, at the station/à la gare, at the restaurant/à le restaurant,
at the market/à le marché, in bed/à le lit, at the hospital/à le hôpital, at the library/à la bibliothèque,
at the beach/à la plage, at the hotel/à le hôtel, in the street/dans la rue, outside/dehors, here/ici,
on the train/dans le train, at the doctor's/chez le médecin, in the car/dans la voiture,
at the airport/à le aéroport, in the bathroom/dans la salle de bains, upstairs/en haut,
at the theater/à le théâtre, in the living room/dans le salon, at church/à la église,
at the swimming pool/à la piscine, at the supermarket/à le supermarché, in prison/en prison,
on vacation/en vacances, in the bedroom/dans la chambre, downstairs/en bas
"""
# be + adjective in English, avoir + noun in French.
FEELINGS = """
hungry/faim, thirsty/soif, cold/froid, hot/chaud, sleepy/sommeil, afraid/peur, right/raison, wrong/tort,
lucky/[de la] chance, ashamed/*honte, hungry/faim, thirsty/soif
"""
LOOKS = """
blue eyes/les yeux bleus, brown eyes/les yeux marron, green eyes/les yeux verts,
black hair/les cheveux noirs, long hair/les cheveux longs, short hair/les cheveux courts,
gray hair/les cheveux gris, blond hair/les cheveux blonds, brown hair/les cheveux bruns,
a headache/mal à la tête, a stomachache/mal à le ventre, a sore throat/mal à la gorge,
a toothache/mal à les dents, a cold/[un] rhume, a fever/[de la] fièvre
"""
BODY = """
head/la tête, back/le dos, stomach/le ventre, teeth/les dents, feet/les pieds, eyes/les yeux,
throat/la gorge, arm/le bras, leg/la jambe, knee/le genou, hand/la main, ear/la oreille
"""
LIKED = """
music/la musique, sports/le sport, winter/le hiver, summer/le été, school/la école, history/la histoire,
math/les mathématiques, the sea/la mer, chess/les échecs, poetry/la poésie, snow/la neige, rain/la pluie,
flowers/les fleurs, science/les sciences, the mountains/la montagne, movies/le cinéma, tennis/le tennis,
jazz/le jazz, autumn/le automne, art/le art, spiders/les araignées
"""
HABITS = """
every day/tous les jours, on weekends/le week-end, on Mondays/le lundi, on Saturdays/le samedi,
on Sundays/le dimanche, on Fridays/le vendredi
"""
PASTS = """
yesterday/hier, last night/hier soir, this morning/ce matin, last week/la semaine dernière,
on Monday/lundi, on Friday/vendredi, on Sunday/dimanche, two days ago/il y a deux jours,
last Saturday/samedi dernier, three days ago/il y a trois jours, an hour ago/il y a une heure,
yesterday morning/hier matin, last Tuesday/mardi dernier, last weekend/le week-end dernier
"""
FUTURES = """
tomorrow/demain, tonight/ce soir, tomorrow morning/demain matin, next week/la semaine prochaine,
on Monday/lundi, on Thursday/jeudi, next Saturday/samedi prochain, this weekend/ce week-end,
on Sunday/dimanche, this afternoon/cet après-midi, tomorrow evening/demain soir,
in two days/dans deux jours
"""
NOWS = "now/maintenant, right now/en ce moment, at the moment/en ce moment"
OFTEN = "often/souvent, always/toujours, sometimes/parfois, rarely/rarement"
WEATHER = """
it's raining/il pleut, it's snowing/il neige, it's cold/il fait froid, it's hot/il fait chaud,
it's windy/il y a du vent, it's foggy/il y a du brouillard, it's sunny/il y a du soleil,
the weather is nice/il fait beau, the weather is bad/il fait mauvais, it's dark/il fait nuit
"""
WEATHER_PAST = """
it was raining/il pleuvait, it was snowing/il neigeait, it was cold/il faisait froid,
it was hot/il faisait chaud, it was windy/il y avait du vent, the weather was nice/il faisait beau,
the weather was bad/il faisait mauvais, it was foggy/il y avait du brouillard
"""
WEATHER_NEXT = """
it's going to rain/il va pleuvoir, it's going to snow/il va neiger, it's going to be cold/il va faire froid,
it will rain/il pleuvra, it will snow/il neigera, it will be hot/il fera chaud,
it won't rain/il ne pleuvra pas
"""
CONTAINERS = """
glass/[un] verre/water milk wine orange_juice lemonade apple_juice/drink like,
cup/[une] tasse/coffee tea hot_chocolate/drink like, bottle/[une] bouteille/water wine/buy like,
piece/[un] morceau/bread cheese chocolate meat/eat like, slice/[une] tranche/ham bread/eat like,
kilo/[un] kilo/rice sugar meat flour/buy, liter/[un] litre/milk water oil/buy
"""
MANNER_TABLE = """
sleep/dormir/wvlmnb; work/travailler/wlmn; eat/manger/wlmn; sing/chanter/wvb; dance/danser/wvb;
swim/nager/wvb; cook/cuisiner/wvb; drive/conduire/wvb; play/jouer/wvb; talk/parler/lm; smoke/fumer/lm;
travel/voyager/lm; laugh/rire/l; cry/pleurer/l; study/étudier/ln; drink/boire/lm;
walk/marcher/l; write/écrire/wl
"""
ROUTINE_TABLE = """
leave/partir/; arrive/arriver/; get/se lever//up; go/se coucher//to bed; wake/se réveiller//up;
have/prendre//breakfast/le petit-déjeuner; have/dîner//dinner; start/commencer//work/le travail;
finish/finir//work/le travail; go/rentrer//home/chez {moi}; come+back/revenir/; have/déjeuner//lunch
"""
ANIMAL_TABLE = """
sleep/dormir/ge; eat/manger/ge; run/courir/ge/in the garden/dans le jardin; play/jouer/ge/outside/dehors;
drink/boire/ge/water/[de la] eau; sleep/dormir/ge/under the tree/sous le arbre;
hide/se cacher/ge/behind the house/derrière la maison; look+for/chercher/ge/food/[de la] nourriture
"""
WHAT_TABLE = """
buy/acheter/ge; eat/manger/ge; do/faire/ge; do/faire/ge; read/lire/g; drink/boire/g; see/voir/se;
say/dire/e; find/trouver/e; want/vouloir/s; look+for/chercher/g; draw/dessiner/g; write/écrire/g;
hear/entendre/e; choose/choisir/e; wait+for/attendre/g; prefer/préférer/s; watch/regarder/g; lose/perdre/e;
sell/vendre/g; cook/préparer/g; learn/apprendre/ge; bring/apporter/e; steal/voler/e
"""
# Activities that last, with "y" when they last for years.
SINCE_TABLE = """
live/habiter//here/ici/y; work/travailler//here/ici/y; wait/attendre////; sleep/dormir////;
study/étudier////; learn/apprendre//French/le français/y; work/travailler////y; read/lire////;
live/habiter//in Paris/à Paris/y; play/jouer//the piano/de le piano/y; play/jouer//outside/dehors/;
talk/parler////; walk/marcher////; cry/pleurer////; learn/apprendre//English/le anglais/y;
wait/attendre//outside/dehors/; live/habiter//in this house/dans cette maison/y
"""
RELATIVE_TABLE = """
read/lire/progressive/text; watch/regarder/progressive/show; buy/acheter/past/clothes,vehicle;
see/voir/past/show,animal; find/trouver/past/thing,object; read/lire/past/text;
visit/visiter/past/building; eat/manger/past/snack; wear/porter/progressive/clothes;
choose/choisir/past/clothes,furniture
"""
REPORTS = """
I think/je pense, I know/je sais, I'm sure/je suis sûr, he says/il dit, she says/elle dit,
they say/ils disent, I believe/je crois, Marie thinks/Marie pense, he knows/il sait
"""
CONDITIONS = """
it rains/il pleut, it snows/il neige, you want/tu veux, it's cold/il fait froid,
it rains tomorrow/il pleut demain, the weather is nice/il fait beau, you help me/tu m'aides
"""
MANNERS = "well/bien, very well/très bien, a lot/beaucoup, too much/trop, enough/assez, badly/mal"
RECENT = "yesterday/hier, last night/hier soir, this morning/ce matin"
COMPARED = """
clothes/beau cher chaud:warm; vehicle/rapide cher; show/long drôle; text/long intéressant difficile;
thing/lourd cher; object/petit cher; room/grand petit; building/grand beau; idea/difficile simple facile;
snack/gros
"""
OWN_ONES = """
your/mine/le mien/la mienne, his/mine/le mien/la mienne, her/mine/le mien/la mienne,
my/yours/le tien/la tienne, my/his/le sien/la sienne, our/theirs/le leur/la leur
"""
AMOUNTS = "a lot of/beaucoup de, enough/assez de, too MUCH/trop de, a few/quelques, a little/un peu de"
TAKING_TABLE = "drink/boire/ge; eat/manger/ge; buy/acheter/ge; have/avoir/s; would+like/vouloir/s/c"
WORLD_TABLE = """
live+in/habiter/sb; live+in/habiter/sb; work+in/travailler/he; study+in/étudier/ge; go+to/aller/gem;
go+to/aller/gem; come+back from/revenir/e; come+from/venir/s; be+in/être/sb
"""
WAYS = (
    "/, by car/en voiture, by bus/en bus, by bike/à vélo, on foot/à pied, with {my} friends/avec {mes} amis"
)
MINUTES = """
HOUR/, HOUR o'clock/, half past HOUR/et demie, a quarter past HOUR/et quart, a quarter to HOUR/moins le quart
"""
WH_TABLE = "where/où/w/; when/quand/ei/past going; how/comment/t/past; what time/à quelle heure//present past"
COUNTED_TABLE = """
have//books,pets,friends,child,brother,sister; buy/acheter/snack,goods,clothes; see/voir/animal;
read/lire/text; eat/manger/snack; want//snack; write/écrire/written; take/prendre/books
"""
OWNERS = ["my", "your", "his", "her", "our"]
OWNED_KINDS = {"thing", "object", "clothes", "vehicle", "room"}
# Sentences that are correct but odd.
UNLIKELY = re.compile(
    r"\b(child|children|boys?|girls?)\b.*\b(smok\w*|wine|beer|married|single|vot\w*|work\w*)\b"
    r"|grand\w+ is (twenty|thirty|forty)|(mother|father) is twenty|You would(n't| not)"
    r"|(city|village)\b.* in this (city|village)|breakfast at .*(noon|midnight|one|two|three|four)"
)
# Where things are, with the kinds of nouns that may be found there.
SPOTS = """
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
"""
# Sentences; the slots in braces are filled alike on both sides.
TEMPLATES = """
Good morning.|Bonjour.; Good evening.|Bonsoir.; Good night.|Bonne nuit.; Thank you.|Merci.;
Thank you very much.|Merci beaucoup.; Thanks for your help.|Merci pour ton aide.; You're welcome.|De rien.;
Excuse me.|Excuse-moi.; I'm sorry.|Je suis désolé.; See you tomorrow.|À demain.; See you soon.|À bientôt.;
See you later.|À plus tard.; How are you?|Comment vas-tu ?; I'm fine, thank you.|Je vais bien, merci.;
Happy birthday!|Bon anniversaire !; Happy New Year!|Bonne année !; Good luck!|Bonne chance !;
Have a good trip!|Bon voyage !; Enjoy your meal!|Bon appétit !; Of course not.|Bien sûr que non.;
Me too.|Moi aussi.; Me neither.|Moi non plus.; I don't know.|Je ne sais pas.; I agree.|Je suis d'accord.;
I don't agree.|Je ne suis pas d'accord.; It doesn't matter.|Ce n'est pas grave.;
What's happening?|Qu'est-ce qui se passe ?; What happened?|Qu'est-ce qui s'est passé ?;
What is this?|Qu'est-ce que c'est ?; What's the matter?|Qu'est-ce qu'il y a ?;
What time is it?|Quelle heure est-il ?; What day is it today?|Quel jour sommes-nous aujourd'hui ?;
How do you say that in French?|Comment dit-on cela en français ?;
Where are the toilets?|Où sont les toilettes ?; Be careful!|Fais attention !; Be quiet!|Tais-toi !;
Sit down.|Assieds-toi.; Come in!|Entre !; Come here.|Viens ici.; Hurry up!|Dépêche-toi !;
Leave me alone.|Laisse-moi tranquille.; Don't worry.|Ne t'inquiète pas.; Don't be afraid.|N'aie pas peur.;
Be patient.|Sois patient.; Don't be late.|Ne sois pas en retard.; Let's go!|Allons-y !;
I'm joking.|Je plaisante.; I love you.|Je t'aime.; I miss you.|Tu me manques.;
I need you.|J'ai besoin de toi.; Follow me.|Suis-moi.; That's all.|C'est tout.; That's enough.|Ça suffit.;
That's a good idea.|C'est une bonne idée.; It's my turn.|C'est mon tour.; It's your turn.|C'est ton tour.;
It's not fair.|Ce n'est pas juste.; The sky is blue.|Le ciel est bleu.;
Snow is white.|La neige est blanche.
where is {kin}?|où est {kin} ?; how is {kin}?|comment va {kin} ?; how old is {kin}?|quel âge a {kin} ?
where is {name}?|où est {name} ?; how is {name}?|comment va {name} ?; how old is {name}?|quel âge a {name} ?
where was {name} {past}?|où était {name} {past} ?; where was {kin} {past}?|où était {kin} {past} ?
where is {the:person}?|où est {the:person} ?; where was {the:person} {past}?|où était {the:person} {past} ?
where were you {past}?|où étais-tu {past} ?; where was he {past}?|où était-il {past} ?
where was she {past}?|où était-elle {past} ?; where were they {past}?|où étaient-ils {past} ?
what's {kin}'s name?|comment s'appelle {kin} ?
my name is {name}.|je m'appelle {name}.; his name is {man}.|il s'appelle {man}.
her name is {woman}.|elle s'appelle {woman}.; {kin}'s name isn't {name}.|{kin} ne s'appelle pas {name}.
how much does {one:goods,clothes,object} cost?|combien coûte {one:goods,clothes,object} ?
{one:goods,clothes,object} costs {number} euros.|{one:goods,clothes,object} coûte {number} euros.
where is {my:thing,object,clothes,vehicle}?|où est {my:thing,object,clothes,vehicle} ?
what color is {my:clothes,vehicle}?|de quelle couleur est {my:clothes,vehicle} ?
what {what}!|{what} !; today is {day}.|aujourd'hui, c'est {day}.; tomorrow is {day}.|demain, c'est {day}.
is it {day} today?|est-ce que c'est {day} aujourd'hui ?; it's {clock}.|il est {clock}.
it is {clock}.|il est {clock}.; my birthday is in {month}.|mon anniversaire est en {month}.
your birthday is in {month}.|ton anniversaire est en {month}.
her birthday is in {month}.|son anniversaire est en {month}.; see you on {day}.|à {day}.
the party is on {day}.|la fête est {day}.; the meeting is at {clock}.|la réunion est à {clock}.
the store opens at {clock}.|le magasin ouvre à {clock}.
the museum closes at {clock}.|le musée ferme à {clock}.
does the store close at {clock}?|est-ce que le magasin ferme à {clock} ?
{now}.|{now}.; {now} today.|{now} aujourd'hui.; {now} in {in}.|{now} {in}.; {was} {past}.|{was} {past}.
{was} in {in}.|{was} {in}.; {was} in {in} {past}.|{was} {in} {past}.; {will} {later}.|{will} {later}.
{will} in {in} {later}.|{will} {in} {later}.; {will} in {in}.|{will} {in}.
"""

# --------------------------------------------------------------------------------------
# Words and sentences.
# --------------------------------------------------------------------------------------


def entries(table: str) -> list[list[str]]:
    """Split a table with commas between entries and slashes between fields."""
    return [[field.strip() for field in entry.split("/")] for entry in table.split(",")]


def sections(table: str) -> dict[str, str]:
    """Split a table of "name: ..." paragraphs."""
    parts = re.split(r"^(\w+): ", table, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def tenses(names: str) -> list[Setting]:
    return [Setting(tense) for tense in names.split()]


def rows(table: str) -> list[list[str]]:
    """Split a table with semicolons between entries."""
    return [row.strip().split("/") for row in re.split(r"[;\n]", table) if row.strip()]


@dataclass(frozen=True)
class Noun:
    """A noun in both languages; kind is the lexicon table it came from."""

    en: str
    en_plural: str
    fr: str
    fr_plural: str
    gender: str
    kind: str

    @property
    def mass(self) -> bool:
        return self.kind in {"staple", "drink", "mass", "spice"}


@dataclass(frozen=True)
class Adjective:
    """An adjective; front ones stand before the French noun."""

    en: str
    masculine: str
    feminine: str
    front: bool = False
    invariable: bool = False

    def form(self, gender: str, plural: bool = False) -> str:
        if self.invariable:
            return self.masculine
        return agree(self.masculine, gender, plural, self.feminine)


@dataclass(frozen=True)
class Verb:
    """English forms, French infinitive (with its fixed tail) and usage flags."""

    en: str
    past: str
    participle: str
    particle: str
    fr: str
    flags: str = ""
    tail: str = ""
    reflexive: bool = False
    conditional: bool = False
    gerund: bool = False


@dataclass(frozen=True)
class Phrase:
    """A verb with its complements.  direct is the gender and number of an object placed
    before the verb (the participle agrees); french_verb is set when it is another verb."""

    verb: Verb
    en: str = ""
    fr: str = ""
    clitic: str = ""
    direct: tuple[str, bool] | None = None
    french_verb: Verb | None = None


@dataclass(frozen=True)
class Setting:
    """A tense with an adverb at the end and one in the middle, in both languages."""

    tense: str
    end: Pair = NONE
    mid: Pair = NONE


@dataclass(frozen=True)
class Np:
    """A noun phrase or pronoun; person is 0 je, 1 tu, 2 il/elle, 3 nous, 4 ils/elles."""

    en: str
    fr: str
    person: int = 2
    gender: str = "m"
    pronoun: bool = False

    @property
    def plural(self) -> bool:
        return self.person >= 3

    @property
    def strong(self) -> Pair:
        """The stressed pronoun: me/moi, you/toi..."""
        if self.gender == "f" and self.person in {2, 4}:
            return ("her", "elle") if self.person == 2 else ("them", "elles")
        return (("me", "moi"), ("you", "toi"), ("him", "lui"), ("us", "nous"), ("them", "eux"))[self.person]

    def fill(self, text: str) -> str:
        """Replace {my}, {mon}, {ma}, {mes}, {moi} and {me} by the forms of this subject."""
        if "{" not in text:
            return text
        my = ("my", "your", "her" if self.gender == "f" else "his", "our", "their")[self.person]
        mon, ma, mes = POSSESSIVES[my]
        me = ("me", "te", "se", "nous", "se")[self.person]
        return text.format(my=my, mon=mon, ma=ma, mes=mes, me=me, moi=self.strong[1])


POSSESSIVES = {
    det: (mon, ma, mes)
    for det, mon, ma, mes in entries(
        "my/mon/ma/mes, your/ton/ta/tes, his/son/sa/ses, her/son/sa/ses, our/notre/notre/nos,"
        "their/leur/leur/leurs, own/{mon}/{ma}/{mes}"
    )
}
PRONOUNS = [
    Np(*row[:2], person=int(row[2]), gender=row[3], pronoun=True)
    for row in entries("I/je/0/m, you/tu/1/m, he/il/2/m, she/elle/2/f, we/nous/3/m, they/ils/4/m")
]
JE, TU, IL, ELLE, NOUS, ILS = PRONOUNS


# --- French rules ---------------------------------------------------------------------


def vowel_start(word: str) -> bool:
    """True before a vowel or a mute h; "*" marks the aspirated exceptions."""
    word = word.lower()
    return word == "y" or word[:1] in tuple("aeiouhàâéèêîïôœ")


def elide(text: str) -> str:
    """je + ai -> j'ai, le + ami -> l'ami, ce + est -> c'est, si + il -> s'il."""
    words = text.split()
    out = ""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        base = word.rstrip("_")
        elided = (
            (base in {"je", "me", "te", "se", "le", "la", "de", "ne", "que"} and vowel_start(following))
            or (word == "ce" and following in {"est", "était"})
            or (word == "si" and following in {"il", "ils"})
        )
        out += base[:-1] + "'" if elided else word + " "
    return out.strip()


def contract(text: str) -> str:
    """à + le -> au, à + les -> aux, de + le -> du, de + les -> des."""
    forms = {"à le": "au", "à les": "aux", "de le": "du", "de les": "des"}
    return re.sub(r"(?<![\w'])(?:à|de) les?(?= )", lambda match: forms[match[0]], text)


def negate(text: str) -> str:
    """Under negation an indefinite or partitive article becomes "de"."""
    return re.sub(r"\[[^]]*\]", "de", text)


def plain(text: str) -> str:
    """Keep the bracketed articles as they are."""
    return text.replace("[", "").replace("]", "")


def feminine(word: str) -> str:
    """Regular feminine of an adjective or participle."""
    for end, new in (("e", "e"), ("x", "se"), ("er", "ère"), ("f", "ve"), ("ien", "ienne")):
        if word.endswith(end):
            return word.removesuffix(end) + new
    return word + "e"


def plural_fr(word: str) -> str:
    """Regular plural of a French noun or adjective."""
    if word.endswith(("s", "x", "z")):
        return word
    if word.endswith("eau"):
        return word + "x"
    return word[:-2] + "aux" if word.endswith("al") else word + "s"


def agree(word: str, gender: str, plural: bool, feminine_form: str = "") -> str:
    """Adjective or participle agreement in gender and number."""
    if gender == "f":
        word = feminine_form or feminine(word)
    return plural_fr(word) if plural else word


def determiner(det: str, noun: Noun, plural: bool, following: str, front: bool) -> str:
    """The French article, demonstrative, possessive or number before "following"."""
    column = 2 if plural else int(noun.gender == "f")
    vowel = vowel_start(following)
    if det in POSSESSIVES:  # mon amie
        return POSSESSIVES[det][0 if vowel and column == 1 else column]
    if det == "the":
        return ("le", "la", "les")[column]
    if det in {"this", "that"}:
        return ("cet" if vowel else "ce", "cette", "ces")[column]
    if det in NUMBERS:
        return NUMBERS[det]
    if plural:  # de belles fleurs
        return "[de]" if front else "[des]"
    if noun.mass:
        return "[de la]" if vowel or column else "[du]"
    return "[une]" if column else "[un]"


def irregular_forms() -> dict[str, list[str]]:
    """Infinitive -> five present forms, participle and future stem."""
    table = {}
    for (row,) in rows(IRREGULAR_TABLE):
        heads, _, endings = row.partition(": ")
        for head in heads.split():
            stem, _, infinitive_end = head.partition("+")
            table[stem + infinitive_end] = [stem + end for end in endings.split()]
    return table


IRREGULAR = irregular_forms()
NUMBERS = dict(entries(NUMBER_TABLE))


def regular_forms(verb: str) -> list[str]:
    """Present, participle and future stem of a regular -er, -ir or -re verb."""
    stem = verb[:-2]
    if verb.endswith("ir"):
        return [stem + end for end in ("is", "is", "it", "issons", "issent", "i", "ir")]
    if verb.endswith("re"):
        return [stem + end for end in ("s", "s", "", "ons", "ent", "u", "r")]
    mute, future = stem, stem + "er"  # mute: the stem before a silent ending
    if stem.endswith("y"):  # nettoyer, il nettoie
        mute = stem[:-1] + "i"
        future = mute + "er"
    elif re.search(r"e[^aeiouy]$", stem):  # acheter, il achète
        mute = stem[:-2] + "è" + stem[-1]
        future = mute + "er"
    elif re.search(r"é[^aeiouy]$", stem):  # préférer, il préfère
        mute = stem[:-2] + "è" + stem[-1]
    nous = stem + "e" if stem.endswith("g") else re.sub("c$", "ç", stem)
    return [mute + "e", mute + "es", mute + "e", nous + "ons", mute + "ent", stem + "é", future]


@dataclass(frozen=True)
class Conjugation:
    """The French forms from which all tenses are made."""

    present: tuple[str, ...]
    participle: str
    future: str
    imperfect: str


@cache
def conjugate(infinitive: str) -> Conjugation:
    forms = IRREGULAR.get(infinitive) or regular_forms(infinitive)
    imperfect = "ét" if infinitive == "être" else forms[3].removesuffix("ons")
    return Conjugation(tuple(forms[:5]), forms[5], forms[6], imperfect)


def finite(infinitive: str, mood: str, person: int) -> str:
    """A simple French form: present, future, imperfect or conditional."""
    forms = conjugate(infinitive)
    if mood == "present":
        return forms.present[person]
    if mood == "future":
        return forms.future + ("ai", "as", "a", "ons", "ont")[person]
    ending = ("ais", "ais", "ait", "ions", "aient")[person]
    if mood == "conditional":
        return forms.future + ending
    stem = forms.imperfect
    if person == 3:  # mangeais but mangions, commençais but commencions
        stem = re.sub("ç$", "c", re.sub("ge$", "g", stem))
    return stem + ending


def french(
    subject: Np, phrase: Phrase, tense: str, negation: str | None = None, mid: str = "", end: str = ""
) -> str:
    """The French clause; negation is None, "" (bare ne) or pas, jamais, plus..."""
    verb = phrase.french_verb or phrase.verb
    complements = f"{verb.tail} {phrase.fr}"
    if negation is not None:
        complements = negate(complements)
    head, participle = verb.fr, ""
    mood = {"past": "imperfect", "was": "imperfect", "future": "future"}.get(tense, "present")
    if verb.conditional:
        mood = "conditional"
    elif tense in {"past", "perfect"} and "b" not in verb.flags:
        head = "être" if verb.reflexive or verb.fr in ETRE_VERBS.split() else "avoir"
        mood, participle = "present", conjugate(verb.fr).participle
        if phrase.direct:
            participle = agree(participle, *phrase.direct)
        elif head == "être" and not (verb.reflexive and phrase.fr.startswith(("le", "la"))):
            participle = agree(participle, subject.gender, subject.plural)
    opening = f"{subject.fr} {'' if negation is None else 'ne'} {reflexive_or_clitic(phrase)}"
    form = finite(head, mood, subject.person)
    return subject.fill(" ".join([opening, form, negation or "", mid, participle, complements, end]))


def reflexive_or_clitic(phrase: Phrase) -> str:
    return "{me}" if (phrase.french_verb or phrase.verb).reflexive else phrase.clitic


# --- English rules --------------------------------------------------------------------

DOUBLED = {"run", "swim", "put", "sit", "get", "stop", "cut", "forget", "win", "set", "plan", "prefer"}
AUXILIARIES = {"can", "must", "should", "would"}
SHORT = {"am": "'m", "is": "'s", "are": "'re", "will": "'ll", "have": "'ve", "has": "'s", "would": "'d"}
SHORT_NOT = {"can": "can't", "will": "won't"}
NOT = "n't"


def add_s(word: str) -> str:
    """Plural of a noun, third person of a verb."""
    if word == "have":
        return "has"
    if re.search(r"(s|x|z|ch|sh|[^aeiou]o|^go)$", word):
        return word + "es"
    return word[:-1] + "ies" if re.search(r"[^aeiou]y$", word) else word + "s"


def add_ing(word: str) -> str:
    if word.endswith("ie"):
        return word[:-2] + "ying"
    if word in DOUBLED:
        return word + word[-1] + "ing"
    return word[:-1] + "ing" if re.search(r"[^e]e$", word) and word != "be" else word + "ing"


def add_ed(word: str) -> str:
    if word.endswith("e"):
        return word + "d"
    if word in DOUBLED:
        return word + word[-1] + "ed"
    return word[:-1] + "ied" if re.search(r"[^aeiou]y$", word) else word + "ed"


def a_or_an(following: str) -> str:
    vowel = following[0].lower() in "aeiou" and not following.startswith("uni")
    return "an" if vowel or following.startswith("hon") else "a"


def comparative(word: str) -> str:
    """taller, happier, more expensive."""
    if word in {"good", "bad"}:
        return {"good": "better", "bad": "worse"}[word]
    if word.endswith("y"):
        return word[:-1] + "ier"
    if len(re.findall(r"[aeiouy]+", word.removesuffix("e"))) > 1:
        return "more " + word
    if re.search(r"[^aeiou][aeiou][dgtn]$", word):
        word += word[-1]
    return word.removesuffix("e") + "er"


def be_form(subject: Np, past: bool = False) -> str:
    if past:
        return "were" if subject.plural or subject.person == 1 else "was"
    return ("am", "are", "is", "are", "are")[subject.person]


def auxiliary(subject: Np, verb: Verb, tense: str) -> Pair:
    """The English auxiliary (or be, do) of a tense, and the form that follows it."""
    third = subject.person == 2
    if tense in {"progressive", "was"}:
        return be_form(subject, tense == "was"), add_ing(verb.en)
    if tense == "perfect":
        return "has" if third else "have", verb.participle
    if tense == "future":
        return "will", verb.en
    if verb.en == "be":
        return be_form(subject, tense == "past"), ""
    if verb.en in AUXILIARIES:
        return verb.en, ""
    return "did" if tense == "past" else "does" if third else "do", verb.en


def auxiliary_not(subject: Np, aux: str, style: int) -> str:
    """I'm not, he isn't, he's not, she does not, they can't..."""
    if style == 0:
        return f"{subject.en} {'cannot' if aux == 'can' else aux + ' not'}"
    if aux == "am" or (style == 2 and subject.pronoun and aux in {"is", "are"}):
        return f"{subject.en}{SHORT[aux]} not"
    return f"{subject.en} {SHORT_NOT.get(aux, aux + NOT)}"


def english(
    subject: Np,
    phrase: Phrase,
    tense: str,
    negative: bool = False,
    mid: str = "",
    end: str = "",
    question: bool = False,
    style: int = 1,
) -> str:
    """The English clause; style 0 is the full form, 1 and 2 are contracted."""
    verb = phrase.verb
    aux, main = auxiliary(subject, verb, tense)
    complement = phrase.en
    if question or negative:
        complement = complement.replace("[some]", "any")
    if question and negative:
        head = [auxiliary_not(replace(subject, en="", pronoun=False), aux, 1), subject.en]
    elif question:
        head = [aux, subject.en]
    elif negative:
        head = [auxiliary_not(subject, aux, style)]
    elif aux in {"do", "does", "did"}:
        head = [subject.en]
        main = {"do": verb.en, "does": add_s(verb.en), "did": verb.past}[aux]
    elif subject.pronoun and style and aux in SHORT:
        head = [subject.en + SHORT[aux]]
    else:
        head = [subject.en, aux]
    return subject.fill(" ".join([*head, mid, main, verb.particle, complement, end]))


# --------------------------------------------------------------------------------------
# Building blocks.
# --------------------------------------------------------------------------------------


def parse_nouns() -> dict[str, list[Noun]]:
    table: dict[str, list[Noun]] = {}
    for kind, text in sections(NOUN_TABLE).items():
        for en, fr, gender in entries(text):
            en, _, en_plural = en.partition(":")
            fr, _, fr_plural = fr.partition(":")
            noun = Noun(en, en_plural or add_s(en), fr, fr_plural or plural_fr(fr), gender, kind)
            table.setdefault(kind, []).append(noun)
    return table


def parse_adjectives() -> dict[str, Adjective]:
    table = {}
    for fr, en in entries(ADJECTIVE_TABLE):
        word, _, feminine_form = fr.lstrip("<=").partition(":")
        table[word] = Adjective(en, word, feminine_form or feminine(word), fr[0] == "<", fr[0] == "=")
    return table


def adjectives(words: str) -> list[Adjective]:
    """Adjectives named in a list ("petit:little" overrides the English word)."""
    out = []
    for item in words.split():
        fr, _, en = item.replace("_", " ").partition(":")
        out.append(replace(ADJECTIVES[fr], en=en) if en else ADJECTIVES[fr])
    return out


@cache
def make_verb(en: str, fr: str, flags: str = "", options: str = "") -> Verb:
    """A verb from its two entries: "come+back", "se lever", "avoir besoin de"..."""
    base, _, particle = en.partition("+")
    past, participle = ENGLISH_PAST.get(base, (add_ed(base), add_ed(base)))
    reflexive = fr.startswith(("se ", "s'"))
    infinitive, _, tail = fr.removeprefix("se ").removeprefix("s'").partition(" ")
    return Verb(
        base, past, participle, particle, infinitive, flags, tail, reflexive, "c" in options, "g" in options
    )


def verb_table(table: str) -> list[tuple[Verb, list[str]]]:
    """The verbs of a table, each with the fields after its flags."""
    return [(make_verb(*row[:3]), row[3:]) for row in rows(table)]


@cache
def nouns_of(names: str) -> tuple[Noun, ...]:
    """Nouns of a comma-separated list of kinds, groups and English nouns."""
    groups = sections(NOUN_GROUPS)
    return tuple(
        noun
        for name in names.split(",")
        for noun in NOUNS.get(name) or [BY_NAME[en] for en in groups.get(name, name).split()]
    )


ENGLISH_PAST = {row[0].split()[0]: row[0].split()[1:] for row in entries(ENGLISH_IRREGULAR)}
NOUNS = parse_nouns()
BY_NAME = {noun.en: noun for nouns in reversed(NOUNS.values()) for noun in nouns}
ADJECTIVES = parse_adjectives()
PREDICATE = {kind: adjectives(words) for kind, words in sections(PREDICATES).items()}
ATTRIBUTE = {kind: adjectives(words) for kind, words in sections(ATTRIBUTES).items()}
UNGRADED_WORDS = {word.replace("_", " ") for word in UNGRADED.split()}
FIXED = [Phrase(verb, *rest) for verb, rest in verb_table(FIXED_TABLE)]
for _en, _fr in entries(LANGUAGES):
    FIXED.append(Phrase(make_verb("speak", "parler", "si"), _en, _fr))
    FIXED.append(Phrase(make_verb("learn", "apprendre", "gei"), _en, f"le {_fr}"))
TRANSITIVE = verb_table(TRANSITIVE_TABLE)
DIRECT, INDIRECT, THINGS = (
    [verb for verb, _ in verb_table(table)] for table in (DIRECT_TABLE, INDIRECT_TABLE, IT_TABLE)
)
GIVE = verb_table(GIVE_TABLE)
CONTROLS = [(make_verb(*row), "".join(row[3:])) for row in rows(CONTROL_TABLE)]
ROUTINES = [Phrase(verb, *rest) for verb, rest in verb_table(ROUTINE_TABLE)]
DESTINATIONS = [("to school", "à la école"), ("to work", "à le travail"), ("to church", "à la église")]
DESTINATIONS += [
    (f"to the {noun.en}", f"à {'la' if noun.gender == 'f' else 'le'} {noun.fr}") for noun in NOUNS["place"]
]
PARENT = Noun("parent", "parents", "parent", "parents", "m", "kin")
INDEFINITE = {"who": "qui", "nobody": "personne", "no one": "personne"}
INDEFINITE |= {"everybody": "tout le monde", "everyone": "tout le monde"}
BE, HAVE = make_verb("be", "être", "sb"), make_verb("have", "avoir", "sb")
GOING, JUST = make_verb("be+going to", "aller"), make_verb("come", "venir de")
CAN, KNOW_HOW = make_verb("can", "pouvoir", "p"), make_verb("can", "savoir", "p")
OBJECT_TABLE = "me/me/me, you/te/te, him/le_/lui, her/la_/lui, us/nous/nous, them/les_/leur"
OBJECTS = {row[0]: (row[1], row[2], who) for row, who in zip(entries(OBJECT_TABLE), PRONOUNS, strict=True)}
TEMPLATE_ROWS = [row.strip() for row in re.split(r"[;\n]", TEMPLATES) if row.strip()]
NAMES = {gender: names.split() for gender, names in sections(FIRST_NAMES).items()}
POLARITIES = {"not": "pas", "never": "jamais", "anymore": "plus", "yet": "pas encore"}


def noun_phrase(noun: Noun, det: str, adjective: Adjective | None = None, plural: bool = False) -> Np:
    """Determiner, noun and adjective; det is "a", "the", "some", "zero", "this", "that",
    a possessive, "own" (the subject's possessive) or a number."""
    plural = plural or det in NUMBERS
    core_en, core_fr = (noun.en_plural, noun.fr_plural) if plural else (noun.en, noun.fr)
    front = bool(adjective and adjective.front)
    if adjective:
        form = adjective.form(noun.gender, plural)
        if front and not plural and vowel_start(core_fr):  # un vieil ami
            form = EUPHONIC.get(form, form)
        core_en = f"{adjective.en} {core_en}"
        core_fr = f"{form} {core_fr}" if front else f"{core_fr} {form}"
    det_en = {"a": a_or_an(core_en), "zero": "", "some": "[some]", "own": "{my}"}.get(det, det)
    if plural and det in {"this", "that"}:
        det_en = {"this": "these", "that": "those"}[det]
    det_fr = determiner(det, noun, plural, core_fr.split()[0], front)
    return Np(f"{det_en} {core_en}".strip(), f"{det_fr} {core_fr}", 4 if plural else 2, noun.gender)


def random_object(rng: Random, spec: str) -> Np:
    """A noun phrase for an object specification such as "a+the:small some:veg"."""
    dets, _, names = rng.choice(spec.split()).partition(":")
    noun, det = rng.choice(nouns_of(names)), rng.choice(dets.split("+"))
    plural = det == "owns" or (det in {"some", "zero"} and not noun.mass)
    if det == "this":
        det, plural = rng.choice(["this", "this", "that"]), rng.random() < 0.2 and not noun.mass
    adjective = None
    if noun.kind in ATTRIBUTE and rng.random() < 0.25:
        adjective = rng.choice(ATTRIBUTE[noun.kind])
    return noun_phrase(noun, "own" if det == "owns" else det, adjective, plural)


def first_name(rng: Random, gender: str = "") -> Np:
    gender = gender or rng.choice("mf")
    given = rng.choice(NAMES[gender])
    return Np(given, given, 2, gender)


def relative(rng: Random, plural: bool = False) -> Np:
    """my brother, her parents, your wife..."""
    det = rng.choice(OWNERS)
    noun = rng.choice(NOUNS["kin"])
    if plural:
        noun = rng.choice([BY_NAME["child"], PARENT, *nouns_of("siblings")])
    elif rng.random() < 0.1:
        noun = BY_NAME[{"his": "wife", "her": "husband"}.get(det, noun.en)]
    return noun_phrase(noun, det, None, plural)


def random_subject(rng: Random, pronouns: float = 0.6) -> Np:
    if rng.random() < pronouns:
        return rng.choice(PRONOUNS)
    draw = rng.random()
    if draw < 0.35:
        return first_name(rng)
    if draw < 0.7:
        return relative(rng, rng.random() < 0.25)
    return noun_phrase(rng.choice(NOUNS["person"]), "the", None, rng.random() < 0.25)


def asked_subject(rng: Random) -> Np:
    """A subject for questions: often you, never I."""
    subject = random_subject(rng, 0.5)
    return TU if subject is JE or rng.random() < 0.35 else subject


def embed(control: Verb, phrase: Phrase) -> Phrase:
    """A verb governing an infinitive: want to + sleep, vouloir + dormir."""
    en, fr = phrase.verb, phrase.french_verb or phrase.verb
    form = add_ing(en.en) if control.gerund else en.en
    inner = f"{reflexive_or_clitic(phrase)} {fr.fr} {fr.tail} {phrase.fr}"
    return Phrase(control, f"{form} {en.particle} {phrase.en}", inner)


def with_object(verb: Verb, np: Np) -> Phrase:
    """A verb with a noun object (avoir besoin de + du pain -> besoin de pain)."""
    fr = np.fr
    if verb.tail.endswith("de"):
        fr = plain(re.sub(r"\[(des|du|de|de la)\] ", "", fr))
    return Phrase(verb, np.en, fr)


def with_pronoun(rng: Random, subject: Np, verb: Verb, indirect: bool = False) -> Phrase:
    """A verb with an object pronoun that is not the subject's own person."""
    own = {"me", "us"} if subject.person in {0, 3} else {"you"} if subject.person == 1 else set()
    en = rng.choice([name for name in OBJECTS if name not in own])
    direct, dative, person = OBJECTS[en]
    if indirect:
        return Phrase(verb, en, "", dative)
    return Phrase(verb, en, "", direct, (person.gender, person.plural))


def random_phrase(rng: Random, subject: Np, need: str = "") -> Phrase:
    """A verb phrase whose verb has all the flags in need."""
    while True:
        draw = rng.random()
        if draw < 0.4:
            phrase = rng.choice(FIXED)
        elif draw < 0.82:
            verb, (spec,) = rng.choice(TRANSITIVE)
            phrase = with_object(verb, random_object(rng, spec))
        elif draw < 0.9:
            phrase = Phrase(make_verb("go", "aller", "hgeim"), *rng.choice(DESTINATIONS))
        else:
            phrase = with_pronoun(rng, subject, rng.choice(DIRECT))
        allowed = subject.en not in INDEFINITE or "{" not in phrase.en + phrase.fr
        if allowed and set(need) <= set(phrase.verb.flags):
            return phrase


def adverb(rng: Random, table: str, chance: float = 1.0) -> Pair:
    en, fr = rng.choice(entries(table))
    return (en, fr) if rng.random() < chance else NONE


def settings(rng: Random, flags: str, adverbs: float = 0.5) -> list[Setting]:
    """Settings that suit a verb's flags, with an adverb in some of them."""
    out = []
    if "s" in flags:
        out += [Setting("present")] * 3 + [Setting("past")] * ("b" in flags)
    if "h" in flags:
        often = Setting("present", mid=adverb(rng, OFTEN))
        out.append(rng.choice([Setting("present", adverb(rng, HABITS)), often]))
    if "g" in flags:
        now = adverb(rng, "now/maintenant" if "m" in flags else NOWS, adverbs / 2)
        out += [Setting("progressive", now)] * 2 + [Setting("was")]
    if "m" in flags and "g" in flags:
        out.append(Setting("progressive", adverb(rng, FUTURES)))
    if "e" in flags:
        out += [Setting("past", adverb(rng, PASTS, adverbs))] * 3
        out.append(Setting("perfect", mid=("already", "déjà") if rng.random() < 0.5 else NONE))
        out.append(Setting("going", adverb(rng, FUTURES, adverbs)))
        out.append(Setting("future", adverb(rng, FUTURES, adverbs + 0.2)))
        out.append(Setting("future", ("soon", ""), ("", "bientôt")))
        out += [Setting("just")] * (rng.random() < 0.5)
    return out


def clause(
    rng: Random,
    subject: Np,
    phrase: Phrase,
    setting: Setting,
    polarity: str = "",
    question: bool = False,
) -> Pair:
    """One clause in both languages, without capital or final mark."""
    tense, end, mid = setting.tense, setting.end, setting.mid
    if tense == "going":
        phrase, tense = embed(GOING, phrase), "present"
    fr_phrase, fr_tense = phrase, tense
    if tense == "just" and phrase.verb.fr == "aller":
        tense = fr_tense = "past"
    elif tense == "just":
        tense, mid = rng.choice(["past", "perfect"]), ("just", "")
        fr_phrase, fr_tense = embed(JUST, phrase), "present"
    mid_en = "never" if polarity == "never" else mid[0]
    end_en = polarity if polarity in {"anymore", "yet"} else end[0]
    negative, style = polarity in {"not", "anymore", "yet"}, rng.choice([0, 1, 1, 1, 2])
    en = english(subject, phrase, tense, negative, mid_en, end_en, question, style)
    fr = french(subject, fr_phrase, fr_tense, POLARITIES.get(polarity), mid[1], end[1])
    return en, fr


def finish(pair: Pair, mark: str = ".") -> Pair:
    """Elide, contract, capitalise and punctuate a raw pair."""
    en = " ".join(plain(pair[0]).split()).replace(" ,", ",")
    fr = re.sub(r"[*_]", "", contract(elide(plain(pair[1]))))
    fr = re.sub(r" ([,.])", r"\1", fr)
    space = " " if mark and mark != "." else ""
    return en[0].upper() + en[1:] + mark, fr[0].upper() + fr[1:] + space + mark


def est_ce_que(pair: Pair) -> Pair:
    return finish((pair[0], f"est-ce que {pair[1]}"), "?")


def asked(setting: Setting) -> Setting:
    """The setting of a question: "did you", not "have you" (unless already)."""
    if setting.tense == "just" or (setting.tense == "perfect" and setting.mid == NONE):
        return Setting("past")
    return setting


# --------------------------------------------------------------------------------------
# From ideas to sentences.
# --------------------------------------------------------------------------------------


def without_mid(setting: Setting) -> Setting:
    return setting if setting.mid == NONE else Setting(setting.tense)


Idea = tuple[Np, Phrase, list[Setting]]
Pattern = Callable[[Random], Pair]
PATTERNS: list[tuple[Pattern, float]] = []


def pattern(weight: float) -> Callable[[Pattern], Pattern]:
    """Register a sentence pattern with its share of the corpus."""

    def register(function: Pattern) -> Pattern:
        PATTERNS.append((function, weight))
        return function

    return register


def idea(weight: float, modes: str = "sssssnnqqr") -> Callable:
    """Register what can be stated (s), denied (n), asked (q), asked why (w), reported (r)."""

    def register(function: Callable[[Random], Idea]) -> Callable[[Random], Idea]:
        PATTERNS.append((lambda rng: express(rng, *function(rng), rng.choice(modes)), weight))
        return function

    return register


def express(rng: Random, subject: Np, phrase: Phrase, options: list[Setting], mode: str) -> Pair:
    """Turn an idea into a sentence."""
    setting = rng.choice(options)
    if mode in "qw":
        if subject is JE and phrase.clitic != "te":
            subject = TU
        why = NONE
        if mode == "w":
            why = ("why ", "pourquoi ")
            phrase = replace(phrase, en=phrase.en.replace("[some] ", ""))
            setting = without_mid(setting)
        polarity = "not" if mode == "w" and rng.random() < 0.25 else ""
        en, fr = clause(rng, subject, phrase, asked(setting), polarity, question=True)
        return finish((why[0] + en, f"{why[1]}est-ce que {fr}"), "?")
    if mode == "r":
        return report(rng, clause(rng, subject, phrase, setting), subject)
    if mode == "n" and "+" not in phrase.verb.flags:
        return finish(clause(rng, subject, phrase, *deny(rng, phrase, setting)))
    return finish(clause(rng, subject, phrase, setting))


def deny(rng: Random, phrase: Phrase, setting: Setting) -> tuple[Setting, str]:
    """A negation that suits the tense, without the adverbs that it excludes."""
    if setting.tense == "present":
        never = ["never"] * ("h" in phrase.verb.flags)
        if setting.end[1] or setting.mid[0]:
            setting = Setting("present")
        anymore = ["anymore"] * (" plus " not in f" {phrase.fr}")  # ne ... plus plus
        return setting, rng.choice(["not", "not", "not", *anymore, *never])
    if setting.tense in {"perfect", "just"}:
        return Setting("perfect"), rng.choice(["never", "yet"])
    return Setting("future") if setting.end[0] == "soon" else setting, "not"


def report(rng: Random, said: Pair, subject: Np) -> Pair:
    """I think she's tired.  He says that they're leaving."""
    en, fr = rng.choice(entries(REPORTS))
    if (subject is JE and en.startswith("I")) or subject.en in en:
        return finish(said)
    that = rng.choice(["", " that"])
    return finish((f"{en}{that} {said[0]}", f"{fr} que {said[1]}"))


# --- Ideas: doing ---------------------------------------------------------------------


@idea(30, "sssssssnnnqqqwr")
def doing(rng: Random) -> Idea:
    """I lost.  She's eating an apple.  They don't smoke.  Did you wash your car?"""
    subject = random_subject(rng)
    phrase = random_phrase(rng, subject)
    return subject, phrase, settings(rng, phrase.verb.flags) or [Setting("going")]


@idea(5, "sssnnqw")
def pronoun_object(rng: Random) -> Idea:
    """She saw me.  I don't know him.  We bought it yesterday."""
    subject = random_subject(rng)
    phrase = with_pronoun(rng, subject, rng.choice(DIRECT))
    if rng.random() < 0.3:
        en, fr, plural = rng.choice([("it", "le_", False), ("them", "les_", True)])
        phrase = Phrase(rng.choice(THINGS), en, "", fr, ("m", plural))
    return subject, phrase, settings(rng, phrase.verb.flags, 0.3)


@idea(5, "ssssnqw")
def indirect_object(rng: Random) -> Idea:
    """I gave her a book.  He's talking to his mother.  She sent us a letter."""
    subject = random_subject(rng)
    noun = rng.choice(nouns_of("kin,person"))
    someone = rng.choice([first_name(rng), noun_phrase(noun, "own" if noun.kind == "kin" else "the")])
    if rng.random() < 0.5:
        verb = rng.choice(INDIRECT)
        phrase = Phrase(verb, someone.en, f"à {someone.fr}")
        if rng.random() < 0.5:
            phrase = with_pronoun(rng, subject, verb, indirect=True)
        return subject, phrase, settings(rng, verb.flags, 0.3)
    verb, (spec,) = rng.choice(GIVE)
    thing = random_object(rng, spec)
    phrase = with_pronoun(rng, subject, verb, indirect=True)
    phrase = replace(phrase, en=f"{phrase.en} {thing.en}", fr=thing.fr)
    if rng.random() < 0.4:
        phrase = Phrase(verb, f"{thing.en} to {someone.en}", f"{thing.fr} à {someone.fr}")
    return subject, phrase, settings(rng, verb.flags, 0.3)


@idea(10, "sssssnnqqr")
def infinitive(rng: Random) -> Idea:
    """I want to sleep.  Can you open the window?  She doesn't like to cook."""
    subject = random_subject(rng)
    control, options = rng.choice(CONTROLS)
    need = "hi" if "a" in options else "c" if control == CAN and rng.random() < 0.3 else "i"
    phrase = random_phrase(rng, subject, need)
    if control == CAN and "c" in phrase.verb.flags:
        control = KNOW_HOW
    letter = rng.choice(control.flags.replace("+", ""))
    tense = {"p": "present", "b": "past", "e": "past", "f": "future", "g": "progressive"}[letter]
    later = adverb(rng, FUTURES, 0.2)
    if tense != "present" or "a" in options or control == KNOW_HOW:
        later = NONE
    return subject, embed(control, phrase), [Setting(tense, later)]


@idea(3, "sssnqw")
def manner(rng: Random) -> Idea:
    """She sings well.  You work too much.  He didn't sleep well."""
    en, fr, letters = rng.choice(rows(MANNER_TABLE))
    end, mid = entries(MANNERS)["wvlmnb".index(rng.choice(letters))]
    options = [Setting(tense, (end, ""), ("", mid)) for tense in ("present", "present", "past")]
    return random_subject(rng), Phrase(make_verb(en, fr, "ge")), options


@idea(4, "sssssnqqr")
def at_the_hour(rng: Random) -> Idea:
    """I get up at seven.  The train leaves at noon."""
    subject, phrase = random_subject(rng), rng.choice(ROUTINES)
    if rng.random() < 0.2:
        subject = noun_phrase(rng.choice(nouns_of("train,bus,plane,boat")), "the")
        phrase = rng.choice(ROUTINES[:2])
    en, fr = clock(rng)
    phrase = replace(phrase, en=f"{phrase.en} at {en}", fr=f"{phrase.fr} à {fr}")
    return subject, phrase, tenses("present present past going future")


@idea(3, "sssssnq")
def animal_doing(rng: Random) -> Idea:
    """The dog is sleeping.  Our cats are playing outside."""
    noun, det = rng.choice(NOUNS["animal"]), "the"
    if rng.random() < 0.4:
        noun, det = rng.choice(nouns_of("pets")), rng.choice(OWNERS)
    verb, rest = rng.choice(verb_table(ANIMAL_TABLE))
    options = [Setting("progressive"), Setting("was"), Setting("past", adverb(rng, PASTS, 0.3))]
    return noun_phrase(noun, det, None, rng.random() < 0.25), Phrase(verb, *rest), options


# --- Ideas: being ---------------------------------------------------------------------


def predicate(rng: Random, subject: Np, adjective: Adjective) -> Phrase:
    """be + adjective, with very, too, really... if it allows them."""
    degree = ["", ""]
    if rng.random() < 0.35 and adjective.masculine not in UNGRADED_WORDS:
        degree = rng.choice(entries("very/très, very/très, too/trop, really/vraiment, so/si"))
    form = adjective.form(subject.gender, subject.plural)
    return Phrase(BE, f"{degree[0]} {adjective.en}", f"{degree[1]} {form}")


@idea(13, "sssssnnqqwr")
def person_is(rng: Random) -> Idea:
    """He's calm.  She isn't ready.  We were at the station yesterday.  I'm at home."""
    subject = random_subject(rng, 0.55)
    kind = rng.choice(["trait", "trait", "state", "state", "state", "nation", "place", "place"])
    options = tenses("present present present present past")
    recent = [Setting("present", ("today", "aujourd'hui")), Setting("past", adverb(rng, RECENT))]
    if kind == "place":
        return subject, Phrase(BE, *rng.choice(entries(PLACES))), options + recent
    adjective = rng.choice(PREDICATE[kind])
    if adjective.masculine == "beau" and subject.gender == "m":
        adjective = replace(adjective, en="handsome")
    if kind == "state" and adjective.en not in {"married", "single", "injured", "in danger", "healthy"}:
        options += [*recent, Setting("present", mid=adverb(rng, OFTEN))]
    return subject, predicate(rng, subject, adjective), options


def owned_thing(rng: Random, noun: Noun) -> Np:
    """Marie's book, my brother's car, the teacher's house."""
    owner = rng.choice([first_name(rng), relative(rng), noun_phrase(rng.choice(NOUNS["person"]), "the")])
    article = "la" if noun.gender == "f" else "le"
    return Np(f"{owner.en}'s {noun.en}", f"{article} {noun.fr} de {owner.fr}", 2, noun.gender)


@idea(8, "ssssssnnqqr")
def thing_is(rng: Random) -> Idea:
    """The car is red.  My shoes are dirty.  Is the soup hot?  Marie's dress is beautiful."""
    kind = rng.choice(list(PREDICATE)[3:-1])
    noun = rng.choice(NOUNS[kind])
    owned = kind in OWNED_KINDS
    det = rng.choice(["the", "the", "this", "that", *OWNERS * owned])
    subject = noun_phrase(noun, det, None, not noun.mass and rng.random() < 0.25)
    if owned and rng.random() < 0.2:
        subject = owned_thing(rng, noun)
    return subject, predicate(rng, subject, rng.choice(PREDICATE[kind])), tenses("present present past")


@idea(5, "ssssnqqr")
def thing_is_there(rng: Random) -> Idea:
    """The keys are on the table.  Is your book in the bag?"""
    en, fr, kinds = rng.choice(entries(SPOTS))
    noun = rng.choice(nouns_of(rng.choice(kinds.split())))
    det = rng.choice(["the", "the", *OWNERS * (noun.kind in OWNED_KINDS)])
    subject = noun_phrase(noun, det, None, not noun.mass and rng.random() < 0.25)
    return subject, Phrase(BE, en, fr), tenses("present present past")


@idea(5, "ssssnnqq")
def this_is(rng: Random) -> Idea:
    """It's easy.  This is my brother.  That's not Marie's car.  It's a beautiful house."""
    en = rng.choice(["it", "it", "this", "that"])
    subject = Np(en, "ce", 2, "m", en != "this")
    draw = rng.random()
    if draw < 0.3:
        return subject, predicate(rng, subject, rng.choice(PREDICATE["it"])), tenses("present past")
    kind = rng.choice(["thing", "object", "animal", "building", "clothes", "text", "show", "snack"])
    noun = rng.choice(NOUNS[kind])
    np = noun_phrase(noun, "a", rng.choice([None, *ATTRIBUTE[kind]]))
    if draw < 0.5:
        np = relative(rng)
    elif kind in OWNED_KINDS and rng.random() < 0.7:
        np = owned_thing(rng, noun)
    return subject, Phrase(BE, np.en, plain(np.fr)), tenses("present")


@idea(1.5, "sssnq")
def belonging(rng: Random) -> Idea:
    """This book is mine.  Is this bag yours?"""
    subject = noun_phrase(rng.choice(nouns_of("thing,object,clothes,vehicle")), rng.choice(["this", "that"]))
    en, fr = rng.choice(entries("mine/moi, yours/toi, his/lui, hers/elle, ours/nous, theirs/eux"))
    return subject, Phrase(BE, en, f"à {fr}"), tenses("present")


@idea(4, "sssssnq")
def comparison(rng: Random) -> Idea:
    """Paul is taller than Marie.  She's less patient than me.  He's the tallest in the class."""
    subject = random_subject(rng, 0.45)
    adjective = rng.choice([a for a in PREDICATE["trait"] if a.en not in {"shy", "beautiful", "crazy"}])
    form = adjective.form(subject.gender, subject.plural)
    more = comparative(adjective.en)
    if rng.random() < 0.2:
        most = "most " + adjective.en if more.startswith("more") else more.removesuffix("r") + "st"
        le = "les" if subject.plural else "la" if subject.gender == "f" else "le"
        en, fr = rng.choice(
            entries("class/la classe, family/la famille, group/le groupe, village/le village")
        )
        return subject, Phrase(BE, f"the {most} in the {en}", f"{le} plus {form} de {fr}"), tenses("present")
    than = rng.choice([p for p in PRONOUNS if p.person % 3 != subject.person % 3]).strong
    someone = rng.choice([first_name(rng), relative(rng)])
    if rng.random() < 0.5 and someone != subject:
        than = (someone.en, someone.fr)
    degrees = [
        (more + " than", "plus"),
        (f"less {adjective.en} than", "moins"),
        (f"as {adjective.en} as", "aussi"),
    ]
    en, fr = rng.choice([degrees[0], *degrees])
    return subject, Phrase(BE, f"{en} {than[0]}", f"{fr} {form} que {than[1]}"), tenses("present")


@idea(2, "ssssq")
def thing_comparison(rng: Random) -> Idea:
    """This dress is more beautiful than that one.  Her car is faster than mine."""
    names, words = rng.choice(rows(COMPARED))
    noun, adjective = rng.choice(NOUNS[names]), rng.choice(adjectives(words))
    det, *other = ("this", "that one", "celui-là", "celle-là")
    if names in OWNED_KINDS and rng.random() < 0.6:
        det, *other = rng.choice(entries(OWN_ONES))
    en, fr = rng.choice([(comparative(adjective.en), "plus"), (f"less {adjective.en}", "moins")])
    form, one = adjective.form(noun.gender), other[1 + (noun.gender == "f")]
    return (
        noun_phrase(noun, det),
        Phrase(BE, f"{en} than {other[0]}", f"{fr} {form} que {one}"),
        tenses("present"),
    )


@idea(2.5, "ssssnqr")
def job(rng: Random) -> Idea:
    """She's a doctor.  My brother wants to be a lawyer."""
    en, *forms = rng.choice(entries(JOBS))
    subject = random_subject(rng, 0.6)
    fr = forms[subject.gender == "f"]
    en, fr = (add_s(en), plural_fr(fr)) if subject.plural else (f"{a_or_an(en)} {en}", fr)
    if rng.random() < 0.25:
        want = make_verb("want+to", "vouloir", "sb")
        return subject, Phrase(want, f"be {en}", f"être {fr}"), tenses("present")
    return subject, Phrase(BE, en, fr), tenses("present present past")


@idea(1.5, "ssq")
def birth(rng: Random) -> Idea:
    """She was born in May.  Were you born in Paris?"""
    en, fr = rng.choice(entries(MONTHS))
    en, inside, _ = rng.choice([(en, f"en {fr}", ""), random_place(rng)])
    phrase = Phrase(BE, f"born in {en}", inside, french_verb=make_verb("bear", "naître"))
    return random_subject(rng), phrase, tenses("past")


# --- Ideas: having, feeling, liking ---------------------------------------------------


@idea(4.5, "sssssnnqqwr")
def feeling(rng: Random) -> Idea:
    """I'm hungry.  She's not afraid.  You're right.  He is very cold."""
    en, fr = rng.choice(entries(FEELINGS))
    degree = ["", ""]
    if en in {"hungry", "thirsty", "cold", "hot", "afraid"}:
        degree = rng.choice(entries("/, /, very/très, really/vraiment"))
    phrase = Phrase(BE, f"{degree[0]} {en}", f"{degree[1]} {fr}", french_verb=HAVE)
    return (
        random_subject(rng),
        phrase,
        [
            *tenses("present present past"),
            Setting("present", mid=adverb(rng, OFTEN)),
        ],
    )


@idea(2.5, "sssssqr")
def age(rng: Random) -> Idea:
    """He's twenty years old.  My sister is thirty."""
    subject = rng.choice([rng.choice(PRONOUNS), first_name(rng), relative(rng)])
    number = rng.choice(list(NUMBERS)[2 if subject.pronoun else 12 :])
    years = rng.choice([" years old", " years old", ""])
    return subject, Phrase(BE, number + years, f"{NUMBERS[number]} ans", french_verb=HAVE), tenses("present")


@idea(1.5, "sssnq")
def pain(rng: Random) -> Idea:
    """I have a headache.  Does she have a cold?  He has blue eyes."""
    return random_subject(rng), Phrase(HAVE, *rng.choice(entries(LOOKS))), tenses("present")


@idea(6, "ssssnnqqr")
def having(rng: Random) -> Idea:
    """I have a dog.  She doesn't have any brothers.  We had three books."""
    np = random_object(
        rng, "a:goods,owned,pets,clothes a:pets some:friends,books zero:staple,drink,money,work"
    )
    if rng.random() < 0.25:
        noun = rng.choice(nouns_of("pets,books,friends,child,brother,sister"))
        np = noun_phrase(noun, rng.choice(list(NUMBERS)[:4]))
    return random_subject(rng), Phrase(HAVE, np.en, np.fr), tenses("present present past")


@idea(6, "ssssnnqqr")
def liking(rng: Random) -> Idea:
    """She likes cats.  I don't like coffee.  Does he love his grandmother?"""
    subject = random_subject(rng)
    if rng.random() < 0.15:
        np = noun_phrase(rng.choice(nouns_of("kin,pets,school,city")), "own")
        return subject, Phrase(make_verb("love", "aimer", "s"), np.en, np.fr), tenses("present")
    verb = make_verb(*rng.choice(entries("like/aimer, like/aimer, love/adorer, hate/détester")), "s")
    noun = rng.choice(nouns_of("animal,snack,veg,staple,drink,child,flower,book,novel,hat,gift,museum,train"))
    np = noun_phrase(noun, "the", None, not noun.mass)
    en, fr = np.en.removeprefix("the "), np.fr
    if rng.random() < 0.35:
        en, fr = rng.choice(entries(LIKED))
    really = Setting("present", mid=("really", "vraiment"))
    return subject, Phrase(verb, en, fr), [*tenses("present present present"), really]


@idea(4, "sssssqq")
def quantity(rng: Random) -> Idea:
    """I drink a lot of water.  She has too many hats.  Would you like a glass of milk?"""
    en, fr, names, verbs = rng.choice(entries(CONTAINERS))
    noun = BY_NAME[rng.choice(names.split()).replace("_", " ")]
    object_en, object_fr = f"{a_or_an(en)} {en} of {noun.en}", f"{fr} de {noun.fr}"
    if rng.random() < 0.5:
        many = rng.random() < 0.5
        noun = rng.choice(nouns_of("books,friends,snack,veg,pets" if many else "staple,drink"))
        amounts = entries(AMOUNTS)
        en, fr = rng.choice([*amounts[:3], amounts[3 if many else 4]])
        word, core = (noun.en_plural, noun.fr_plural) if many else (noun.en, noun.fr)
        object_en, object_fr = f"{en.replace('MUCH', 'many' if many else 'much')} {word}", f"{fr} {core}"
        verbs = {"drink": "drink", "staple": "eat buy", "snack": "eat buy", "veg": "eat buy"}.get(
            noun.kind, "have"
        )
    row = rows(TAKING_TABLE)[["drink", "eat", "buy", "have", "like"].index(rng.choice(verbs.split()))]
    return random_subject(rng), Phrase(make_verb(*row), object_en, object_fr), settings(rng, row[2], 0.3)


# --- Ideas: places --------------------------------------------------------------------


def random_place(rng: Random) -> tuple[str, str, str]:
    """A city or a country with its French "in/to" and "from" phrases."""
    en, fr = rng.choice(entries(CITIES))
    if rng.random() < 0.5:
        return en, f"à {fr}", f"de {fr}"
    en, fr, gender = rng.choice(entries(COUNTRIES))
    if gender == "f":
        return en, f"en {fr}", f"de {fr}"
    article = "le" if gender == "m" else "les"
    return en, f"à {article} {fr}", f"de {article} {fr}"


@idea(6, "ssssnqqr")
def in_the_world(rng: Random) -> Idea:
    """She lives in Rome.  I come from Canada.  We're going to France next week."""
    en, inside, origin = random_place(rng)
    verb = make_verb(*rng.choice(rows(WORLD_TABLE)))
    place = origin if "from" in verb.particle else inside
    return random_subject(rng), Phrase(verb, en, place), settings(rng, verb.flags, 0.5 * ("m" in verb.flags))


@idea(3, "ssssnqw")
def to_places(rng: Random) -> Idea:
    """I'm going to the station.  He went to the market by bus."""
    en, fr = rng.choice(DESTINATIONS)
    way = rng.choice(entries(WAYS))
    phrase = Phrase(make_verb("go", "aller", "hgem"), f"{en} {way[0]}", f"{fr} {way[1]}")
    return random_subject(rng), phrase, settings(rng, "hgem", 0.3)


@idea(2, "sssnqr")
def workplace(rng: Random) -> Idea:
    """My father works in a bank.  Do you work at the station?"""
    np = noun_phrase(rng.choice(NOUNS["place"]), "the")
    en, fr = f"at {np.en}", f"à {np.fr}"
    if rng.random() < 0.6:
        np = random_object(rng, "a:workplaces")
        en, fr = f"in {np.en}", f"dans {plain(np.fr)}"
    return (
        random_subject(rng, 0.5),
        Phrase(make_verb("work", "travailler", "he"), en, fr),
        tenses("present past"),
    )


# --- Patterns: templates and questions ------------------------------------------------


def clock(rng: Random) -> Pair:
    """half past eight -> huit heures et demie"""
    number = rng.choice(list(NUMBERS)[:10])
    hour, fr = rng.choice([(number, f"{NUMBERS[number]} heures")] * 8 + [("one", "une heure")])
    if rng.random() < 0.1:
        hour, fr = rng.choice([("noon", "midi"), ("midnight", "minuit")])
        return hour, fr
    en, minutes = rng.choice(entries(MINUTES))
    return en.replace("HOUR", hour), f"{fr} {minutes}"


def exclaimed(rng: Random) -> Pair:
    """a beautiful house -> quelle belle maison"""
    kind = rng.choice(["building", "animal", "clothes", "thing", "object", "text", "show"])
    noun = rng.choice(NOUNS[kind])
    adjective = rng.choice(
        adjectives("bon beau étrange" if kind in {"text", "show"} else "beau joli étrange")
    )
    np = noun_phrase(noun, "a", adjective)
    return np.en, ("quelle" if noun.gender == "f" else "quel") + np.fr[np.fr.index("]") + 1 :]


def slot(rng: Random, spec: str) -> Pair:
    """What a template's slot stands for, in both languages."""
    tables = {"day": DAY_TABLE, "month": MONTHS, "number": NUMBER_TABLE, "past": RECENT, "later": FUTURES}
    tables |= {"now": WEATHER, "was": WEATHER_PAST, "will": WEATHER_NEXT}
    if spec in tables:
        return adverb(rng, tables[spec])
    if spec in {"clock", "what", "in"}:
        en, fr, *_ = {"clock": clock, "what": exclaimed, "in": random_place}[spec](rng)
        return en, fr
    det, _, names = spec.partition(":")
    if names:
        dets = {"my": [*OWNERS, "their"], "one": ["this", "that", "the"]}.get(det, [det])
        np = noun_phrase(rng.choice(nouns_of(names)), rng.choice(dets))
    else:
        np = relative(rng) if spec == "kin" else first_name(rng, {"man": "m", "woman": "f"}.get(spec, ""))
    return np.en, np.fr


@pattern(17)
def template(rng: Random) -> Pair:
    """How much does this hat cost?  It's raining in Paris.  What a beautiful house!"""
    sides = rng.choice([row for row in TEMPLATE_ROWS if "{" in row]).split("|")
    for spec in dict.fromkeys(re.findall(r"\{(.*?)\}", sides[0])):
        drawn = slot(rng, spec)
        sides = [side.replace("{" + spec + "}", text) for side, text in zip(sides, drawn, strict=True)]
    return finish((sides[0], sides[1]), "")


@pattern(5)
def where_when_how(rng: Random) -> Pair:
    """Where do you work?  When did she leave?  How did you open the box?"""
    en, fr, need, names = rng.choice(rows(WH_TABLE))
    subject = asked_subject(rng)
    phrase = random_phrase(rng, subject, need) if need else rng.choice(ROUTINES)
    setting = asked(rng.choice(tenses(names) or settings(rng, phrase.verb.flags, 0)))
    phrase = replace(phrase, en=phrase.en.replace("[some] ", ""))
    asking = clause(rng, subject, phrase, Setting(setting.tense), question=True)
    return finish((f"{en} {asking[0]}", f"{fr} est-ce que {asking[1]}"), "?")


@pattern(4)
def what_whom(rng: Random) -> Pair:
    """What did you buy yesterday?  Who are you waiting for?  Who is she talking to?"""
    subject = asked_subject(rng)
    verb, en, fr = rng.choice(
        [(rng.choice(verb_table(WHAT_TABLE))[0], "what", "que")] * 3
        + [(rng.choice(DIRECT), "who", "qui"), (rng.choice(INDIRECT), "who", "à qui")]
    )
    setting = asked(without_mid(rng.choice(settings(rng, verb.flags, 0.3))))
    asking = clause(rng, subject, Phrase(verb), setting, question=True)
    return finish((f"{en} {asking[0]}", f"{fr} est-ce que {asking[1]}"), "?")


@pattern(5)
def who_nobody_everybody(rng: Random) -> Pair:
    """Who broke the window?  Nobody came.  Everyone is sleeping."""
    en = rng.choice([*INDEFINITE, "who"])
    subject = Np(en, INDEFINITE[en])
    phrase = random_phrase(rng, subject)
    setting = rng.choice(settings(rng, phrase.verb.flags.replace("h", ""), 0.3) or [Setting("future")])
    setting = asked(without_mid(setting))
    if en not in {"nobody", "no one"}:
        return finish(clause(rng, subject, phrase, setting), "?" if en == "who" else ".")
    if setting.tense == "going":
        phrase, setting = embed(GOING, phrase), replace(setting, tense="present")
    said = english(
        subject, replace(phrase, en=phrase.en.replace("[some]", "any")), setting.tense, end=setting.end[0]
    )
    return finish((said, french(subject, phrase, setting.tense, "", end=setting.end[1])))


@pattern(2)
def how_many(rng: Random) -> Pair:
    """How many brothers do you have?  -> Combien de frères as-tu ?"""
    subject = rng.choice([TU, TU, IL, ELLE, NOUS, ILS])
    en, fr, names = rng.choice(rows(COUNTED_TABLE))
    noun = rng.choice(nouns_of(names))
    verb = finite("vouloir" if en == "want" else "avoir", "present", subject.person)
    participle = agree(conjugate(fr).participle, noun.gender, True) if fr else ""
    do = "did" if fr else "does" if subject.person == 2 else "do"
    link = "-t-" if verb.endswith("a") else "-"
    inverted = f"{verb}{link}{subject.fr} {participle}"
    return finish(
        (f"how many {noun.en_plural} {do} {subject.en} {en}", f"combien de {noun.fr_plural} {inverted}"), "?"
    )


# --- Patterns: other sentences --------------------------------------------------------


@pattern(7)
def imperative(rng: Random) -> Pair:
    """Open the door.  Don't wait for me.  Let's play cards.  Help me, please."""
    subject = TU if rng.random() < 0.75 else NOUS
    phrase = random_phrase(rng, subject, "i")
    if phrase.clitic == "te":
        return imperative(rng)
    verb, clitic = phrase.verb, reflexive_or_clitic(phrase)
    form = finite(verb.fr, "present", subject.person)
    if subject is TU and form.endswith(("es", "vas")):
        form = form[:-1]
    en, fr = f"{verb.en} {verb.particle} {phrase.en}", f"{form} {phrase.fr}"
    lets = "" if subject is TU else "let's "
    if rng.random() < 0.3:
        en = f"{lets or 'do'}{'not' if lets else NOT} {en.replace('[some]', 'any')}"
        fr = f"ne {clitic} {form} pas {negate(phrase.fr)}"
    else:
        strong = {"me": "moi", "{me}": subject.strong[1]}.get(clitic, clitic)
        en, fr = lets + en, f"{form}{strong and '-' + strong} {phrase.fr}"
    please = (" , please", " , s'il te plaît") if subject is TU and rng.random() < 0.2 else NONE
    return finish((subject.fill(en) + please[0], subject.fill(fr) + please[1]), rng.choice("........!"))


@pattern(7)
def there_is(rng: Random) -> Pair:
    """There's a cat under the bed.  There isn't any milk in the fridge."""
    spot_en, spot_fr, kinds = rng.choice(entries(SPOTS))
    noun = rng.choice(nouns_of(rng.choice(kinds.split())))
    det = "some" if noun.mass else rng.choice(["a", "a", "some", *list(NUMBERS)[:4]])
    np = noun_phrase(noun, det, None, det == "some" and not noun.mass)
    past = rng.random() < 0.2
    be, y_a = be_form(np, past), "y avait" if past else "y a"
    any_en = np.en.replace("[some]", "any")
    draw = rng.random()
    if draw < 0.2 and det not in NUMBERS:
        return finish((f"there {be}n't {any_en} {spot_en}", f"il ne {y_a} pas {negate(np.fr)} {spot_fr}"))
    if draw < 0.4:
        return est_ce_que((f"{be} there {any_en} {spot_en}", f"il {y_a} {np.fr} {spot_fr}"))
    there = "there's" if be == "is" and rng.random() < 0.6 else f"there {be}"
    return finish((f"{there} {np.en} {spot_en}", f"il {y_a} {np.fr} {spot_fr}"))


@pattern(1.5)
def hurting(rng: Random) -> Pair:
    """My back hurts.  -> J'ai mal au dos."""
    person = rng.choice([*PRONOUNS[:4], first_name(rng), relative(rng)])
    en, fr = rng.choice(entries(BODY))
    owner = person.fill("{my}") if person.pronoun else f"{person.en}'s"
    part = Np(f"{owner} {en}", "", 4 if fr.startswith("les") else 2)
    when = adverb(rng, "today/aujourd'hui, this morning/ce matin", 0.4)
    denied = rng.random() < 0.2
    said = english(part, Phrase(make_verb("hurt", "avoir")), "present", denied, end=when[0])
    ache = Phrase(HAVE, "", f"mal à {fr}")
    return finish((said, french(person, ache, "present", "pas" if denied else None, end=when[1])))


@pattern(3)
def since(rng: Random) -> Pair:
    """I've been working here for two years.  -> Je travaille ici depuis deux ans."""
    verb, (en, fr, long) = rng.choice(verb_table(SINCE_TABLE))
    number = rng.choice(list(NUMBERS)[:9])
    unit = rng.choice(entries("years/ans, months/mois") if long else [["hours", "heures"]])
    end = (f"for {number} {unit[0]}", f"depuis {NUMBERS[number]} {unit[1]}")
    if rng.random() < 0.3:
        day = adverb(rng, DAY_TABLE) if long else ("this morning", "ce matin")
        end = (f"since {day[0]}", f"depuis {day[1]}")
    subject = random_subject(rng)
    said = english(subject, Phrase(BE, f"{add_ing(verb.en)} {en}"), "perfect", end=end[0])
    return finish((said, french(subject, Phrase(verb, "", fr), "present", end=end[1])))


@pattern(3)
def when_clause(rng: Random) -> Pair:
    """I was sleeping when she arrived."""
    first, second = random_subject(rng, 0.8), random_subject(rng, 0.7)
    if first.pronoun and first.person % 3 == second.person % 3:
        return when_clause(rng)
    event = Phrase(make_verb(*rng.choice(entries("arrive/arriver, leave/partir, fall/tomber, call/appeler"))))
    main = clause(rng, first, random_phrase(rng, first, "g"), Setting("was"))
    time = clause(rng, second, event, Setting("past"))
    return finish((f"{main[0]} when {time[0]}", f"{main[1]} quand {time[1]}"))


@pattern(3)
def if_clause(rng: Random) -> Pair:
    """If it rains tomorrow, I'll stay at home."""
    subject = random_subject(rng, 0.85)
    en, fr = rng.choice(entries(CONDITIONS))
    if rng.random() < 0.2:
        have = Phrase(HAVE, "time", "le temps")
        en, fr = english(subject, have, "present"), french(subject, have, "present")
    if subject is TU and en.startswith("you"):
        return if_clause(rng)
    phrase = rng.choice([phrase for phrase in FIXED if {"e", "i"} <= set(phrase.verb.flags)])
    if rng.random() < 0.3:
        phrase = Phrase(make_verb("go", "aller"), *rng.choice(DESTINATIONS))
    main = clause(rng, subject, phrase, Setting("future"))
    return finish((f"if {en} , {main[0]}", f"si {fr} , {main[1]}"))


@pattern(3)
def two_clauses(rng: Random) -> Pair:
    """He's sick, but he's working.  She's tired and she isn't listening."""
    subject = rng.choice(PRONOUNS)
    adjective = rng.choice(adjectives("fatigué malade triste heureux occupé inquiet déçu en_colère"))
    polarity = rng.choice(["", "", "not"])
    first = clause(rng, subject, predicate(rng, subject, adjective), Setting("present"))
    phrase = rng.choice([phrase for phrase in FIXED if "g" in phrase.verb.flags])
    second = clause(rng, subject, phrase, Setting("progressive"), polarity)
    en, fr = (" and", " et") if polarity or adjective.en == "happy" else (" but", " , mais")
    return finish((f"{first[0]}{en} {second[0]}", f"{first[1]}{fr} {second[1]}"))


@pattern(2)
def who_relative(rng: Random) -> Pair:
    """The man who is singing is my brother."""
    np = noun_phrase(rng.choice(NOUNS["person"]), "the")
    subject = Np(f"{np.en} who", f"{np.fr} qui", 2, np.gender)
    tense, need = rng.choice([("progressive", "g"), ("past", "e")])
    en, fr = clause(rng, subject, random_phrase(rng, subject, need), Setting(tense))
    kin = rng.choice([kin for kin in nouns_of("siblings") if kin.gender == np.gender])
    other = noun_phrase(kin, rng.choice(["my", "your", "his", "her"]))
    return finish((f"{en} is {other.en}", f"{fr} est {other.fr}"))


@pattern(3)
def that_relative(rng: Random) -> Pair:
    """The dress she bought is red.  The book I'm reading is interesting."""
    en, fr, tense, names = rng.choice(rows(RELATIVE_TABLE))
    noun = rng.choice(nouns_of(names))
    phrase = Phrase(make_verb(en, fr), direct=(noun.gender, False))
    said = clause(rng, rng.choice([*PRONOUNS, first_name(rng)]), phrase, Setting(tense))
    adjective = rng.choice(PREDICATE[noun.kind])
    gone = noun.kind in {"snack", "show"} and tense == "past"
    be, etre = ("was", "était") if gone else ("is", "est")
    np, that = noun_phrase(noun, "the"), rng.choice(["", "that "])
    ending = f"{etre} {adjective.form(noun.gender)}"
    return finish((f"{np.en} {that}{said[0]} {be} {adjective.en}", f"{np.fr} que {said[1]} {ending}"))


@pattern(2)
def easy_to(rng: Random) -> Pair:
    """It's easy to learn French.  -> C'est facile d'apprendre le français."""
    adjective = rng.choice(adjectives("facile difficile important impossible dangereux"))
    phrase = random_phrase(rng, TU, "i")
    if phrase.clitic or phrase.verb.reflexive or "{" in phrase.fr:
        return easy_to(rng)
    inner = embed(BE, phrase)
    en, fr = rng.choice(entries("it's/c'est, it isn't/ce ne est pas, it is/c'est"))
    return finish((f"{en} {adjective.en} to {inner.en}", f"{fr} {adjective.masculine} de {inner.fr}"))


# --------------------------------------------------------------------------------------
# The corpus.
# --------------------------------------------------------------------------------------


def generate(pairs: int = 26000, seed: int = 2024) -> list[Pair]:
    """Draw distinct sentence pairs; a pattern that runs dry is left alone."""
    rng = Random(seed)
    fixed = [row.split("|") for row in TEMPLATE_ROWS if "{" not in row]
    corpus = {en.lower(): (en, fr) for en, fr in fixed}
    weights, misses = [weight for _, weight in PATTERNS], [0] * len(PATTERNS)
    while len(corpus) < pairs and any(weights):
        index = rng.choices(range(len(PATTERNS)), weights)[0]
        en, fr = PATTERNS[index][0](rng)
        if en.lower() in corpus or not 2 <= len(en.split()) <= 12 or UNLIKELY.search(en):
            misses[index] += 1
            if misses[index] > 150:
                weights[index] = 0
            continue
        misses[index] = 0
        corpus[en.lower()] = (en, fr)
    return list(corpus.values())


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the grammar corpus.")
    parser.add_argument("--pairs", type=int, default=26000)
    parser.add_argument("--seed", type=int, default=2024)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("grammar.tsv"))
    args = parser.parse_args()
    corpus = generate(args.pairs, args.seed)
    data = "".join(f"{en}\t{fr}\n" for en, fr in corpus).encode()
    args.out.write_bytes(data)
    print(f"{len(corpus)} pairs, {len(data)} bytes -> {args.out}")


if __name__ == "__main__":
    main()
