// Beam search, by the rules of seqformer/decoding/search.py; greedy search is a beam of one.

import { logSoftmax } from "./numbers.js";
import { BOS, EOS, PAD } from "./transformer.js";

/**
 * Return the best hypotheses for source ids, best first, and the search step by step.
 *
 * `asked` is {beam, lengthPenalty, limit}. A hypothesis is {ids, logProbability, score}; a step is {grown, ended},
 * lists of {ids, parent, token, logProbability}, where parent is the number of the hypothesis it goes on.
 */
export function search(model, source, asked) {
  const { beam, lengthPenalty, limit } = asked;
  let alive = [{ ids: [], logProbability: 0, state: model.start(model.encode(source).memory), token: BOS }];
  const finished = [], steps = [];
  for (let length = 1; alive.length; length++) {
    const candidates = [];
    alive.forEach((hypothesis, parent) => {
      const { logits: [logits], state } = model.step(hypothesis.token, hypothesis.state);
      logits[PAD] = logits[BOS] = -Infinity;
      const logP = logSoftmax(logits);
      for (const token of best(logP, 2 * beam))
        candidates.push({
          ids: hypothesis.ids, token, state, parent, logProbability: hypothesis.logProbability + logP[token],
        });
    });
    candidates.sort((a, b) => b.logProbability - a.logProbability);
    const chosen = candidates.slice(0, 2 * beam), last = length >= limit, ended = [];
    chosen.slice(0, beam).forEach((each) => {
      if (each.token !== EOS && !last) return;
      const ids = each.token === EOS ? each.ids : [...each.ids, each.token];
      const { logProbability } = each;
      ended.push({ ...each, ids, score: logProbability / length ** lengthPenalty });
    });
    finished.push(...ended);
    const grown = chosen.filter((each) => each.token !== EOS).slice(0, beam)
      .map((each) => ({ ...each, ids: [...each.ids, each.token] }));
    steps.push({ grown, ended });
    const hope = grown.length ? grown[0].logProbability / length ** lengthPenalty : -Infinity;
    const enough = finished.length >= beam && Math.max(...finished.map((each) => each.score)) >= hope;
    alive = last || enough ? [] : grown;
  }
  finished.sort((a, b) => b.score - a.score);
  return { hypotheses: finished, steps };
}

/** Return the places of the largest numbers, largest first. */
export function best(numbers, count) {
  const places = [];
  for (let i = 0; i < numbers.length; i++) {
    if (places.length === count && numbers[i] <= numbers[places[count - 1]]) continue;
    let at = places.length;
    while (at > 0 && numbers[places[at - 1]] < numbers[i]) at--;
    places.splice(at, 0, i);
    if (places.length > count) places.pop();
  }
  return places;
}

/** Return the log-probability of each target id given those before, EOS included, and the weights. */
export function forced(model, source, target) {
  const read = model.encode(source);
  const { logits, maps } = model.decode([BOS, ...target], model.start(read.memory));
  const each = [...target, EOS].map((id, t) => {
    logits[t][PAD] = logits[t][BOS] = -Infinity;
    return logSoftmax(logits[t])[id];
  });
  return { each, logits, maps: { encoder: read.maps, ...maps } };
}
