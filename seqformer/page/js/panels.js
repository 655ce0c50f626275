// The parts of the page: each has an element, and is shown anew when something changes.

import { h, lines, matrix, save, s, strip } from "./drawing.js";
import { best } from "./search.js";
import { softmax } from "./numbers.js";
import { TEXTS } from "./texts.js";
import { USUAL } from "./transformer.js";
import { byWords, plain, words } from "./words.js";

export const MOST = 60; // pieces of a side that are drawn

const field = (text, control) => h("label", {}, text, control);
const select = (options, onchange) => h("select", { onchange }, options.map(([value, text]) => h("option", { value }, text)));
const number = (value, min, max, step, onchange) => h("input", { type: "range", value, min, max, step, onchange, oninput: onchange });

/** The sentence, the search's settings, and the answer. */
export class TranslatePanel {
  constructor(model, changed) {
    this.model = model;
    const examples = model.run.examples;
    this.source = h("textarea", { rows: 2, value: examples[0]?.[0] ?? "", oninput: () => changed() });
    this.beam = h("input", { type: "number", min: 1, max: 12, value: 4, onchange: () => changed() });
    this.penalty = number(1, 0, 2, 0.1, () => changed());
    this.answer = h("output", { className: "answer", ariaLive: "polite" });
    this.more = h("div", { className: "small" });
    const chosen = select([["", TEXTS.example], ...examples.map(([text]) => [text, text])], () => {
      if (chosen.value) this.source.value = chosen.value;
      changed();
    });
    this.element = h("section", {},
      h("h2", {}, TEXTS.translate),
      field(TEXTS.source, this.source),
      h("div", { className: "controls" }, field("", chosen), field(TEXTS.beam, this.beam), field(TEXTS.penalty, this.penalty)),
      h("h3", {}, TEXTS.answer), this.answer, this.more);
  }

  get settings() {
    return { beam: Math.max(1, Math.min(12, Number(this.beam.value) || 1)), lengthPenalty: Number(this.penalty.value) };
  }

  show(read, found, took) {
    const { longest } = this.model.run;
    this.answer.value = found.text;
    const others = found.hypotheses.slice(1, 5).map((each) => h("li", {}, `${each.score.toFixed(2)}  ${this.model.target.decode(each.ids)}`));
    this.more.replaceChildren(
      h("p", {}, `${TEXTS.pieces}: `, read.pieces.map((piece, i) => h("span", { className: "piece", title: `${TEXTS.ids} ${read.ids[i]}` }, plain(piece)))),
      ...(read.ids.length > longest ? [h("p", { className: "warning" }, TEXTS.strange(read.ids.length, longest))] : []),
      h("p", {}, TEXTS.took(took, found.ids.length + 1)),
      ...(others.length ? [h("details", {}, h("summary", {}, TEXTS.others), h("ol", { start: 2 }, others))] : []));
  }
}

/** All attention, as matrix or lines, of the translation or of a target of the user's. */
export class AttentionPanel {
  constructor(model, changed) {
    const { arch, heads = 1, decoder_layers: layers } = model.run.model;
    const kinds = arch === "transformer" ? ["cross", "encoder", "decoder"] : ["cross"];
    const again = () => this.draw();
    this.kind = select(kinds.map((kind) => [kind, TEXTS.kinds[kind]]), again);
    this.layer = select(Array.from({ length: arch === "transformer" ? layers : 1 }, (_, i) => [i, i + 1]), again);
    this.layer.selectedIndex = this.layer.options.length - 1;
    this.head = select([["mean", TEXTS.mean], ...Array.from({ length: arch === "transformer" ? heads : 0 }, (_, i) => [i, i + 1])], again);
    this.form = select([["matrix", TEXTS.matrix], ["lines", TEXTS.lines]], again);
    this.words = h("input", { type: "checkbox", checked: true, onchange: again });
    this.target = h("input", { type: "text", oninput: () => changed() });
    this.drawn = h("div", { className: "drawing" });
    const button = (kind) => h("button", { type: "button", onclick: () => save(this.drawn.querySelector("svg"), `attention-${this.kind.value}`, kind) }, `${TEXTS.save} ${kind.toUpperCase()}`);
    this.element = h("section", {},
      h("h2", {}, TEXTS.attention),
      h("div", { className: "controls" },
        field(TEXTS.kind, this.kind), field(TEXTS.layer, this.layer), field(TEXTS.head, this.head), field(TEXTS.as, this.form),
        field(TEXTS.words, this.words)),
      field(TEXTS.target, this.target), this.drawn, h("div", { className: "controls" }, button("svg"), button("png")));
  }

  show(looked) {
    this.looked = looked;
    this.draw();
  }

  draw() {
    const { maps, source, targetIn, targetOut } = this.looked, kind = this.kind.value;
    const layers = maps[kind];
    if (!layers?.length) return;
    const heads = layers[Math.min(Number(this.layer.value), layers.length - 1)];
    const chosen = this.head.value === "mean" ? average(heads) : heads[Number(this.head.value)];
    const sides = { cross: [targetOut, source], encoder: [source, source], decoder: [targetIn, targetIn] }[kind];
    if (Math.max(...sides.map((side) => side.length)) > MOST) {
      this.drawn.replaceChildren(h("p", {}, TEXTS.tooLong(Math.max(...sides.map((side) => side.length)), MOST)));
      return;
    }
    const [rows, columns] = sides.map((side) => (this.words.checked ? words(side) : side.map((piece, i) => ({ text: plain(piece), at: [i] }))));
    const axes = [TEXTS.rows[kind], TEXTS.columns[kind]];
    const draw = this.form.value === "lines" ? lines : matrix;
    this.drawn.replaceChildren(draw(byWords(chosen, rows, columns), rows.map((r) => r.text), columns.map((c) => c.text), axes));
  }
}

function average(heads) {
  return heads[0].map((row, r) => Array.from(row, (_, c) => heads.reduce((sum, head) => sum + head[r][c], 0) / heads.length));
}

/** The paper's figure: each box opens to its numbers. */
export class FigurePanel {
  constructor(model) {
    this.model = model;
    this.opened = new Set();
    this.step = number(1, 1, 1, 1, () => this.draw());
    const { heads = 1 } = model.run.model;
    this.head = select(Array.from({ length: heads }, (_, i) => [i, i + 1]), () => this.draw());
    this.parts = h("div", { className: "figure" });
    this.says = h("p", { className: "small", ariaLive: "polite" });
    this.element = h("section", {}, h("h2", {}, TEXTS.figure), h("p", { className: "small" }, TEXTS.figureHelp),
      h("div", { className: "controls" }, field(TEXTS.step, this.step), ...(heads > 1 ? [field(TEXTS.head, this.head)] : [])),
      this.says, this.parts);
  }

  show(looked) {
    this.looked = looked;
    this.step.max = looked.targetIn.length;
    this.step.value = Math.min(Number(this.step.value), looked.targetIn.length);
    this.draw();
  }

  draw() {
    const { boxes, logits, targetIn } = this.looked, at = Number(this.step.value) - 1;
    const chances = softmax(logits[at]), next = best(chances, 5);
    this.says.textContent = `${TEXTS.step} ${at + 1}: ${plain(targetIn[at])} ${TEXTS.fed}; ${TEXTS.next}: `
      + next.map((id) => `${plain(this.model.target.pieces[id])} ${Math.round(100 * chances[id])} %`).join(", ");
    const parts = new Map();
    for (const box of boxes) parts.set(box.part, [...(parts.get(box.part) ?? []), box]);
    const column = (mine) => h("div", { className: "column" }, [...parts].filter(([part]) => mine(part)).map(([part, inside]) =>
      h("div", { className: "part" }, h("h3", {}, part), inside.map((box, i) => this.box(box, `${part}/${box.name}/${i}`, at)))));
    const reads = (part) => part === "source" || part.startsWith("encoder");
    this.parts.replaceChildren(column(reads), column((part) => !reads(part)));
  }

  box({ part, name, values }, key, at) {
    const [formula, why] = told(this.model.run.told, part, name);
    const details = h("details", { className: "box", open: this.opened.has(key), ontoggle: () => {
      this.opened[details.open ? "add" : "delete"](key);
      if (details.open && details.childElementCount === 1) details.append(this.inside(part, name, values, formula, why, at));
    } }, h("summary", {}, name));
    if (this.opened.has(key)) details.append(this.inside(part, name, values, formula, why, at));
    return details;
  }

  inside(part, name, values, formula, why, at) {
    const heads = name === "scores" || (name === "weights" && Array.isArray(values[0]));
    const head = Number(this.head.value), rows = heads ? values[head] : values, { source, targetIn } = this.looked;
    const ofTarget = part === "target" || part === "output" || (part.startsWith("decoder") && !(part.endsWith("cross-attention") && ["key", "value"].includes(name)))
      || (part === "attention" && name !== "key");
    const labels = part === "decoder" && name === "first state" ? rows.map((_, i) => `layer ${i + 1}`) : ofTarget ? targetIn : source;
    const shape = heads ? `(H, ${rows.length}, ${rows[0].length}), H = ${values.length}` : `(${rows.length}, ${rows[0].length})`;
    const flat = rows.flatMap((row) => Array.from(row)).filter(Number.isFinite), low = Math.min(...flat), high = Math.max(...flat);
    const body = rows.map((row, r) => h("tr", { className: ofTarget && r === at ? "now" : "" }, h("th", { scope: "row" }, plain(labels[r] ?? "")),
      rows[0].length <= 12
        ? Array.from(row, (value) => h("td", {}, Number.isFinite(value) ? value.toFixed(2) : "−∞"))
        : [h("td", {}, strip(row, low, high)), h("td", {}, `${row[0].toFixed(2)} ${row[1].toFixed(2)} …`)]));
    return h("div", {}, h("p", { className: "formula" }, formula, h("span", { className: "shape" }, shape + (heads ? `; ${TEXTS.head.toLowerCase()} ${head + 1}` : ""))),
      h("p", { className: "small" }, why), h("table", {}, body));
  }
}

function told(table, part, name) {
  const stack = part.split(" ")[0], kind = part.split(", ").at(-1);
  return [`${stack} ${kind} ${name}`, `${kind} ${name}`, name].map((key) => table[key]).find(Boolean) ?? ["", ""];
}

/** Parts switched off, and what becomes of the translation and of a target's loss. */
export class ExperimentsPanel {
  constructor(model, changed) {
    this.model = model;
    this.boxes = {};
    const { heads, encoder_layers: encoder, decoder_layers: decoder } = model.run.model;
    const every = [["encoder", encoder], ["decoder", decoder], ["cross", decoder]].flatMap(([kind, layers]) =>
      Array.from({ length: layers * heads }, (_, i) => [`${kind} ${Math.floor(i / heads)} ${i % heads}`, `${kind} ${1 + Math.floor(i / heads)}, ${TEXTS.head.toLowerCase()} ${1 + (i % heads)}`]));
    this.head = select([["", TEXTS.none], ...every], changed);
    this.given = h("input", { type: "text", oninput: changed });
    this.replaced = select([["", TEXTS.none]], changed);
    this.by = h("input", { type: "text", size: 10, oninput: changed });
    this.temperature = number(1, 0.2, 3, 0.1, changed);
    this.result = h("div", { ariaLive: "polite" });
    const switches = Object.entries(TEXTS.switches).map(([name, [title, answer]]) => {
      this.boxes[name] = h("input", { type: "checkbox", checked: true, onchange: changed });
      return h("div", { className: "switch" }, field(title, this.boxes[name]), h("p", { className: "small" }, answer));
    });
    this.element = h("section", {}, h("h2", {}, TEXTS.experiments), h("p", { className: "small" }, TEXTS.experimentsHelp),
      h("div", { className: "switches" }, switches),
      h("div", { className: "controls" }, field(TEXTS.oneHead, this.head), field(TEXTS.replace, this.replaced), field(TEXTS.by, this.by),
        field(TEXTS.temperature, this.temperature)),
      field(TEXTS.given, this.given), this.result);
  }

  get switches() {
    const [kind, layer, head] = this.head.value.split(" ");
    const on = Object.fromEntries(Object.entries(this.boxes).map(([name, box]) => [name, box.checked]));
    return { ...USUAL, ...on, head: kind ? { kind, layer: Number(layer), head: Number(head) } : null };
  }

  /** Return the source with one piece replaced, if that is asked for. */
  changedSource(read) {
    const at = this.replaced.value;
    const pieces = ["", ...read.pieces.map(plain)];
    if (this.replaced.options.length !== pieces.length || [...this.replaced.options].some((o, i) => i && o.textContent !== pieces[i])) {
      this.replaced.replaceChildren(...pieces.map((piece, i) => h("option", { value: i ? i - 1 : "" }, piece || TEXTS.none)));
      return read;
    }
    if (at === "" || !this.by.value) return read;
    const words = this.model.source.encode(this.model.normalizers.source.normalize(this.by.value));
    const put = (list, key) => [...list.slice(0, at), ...words.map((w) => w[key]), ...list.slice(Number(at) + 1)];
    return { ...read, ids: put(read.ids, "id"), pieces: put(read.pieces, "piece") };
  }

  show(whole, changed, given) {
    const loss = (each) => (-each.reduce((a, b) => a + b, 0) / each.length).toFixed(3);
    const row = (name, found, each) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, found.text), h("td", {}, `${loss(each)} ${TEXTS.lossUnit}`));
    const at = 0, chances = softmax(changed.logits[at], Number(this.temperature.value)), next = best(chances, 5);
    this.result.replaceChildren(
      h("table", {}, h("tr", {}, h("th", {}), h("th", {}, TEXTS.answer), h("th", {}, TEXTS.loss)),
        row(TEXTS.whole, whole, whole.each), row(TEXTS.changed, changed, changed.each)),
      h("p", { className: "small" }, `${TEXTS.loss}: ${given}`),
      h("p", { className: "small" }, `${TEXTS.step} 1, ${TEXTS.next}: ${next.map((id) => `${plain(this.model.target.pieces[id])} ${Math.round(100 * chances[id])} %`).join(", ")}`));
  }
}

/** Every hypothesis of the search, as a tree. */
export class SearchPanel {
  constructor(model) {
    this.model = model;
    this.penalty = number(1, 0, 2, 0.1, () => this.draw());
    this.says = h("p", { className: "small best", ariaLive: "polite" });
    this.drawn = h("div", { className: "drawing" });
    this.element = h("section", {}, h("h2", {}, TEXTS.search), h("p", { className: "small" }, TEXTS.searchHelp),
      h("div", { className: "controls" }, field(TEXTS.rescore, this.penalty)), this.says, this.drawn);
  }

  show(found, lengthPenalty) {
    this.found = found;
    this.penalty.value = lengthPenalty;
    this.draw();
  }

  /** Draw the tree as it was grown, its ends scored with the penalty of the slider: the best may be another. */
  draw() {
    const found = this.found, penalty = Number(this.penalty.value), score = (each, t) => each.logProbability / (t + 1) ** penalty;
    const ends = found.steps.flatMap(({ ended }, t) => ended.map((each) => ({ ids: each.ids, score: score(each, t) })));
    const chosen = ends.reduce((one, other) => (other.score > one.score ? other : one));
    this.says.textContent = TEXTS.bestEnd(penalty, this.model.target.decode(chosen.ids));
    const column = 112, rows = Math.max(1, ...found.steps.map((step) => step.grown.length + step.ended.length));
    const width = column * (found.steps.length + 1) + 20, height = 22 * rows + 30;
    const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": TEXTS.search });
    const bestIds = chosen.ids.join(" ");
    let places = [16];
    svg.append(s("text", { x: 4, y: 20, class: "label" }, "<s>"));
    found.steps.forEach((step, t) => {
      const next = [];
      [...step.grown, ...step.ended].forEach((each, row) => {
        const y = 16 + 22 * row, ended = row >= step.grown.length;
        const good = ended ? each.ids.join(" ") === bestIds : `${bestIds} `.startsWith(`${each.ids.join(" ")} `);
        svg.append(s("line", { x1: column * t + (t ? 92 : 30), y1: places[each.parent], x2: column * (t + 1) - 4, y2: y, class: good ? "branch good" : "branch" }));
        const text = ended ? `</s> ${score(each, t).toFixed(2)}` : `${plain(this.model.target.pieces[each.token])} ${each.logProbability.toFixed(1)}`;
        svg.append(s("text", { x: column * (t + 1), y: y + 4, class: `label${good ? " good" : ""}${ended ? " ended" : ""}` }, text));
        if (!ended) next.push(y);
      });
      places = next;
    });
    this.drawn.replaceChildren(svg);
  }
}

/** Return what the panels show of a target: its pieces before and after the shift by one. */
export function sides(model, read, ids) {
  const pieces = ids.map((id) => model.target.pieces[id]);
  return { source: [...read.pieces, "</s>"], targetIn: ["<s>", ...pieces], targetOut: [...pieces, "</s>"] };
}
