/** The page: two models to try, and a look at the memory of any blob. */

import { KingletError, load } from "../kinglet.js";
import { letDraw, pixelsOf } from "./digits.js";
import { KINDS, blocksOf, liveBytes, sectionsOf } from "./memory.js";

/** A blob from elsewhere may have as much to do as a second or two of this machine. */
const WORK_MAX = 2e9;
const SVG = "http://www.w3.org/2000/svg";
const CHANNELS = ["acceleration x", "y", "z", "rotation x", "y", "z"];

const at = (id) => document.getElementById(id);
const count = (number) => Math.round(number).toLocaleString("en-US");

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  made.append(...children);
  return made;
}

function shape(name, attributes, title) {
  const made = document.createElementNS(SVG, name);
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  if (title !== undefined) {
    const text = document.createElementNS(SVG, "title");
    text.textContent = title;
    made.append(text);
  }
  return made;
}

function decoded(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

/** Bars of a model's scores, the best one marked; returns its position. */
function showScores(list, names, scores) {
  const best = scores.indexOf(Math.max(...scores));
  const lines = names.map((name, index) => {
    const part = `${(100 * scores[index]).toFixed(0)} %`;
    const line = element("li", { style: `--part: ${100 * scores[index]}%` }, element("span", {}, name), element("span", {}, part));
    line.classList.toggle("best", index === best && scores[index] > 0);
    return line;
  });
  list.replaceChildren(...lines);
  return best;
}

function startDigit(model) {
  const session = model.session();
  const names = Array.from("0123456789");
  const draw = () => {
    const pixels = pixelsOf(at("pad"));
    if (pixels === undefined) {
      showScores(at("digit-scores"), names, names.map(() => 0));
      at("digit-answer").value = "draw here";
      return;
    }
    session.write(0, pixels);
    session.run();
    at("digit-answer").value = `a ${names[showScores(at("digit-scores"), names, Array.from(session.read()))]}`;
  };
  at("clear").addEventListener("click", letDraw(at("pad"), draw));
  draw();
}

function startGesture(model, { classes, samples }) {
  const session = model.session();
  const pick = () => {
    const { label, codes } = samples[at("sample").value];
    const window = new Int8Array(decoded(codes).buffer);
    session.write(0, window);
    session.run();
    const best = showScores(at("gesture-scores"), classes, Array.from(session.read()));
    at("gesture-answer").value = best === label ? `${classes[best]}, as recorded` : `${classes[best]}; it was ${classes[label]}`;
    showWaves(window);
  };
  at("sample").append(...samples.map(({ label }, index) => element("option", { value: index }, `recording ${index + 1}: ${classes[label]}`)));
  at("sample").addEventListener("change", pick);
  pick();
}

function showWaves(window) {
  const steps = window.length / CHANNELS.length;
  const colors = ["--input", "--output", "--scratch"];
  const waves = CHANNELS.map((name, channel) => {
    const middle = channel < 3 ? 75 : 205;
    const points = Array.from({ length: steps }, (_, step) => {
      const y = middle - window[step * CHANNELS.length + channel] / 2.2;
      return `${((step * 280) / (steps - 1)).toFixed(1)} ${y.toFixed(1)}`;
    });
    return shape("path", { d: `M${points.join("L")}`, style: `stroke: var(${colors[channel % 3]})` }, name);
  });
  at("waves").replaceChildren(...waves);
}

/** Everything about a model. */
function show(name, model) {
  at("model-name").textContent = name;
  const { macs } = model.work;
  const [written, took] = trace(model);
  const blocks = blocksOf(model, written);
  const live = liveBytes(blocks, model.operatorCount);
  const facts = [
    ["blob", count(model.blobBytes), "bytes"],
    ["arena", count(model.arenaBytes), "bytes"],
    ["operators", count(model.operatorCount), ""],
    ["multiplications", count(macs), ""],
    ["a run here", took.toFixed(2), "ms"],
  ];
  const fact = ([term, value, unit]) => element("div", {}, element("dt", {}, term), element("dd", {}, value, " ", element("small", {}, unit)));
  at("facts").replaceChildren(...facts.map(fact));
  const peak = live.indexOf(Math.max(...live));
  at("memory-note").textContent = `Across: the operators in order. Up: ${count(model.arenaBytes)} bytes of arena. Most is in use at operator ${peak}.`;
  showMemory(model, blocks);
  showOperators(model, blocks, live, written);
  showPorts(model);
  showSections(model);
}

/** Bytes that operators write, and the milliseconds of the fastest of some runs. */
function trace(model) {
  const session = model.session();
  const written = session.trace();
  session.reset();
  let best = Infinity;
  for (let run = 0, end = performance.now() + 100; run < 20 && performance.now() < end; run += 1) {
    const start = performance.now();
    session.run();
    best = Math.min(best, performance.now() - start);
  }
  session.close();
  return [written, best];
}

function showMemory(model, blocks) {
  const [width, height, left, bottom] = [1120, 260, 70, 22];
  const columns = Math.max(model.operatorCount, 1);
  const x = (time) => left + (time * (width - left)) / columns;
  const y = (bytes) => height - bottom - (bytes * (height - bottom - 8)) / Math.max(model.arenaBytes, 1);
  const picture = at("memory");
  picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
  picture.style.minWidth = `${Math.min(columns * 12, 4000)}px`;
  const marks = [];
  for (let part = 0; part <= 4; part += 1) {
    const bytes = (model.arenaBytes * part) / 4;
    marks.push(shape("line", { class: "grid", x1: left, x2: width, y1: y(bytes), y2: y(bytes) }));
    const label = shape("text", { x: left - 8, y: y(bytes) + 4, "text-anchor": "end" });
    label.textContent = count(bytes);
    marks.push(label);
  }
  const every = Math.ceil(columns / 24);
  for (let time = 0; time < columns; time += every) {
    const label = shape("text", { x: (x(time) + x(time + 1)) / 2, y: height - 6, "text-anchor": "middle" });
    label.textContent = time;
    marks.push(label);
  }
  const shapes = blocks.map((block) => {
    const top = y(block.offset + block.bytes);
    const box = { class: "block", x: x(block.from), y: top, width: x(block.to + 1) - x(block.from), height: Math.max(y(block.offset) - top, 1.5), rx: 2 };
    const made = shape("rect", { ...box, style: `fill: var(--${block.kind})` }, sentence(block));
    made.addEventListener("pointerenter", () => tell(blocks, shapes, [block]));
    made.addEventListener("pointerleave", () => tell(blocks, shapes, []));
    return made;
  });
  picture.replaceChildren(...marks, ...shapes);
  picture.tell = (time) => tell(blocks, shapes, time === undefined ? [] : blocks.filter(({ from, to }) => from <= time && time <= to));
  const kinds = KINDS.filter(([kind]) => blocks.some((block) => block.kind === kind));
  at("legend").replaceChildren(...kinds.map(([kind, words]) => element("span", { style: `--color: var(--${kind})` }, words)));
}

function sentence({ name, offset, bytes, from, to, atMost }) {
  const size = `${atMost ? "at most " : ""}${count(bytes)} bytes`;
  const time = from === to ? `operator ${from}` : `operators ${from} to ${to}`;
  return `${name}: ${size} from byte ${count(offset)}, ${time}`;
}

/** Marks some blocks and describes them. */
function tell(blocks, shapes, chosen) {
  shapes.forEach((made, index) => made.classList.toggle("dim", chosen.length > 0 && !chosen.includes(blocks[index])));
  const idle = "Point at a block, or at an operator below.";
  at("memory-detail").textContent = chosen.length > 0 ? chosen.map(sentence).join(" · ") : idle;
}

function table(target, head, rows) {
  const cell = (kind) => (value) => {
    const made = element(kind, {}, ...(value instanceof Node ? [value] : [String(value?.number ?? value)]));
    made.classList.toggle("number", value?.number !== undefined);
    made.classList.toggle("share", value instanceof Node);
    return made;
  };
  const line = (kind) => (values) => element("tr", {}, ...values.map(cell(kind)));
  at(target).replaceChildren(element("thead", {}, line("th")(head)), element("tbody", {}, ...rows.map(line("td"))));
  return at(target).tBodies[0].rows;
}

function showOperators(model, blocks, live, written) {
  const operators = model.operators();
  const most = Math.max(1, ...operators.map(({ work }) => work.macs + work.taps + work.elements));
  const number = (value) => ({ number: count(value) });
  const head = [{ number: "#" }, "operator", { number: "multiplications" }, { number: "bytes written" }, { number: "arena in use" }, "share of the work"];
  const lines = operators.map(({ name, work }, index) => {
    const bar = element("i", { style: `--part: ${(100 * (work.macs + work.taps + work.elements)) / most}%` });
    return [{ number: index }, name, number(work.macs), number(written[index]), number(live[index]), bar];
  });
  Array.from(table("operators", head, lines)).forEach((row, index) => {
    row.addEventListener("pointerenter", () => at("memory").tell(index));
    row.addEventListener("pointerleave", () => at("memory").tell());
  });
}

function showPorts(model) {
  const line = (side) => ({ name, dtype, shape: extents, scale, zeroPoint }) => {
    return [side, name, dtype, extents.join(" × "), { number: Number(scale.toPrecision(4)) }, { number: zeroPoint }];
  };
  const head = ["", "name", "type", "shape", { number: "scale" }, { number: "zero point" }];
  table("ports", head, [...model.inputs.map(line("in")), ...model.outputs.map(line("out"))]);
}

function showSections(model) {
  const sections = sectionsOf(model.blob);
  const bar = (bytes) => element("i", { style: `--part: ${(100 * bytes) / model.blobBytes}%` });
  table("sections", ["section", { number: "bytes" }, "share"], sections.map(({ name, bytes }) => [name, { number: count(bytes) }, bar(bytes)]));
}

/** Buttons for the models that are there. */
function offer(models, name, model) {
  models.set(name, model);
  const choose = (chosen) => {
    show(chosen, models.get(chosen));
    Array.from(at("models").children).forEach((button) => button.setAttribute("aria-pressed", button.textContent === chosen));
  };
  const buttons = Array.from(models.keys(), (known) => {
    const button = element("button", { type: "button" }, known);
    button.addEventListener("click", () => choose(known));
    return button;
  });
  at("models").replaceChildren(...buttons);
  choose(name);
}

function startDrop(kinglet, models) {
  const take = async (file) => {
    at("problem").textContent = "";
    try {
      offer(models, file.name, kinglet.model(await file.arrayBuffer(), { maxWork: WORK_MAX }));
    } catch (error) {
      const words = error instanceof KingletError ? error.message : `the file cannot be read: ${error.message}`;
      at("problem").textContent = `${file.name}: ${words}`;
    }
  };
  at("file").addEventListener("change", () => Array.from(at("file").files).forEach(take));
  // Wherever it is dropped: a browser would else leave the page for the file.
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    at("zone").classList.add("over");
  });
  document.addEventListener("dragleave", () => at("zone").classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    at("zone").classList.remove("over");
    Array.from(event.dataTransfer.files).forEach(take);
  });
}

async function start() {
  const data = JSON.parse(at("data").textContent);
  const modules = { simd: decoded(data.simd), scalar: decoded(data.scalar) };
  const kinglet = await load({ modules });
  const models = new Map();
  const model = (name) => kinglet.model(decoded(data[name]));
  const [digits, gesture] = [model("digits"), model("gesture")];
  startDigit(digits);
  startGesture(gesture, data.gestures);
  startDrop(kinglet, models);
  offer(models, "gesture", gesture);
  offer(models, "digits", digits);
  at("library").textContent = `version ${kinglet.version}, ${kinglet.simd ? "with" : "without"} vector instructions`;
}

start().catch((error) => {
  at("library").textContent = `the page does not work here: ${error.message}`;
});
