// Wrong calls are errors with the status of kinglet.h, and leave everything usable.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const folder = process.env.KINGLET_PACKAGE;
const { load, KingletError } = await import(pathToFileURL(join(folder, "kinglet.js")));
const [{ blob: path }] = JSON.parse(readFileSync(process.env.KINGLET_PLAN, "utf8"));
const blob = readFileSync(path);
const kinglet = await load();

function refused(code, work) {
  assert.throws(work, (error) => {
    assert.ok(error instanceof KingletError, `${error.stack}`);
    assert.equal(error.code, code, error.message);
    return true;
  });
}

test("the modules import nothing, so no panic is in them", () => {
  for (const kind of ["simd", "scalar"]) {
    const module = new WebAssembly.Module(readFileSync(join(folder, `kinglet-${kind}.wasm`)));
    assert.deepEqual(WebAssembly.Module.imports(module), []);
  }
});

test("the version is that of the package", () => {
  assert.equal(kinglet.version, JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).version);
});

test("what is no blob", () => {
  assert.throws(() => kinglet.model("blob"), TypeError);
  assert.throws(() => kinglet.model(undefined), TypeError);
  assert.throws(() => kinglet.model([1, 2, 3]), TypeError);
  refused("truncated", () => kinglet.model(new Uint8Array(0)));
  refused("magic", () => kinglet.model(new Uint8Array(4096)));
});

test("a blob that is cut off anywhere is refused", () => {
  for (let end = 0; end < blob.length; end += 97) {
    assert.throws(() => kinglet.model(blob.subarray(0, end)), KingletError);
  }
});

test("a blob with a flipped bit is refused or runs, and says where it is wrong", () => {
  for (let at = 0; at < blob.length; at += 331) {
    const damaged = Uint8Array.from(blob);
    damaged[at] ^= 1 << at % 8;
    try {
      kinglet.model(damaged, { maxWork: 1e8 }).session().run();
    } catch (error) {
      assert.ok(error instanceof KingletError, `byte ${at}: ${error.stack}`);
      assert.equal(typeof error.offset, "number");
    }
  }
});

test("a blob in the middle of a buffer and an ArrayBuffer", () => {
  const inside = new Uint8Array(blob.length + 7);
  inside.set(blob, 3);
  kinglet.model(inside.subarray(3, 3 + blob.length)).session().run();
  kinglet.model(Uint8Array.from(blob).buffer).session().run();
});

test("a limit of work", () => {
  const { macs, taps, elements } = kinglet.model(blob).work;
  const all = macs + taps + elements;
  kinglet.model(blob, { maxWork: all });
  refused("work", () => kinglet.model(blob, { maxWork: all - 1 }));
  assert.throws(() => kinglet.model(blob, { maxWork: "much" }), SyntaxError);
});

test("tensors that are not there, and wrong lengths", () => {
  const model = kinglet.model(blob);
  const session = model.session();
  for (const which of [-1, 1.5, model.inputs.length, "nothing", null, {}]) {
    refused("no_such_tensor", () => session.input(which));
    refused("no_such_tensor", () => session.write(which, []));
  }
  refused("wrong_length", () => session.write(0, new Float32Array(model.inputs[0].length + 1)));
  assert.throws(() => session.write(0, 3), TypeError);
  assert.throws(() => session.write(0), TypeError);
  session.write(model.inputs[0].name, new Array(model.inputs[0].length).fill(Number.NaN));
  session.run();
  assert.equal(session.read(model.outputs[0].name).length, model.outputs[0].length);
});

test("closed sessions and models", () => {
  const model = kinglet.model(blob);
  const session = model.session();
  session.close();
  session.close();
  refused("not_a_session", () => session.run());
  refused("not_a_session", () => session.read());
  const other = model.session();
  refused("not_a_session", () => session.run());
  model.close();
  refused("not_a_session", () => other.run());
  refused("not_a_model", () => model.session());
  other.close();
});

test("ten thousand sessions need the memory of one", () => {
  const model = kinglet.model(blob);
  const first = model.session();
  const before = first.input(0).buffer;
  first.close();
  for (let count = 0; count < 10000; count += 1) {
    model.session().close();
  }
  assert.equal(model.session().input(0).buffer, before);
});

test("sessions of a model do not meet", () => {
  const model = kinglet.model(blob);
  const sessions = [model.session(), model.session()];
  const value = (index) => new Float32Array(model.inputs[0].length).fill(index);
  const alone = [0, 100].map((index) => {
    const session = kinglet.model(blob).session();
    session.write(0, value(index));
    session.run();
    return session.read();
  });
  sessions.forEach((session, index) => session.write(0, value(index * 100)));
  sessions.forEach((session) => session.run());
  sessions.forEach((session, index) => assert.deepEqual(session.read(), alone[index]));
});

test("operators are described, and their outputs lie in the arena", () => {
  const model = kinglet.model(blob);
  const operators = model.operators();
  const written = model.session().trace();
  assert.equal(operators.length, model.operatorCount);
  assert.equal(written.length, model.operatorCount);
  let macs = 0;
  operators.forEach((operator, index) => {
    assert.match(operator.name, /^[a-z0-9-]+$/);
    assert.ok(operator.outputs[0].offset + written[index] <= model.arenaBytes);
    macs += operator.work.macs;
  });
  assert.equal(macs, model.work.macs);
});
