/**
 * Which bytes of an arena hold what, and when: from the operators of a model and the bytes that each has written.
 *
 * The engine knows no tensors between operators, only where each reads and writes. So a tensor here is what an operator
 * has written, and it lives until the last operator that reads from its bytes before they are written again. How long
 * scratch is, a record does not say: it ends before the next block at the latest.
 */

/** Kinds of blocks, with the words of the legend. */
export const KINDS = [
  ["input", "input"],
  ["tensor", "between operators"],
  ["output", "output"],
  ["scratch", "scratch"],
  ["state", "kept from run to run"],
];

const SECTIONS = ["ports", "operators", "names", "weights", "manifest", "certificate", "golden", "state", "baseline", "", "signature"];
const PORTS = 1;
const STATE = 8;
const HEADER_BYTES = 64;
const ENTRY_BYTES = 16;
const PORT_BYTES = 36;
const STATE_BYTES = 12;

/** The sections of a blob: `{ kind, name, offset, bytes }`. See docs/blob-format.md. */
export function sectionsOf(blob) {
  const words = new DataView(blob.buffer, blob.byteOffset, blob.byteLength);
  return Array.from({ length: words.getUint16(22, true) }, (_, index) => {
    const at = HEADER_BYTES + index * ENTRY_BYTES;
    const kind = words.getUint16(at, true);
    const name = SECTIONS[kind - 1] || `kind ${kind}`;
    return { kind, name, offset: words.getUint32(at + 4, true), bytes: words.getUint32(at + 8, true) };
  });
}

function sectionOf(blob, wanted) {
  const found = sectionsOf(blob).find(({ kind }) => kind === wanted);
  return found && new DataView(blob.buffer, blob.byteOffset + found.offset, found.bytes);
}

/** Blocks `{ kind, name, offset, bytes, from, to, atMost }`: time counts operators, and `to` is included. */
export function blocksOf(model, written) {
  const operators = model.operators();
  const last = Math.max(operators.length - 1, 0);
  const ports = sectionOf(model.blob, PORTS);
  const portAt = (index) => ports.getUint32(PORT_BYTES * index, true);
  const block = (kind, name, offset, bytes, from, to) => ({ kind, name, offset, bytes, from, to, atMost: bytes === 0 });
  const blocks = model.inputs.map(({ name, byteLength }, index) => block("input", name, portAt(index), byteLength, 0, 0));
  const states = new Map();
  operators.forEach(({ name, inputs, outputs, states: kept, scratch }, index) => {
    inputs.filter(({ constant }) => !constant).forEach(({ offset }) => reach(blocks, offset, index));
    kept.forEach(({ offset }) => states.set(offset, `state of ${index}, ${name}`));
    outputs.forEach(({ offset }, position) => {
      const bytes = position === 0 ? written[index] : 0;
      blocks.push(block("tensor", `result of ${index}, ${name}`, offset, bytes, index, index));
    });
    if (scratch !== undefined) {
      blocks.push(block("scratch", `scratch of ${index}, ${name}`, scratch, 0, index, index));
    }
  });
  model.outputs.forEach(({ name, byteLength }, index) => {
    const found = reach(blocks, portAt(model.inputs.length + index), last);
    if (found?.kind === "tensor") {
      Object.assign(found, { kind: "output", name, bytes: found.bytes || byteLength, atMost: false });
    }
  });
  const sizes = stateSizes(model.blob);
  states.forEach((name, offset) => blocks.push(block("state", name, offset, sizes.get(offset) ?? 0, 0, last)));
  return withLengths(blocks, model.arenaBytes);
}

/** Lengths of what is kept from run to run, by offset. */
function stateSizes(blob) {
  const section = sectionOf(blob, STATE);
  const count = section?.getUint32(0, true) ?? 0;
  const record = (index) => 4 + STATE_BYTES * index;
  const entry = (index) => [section.getUint32(record(index), true), section.getUint32(record(index) + 4, true)];
  return new Map(Array.from({ length: count }, (_, index) => entry(index)));
}

/** The newest block over `offset` lives until `time`. */
function reach(blocks, offset, time) {
  const covers = (block) => block.offset <= offset && offset < block.offset + Math.max(block.bytes, 1);
  const found = blocks.findLast((block) => block.kind !== "scratch" && covers(block));
  if (found !== undefined) {
    found.to = Math.max(found.to, time);
  }
  return found;
}

/**
 * Blocks of unknown length end where the next one begins that is there at the same time, or with the arena. One that
 * begins inside of another has no bytes: kernels that need no scratch are given any place for it.
 */
function withLengths(blocks, arenaBytes) {
  for (const block of blocks.filter(({ atMost }) => atMost)) {
    const beside = blocks.filter((other) => other !== block && other.from <= block.to && block.from <= other.to);
    const isInside = beside.some(({ offset, bytes, atMost }) => !atMost && offset <= block.offset && block.offset < offset + bytes);
    const later = beside.map(({ offset }) => offset).filter((offset) => offset > block.offset);
    block.bytes = isInside ? 0 : Math.min(arenaBytes, ...later) - block.offset;
  }
  return blocks.filter(({ bytes }) => bytes > 0);
}

/** Bytes of the arena that are in use while each operator runs: scratch at its most. */
export function liveBytes(blocks, operatorCount) {
  return Array.from({ length: operatorCount }, (_, time) => {
    const ranges = blocks.filter(({ from, to }) => from <= time && time <= to).map(({ offset, bytes }) => [offset, offset + bytes]);
    ranges.sort(([a], [b]) => a - b);
    let [sum, end] = [0, 0];
    for (const [from, to] of ranges) {
      sum += Math.max(0, to - Math.max(from, end));
      end = Math.max(end, to);
    }
    return sum;
  });
}
