/** Type of a tensor's elements. */
export type DType = "int8" | "float32" | "int16" | "int32" | "uint8" | "bool";

/** An input or an output. */
export interface Tensor {
  readonly name: string;
  /** Extents in the blob; pictures have their channels last. */
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** real = scale * (q - zeroPoint); 1 for floats. */
  readonly scale: number;
  readonly zeroPoint: number;
  /** The source model has the channels first, the blob has them last. */
  readonly channelsMoved: boolean;
  /** Number of elements. */
  readonly length: number;
  readonly byteLength: number;
}

/** What a run has to do; above 2^53 rounded. */
export interface Work {
  /** Multiplications. */
  readonly macs: number;
  /** Elements that windows look at. */
  readonly taps: number;
  /** Elements that are read and written. */
  readonly elements: number;
}

/** An operand of an operator. */
export interface Operand {
  dtype: DType | "bytes";
  /** In the blob instead of in the arena. */
  constant: boolean;
  /** First byte in the arena, or in the section of constants. */
  offset: number;
}

/** An operator, in the order of a run. */
export interface Operator {
  name: string;
  /** Tag of the order of the weights. */
  packing: number;
  /** Tag of how the weights are stored. */
  storage: number;
  work: Work;
  inputs: Operand[];
  outputs: Operand[];
  states: Operand[];
  /** First byte of temporary memory in the arena. */
  scratch: number | undefined;
}

export type Elements = Int8Array | Float32Array | Int16Array | Int32Array | Uint8Array;

/** Something went wrong; `status` and `code` are those of `kinglet.h`. */
export declare class KingletError extends Error {
  constructor(message: string, status: number, code: string, offset?: number);
  readonly status: number;
  readonly code: string;
  /** The byte of the blob that is wrong, for a blob that was refused. */
  readonly offset?: number;
}

export interface LoadOptions {
  /** False takes the module without vector instructions anywhere. Default: what this machine can run. */
  simd?: boolean;
  /** Bytes of the modules, instead of fetching them from beside this file. */
  modules?: { simd?: BufferSource; scalar?: BufferSource };
}

/** True where the module with vector instructions runs. */
export declare function hasSimd(): boolean;

/** Fetches and compiles the module that this machine can run. */
export declare function load(options?: LoadOptions): Promise<Kinglet>;

/** The compiled library: makes models. */
export declare class Kinglet {
  private constructor();
  /** Whether it has vector instructions. */
  readonly simd: boolean;
  readonly version: string;
  /** Checks a blob completely, once, and makes a model of it. The bytes are copied. */
  model(bytes: BufferSource, options?: { maxWork?: number | bigint }): Model;
}

/** A blob that was found sound. */
export declare class Model {
  private constructor();
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly arenaBytes: number;
  readonly blobBytes: number;
  readonly operatorCount: number;
  readonly work: Work;
  readonly blob: Uint8Array;
  readonly closed: boolean;
  /** A session of the model, with an arena of its own. */
  session(): Session;
  /** What the model does, operator by operator. */
  operators(): Operator[];
  /** Frees its memory. Sessions of it are closed as well. */
  close(): void;
}

/** A model that can be run. Tensors are named by position or by name. */
export declare class Session {
  private constructor();
  /** Writes real numbers into an input: rounded and clamped as its scale, zero point and type say. */
  write(which: number | string, values: ArrayLike<number>): void;
  run(): void;
  /** Reads an output of the last run as real numbers. */
  read(which?: number | string): Float32Array;
  /** An input's elements where they are; until the next call of `Model.session()`. */
  input(which?: number | string): Elements;
  /** The same of an output. */
  output(which?: number | string): Elements;
  /** Runs the next operator; true when it was the last one. */
  step(): boolean;
  /** Forgets a run that was begun with `step`. */
  restart(): void;
  /** Makes what the model keeps from run to run what it was at first. */
  reset(): void;
  /** Runs the blob's test vectors and compares every bit; how many there were. */
  selfTest(): number;
  /** Runs all operators; how many bytes each has written of its first output. */
  trace(): Uint32Array;
  /** Gives its memory back to the model. */
  close(): void;
}
