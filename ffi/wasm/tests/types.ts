// What a program in TypeScript writes. A line behind an expected error must be wrong, or the compiler complains.

import { KingletError, hasSimd, load, type Elements, type Model, type Operator, type Tensor, type Work } from "kinglet-edge";

async function classify(blob: ArrayBuffer, pixels: Float32Array): Promise<number> {
  const kinglet = await load({ simd: hasSimd(), modules: { scalar: blob } });
  const model: Model = kinglet.model(new Uint8Array(blob), { maxWork: 1_000_000_000n });
  const [input]: readonly Tensor[] = model.inputs;
  const work: Work = model.work;
  const session = model.session();
  session.write(input.name, pixels);
  session.write(0, [1, 2, 3]);
  session.run();
  const finished: boolean = session.step();
  const scores: Float32Array = session.read();
  const raw: Elements = session.output("scores");
  const operators: Operator[] = model.operators();
  const bytes: number = session.trace()[0] + session.selfTest() + work.macs + raw.length;
  session.restart();
  session.reset();
  session.close();
  model.close();
  return finished ? bytes : operators.length + scores.indexOf(Math.max(...scores));
}

export async function report(blob: ArrayBuffer): Promise<string> {
  try {
    return `${await classify(blob, new Float32Array(784))}`;
  } catch (error) {
    return error instanceof KingletError ? `${error.code} ${error.status} ${error.offset ?? ""}` : "";
  }
}

export async function wrong(model: Model): Promise<void> {
  // @ts-expect-error a model is made by Kinglet.model()
  new Model();
  // @ts-expect-error a blob is no text
  (await load()).model("blob");
  // @ts-expect-error an input takes numbers
  model.session().write(0, "pixels");
  // @ts-expect-error it is of the blob
  model.arenaBytes = 3;
  // @ts-expect-error there is none
  model.predict();
}
