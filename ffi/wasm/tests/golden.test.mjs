// The bits of the host: every blob of the plan, with both modules, by runs, by steps and by its own test vectors.
//
// KINGLET_PACKAGE is the folder of the package, KINGLET_PLAN a file that `cargo xtask wasm-test` writes:
// [{ name, blob, vectors: how many the blob carries, cases: [{ vector: "ramp" or "lcg<seed>", output: file }] }].

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const { load, hasSimd } = await import(pathToFileURL(join(process.env.KINGLET_PACKAGE, "kinglet.js")));
const plan = JSON.parse(readFileSync(process.env.KINGLET_PLAN, "utf8"));

function bytes(view) {
  return Buffer.from(view.buffer, view.byteOffset, view.byteLength);
}

/** The elements of a vector: targets/report/src/vector.rs has the formulas. */
function* elements(vector) {
  if (vector === "ramp") {
    for (let index = 0; ; index += 1) {
      yield ((index * 37 + 11) % 256) - 128;
    }
  }
  for (let x = Number(vector.slice("lcg".length)); ; ) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    yield (x >>> 24) - 128;
  }
}

const BY_TYPE = {
  int8: (element) => element,
  int16: (element) => element * 256,
  float32: (element) => element / 128,
  bool: (element) => element & 1,
};

function write(model, session, vector) {
  model.inputs.forEach(({ dtype }, index) => {
    const of = elements(vector);
    const input = session.input(index);
    input.forEach((_, at) => {
      input[at] = BY_TYPE[dtype](of.next().value);
    });
  });
}

function compare(model, session, { vector, output }, what) {
  const all = Buffer.concat(model.outputs.map((_, index) => bytes(session.output(index))));
  assert.equal(Buffer.compare(all, readFileSync(output)), 0, `${vector} ${what}: other bytes than ${output}`);
}

test("there is something to compare", () => {
  assert.ok(plan.length > 0);
  assert.ok(plan.reduce((sum, model) => sum + model.vectors, 0) > 0);
});

for (const simd of [false, true]) {
  test(simd ? "with vectors" : "without vectors", { skip: simd && !hasSimd() && "this Node has no vectors" }, async (t) => {
    const kinglet = await load({ simd });
    assert.equal(kinglet.simd, simd);
    for (const { name, blob, vectors, cases } of plan) {
      await t.test(name, () => {
        const model = kinglet.model(readFileSync(blob));
        const session = model.session();
        for (const known of cases) {
          session.reset();
          write(model, session, known.vector);
          session.run();
          compare(model, session, known, "by a run");
          session.reset();
          write(model, session, known.vector);
          let steps = 1;
          while (!session.step()) {
            steps += 1;
          }
          assert.equal(steps, model.operatorCount);
          compare(model, session, known, "by steps");
        }
        session.reset();
        assert.equal(session.selfTest(), vectors);
        assert.ok(vectors > 0 || cases.length > 0, "nothing was compared");
      });
    }
  });
}
