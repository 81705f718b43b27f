/**
 * Kinglet in JavaScript: compiled models ("blobs") in browsers, Node and other hosts of WebAssembly.
 *
 * The WebAssembly module is the C library (`ffi/`), and this file is a thin layer over the functions of `kinglet.h`:
 * what they check is checked here, and their numbers are the statuses of `KingletError`. Each model is an instance of
 * the module with a memory of its own:
 *
 *     | library: stack, constants | scratch | model | blob | session, reals, arena | session, reals, arena | ...
 *     0                           __heap_base
 *
 * so there is no allocator, a model that is no longer used is collected with its instance, and no blob whatever reaches
 * the memory of another one. The rejected alternative, one instance for all, would need both an allocator and trust.
 */

/** Every address of a blob and an arena is a multiple of this. */
const ALIGNMENT = 16;
const PAGE_BYTES = 65536;
/** Sizes of `kinglet_model`, `kinglet_session` and `kinglet_tensor` where a pointer has four bytes. */
const MODEL_BYTES = 192;
const SESSION_BYTES = 32;
const TENSOR_BYTES = 48;
/** For what functions store: the longest is the view of an operator, with 110 words. */
const SCRATCH_BYTES = 512;
const OPERANDS_MAX = 32;

/** Statuses of `kinglet.h` that this file tells apart. */
const OK = 0;
const LOAD_ERROR_MAX = 127;
const NOT_A_MODEL = 131;
const NOT_A_SESSION = 132;
const NO_SUCH_TENSOR = 136;
const NO_VECTORS = 139;
const WRONG_LENGTH = 141;
const OTHER = 255;

/** Element types by their number in `kinglet.h`. */
const DTYPES = [
  { name: "int8", array: Int8Array },
  { name: "float32", array: Float32Array },
  { name: "int16", array: Int16Array },
  { name: "int32", array: Int32Array },
  { name: "uint8", array: Uint8Array },
  { name: "bool", array: Uint8Array },
];

/** A module whose one function makes a vector: valid where vectors are known. */
const WITH_SIMD = Uint8Array.of(
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, // magic, version
  0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7b, // a type: nothing to v128
  0x03, 0x02, 0x01, 0x00, // a function of it
  0x0a, 0x08, 0x01, 0x06, 0x00, 0x41, 0x00, 0xfd, 0x0f, 0x0b, // i8x16.splat of 0
);

/** Something went wrong; `status` and `code` are those of `kinglet.h`. */
export class KingletError extends Error {
  constructor(message, status, code, offset) {
    super(message);
    this.name = "KingletError";
    this.status = status;
    this.code = code;
    /** The byte of the blob that is wrong, for a blob that was refused. */
    this.offset = offset;
  }
}

/** True where the module with vector instructions runs. */
export function hasSimd() {
  return WebAssembly.validate(WITH_SIMD);
}

/**
 * Fetches and compiles the module that this machine can run.
 *
 * `options.simd` false takes the one without vectors anywhere; `options.modules` gives their bytes instead of fetching.
 */
export async function load(options = {}) {
  const simd = options.simd ?? hasSimd();
  const which = simd ? "simd" : "scalar";
  const bytes = options.modules?.[which] ?? (await moduleBytes(which));
  return new Kinglet(await WebAssembly.compile(bytes), simd);
}

async function moduleBytes(which) {
  const url = new URL(`./kinglet-${which}.wasm`, import.meta.url);
  if (url.protocol === "file:" && globalThis.process?.versions?.node) {
    const { readFile } = await import("node:fs/promises");
    return readFile(url);
  }
  const answer = await fetch(url);
  if (!answer.ok) {
    throw new KingletError(`cannot fetch ${url}: HTTP status ${answer.status}`, OTHER, "other");
  }
  return answer.arrayBuffer();
}

/** The compiled library: makes models. */
export class Kinglet {
  #module;

  constructor(module, simd) {
    this.#module = module;
    /** Whether it has vector instructions. */
    this.simd = simd;
  }

  /** The library's version, as in `kinglet_version()`. */
  get version() {
    const number = instanceOf(this.#module).kinglet_version();
    return [number >> 16, (number >> 8) & 255, number & 255].join(".");
  }

  /**
   * Checks a blob completely, once, and makes a model of it. The bytes are copied.
   *
   * `options.maxWork` refuses a model that has more to do than that in a run: for blobs from elsewhere.
   */
  model(bytes, options = {}) {
    return new Model(instanceOf(this.#module), bytesOf(bytes), options.maxWork);
  }
}

function instanceOf(module) {
  // The library imports nothing: no panic, no clock, no log is in it.
  return new WebAssembly.Instance(module, {}).exports;
}

function bytesOf(bytes) {
  if (ArrayBuffer.isView(bytes)) {
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  if (bytes instanceof ArrayBuffer || Object.prototype.toString.call(bytes) === "[object SharedArrayBuffer]") {
    return new Uint8Array(bytes);
  }
  throw new TypeError("a blob is an ArrayBuffer or a view of one");
}

function aligned(address) {
  return Math.ceil(address / ALIGNMENT) * ALIGNMENT;
}

/** The functions of an instance, with statuses as errors, and its memory. */
class Library {
  constructor(exports) {
    this.exports = exports;
    this.scratch = aligned(exports.__heap_base.value);
    this.end = this.scratch + SCRATCH_BYTES;
  }

  /** A new piece of memory at the end. */
  extend(bytes) {
    const address = aligned(this.end);
    const { memory } = this.exports;
    const missing = address + bytes - memory.buffer.byteLength;
    if (missing > 0) {
      try {
        memory.grow(Math.ceil(missing / PAGE_BYTES));
      } catch {
        throw new KingletError(`there are no ${bytes} bytes of memory for the model`, OTHER, "other");
      }
    }
    this.end = address + bytes;
    return address;
  }

  get words() {
    return new DataView(this.exports.memory.buffer);
  }

  bytes(address, length) {
    return new Uint8Array(this.exports.memory.buffer, address, length);
  }

  text(address, length) {
    return new TextDecoder().decode(this.bytes(address, length));
  }

  nameOf(status) {
    const start = this.exports.kinglet_status_name(status);
    const memory = new Uint8Array(this.exports.memory.buffer);
    return this.text(start, memory.indexOf(0, start) - start);
  }

  error(what, status, offset) {
    const code = this.nameOf(status);
    const where = offset === undefined ? "" : ` at byte ${offset}`;
    return new KingletError(`${what}: ${code}${where} (status ${status})`, status, code, offset);
  }

  /** Calls a function that returns a status. */
  call(what, name, ...values) {
    const status = this.exports[name](...values);
    if (status !== OK) {
      throw this.error(what, status);
    }
  }

  /** Calls a function whose last parameter is a place for one word; returns the word. */
  word(what, name, ...values) {
    this.call(what, name, ...values, this.scratch);
    return this.words.getUint32(this.scratch, true);
  }

  /** Calls a function that stores an address and a length. */
  span(what, name, ...values) {
    this.call(what, name, ...values, this.scratch, this.scratch + 4);
    return [this.words.getUint32(this.scratch, true), this.words.getUint32(this.scratch + 4, true)];
  }
}

/** A blob that was found sound. */
export class Model {
  #library;
  #handle;
  #blob;
  /** Places of closed sessions, all of the same size. */
  #free = [];
  #realsBytes;

  constructor(exports, blob, maxWork) {
    const library = new Library(exports);
    this.#library = library;
    this.#handle = library.extend(MODEL_BYTES);
    const address = library.extend(blob.length);
    library.bytes(address, blob.length).set(blob);
    this.#blob = [address, blob.length];
    this.#verify(address, blob.length, maxWork);
    const handle = this.#handle;
    /** What is read and written, in order. */
    this.inputs = Object.freeze(this.#tensors("input"));
    this.outputs = Object.freeze(this.#tensors("output"));
    this.arenaBytes = library.word("the model", "kinglet_model_arena_bytes", handle);
    this.blobBytes = blob.length;
    this.operatorCount = library.word("the model", "kinglet_model_operator_count", handle);
    this.work = this.#work();
    this.#realsBytes = 4 * Math.max(0, ...[...this.inputs, ...this.outputs].map((tensor) => tensor.length));
  }

  #verify(address, length, maxWork) {
    const library = this.#library;
    const { kinglet_model_init, kinglet_model_init_within } = library.exports;
    const status =
      maxWork === undefined
        ? kinglet_model_init(this.#handle, address, length)
        : kinglet_model_init_within(this.#handle, address, length, BigInt(maxWork));
    if (status === OK) {
      return;
    }
    let offset;
    if (status <= LOAD_ERROR_MAX && library.exports.kinglet_model_error(this.#handle, library.scratch) === status) {
      offset = library.words.getUint32(library.scratch, true);
    }
    throw library.error("the blob is refused", status, offset);
  }

  #tensors(side) {
    const count = this.#library.word("the model", `kinglet_model_${side}_count`, this.#handle);
    return Array.from({ length: count }, (_, index) => this.#tensor(side, index));
  }

  #tensor(side, index) {
    const library = this.#library;
    library.call("the model", `kinglet_model_${side}`, this.#handle, index, library.scratch);
    const record = new DataView(library.exports.memory.buffer, library.scratch, TENSOR_BYTES);
    const word = (at) => record.getUint32(at, true);
    const rank = record.getUint8(40);
    return Object.freeze({
      name: library.text(word(0), word(4)),
      length: word(8),
      byteLength: word(12),
      shape: Object.freeze([16, 20, 24, 28].slice(0, rank).map(word)),
      scale: record.getFloat32(32, true),
      zeroPoint: record.getInt32(36, true),
      dtype: DTYPES[record.getUint8(41)].name,
      channelsMoved: record.getUint8(42) === 1,
    });
  }

  #work() {
    const library = this.#library;
    library.call("the model", "kinglet_model_work", this.#handle, library.scratch);
    const number = (at) => Number(library.words.getBigUint64(library.scratch + at, true));
    return Object.freeze({ macs: number(0), taps: number(8), elements: number(16) });
  }

  #open() {
    if (this.#library === undefined) {
      throw new KingletError("the model was closed", NOT_A_MODEL, "not_a_model");
    }
    return this.#library;
  }

  /** A session of the model, with an arena of its own. */
  session() {
    const library = this.#open();
    const [address, bytes] = [SESSION_BYTES, aligned(this.#realsBytes)];
    const place = this.#free.pop() ?? library.extend(address + bytes + Math.max(this.arenaBytes, ALIGNMENT));
    const arena = place + SESSION_BYTES + bytes;
    library.call("the session", "kinglet_session_init", place, this.#handle, arena, this.arenaBytes);
    const release = () => this.#free.push(place);
    return new Session(this, library, { handle: place, reals: place + SESSION_BYTES, release });
  }

  /** The bytes of the blob. */
  get blob() {
    return this.#open().bytes(...this.#blob).slice();
  }

  /** What the model does, operator by operator: for people who look at it. */
  operators() {
    const library = this.#open();
    return Array.from({ length: this.operatorCount }, (_, index) => {
      library.call("the operator", "kinglet_view_operator", this.#handle, index, library.scratch);
      const words = new Uint32Array(library.exports.memory.buffer, library.scratch, 14 + 3 * OPERANDS_MAX);
      return operatorOf(library, words);
    });
  }

  /** Frees its memory. Sessions of it are closed as well. */
  close() {
    this.#library = undefined;
  }

  /** Whether it was closed. */
  get closed() {
    return this.#library === undefined;
  }
}

/** An operator out of the words of `OperatorView` (`ffi/src/view.rs`). */
function operatorOf(library, words) {
  const [name, nameBytes, packing, storage, ...rest] = words;
  const number = (at) => rest[at] + rest[at + 1] * 2 ** 32;
  const [inputs, outputs, states, hasScratch] = rest.slice(6, 10);
  const operand = (index) => {
    const [dtype, region, offset] = rest.slice(10 + 3 * index, 13 + 3 * index);
    return { dtype: DTYPES[dtype]?.name ?? "bytes", constant: region !== 0, offset };
  };
  const from = (start, count) => Array.from({ length: count }, (_, index) => operand(start + index));
  const typed = inputs + outputs + states;
  return {
    name: library.text(name, nameBytes),
    packing,
    storage,
    work: { macs: number(0), taps: number(2), elements: number(4) },
    inputs: from(0, inputs),
    outputs: from(inputs, outputs),
    states: from(inputs + outputs, states),
    scratch: hasScratch === 1 && typed < OPERANDS_MAX ? operand(typed).offset : undefined,
  };
}

/** A model that can be run: `write`, `run`, `read`. */
export class Session {
  #model;
  #library;
  #place;

  constructor(model, library, place) {
    this.#model = model;
    this.#library = library;
    this.#place = place;
  }

  /** The library, for as long as there is a session. */
  #open() {
    if (this.#place === undefined || this.#model.closed) {
      throw new KingletError("the session was closed", NOT_A_SESSION, "not_a_session");
    }
    return this.#library;
  }

  /** Position of a tensor, given by position or by name. */
  #index(tensors, which) {
    const index = typeof which === "string" ? tensors.findIndex((tensor) => tensor.name === which) : which;
    if (!Number.isInteger(index) || index < 0 || index >= tensors.length) {
      const names = tensors.map((tensor) => tensor.name).join(", ");
      throw new KingletError(`there is no tensor ${which}; there are ${names}`, NO_SUCH_TENSOR, "no_such_tensor");
    }
    return index;
  }

  /** Writes real numbers into an input: rounded and clamped as its scale, zero point and type say. */
  write(which, values) {
    const library = this.#open();
    const tensors = this.#model.inputs;
    const index = this.#index(tensors, which);
    const count = values?.length;
    if (typeof count !== "number") {
      throw new TypeError("an input takes an array of numbers");
    }
    if (count !== tensors[index].length) {
      const message = `input ${tensors[index].name} has ${tensors[index].length} elements, ${count} were given`;
      throw new KingletError(message, WRONG_LENGTH, "wrong_length");
    }
    const { handle, reals } = this.#place;
    new Float32Array(library.exports.memory.buffer, reals, count).set(values);
    library.call("the input", "kinglet_session_write_input", handle, index, reals, count);
  }

  /** Reads an output of the last run as real numbers. */
  read(which = 0) {
    const library = this.#open();
    const tensors = this.#model.outputs;
    const index = this.#index(tensors, which);
    const { handle, reals } = this.#place;
    const count = tensors[index].length;
    library.call("the output", "kinglet_session_read_output", handle, index, reals, count);
    return new Float32Array(library.exports.memory.buffer, reals, count).slice();
  }

  /** An input's elements where they are; until the next call of `Model.session()`. */
  input(which = 0) {
    return this.#view("input", this.#model.inputs, which);
  }

  /** The same of an output. */
  output(which = 0) {
    return this.#view("output", this.#model.outputs, which);
  }

  #view(side, tensors, which) {
    const library = this.#open();
    const index = this.#index(tensors, which);
    const [address] = library.span(`the ${side}`, `kinglet_session_${side}`, this.#place.handle, index);
    const { array } = DTYPES.find(({ name }) => name === tensors[index].dtype);
    return new array(library.exports.memory.buffer, address, tensors[index].length);
  }

  /** Runs all operators. */
  run() {
    this.#open().call("the run", "kinglet_session_run", this.#place.handle);
  }

  /** Runs the next operator; true when it was the last one. */
  step() {
    const library = this.#open();
    library.call("the step", "kinglet_session_step", this.#place.handle, library.scratch);
    return library.words.getUint8(library.scratch) === 1;
  }

  /** Forgets a run that was begun with `step`. */
  restart() {
    this.#open().call("the session", "kinglet_session_restart", this.#place.handle);
  }

  /** Makes what the model keeps from run to run what it was at first. */
  reset() {
    this.#open().call("the session", "kinglet_session_reset", this.#place.handle);
  }

  /** Runs the blob's test vectors and compares every bit; how many there were. */
  selfTest() {
    const library = this.#open();
    const status = library.exports.kinglet_session_self_test(this.#place.handle, library.scratch);
    if (status === NO_VECTORS) {
      return 0;
    }
    if (status !== OK) {
      throw library.error("the self-test", status);
    }
    return library.words.getUint32(library.scratch, true);
  }

  /** Runs all operators; how many bytes each has written of its first output. */
  trace() {
    const library = this.#open();
    const count = this.#model.operatorCount;
    const address = library.extend(4 * count);
    library.end = address;
    library.call("the run", "kinglet_view_run", this.#place.handle, address, count);
    return new Uint32Array(library.exports.memory.buffer, address, count).slice();
  }

  /** Gives its memory back to the model. */
  close() {
    if (this.#place === undefined) {
      return;
    }
    if (!this.#model.closed) {
      this.#library.call("the session", "kinglet_session_deinit", this.#place.handle);
      this.#place.release();
    }
    this.#place = undefined;
  }
}
