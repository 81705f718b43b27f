// A headless Chromium, driven over two pipes: messages of the devtools protocol, each ended by a zero.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";

/** For an answer, or something on the page. */
const PATIENCE_MS = 30000;

export class Chromium {
  #child;
  #waiting = new Map();
  #last = 0;
  #session;
  #profile;
  /** Every event of the page so far: `{ method, params }`. */
  events = [];

  static async start(program, profile) {
    const options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"];
    const browser = new Chromium();
    browser.#profile = profile;
    browser.#child = spawn(program, [...options, "--remote-debugging-pipe", `--user-data-dir=${profile}`], {
      stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
    });
    browser.#listen(browser.#child.stdio[4]);
    const { targetId } = await browser.#send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await browser.#send("Target.attachToTarget", { targetId, flatten: true });
    browser.#session = sessionId;
    for (const domain of ["Page", "Runtime", "Network", "DOM", "Log"]) {
      await browser.send(`${domain}.enable`);
    }
    return browser;
  }

  #listen(pipe) {
    let rest = Buffer.alloc(0);
    pipe.on("data", (data) => {
      rest = Buffer.concat([rest, data]);
      for (let end = rest.indexOf(0); end >= 0; end = rest.indexOf(0)) {
        this.#take(JSON.parse(rest.subarray(0, end).toString()));
        rest = rest.subarray(end + 1);
      }
    });
  }

  #take({ id, result, error, method, params }) {
    if (id === undefined) {
      this.events.push({ method, params });
      return;
    }
    const { resolve, reject } = this.#waiting.get(id);
    this.#waiting.delete(id);
    error === undefined ? resolve(result) : reject(new Error(error.message));
  }

  #send(method, params = {}, sessionId) {
    this.#last += 1;
    const id = this.#last;
    const answer = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.#child.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    const late = new Promise((_, reject) => {
      setTimeout(() => reject(new Error(`${method} was not answered`)), PATIENCE_MS).unref();
    });
    return Promise.race([answer, late]);
  }

  /** A command to the page. */
  send(method, params) {
    return this.#send(method, params, this.#session);
  }

  /** The value of an expression in the page. */
  async value(expression) {
    const answer = await this.send("Runtime.evaluate", { expression, returnByValue: true, awaitPromise: true });
    if (answer.exceptionDetails !== undefined) {
      throw new Error(answer.exceptionDetails.exception?.description ?? answer.exceptionDetails.text);
    }
    return answer.result.value;
  }

  /** Opens a page; what is asked before it is there would get no answer. */
  async open(url) {
    const before = this.events.length;
    await this.send("Page.navigate", { url });
    const isLoaded = ({ method }) => method === "Page.loadEventFired";
    for (const end = Date.now() + PATIENCE_MS; !this.events.slice(before).some(isLoaded); ) {
      if (Date.now() > end) {
        throw new Error(`${url} is not loaded`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Waits until an expression is true; not when something was thrown that nobody caught. */
  async until(expression) {
    for (const end = Date.now() + PATIENCE_MS; Date.now() < end; ) {
      if (await this.value(expression)) {
        return;
      }
      const thrown = this.events.find(({ method }) => method === "Runtime.exceptionThrown");
      if (thrown !== undefined) {
        throw new Error(thrown.params.exceptionDetails.exception?.description ?? thrown.params.exceptionDetails.text);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`it does not become true: ${expression}`);
  }

  async end() {
    const ended = once(this.#child, "exit");
    this.#child.kill();
    await ended;
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
