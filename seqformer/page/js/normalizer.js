// Normalisation of a line, as seqformer/text/normalize.py and punctuation.py have it.

import { find } from "./placeholders.js";

const STAND_IN = "\ue0ff", LETTER = "[\\p{L}\\p{N}]", WORD = "[\\p{L}\\p{N}_]";
// of rules 1: a full stop, comma or colon between digits belongs to the number
const FIRST = /([!?;"()[\]{}«»“”…¿¡]+|(?<!\p{Nd})[.,:]+|[.,:]+(?!\p{Nd}))/gu;
const LONG_RUN = /([^\p{L}\p{N}_\s]{200,})/u;

export class Normalizer {
  /** `rules` are the settings of the run, and tables of characters (see seqformer/page/bundle.py). */
  constructor(rules) {
    this.rules = rules;
    this.table = new Map(Object.entries(rules.table));
    this.marks = !rules.split_punctuation ? null : rules.rules === 1 ? FIRST : pattern(rules.punctuation);
  }

  normalize(line) {
    const found = this.rules.placeholders && !line.includes(STAND_IN) ? find(line) : [];
    if (!found.length) return this.plain(line);
    let at = 0;
    const between = found.map((span) => {
      const text = line.slice(at, span.begin);
      at = span.begin + span.text.length;
      return text;
    });
    const words = this.plain([...between, line.slice(at)].join(STAND_IN)).split(STAND_IN);
    return words.map((text, i) => (i ? squeezed(this.repaired(found[i - 1].text)) : "") + text).join("");
  }

  plain(line) {
    let text = this.repaired(line);
    if (this.rules.lowercase) {
      if (this.rules.dotless) text = text.replaceAll("I", "ı").replaceAll("İ", "i");
      text = this.composed(text.toLowerCase());
    }
    if (this.marks) text = text.replace(this.marks, (whole, mark) => (mark ? ` ${mark} ` : whole));
    return squeezed(text);
  }

  /** Return a line without odd characters, composed. */
  repaired(line) {
    let text = [...line.replace(/[\ud800-\udfff]/gu, "\ufffd")].map((c) => this.table.get(c) ?? c).join("");
    if (text.includes("\u200b")) text = [...text].filter((c, at, all) => c !== "\u200b" || this.separates(all, at)).join("");
    return this.composed(text);
  }

  composed(text) {
    const form = this.rules.nfkc ? "NFKC" : "NFC";
    if (text.length < 200) return text.normalize(form);
    return text.split(LONG_RUN).map((part, i) => (i % 2 ? part : part.normalize(form))).join("");
  }

  /** Whether a zero-width space stands between words of a script that has no others. */
  separates(letters, at) {
    const kind = (c) => /^[\p{L}\p{N}]/u.test(c.normalize("NFKC"));
    const before = letters.slice(0, at).reverse().find((c) => !/\p{M}|\u200b/u.test(c));
    const after = letters[at + 1];
    if (!before || !after || !kind(before) || !kind(after)) return false;
    return new RegExp(`[${this.rules.southeast}]`, "u").test(before + after);
  }
}

function squeezed(text) {
  return text.split(/\s+/u).filter(Boolean).join(" ");
}

const escaped = (characters) => characters.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");

/** Every mark that is set apart, and what stays whole, as seqformer/text/punctuation.py has it. */
function pattern({ marks, paired, inWords, inNumbers, exclamations, inverted, east }) {
  const [every, single, words, numbers, exclaim, invert] = [marks, paired, inWords, inNumbers, exclamations, inverted].map(escaped);
  const url = `(?:(?![${east}])(?:${WORD}|[!#$%&'()*+,\\-./:;=?@\\[\\]~]))*(?<=${WORD}|[/#&=+~$%@*\\-])`;
  const whole = [
    `[A-Za-z][A-Za-z0-9+.\\-]{0,15}:\\/\\/${url}`,
    `(?<!${WORD}|[.\\-])(?:${WORD}|-)+(?:\\.(?:${WORD}|-)+)+\\/${url}`,
    `(?<!${WORD}|[.+\\-])(?:${WORD}|[.+\\-])+@(?:${WORD}|-)+(?:\\.(?:${WORD}|-)+)+`,
    `[$%#@]?\\{{1,3}(?:${WORD}|[.:!$\\-]){1,64}\\}{1,3}`,
    `%(?:\\(${WORD}{1,64}\\))?[\\-+#0]{0,4}\\p{Nd}{0,4}(?:\\.\\p{Nd}{1,4})?[A-Za-z]`,
    "<\\/?[A-Za-z][^<>]*>",
    "&(?:#\\p{Nd}{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});",
  ];
  const letter = `(?:(?!\\p{Nd})${LETTER})`;
  const left = `[^\\s\\p{Nd}<>'’${every}${east}]`, right = `(?![${east}])${letter}`;
  const rest = `(?:(?<=[${words}${numbers}])(?:\\2+|(?!(?<=\\p{Nd}[${numbers}])\\p{Nd}|(?<=${left}[${words}])${right}`
    + `|(?<!.\\.)(?<=\\.)\\p{Nd}|(?<=[\\s+\\-−±$€£${single}]\\.)\\p{Nd}))`
    + `|(?<=[${exclaim}])[${exclaim}]*|(?<=[${invert}])[${invert}]*|(?<=[${single}])`
    + `|(?<=[^${words}${numbers}${exclaim}${invert}${single}])\\2*)`;
  return new RegExp(`${whole.join("|")}|(([${every}])${rest})`, "gu");
}
