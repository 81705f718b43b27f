// Runs a test program that was compiled for wasm32-wasip1: `node wasi.mjs PROGRAM.wasm [ARGUMENTS]`. For cargo's runner.
//
// Node's own `node:wasi` ends with a segmentation fault when a program has run for some seconds (20.20, with and without
// vectors), so the few functions that a test calls are here: arguments, output, time, random numbers, the end.

import { readFileSync, writeSync } from "node:fs";
import { webcrypto } from "node:crypto";

const OK = 0;
const BAD_DESCRIPTOR = 8;
const NOT_SUPPORTED = 58;
const CHARACTER_DEVICE = 2;

const [program, ...words] = process.argv.slice(2);
const environment = ["RUST_BACKTRACE=0"];
let memory;
const view = () => new DataView(memory.buffer);
const bytes = (at, length) => new Uint8Array(memory.buffer, at, length);

/** Strings with a zero behind each, as C wants arguments and variables. */
function strings(list) {
  const encoded = list.map((text) => new TextEncoder().encode(`${text}\0`));
  const sizes = (count, length) => {
    view().setUint32(count, encoded.length, true);
    view().setUint32(length, encoded.reduce((sum, text) => sum + text.length, 0), true);
    return OK;
  };
  const get = (pointers, at) => {
    for (const text of encoded) {
      view().setUint32(pointers, at, true);
      bytes(at, text.length).set(text);
      pointers += 4;
      at += text.length;
    }
    return OK;
  };
  return { sizes, get };
}

const args = strings([program, ...words]);
const variables = strings(environment);
const functions = {
  args_sizes_get: args.sizes,
  args_get: args.get,
  environ_sizes_get: variables.sizes,
  environ_get: variables.get,
  clock_time_get: (clock, _precision, result) => {
    const now = clock === 0 ? BigInt(Date.now()) * 1_000_000n : process.hrtime.bigint();
    view().setBigUint64(result, now, true);
    return OK;
  },
  random_get: (at, length) => {
    for (let from = 0; from < length; from += 65536) {
      webcrypto.getRandomValues(bytes(at + from, Math.min(65536, length - from)));
    }
    return OK;
  },
  fd_fdstat_get: (descriptor, result) => {
    if (descriptor > 2) return BAD_DESCRIPTOR;
    bytes(result, 24).fill(0);
    view().setUint8(result, CHARACTER_DEVICE);
    return OK;
  },
  fd_write: (descriptor, vectors, count, written) => {
    if (descriptor !== 1 && descriptor !== 2) return BAD_DESCRIPTOR;
    let sum = 0;
    for (let index = 0; index < count; index += 1) {
      const [at, length] = [0, 4].map((field) => view().getUint32(vectors + index * 8 + field, true));
      let done = 0;
      while (done < length) done += writeSync(descriptor, bytes(at + done, length - done));
      sum += length;
    }
    view().setUint32(written, sum, true);
    return OK;
  },
  // No folder is handed over.
  fd_prestat_get: () => BAD_DESCRIPTOR,
  fd_close: () => OK,
  sched_yield: () => OK,
  proc_exit: (code) => process.exit(code),
};
const module = new WebAssembly.Module(readFileSync(program));
const imports = { wasi_snapshot_preview1: {} };
for (const { name } of WebAssembly.Module.imports(module)) {
  imports.wasi_snapshot_preview1[name] = functions[name] ?? (() => NOT_SUPPORTED);
}
const instance = new WebAssembly.Instance(module, imports);
memory = instance.exports.memory;
instance.exports._start();
