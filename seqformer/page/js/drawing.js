// What is drawn: elements, matrices and lines between words as SVG, and pictures to save.

const SVG = "http://www.w3.org/2000/svg";
export const CELL = 26, LABEL = 7.2; // pixels: of a cell, and of a letter of a label

/** Make an element: properties that begin with "on" are listeners, the others attributes. */
export function h(tag, properties = {}, ...children) {
  return filled(document.createElement(tag), properties, children);
}

/** Make an element of SVG. */
export function s(tag, properties = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), properties, children);
}

function filled(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (name === "style") element.style.cssText = value; // by script, which the policy allows
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && !(element instanceof SVGElement)) element[name] = value;
    else if (value !== false && value !== null) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Return a shade of the accent for a share from 0 to 1; it is readable in light and dark. */
const shade = (weight) => `color-mix(in srgb, var(--accent) ${Math.round(100 * Math.max(0, Math.min(1, weight)))}%, var(--paper))`;

/** Draw a matrix of shares: rows look at columns. `axes` are the titles of both. */
export function matrix(values, rows, columns, axes, onpoint = () => {}) {
  const margin = 16 + LABEL * Math.max(...rows.map((r) => [...r].length));
  const head = 16 + LABEL * Math.max(...columns.map((c) => [...c].length));
  const title = `→ ${axes[1]}     ↓ ${axes[0]}`;
  const width = Math.max(margin + CELL * columns.length + 12, 8 + 6.5 * title.length), height = head + CELL * rows.length + 22;
  const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": axes.join(", ") });
  columns.forEach((text, c) => svg.append(
    s("text", { transform: `translate(${margin + CELL * (c + 0.65)} ${head - 4}) rotate(-90)`, class: "label" }, text)));
  rows.forEach((text, r) => svg.append(
    s("text", { x: margin - 6, y: head + CELL * (r + 0.68), "text-anchor": "end", class: "label" }, text)));
  values.forEach((row, r) => row.forEach((weight, c) => {
    const cell = s("rect", {
      x: margin + CELL * c, y: head + CELL * r, width: CELL - 1, height: CELL - 1, style: `fill:${shade(weight)}`,
      onmouseenter: () => onpoint(r, c), onmouseleave: () => onpoint(null, null),
    }, s("title", {}, `${rows[r]} → ${columns[c]}: ${(100 * weight).toFixed(1)} %`));
    svg.append(cell);
    if (weight >= 0.1)
      svg.append(s("text", {
        x: margin + CELL * (c + 0.48), y: head + CELL * (r + 0.66), "text-anchor": "middle",
        class: weight > 0.55 ? "number light" : "number",
      }, Math.round(100 * weight)));
  }));
  svg.append(s("text", { x: 4, y: height - 6, class: "axis" }, title));
  return svg;
}

/** Draw lines between two columns of words, as strong as the shares. */
export function lines(values, rows, columns, axes, onpoint = () => {}) {
  const wide = (texts) => LABEL * Math.max(...texts.map((t) => [...t].length));
  const left = 12 + wide(columns), gap = 150;
  const width = left + gap + Math.max(wide(rows), LABEL * axes[0].length) + 24;
  const height = 24 * Math.max(rows.length, columns.length) + 30, y = (i) => 24 * i + 32;
  const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": axes.join(", ") });
  values.forEach((row, r) => row.forEach((weight, c) => {
    if (weight < 0.02) return;
    svg.append(s("line", {
      x1: left + 6, y1: y(c) - 4, x2: left + gap - 6, y2: y(r) - 4, class: `line row${r}`,
      "stroke-width": 0.5 + 5 * weight, "stroke-opacity": Math.min(1, 0.15 + weight),
    }, s("title", {}, `${rows[r]} → ${columns[c]}: ${(100 * weight).toFixed(1)} %`)));
  }));
  columns.forEach((text, c) => svg.append(s("text", { x: left, y: y(c), "text-anchor": "end", class: "label" }, text)));
  rows.forEach((text, r) => svg.append(s("text", {
    x: left + gap, y: y(r), class: "label pointed",
    onmouseenter: () => { svg.classList.add("only"); svg.querySelectorAll(`.row${r}`).forEach((l) => l.classList.add("chosen")); onpoint(r, null); },
    onmouseleave: () => { svg.classList.remove("only"); svg.querySelectorAll(".chosen").forEach((l) => l.classList.remove("chosen")); onpoint(null, null); },
  }, text)));
  svg.append(s("text", { x: 4, y: 12, class: "axis" }, axes[1]), s("text", { x: left + gap, y: 12, class: "axis" }, axes[0]));
  return svg;
}

/** Draw a row of numbers as bars, the mean of neighbours where there are more than fit. */
export function strip(row, low, high, count = 48) {
  const bars = Math.min(count, row.length), svg = s("svg", { viewBox: `0 0 ${bars * 4} 20`, width: bars * 4, height: 20, "aria-hidden": "true" });
  for (let i = 0; i < bars; i++) {
    const part = Array.from(row.slice(Math.floor((i * row.length) / bars), Math.floor(((i + 1) * row.length) / bars)));
    const value = part.reduce((a, b) => a + b, 0) / part.length, tall = 1 + (18 * (value - low)) / (high - low || 1);
    svg.append(s("rect", { x: i * 4, y: 20 - tall, width: 3, height: tall, class: "bar" }));
  }
  return svg;
}

/** Save a drawing as an SVG or a PNG file, with the colours that it has now. */
export function save(svg, name, kind) {
  const copy = svg.cloneNode(true), style = getComputedStyle(document.documentElement);
  const colour = (variable) => style.getPropertyValue(variable).trim();
  copy.setAttribute("xmlns", SVG);
  const originals = [...svg.querySelectorAll("*")];
  [...copy.querySelectorAll("*")].forEach((element, i) => {
    const seen = getComputedStyle(originals[i]);
    for (const property of ["fill", "stroke", "font-size", "font-family"]) element.style[property] = seen[property];
  });
  copy.prepend(s("rect", { width: "100%", height: "100%", style: `fill:${colour("--paper")}` }));
  const text = new XMLSerializer().serializeToString(copy);
  if (kind === "svg") return download(new Blob([text], { type: "image/svg+xml" }), `${name}.svg`);
  const image = new Image(), scale = 2;
  image.onload = () => {
    const canvas = h("canvas", { width: scale * svg.width.baseVal.value, height: scale * svg.height.baseVal.value });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => download(blob, `${name}.png`));
  };
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  return undefined;
}

function download(blob, name) {
  const link = h("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  URL.revokeObjectURL(link.href);
}
