// Starts the page: reads the model that the file holds, and keeps its parts in step.

import { h } from "./drawing.js";
import { Model, open } from "./model.js";
import { AttentionPanel, ExperimentsPanel, FigurePanel, SearchPanel, sides, TranslatePanel } from "./panels.js";
import { TEXTS } from "./texts.js";

const WAIT = 120; // milliseconds after a key, before anything is computed

function start() {
  const run = JSON.parse(document.getElementById("description").textContent);
  const binary = atob(document.getElementById("weights").textContent), bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  document.getElementById("weights").textContent = "";
  const model = new Model(run, open(run.parts, bytes));
  window.seqformer = model; // for the console, and for tests

  let waiting;
  const changed = () => {
    clearTimeout(waiting);
    waiting = setTimeout(update, WAIT);
  };
  const translating = new TranslatePanel(model, changed), attention = new AttentionPanel(model, changed);
  const figure = new FigurePanel(model), tree = new SearchPanel(model);
  const experiments = run.model.arch === "transformer" ? new ExperimentsPanel(model, changed) : null;

  function update() {
    const read = model.read(translating.source.value.trim());
    if (!read.ids.length) return;
    const begin = performance.now(), found = model.translate(read, translating.settings);
    translating.show(read, found, performance.now() - begin);
    tree.show(found, translating.settings.lengthPenalty);
    const switches = experiments?.switches, changedRead = experiments ? experiments.changedSource(read) : read;
    const given = encoded(experiments?.given.value) ?? found.ids, target = encoded(attention.target.value) ?? found.ids;
    const looked = { ...model.look(changedRead, target, switches), ...sides(model, changedRead, target) };
    attention.show(looked);
    figure.show(looked);
    if (experiments) {
      const whole = { ...found, ...model.look(read, given) };
      const other = model.translate(changedRead, { ...translating.settings, switches });
      experiments.show(whole, { ...other, ...model.look(changedRead, given, switches) }, model.target.decode(given));
    }
    document.body.dataset.ready = String(Number(document.body.dataset.ready ?? 0) + 1);
  }

  /** Return the ids of a target that the user has typed; undefined for none. */
  function encoded(text) {
    if (!text?.trim()) return undefined;
    return model.target.encode(model.normalizers.target.normalize(text)).map((piece) => piece.id);
  }

  const [from, to] = run.languages;
  document.querySelector("main").append(
    h("header", {}, h("h1", {}, `${run.name}${from && to ? `: ${from} → ${to}` : ""}`),
      h("p", { className: "small" }, TEXTS.about(run.name, run.shape, TEXTS.weights[run.precision])),
      h("p", { className: "small" }, TEXTS.leavesOut)),
    translating.element, attention.element, ...(experiments ? [experiments.element] : []), tree.element, figure.element);
  update();
}

start();
