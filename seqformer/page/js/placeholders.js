// Tags, places for values and addresses: hidden from the model and put back, as seqformer/text/placeholders.py.

const W = "[\\p{L}\\p{N}_]";
const SPANS = new RegExp([
  'https?://[^\\s<>"⟦]+|www\\.[^\\s<>"⟦]+',
  `(?:${W}|[.+-]){1,64}@(?:${W}|-){1,63}(?:\\.(?:${W}|-){1,63})+`,
  "</?[A-Za-z][^<>]{0,200}>",
  "&(?:[A-Za-z]{2,10}|#\\p{Nd}{1,7}|#x[0-9A-Fa-f]{1,6});",
  `%\\(${W}{1,50}\\)[sdif]|%(?:\\p{Nd}{1,2}\\$)?[sdif@](?!${W})`,
  `\\$?\\{\\{?(?:${W}|[.:-]){1,50}\\}?\\}`,
  "⟦[1-9]⟧",
].map((each) => each.replaceAll("/", "\\/")).join("|"), "gu");
const ENDS = /[.,;:!?)»”’'"]+$/u;
export const SYMBOLS = Array.from({ length: 9 }, (_, n) => `⟦${n + 1}⟧`);

/** Return the placeholders of a line: where they begin, and their text. */
export function find(line) {
  return [...line.matchAll(SPANS)].map((match) => {
    const address = /^(http|www\.)/.test(match[0]);
    return { begin: match.index, text: address ? match[0].replace(ENDS, "") : match[0] };
  });
}

/** Return a line with symbols in place of its placeholders, but for those exempt, and what they stand for. */
export function hide(line, exempt, unspaced) {
  const word = new RegExp(`^(?![${unspaced}])${W}$`, "u");
  const spans = find(line).filter((span) => !exempt.includes(span.text));
  const own = new Set(spans.map((span) => span.text).filter((text) => SYMBOLS.includes(text)));
  const free = SYMBOLS.filter((symbol) => !own.has(symbol));
  const named = spans.map((span) => ({ ...span, symbol: own.delete(span.text) ? span.text : free.shift() }))
    .filter((span) => span.symbol);
  const placed = new Map();
  let text = "", at = 0;
  named.forEach((span, i) => {
    const end = span.begin + span.text.length, next = named[i + 1];
    const touches = i > 0 && span.begin === at, follows = next?.begin === end;
    const before = touches ? "other" : span.begin > 0 && word.test(line[span.begin - 1]) ? "word" : "";
    const after = follows ? "other" : end < line.length && word.test(line[end]) ? "word" : "";
    text += line.slice(at, span.begin) + (before === "word" ? " " : "") + span.symbol + (after ? " " : "");
    placed.set(span.symbol, { text: span.text, before, after });
    at = end;
  });
  return { text: text + line.slice(at), placed };
}

/** Return a translation with the placeholders in place of their symbols; one that stands for none goes. */
export function restored(translation, placed) {
  const left = new Map(placed);
  return translation.replace(/( ?)(⟦[1-9]⟧)( ?)/gu, (whole, before, symbol, after, at) => {
    const span = left.get(symbol);
    left.delete(symbol);
    if (!span) return before || after ? " " : "";
    const next = translation[at + whole.length];
    const gap = next === "⟦" ? (span.after === "other" ? "" : " ") : span.after === "word" ? "" : after;
    return (span.before === "word" ? "" : before) + span.text + gap;
  }).trim();
}
