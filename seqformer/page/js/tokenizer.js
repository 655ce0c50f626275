// SentencePiece models: text to ids and back, as the library does it (Kudo and Richardson 2018).

const SPACE = "▁", UNKNOWN = 1, RUN_PENALTY = 10;
export const NORMAL = 0, CONTROL = 1, DEFINED = 2, UNUSED = 3, BYTE = 4; // kinds of pieces

export class Vocabulary {
  /** `model` is {type, pieces: [[piece, score, kind], …]}; ids are places. */
  constructor(model) {
    this.type = model.type;
    this.pieces = model.pieces.map(([piece]) => piece);
    this.kinds = model.pieces.map(([, , kind]) => kind);
    this.scores = model.pieces.map(([, score]) => score);
    this.ids = new Map();
    this.defined = [];
    let least = Infinity;
    this.most = -Infinity;
    this.longest = 1;
    model.pieces.forEach(([piece, score, kind], id) => {
      if (kind === CONTROL || kind === BYTE) return;
      this.ids.set(piece, id);
      if (kind === DEFINED) this.defined.push(piece);
      if (kind === NORMAL) {
        least = Math.min(least, score);
        this.most = Math.max(this.most, score);
      }
      this.longest = Math.max(this.longest, [...piece].length);
    });
    this.defined.sort((a, b) => b.length - a.length);
    this.unknownScore = least - RUN_PENALTY;
    this.bytes = new Map(model.pieces.flatMap(([piece, , kind], id) => (kind === BYTE ? [[parseInt(piece.slice(3, 5), 16), id]] : [])));
  }

  /** Return the ids of a normalised line, and the piece of text that each is. */
  encode(line) {
    if (!line) return [];
    const text = SPACE + line.replaceAll(" ", SPACE);
    const cut = { unigram: this.viterbi, bpe: this.merged, word: this.words, char: this.characters }[this.type];
    const found = [];
    for (const piece of cut.call(this, text)) {
      const id = this.ids.get(piece) ?? UNKNOWN;
      if (id === UNKNOWN && this.bytes.size) {
        for (const byte of new TextEncoder().encode(piece)) found.push({ id: this.bytes.get(byte), piece });
      } else if (id === UNKNOWN && found.at(-1)?.id === UNKNOWN) {
        found.at(-1).piece += piece; // one unknown for a run of them …
      } else found.push({ id, piece });
    }
    return found.flatMap((each) => {
      if (each.id !== UNKNOWN) return [each];
      const [first, second = null, ...others] = each.piece.split(SPACE); // … but for each word
      const begun = second === null ? first : first + SPACE + second;
      return [begun, ...others.map((word) => SPACE + word)].map((piece) => ({ id: UNKNOWN, piece }));
    });
  }

  /** Return the text of ids; special pieces are left out, and unknown ones show as ⁇. */
  decode(ids) {
    let text = "", bytes = [];
    const flush = () => {
      if (bytes.length) text += new TextDecoder().decode(Uint8Array.from(bytes));
      bytes = [];
    };
    for (const id of ids) {
      if (this.kinds[id] === BYTE) {
        bytes.push(parseInt(this.pieces[id].slice(3, 5), 16));
        continue;
      }
      flush();
      if (id === UNKNOWN) text += " ⁇ ";
      else if (this.kinds[id] !== CONTROL) text += this.pieces[id];
    }
    flush();
    return text.replaceAll(SPACE, " ").split(/\s+/u).filter(Boolean).join(" ");
  }

  /** Yield symbols of the user whole, and what stands between them. */
  *apart(text) {
    let begin = 0;
    for (let at = 0; at < text.length;) {
      const symbol = this.defined.find((piece) => text.startsWith(piece, at));
      if (!symbol) {
        at += text.codePointAt(at) > 0xffff ? 2 : 1;
        continue;
      }
      if (at > begin) yield [text.slice(begin, at), false];
      yield [symbol, true];
      begin = at += symbol.length;
    }
    if (begin < text.length) yield [text.slice(begin), false];
  }

  characters(text) {
    return [...this.apart(text)].flatMap(([part, whole]) => (whole ? [part] : [...part]));
  }

  words(text) {
    return text.split(/(?=▁)/u);
  }

  /** Byte-pair encoding (Sennrich et al. 2016): the best merge first, the leftmost of equal ones. */
  merged(text) {
    const symbols = [];
    for (const [part, whole] of this.apart(text))
      for (const piece of whole ? [part] : [...part]) symbols.push({ piece, frozen: whole });
    for (;;) {
      let chosen = -1, most = -Infinity;
      for (let i = 0; i + 1 < symbols.length; i++) {
        if (symbols[i].frozen || symbols[i + 1].frozen) continue;
        const id = this.ids.get(symbols[i].piece + symbols[i + 1].piece);
        if (id !== undefined && this.scores[id] > most) [chosen, most] = [i, this.scores[id]];
      }
      if (chosen < 0) break;
      symbols.splice(chosen, 2, { piece: symbols[chosen].piece + symbols[chosen + 1].piece, frozen: false });
    }
    return symbols.map((symbol) => symbol.piece);
  }

  /** The most probable pieces of a unigram model (Kudo 2018), by dynamic programming. */
  viterbi(text) {
    const letters = [...text], ends = Array.from({ length: letters.length + 1 }, () => ({ score: -Infinity, begin: -1 }));
    ends[0].score = 0;
    for (let begin = 0; begin < letters.length; begin++) {
      let piece = "", single = false;
      for (let end = begin + 1; end <= Math.min(letters.length, begin + this.longest); end++) {
        piece += letters[end - 1];
        const id = this.ids.get(piece);
        if (id === undefined || this.kinds[id] === UNUSED || id === UNKNOWN) continue;
        if (end === begin + 1) single = true;
        const bonus = new TextEncoder().encode(piece).length * this.most - 0.1;
        this.reach(ends, begin, end, this.kinds[id] === DEFINED ? bonus : this.scores[id]);
      }
      if (!single) this.reach(ends, begin, begin + 1, this.unknownScore);
    }
    const pieces = [];
    for (let end = letters.length; end > 0; end = ends[end].begin) pieces.unshift(letters.slice(ends[end].begin, end).join(""));
    return pieces;
  }

  reach(ends, begin, end, score) {
    const total = Math.fround(ends[begin].score + score);
    if (total > ends[end].score) ends[end] = { score: total, begin };
  }
}
