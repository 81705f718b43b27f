// Times the npm package beside engines from npm that run the same models, one thread each, in turn. See ../README.md.
//
//     node peers.mjs --package DIR --blobs DIR [--before DIR] [--onnx DIR] [--rounds N] [--json FILE] MODEL.tflite ...
//
// A blob is DIR/NAME.kgl, an ONNX file DIR/NAME.onnx, for a model NAME.tflite. An engine that cannot run a model is named
// in a line that begins with "skipped: ".

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { cpus } from "node:os";
import { basename, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import vm from "node:vm";

const require = createRequire(import.meta.url);

function options(words) {
  const found = { package: undefined, blobs: undefined, before: undefined, onnx: undefined, rounds: "21", json: undefined };
  const models = [];
  for (let index = 0; index < words.length; index += 1) {
    const name = words[index].replace(/^--/, "");
    if (words[index].startsWith("--") && name in found) {
      index += 1;
      found[name] = words[index];
    } else {
      models.push(words[index]);
    }
  }
  if (!found.package || !found.blobs || models.length === 0) {
    throw new Error("usage: node peers.mjs --package DIR --blobs DIR [--before DIR] [--onnx DIR] [--rounds N] MODEL ...");
  }
  return { ...found, rounds: Number(found.rounds), models };
}

/** Numbers that are neither all equal nor extreme, as in `peers.py`. */
function filled(length, type) {
  const ramp = (index) => (index * 37 + 11) % 251;
  if (type === "int8") {
    return Int8Array.from({ length }, (_, index) => ramp(index) - 125);
  }
  return Float32Array.from({ length }, (_, index) => ramp(index) / 125 - 1);
}

const volume = (shape) => shape.reduce((product, extent) => product * Math.abs(extent), 1);

/** An engine that was written for pages loads scripts by `importScripts`, and files by `fetch`. */
function likeAPage(folder) {
  globalThis.self = globalThis;
  // Its loader takes Node for Node, and looks for what a script of Node has.
  globalThis.require = require;
  globalThis.__filename = new URL("loader.js", folder).pathname;
  globalThis.__dirname = folder.pathname;
  globalThis.importScripts = (url) => run(new URL(url));
  const fetched = globalThis.fetch;
  globalThis.fetch = async (url) => {
    if (!String(url).startsWith("file:")) return fetched(url);
    return new Response(await readFile(new URL(url)), { headers: { "content-type": "application/wasm" } });
  };
}

function run(url) {
  vm.runInThisContext(readFileSync(url, "utf8"), { filename: url.pathname });
}

/** Kinglet's package in a folder. */
async function kinglet(folder, blobs) {
  const { load } = await import(pathToFileURL(join(resolve(folder), "kinglet.js")));
  const library = await load();
  return async (model) => {
    const session = library.model(await readFile(join(blobs, `${basename(model, ".tflite")}.kgl`))).session();
    const input = session.input(0);
    // A run may write over its inputs: what they are later is of no account for its time.
    const fill = () => input.set(filled(input.length, input instanceof Int8Array ? "int8" : "float32"));
    fill();
    const output = () => {
      fill();
      session.run();
      return Array.from(session.output(0));
    };
    return { step: () => session.run(), output };
  };
}

/** The file with a batch of 1 where its size is left open: a vector of extents is their count, then -1, then the others. */
function withBatch(bytes) {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
  for (let at = 1; at < words.length; at += 1) {
    const others = words.subarray(at + 1, at + words[at - 1]);
    const isShape = words[at] === -1 && words[at - 1] >= 1 && words[at - 1] <= 5;
    if (isShape && others.every((extent) => extent > 0 && extent < 1 << 16)) words[at] = 1;
  }
  return bytes;
}

/** LiteRT.js. Its JavaScript knows no tensors of int8, though its WebAssembly runs them: a row is added to its table. */
async function litert() {
  const dist = new URL("./node_modules/@litertjs/core/dist/", import.meta.url);
  const source = await readFile(new URL("index.js", dist), "utf8");
  const row = "elementType: ElementType.UINT8\n  }";
  const int8 = `, { dtype: "int8", typedArrayConstructor: Int8Array, elementType: ElementType.INT8 }`;
  if (!source.includes(row)) throw new Error("another version than package.json names");
  const patched = new URL("index-with-int8.js", dist);
  writeFileSync(patched, source.replace(row, row + int8));
  const wasm = new URL("../wasm/", dist);
  likeAPage(wasm);
  const library = await import(patched);
  await library.loadLiteRt(wasm.href, { threads: false });
  return async (model) => {
    const compiled = await library.loadAndCompile(withBatch(new Uint8Array(await readFile(model))), { accelerator: "wasm" });
    const { shape, dtype } = compiled.getInputDetails()[0];
    const extents = Array.from(shape, Math.abs);
    const input = new library.Tensor(filled(volume(extents), dtype), extents);
    const step = async () => {
      for (const output of await compiled.run(input)) output.delete();
    };
    const output = async () => Array.from(await (await compiled.run(input))[0].data());
    return { step, output };
  };
}

/** ONNX Runtime for the web. */
async function onnx(folder) {
  const ort = await import("onnxruntime-web");
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "error";
  return async (model) => {
    const file = join(folder, `${basename(model, ".tflite")}.onnx`);
    const session = await ort.InferenceSession.create(readFileSync(file), { executionProviders: ["wasm"] });
    const { name, shape, type } = session.inputMetadata[0];
    const extents = shape.map((extent) => (typeof extent === "number" ? Math.abs(extent) : 1));
    const tensor = new ort.Tensor(type, filled(volume(extents), type), extents);
    const feeds = { [name]: tensor };
    const output = async () => Array.from((await session.run(feeds))[session.outputNames[0]].data);
    return { step: () => session.run(feeds), output };
  };
}

const sorted = (numbers) => Float64Array.from(numbers).sort();
const quantile = (numbers, part) => sorted(numbers)[Math.floor((numbers.length - 1) * part)];
const median = (numbers) => quantile(numbers, 0.5);
/** Half of what lies between the quarters, as a part of the median. */
const spread = (numbers) => (quantile(numbers, 0.75) - quantile(numbers, 0.25)) / 2 / median(numbers);

async function timed(step, count) {
  const start = performance.now();
  for (let index = 0; index < count; index += 1) {
    const pending = step();
    if (pending) await pending;
  }
  return ((performance.now() - start) / count) * 1000;
}

/** Microseconds of each engine, round after round in turn; at least some milliseconds in each. */
async function rounds(engines, count) {
  const runs = [];
  for (const { step } of engines) {
    const one = await timed(step, 50);
    runs.push({ step, times: [], count: Math.max(1, Math.ceil(15000 / one)) });
    await timed(step, runs.at(-1).count * 4);
  }
  for (let round = 0; round < count; round += 1) {
    for (const run of runs) run.times.push(await timed(run.step, run.count));
  }
  return runs.map((run) => run.times);
}

const asked = options(process.argv.slice(2));
const sources = [["kinglet", () => kinglet(asked.package, asked.blobs)]];
if (asked.before) sources.push(["before", () => kinglet(asked.before, asked.blobs)]);
sources.push(["LiteRT.js", litert]);
if (asked.onnx) sources.push(["onnxruntime-web", () => onnx(asked.onnx)]);
console.log(`${cpus()[0].model.trim()}, Node ${process.versions.node}, V8 ${process.versions.v8}, ${asked.rounds} rounds`);

// What engines say about themselves while they load is not part of the table.
const { log } = console;
for (const name of ["info", "warn", "error", "debug"]) console[name] = () => {};
const quietly = async (work) => {
  console.log = () => {};
  try { return await work(); } finally { console.log = log; }
};
const made = [];
for (const [name, make] of sources) {
  try {
    made.push([name, await quietly(make)]);
  } catch (error) {
    log(`skipped: ${name}: ${String(error.message ?? error).split("\n")[0]}`);
  }
}
const results = [];
for (const model of asked.models) {
  const name = basename(model, ".tflite");
  const engines = [];
  for (const [engine, open] of made) {
    try {
      if (engine === "onnxruntime-web" && !existsSync(join(asked.onnx, `${name}.onnx`))) throw new Error("no ONNX file");
      const opened = await quietly(() => open(model));
      engines.push({ engine, ...opened, values: await quietly(opened.output) });
    } catch (error) {
      log(`skipped: ${engine} on ${name}: ${String(error.message ?? error).split("\n")[0]}`);
    }
  }
  const times = await rounds(engines, asked.rounds);
  const [own] = times;
  const cells = engines.map(({ engine, values }, index) => {
    const ratios = times[index].map((time, round) => own[round] / time);
    const difference = Math.max(...values.map((value, at) => Math.abs(value - engines[0].values[at])));
    return { engine, us: median(times[index]), ratio: median(ratios), spread: spread(ratios), difference };
  });
  results.push({ model: name, engines: cells, rounds: times });
  log(name);
  for (const { engine, us, ratio, spread, difference } of cells) {
    const note = difference === 0 ? "same outputs" : `outputs differ by at most ${difference.toPrecision(3)}`;
    log(`  ${engine.padEnd(16)}${us.toFixed(1).padStart(9)} us   kinglet / it ${ratio.toFixed(2)} ± ${spread.toFixed(3)}   ${note}`);
  }
}
if (asked.json) writeFileSync(asked.json, `${JSON.stringify(results, null, 1)}\n`);
process.exit(0);
